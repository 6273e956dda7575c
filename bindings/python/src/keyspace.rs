//! A keyspace: an ordered dict of bytes.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::convert::{self, Bytes, Number};
use crate::error::Outcome;
use crate::open::Open;
use crate::scan::{Direction, Part, Scan};
use crate::watch::Watch;

/// Keys shown in messages are cut after so many bytes.
const SHOWN_BYTES: usize = 64;

/// What a load has done. From BulkLoad.finish() and Keyspace.ingest().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct Loaded {
    /// Its place in the order of commits.
    commit: u64,
    /// How many keys it has.
    entries: u64,
}

impl From<cuesta::Loaded> for Loaded {
    fn from(of: cuesta::Loaded) -> Loaded {
        Loaded { commit: of.commit, entries: of.entries }
    }
}

#[pymethods]
impl Loaded {
    fn __repr__(&self) -> String {
        format!("<cuesta.Loaded {} keys, at commit {}>", self.entries, self.commit)
    }
}

/// What a keyspace was created with. From Keyspace.options.
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct KeyspaceOptions {
    /// How its keys lie on disk.
    engine: &'static str,
    /// How each level is compressed, from the newest data to the oldest.
    compression: Vec<&'static str>,
    /// Bytes of a block before compression.
    block_bytes: u32,
    /// Filter bits per key.
    filter_bits: u8,
    /// From how many bytes on values lie apart from their keys.
    blob_threshold: u32,
    /// Bytes of a page.
    page_bytes: u32,
    /// How full pages are written that are written in order, in percent.
    fill_percent: u8,
    /// The seconds that values live.
    ttl: Option<f64>,
    /// Name of the merge operator.
    merge_operator: Option<String>,
}

impl From<cuesta::OptionValues> for KeyspaceOptions {
    fn from(of: cuesta::OptionValues) -> KeyspaceOptions {
        KeyspaceOptions {
            engine: of.engine.name(),
            compression: of.compression.map(convert::name_of).to_vec(),
            block_bytes: of.block_bytes,
            filter_bits: of.filter_bits,
            blob_threshold: of.blob_threshold,
            page_bytes: of.page_bytes,
            fill_percent: of.fill_percent,
            ttl: of.ttl.map(|ttl| ttl.as_secs_f64()),
            merge_operator: of.merge_operator,
        }
    }
}

#[pymethods]
impl KeyspaceOptions {
    fn __repr__(&self) -> String {
        let ttl = self.ttl.map(|ttl| format!(" ttl={ttl}")).unwrap_or_default();
        let merging = self.merge_operator.as_ref();
        let merging = merging.map(|name| format!(" merge_operator={name:?}")).unwrap_or_default();
        let (engine, page, fill) = (self.engine, self.page_bytes, self.fill_percent);
        let (block, filter, blob) = (self.block_bytes, self.filter_bits, self.blob_threshold);
        let laid_out = match cuesta::KeyspaceEngine::of_name(engine) {
            Some(cuesta::KeyspaceEngine::Btree) => format!("page_bytes={page} fill_percent={fill}"),
            _ => format!("block_bytes={block} filter_bits={filter} blob_threshold={blob}"),
        };
        format!("<cuesta.KeyspaceOptions engine={engine:?} {laid_out}{ttl}{merging}>")
    }
}

/// An ordered dict of bytes in a database. From Database.keyspace().
#[pyclass(frozen, module = "cuesta")]
pub struct Keyspace {
    // Goes first, see `Open`.
    open: Arc<Open>,
    pub inner: cuesta::Keyspace,
}

impl Keyspace {
    pub fn new(open: &Arc<Open>, inner: cuesta::Keyspace) -> Keyspace {
        Keyspace { open: open.clone(), inner }
    }

    /// What all handles of its database share.
    pub fn open(&self) -> &Arc<Open> {
        &self.open
    }

