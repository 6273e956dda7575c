//! What transactions promise, one by one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use cuesta::env::sim::SimEnv;
use cuesta::{
    Database, Durability, ErrorKind, Isolation, Keyspace, Result, Swap, Transaction,
    TransactionOptions,
};
use proptest::prelude::*;

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
        ks.put(key, "old").unwrap();
    }
    Setup { db, ks, _dir: dir }
}

/// A database on a simulated disk: flushes cost nothing.
fn simulated() -> (Database, Keyspace) {
    let env = SimEnv::new(1);
    let db = Database::builder().durability(Durability::Buffered).environment(env);
    let db = db.open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    (db, ks)
}

fn begin(db: &Database, isolation: Isolation) -> Transaction {
    db.begin_with(&TransactionOptions::new().isolation(isolation)).unwrap()
}

fn text(tx: &Transaction, ks: &Keyspace, key: &str) -> Option<String> {
    tx.get(ks, key).unwrap().map(|value| String::from_utf8(value.to_vec()).unwrap())
}

fn keys(entries: impl Iterator<Item = Result<(Vec<u8>, cuesta::Value)>>) -> Vec<String> {
    entries.map(|entry| String::from_utf8(entry.unwrap().0).unwrap()).collect()
}

fn kind(result: Result<()>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

const CONFLICT: Option<ErrorKind> = Some(ErrorKind::Conflict);

#[test]
fn a_transaction_sees_its_own_writes_and_else_its_moment() {
    let Setup { db, ks, _dir } = setup(&["a", "b", "c"]);
    let tx = db.begin().unwrap();
    ks.put("a", "later").unwrap();
    tx.put(&ks, "b", "mine").unwrap();
    tx.delete(&ks, "c").unwrap();
    tx.put(&ks, "d", "mine").unwrap();
    assert_eq!(text(&tx, &ks, "a").as_deref(), Some("old"));
    assert_eq!(text(&tx, &ks, "b").as_deref(), Some("mine"));
    assert!(!tx.contains(&ks, "c").unwrap() && tx.contains(&ks, "d").unwrap());
    assert_eq!(keys(tx.iter(&ks).unwrap()), ["a", "b", "d"]);
    assert_eq!(keys(ks.iter().unwrap()), ["a", "b", "c"], "nobody else sees them");
    tx.rollback();
    assert_eq!(keys(ks.iter().unwrap()), ["a", "b", "c"], "they are gone");
    let tx = db.begin().unwrap();
    tx.put(&ks, "d", "mine").unwrap();
    assert_eq!(tx.seen().unwrap(), db.snapshot().commit());
    tx.commit().unwrap();
    assert_eq!(keys(ks.iter().unwrap()), ["a", "b", "c", "d"]);
}

#[test]
fn iterators_see_what_was_written_before_they_were_made_both_ways() {
    let Setup { db, ks, _dir } = setup(&["a", "c", "e"]);
    let tx = db.begin().unwrap();
    tx.put(&ks, "b", "1").unwrap();
    let (mut forward, back) = (tx.iter(&ks).unwrap(), tx.iter(&ks).unwrap().rev());
    let mut cursor = tx.cursor::<&str>(&ks, ..).unwrap();
    assert_eq!(forward.next().unwrap().unwrap().0, b"a");
    tx.put(&ks, "d", "1").unwrap();
    tx.put(&ks, "b", "2").unwrap();
    tx.delete(&ks, "e").unwrap();
    let rest: Vec<_> = forward.map(|entry| entry.unwrap()).collect();
    let rest: Vec<_> = rest.iter().map(|(key, value)| (&key[..], &value[..])).collect();
    assert_eq!(rest, [(&b"b"[..], &b"1"[..]), (b"c", b"old"), (b"e", b"old")]);
    let back: Vec<_> = back.map(|entry| entry.unwrap().0).collect();
    assert_eq!(back, [b"e", b"c", b"b", b"a"]);
    assert!(cursor.seek("b").unwrap());
    assert_eq!(cursor.value(), b"1");
    assert_eq!(keys(tx.iter(&ks).unwrap()), ["a", "b", "c", "d"]);
    assert_eq!(text(&tx, &ks, "b").as_deref(), Some("2"));
    drop(cursor);
    tx.commit().unwrap();
    assert_eq!(keys(ks.iter().unwrap().rev()), ["d", "c", "b", "a"]);
}

#[test]
fn what_was_read_must_not_have_been_written() {
    for flush in [false, true] {
        let touched = |touch: &str, read: &dyn Fn(&Transaction, &Keyspace)| {
            let Setup { db, ks, _dir } = setup(&["a", "b", "c"]);
            let tx = db.begin().unwrap();
            read(&tx, &ks);
            tx.put(&ks, "result", "").unwrap();
            ks.put(touch, "new").unwrap();
            if flush {
                db.flush().unwrap();
            }
            let committed = kind(tx.commit());
            let conflicts = u64::from(committed == CONFLICT);
            assert_eq!(db.stats().get("conflicts"), Some(conflicts));
            assert_eq!(db.stats().get("transactions"), Some(1));
            committed
        };
        let a = |tx: &Transaction, ks: &Keyspace| assert!(tx.contains(ks, "a").unwrap());
        let absent = |tx: &Transaction, ks: &Keyspace| assert!(!tx.contains(ks, "ab").unwrap());
        let two =
            |tx: &Transaction, ks: &Keyspace| assert_eq!(tx.iter(ks).unwrap().take(2).count(), 2);
        assert_eq!(touched("a", &a), CONFLICT);
        assert_eq!(touched("b", &a), None);
        assert_eq!(touched("ab", &absent), CONFLICT);
        assert_eq!(touched("ab", &two), CONFLICT, "a phantom between two keys read");
        assert_eq!(touched("b", &two), CONFLICT);
        assert_eq!(touched("bb", &two), None, "what was not walked through may change");
    }
}

#[test]
fn only_what_a_cursor_walked_through_counts_as_read() {
    let letters = ["b", "d", "f", "h", "j", "l"];
    let touched = |touch: &str, walk: &dyn Fn(&Transaction, &Keyspace)| {
        let Setup { db, ks, _dir } = setup(&letters);
        let tx = db.begin().unwrap();
        walk(&tx, &ks);
        tx.put(&ks, "z", "").unwrap();
        ks.put(touch, "new").unwrap();
        kind(tx.commit()).is_some()
    };
    let conflicts = |walk: &dyn Fn(&Transaction, &Keyspace)| -> String {
        "abcdefghijklm".chars().filter(|c| touched(&c.to_string(), walk)).collect()
    };
    assert_eq!(conflicts(&|_, _| {}), "");
    assert_eq!(conflicts(&|tx, ks| drop(tx.range(ks, "c"..).unwrap())), "");
    assert_eq!(conflicts(&|tx, ks| _ = tx.range(ks, "c"..).unwrap().next()), "cd");
    assert_eq!(conflicts(&|tx, ks| _ = tx.iter(ks).unwrap().next_back()), "lm");
    assert_eq!(conflicts(&|tx, ks| _ = tx.range(ks, "c"..="h").unwrap().next_back()), "h");
    assert_eq!(conflicts(&|tx, ks| _ = tx.range(ks, "c".."h").unwrap().count()), "cdefg");
    assert_eq!(conflicts(&|tx, ks| _ = tx.prefix(ks, "f").unwrap().count()), "f");
    let both = |tx: &Transaction, ks: &Keyspace| {
        let mut iter = tx.iter(ks).unwrap();
        iter.next();
        iter.next_back();
        iter.next();
    };
    assert_eq!(conflicts(&both), "abcdlm");
    let seeks = |tx: &Transaction, ks: &Keyspace| {
        let mut cursor = tx.cursor(ks, "b".."k").unwrap();
        assert!(cursor.seek("c").unwrap() && cursor.seek_back("i").unwrap());
    };
    assert_eq!(conflicts(&seeks), "cdhi", "what lies between two places is not read");
    let turns = |tx: &Transaction, ks: &Keyspace| {
        let mut cursor = tx.cursor(ks, "b".."k").unwrap();
        assert!(cursor.seek("f").unwrap() && cursor.next().unwrap());
        assert!(cursor.prev().unwrap() && cursor.prev().unwrap());
        assert_eq!(cursor.key(), b"d");
    };
    assert_eq!(conflicts(&turns), "defgh");
    let ends = |tx: &Transaction, ks: &Keyspace| {
        let mut cursor = tx.cursor(ks, "i"..="k").unwrap();
        assert!(cursor.prev().unwrap() && !cursor.prev().unwrap() && cursor.next().unwrap());
        assert!(!cursor.next().unwrap() && !cursor.seek("x").unwrap());
        assert!(!cursor.seek_back("a").unwrap());
    };
    assert_eq!(conflicts(&ends), "ijk");
}

#[test]
fn an_iterator_that_lives_at_the_commit_counts_for_its_whole_range() {
    let Setup { db, ks, _dir } = setup(&["b", "d", "f"]);
    let tx = db.begin().unwrap();
    let mut iter = tx.range(&ks, "c".."g").unwrap();
    iter.next();
    tx.put(&ks, "z", "").unwrap();
    ks.put("f", "new").unwrap();
    assert_eq!(kind(tx.commit()), CONFLICT);
    assert_eq!(iter.next().unwrap().unwrap_err().kind(), ErrorKind::Invalid, "it has ended");
}

#[test]
fn write_skew_is_prevented_unless_snapshot_isolation_is_asked_for() {
    for (isolation, expected) in [(Isolation::Serializable, CONFLICT), (Isolation::Snapshot, None)]
    {
        let Setup { db, ks, _dir } = setup(&["ada on call", "bob on call"]);
        let leave = |who: &'static str| {
            let tx = begin(&db, isolation);
            assert_eq!(tx.iter(&ks).unwrap().count(), 2, "both are on call");
            tx.delete(&ks, who).unwrap();
            tx
        };
        let (ada, bob) = (leave("ada on call"), leave("bob on call"));
        ada.commit().unwrap();
        assert_eq!(kind(bob.commit()), expected);
        let left = ks.iter().unwrap().count();
        assert_eq!(left, usize::from(isolation == Isolation::Serializable));
    }
}

