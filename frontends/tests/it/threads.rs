//! Many threads at once: nothing torn, nothing out of order.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cuesta::{Database, Durability};

/// Writers move amounts between accounts of two keyspaces; the sum never changes, in any snapshot.
#[test]
fn every_snapshot_sees_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .durability(Durability::Buffered)
        .memory_budget(2 << 20)
        .open(dir.path())
        .unwrap();
    let (left, right) = (db.keyspace("left").unwrap(), db.keyspace("right").unwrap());
    let accounts = 64u64;
    let read =
        |value: Option<cuesta::Value>| u64::from_be_bytes(value.unwrap()[..8].try_into().unwrap());
    let pad = |amount: u64| [&amount.to_be_bytes()[..], &[7; 120]].concat();
    let mut batch = db.batch();
    for i in 0..accounts {
        batch.put(&left, i.to_be_bytes(), pad(1000)).unwrap();
        batch.put(&right, i.to_be_bytes(), pad(1000)).unwrap();
    }
    batch.commit().unwrap();
    let done = AtomicBool::new(false);
    let snapshots = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for reader in 0..2u64 {
            let (db, left, right, done, snapshots) = (&db, &left, &right, &done, &snapshots);
            scope.spawn(move || {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let snapshot = db.snapshot();
                    assert!(snapshot.commit() >= last, "commits went back");
                    last = snapshot.commit();
                    let sum = |ks| -> u64 {
                        let entries = snapshot.iter(ks).unwrap();
                        entries.map(|entry| read(Some(entry.unwrap().1))).sum()
                    };
                    assert_eq!(sum(left) + sum(right), accounts * 2000, "reader {reader}");
                    snapshots.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // One writer per account, so that no update is lost.
        let writers: Vec<_> = (0..4u64)
            .map(|writer| {
                let (db, left, right) = (&db, &left, &right);
                scope.spawn(move || {
                    for round in 0..3000u64 {
                        let account = (writer + 4 * (round % (accounts / 4))).to_be_bytes();
                        let (a, b) =
                            (read(left.get(account).unwrap()), read(right.get(account).unwrap()));
                        assert_eq!(a + b, 2000);
                        let a = (a + round * 31) % 2001;
                        let mut batch = db.batch();
                        batch.put(left, account, pad(a)).unwrap();
                        batch.put(right, account, pad(2000 - a)).unwrap();
                        batch.commit().unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(snapshots.load(Ordering::Relaxed) > 0);
    assert!(db.stats().get("flushes") > Some(0), "{}", db.stats().to_text());
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn eight_threads_share_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let syncs = |db: &Database| db.stats().get("log_syncs").unwrap();
    let before = syncs(&db);
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let ks = &ks;
            scope.spawn(move || {
                for i in 0..50u64 {
                    ks.put((thread << 32 | i).to_be_bytes(), "v").unwrap();
                }
            });
        }
    });
    let syncs = syncs(&db) - before;
    assert!(syncs < 400, "{syncs} syncs for 400 commits of 8 threads");
    assert_eq!(ks.iter().unwrap().count(), 400);
}

/// A key is overwritten all the time; a point read always finds it, with a number that only grows.
#[test]
fn point_reads_never_miss_a_key_that_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .durability(Durability::None)
        .memory_budget(1 << 20)
        .open(dir.path())
        .unwrap();
    let ks = db.keyspace("k").unwrap();
    ks.put("hot", 0u64.to_be_bytes()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let value = ks.get("hot").unwrap().expect("the key is always there");
                    let now = u64::from_be_bytes(value[..8].try_into().unwrap());
                    assert!(now >= last, "{now} after {last}");
                    last = now;
                }
            });
        }
        for n in 1..100_000u64 {
            ks.put("hot", n.to_be_bytes()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn compaction_ends_while_somebody_writes_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let builder = Database::builder().durability(Durability::None).memory_budget(4 << 20);
    let db = builder.open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let put = |number: u32| {
        let key = number.wrapping_mul(0x9e37_79b9).to_be_bytes();
        ks.put(key, [number as u8; 100]).unwrap();
    };
    (0..100_000).for_each(put);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let began = Instant::now();
            let mut number = 100_000;
            while !over.load(Ordering::SeqCst) && began.elapsed() < Duration::from_secs(60) {
                put(number);
                number += 1;
            }
            over.load(Ordering::SeqCst)
        });
        db.compact().unwrap();
        over.store(true, Ordering::SeqCst);
        assert!(writer.join().unwrap(), "compaction waited until nothing more was written");
    });
}
