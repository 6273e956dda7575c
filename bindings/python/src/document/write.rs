//! Python objects into BSON bytes, field by field as they are met.
//!
//! The bytes are those that pymongo makes: fields in their order, but `_id` of the outermost
//! document first; an int is 32 bits wide if it fits, else 64.
//!
//! Invariants:
//! 1. Nothing recurses deeper than documents may be nested, so that what contains itself is an
//!    error.
//! 2. What Python code changes meanwhile gives other fields or an error, and no more than that.

use cuesta::document::value::{Limits, RawDocument};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::foreign::{Foreign, foreign, pattern_text, too_large};
use super::kind;
use super::object_id::ObjectId;
use super::raised::raised;

/// Whether names may begin with `$` or hold a dot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Any,
    Plain,
}

/// The BSON bytes of a dict, a mapping, or a document that is bytes already.
///
/// # Errors
/// `InvalidDocument` and its subclasses, which name the path to what cannot be written; what
/// Python raises when code of the objects does.
pub fn encode(document: &Bound<'_, PyAny>, names: Names) -> PyResult<Vec<u8>> {
    let bytes = Vec::with_capacity(1024);
    let mut writer = Writer { bytes, limits: Limits::default(), names };
    match writer.outermost(document) {
        Ok(()) => Ok(writer.bytes),
        Err(refused) => Err(refused.into_error(document.py())),
    }
}

/// Why an object is not written.
enum Refused {
    Python(PyErr),
    /// Class of the exception, what is wrong, and the names that lead there, innermost first.
    Document(&'static str, String, Vec<String>),
}

type Written<T = ()> = Result<T, Refused>;

impl From<PyErr> for Refused {
    fn from(error: PyErr) -> Refused {
        Refused::Python(error)
    }
}

impl Refused {
    #[cold]
    fn new(class: &'static str, message: impl Into<String>) -> Refused {
        Refused::Document(class, message.into(), Vec::new())
    }

    /// The same, for something within a field of this name.
    #[cold]
    fn within(mut self, name: impl FnOnce() -> String) -> Refused {
        if let Refused::Document(_, _, path) = &mut self {
            path.push(name());
        }
        self
    }

    fn into_error(self, py: Python<'_>) -> PyErr {
        match self {
            Refused::Python(error) => error,
            Refused::Document(class, message, path) if path.is_empty() => {
                raised(py, class, message)
            }
            Refused::Document(class, message, path) => {
                let path = path.into_iter().rev().collect::<Vec<_>>().join(".");
                raised(py, class, format!("{path}: {message}"))
            }
        }
    }
}

struct Writer {
    bytes: Vec<u8>,
    limits: Limits,
    names: Names,
}

impl Writer {
    fn outermost(&mut self, document: &Bound<'_, PyAny>) -> Written {
        let depth = self.limits.depth_max;
        if let Ok(dict) = document.cast_exact::<PyDict>() {
            let id = dict.get_item("_id")?;
            return self.nested(depth, |writer, depth| match id {
                None => writer.dict(dict, depth, None),
                Some(id) => {
                    writer.element("_id", &id, depth)?;
                    writer.dict(dict, depth, Some("_id"))
                }
            });
        }
        let found = foreign(document)?;
        match found {
            Some(Foreign::Raw(raw)) => return self.raw(&raw),
            Some(Foreign::Mapping(_)) => {}
            _ => {
                return Err(PyTypeError::new_err(format!(
                    "a document is a dict or another mapping, not {}",
                    document.get_type().name()?
                ))
                .into());
            }
        }
        let id = document.contains("_id")?.then(|| document.get_item("_id")).transpose()?;
        self.nested(depth, |writer, depth| match id {
            None => writer.mapping(document, depth, None),
            Some(id) => {
                writer.element("_id", &id, depth)?;
                writer.mapping(document, depth, Some("_id"))
            }
        })
    }

    /// Writes a length, what `inside` writes, and the end.
    fn nested(
        &mut self,
        depth: usize,
        inside: impl FnOnce(&mut Self, usize) -> Written,
    ) -> Written {
        let Some(depth) = depth.checked_sub(1) else {
            let levels = self.limits.depth_max;
            let message = format!("nested more than {levels} levels deep, or it contains itself");
            return Err(Refused::new("InvalidDocument", message));
        };
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        inside(self, depth)?;
        self.bytes.push(0);
        self.set_length(at)
    }

