//! Waiting until something changes, without asking again and again.
//!
//! Not for: what has changed. Look, or read the feed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::budget::{Charge, Part};
use crate::commit::{Step, drive};
use crate::error::{Error, Result};
use crate::id::SeqNo;
use crate::options::Access;
use crate::parts::Parts;
use crate::planted::{self, Bug};
use crate::watchers::{Scope, Slot, WatchId};

/// Tells of changes in a range of keys, or of any. Changes that come before anybody asks are told
/// as one. Dropping it costs nothing later.
pub struct Watch {
    parts: Arc<Parts>,
    id: WatchId,
    slot: Arc<Slot>,
    /// The last change that was told.
    told: SeqNo,
    _charge: Charge,
}

/// What a watch costs in memory besides its keys.
const WATCH_MEMORY: usize = 400;

/// The memory of a watch: its keys are kept here, and where commits look.
fn memory_of(scope: &Scope) -> u64 {
    let keys = match scope {
        Scope::Everything => 0,
        Scope::Range(_, (start, end)) => start.len() + end.as_ref().map_or(0, Vec::len),
    };
    (WATCH_MEMORY + 2 * keys) as u64
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch of {:?}", self.id)
    }
}

impl Watch {
    /// A watch that tells of commits that are not published yet. For a range this waits until those
    /// are published that were on their way before.
    ///
    /// # Errors
    /// `NotFound` when there is no such index; `Poisoned`, `Invalid` when nothing is committed any
    /// more; `Unsupported` when the database is open for reading only, where nothing changes;
    /// `Full` when a strict memory budget has no room.
    pub fn new(parts: &Arc<Parts>, scope: Scope) -> Result<Watch> {
        if parts.options.access == Access::Read {
            return Err(Error::unsupported(
                "nothing changes in a database that is open for reading only",
            ));
        }
        let charge = Charge::new(&parts.services.budget, Part::Watches, memory_of(&scope))?;
        let mut tail = parts.tail();
        tail.check()?;
        if let Scope::Range(index, _) = &scope
            && tail.writer(*index).is_none()
        {
            return Err(Error::not_found(format!("{} was dropped", parts.title(*index))));
        }
        let before = tail.log.last_seq();
        let wait = matches!(scope, Scope::Range(..)) && parts.published() < before;
        let (id, slot) = parts.watchers.add(scope);
        let watch = Watch { parts: parts.clone(), id, slot, told: SeqNo(0), _charge: charge };
        if wait {
            // What those commits write was not noted for this watch.
            parts.want_sync(&mut tail);
            drop(tail);
            drive(parts, || {
                let seen = parts.moved.epoch();
                if parts.published() >= before {
                    return Step::Done(Ok(()));
                }
                match parts.tail().check() {
                    Ok(()) => Step::Wait(seen),
                    Err(error) => Step::Done(Err(error)),
                }
            })?;
        }
        Ok(watch)
    }

    /// A change that was not told yet, if there is one: a published commit, such that all changes
    /// up to now are seen by who looks now.
    ///
    /// # Errors
    /// As [`Watch::wait`].
    pub fn take(&mut self) -> Result<Option<SeqNo>> {
        let changed = self.slot.changed();
        if changed > self.told {
            self.told = changed;
            return Ok(Some(changed));
        }
        if self.slot.is_ended() {
            self.parts.tail().check()?;
        }
        Ok(None)
    }

    /// Waits for a change; `None` when there was none in time.
    ///
    /// # Errors
    /// `Poisoned` after a failed write or sync, `Invalid` once the database is closed.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<SeqNo>> {
        let env = self.parts.env.clone();
        // A time too far off to be told is no limit.
        let deadline = timeout.and_then(|timeout| env.now().checked_add(timeout));
        loop {
            let mut seen = self.slot.event().epoch();
            if let Some(seq) = self.take()? {
                return Ok(Some(seq));
            }
            let left = deadline.map(|deadline| deadline.saturating_sub(env.now()));
            if planted::is(Bug::WakeUpLost) {
                seen = self.slot.event().epoch();
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            env.wait(self.slot.event(), seen, left);
        }
    }

    /// As [`Watch::wait`], as a future.
    pub fn changed(&mut self) -> Changed<'_> {
        Changed(self)
    }

    /// As [`Watch::take`]; when there is none, `cx` is woken by the next.
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<SeqNo>> {
        self.slot.register(cx.waker());
        match self.take() {
            Ok(Some(seq)) => Poll::Ready(Ok(seq)),
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.parts.watchers.remove(&self.id);
    }
}

/// Done at the next change.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Changed<'w>(&'w mut Watch);

impl Future for Changed<'_> {
    type Output = Result<SeqNo>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<SeqNo>> {
        self.0.poll(cx)
    }
}
