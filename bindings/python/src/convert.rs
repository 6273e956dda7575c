//! Arguments and results: from Python and to Python.

use std::borrow::Cow;
use std::ops::Bound as End;
use std::time::Duration;

use cuesta::{Compression, Durability, Expiry, KeyspaceOptions, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::buffer::Lent;
use crate::error::{Failure, Outcome};

/// Longer values are copied while detached.
const COPIED_ATTACHED_MAX: usize = 64 << 10;

/// A range of keys with ends of its own.
pub type Range = (End<Vec<u8>>, End<Vec<u8>>);

/// The bytes of an argument, where they are.
pub enum Bytes<'a> {
    /// Of `bytes`: nothing ever changes them.
    Fixed(&'a [u8]),
    /// Of another bytes-like object: they may change as soon as Python code runs.
    Lent(Lent),
}

impl<'a> Bytes<'a> {
    /// The bytes of `object`; `what` names it in messages.
    pub fn from(object: &'a Bound<'_, PyAny>, what: &str) -> PyResult<Bytes<'a>> {
        match object.cast::<PyBytes>() {
            Ok(bytes) => Ok(Bytes::Fixed(bytes.as_bytes())),
            Err(_) => Lent::from(object, what).map(Bytes::Lent),
        }
    }

    /// Lends them to `take`, which copies them to where they belong.
    pub fn lend<R>(&self, py: Python<'_>, take: impl FnOnce(&[u8]) -> R + Send) -> R {
        match self {
            Bytes::Fixed(bytes) => take(bytes),
            Bytes::Lent(lent) => lent.lend(py, take),
        }
    }
}

/// The bytes of a key. Those that could change while detached are copied.
pub fn key<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    Ok(match Bytes::from(object, "key")? {
        Bytes::Fixed(bytes) => Cow::Borrowed(bytes),
        Bytes::Lent(lent) => Cow::Owned(lent.lend(object.py(), <[u8]>::to_vec)),
    })
}

/// A value as `bytes`, or the default where there is none.
pub fn bytes_or<'py>(
    py: Python<'py>,
    value: Option<Value>,
    default: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let bytes = value.map(|value| to_bytes(py, &value)).transpose()?;
    Ok(bytes.map(Bound::into_any).or(default))
}

/// A value as `bytes`.
pub fn to_bytes<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyBytes>> {
    if value.len() <= COPIED_ATTACHED_MAX {
        return Ok(PyBytes::new(py, value));
    }
    // Nothing else knows the new object yet, and reading mapped pages may wait for the disk.
    PyBytes::new_with(py, value.len(), |bytes| {
        py.detach(|| bytes.copy_from_slice(value));
        Ok(())
    })
}

/// Keys of an iterable, to be owned.
pub fn keys(objects: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<u8>>> {
    objects.try_iter()?.map(|object| Ok(key(&object?)?.into_owned())).collect()
}

/// Values as a list of `bytes`, with None where there is none.
pub fn list<'py>(py: Python<'py>, values: Vec<Option<Value>>) -> PyResult<Bound<'py, PyList>> {
    let all: PyResult<Vec<Option<Bound<'py, PyBytes>>>> = values
        .iter()
        .map(|value| value.as_ref().map(|value| to_bytes(py, value)).transpose())
        .collect();
    PyList::new(py, all?)
}

/// The keys from `start` to before `end` that begin with `prefix`.
pub fn range(
    start: Option<&Bound<'_, PyAny>>,
    end: Option<&Bound<'_, PyAny>>,
    prefix: Option<&Bound<'_, PyAny>>,
) -> PyResult<Range> {
    let owned = |object: Option<&Bound<'_, PyAny>>| -> PyResult<Option<Vec<u8>>> {
        object.map(|object| Ok(key(object)?.into_owned())).transpose()
    };
    let (mut start, mut end, prefix) = (owned(start)?, owned(end)?, owned(prefix)?);
    if let Some(prefix) = prefix {
        let after = after_prefix(&prefix);
        end = match (end, after) {
            (Some(end), Some(after)) => Some(end.min(after)),
            (end, after) => end.or(after),
        };
        start = start.max(Some(prefix));
    }
    Ok((start.map_or(End::Unbounded, End::Included), end.map_or(End::Unbounded, End::Excluded)))
}

