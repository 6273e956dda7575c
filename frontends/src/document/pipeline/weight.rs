//! About how much memory values take, for stages that hold many.

use crate::document::value::{Array, Document, Value};

/// What a field takes beside its name and value.
const FIELD: usize = 24;
/// How deeply values are looked at; what lies deeper is not counted.
const DEPTH_MAX: usize = 128;

/// Bytes that a value takes, itself included.
pub(super) fn value(value: &Value<'_>) -> usize {
    weigh(value, 0)
}

/// Bytes that a document takes, itself included.
pub(super) fn document(fields: &Document<'_>) -> usize {
    size_of::<Value<'_>>() + fields_inside(fields, 0)
}

fn weigh(value: &Value<'_>, depth: usize) -> usize {
    let inside = match value {
        Value::String(text) | Value::Symbol(text) | Value::JavaScript(text) => text.len(),
        Value::Binary(binary) => binary.bytes.len(),
        Value::Regex(regex) => regex.pattern().len() + regex.options().len(),
        Value::Document(fields) => fields_inside(fields, depth + 1),
        Value::Array(items) => items_inside(items, depth + 1),
        Value::JavaScriptWithScope(both) => both.0.len() + fields_inside(&both.1, depth + 1),
        _ => 0,
    };
    size_of::<Value<'_>>() + inside
}

fn fields_inside(fields: &Document<'_>, depth: usize) -> usize {
    match fields.as_raw() {
        Some(raw) => raw.as_bytes().len(),
        None if depth > DEPTH_MAX => 0,
        None => fields.iter().map(|(name, value)| FIELD + name.len() + weigh(&value, depth)).sum(),
    }
}

fn items_inside(items: &Array<'_>, depth: usize) -> usize {
    match items.as_raw() {
        Some(raw) => raw.as_bytes().len(),
        None if depth > DEPTH_MAX => 0,
        None => items.iter().map(|value| weigh(&value, depth)).sum(),
    }
}
