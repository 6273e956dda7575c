use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

const A: IndexId = IndexId(1);
const B: IndexId = IndexId(2);

fn hasher() -> KeyHasher {
    KeyHasher::new(7)
}

fn keys(index: IndexId, keys: &[&[u8]]) -> Written {
    let points = keys.iter().map(|key| key.to_vec()).collect();
    Written::new(hasher(), index, Footprint { points, ..Footprint::default() })
}

fn range(index: IndexId, start: &[u8], end: Option<&[u8]>) -> Written {
    let ranges = vec![(start.to_vec(), end.map(<[u8]>::to_vec))];
    Written::new(hasher(), index, Footprint { ranges, ..Footprint::default() })
}

fn reads(index: IndexId, points: &[&[u8]], spans: &[(&[u8], Option<&[u8]>)]) -> ReadSet {
    let mut reads = ReadSet::default();
    let part = reads.part(index);
    points.iter().for_each(|key| part.add_point(hasher().hash(index, key), key));
    spans.iter().for_each(|(start, end)| part.add_range(start.to_vec(), end.map(<[u8]>::to_vec)));
    reads.settle();
    reads
}

fn conflicts(oracle: &Oracle, at: u64, reads: &ReadSet) -> bool {
    match oracle.check(SeqNo(at), reads) {
        Ok(()) => false,
        Err(conflict) => {
            assert_eq!(conflict.error("\"a\"").kind(), ErrorKind::Conflict);
            true
        }
    }
}

#[test]
fn a_read_conflicts_with_later_writes_of_the_same_key_alone() {
    let mut oracle = Oracle::new(1 << 20, SeqNo(0), hasher());
    oracle.record(SeqNo(5), &[keys(A, &[b"k"])]);
    let key = reads(A, &[b"k"], &[]);
    assert!(conflicts(&oracle, 4, &key));
    assert!(!conflicts(&oracle, 5, &key));
    assert!(!conflicts(&oracle, 4, &reads(A, &[b"other"], &[])));
    assert!(!conflicts(&oracle, 4, &reads(B, &[b"k"], &[])), "of another index");
    assert_eq!(oracle.newest(&key), SeqNo(5));
    assert_eq!(oracle.newest(&reads(B, &[], &[(b"", None)])), SeqNo(0));
}

#[test]
fn a_range_conflicts_with_later_writes_within_it_alone() {
    let mut oracle = Oracle::new(1 << 20, SeqNo(0), hasher());
    oracle.record(SeqNo(5), &[keys(A, &[b"k"])]);
    assert!(conflicts(&oracle, 4, &reads(A, &[], &[(b"a", Some(b"z"))])));
    assert!(conflicts(&oracle, 4, &reads(A, &[], &[(b"k", Some(b"k\0"))])));
    assert!(!conflicts(&oracle, 4, &reads(A, &[], &[(b"a", Some(b"k"))])), "the end is exclusive");
    assert!(!conflicts(&oracle, 4, &reads(A, &[], &[(b"k\0", None)])));
    assert!(!conflicts(&oracle, 5, &reads(A, &[], &[(b"", None)])));
}

#[test]
fn a_written_range_conflicts_with_keys_and_ranges_that_meet_it() {
    let mut oracle = Oracle::new(1 << 20, SeqNo(0), hasher());
    oracle.record(SeqNo(5), &[range(A, b"d", Some(b"g"))]);
    assert!(conflicts(&oracle, 4, &reads(A, &[b"d"], &[])));
    assert!(!conflicts(&oracle, 4, &reads(A, &[b"g"], &[])));
    assert!(conflicts(&oracle, 4, &reads(A, &[], &[(b"a", Some(b"e"))])));
    assert!(!conflicts(&oracle, 4, &reads(A, &[], &[(b"a", Some(b"d"))])));
    assert!(!conflicts(&oracle, 5, &reads(A, &[b"d"], &[(b"", None)])));
    // Forgotten ranges are taken for whole indexes.
    for seq in 6..6 + 2 * RANGES_MAX as u64 {
        oracle.record(SeqNo(seq), &[range(B, b"x", None)]);
    }
    assert!(conflicts(&oracle, 4, &reads(A, &[b"a"], &[])));
    assert!(!conflicts(&oracle, 5, &reads(A, &[b"a"], &[])));
}

