//! Locks that transactions ask for: exclusive, on keys and ranges of keys, held to the end.
//!
//! ```text
//!           nothing in the way                     its turn
//! request ─────────────────────► held   waiting ────────────► held ──► let go, by hand or when a
//!    │                                     │                           commit is published
//!    ├── something in the way ─────────► waiting ──► given up: too late, or nobody waits any more
//!    └── and that waits for the requester: refused
//! ```
//!
//! Invariants:
//! 1. No two owners hold spans that overlap.
//! 2. Whoever waits is served before those who came later and want the same, unless that would be
//!    a deadlock: then the later one goes first if nobody *holds* what it wants.
//! 3. Who waits for whom has no cycle. Waiting alone adds to it, so looking then is enough.
//!
//! Not for: those who do not ask. Writes without locks are not held up by locks; the claims of
//! transactions find them (see [`oracle`](crate::oracle)).

mod table;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::env::Event;
use crate::error::{Error, Result};
use crate::id::{IndexId, SeqNo};
use crate::oracle::Span;

use table::{Answer, Table, Ticket};

/// Who holds locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(u64);

/// All locks of a database.
#[derive(Debug)]
pub struct Locks {
    table: Mutex<Table>,
    next_owner: AtomicU64,
    /// The first commit whose publication lets locks go; the maximum when there is none.
    first_leaving: AtomicU64,
}

impl Default for Locks {
    fn default() -> Locks {
        Locks {
            table: Mutex::default(),
            next_owner: AtomicU64::new(1),
            first_leaving: AtomicU64::new(u64::MAX),
        }
    }
}

impl Locks {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody who may hold locks.
    pub fn holder(self: &Arc<Self>) -> Holder {
        let owner = Owner(self.next_owner.fetch_add(1, Ordering::Relaxed));
        Holder { locks: self.clone(), owner, used: false }
    }

    /// Commits up to `seq` are published; the caller holds the tail.
    #[inline]
    pub fn published(&self, seq: SeqNo) {
        if self.first_leaving.load(Ordering::Relaxed) <= seq.0 {
            let first = self.table().leave_up_to(seq);
            self.first_leaving.store(first.0, Ordering::Relaxed);
        }
    }

    /// Has everybody who waits look again whether there is anything left to wait for.
    pub fn wake(&self) {
        self.table().wake();
    }

    /// Locks held.
    pub fn len(&self) -> usize {
        self.table().len()
    }

    /// Whether nobody holds a lock.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An owner of locks. Dropping it lets all of them go.
pub struct Holder {
    locks: Arc<Locks>,
    owner: Owner,
    used: bool,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner.fmt(f)
    }
}

impl Holder {
    /// Asks for a span of an index. Waits until `deadline` at the latest, if somebody is in the
    /// way.
    ///
    /// # Errors
    /// `Conflict` when waiting would be a deadlock.
    pub fn request(&mut self, index: IndexId, span: Span, deadline: Duration) -> Result<Request> {
        self.used = true;
        let answer = self.locks.table().request(self.owner, index, span);
        let is_new = !matches!(answer, Answer::Had);
        let waiting = match answer {
            Answer::Had | Answer::Held => None,
            Answer::Wait(ticket, event) => Some((ticket, event)),
            Answer::Deadlock => {
                return Err(Error::conflict(
                    "deadlock: whoever holds or wants this lock waits for this transaction: end \
                     it, and try again",
                ));
            }
        };
        Ok(Request { locks: self.locks.clone(), index, waiting, is_new, deadline })
    }

    /// Lets everything go once commit `seq` is published; the caller holds the tail, and `seq` is
    /// not yet published.
    pub fn leave_at(mut self, seq: SeqNo) {
        if std::mem::take(&mut self.used) {
            let first = self.locks.table().leave_at(self.owner, seq);
            self.locks.first_leaving.store(first.0, Ordering::Relaxed);
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if self.used {
            self.locks.table().leave(self.owner);
        }
    }
}

/// What a request wants next.
#[derive(Clone, Debug)]
pub enum LockStep {
    /// Nothing: the lock is held, or it will not be had.
    Done,
    /// To go on when the event has moved past the epoch, or at the time.
    Wait(Arc<Event>, u64, Duration),
}

/// A request for a lock on its way. Dropping it takes it back while it waits; a lock that is held
/// stays with its holder.
#[derive(Debug)]
pub struct Request {
    locks: Arc<Locks>,
    index: IndexId,
    waiting: Option<(Ticket, Arc<Event>)>,
    is_new: bool,
    deadline: Duration,
}

impl Request {
    /// Whether somebody is in the way.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether it is for something that its owner did not hold before.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The index that it is of.
    pub fn index(&self) -> IndexId {
        self.index
    }

    /// Goes on, at the time `now`.
    ///
    /// # Errors
    /// `Timeout` after the deadline.
    pub fn step(&mut self, now: Duration) -> Result<LockStep> {
        let Some((ticket, event)) = &self.waiting else { return Ok(LockStep::Done) };
        let seen = event.epoch();
        if !self.locks.table().waits(*ticket) {
            self.waiting = None;
            return Ok(LockStep::Done);
        }
        if now < self.deadline {
            return Ok(LockStep::Wait(event.clone(), seen, self.deadline));
        }
        if !self.locks.table().cancel(*ticket) {
            // Its turn came in the last moment.
            self.waiting = None;
            return Ok(LockStep::Done);
        }
        self.waiting = None;
        Err(Error::timeout("a lock was not to be had in time, see lock_timeout"))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some((ticket, _)) = &self.waiting {
            // If its turn came meanwhile, its holder lets the lock go.
            self.locks.table().cancel(*ticket);
        }
    }
}
