//! Who commits and who watches, under every interleaving that loom knows, up to a number of
//! preemptions.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p cuesta-engine --release --lib watchers_loom
//! ```

use std::sync::atomic::{AtomicBool as Woken, Ordering::SeqCst};
use std::task::{Wake, Waker};

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::env::Env;
use crate::env::os::OsEnv;

const INDEX: IndexId = IndexId(7);

#[derive(Default)]
struct Note(Woken);

impl Wake for Note {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// A database: what is published, and who watches.
#[derive(Default)]
struct Database {
    /// `Relaxed`: whatever order there is comes from the watchers.
    published: AtomicU64,
    watchers: Watchers,
}

impl Database {
    /// Appends a commit that writes a key.
    fn append(&self, seq: u64, key: &[u8]) {
        if self.watchers.has_ranges() {
            let footprint = Footprint { points: vec![key.to_vec()], ..Footprint::default() };
            self.watchers.note(SeqNo(seq), INDEX, &footprint);
        }
    }

    fn publish(&self, seq: u64) {
        self.published.store(seq, Ordering::Relaxed);
        self.watchers.published(SeqNo(seq));
        self.watchers.wake();
    }

    fn watch(&self, key: &[u8]) -> (WatchId, std::sync::Arc<Slot>) {
        let span = (key.to_vec(), Some([key, b"\0"].concat()));
        self.watchers.add(Scope::Range(INDEX, span))
    }
}

/// As `Watch::wait` does.
fn wait(env: &dyn Env, slot: &Slot, told: u64) -> u64 {
    loop {
        let seen = slot.event().epoch();
        let changed = slot.changed().0;
        if changed > told {
            return changed;
        }
        env.wait(slot.event(), seen, None);
    }
}

#[test]
fn who_waits_is_told_of_every_commit_once_it_is_published() {
    explore(|| {
        let db = Arc::new(Database::default());
        let (id, slot) = db.watch(b"k");
        let committer = {
            let db = db.clone();
            thread::spawn(move || {
                db.append(1, b"k");
                db.append(2, b"k");
                db.publish(1);
                db.publish(2);
            })
        };
        let (env, mut told) = (OsEnv::new(), 0);
        while told < 2 {
            told = wait(&*env, &slot, told);
            assert!(db.published.load(Ordering::Relaxed) >= told, "told too early");
        }
        committer.join().unwrap();
        assert_eq!(slot.changed(), SeqNo(2));
        db.watchers.remove(&id);
    });
}

#[test]
fn a_future_that_looks_after_it_registers_misses_nothing() {
    explore(|| {
        let db = Arc::new(Database::default());
        let (id, slot) = db.watch(b"k");
        let committer = {
            let db = db.clone();
            thread::spawn(move || {
                db.append(1, b"k");
                db.publish(1);
            })
        };
        let note = std::sync::Arc::new(Note::default());
        slot.register(&Waker::from(note.clone()));
        let saw = slot.changed() > SeqNo(0);
        committer.join().unwrap();
        assert!(saw || note.0.load(SeqCst), "neither seen nor woken");
        db.watchers.remove(&id);
    });
}

#[test]
fn watches_that_go_and_come_leave_others_alone() {
    explore(|| {
        let db = Arc::new(Database::default());
        let (kept, slot) = db.watch(b"k");
        let (gone, _) = db.watch(b"k");
        let committer = {
            let db = db.clone();
            thread::spawn(move || {
                db.append(1, b"k");
                db.publish(1);
            })
        };
        db.watchers.remove(&gone);
        let (follower, every) = db.watchers.add(Scope::Everything);
        committer.join().unwrap();
        assert_eq!(slot.changed(), SeqNo(1));
        db.publish(2);
        assert_eq!((slot.changed(), every.changed()), (SeqNo(1), SeqNo(2)));
        db.watchers.remove(&kept);
        db.watchers.remove(&follower);
        assert!(db.watchers.is_empty());
    });
}

#[test]
fn who_waits_hears_of_the_end() {
    explore(|| {
        let db = Arc::new(Database::default());
        let (id, slot) = db.watch(b"k");
        let closer = {
            let db = db.clone();
            thread::spawn(move || {
                db.watchers.end();
                db.watchers.wake();
            })
        };
        let env = OsEnv::new();
        loop {
            let seen = slot.event().epoch();
            if slot.is_ended() {
                break;
            }
            env.wait(slot.event(), seen, None);
        }
        closer.join().unwrap();
        db.watchers.remove(&id);
    });
}
