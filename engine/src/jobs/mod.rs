//! Work in the background: flushes, merges, syncs, and clearing away.
//!
//! A worker is a step machine. It claims a task under the control lock, works on it step by step,
//! and lets a waiting flush go before a merge it is in the middle of, so that one worker is enough
//! for everything to go on.
//!
//! Not for: what is worth doing, which index types plan.

mod archive;
mod clear;
mod flush;
mod label;
mod install;
mod merge;
mod scrub;
mod sync;

pub use archive::{ARCHIVE, Archiver, archive_of};
pub(crate) use archive::{archive_all, begin_archive};
pub(crate) use clear::clear_released;
pub(crate) use flush::flush_now;
pub(crate) use install::{
    Forget, Installing, forget_log, install, list_catalog, note_end, trim_log,
};
pub(crate) use label::label_load;
pub use scrub::{PASS_INTERVAL, Scrubber};
pub use sync::Syncer;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::env::{Event, Job, JobState};
use crate::error::{Error, Result};
use crate::file::{FileOutput, Spread};
use crate::index::ErasedState;
use crate::parts::{Control, Failure, Parts};
use crate::stats::Stats;

/// An idle worker that knows when something will expire sleeps for so long at least, so that what
/// expires soon after goes with it,
const WAKE_MIN: Duration = Duration::from_secs(1);
/// and at most, since the clock by which values expire may jump.
const WAKE_MAX: Duration = Duration::from_secs(3600);

/// The output of a job that begins now.
pub(crate) fn output(parts: &Parts, spread: Spread) -> FileOutput {
    let oldest = parts.versions.read(|version, _| version.oldest_living());
    parts.reclaim_readers();
    let oldest = oldest.into_iter().chain(parts.pins.oldest_edit()).min();
    let (env, dir) = (parts.env.clone(), parts.dir.clone());
    let (log_files, vain) = (parts.log_files.clone(), parts.files.vain().clone());
    FileOutput::new(env, dir, parts.next_file.clone(), oldest, spread, log_files, vain)
}

/// Removes what work that was given up has written; but not what the manifest names, or may name:
/// after a failed write of the manifest nobody knows what it says.
fn abandon(parts: &Parts, out: FileOutput) {
    let guard = parts.manifest();
    if let Some(manifest) = guard.as_ref().filter(|manifest| !manifest.is_poisoned()) {
        out.abandon(|file| manifest.state().files().contains_key(&file));
    }
}

/// What a task wants after a step.
enum Progress {
    /// To go on.
    Again,
    /// To wait until [`Parts::moved`] has moved past this epoch.
    Wait(u64),
    /// Nothing: it is done.
    Done,
}

/// A claimed piece of work. Dropping it gives the claim back.
trait Task: Send {
    fn step(&mut self) -> Result<Progress>;
    /// Cleans up after a failure.
    fn give_up(&mut self);
    /// Whether a flush may go first.
    fn is_merge(&self) -> bool;
    /// Bytes written so far.
    fn bytes(&self) -> u64;
}

/// One worker.
pub struct Worker {
    parts: Arc<Parts>,
    /// What it works on; the last one first.
    tasks: Vec<Box<dyn Task>>,
}

impl Worker {
    /// A worker for a database.
    pub fn new(parts: Arc<Parts>) -> Worker {
        Worker { parts, tasks: Vec::new() }
    }

    /// Claims a task if there is one that may be begun now.
    fn claim(&mut self, now: Duration) -> Result<()> {
        if self.parts.control().retry_at > now {
            return Ok(());
        }
        let urgent = self.tasks.last().is_none_or(|task| task.is_merge());
        if !urgent || self.parts.control().closing {
            return Ok(());
        }
        if let Some(flush) = flush::Flush::claim(&self.parts)? {
            self.tasks.push(Box::new(flush));
        } else if self.tasks.is_empty()
            && let Some(merge) = merge::Merge::claim(&self.parts)?
        {
            self.tasks.push(Box::new(merge));
        }
        Ok(())
    }

