//! Gaps against a sorted map, and next to who writes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::SeqNo;
use cuesta_engine::index::{ErasedState, Horizon, State};
use proptest::prelude::*;

use super::*;
use crate::lsm::tests::disk::{Disk, Maps};
use crate::lsm::tests::driver::{Driver, services};
use crate::lsm::{Lsm, Options};
use crate::ordered::{Cursor, Ordered, Reader, op};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

const CLOCK_MS: u64 = 1_000_000;

#[derive(Clone, Debug)]
enum Step {
    Put(u16),
    /// Deletes keys one by one, from the first on.
    Delete(u16, u16),
    DeleteRange(u16, u16),
    Rotate,
    Flush,
    Compact,
    View,
    /// Reads a few keys of a view, or of the present, from a key on.
    Read {
        view: usize,
        from: u16,
        upper: Option<u16>,
        back: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0u16..400;
    prop_oneof![
        6 => key().prop_map(Step::Put),
        6 => (key(), 1u16..120).prop_map(|(from, count)| Step::Delete(from, count)),
        1 => (key(), 1u16..60).prop_map(|(from, count)| Step::DeleteRange(from, count)),
        1 => Just(Step::Rotate),
        1 => Just(Step::Flush),
        1 => Just(Step::Compact),
        2 => Just(Step::View),
        12 => (0usize..4, key(), prop::option::of(key()), any::<bool>())
            .prop_map(|(view, from, upper, back)| Step::Read { view, from, upper, back }),
    ]
}

fn name(key: u16) -> Vec<u8> {
    format!("key{key:05}").into_bytes()
}

fn driver() -> Driver<Disk> {
    Driver::new(Disk::new(Maps::Yes), &Options::default(), services(1 << 20, 1 << 20))
}

/// The first few entries of a cursor.
fn few(cursor: &mut Cursor<<Lsm as Ordered>::Walk>, back: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut there = if back { cursor.prev() } else { cursor.next() }.unwrap();
    while there && found.len() < 3 {
        found.push((cursor.key().to_vec(), cursor.value().to_vec()));
        there = if back { cursor.prev() } else { cursor.next() }.unwrap();
    }
    found
}

/// What reading gives, and what it should.
type Read = Vec<(Vec<u8>, Vec<u8>)>;

fn read(
    state: &State<Lsm>,
    at: u64,
    model: &Model,
    (from, upper): (u16, Option<u16>),
    back: bool,
) -> (Read, Read) {
    let upper = upper.filter(|upper| *upper > from).map(name);
    let from = name(from);
    let bounds = (
        Bound::Included(from.as_slice()),
        upper.as_deref().map_or(Bound::Unbounded, Bound::Excluded),
    );
    let mut cursor = Reader::new(state, SeqNo(at), CLOCK_MS).cursor(bounds.0, bounds.1);
    let entries = model.range::<[u8], _>(bounds).map(|(k, v)| (k.clone(), v.clone()));
    let expected: Vec<_> =
        if back { entries.rev().take(3).collect() } else { entries.take(3).collect() };
    (few(&mut cursor, back), expected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn reading_across_gaps_is_like_a_sorted_map(steps in prop::collection::vec(step(), 1..120)) {
        run(&steps)?;
    }
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut lsm = driver();
    let mut model = Model::new();
    let mut views: Vec<(Arc<dyn ErasedState>, u64, Model)> = Vec::new();
    let none = Horizon { published: 0, pins: &[] };
    for (i, step) in steps.iter().enumerate() {
        match step {
            Step::Put(key) => {
                let value = i.to_string().into_bytes();
                lsm.write(&[(&name(*key), Some(&value))]);
                model.insert(name(*key), value);
            }
            Step::Delete(from, count) => {
                for key in *from..from + count {
                    lsm.write(&[(&name(key), None)]);
                    model.remove(&name(key));
                }
            }
            Step::DeleteRange(from, count) => {
                let mut ops = Vec::new();
                op::delete_range(&mut ops, &name(*from), Some(&name(from + count))).unwrap();
                lsm.commit(ops, &none);
                model.retain(|key, _| *key < name(*from) || *key >= name(from + count));
            }
            Step::Rotate => lsm.rotate(),
            Step::Flush if lsm.lsm().frozen.is_empty() => {}
            Step::Flush => lsm.flush(1),
            Step::Compact => {
                lsm.compact();
            }
            Step::View => {
                views.insert(0, (lsm.state.clone(), lsm.seq, model.clone()));
                views.truncate(3);
            }
            Step::Read { view, from, upper, back } => {
                let now = (lsm.state.clone(), lsm.seq, model.clone());
                let (state, at, model) = views.get(*view).unwrap_or(&now);
                let state = State::of(&**state).unwrap();
                let (found, expected) = read(state, *at, model, (*from, *upper), *back);
                prop_assert_eq!(found, expected, "step {}", i);
            }
        }
    }
    Ok(())
}

/// A queue from whose head most was taken.
fn queue() -> Driver<Disk> {
    let mut lsm = driver();
    for key in 0..5000 {
        lsm.write(&[(&name(key), Some(b"job"))]);
    }
    for key in 0..4990 {
        lsm.write(&[(&name(key), None)]);
    }
    lsm
}

fn first(lsm: &Driver<Disk>) -> Vec<u8> {
    let reader = Reader::new(lsm.lsm(), SeqNo(lsm.seq), CLOCK_MS);
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    assert!(cursor.next().unwrap());
    cursor.key().to_vec()
}

fn gap_at(lsm: &Driver<Disk>, key: u16) -> Option<Bounds> {
    let moment = Moment { at: lsm.seq, clock_ms: CLOCK_MS };
    lsm.lsm().active.gaps().around(&name(key), moment)
}

#[test]
fn what_one_cursor_crossed_the_next_one_jumps() {
    let mut lsm = queue();
    assert!(gap_at(&lsm, 2000).is_none());
    assert_eq!(first(&lsm), name(4990));
    let (start, end) = gap_at(&lsm, 2000).unwrap();
    assert!(*start <= *name(20) && end.as_deref() == Some(&*name(4990)));
    // It grows with what is taken, and outlives flushes and merges.
    for key in 4990..4999 {
        lsm.write(&[(&name(key), None)]);
    }
    lsm.rotate();
    assert_eq!(first(&lsm), name(4999));
    lsm.flush(1);
    lsm.compact();
    assert_eq!(first(&lsm), name(4999));
    assert!(gap_at(&lsm, 2000).is_some());
}

#[test]
fn a_value_in_a_gap_is_found() {
    let mut lsm = queue();
    first(&lsm);
    let before = (lsm.state.clone(), lsm.seq);
    lsm.write(&[(&name(1234), Some(b"urgent"))]);
    assert_eq!(first(&lsm), name(1234));
    assert!(gap_at(&lsm, 1234).is_none());
    let (_, end) = gap_at(&lsm, 1000).unwrap();
    assert_eq!(end.as_deref(), Some(&*name(1234)));
    assert!(gap_at(&lsm, 3000).is_some());
    let old = State::<Lsm>::of(&*before.0).unwrap();
    let mut cursor =
        Reader::new(old, SeqNo(before.1), CLOCK_MS).cursor(Bound::Unbounded, Bound::Unbounded);
    assert!(cursor.next().unwrap());
    assert_eq!(cursor.key(), name(4990));
}

#[test]
fn a_view_from_before_the_deletes_does_not_jump() {
    let mut lsm = driver();
    for key in 0..100 {
        lsm.write(&[(&name(key), Some(b"job"))]);
    }
    let (state, at) = (lsm.state.clone(), lsm.seq);
    for key in 0..90 {
        lsm.write(&[(&name(key), None)]);
    }
    assert_eq!(first(&lsm), name(90));
    let old = Reader::new(State::<Lsm>::of(&*state).unwrap(), SeqNo(at), CLOCK_MS);
    let mut cursor = old.cursor(Bound::Unbounded, Bound::Unbounded);
    for key in 0..100 {
        assert!(cursor.next().unwrap());
        assert_eq!(cursor.key(), name(key));
    }
}

#[test]
fn gaps_stay_few() {
    let mut lsm = driver();
    for key in 0..20_000 {
        lsm.write(&[(&name(key), Some(b"job"))]);
    }
    for key in (0..20_000).filter(|key| key % 50 != 0) {
        lsm.write(&[(&name(key), None)]);
    }
    let reader = Reader::new(lsm.lsm(), SeqNo(lsm.seq), CLOCK_MS);
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    let mut count = 0;
    while cursor.next().unwrap() {
        count += 1;
    }
    assert_eq!(count, 400);
    assert!(lsm.lsm().active.gaps().known().gaps.len() <= GAPS_MAX);
}

#[test]
fn joining_and_splitting_keep_gaps_apart_and_in_order() {
    let gap = |start: &str, end: Option<&str>, at| Gap {
        start: start.as_bytes().into(),
        end: end.map(|end| end.as_bytes().into()),
        at,
        clock_ms: 0,
        worth: 100,
    };
    let shown = |gaps: &[Gap]| -> Vec<(String, Option<String>, u64)> {
        let text = |key: &[u8]| String::from_utf8_lossy(key).replace('\0', "+");
        gaps.iter().map(|gap| (text(&gap.start), gap.end.as_deref().map(text), gap.at)).collect()
    };
    let named = |start: &str, end: &str, at| (start.to_owned(), Some(end.to_owned()), at);
    let mut gaps = Vec::new();
    for new in [gap("m", Some("p"), 3), gap("b", Some("d"), 1), gap("d", Some("f"), 2)] {
        join(&mut gaps, new);
    }
    assert_eq!(shown(&gaps), [named("b", "f", 2), named("m", "p", 3)]);
    split(&mut gaps, b"n");
    split(&mut gaps, b"b");
    split(&mut gaps, b"x");
    assert_eq!(shown(&gaps), [named("b+", "f", 2), named("m", "n", 3), named("n+", "p", 3)]);
    join(&mut gaps, gap("e", None, 9));
    assert_eq!(shown(&gaps), [("b+".to_owned(), None, 9)]);
}
