//! Rows of a file as keys and values.
//!
//! - **NDJSON**: a line is an object; its bytes, without blanks around them, are the value. The key
//!   is one of its fields: text, or a whole number as its digits.
//! - **CSV**: a line becomes an object of its fields, in the order of the columns. An empty field
//!   is `null`; a field that is a number of JSON without exponent, and that a 64-bit integer or
//!   float holds without loss, is that number, spelled as it was; any other is text. So `007`, `+1`
//!   and `0.10000000000000000001` stay text. The key is the text of one column.
//! - **Records** of `record.rs`, in either: the key and value that they say. A file whose key field
//!   is not chosen holds records where its lines (NDJSON) or its header (CSV) look like them.
//!
//! A line that cannot be used is told apart from a file that cannot be read: it may be skipped.

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::str;

use cuesta::{Error, Result};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::input::{Input, Layout};
use crate::record;

/// Fields that hold the key of an NDJSON line when none is chosen, the first one there.
const KEY_FIELDS: [&str; 2] = ["_id", "id"];
/// The longest line: four times as long as a batch may be anyway.
const LINE_BYTES_MAX: u64 = 512 << 20;

/// What taking a line in gives, or why it is no row.
type Taken<T> = std::result::Result<T, String>;

/// How fields of CSV become JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Numbers are numbers.
    Typed,
    /// Everything is text, empty fields too.
    Text,
}

/// How to read rows.
#[derive(Clone, Debug)]
pub struct RowSettings {
    /// What is in the file; found out when not said.
    pub layout: Option<Layout>,
    /// The field or column of the key.
    pub key: Option<String>,
    /// How fields of CSV become JSON.
    pub fields: Fields,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// What reading on gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A row.
    Row,
    /// A line that is no row, and why.
    Bad(String),
    /// The end.
    End,
}

/// Rows of an input, one after the other.
pub struct Rows {
    name: String,
    source: Source,
}

enum Source {
    Lines(Lines),
    Table(Table),
}

impl Rows {
    /// The rows of `input`.
    ///
    /// # Errors
    /// `Invalid` for a CSV header without the key column; `Io`.
    pub fn new(mut input: Input, settings: &RowSettings) -> Result<Rows> {
        let layout = match settings.layout {
            Some(layout) => layout,
            None => input.layout()?,
        };
        let (name, key) = (input.name, settings.key.clone());
        let source = match layout {
            Layout::Ndjson => {
                Source::Lines(Lines { content: input.content, key, line: vec![], number: 0 })
            }
            Layout::Csv => {
                let table = Table::new(input.content, key, settings.fields);
                Source::Table(table.map_err(|e| e.context(&name))?)
            }
        };
        Ok(Rows { name, source })
    }

    /// Puts the next row into `row`. A bad line is named with its file and number.
    ///
    /// # Errors
    /// `Io`; `Invalid` for a line that never ends.
    pub fn next(&mut self, row: &mut Row) -> Result<Next> {
        row.key.clear();
        row.value.clear();
        let next = match &mut self.source {
            Source::Lines(lines) => lines.next(row),
            Source::Table(table) => table.next(row),
        };
        match next.map_err(|e| e.context(&self.name))? {
            Next::Bad(problem) => Ok(Next::Bad(self.place(&problem))),
            next => Ok(next),
        }
    }

    /// `what` with the file and line of the row read last before it.
    pub fn place(&self, what: &str) -> String {
        let line = match &self.source {
            Source::Lines(lines) => lines.number,
            Source::Table(table) => table.line,
        };
        format!("{} line {line}: {what}", self.name)
    }
}

/// NDJSON.
struct Lines {
    content: Box<dyn BufRead>,
    key: Option<String>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn next(&mut self, row: &mut Row) -> Result<Next> {
        loop {
            self.line.clear();
            let mut limited = self.content.by_ref().take(LINE_BYTES_MAX);
            let read =
                limited.read_until(b'\n', &mut self.line).map_err(|e| Error::io("reading", e))?;
            if read == 0 {
                return Ok(Next::End);
            }
            self.number += 1;
            if read as u64 == LINE_BYTES_MAX {
                let number = self.number;
                return Err(Error::invalid(format!(
                    "line {number} is longer than {LINE_BYTES_MAX} bytes"
                )));
            }
            let line = self.line.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.number == 1);
            let line = line.unwrap_or(&self.line).trim_ascii();
            if !line.is_empty() {
                let taken = take_object(line, self.key.as_deref(), row);
                return Ok(taken.map_or_else(Next::Bad, |()| Next::Row));
            }
        }
    }
}

fn take_object(line: &[u8], key: Option<&str>, row: &mut Row) -> Taken<()> {
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(line).map_err(|error| format!("no JSON object: {error}"))?;
    let raw = match key {
        Some(key) => fields.get(key).ok_or_else(|| format!("no field {key:?}"))?,
        None if record::is_json(&fields) => return take_record(&fields, row),
        None => KEY_FIELDS
            .iter()
            .find_map(|name| fields.get(*name))
            .ok_or("no field \"_id\" or \"id\"; name the key with --key")?,
    };
    match serde_json::from_str(raw.get()) {
        Ok(Value::String(text)) if !text.is_empty() => row.key.extend_from_slice(text.as_bytes()),
        Ok(Value::Number(number)) if !number.is_f64() => {
            row.key.extend_from_slice(number.to_string().as_bytes());
        }
        _ => return Err(format!("the key is {}; it must be text or a whole number", raw.get())),
    }
    row.value.extend_from_slice(line);
    Ok(())
}