#[test]
fn a_dropped_index_conflicts_with_all_reads_of_it() {
    let mut oracle = Oracle::new(1 << 20, SeqNo(0), hasher());
    oracle.record(SeqNo(1), &[keys(A, &[b"k"])]);
    oracle.record_drop(SeqNo(5), A);
    assert!(conflicts(&oracle, 4, &reads(A, &[b"x"], &[])));
    assert!(!conflicts(&oracle, 5, &reads(A, &[b"x"], &[])));
    oracle.record(SeqNo(6), &[Written::whole(B)]);
    assert!(conflicts(&oracle, 5, &reads(B, &[b"x"], &[])));
}

#[test]
fn memory_is_bounded_whatever_is_written() {
    let bytes = 256 << 10;
    let mut oracle = Oracle::new(bytes, SeqNo(0), hasher());
    for seq in 1..50_000u64 {
        let key = [&seq.to_be_bytes()[..], &[7; 40]].concat();
        let end = [&key[..], b"z"].concat();
        oracle.record(SeqNo(seq), &[keys(A, &[&key]), range(B, &key, Some(&end))]);
    }
    assert!(oracle.bytes() < bytes as usize * 3 / 2, "{} bytes", oracle.bytes());
}

#[test]
fn reads_are_remembered_once_and_more_coarsely_when_there_are_many() {
    let mut reads = Reads::default();
    let part = |reads: &mut Reads, i: u32| {
        let key = i.to_be_bytes();
        reads.at(SeqNo(1)).part(A).add_point(hasher().hash(A, &key), &key);
    };
    for i in 0..10_000u32 {
        part(&mut reads, i % 100);
    }
    assert!(reads.bytes() < 200 * 64, "{} bytes", reads.bytes());
    for i in 0..100u32 {
        reads.at(SeqNo(1)).part(B).add_range(i.to_be_bytes().to_vec(), None);
    }
    assert!(reads.bytes() < 200 * 64 + 40 * 64, "{} bytes", reads.bytes());
    reads.coarsen(1000);
    let (_, set) = &reads.groups()[0];
    assert!(set.get(A).unwrap().is_whole() && !set.get(B).unwrap().is_whole());
    reads.coarsen(0);
    let (_, set) = &reads.groups()[0];
    assert!(set.get(B).unwrap().is_whole());
    part(&mut reads, 7);
    assert_eq!(reads.bytes(), 0);
}

#[test]
fn reads_of_several_times_become_one() {
    let mut reads = Reads::default();
    reads.at(SeqNo(9)).part(A).add_point(1, b"late");
    reads.at(SeqNo(3)).part(A).add_point(2, b"early");
    reads.at(SeqNo(3)).part(B).add_whole();
    assert_eq!(reads.groups().iter().map(|(at, _)| at.0).collect::<Vec<_>>(), [3, 9]);
    reads.move_to(SeqNo(10));
    let [(at, set)] = reads.groups() else { panic!("one group") };
    assert_eq!((*at, set.get(A).unwrap().points().len()), (SeqNo(10), 2));
    assert!(set.get(B).unwrap().is_whole());
}

#[test]
fn a_range_that_ends_before_it_begins_holds_nothing() {
    let (all, none) = ((vec![0], Some(vec![101])), (vec![100], Some(vec![79])));
    assert!(!overlap(&all, &none) && !overlap(&none, &all) && !overlap(&none, &none));
    assert!(overlap(&all, &all) && overlap(&all, &(vec![100], None)));
}

