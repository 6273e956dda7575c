//! What watches promise: nothing missed, nothing early, nothing without cause.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use cuesta::env::sim::{Fault, FaultRule, OpKind, SimEnv};
use cuesta::{Database, Durability, ErrorKind, Keyspace, Watch};

fn open() -> (tempfile::TempDir, Database, Keyspace) {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder().durability(Durability::Buffered).open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    (dir, db, ks)
}

/// The number of the commit that `watch` tells of, if it does.
fn told(watch: &mut Watch) -> Option<u64> {
    let now = watch.take().unwrap();
    assert_eq!(watch.wait(Some(Duration::ZERO)).unwrap(), None, "a change is told once");
    now
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn a_watch_tells_of_its_range_alone() {
    let (_dir, db, ks) = open();
    let other = db.keyspace("other").unwrap();
    ks.put("before", "").unwrap();
    let mut key = ks.watch_key("b").unwrap();
    let mut prefix = ks.watch_prefix("b").unwrap();
    let mut range = ks.watch("b".."d").unwrap();
    let mut behind = ks.watch("c"..).unwrap();
    let mut all = ks.watch::<&[u8]>(..).unwrap();
    let mut any = db.watch().unwrap();
    assert_eq!(told(&mut all), None, "what came before is not told");

    let mut tell = || {
        [&mut key, &mut prefix, &mut range, &mut behind, &mut all, &mut any]
            .map(|watch| told(watch).is_some())
    };
    ks.put("b", "").unwrap();
    assert_eq!(tell(), [true, true, true, false, true, true]);
    ks.delete("bc").unwrap();
    assert_eq!(tell(), [false, true, true, false, true, true]);
    ks.put("d", "").unwrap();
    assert_eq!(tell(), [false, false, false, true, true, true]);
    ks.put("a", "").unwrap();
    assert_eq!(tell(), [false, false, false, false, true, true]);
    other.put("b", "").unwrap();
    assert_eq!(tell(), [false, false, false, false, false, true]);
    let tx = db.begin().unwrap();
    tx.put(&ks, "c", "").unwrap();
    assert_eq!(tell(), [false; 6], "what is not committed is no change");
    tx.commit().unwrap();
    assert_eq!(tell(), [false, false, true, true, true, true]);
    db.flush().unwrap();
    db.compact().unwrap();
    assert_eq!(tell(), [false; 6], "moving data changes nothing");
    db.drop_keyspace("k").unwrap();
    assert_eq!(tell(), [true; 6]);
    assert_eq!(ks.watch_key("b").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn changes_that_nobody_asked_for_are_told_as_one() {
    let (_dir, db, ks) = open();
    let mut watch = ks.watch_key("a").unwrap();
    for n in 0..10 {
        ks.put("a", [n]).unwrap();
    }
    let last = db.snapshot().commit();
    assert_eq!(watch.wait(None).unwrap(), Some(last));
    assert_eq!(watch.wait(Some(Duration::from_millis(1))).unwrap(), None);
    assert_eq!(db.stats().get("watches"), Some(1));
    drop(watch);
    assert_eq!(db.stats().get("watches"), Some(0));
}

#[test]
fn who_reads_after_waking_sees_the_change() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let writers = 3;
    let rounds = 150u64;
    let seen: Vec<AtomicU64> = (0..writers).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for (writer, seen) in seen.iter().enumerate() {
            let key = [writer as u8];
            let mut watch = ks.watch_key(key).unwrap();
            let mut all = ks.watch::<&[u8]>(..).unwrap();
            let (ks, db) = (&ks, &db);
            scope.spawn(move || {
                let mut last = 0;
                while last < rounds {
                    let told = watch.wait(Some(Duration::from_secs(60))).unwrap();
                    let told = told.expect("a change is told");
                    assert!(db.snapshot().commit() >= told, "it is told when it is visible");
                    let value = ks.get(key).unwrap().unwrap();
                    let value = u64::from_be_bytes(value[..].try_into().unwrap());
                    assert!(value >= last, "{value} after {last}");
                    last = value;
                    seen.store(last, Ordering::SeqCst);
                }
                assert!(all.take().unwrap().is_some());
            });
            scope.spawn(move || {
                for n in 1..=rounds {
                    let mut batch = db.batch();
                    // Weak commits wait behind strong ones.
                    let durability =
                        if n % 3 == 0 { Durability::Sync } else { Durability::Buffered };
                    batch.durability(durability).put(ks, key, n.to_be_bytes()).unwrap();
                    batch.commit().unwrap();
                    // Now and then, let the other see it: so that the last change before a pause
                    // would be missed if it could be.
                    while n % 50 == 0 && seen.load(Ordering::SeqCst) < n {
                        std::thread::yield_now();
                    }
                }
            });
        }
    });
}

