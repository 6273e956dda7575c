//! Keyspaces used as queues: what was taken away is not walked over again, and what is put where
//! others were taken is found. A planted bug that leaves it out must be noticed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use cuesta::{Database, Durability, Keyspace};

/// Numbers that look random (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn open(dir: &tempfile::TempDir) -> (Database, Keyspace) {
    let builder = Database::builder().durability(Durability::Buffered).memory_budget(4 << 20);
    let db = builder.open(dir.path()).unwrap();
    let jobs = db.keyspace("jobs").unwrap();
    (db, jobs)
}

fn head(jobs: &Keyspace) -> Option<u64> {
    let mut cursor = jobs.cursor::<&[u8]>(..).unwrap();
    cursor.next().unwrap().then(|| u64::from_be_bytes(cursor.key().try_into().unwrap()))
}

fn last(jobs: &Keyspace) -> Option<u64> {
    let mut cursor = jobs.cursor::<&[u8]>(..).unwrap();
    cursor.prev().unwrap().then(|| u64::from_be_bytes(cursor.key().try_into().unwrap()))
}

/// Takes from both ends of a queue, and puts jobs back anywhere; whether the ends were always those
/// of a sorted map.
fn ends_are_right(seed: u64) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let (db, jobs) = open(&dir);
    let (mut model, mut numbers) = (BTreeMap::new(), Numbers(seed));
    for job in 0..600u64 {
        jobs.put(job.to_be_bytes(), [1; 20]).unwrap();
        model.insert(job, ());
    }
    for round in 0..900 {
        let ends = (model.keys().next().copied(), model.keys().next_back().copied());
        if (head(&jobs), last(&jobs)) != ends {
            return false;
        }
        let job = match numbers.next(10) {
            0..6 => ends.0,
            6..9 => ends.1,
            _ => None,
        };
        match job {
            Some(job) => {
                jobs.delete(job.to_be_bytes()).unwrap();
                model.remove(&job);
            }
            None => {
                let job = numbers.next(600);
                jobs.put(job.to_be_bytes(), [2; 20]).unwrap();
                model.insert(job, ());
            }
        }
        if round % 300 == 299 {
            db.flush().unwrap();
        }
    }
    true
}

#[test]
fn both_ends_of_a_queue_are_those_of_a_sorted_map() {
    assert!((0..4).all(ends_are_right));
    #[cfg(feature = "planted-bugs")]
    {
        use cuesta_engine::planted::{Bug, plant};

        plant(Some(Bug::GapLeftOpen));
        let unnoticed = ends_are_right(0);
        plant(None);
        assert!(!unnoticed, "a planted bug was not found");
    }
}

/// In any snapshot, walking finds exactly what asking for each key finds, while others write.
#[test]
fn walking_and_asking_agree_while_others_write() {
    const KEYS: u64 = 400;
    let dir = tempfile::tempdir().unwrap();
    let (db, jobs) = open(&dir);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (db, jobs, done) = (&db, &jobs, &done);
            scope.spawn(move || {
                let mut numbers = Numbers(writer);
                for round in 0..400 {
                    let from = numbers.next(KEYS);
                    for key in from..(from + numbers.next(150)).min(KEYS) {
                        jobs.delete(key.to_be_bytes()).unwrap();
                    }
                    for _ in 0..numbers.next(12) {
                        jobs.put(numbers.next(KEYS).to_be_bytes(), [3; 30]).unwrap();
                    }
                    if round % 100 == 99 {
                        db.flush().unwrap();
                    }
                }
                done.store(true, Ordering::Relaxed);
            });
        }
        for reader in 0..2 {
            let (db, jobs, done) = (&db, &jobs, &done);
            scope.spawn(move || {
                let mut rounds = 0u64;
                while !done.load(Ordering::Relaxed) || rounds < 10 {
                    rounds += 1;
                    let snapshot = db.snapshot();
                    let asked = (0..KEYS)
                        .filter(|key| snapshot.get(jobs, key.to_be_bytes()).unwrap().is_some());
                    let asked: Vec<u64> = asked.collect();
                    let mut walked = Vec::new();
                    let mut cursor = snapshot.cursor::<&[u8]>(jobs, ..).unwrap();
                    let back = (rounds + reader).is_multiple_of(2);
                    while if back { cursor.prev() } else { cursor.next() }.unwrap() {
                        walked.push(u64::from_be_bytes(cursor.key().try_into().unwrap()));
                    }
                    if back {
                        walked.reverse();
                    }
                    assert_eq!(walked, asked, "as of commit {}", snapshot.commit());
                }
            });
        }
    });
}

