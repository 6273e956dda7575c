//! Waiting until something changes.
//!
//! Not for: what has changed; see `feed`. Front-ends add what can be watched.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cuesta_engine::watchers::Scope;

use crate::Result;
use crate::database::Database;

/// Tells when something changes, without asking again and again: one key, a range, a prefix
/// ([`Keyspace::watch_key`](crate::Keyspace::watch_key),
/// [`watch`](crate::Keyspace::watch), [`watch_prefix`](crate::Keyspace::watch_prefix)), or anything
/// at all ([`Database::watch`]).
///
/// It tells of every commit that writes there and becomes visible after the watch was made, whether
/// or not a value is different afterwards; of several that come before anybody asks, once. It never
/// tells too early: who reads after it has told sees the change, and all before it. Dropping the
/// keyspace is a change of everything in it; that an entry passes its time to live is none.
///
/// ```
/// # fn main() -> cuesta::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = cuesta::Database::open(dir.path())?;
/// let jobs = db.keyspace("jobs")?;
/// let mut watch = jobs.watch_prefix("new/")?; // first watch, then look: nothing is missed
/// let worker = std::thread::spawn({
///     let jobs = jobs.clone();
///     move || -> cuesta::Result<Vec<u8>> {
///         loop {
///             if let Some(job) = jobs.prefix("new/")?.next() {
///                 return Ok(job?.0);
///             }
///             watch.wait(None)?;
///         }
///     }
/// });
/// jobs.put("new/1", "say hello")?;
/// assert_eq!(worker.join().unwrap()?, b"new/1");
/// # Ok(())
/// # }
/// ```
///
/// Commits pay nothing while nothing is watched, and otherwise for the watches that they touch, not
/// for all there are. A watch keeps the database open; [`Database::close`] ends all waiting.
pub struct Watch {
    engine: cuesta_engine::Watch,
    /// The database stays open.
    _db: Database,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}

impl Watch {
    pub(crate) fn new(db: &Database, scope: Scope) -> Result<Watch> {
        Ok(Watch { engine: db.engine.watch(scope)?, _db: db.clone() })
    }

    /// Waits for a change that was not told yet and gives the number of a commit that made it;
    /// `None` when there was none within `timeout`. Without a timeout it waits as long as it takes.
    ///
    /// # Errors
    /// `Poisoned` after a failed write or sync, `Invalid` once the database is closed.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<u64>> {
        Ok(self.engine.wait(timeout)?.map(|seq| seq.0))
    }

    /// As [`Watch::wait`] without waiting.
    ///
    /// # Errors
    /// As there.
    pub fn take(&mut self) -> Result<Option<u64>> {
        Ok(self.engine.take()?.map(|seq| seq.0))
    }

    /// As [`Watch::wait`], to be awaited, on any runtime or none. It may be dropped and asked for
    /// again: nothing is missed.
    ///
    /// # Errors
    /// As there.
    pub fn changed(&mut self) -> Changed<'_> {
        Changed(self)
    }
}

/// Done at the next change; see [`Watch::changed`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Changed<'w>(&'w mut Watch);

impl Future for Changed<'_> {
    type Output = Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        self.0.engine.poll(cx).map(|told| told.map(|seq| seq.0))
    }
}

impl Database {
    /// A [`Watch`] of everything: every commit, creating and dropping keyspaces included.
    ///
    /// # Errors
    /// `Poisoned`; `Invalid` when the database is closed; `Unsupported` when it is open for reading
    /// only, where nothing changes.
    pub fn watch(&self) -> Result<Watch> {
        Watch::new(self, Scope::Everything)
    }
}
