//! Dotted paths, parsed once and followed many times: `address.lines.0`.
//!
//! Queries and expressions follow the same path differently. With `{a: [{b: 1}, {b: [2, 3]}, 4]}`:
//!
//! | | gives |
//! | --- | --- |
//! | [`visit`](Path::visit) of `a.b` | 1, then `[2, 3]`; before it 2 and 3, if asked for |
//! | [`visit`](Path::visit) of `a.1.b` | missing twice, as no document has `1`, and `[2, 3]` |
//! | [`get_expression`](Path::get_expression) of `a.b` | `[1, [2, 3]]` |
//! | [`get_expression`](Path::get_expression) of `a.1.b` | `[]`: numbers are names |

use std::ops::ControlFlow;

use super::{Array, DEPTH_MAX, Document, Value};
use crate::Result;
use crate::document::failure;

/// One part of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    name: Box<str>,
    index: Option<usize>,
}

impl Segment {
    /// The part as the name of a field.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part as an index of an array: digits without zeros in front.
    pub fn index(&self) -> Option<usize> {
        self.index
    }
}

/// A path of names and indices.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Path {
    text: Box<str>,
    segments: Box<[Segment]>,
}

/// What a query gets of an array at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// The array: for `$size`, `$elemMatch` and `$exists`.
    Whole,
    /// Each value in it, then the array: for comparisons.
    Elements,
}

impl Path {
    /// Segments of the longest path.
    pub const SEGMENTS_MAX: usize = 200;

    /// Reads a path. Parts may be empty here; who forbids them asks
    /// [`has_empty_segment`](Path::has_empty_segment).
    ///
    /// # Errors
    /// Code 15 when it has more than 200 parts.
    pub fn parse(text: &str) -> Result<Path> {
        if text.split('.').count() > Path::SEGMENTS_MAX {
            let max = Path::SEGMENTS_MAX;
            return Err(failure::overflow(format!(
                "a path of more than {max} parts: {text:.80}..."
            )));
        }
        let segment = |name: &str| Segment { name: name.into(), index: index_of(name) };
        Ok(Path { text: text.into(), segments: text.split('.').map(segment).collect() })
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its parts; there is at least one.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The name of the field that it begins with.
    pub fn first(&self) -> &str {
        self.text.split('.').next().unwrap_or_default()
    }

    /// Whether a part is empty, as in `a..b`.
    pub fn has_empty_segment(&self) -> bool {
        self.segments.iter().any(|segment| segment.name.is_empty())
    }

    /// Hands to `found` what a query finds at the path, until it breaks: through arrays on the way
    /// into each document in them, and by index. `None` stands for a document on the way that has
    /// no such field, or a value that is no document; arrays without documents give nothing. With
    /// each comes the index in the outermost array that was passed through without an index in the
    /// path. Allocates nothing.
    pub fn visit<'s>(
        &self,
        document: &'s Document<'_>,
        leaf: Leaf,
        mut found: impl FnMut(Option<Value<'s>>, Option<usize>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        Walk { leaf, found: &mut found }.document(&self.segments, document.borrow(), None)
    }

    /// The value that the expression `$path` has: through documents by name, and of each document
    /// in an array on the way, as an array. `None` is missing.
    pub fn get_expression<'s>(&self, document: &'s Document<'_>) -> Option<Value<'s>> {
        expression(&self.segments, document.borrow(), 0)
    }
}

impl std::fmt::Debug for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn index_of(name: &str) -> Option<usize> {
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (name == "0" || !name.starts_with('0'));
    if canonical { name.parse::<u32>().ok().map(|index| index as usize) } else { None }
}

struct Walk<'f, F> {
    leaf: Leaf,
    found: &'f mut F,
}

impl<F> Walk<'_, F> {
    /// `at` is the index in the outermost array that the document was found in.
    fn document<'s>(
        &mut self,
        path: &[Segment],
        document: Document<'s>,
        at: Option<usize>,
    ) -> ControlFlow<()>
    where
        F: FnMut(Option<Value<'s>>, Option<usize>) -> ControlFlow<()>,
    {
        let Some((first, rest)) = path.split_first() else { return ControlFlow::Continue(()) };
        let value = document.into_field(&first.name);
        match value {
            Some(Value::Array(array)) if rest.is_empty() => {
                if self.leaf == Leaf::Elements {
                    for (index, value) in array.clone().into_iter().enumerate() {
                        (self.found)(Some(value), at.or(Some(index)))?;
                    }
                }
                (self.found)(Some(Value::Array(array)), at)
            }
            value if rest.is_empty() => (self.found)(value, at),
            Some(Value::Document(document)) => self.document(rest, document, at),
            Some(Value::Array(array)) => self.array(rest, array, at),
            _ => (self.found)(None, at),
        }
    }

    /// Follows a path that is not empty into an array. Only values found without an index in the
    /// path are at an index of this array, but for the last one.
    fn array<'s>(
        &mut self,
        path: &[Segment],
        array: Array<'s>,
        at: Option<usize>,
    ) -> ControlFlow<()>
    where
        F: FnMut(Option<Value<'s>>, Option<usize>) -> ControlFlow<()>,
    {
        let Some((first, rest)) = path.split_first() else { return ControlFlow::Continue(()) };
        for (index, value) in array.into_iter().enumerate() {
            let here = at.or(Some(index));
            if let Value::Document(document) = &value {
                self.document(path, document.clone(), here)?;
            }
            match value {
                _ if first.index != Some(index) => {}
                value if rest.is_empty() => (self.found)(Some(value), here)?,
                Value::Document(document) => self.document(rest, document, at)?,
                Value::Array(array) => self.array(rest, array, at)?,
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

fn expression<'s>(path: &[Segment], document: Document<'s>, depth: usize) -> Option<Value<'s>> {
    let (first, rest) = path.split_first()?;
    let value = document.into_field(&first.name)?;
    match value {
        value if rest.is_empty() => Some(value),
        Value::Document(document) => expression(rest, document, depth + 1),
        Value::Array(array) => Some(Value::Array(expression_array(rest, array, depth + 1))),
        _ => None,
    }
}

fn expression_array<'s>(path: &[Segment], array: Array<'s>, depth: usize) -> Array<'s> {
    let value = |value| match value {
        _ if depth > DEPTH_MAX => None,
        Value::Document(document) => expression(path, document, depth + 1),
        Value::Array(array) => Some(Value::Array(expression_array(path, array, depth + 1))),
        _ => None,
    };
    array.into_iter().filter_map(value).collect()
}
