use std::collections::BTreeSet;

use cuesta_engine::FileId;
use cuesta_engine::file::{Extent, FileKind};
use cuesta_engine::format::Codec;

use super::*;
use crate::lsm::segment::tests::{Entries, NONSENSE, shape, write};
use crate::lsm::tests::disk::{Disk, Maps};

/// A segment of file `file` that was written for `level`, from one key to another.
fn segment(file: u64, level: u8, keys: (&str, &str), over: &[u64]) -> Described {
    let detail = Detail {
        level,
        recency: file,
        smallest: keys.0.into(),
        largest: keys.1.into(),
        over: over.iter().map(|file| (FileId(*file), 0)).collect(),
        ..Detail::default()
    };
    let extent = Extent { file: FileId(file), offset: 0, len: 1, kind: FileKind::Sealed };
    (Arc::new(SegmentMeta { extents: vec![extent], ..SegmentMeta::default() }), detail)
}

fn ordered(segments: Vec<Described>) -> Vec<u64> {
    oldest_first(segments).iter().map(|(meta, _)| meta.extents[0].file.0).collect()
}

#[test]
fn a_deeper_segment_is_older_unless_it_was_moved_there() {
    // Flushed, then merged into something deeper that was written later.
    let (shallow, deep) = (segment(1, 1, ("a", "m"), &[]), segment(2, 2, ("c", "z"), &[]));
    assert_eq!(ordered(vec![shallow.clone(), deep]), [2, 1]);
    // The first one was moved below level 2 before the second was written.
    let over = segment(2, 2, ("c", "z"), &[1]);
    assert_eq!(ordered(vec![shallow, over]), [1, 2]);
}

#[test]
fn what_was_written_later_for_its_level_or_a_higher_one_is_newer() {
    let same = vec![segment(1, 3, ("a", "m"), &[]), segment(2, 3, ("a", "m"), &[])];
    assert_eq!(ordered(same), [1, 2]);
    let higher = vec![segment(1, 3, ("a", "m"), &[]), segment(2, 1, ("a", "m"), &[])];
    assert_eq!(ordered(higher), [1, 2]);
    let flushes = (1..5).map(|file| segment(file, 0, ("a", "m"), &[])).collect();
    assert_eq!(ordered(flushes), [1, 2, 3, 4]);
}

#[test]
fn operations_tell_which_keys_they_build_on() {
    let mut ops = Vec::new();
    op::put(&mut ops, b"a", b"1").unwrap();
    op::merge(&mut ops, b"b", b"2").unwrap();
    op::delete(&mut ops, b"c").unwrap();
    ops.push(99);
    let mut keys = Vec::new();
    builds_on(&ops, &mut |key| keys.push(key.to_vec()));
    assert_eq!(keys, [b"b"]);
}

/// Takes what is saved, but for operations on some keys.
#[derive(Default)]
struct Taker {
    now: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Values of these keys are refused.
    refused: BTreeSet<Vec<u8>>,
    lost: Vec<Lost>,
    calls: usize,
}

impl Salvage for Taker {
    fn operations(&mut self, ops: &[u8]) -> Result<Taken> {
        self.calls += 1;
        let ops = op::Ops::new(ops).collect::<Result<Vec<_>>>().unwrap();
        let is_delete = |op: &op::Op<'_>| matches!(op, op::Op::Delete { .. });
        if ops.iter().any(|op| !is_delete(op) && self.refused.contains(op.key())) {
            return Ok(Taken::Nothing(Error::invalid("not here")));
        }
        for op in ops {
            match op.entry() {
                (Kind::Delete, _) => self.now.remove(op.key()),
                (_, value) => self.now.insert(op.key().to_vec(), value.to_vec()),
            };
        }
        Ok(Taken::All)
    }

    fn lost(&mut self, what: Lost, why: String) {
        assert!(!why.is_empty());
        self.lost.push(what);
    }
}

/// Saves segments, newest first, into `taker`.
fn save(segments: &[&Entries], taker: &mut Taker) {
    let mut disk = Disk::new(Maps::No);
    let metas: Vec<_> = (1..)
        .zip(segments)
        .map(|(level, entries)| {
            let meta = write(&mut disk, entries, shape(Codec::None, 512));
            let detail = Detail { level, ..Detail::decode(&meta.detail).unwrap() };
            Arc::new(SegmentMeta { detail: detail.encode(), ..meta })
        })
        .collect();
    salvage(&metas, KnownBy::Manifest, (&disk, &Rules::default()), taker).unwrap();
}

#[test]
fn nothing_older_takes_the_place_of_a_value_that_makes_no_sense() {
    let keys = [&b"a"[..], b"b", b"c"];
    let older: Entries = keys.map(|key| (key.to_vec(), (Kind::Put, b"old".to_vec()))).into();
    for kind in [Kind::Expiring, Kind::Merge] {
        let newer: Entries = [(b"b".to_vec(), (kind, NONSENSE.to_vec()))].into();
        let mut taker = Taker::default();
        save(&[&newer, &older], &mut taker);
        let kept = [b"a", b"c"].map(|key| (key.to_vec(), b"old".to_vec()));
        assert_eq!(taker.now, kept.into(), "{kind:?}");
        assert_eq!(taker.lost, [Lost::Value { key: b"b".to_vec() }], "{kind:?}");
    }
}

#[test]
fn of_operations_that_are_refused_only_the_bad_ones_are_lost() {
    let key = |n: u32| format!("key {n:05}").into_bytes();
    let filled = |byte, len: usize| -> Entries {
        (0..2000).map(|n| (key(n), (Kind::Put, vec![byte; len + n as usize % 9]))).collect()
    };
    let (older, newer) = (filled(1, 20), filled(2, 300));
    let refused: BTreeSet<Vec<u8>> = [0, 1, 777, 1999].map(key).into();
    let mut taker = Taker { refused: refused.clone(), ..Taker::default() };
    taker.now.extend(refused.iter().map(|key| (key.clone(), vec![0])));
    save(&[&newer, &older], &mut taker);
    let good = newer.iter().filter(|(key, _)| !refused.contains(*key));
    let wanted = good.map(|(key, (_, value))| (key.clone(), value.clone())).collect();
    assert!(taker.now == wanted, "{} of {} keys", taker.now.len(), wanted.len());
    let lost: BTreeSet<Vec<u8>> = taker
        .lost
        .iter()
        .map(|lost| match lost {
            Lost::Value { key } => key.clone(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(lost, refused);
    assert!(taker.calls < 300, "{} calls", taker.calls);
}
