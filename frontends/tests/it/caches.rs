//! Caches from the outside: against models, through reopening and crashes, from many threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cuesta::cache::{Cache, CacheOptions, Policy};
use cuesta::env::sim::{Crash, SimEnv};
use cuesta::{Database, Error, ErrorKind, Result};
use proptest::prelude::*;

fn in_sim(env: &Arc<SimEnv>) -> Database {
    Database::builder().environment(env.clone()).memory_budget(8 << 20).open("db").unwrap()
}

/// What an entry counts besides its key and value.
const ENTRY_BYTES: u64 = 64;

#[derive(Clone, Debug)]
enum Op {
    Get(u8),
    Contains(u8),
    Put(u8, usize),
    PutFor(u8, usize, u64),
    Remove(u8),
    Pass(u64),
    Clear,
    Flush,
    Reopen,
}

fn op(reopen: u32) -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0u8..24).prop_map(Op::Get),
        2 => (0u8..24).prop_map(Op::Contains),
        12 => (0u8..24, 0usize..300).prop_map(|(key, len)| Op::Put(key, len)),
        4 => (0u8..24, 0usize..900, 0u64..9).prop_map(|(key, len, ttl)| Op::PutFor(key, len, ttl)),
        2 => (0u8..24).prop_map(Op::Remove),
        3 => (1u64..4).prop_map(Op::Pass),
        1 => (0u32..4).prop_map(|n| if n == 0 { Op::Clear } else { Op::Pass(1) }),
        1 => Just(Op::Flush),
        reopen => Just(Op::Reopen),
    ]
}

/// A list of key, value and end, from what was used longest ago to what was used last.
#[derive(Default)]
struct Lru {
    list: Vec<(u8, Vec<u8>, u64)>,
    now: u64,
}

impl Lru {
    const ENTRIES: usize = 10;
    const BYTES: u64 = 1500;

    fn bytes(&self) -> u64 {
        self.list.iter().map(|(_, value, _)| ENTRY_BYTES + 1 + value.len() as u64).sum()
    }

    fn expire(&mut self) {
        self.list.retain(|(_, _, end)| *end > self.now);
    }

    fn find(&self, key: u8) -> Option<usize> {
        self.list.iter().position(|(other, _, end)| *other == key && *end > self.now)
    }

    fn get(&mut self, key: u8) -> Option<Vec<u8>> {
        let found = self.find(key)?;
        let entry = self.list.remove(found);
        self.list.push(entry.clone());
        Some(entry.1)
    }

    fn put(&mut self, key: u8, value: Vec<u8>, end: u64) {
        self.expire();
        self.list.retain(|(other, ..)| *other != key);
        if ENTRY_BYTES + 1 + value.len() as u64 <= Self::BYTES {
            self.list.push((key, value, end));
        }
        while self.list.len() > Self::ENTRIES || self.bytes() > Self::BYTES {
            self.list.remove(0);
        }
    }
}

fn value(count: usize, len: usize) -> Vec<u8> {
    let mut value = count.to_le_bytes().to_vec();
    value.resize(len, 1);
    value
}

