//! The whole index against a sorted map, through flushes and merges.

pub(crate) mod disk;
pub(crate) mod driver;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use cuesta_engine::SeqNo;
use cuesta_engine::file::Output;
use cuesta_engine::format::Codec;
use cuesta_engine::index::{Aim, Edit, Horizon, IndexType, State};
use proptest::prelude::*;

use self::disk::{Disk, Maps};
use self::driver::{Driver, Store, services};
use super::{Lsm, Options};
use crate::ordered::{self, Ordered, Reader, op, span};

type Cursor = ordered::Cursor<<Lsm as Ordered>::Walk>;

/// What the driver calls the code under test.
mod lsm {
    pub(super) use crate::lsm::{Lsm, Options};
    pub(super) use crate::ordered::{Ordered, op};
}

impl Store for Disk {
    fn output(&mut self) -> &mut dyn Output {
        self
    }

    fn finish(&mut self) {}
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Write>),
    Rotate,
    Flush,
    Merge,
    Compact,
    View,
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0u16..300).prop_map(|i| format!("key{i:04}").into_bytes()),
        prop::collection::vec(prop::sample::select(vec![0u8, b'k', 0xff]), 0..5),
    ]
}

#[derive(Clone, Debug)]
enum Write {
    One(Vec<u8>, Option<Vec<u8>>),
    /// A range, which may be empty.
    DeleteRange(Vec<u8>, Option<Vec<u8>>),
}

impl Write {
    fn encode(&self, ops: &mut Vec<u8>) {
        let encoded = match self {
            Write::One(key, Some(value)) => op::put(ops, key, value),
            Write::One(key, None) => op::delete(ops, key),
            Write::DeleteRange(start, end) => op::delete_range(ops, start, end.as_deref()),
        };
        encoded.unwrap();
    }

    fn apply(&self, model: &mut Model) {
        match self {
            Write::One(key, Some(value)) => _ = model.insert(key.clone(), value.clone()),
            Write::One(key, None) => _ = model.remove(key),
            Write::DeleteRange(start, end) => {
                model.retain(|key, _| key < start || !span::is_before(key, end.as_deref()));
            }
        }
    }
}

