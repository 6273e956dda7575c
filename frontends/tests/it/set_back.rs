//! A wall clock that was ahead for a time, and was then set right.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use cuesta::Database;
use cuesta::cache::CacheOptions;

use crate::hooked::World;

const YEAR_MS: i64 = 365 * 86_400_000;
const TTL: Duration = Duration::from_secs(1000);

#[test]
fn values_expire_in_time_though_the_clock_was_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(World::new());
    let open = || Database::builder().environment(world.clone()).open(dir.path()).unwrap();
    let db = open();
    let ks = db.keyspace("k").unwrap();
    world.ahead_ms.store(YEAR_MS, SeqCst);
    ks.put("then", "v").unwrap();
    world.ahead_ms.store(0, SeqCst);

    let cache = db.cache("c", &CacheOptions::new().max_entries(9).memory_only()).unwrap();
    ks.put_with_ttl("short", "v", TTL).unwrap();
    cache.put_with_ttl("short", "v", TTL).unwrap();
    let later = |by: Duration| world.later_ms.fetch_add(by.as_millis() as u64, SeqCst);
    later(TTL / 2);
    assert!(ks.contains("short").unwrap() && cache.contains("short").unwrap());
    later(TTL / 2);
    assert!(!ks.contains("short").unwrap() && !cache.contains("short").unwrap());

    drop(cache);
    db.close().unwrap();
    let db = open();
    let ks = db.keyspace("k").unwrap();
    ks.put_with_ttl("again", "v", TTL).unwrap();
    later(TTL / 2);
    let left = ks.expiry("again").unwrap();
    assert!(format!("{left:?}").contains("Some"), "{left:?}");
    later(TTL / 2);
    assert!(!ks.contains("again").unwrap());
}