#[test]
fn snapshot_isolation_prevents_lost_updates() {
    let Setup { db, ks, _dir } = setup(&["a", "b"]);
    let (one, two) = (begin(&db, Isolation::Snapshot), begin(&db, Isolation::Snapshot));
    for tx in [&one, &two] {
        assert_eq!(text(tx, &ks, "a").as_deref(), Some("old"));
        tx.put(&ks, "a", "new").unwrap();
    }
    one.commit().unwrap();
    assert_eq!(kind(two.commit()), CONFLICT);
    let tx = begin(&db, Isolation::Snapshot);
    assert!(tx.contains(&ks, "b").unwrap());
    tx.put(&ks, "a", "newer").unwrap();
    ks.put("b", "newer").unwrap();
    tx.commit().unwrap();
}

#[test]
fn writes_without_reads_do_not_conflict() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let (one, two) = (db.begin().unwrap(), db.begin().unwrap());
    one.put(&ks, "a", "one").unwrap();
    two.put(&ks, "a", "two").unwrap();
    assert_eq!(text(&two, &ks, "a").as_deref(), Some("two"), "reading one's own write is no read");
    one.commit().unwrap();
    two.commit().unwrap();
    assert_eq!(ks.get("a").unwrap().as_deref(), Some(&b"two"[..]));
}

