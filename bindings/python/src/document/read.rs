//! BSON bytes into Python objects, in one pass that checks as it reads.
//!
//! ```text
//! 01 double float       07 objectid ObjectId   0d code      Code        13 decimal128 Decimal128
//! 02 string str         08 bool     bool       0e symbol    str         7f maxkey     MaxKey
//! 03 object dict, DBRef 09 date     datetime   0f code, scope Code      ff minkey     MinKey
//! 04 array  list        0a null     None       10 int       int
//! 05 binary bytes, UUID, Binary 0b regex Regex 11 timestamp Timestamp
//! 06 undefined None     0c pointer  DBRef      12 long      Int64
//! ```
//!
//! Invariants:
//! 1. No bytes make anything here panic; wrong ones are `InvalidBSON`, with their offset.
//! 2. Nothing recurses deeper than documents may be nested.

use cuesta::document::value::{DateTime, Decimal128 as Bits, Limits, ObjectId as Id};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyList, PyString};

use super::class::{Classes, classes};
use super::decimal128::Decimal128;
use super::kind;
use super::name::Names;
use super::object_id::ObjectId;
use super::options::{Moments, Options, Uuids};
use super::raised::raised;

/// The object of the document that all of `bytes` are.
///
/// # Errors
/// `InvalidBSON` where they are not a document; what Python raises when a class of the options
/// does.
pub fn decode<'py>(
    bytes: &[u8],
    options: &Options,
    py: Python<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut reader = Reader {
        py,
        bytes,
        options,
        classes: classes(py)?,
        names: Names::lend(),
        items: Vec::new(),
    };
    let decoded = match reader.document_of(bytes, Limits::default().depth_max) {
        Ok((document, [])) => Ok(document.object),
        Ok((_, rest)) => Err(reader.wrong("the length of the document", rest)),
        Err(error) => Err(error),
    };
    reader.names.give_back();
    decoded
}

struct Reader<'py, 'a> {
    py: Python<'py>,
    /// All there is.
    bytes: &'a [u8],
    options: &'a Options,
    classes: &'py Classes,
    names: Names,
    /// Items of the arrays that are being read, the innermost one's last.
    items: Vec<Bound<'py, PyAny>>,
}

/// A document that was read, and whether its first field has the name of a reference's.
struct Read<'py> {
    object: Bound<'py, PyAny>,
    is_reference: bool,
}

type Rest<'py, 'a> = PyResult<(Bound<'py, PyAny>, &'a [u8])>;

impl<'py, 'a> Reader<'py, 'a> {
    #[cold]
    fn wrong(&self, what: &str, at: &[u8]) -> PyErr {
        let offset = (at.as_ptr() as usize).saturating_sub(self.bytes.as_ptr() as usize);
        let message = format!("{what} is wrong at byte {offset} of {}", self.bytes.len());
        raised(self.py, "InvalidBSON", message)
    }

    /// The fields of the document that bytes begin with, without length and end; what follows.
    fn inside(&self, bytes: &'a [u8], what: &str) -> PyResult<(&'a [u8], &'a [u8])> {
        split(bytes).ok_or_else(|| self.wrong(what, bytes))
    }

    fn deeper(&self, depth: usize, at: &[u8]) -> PyResult<usize> {
        depth.checked_sub(1).ok_or_else(|| {
            let levels = Limits::default().depth_max;
            self.wrong(&format!("nesting of more than {levels} levels"), at)
        })
    }

    fn document_of(&mut self, bytes: &'a [u8], depth: usize) -> PyResult<(Read<'py>, &'a [u8])> {
        let depth = self.deeper(depth, bytes)?;
        let (mut fields, rest) = self.inside(bytes, "a document")?;
        let is_reference = fields.get(1..6) == Some(b"$ref\0");
        let object = match &self.options.class {
            None => {
                let dict = PyDict::new(self.py);
                while let Some((name, value)) = self.field(&mut fields, depth)? {
                    dict.set_item(name, value)?;
                }
                dict.into_any()
            }
            Some(class) => {
                let object = class.bind(self.py).call0()?;
                while let Some((name, value)) = self.field(&mut fields, depth)? {
                    object.set_item(name, value)?;
                }
                object
            }
        };
        Ok((Read { object, is_reference }, rest))
    }

    /// Takes the next field.
    #[inline]
    fn field(
        &mut self,
        fields: &mut &'a [u8],
        depth: usize,
    ) -> PyResult<Option<(Bound<'py, PyString>, Bound<'py, PyAny>)>> {
        let Some((kind, after_kind)) = fields.split_first() else { return Ok(None) };
        let Some((name, body)) = self.names.take(self.py, after_kind) else {
            return Err(self.wrong("a field's name", after_kind));
        };
        let (value, rest) = self.value(*kind, body, depth)?;
        *fields = rest;
        Ok(Some((name, value)))
    }

