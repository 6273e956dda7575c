//! What locks promise.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use cuesta::env::sim::{Fault, FaultRule, OpKind, SimEnv};
use cuesta::{
    Database, Durability, Error, ErrorKind, Isolation, Keyspace, Result, Transaction,
    TransactionOptions, Value,
};

struct Setup {
    db: Database,
    ks: Keyspace,
    _dir: tempfile::TempDir,
}

fn setup(entries: &[&str]) -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder().durability(Durability::Buffered).open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    for key in entries {
        ks.put(key, 0u64.to_be_bytes()).unwrap();
    }
    Setup { db, ks, _dir: dir }
}

fn number(value: Option<Value>) -> u64 {
    value.map_or(0, |value| u64::from_be_bytes(value[..].try_into().unwrap()))
}

/// A transaction that does not wait for locks.
fn impatient(db: &Database) -> Transaction {
    db.begin_with(&TransactionOptions::new().lock_timeout(Duration::ZERO)).unwrap()
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

const TIMEOUT: Option<ErrorKind> = Some(ErrorKind::Timeout);
const CONFLICT: Option<ErrorKind> = Some(ErrorKind::Conflict);

#[test]
fn what_is_locked_is_not_to_be_had_until_the_end() {
    let Setup { db, ks, _dir } = setup(&["a", "b"]);
    let other = db.keyspace("other").unwrap();
    for end in ["commit", "rollback", "drop"] {
        let tx = db.begin().unwrap();
        tx.get_for_update(&ks, "a").unwrap();
        tx.lock_range(&ks, "m".."p").unwrap();
        tx.put(&ks, "a", 1u64.to_be_bytes()).unwrap();
        assert_eq!(db.stats().get("locks"), Some(2));
        let late = impatient(&db);
        assert_eq!(kind(late.get_for_update(&ks, "a")), TIMEOUT);
        assert_eq!(kind(late.get_for_update(&ks, "n")), TIMEOUT);
        assert_eq!(kind(late.lock_range::<&str>(&ks, ..)), TIMEOUT);
        late.get_for_update(&ks, "b").unwrap();
        late.get_for_update(&other, "a").unwrap();
        assert!(late.get(&ks, "a").unwrap().is_some(), "reading does not wait");
        match end {
            "commit" => tx.commit().unwrap(),
            "rollback" => tx.rollback(),
            _ => drop(tx),
        }
        impatient(&db).lock_range::<&str>(&ks, "c"..).unwrap();
        drop(late);
        assert_eq!(db.stats().get("locks"), Some(0));
    }
    assert!(db.stats().get("lock_timeouts") >= Some(9));
}

#[test]
fn a_locked_key_is_read_as_it_is_now() {
    let Setup { db, ks, _dir } = setup(&["a", "b"]);
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        let tx = db.begin_with(&TransactionOptions::new().isolation(isolation)).unwrap();
        let before = number(ks.get("a").unwrap());
        ks.put("a", (before + 1).to_be_bytes()).unwrap();
        assert_eq!(number(tx.get_for_update(&ks, "a").unwrap()), before + 1);
        assert_eq!(number(tx.get(&ks, "a").unwrap()), before + 1, "from then on");
        tx.put(&ks, "a", (before + 2).to_be_bytes()).unwrap();
        assert_eq!(number(tx.get_for_update(&ks, "a").unwrap()), before + 2, "its own write");
        tx.commit().unwrap();
        assert_eq!(number(ks.get("a").unwrap()), before + 2);
    }
}

#[test]
fn a_lock_that_comes_too_late_for_what_was_read_is_a_conflict() {
    let Setup { db, ks, _dir } = setup(&["a", "b", "c"]);
    let tx = db.begin().unwrap();
    tx.get(&ks, "a").unwrap();
    ks.put("a", 1u64.to_be_bytes()).unwrap();
    assert_eq!(kind(tx.get_for_update(&ks, "b")), CONFLICT);
    drop(tx);
    // What was not touched stays read.
    let tx = db.begin().unwrap();
    tx.get(&ks, "a").unwrap();
    ks.put("b", 1u64.to_be_bytes()).unwrap();
    assert_eq!(number(tx.get_for_update(&ks, "b").unwrap()), 1);
    tx.put(&ks, "c", 1u64.to_be_bytes()).unwrap();
    ks.put("a", 2u64.to_be_bytes()).unwrap();
    assert_eq!(kind(tx.commit()), CONFLICT, "the read before the lock still counts");
    // An iterator made before goes on as of then, and counts.
    let tx = db.begin().unwrap();
    let mut iter = tx.iter(&ks).unwrap();
    assert_eq!(iter.next().unwrap().unwrap().0, b"a");
    ks.put("c", 9u64.to_be_bytes()).unwrap();
    tx.get_for_update(&ks, "x").unwrap();
    let last = iter.last().unwrap().unwrap();
    assert_eq!((&last.0[..], number(Some(last.1))), (&b"c"[..], 0), "as of its making");
    assert_eq!(number(tx.get(&ks, "c").unwrap()), 9);
    tx.put(&ks, "x", "").unwrap();
    assert_eq!(kind(tx.commit()), CONFLICT, "it has read what was not so any more");
}