#[test]
fn reading_alone_never_fails() {
    let Setup { db, ks, _dir } = setup(&["a", "b"]);
    let tx = db.begin().unwrap();
    assert_eq!(tx.iter(&ks).unwrap().count(), 2);
    ks.put("a", "new").unwrap();
    ks.delete("b").unwrap();
    assert_eq!(tx.iter(&ks).unwrap().count(), 2);
    let commits = db.stats().get("commits");
    tx.commit().unwrap();
    assert_eq!(db.stats().get("commits"), commits, "nothing was logged");
}

#[test]
fn a_conflict_leaves_nothing_behind() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let other = db.keyspace("other").unwrap();
    let tx = db.begin().unwrap();
    assert!(tx.contains(&ks, "a").unwrap());
    tx.put(&ks, "b", "").unwrap();
    tx.put(&other, "c", "").unwrap();
    ks.put("a", "new").unwrap();
    let commit = db.snapshot().commit();
    let error = tx.commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("\"a\""), "{error}");
    assert_eq!(db.snapshot().commit(), commit);
    assert!(!ks.contains("b").unwrap() && !other.contains("c").unwrap());
    assert_eq!(db.stats().get("transaction_bytes"), Some(0));
}

#[test]
fn transactions_span_keyspaces_and_conflict_across_them() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let other = db.keyspace("other").unwrap();
    let tx = db.begin().unwrap();
    assert!(!tx.contains(&other, "a").unwrap());
    tx.put(&ks, "a", "new").unwrap();
    ks.put("a", "between").unwrap();
    tx.put(&other, "b", "new").unwrap();
    tx.commit().unwrap();
    let tx = db.begin().unwrap();
    assert!(!tx.contains(&other, "a").unwrap());
    tx.put(&ks, "a", "newer").unwrap();
    other.put("a", "between").unwrap();
    assert_eq!(kind(tx.commit()), CONFLICT);
    let tx = db.begin().unwrap();
    assert!(!tx.contains(&other, "x").unwrap());
    tx.put(&ks, "a", "newest").unwrap();
    db.drop_keyspace("other").unwrap();
    assert_eq!(kind(tx.commit()), CONFLICT, "dropping is writing everything");
    let tx = db.begin().unwrap();
    tx.put(&other, "x", "").unwrap();
    assert_eq!(kind(tx.commit()), Some(ErrorKind::NotFound));
}