/// What is in the keyspace that a cache keeps its values in.
fn stored(db: &Database, name: &str) -> BTreeMap<u8, Vec<u8>> {
    let keyspace = db.existing_keyspace(&format!("cache:{name}")).unwrap();
    let entries = keyspace.iter().unwrap().map(|entry| entry.unwrap());
    entries.map(|(key, value)| (key[0], value.to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_least_recently_used_goes_first(
        ops in prop::collection::vec(op(0), 1..120),
        seed in any::<u64>(),
    ) {
        let env = SimEnv::new(seed);
        let db = in_sim(&env);
        env.advance(Duration::from_millis(500));
        let options = CacheOptions::new().max_entries(Lru::ENTRIES as u64).max_bytes(Lru::BYTES);
        let kept = db.cache("kept", &options).unwrap();
        let lost = db.cache("lost", &options.memory_only()).unwrap();
        let both = [&kept, &lost];
        let mut model = Lru::default();
        for (count, op) in ops.iter().enumerate() {
            match op {
                Op::Get(key) => {
                    let expected = model.get(*key);
                    for cache in both {
                        let found = cache.get([*key]).unwrap().map(|value| value.to_vec());
                        prop_assert_eq!(&found, &expected, "{:?}", cache);
                    }
                }
                Op::Contains(key) => for cache in both {
                    prop_assert_eq!(cache.contains([*key]).unwrap(), model.find(*key).is_some());
                },
                Op::Put(key, len) => {
                    both.iter().for_each(|cache| cache.put([*key], value(count, *len)).unwrap());
                    model.put(*key, value(count, *len), u64::MAX);
                }
                Op::PutFor(key, len, ttl) => {
                    let time = Duration::from_secs(*ttl);
                    for cache in both {
                        cache.put_with_ttl([*key], value(count, *len), time).unwrap();
                    }
                    // A value without a life displaces nothing, but is taken in first.
                    model.put(*key, value(count, *len), model.now + ttl);
                }
                Op::Remove(key) => {
                    let there = model.find(*key);
                    for cache in both {
                        prop_assert_eq!(cache.remove([*key]).unwrap(), there.is_some());
                    }
                    there.map(|at| model.list.remove(at));
                }
                Op::Pass(seconds) => {
                    env.advance(Duration::from_secs(*seconds));
                    model.now += seconds;
                }
                Op::Clear => {
                    both.iter().for_each(|cache| cache.clear().unwrap());
                    model.list.clear();
                }
                Op::Flush => db.flush().unwrap(),
                Op::Reopen => {}
            }
            model.expire();
            for cache in both {
                let size = (cache.len(), cache.bytes());
                prop_assert_eq!(size, (model.list.len() as u64, model.bytes()), "{:?}", cache);
            }
        }
        let expected = model.list.iter().map(|(key, value, _)| (*key, value.clone())).collect();
        prop_assert_eq!(stored(&db, "kept"), expected, "nothing is left behind");
        prop_assert_eq!(kept.stats().hits, lost.stats().hits);
        prop_assert_eq!(kept.stats().evictions, lost.stats().evictions);
    }

    #[test]
    fn a_cache_gives_the_last_value_or_none_and_keeps_within_its_bounds(
        ops in prop::collection::vec(op(2), 1..150),
        seed in any::<u64>(),
        lfu in any::<bool>(),
    ) {
        let env = SimEnv::new(seed);
        let mut db = in_sim(&env);
        env.advance(Duration::from_millis(500));
        let policy = if lfu { Policy::TinyLfu } else { Policy::Lru };
        let mut options = CacheOptions::new().max_entries(10).max_bytes(1500).policy(policy);
        let mut cache = db.cache("c", &options).unwrap();
        let (mut model, mut now) = (BTreeMap::new(), 0);
        for (count, op) in ops.iter().enumerate() {
            match op {
                Op::Put(key, len) => {
                    cache.put([*key], value(count, *len)).unwrap();
                    model.insert(*key, (value(count, *len), u64::MAX));
                }
                Op::PutFor(key, len, ttl) => {
                    let time = Duration::from_secs(*ttl);
                    cache.put_with_ttl([*key], value(count, *len), time).unwrap();
                    model.insert(*key, (value(count, *len), now + ttl));
                }
                Op::Remove(key) => {
                    cache.remove([*key]).unwrap();
                    model.remove(key);
                }
                Op::Get(key) | Op::Contains(key) => _ = cache.get([*key]).unwrap(),
                Op::Pass(seconds) => {
                    env.advance(Duration::from_secs(*seconds));
                    now += seconds;
                }
                Op::Clear => {
                    cache.clear().unwrap();
                    model.clear();
                }
                Op::Flush => db.flush().unwrap(),
                Op::Reopen => {
                    let before = stored(&db, "c");
                    drop(cache);
                    db.close().unwrap();
                    db = in_sim(&env);
                    if count % 3 == 0 {
                        options = options.max_entries(4);
                    }
                    cache = db.cache("c", &options).unwrap();
                    let after = stored(&db, "c");
                    prop_assert!(after.iter().all(|(key, value)| before.get(key) == Some(value)));
                    prop_assert_eq!(cache.len(), after.len() as u64, "it is warm");
                    prop_assert!(after.len() >= before.len().min(4));
                }
            }
            model.retain(|_, (_, end)| *end > now);
            let stored = stored(&db, "c");
            prop_assert_eq!(stored.len() as u64, cache.len());
            for (key, value) in &stored {
                prop_assert_eq!(Some(value), model.get(key).map(|(value, _)| value));
                prop_assert!(cache.contains([*key]).unwrap());
            }
            let bytes = stored.values().map(|value| ENTRY_BYTES + 1 + value.len() as u64).sum();
            prop_assert_eq!(cache.bytes(), bytes);
            prop_assert!(bytes <= 1500 && stored.len() <= 10, "{} bytes", bytes);
        }
    }
}

/// Random numbers, always the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Numbers below `count`, where number n is drawn in proportion to 1 / (n + 1)^skew.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize, skew: f64) -> Zipf {
        let mut sum = 0.0;
        let mut add = |n: usize| {
            sum += ((n + 1) as f64).powf(-skew);
            sum
        };
        Zipf((0..count).map(&mut add).collect())
    }

    fn draw(&self, random: &mut Random) -> u64 {
        let at = random.unit() * self.0.last().unwrap();
        self.0.partition_point(|sum| *sum < at) as u64
    }
}

