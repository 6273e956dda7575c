//! Commits that are waited for later.
//!
//! Not for: commits themselves, which batches and transactions make.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::Result;

/// A commit that has its place in the order of all commits and becomes visible and durable by
/// itself. Wait for it, ask it now and then, or await it as a future, on any runtime or none.
///
/// So one thread has many commits under way at a time, and they share syncs:
///
/// ```
/// # fn main() -> cuesta::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = cuesta::Database::open(dir.path())?;
/// let orders = db.keyspace("orders")?;
/// let mut handles = Vec::new();
/// for order in 0..100u32 {
///     let mut batch = db.batch();
///     batch.put(&orders, order.to_be_bytes(), "new")?;
///     handles.push(batch.submit()?); // in the order of these calls
/// }
/// for handle in handles {
///     handle.wait()?; // durable now
/// }
/// # Ok(())
/// # }
/// ```
///
/// Nothing that comes later in the order becomes visible before it. Reads see the commit once it is
/// published, which is before the handle is done. Dropping the handle changes nothing.
#[must_use = "unless it is waited for, nobody knows whether the commit is durable"]
pub struct CommitHandle(cuesta_engine::CommitHandle);

impl fmt::Debug for CommitHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl CommitHandle {
    pub(crate) fn new(handle: cuesta_engine::CommitHandle) -> CommitHandle {
        CommitHandle(handle)
    }

    /// Its place in the order; commits are counted from 1. If nothing was to be written, the last
    /// commit that was seen.
    pub fn commit(&self) -> u64 {
        self.0.seq().0
    }

    /// The result, once there is one.
    ///
    /// # Errors
    /// As [`CommitHandle::wait`].
    pub fn result(&self) -> Option<Result<()>> {
        self.0.result().map(|result| result.map(|_| ()))
    }

    /// Waits until the commit is visible, and as durable as it was to be.
    ///
    /// # Errors
    /// `Poisoned`: whether it was written is unknown until the database is opened again.
    pub fn wait(self) -> Result<()> {
        self.0.wait().map(|_| ())
    }

    /// Waits as [`CommitHandle::wait`] does, but at most so long; the result, if there is one then.
    /// Any number of threads may wait.
    ///
    /// # Errors
    /// As [`CommitHandle::wait`].
    pub fn wait_for(&self, timeout: Duration) -> Option<Result<()>> {
        self.0.wait_for(timeout).map(|result| result.map(|_| ()))
    }
}

impl Future for CommitHandle {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll(cx).map(|result| result.map(|_| ()))
    }
}

/// So that the handle outlives who awaits it.
impl Future for &CommitHandle {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut &self.0).poll(cx).map(|result| result.map(|_| ()))
    }
}
