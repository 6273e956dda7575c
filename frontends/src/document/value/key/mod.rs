//! Values as keys: bytes whose order is that of the values, and beside them what the bytes forget.
//!
//! ```text
//! key    ┌──────────┬──────────┬───┐    components in the order of the index; each says where it
//!        │ value of │ value of │ … │    ends, and what follows may be anything
//!        │ field 1  │ field 2  │   │
//!        └──────────┴──────────┴───┘
//! types  bits in the same order, which tell equal values of different types apart
//! ```
//!
//! Equal values have the same bytes, whatever their types: an index of keys finds and refuses
//! duplicates by them. [`TypeBits`] keep what an answer from keys alone has to give back: int,
//! long, double or decimal, -0.0, the form of a decimal, symbol or string, missing or undefined.
//! They are empty for the most usual values.
//!
//! The bytes are a format that files keep: docs/formats/document-key.md has it in full.
//!
//! Not for: which fields are indexed, and how arrays make several keys.
//!
//! # Invariants
//!
//! 1. For all values `a` and `b`, the order of their bytes is `a.compare(b)`, and the reverse
//!    when descending.
//! 2. No value's bytes begin with those of another: so compound keys compare field by field.
//! 3. Decoding the bytes and the type bits of a value gives the value back, its type included.
//! 4. No bytes make decoding panic.
//!
//! What it owes to others: type bits beside keys are an idea of MongoDB's storage format.

use std::ops::RangeInclusive;

use super::{Array, DEPTH_MAX, Document, Kind, Value};

mod types;
mod number;
mod input;
mod decode;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub use types::{TypeBits, TypeBitsReader};

/// Which way a component of a key is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Lesser values first.
    Ascending,
    /// Greater values first: every byte is inverted.
    Descending,
}

/// First bytes of values. Classes are in the order of values; bytes between them are free. Zero
/// ends documents and arrays, so it begins no value.
pub(super) mod tag {
    pub const MIN_KEY: u8 = 0x0a;
    pub const UNDEFINED: u8 = 0x14;
    pub const NULL: u8 = 0x1e;
    /// The numbers around zero: from 12 below it, not-a-number, to 11 above, infinity.
    pub const ZERO: u8 = 0x2c;
    pub const STRING: u8 = 0x60;
    pub const DOCUMENT: u8 = 0x64;
    pub const ARRAY: u8 = 0x68;
    pub const BINARY: u8 = 0x6c;
    pub const OBJECT_ID: u8 = 0x70;
    pub const FALSE: u8 = 0x74;
    pub const TRUE: u8 = 0x75;
    pub const DATE: u8 = 0x78;
    pub const TIMESTAMP: u8 = 0x7c;
    pub const REGEX: u8 = 0x80;
    pub const DB_POINTER: u8 = 0x84;
    pub const CODE: u8 = 0x88;
    pub const CODE_WITH_SCOPE: u8 = 0x8c;
    pub const MAX_KEY: u8 = 0xf0;
    /// Ends a document or an array.
    pub const END: u8 = 0;
}

/// Appends a value to a key; `None` is missing. Allocates nothing but what the key needs.
pub fn encode(key: &mut Vec<u8>, value: Option<&Value<'_>>, direction: Direction) {
    Encoder { key, types: None }.component(value, direction);
}

/// As [`encode`], and notes in `types` what the bytes forget.
pub fn encode_typed(
    key: &mut Vec<u8>,
    types: &mut TypeBits,
    value: Option<&Value<'_>>,
    direction: Direction,
) {
    Encoder { key, types: Some(types) }.component(value, direction);
}

/// The first bytes that values of a type can have, for ranges of all values of one type. Types that
/// compare by value have the same: all numbers, strings and symbols, undefined and missing.
pub fn first_bytes(kind: Kind, direction: Direction) -> RangeInclusive<u8> {
    let (first, last) = match kind {
        _ if kind.is_number() => (tag::ZERO - 12, tag::ZERO + 11),
        Kind::Bool => (tag::FALSE, tag::TRUE),
        _ => (class(kind), class(kind)),
    };
    match direction {
        Direction::Ascending => first..=last,
        Direction::Descending => !last..=!first,
    }
}