/// The hit rate of a cache of 500 entries that takes in whatever it misses.
fn hit_rate(policy: Policy, trace: impl Iterator<Item = u64>) -> f64 {
    let db = in_sim(&SimEnv::new(1));
    let options = CacheOptions::new().max_entries(500).policy(policy).memory_only();
    let cache = db.cache("c", &options).unwrap();
    for key in trace {
        let key = key.to_be_bytes();
        if cache.get(key).unwrap().is_none() {
            cache.put(key, key).unwrap();
        }
    }
    cache.stats().hit_rate()
}

#[test]
fn tiny_lfu_beats_lru_where_few_keys_are_used_often() {
    let trace = || {
        let (zipf, mut random) = (Zipf::new(20_000, 0.9), Random(88_172_645_463_325_252));
        (0..120_000).map(move |_| zipf.draw(&mut random))
    };
    let (lru, lfu) = (hit_rate(Policy::Lru, trace()), hit_rate(Policy::TinyLfu, trace()));
    println!("zipf: lru {lru:.3}, tiny lfu {lfu:.3}");
    assert!(lfu > lru + 0.08, "{lfu} against {lru}");
}

#[test]
fn a_scan_does_not_push_out_what_tiny_lfu_keeps() {
    // Of every 2,000 reads the last 1,000 go through keys that are never asked for again.
    let trace = || {
        let (zipf, mut random) = (Zipf::new(1_000, 0.8), Random(88_172_645_463_325_252));
        (0..120_000u64).map(move |at| match at % 2_000 {
            0..1_000 => zipf.draw(&mut random),
            _ => 1_000_000 + at,
        })
    };
    let (lru, lfu) = (hit_rate(Policy::Lru, trace()), hit_rate(Policy::TinyLfu, trace()));
    println!("scans: lru {lru:.3}, tiny lfu {lfu:.3}");
    assert!(lfu > lru + 0.1, "{lfu} against {lru}");
}

#[test]
fn what_has_expired_is_not_there_and_makes_room() {
    let env = SimEnv::new(3);
    let db = in_sim(&env);
    let hour = CacheOptions::new().max_entries(3).ttl(Duration::from_secs(3600));
    for options in [hour.clone(), hour.memory_only()] {
        let name = format!("{options:?}");
        let cache = db.cache(&name[name.len() - 40..], &options).unwrap();
        cache.put("old", "1").unwrap();
        cache.put_with_ttl("short", "2", Duration::from_secs(60)).unwrap();
        cache.put_with_ttl("long", "3", Duration::from_secs(7200)).unwrap();
        env.advance(Duration::from_secs(61));
        assert_eq!((cache.get("short").unwrap(), cache.len()), (None, 2));
        assert_eq!(cache.stats().expirations, 1);
        cache.put_with_ttl("short", "4", Duration::from_secs(60)).unwrap();
        cache.get("old").unwrap().unwrap();
        env.advance(Duration::from_secs(61));
        cache.put("new", "5").unwrap();
        assert!(cache.contains("long").unwrap(), "what had expired went first");
        assert_eq!((cache.stats().evictions, cache.stats().expirations), (0, 2));
        env.advance(Duration::from_secs(3600));
        assert_eq!(cache.len(), 1);
    }
}