#[test]
fn savepoints_take_back_what_came_after_them() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let tx = db.begin().unwrap();
    let start = tx.savepoint().unwrap();
    tx.put(&ks, "a", "1").unwrap();
    let one = tx.savepoint().unwrap();
    assert_eq!(text(&tx, &ks, "a").as_deref(), Some("1"));
    tx.put(&ks, "a", "2").unwrap();
    tx.put(&ks, "b", "2").unwrap();
    let before = tx.iter(&ks).unwrap();
    let two = tx.savepoint().unwrap();
    tx.delete(&ks, "a").unwrap();
    assert_eq!(text(&tx, &ks, "a"), None);
    tx.rollback_to(&two).unwrap();
    assert_eq!(text(&tx, &ks, "a").as_deref(), Some("2"));
    tx.rollback_to(&one).unwrap();
    assert_eq!(text(&tx, &ks, "a").as_deref(), Some("1"));
    assert_eq!(keys(tx.iter(&ks).unwrap()), ["a"]);
    assert_eq!(keys(before), ["a", "b"], "an iterator made before goes on");
    assert_eq!(kind(tx.rollback_to(&two)), Some(ErrorKind::Invalid), "it went with what it marked");
    tx.put(&ks, "c", "3").unwrap();
    tx.rollback_to(&one).unwrap();
    tx.put(&ks, "d", "4").unwrap();
    tx.release(one).unwrap();
    assert_eq!(keys(tx.iter(&ks).unwrap()), ["a", "d"]);
    let other = db.begin().unwrap();
    assert_eq!(kind(other.rollback_to(&start)), Some(ErrorKind::Invalid), "of another transaction");
    tx.commit().unwrap();
    assert_eq!(keys(ks.iter().unwrap()), ["a", "d"]);
    let tx = db.begin().unwrap();
    let start = tx.savepoint().unwrap();
    tx.put(&ks, "x", "").unwrap();
    tx.rollback_to(&start).unwrap();
    assert_eq!(text(&tx, &ks, "x"), None);
    tx.commit().unwrap();
}

#[test]
fn reads_before_a_rollback_still_count() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let tx = db.begin().unwrap();
    let start = tx.savepoint().unwrap();
    assert!(tx.contains(&ks, "a").unwrap());
    tx.rollback_to(&start).unwrap();
    tx.put(&ks, "b", "because of a").unwrap();
    ks.put("a", "new").unwrap();
    assert_eq!(kind(tx.commit()), CONFLICT);
}