/// As [`range`], for what must not happen to all keys by mistake: at least one border must be given,
/// and be one.
pub fn bounded(
    start: Option<&Bound<'_, PyAny>>,
    end: Option<&Bound<'_, PyAny>>,
    prefix: Option<&Bound<'_, PyAny>>,
) -> Outcome<Range> {
    if start.is_none() && end.is_none() && prefix.is_none() {
        return Err(Failure::invalid(
            "none of start, end and prefix: say start=b\"\" to delete all keys, or clear()",
        ));
    }
    if let Some(prefix) = prefix
        && key(prefix)?.is_empty()
    {
        return Err(Failure::invalid(
            "an empty prefix is that of all keys: say start=b\"\" to delete them, or clear()",
        ));
    }
    if let (Some(start), Some(end)) = (start, end)
        && key(start)? > key(end)?
    {
        return Err(Failure::invalid("no key is from start to before end: start is greater"));
    }
    Ok(range(start, end, prefix)?)
}

/// The first key after all that begin with `prefix`; none, if there is no such key.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut after = prefix.to_vec();
    while let Some(last) = after.pop() {
        if last < u8::MAX {
            after.push(last + 1);
            return Some(after);
        }
    }
    None
}

/// How many entries a scan gives at most.
pub fn limit(limit: Option<i64>) -> Outcome<Option<u64>> {
    let wrong = |limit| Failure::invalid(format!("limit {limit} is negative"));
    limit.map(|limit| u64::try_from(limit).map_err(|_| wrong(limit))).transpose()
}

pub fn durability(name: &str) -> Outcome<Durability> {
    match name {
        "sync" => Ok(Durability::Sync),
        "interval" => Ok(Durability::Interval),
        "buffered" => Ok(Durability::Buffered),
        "none" => Ok(Durability::None),
        _ => Err(Failure::invalid(format!(
            "durability {name:?} is not one of \"sync\", \"interval\", \"buffered\", \"none\""
        ))),
    }
}

/// Options of how keys lie on disk.
pub fn laid_out(
    compression: Option<&Bound<'_, PyAny>>,
    block_bytes: Option<u32>,
    filter_bits: Option<u8>,
    ttl: Option<f64>,
) -> Outcome<KeyspaceOptions> {
    let mut options = KeyspaceOptions::new();
    if let Some(compression) = compression {
        options = compressed(options, compression)?;
    }
    options = block_bytes.into_iter().fold(options, KeyspaceOptions::block_bytes);
    options = filter_bits.into_iter().fold(options, KeyspaceOptions::filter_bits);
    Ok(timeout("ttl", ttl)?.into_iter().fold(options, KeyspaceOptions::ttl))
}

/// Options with a compression for all levels, or with one for each, level 0 first.
fn compressed(mut options: KeyspaceOptions, given: &Bound<'_, PyAny>) -> Outcome<KeyspaceOptions> {
    if let Ok(name) = given.extract::<String>() {
        return Ok(options.compression(compression(&name)?));
    }
    for (level, name) in given.extract::<Vec<String>>()?.iter().enumerate() {
        options = options.compression_of(level, compression(name)?);
    }
    Ok(options)
}

fn compression(name: &str) -> Outcome<Compression> {
    match name {
        "none" => Ok(Compression::None),
        "lz4" => Ok(Compression::Lz4),
        "zstd" => Ok(Compression::Zstd),
        _ => Err(Failure::invalid(format!(
            "compression {name:?} is not one of \"none\", \"lz4\", \"zstd\""
        ))),
    }
}

/// As [`compression`] takes it.
pub fn name_of(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "none",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    }
}

/// How many seconds a value has to live; infinitely many if it stays.
pub fn expiry(expiry: Expiry) -> f64 {
    match expiry {
        Expiry::Never => f64::INFINITY,
        Expiry::In(left) => left.as_secs_f64(),
    }
}

/// A duration given in seconds, if one is.
pub fn timeout(what: &str, given: Option<f64>) -> Outcome<Option<Duration>> {
    given.map(|given| seconds(what, given)).transpose()
}

/// A duration given in seconds.
pub fn seconds(what: &str, seconds: f64) -> Outcome<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| Failure::invalid(format!("{what} of {seconds} seconds: {error}")))
}
