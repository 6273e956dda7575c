//! Arguments as what operators need: whole numbers, texts, arrays.

use std::borrow::Cow;

use super::civil;
use super::operator::{Args, shown, type_name};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Value};

/// The most memory that one value made by an operator may take: as much as `$range` may in MongoDB.
const MEMORY_MAX: usize = 100 << 20;
/// The longest text that an operator makes.
const TEXT_MAX: usize = 16 << 20;

/// A number of an argument that must be whole and fit 32 bits.
pub(super) fn int32(value: &Value<'_>, code: i32, what: &str) -> Result<i32> {
    let Some(number) = value.number() else {
        return Err(failure::invalid(
            code,
            format!("{what} must be a whole number, not {}", value.kind().name()),
        ));
    };
    number.to_exact_i64().and_then(|number| i32::try_from(number).ok()).ok_or_else(|| {
        failure::invalid(code, format!("{what} must be a 32-bit whole number, not {value:?}"))
    })
}

/// A number of an argument that must be whole.
pub(super) fn int64(value: &Value<'_>, code: i32, what: &str) -> Result<i64> {
    value.number().and_then(|number| number.to_exact_i64()).ok_or_else(|| {
        let (kind, shown) = (value.kind().name(), shown(value));
        failure::invalid(code, format!("{what} must be a whole number, not {shown} ({kind})"))
    })
}

/// The array that an argument must be; the error has the code.
pub(super) fn array<'d>(value: Option<Value<'d>>, code: i32, what: &str) -> Result<Array<'d>> {
    match value {
        Some(Value::Array(array)) => Ok(array),
        other => Err(failure::invalid(
            code,
            format!("{what} must be an array, not {}", type_name(other.as_ref())),
        )),
    }
}

/// The text that an argument must be; the error has the code.
pub(super) fn text<'d>(value: Option<Value<'d>>, code: i32, what: &str) -> Result<Cow<'d, str>> {
    match value {
        Some(Value::String(text)) => Ok(text),
        other => Err(failure::invalid(
            code,
            format!("{what} must be a string, not {}", type_name(other.as_ref())),
        )),
    }
}

/// A value as text where operators of text take more than strings: numbers and dates as they are
/// written, null and missing as nothing.
pub(super) fn lenient_text<'d>(value: Option<Value<'d>>) -> Result<Cow<'d, str>> {
    Ok(match value {
        None | Some(Value::Null | Value::Undefined) => Cow::Borrowed(""),
        Some(Value::String(text) | Value::Symbol(text) | Value::JavaScript(text)) => text,
        Some(Value::DateTime(at)) => Cow::Owned(civil::iso_text(at)),
        Some(Value::Timestamp(at)) => {
            let millis = i64::from(at.seconds) * 1000;
            Cow::Owned(civil::iso_text(crate::document::value::DateTime::from_millis(millis)))
        }
        Some(other) => match other.number() {
            Some(number) => Cow::Owned(super::number::text(number)),
            None => {
                return Err(failure::invalid(
                    16007,
                    format!("can't convert from BSON type {} to String", other.kind().name()),
                ));
            }
        },
    })
}

/// Refuses a text that is longer than documents may be.
pub(super) fn check_text(name: &str, len: usize) -> Result<()> {
    if len <= TEXT_MAX {
        return Ok(());
    }
    Err(failure::exceeded_memory_limit(format!(
        "{name} would make a text of more than {TEXT_MAX} bytes"
    )))
}

/// Refuses an array that takes more memory than a value may.
pub(super) fn check_items(name: &str, count: usize) -> Result<()> {
    if count <= MEMORY_MAX / size_of::<Value<'_>>() {
        return Ok(());
    }
    Err(failure::exceeded_memory_limit(format!(
        "{name} would make an array of more than {} MiB",
        MEMORY_MAX >> 20
    )))
}

impl<'d> Args<'_, 'd> {
    /// An argument as text; `None` when it is null or missing.
    pub fn text(&self, at: usize, code: i32, what: &str) -> Result<Option<Cow<'d, str>>> {
        let value = self.present(at)?;
        let name = |what: &str| format!("{}'s {what}", self.name);
        value.map(|value| text(Some(value), code, &name(what))).transpose()
    }
}
