//! The functions of `cuesta.bson`: documents to bytes, to JSON, and back.

use cuesta::document::value::{Document, JsonStyle, Limits, RawDocument, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::options::Options;
use super::raised::raised;
use super::{read, write};
use crate::convert::Bytes;
use crate::error::Outcome;

/// The BSON bytes of a document.
#[pyfunction]
#[pyo3(signature = (document, check_keys=false, codec_options=None))]
fn encode<'py>(
    document: &Bound<'py, PyAny>,
    check_keys: bool,
    codec_options: Option<&Bound<'py, PyAny>>,
) -> Outcome<Bound<'py, PyBytes>> {
    Options::of(codec_options)?;
    let names = if check_keys { write::Names::Plain } else { write::Names::Any };
    Ok(PyBytes::new(document.py(), &write::encode(document, names)?))
}

/// The document that bytes are.
#[pyfunction]
#[pyo3(signature = (data, codec_options=None))]
fn decode<'py>(
    data: &Bound<'py, PyAny>,
    codec_options: Option<&Bound<'py, PyAny>>,
) -> Outcome<Bound<'py, PyAny>> {
    let py = data.py();
    let options = Options::of(codec_options)?;
    Ok(match Bytes::from(data, "document")? {
        Bytes::Fixed(bytes) => read::decode(bytes, &options, py)?,
        // Reading may run Python code, which may change them.
        Bytes::Lent(lent) => read::decode(&lent.lend(py, <[u8]>::to_vec), &options, py)?,
    })
}

/// The documents that follow each other in bytes.
#[pyfunction]
#[pyo3(signature = (data, codec_options=None))]
fn decode_all<'py>(
    data: &Bound<'py, PyAny>,
    codec_options: Option<&Bound<'py, PyAny>>,
) -> Outcome<Bound<'py, PyList>> {
    let py = data.py();
    let options = Options::of(codec_options)?;
    let copy;
    let bytes = Bytes::from(data, "document")?;
    let all = match bytes {
        Bytes::Fixed(bytes) => bytes,
        Bytes::Lent(lent) => {
            copy = lent.lend(py, <[u8]>::to_vec);
            &copy
        }
    };
    let documents = PyList::empty(py);
    let mut rest = all;
    while !rest.is_empty() {
        let len = rest.first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize);
        let Some((one, after)) = rest.split_at_checked(len).filter(|_| len >= 5) else {
            let (at, len) = (all.len() - rest.len(), all.len());
            let message = format!("the length of a document is wrong at byte {at} of {len}");
            return Err(raised(py, "InvalidBSON", message).into());
        };
        documents.append(read::decode(one, &options, py)?)?;
        rest = after;
    }
    Ok(documents)
}

/// Name of the field that a value is in, while it is made JSON or read from it.
const VALUE: &str = "value";

/// A value as extended JSON.
#[pyfunction]
fn to_json(value: &Bound<'_, PyAny>, canonical: bool) -> Outcome<String> {
    let py = value.py();
    let document = PyDict::new(py);
    document.set_item(VALUE, value)?;
    let bytes = write::encode(document.as_any(), write::Names::Any)?;
    let style = if canonical { JsonStyle::Canonical } else { JsonStyle::Relaxed };
    let value = RawDocument::trusted(&bytes).get(VALUE).unwrap_or(Value::Null);
    Ok(py.detach(|| value.to_json(style)))
}

/// The value that extended JSON tells.
#[pyfunction]
#[pyo3(signature = (text, codec_options=None))]
fn from_json<'py>(
    py: Python<'py>,
    text: &str,
    codec_options: Option<&Bound<'py, PyAny>>,
) -> Outcome<Bound<'py, PyAny>> {
    let options = Options::of(codec_options)?;
    let bytes = py.detach(|| {
        let value = Value::from_json(text)?;
        let mut bytes = Vec::new();
        let fields = vec![(VALUE.into(), value)];
        Document::from_fields(fields).write_to(&mut bytes, &Limits::default())?;
        Ok::<_, cuesta::Error>(bytes)
    })?;
    Ok(read::decode(&bytes, &options, py)?.get_item(VALUE)?)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(encode, module)?)?;
    module.add_function(wrap_pyfunction!(decode, module)?)?;
    module.add_function(wrap_pyfunction!(decode_all, module)?)?;
    module.add_function(wrap_pyfunction!(to_json, module)?)?;
    module.add_function(wrap_pyfunction!(from_json, module)?)
}