#[test]
fn watches_that_come_and_go_miss_nothing_and_tell_nothing_old() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..400u64 {
                ks.put("a", n.to_be_bytes()).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let value = || ks.get("a").unwrap().map(|v| u64::from_be_bytes(v[..].try_into().unwrap()));
        while !done.load(Ordering::SeqCst) {
            let mut watch = ks.watch_key("a").unwrap();
            // In this order: what came between the two is told as of before `made`, too.
            let before = value();
            let made = db.snapshot().commit();
            if before == Some(399) {
                break;
            }
            let told = watch.wait(Some(Duration::from_secs(60))).unwrap().unwrap();
            assert!(value() > before || told <= made, "told {told}, made at {made}");
        }
    });
}

#[test]
fn a_future_is_woken_without_a_runtime() {
    let (_dir, db, ks) = open();
    let mut watch = ks.watch_prefix("a").unwrap();
    let writer = {
        let ks = ks.clone();
        std::thread::spawn(move || {
            std::thread::yield_now();
            ks.put("ab", "").unwrap();
        })
    };
    let commit = block_on(watch.changed()).unwrap();
    assert_eq!(commit, db.snapshot().commit());
    writer.join().unwrap();
    // A future that is given up and made again.
    let waker = Waker::noop();
    let mut cx = Context::from_waker(waker);
    for _ in 0..3 {
        assert!(pin!(watch.changed()).poll(&mut cx).is_pending());
    }
    ks.put("a", "").unwrap();
    assert!(pin!(watch.changed()).poll(&mut cx).is_ready());
}

#[test]
fn closing_wakes_who_waits() {
    let (_dir, db, ks) = open();
    let mut watch = ks.watch_key("a").unwrap();
    let mut any = db.watch().unwrap();
    let threads = [
        std::thread::spawn(move || watch.wait(None)),
        std::thread::spawn(move || block_on(any.changed()).map(Some)),
    ];
    std::thread::yield_now();
    db.clone().close().unwrap();
    for thread in threads {
        assert_eq!(thread.join().unwrap().unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(ks.watch_key("a").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.watch().unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_failed_sync_wakes_who_waits() {
    let env = SimEnv::new(8);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut watch = ks.watch_key("a").unwrap();
    env.disk().inject(FaultRule::nth(1, OpKind::Sync, Fault::SyncFailPagesDropped));
    assert_eq!(ks.put("a", "").unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(watch.wait(None).unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(ks.watch_key("a").unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn nothing_changes_where_nothing_can() {
    let (dir, db, _) = open();
    db.close().unwrap();
    let db = Database::builder().read_only().open(dir.path()).unwrap();
    let ks = db.existing_keyspace("k").unwrap();
    assert_eq!(ks.watch_key("a").unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(db.watch().unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_commit_finds_its_watch_among_ten_thousand() {
    let (_dir, db, ks) = open();
    let mut watches: BTreeMap<u32, Watch> =
        (0..10_000u32).map(|n| (n, ks.watch_key(n.to_be_bytes()).unwrap())).collect();
    let mut batch = db.batch();
    for n in [3u32, 77, 20_000] {
        batch.put(&ks, n.to_be_bytes(), "").unwrap();
    }
    batch.commit().unwrap();
    let changed = |(n, watch): (&u32, &mut Watch)| watch.take().unwrap().map(|_| *n);
    assert_eq!(watches.iter_mut().filter_map(changed).collect::<Vec<_>>(), [3, 77]);
}
