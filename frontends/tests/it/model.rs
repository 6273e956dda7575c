//! Random operations give what a `BTreeMap` gives.

use std::collections::BTreeMap;

use cuesta::{Database, Durability, KeyspaceOptions, SegmentBuilder, Snapshot};
use proptest::prelude::*;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Put(usize, Vec<u8>, Vec<u8>),
    Delete(usize, Vec<u8>),
    DeleteRange(usize, Vec<u8>, Vec<u8>),
    DeletePrefix(usize, Vec<u8>),
    Batch(Vec<(usize, Vec<u8>, Option<Vec<u8>>)>),
    Load([Map; 2], bool),
    Ingest(usize, Map),
    Get(usize, Vec<u8>),
    Range(usize, Vec<u8>, Vec<u8>, bool),
    Prefix(usize, Vec<u8>, bool),
    Zigzag(usize, Vec<bool>),
    Snapshot,
    Check(usize),
    Release(usize),
    Flush,
    Compact,
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..5),
        2 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => proptest::collection::vec(any::<u8>(), 0..50),
        1 => (1usize..20_000, any::<u8>()).prop_map(|(n, byte)| vec![byte; n]),
    ]
}

/// Most of them lie close together.
fn map() -> impl Strategy<Value = Map> {
    prop_oneof![
        2 => proptest::collection::btree_map(key(), value(), 0..12),
        1 => (key(), 1usize..200, value()).prop_map(|(from, count, value)| {
            let key = |i: usize| [&from[..], &(i as u32).to_be_bytes()].concat();
            (0..count).map(|i| (key(i), value.clone())).collect()
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let ks = 0usize..2;
    prop_oneof![
        10 => (ks.clone(), key(), value()).prop_map(|(ks, k, v)| Step::Put(ks, k, v)),
        4 => (ks.clone(), key()).prop_map(|(ks, k)| Step::Delete(ks, k)),
        1 => (ks.clone(), key(), key()).prop_map(|(ks, a, b)| Step::DeleteRange(ks, a, b)),
        1 => (ks.clone(), key()).prop_map(|(ks, prefix)| Step::DeletePrefix(ks, prefix)),
        3 => proptest::collection::vec((ks.clone(), key(), proptest::option::of(value())), 0..20)
            .prop_map(Step::Batch),
        3 => (map(), map(), proptest::bool::weighted(0.9))
            .prop_map(|(a, b, finished)| Step::Load([a, b], finished)),
        1 => (ks.clone(), map()).prop_map(|(ks, map)| Step::Ingest(ks, map)),
        5 => (ks.clone(), key()).prop_map(|(ks, k)| Step::Get(ks, k)),
        4 => (ks.clone(), key(), key(), any::<bool>())
            .prop_map(|(ks, a, b, r)| Step::Range(ks, a, b, r)),
        2 => (ks.clone(), key(), any::<bool>()).prop_map(|(ks, p, r)| Step::Prefix(ks, p, r)),
        2 => (ks, proptest::collection::vec(any::<bool>(), 0..60))
            .prop_map(|(ks, turns)| Step::Zigzag(ks, turns)),
        2 => Just(Step::Snapshot),
        3 => any::<usize>().prop_map(Step::Check),
        1 => any::<usize>().prop_map(Step::Release),
        2 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ]
}

struct Run {
    dir: tempfile::TempDir,
    db: Option<Database>,
    maps: [Map; 2],
    snapshots: Vec<(Snapshot, [Map; 2])>,
}

const NAMES: [&str; 2] = ["left", "right"];

impl Run {
    fn open(&self) -> Database {
        Database::builder()
            .durability(Durability::None)
            .memory_budget(1 << 20)
            .log_segment_bytes(64 << 10)
            .open(self.dir.path())
            .unwrap()
    }

    fn step(&mut self, step: Step) {
        let db = self.db.clone().unwrap();
        let ks = NAMES.map(|name| db.keyspace(name).unwrap());
        match step {
            Step::Put(i, key, value) => {
                ks[i].put(&key, &value).unwrap();
                self.maps[i].insert(key, value);
            }
            Step::Delete(i, key) => {
                ks[i].delete(&key).unwrap();
                self.maps[i].remove(&key);
            }
            Step::DeleteRange(i, a, b) => {
                ks[i].delete_range(a.clone()..b.clone()).unwrap();
                self.maps[i].retain(|key, _| *key < a || *key >= b);
            }
            Step::DeletePrefix(i, prefix) => {
                ks[i].delete_prefix(&prefix).unwrap();
                self.maps[i].retain(|key, _| !key.starts_with(&prefix));
            }
            Step::Batch(writes) => {
                let mut batch = db.batch();
                for (i, key, value) in writes {
                    match value {
                        Some(value) => {
                            batch.put(&ks[i], &key, &value).unwrap();
                            self.maps[i].insert(key, value);
                        }
                        None => {
                            batch.delete(&ks[i], &key).unwrap();
                            self.maps[i].remove(&key);
                        }
                    }
                }
                batch.commit().unwrap();
            }
            Step::Load(maps, finished) => {
                let mut load = db.bulk_load().unwrap();
                for (i, map) in maps.iter().enumerate() {
                    for (key, value) in map {
                        load.put(&ks[i], key, value).unwrap();
                    }
                }
                if finished {
                    load.finish().unwrap();
                    for (known, map) in self.maps.iter_mut().zip(maps) {
                        known.extend(map);
                    }
                }
            }
            Step::Ingest(i, map) => {
                let entries: Vec<_> = map.iter().collect();
                let mut paths = Vec::new();
                for (n, part) in entries.chunks(entries.len().div_ceil(2).max(1)).enumerate() {
                    let path = self.dir.path().join(format!("part-{n}.prepared"));
                    _ = std::fs::remove_file(&path);
                    let options = KeyspaceOptions::new().block_bytes(256);
                    let mut builder = SegmentBuilder::create(&path, &options).unwrap();
                    for (key, value) in part {
                        builder.put(key, value).unwrap();
                    }
                    assert_eq!(builder.finish().unwrap().entries, part.len() as u64);
                    paths.push(path);
                }
                assert_eq!(db.ingest(&ks[i], paths).unwrap().entries, map.len() as u64);
                self.maps[i].extend(map);
            }
            Step::Get(i, key) => {
                let found = ks[i].get(&key).unwrap();
                assert_eq!(found.as_deref(), self.maps[i].get(&key).map(Vec::as_slice));
                assert_eq!(ks[i].contains(&key).unwrap(), self.maps[i].contains_key(&key));
            }
            Step::Range(i, a, b, reverse) => {
                let found = ks[i].range(a.clone()..b.clone()).unwrap();
                let expected: Vec<_> =
                    if a < b { self.maps[i].range(a..b).collect() } else { Vec::new() };
                same(found, expected, reverse);
            }
            Step::Prefix(i, prefix, reverse) => {
                let found = ks[i].prefix(&prefix).unwrap();
                let expected =
                    self.maps[i].iter().filter(|(key, _)| key.starts_with(&prefix)).collect();
                same(found, expected, reverse);
            }
            Step::Zigzag(i, turns) => {
                let (mut found, mut expected) = (ks[i].iter().unwrap(), self.maps[i].iter());
                for forward in turns {
                    let (found, expected) = match forward {
                        true => (found.next(), expected.next()),
                        false => (found.next_back(), expected.next_back()),
                    };
                    let found = found.map(|entry| entry.unwrap());
                    let found = found.as_ref().map(|(key, value)| (&key[..], &value[..]));
                    assert_eq!(found, expected.map(|(key, value)| (&key[..], &value[..])));
                }
            }
            Step::Snapshot => self.snapshots.push((db.snapshot(), self.maps.clone())),
            Step::Check(i) if !self.snapshots.is_empty() => {
                let (snapshot, maps) = &self.snapshots[i % self.snapshots.len()];
                for (ks, map) in ks.iter().zip(maps) {
                    same(snapshot.iter(ks).unwrap(), map.iter().collect(), i % 2 == 0);
                }
            }
            Step::Release(i) if !self.snapshots.is_empty() => {
                self.snapshots.swap_remove(i % self.snapshots.len());
            }
            Step::Check(_) | Step::Release(_) => {}
            Step::Flush => db.flush().unwrap(),
            Step::Compact => db.compact().unwrap(),
            Step::Reopen => {
                self.snapshots.clear();
                drop(ks);
                self.db = None;
                db.close().unwrap();
                self.db = Some(self.open());
            }
        }
    }
}

fn same(found: cuesta::Iter, expected: Vec<(&Vec<u8>, &Vec<u8>)>, reverse: bool) {
    let found: cuesta::Result<Vec<_>> =
        if reverse { found.rev().collect() } else { found.collect() };
    let found = found.unwrap();
    let found: Vec<_> = found.iter().map(|(key, value)| (&key[..], &value[..])).collect();
    let mut expected: Vec<_> = expected.iter().map(|(k, v)| (k.as_slice(), v.as_slice())).collect();
    if reverse {
        expected.reverse();
    }
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_database_is_a_map(steps in proptest::collection::vec(step(), 1..120)) {
        let dir = tempfile::tempdir().unwrap();
        let mut run = Run { dir, db: None, maps: Default::default(), snapshots: Vec::new() };
        run.db = Some(run.open());
        for step in steps {
            run.step(step);
        }
        run.step(Step::Reopen);
        for i in 0..2 {
            run.step(Step::Range(i, Vec::new(), vec![0xff; 50], false));
        }
        let report = run.db.clone().unwrap().verify().unwrap();
        prop_assert_eq!(report.problems, Vec::<String>::new());
    }
}
