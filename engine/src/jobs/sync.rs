//! Syncs the log by itself: commits of durability `Interval` within their interval, and any others
//! once many bytes have gathered, so that the end of a log segment never waits for a long sync.

use std::sync::Arc;
use std::time::Duration;

use crate::commit::{Step, SyncTo};
use crate::env::{Event, Job, JobState};
use crate::id::LogPos;
use crate::parts::Parts;

/// Bytes that may gather unsynced under weak durability.
const UNSYNCED_BYTES: u64 = 16 << 20;

/// The job that syncs the log.
pub struct Syncer {
    parts: Arc<Parts>,
    syncing: Option<SyncTo>,
    next: Duration,
    event: Arc<Event>,
}

impl Syncer {
    /// A syncer for a database.
    pub fn new(parts: Arc<Parts>) -> Syncer {
        let next = parts.env.now() + parts.options.sync_interval;
        let event = parts.syncer.clone();
        Syncer { parts, syncing: None, next, event }
    }

    /// Where to sync to now, if anything is due.
    fn due(&mut self, now: Duration) -> Option<LogPos> {
        let tail = self.parts.tail();
        if tail.is_poisoned() {
            return None;
        }
        let (written, synced) = (tail.log.written(), tail.log.synced());
        let interval_over = now >= self.next && tail.interval_end > synced;
        if now >= self.next {
            self.next = now + self.parts.options.sync_interval;
        }
        let many = written.0 - synced.0 >= UNSYNCED_BYTES;
        (interval_over || many).then_some(written)
    }
}

impl Job for Syncer {
    fn step(&mut self) -> JobState {
        let seen = self.event.epoch();
        if let Some(sync) = &mut self.syncing {
            match sync.step() {
                Step::Again => return JobState::Again,
                Step::Wait(_) | Step::Sleep(_) => {
                    let soon = self.parts.env.now() + Duration::from_millis(1);
                    return JobState::WaitUntil(seen, soon);
                }
                // A failure has poisoned the log, which tells everybody.
                Step::Done(_) => self.syncing = None,
            }
        }
        if self.parts.control().closing {
            return JobState::Done;
        }
        let now = self.parts.env.now();
        match self.due(now) {
            Some(until) => {
                self.syncing = Some(SyncTo::new(self.parts.clone(), until));
                JobState::Again
            }
            None => JobState::WaitUntil(seen, self.next),
        }
    }

    fn event(&self) -> Arc<Event> {
        self.event.clone()
    }
}