    fn array(&mut self, bytes: &'a [u8], depth: usize) -> Rest<'py, 'a> {
        let depth = self.deeper(depth, bytes)?;
        let (mut fields, rest) = self.inside(bytes, "an array")?;
        let first = self.items.len();
        while let Some((kind, after_kind)) = fields.split_first() {
            let name_len = after_kind.iter().position(|byte| *byte == 0);
            let Some(body) = name_len.and_then(|len| after_kind.get(len + 1..)) else {
                return Err(self.wrong("an item's name", after_kind));
            };
            let (value, after) = self.value(*kind, body, depth)?;
            self.items.push(value);
            fields = after;
        }
        Ok((PyList::new(self.py, self.items.drain(first..))?.into_any(), rest))
    }

    /// The value of a kind that bytes begin with, and what follows it. The frequent kinds.
    fn value(&mut self, kind: u8, body: &'a [u8], depth: usize) -> Rest<'py, 'a> {
        let py = self.py;
        let value = match kind {
            kind::STRING => return self.text(body, "a string"),
            kind::INT32 => body.split_first_chunk().map(|(number, rest)| {
                (i32::from_le_bytes(*number).into_pyobject(py).map(Bound::into_any), rest)
            }),
            kind::DOUBLE => body.split_first_chunk().map(|(number, rest)| {
                (Ok(PyFloat::new(py, f64::from_le_bytes(*number)).into_any()), rest)
            }),
            kind::DOCUMENT => {
                let (read, rest) = self.document_of(body, depth)?;
                return Ok((self.unless_reference(read)?, rest));
            }
            kind::ARRAY => return self.array(body, depth),
            kind::OBJECT_ID => {
                return match body.split_first_chunk() {
                    Some((id, rest)) => Ok((self.id(*id)?, rest)),
                    None => Err(self.wrong("an objectId", body)),
                };
            }
            kind::BOOL => match body.split_first() {
                Some((0, rest)) => Some((Ok(PyBool::new(py, false).to_owned().into_any()), rest)),
                Some((1, rest)) => Some((Ok(PyBool::new(py, true).to_owned().into_any()), rest)),
                _ => None,
            },
            kind::NULL | kind::UNDEFINED => Some((Ok(py.None().into_bound(py)), body)),
            kind::DATE => match body.split_first_chunk() {
                Some((millis, rest)) => {
                    return Ok((self.moment(i64::from_le_bytes(*millis), body)?, rest));
                }
                None => None,
            },
            kind::INT64 => match body.split_first_chunk() {
                Some((number, rest)) => {
                    let class = self.classes.int64.bind(py);
                    return Ok((class.call1((i64::from_le_bytes(*number),))?, rest));
                }
                None => None,
            },
            _ => return self.rare(kind, body, depth),
        };
        match value {
            Some((Ok(value), rest)) => Ok((value, rest)),
            _ => Err(self.wrong("a value", body)),
        }
    }

