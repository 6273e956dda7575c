//! Keeps a reader process up with the writer.

use std::sync::Arc;
use std::time::Duration;

use crate::env::{Event, Job, JobState};
use crate::parts::Parts;
use crate::reader::Reader;

/// After a failure the next look waits this long, at least.
const PAUSE: Duration = Duration::from_millis(100);

/// The job that looks for what the writer has published.
pub struct Follower {
    parts: Arc<Parts>,
    reader: Arc<Reader>,
}

impl Follower {
    /// A follower for a database that is open to read along.
    pub fn new(parts: Arc<Parts>, reader: Arc<Reader>) -> Follower {
        Follower { parts, reader }
    }
}

impl Job for Follower {
    fn step(&mut self) -> JobState {
        let parts = &*self.parts;
        let seen = parts.work.epoch();
        if parts.control().closing || parts.check_open().is_err() {
            return JobState::Done;
        }
        let mut pause = parts.options.refresh_interval;
        if let Err(error) = self.reader.refresh_unless_busy(parts) {
            tracing::warn!(%error, "a reader does not keep up");
            pause = pause.max(PAUSE);
        }
        JobState::WaitUntil(seen, parts.env.now() + pause)
    }

    fn event(&self) -> Arc<Event> {
        self.parts.work.clone()
    }
}
