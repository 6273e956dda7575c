//! Values as text that reads like JSON, for messages and tests.

use std::fmt::{self, Formatter, Write as _};

use super::{Array, DEPTH_MAX, Document, Value};

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_value(f, self, 0)
    }
}

impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_fields(f, &mut self.iter(), 0)
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_items(f, self, 0)
    }
}

/// Writes `{"a": 1}`.
pub fn write_fields<'s>(
    f: &mut Formatter<'_>,
    fields: &mut dyn Iterator<Item = (&'s str, Value<'s>)>,
    depth: usize,
) -> fmt::Result {
    f.write_char('{')?;
    for (index, (name, value)) in fields.enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{name:?}: ")?;
        write_value(f, &value, depth + 1)?;
    }
    f.write_char('}')
}

fn write_items(f: &mut Formatter<'_>, items: &Array<'_>, depth: usize) -> fmt::Result {
    f.write_char('[')?;
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write_value(f, &value, depth + 1)?;
    }
    f.write_char(']')
}

fn write_value(f: &mut Formatter<'_>, value: &Value<'_>, depth: usize) -> fmt::Result {
    if depth > DEPTH_MAX {
        return f.write_str("...");
    }
    match value {
        Value::Double(number) => write!(f, "{number:?}"),
        Value::String(text) => write!(f, "{text:?}"),
        Value::Document(document) => write_fields(f, &mut document.iter(), depth),
        Value::Array(array) => write_items(f, array, depth),
        Value::Binary(binary) => {
            write!(f, "Binary({}, ", binary.subtype)?;
            binary.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            f.write_char(')')
        }
        Value::Undefined => f.write_str("undefined"),
        Value::ObjectId(id) => write!(f, "{id:?}"),
        Value::Bool(truth) => write!(f, "{truth}"),
        Value::DateTime(at) => write!(f, "{at:?}"),
        Value::Null => f.write_str("null"),
        Value::Regex(regex) => write!(f, "/{}/{}", regex.pattern(), regex.options()),
        Value::DbPointer(pointer) => {
            write!(f, "DBPointer({:?}, {:?})", pointer.namespace(), pointer.id())
        }
        Value::JavaScript(code) => write!(f, "Code({code:?})"),
        Value::Symbol(text) => write!(f, "Symbol({text:?})"),
        Value::JavaScriptWithScope(both) => {
            write!(f, "Code({:?}, ", both.0)?;
            write_fields(f, &mut both.1.iter(), depth + 1)?;
            f.write_char(')')
        }
        Value::Int32(number) => write!(f, "{number}"),
        Value::Timestamp(at) => write!(f, "{at:?}"),
        Value::Int64(number) => write!(f, "Long({number})"),
        Value::Decimal128(number) => write!(f, "{number:?}"),
        Value::MinKey => f.write_str("MinKey"),
        Value::MaxKey => f.write_str("MaxKey"),
    }
}