    /// The value of one of the other kinds.
    fn rare(&mut self, kind: u8, body: &'a [u8], depth: usize) -> Rest<'py, 'a> {
        let py = self.py;
        match kind {
            kind::BINARY => self.binary(body),
            kind::REGEX => {
                let zero = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0);
                let parts = zero(body).and_then(|len| {
                    let after = body.get(len + 1..)?;
                    Some((body.get(..len)?, after.get(..zero(after)?)?))
                });
                let Some((pattern, letters)) = parts else {
                    return Err(self.wrong("a regular expression", body));
                };
                let rest = body.get(pattern.len() + letters.len() + 2..).unwrap_or_default();
                let pattern = self.str(pattern, "a regular expression")?;
                let letters = self.str(letters, "options of a regular expression")?;
                Ok((self.classes.regex.bind(py).call1((pattern, letters))?, rest))
            }
            kind::DB_POINTER => {
                let (collection, rest) = self.text(body, "a pointer")?;
                let Some((id, rest)) = rest.split_first_chunk() else {
                    return Err(self.wrong("a pointer", rest));
                };
                let id = self.id(*id)?;
                Ok((self.classes.reference.bind(py).call1((collection, id))?, rest))
            }
            kind::CODE => {
                let (code, rest) = self.text(body, "code")?;
                Ok((self.classes.code.bind(py).call1((code,))?, rest))
            }
            kind::SYMBOL => self.text(body, "a symbol"),
            kind::CODE_WITH_SCOPE => {
                let Some((inside, rest)) = length(body).and_then(|len| body.split_at_checked(len))
                else {
                    return Err(self.wrong("code with scope", body));
                };
                let (code, scope) =
                    self.text(inside.get(4..).unwrap_or_default(), "code with scope")?;
                let (scope, more) = self.document_of(scope, depth)?;
                if !more.is_empty() {
                    return Err(self.wrong("the scope of code", more));
                }
                Ok((self.classes.code.bind(py).call1((code, scope.object))?, rest))
            }
            kind::TIMESTAMP => match body.split_first_chunk() {
                Some((parts, rest)) => {
                    let parts = u64::from_le_bytes(*parts);
                    let parts = ((parts >> 32) as u32, parts as u32);
                    Ok((self.classes.timestamp.bind(py).call1(parts)?, rest))
                }
                None => Err(self.wrong("a timestamp", body)),
            },
            kind::DECIMAL128 => match body.split_first_chunk() {
                Some((bits, rest)) => {
                    let number = Decimal128(Bits::from_bytes(*bits));
                    Ok((Bound::new(py, number)?.into_any(), rest))
                }
                None => Err(self.wrong("a decimal", body)),
            },
            kind::MAX_KEY => Ok((self.classes.max_key.bind(py).call0()?, body)),
            kind::MIN_KEY => Ok((self.classes.min_key.bind(py).call0()?, body)),
            other => Err(self.wrong(&format!("a value of the unknown type {other:#04x}"), body)),
        }
    }

    fn id(&self, bytes: [u8; 12]) -> PyResult<Bound<'py, PyAny>> {
        Ok(Bound::new(self.py, ObjectId(Id::from_bytes(bytes)))?.into_any())
    }

    /// Text with its length in front and a zero byte behind.
    #[inline]
    fn text(&self, body: &'a [u8], what: &str) -> Rest<'py, 'a> {
        let parts = length(body).and_then(|len| body.get(4..)?.split_at_checked(len));
        if let Some(([text @ .., 0], rest)) = parts {
            return Ok((self.str(text, what)?, rest));
        }
        Err(self.wrong(what, body))
    }

    fn str(&self, text: &[u8], what: &str) -> PyResult<Bound<'py, PyAny>> {
        match PyString::from_bytes(self.py, text) {
            Ok(text) => Ok(text.into_any()),
            Err(_) => Err(self.wrong(&format!("{what}, which is not UTF-8,"), text)),
        }
    }

    fn binary(&self, body: &'a [u8]) -> Rest<'py, 'a> {
        let parts = length(body).and_then(|len| {
            let (subtype, bytes) = body.get(4..)?.split_first()?;
            let (bytes, rest) = bytes.split_at_checked(len)?;
            match *subtype {
                kind::OLD => {
                    let inner = bytes.get(4..)?;
                    (length(bytes)? == inner.len()).then_some((*subtype, inner, rest))
                }
                subtype => Some((subtype, bytes, rest)),
            }
        });
        let Some((subtype, bytes, rest)) = parts else { return Err(self.wrong("binary", body)) };
        let object = PyBytes::new(self.py, bytes);
        let object = match subtype {
            0 => object.into_any(),
            kind::UUID if bytes.len() == 16 && self.options.uuids == Uuids::Native => {
                let arguments = (self.py.None(), object);
                self.classes.uuid.bind(self.py).call1(arguments)?
            }
            subtype => self.classes.binary.bind(self.py).call1((object, subtype))?,
        };
        Ok((object, rest))
    }

    fn moment(&self, millis: i64, at: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let parts = DateTime::from_millis(millis).civil();
        if !(1..=9999).contains(&parts.year) {
            let what = format!("a date of {millis} ms, which is out of the range of datetime,");
            return Err(self.wrong(&what, at));
        }
        let micros = parts.millisecond * 1000;
        let (class, utc) = (self.classes.datetime.bind(self.py), &self.classes.utc);
        let date = (parts.year, parts.month, parts.day);
        let (hour, minute, second) = (parts.hour, parts.minute, parts.second);
        match &self.options.moments {
            Moments::Naive => class.call1((date.0, date.1, date.2, hour, minute, second, micros)),
            Moments::Utc | Moments::Zone(_) => {
                let all = (date.0, date.1, date.2, hour, minute, second, micros, utc);
                let moment = class.call1(all)?;
                match &self.options.moments {
                    Moments::Zone(zone) => moment.call_method1("astimezone", (zone,)),
                    _ => Ok(moment),
                }
            }
        }
    }

    /// The reference that a document is, if it is one: `$ref` is text and comes first, `$id` is
    /// there, `$db` is text or not there.
    fn unless_reference(&self, read: Read<'py>) -> PyResult<Bound<'py, PyAny>> {
        if !read.is_reference {
            return Ok(read.object);
        }
        let maker = self.classes.reference.bind(self.py);
        maker.call_method1("_of_document", (read.object,))
    }
}

/// The length that bytes begin with, as BSON has them: at most 2^31 - 1.
#[inline]
fn length(bytes: &[u8]) -> Option<usize> {
    usize::try_from(i32::from_le_bytes(*bytes.first_chunk()?)).ok()
}

/// The inside of the document that bytes begin with, and what follows it.
#[inline]
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (document, rest) = bytes.split_at_checked(length(bytes)?)?;
    let (0, inside) = document.get(4..)?.split_last()? else { return None };
    Some((inside, rest))
}