/// What a commit writes: keys, and at times a range.
type Writes = (Vec<u8>, Option<(u8, u8)>);

/// A small history of commits, and a transaction that reads in the middle of it.
#[derive(Clone, Debug)]
struct History {
    commits: Vec<Writes>,
    at: prop::sample::Index,
    points: Vec<u8>,
    spans: Vec<(u8, u8)>,
    bytes: u64,
}

fn history() -> impl Strategy<Value = History> {
    let commit = (
        prop::collection::vec(any::<u8>(), 0..6),
        prop::option::weighted(0.05, (any::<u8>(), any::<u8>())),
    );
    (
        prop::collection::vec(commit, 1..120),
        any::<prop::sample::Index>(),
        prop::collection::vec(any::<u8>(), 0..4),
        prop::collection::vec((any::<u8>(), any::<u8>()), 0..3),
        prop::sample::select(vec![0, 512, 8 << 10, 1 << 20]),
    )
        .prop_map(|(commits, at, points, spans, bytes)| History {
            commits,
            at,
            points,
            spans,
            bytes,
        })
}

impl History {
    fn oracle(&self) -> Oracle {
        let mut oracle = Oracle::new(self.bytes, SeqNo(0), hasher());
        for (i, (points, written)) in self.commits.iter().enumerate() {
            let points: Vec<[u8; 1]> = points.iter().map(|key| [*key]).collect();
            let points: Vec<&[u8]> = points.iter().map(|key| &key[..]).collect();
            let mut writes = vec![keys(A, &points)];
            if let Some((start, end)) = written {
                writes.push(range(A, &[*start], Some(&[*end])));
            }
            oracle.record(SeqNo(i as u64 + 1), &writes);
        }
        oracle
    }

    fn at(&self) -> u64 {
        self.at.index(self.commits.len() + 1) as u64
    }

    /// The newest commit that wrote something which was read.
    fn newest(&self) -> u64 {
        let mut newest = BTreeMap::new();
        for (i, (points, written)) in self.commits.iter().enumerate() {
            for key in 0..=255u8 {
                let within = written.is_some_and(|(start, end)| (start..end).contains(&key));
                if points.contains(&key) || within {
                    newest.insert(key, i as u64 + 1);
                }
            }
        }
        let read = |key: u8| {
            self.points.contains(&key) || self.spans.iter().any(|(a, b)| (*a..*b).contains(&key))
        };
        newest.into_iter().filter(|(key, _)| read(*key)).map(|(_, seq)| seq).max().unwrap_or(0)
    }

    fn reads(&self) -> ReadSet {
        let mut set = ReadSet::default();
        for key in &self.points {
            set.part(A).add_point(hasher().hash(A, &[*key]), &[*key]);
        }
        for (start, end) in &self.spans {
            set.part(A).add_range(vec![*start], Some(vec![*end]));
        }
        set.settle();
        set
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_conflict_is_never_missed_and_with_enough_memory_never_false(history in history()) {
        let (oracle, reads) = (history.oracle(), history.reads());
        let expected = history.newest() > history.at();
        let found = conflicts(&oracle, history.at(), &reads);
        if expected || history.bytes == 1 << 20 {
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn going_through_in_pieces_finds_the_same(history in history(), steps in 1usize..40) {
        let (oracle, reads) = (history.oracle(), history.reads());
        let mut at = SeqNo(history.at());
        let mut found = false;
        for _ in 0..1000 {
            if oracle.distance(at) == 0 {
                break;
            }
            let before = at;
            found = oracle.advance(&mut at, &reads, steps).is_err();
            if found {
                break;
            }
            prop_assert!(at > before, "no progress");
        }
        found |= conflicts(&oracle, at.0, &reads);
        let expected = history.newest() > history.at();
        if expected || history.bytes == 1 << 20 {
            prop_assert_eq!(found, expected);
        }
    }
}
