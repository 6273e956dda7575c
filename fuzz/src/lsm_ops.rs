//! Operations on ordered keys, as batches and the log hold them.
//!
//! ```text
//! input | the bytes of the operations
//! ```

use std::collections::BTreeMap;

use cuesta_engine::error::ErrorKind;
use cuesta_engine::index::{Footprint, IndexType};
use cuesta_indexes::lsm::{Lsm, Options};
use cuesta_indexes::ordered::op::{self, Op, Ops};

use crate::options::services;

/// Reads the input as operations and prepares them for the log.
///
/// Asserts that operations come back as the same bytes; that preparing joins range deletes and
/// keeps the last operation of each key that no later one of these holds, in the order of the
/// keys, and nothing else; that it leaves what it prepared as it is; that the footprint names the
/// keys and ranges; and that refused operations are left as they are.
pub fn bytes_lsm_ops(bytes: &[u8]) {
    with_operator(bytes);
    let lsm = Lsm::configure(&[], &services(1 << 20)).expect("the defaults");
    let mut prepared = bytes.to_vec();
    let mut footprint = Footprint::default();
    let outcome = lsm.prepare(&mut prepared, Some(&mut footprint));
    let ops: Result<Vec<Op<'_>>, _> = Ops::new(bytes).collect();
    let ops = match (ops, outcome) {
        (Ok(ops), Ok(())) => ops,
        (Err(read), Err(prepare)) => {
            use ErrorKind::{Corrupt, Invalid, Unsupported};
            assert_eq!(read.kind(), prepare.kind());
            assert!(matches!(read.kind(), Corrupt | Invalid | Unsupported), "{read:?}");
            assert_eq!(prepared, bytes, "refused operations were changed");
            return;
        }
        // An index without a merge operator takes no operands.
        (Ok(ops), Err(refused)) if ops.iter().any(|op| matches!(op, Op::Merge { .. })) => {
            assert_eq!(refused.kind(), ErrorKind::Invalid);
            assert_eq!(prepared, bytes, "refused operations were changed");
            return;
        }
        (ops, outcome) => panic!("reading gave {ops:?}, preparing {outcome:?}"),
    };
    assert_eq!(encoded(&ops), bytes, "operations were read as other bytes");
    let mut last: BTreeMap<&[u8], Op<'_>> = BTreeMap::new();
    let mut deleted: Vec<Range<'_>> = Vec::new();
    for op in &ops {
        if let Op::DeleteRange { start, end } = op {
            last.retain(|key, _| key < start || end.is_some_and(|end| *key >= end));
            deleted.push((start, *end));
        } else {
            last.insert(op.key(), *op);
        }
    }
    let joined = joined(deleted);
    let range = |&(start, end): &Range<'_>| (start.to_vec(), end.map(<[u8]>::to_vec));
    let ranges: Vec<_> = joined.iter().map(range).collect();
    let joined = joined.iter().map(|&(start, end)| Op::DeleteRange { start, end });
    let expected: Vec<Op<'_>> = joined.chain(last.values().copied()).collect();
    let kept: Vec<Op<'_>> = Ops::new(&prepared).map(|op| op.expect("prepared")).collect();
    assert_eq!(kept, expected, "preparing kept other operations than those that count");
    let keys: Vec<&[u8]> = last.keys().copied().collect();
    assert_eq!(footprint.points, keys, "the footprint is not that of the keys");
    assert_eq!(footprint.ranges, ranges, "the footprint is not that of the ranges");
    let mut again = prepared.clone();
    lsm.prepare(&mut again, None).expect("preparing again");
    assert_eq!(again, prepared, "preparing again changed something");
}

/// Prepares the operations for an index with a merge operator and a time to live.
///
/// Asserts that what is prepared can be read, has no more than one operation for each key and is
/// prepared for good; that the footprint names its keys; and that refused operations are left as
/// they are.
fn with_operator(bytes: &[u8]) {
    let options = Options { merge_operator: "append".into(), ttl_ms: 1000, ..Options::default() };
    let lsm = Lsm::configure(&options.encode(), &services(1 << 20)).expect("an operator");
    let (mut prepared, mut footprint) = (bytes.to_vec(), Footprint::default());
    if lsm.prepare(&mut prepared, Some(&mut footprint)).is_err() {
        assert_eq!(prepared, bytes, "refused operations were changed");
        return;
    }
    let read: Vec<Op<'_>> = Ops::new(&prepared).map(|op| op.expect("prepared")).collect();
    let points = read.iter().filter(|op| !matches!(op, Op::DeleteRange { .. }));
    let keys: Vec<&[u8]> = points.map(Op::key).collect();
    assert!(keys.is_sorted_by(|a, b| a < b), "more than one operation for a key, or no order");
    assert_eq!(footprint.points, keys, "the footprint is not that of the keys");
    let mut again = prepared.clone();
    lsm.prepare(&mut again, None).expect("preparing again");
    assert_eq!(again, prepared, "preparing again changed something");
}

/// A first key, and the first key behind a range, if there is one.
type Range<'a> = (&'a [u8], Option<&'a [u8]>);

/// Ranges in order, those that overlap or touch as one.
fn joined(mut ranges: Vec<Range<'_>>) -> Vec<Range<'_>> {
    ranges.sort_unstable();
    let mut joined: Vec<Range<'_>> = Vec::new();
    for (start, end) in ranges {
        match joined.last_mut() {
            Some((_, last)) if last.is_none_or(|last| start <= last) => {
                *last = last.zip(end).map(|(last, end)| last.max(end));
            }
            _ => joined.push((start, end)),
        }
    }
    joined
}

fn encoded(ops: &[Op<'_>]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for op in ops {
        match op {
            Op::Put { key, value } => op::put(&mut encoded, key, value),
            Op::Delete { key } => op::delete(&mut encoded, key),
            Op::Merge { .. } => panic!("a merge without an operator was prepared"),
            Op::Expiring { key, stored } => {
                let (expiry, value) = stored.split_first_chunk().expect("an expiry");
                op::put_expiring(&mut encoded, key, value, u64::from_le_bytes(*expiry))
            }
            Op::DeleteRange { start, end } => op::delete_range(&mut encoded, start, *end),
        }
        .expect("what was read can be written");
    }
    encoded
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let put = |key: &'static [u8], value: &'static [u8]| Op::Put { key, value };
    let delete = |key: &'static [u8]| Op::Delete { key };
    let range = |start: &'static [u8], end| Op::DeleteRange { start, end };
    vec![
        Vec::new(),
        encoded(&[range(b"a", Some(b"c")), put(b"b", b"1"), range(b"x", None)]),
        encoded(&[put(b"b", b"1"), range(b"b", Some(b"d")), range(b"", Some(b"b")), delete(b"c")]),
        encoded(&[put(b"a", b"1"), put(b"b", b""), delete(b"c")]),
        encoded(&[put(b"b", b"1"), delete(b"a"), put(b"a", b"2"), put(b"b", b"3"), delete(b"")]),
        encoded(&[Op::Expiring { key: b"k", stored: b"expiry..value" }, delete(b"l")]),
        encoded(&[put(b"same begin 1", b"1"), put(b"same begin 2", b"2"), put(b"same", b"3")]),
        encoded(&[put(&[7; 300], &[8; 300]), delete(&[7; 301]), put(&[0; 8], b""), put(&[0], b"")]),
        include_bytes!("../../indexes/tests/formats/lsm-operations-v1").to_vec(),
        include_bytes!("../../indexes/tests/formats/lsm-operations-v1-lively").to_vec(),
    ]
}