#[test]
fn an_ended_transaction_says_so() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let foreign = setup(&[]);
    let tx = db.begin().unwrap();
    assert_eq!(kind(tx.put(&foreign.ks, "a", "")), Some(ErrorKind::Invalid));
    let savepoint = tx.savepoint().unwrap();
    let mut cursor = tx.cursor::<&str>(&ks, ..).unwrap();
    assert!(cursor.next().unwrap());
    let mut unmoved = tx.iter(&ks).unwrap();
    tx.commit().unwrap();
    assert_eq!(cursor.next().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(unmoved.next_back().unwrap().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(cursor.key(), b"a", "what it stands on stays");
    drop(savepoint);
}

#[test]
fn a_transaction_beyond_the_budget_is_refused_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder().memory_budget(4 << 20).open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let tx = db.begin().unwrap();
    let value = vec![1; 100_000];
    let written = (0..100u32).take_while(|i| tx.put(&ks, i.to_be_bytes(), &value).is_ok()).count();
    assert!((15..21).contains(&written), "{written} writes fit");
    assert_eq!(kind(tx.put(&ks, "x", &value)), Some(ErrorKind::Full));
    assert_eq!(kind(db.begin().unwrap().put(&ks, "x", &value)), Some(ErrorKind::Full));
    assert!(db.stats().get("transaction_bytes") > Some(1_500_000));
    tx.commit().unwrap();
    assert_eq!(ks.iter().unwrap().count(), written);
    assert_eq!(db.stats().get("transaction_bytes"), Some(0));
    db.begin().unwrap().put(&ks, "x", &value).unwrap();
}

#[test]
fn reading_more_than_can_be_remembered_gives_false_conflicts_at_worst() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .memory_budget(1 << 20)
        .durability(Durability::None)
        .open(dir.path())
        .unwrap();
    let (ks, other) = (db.keyspace("k").unwrap(), db.keyspace("other").unwrap());
    let attempt = |touch: &dyn Fn()| {
        let tx = db.begin().unwrap();
        for i in 0..20_000u32 {
            assert_eq!(tx.get(&ks, i.to_be_bytes()).unwrap(), None);
        }
        tx.put(&other, "x", "").unwrap();
        touch();
        kind(tx.commit())
    };
    assert_eq!(attempt(&|| other.put("y", "").unwrap()), None);
    assert_eq!(attempt(&|| ks.put("never read", "").unwrap()), CONFLICT);
}

#[test]
fn a_transaction_whose_view_expires_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .memory_budget(8 << 20)
        .snapshot_budget(1 << 20)
        .durability(Durability::None)
        .open(dir.path())
        .unwrap();
    let ks = db.keyspace("k").unwrap();
    ks.put("a", "").unwrap();
    let tx = db.begin().unwrap();
    assert!(tx.contains(&ks, "a").unwrap());
    tx.put(&ks, "mine", "").unwrap();
    for round in 0..20u32 {
        for key in 0..500u32 {
            ks.put((round * 500 + key).to_be_bytes(), vec![round as u8; 1000]).unwrap();
        }
        // Each of them keeps other memtables.
        let _ = db.snapshot();
        db.flush().unwrap();
    }
    let held: Vec<_> = (0..12)
        .map(|round| {
            for key in 0..1000u32 {
                ks.put(key.to_be_bytes(), vec![round; 1000]).unwrap();
            }
            db.snapshot()
        })
        .collect();
    db.flush().unwrap();
    assert_eq!(tx.get(&ks, "a").unwrap_err().kind(), ErrorKind::Expired);
    assert_eq!(tx.iter(&ks).unwrap_err().kind(), ErrorKind::Expired);
    drop(held);
}

#[test]
fn a_read_only_database_takes_transactions_that_read() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    ks.put("a", "1").unwrap();
    drop(ks);
    db.close().unwrap();
    let db = Database::builder().read_only().open(dir.path()).unwrap();
    let ks = db.existing_keyspace("k").unwrap();
    let tx = db.begin().unwrap();
    assert!(tx.contains(&ks, "a").unwrap());
    tx.commit().unwrap();
    let tx = db.begin().unwrap();
    tx.put(&ks, "b", "").unwrap();
    assert_eq!(kind(tx.commit()), Some(ErrorKind::Invalid));
}

