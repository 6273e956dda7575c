//! The index types that workloads write to, each behind a few functions.
//!
//! Not for: how these types work. A [`Shape`] is made of a [`Kind`] and forgets its type.

use cuesta_engine::index::{Handle, Registry};
use cuesta_engine::version::View;
use cuesta_engine::{IndexId, Result};

use super::model::Map;
use crate::kinds::{DeleteRange, Kind};

/// An index type with options, as the harness sees it: a map of bytes.
pub struct Shape {
    /// Name of the index type.
    pub kind: &'static str,
    /// Options of its indexes.
    pub options: Vec<u8>,
    /// Bytes of a value, at most.
    pub value_bytes_max: usize,
    /// Appends the operation that gives a key a value.
    pub put: fn(&mut Vec<u8>, &[u8], &[u8]),
    /// Makes a value mean more than a put: see [`Meaning`](super::model::Meaning).
    pub meant: fn(Vec<u8>) -> Vec<u8>,
    /// Appends the operation that takes a key away.
    pub delete: fn(&mut Vec<u8>, &[u8]),
    /// Appends the operation that takes a range of keys away, where there is one.
    pub delete_range: Option<DeleteRange>,
    /// Whether it takes bulk loads.
    pub loads: bool,
    /// The content of an index in a view.
    pub dump: fn(&View, IndexId) -> Result<Map>,
}

impl Shape {
    /// The shape of `K` with the options that it proposes for tests.
    pub fn of<K: Kind>() -> Shape {
        Shape {
            kind: K::NAME,
            options: K::options(),
            value_bytes_max: usize::MAX,
            meant: plain,
            put: K::put,
            delete: K::delete,
            delete_range: K::DELETE_RANGE,
            loads: K::LOADS,
            dump: dump::<K>,
        }
    }

    /// The same index type with other options.
    pub fn with_options(self, options: Vec<u8>) -> Shape {
        Shape { options, ..self }
    }

    /// The same index type, whose values expire, and merge as `meant` says: `put` appends the
    /// operation that a value means.
    pub fn lively(
        self,
        put: fn(&mut Vec<u8>, &[u8], &[u8]),
        meant: fn(Vec<u8>) -> Vec<u8>,
    ) -> Shape {
        Shape { put, meant, ..self }
    }

    /// Whether values expire and merge.
    pub fn is_lively(&self) -> bool {
        !std::ptr::fn_addr_eq(self.meant, plain as fn(Vec<u8>) -> Vec<u8>)
    }

    /// The same index type, which takes only short values.
    pub fn with_values_up_to(self, value_bytes_max: usize) -> Shape {
        Shape { value_bytes_max, ..self }
    }
}

fn plain(value: Vec<u8>) -> Vec<u8> {
    value
}

/// Every third value is a put, every third expires, at once or later, every third is appended.
pub fn merging(value: Vec<u8>) -> Vec<u8> {
    let sum = value.iter().fold(value.len(), |sum, byte| sum + usize::from(*byte));
    let head: &[u8] = match sum % 9 {
        0..=2 => &[],
        3 => &[b'!', b'E', 0],
        4 => &[b'!', b'E', 6],
        5 => &[b'!', b'E', 30],
        _ => b"!A",
    };
    [head, &value].concat()
}

/// Of eight values one is a put, all others are appended.
#[allow(dead_code, reason = "the example does without")]
pub fn appending(value: Vec<u8>) -> Vec<u8> {
    let sum = value.iter().fold(value.len(), |sum, byte| sum + usize::from(*byte));
    let head: &[u8] = if sum % 8 == 0 { &[] } else { b"!A" };
    [head, &value].concat()
}

/// Two of three values expire, most of them at once.
pub fn passing(value: Vec<u8>) -> Vec<u8> {
    let sum = value.iter().fold(value.len(), |sum, byte| sum + usize::from(*byte));
    let head: &[u8] = match sum % 6 {
        0 | 1 => &[],
        2 => &[b'!', b'E', 30],
        _ => &[b'!', b'E', 0],
    };
    [head, &value].concat()
}

fn dump<K: Kind>(view: &View, index: IndexId) -> Result<Map> {
    let state = view.of(Handle::<K>::new(index))?;
    K::dump_by(&state, view.seq(), view.clock_ms())
}

/// All index types of a run. The first three shapes are those of the keyspaces that every workload
/// begins with.
pub struct Cast {
    /// By number, as workloads name them.
    pub shapes: Vec<Shape>,
    /// What databases are opened with.
    pub registry: fn() -> Registry,
}

impl Cast {
    /// The shape with this number, which wraps around.
    pub fn shape(&self, number: usize) -> &Shape {
        &self.shapes[number % self.shapes.len()]
    }
}
