//! Hashes that agree with the order: equal values hash alike, whatever their types.

use std::hash::{Hash, Hasher};

use super::{Array, DEPTH_MAX, Document, Number, Value};

impl Hash for Value<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self, state, 0);
    }
}

impl Hash for Document<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_fields(self, state, 0);
    }
}

impl Hash for Array<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_items(self, state, 0);
    }
}

/// Equal numbers are the same whole number, or have the same nearest double.
impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.to_exact_i64() {
            Some(whole) => whole.hash(state),
            None if self.is_nan() => u64::MAX.hash(state),
            None => self.to_f64().to_bits().hash(state),
        }
    }
}

fn hash<H: Hasher>(value: &Value<'_>, state: &mut H, depth: usize) {
    state.write_u8(value.kind().rank());
    match value {
        Value::Int32(_) | Value::Int64(_) | Value::Double(_) | Value::Decimal128(_) => {
            value.number().hash(state);
        }
        Value::String(text) | Value::Symbol(text) | Value::JavaScript(text) => text.hash(state),
        Value::Document(document) => hash_fields(document, state, depth + 1),
        Value::Array(array) => hash_items(array, state, depth + 1),
        Value::Binary(binary) => (binary.subtype, &binary.bytes).hash(state),
        Value::ObjectId(id) => id.hash(state),
        Value::Bool(truth) => truth.hash(state),
        Value::DateTime(at) => at.hash(state),
        Value::Regex(regex) => (regex.pattern(), regex.options()).hash(state),
        Value::DbPointer(pointer) => (pointer.namespace(), pointer.id()).hash(state),
        Value::JavaScriptWithScope(both) => {
            both.0.hash(state);
            hash_fields(&both.1, state, depth + 1);
        }
        Value::Timestamp(at) => at.hash(state),
        Value::Undefined | Value::Null | Value::MinKey | Value::MaxKey => {}
    }
}

fn hash_fields<H: Hasher>(document: &Document<'_>, state: &mut H, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    for (name, value) in document {
        hash(&value, state, depth);
        name.hash(state);
    }
    // No value's place: tells where the fields end.
    state.write_u8(u8::MAX);
}

fn hash_items<H: Hasher>(array: &Array<'_>, state: &mut H, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    for value in array {
        hash(&value, state, depth);
    }
    state.write_u8(u8::MAX);
}