#[test]
fn snapshot_isolation_stays_where_it_is_if_it_cannot_move_on() {
    let Setup { db, ks, _dir } = setup(&["a", "b"]);
    let options = TransactionOptions::new().isolation(Isolation::Snapshot);
    let tx = db.begin_with(&options).unwrap();
    tx.get(&ks, "a").unwrap();
    ks.put("a", 1u64.to_be_bytes()).unwrap();
    assert_eq!(number(tx.get_for_update(&ks, "b").unwrap()), 0, "b is as it was");
    assert_eq!(number(tx.get(&ks, "a").unwrap()), 0);
    ks.put("c", 1u64.to_be_bytes()).unwrap();
    assert_eq!(kind(tx.get_for_update(&ks, "c")), CONFLICT, "c is not");
    drop(tx);
    // What was written before it moved on counts from then.
    let tx = db.begin_with(&options).unwrap();
    tx.put(&ks, "a", 5u64.to_be_bytes()).unwrap();
    ks.put("a", 2u64.to_be_bytes()).unwrap();
    ks.put("b", 2u64.to_be_bytes()).unwrap();
    assert_eq!(number(tx.get_for_update(&ks, "b").unwrap()), 2);
    assert_eq!(kind(tx.commit()), CONFLICT);
}

#[test]
fn writes_without_locks_are_found_at_the_commit() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let tx = db.begin().unwrap();
    let n = number(tx.get_for_update(&ks, "a").unwrap());
    tx.put(&ks, "a", (n + 1).to_be_bytes()).unwrap();
    ks.put("a", 7u64.to_be_bytes()).unwrap();
    assert_eq!(kind(tx.commit()), CONFLICT);
    assert_eq!(number(ks.get("a").unwrap()), 7);
}

#[test]
fn a_deadlock_is_a_conflict_of_the_one_who_closes_the_circle() {
    let Setup { db, ks, _dir } = setup(&["a", "b"]);
    let (one, two) = (db.begin().unwrap(), db.begin().unwrap());
    one.get_for_update(&ks, "a").unwrap();
    two.get_for_update(&ks, "b").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let got = one.get_for_update(&ks, "b");
            one.put(&ks, "b", 1u64.to_be_bytes()).unwrap();
            (kind(got), kind(one.commit()))
        });
        while db.stats().get("lock_waits") < Some(1) {
            std::thread::yield_now();
        }
        let error = two.get_for_update(&ks, "a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.message().contains("deadlock"), "{error}");
        drop(two);
        assert_eq!(waiting.join().unwrap(), (None, None));
    });
    assert_eq!(db.stats().get("deadlocks"), Some(1));
}

#[test]
fn whoever_waits_too_long_is_told_so() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let tx = db.begin().unwrap();
    tx.get_for_update(&ks, "a").unwrap();
    let options = TransactionOptions::new().lock_timeout(Duration::from_millis(20));
    let late = db.begin_with(&options).unwrap();
    assert_eq!(kind(late.get_for_update(&ks, "a")), TIMEOUT);
    drop(tx);
    late.get_for_update(&ks, "a").unwrap();
}

/// With locks, nobody fails where everybody wants the same.
#[test]
fn nobody_fails_who_locks_before_reading() {
    for durability in [Durability::Sync, Durability::Buffered] {
        let dir = tempfile::tempdir().unwrap();
        let db = Database::builder().durability(durability).open(dir.path()).unwrap();
        let ks = db.keyspace("k").unwrap();
        let (threads, rounds) = (4u64, 60u64);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (db, ks) = (&db, &ks);
                scope.spawn(move || {
                    for round in 0..rounds {
                        let tx = db.begin().unwrap();
                        if (thread + round) % 3 == 0 {
                            tx.lock_range(ks, "a".."c").unwrap();
                        }
                        // Always in the same order: no deadlocks.
                        let a = number(tx.get_for_update(ks, "a").unwrap());
                        let b = number(tx.get_for_update(ks, "b").unwrap());
                        tx.put(ks, "a", (a + 1).to_be_bytes()).unwrap();
                        tx.put(ks, "b", (b + 2).to_be_bytes()).unwrap();
                        tx.commit().unwrap();
                    }
                });
            }
        });
        assert_eq!(number(ks.get("a").unwrap()), threads * rounds);
        assert_eq!(number(ks.get("b").unwrap()), 2 * threads * rounds);
        assert_eq!(db.stats().get("conflicts"), Some(0), "{}", db.stats().to_text());
    }
}

