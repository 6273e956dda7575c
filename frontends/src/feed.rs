//! What was committed, in order: the log as a feed of changes.
//!
//! Not for: waiting until something particular changes; a watch does that, and reads no log.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cuesta_engine::feed::{self, Feed};
use cuesta_engine::version::{Catalog, CatalogOp};
use cuesta_engine::{IndexId, SeqNo};
use cuesta_indexes::ordered::Loaded;
use cuesta_indexes::ordered::op::{self, Op, Ops};

use crate::database::Database;
use crate::kv::loaded;
use crate::{Result, note};

/// The commits of a database in order: an iterator that gives `None` at the last visible one and
/// goes on when there are more.
///
/// ```
/// # fn main() -> cuesta::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = cuesta::Database::open(dir.path())?;
/// use cuesta::Action;
///
/// let users = db.keyspace("users")?;
/// users.put("ada", "Ada Lovelace")?;
/// let mut batch = db.batch();
/// batch.put(&users, "bob", "Bob")?;
/// batch.delete(&users, "ada")?;
/// batch.note("by the importer");
/// batch.commit()?;
///
/// let mut changes = db.changes_since(0)?;
/// for change in &mut changes {
///     let change = change?;
///     for operation in change.operations() {
///         let operation = operation?;
///         println!("{} {:?} {:?}", change.commit(), operation.name, operation.action);
///     }
/// }
/// let place = changes.place(); // keep this, and go on from here another day
/// assert_eq!(place, 3);
/// # Ok(())
/// # }
/// ```
///
/// It is read from the log, which is kept from its place on while it lives, up to
/// [`Builder::feed_retention_bytes`](crate::Builder::feed_retention_bytes). For consumers that come
/// back later, [`Builder::log_retention_bytes`](crate::Builder::log_retention_bytes) and
/// [`Builder::log_retention_age`](crate::Builder::log_retention_age) keep more. It keeps the
/// database open, too.
///
/// Commits of durability `Sync` are handed out once they are durable. Weaker ones are handed out
/// once they are visible: after power loss a consumer may know of commits that the database has
/// lost, and that others have taken the numbers of. [`Database::sync`] before keeping a place
/// prevents that.
pub struct Changes {
    feed: Feed,
    failed: bool,
    /// The database stays open.
    _db: Database,
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Changes after commit {}", self.place())
    }
}

impl Database {
    /// The commits after number `commit`, in order; all that the log has from the first on for 0.
    ///
    /// # Errors
    /// `Expired` when the log does not reach back to there, naming the first commit that it has;
    /// `Invalid` when there is no such commit yet, or when the database is closed.
    pub fn changes_since(&self, commit: u64) -> Result<Changes> {
        let feed = self.engine.feed(SeqNo(commit))?;
        Ok(Changes { feed, failed: false, _db: self.clone() })
    }
}

impl Changes {
    /// The last commit that was handed out, or after which it began: what
    /// [`Database::changes_since`] takes to go on from here.
    pub fn place(&self) -> u64 {
        self.feed.position().0
    }

    /// The next commit, waiting for it if need be; `None` when there was none within `timeout`.
    ///
    /// # Errors
    /// `Expired` when this stood still for so long that the log is gone; `Poisoned` after a failed
    /// write; `Invalid` once the database is closed; `Unsupported` when it is open for reading only
    /// and all was handed out: nothing comes any more. `Corrupt`, `Io`.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Change>> {
        Ok(self.feed.wait(Some(timeout))?.map(Change))
    }

    /// The next commit, waiting for it as long as it takes.
    ///
    /// # Errors
    /// As [`Changes::next_timeout`].
    pub fn next_wait(&mut self) -> Result<Change> {
        loop {
            if let Some(change) = self.feed.wait(None)? {
                return Ok(Change(change));
            }
        }
    }

    /// As [`Changes::next_wait`], to be awaited, on any runtime or none. It may be dropped and
    /// asked for again: nothing is missed.
    ///
    /// # Errors
    /// As there.
    pub fn next_async(&mut self) -> NextChange<'_> {
        NextChange(self)
    }
}

impl Iterator for Changes {
    type Item = Result<Change>;

    /// The next visible commit, without waiting. After an error there is no more.
    ///
    /// # Errors
    /// As [`Changes::next_timeout`].
    fn next(&mut self) -> Option<Result<Change>> {
        if self.failed {
            return None;
        }
        let next = self.feed.next().transpose()?;
        self.failed = next.is_err();
        Some(next.map(Change))
    }
}

/// Done at the next commit; see [`Changes::next_async`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct NextChange<'c>(&'c mut Changes);

impl Future for NextChange<'_> {
    type Output = Result<Change>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Change>> {
        self.0.feed.poll(cx).map(|change| change.map(Change))
    }
}

/// One commit: what was written together.
#[derive(Clone)]
pub struct Change(feed::Change);

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Change {
    /// Its place in the order; commits are counted from 1, without gaps.
    pub fn commit(&self) -> u64 {
        self.0.seq.0
    }

    /// When it was committed, in milliseconds since 1970-01-01 UTC. Never less than of the commit
    /// before.
    pub fn time_ms(&self) -> u64 {
        self.0.clock_ms
    }

    /// The note that the batch or transaction carries.
    pub fn note(&self) -> Option<&[u8]> {
        note::get(self.0.notes())
    }

    /// What was done, by keyspace: in the order in which the batch first wrote to them. Within
    /// each, ranges are deleted first; all else follows by key, at most one operation per key.
    pub fn operations(&self) -> Operations<'_> {
        let parts: Vec<_> = self.0.parts().collect();
        let is_load = self.0.is_ingest();
        Operations { catalog: &self.0.catalog, parts: parts.into_iter(), current: None, is_load }
    }
}