#[test]
fn a_closed_database_begins_no_transactions_that_write() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let tx = db.begin().unwrap();
    tx.put(&ks, "b", "").unwrap();
    db.clone().close().unwrap();
    assert_eq!(kind(tx.commit()), Some(ErrorKind::Invalid));
    let other = setup(&[]);
    other.db.clone().close().unwrap();
    assert_eq!(other.db.begin().unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn work_is_tried_again_after_conflicts_and_not_for_ever() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    let mut attempts = 0;
    let last = db.transact(|tx| {
        attempts += 1;
        let seen = text(tx, &ks, "a").unwrap();
        if attempts < 4 {
            ks.put("a", format!("{attempts}")).unwrap();
        }
        tx.put(&ks, "b", &seen)?;
        Ok(seen)
    });
    assert_eq!((last.unwrap().as_str(), attempts), ("3", 4));
    attempts = 0;
    let options = TransactionOptions::new().attempts(5);
    let never = db.transact_with(&options, |tx| {
        attempts += 1;
        let seen = tx.get(&ks, "a")?;
        ks.put("a", "again").unwrap();
        tx.put(&ks, "b", "")?;
        Ok(seen)
    });
    let error = never.unwrap_err();
    assert_eq!((error.kind(), attempts), (ErrorKind::Conflict, 5));
    assert!(error.message().contains("5 attempts"), "{error}");
    attempts = 0;
    let failed: Result<()> = db.transact(|tx| {
        attempts += 1;
        tx.put(&ks, "c", "")?;
        Err(cuesta::Error::not_found("as the work says"))
    });
    assert_eq!((kind(failed), attempts), (Some(ErrorKind::NotFound), 1));
    assert!(!ks.contains("c").unwrap());
}

#[test]
fn a_swap_compares_and_writes_at_once() {
    let Setup { db, ks, _dir } = setup(&["a"]);
    assert!(ks.compare_and_swap("a", Some(b"old"), Some(b"new")).unwrap().is_done());
    let Swap::Differs(found) = ks.compare_and_swap("a", Some(b"old"), None).unwrap() else {
        panic!("the value was another one")
    };
    assert_eq!(found.as_deref(), Some(&b"new"[..]));
    assert_eq!(ks.compare_and_swap("b", Some(b""), None).unwrap(), Swap::Differs(None));
    assert!(ks.compare_and_swap("b", None, None).unwrap().is_done());
    assert!(ks.compare_and_swap("a", Some(b"new"), None).unwrap().is_done());
    assert!(!ks.contains("a").unwrap());
    ks.put("n", 0u64.to_be_bytes()).unwrap();
    let swaps = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let found = ks.get("n").unwrap().unwrap();
                    let next = u64::from_be_bytes(found[..].try_into().unwrap()) + 1;
                    let swap = ks.compare_and_swap("n", Some(&found), Some(&next.to_be_bytes()));
                    swaps.fetch_add(u64::from(swap.unwrap().is_done()), Ordering::Relaxed);
                }
            });
        }
    });
    let last = ks.get("n").unwrap().unwrap();
    assert_eq!(last, swaps.load(Ordering::Relaxed).to_be_bytes());
    drop(db);
}

#[test]
fn no_increment_is_lost_among_threads() {
    for durability in [Durability::Sync, Durability::Buffered] {
        let dir = tempfile::tempdir().unwrap();
        let db = Database::builder().durability(durability).open(dir.path()).unwrap();
        let ks = db.keyspace("k").unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let (db, ks) = (&db, &ks);
                scope.spawn(move || {
                    for i in 0..50u64 {
                        // Not every thread has begun a transaction when the others write.
                        ks.put((thread << 32 | i).to_be_bytes(), "").unwrap();
                        db.transact(|tx| {
                            let n = tx.get(ks, "n")?.map_or(0, |value| {
                                u64::from_be_bytes(value[..].try_into().unwrap())
                            });
                            tx.put(ks, "n", (n + 1).to_be_bytes())
                        })
                        .unwrap();
                    }
                });
            }
        });
        assert_eq!(ks.get("n").unwrap().unwrap(), 200u64.to_be_bytes());
        drop(ks);
        db.close().unwrap();
        let db = Database::open(dir.path()).unwrap();
        let ks = db.keyspace("k").unwrap();
        assert_eq!(ks.get("n").unwrap().unwrap(), 200u64.to_be_bytes());
        assert_eq!(ks.iter().unwrap().count(), 201);
    }
}

