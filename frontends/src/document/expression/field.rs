//! Paths in values, as expressions follow them: through documents by name, and of each document in
//! an array on the way.

use crate::document::value::{Array, Document, Path, Segment, Value};

/// The value at a path in a document; of bytes it is borrowed from them.
pub(super) fn in_document<'d>(path: &Path, document: &'d Document<'d>) -> Option<Value<'d>> {
    if let [only] = path.segments() {
        return document.get(only.name());
    }
    follow(path.segments(), document.borrow())
}

/// The value at a path in a value, which has none unless it is a document or an array.
pub(super) fn in_value<'d>(path: &[Segment], value: Value<'d>) -> Option<Value<'d>> {
    match value {
        value if path.is_empty() => Some(value),
        Value::Document(document) => follow(path, document),
        Value::Array(array) => Some(Value::Array(each(path, array))),
        _ => None,
    }
}

fn follow<'d>(path: &[Segment], document: Document<'d>) -> Option<Value<'d>> {
    let (first, rest) = path.split_first()?;
    in_value(rest, document.into_field(first.name())?)
}

/// What is at the path in each document of an array; all else in the array is passed over, arrays
/// directly within it too.
fn each<'d>(path: &[Segment], array: Array<'d>) -> Array<'d> {
    let found = array.into_iter().filter_map(|value| match value {
        Value::Document(document) => follow(path, document),
        _ => None,
    });
    Array::from(found.collect::<Vec<_>>())
}
