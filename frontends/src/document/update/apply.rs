//! Operators applied to a document: where each writes, and what it writes there.

use std::borrow::Cow;

use super::Mode;
use super::identity::identical;
use super::operation::{Effect, Operation, Place};
use super::outcome::Outcome;
use super::parse::Operators;
use super::target::{self, Positions};
use crate::Result;
use crate::document::expression::Context;
use crate::document::failure;
use crate::document::value::{Array, Document, Path, Segment, Value};

/// How many nulls an array is filled up with at most.
const PADDING_MAX: usize = 1_500_000;

/// Code 34, `CannotBackfillArray`.
const CANNOT_BACKFILL: i32 = 34;

impl Operators {
    pub fn apply<'d>(
        &'d self,
        document: &'d Document<'_>,
        position: Option<usize>,
        mode: Mode,
        context: &'d Context,
    ) -> Result<Outcome<'d>> {
        let steps = self.resolved(document, position, context)?;
        let mut made = document.borrow();
        let mut touched = Vec::new();
        for (path, operation) in &steps {
            let place = Place { path: path.as_str(), document, mode, context };
            let is_changed = match operation {
                // Nothing else writes where it comes from, so it is there as it was.
                Operation::Rename(from) => match taken(from, document.borrow(), place)? {
                    Some(value) => put(path.segments(), &mut made, value, place)?,
                    None => false,
                },
                operation => Writing { operation, place }.document(path.segments(), &mut made)?,
            };
            if is_changed {
                let touches = filled(path, document).unwrap_or_else(|| path.as_str().to_owned());
                // Two places in one array that is filled up.
                if touched.last() != Some(&touches) {
                    touched.push(touches);
                }
            }
        }
        Ok(Outcome::new(made, touched))
    }

    /// Where each operation writes in this document, in the order of paths.
    fn resolved<'u>(
        &'u self,
        document: &Document<'_>,
        position: Option<usize>,
        context: &Context,
    ) -> Result<Vec<(Cow<'u, Path>, &'u Operation)>> {
        let positions = Positions { position, filters: &self.filters, context };
        let mut steps = Vec::with_capacity(self.writes.len());
        let mut is_dynamic = false;
        for write in &self.writes {
            let operation = &write.operation;
            if write.target.is_dynamic() {
                is_dynamic = true;
                positions.resolve(&write.target, document, &mut |path| {
                    steps.push((Cow::Owned(path), operation));
                })?;
            } else {
                steps.push((Cow::Borrowed(write.target.path()), operation));
            }
        }
        if is_dynamic {
            steps.sort_by(|(a, _), (b, _)| target::order(a, b));
            target::check_apart(steps.iter().map(|(path, _)| &**path))?;
        }
        Ok(steps)
    }
}

/// The array on a path that has to be filled up with nulls to have the place: then not only what
/// lies at the path is new.
fn filled(path: &Path, document: &Document<'_>) -> Option<String> {
    let mut found = Value::Document(document.borrow());
    for (at, segment) in path.segments().iter().enumerate() {
        found = match found {
            Value::Document(document) => document.into_field(segment.name())?,
            Value::Array(array) if segment.index()? > array.len() => {
                let names: Vec<&str> = path.segments()[..at].iter().map(Segment::name).collect();
                return Some(names.join("."));
            }
            Value::Array(array) => array.into_item(segment.index()?)?,
            _ => return None,
        };
    }
    None
}

/// The value to be renamed, which lies in documents only.
fn taken<'d>(
    path: &Path,
    document: Document<'d>,
    place: Place<'_, '_>,
) -> Result<Option<Value<'d>>> {
    let mut found = Value::Document(document);
    for segment in path.segments() {
        found = match found {
            Value::Document(document) => match document.into_field(segment.name()) {
                Some(inner) => inner,
                None => return Ok(None),
            },
            Value::Array(_) => return Err(in_array(path, place)),
            other => return Err(not_viable(segment.name(), &other)),
        };
    }
    Ok(Some(found))
}

fn in_array(path: &Path, place: Place<'_, '_>) -> crate::Error {
    failure::bad_value(format!(
        "$rename cannot go through the array on the path '{path}' in the document {}",
        place.named()
    ))
}