fn write() -> impl Strategy<Value = Write> {
    let value = prop_oneof![
        6 => prop::collection::vec(0u8..3, 0..700),
        1 => (1000usize..2500, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ];
    let near = (0u16..300, 0u16..40).prop_map(|(start, len)| {
        let key = |i: u16| format!("key{i:04}").into_bytes();
        Write::DeleteRange(key(start), Some(key(start + len)))
    });
    prop_oneof![
        60 => (key(), prop::option::weighted(0.7, value)).prop_map(|(k, v)| Write::One(k, v)),
        4 => near,
        2 => (key(), prop::option::weighted(0.8, key()))
            .prop_map(|(start, end)| Write::DeleteRange(start, end)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => prop::collection::vec(write(), 1..12).prop_map(Step::Write),
        4 => Just(Step::Rotate),
        4 => Just(Step::Flush),
        4 => Just(Step::Merge),
        1 => Just(Step::Compact),
        1 => Just(Step::View),
        1 => Just(Step::Reopen),
    ]
}

struct View {
    state: State<Lsm>,
    at: SeqNo,
    model: Model,
}

fn entries(cursor: &mut Cursor) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    while cursor.next().unwrap() {
        assert_eq!(cursor.value_owned(), cursor.value());
        all.push((cursor.key().to_vec(), cursor.value().to_vec()));
    }
    assert!(!cursor.next().unwrap() && !cursor.valid());
    all
}

fn check(view: &View, probes: &[Vec<u8>]) {
    let reader = Reader::new(&view.state, view.at, 0);
    for key in probes.iter().chain(view.model.keys()) {
        let wanted = view.model.get(key);
        assert_eq!(reader.get(key).unwrap().as_deref(), wanted.map(Vec::as_slice), "{key:?}");
        assert_eq!(reader.get_with(key, <[u8]>::to_vec).unwrap().as_ref(), wanted);
        assert_eq!(reader.contains(key).unwrap(), wanted.is_some());
    }
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    let all = entries(&mut cursor);
    assert!(all.iter().map(|(k, v)| (k, v)).eq(&view.model));
    let mut back = Vec::new();
    while cursor.prev().unwrap() {
        back.push(cursor.key().to_vec());
    }
    assert!(back.iter().eq(view.model.keys().rev()));
    for key in probes {
        let found = cursor.seek(key).unwrap();
        let wanted = view.model.range(key.clone()..).next().map(|(k, _)| &k[..]);
        assert_eq!(found.then(|| cursor.key()), wanted);
        let found = cursor.seek_back(key).unwrap();
        let wanted = view.model.range(..=key.clone()).next_back().map(|(k, _)| &k[..]);
        assert_eq!(found.then(|| cursor.key()), wanted);
        turns(&mut cursor, &view.model);
    }
    for pair in probes.windows(2) {
        bounds(&reader, &view.model, &pair[0], &pair[1]);
    }
}

/// Back and forth around where the cursor stands.
fn turns(cursor: &mut Cursor, model: &Model) {
    if !cursor.valid() {
        return;
    }
    for forward in [true, false, true, true, false, false, false, true] {
        let key = cursor.key().to_vec();
        let (moved, wanted) = if forward {
            let after = (Bound::Excluded(key), Bound::Unbounded);
            (cursor.next().unwrap(), model.range(after).next())
        } else {
            (cursor.prev().unwrap(), model.range(..key).next_back())
        };
        assert_eq!(moved.then(|| cursor.key()), wanted.map(|(k, _)| &k[..]));
        if !moved {
            return;
        }
    }
}

fn bounds(reader: &Reader<'_, Lsm>, model: &Model, a: &[u8], b: &[u8]) {
    let (a, b) = (a.min(b), a.max(b));
    let all = [
        (Bound::Included(a), Bound::Excluded(b)),
        (Bound::Excluded(a), Bound::Included(b)),
        (Bound::Unbounded, Bound::Included(b)),
        (Bound::Included(a), Bound::Unbounded),
        (Bound::Included(b), Bound::Excluded(a)),
    ];
    for (lower, upper) in all {
        let within = |key: &&Vec<u8>| {
            let above = match lower {
                Bound::Included(bound) => &key[..] >= bound,
                Bound::Excluded(bound) => &key[..] > bound,
                Bound::Unbounded => true,
            };
            above
                && match upper {
                    Bound::Included(bound) => &key[..] <= bound,
                    Bound::Excluded(bound) => &key[..] < bound,
                    Bound::Unbounded => true,
                }
        };
        let wanted: Vec<&Vec<u8>> = model.keys().filter(within).collect();
        let mut cursor = reader.cursor(lower, upper);
        let found = entries(&mut cursor);
        assert!(found.iter().map(|(key, _)| key).eq(wanted.iter().copied()));
        let mut cursor = reader.cursor(lower, upper);
        let mut back = Vec::new();
        while cursor.prev().unwrap() {
            back.push(cursor.key().to_vec());
        }
        assert!(!cursor.prev().unwrap());
        assert!(back.iter().eq(wanted.iter().rev().copied()));
    }
}

fn live(steps: &[Step], probes: &[Vec<u8>], options: &Options, disk: Disk) {
    let mut driver = Driver::new(disk, options, services(64 << 10, 1 << 10));
    let mut model = Model::new();
    let mut views: Vec<View> = Vec::new();
    let mut running = Vec::new();
    for step in steps {
        match step {
            Step::Write(batch) => {
                let mut ops = Vec::new();
                batch.iter().for_each(|write| write.encode(&mut ops));
                driver.commit(ops, &Horizon::UNKNOWN);
                batch.iter().for_each(|write| write.apply(&mut model));
            }
            Step::Rotate => {
                if !driver.state.active_is_empty() {
                    driver.rotate();
                }
            }
            Step::Flush => {
                let frozen = driver.state.frozen_bytes().len();
                if frozen > 0 {
                    driver.flush(1 + driver.seq as usize % frozen);
                }
            }
            Step::Merge => match driver.begin(Aim::Steady) {
                Some(begun) => running.push(begun),
                None if !running.is_empty() => driver.end(running.remove(0)),
                None => {}
            },
            Step::Compact => {
                running.drain(..).for_each(|merge| driver.end(merge));
                driver.compact();
            }
            Step::View => {
                let (state, at) = (driver.lsm().clone(), SeqNo(driver.seq));
                views.push(View { state, at, model: model.clone() });
            }
            Step::Reopen => {
                running.drain(..).for_each(|merge| driver.end(merge));
                driver.reopen();
            }
        }
    }
    running.drain(..).for_each(|merge| driver.end(merge));
    let (state, at) = (driver.lsm().clone(), SeqNo(driver.seq));
    views.push(View { state, at, model });
    views.iter().for_each(|view| check(view, probes));
    assert_eq!(driver.problems(), Vec::<String>::new());
    driver.compact();
    assert!(driver.lsm().layout.runs().len() <= 1);
    let last = views.pop().unwrap();
    check(&View { state: driver.lsm().clone(), ..last }, probes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn an_index_answers_as_a_sorted_map_does(
        steps in prop::collection::vec(step(), 1..120),
        probes in prop::collection::vec(key(), 2..12),
        maps in prop::sample::select(vec![Maps::Yes, Maps::No]),
        codec in prop::sample::select(vec![Codec::None, Codec::Lz4, Codec::Zstd]),
        interval in 1u8..20,
        filter_bits in prop::sample::select(vec![0u8, 10]),
        blob_threshold in prop::sample::select(vec![0u32, 1024, 1500]),
    ) {
        let mut codecs = [codec; 7];
        codecs[0] = Codec::None;
        let options = Options {
            block_bytes: 512,
            restart_interval: interval,
            filter_bits,
            codecs,
            blob_threshold,
            ..Options::default()
        };
        let mut disk = Disk::new(maps);
        disk.share_bytes = 4 << 10;
        live(&steps, &probes, &options, disk);
    }
}

fn filled(options: &Options) -> (Driver<Disk>, Model) {
    let mut driver = Driver::new(Disk::new(Maps::Yes), options, services(1 << 20, 64 << 10));
    let mut model = Model::new();
    for round in 0..12u32 {
        for i in 0..400u32 {
            let key = format!("{:08}", (i * 7919 + round * 13) % 5000).into_bytes();
            driver.write(&[(&key, Some(&[round as u8; 90]))]);
            model.insert(key, vec![round as u8; 90]);
        }
        driver.rotate();
        driver.flush(1);
        driver.merge_all();
    }
    (driver, model)
}

#[test]
fn compacting_leaves_one_run_without_deletes() {
    let (mut driver, mut model) = filled(&Options::default());
    let keys: Vec<Vec<u8>> = model.keys().cloned().collect();
    for key in keys.iter().filter(|key| key.ends_with(b"3") || key.starts_with(b"00001")) {
        driver.write(&[(key, None)]);
        model.remove(key);
    }
    driver.rotate();
    driver.flush(1);
    driver.compact();
    assert_eq!(driver.lsm().layout.runs().len(), 1);
    assert!(driver.lsm().live.iter().all(|live| live.segment.detail().tombstones == 0));
    assert_eq!(driver.compact(), 0);
    let (state, at) = (driver.lsm().clone(), SeqNo(driver.seq));
    check(&View { state, at, model }, &keys[..20]);
    assert_eq!(driver.problems(), Vec::<String>::new());
}

/// A key at the bottom, and its delete merged to the level above; whether the key is still gone.
fn delete_above_the_bottom() -> bool {
    let options = Options::default();
    let mut driver = Driver::new(Disk::new(Maps::Yes), &options, services(1 << 20, 1 << 10));
    for i in 0..300u32 {
        driver.write(&[(&i.to_be_bytes(), Some(&[7; 100]))]);
    }
    driver.rotate();
    driver.flush(1);
    driver.compact();
    let bottom = driver.lsm().live[0].segment.detail().level;
    assert!(bottom > 1, "the bottom is level {bottom}");
    for i in 0..4u32 {
        driver.write(&[(&(i + 100).to_be_bytes(), None), (b"other", Some(&[1; 200]))]);
        driver.rotate();
        driver.flush(1);
    }
    let merge = driver.begin(Aim::Steady).unwrap();
    driver.end(merge);
    let levels: BTreeSet<u8> =
        driver.lsm().live.iter().map(|live| live.segment.detail().level).collect();
    assert_eq!(levels, BTreeSet::from([1, bottom]));
    let reader = Reader::new(driver.lsm(), SeqNo(driver.seq), 0);
    (100..104u32).all(|i| !reader.contains(&i.to_be_bytes()).unwrap())
}

#[test]
fn a_delete_stays_above_what_it_hides() {
    assert!(delete_above_the_bottom());
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_delete_dropped_too_high_revives_its_key() {
    use cuesta_engine::planted::{Bug, plant};
    plant(Some(Bug::TombstoneDroppedTooHigh));
    let gone = delete_above_the_bottom();
    plant(None);
    assert!(!gone);
}

#[test]
fn deleting_everything_leaves_nothing() {
    let (mut driver, model) = filled(&Options::default());
    for key in model.keys() {
        driver.write(&[(key, None)]);
    }
    driver.rotate();
    driver.flush(1);
    driver.compact();
    assert!(driver.lsm().live.is_empty());
    assert!(driver.lsm().layout.runs().is_empty());
}

#[test]
fn a_put_and_its_delete_in_one_flush_leave_nothing() {
    let mut driver =
        Driver::new(Disk::new(Maps::Yes), &Options::default(), services(1 << 20, 64 << 10));
    driver.write(&[(b"k", Some(b"v"))]);
    driver.rotate();
    driver.write(&[(b"k", None)]);
    driver.rotate();
    driver.flush(2);
    assert!(driver.lsm().live.is_empty());
    assert_eq!(driver.state.frozen_bytes().len(), 0);
}

#[test]
fn values_outlive_what_they_were_read_from() {
    fn may_go_anywhere<T: Send + Sync>(value: T) -> T {
        value
    }
    for maps in [Maps::Yes, Maps::No] {
        let options = Options::default();
        let mut driver = Driver::new(Disk::new(maps), &options, services(1 << 20, 64 << 10));
        let mut values = Vec::new();
        for len in [0usize, 1, 512, 513, 100_000] {
            let wanted = vec![len as u8; len];
            driver.write(&[(b"k", Some(&wanted))]);
            let at = SeqNo(driver.seq);
            values.push((
                Reader::new(driver.lsm(), at, 0).get(b"k").unwrap().unwrap(),
                wanted.clone(),
            ));
            driver.rotate();
            driver.flush(1);
            let reader = Reader::new(driver.lsm(), at, 0);
            values.push((reader.get(b"k").unwrap().unwrap(), wanted.clone()));
            let mut cursor = may_go_anywhere(reader.cursor(Bound::Unbounded, Bound::Unbounded));
            assert!(cursor.next().unwrap());
            values.push((cursor.value_owned(), wanted));
        }
        drop(driver);
        for (value, wanted) in values {
            assert_eq!(may_go_anywhere(value.clone()), wanted);
            assert_eq!(value, value.clone());
        }
    }
}

#[test]
fn a_cursor_knows_when_a_merged_value_ends() {
    let options = Options { ttl_ms: 50, merge_operator: "add".into(), ..Options::default() };
    let mut driver = Driver::new(Disk::new(Maps::Yes), &options, services(1 << 20, 1 << 20));
    for _ in 0..2 {
        let mut ops = Vec::new();
        op::merge(&mut ops, b"n", &1i64.to_le_bytes()).unwrap();
        driver.commit(ops, &Horizon::UNKNOWN);
    }
    let reader = Reader::new(driver.lsm(), SeqNo(driver.seq), 0);
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    assert!(cursor.next().unwrap());
    assert_eq!((cursor.value(), cursor.expiry_ms()), (&2i64.to_le_bytes()[..], Some(50)));
    assert_eq!(reader.expiry_ms(b"n").unwrap(), Some(Some(50)));
    assert!(!cursor.next().unwrap());
    assert_eq!(cursor.expiry_ms(), None);
}

#[test]
fn an_input_that_was_replaced_fails_its_merge() {
    let (driver, _) = filled(&Options::default());
    let live = driver.lsm().live.to_vec();
    let index = &driver.lsm().index;
    let mut out = Disk::new(Maps::Yes);
    let merged = Edit::default();
    assert!(index.catch_up(merged.clone(), &live[..1], &live, &mut out).is_ok());
    assert!(index.catch_up(merged, &live, &live[1..], &mut out).is_err());
}

#[test]
fn a_transaction_sees_its_own_writes_first() {
    let (driver, _) = filled(&Options::default());
    let mut ops = Vec::new();
    op::put(&mut ops, b"mine", b"1").unwrap();
    op::delete(&mut ops, b"00000000").unwrap();
    driver.state.prepare(&mut ops, None).unwrap();
    let (mut writer, private) = driver.state.private();
    writer.apply(SeqNo(1), 0, &ops, &Horizon::UNKNOWN);
    ops.clear();
    op::put(&mut ops, b"mine", b"2").unwrap();
    writer.apply(SeqNo(2), 0, &ops, &Horizon::UNKNOWN);
    let later = driver.state.with_private(&private, SeqNo(2)).unwrap();
    let later = Reader::new(State::<Lsm>::of(&*later).unwrap(), SeqNo(driver.seq), 0).get(b"mine");
    assert_eq!(later.unwrap().unwrap(), b"2");
    let state = driver.state.with_private(&private, SeqNo(1)).unwrap();
    let state = State::<Lsm>::of(&*state).unwrap();
    let reader = Reader::new(state, SeqNo(driver.seq), 0);
    assert_eq!(reader.get(b"mine").unwrap().unwrap(), b"1");
    assert!(!reader.contains(b"00000000").unwrap());
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    assert!(cursor.last().unwrap());
    assert_eq!(cursor.key(), b"mine");
    assert_eq!(cursor.value_owned(), b"1");
}

/// An index with keys of four bytes, merged down to the bottom.
fn numbered(keys: u32, memtable_bytes: u64) -> Driver<Disk> {
    let mut driver =
        Driver::new(Disk::new(Maps::Yes), &Options::default(), services(1 << 20, memtable_bytes));
    for i in 0..keys {
        driver.write(&[(&i.to_be_bytes(), Some(&[7; 100]))]);
    }
    driver.rotate();
    driver.flush(1);
    driver.compact();
    driver
}

fn delete_range(driver: &mut Driver<Disk>, range: std::ops::Range<u32>) {
    let (start, end) = (range.start.to_be_bytes(), range.end.to_be_bytes());
    let mut ops = Vec::new();
    op::delete_range(&mut ops, &start, Some(&end)).unwrap();
    driver.commit(ops, &Horizon::UNKNOWN);
}

fn left(driver: &Driver<Disk>) -> Vec<u32> {
    let reader = Reader::new(driver.lsm(), SeqNo(driver.seq), 0);
    let found = entries(&mut reader.cursor(Bound::Unbounded, Bound::Unbounded));
    let number = |key: &[u8]| key.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    let found: Vec<u32> = found.iter().filter_map(|(key, _)| number(key)).collect();
    for i in 0..1000u32 {
        assert_eq!(reader.contains(&i.to_be_bytes()).unwrap(), found.contains(&i), "{i}");
    }
    found
}

#[test]
fn segments_that_a_range_delete_covers_go_unread() {
    let mut driver = numbered(1000, 1 << 10);
    let before = driver.lsm().live.len();
    assert!(before > 10, "{before} segments");
    delete_range(&mut driver, 50..950);
    driver.rotate();
    driver.flush(1);
    let running = driver.begin(Aim::Steady).unwrap();
    let read = driver.entries(&running);
    driver.end(running);
    let dropped = driver.stats().segments_dropped.load(std::sync::atomic::Ordering::Relaxed);
    assert!(dropped as usize > before * 8 / 10, "{dropped} of {before} segments dropped");
    assert!(read > 700, "{read} entries in them");
    assert_eq!(left(&driver), (0..50).chain(950..1000).collect::<Vec<u32>>());
    driver.compact();
    assert_eq!(left(&driver).len(), 100);
    assert!(driver.lsm().live.iter().all(|live| live.segment.detail().ranges.is_none()));
    assert_eq!(driver.problems(), Vec::<String>::new());
}

#[test]
fn plans_find_in_memory_what_was_looked_at_ahead() {
    let mut driver = numbered(1000, 1 << 10);
    driver.disk.maps = Maps::No;
    delete_range(&mut driver, 50..950);
    driver.rotate();
    driver.flush(1);
    driver.reopen();
    let misses = |driver: &Driver<Disk>| {
        driver.stats().cache_misses.load(std::sync::atomic::Ordering::Relaxed)
    };
    let before = misses(&driver);
    driver.state.look_ahead();
    let ahead = misses(&driver);
    assert!(ahead > before, "the range block was read");
    assert!(driver.begin(Aim::Steady).is_some());
    assert_eq!(misses(&driver), ahead);
}

#[test]
fn deleting_the_whole_range_leaves_nothing() {
    let mut driver = numbered(1000, 1 << 10);
    let mut ops = Vec::new();
    op::delete_range(&mut ops, b"", None).unwrap();
    driver.commit(ops, &Horizon::UNKNOWN);
    assert_eq!(left(&driver), []);
    driver.rotate();
    driver.flush(1);
    assert_eq!(left(&driver), []);
    driver.merge_all();
    assert!(driver.lsm().live.is_empty(), "{} segments", driver.lsm().live.len());
    // With nothing below, nothing is written for it.
    let mut ops = Vec::new();
    op::delete_range(&mut ops, b"a", None).unwrap();
    driver.commit(ops, &Horizon::UNKNOWN);
    driver.rotate();
    driver.flush(1);
    assert!(driver.lsm().live.is_empty());
}

/// A range delete that is merged to a level above what it deletes, beside keys that cut the
/// outputs; what is still there.
fn range_above_the_bottom() -> Vec<u32> {
    let mut driver = numbered(300, 1 << 10);
    let bottom = driver.lsm().live[0].segment.detail().level;
    assert!(bottom > 1, "the bottom is level {bottom}");
    for i in 0..4u32 {
        for key in (100..200).step_by(4) {
            driver.write(&[(&[&(key + i).to_be_bytes()[..], b"+"].concat(), Some(&[1; 200]))]);
        }
        delete_range(&mut driver, 98 + i..199 - i);
        for key in (100..200u32).step_by(10) {
            driver.write(&[(&(key + i).to_be_bytes(), Some(&[2; 300]))]);
        }
        driver.rotate();
        driver.flush(1);
    }
    // Nothing is to be dropped unread here.
    while let Some(merge) = driver.begin(Aim::Steady) {
        driver.end(merge);
        let top = driver.lsm().live.iter().map(|live| live.segment.detail().level).min();
        if top >= Some(1) {
            break;
        }
    }
    let reader = Reader::new(driver.lsm(), SeqNo(driver.seq), 0);
    let found = entries(&mut reader.cursor(Bound::Unbounded, Bound::Unbounded));
    let number = |key: &[u8]| key.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    found.iter().filter(|(key, _)| key.len() == 4).filter_map(|(key, _)| number(key)).collect()
}

fn left_above_the_bottom() -> Vec<u32> {
    let is_left = |key: &u32| {
        let last = 3;
        let deleted_last = (98 + last..199 - last).contains(key);
        let deleted = (98..199).contains(key);
        !deleted
            || (100..200).step_by(10).any(|first| *key == first + last)
            || (!deleted_last
                && (100..200).step_by(10).any(|first| *key > first && *key < first + 3))
    };
    (0..300).filter(is_left).collect()
}

#[test]
fn a_range_delete_stays_above_what_it_deletes() {
    let (found, wanted) = (range_above_the_bottom(), left_above_the_bottom());
    assert_eq!(found, wanted);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bugs_of_range_deletes_revive_keys() {
    use cuesta_engine::planted::{Bug, plant};
    for bug in [Bug::RangeDeleteLostAtBorder, Bug::RangeDeleteDroppedTooHigh] {
        plant(Some(bug));
        let found = range_above_the_bottom();
        plant(None);
        assert_ne!(found, left_above_the_bottom(), "{bug:?}");
    }
}