/// Locks in any order: some meet a deadlock and begin again, nothing is lost, nobody waits for
/// ever.
#[test]
fn nothing_is_lost_among_deadlocks() {
    let Setup { db, ks, _dir } = setup(&["0", "1", "2", "3"]);
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 1..=4u64 {
            let (db, ks, done) = (&db, &ks, &done);
            scope.spawn(move || {
                let mut random = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mut key = move || {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    (random % 4).to_string()
                };
                for _ in 0..100 {
                    let (from, to) = (key(), key());
                    db.transact(|tx| {
                        for key in [&from, &to] {
                            let n = number(tx.get_for_update(ks, key)?);
                            tx.put(ks, key, (n + 1).to_be_bytes())?;
                        }
                        Ok(())
                    })
                    .unwrap();
                    done.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
    });
    let sum: u64 = ks.iter().unwrap().map(|entry| number(Some(entry.unwrap().1))).sum();
    assert_eq!(sum, done.into_inner());
    assert_eq!((db.stats().get("locks"), sum), (Some(0), 800));
}

#[test]
fn a_waiting_thread_gets_the_lock_when_the_commit_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let tx = db.begin().unwrap();
    tx.get_for_update(&ks, "a").unwrap();
    tx.put(&ks, "a", 1u64.to_be_bytes()).unwrap();
    let committed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let tx = db.begin().unwrap();
            let value = tx.get_for_update(&ks, "a").unwrap();
            assert!(committed.load(Ordering::SeqCst));
            number(value)
        });
        while db.stats().get("lock_waits") < Some(1) {
            std::thread::yield_now();
        }
        committed.store(true, Ordering::SeqCst);
        tx.commit().unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
    });
}

/// An iterator made before a lock goes on as of then; what comes after the lock is as of later.
#[test]
fn reads_of_two_moments_are_a_conflict_even_without_claims() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        for (writes, iterates) in [(false, false), (false, true), (true, false), (true, true)] {
            let Setup { db, ks, _dir } = setup(&["a", "b", "x"]);
            let other = db.keyspace("other").unwrap();
            let tx = db.begin_with(&TransactionOptions::new().isolation(isolation)).unwrap();
            let mut iter = tx.range(&ks, "a".."c").unwrap();
            let mut batch = db.batch();
            batch.put(&ks, "b", 1u64.to_be_bytes()).unwrap();
            batch.put(&other, "b", 1u64.to_be_bytes()).unwrap();
            batch.commit().unwrap();
            assert_eq!(number(tx.get_for_update(&other, "b").unwrap()), 1);
            if iterates {
                let old = iter.by_ref().map(|entry| number(Some(entry.unwrap().1)));
                assert_eq!(old.collect::<Vec<u64>>(), [0, 0]);
            }
            drop(iter);
            if writes {
                tx.put(&ks, "x", "").unwrap();
            }
            let expected = if iterates { CONFLICT } else { None };
            assert_eq!(kind(tx.commit()), expected, "{isolation:?} {writes} {iterates}");
        }
    }
}

#[test]
fn locking_again_takes_no_memory() {
    let Setup { db, ks, _dir } = setup(&[]);
    let tx = db.begin().unwrap();
    tx.lock_range(&ks, "a".."c").unwrap();
    let before = db.stats().get("transaction_bytes");
    for _ in 0..5000 {
        tx.get_for_update(&ks, "a").unwrap();
        tx.lock_range(&ks, "b".."c").unwrap();
    }
    assert!(db.stats().get("transaction_bytes") <= before.map(|bytes| bytes + (64 << 10)));
}

