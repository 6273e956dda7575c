//! Making the log durable up to a place, shared among all who wait for it.

use std::io;
use std::sync::Arc;

use crate::commit::Step;
use crate::error::{Error, ErrorKind, Result};
use crate::id::LogPos;
use crate::log::SyncTarget;
use crate::parts::Parts;
use crate::stats::Stats;

/// Waits until everything before a position of the log is durable; syncs if nobody else does.
pub struct SyncTo {
    parts: Arc<Parts>,
    until: LogPos,
    state: State,
}

enum State {
    /// See whether it is durable, or who makes it so.
    Ask,
    /// This one syncs.
    Sync(SyncTarget, LogPos),
    /// This one has synced.
    Finish(io::Result<()>, LogPos),
}

impl SyncTo {
    /// A machine that ends when everything before `until` is durable.
    pub fn new(parts: Arc<Parts>, until: LogPos) -> SyncTo {
        SyncTo { parts, until, state: State::Ask }
    }

    /// Goes on.
    ///
    /// The result is `Poisoned` when a sync failed: what was not durable before may be lost.
    pub fn step(&mut self) -> Step<Result<()>> {
        match std::mem::replace(&mut self.state, State::Ask) {
            State::Ask => self.ask(),
            State::Sync(file, target) => {
                let began = self.parts.env.now();
                let unwinding = Unwinding(&self.parts);
                let result = file.sync();
                std::mem::forget(unwinding);
                self.parts.stats.sync_time.record(self.parts.env.now().saturating_sub(began));
                self.state = State::Finish(result, target);
                Step::Again
            }
            State::Finish(result, target) => {
                self.finish(result, target);
                Step::Again
            }
        }
    }

    fn ask(&mut self) -> Step<Result<()>> {
        let seen = self.parts.moved.epoch();
        let mut tail = self.parts.tail();
        if tail.log.synced() >= self.until {
            self.parts.publish(&mut tail);
            return Step::Done(Ok(()));
        }
        if tail.is_poisoned() {
            return Step::Done(Err(outcome_unknown()));
        }
        if tail.syncing {
            return Step::Wait(seen);
        }
        if let Err(error) = tail.log.write_out() {
            self.parts.poison(&mut tail, &error);
            return Step::Done(Err(error.into_kind(ErrorKind::Poisoned)));
        }
        let Some((file, target)) = tail.log.sync_target() else {
            return Step::Done(Err(Error::internal("a sync beyond the end of the log")));
        };
        tail.syncing = true;
        self.state = State::Sync(file, target);
        Step::Again
    }

    fn finish(&mut self, result: io::Result<()>, target: LogPos) {
        let mut tail = self.parts.tail();
        tail.syncing = false;
        match result {
            Ok(()) => {
                Stats::add(&self.parts.stats.log_syncs, 1);
                if !tail.is_poisoned() {
                    tail.log.note_synced(target);
                    self.parts.publish(&mut tail);
                    // What waited in memory is written now, and was published before. Behind a
                    // database that was closed meanwhile, another process may show its own.
                    if !tail.is_closed() {
                        self.parts.show(&tail);
                    }
                }
            }
            Err(error) => self.parts.poison(&mut tail, &Error::io("syncing the log", error)),
        }
        if tail.sync_wanted > tail.log.synced() {
            self.parts.syncer.notify();
        }
        self.parts.moved.notify();
    }
}

/// Dropped only when a sync panics: nobody knows what of the log is durable then, and whoever waits
/// for it must hear of that.
struct Unwinding<'p>(&'p Parts);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        let mut tail = self.0.tail();
        tail.syncing = false;
        self.0.poison(&mut tail, &Error::internal("syncing the log panicked"));
    }
}

impl Drop for SyncTo {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Ask) {
            State::Ask => {}
            State::Sync(..) => {
                self.parts.tail().syncing = false;
                self.parts.moved.notify();
            }
            State::Finish(result, target) => self.finish(result, target),
        }
    }
}

/// What a committer is told when it cannot be known whether its commit is durable.
pub(super) fn outcome_unknown() -> Error {
    Error::poisoned(
        "a sync of the log failed, so the outcome of this commit is unknown: reopen the database \
         to see whether it is there",
    )
}
