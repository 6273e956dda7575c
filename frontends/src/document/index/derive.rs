//! From a document to the entries of an index.
//!
//! An array on the way of a field makes an entry for each of its values. Fields that pass through
//! the same array go through it together; two arrays side by side would make all pairs, and are
//! refused. A number in a path takes one value of an array, instead of all.
//!
//! What this owes to others: the rules are those that MongoDB's documentation of multikey indexes
//! gives.

use super::Entries;
use super::shape::{Shape, put_types};
use crate::Result;
use crate::document::expression::Context;
use crate::document::failure;
use crate::document::value::key::{self, TypeBits};
use crate::document::value::{Array, DateTime, Document, Path, Segment, Value};

/// Longest key of an index: what keyspaces allow.
const KEY_MAX: usize = 65_535;

impl Shape {
    /// Makes the entries of a document, in order, in place of what `entries` holds. Gives a bit for
    /// each field that had an array on its way.
    ///
    /// # Errors
    /// Code 171 when two fields are arrays, 16746 when a number in a path is both a field and an
    /// index, 17280 when a key is too long.
    pub(crate) fn derive(
        &self,
        document: &Document<'_>,
        row: u64,
        entries: &mut Entries,
    ) -> Result<u32> {
        entries.clear();
        if let Some(partial) = &self.partial {
            // Nothing that a partial index may go by asks for the time, or for chance.
            let context = Context::new(DateTime::from_millis(0), 0);
            if !partial.matches(document, &context)? {
                return Ok(0);
            }
        }
        let mut make = Make {
            shape: self,
            row: row.to_be_bytes(),
            entries,
            types: TypeBits::new(),
            multikey: 0,
        };
        let slots = self.fields.iter().map(|(path, _)| Slot::Path(path.segments())).collect();
        make.expand(document.borrow(), slots)?;
        let multikey = make.multikey;
        entries.settle();
        match entries.iter().find(|(key, _)| key.len() > KEY_MAX) {
            Some((key, _)) => Err(failure::invalid(
                17280,
                format!(
                    "a key of {} bytes is too long for index {}, where {KEY_MAX} are allowed",
                    key.len(),
                    self.name
                ),
            )),
            None => Ok(multikey),
        }
    }
}

/// How far a field has got.
#[derive(Clone)]
enum Slot<'p, 's> {
    /// To be followed from the present document.
    Path(&'p [Segment]),
    Known(Option<Value<'s>>),
}

/// Where following a path ends.
enum Reached<'s> {
    Value(Option<Value<'s>>),
    /// An array after so many parts of the path.
    Array(Array<'s>, usize),
}

struct Make<'m> {
    shape: &'m Shape,
    row: [u8; 8],
    entries: &'m mut Entries,
    types: TypeBits,
    multikey: u32,
}

impl<'m> Make<'m> {
    /// Makes the entries of all ways through arrays from `document` on.
    fn expand<'s>(&mut self, document: Document<'s>, slots: Vec<Slot<'m, 's>>) -> Result<()> {
        let mut slots = slots;
        let mut through: Option<(Array<'s>, &'m [Segment])> = None;
        // What is left of the paths of fields that go through the array.
        let mut rests: Vec<(usize, &'m [Segment])> = Vec::new();
        for (at, slot) in slots.iter_mut().enumerate() {
            let Slot::Path(path) = slot else { continue };
            match self.follow(document.clone(), path, at)? {
                Reached::Value(value) => *slot = Slot::Known(value),
                Reached::Array(array, parts) => {
                    let (way, rest) = path.split_at(parts);
                    match &through {
                        Some((_, other)) if *other != way => {
                            return Err(self.parallel(other, way));
                        }
                        Some(_) => {}
                        None => through = Some((array, way)),
                    }
                    self.multikey |= 1 << at;
                    rests.push((at, rest));
                }
            }
        }
        let Some((array, _)) = through else {
            self.emit(&slots);
            return Ok(());
        };
        if array.is_empty() {
            for (at, rest) in rests {
                slots[at] = Slot::Known(rest.is_empty().then_some(Value::Undefined));
            }
            self.emit(&slots);
            return Ok(());
        }
        for value in array.into_iter() {
            let mut inner = slots.clone();
            for (at, rest) in &rests {
                inner[*at] = match (&value, rest.is_empty()) {
                    (_, true) => Slot::Known(Some(value.clone())),
                    (Value::Document(_), false) => Slot::Path(rest),
                    (_, false) => Slot::Known(None),
                };
            }
            let document = if let Value::Document(found) = value { found } else { Document::new() };
            self.expand(document, inner)?;
        }
        Ok(())
    }

    /// Follows a field's path to its end, or to an array that is to be gone through.
    fn follow<'s>(
        &mut self,
        document: Document<'s>,
        path: &[Segment],
        field: usize,
    ) -> Result<Reached<'s>> {
        let mut value = Some(Value::Document(document));
        for (at, segment) in path.iter().enumerate() {
            value = match value {
                Some(Value::Document(document)) => document.into_field(segment.name()),
                Some(Value::Array(array)) => match segment.index() {
                    Some(index) => {
                        self.check_clear(&array, segment, field)?;
                        self.multikey |= 1 << field;
                        array.into_item(index)
                    }
                    None => return Ok(Reached::Array(array, at)),
                },
                _ => return Ok(Reached::Value(None)),
            };
        }
        Ok(match value {
            Some(Value::Array(array)) => Reached::Array(array, path.len()),
            other => Reached::Value(other),
        })
    }

