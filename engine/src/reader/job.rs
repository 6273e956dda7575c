//! Keeps a reader process up with the writer.

use std::sync::Arc;
use std::time::Duration;

use crate::env::{Event, Job, JobState};
use crate::parts::Parts;
use crate::reader::Reader;

/// After a failure the next look waits this long, at least.
const PAUSE: Duration = Duration::from_millis(100);

/// How often to look whether the database is still there, at most.
const PLACE: Duration = Duration::from_secs(1);

/// The job that looks for what the writer has published.
pub struct Follower {
    parts: Arc<Parts>,
    reader: Arc<Reader>,
    /// When it was seen to be there.
    placed: Duration,
}

impl Follower {
    /// A follower for a database that is open to read along.
    pub fn new(parts: Arc<Parts>, reader: Arc<Reader>) -> Follower {
        let placed = parts.env.now();
        Follower { parts, reader, placed }
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
        let now = parts.env.now();
        if now.saturating_sub(self.placed) >= PLACE {
            self.placed = now;
            if let Err(error) = self.reader.check_place(parts) {
                tracing::warn!(%error, "a reader has nothing to follow");
                return JobState::Done;
            }
        }
        JobState::WaitUntil(seen, now + pause)
    }

    fn event(&self) -> Arc<Event> {
        self.parts.work.clone()
    }
}