    fn read<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<Option<Bound<'py, PyBytes>>> {
        self.open.database()?;
        let key = convert::key(key)?;
        let value = py.detach(|| self.inner.get(&key))?;
        Ok(value.map(|value| convert::to_bytes(py, &value)).transpose()?)
    }

    fn scan_part(
        &self,
        py: Python<'_>,
        range: convert::Range,
        part: Part,
        reverse: bool,
        limit: Option<Number<u64>>,
    ) -> Outcome<Scan> {
        self.open.database()?;
        let limit = convert::limit(limit)?;
        let cursor = py.detach(|| self.inner.cursor(range))?;
        Ok(Scan::new(cursor, part, Direction::reverse(reverse), limit))
    }
}

#[pymethods]
impl Keyspace {
    /// Makes the keys in prepared files part of the keyspace, all at once.
    fn ingest(&self, py: Python<'_>, paths: &Bound<'_, PyAny>) -> Outcome<Loaded> {
        let database = self.open.database()?;
        if paths.extract::<PathBuf>().is_ok() || paths.is_instance_of::<PyBytes>() {
            let class = paths.get_type().name()?;
            let message = format!("paths must be a list of paths, not {class}: write [path]");
            return Err(PyTypeError::new_err(message).into());
        }
        let paths: Vec<PathBuf> = paths.extract()?;
        Ok(py.detach(|| database.ingest(&self.inner, &paths))?.into())
    }

    /// The name that it had when the handle was made.
    #[getter]
    fn name(&self) -> &str {
        self.inner.name()
    }

    /// What it was created with.
    #[getter]
    fn options(&self, py: Python<'_>) -> Outcome<KeyspaceOptions> {
        self.open.database()?;
        Ok(py.detach(|| self.inner.options())?.values().into())
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
        let ttl = convert::ttl(ttl)?;
        // As a batch of one, the bytes are copied once, to where they are committed from.
        let mut batch = self.open.database()?.batch();
        let (key, value) = (convert::key(key)?, Bytes::from(value, "value")?);
        value.lend(py, |value| match ttl {
            Some(ttl) => batch.put_with_ttl(&self.inner, &key, value, ttl),
            None => batch.put(&self.inner, &key, value),
        })?;
        py.detach(|| batch.commit())?;
        Ok(())
    }

