//! The tree next to a sorted map: whatever is written, both say the same, and every page has one
//! use.

mod format;
mod label;
mod turning;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::SeqNo;
use cuesta_engine::error::ErrorKind;
use cuesta_engine::index::{Horizon, Services};
use proptest::prelude::*;

use super::{Btree, Options, Tree};
use crate::lsm::tests::disk::{Disk, Maps};
use crate::lsm::tests::driver::{Driver, services};
use crate::ordered::{Reader, op};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn small() -> Services {
    services(1 << 20, 1 << 20)
}

fn driver(maps: Maps, options: &Options) -> Driver<Disk, Btree> {
    Driver::of(Disk::new(maps), options.encode(), small())
}

fn reader(driver: &Driver<Disk, Btree>) -> Reader<'_, Btree> {
    Reader::new(driver.typed(), SeqNo(driver.seq), 0)
}

fn tree(driver: &Driver<Disk, Btree>) -> &Arc<Tree> {
    &driver.typed().live[0].segment
}

fn content(driver: &Driver<Disk, Btree>) -> Model {
    let mut cursor = reader(driver).cursor(Bound::Unbounded, Bound::Unbounded);
    let mut all = Model::new();
    while cursor.next().unwrap() {
        all.insert(cursor.key().to_vec(), cursor.value().to_vec());
    }
    all
}

fn backwards(driver: &Driver<Disk, Btree>) -> Vec<Vec<u8>> {
    let mut cursor = reader(driver).cursor(Bound::Unbounded, Bound::Unbounded);
    let mut all = Vec::new();
    while cursor.prev().unwrap() {
        all.push(cursor.key().to_vec());
    }
    all.reverse();
    all
}

/// Everything is as the model says, and sound.
fn compare(driver: &Driver<Disk, Btree>, model: &Model) {
    assert_eq!(driver.problems(), Vec::<String>::new());
    let found = content(driver);
    let differ = |key: &&Vec<u8>| found.get(*key) != model.get(*key);
    let differing: Vec<String> = found
        .keys()
        .chain(model.keys())
        .filter(differ)
        .map(|key| key[..key.len().min(20)].escape_ascii().to_string())
        .collect();
    assert_eq!(differing, Vec::<String>::new());
    assert!(backwards(driver).iter().eq(model.keys()));
    for (key, value) in model {
        let got = reader(driver).get(key).unwrap();
        assert!(got.as_deref() == Some(value.as_slice()), "{}", key.escape_ascii());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, usize),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Vec<u8>),
    Flush,
    Compact,
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0_u32..400).prop_map(|n| format!("key{n:04}").into_bytes()),
        2 => prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0xff]), 0..5),
        1 => (0_usize..6, 900_usize..5000).prop_map(|(n, len)| {
            [vec![b'l'; len], vec![n as u8]].concat()
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => (key(), 0_usize..100).prop_map(|(key, len)| Step::Put(key, len)),
        3 => (key(), 400_usize..9000).prop_map(|(key, len)| Step::Put(key, len)),
        12 => key().prop_map(Step::Delete),
        1 => (key(), key()).prop_map(|(a, b)| Step::DeleteRange(a, b)),
        4 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ]
}

fn value(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (seed * 31 + i * 7) as u8).collect()
}

