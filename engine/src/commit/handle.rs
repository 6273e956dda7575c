//! A commit that has its place in the order, and may be waited for later, or not at all.
//!
//! Not for: making it durable by itself. The syncer does, or whoever waits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::commit::sync::outcome_unknown;
use crate::commit::{Commit, Step, drive};
use crate::error::Result;
use crate::id::SeqNo;
use crate::parts::Parts;

/// A commit in the log, applied and perhaps not yet published. Dropping the handle changes nothing:
/// the commit happens.
///
/// As a future it is done when the commit is published, or never will be. It blocks nothing and
/// needs no runtime; the database's own thread syncs the log for it.
#[must_use = "unless it is waited for, nobody knows whether the commit is durable"]
pub struct CommitHandle {
    parts: Arc<Parts>,
    seq: SeqNo,
    /// Until it is published.
    commit: Option<Commit>,
}

impl fmt::Debug for CommitHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitHandle of commit {}", self.seq)
    }
}

impl CommitHandle {
    /// The handle of a commit that was published before; of the last one, where nothing was to be
    /// committed.
    pub fn of_published(parts: Arc<Parts>, seq: SeqNo) -> CommitHandle {
        CommitHandle { parts, seq, commit: None }
    }

    /// Its place in the order.
    pub fn seq(&self) -> SeqNo {
        self.seq
    }

    /// The result, once there is one.
    ///
    /// # Errors
    /// `Poisoned` when a sync failed: the outcome is unknown.
    pub fn result(&self) -> Option<Result<SeqNo>> {
        if self.commit.is_none() || self.parts.published() >= self.seq {
            return Some(Ok(self.seq));
        }
        // It may have been published before the poison.
        let poisoned = self.parts.tail().is_poisoned() && self.parts.published() < self.seq;
        poisoned.then(|| Err(outcome_unknown()))
    }

    /// Waits until the commit is published: visible, and durable as it was to be.
    ///
    /// # Errors
    /// As [`CommitHandle::result`].
    pub fn wait(mut self) -> Result<SeqNo> {
        match self.commit.take() {
            None => Ok(self.seq),
            Some(mut commit) => drive(&self.parts, || commit.step()),
        }
    }

    /// Waits as [`CommitHandle::wait`] does, but at most so long; the result, if there is one then.
    /// Several threads may wait for one commit.
    ///
    /// # Errors
    /// As [`CommitHandle::result`].
    pub fn wait_for(&self, timeout: Duration) -> Option<Result<SeqNo>> {
        let env = &self.parts.env;
        let deadline = env.now().checked_add(timeout).unwrap_or(Duration::MAX);
        loop {
            let seen = self.parts.moved.epoch();
            let result = self.result();
            let left = deadline.saturating_sub(env.now());
            if result.is_some() || left.is_zero() {
                return result;
            }
            env.wait(&self.parts.moved, seen, Some(left));
        }
    }
}

impl Future for CommitHandle {
    type Output = Result<SeqNo>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<SeqNo>> {
        Pin::new(&mut &*self).poll(cx)
    }
}

/// So that the handle outlives who awaits it.
impl Future for &CommitHandle {
    type Output = Result<SeqNo>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<SeqNo>> {
        loop {
            let seen = self.parts.moved.epoch();
            if let Some(result) = self.result() {
                return Poll::Ready(result);
            }
            if self.parts.moved.register(seen, cx.waker()) {
                return Poll::Pending;
            }
        }
    }
}

impl Commit {
    /// Goes on until the commit has its place in the order; the rest happens by itself. Waits only
    /// where commits are held up because memory is full or merging is behind.
    ///
    /// # Errors
    /// As [`Commit::step`].
    pub fn submit(mut self) -> Result<CommitHandle> {
        let parts = self.parts.clone();
        let done = drive(&parts, || match self.step() {
            Step::Done(result) => Step::Done(result.map(|seq| (seq, true))),
            other => match (self.place(), other) {
                (Some(seq), _) => Step::Done(Ok((seq, false))),
                (None, Step::Wait(seen)) => Step::Wait(seen),
                (None, Step::Sleep(time)) => Step::Sleep(time),
                (None, _) => Step::Again,
            },
        });
        let (seq, published) = done?;
        if published {
            return Ok(CommitHandle::of_published(parts, seq));
        }
        parts.want_sync(&mut parts.tail());
        Ok(CommitHandle { parts, seq, commit: Some(self) })
    }
}
