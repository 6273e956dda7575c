//! A world whose wall clock stands still until it is told to go on.
//!
//! Tests know by it when values expire, however long something takes; and a database that is
//! written again has nothing expire before all of it is there.
//!
//! Not for: time that passes, which goes on.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Env, Event, Job, Running, SharedWords, Vfs};

/// Another world, but for what time it is.
#[derive(Debug)]
pub struct Stopped {
    inner: Arc<dyn Env>,
    wall_ms: AtomicU64,
}

impl Stopped {
    /// The world `inner` at `wall_ms`, in milliseconds since 1970 UTC.
    pub fn new(inner: Arc<dyn Env>, wall_ms: u64) -> Arc<Stopped> {
        Arc::new(Stopped { inner, wall_ms: AtomicU64::new(wall_ms) })
    }

    /// Lets so many milliseconds pass on the wall clock.
    pub fn pass(&self, ms: u64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Env for Stopped {
    fn vfs(&self) -> &dyn Vfs {
        self.inner.vfs()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn wall_ms(&self) -> u64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn rand64(&self) -> u64 {
        self.inner.rand64()
    }

    fn spawn(&self, name: &str, job: Box<dyn Job>) -> Arc<dyn Running> {
        self.inner.spawn(name, job)
    }

    fn wait(&self, event: &Event, seen: u64, timeout: Option<Duration>) {
        self.inner.wait(event, seen, timeout);
    }

    fn shared_words(&self, path: &Path, count: usize) -> io::Result<Arc<dyn SharedWords>> {
        self.inner.shared_words(path, count)
    }

    fn process(&self) -> String {
        self.inner.process()
    }
}