    /// Writes how long all is that was written since `at`, there.
    fn set_length(&mut self, at: usize) -> Written {
        self.within_limit()?;
        let len = (self.bytes.len() - at) as u32;
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&len.to_le_bytes());
        }
        Ok(())
    }

    #[inline]
    fn within_limit(&self) -> Written {
        let max = self.limits.size_max;
        if self.bytes.len() <= max {
            return Ok(());
        }
        let message = format!("the document is larger than the {max} bytes allowed");
        Err(Refused::new("DocumentTooLarge", message))
    }

    /// The fields of a dict, but for one that was written before.
    fn dict(&mut self, dict: &Bound<'_, PyDict>, depth: usize, but: Option<&str>) -> Written {
        // The iterator panics when a dict changes under it, so that is looked for first.
        let len = dict.len();
        let mut fields = dict.iter();
        for _ in 0..len {
            if dict.len() != len {
                let message = "the dict was changed while it was encoded";
                return Err(PyRuntimeError::new_err(message).into());
            }
            let Some((name, value)) = fields.next() else { break };
            self.field(&name, &value, depth, but)?;
        }
        Ok(())
    }

    /// The fields that a mapping's items are, but for one that was written before.
    fn mapping(&mut self, mapping: &Bound<'_, PyAny>, depth: usize, but: Option<&str>) -> Written {
        for item in mapping.call_method0("items")?.try_iter()? {
            let (name, value) = item?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            self.field(&name, &value, depth, but)?;
        }
        Ok(())
    }

    #[inline]
    fn field(
        &mut self,
        name: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        depth: usize,
        but: Option<&str>,
    ) -> Written {
        let Ok(name) = name.cast::<PyString>() else {
            let shown = name.repr().map_or_else(|_| String::new(), |shown| shown.to_string());
            let message = format!("names of fields are str, and this one is {shown}");
            return Err(Refused::new("InvalidDocument", message));
        };
        let Ok(name) = name.to_str() else { return Err(surrogates("the field name", name)) };
        if but == Some(name) {
            return Ok(());
        }
        if name.as_bytes().contains(&0) {
            let message = format!("the field name {name:?} holds a zero byte");
            return Err(Refused::new("InvalidDocument", message));
        }
        if self.names == Names::Plain && (name.starts_with('$') || name.contains('.')) {
            let message = format!("the field name {name:?} begins with '$' or holds a '.'");
            return Err(Refused::new("InvalidDocument", message));
        }
        self.element(name, value, depth)
    }

    #[inline]
    fn element(&mut self, name: &str, value: &Bound<'_, PyAny>, depth: usize) -> Written {
        let at = self.bytes.len();
        self.bytes.push(0);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        let kind =
            self.value(value, depth).map_err(|refused| refused.within(|| name.to_owned()))?;
        if let Some(place) = self.bytes.get_mut(at) {
            *place = kind;
        }
        Ok(())
    }

    fn items<'py>(
        &mut self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> Written<u8> {
        self.nested(depth, |writer, depth| {
            let mut digits = Digits::default();
            for item in items {
                writer.element(digits.text(), &item, depth)?;
                digits.next();
                writer.within_limit()?;
            }
            Ok(())
        })?;
        Ok(kind::ARRAY)
    }

    /// Writes a value and tells its kind: Python's plain types, the frequent ones first.
    fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Written<u8> {
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.text(text)?;
            return Ok(kind::STRING);
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            return self.int(number);
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.nested(depth, |writer, depth| writer.dict(dict, depth, None))?;
            return Ok(kind::DOCUMENT);
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            return self.items(list.iter(), depth);
        }
        if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.bytes.push(u8::from(truth.is_true()));
            return Ok(kind::BOOL);
        }
        if value.is_none() {
            return Ok(kind::NULL);
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.bytes.extend_from_slice(&number.value().to_le_bytes());
            return Ok(kind::DOUBLE);
        }
        if let Ok(id) = value.cast_exact::<ObjectId>() {
            self.bytes.extend_from_slice(&id.get().0.bytes());
            return Ok(kind::OBJECT_ID);
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.binary(0, bytes.as_bytes());
            return Ok(kind::BINARY);
        }
        match foreign(value)? {
            Some(found) => self.foreign(found, depth),
            None => self.subclass(value, depth),
        }
    }

    /// Objects of classes that are made from Python's plain ones.
    fn subclass(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Written<u8> {
        if let Ok(text) = value.cast::<PyString>() {
            self.text(text)?;
            Ok(kind::STRING)
        } else if let Ok(number) = value.cast::<PyInt>() {
            self.int(number)
        } else if let Ok(number) = value.cast::<PyFloat>() {
            self.bytes.extend_from_slice(&number.value().to_le_bytes());
            Ok(kind::DOUBLE)
        } else if let Ok(bytes) = value.cast::<PyBytes>() {
            self.binary(0, bytes.as_bytes());
            Ok(kind::BINARY)
        } else if let Ok(list) = value.cast::<PyList>() {
            self.items(list.iter(), depth)
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.items(tuple.iter(), depth)
        } else {
            Err(unknown(value))
        }
    }

    fn foreign(&mut self, found: Foreign<'_>, depth: usize) -> Written<u8> {
        Ok(match found {
            Foreign::Binary(subtype, bytes) => {
                self.binary(subtype, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
                kind::BINARY
            }
            Foreign::ObjectId(id) => self.fixed(kind::OBJECT_ID, &id),
            Foreign::Date(millis) => self.fixed(kind::DATE, &millis.to_le_bytes()),
            Foreign::Timestamp(parts) => self.fixed(kind::TIMESTAMP, &parts.to_le_bytes()),
            Foreign::Int64(number) => self.fixed(kind::INT64, &number.to_le_bytes()),
            Foreign::Decimal128(bits) => self.fixed(kind::DECIMAL128, &bits),
            Foreign::MinKey => kind::MIN_KEY,
            Foreign::MaxKey => kind::MAX_KEY,
            Foreign::Regex(pattern, letters) => {
                let pattern = pattern_text(&pattern)?;
                let text = pattern.to_str()?;
                if text.contains('\0') {
                    let message = "a regular expression holds a zero byte";
                    return Err(Refused::new("InvalidDocument", message));
                }
                for part in [text, &letters] {
                    self.bytes.extend_from_slice(part.as_bytes());
                    self.bytes.push(0);
                }
                kind::REGEX
            }
            Foreign::Code(code, scope) => {
                let code = code.cast::<PyString>().map_err(PyErr::from)?;
                if scope.is_none() {
                    self.text(code)?;
                    return Ok(kind::CODE);
                }
                let at = self.bytes.len();
                self.bytes.extend_from_slice(&[0; 4]);
                self.text(code)?;
                self.nested(depth, |writer, depth| writer.mapping(&scope, depth, None))?;
                self.set_length(at)?;
                kind::CODE_WITH_SCOPE
            }
            Foreign::Mapping(mapping) => {
                self.nested(depth, |writer, depth| writer.mapping(&mapping, depth, None))?;
                kind::DOCUMENT
            }
            Foreign::Raw(raw) => {
                self.raw(&raw)?;
                kind::DOCUMENT
            }
        })
    }

    fn fixed(&mut self, kind: u8, bytes: &[u8]) -> u8 {
        self.bytes.extend_from_slice(bytes);
        kind
    }

    #[inline]
    fn int(&mut self, number: &Bound<'_, PyInt>) -> Written<u8> {
        let Ok(wide) = number.extract::<i64>() else { return Err(too_large(number).into()) };
        Ok(match i32::try_from(wide) {
            Ok(narrow) => self.fixed(kind::INT32, &narrow.to_le_bytes()),
            Err(_) => self.fixed(kind::INT64, &wide.to_le_bytes()),
        })
    }

    #[inline]
    fn text(&mut self, text: &Bound<'_, PyString>) -> Written {
        let Ok(utf8) = text.to_str() else { return Err(surrogates("the str", text)) };
        self.length(utf8.len() + 1);
        self.bytes.extend_from_slice(utf8.as_bytes());
        self.bytes.push(0);
        self.within_limit()
    }

    fn binary(&mut self, subtype: u8, bytes: &[u8]) {
        let old = subtype == kind::OLD;
        self.length(bytes.len() + if old { 4 } else { 0 });
        self.bytes.push(subtype);
        if old {
            self.length(bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// A length; that it fits is known once all is written and within the limit.
    #[inline]
    fn length(&mut self, len: usize) {
        self.bytes.extend_from_slice(&(len as u32).to_le_bytes());
    }

    /// A document that is bytes already, once they are checked.
    fn raw(&mut self, raw: &Bound<'_, PyAny>) -> Written {
        let raw = raw.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
        match RawDocument::check(raw, &self.limits) {
            Ok(document) => self.bytes.extend_from_slice(document.as_bytes()),
            Err(error) => return Err(Refused::new("InvalidBSON", error.to_string())),
        }
        self.within_limit()
    }
}

#[cold]
fn surrogates(what: &str, text: &Bound<'_, PyString>) -> Refused {
    let shown = text.repr().map_or_else(|_| String::new(), |it| it.to_string_lossy().into_owned());
    let message = format!("{what} {shown} has surrogates, which UTF-8 cannot have");
    Refused::new("InvalidStringData", message)
}

/// The error that an object of this class is nothing that documents hold.
#[cold]
fn unknown(value: &Bound<'_, PyAny>) -> Refused {
    let class = value.get_type();
    let name = class.fully_qualified_name();
    let name = name.map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let advice = match name.as_str() {
        "decimal.Decimal" => ": make it a Decimal128",
        "datetime.date" => ": make it a datetime",
        "set" | "frozenset" => ": make it a list",
        "bytearray" | "memoryview" => ": make it bytes",
        _ => "",
    };
    let message = format!("documents cannot hold an object of class {name}{advice}");
    Refused::new("InvalidDocument", message)
}

/// The names of items: 0, 1, 2, ... as text, counted in place.
struct Digits {
    bytes: [u8; 20],
    first: usize,
}

impl Default for Digits {
    fn default() -> Digits {
        Digits { bytes: [b'0'; 20], first: 19 }
    }
}

impl Digits {
    fn text(&self) -> &str {
        let digits = self.bytes.get(self.first..).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }

    fn next(&mut self) {
        for (at, digit) in self.bytes.iter_mut().enumerate().rev() {
            self.first = self.first.min(at);
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }
}
