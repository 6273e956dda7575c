//! BSON values: what documents are made of, their bytes, and their one order.
//!
//! Which type to reach for:
//!
//! - [`Value`] is any value: a constant of a query (`Value<'static>`), a field read from bytes
//!   (borrowed, not copied), or something computed. A field that is missing is never a value:
//!   functions give `Option<Value>`.
//! - [`Document`] is fields in order and [`Array`] values in order, as bytes or one by one. Copies
//!   are cheap. [`doc!`](crate::doc) and [`array!`](crate::array) write them like JSON.
//! - [`RawDocument`] is BSON bytes: [`check`](RawDocument::check) bytes of others once,
//!   [`trusted`](RawDocument::trusted) for bytes that were stored. Reading a field costs a step for
//!   each field before it, and no allocation.
//! - [`Document::to_bytes`] and [`Document::write_to`] make BSON.
//! - [`Kind`] is a value's type, by number, name and place in the order.
//! - [`Path`] is a dotted path: [`visit`](Path::visit) for queries,
//!   [`get_expression`](Path::get_expression) for expressions.
//! - [`key`] makes keys of values, and values of keys.
//! - [`Document::from_json`] and [`Document::to_json`] read and write extended JSON.
//! - [`ObjectIds`] gives out new identifiers.
//! - [`ObjectId`], [`DateTime`], [`Timestamp`], [`Binary`], [`Regex`], [`Decimal128`] and
//!   [`DbPointer`] are what the other values hold. [`Number`] is a value of any numeric type.
//!
//! Values are compared by [`Value::compare`], which `==`, `Ord` and `Hash` follow: numbers by what
//! they are worth, whatever their type, so `1` equals `1.0`. To tell types apart compare
//! [`kind`](Value::kind) too.
//!
//! ```
//! use cuesta::doc;
//! use cuesta::document::value::{Document, Limits, RawDocument, Value};
//!
//! # fn main() -> cuesta::Result<()> {
//! let place = doc! { "name": "Cuesta", "height": 612.5, "tags": ["ridge", null], "n": {"m": 1} };
//! let bytes = place.to_bytes()?;
//! let raw = RawDocument::check(&bytes, &Limits::default())?;
//! assert_eq!(raw.get("height"), Some(Value::Double(612.5)));
//! assert_eq!(Document::from_raw(raw), place);
//! assert_eq!(format!("{:?}", raw.get("tags").unwrap()), r#"["ridge", null]"#);
//! # Ok(())
//! # }
//! ```
//!
//! Not for: what filters, updates and expressions make of values.
//!
//! # Invariants
//!
//! 1. The order is total, and equal values have equal hashes.
//! 2. No bytes make reading panic.
//! 3. Nothing here recurses deeper than documents may be nested, whatever the bytes.

use std::borrow::Cow;

mod kind;
mod decimal;
mod scalar;
mod raw;
mod document;
mod array;
mod check;
mod write;
mod number;
mod compare;
mod hash;
mod debug;
mod convert;
mod path;
mod literal;
pub mod key;
mod date;
mod json;
mod object_id;
#[cfg(test)]
mod tests;

pub use array::{Array, Items};
pub use check::Limits;
pub use date::Civil;
pub use decimal::{Decimal128, Rounding};
pub use document::{Document, Field, Fields};
pub use json::JsonStyle;
pub use kind::Kind;
pub use number::Number;
pub use object_id::ObjectIds;
pub use path::{Leaf, Path, Segment};
pub use raw::{RawDocument, RawElement, RawElements, RawFields};
pub use scalar::{Binary, DateTime, DbPointer, ObjectId, Regex, Timestamp};

/// How deeply values may be nested that are compared, hashed or shown; what lies deeper counts as
/// equal. More than documents and expressions can make.
const DEPTH_MAX: usize = 256;

