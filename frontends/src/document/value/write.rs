//! Values into BSON bytes, as drivers write them: fields in order, array elements named by index.

use super::Value;
use super::array::Array;
use super::check::Limits;
use super::document::Document;
use super::raw::RawDocument;
use super::scalar::{Binary, ObjectId};
use crate::Result;
use crate::document::failure;

impl Document<'_> {
    /// Its BSON bytes, within the limits of MongoDB.
    ///
    /// # Errors
    /// As [`write_to`](Document::write_to).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes, &Limits::default())?;
        Ok(bytes)
    }

    /// Appends its BSON bytes. Parts that are bytes already are copied as they are.
    ///
    /// # Errors
    /// Code 2 when a field's name holds a zero byte, 10334 when there are more bytes than allowed,
    /// 15 when it is nested too deeply. What was written by then is taken back.
    pub fn write_to(&self, bytes: &mut Vec<u8>, limits: &Limits) -> Result<()> {
        let start = bytes.len();
        let mut writer = Writer { bytes, start, limits };
        let written = writer.document(self, limits.depth_max).and_then(|()| writer.within_limit());
        if written.is_err() {
            bytes.truncate(start);
        }
        written
    }
}

struct Writer<'w> {
    bytes: &'w mut Vec<u8>,
    start: usize,
    limits: &'w Limits,
}

impl Writer<'_> {
    fn within_limit(&self) -> Result<()> {
        let max = self.limits.size_max.min(i32::MAX as usize);
        if self.bytes.len() - self.start <= max {
            return Ok(());
        }
        Err(failure::document_too_large(format!(
            "a document is larger than the {max} bytes allowed"
        )))
    }

    fn document(&mut self, document: &Document<'_>, depth: usize) -> Result<()> {
        if let Some(raw) = document.as_raw() {
            return self.raw(raw);
        }
        self.nested(depth, |writer, depth| {
            for (name, value) in document {
                writer.element(name, &value, depth)?;
            }
            Ok(())
        })
    }

    fn array(&mut self, array: &Array<'_>, depth: usize) -> Result<()> {
        if let Some(raw) = array.as_raw() {
            return self.raw(raw);
        }
        self.nested(depth, |writer, depth| {
            let mut digits = [0; 20];
            for (index, value) in array.iter().enumerate() {
                writer.element(decimal(index, &mut digits), &value, depth)?;
            }
            Ok(())
        })
    }

    fn raw(&mut self, raw: RawDocument<'_>) -> Result<()> {
        self.bytes.extend_from_slice(raw.as_bytes());
        self.within_limit()
    }

    /// Writes a length, what `inside` writes, and the end.
    fn nested(
        &mut self,
        depth: usize,
        inside: impl FnOnce(&mut Self, usize) -> Result<()>,
    ) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(failure::overflow(format!(
                "a document is nested more than {} levels deep",
                self.limits.depth_max
            )));
        };
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        inside(self, depth)?;
        self.bytes.push(0);
        self.set_length(at)
    }

    /// Writes what has been written since `at` as a length there.
    fn set_length(&mut self, at: usize) -> Result<()> {
        self.within_limit()?;
        let len = (self.bytes.len() - at) as u32;
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&len.to_le_bytes());
        }
        Ok(())
    }

    fn element(&mut self, name: &str, value: &Value<'_>, depth: usize) -> Result<()> {
        if name.as_bytes().contains(&0) {
            return Err(failure::bad_value(format!("the field name {name:?} holds a zero byte")));
        }
        self.bytes.push(value.kind().byte());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        match value {
            Value::Document(document) => return self.document(document, depth),
            Value::Array(array) => return self.array(array, depth),
            Value::JavaScriptWithScope(both) => {
                let at = self.bytes.len();
                self.bytes.extend_from_slice(&[0; 4]);
                self.text(&both.0);
                self.document(&both.1, depth)?;
                return self.set_length(at);
            }
            Value::Double(number) => self.bytes.extend_from_slice(&number.to_le_bytes()),
            Value::String(text) | Value::JavaScript(text) | Value::Symbol(text) => self.text(text),
            Value::Binary(binary) => self.binary(binary),
            Value::ObjectId(id) => self.id(*id),
            Value::Bool(truth) => self.bytes.push(u8::from(*truth)),
            Value::DateTime(at) => self.bytes.extend_from_slice(&at.millis().to_le_bytes()),
            Value::Regex(regex) => {
                for text in [regex.pattern(), regex.options()] {
                    self.bytes.extend_from_slice(text.as_bytes());
                    self.bytes.push(0);
                }
            }
            Value::DbPointer(pointer) => {
                self.text(pointer.namespace());
                self.id(pointer.id());
            }
            Value::Int32(number) => self.bytes.extend_from_slice(&number.to_le_bytes()),
            Value::Timestamp(at) => self.bytes.extend_from_slice(&at.to_u64().to_le_bytes()),
            Value::Int64(number) => self.bytes.extend_from_slice(&number.to_le_bytes()),
            Value::Decimal128(number) => self.bytes.extend_from_slice(&number.bytes()),
            Value::Undefined | Value::Null | Value::MinKey | Value::MaxKey => {}
        }
        self.within_limit()
    }

    /// A length, which is checked against the limit once all is written.
    fn length(&mut self, len: usize) {
        self.bytes.extend_from_slice(&(len as u32).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len() + 1);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    fn id(&mut self, id: ObjectId) {
        self.bytes.extend_from_slice(&id.bytes());
    }

    fn binary(&mut self, binary: &Binary<'_>) {
        let old = binary.subtype == Binary::OLD;
        self.length(binary.bytes.len() + if old { 4 } else { 0 });
        self.bytes.push(binary.subtype);
        if old {
            self.length(binary.bytes.len());
        }
        self.bytes.extend_from_slice(&binary.bytes);
    }
}

/// A number in decimal digits, which lie in `digits`.
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &str {
    let mut first = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = at;
        if number == 0 {
            break;
        }
    }
    digits.get(first..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}
