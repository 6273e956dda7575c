//! BSON bytes read where they lie: fields found by skipping, values borrowed, nothing allocated.
//!
//! ```text
//! document  ┌─────────────┬─────────┬───┬─────────┬───┐
//!           │ length: i32 │ element │ … │ element │ 0 │   the length counts all of it
//!           └─────────────┴─────────┴───┴─────────┴───┘
//! element   ┌──────────┬──────┬───┬───────────────┐
//!           │ kind: u8 │ name │ 0 │ body, by kind │       integers are little-endian
//!           └──────────┴──────┴───┴───────────────┘
//! ```
//!
//! Not for: saying whether bytes are BSON, which [`check`](RawDocument::check) does once; and
//! changing them, for which a [`Document`](super::Document) is made of them.
//!
//! # Invariants
//!
//! 1. The bytes are as long as their first four say, and at least five.
//! 2. No bytes make anything here panic, whether or not they were checked: what cannot be read ends
//!    the document there.

use std::borrow::Cow;
use std::fmt;

use super::array::Array;
use super::decimal::Decimal128;
use super::document::Document;
use super::kind::Kind;
use super::scalar::{Binary, DateTime, DbPointer, ObjectId, Regex, Timestamp};
use super::{Value, debug};

/// The bytes of a BSON document. A copy of it is a copy of a reference.
#[derive(Clone, Copy)]
pub struct RawDocument<'a>(&'a [u8]);

impl<'a> RawDocument<'a> {
    /// A document without fields.
    pub const EMPTY: RawDocument<'static> = RawDocument(&[5, 0, 0, 0, 0]);

    /// The document that these bytes begin with, unchecked, for bytes that were checked before
    /// they were stored and whose checksum is right. Bytes that cannot be a document are an empty
    /// one; wrong ones within end it early.
    pub fn trusted(bytes: &'a [u8]) -> RawDocument<'a> {
        let len = bytes.first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize);
        bytes.get(..len).filter(|_| len >= 5).map_or(RawDocument::EMPTY, RawDocument)
    }

    /// The bytes, their length in front.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The first field of this name. Costs a step for each field before it, whatever its size.
    pub fn get(self, name: &str) -> Option<Value<'a>> {
        self.find(name.as_bytes())?.value()
    }

    /// The first element of this name, its value not yet looked at.
    pub fn find(self, name: &[u8]) -> Option<RawElement<'a>> {
        let mut elements = self.elements();
        loop {
            let element = elements.step()?;
            // Lengths tell most names apart without a look at their bytes.
            if element.name.len() == name.len() && element.name == name {
                return Some(element);
            }
        }
    }

    /// All elements in order, their values not yet looked at.
    pub fn elements(self) -> RawElements<'a> {
        RawElements { rest: self.0.get(4..).unwrap_or_default() }
    }

    /// All fields in order.
    pub fn iter(self) -> RawFields<'a> {
        RawFields(self.elements())
    }

    /// How many fields there are; costs a step for each.
    pub fn len(self) -> usize {
        self.elements().count()
    }

    /// Whether there is no field.
    pub fn is_empty(self) -> bool {
        self.elements().next().is_none()
    }
}

impl fmt::Debug for RawDocument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::write_fields(f, &mut self.iter(), 0)
    }
}

impl<'a> IntoIterator for RawDocument<'a> {
    type Item = (&'a str, Value<'a>);
    type IntoIter = RawFields<'a>;

    fn into_iter(self) -> RawFields<'a> {
        self.iter()
    }
}

/// One element: a name, a type, and bytes that are not yet a value.
#[derive(Clone, Copy, Debug)]
pub struct RawElement<'a> {
    kind: Kind,
    name: &'a [u8],
    body: &'a [u8],
}