/// Eight threads change ten random keys out of a million at a time: hardly ever do two meet.
#[test]
fn hardly_any_transaction_fails_when_keys_are_many() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder().durability(Durability::Buffered).open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let (done, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 1..=8u64 {
            let (db, ks, done, failed) = (&db, &ks, &done, &failed);
            scope.spawn(move || {
                let mut random = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                for _ in 0..500 {
                    let tx = db.begin().unwrap();
                    for _ in 0..10 {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        let key = (random % 1_000_000).to_be_bytes();
                        let n = tx.get(ks, key).unwrap().map_or(0, |value| value[0]);
                        tx.put(ks, key, [n.wrapping_add(1); 100]).unwrap();
                    }
                    match tx.commit() {
                        Ok(()) => done.fetch_add(1, Ordering::Relaxed),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                            failed.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
    });
    let (done, failed) = (done.into_inner(), failed.into_inner());
    let percent = failed as f64 * 100.0 / (done + failed) as f64;
    println!("{failed} of {} transactions failed: {percent:.3} %", done + failed);
    assert!(percent < 1.0, "{failed} of {} failed", done + failed);
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Vec<u8>),
    Get(Vec<u8>),
    Range(Vec<u8>, Vec<u8>, bool),
    Iterate(Vec<bool>),
    Savepoint,
    RollbackTo(prop::sample::Index),
    Release(prop::sample::Index),
    Commit,
    Rollback,
    Outside(Vec<u8>, Option<Vec<u8>>),
    Flush,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![b'a', b'b', b'c']), 0..4)
}

fn step() -> impl Strategy<Value = Step> {
    let value = || prop::collection::vec(any::<u8>(), 0..8);
    prop_oneof![
        8 => (key(), value()).prop_map(|(k, v)| Step::Put(k, v)),
        4 => key().prop_map(Step::Delete),
        2 => (key(), key()).prop_map(|(a, b)| Step::DeleteRange(a, b)),
        6 => key().prop_map(Step::Get),
        5 => (key(), key(), any::<bool>()).prop_map(|(a, b, r)| Step::Range(a, b, r)),
        4 => prop::collection::vec(any::<bool>(), 0..20).prop_map(Step::Iterate),
        3 => Just(Step::Savepoint),
        3 => any::<prop::sample::Index>().prop_map(Step::RollbackTo),
        1 => any::<prop::sample::Index>().prop_map(Step::Release),
        2 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => (key(), prop::option::of(value())).prop_map(|(k, v)| Step::Outside(k, v)),
        1 => Just(Step::Flush),
    ]
}

/// A transaction next to what it should be: the map as of its begin, and as it sees it.
struct Model {
    committed: Map,
    seen: Map,
    savepoints: Vec<(cuesta::Savepoint, Map)>,
    /// Whether something was read, and something written by others since.
    read: bool,
    touched: bool,
    wrote: bool,
}