/// What a transaction has put in a gap it finds, and nobody else.
#[test]
fn a_transaction_finds_what_it_put_where_others_were_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (db, jobs) = open(&dir);
    for job in 0..500u64 {
        jobs.put(job.to_be_bytes(), [1; 20]).unwrap();
    }
    for job in 0..480u64 {
        jobs.delete(job.to_be_bytes()).unwrap();
    }
    assert_eq!(head(&jobs), Some(480));
    let tx = db.begin().unwrap();
    let first = |tx: &cuesta::Transaction| {
        let (key, _) = tx.iter(&jobs).unwrap().next().unwrap().unwrap();
        u64::from_be_bytes(key[..].try_into().unwrap())
    };
    tx.delete(&jobs, 480u64.to_be_bytes()).unwrap();
    assert_eq!(first(&tx), 481);
    tx.put(&jobs, 123u64.to_be_bytes(), [2; 20]).unwrap();
    assert_eq!((first(&tx), head(&jobs)), (123, Some(480)));
    tx.commit().unwrap();
    assert_eq!(head(&jobs), Some(123));
}

/// What a bulk load has put in a gap is found.
#[test]
fn a_bulk_load_fills_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let (db, jobs) = open(&dir);
    for round in 0..3u64 {
        for job in 0..200u64 {
            jobs.put(job.to_be_bytes(), [1; 20]).unwrap();
        }
        for job in 0..190u64 {
            jobs.delete(job.to_be_bytes()).unwrap();
        }
        assert_eq!(head(&jobs), Some(190));
        if round > 0 {
            db.flush().unwrap();
        }
        let before = db.snapshot();
        let mut load = db.bulk_load().unwrap();
        load.put(&jobs, (100 + round).to_be_bytes(), [2; 20]).unwrap();
        load.finish().unwrap();
        let mut old = before.cursor::<&[u8]>(&jobs, ..).unwrap();
        assert!(old.next().unwrap() && old.key() == 190u64.to_be_bytes());
        assert_eq!(head(&jobs), Some(100 + round));
        jobs.delete((100 + round).to_be_bytes()).unwrap();
        assert_eq!(head(&jobs), Some(190));
    }
}

/// What a transaction reads across a range that it has deleted, and others have not, tells nothing
/// about what others find.
#[test]
fn a_range_delete_that_is_rolled_back_leaves_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (db, jobs) = open(&dir);
    for job in 0..400u64 {
        jobs.put(job.to_be_bytes(), [1; 20]).unwrap();
    }
    for job in (0..100u64).chain(200..300) {
        jobs.delete(job.to_be_bytes()).unwrap();
    }
    let tx = db.begin().unwrap();
    tx.delete_range(&jobs, 100u64.to_be_bytes()..200u64.to_be_bytes()).unwrap();
    let (first, _) = tx.iter(&jobs).unwrap().next().unwrap().unwrap();
    assert_eq!(first[..], 300u64.to_be_bytes());
    let (last, _) = tx.iter(&jobs).unwrap().next_back().unwrap().unwrap();
    assert_eq!(last[..], 399u64.to_be_bytes());
    drop(tx);
    assert_eq!(head(&jobs), Some(100));
    assert_eq!(jobs.iter().unwrap().count(), 200);
}
