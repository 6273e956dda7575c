//! Identifiers: generators of what is never given out twice.

use std::sync::{Arc, Mutex, PoisonError};

use cuesta::id;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict};

use crate::convert::{self, Number};
use crate::error::{Failure, Outcome};
use crate::keyspace::Keyspace;
use crate::open::Open;
use crate::own::Own;

/// A generator that gives back what it has reserved when it is closed.
struct Kept<T: Send + Sync> {
    // Goes first, see `Open`.
    open: Arc<Open>,
    /// Gone when closed. Held only to take a copy of the pointer.
    inner: Own<Mutex<Option<Arc<T>>>>,
}

impl<T: Send + Sync> Kept<T> {
    fn open(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        open: impl FnOnce(&cuesta::Keyspace, &[u8]) -> cuesta::Result<T> + Send,
    ) -> Outcome<Kept<T>> {
        let keyspace = keyspace.get();
        keyspace.open().database()?;
        let key = convert::key(key)?;
        let inner = py.detach(|| open(&keyspace.inner, &key))?;
        let inner = Own::new(Mutex::new(Some(Arc::new(inner))));
        Ok(Kept { open: keyspace.open().clone(), inner })
    }

    /// What `ask` says while detached.
    fn ask<R: Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&T) -> cuesta::Result<R> + Send,
    ) -> Outcome<R> {
        self.open.database()?;
        let inner = self.inner.here()?;
        let inner = inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).clone();
        let inner = inner.ok_or_else(|| Failure::invalid("the generator is closed"))?;
        Ok(py.detach(move || ask(&inner))?)
    }

    fn close(
        &self,
        py: Python<'_>,
        close: impl FnOnce(T) -> cuesta::Result<()> + Send,
    ) -> Outcome<()> {
        let Ok(inner) = self.inner.ending() else { return Ok(()) };
        let taken = inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        // If another thread is using it, the rest is a gap; so it is if the database was closed.
        if self.open.is_closed() {
            return Ok(());
        }
        Ok(py.detach(|| taken.and_then(Arc::into_inner).map_or(Ok(()), close))?)
    }
}

/// Ascending numbers, each given out once, kept through restarts.
#[pyclass(frozen, module = "cuesta.id")]
struct Sequence(Kept<id::Sequence>);

#[pymethods]
impl Sequence {
    #[new]
    #[pyo3(signature = (keyspace, key, *, reserve=Number::of(1000)))]
    fn new(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        reserve: Number<u64>,
    ) -> Outcome<Sequence> {
        let reserve = reserve.named("reserve")?;
        Kept::open(py, keyspace, key, |keyspace, key| {
            id::Sequence::reserving(keyspace, key, reserve)
        })
        .map(Sequence)
    }

    /// Gives out the next number.
    fn give(&self, py: Python<'_>) -> Outcome<u64> {
        self.0.ask(py, id::Sequence::give)
    }

    /// Gives out some numbers that follow each other, as a range.
    fn take<'py>(&self, py: Python<'py>, count: Number<u64>) -> Outcome<Bound<'py, PyAny>> {
        let count = count.named("count")?;
        let given = self.0.ask(py, |sequence| sequence.take(count))?;
        let range = py.import("builtins")?.getattr("range")?;
        Ok(range.call1((given.start, given.end))?)
    }

    /// Gives back what was reserved and not given out.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        self.0.close(py, id::Sequence::close)
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        self.close(py)
    }
}

/// Gives out snowflakes: ascending 63-bit numbers.
#[pyclass(frozen, module = "cuesta.id")]
struct Snowflakes {
    kept: Kept<id::Snowflakes>,
    options: id::SnowflakeOptions,
}

#[pymethods]
impl Snowflakes {
    #[new]
    #[pyo3(signature = (keyspace, key, *, node=Number::of(0), epoch_ms=None))]
    fn new(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        node: Number<u16>,
        epoch_ms: Option<Number<u64>>,
    ) -> Outcome<Snowflakes> {
        let options = id::SnowflakeOptions::new().node(node.named("node")?);
        let epoch_ms = convert::number("epoch_ms", epoch_ms)?;
        let options = epoch_ms.into_iter().fold(options, id::SnowflakeOptions::epoch_ms);
        let open = |keyspace: &_, key: &[u8]| id::Snowflakes::open(keyspace, key, options);
        Ok(Snowflakes { kept: Kept::open(py, keyspace, key, open)?, options })
    }

    /// Gives out a snowflake that is greater than all before.
    fn give(&self, py: Python<'_>) -> Outcome<u64> {
        self.kept.ask(py, id::Snowflakes::give)
    }

    /// When a number was given out, in milliseconds since 1970.
    fn time_ms(&self, number: Number<u64>) -> Outcome<u64> {
        Ok(self.options.time_ms(number.named("number")?)?)
    }

    /// Gives back what was reserved and not given out.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        self.kept.close(py, id::Snowflakes::close)
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        self.close(py)
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
    fn of(number: Number<u64>) -> Outcome<Snowflake> {
        let id::Snowflake { ms, node, count } = id::Snowflake::of(number.named("number")?)?;
        Ok(Snowflake { ms, node, count })
    }

    fn __repr__(&self) -> String {
        let Snowflake { ms, node, count } = self;
        format!("<cuesta.id.Snowflake {count} of millisecond {ms} at node {node}>")
    }
}

/// Gives out UUIDs of version 7, each greater than the one before.
#[pyclass(frozen, module = "cuesta.id")]
struct Uuids(Kept<id::Uuids>);

#[pymethods]
impl Uuids {
    #[new]
    #[pyo3(signature = (keyspace, key))]
    fn new(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<Uuids> {
        Kept::open(py, keyspace, key, |keyspace, key| id::Uuids::open(keyspace, key)).map(Uuids)
    }

    /// Gives out a uuid.UUID.
    fn give<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        let given = self.0.ask(py, id::Uuids::give)?;
        let named = PyDict::new(py);
        named.set_item("bytes", PyBytes::new(py, given.as_bytes()))?;
        Ok(py.import("uuid")?.getattr("UUID")?.call((), Some(&named))?)
    }

    /// Gives back what was reserved and not given out.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        self.0.close(py, id::Uuids::close)
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        self.close(py)
    }
}

/// Gives out ULIDs, each greater than the one before.
#[pyclass(frozen, module = "cuesta.id")]
struct Ulids(Kept<id::Ulids>);

#[pymethods]
impl Ulids {
    #[new]
    #[pyo3(signature = (keyspace, key))]
    fn new(
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<Ulids> {
        Kept::open(py, keyspace, key, |keyspace, key| id::Ulids::open(keyspace, key)).map(Ulids)
    }

    /// Gives out a ULID as a str of 26 characters.
    fn give(&self, py: Python<'_>) -> Outcome<String> {
        Ok(self.0.ask(py, id::Ulids::give)?.to_string())
    }

    /// Gives back what was reserved and not given out.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        self.0.close(py, id::Ulids::close)
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        self.close(py)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Sequence>()?;
    module.add_class::<Snowflake>()?;
    module.add_class::<Snowflakes>()?;
    module.add_class::<Uuids>()?;
    module.add_class::<Ulids>()
}