#[test]
fn a_cache_is_warm_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let options = CacheOptions::new().max_entries(1000).policy(Policy::TinyLfu);
    let value = |key: u32| vec![key as u8; if key.is_multiple_of(100) { 40_000 } else { 100 }];
    let db = Database::open(dir.path()).unwrap();
    let cache = db.cache("c", &options).unwrap();
    for key in 0..1000u32 {
        match key % 2 {
            0 => cache.put(key.to_be_bytes(), value(key)).unwrap(),
            _ => {
                let hour = Duration::from_secs(3600);
                cache.put_with_ttl(key.to_be_bytes(), value(key), hour).unwrap();
            }
        }
    }
    let bytes = cache.bytes();
    db.flush().unwrap();
    drop(cache);
    db.close().unwrap();

    let db = Database::open(dir.path()).unwrap();
    let cache = db.cache("c", &options).unwrap();
    assert_eq!((cache.len(), cache.bytes(), cache.stats().insertions), (1000, bytes, 0));
    for key in 0..1000u32 {
        assert_eq!(cache.get(key.to_be_bytes()).unwrap().unwrap(), value(key));
    }
    drop(cache);
    let cache = db.cache("c", &options.max_entries(100)).unwrap();
    assert_eq!(cache.len(), 100);
    assert_eq!(db.existing_keyspace("cache:c").unwrap().iter().unwrap().count(), 100);
}

#[test]
fn what_a_crash_leaves_is_within_the_bounds() {
    for seed in 0..4 {
        let env = SimEnv::new(seed);
        let db = in_sim(&env);
        let options = CacheOptions::new().max_entries(20).policy(Policy::TinyLfu);
        let cache = db.cache("c", &options).unwrap();
        let mut random = Random(seed + 1);
        for count in 0..400usize {
            cache.put([random.next() as u8 % 60], value(count, 200)).unwrap();
            cache.get([random.next() as u8 % 20]).unwrap();
            if count % 50 == 0 {
                db.sync().unwrap();
            }
        }
        for mode in Crash::all(seed) {
            let ops = env.disk().op_count();
            let image = env.disk().crash_image(ops - random.next() % (ops / 2), mode);
            let db = in_sim(&SimEnv::on(image, seed));
            let Ok(keyspace) = db.existing_keyspace("cache:c") else { continue };
            assert!(keyspace.iter().unwrap().count() <= 20, "seed {seed}, {}", mode.name());
            let before = keyspace.iter().unwrap().count() as u64;
            assert_eq!(db.cache("c", &options).unwrap().len(), before);
        }
    }
}

#[test]
fn a_cache_in_memory_touches_no_file() {
    let env = SimEnv::new(5);
    let db = in_sim(&env);
    env.run_until_idle();
    let before = env.disk().op_count();
    let options = CacheOptions::new().max_bytes(1 << 20).memory_only();
    let cache = db.cache("c", &options).unwrap();
    for key in 0..5000u32 {
        cache.put(key.to_be_bytes(), vec![1; 1000]).unwrap();
        cache.get((key / 2).to_be_bytes()).unwrap();
    }
    assert!(cache.bytes() <= 1 << 20 && cache.len() > 900);
    assert!(db.stats().get("caches_bytes").unwrap() > 900_000);
    assert!(db.keyspaces().is_empty());
    assert_eq!(env.disk().op_count(), before);
    drop(cache);
    assert_eq!(db.stats().get("caches_bytes").unwrap(), 0);
    assert!(db.cache("c", &options_of_another_size()).unwrap().is_empty());
}

fn options_of_another_size() -> CacheOptions {
    CacheOptions::new().max_entries(5).memory_only()
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let db = in_sim(&SimEnv::new(6));
    let kind = |options: &CacheOptions| db.cache("c", options).unwrap_err().kind();
    assert_eq!(kind(&CacheOptions::new()), ErrorKind::Invalid);
    assert_eq!(kind(&CacheOptions::new().max_bytes(0)), ErrorKind::Invalid);
    assert_eq!(kind(&CacheOptions::new().max_bytes(9).max_entries(0)), ErrorKind::Invalid);
    let five = CacheOptions::new().max_entries(5);
    let cache = db.cache("c", &five).unwrap();
    assert_eq!(kind(&five.clone().max_bytes(100)), ErrorKind::Invalid, "it is open");
    cache.put("k", "v").unwrap();
    assert_eq!(db.cache("c", &five).unwrap().get("k").unwrap().unwrap(), "v");
}

