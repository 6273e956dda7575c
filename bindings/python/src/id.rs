//! Identifiers: generators of what is never given out twice.

use std::sync::{Arc, Mutex, PoisonError};

use cuesta::id;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict};

use crate::convert;
use crate::error::{Failure, Outcome};
use crate::keyspace::Keyspace;
use crate::open::Open;

/// Ascending numbers, each given out once, kept through restarts.
#[pyclass(frozen, module = "cuesta.id")]
struct Sequence {
    // Goes first, see `Open`.
    open: Arc<Open>,
    /// Gone when closed. Held only to take a copy of the pointer.
    inner: Mutex<Option<Arc<id::Sequence>>>,
}

#[pymethods]
impl Sequence {
    #[new]
    #[pyo3(signature = (keyspace, key, *, reserve=1000))]
    fn new(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        reserve: u64,
    ) -> Outcome<Sequence> {
        let (open, keyspace) = opened(keyspace)?;
        let key = convert::key(key)?;
        let inner = py.detach(|| id::Sequence::reserving(keyspace, &key, reserve))?;
        Ok(Sequence { open, inner: Mutex::new(Some(Arc::new(inner))) })
    }

    /// Gives out the next number.
    fn give(&self, py: Python<'_>) -> Outcome<u64> {
        let inner = self.inner(py)?;
        Ok(py.detach(move || inner.give())?)
    }

    /// Gives out some numbers that follow each other, as a range.
    fn take<'py>(&self, py: Python<'py>, count: u64) -> Outcome<Bound<'py, PyAny>> {
        let inner = self.inner(py)?;
        let given = py.detach(move || inner.take(count))?;
        let range = py.import("builtins")?.getattr("range")?;
        Ok(range.call1((given.start, given.end))?)
    }

    /// Gives back what was reserved and not given out.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        let mut inner = self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let taken = inner.take();
        drop(inner);
        // If another thread is using it, the rest is a gap.
        let close = || taken.and_then(Arc::into_inner).map_or(Ok(()), id::Sequence::close);
        Ok(py.detach(close)?)
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        self.close(py)
    }
}

impl Sequence {
    fn inner(&self, py: Python<'_>) -> Outcome<Arc<id::Sequence>> {
        self.open.database()?;
        let inner = self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        inner.clone().ok_or_else(|| Failure::invalid("the sequence is closed"))
    }
}

/// Gives out snowflakes: ascending 63-bit numbers.
#[pyclass(frozen, module = "cuesta.id")]
struct Snowflakes {
    // Goes first, see `Open`.
    open: Arc<Open>,
    inner: id::Snowflakes,
}

#[pymethods]
impl Snowflakes {
    #[new]
    #[pyo3(signature = (keyspace, key, *, node=0, epoch_ms=None))]
    fn new(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        node: u16,
        epoch_ms: Option<u64>,
    ) -> Outcome<Snowflakes> {
        let (open, keyspace) = opened(keyspace)?;
        let key = convert::key(key)?;
        let options = id::SnowflakeOptions::new().node(node);
        let options = epoch_ms.into_iter().fold(options, id::SnowflakeOptions::epoch_ms);
        let inner = py.detach(|| id::Snowflakes::open(keyspace, &key, options))?;
        Ok(Snowflakes { open, inner })
    }

    /// Gives out a snowflake that is greater than all before.
    fn give(&self, py: Python<'_>) -> Outcome<u64> {
        self.open.database()?;
        Ok(py.detach(|| self.inner.give())?)
    }

    /// When a number was given out, in milliseconds since 1970.
    fn time_ms(&self, number: u64) -> u64 {
        self.inner.time_ms(number)
    }
}

/// What a snowflake is made of.
#[pyclass(frozen, get_all, eq, hash, module = "cuesta.id")]
#[derive(PartialEq, Eq, Hash)]
struct Snowflake {
    /// Milliseconds since the epoch of its generator.
    ms: u64,
    /// The node that made it.
    node: u16,
    /// Which one it was of its millisecond, from 0.
    count: u16,
}

#[pymethods]
impl Snowflake {
    /// Takes a number apart.
    #[staticmethod]
    fn of(number: u64) -> Snowflake {
        let id::Snowflake { ms, node, count } = id::Snowflake::of(number);
        Snowflake { ms, node, count }
    }

    fn __repr__(&self) -> String {
        let Snowflake { ms, node, count } = self;
        format!("<cuesta.id.Snowflake {count} of millisecond {ms} at node {node}>")
    }
}

/// Gives out UUIDs of version 7, each greater than the one before.
#[pyclass(frozen, module = "cuesta.id")]
struct Uuids {
    // Goes first, see `Open`.
    open: Arc<Open>,
    inner: id::Uuids,
}

#[pymethods]
impl Uuids {
    #[new]
    #[pyo3(signature = (keyspace, key))]
    fn new(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<Uuids> {
        let (open, keyspace) = opened(keyspace)?;
        let key = convert::key(key)?;
        Ok(Uuids { open, inner: py.detach(|| id::Uuids::open(keyspace, &key))? })
    }

    /// Gives out a uuid.UUID.
    fn give<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        self.open.database()?;
        let given = py.detach(|| self.inner.give())?;
        let named = PyDict::new(py);
        named.set_item("bytes", PyBytes::new(py, given.as_bytes()))?;
        Ok(py.import("uuid")?.getattr("UUID")?.call((), Some(&named))?)
    }
}

/// Gives out ULIDs, each greater than the one before.
#[pyclass(frozen, module = "cuesta.id")]
struct Ulids {
    // Goes first, see `Open`.
    open: Arc<Open>,
    inner: id::Ulids,
}

#[pymethods]
impl Ulids {
    #[new]
    #[pyo3(signature = (keyspace, key))]
    fn new(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<Ulids> {
        let (open, keyspace) = opened(keyspace)?;
        let key = convert::key(key)?;
        Ok(Ulids { open, inner: py.detach(|| id::Ulids::open(keyspace, &key))? })
    }

    /// Gives out a ULID as a str of 26 characters.
    fn give(&self, py: Python<'_>) -> Outcome<String> {
        self.open.database()?;
        Ok(py.detach(|| self.inner.give())?.to_string())
    }
}

fn opened<'k>(keyspace: &'k Bound<'_, Keyspace>) -> Outcome<(Arc<Open>, &'k cuesta::Keyspace)> {
    let keyspace = keyspace.get();
    keyspace.open().database()?;
    Ok((keyspace.open().clone(), &keyspace.inner))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Sequence>()?;
    module.add_class::<Snowflake>()?;
    module.add_class::<Snowflakes>()?;
    module.add_class::<Uuids>()?;
    module.add_class::<Ulids>()
}
