//! A wall clock that was ahead for a time, and was then set right.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use cuesta::cache::CacheOptions;
use cuesta::{Backups, Database, RestoreTo};

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

/// Puts a value while the wall clock is right or has been set back, waits until it is seen to have
/// expired, and goes on with a wall clock that knows nothing of it.
fn seen_expired(world: &Arc<World>, db: &Database) {
    let ks = db.keyspace("k").unwrap();
    world.ahead_ms.store(YEAR_MS, SeqCst);
    ks.put("then", "v").unwrap();
    world.ahead_ms.store(0, SeqCst);
    ks.put_with_ttl("short", "v", TTL).unwrap();
    world.later_ms.fetch_add(TTL.as_millis() as u64, SeqCst);
    assert!(!ks.contains("short").unwrap());
}

#[test]
fn what_was_seen_to_have_expired_stays_so_when_reopened() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(World::new());
    let open = || Database::builder().environment(world.clone()).open(dir.path()).unwrap();
    let db = open();
    seen_expired(&world, &db);
    db.close().unwrap();
    let db = open();
    let ks = db.keyspace("k").unwrap();
    assert!(!ks.contains("short").unwrap());
    ks.put_with_ttl("next", "v", TTL).unwrap();
    db.close().unwrap();

    // Nothing is committed this time.
    let db = open();
    let ks = db.keyspace("k").unwrap();
    assert!(ks.contains("next").unwrap());
    world.later_ms.fetch_add(TTL.as_millis() as u64, SeqCst);
    assert!(!ks.contains("next").unwrap());
    db.close().unwrap();
    let db = open();
    assert!(!db.keyspace("k").unwrap().contains("next").unwrap());
}

#[test]
fn what_was_seen_to_have_expired_stays_so_in_copies() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    let world = Arc::new(World::new());
    let open = |name| Database::builder().environment(world.clone()).open(place(name)).unwrap();
    let db = open("db");
    seen_expired(&world, &db);
    db.checkpoint(place("copy")).unwrap();
    db.backup(place("backups")).unwrap();
    Backups::at(place("backups")).restore(place("restored"), RestoreTo::Latest).unwrap();
    for name in ["copy", "restored"] {
        let ks = open(name).keyspace("k").unwrap();
        assert!(ks.contains("then").unwrap() && !ks.contains("short").unwrap(), "{name}");
    }
}

#[test]
fn a_database_that_nobody_asked_anything_is_closed_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Database::builder().open(dir.path()).unwrap();
    let db = open();
    db.keyspace("k").unwrap().put("a", "1").unwrap();
    db.close().unwrap();
    let lengths = || -> Vec<u64> {
        let entries = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
        let of_manifest = |name: &str| name.to_lowercase().contains("manifest");
        let manifests = entries.filter(|entry| of_manifest(entry.file_name().to_str().unwrap()));
        manifests.map(|entry| entry.metadata().unwrap().len()).collect()
    };
    let before = lengths();
    assert!(!before.is_empty());
    open().close().unwrap();
    assert_eq!(lengths(), before);
}
