//! The LSM as the harness sees it, and all index types that take part.

use std::collections::BTreeMap;
use std::ops::Bound;

use cuesta_engine::format::Codec;
use cuesta_engine::index::{Registry, State};
use cuesta_engine::{Error, Result, SeqNo};
use cuesta_indexes::lsm::{Lsm, Options};
use cuesta_indexes::ordered::{Ordered, Reader, op};

use crate::harness::cast::{Cast, Shape, appending, merging, passing};
use crate::harness::model::Meaning;
use crate::kinds::{DeleteRange, Kind, Pages, Rows};

impl Kind for Lsm {
    fn put(ops: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        op::put(ops, key, value).unwrap();
    }

    fn delete(ops: &mut Vec<u8>, key: &[u8]) {
        op::delete(ops, key).unwrap();
    }

    const DELETE_RANGE: Option<DeleteRange> =
        Some(|ops, start, end| op::delete_range(ops, start, Some(end)).unwrap());

    const LOADS: bool = true;

    fn dump(state: &State<Lsm>, at: SeqNo) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        Self::dump_by(state, at, 0)
    }

    fn dump_by(state: &State<Lsm>, at: SeqNo, clock_ms: u64) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        dump_ordered(state, at, clock_ms)
    }

    fn options() -> Vec<u8> {
        Options { block_bytes: 256, restart_interval: 4, ..Options::default() }.encode()
    }
}

/// Goes forwards over all keys, and asks for each of them again.
pub fn dump_ordered<T: Ordered>(
    state: &State<T>,
    at: SeqNo,
    clock_ms: u64,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let reader = Reader::new(state, at, clock_ms);
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    let mut map = BTreeMap::new();
    while cursor.next()? {
        let (key, value) = (cursor.key().to_vec(), cursor.value().to_vec());
        let again = reader.get_with(&key, |found| found == value)?;
        if again != Some(true) {
            let key = key.escape_ascii();
            return Err(Error::internal(format!("get and cursor disagree on {key}")));
        }
        if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(Error::internal("a cursor went back"));
        }
        map.insert(key, value);
    }
    Ok(map)
}

/// Values of a KiB lie apart.
fn large_apart() -> Options {
    let options = Options { block_bytes: 256, restart_interval: 4, ..Options::default() };
    Options { blob_threshold: 1024, ..options }
}

/// Indexes with large values apart.
#[allow(dead_code, reason = "the example runs the workloads of `cast` alone")]
pub fn cast_of_large_values() -> Cast {
    let packed = Options { filter_bits: 0, codecs: [Codec::Lz4; 7], ..large_apart() };
    let shape = |options: Options| Shape::of::<Lsm>().with_options(options.encode());
    Cast { shapes: vec![shape(large_apart()), shape(packed), shape(large_apart())], ..cast() }
}

/// As [`cast`], with values that expire and merge.
#[allow(dead_code, reason = "the example runs the workloads of `cast` alone")]
pub fn cast_of_lively_values() -> Cast {
    let mut cast = cast();
    let options = Options { merge_operator: "append".into(), ..large_apart() };
    let passes = Shape::of::<Lsm>().lively(put_lively, passing);
    let merges = Shape::of::<Lsm>().with_options(options.encode()).lively(put_lively, merging);
    (cast.shapes[0], cast.shapes[3]) = (passes, merges);
    cast
}

/// Indexes whose values expire, most of them at once.
#[allow(dead_code, reason = "as above")]
pub fn cast_of_passing_values() -> Cast {
    let shape = || Shape::of::<Lsm>().lively(put_lively, passing);
    Cast { shapes: vec![shape(), shape(), shape()], ..cast() }
}

/// Indexes of operands, with a put here and there.
#[allow(dead_code, reason = "as above")]
pub fn cast_of_operands() -> Cast {
    let options = Options { merge_operator: "append".into(), ..large_apart() };
    let shape = || Shape::of::<Lsm>().with_options(options.encode()).lively(put_lively, appending);
    Cast { shapes: vec![shape(), shape(), shape()], ..cast() }
}

/// Indexes of plain keys and nothing else.
#[allow(dead_code, reason = "as above")]
pub fn cast_of_keys() -> Cast {
    let shape = || Shape::of::<Lsm>();
    Cast { shapes: vec![shape(), shape(), shape()], ..cast() }
}

#[allow(dead_code, reason = "as above")]
pub fn put_lively(ops: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    match Meaning::of(value) {
        Meaning::Put => op::put(ops, key, value),
        Meaning::Expiring(until_ms) => op::put_expiring(ops, key, value, until_ms),
        Meaning::Append => op::merge(ops, key, value),
    }
    .unwrap();
}

/// All index types. The last is the first with compressed blocks and large values apart, and
/// without filters.
pub fn cast() -> Cast {
    let options =
        Options { block_bytes: 512, filter_bits: 0, codecs: [Codec::Lz4; 7], ..large_apart() };
    Cast {
        shapes: vec![
            Shape::of::<Lsm>(),
            Shape::of::<Pages>().with_values_up_to(90),
            Shape::of::<Rows>(),
            Shape::of::<Lsm>().with_options(options.encode()),
        ],
        registry: || Registry::new().with::<Lsm>().with::<Pages>().with::<Rows>(),
    }
}
