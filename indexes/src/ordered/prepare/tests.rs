use std::collections::BTreeMap;

use cuesta_engine::ErrorKind;
use proptest::prelude::*;

use super::*;
use crate::ordered::op::{
    DELETE, KEY_BYTES_MAX, VALUE_BYTES_MAX, check_value, delete, delete_range, put, put_expiring,
};

fn prepare(ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()> {
    super::prepare(ops, &Rules::default(), &|| 0, footprint)
}

fn taken_apart(ops: &[u8]) -> Vec<Op<'_>> {
    Ops::new(ops).map(|op| op.unwrap()).collect()
}

fn encoded(ops: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in ops {
        match value {
            Some(value) => put(&mut bytes, key, value).unwrap(),
            None => delete(&mut bytes, key).unwrap(),
        }
    }
    bytes
}

#[test]
fn operations_lie_as_the_page_says() {
    let mut ops = Vec::new();
    put(&mut ops, b"key", b"value").unwrap();
    delete(&mut ops, b"").unwrap();
    put(&mut ops, &[7; 200], b"").unwrap();
    let mut expected = b"\x01\x03key\x05value\x02\0\x01\xc8\x01".to_vec();
    expected.extend([7; 200]);
    expected.push(0);
    assert_eq!(ops, expected);
    let expected = [
        Op::Put { key: b"key", value: b"value" },
        Op::Delete { key: b"" },
        Op::Put { key: &[7; 200], value: b"" },
    ];
    assert_eq!(taken_apart(&ops), expected);
}

#[test]
fn the_stored_sample_is_read_and_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/lsm-operations-v1");
    let mut ops = Vec::new();
    delete(&mut ops, b"").unwrap();
    put(&mut ops, b"apple", b"red").unwrap();
    put(&mut ops, b"banana", b"").unwrap();
    delete(&mut ops, b"cherry").unwrap();
    put(&mut ops, &[0xff; 130], &[0xee; 300]).unwrap();
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &ops).unwrap();
    }
    let sample = std::fs::read(path).unwrap();
    assert_eq!(taken_apart(&sample), taken_apart(&ops));
    assert_eq!(sample, ops);
}

#[test]
fn the_stored_sample_of_what_came_later_is_read_and_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/lsm-operations-v1-lively");
    let mut ops = Vec::new();
    delete_range(&mut ops, b"", Some(b"apple")).unwrap();
    delete_range(&mut ops, &[0xfe], None).unwrap();
    let operands = b"\x03one\0\x03two";
    ops.extend([&b"\x04\x03add"[..], &[operands.len() as u8], operands].concat());
    put_expiring(&mut ops, b"banana", b"yellow", 1_760_000_000_000).unwrap();
    delete(&mut ops, b"cherry").unwrap();
    put_expiring(&mut ops, b"date", b"", 0).unwrap();
    put(&mut ops, b"elder", b"black").unwrap();
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &ops).unwrap();
    }
    let sample = std::fs::read(path).unwrap();
    assert_eq!(sample, ops);
    let read = taken_apart(&sample);
    assert_eq!(read.len(), 7);
    assert_eq!(read[1], Op::DeleteRange { start: &[0xfe], end: None });
    assert_eq!(read[2], Op::Merge { key: b"add", operands });
    assert_eq!(read[3].expiring(), Some((1_760_000_000_000, &b"yellow"[..])));
    // What is cut off is corrupt, or fewer operations.
    for end in 0..sample.len() {
        let kinds: Result<Vec<Op<'_>>> = Ops::new(&sample[..end]).collect();
        match kinds {
            Ok(fewer) => assert!(fewer.len() < 7 && read.starts_with(&fewer)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
        }
    }
}