#[test]
fn nobody_waits_for_the_lock_of_a_commit_that_will_never_be_published() {
    let env = SimEnv::new(11);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    let tx = db.begin().unwrap();
    tx.get_for_update(&ks, "a").unwrap();
    tx.put(&ks, "a", "").unwrap();
    let late = db.begin_with(&TransactionOptions::new().lock_timeout(Duration::MAX)).unwrap();
    env.disk().inject(FaultRule::nth(1, OpKind::Sync, Fault::SyncFailPagesDropped));
    let handle = tx.submit().unwrap();
    assert_eq!(kind(late.get_for_update(&ks, "a")), Some(ErrorKind::Poisoned));
    assert_eq!(kind(handle.wait()), Some(ErrorKind::Poisoned));
}

#[test]
fn nobody_waits_for_a_lock_of_a_closed_database() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let tx = db.begin().unwrap();
    tx.get_for_update(&ks, "a").unwrap();
    tx.put(&ks, "a", "").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let options = TransactionOptions::new().lock_timeout(Duration::MAX);
            let late = db.begin_with(&options).unwrap();
            kind(late.get_for_update(&ks, "a"))
        });
        while db.stats().get("lock_waits") == Some(0) {
            std::thread::yield_now();
        }
        db.clone().close().unwrap();
        assert_eq!(waiting.join().unwrap(), Some(ErrorKind::Invalid));
    });
    assert_eq!(kind(tx.commit()), Some(ErrorKind::Invalid));
}

#[test]
fn writes_without_locks_into_what_is_locked_are_found_whatever_the_isolation() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        for (key, expected) in [("a", CONFLICT), ("m", CONFLICT), ("z", None)] {
            let Setup { db, ks, _dir } = setup(&[]);
            let tx = db.begin_with(&TransactionOptions::new().isolation(isolation)).unwrap();
            tx.get_for_update(&ks, "a").unwrap();
            tx.lock_range(&ks, "l".."n").unwrap();
            tx.get_for_update(&ks, "b").unwrap();
            tx.put(&ks, "x", "").unwrap();
            ks.put(key, "").unwrap();
            assert_eq!(kind(tx.commit()), expected, "{isolation:?} {key}");
        }
    }
}

#[test]
fn a_wait_can_be_given_up() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let holder = db.begin().unwrap();
    holder.get_for_update(&ks, "a").unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let options = TransactionOptions::new().while_waiting(move || {
        match counted.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Ok(()),
            _ => Err(Error::invalid("enough")),
        }
    });
    let tx = db.begin_with(&options).unwrap();
    let error = tx.lock_range(&ks, "a".."c").unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, "enough"));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    // It waits no more, and may go on.
    tx.get_for_update(&ks, "b").unwrap();
    holder.rollback();
    tx.get_for_update(&ks, "a").unwrap();
    drop(tx);
    assert_eq!(db.stats().get("locks"), Some(0));
}

#[test]
fn who_is_asked_while_waiting_keeps_the_place() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let holder = db.begin().unwrap();
    holder.get_for_update(&ks, "a").unwrap();
    // The first is asked three times, and then a second one comes.
    let (asked, heard) = mpsc::sync_channel(0);
    let asked = Mutex::new((0, asked));
    let options = TransactionOptions::new().while_waiting(move || {
        let (calls, asked) = &mut *asked.lock().unwrap();
        *calls += 1;
        if *calls == 3 {
            asked.send(()).unwrap();
        }
        Ok(())
    });
    let order = Mutex::new(Vec::new());
    let take = |name: &'static str, options: &TransactionOptions| {
        let tx = db.begin_with(options).unwrap();
        tx.get_for_update(&ks, "a").unwrap();
        order.lock().unwrap().push(name);
        tx.rollback();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| take("first", &options));
        heard.recv().unwrap();
        let waits = db.stats().get("lock_waits");
        scope.spawn(|| take("second", &TransactionOptions::new()));
        while db.stats().get("lock_waits") == waits {
            std::thread::yield_now();
        }
        holder.rollback();
    });
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
}

#[test]
fn who_is_asked_while_waiting_cannot_ask_for_more() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let holder = db.begin().unwrap();
    holder.get_for_update(&ks, "a").unwrap();
    let shared: Arc<OnceLock<Transaction>> = Arc::default();
    let (own, keyspace) = (shared.clone(), ks.clone());
    let options = TransactionOptions::new().while_waiting(move || {
        let tx = own.get().unwrap();
        tx.put(&keyspace, "b", "")?;
        assert!(tx.contains(&keyspace, "b")?);
        tx.get_for_update(&keyspace, "b").map(drop)
    });
    let tx = shared.get_or_init(|| db.begin_with(&options).unwrap());
    assert_eq!(kind(tx.get_for_update(&ks, "a")), Some(ErrorKind::Busy));
    tx.get_for_update(&ks, "b").unwrap();
}