/// A value of any type of BSON, borrowed or owned.
#[derive(Clone)]
pub enum Value<'a> {
    /// 64-bit binary floating point.
    Double(f64),
    /// UTF-8 text.
    String(Cow<'a, str>),
    /// Fields in order.
    Document(Document<'a>),
    /// Values in order.
    Array(Array<'a>),
    /// Bytes with a subtype.
    Binary(Binary<'a>),
    /// Deprecated; not the same as missing.
    Undefined,
    /// Twelve bytes that identify.
    ObjectId(ObjectId),
    /// True or false.
    Bool(bool),
    /// A moment, in milliseconds.
    DateTime(DateTime),
    /// Nothing.
    Null,
    /// A pattern and options.
    Regex(Regex<'a>),
    /// Deprecated.
    DbPointer(DbPointer<'a>),
    /// Code as text; never run.
    JavaScript(Cow<'a, str>),
    /// Deprecated; compares as a string.
    Symbol(Cow<'a, str>),
    /// Deprecated: code, and the values of its variables.
    JavaScriptWithScope(Box<(Cow<'a, str>, Document<'a>)>),
    /// 32-bit whole number.
    Int32(i32),
    /// Seconds and a counter.
    Timestamp(Timestamp),
    /// 64-bit whole number.
    Int64(i64),
    /// 34 decimal digits.
    Decimal128(Decimal128),
    /// Less than all else.
    MinKey,
    /// Greater than all else.
    MaxKey,
}

const _: () = assert!(size_of::<Value<'_>>() <= 40, "values are moved about a lot");

impl<'a> Value<'a> {
    /// The same value, borrowed. Allocates nothing, but for the deprecated types in boxes.
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Value::Double(number) => Value::Double(*number),
            Value::String(text) => Value::String(Cow::Borrowed(text)),
            Value::Document(document) => Value::Document(document.borrow()),
            Value::Array(array) => Value::Array(array.borrow()),
            Value::Binary(binary) => Value::Binary(binary.borrow()),
            Value::Undefined => Value::Undefined,
            Value::ObjectId(id) => Value::ObjectId(*id),
            Value::Bool(truth) => Value::Bool(*truth),
            Value::DateTime(at) => Value::DateTime(*at),
            Value::Null => Value::Null,
            Value::Regex(regex) => Value::Regex(regex.borrow()),
            Value::DbPointer(pointer) => Value::DbPointer(pointer.borrow()),
            Value::JavaScript(text) => Value::JavaScript(Cow::Borrowed(text)),
            Value::Symbol(text) => Value::Symbol(Cow::Borrowed(text)),
            Value::JavaScriptWithScope(both) => {
                let both = (Cow::Borrowed(&*both.0), both.1.borrow());
                Value::JavaScriptWithScope(Box::new(both))
            }
            Value::Int32(number) => Value::Int32(*number),
            Value::Timestamp(at) => Value::Timestamp(*at),
            Value::Int64(number) => Value::Int64(*number),
            Value::Decimal128(number) => Value::Decimal128(*number),
            Value::MinKey => Value::MinKey,
            Value::MaxKey => Value::MaxKey,
        }
    }

    /// The same value, borrowing nothing.
    pub fn into_static(self) -> Value<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Value::Double(number) => Value::Double(number),
            Value::String(text) => Value::String(owned(text)),
            Value::Document(document) => Value::Document(document.into_static()),
            Value::Array(array) => Value::Array(array.into_static()),
            Value::Binary(binary) => Value::Binary(binary.into_static()),
            Value::Undefined => Value::Undefined,
            Value::ObjectId(id) => Value::ObjectId(id),
            Value::Bool(truth) => Value::Bool(truth),
            Value::DateTime(at) => Value::DateTime(at),
            Value::Null => Value::Null,
            Value::Regex(regex) => Value::Regex(regex.into_static()),
            Value::DbPointer(pointer) => Value::DbPointer(pointer.into_static()),
            Value::JavaScript(text) => Value::JavaScript(owned(text)),
            Value::Symbol(text) => Value::Symbol(owned(text)),
            Value::JavaScriptWithScope(both) => {
                let (code, scope) = *both;
                Value::JavaScriptWithScope(Box::new((owned(code), scope.into_static())))
            }
            Value::Int32(number) => Value::Int32(number),
            Value::Timestamp(at) => Value::Timestamp(at),
            Value::Int64(number) => Value::Int64(number),
            Value::Decimal128(number) => Value::Decimal128(number),
            Value::MinKey => Value::MinKey,
            Value::MaxKey => Value::MaxKey,
        }
    }

    /// Whether it is null or the deprecated undefined.
    pub fn is_nullish(&self) -> bool {
        matches!(self, Value::Null | Value::Undefined)
    }

    /// Whether expressions and options take it as true: all but false, null, undefined and zeros.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Bool(truth) => *truth,
            Value::Null | Value::Undefined => false,
            other => other.number().is_none_or(|number| !number.is_zero()),
        }
    }

    /// The number, of whichever type.
    pub fn number(&self) -> Option<Number> {
        match self {
            Value::Int32(number) => Some(Number::Int32(*number)),
            Value::Int64(number) => Some(Number::Int64(*number)),
            Value::Double(number) => Some(Number::Double(*number)),
            Value::Decimal128(number) => Some(Number::Decimal128(*number)),
            _ => None,
        }
    }

    /// The text of a string; symbols have none.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The document.
    pub fn as_document(&self) -> Option<&Document<'a>> {
        if let Value::Document(document) = self { Some(document) } else { None }
    }

    /// The array.
    pub fn as_array(&self) -> Option<&Array<'a>> {
        if let Value::Array(array) = self { Some(array) } else { None }
    }

    /// The truth of a bool.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(truth) = self { Some(*truth) } else { None }
    }
}