#[test]
fn the_longest_key_is_taken_and_a_longer_one_named() {
    let mut ops = Vec::new();
    let key = vec![b'k'; KEY_BYTES_MAX + 1];
    put(&mut ops, &key[1..], b"v").unwrap();
    delete(&mut ops, &key[1..]).unwrap();
    let len = ops.len();
    for error in [put(&mut ops, &key, b"v").unwrap_err(), delete(&mut ops, &key).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.message(), "key of 65536 bytes; the limit is 65535");
    }
    assert_eq!(ops.len(), len);
    prepare(&mut ops, None).unwrap();
    assert_eq!(taken_apart(&ops), [Op::Delete { key: &key[1..] }]);

    let mut ops = vec![DELETE];
    put_bytes(&mut ops, &key);
    assert_eq!(prepare(&mut ops, None).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_value_beyond_the_limit_is_named() {
    check_value(VALUE_BYTES_MAX).unwrap();
    let error = check_value(VALUE_BYTES_MAX + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.message(), "value of 4294967296 bytes; the limit is 4294967295");
}

#[test]
fn kinds_of_later_versions_are_refused_by_name() {
    let names = [(5, "blob"), (7, "unk")];
    for (kind, name) in names {
        let mut ops = Vec::new();
        put(&mut ops, b"b", b"").unwrap();
        ops.extend([kind, 1, b'a', 1, b'z']);
        let before = ops.clone();
        let error = prepare(&mut ops, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(name) && error.message().contains("byte 4"), "{error}");
        assert_eq!(ops, before);
    }
}

#[test]
fn after_an_error_there_is_no_more() {
    let mut ops = Ops::new(&[1, 1, b'k', 9, b'v']);
    assert_eq!(ops.next().unwrap().unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(ops.next().is_none());
}

#[test]
fn operations_in_order_are_not_copied() {
    for keys in [&[b"k"][..], &[b"a", b"b", b"c"]] {
        let mut ops = Vec::new();
        keys.iter().for_each(|key| put(&mut ops, *key, b"v").unwrap());
        let (place, before) = (ops.as_ptr(), ops.clone());
        prepare(&mut ops, None).unwrap();
        assert_eq!((ops.as_ptr(), &ops), (place, &before));
    }
}

#[test]
fn the_footprint_is_every_key_once() {
    let value = |v: &[u8]| Some(v.to_vec());
    let ops = [(b"b".to_vec(), value(b"1")), (b"a".to_vec(), None), (b"b".to_vec(), value(b"2"))];
    let mut footprint = Footprint::default();
    prepare(&mut encoded(&ops), Some(&mut footprint)).unwrap();
    assert_eq!(footprint.points, [b"a", b"b"]);
    assert!(footprint.ranges.is_empty() && !footprint.whole);
}

fn put_op(ops: &mut Vec<u8>, op: &Op<'_>) {
    match op {
        Op::Put { key, value } => put(ops, key, value),
        Op::Delete { key } => delete(ops, key),
        Op::DeleteRange { start, end } => delete_range(ops, start, *end),
        Op::Expiring { key, stored } => {
            let (expiry_ms, value) = crate::ordered::expiry::split(stored).unwrap();
            put_expiring(ops, key, value, expiry_ms)
        }
        Op::Merge { .. } => panic!("a merge without an operator"),
    }
    .unwrap();
}

#[test]
fn range_deletes_lie_as_the_page_says() {
    let mut ops = Vec::new();
    delete_range(&mut ops, b"a", Some(b"bc")).unwrap();
    delete_range(&mut ops, b"", None).unwrap();
    delete_range(&mut ops, b"b", Some(b"b")).unwrap();
    delete_range(&mut ops, b"c", Some(b"b")).unwrap();
    assert_eq!(ops, b"\x03\x01a\x02bc\x03\0\0");
    let expected = [
        Op::DeleteRange { start: b"a", end: Some(b"bc") },
        Op::DeleteRange { start: b"", end: None },
    ];
    assert_eq!(taken_apart(&ops), expected);
    let long = vec![b'k'; KEY_BYTES_MAX + 1];
    for (start, end) in [(&long[..], None), (b"k", Some(&long[..]))] {
        assert_eq!(delete_range(&mut ops, start, end).unwrap_err().kind(), ErrorKind::Invalid);
    }
    let mut empty = b"\x03\x01b\x01b".to_vec();
    assert_eq!(prepare(&mut empty, None).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_range_delete_takes_back_what_came_before_it() {
    let mut ops = Vec::new();
    put(&mut ops, b"b", b"lost").unwrap();
    put(&mut ops, b"d", b"kept").unwrap();
    delete_range(&mut ops, b"a", Some(b"c")).unwrap();
    put(&mut ops, b"a", b"later").unwrap();
    delete_range(&mut ops, b"c", Some(b"d")).unwrap();
    let mut footprint = Footprint::default();
    prepare(&mut ops, Some(&mut footprint)).unwrap();
    let expected = [
        Op::DeleteRange { start: b"a", end: Some(b"d") },
        Op::Put { key: b"a", value: b"later" },
        Op::Put { key: b"d", value: b"kept" },
    ];
    assert_eq!(taken_apart(&ops), expected);
    assert_eq!(footprint.points, [b"a", b"d"]);
    assert_eq!(footprint.ranges, [(b"a".to_vec(), Some(b"d".to_vec()))]);
}

/// An operation on keys of one byte.
#[derive(Clone, Debug)]
enum Small {
    Put(u8),
    Delete(u8),
    DeleteRange(u8, Option<u8>),
}

fn small() -> impl Strategy<Value = Small> {
    prop_oneof![
        (0u8..30).prop_map(Small::Put),
        (0u8..30).prop_map(Small::Delete),
        (0u8..30, prop::option::weighted(0.9, 1u8..30)).prop_map(|(a, b)| Small::DeleteRange(a, b)),
    ]
}

/// What a key becomes: `None` is as it was, `Some(None)` is gone, else the value.
type Becomes = Vec<Option<Option<u8>>>;

fn become_after<'a>(ops: impl Iterator<Item = Op<'a>>) -> Becomes {
    let mut becomes = vec![None; 60];
    for op in ops {
        match op {
            Op::Put { key, value } => becomes[usize::from(key[0])] = Some(Some(value[0])),
            Op::Delete { key } => becomes[usize::from(key[0])] = Some(None),
            Op::DeleteRange { start, end } => {
                let end = end.map_or(60, |end| usize::from(end[0]));
                becomes[usize::from(start[0])..end].fill(Some(None));
            }
            Op::Merge { .. } | Op::Expiring { .. } => panic!("none were written"),
        }
    }
    becomes
}

proptest! {
    #[test]
    fn preparing_changes_nothing_of_what_a_batch_does(
        steps in prop::collection::vec(small(), 0..30),
    ) {
        let mut ops = Vec::new();
        for (i, step) in (0u8..).zip(&steps) {
            match step {
                Small::Put(key) => put(&mut ops, &[*key], &[i]),
                Small::Delete(key) => delete(&mut ops, &[*key]),
                Small::DeleteRange(start, end) => {
                    delete_range(&mut ops, &[*start], end.as_ref().map(std::slice::from_ref))
                }
            }
            .unwrap();
        }
        let before = become_after(taken_apart(&ops).into_iter());
        prepare(&mut ops, None).unwrap();
        let prepared = taken_apart(&ops);
        prop_assert_eq!(become_after(prepared.iter().copied()), before);
        let ranges = prepared.iter().take_while(|op| matches!(op, Op::DeleteRange { .. }));
        let points = &prepared[ranges.count()..];
        let is_range = |op: &Op<'_>| matches!(op, Op::DeleteRange { .. });
        prop_assert!(!points.iter().any(is_range));
        prop_assert!(points.is_sorted_by(|a, b| a.key() < b.key()));
        let once = ops.clone();
        prepare(&mut ops, None).unwrap();
        prop_assert_eq!(ops, once);
    }
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(vec![0, 1, 0xff]), 0..11),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

proptest! {
    #[test]
    fn preparing_keeps_the_last_operation_of_each_key_in_order(
        ops in prop::collection::vec(
            (keys(), prop::option::of(prop::collection::vec(any::<u8>(), 0..150))),
            0..40,
        ),
    ) {
        let ops: Vec<(Vec<u8>, Option<Vec<u8>>)> = ops;
        let mut bytes = encoded(&ops);
        prepare(&mut bytes, None).unwrap();
        let model: BTreeMap<_, _> = ops.into_iter().collect();
        let expected: Vec<Op<'_>> = model
            .iter()
            .map(|(key, value)| match value {
                Some(value) => Op::Put { key, value },
                None => Op::Delete { key },
            })
            .collect();
        prop_assert_eq!(taken_apart(&bytes), expected);
        let once = bytes.clone();
        prepare(&mut bytes, None).unwrap();
        prop_assert_eq!(bytes, once);
    }

    #[test]
    fn no_bytes_panic_and_what_is_accepted_is_canonical(
        bytes in prop::collection::vec(prop_oneof![0..8u8, any::<u8>()], 0..60),
    ) {
        let mut ops = bytes.clone();
        match prepare(&mut ops, None) {
            Ok(()) => {
                let taken = taken_apart(&ops);
                let ranges = taken.iter().take_while(|op| matches!(op, Op::DeleteRange { .. }));
                let points = &taken[ranges.count()..];
                prop_assert!(points.is_sorted_by(|a, b| a.key() < b.key()));
                let mut again = Vec::new();
                taken.iter().for_each(|op| put_op(&mut again, op));
                prop_assert_eq!(again, ops);
            }
            Err(error) => {
                let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::Invalid];
                prop_assert!(kinds.contains(&error.kind()), "{error}");
                prop_assert_eq!(ops, bytes);
            }
        }
    }
}