#[test]
fn a_strict_budget_makes_a_cache_smaller() {
    let env = SimEnv::new(7);
    let builder = Database::builder().environment(env).memory_budget(8 << 20).strict_memory();
    let db = builder.open("db").unwrap();
    let options = CacheOptions::new().max_bytes(1 << 30).memory_only();
    let cache = db.cache("c", &options).unwrap();
    for key in 0..20_000u32 {
        cache.put(key.to_be_bytes(), vec![1; 1000]).unwrap();
    }
    let stats = db.stats();
    assert!(stats.get("memory_bytes").unwrap() <= 8 << 20, "{}", stats.to_text());
    assert!(cache.len() > 1000 && cache.stats().evictions > 10_000, "{:?}", cache.stats());
}

#[test]
fn caches_make_room_for_others_in_a_strict_budget() {
    for kept in [false, true] {
        let env = SimEnv::new(7);
        let builder = Database::builder().environment(env).memory_budget(16 << 20);
        let db = builder.strict_memory().open("db").unwrap();
        let ks = db.keyspace("k").unwrap();
        let (cache, len) = if kept {
            let options = CacheOptions::new().max_entries(1 << 20);
            (db.cache("c", &options).unwrap(), 0)
        } else {
            let options = CacheOptions::new().max_bytes(1 << 30).memory_only();
            (db.cache("c", &options).unwrap(), 1000)
        };
        let mut number = 0u32;
        while cache.stats().evictions == 0 {
            number += 1;
            cache.put(number.to_be_bytes(), vec![1; len]).unwrap();
        }
        let before = cache.len();
        ks.put("large", vec![2; 1 << 20]).unwrap();
        db.transact(|tx| {
            for key in 0..10_000u32 {
                tx.put(&ks, key.to_be_bytes(), [3; 20])?;
            }
            Ok(())
        })
        .unwrap();
        assert!(ks.compare_and_swap("new", None::<&[u8]>, Some(b"v")).unwrap().is_done());
        assert_eq!(ks.iter().unwrap().count(), 10_002);
        let mut dump = Vec::new();
        db.dump(&mut dump).unwrap();
        assert!(cache.len() < before, "kept {kept}: {} entries of {before}", cache.len());
        let stats = db.stats();
        assert!(stats.get("memory_bytes").unwrap() <= 16 << 20, "{}", stats.to_text());
    }
}

#[test]
fn a_failed_write_leaves_no_old_value_behind() {
    let env = SimEnv::new(8);
    let db = in_sim(&env);
    let cache = db.cache("c", &CacheOptions::new().max_entries(5)).unwrap();
    cache.put("a", "1").unwrap();
    // Half of the budget is the most that a commit may have.
    let refused = cache.put("a", vec![0; 6 << 20]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Full);
    assert_eq!((cache.get("a").unwrap(), cache.len()), (None, 0));
    cache.put("b", "2").unwrap();
    let keys: Vec<u8> = stored(&db, "c").into_keys().collect();
    assert_eq!(keys, b"b", "the old value was deleted with the next write");
}

#[test]
fn one_loads_and_the_others_wait() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let options = CacheOptions::new().max_entries(100);
    for cache in [
        db.cache("kept", &options).unwrap(),
        db.cache("lost", &options.clone().memory_only()).unwrap(),
    ] {
        let (loads, barrier) = (AtomicU64::new(0), std::sync::Barrier::new(6));
        let ask = |round: u32| {
            let load = || -> Result<Vec<u8>> {
                loads.fetch_add(1, Ordering::Relaxed);
                (0..50).for_each(|_| std::thread::yield_now());
                Ok(round.to_be_bytes().to_vec())
            };
            barrier.wait();
            let value = cache.get_or_insert_with(round.to_be_bytes(), load).unwrap();
            assert_eq!(value, round.to_be_bytes());
        };
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| (0..50).for_each(ask));
            }
        });
        assert_eq!(loads.load(Ordering::Relaxed), 50, "{cache:?}");
        assert_eq!(cache.stats().hits + cache.stats().misses, 300);
    }
}

