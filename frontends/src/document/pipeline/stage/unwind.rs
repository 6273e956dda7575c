//! `$unwind`: one document for each value of an array.

use std::sync::Arc;

use super::super::rows::{BoxedRows, Rows};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Document, Items, Value};

/// What is unwound, and how.
#[derive(Clone, Debug)]
pub struct Unwind {
    /// The path, its parts apart.
    path: Vec<String>,
    /// Where the index goes.
    index: Option<String>,
    /// Whether documents stay that have nothing to unwind.
    preserve: bool,
}

impl Unwind {
    /// Reads `"$path"` or `{path, includeArrayIndex, preserveNullAndEmptyArrays}`.
    pub fn parse(value: &Value<'_>) -> Result<Unwind> {
        let (mut path, mut index, mut preserve) = (None, None, false);
        match value {
            Value::String(text) => path = Some(text.clone().into_owned()),
            Value::Document(fields) => {
                for (name, value) in fields.iter() {
                    match (name, value) {
                        ("path", Value::String(text)) => path = Some(text.into_owned()),
                        ("includeArrayIndex", Value::String(text))
                            if !text.is_empty() && !text.starts_with('$') =>
                        {
                            index = Some(text.into_owned());
                        }
                        ("preserveNullAndEmptyArrays", Value::Bool(truth)) => preserve = truth,
                        (name, value) => return Err(wrong(name, &value)),
                    }
                }
            }
            other => {
                let kind = other.kind().name();
                let message = format!("$unwind takes a string or a document, not {kind}");
                return Err(failure::invalid(15981, message));
            }
        }
        let Some(path) = path else {
            return Err(failure::invalid(28812, "$unwind needs a path"));
        };
        let Some(bare) = path.strip_prefix('$').filter(|bare| !bare.is_empty()) else {
            let message = format!("$unwind's path must begin with '$': {path:?}");
            return Err(failure::invalid(28818, message));
        };
        crate::document::expression::Expression::field(bare)?;
        let path = bare.split('.').map(str::to_owned).collect();
        Ok(Unwind { path, index, preserve })
    }

    /// The path without the `$`.
    pub fn path(&self) -> String {
        self.path.join(".")
    }

    /// The field that the index goes to.
    pub fn index(&self) -> Option<&str> {
        self.index.as_deref()
    }
}

fn wrong(name: &str, value: &Value<'_>) -> crate::Error {
    let kind = value.kind().name();
    let (code, message) = match name {
        "path" => (28808, format!("$unwind's path must be a string, not {kind}")),
        "includeArrayIndex" => (
            28810,
            format!("$unwind's includeArrayIndex must be the name of a field, not {value:.40?}"),
        ),
        "preserveNullAndEmptyArrays" => {
            (28809, format!("$unwind's preserveNullAndEmptyArrays must be a bool, not {kind}"))
        }
        other => (28811, format!("unrecognized argument to $unwind: '{other}'")),
    };
    failure::invalid(code, message)
}

/// Documents, one for each value.
pub struct Unwound {
    pub rows: BoxedRows,
    pub unwind: Arc<Unwind>,
    pub current: Option<(Document<'static>, std::iter::Enumerate<Items<'static>>)>,
}

impl Rows for Unwound {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        loop {
            if let Some((document, items)) = &mut self.current {
                if let Some((index, item)) = items.next() {
                    let index = i64::try_from(index).unwrap_or(i64::MAX);
                    let value = Some(item);
                    return Ok(Some(self.unwind.made(document.clone(), value, Some(index))));
                }
                self.current = None;
            }
            let Some(document) = self.rows.next()? else { return Ok(None) };
            match at(&document, &self.unwind.path) {
                Some(Value::Array(items)) if !items.is_empty() => {
                    let items = items.into_static().into_items();
                    let items: crate::document::value::Array<'static> = items.into();
                    self.current = Some((document, items.into_iter().enumerate()));
                }
                Some(Value::Array(_)) if self.unwind.preserve => {
                    return Ok(Some(self.unwind.made(document, None, None)));
                }
                Some(Value::Array(_)) => {}
                None | Some(Value::Null | Value::Undefined) => {
                    if self.unwind.preserve {
                        return Ok(Some(self.unwind.indexed(document, None)));
                    }
                }
                Some(_) => return Ok(Some(self.unwind.indexed(document, None))),
            }
        }
    }
}

impl Unwind {
    /// The document with a value, or without, in place of the array.
    fn made(
        &self,
        mut document: Document<'static>,
        value: Option<Value<'static>>,
        index: Option<i64>,
    ) -> Document<'static> {
        set(&mut document, &self.path, value);
        self.indexed(document, index)
    }

    fn indexed(&self, mut document: Document<'static>, index: Option<i64>) -> Document<'static> {
        if let Some(name) = &self.index {
            let path: Vec<String> = name.split('.').map(str::to_owned).collect();
            set(&mut document, &path, Some(index.map_or(Value::Null, Value::Int64)));
        }
        document
    }
}

/// The value at a path through documents only.
fn at(document: &Document<'_>, path: &[String]) -> Option<Value<'static>> {
    let (first, rest) = path.split_first()?;
    let value = document.get(first)?;
    match value {
        value if rest.is_empty() => Some(value.into_static()),
        Value::Document(inner) => at(&inner, rest),
        _ => None,
    }
}

/// Sets the value at a path, or takes it out; documents on the way are made.
pub fn set(document: &mut Document<'static>, path: &[String], value: Option<Value<'static>>) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        match value {
            Some(value) => drop(document.insert(first.clone(), value)),
            None => drop(document.remove(first)),
        }
        return;
    }
    let mut inner = match document.get(first) {
        Some(Value::Document(inner)) => inner.into_static(),
        _ if value.is_none() => return,
        _ => Document::new(),
    };
    set(&mut inner, rest, value);
    document.insert(first.clone(), inner);
}
