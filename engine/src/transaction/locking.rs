//! Locks of a transaction, and how a transaction moves on to the present when it gets one.
//!
//! A lock is of use only if what it protects is seen as it is now. So whoever gets one takes a new
//! view, after everything that was read before has been proved to be still so: all reads are then
//! as of the new view, and others that ask for the lock cannot change what it protects any more.
//!
//! Not for: who holds what (see [`locks`](crate::locks)).

use std::time::Duration;

use crate::commit::prove;
use crate::error::{Error, Result};
use crate::id::{IndexId, SeqNo};
use crate::locks::{LockStep, Request};
use crate::oracle::{ReadSet, Span};
use crate::parts::Parts;
use crate::stats::Stats;
use crate::transaction::{Isolation, Transaction, view_from, wait_published};

/// The keys from `start` to before `end`, as a span for one key.
pub fn point(key: &[u8]) -> Span {
    let mut end = Vec::with_capacity(key.len() + 1);
    end.extend_from_slice(key);
    end.push(0);
    (key.to_vec(), Some(end))
}

/// Bytes that a lock takes besides its keys.
const LOCK_BYTES: usize = 160;

/// A transaction that has read more than this moves on only if it must.
const READS_PROVED_MAX: usize = 256;

impl Transaction {
    /// Locks a span of an index and moves on to the present: what is read from then on is as of
    /// now. Waits while others hold it. Locks are held until the transaction has ended, and if it
    /// commits, until that is published.
    ///
    /// # Errors
    /// `Conflict` for a deadlock, or when what was read before was written meanwhile; `Timeout`
    /// when it is not to be had in time; `Full`; `Poisoned` when a sync fails and `Invalid` when
    /// the database is closed, before or while it waits. The transaction may go on; after
    /// `Conflict` it is best begun again.
    pub fn lock(&mut self, index: IndexId, span: Span) -> Result<()> {
        let mut request = self.request_lock(index, span.clone())?;
        while !await_lock(&self.parts, &mut request, Duration::MAX)? {}
        self.locked(index, &span)
    }

    /// Asks for a lock, as the first part of [`Transaction::lock`], for those who wait in other
    /// ways, or with [`await_lock`]. Once the request is done, [`Transaction::locked`] is to be
    /// called. A transaction asks for one lock at a time.
    ///
    /// # Errors
    /// As there.
    pub fn request_lock(&mut self, index: IndexId, span: Span) -> Result<Request> {
        let bytes = LOCK_BYTES + span.0.len() + span.1.as_ref().map_or(0, Vec::len);
        self.locked_bytes += bytes;
        self.charge().inspect_err(|_| self.locked_bytes -= bytes)?;
        let now = self.parts.env.now();
        let deadline = now.checked_add(self.options.lock_timeout).unwrap_or(Duration::MAX);
        let parts = &self.parts;
        let holder = self.holder.get_or_insert_with(|| parts.locks.holder());
        let request = holder.request(index, span, deadline);
        let request = request.map_err(|error| error.context(parts.title(index)));
        let counter = match &request {
            Ok(request) if request.is_waiting() => &parts.stats.lock_waits,
            Ok(held) => {
                if !held.is_new() {
                    self.locked_bytes -= bytes;
                }
                return request;
            }
            Err(_) => {
                self.locked_bytes -= bytes;
                &parts.stats.deadlocks
            }
        };
        Stats::add(counter, 1);
        request
    }

    /// Moves on to the present, now that a span is locked.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub fn locked(&mut self, index: IndexId, span: &Span) -> Result<()> {
        let mut set = ReadSet::default();
        match span {
            (start, Some(end)) if *span == point(start) => {
                debug_assert!(!end.is_empty(), "a point ends behind its key");
                set.part(index).add_point(self.hasher.hash(index, start), start);
            }
            (start, end) => set.part(index).add_range(start.clone(), end.clone()),
        }
        self.move_on(&set)?;
        // Those who do not ask for locks must not have written it, whatever the isolation.
        let at = self.view.seq();
        match self.options.isolation {
            Isolation::Serializable => self.reads.add(at, &set),
            Isolation::Snapshot => self.claims.add(at, &set),
        }
        self.noted += span.0.len() + span.1.as_ref().map_or(0, Vec::len);
        self.bound_reads();
        Ok(())
    }

    /// Moves on to a view that shows all that was written to `set`, which nobody else can lock.
    fn move_on(&mut self, set: &ReadSet) -> Result<()> {
        // Those who held the lock before are published; writers without locks may not be.
        let newest = newest(&self.parts, set)?;
        wait_published(&self.parts, newest)?;
        let present = view_from(&self.parts, newest)?;
        // Whether what it has locked is as its view shows it.
        let is_shown = newest <= self.view.seq() && !self.view.is_expired();
        if is_shown && (present.seq() == self.view.seq() || self.reads.len() > READS_PROVED_MAX) {
            return Ok(());
        }
        self.reads.settle();
        if let Err(error) = prove(&self.parts, &mut self.reads) {
            self.reads.reorder();
            let may_stay = is_shown && self.options.isolation == Isolation::Snapshot;
            return if may_stay { Ok(()) } else { Err(stale(error)) };
        }
        if self.options.isolation == Isolation::Snapshot {
            let claims = self.claims.at(self.view.seq());
            if let Err(error) = self.writes.note(&present, self.hasher, claims) {
                self.reads.reorder();
                return Err(error);
            }
        }
        self.reads.move_to(present.seq());
        self.view = present;
        Ok(())
    }
}

/// Waits for a lock, for so long at most; whether the request is done.
///
/// # Errors
/// As [`Transaction::lock`].
pub fn await_lock(parts: &Parts, request: &mut Request, at_most: Duration) -> Result<bool> {
    let now = parts.env.now();
    let enough = now.checked_add(at_most).unwrap_or(Duration::MAX);
    loop {
        let now = parts.env.now();
        let step = request.step(now).map_err(|error| {
            Stats::add(&parts.stats.lock_timeouts, 1);
            error.context(parts.title(request.index()))
        });
        match step? {
            LockStep::Done => return Ok(true),
            LockStep::Wait(..) if now >= enough => return Ok(false),
            LockStep::Wait(event, seen, until) => {
                // Whoever holds it may never be published.
                parts.tail().check()?;
                let left = until.min(enough).saturating_sub(parts.env.now());
                parts.env.wait(&event, seen, Some(left));
            }
        }
    }
}

#[cold]
fn stale(error: Error) -> Error {
    error.context("the lock is held, but what was read before is not so any more")
}

/// The last commit that may have written something of `set`, published or not.
///
/// # Errors
/// As [`Tail::check`](crate::tail::Tail::check).
fn newest(parts: &Parts, set: &ReadSet) -> Result<SeqNo> {
    let tail = parts.tail();
    tail.check()?;
    Ok(tail.oracle.as_ref().map(|oracle| oracle.newest(set)).unwrap_or_default())
}
