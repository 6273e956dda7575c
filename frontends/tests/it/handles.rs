//! What handles of commits promise.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use cuesta::env::sim::{Fault, FaultRule, OpKind, SimEnv};
use cuesta::{CommitHandle, Database, Durability, ErrorKind, Result, TransactionOptions};

/// Unparks a thread, and counts how often.
struct Unpark {
    thread: Thread,
    wakes: AtomicUsize,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Waits for all futures on this thread: the smallest runtime there is.
fn join_all(mut futures: Vec<CommitHandle>) -> Vec<Result<()>> {
    let unpark = Unpark { thread: std::thread::current(), wakes: AtomicUsize::new(0) };
    let waker = Waker::from(Arc::new(unpark));
    let mut cx = Context::from_waker(&waker);
    let mut results = Vec::new();
    while !futures.is_empty() {
        futures.retain_mut(|future| match Pin::new(future).poll(&mut cx) {
            Poll::Ready(result) => {
                results.push(result);
                false
            }
            Poll::Pending => true,
        });
        if !futures.is_empty() {
            std::thread::park();
        }
    }
    results
}

#[test]
fn one_thread_has_many_commits_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let before = db.stats().get("log_syncs").unwrap();
    let mut handles = Vec::new();
    for n in 0..300u32 {
        let handle = if n % 2 == 0 {
            let mut batch = db.batch();
            batch.put(&ks, n.to_be_bytes(), "").unwrap();
            batch.submit().unwrap()
        } else {
            let tx = db.begin().unwrap();
            tx.put(&ks, n.to_be_bytes(), "").unwrap();
            tx.submit().unwrap()
        };
        handles.push(handle);
    }
    assert!(handles.iter().map(CommitHandle::commit).is_sorted());
    let rest = handles.split_off(150);
    assert!(join_all(rest).into_iter().all(|result| result.is_ok()));
    for handle in handles {
        assert!(handle.result().unwrap().is_ok(), "what comes before is done before");
        handle.wait().unwrap();
    }
    assert_eq!(ks.iter().unwrap().count(), 300);
    let syncs = db.stats().get("log_syncs").unwrap() - before;
    assert!(syncs < 300, "{syncs} syncs of 300 commits");
}

#[test]
fn nothing_to_commit_is_done_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    assert!(db.batch().submit().unwrap().result().unwrap().is_ok());
    let tx = db.begin().unwrap();
    assert!(!tx.contains(&ks, "a").unwrap());
    let handle = tx.submit().unwrap();
    assert_eq!(handle.commit(), db.snapshot().commit());
    handle.wait().unwrap();
    let mut batch = db.batch();
    batch.durability(Durability::Buffered).put(&ks, "a", "").unwrap();
    let handle = batch.submit().unwrap();
    assert!(handle.result().unwrap().is_ok(), "weak commits are published at once");
}

#[test]
fn a_conflict_shows_when_it_is_submitted() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let tx = db.begin().unwrap();
    assert!(!tx.contains(&ks, "a").unwrap());
    tx.put(&ks, "b", "").unwrap();
    ks.put("a", "").unwrap();
    assert_eq!(tx.submit().unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_transaction_conflicts_with_what_is_not_yet_published() {
    let env = SimEnv::new(3);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    let options = TransactionOptions::new().durability(Durability::Sync);
    let (one, two) = (db.begin_with(&options).unwrap(), db.begin_with(&options).unwrap());
    for tx in [&one, &two] {
        assert!(!tx.contains(&ks, "a").unwrap());
        tx.put(&ks, "a", "").unwrap();
    }
    let handle = one.submit().unwrap();
    assert!(handle.result().is_none(), "nothing was synced yet");
    assert_eq!(two.commit().unwrap_err().kind(), ErrorKind::Conflict);
    assert!(!ks.contains("a").unwrap());
    env.run_until_idle();
    assert!(handle.result().unwrap().is_ok(), "nobody waited, and it is durable");
    assert!(ks.contains("a").unwrap());
}

#[test]
fn handles_outlive_their_database_and_dropping_them_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let submit = |n: u32| {
        let mut batch = db.batch();
        batch.put(&ks, n.to_be_bytes(), "").unwrap();
        batch.submit().unwrap()
    };
    let kept: Vec<CommitHandle> = (0..10).map(submit).collect();
    (10..20).for_each(|n| drop(submit(n)));
    let last = submit(20);
    drop(ks);
    db.close().unwrap();
    assert!(last.result().unwrap().is_ok(), "closing makes everything durable");
    assert!(join_all(kept).into_iter().all(|result| result.is_ok()));
    last.wait().unwrap();
    let db = Database::open(dir.path()).unwrap();
    assert_eq!(db.keyspace("k").unwrap().iter().unwrap().count(), 21);
}

#[test]
fn a_failed_sync_is_told_to_every_handle() {
    let env = SimEnv::new(5);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    let unpark = Unpark { thread: std::thread::current(), wakes: AtomicUsize::new(0) };
    let unpark = Arc::new(unpark);
    let waker = Waker::from(unpark.clone());
    let mut handles: Vec<CommitHandle> = (0..3u32)
        .map(|n| {
            let mut batch = db.batch();
            batch.put(&ks, n.to_be_bytes(), "").unwrap();
            batch.submit().unwrap()
        })
        .collect();
    for handle in &mut handles {
        let polled = Pin::new(handle).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    env.disk().inject(FaultRule::nth(1, OpKind::Sync, Fault::SyncFailPagesDropped));
    env.run_until_idle();
    assert_eq!(unpark.wakes.load(Ordering::SeqCst), 1, "one task, however many handles it polls");
    for handle in handles {
        assert_eq!(handle.result().unwrap().unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(handle.wait().unwrap_err().kind(), ErrorKind::Poisoned);
    }
}

#[test]
fn a_handle_that_is_polled_for_ever_is_remembered_once() {
    let env = SimEnv::new(7);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    let unpark = Unpark { thread: std::thread::current(), wakes: AtomicUsize::new(0) };
    let unpark = Arc::new(unpark);
    let waker = Waker::from(unpark.clone());
    let mut batch = db.batch();
    batch.put(&ks, "a", "").unwrap();
    let mut handle = batch.submit().unwrap();
    let before = Arc::strong_count(&unpark);
    for _ in 0..1000 {
        assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&unpark), before + 1);
    env.run_until_idle();
    assert_eq!(unpark.wakes.load(Ordering::SeqCst), 1);
    assert!(handle.result().unwrap().is_ok());
}

#[test]
fn waiting_for_a_handle_ends_with_the_commit_or_the_time() {
    let env = SimEnv::new(9);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut batch = db.batch();
    batch.put(&ks, "a", "").unwrap();
    let handle = batch.submit().unwrap();
    assert!(handle.wait_for(Duration::ZERO).is_none(), "nothing was synced yet");
    assert!(handle.wait_for(Duration::MAX).unwrap().is_ok());
    assert!(handle.wait_for(Duration::ZERO).unwrap().is_ok(), "and again");
    let noop = Waker::noop();
    assert!(Pin::new(&mut &handle).poll(&mut Context::from_waker(noop)).is_ready());
}

#[test]
fn a_handle_learns_that_closing_could_not_sync() {
    let env = SimEnv::new(8);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut batch = db.batch();
    batch.durability(Durability::Sync).put(&ks, "a", "").unwrap();
    let handle = batch.submit().unwrap();
    env.disk().inject(FaultRule::nth(1, OpKind::Sync, Fault::Eio).sticky());
    assert_eq!(db.close().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(handle.result().unwrap().unwrap_err().kind(), ErrorKind::Poisoned);
}