    /// The values of many keys as of one moment: a list with bytes, or None where there is none.
    fn get_many<'py>(
        &self,
        py: Python<'py>,
        keys: &Bound<'_, PyAny>,
    ) -> Outcome<Bound<'py, PyList>> {
        self.open.database()?;
        let keys = convert::keys(keys)?;
        let values = py.detach(|| self.inner.get_many(&keys))?;
        Ok(convert::list(py, values)?)
    }

    /// How many seconds the value of a key has to live.
    fn expiry(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<Option<f64>> {
        self.open.database()?;
        let key = convert::key(key)?;
        Ok(py.detach(|| self.inner.expiry(&key))?.map(convert::expiry))
    }

    /// Merges what a key has with an operand.
    fn merge(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        operand: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        let mut batch = self.open.database()?.batch();
        let (key, operand) = (convert::key(key)?, Bytes::from(operand, "operand")?);
        operand.lend(py, |operand| batch.merge(&self.inner, &key, operand))?;
        py.detach(|| batch.commit())?;
        Ok(())
    }

    /// Waits for changes of a range of keys.
    #[pyo3(signature = (start=None, end=None, prefix=None))]
    fn watch(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<Watch> {
        self.open.database()?;
        let range = convert::range(start, end, prefix)?;
        Ok(Watch::new(&self.open, py.detach(|| self.inner.watch(range))?))
    }

    /// Waits for changes of one key.
    fn watch_key(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<Watch> {
        self.open.database()?;
        let key = convert::key(key)?;
        Ok(Watch::new(&self.open, py.detach(|| self.inner.watch_key(&key))?))
    }

    /// The value of a key as bytes, or the default.
    #[pyo3(signature = (key, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> Outcome<Option<Bound<'py, PyAny>>> {
        Ok(self.read(py, key)?.map(Bound::into_any).or(default))
    }

    /// Removes a key, whether or not it is there.
    fn delete(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<()> {
        self.open.database()?;
        let key = convert::key(key)?;
        py.detach(|| self.inner.delete(&key))?;
        Ok(())
    }

    /// Removes all keys of a range, at the cost of one small write.
    #[pyo3(signature = (start=None, end=None, prefix=None))]
    fn delete_range(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<()> {
        self.open.database()?;
        let range = convert::bounded(start, end, prefix)?;
        Ok(py.detach(|| self.inner.delete_range(range))?)
    }

    /// Removes all keys; the keyspace stays.
    fn clear(&self, py: Python<'_>) -> Outcome<()> {
        self.open.database()?;
        Ok(py.detach(|| self.inner.clear())?)
    }

    /// Gives a key a new value, or none, if its value is the expected one.
    #[pyo3(signature = (key, expected, new))]
    fn compare_and_swap(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        expected: Option<&Bound<'_, PyAny>>,
        new: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<bool> {
        self.open.database()?;
        let key = convert::key(key)?;
        let value = |value: Option<&Bound<'_, PyAny>>| -> PyResult<Option<Vec<u8>>> {
            let owned = |value| Ok(Bytes::from(value, "value")?.lend(py, <[u8]>::to_vec));
            value.map(owned).transpose()
        };
        let (expected, new) = (value(expected)?, value(new)?);
        let swap =
            py.detach(|| self.inner.compare_and_swap(&key, expected.as_deref(), new.as_deref()))?;
        Ok(swap.is_done())
    }

    /// Iterates over pairs of key and value.
    #[pyo3(signature = (start=None, end=None, prefix=None, reverse=false, limit=None))]
    fn scan(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        limit: Option<Number<u64>>,
    ) -> Outcome<Scan> {
        self.scan_part(py, convert::range(start, end, prefix)?, Part::Both, reverse, limit)
    }

    /// Iterates over pairs of key and value: the same as scan().
    #[pyo3(signature = (start=None, end=None, prefix=None, reverse=false, limit=None))]
    fn items(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        limit: Option<Number<u64>>,
    ) -> Outcome<Scan> {
        self.scan_part(py, convert::range(start, end, prefix)?, Part::Both, reverse, limit)
    }

    /// Iterates over keys.
    #[pyo3(signature = (start=None, end=None, prefix=None, reverse=false, limit=None))]
    fn keys(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        limit: Option<Number<u64>>,
    ) -> Outcome<Scan> {
        self.scan_part(py, convert::range(start, end, prefix)?, Part::Key, reverse, limit)
    }

    /// Iterates over values, in the order of their keys.
    #[pyo3(signature = (start=None, end=None, prefix=None, reverse=false, limit=None))]
    fn values(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        limit: Option<Number<u64>>,
    ) -> Outcome<Scan> {
        self.scan_part(py, convert::range(start, end, prefix)?, Part::Value, reverse, limit)
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
    ) -> Outcome<Bound<'py, PyBytes>> {
        if let Some(value) = self.read(py, key)? {
            return Ok(value);
        }
        let bytes = convert::key(key)?;
        let shown = bytes.get(..SHOWN_BYTES).map_or_else(
            || format!("b\"{}\"", bytes.escape_ascii()),
            |start| format!("b\"{}\"... of {} bytes", start.escape_ascii(), bytes.len()),
        );
        let message = format!("there is no key {shown} in keyspace {:?}", self.name());
        Err(cuesta::Error::not_found(message).into())
    }

    fn __setitem__(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        self.put(py, key, value, None)
    }

    fn __delitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<()> {
        self.delete(py, key)
    }

    fn __contains__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<bool> {
        self.open.database()?;
        let key = convert::key(key)?;
        Ok(py.detach(|| self.inner.contains(&key))?)
    }

    fn __iter__(&self, py: Python<'_>) -> Outcome<Scan> {
        self.keys(py, None, None, None, false, None)
    }

    fn __repr__(&self) -> String {
        format!("<cuesta.Keyspace {:?}>", self.name())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Loaded>()?;
    module.add_class::<KeyspaceOptions>()?;
    module.add_class::<Keyspace>()
}