    /// Fails when a number in a path is an index, and the name of a field as well.
    fn check_clear(&self, array: &Array<'_>, segment: &Segment, field: usize) -> Result<()> {
        let is_field = |value: Value<'_>| match value {
            Value::Document(document) => document.contains(segment.name()),
            _ => false,
        };
        if !array.iter().any(is_field) {
            return Ok(());
        }
        let path = self.shape.fields.get(field).map_or("", |(path, _)| path.as_str());
        Err(failure::invalid(
            16746,
            format!(
                "index {}: {:?} in {path:?} is an index of an array and a field in it",
                self.shape.name,
                segment.name()
            ),
        ))
    }

    #[cold]
    fn parallel(&self, one: &[Segment], other: &[Segment]) -> crate::Error {
        let text = |path: &[Segment]| path.iter().map(Segment::name).collect::<Vec<_>>().join(".");
        failure::cannot_index_parallel_arrays(format!(
            "cannot index parallel arrays [{}] [{}] in index {}",
            text(other),
            text(one),
            self.shape.name
        ))
    }

    /// Adds an entry.
    fn emit(&mut self, slots: &[Slot<'_, '_>]) {
        let known = |slot| match slot {
            &Slot::Known(Some(ref value)) => Some(value),
            _ => None,
        };
        let mut missing = 0_u32;
        for (at, slot) in slots.iter().enumerate() {
            missing |= u32::from(known(slot).is_none()) << at;
        }
        let (shape, row, types) = (self.shape, &self.row, &mut self.types);
        if shape.sparse && missing.count_ones() as usize == slots.len() {
            return;
        }
        types.clear();
        self.entries.push(|bytes| {
            for (slot, (_, direction)) in slots.iter().zip(&shape.fields) {
                let field = known(slot).unwrap_or(&Value::Null);
                key::encode_typed(bytes, types, Some(field), *direction);
            }
            if !shape.unique {
                bytes.extend_from_slice(row);
            }
            let middle = bytes.len();
            if shape.unique {
                bytes.extend_from_slice(row);
            }
            put_types(bytes, missing, types.as_bytes());
            middle
        });
    }
}

impl Shape {
    /// Whether a change of what lies at `path` may change entries: indices of arrays in either path
    /// may be any, and a filter may ask for everything.
    #[cfg_attr(not(test), expect(dead_code, reason = "what updates will ask"))]
    pub(crate) fn touches(&self, path: &Path) -> bool {
        fn names(path: &Path) -> impl Iterator<Item = &str> {
            let segments = path.segments().iter();
            segments.filter(|segment| segment.index().is_none()).map(Segment::name)
        }
        self.partial.is_some()
            || self
                .fields
                .iter()
                .any(|(field, _)| names(field).zip(names(path)).all(|(a, b)| a == b))
    }
}
