use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::budget::{Budget, Part};
use cuesta_engine::env::Env;
use cuesta_engine::env::os::OsEnv;
use cuesta_engine::env::sim::SimEnv;
use cuesta_engine::index::Services;

use super::entries::{Entries, Entry, NEVER, Segment, Size};
use super::flight::Flight;
use super::options::Policy;
use super::orphans::Orphans;
use super::shard::Shard;
use super::{CacheOptions, Yields};
use crate::{Database, Value};

fn entry(key: &[u8], hash: u64, bytes: u64) -> Entry {
    Entry { key: key.into(), hash, bytes, expiry_ms: NEVER, value: None }
}

fn budget() -> Arc<Budget> {
    Services::alone(1 << 20, 1 << 20).budget
}

#[test]
fn keys_with_the_same_hash_are_told_apart() {
    let keys: Vec<[u8; 1]> = (0..6).map(|key| [key]).collect();
    // Every order of taking three of six out.
    for seed in 0..6 * 5 * 4usize {
        let mut entries = Entries::new();
        for (at, key) in keys.iter().enumerate() {
            entries.insert(Segment::Window, entry(key, 7 + (at as u64 & 1), 10));
        }
        let mut left = keys.clone();
        for place in [seed % 6, seed / 6 % 5, seed / 30] {
            let key = left.remove(place);
            let slot = entries.find(7 + u64::from(key[0] & 1), &key).unwrap();
            assert_eq!(*entries.remove(slot).unwrap().key, key);
            for key in &keys {
                let found = entries.find(7 + u64::from(key[0] & 1), key);
                let found = found.and_then(|slot| entries.get(slot)).map(|entry| entry.key.clone());
                let there = left.contains(key).then(|| Arc::from(&key[..]));
                assert_eq!(found, there, "seed {seed}");
            }
        }
        assert_eq!(entries.size(), Size { bytes: 30, entries: 3 });
        assert_eq!(entries.find(9, &[0]), None);
    }
}

#[test]
fn memory_is_charged_and_given_back() {
    for policy in [Policy::Lru, Policy::TinyLfu] {
        let budget = budget();
        let limit = Size { bytes: 10_000, entries: 50 };
        let mut shard = Shard::new(policy, limit, &budget);
        let empty = budget.used(Part::Caches);
        for key in 0..2000u32 {
            let mut entry = entry(&key.to_le_bytes(), u64::from(key) * 977, u64::from(key) % 700);
            entry.expiry_ms = if key % 3 == 0 { u64::from(key) } else { NEVER };
            shard.put(entry);
            let stats = shard.stats();
            assert!(stats.entries <= 50 && stats.bytes <= 10_000, "{stats:?}");
            assert_eq!(budget.used(Part::Caches), stats.memory_bytes);
        }
        shard.expire(|| 1_990);
        assert!(shard.stats().expirations > 0 && shard.stats().entries > 0);
        shard.clear();
        assert!(budget.used(Part::Caches) > empty + 80 * 1900, "orphans are counted");
        shard.forget_orphans(usize::MAX);
        assert!(budget.used(Part::Caches) <= empty + 512, "but for the sketch");
        drop(shard);
        assert_eq!(budget.used(Part::Caches), 0);
    }
}

#[test]
fn whoever_waits_for_a_value_may_wait_forever() {
    let flight = Flight::default();
    flight.end(None);
    let env = OsEnv::new();
    while env.now().is_zero() {}
    assert_eq!(flight.wait(&*env, Duration::MAX), Some(None));
}

#[test]
fn an_orphan_is_there_once_and_the_last_go_first() {
    let mut orphans = Orphans::default();
    let mut model: Vec<u8> = Vec::new();
    for step in 0..4000usize {
        let key = [(step * 7919 % 61) as u8];
        match step % 7 {
            0..3 => {
                model.retain(|other| *other != key[0]);
                model.push(key[0]);
                orphans.push(Arc::from(&key[..]));
            }
            3 => assert_eq!(orphans.raise(&key), model.contains(&key[0])),
            4 => {
                model.retain(|other| *other != key[0]);
                orphans.remove(&key);
            }
            _ => {
                let count = step % 3;
                let last: Vec<u8> = orphans.latest().take(count).map(|key| key[0]).collect();
                model.retain(|key| !last.contains(key));
                orphans.pop(count);
            }
        }
        if matches!(step % 7, 0..4) && model.contains(&key[0]) {
            assert_eq!(**orphans.latest().next().unwrap(), key, "step {step}");
        }
        let mut left: Vec<u8> = orphans.latest().map(|key| key[0]).collect();
        assert_eq!((left.len(), left.is_empty()), (orphans.len(), orphans.is_empty()));
        left.sort_unstable();
        model.sort_unstable();
        assert_eq!(left, model, "step {step}");
    }
}

#[test]
fn what_was_let_go_of_and_then_removed_does_not_come_back() {
    let env = SimEnv::new(3);
    let open = || Database::builder().environment(env.clone()).open("db").unwrap();
    let options = CacheOptions::new().max_bytes(4 << 20);
    let db = open();
    let cache = db.cache("c", &options).unwrap();
    for key in 0..9000u32 {
        cache.put(key.to_be_bytes(), "old").unwrap();
    }
    assert!(cache.shared.shards.let_go(u64::MAX) > 0 && cache.is_empty());
    // Each of these deletes some of what was let go of, from the other end.
    assert!(!cache.remove(0u32.to_be_bytes()).unwrap());
    assert!(!cache.remove(1u32.to_be_bytes()).unwrap());
    cache.put(2u32.to_be_bytes(), vec![0; 5 << 20]).unwrap();
    drop(cache);
    db.close().unwrap();
    let db = open();
    let cache = db.cache("c", &options).unwrap();
    for key in 0..3u32 {
        assert_eq!(cache.get(key.to_be_bytes()).unwrap(), None, "{key}");
    }
    assert!(cache.len() > 3000, "{} others are there still", cache.len());
}

#[test]
fn what_is_let_go_of_is_what_is_given_back() {
    for kept in [true, false] {
        let budget = budget();
        let limit = Size { bytes: 1 << 30, entries: 1 << 20 };
        let mut shard = Shard::new(Policy::TinyLfu, limit, &budget);
        for key in 0..1000u32 {
            let mut entry = entry(&key.to_le_bytes(), u64::from(key) * 977, 100);
            entry.value = (!kept).then(|| Value::from(&[7u8; 50][..]));
            entry.expiry_ms = if key % 3 == 0 { u64::from(key) + 1 } else { NEVER };
            shard.put(entry);
        }
        let (before, held) = (budget.used(Part::Caches), shard.held());
        let gone = shard.let_go(10_000);
        assert!((10_000..11_000).contains(&gone), "{gone}");
        assert_eq!((budget.used(Part::Caches), shard.held()), (before - gone, held - gone));
        assert_eq!((shard.let_go(u64::MAX), shard.held()), (held - gone, 0));
        assert_eq!(budget.used(Part::Caches), before - held, "kept {kept}");
        assert_eq!(shard.orphans().len(), if kept { 1000 } else { 0 });
    }
}
