//! Objects by what they stand for: classes of `cuesta.bson` and of pymongo by their marks, those of
//! the standard library by class.
//!
//! A mark is the attribute `_type_marker` of a class, a number: the byte of a BSON type, or one for
//! references and for documents that are bytes already.

use cuesta::document::value::{Civil, DateTime};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};

use super::class::{Classes, classes};
use super::kind;
use super::raised::raised;

/// Letters of a regular expression's options and flags of the module `re`.
const FLAGS: [(i64, char); 6] = [(2, 'i'), (4, 'l'), (8, 'm'), (16, 's'), (32, 'u'), (64, 'x')];

/// What an object of none of Python's plain types is.
pub enum Foreign<'py> {
    Binary(u8, Bound<'py, PyAny>),
    ObjectId([u8; 12]),
    Date(i64),
    /// Pattern and letters.
    Regex(Bound<'py, PyAny>, String),
    /// Text and scope.
    Code(Bound<'py, PyAny>, Bound<'py, PyAny>),
    /// As one number.
    Timestamp(u64),
    Int64(i64),
    Decimal128([u8; 16]),
    MinKey,
    MaxKey,
    /// Something whose `items()` are its fields.
    Mapping(Bound<'py, PyAny>),
    /// BSON bytes.
    Raw(Bound<'py, PyAny>),
}

/// What an object is, if it is something that documents hold.
pub fn foreign<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Foreign<'py>>> {
    let classes = classes(object.py())?;
    if object.is_instance(classes.datetime.bind(object.py()))? {
        return Ok(Some(Foreign::Date(millis(object)?)));
    }
    let mark = object.get_type().getattr_opt("_type_marker")?;
    let mark = mark.filter(|mark| mark.is_exact_instance_of::<PyInt>());
    match mark.and_then(|mark| mark.extract::<i64>().ok()) {
        Some(mark) => marked(object, mark),
        None => standard(object, classes),
    }
}

fn marked<'py>(object: &Bound<'py, PyAny>, mark: i64) -> PyResult<Option<Foreign<'py>>> {
    let as_byte = u8::try_from(mark);
    Ok(Some(match as_byte {
        Ok(kind::BINARY) => Foreign::Binary(object.getattr("subtype")?.extract()?, object.clone()),
        Ok(kind::OBJECT_ID) => Foreign::ObjectId(object.getattr("binary")?.extract()?),
        Ok(kind::DATE) => Foreign::Date(object.call_method0("__int__")?.extract()?),
        Ok(kind::REGEX) => {
            let flags = object.getattr("flags")?.extract()?;
            Foreign::Regex(object.getattr("pattern")?, letters(flags))
        }
        Ok(kind::CODE) => Foreign::Code(object.clone(), object.getattr("scope")?),
        Ok(kind::TIMESTAMP) => {
            let seconds: u32 = object.getattr("time")?.extract()?;
            let increment: u32 = object.getattr("inc")?.extract()?;
            Foreign::Timestamp(u64::from(seconds) << 32 | u64::from(increment))
        }
        Ok(kind::INT64) => Foreign::Int64(object.extract().map_err(|_| too_large(object))?),
        Ok(kind::DECIMAL128) => Foreign::Decimal128(object.getattr("bid")?.extract()?),
        Ok(kind::MAX_KEY) => Foreign::MaxKey,
        Ok(kind::MIN_KEY) => Foreign::MinKey,
        _ if mark == kind::MARK_REFERENCE => Foreign::Mapping(object.call_method0("as_doc")?),
        _ if mark == kind::MARK_RAW => Foreign::Raw(object.getattr("raw")?),
        _ => return Ok(None),
    }))
}

fn standard<'py>(object: &Bound<'py, PyAny>, classes: &Classes) -> PyResult<Option<Foreign<'py>>> {
    let py = object.py();
    Ok(if object.is_instance(classes.uuid.bind(py))? {
        Some(Foreign::Binary(kind::UUID, object.getattr("bytes")?))
    } else if object.is_instance(classes.pattern.bind(py))? {
        let flags = object.getattr("flags")?.extract()?;
        Some(Foreign::Regex(object.getattr("pattern")?, letters(flags)))
    } else if object.is_instance(classes.mapping.bind(py))? {
        Some(Foreign::Mapping(object.clone()))
    } else {
        None
    })
}

/// Letters for flags, in alphabetical order as BSON wants them.
fn letters(flags: i64) -> String {
    FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, letter)| *letter).collect()
}

/// The error that a number needs more than 64 bits.
#[cold]
pub fn too_large(number: &Bound<'_, PyAny>) -> PyErr {
    // Numbers of thousands of digits are not shown: Python refuses to, or takes its time.
    let shown = match number.call_method0("bit_length").and_then(|bits| bits.extract::<u64>()) {
        Ok(bits) if bits > 512 => format!("an int of {bits} bits"),
        _ => number.str().map_or_else(|_| "an int".to_owned(), |text| text.to_string()),
    };
    raised(number.py(), "IntegerTooLarge", format!("{shown} does not fit into 64 bits"))
}

/// Milliseconds since 1970 of a datetime; a naive one is in UTC. What is less than one is cut off.
pub fn millis(moment: &Bound<'_, PyAny>) -> PyResult<i64> {
    let offset = moment.call_method0("utcoffset")?;
    let ahead = if offset.is_none() {
        0
    } else {
        let part = |name| -> PyResult<i64> { offset.getattr(name)?.extract() };
        (part("days")? * 86_400 + part("seconds")?) * 1_000_000 + part("microseconds")?
    };
    let part = |name| -> PyResult<u32> { moment.getattr(name)?.extract() };
    let micros = part("microsecond")?;
    let civil = Civil {
        year: i64::from(part("year")?),
        month: part("month")?,
        day: part("day")?,
        hour: part("hour")?,
        minute: part("minute")?,
        second: part("second")?,
        millisecond: 0,
    };
    let whole = DateTime::from_civil(civil).map_or(0, DateTime::millis);
    Ok((whole * 1000 + i64::from(micros) - ahead).div_euclid(1000))
}

/// Text of a pattern, which may be bytes.
pub fn pattern_text<'py>(pattern: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    if let Ok(bytes) = pattern.cast::<PyBytes>() {
        return PyString::from_bytes(pattern.py(), bytes.as_bytes());
    }
    Ok(pattern.cast::<PyString>()?.clone())
}
