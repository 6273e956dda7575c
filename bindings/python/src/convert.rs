//! Arguments and results: from Python and to Python.

use std::borrow::Cow;
use std::ops::Bound as End;
use std::time::Duration;

use cuesta::{Compression, Durability, Expiry, KeyspaceEngine, KeyspaceOptions, Value};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::buffer::Lent;
use crate::error::{Failure, Outcome};

/// Longer values are copied while detached.
const COPIED_ATTACHED_MAX: usize = 64 << 10;

/// Levels of a keyspace, each with a compression of its own.
const LEVELS: usize = 7;

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

/// As [`range`], for what must not happen to all keys by mistake: at least one border must be
/// given, and be one.
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

/// A whole number that may turn out not to be in range, which is told with its name.
pub struct Number<T>(Result<T, String>);

/// What a [`Number`] is kept in.
pub trait Whole: for<'a, 'py> FromPyObject<'a, 'py, Error = PyErr> {
    const MAX: u64;
}

impl Whole for u8 {
    const MAX: u64 = u8::MAX as u64;
}
impl Whole for u16 {
    const MAX: u64 = u16::MAX as u64;
}
impl Whole for u32 {
    const MAX: u64 = u32::MAX as u64;
}
impl Whole for u64 {
    const MAX: u64 = u64::MAX;
}
impl Whole for usize {
    const MAX: u64 = usize::MAX as u64;
}

impl<'a, 'py, T: Whole> FromPyObject<'a, 'py> for Number<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Number<T>> {
        match T::extract(object) {
            Ok(number) => Ok(Number(Ok(number))),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                let shown = object.str().map(|shown| shown.to_string()).unwrap_or_default();
                let is_short = (1..=40).contains(&shown.len());
                Ok(Number(Err(if is_short { shown } else { "what is given".to_owned() })))
            }
            Err(error) => Err(error),
        }
    }
}

impl<T: Whole> Number<T> {
    /// A number that is in range.
    pub const fn of(number: T) -> Number<T> {
        Number(Ok(number))
    }

    /// The number.
    ///
    /// # Errors
    /// `Invalid`, which says `what` it is, when it is out of range.
    pub fn named(self, what: &str) -> Outcome<T> {
        let wrong = |given| format!("{what}: {given} is not a number from 0 to {}", T::MAX);
        self.0.map_err(|given| Failure::invalid(wrong(given)))
    }
}

/// A number with its name, if one is given.
pub fn number<T: Whole>(what: &str, given: Option<Number<T>>) -> Outcome<Option<T>> {
    given.map(|given| given.named(what)).transpose()
}

/// How many entries a scan gives at most.
pub fn limit(limit: Option<Number<u64>>) -> Outcome<Option<u64>> {
    number("limit", limit)
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
    block_bytes: Option<Number<u32>>,
    filter_bits: Option<Number<u8>>,
    ttl: Option<f64>,
) -> Outcome<KeyspaceOptions> {
    let mut options = KeyspaceOptions::new();
    if let Some(compression) = compression {
        options = compressed(options, compression)?;
    }
    let block_bytes = number("block_bytes", block_bytes)?;
    options = block_bytes.into_iter().fold(options, KeyspaceOptions::block_bytes);
    let filter_bits = number("filter_bits", filter_bits)?;
    options = filter_bits.into_iter().fold(options, KeyspaceOptions::filter_bits);
    Ok(self::ttl(ttl)?.into_iter().fold(options, KeyspaceOptions::ttl))
}

/// How keys lie on disk.
pub fn engine(name: &str) -> Outcome<KeyspaceEngine> {
    KeyspaceEngine::of_name(name).ok_or_else(|| {
        Failure::invalid(format!("engine {name:?} is not one of \"lsm\", \"btree\""))
    })
}

/// Options with a compression for all levels, or with one for each, level 0 first.
fn compressed(mut options: KeyspaceOptions, given: &Bound<'_, PyAny>) -> Outcome<KeyspaceOptions> {
    if let Ok(name) = given.extract::<String>() {
        return Ok(options.compression(compression(&name)?));
    }
    let of_levels = given.extract::<Vec<String>>()?;
    if of_levels.len() != LEVELS {
        return Err(Failure::invalid(format!(
            "compression of {} levels: one for all is a str, and a list has one for each of \
             {LEVELS}",
            of_levels.len()
        )));
    }
    for (level, name) in of_levels.iter().enumerate() {
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

/// A time to live, if one is given; infinity is for ever.
pub fn ttl(given: Option<f64>) -> Outcome<Option<Duration>> {
    match given {
        Some(f64::INFINITY) => Ok(Some(Duration::MAX)),
        given => timeout("ttl", given),
    }
}

/// A duration given in seconds.
pub fn seconds(what: &str, seconds: f64) -> Outcome<Duration> {
    // `{:?}` writes 1e300 so, and not as 301 digits.
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| Failure::invalid(format!("{what} of {seconds:?} seconds: {error}")))
}
