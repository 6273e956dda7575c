//! The record: one entry in a file, such that any bytes survive and text stays readable.
//!
//! ```text
//! NDJSON   {"key": "text", "value": "text"}
//!          {"key_base64": "/w==", "value_base64": "AAE="}     what is not UTF-8
//! CSV      key,key_base64,value,value_base64                  the header line
//!          text,,text,
//!          ,/w==,,AAE=
//! ```
//!
//! A record has exactly one field for its key and one for its value; in CSV the base64 column
//! counts when it is not empty. `export`, `scan --json` and `get --json` write records, `import`
//! takes them in again.
//!
//! Not for documents with a key of their own inside: see `rows.rs`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::str;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

/// The columns of records as CSV.
pub const COLUMNS: [&str; 4] = ["key", "key_base64", "value", "value_base64"];

/// Writes a record as a line of JSON; without a value, only its key.
pub fn write_json(out: &mut dyn Write, key: &[u8], value: Option<&[u8]>) -> io::Result<()> {
    out.write_all(b"{")?;
    write_field(out, "key", key)?;
    if let Some(value) = value {
        out.write_all(b",")?;
        write_field(out, "value", value)?;
    }
    out.write_all(b"}\n")
}

fn write_field(out: &mut dyn Write, name: &str, bytes: &[u8]) -> io::Result<()> {
    match str::from_utf8(bytes) {
        Ok(text) => {
            write!(out, "\"{name}\":")?;
            Ok(serde_json::to_writer(&mut *out, text)?)
        }
        Err(_) => write!(out, "\"{name}_base64\":\"{}\"", Base64Display::new(bytes, &STANDARD)),
    }
}

/// A field of any bytes: its name and its text, as in records.
pub fn json_field(name: &str, bytes: &[u8]) -> (String, String) {
    match str::from_utf8(bytes) {
        Ok(text) => (name.to_owned(), text.to_owned()),
        Err(_) => (format!("{name}_base64"), STANDARD.encode(bytes)),
    }
}

/// A record as the fields of a CSV line.
pub fn to_csv<'a>(key: &'a [u8], value: &'a [u8]) -> [std::borrow::Cow<'a, str>; 4] {
    let pair = |bytes: &'a [u8]| match str::from_utf8(bytes) {
        Ok(text) => [text.into(), "".into()],
        Err(_) => ["".into(), STANDARD.encode(bytes).into()],
    };
    let ([key, key_base64], [value, value_base64]) = (pair(key), pair(value));
    [key, key_base64, value, value_base64]
}

/// Whether an object with these fields is a record.
pub fn is_json<V>(fields: &BTreeMap<String, V>) -> bool {
    let either = |text, coded| fields.contains_key(text) != fields.contains_key(coded);
    fields.len() == 2 && either("key", "key_base64") && either("value", "value_base64")
}

/// The bytes that the text `text` or the base64 `coded` says.
///
/// # Errors
/// A sentence, when `coded` is not base64.
pub fn bytes(text: &str, coded: &str, name: &str) -> Result<Vec<u8>, String> {
    if coded.is_empty() {
        return Ok(text.as_bytes().to_vec());
    }
    if !text.is_empty() {
        return Err(format!("both {name} and {name}_base64 are set"));
    }
    STANDARD.decode(coded).map_err(|error| format!("{name}_base64 is not base64: {error}"))
}