/// The least first byte of a type: its place among types, where these decide before values.
fn class(kind: Kind) -> u8 {
    match kind {
        Kind::MinKey => tag::MIN_KEY,
        Kind::Undefined => tag::UNDEFINED,
        Kind::Null => tag::NULL,
        Kind::Double | Kind::Int32 | Kind::Int64 | Kind::Decimal128 => tag::ZERO - 12,
        Kind::String | Kind::Symbol => tag::STRING,
        Kind::Object => tag::DOCUMENT,
        Kind::Array => tag::ARRAY,
        Kind::BinData => tag::BINARY,
        Kind::ObjectId => tag::OBJECT_ID,
        Kind::Bool => tag::FALSE,
        Kind::Date => tag::DATE,
        Kind::Timestamp => tag::TIMESTAMP,
        Kind::Regex => tag::REGEX,
        Kind::DbPointer => tag::DB_POINTER,
        Kind::JavaScript => tag::CODE,
        Kind::JavaScriptWithScope => tag::CODE_WITH_SCOPE,
        Kind::MaxKey => tag::MAX_KEY,
    }
}

struct Encoder<'e> {
    key: &'e mut Vec<u8>,
    types: Option<&'e mut TypeBits>,
}

impl Encoder<'_> {
    fn component(&mut self, value: Option<&Value<'_>>, direction: Direction) {
        let start = self.key.len();
        match value {
            Some(value) => self.value(value, 0),
            None => {
                self.key.push(tag::UNDEFINED);
                self.note(0, 1);
            }
        }
        if direction == Direction::Descending {
            self.key.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
        }
    }

    fn note(&mut self, bits: u32, count: u32) {
        if let Some(types) = &mut self.types {
            types.push(bits, count);
        }
    }

    fn value(&mut self, value: &Value<'_>, depth: usize) {
        if let Some(number) = value.number() {
            number::encode(self.key, number);
            if let Some(types) = &mut self.types {
                types::note_number(types, number);
            }
            return;
        }
        self.key.push(class(value.kind()));
        match value {
            Value::Undefined => self.note(1, 1),
            Value::String(text) => {
                self.note(0, 1);
                self.text(text);
            }
            Value::Symbol(text) => {
                self.note(1, 1);
                self.text(text);
            }
            Value::Document(document) => self.fields(document, depth + 1),
            Value::Array(array) => self.items(array, depth + 1),
            Value::Binary(binary) => {
                self.length(binary.bytes.len());
                self.key.push(binary.subtype);
                self.key.extend_from_slice(&binary.bytes);
            }
            Value::ObjectId(id) => self.key.extend_from_slice(&id.bytes()),
            Value::Bool(truth) => {
                self.key.pop();
                self.key.push(if *truth { tag::TRUE } else { tag::FALSE });
            }
            Value::DateTime(at) => {
                // With the sign inverted, negative ones come first.
                let ordered = at.millis() as u64 ^ 1 << 63;
                self.key.extend_from_slice(&ordered.to_be_bytes());
            }
            Value::Timestamp(at) => self.key.extend_from_slice(&at.to_u64().to_be_bytes()),
            Value::Regex(regex) => {
                self.text(regex.pattern());
                self.text(regex.options());
            }
            Value::DbPointer(pointer) => {
                self.length(pointer.namespace().len());
                self.key.extend_from_slice(pointer.namespace().as_bytes());
                self.key.extend_from_slice(&pointer.id().bytes());
            }
            Value::JavaScript(code) => self.text(code),
            Value::JavaScriptWithScope(both) => {
                self.text(&both.0);
                self.fields(&both.1, depth + 1);
            }
            Value::Null | Value::MinKey | Value::MaxKey => {}
            Value::Int32(_) | Value::Int64(_) | Value::Double(_) | Value::Decimal128(_) => {}
        }
    }

    /// For each field the class of its value, its name and the value.
    fn fields(&mut self, document: &Document<'_>, depth: usize) {
        if depth <= DEPTH_MAX {
            for (name, value) in document {
                self.key.push(class(value.kind()));
                self.text(name);
                self.value(&value, depth);
            }
        }
        self.key.push(tag::END);
    }

    fn items(&mut self, array: &Array<'_>, depth: usize) {
        if depth <= DEPTH_MAX {
            array.iter().for_each(|value| self.value(&value, depth));
        }
        self.key.push(tag::END);
    }

    /// Text with its zeros as `0 255`, ended by `0 1`.
    fn text(&mut self, text: &str) {
        for (index, part) in text.as_bytes().split(|byte| *byte == 0).enumerate() {
            if index > 0 {
                self.key.extend_from_slice(&[0, 0xff]);
            }
            self.key.extend_from_slice(part);
        }
        self.key.extend_from_slice(&[0, 1]);
    }

    /// A length below 255 as a byte, else 255 and four bytes.
    fn length(&mut self, len: usize) {
        match u8::try_from(len) {
            Ok(len) if len < 0xff => self.key.push(len),
            _ => {
                self.key.push(0xff);
                self.key.extend_from_slice(&(len as u32).to_be_bytes());
            }
        }
    }
}