/// Sets what is at a path, in documents only; says whether it differs from what was there.
fn put<'d>(
    path: &[Segment],
    document: &mut Document<'d>,
    value: Value<'d>,
    place: Place<'_, '_>,
) -> Result<bool> {
    let Some((first, rest)) = path.split_first() else { return Ok(false) };
    if rest.is_empty() {
        let same = document.get(first.name()).is_some_and(|old| identical(&old, &value));
        document.insert(first.name().to_owned(), value);
        return Ok(!same);
    }
    let mut fields = document.fields_mut().iter_mut();
    match fields.find(|(name, _)| *name == first.name()).map(|(_, value)| value) {
        None => document.push(first.name().to_owned(), nested(rest, value)),
        Some(Value::Document(inner)) => return put(rest, inner, value, place),
        Some(Value::Array(_)) => {
            return Err(failure::bad_value(format!(
                "the destination of $rename cannot lie in an array: '{}' in the document {}",
                place.path,
                place.named()
            )));
        }
        Some(other) => return Err(not_viable(rest.first().map_or("", Segment::name), other)),
    }
    Ok(true)
}

/// A value within new documents.
fn nested<'d>(path: &[Segment], value: Value<'d>) -> Value<'d> {
    path.iter().rev().fold(value, |inner, segment| {
        Document::from_fields(vec![(segment.name().to_owned().into(), inner)]).into()
    })
}

fn not_viable(name: &str, value: &Value<'_>) -> crate::Error {
    failure::path_not_viable(format!("cannot create field '{name}' in element {value:?}"))
}

/// An operation on its way to the place that it writes to.
struct Writing<'w, 'd> {
    operation: &'d Operation,
    place: Place<'w, 'd>,
}

impl<'d> Writing<'_, 'd> {
    /// Writes into a document; says whether it changed.
    fn document(&self, path: &[Segment], document: &mut Document<'d>) -> Result<bool> {
        let Some((first, rest)) = path.split_first() else { return Ok(false) };
        let fields = document.fields_mut();
        let Some(at) = fields.iter().position(|(name, _)| *name == first.name()) else {
            let Some(value) = self.made(rest)? else { return Ok(false) };
            fields.push((first.name().to_owned().into(), value));
            return Ok(true);
        };
        let Some((_, value)) = fields.get_mut(at) else { return Ok(false) };
        if !rest.is_empty() {
            return self.inside(rest, value);
        }
        match self.operation.effect(Some(value), self.place)? {
            Effect::Remove => {
                fields.remove(at);
                Ok(true)
            }
            other => Ok(replace(value, other)),
        }
    }

    /// Writes into what lies within a value.
    fn inside(&self, path: &[Segment], value: &mut Value<'d>) -> Result<bool> {
        match value {
            Value::Document(document) => self.document(path, document),
            Value::Array(array) => self.array(path, array),
            _ if self.operation.passes_over() => Ok(false),
            other => Err(not_viable(path.first().map_or("", Segment::name), other)),
        }
    }

    fn array(&self, path: &[Segment], array: &mut Array<'d>) -> Result<bool> {
        let Some((first, rest)) = path.split_first() else { return Ok(false) };
        let Some(index) = first.index() else {
            if self.operation.passes_over() {
                return Ok(false);
            }
            return Err(not_viable(first.name(), &Value::Array(array.borrow())));
        };
        let len = array.len();
        if index >= len {
            let Some(value) = self.made(rest)? else { return Ok(false) };
            if index - len > PADDING_MAX {
                let message = format!("an array cannot be filled up with more than {PADDING_MAX}");
                return Err(failure::invalid(CANNOT_BACKFILL, message));
            }
            let items = array.items_mut();
            items.resize(index, Value::Null);
            items.push(value);
            return Ok(true);
        }
        let Some(value) = array.items_mut().get_mut(index) else { return Ok(false) };
        if !rest.is_empty() {
            return self.inside(rest, value);
        }
        Ok(match self.operation.effect(Some(value), self.place)? {
            Effect::Remove => replace(value, Effect::Put(Value::Null)),
            other => replace(value, other),
        })
    }

    /// What is written where nothing is, within new documents.
    fn made(&self, rest: &[Segment]) -> Result<Option<Value<'d>>> {
        Ok(match self.operation.effect(None, self.place)? {
            Effect::Put(value) => Some(nested(rest, value)),
            Effect::Keep | Effect::Remove => None,
        })
    }
}

/// Puts a value where another is; says whether it differs.
fn replace<'d>(place: &mut Value<'d>, effect: Effect<'d>) -> bool {
    let Effect::Put(new) = effect else { return false };
    let differs = !identical(place, &new);
    if differs {
        *place = new;
    }
    differs
}