fn take_record(fields: &BTreeMap<String, &RawValue>, row: &mut Row) -> Taken<()> {
    let text = |name: &str| match fields.get(name) {
        None => Ok(String::new()),
        Some(raw) => serde_json::from_str::<String>(raw.get())
            .map_err(|_| format!("{name} is {}; it must be text", raw.get())),
    };
    row.key = record::bytes(&text("key")?, &text("key_base64")?, "key")?;
    row.value = record::bytes(&text("value")?, &text("value_base64")?, "value")?;
    Ok(())
}

/// CSV.
struct Table {
    reader: csv::Reader<Box<dyn BufRead>>,
    record: csv::ByteRecord,
    line: u64,
    shape: Shape,
}

/// What the columns mean.
enum Shape {
    Records,
    Objects {
        /// The column of the key.
        key: usize,
        /// Names of the columns as JSON.
        names: Vec<Vec<u8>>,
        fields: Fields,
    },
}

impl Table {
    fn new(content: Box<dyn BufRead>, key: Option<String>, fields: Fields) -> Result<Table> {
        let mut reader = csv::Reader::from_reader(content);
        let header = reader.headers().map_err(|error| match error.kind() {
            csv::ErrorKind::Utf8 { .. } => Error::invalid("the header line is not UTF-8"),
            _ => csv_failed(error),
        })?;
        let columns: Vec<&str> = header.iter().collect();
        let shape = if columns == record::COLUMNS && key.is_none() {
            Shape::Records
        } else {
            let place = |name: &str| columns.iter().position(|column| *column == name);
            if let Some(twice) =
                columns.iter().enumerate().find(|(at, name)| place(name) != Some(*at))
            {
                return Err(Error::invalid(format!("the header line names {:?} twice", twice.1)));
            }
            let key = match key.as_deref() {
                None => 0,
                Some(name) => place(name).ok_or_else(|| {
                    Error::invalid(format!("no column {name:?}; there are {}", columns.join(", ")))
                })?,
            };
            let names = columns.iter().map(|name| Value::from(*name).to_string().into_bytes());
            Shape::Objects { key, names: names.collect(), fields }
        };
        Ok(Table { reader, record: csv::ByteRecord::new(), line: 1, shape })
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        let read = self.reader.read_byte_record(&mut self.record);
        if let Some(position) = self.record.position() {
            self.line = position.line();
        }
        match read {
            Ok(false) => return Ok(Next::End),
            Ok(true) => {}
            Err(error) => match error.kind() {
                csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                    self.line = pos.as_ref().map_or(self.line, csv::Position::line);
                    return Ok(Next::Bad(format!("{len} fields instead of {expected_len}")));
                }
                _ => return Err(csv_failed(error)),
            },
        }
        let taken = match &self.shape {
            Shape::Records => take_columns(&self.record, row),
            Shape::Objects { key, names, fields } => {
                take_fields(&self.record, *key, names, *fields, row)
            }
        };
        Ok(taken.map_or_else(Next::Bad, |()| Next::Row))
    }
}

fn csv_failed(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::io("reading", error),
        kind => Error::invalid(format!("{kind:?}")),
    }
}

fn text_of(field: &[u8]) -> Taken<&str> {
    str::from_utf8(field)
        .map_err(|_| format!("{:?} is not UTF-8", field.escape_ascii().to_string()))
}

fn take_columns(record: &csv::ByteRecord, row: &mut Row) -> Taken<()> {
    let text = |at| text_of(record.get(at).unwrap_or_default());
    row.key = record::bytes(text(0)?, text(1)?, "key")?;
    row.value = record::bytes(text(2)?, text(3)?, "value")?;
    Ok(())
}

fn take_fields(
    record: &csv::ByteRecord,
    key: usize,
    names: &[Vec<u8>],
    fields: Fields,
    row: &mut Row,
) -> Taken<()> {
    let name = record.get(key).unwrap_or_default();
    if name.is_empty() {
        return Err("the key is empty".to_owned());
    }
    text_of(name)?;
    row.key.extend_from_slice(name);
    let mut separator = b'{';
    for (name, field) in names.iter().zip(record) {
        row.value.push(separator);
        row.value.extend_from_slice(name);
        row.value.push(b':');
        put_field(text_of(field)?, fields, &mut row.value);
        separator = b',';
    }
    row.value.push(b'}');
    Ok(())
}

fn put_field(text: &str, fields: Fields, out: &mut Vec<u8>) {
    let written = match fields {
        Fields::Typed if text.is_empty() => out.write_all(b"null"),
        Fields::Typed if is_lossless_number(text) => out.write_all(text.as_bytes()),
        _ => serde_json::to_writer(out, text).map_err(Into::into),
    };
    debug_assert!(written.is_ok(), "memory takes any bytes");
}

/// Whether `text` is a number of JSON that a 64-bit integer or float holds exactly as it is
/// written, but for zeros at the end of a fraction.
fn is_lossless_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return false;
    }
    match fraction {
        None if text.starts_with('-') => digits != "0" && text.parse::<i64>().is_ok(),
        None => text.parse::<u64>().is_ok(),
        Some(fraction) => all_digits(fraction) && is_lossless_float(text),
    }
}

/// The shortest text that reads as the same float must have the same digits.
fn is_lossless_float(text: &str) -> bool {
    let Ok(float) = text.parse::<f64>() else { return false };
    let shortest = float.to_string();
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    trimmed == shortest
}

#[cfg(test)]
mod tests;
