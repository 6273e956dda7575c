//! Syncs the log by itself: commits of durability `Interval` within their interval, those that
//! somebody waits for without syncing, and any others once many bytes have gathered, so that the
//! end of a log segment never waits for a long sync.

use std::sync::Arc;
use std::time::Duration;

use crate::commit::{Step, SyncTo};
use crate::env::{Event, Job, JobState};
use crate::error::Error;
use crate::id::LogPos;
use crate::parts::Parts;
use crate::stats::Stats;

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

    /// What is due now: a sync to a place, or nothing before a time.
    fn due(&mut self, now: Duration) -> Due {
        let tail = self.parts.tail();
        if tail.is_poisoned() {
            return Due::Nothing;
        }
        if tail.has_many_unsynced() {
            return Due::Sync(tail.log.written());
        }
        if tail.sync_wanted > tail.log.synced() {
            return Due::Sync(tail.sync_wanted);
        }
        if tail.interval_end <= tail.log.synced() {
            self.next = now + self.parts.options.sync_interval;
            return Due::Nothing;
        }
        // The clock of the interval starts with the first commit that needs it.
        if now < self.next {
            return Due::At(self.next);
        }
        self.next = now + self.parts.options.sync_interval;
        Due::Sync(tail.log.written())
    }
}

enum Due {
    Sync(LogPos),
    At(Duration),
    Nothing,
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
            Due::Sync(until) => {
                self.syncing = Some(SyncTo::new(self.parts.clone(), until));
                JobState::Again
            }
            Due::At(next) => JobState::WaitUntil(seen, next),
            Due::Nothing => JobState::Wait(seen),
        }
    }

    fn event(&self) -> Arc<Event> {
        self.event.clone()
    }

    /// Nobody knows what of the log is durable.
    fn panicked(&mut self, message: &str) -> JobState {
        let error = Error::internal(format!("syncing the log panicked: {message}"));
        Stats::add(&self.parts.stats.job_failures, 1);
        self.syncing = None;
        self.parts.poison(&mut self.parts.tail(), &error);
        JobState::Again
    }
}