/// One operation of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation<'c> {
    /// Number of the keyspace, which it keeps under all its names.
    pub keyspace: u32,
    /// Name of the keyspace right before the commit. Of what was committed before the database was
    /// opened it may be a later one, and `None` when it was dropped since, unless the feed has come
    /// across its creation.
    pub name: Option<&'c str>,
    /// What was done.
    pub action: Action<'c>,
}

/// Operands of one merge; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operands<'c>(&'c [u8]);

impl<'c> Operands<'c> {
    /// Each of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &'c [u8]> + use<'c> {
        op::operands(self.0)
    }
}

/// What an [`Operation`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action<'c> {
    /// The key has this value from now on.
    Put {
        /// The key.
        key: &'c [u8],
        /// The value.
        value: &'c [u8],
    },
    /// The key has this value from now on until it expires.
    PutUntil {
        /// The key.
        key: &'c [u8],
        /// The value.
        value: &'c [u8],
        /// When it expires, in milliseconds since 1970-01-01 UTC.
        expiry_ms: u64,
    },
    /// What the key has is merged with operands, as the merge operator of the keyspace says.
    Merge {
        /// The key.
        key: &'c [u8],
        /// The operands.
        operands: Operands<'c>,
    },
    /// The key is gone from now on; it need not have been there.
    Delete {
        /// The key.
        key: &'c [u8],
    },
    /// All keys of a range are gone from now on; there need not have been any.
    DeleteRange {
        /// The first key.
        start: &'c [u8],
        /// The first key behind the range; `None` is behind all keys.
        end: Option<&'c [u8]>,
    },
    /// Many keys have values from now on: see [`Database::bulk_load`]. The keyspace has them; the
    /// log only says how many there are, and where. There is one such action for a keyspace.
    Load {
        /// How many keys.
        entries: u64,
        /// The smallest of them.
        first: &'c [u8],
        /// The largest of them.
        last: &'c [u8],
    },
    /// The keyspace was created.
    Create,
    /// The keyspace was renamed.
    Rename {
        /// Its new name.
        to: &'c str,
    },
    /// The keyspace was dropped, with everything in it.
    Drop,
}

impl<'c> Action<'c> {
    /// An operation on ordered keys: the one place that knows their kinds.
    fn of(op: Op<'c>) -> Action<'c> {
        match op {
            Op::Put { key, value } => Action::Put { key, value },
            Op::Delete { key } => Action::Delete { key },
            Op::Merge { key, operands } => Action::Merge { key, operands: Operands(operands) },
            Op::Expiring { key, .. } => {
                let (expiry_ms, value) = op.expiring().unwrap_or_default();
                Action::PutUntil { key, value, expiry_ms }
            }
            Op::DeleteRange { start, end } => Action::DeleteRange { start, end },
        }
    }

    /// The key, if it is about one.
    pub fn key(&self) -> Option<&'c [u8]> {
        match self {
            Action::Put { key, .. }
            | Action::PutUntil { key, .. }
            | Action::Merge { key, .. }
            | Action::Delete { key } => Some(key),
            Action::DeleteRange { .. }
            | Action::Load { .. }
            | Action::Create
            | Action::Rename { .. }
            | Action::Drop => None,
        }
    }
}

/// The operations of a [`Change`]; see [`Change::operations`].
#[derive(Debug)]
pub struct Operations<'c> {
    catalog: &'c Catalog,
    parts: std::vec::IntoIter<(IndexId, &'c [u8])>,
    current: Option<(IndexId, Ops<'c>)>,
    is_load: bool,
}

impl<'c> Operations<'c> {
    fn operation(&self, id: IndexId, action: Action<'c>) -> Operation<'c> {
        let name = self.catalog.get(id).map(|entry| entry.name.as_str());
        Operation { keyspace: id.0, name, action }
    }
}

impl<'c> Iterator for Operations<'c> {
    type Item = Result<Operation<'c>>;

    /// # Errors
    /// `Unsupported` for operations of newer versions; `Corrupt`.
    fn next(&mut self) -> Option<Result<Operation<'c>>> {
        loop {
            if let Some((id, ops)) = &mut self.current {
                let id = *id;
                match ops.next() {
                    Some(op) => return Some(op.map(|op| self.operation(id, Action::of(op)))),
                    None => self.current = None,
                }
            }
            let (id, bytes) = self.parts.next()?;
            if self.is_load {
                let load = |Loaded { entries, first, last }| Action::Load { entries, first, last };
                let kind = self.catalog.get(id).map(|entry| entry.kind.as_str());
                let loaded = loaded(kind.unwrap_or_default(), bytes);
                return Some(loaded.map(|loaded| self.operation(id, load(loaded))));
            }
            if id == IndexId::CATALOG {
                return Some(catalog_change(self.catalog, bytes));
            }
            self.current = Some((id, Ops::new(bytes)));
        }
    }
}

fn catalog_change<'c>(before: &'c Catalog, bytes: &'c [u8]) -> Result<Operation<'c>> {
    let op = CatalogOp::decode(bytes)?;
    let id = op.id();
    let known = before.get(id).map(|entry| entry.name.as_str());
    let (name, action) = match CatalogOp::name_in(bytes)? {
        Some(name) if matches!(op, CatalogOp::Create { .. }) => (Some(name), Action::Create),
        Some(to) => (known, Action::Rename { to }),
        None => (known, Action::Drop),
    };
    Ok(Operation { keyspace: id.0, name, action })
}
