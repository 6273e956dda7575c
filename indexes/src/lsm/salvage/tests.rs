use cuesta_engine::Error;
use cuesta_engine::index::Taken;
use std::collections::BTreeSet;
use std::sync::Arc;

use cuesta_engine::file::{Extent, FileKind};
use cuesta_engine::format::{Codec, put_varint};
use cuesta_engine::manifest::NUMBER_MAX;
use cuesta_engine::{FileId, SeqNo};

use super::*;
use crate::lsm::segment::tests::{Entries, NONSENSE, shape, write};
use crate::lsm::tests::disk::{Disk, Maps};
use crate::ordered::op;
use crate::ordered::saving::builds_on;

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
    let meta = SegmentMeta { extents: vec![extent], ..SegmentMeta::default() };
    (Arc::new(meta).into(), detail)
}

fn ordered(segments: Vec<Described>) -> Vec<u64> {
    oldest_first(segments).iter().map(|(remnant, _)| remnant.meta.extents[0].file.0).collect()
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

/// A segment of file `file` that was loaded by a commit behind one, up to another.
fn loaded(file: u64, (after, newest): (u64, u64), keys: (&str, &str)) -> Described {
    let (mut remnant, detail) = segment(file, 0, keys, &[]);
    remnant.loaded_after = SeqNo(after);
    Arc::make_mut(&mut remnant.meta).newest = SeqNo(newest);
    (remnant, Detail { recency: 0, ..detail })
}

#[test]
fn loads_come_in_the_order_of_all_that_is_known_of_their_commits() {
    let all = ("a", "m");
    // A job found one of them, and no other.
    let loads = vec![loaded(1, (10, 30), all), loaded(2, (10, 25), all), loaded(3, (0, 20), all)];
    assert_eq!(ties(&loads), []);
    assert_eq!(ordered(loads), [3, 2, 1]);
    // The log knows the commit of one, and a flush that of another.
    let (flush, detail) = segment(2, 0, all, &[]);
    let flush = (flush, Detail { recency: 31, ..detail });
    let loads = vec![loaded(3, (28, 29), all), loaded(4, (0, 29), all), loaded(5, (29, 31), all)];
    assert_eq!(ties(&loads), []);
    assert_eq!(ordered([loads, vec![flush]].concat()), [4, 3, 5, 2]);
}

#[test]
fn it_is_told_where_nothing_tells_which_load_came_last() {
    // Files may have been complete long before the commit, which waits for them to be synced.
    for (one, other) in [(10, 10), (10, 20), (20, 10), (10, 0), (0, 10), (0, 0)] {
        let of = |after, file, keys| loaded(file, (after, 30), keys);
        let loads = vec![of(one, 1, ("a", "m")), of(other, 2, ("k", "z"))];
        assert_eq!(ties(&loads), [(b"k".to_vec(), b"m".to_vec())], "{one}, {other}");
        let loads = vec![of(one, 1, ("a", "k")), of(other, 2, ("m", "z"))];
        assert_eq!(ties(&loads), [], "{one}, {other}");
    }
}

#[test]
fn it_is_told_where_a_known_commit_lies_between_those_that_a_load_may_be_of() {
    let known = |commit| loaded(1, (commit - 1, commit), ("a", "m"));
    let bounded = loaded(2, (10, 20), ("k", "z"));
    for (commit, count) in [(9, 0), (10, 0), (11, 1), (19, 1), (20, 0), (21, 0)] {
        assert_eq!(ties(&[known(commit), bounded.clone()]).len(), count, "{commit}");
        assert_eq!(ties(&[bounded.clone(), known(commit)]).len(), count, "{commit}");
    }
    assert_eq!(ordered(vec![bounded.clone(), known(20)]), [2, 1]);
    assert_eq!(ordered(vec![known(10), bounded]), [1, 2]);
}

#[test]
fn a_load_of_very_many_segments_is_looked_through_once() {
    // Comparing each with each would take hundreds of millions of steps.
    const COUNT: u64 = 30_000;
    let keys: Vec<(String, String)> =
        (0..COUNT).map(|n| (format!("{n:08}"), format!("{n:08}x"))).collect();
    let load = |(n, (first, last)): (u64, &(String, String))| loaded(n, (10, 30), (first, last));
    let mut loads: Vec<Described> = (0..).zip(&keys).map(load).collect();
    assert_eq!(ties(&loads), []);
    loads.push(loaded(COUNT, (10, 30), ("00000007", "00000008")));
    assert_eq!(ties(&loads).len(), 2);
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
    let remnants: Vec<Remnant> = (1..)
        .zip(segments)
        .map(|(level, entries)| {
            let meta = write(&mut disk, entries, shape(Codec::None, 512));
            let detail = Detail { level, ..Detail::decode(&meta.detail).unwrap() };
            Arc::new(SegmentMeta { detail: detail.encode(), ..meta }).into()
        })
        .collect();
    salvage(&remnants, KnownBy::Manifest, (&disk, &Rules::default()), taker).unwrap();
}

#[test]
fn nothing_older_takes_the_place_of_a_value_that_makes_no_sense() {
    let keys = [&b"a"[..], b"b", b"c"];
    let older: Entries = keys.map(|key| (key.to_vec(), (Kind::Put, b"old".to_vec()))).into();
    // Of an operand that was committed later than any commit can be.
    let mut late = vec![0];
    [NUMBER_MAX, 1].into_iter().for_each(|number| put_varint(&mut late, number));
    late.extend_from_slice(&[1, b'x']);
    let senseless =
        [(Kind::Expiring, NONSENSE), (Kind::Merge, NONSENSE), (Kind::Merge, late.as_slice())];
    for (kind, stored) in senseless {
        let newer: Entries = [(b"b".to_vec(), (kind, stored.to_vec()))].into();
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

#[test]
fn a_loss_more_costs_no_more_steps_for_what_comes_behind() {
    // Comparing each operand with each loss would take tens of thousands of millions of steps.
    const COUNT: u32 = 200_000;
    let (mut older, mut newer) = (Entries::new(), Entries::new());
    for n in 0..COUNT {
        let key = format!("{n:08}").into_bytes();
        if n % 2 == 0 {
            older.insert(key.clone(), (Kind::Expiring, NONSENSE.to_vec()));
        }
        // An operand of one byte, on what is below.
        newer.insert(key, (Kind::Merge, vec![0, 1, 0, 1, b'x']));
    }
    let mut taker = Taker::default();
    save(&[&newer, &older], &mut taker);
    let bases = taker.lost.iter().filter(|lost| matches!(lost, Lost::Base { .. })).count();
    assert_eq!(bases, COUNT as usize / 2);
}
