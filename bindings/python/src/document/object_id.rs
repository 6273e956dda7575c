//! ObjectId: twelve bytes that identify a document.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use cuesta::document::value::{ObjectId as Bytes, ObjectIds};
use cuesta::env::os::OsEnv;
use pyo3::class::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyString, PyType};

use super::class::classes;
use super::foreign::millis;
use super::kind;
use super::raised::raised;

/// Twelve bytes that identify: seconds, the process that made it, a counter.
#[pyclass(frozen, subclass, module = "cuesta.bson.objectid")]
pub struct ObjectId(pub Bytes);

/// What gives them out in one process.
struct Giver {
    process: u32,
    env: Arc<OsEnv>,
    ids: ObjectIds,
}

/// That of this process: a forked child makes its own, with randomness of its own.
static GIVER: Mutex<Option<Arc<Giver>>> = Mutex::new(None);

/// Gives out a new one. Holds the lock only to take a copy of a pointer.
pub fn give() -> Bytes {
    let giver = {
        let mut known = GIVER.lock().unwrap_or_else(PoisonError::into_inner);
        let process = process::id();
        match &*known {
            Some(giver) if giver.process == process => giver.clone(),
            _ => {
                let env = OsEnv::new();
                let ids = ObjectIds::new(&*env);
                known.insert(Arc::new(Giver { process, env, ids })).clone()
            }
        }
    };
    giver.ids.give(&*giver.env)
}

/// The twelve bytes of an ObjectId, of this module or of pymongo.
pub fn bytes_of(object: &Bound<'_, PyAny>) -> PyResult<Option<Bytes>> {
    if let Ok(id) = object.cast::<ObjectId>() {
        return Ok(Some(id.get().0));
    }
    let mark = object.get_type().getattr_opt("_type_marker")?;
    if !mark.is_some_and(|mark| mark.extract().is_ok_and(|mark: u8| mark == kind::OBJECT_ID)) {
        return Ok(None);
    }
    Ok(object.getattr("binary")?.extract::<[u8; 12]>().ok().map(Bytes::from_bytes))
}

fn parse(object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    let py = object.py();
    if let Some(bytes) = bytes_of(object)? {
        return Ok(bytes);
    }
    let wrong = || -> PyErr {
        let shown = object.repr().map_or_else(|_| String::new(), |shown| shown.to_string());
        let message = format!(
            "{shown} is not an ObjectId: it must be 12 bytes or a str of 24 hexadecimal digits"
        );
        raised(py, "InvalidId", message)
    };
    if let Ok(text) = object.cast::<PyString>() {
        return text.to_str().ok().and_then(|text| Bytes::parse(text).ok()).ok_or_else(wrong);
    }
    match object.cast::<PyBytes>() {
        Ok(bytes) => bytes.as_bytes().try_into().map(Bytes::from_bytes).map_err(|_| wrong()),
        Err(_) => Err(PyTypeError::new_err(format!(
            "an ObjectId is made of bytes, str or ObjectId, not {}",
            object.get_type().name()?
        ))),
    }
}

#[pymethods]
impl ObjectId {
    #[classattr]
    fn _type_marker() -> u8 {
        kind::OBJECT_ID
    }

    #[new]
    #[pyo3(signature = (oid=None))]
    fn new(oid: Option<&Bound<'_, PyAny>>) -> PyResult<ObjectId> {
        Ok(ObjectId(oid.map_or_else(|| Ok(give()), parse)?))
    }

    /// The least one of a moment, for ranges by time; not unique.
    #[classmethod]
    fn from_datetime<'py>(
        class: &Bound<'py, PyType>,
        generation_time: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let millis = millis(generation_time)?;
        let mut bytes = [0; 12];
        let seconds = u32::try_from(millis.div_euclid(1000)).map_err(|_| {
            let message = "an ObjectId holds moments from 1970 to 2106".to_owned();
            raised(class.py(), "InvalidId", message)
        })?;
        for (byte, part) in bytes.iter_mut().zip(seconds.to_be_bytes()) {
            *byte = part;
        }
        class.call1((PyBytes::new(class.py(), &bytes),))
    }

    /// Whether something can be made an ObjectId.
    #[staticmethod]
    fn is_valid(oid: &Bound<'_, PyAny>) -> bool {
        !oid.is_none() && parse(oid).is_ok()
    }

    /// The twelve bytes.
    #[getter]
    fn binary<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.bytes())
    }

    /// When it was made, to the second, in UTC.
    #[getter]
    fn generation_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let classes = classes(py)?;
        let arguments = (self.0.seconds(), &classes.utc);
        classes.datetime.bind(py).call_method1("fromtimestamp", arguments)
    }

    fn __richcmp__<'py>(
        &self,
        other: &Bound<'py, PyAny>,
        op: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        Ok(match bytes_of(other)? {
            Some(other) => PyBool::new(py, op.matches(self.0.cmp(&other))).to_owned().into_any(),
            None => py.NotImplemented().into_bound(py),
        })
    }

    /// That of its bytes, as pymongo's have it, which equal these.
    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.binary(py).hash()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("ObjectId('{}')", self.0)
    }

    fn __reduce__<'py>(this: &Bound<'py, Self>) -> (Bound<'py, PyType>, (Bound<'py, PyBytes>,)) {
        (this.get_type(), (this.get().binary(this.py()),))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ObjectId>()
}
