//! Bulk loads: very many keys in order; and files of such keys, prepared apart.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::convert::{self, Bytes, Number};
use crate::error::{Failure, Outcome};
use crate::keyspace::{Keyspace, Loaded};
use crate::open::Open;
use crate::own::Own;

/// Keys that ascend, which become visible at once. From Database.bulk_load().
#[pyclass(frozen, module = "cuesta")]
pub struct BulkLoad {
    // Goes first, see `Open`.
    open: Arc<Open>,
    inner: Own<Mutex<Option<cuesta::BulkLoad>>>,
}

fn over() -> Failure {
    Failure::invalid("the load is over: make a new one")
}

impl BulkLoad {
    pub fn new(open: &Arc<Open>, inner: cuesta::BulkLoad) -> BulkLoad {
        BulkLoad { open: open.clone(), inner: Own::new(Mutex::new(Some(inner))) }
    }

    fn stage(&self, py: Python<'_>) -> Outcome<MutexGuard<'_, Option<cuesta::BulkLoad>>> {
        let inner = self.inner.here()?;
        Ok(inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl BulkLoad {
    /// Gives a key of a keyspace a value, for some time perhaps.
    #[pyo3(signature = (keyspace, key, value, ttl=None))]
    fn put(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<f64>,
    ) -> Outcome<()> {
        let ttl = convert::ttl(ttl)?;
        let keyspace = &keyspace.get().inner;
        let (key, value) = (convert::key(key)?, Bytes::from(value, "value")?);
        let mut stage = self.stage(py)?;
        let load = stage.as_mut().ok_or_else(over)?;
        value.lend(py, |value| match ttl {
            Some(ttl) => load.put_with_ttl(keyspace, &key, value, ttl),
            None => load.put(keyspace, &key, value),
        })?;
        Ok(())
    }

    /// Adds the keys of a prepared file to a keyspace.
    fn ingest(&self, py: Python<'_>, keyspace: &Bound<'_, Keyspace>, path: PathBuf) -> Outcome<()> {
        let keyspace = &keyspace.get().inner;
        let mut stage = self.stage(py)?;
        let load = stage.as_mut().ok_or_else(over)?;
        py.detach(|| load.ingest(keyspace, &path))?;
        Ok(())
    }

    /// Sets a note for those who read the changes.
    fn note(&self, py: Python<'_>, note: &Bound<'_, PyAny>) -> Outcome<()> {
        let note = Bytes::from(note, "note")?;
        let mut stage = self.stage(py)?;
        let load = stage.as_mut().ok_or_else(over)?;
        note.lend(py, |note| {
            load.note(note);
        });
        Ok(())
    }

    /// Makes everything visible and durable at once.
    fn finish(&self, py: Python<'_>) -> Outcome<Loaded> {
        self.open.database()?;
        let load = self.stage(py)?.take().ok_or_else(over)?;
        Ok(py.detach(|| load.finish())?.into())
    }

    /// Forgets everything.
    fn discard(&self, py: Python<'_>) {
        let Ok(inner) = self.inner.ending() else { return };
        let load = inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(load));
    }

    fn __len__(&self, py: Python<'_>) -> Outcome<usize> {
        let len = self.stage(py)?.as_ref().map_or(0, |load| load.len());
        Ok(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// A load is never false, not even when it is empty.
    fn __bool__(&self) -> bool {
        true
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    /// Finishes, unless an exception comes by or it was finished by hand.
    fn __exit__(
        &self,
        py: Python<'_>,
        exception_type: &Bound<'_, PyAny>,
        _exception: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        if !exception_type.is_none() {
            self.discard(py);
        } else if self.stage(py)?.is_some() {
            self.finish(py)?;
        }
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let Ok(stage) = self.stage(py) else { return "<cuesta.BulkLoad>".into() };
        match &*stage {
            Some(load) => format!("<cuesta.BulkLoad of {} keys>", load.len()),
            None => "<cuesta.BulkLoad, over>".into(),
        }
    }
}

/// Writes a file of keys that ascend, apart from any database.
#[pyclass(frozen, module = "cuesta")]
pub struct SegmentBuilder {
    inner: Own<Mutex<Option<cuesta::SegmentBuilder>>>,
}

impl SegmentBuilder {
    fn stage(&self, py: Python<'_>) -> Outcome<MutexGuard<'_, Option<cuesta::SegmentBuilder>>> {
        let inner = self.inner.here()?;
        Ok(inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner))
    }
}

fn finished() -> Failure {
    Failure::invalid("the file is finished: make a new one")
}

#[pymethods]
impl SegmentBuilder {
    #[new]
    #[pyo3(signature = (path, *, compression=None, block_bytes=None, filter_bits=None, ttl=None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        compression: Option<&Bound<'_, PyAny>>,
        block_bytes: Option<Number<u32>>,
        filter_bits: Option<Number<u8>>,
        ttl: Option<f64>,
    ) -> Outcome<SegmentBuilder> {
        let options = convert::laid_out(compression, block_bytes, filter_bits, ttl)?;
        let inner = py.detach(|| cuesta::SegmentBuilder::create(&path, &options))?;
        Ok(SegmentBuilder { inner: Own::new(Mutex::new(Some(inner))) })
    }

    /// Gives a key a value, for some time perhaps.
    #[pyo3(signature = (key, value, ttl=None))]
    fn put(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<f64>,
    ) -> Outcome<()> {
        let ttl = convert::ttl(ttl)?;
        let (key, value) = (convert::key(key)?, Bytes::from(value, "value")?);
        let mut stage = self.stage(py)?;
        let builder = stage.as_mut().ok_or_else(finished)?;
        value.lend(py, |value| match ttl {
            Some(ttl) => builder.put_with_ttl(&key, value, ttl),
            None => builder.put(&key, value),
        })?;
        Ok(())
    }

    /// Ends the file and makes it durable; how many keys it has.
    fn finish(&self, py: Python<'_>) -> Outcome<u64> {
        let builder = self.stage(py)?.take().ok_or_else(finished)?;
        Ok(py.detach(|| builder.finish())?.entries)
    }

    /// Removes the file.
    fn discard(&self, py: Python<'_>) {
        let Ok(inner) = self.inner.ending() else { return };
        let builder = inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(builder));
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    /// Finishes, unless an exception comes by or it was finished by hand.
    fn __exit__(
        &self,
        py: Python<'_>,
        exception_type: &Bound<'_, PyAny>,
        _exception: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        if !exception_type.is_none() {
            self.discard(py);
        } else if self.stage(py)?.is_some() {
            self.finish(py)?;
        }
        Ok(())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BulkLoad>()?;
    module.add_class::<SegmentBuilder>()
}