#[test]
fn a_load_that_fails_leaves_the_next_to_another() {
    let db = in_sim(&SimEnv::new(9));
    let cache = db.cache("c", &CacheOptions::new().max_entries(100)).unwrap();
    let failed: Result<_> =
        cache.get_or_insert_with("k", || Err::<Vec<u8>, _>(Error::invalid("no such page")));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Invalid);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        cache.get_or_insert_with("k", || -> Result<Vec<u8>> { panic!("a loader's own") })
    }));
    assert!(panicked.is_err());
    let value: Result<_> = cache.get_or_insert_with("k", || Ok("v"));
    assert_eq!(value.unwrap(), "v");
    // What is removed while it is loaded is not kept.
    let stale: Result<_> = cache.get_or_insert_with("s", || {
        cache.remove("s")?;
        Ok("stale")
    });
    assert_eq!((stale.unwrap(), cache.get("s").unwrap()), ("stale".as_bytes().into(), None));
    let stale: Result<_> = cache.get_or_insert_with("s", || {
        cache.put("s", "fresh")?;
        Ok("stale")
    });
    assert_eq!(stale.unwrap(), "stale");
    assert_eq!(cache.get("s").unwrap().unwrap(), "fresh");
}

/// Writers, readers and removers of the same keys: what is read was put there for that key, and
/// afterwards the cache and its keyspace agree.
#[test]
fn threads_share_a_cache() {
    let dir = tempfile::tempdir().unwrap();
    let builder = Database::builder().memory_budget(16 << 20);
    let db = builder.open(dir.path()).unwrap();
    let bounded = |policy| CacheOptions::new().max_entries(10_000).policy(policy);
    let caches = [
        db.cache("lru", &bounded(Policy::Lru)).unwrap(),
        db.cache("lfu", &bounded(Policy::TinyLfu)).unwrap(),
        db.cache("memory", &bounded(Policy::TinyLfu).memory_only()).unwrap(),
    ];
    let work = |cache: &Cache, seed: u64| {
        let mut random = Random(seed);
        for _ in 0..6_000 {
            let key = (random.next() % 20_000).to_be_bytes();
            match random.next() % 10 {
                0 => _ = cache.remove(key).unwrap(),
                1..5 => cache.put(key, [key, random.next().to_be_bytes()].concat()).unwrap(),
                5 => {
                    let loaded: Result<_> =
                        cache.get_or_insert_with(key, || Ok([key, key].concat()));
                    assert_eq!(loaded.unwrap()[..8], key);
                }
                _ => {
                    if let Some(value) = cache.get(key).unwrap() {
                        assert_eq!(value[..8], key);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for cache in &caches {
            for seed in 1..4 {
                scope.spawn(move || work(cache, seed));
            }
        }
    });
    for cache in &caches {
        assert!(cache.len() > 3_000 && cache.len() <= 10_000, "{cache:?}: {}", cache.len());
    }
    for cache in &caches[..2] {
        let keyspace = db.existing_keyspace(&format!("cache:{}", cache.name())).unwrap();
        let mut bytes = 0;
        for entry in keyspace.iter().unwrap() {
            let (key, value) = entry.unwrap();
            assert!(cache.contains(&key).unwrap());
            bytes += ENTRY_BYTES + (key.len() + value.len()) as u64;
        }
        assert_eq!(cache.bytes(), bytes, "{cache:?}");
        let commit = || db.stats().get("commit").unwrap();
        let before = commit();
        cache.clear().unwrap();
        assert_eq!(commit(), before + 1, "{cache:?}");
        assert!(cache.is_empty() && keyspace.iter().unwrap().next().is_none());
    }
}

#[test]
fn who_waits_for_a_loader_may_give_up() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let cache = db.cache("c", &CacheOptions::new().max_entries(9).memory_only()).unwrap();
    let never = || -> Result<()> { panic!("nobody else loads") };
    let loaded = cache.get_or_insert_with_check("a", never, || {
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                let mut calls = 0;
                let check = || {
                    calls += 1;
                    if calls < 3 { Ok(()) } else { Err(Error::invalid("enough")) }
                };
                let error = cache.get_or_insert_with_check("a", check, || Result::Ok("b"));
                (error.unwrap_err().message().to_owned(), calls)
            });
            assert_eq!(waits.join().unwrap(), ("enough".to_owned(), 3));
        });
        Result::Ok("a")
    });
    assert_eq!(loaded.unwrap(), "a");
    assert_eq!(cache.stats().misses, 2);
}