impl<'a> RawElement<'a> {
    /// The type.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// The name, UTF-8 if the document was checked.
    pub fn name(self) -> &'a [u8] {
        self.name
    }

    /// The value, borrowed from the bytes; `None` when they are damaged.
    pub fn value(self) -> Option<Value<'a>> {
        let body = self.body;
        Some(match self.kind {
            Kind::Double => Value::Double(f64::from_le_bytes(*body.first_chunk()?)),
            Kind::String => Value::String(Cow::Borrowed(text(body)?)),
            Kind::Object => Value::Document(Document::from_raw(RawDocument::trusted(body))),
            Kind::Array => Value::Array(Array::from_raw(RawDocument::trusted(body))),
            Kind::BinData => Value::Binary(binary(body)?),
            Kind::Undefined => Value::Undefined,
            Kind::ObjectId => Value::ObjectId(ObjectId::from_bytes(*body.first_chunk()?)),
            Kind::Bool => Value::Bool(*body.first()? != 0),
            Kind::Date => Value::DateTime(DateTime::from_millis(int64(body)?)),
            Kind::Null => Value::Null,
            Kind::Regex => {
                let text = std::str::from_utf8(body.get(..body.len().checked_sub(1)?)?).ok()?;
                Value::Regex(Regex::from_text(text))
            }
            Kind::DbPointer => {
                let id = *body.last_chunk()?;
                Value::DbPointer(DbPointer::new(text(body)?, ObjectId::from_bytes(id)))
            }
            Kind::JavaScript => Value::JavaScript(Cow::Borrowed(text(body)?)),
            Kind::Symbol => Value::Symbol(Cow::Borrowed(text(body)?)),
            Kind::JavaScriptWithScope => {
                let code = body.get(4..)?;
                let scope = RawDocument::trusted(code.get(text_len(code)?..)?);
                let code = Cow::Borrowed(text(code)?);
                Value::JavaScriptWithScope(Box::new((code, Document::from_raw(scope))))
            }
            Kind::Int32 => Value::Int32(i32::from_le_bytes(*body.first_chunk()?)),
            Kind::Timestamp => Value::Timestamp(Timestamp::from_u64(int64(body)? as u64)),
            Kind::Int64 => Value::Int64(int64(body)?),
            Kind::Decimal128 => Value::Decimal128(Decimal128::from_bytes(*body.first_chunk()?)),
            Kind::MaxKey => Value::MaxKey,
            Kind::MinKey => Value::MinKey,
        })
    }

    /// Whether it has the same type and the same bytes as another, so that the values are equal.
    pub(super) fn is_same_value(self, other: RawElement<'_>) -> bool {
        self.kind == other.kind && self.body == other.body
    }

    /// The bytes of the value as they lie in the document.
    pub(super) fn body(self) -> &'a [u8] {
        self.body
    }
}

/// Elements in order.
#[derive(Clone, Debug)]
pub struct RawElements<'a> {
    rest: &'a [u8],
}

impl<'a> RawElements<'a> {
    /// Takes the next element off the rest, which stays as it is when there is none.
    #[inline]
    fn step(&mut self) -> Option<RawElement<'a>> {
        let kind = Kind::from_byte(*self.rest.first()?)?;
        let after_kind = self.rest.get(1..)?;
        let (name, body) = after_kind.split_at_checked(zero_at(after_kind)?)?;
        let (body, rest) = body.get(1..)?.split_at_checked(body_len(kind, body.get(1..)?)?)?;
        self.rest = rest;
        Some(RawElement { kind, name, body })
    }

    /// What has not been read: one zero byte after the last element of a sound document.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for RawElements<'a> {
    type Item = RawElement<'a>;

    fn next(&mut self) -> Option<RawElement<'a>> {
        self.step()
    }
}

/// Fields in order: names and values.
#[derive(Clone, Debug)]
pub struct RawFields<'a>(RawElements<'a>);

impl<'a> Iterator for RawFields<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<(&'a str, Value<'a>)> {
        let element = self.0.next()?;
        Some((std::str::from_utf8(element.name).ok()?, element.value()?))
    }
}

/// Where the first zero is, eight bytes at a time.
#[inline]
fn zero_at(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        // The lowest high bit that is left stands at the first byte that is zero (H. S. Warren,
        // Hacker's Delight, section 6-1).
        let zeros = word.wrapping_sub(ONES) & !word & ONES << 7;
        if zeros != 0 {
            return Some(at + (zeros.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| *byte == 0).map(|found| at + found)
}

#[inline]
fn length(bytes: &[u8]) -> Option<usize> {
    usize::try_from(i32::from_le_bytes(*bytes.first_chunk()?)).ok()
}

fn int64(body: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(*body.first_chunk()?))
}

/// Length of a text with the length in front and the zero byte behind.
fn text_len(bytes: &[u8]) -> Option<usize> {
    length(bytes)?.checked_add(4)
}

/// The text that bytes begin with.
fn text(bytes: &[u8]) -> Option<&str> {
    let end = text_len(bytes)?.checked_sub(1)?;
    std::str::from_utf8(bytes.get(4..end)?).ok()
}

/// Bytes with their length and subtype in front; the old subtype states the length twice.
fn binary(body: &[u8]) -> Option<Binary<'_>> {
    let subtype = *body.get(4)?;
    let start = if subtype == Binary::OLD { 9 } else { 5 };
    Some(Binary { subtype, bytes: Cow::Borrowed(body.get(start..)?) })
}

/// How many of the bytes after a name are the element's.
#[inline]
fn body_len(kind: Kind, bytes: &[u8]) -> Option<usize> {
    Some(match kind {
        Kind::Undefined | Kind::Null | Kind::MinKey | Kind::MaxKey => 0,
        Kind::Bool => 1,
        Kind::Int32 => 4,
        Kind::Double | Kind::Date | Kind::Timestamp | Kind::Int64 => 8,
        Kind::ObjectId => 12,
        Kind::Decimal128 => 16,
        Kind::String | Kind::JavaScript | Kind::Symbol => text_len(bytes)?,
        Kind::DbPointer => text_len(bytes)?.checked_add(12)?,
        Kind::Object | Kind::Array | Kind::JavaScriptWithScope => length(bytes)?,
        Kind::BinData => length(bytes)?.checked_add(5)?,
        Kind::Regex => {
            let pattern = zero_at(bytes)? + 1;
            pattern + zero_at(bytes.get(pattern..)?)? + 1
        }
    })
}