    /// When there may be something to do although nothing happens: values expire. Rather too early
    /// than too late, should the wall clock be set forward; never soon again.
    fn wakes_at(&self, now: Duration) -> Option<Duration> {
        let (parts, clock) = (&*self.parts, &self.parts.services.clock);
        // Nothing is merged any more.
        if parts.tail().is_poisoned() {
            return None;
        }
        let after_ms = clock.settled_ms();
        let none = BTreeSet::new();
        let due_ms = parts.versions.read(|version, _| {
            let dues = |(_, state): (_, &Arc<dyn ErasedState>)| {
                let flush = state.flush_due_ms(&none).filter(|due_ms| *due_ms > after_ms);
                [state.due_ms(after_ms), flush].into_iter().flatten().min()
            };
            version.states().filter_map(dues).min()
        })?;
        let left = Duration::from_millis(due_ms.saturating_sub(clock.look_ms()));
        now.checked_add(left.clamp(WAKE_MIN, WAKE_MAX))
    }

    /// How long there is nothing to do. Indexes are asked only when no failure is to be waited for:
    /// one that panics when asked would be asked again at once.
    fn idle(&self, seen: u64, now: Duration) -> JobState {
        let control = self.parts.control();
        if control.closing {
            return JobState::Done;
        }
        if control.retry_at > now {
            return JobState::WaitUntil(seen, control.retry_at);
        }
        if let Some(retry_at) = control.failing.values().filter(|at| **at > now).min() {
            return JobState::WaitUntil(seen, *retry_at);
        }
        drop(control);
        // What reader processes may still read is removed once they have moved on; after a failed
        // write nothing is.
        let clears = self.parts.files.has_released() && !self.parts.tail().is_poisoned();
        let held = clears.then(|| now + WAKE_MIN);
        match self.wakes_at(now).into_iter().chain(held).min() {
            Some(wakes_at) => JobState::WaitUntil(seen, wakes_at),
            None => JobState::Wait(seen),
        }
    }

    /// Gives up what it works on.
    fn give_up(&mut self, error: &Error, now: Duration) {
        let task = self.tasks.pop();
        let was_merge = task.as_ref().is_some_and(|task| task.is_merge());
        if let Some(mut task) = task {
            task.give_up();
        }
        self.failed(error, now);
        if was_merge {
            // Only merges of the same index wait.
            self.parts.control().retry_at = now;
        }
    }

    fn failed(&mut self, error: &Error, now: Duration) {
        tracing::warn!(error = %error, "background work failed");
        let mut control = self.parts.control();
        Stats::add(&self.parts.stats.job_failures, 1);
        control.failure = Some(Failure::of(error));
        control.failures += 1;
        let pause = Duration::from_millis(50) * 2u32.pow(control.failures.min(7));
        control.retry_at = now + pause;
        drop(control);
        self.parts.moved.notify();
        self.parts.work.notify();
    }
}

impl Job for Worker {
    fn step(&mut self) -> JobState {
        let seen = self.parts.work.epoch();
        let now = self.parts.env.now();
        if let Err(error) = self.claim(now) {
            self.failed(&error, now);
        }
        let Some(task) = self.tasks.last_mut() else {
            if self.parts.files.has_released() {
                clear_released(&self.parts);
            }
            return self.idle(seen, now);
        };
        if task.is_merge() && self.parts.control().closing {
            task.give_up();
            self.tasks.pop();
            return JobState::Again;
        }
        // A flush never waits: commits may be waiting for it.
        if task.is_merge()
            && let Some(until) = self.parts.rate.wait_until(now)
        {
            return JobState::WaitUntil(seen, until);
        }
        let before = task.bytes();
        let stepped = task.step();
        self.parts.rate.spend(now, task.bytes().saturating_sub(before));
        match stepped {
            Ok(Progress::Again) => JobState::Again,
            Ok(Progress::Wait(moved)) => {
                // What it waits for moves `moved`; a worker sleeps on `work`, so look again soon.
                if self.parts.moved.epoch() > moved {
                    return JobState::Again;
                }
                JobState::WaitUntil(seen, now + Duration::from_millis(1))
            }
            Ok(Progress::Done) => {
                self.tasks.pop();
                succeeded(&mut self.parts.control());
                self.parts.moved.notify();
                self.parts.work.notify();
                JobState::Again
            }
            Err(error) => {
                self.give_up(&error, now);
                JobState::Again
            }
        }
    }

    fn event(&self) -> Arc<Event> {
        self.parts.work.clone()
    }

    fn panicked(&mut self, message: &str) -> JobState {
        let error = Error::internal(format!("background work panicked: {message}"));
        self.parts.poison_if_torn(&error);
        self.give_up(&error, self.parts.env.now());
        JobState::Again
    }
}

fn succeeded(control: &mut Control) {
    control.failure = None;
    control.failures = 0;
    control.retry_at = Duration::ZERO;
}