fn run_model(steps: Vec<Step>) {
    let (db, ks) = simulated();
    let mut tx = db.begin().unwrap();
    let mut model = Model {
        committed: Map::new(),
        seen: Map::new(),
        savepoints: Vec::new(),
        read: false,
        touched: false,
        wrote: false,
    };
    for step in steps.into_iter().chain([Step::Commit]) {
        model.read |= matches!(step, Step::Get(_) | Step::Range(..) | Step::Iterate(_));
        match step {
            Step::Put(key, value) => {
                tx.put(&ks, &key, &value).unwrap();
                model.seen.insert(key, value);
                model.wrote = true;
            }
            Step::Delete(key) => {
                tx.delete(&ks, &key).unwrap();
                model.seen.remove(&key);
                model.wrote = true;
            }
            Step::DeleteRange(a, b) => {
                tx.delete_range(&ks, a.clone()..b.clone()).unwrap();
                model.seen.retain(|key, _| *key < a || *key >= b);
                model.wrote |= a < b;
            }
            Step::Get(key) => {
                let found = tx.get(&ks, &key).unwrap();
                assert_eq!(found.as_deref(), model.seen.get(&key).map(Vec::as_slice));
            }
            Step::Range(a, b, reverse) => {
                let found = tx.range(&ks, a.clone()..b.clone()).unwrap();
                let found: Vec<_> = if reverse { found.rev().collect() } else { found.collect() };
                let mut expected: Vec<_> =
                    if a < b { model.seen.range(a..b).collect() } else { Vec::new() };
                if reverse {
                    expected.reverse();
                }
                let found: Vec<_> = found.iter().map(|entry| entry.as_ref().unwrap()).collect();
                let found = found.iter().map(|(key, value)| (&key[..], &value[..]));
                assert!(found.eq(expected.into_iter().map(|(k, v)| (&k[..], &v[..]))));
            }
            Step::Iterate(turns) => {
                let (mut found, mut expected) = (tx.iter(&ks).unwrap(), model.seen.iter());
                // Writes meanwhile are not seen by the iterator.
                tx.put(&ks, "ab", "meanwhile").unwrap();
                model.wrote = true;
                for forward in turns {
                    let (found, expected) = match forward {
                        true => (found.next(), expected.next()),
                        false => (found.next_back(), expected.next_back()),
                    };
                    let found = found.map(|entry| entry.unwrap());
                    let found = found.as_ref().map(|(key, value)| (&key[..], &value[..]));
                    assert_eq!(found, expected.map(|(key, value)| (&key[..], &value[..])));
                }
                drop(found);
                model.seen.insert(b"ab".to_vec(), b"meanwhile".to_vec());
            }
            Step::Savepoint => {
                model.savepoints.push((tx.savepoint().unwrap(), model.seen.clone()));
            }
            Step::RollbackTo(index) if !model.savepoints.is_empty() => {
                let at = index.index(model.savepoints.len());
                model.savepoints.truncate(at + 1);
                let (savepoint, map) = &model.savepoints[at];
                tx.rollback_to(savepoint).unwrap();
                model.seen = map.clone();
            }
            Step::Release(index) if !model.savepoints.is_empty() => {
                let at = index.index(model.savepoints.len());
                let (savepoint, _) = model.savepoints.drain(at..).next().unwrap();
                tx.release(savepoint).unwrap();
            }
            Step::RollbackTo(_) | Step::Release(_) => {}
            Step::Outside(key, value) => {
                match &value {
                    Some(value) => ks.put(&key, value).unwrap(),
                    None => ks.delete(&key).unwrap(),
                }
                model.touched = true;
                match value {
                    Some(value) => model.committed.insert(key, value),
                    None => model.committed.remove(&key),
                };
            }
            Step::Commit | Step::Rollback => {
                let commit = matches!(step, Step::Commit);
                let ended = std::mem::replace(&mut tx, db.begin().unwrap());
                if commit && !model.touched {
                    ended.commit().unwrap();
                    model.committed = model.seen.clone();
                } else if commit {
                    let failed = ended.commit().is_err();
                    assert!(!failed || (model.read && model.wrote), "a conflict without reads");
                    model.committed = map(&ks);
                } else {
                    ended.rollback();
                }
                tx = db.begin().unwrap();
                assert_eq!(map(&ks), model.committed);
                model.seen = model.committed.clone();
                model.savepoints.clear();
                (model.read, model.touched, model.wrote) = (false, false, false);
            }
            Step::Flush => db.flush().unwrap(),
        }
    }
}

fn map(ks: &Keyspace) -> Map {
    let entries = ks.iter().unwrap().map(|entry| entry.unwrap());
    entries.map(|(key, value)| (key, value.to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_transaction_is_a_map_of_its_own(steps in prop::collection::vec(step(), 1..80)) {
        run_model(steps);
    }
}
