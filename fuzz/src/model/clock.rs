//! A simulated world whose wall clock stands still but for the time that the model says has passed.
//!
//! So it is known when values expire, whatever else takes time.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cuesta_engine::env::sim::SimEnv;
use cuesta_engine::env::{Env, Event, Job, Running, SharedWords, Vfs};

#[derive(Debug)]
pub struct Stopped {
    inner: Arc<SimEnv>,
    wall_ms: AtomicU64,
}

impl Stopped {
    pub fn new(inner: Arc<SimEnv>, wall_ms: u64) -> Arc<Stopped> {
        Arc::new(Stopped { inner, wall_ms: AtomicU64::new(wall_ms) })
    }

    pub fn pass(&self, ms: u64) {
        self.inner.advance(Duration::from_millis(ms));
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
