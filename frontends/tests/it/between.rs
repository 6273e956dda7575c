//! Commits that come between two calls of somebody who waits: at every call that a wait makes to
//! the world, one after the other.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cuesta::env::sim::SimEnv;
use cuesta::env::{Env, Event, Job, Running, SharedWords, Vfs};
use cuesta::{Database, Durability, Keyspace};

type Act = Box<dyn FnOnce() + Send>;

/// A simulated world in which something happens at a call.
#[derive(Default)]
struct Eventful {
    /// Calls to go, and what happens then.
    act: Mutex<Option<(u64, Act)>>,
    calls: AtomicU64,
}

struct World {
    inner: Arc<SimEnv>,
    events: Eventful,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World after {} calls", self.events.calls.load(Ordering::Relaxed))
    }
}

impl World {
    /// One more call.
    fn call(&self) {
        self.events.calls.fetch_add(1, Ordering::Relaxed);
        let mut act = self.events.act.lock().unwrap();
        let due = match act.take() {
            Some((0, due)) => Some(due),
            Some((left, due)) => {
                *act = Some((left - 1, due));
                None
            }
            None => None,
        };
        drop(act);
        if let Some(due) = due {
            due();
        }
    }
}

impl Env for World {
    fn vfs(&self) -> &dyn Vfs {
        self.inner.vfs()
    }

    fn now(&self) -> Duration {
        let now = self.inner.now();
        self.call();
        now
    }

    fn wall_ms(&self) -> u64 {
        self.inner.wall_ms()
    }

    fn rand64(&self) -> u64 {
        self.inner.rand64()
    }

    fn spawn(&self, name: &str, job: Box<dyn Job>) -> Arc<dyn Running> {
        self.inner.spawn(name, job)
    }

    fn wait(&self, event: &Event, seen: u64, timeout: Option<Duration>) {
        self.call();
        self.inner.wait(event, seen, timeout);
    }

    fn shared_words(&self, path: &Path, count: usize) -> io::Result<Arc<dyn SharedWords>> {
        self.inner.shared_words(path, count)
    }

    fn process(&self) -> String {
        self.inner.process()
    }
}

/// Somebody waits for so long at most.
const LIMIT: Duration = Duration::from_secs(10);

/// Has a commit come at the call of every number while somebody waits; whether each wait ended at
/// once, with the change.
fn nothing_is_missed(wait: impl Fn(&Database, &Keyspace, &dyn Fn()) -> bool) -> bool {
    for number in 0.. {
        let world = Arc::new(World { inner: SimEnv::new(number), events: Eventful::default() });
        let builder = Database::builder().durability(Durability::Buffered);
        let db = builder.environment(world.clone()).open("db").unwrap();
        let space = db.keyspace("s").unwrap();
        let acted = Arc::new(Mutex::new(None));
        let plan = || {
            let (space, acted, inner) = (space.clone(), acted.clone(), world.inner.clone());
            let act = move || {
                *acted.lock().unwrap() = Some(inner.now());
                space.put("key", "value").unwrap();
            };
            *world.events.act.lock().unwrap() = Some((number, Box::new(act)));
        };
        let began = world.inner.now();
        let told = wait(&db, &space, &plan);
        let ended = world.inner.now();
        world.events.act.lock().unwrap().take();
        drop(space);
        db.close().unwrap();
        let acted = acted.lock().unwrap().filter(|acted| *acted < began + LIMIT);
        let Some(acted) = acted else {
            assert!(number > 2, "a wait of {number} calls says little");
            return true;
        };
        if !told || ended > acted + LIMIT / 2 {
            return false;
        }
    }
    true
}

fn watches_miss_nothing() -> bool {
    nothing_is_missed(|_, space, plan| {
        let mut watch = space.watch_key("key").unwrap();
        plan();
        watch.wait(Some(LIMIT)).unwrap().is_some()
    })
}

#[test]
fn a_change_at_any_call_of_a_wait_ends_it() {
    assert!(watches_miss_nothing());
}

#[test]
fn a_commit_at_any_call_of_a_feed_that_waits_is_handed_out() {
    assert!(nothing_is_missed(|db, _, plan| {
        let mut feed = db.changes_since(db.snapshot().commit()).unwrap();
        plan();
        feed.next_timeout(LIMIT).unwrap().is_some()
    }));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_wake_up_that_is_lost_is_found() {
    use cuesta_engine::planted::{Bug, plant};

    plant(Some(Bug::WakeUpLost));
    let missed_nothing = watches_miss_nothing();
    plant(None);
    assert!(!missed_nothing);
}
