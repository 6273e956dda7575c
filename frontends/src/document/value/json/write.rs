//! Values as JSON.

use std::fmt::Write as _;

use super::super::{Array, Binary, DEPTH_MAX, Document, Value};
use super::JsonStyle;
use crate::base64;
use crate::json::put_text;

pub fn value(value: &Value<'_>, style: JsonStyle) -> String {
    let mut writer = Writer { out: Vec::new(), style };
    writer.value(value, 0);
    writer.finish()
}

pub fn document(document: &Document<'_>, style: JsonStyle) -> String {
    let mut writer = Writer { out: Vec::new(), style };
    writer.fields(document, 0);
    writer.finish()
}

struct Writer {
    out: Vec<u8>,
    style: JsonStyle,
}

/// The last moment that has a year of four digits.
const LAST_SHORT_MS: i64 = 253_402_300_799_999;

impl Writer {
    fn finish(self) -> String {
        // Only whole texts were written.
        String::from_utf8(self.out).unwrap_or_default()
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        put_text(text, &mut self.out);
    }

    /// `{"$name":"text"}`
    fn wrapped(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.put("}");
    }

    /// `{"$name":`
    fn open(&mut self, name: &str) {
        self.put("{\"");
        self.put(name);
        self.put("\":");
    }

    /// What displays itself without anything to escape, in quotes.
    fn quoted(&mut self, shown: impl std::fmt::Display) {
        self.put("\"");
        self.shown(shown);
        self.put("\"");
    }

    fn shown(&mut self, shown: impl std::fmt::Display) {
        let mut text = String::new();
        let _ = write!(text, "{shown}");
        self.put(&text);
    }

    /// A number plainly, or in canonical style wrapped.
    fn number(&mut self, name: &str, shown: impl std::fmt::Display) {
        match self.style {
            JsonStyle::Relaxed => self.shown(shown),
            JsonStyle::Canonical => {
                self.open(name);
                self.quoted(shown);
                self.put("}");
            }
        }
    }

    fn double(&mut self, number: f64) {
        match number {
            _ if number.is_nan() => self.wrapped("$numberDouble", "NaN"),
            f64::INFINITY => self.wrapped("$numberDouble", "Infinity"),
            f64::NEG_INFINITY => self.wrapped("$numberDouble", "-Infinity"),
            // With a point or an exponent, or it would be read as a whole number.
            _ => self.number("$numberDouble", format_args!("{number:?}")),
        }
    }

    fn date(&mut self, at: super::super::DateTime) {
        self.open("$date");
        let short = (0..=LAST_SHORT_MS).contains(&at.millis());
        if self.style == JsonStyle::Relaxed && short {
            let text = at.to_string();
            self.text(&text.replace(".000Z", "Z"));
        } else {
            self.open("$numberLong");
            self.quoted(at.millis());
            self.put("}");
        }
        self.put("}");
    }

    fn binary(&mut self, binary: &Binary<'_>) {
        self.put("{\"$binary\":{\"base64\":\"");
        base64::encode(&binary.bytes, &mut self.out);
        self.shown(format_args!("\",\"subType\":\"{:02x}\"}}}}", binary.subtype));
    }

    fn value(&mut self, value: &Value<'_>, depth: usize) {
        match value {
            Value::Double(number) => self.double(*number),
            Value::String(text) => self.text(text),
            Value::Document(document) => self.fields(document, depth + 1),
            Value::Array(array) => self.items(array, depth + 1),
            Value::Binary(binary) => self.binary(binary),
            Value::Undefined => self.put("{\"$undefined\":true}"),
            Value::ObjectId(id) => self.wrapped("$oid", &id.to_string()),
            Value::Bool(truth) => self.put(if *truth { "true" } else { "false" }),
            Value::DateTime(at) => self.date(*at),
            Value::Null => self.put("null"),
            Value::Regex(regex) => {
                self.put("{\"$regularExpression\":{\"pattern\":");
                self.text(regex.pattern());
                self.put(",\"options\":");
                self.text(regex.options());
                self.put("}}");
            }
            Value::DbPointer(pointer) => {
                self.put("{\"$dbPointer\":{\"$ref\":");
                self.text(pointer.namespace());
                self.put(",\"$id\":");
                self.wrapped("$oid", &pointer.id().to_string());
                self.put("}}");
            }
            Value::JavaScript(code) => self.wrapped("$code", code),
            Value::Symbol(text) => self.wrapped("$symbol", text),
            Value::JavaScriptWithScope(both) => {
                self.open("$code");
                self.text(&both.0);
                self.put(",\"$scope\":");
                self.fields(&both.1, depth + 1);
                self.put("}");
            }
            Value::Int32(number) => self.number("$numberInt", number),
            Value::Timestamp(at) => {
                let (t, i) = (at.seconds, at.increment);
                self.shown(format_args!("{{\"$timestamp\":{{\"t\":{t},\"i\":{i}}}}}"));
            }
            Value::Int64(number) => self.number("$numberLong", number),
            Value::Decimal128(number) => self.wrapped("$numberDecimal", &number.to_string()),
            Value::MinKey => self.put("{\"$minKey\":1}"),
            Value::MaxKey => self.put("{\"$maxKey\":1}"),
        }
    }

    fn fields(&mut self, document: &Document<'_>, depth: usize) {
        self.put("{");
        if depth <= DEPTH_MAX {
            for (index, (name, value)) in document.iter().enumerate() {
                if index > 0 {
                    self.put(",");
                }
                self.text(name);
                self.put(":");
                self.value(&value, depth);
            }
        }
        self.put("}");
    }

    fn items(&mut self, array: &Array<'_>, depth: usize) {
        self.put("[");
        if depth <= DEPTH_MAX {
            for (index, value) in array.iter().enumerate() {
                if index > 0 {
                    self.put(",");
                }
                self.value(&value, depth);
            }
        }
        self.put("]");
    }
}
