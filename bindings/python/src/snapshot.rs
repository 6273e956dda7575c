//! Snapshots: all keyspaces as of one moment.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyList;

use crate::convert::{self, Number};
use crate::error::{Failure, Outcome};
use crate::keyspace::Keyspace;
use crate::open::Open;
use crate::own::Own;
use crate::scan::{Direction, Part, Scan};

/// Everything that was committed at one moment; nothing later. From Database.snapshot().
#[pyclass(frozen, module = "cuesta")]
pub struct Snapshot {
    // Goes first, see `Open`.
    _open: Arc<Open>,
    commit: u64,
    /// Gone when closed. Held only to take a copy of the pointer.
    inner: Own<Mutex<Option<Arc<cuesta::Snapshot>>>>,
}

impl Snapshot {
    pub fn new(open: &Arc<Open>, inner: cuesta::Snapshot) -> Snapshot {
        Snapshot {
            _open: open.clone(),
            commit: inner.commit(),
            inner: Own::new(Mutex::new(Some(Arc::new(inner)))),
        }
    }

    fn inner(&self, py: Python<'_>) -> Outcome<Arc<cuesta::Snapshot>> {
        let inner = self.inner.here()?.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        inner.clone().ok_or_else(|| Failure::invalid("the snapshot is closed"))
    }
}

#[pymethods]
impl Snapshot {
    /// The last commit in it; commits are counted from 1.
    #[getter]
    fn commit(&self) -> u64 {
        self.commit
    }

    /// The value that a key had, as bytes, or the default.
    #[pyo3(signature = (keyspace, key, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        keyspace: &Bound<'py, Keyspace>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> Outcome<Option<Bound<'py, PyAny>>> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        let value = py.detach(move || inner.get(keyspace, &key))?;
        Ok(convert::bytes_or(py, value, default)?)
    }

    /// The values of many keys: a list with bytes, or None where there is none.
    fn get_many<'py>(
        &self,
        py: Python<'py>,
        keyspace: &Bound<'_, Keyspace>,
        keys: &Bound<'_, PyAny>,
    ) -> Outcome<Bound<'py, PyList>> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let keys = convert::keys(keys)?;
        let values = py.detach(move || inner.get_many(keyspace, &keys))?;
        Ok(convert::list(py, values)?)
    }

    /// Whether a key had a value.
    fn contains(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<bool> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        Ok(py.detach(move || inner.contains(keyspace, &key))?)
    }

    /// How many seconds the value of a key had to live.
    fn expiry(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<Option<f64>> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        Ok(py.detach(move || inner.expiry(keyspace, &key))?.map(convert::expiry))
    }

    /// Iterates over pairs of key and value of a keyspace.
    #[pyo3(signature = (keyspace, start=None, end=None, prefix=None, reverse=false, limit=None))]
    #[expect(clippy::too_many_arguments, reason = "they are what Python's callers name")]
    fn scan(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        limit: Option<Number<u64>>,
    ) -> Outcome<Scan> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let (range, limit) = (convert::range(start, end, prefix)?, convert::limit(limit)?);
        let cursor = py.detach(move || inner.cursor(keyspace, range))?;
        Ok(Scan::new(cursor, Part::Both, Direction::reverse(reverse), limit))
    }

    /// Forgets the moment, so that what it held can be freed. Scans of it go on.
    fn close(&self, py: Python<'_>) {
        let Ok(inner) = self.inner.ending() else { return };
        let inner = inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(inner));
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        format!("<cuesta.Snapshot at commit {}>", self.commit)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Snapshot>()
}
