//! Caches: bounded maps that let go of what is used least.

use std::sync::Arc;

use cuesta::cache::{CacheOptions, Policy};
use pyo3::prelude::*;

use crate::convert::{self, Bytes, Number};
use crate::error::{Failure, Outcome};
use crate::open::Open;
use crate::own::Own;

/// A bounded map. From Database.cache().
#[pyclass(frozen, module = "cuesta")]
pub struct Cache {
    // Goes first, see `Open`.
    open: Arc<Open>,
    name: String,
    inner: Own<cuesta::cache::Cache>,
}

/// A cache at one moment. From Cache.stats().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct CacheStats {
    hits: u64,
    misses: u64,
    insertions: u64,
    evictions: u64,
    expirations: u64,
    rejections: u64,
    entries: u64,
    bytes: u64,
    memory_bytes: u64,
    hit_rate: f64,
}

#[pymethods]
impl CacheStats {
    fn __repr__(&self) -> String {
        let (entries, percent) = (self.entries, self.hit_rate * 100.0);
        format!("<cuesta.CacheStats: {entries} entries, {percent:.1} % hits>")
    }
}

/// What Python's callers name of the options of a cache.
pub fn options(
    max_bytes: Option<Number<u64>>,
    max_entries: Option<Number<u64>>,
    policy: &str,
    ttl: Option<f64>,
    durability: &str,
) -> Outcome<CacheOptions> {
    let policy = match policy {
        "lru" => Policy::Lru,
        "tiny_lfu" => Policy::TinyLfu,
        _ => {
            return Err(Failure::invalid(format!(
                "policy {policy:?} is not one of \"lru\", \"tiny_lfu\""
            )));
        }
    };
    let mut options = CacheOptions::new().policy(policy);
    options = options.durability(convert::durability(durability)?);
    let max_bytes = convert::number("max_bytes", max_bytes)?;
    options = max_bytes.into_iter().fold(options, CacheOptions::max_bytes);
    let max_entries = convert::number("max_entries", max_entries)?;
    options = max_entries.into_iter().fold(options, CacheOptions::max_entries);
    let ttl = convert::ttl(ttl)?;
    Ok(ttl.into_iter().fold(options, CacheOptions::ttl))
}

impl Cache {
    /// The cache, unless its database was closed.
    fn open(&self) -> Outcome<&cuesta::cache::Cache> {
        self.open.database()?;
        Ok(self.inner.here()?)
    }

    pub fn new(open: &Arc<Open>, inner: cuesta::cache::Cache) -> Cache {
        Cache { open: open.clone(), name: inner.name().to_owned(), inner: Own::new(inner) }
    }
}

#[pymethods]
impl Cache {
    /// The name it was opened with.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of entries, as they count against the bound.
    #[getter]
    fn bytes(&self, py: Python<'_>) -> Outcome<u64> {
        let inner = self.open()?;
        Ok(py.detach(|| inner.bytes()))
    }

    /// The value of a key as bytes, if it is here, or the default.
    #[pyo3(signature = (key, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> Outcome<Option<Bound<'py, PyAny>>> {
        let inner = self.open()?;
        let key = convert::key(key)?;
        let value = py.detach(|| inner.get(&key))?;
        Ok(convert::bytes_or(py, value, default)?)
    }

    /// Sets the value of a key, for some time perhaps.
    #[pyo3(signature = (key, value, ttl=None))]
    fn put(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<f64>,
    ) -> Outcome<()> {
        let inner = self.open()?;
        let ttl = convert::ttl(ttl)?;
        let (key, value) = (convert::key(key)?, Bytes::from(value, "value")?);
        let put = |value: &[u8]| match ttl {
            Some(ttl) => inner.put_with_ttl(&key, value, ttl),
            None => inner.put(&key, value),
        };
        match value {
            Bytes::Fixed(value) => py.detach(|| put(value))?,
            Bytes::Lent(lent) => {
                let value = lent.lend(py, <[u8]>::to_vec);
                py.detach(|| put(&value))?;
            }
        }
        Ok(())
    }

    /// Removes a key; whether it was here.
    fn remove(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<bool> {
        let inner = self.open()?;
        let key = convert::key(key)?;
        Ok(py.detach(|| inner.remove(&key))?)
    }

    /// Removes everything that is here.
    fn clear(&self, py: Python<'_>) -> Outcome<()> {
        let inner = self.open()?;
        Ok(py.detach(|| inner.clear())?)
    }

    /// The value of a key; if there is none, what a function returns, which is put.
    fn get_or_insert_with<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        load: Py<PyAny>,
    ) -> Outcome<Bound<'py, PyAny>> {
        let inner = self.open()?;
        let key = convert::key(key)?;
        let load = || {
            Python::attach(|py| -> Outcome<Vec<u8>> {
                let loaded = load.bind(py).call0()?;
                Ok(Bytes::from(&loaded, "value")?.lend(py, <[u8]>::to_vec))
            })
        };
        let check = || Python::attach(|py| Ok(py.check_signals()?));
        let value = py.detach(|| inner.get_or_insert_with_check(&key, check, load))?;
        Ok(convert::to_bytes(py, &value)?.into_any())
    }

    /// Hits, misses, what came and what went.
    fn stats(&self, py: Python<'_>) -> Outcome<CacheStats> {
        let inner = self.open()?;
        let stats = py.detach(|| inner.stats());
        Ok(CacheStats {
            hits: stats.hits,
            misses: stats.misses,
            insertions: stats.insertions,
            evictions: stats.evictions,
            expirations: stats.expirations,
            rejections: stats.rejections,
            entries: stats.entries,
            bytes: stats.bytes,
            memory_bytes: stats.memory_bytes,
            hit_rate: stats.hit_rate(),
        })
    }

    fn __contains__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<bool> {
        let inner = self.open()?;
        let key = convert::key(key)?;
        Ok(py.detach(|| inner.contains(&key))?)
    }

    fn __len__(&self, py: Python<'_>) -> Outcome<usize> {
        let inner = self.open()?;
        Ok(usize::try_from(py.detach(|| inner.len())).unwrap_or(usize::MAX))
    }

    /// A cache is never false, not even when it is empty.
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(&self) -> String {
        format!("<cuesta.Cache {:?}>", self.name())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CacheStats>()?;
    module.add_class::<Cache>()
}
