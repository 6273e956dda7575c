//! Whether values are the same to the byte, and whether `_id` is what it was.

use super::Mode;
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Document, Value};

/// Whether two values are the same, types and all: `1` and `1.0` are not.
pub fn identical(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
        (Value::Decimal128(a), Value::Decimal128(b)) => a.bytes() == b.bytes(),
        (Value::Document(a), Value::Document(b)) => identical_documents(a, b),
        (Value::Array(a), Value::Array(b)) => identical_arrays(a, b),
        (Value::JavaScriptWithScope(a), Value::JavaScriptWithScope(b)) => {
            a.0 == b.0 && identical_documents(&a.1, &b.1)
        }
        (a, b) => a.kind() == b.kind() && a == b,
    }
}

/// Whether two documents have the same fields in the same order.
pub fn identical_documents(a: &Document<'_>, b: &Document<'_>) -> bool {
    if let (Some(a), Some(b)) = (a.as_raw(), b.as_raw()) {
        return a.as_bytes() == b.as_bytes();
    }
    let (mut a, mut b) = (a.iter(), b.iter());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some((a_name, a)), Some((b_name, b))) if a_name == b_name && identical(&a, &b) => {}
            _ => return false,
        }
    }
}

fn identical_arrays(a: &Array<'_>, b: &Array<'_>) -> bool {
    let (mut a, mut b) = (a.iter(), b.iter());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if identical(&a, &b) => {}
            _ => return false,
        }
    }
}

/// Checks that an update leaves `_id` as it was; one that makes a document may give it one.
pub fn check_id(old: &Document<'_>, new: &Document<'_>, mode: Mode) -> Result<()> {
    let same = match (old.get("_id"), new.get("_id")) {
        (None, None) => true,
        (None, Some(_)) => mode == Mode::Insert,
        (Some(old), Some(new)) => old == new,
        (Some(_), None) => false,
    };
    if same {
        return Ok(());
    }
    let shown = |document: &Document<'_>| match document.get("_id") {
        Some(id) => format!("{id:?}"),
        None => "missing".to_string(),
    };
    Err(failure::immutable_field(format!(
        "the immutable field '_id' would be changed from {} to {}",
        shown(old),
        shown(new)
    )))
}
