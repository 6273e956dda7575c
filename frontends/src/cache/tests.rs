use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::budget::{Budget, Part};
use cuesta_engine::env::Env;
use cuesta_engine::env::os::OsEnv;
use cuesta_engine::index::Services;

use super::entries::{Entries, Entry, NEVER, Segment, Size};
use super::flight::Flight;
use super::options::Policy;
use super::shard::Shard;

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
