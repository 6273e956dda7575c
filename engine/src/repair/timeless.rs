//! The world without a clock of its own, for a database that is written again.
//!
//! What was committed long ago counts as committed then: a value that has expired since may still
//! be what a later commit builds on. So nothing may expire before all of it is there.
//!
//! Not for: time that passes, which goes on.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::env::{Env, Event, Job, Running, SharedWords, Vfs};

/// A world in which it is the beginning of 1970.
#[derive(Debug)]
pub(super) struct Timeless(pub Arc<dyn Env>);

impl Env for Timeless {
    fn vfs(&self) -> &dyn Vfs {
        self.0.vfs()
    }

    fn now(&self) -> Duration {
        self.0.now()
    }

    fn wall_ms(&self) -> u64 {
        0
    }

    fn rand64(&self) -> u64 {
        self.0.rand64()
    }

    fn spawn(&self, name: &str, job: Box<dyn Job>) -> Arc<dyn Running> {
        self.0.spawn(name, job)
    }

    fn wait(&self, event: &Event, seen: u64, timeout: Option<Duration>) {
        self.0.wait(event, seen, timeout);
    }

    fn shared_words(&self, path: &Path, count: usize) -> io::Result<Arc<dyn SharedWords>> {
        self.0.shared_words(path, count)
    }

    fn process(&self) -> String {
        self.0.process()
    }
}