fn run(steps: &[Step], maps: Maps, options: &Options) {
    let (mut driver, mut model) = (driver(maps, options), Model::new());
    let none = Horizon { published: 0, pins: &[] };
    for (i, step) in steps.iter().enumerate() {
        let mut ops = Vec::new();
        match step {
            Step::Put(key, len) => {
                op::put(&mut ops, key, &value(i, *len)).unwrap();
                model.insert(key.clone(), value(i, *len));
            }
            Step::Delete(key) => {
                op::delete(&mut ops, key).unwrap();
                model.remove(key);
            }
            Step::DeleteRange(a, b) if a < b => {
                op::delete_range(&mut ops, a, Some(b)).unwrap();
                model.retain(|key, _| key < a || key >= b);
            }
            Step::DeleteRange(..) => continue,
            Step::Flush => {
                driver.rotate();
                driver.flush(1);
                compare(&driver, &model);
                continue;
            }
            Step::Compact => {
                driver.compact();
                continue;
            }
            Step::Reopen => {
                driver.reopen();
                continue;
            }
        }
        driver.commit(ops, &none);
    }
    driver.rotate();
    driver.flush(1);
    compare(&driver, &model);
    driver.compact();
    compare(&driver, &model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_tree_holds_what_a_sorted_map_holds(
        steps in prop::collection::vec(step(), 0..400),
        mapped in any::<bool>(),
        page_bytes in prop::sample::select(vec![1024_u32, 2048, 4096]),
        fill_percent in 50_u8..=100,
    ) {
        let maps = if mapped { Maps::Yes } else { Maps::No };
        run(&steps, maps, &Options { page_bytes, fill_percent, ..Options::default() });
    }
}

/// Many keys, flushed in batches: the tree grows, shrinks, and stays dense.
#[test]
fn a_tree_grows_and_shrinks_level_by_level() {
    let options = Options { page_bytes: 1024, ..Options::default() };
    let (mut driver, mut model) = (driver(Maps::Yes, &options), Model::new());
    for round in 0..6_u64 {
        for i in 0..3000_u64 {
            let key = (i * 2_654_435_761 + round * 977) % 1_000_003;
            let key = format!("{key:08}").into_bytes();
            let value = value(i as usize, 20);
            driver.write(&[(&key, Some(&value))]);
            model.insert(key, value);
        }
        driver.rotate();
        driver.flush(1);
        compare(&driver, &model);
    }
    let levels = tree(&driver).detail().height;
    assert!(levels >= 3, "{levels} levels");
    let keys: Vec<Vec<u8>> = model.keys().cloned().collect();
    for chunk in keys.chunks(4000) {
        for key in chunk {
            driver.write(&[(key, None)]);
            model.remove(key);
        }
        driver.rotate();
        driver.flush(1);
        compare(&driver, &model);
    }
    assert_eq!(tree(&driver).detail().root, 0);
}

#[test]
fn ascending_keys_fill_their_pages() {
    let options = Options { fill_percent: 100, ..Options::default() };
    let mut driver = driver(Maps::Yes, &options);
    let mut bytes = 0;
    for i in 0..20_000_u64 {
        let (key, value) = (i.to_be_bytes(), [7; 50]);
        driver.write(&[(&key, Some(&value))]);
        bytes += key.len() + value.len();
        if i % 2_500 == 2_499 {
            driver.rotate();
            driver.flush(1);
        }
    }
    let detail = *tree(&driver).detail();
    let used = u64::from(detail.pages - detail.unused) * u64::from(detail.page_bytes);
    assert!(used < bytes as u64 * 5 / 4, "{used} bytes for {bytes}");
}

#[test]
fn a_flush_writes_what_has_changed_and_no_more() {
    let mut driver = driver(Maps::Yes, &Options::default());
    for i in 0..20_000_u64 {
        driver.write(&[(&i.to_be_bytes(), Some(&[7; 50]))]);
    }
    driver.rotate();
    driver.flush(1);
    let before = tree(&driver).detail().pages;
    driver.write(&[(&777_u64.to_be_bytes(), Some(b"new"))]);
    driver.rotate();
    driver.flush(1);
    let after = tree(&driver).detail().pages;
    assert!(after - before <= 4, "{} pages for one change", after - before);
}

/// Puts 500 keys anew.
fn put_all(driver: &mut Driver<Disk, Btree>, round: u8) {
    for i in 0..500_u64 {
        driver.write(&[(&i.to_be_bytes(), Some(&[round; 50]))]);
    }
    driver.rotate();
}

#[test]
fn nothing_is_kept_of_trees_that_are_gone() {
    let options = Options { page_bytes: 1024, ..Options::default() };
    let mut driver = driver(Maps::Yes, &options);
    let known = |driver: &Driver<Disk, Btree>| driver.typed().index.living.known();
    put_all(&mut driver, 0);
    driver.flush(1);
    for round in 1..=100 {
        put_all(&mut driver, round);
        driver.flush(1);
        assert!(known(&driver) <= 2);
        let file = tree(&driver).file();
        if round % 3 == 0 {
            // A flush that comes first makes what is merged useless.
            let merging = driver.begin_compacting().unwrap();
            put_all(&mut driver, round);
            driver.flush(1);
            driver.end(merging);
            assert_eq!(tree(&driver).file(), file);
        } else {
            assert_eq!(driver.compact(), 1);
            assert_ne!(tree(&driver).file(), file);
        }
        assert!(known(&driver) <= 2, "{} in round {round}", known(&driver));
    }
    assert_eq!(driver.problems(), Vec::<String>::new());
}

/// What a check has found damaged is not taken for checked.
#[test]
fn a_damaged_page_is_refused_after_a_check_as_well() {
    for maps in [Maps::Yes, Maps::No] {
        let mut driver = driver(maps, &Options { page_bytes: 1024, ..Options::default() });
        for i in 0..500_u64 {
            driver.write(&[(&i.to_be_bytes(), Some(&[7; 50]))]);
        }
        driver.rotate();
        driver.flush(1);
        let file = tree(&driver).file();
        driver.disk.edit(file, |bytes| {
            let at = bytes.windows(50).position(|run| run == [7; 50]).unwrap();
            bytes[at] ^= 1;
        });
        driver.reopen();
        assert!(!driver.problems().is_empty());
        let error = reader(&driver).get(&0_u64.to_be_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
