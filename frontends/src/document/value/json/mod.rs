//! Extended JSON, version 2: documents as JSON that keeps their types.
//!
//! | | relaxed | canonical |
//! | --- | --- | --- |
//! | int, long | `1` | `{"$numberInt":"1"}`, `{"$numberLong":"1"}` |
//! | double | `1.5` | `{"$numberDouble":"1.5"}` |
//! | date | `{"$date":"1970-01-01T00:00:00Z"}` | `{"$date":{"$numberLong":"0"}}` |
//! | others | as canonical | `{"$oid":"..."}`, `{"$numberDecimal":"1.0"}`, ... |
//!
//! Reading takes both styles at once and the older forms of `$binary` and `$date`; objects whose
//! names only look alike, such as `{"$gt": 1}`, are documents. A whole number is an int if it fits,
//! else a long, else a double; a number with a point or an exponent is a double.
//!
//! Fields keep their order, and of several of one name all are kept, as in BSON.
//!
//! Source: MongoDB Extended JSON (v2), as the manual describes it.

use super::{Document, Value};
use crate::Result;

mod read;
mod wrapped;
mod write;
#[cfg(test)]
mod tests;

/// How types are written that JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonStyle {
    /// Numbers and dates as people write them; whether an int is a long is lost, and a
    /// whole number that is a double keeps its point.
    Relaxed,
    /// Every type is kept.
    Canonical,
}

impl Value<'static> {
    /// Reads extended JSON.
    ///
    /// # Errors
    /// Code 9 where it is not that, with the offset.
    pub fn from_json(text: &str) -> Result<Value<'static>> {
        read::read(text.as_bytes())
    }
}

impl Value<'_> {
    /// The value as extended JSON, on one line without blanks.
    pub fn to_json(&self, style: JsonStyle) -> String {
        write::value(self, style)
    }
}

impl Document<'static> {
    /// Reads extended JSON.
    ///
    /// # Errors
    /// Code 9 where it is not that, with the offset, or not a document.
    pub fn from_json(text: &str) -> Result<Document<'static>> {
        read::read_document(text.as_bytes())
    }
}

impl Document<'_> {
    /// The document as extended JSON, on one line without blanks.
    pub fn to_json(&self, style: JsonStyle) -> String {
        write::document(self, style)
    }
}
