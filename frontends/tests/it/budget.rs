//! Memory stays bounded, and snapshots hold anyway.

use cuesta::{Database, Durability, ErrorKind};

#[test]
fn a_snapshot_is_iterated_while_every_key_is_overwritten_within_16_mib() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .memory_budget(16 << 20)
        .durability(Durability::None)
        .open(dir.path())
        .unwrap();
    let ks = db.keyspace("k").unwrap();
    let keys = 100_000u32;
    let value = |generation: u8, key: u32| {
        let mut value = vec![generation; 200];
        value[1..5].copy_from_slice(&key.to_be_bytes());
        value
    };
    for chunk in 0..keys / 100 {
        let mut batch = db.batch();
        for key in chunk * 100..(chunk + 1) * 100 {
            batch.put(&ks, key.to_be_bytes(), value(1, key)).unwrap();
        }
        batch.commit().unwrap();
    }
    let snapshot = db.snapshot();
    let mut seen = 0;
    for entry in snapshot.iter(&ks).unwrap() {
        let (key, found) = entry.unwrap();
        let key = u32::from_be_bytes(key.try_into().unwrap());
        assert_eq!(key, seen, "a key is missing");
        assert!(*found == value(1, key)[..], "key {key} is not as of the snapshot");
        ks.put(key.to_be_bytes(), value(2, key)).unwrap();
        // Ahead of the iterator, too.
        let ahead = (key + keys / 2) % keys;
        ks.put(ahead.to_be_bytes(), value(3, ahead)).unwrap();
        seen += 1;
    }
    assert_eq!(seen, keys);
    let stats = db.stats();
    let memory = stats.get("memtable_bytes").unwrap() + stats.get("cache_bytes").unwrap();
    assert!(memory <= 16 << 20, "{}", stats.to_text());
    assert!(*ks.get(7u32.to_be_bytes()).unwrap().unwrap() == value(3, 7)[..]);
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn the_oldest_snapshots_expire_when_all_hold_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .memory_budget(8 << 20)
        .snapshot_budget(2 << 20)
        .durability(Durability::None)
        .open(dir.path())
        .unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut snapshots = Vec::new();
    for round in 0..40u32 {
        for key in 0..500u32 {
            ks.put((round * 500 + key).to_be_bytes(), vec![round as u8; 1000]).unwrap();
        }
        snapshots.push(db.snapshot());
    }
    db.flush().unwrap();
    let state = |i: usize| snapshots[i].get(&ks, 0u32.to_be_bytes()).map(|value| value.is_some());
    let expired = state(0).unwrap_err();
    assert_eq!(expired.kind(), ErrorKind::Expired);
    assert!(expired.message().contains("larger snapshot_budget"), "{expired}");
    assert!(state(39).unwrap(), "the newest is kept");
    let held = db.stats().get("snapshot_bytes").unwrap();
    assert!(held <= 3 << 20, "{held} bytes are held");
    let count = snapshots[39].iter(&ks).unwrap().count();
    assert_eq!(count, 20_000);
}

/// Parts of the memory that statistics tell, besides the sum.
const PARTS: [&str; 11] = [
    "memtable_bytes",
    "cache_bytes",
    "transaction_bytes",
    "conflict_bytes",
    "commit_bytes",
    "buffer_bytes",
    "segment_table_bytes",
    "cursor_bytes",
    "snapshot_bytes",
    "caches_bytes",
    "watch_bytes",
];

#[test]
fn a_strict_budget_refuses_and_is_not_exceeded() {
    let dir = tempfile::tempdir().unwrap();
    let limit = 8 << 20;
    let db = Database::builder()
        .memory_budget(limit)
        .strict_memory()
        .durability(Durability::None)
        .open(dir.path())
        .unwrap();
    let ks = db.keyspace("k").unwrap();
    for key in 0..20_000u32 {
        ks.put(key.to_be_bytes(), [7; 100]).unwrap();
    }
    db.flush().unwrap();
    let check = || {
        let stats = db.stats();
        let sum: u64 = PARTS.iter().map(|part| stats.get(part).unwrap()).sum();
        // Empty memtables are not counted yet.
        let total = stats.get("memory_bytes").unwrap();
        assert!(total.abs_diff(sum) <= 16 << 10, "{total}: {}", stats.to_text());
        assert!(sum <= limit, "{}", stats.to_text());
    };
    // Cursors, until there is no room for one more.
    let mut cursors = Vec::new();
    let refused = loop {
        match ks.cursor::<&[u8]>(..) {
            Ok(mut cursor) => {
                assert!(cursor.next().unwrap());
                cursors.push(cursor);
            }
            Err(error) => break error,
        }
        if cursors.len() % 16 == 0 {
            check();
        }
    };
    assert_eq!(refused.kind(), ErrorKind::Full);
    assert!(refused.message().contains("open cursors"), "{refused}");
    assert!(cursors.len() > 100, "{} cursors", cursors.len());
    check();
    // What is small still works; what is large is refused, with nothing written.
    ks.put("small", "value").unwrap();
    assert!(ks.contains("small").unwrap());
    let large = |value: &str| {
        let mut batch = db.batch();
        batch.put(&ks, "large", value.repeat(100_000)).unwrap();
        batch.commit()
    };
    assert_eq!(large("x").unwrap_err().kind(), ErrorKind::Full);
    assert!(!ks.contains("large").unwrap());
    assert_eq!(
        db.begin()
            .map(drop)
            .and_then(|()| {
                let tx = db.begin()?;
                tx.put(&ks, "large", "x".repeat(100_000))
            })
            .unwrap_err()
            .kind(),
        ErrorKind::Full
    );
    drop(cursors);
    large("y").unwrap();
    check();
}

#[test]
fn watches_count_and_are_refused_by_a_strict_budget() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder().memory_budget(4 << 20).strict_memory().open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut watches = Vec::new();
    let refused = loop {
        match ks.watch_key((watches.len() as u32).to_be_bytes()) {
            Ok(watch) => watches.push(watch),
            Err(error) => break error,
        }
        assert!(watches.len() < 20_000, "no end");
    };
    assert_eq!(refused.kind(), ErrorKind::Full);
    assert!(refused.message().contains("watches"), "{refused}");
    let used = db.stats().get("watch_bytes").unwrap();
    assert!(used >= 400 * watches.len() as u64, "{used}");
    watches.clear();
    assert_eq!(db.stats().get("watch_bytes").unwrap(), 0);
    ks.watch_key("again").unwrap();
}

#[test]
fn a_batch_refuses_what_would_make_it_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder().memory_budget(4 << 20).open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut batch = db.batch();
    let mut refused = None;
    for key in 0..100u32 {
        if let Err(error) = batch.put(&ks, key.to_be_bytes(), vec![7; 100_000]) {
            refused = Some((key, error));
            break;
        }
    }
    let (key, error) = refused.unwrap();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.message().contains("half of the memory budget"), "{error}");
    assert_eq!(batch.len(), key as usize);
    batch.put(&ks, "small", "v").unwrap();
    batch.commit().unwrap();
    assert_eq!(ks.iter().unwrap().count(), key as usize + 1);
}
