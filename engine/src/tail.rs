//! The present end of everything: what the commit lock guards.
//!
//! Invariants:
//! 1. Whoever holds the tail is the only one that appends to the log, applies to memtables, and
//!    replaces the current version.
//! 2. What is appended is applied before the lock is released: at any other moment, memtables hold
//!    exactly the commits in the log.
//! 3. Commits are published in log order; one that must be durable first holds up those behind it.
//! 4. A poisoned tail takes nothing more.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::id::{IndexId, LogNo, LogPos, SeqNo};
use crate::index::MemtableWriter;
use crate::log::LogWriter;
use crate::oracle::Oracle;
use crate::version::Catalog;

/// Bytes that may gather unsynced under weak durability.
const UNSYNCED_BYTES: u64 = 16 << 20;

/// Changes of the catalog that are remembered with what was before.
const CATALOGS_MAX: usize = 1024;
/// Indexes in all of these together, about.
const CATALOGS_INDEXES_MAX: usize = 1 << 16;

/// What waits to be flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A memtable.
    Memtable,
    /// Segments that a commit has ingested.
    Segments,
}

/// A memtable that takes no more commits, or ingested segments, that wait to be flushed.
#[derive(Clone, Copy, Debug)]
pub struct Frozen {
    /// The first commit in it.
    pub first: SeqNo,
    /// Everything of the index up to this commit is in it or flushed.
    pub last: SeqNo,
    /// Where the log ended when it was frozen.
    pub end: LogPos,
    /// Bytes of memory.
    pub bytes: u64,
    /// What it is.
    pub content: Content,
}

/// The write side of one index.
pub struct IndexWriter {
    /// The index.
    pub id: IndexId,
    /// Applies to the active memtable.
    pub writer: Box<dyn MemtableWriter>,
    /// The first commit in the active memtable.
    pub first: Option<SeqNo>,
    /// Bytes of the active memtable.
    pub bytes: u64,
    /// Frozen memtables, oldest first, as the current version has them.
    pub frozen: VecDeque<Frozen>,
    /// The commit that created the index, until the manifest lists it.
    pub unlisted: Option<SeqNo>,
}

impl IndexWriter {
    /// The write side of an index without memtables to flush.
    pub fn new(id: IndexId, writer: Box<dyn MemtableWriter>) -> IndexWriter {
        let frozen = VecDeque::new();
        IndexWriter { id, writer, first: None, bytes: 0, frozen, unlisted: None }
    }

    /// How many of the oldest frozen memtables are flushed together: ingested segments are flushed
    /// alone.
    pub fn flushed_together(&self) -> usize {
        let memtables = |frozen: &&Frozen| frozen.content == Content::Memtable;
        self.frozen.iter().take_while(memtables).count().max(usize::from(!self.frozen.is_empty()))
    }

    /// The oldest commit that only the log makes durable.
    pub fn oldest_unflushed(&self) -> Option<SeqNo> {
        let oldest = self.frozen.front().map(|frozen| frozen.first).or(self.first);
        oldest.into_iter().chain(self.unlisted).min()
    }
}

/// A commit that is applied but not yet published.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// Its number.
    pub seq: SeqNo,
    /// Where its record ends; it waits until this is durable.
    pub durable_at: Option<LogPos>,
}

/// What the commit lock guards.
pub struct Tail {
    /// The end of the log.
    pub log: LogWriter,
    /// By number, ascending.
    pub writers: Vec<IndexWriter>,
    /// Commits to be published, in log order.
    pub pending: VecDeque<Pending>,
    /// Whether somebody syncs the log.
    pub syncing: bool,
    /// Where the last commit of durability `Interval` ends.
    pub interval_end: LogPos,
    /// Somebody waits until the log is synced up to here, and does not sync it.
    pub sync_wanted: LogPos,
    /// What was written lately; from the first transaction on.
    pub oracle: Option<Box<Oracle>>,
    /// Whether recovery has not yet applied all of the log: none of it may be let go of.
    pub replaying: bool,
    /// Number of the next index.
    pub next_index: IndexId,
    /// Changes of the catalog that the manifest does not list yet, oldest first: durable in the
    /// log, and in the current version.
    pub unlisted: Vec<SeqNo>,
    /// What the catalog was before the commits given, oldest first: the latest changes of it.
    pub catalogs: VecDeque<(SeqNo, Arc<Catalog>)>,
    /// Pins as known at `pins_epoch`.
    pub pins: Vec<u64>,
    /// See [`Pins::epoch`](crate::version::Pins::epoch).
    pub pins_epoch: u64,
    poisoned: Option<String>,
    lost: Option<String>,
    closed: bool,
}

impl Tail {
    /// A tail behind what recovery found.
    pub fn new(log: LogWriter, writers: Vec<IndexWriter>, next_index: IndexId) -> Tail {
        Tail {
            log,
            writers,
            pending: VecDeque::new(),
            syncing: false,
            interval_end: LogPos(0),
            sync_wanted: LogPos(0),
            oracle: None,
            replaying: false,
            next_index,
            unlisted: Vec::new(),
            catalogs: VecDeque::new(),
            pins: Vec::new(),
            pins_epoch: 0,
            poisoned: None,
            lost: None,
            closed: false,
        }
    }

    /// Fails when nothing more may be done.
    ///
    /// # Errors
    /// `Poisoned` after a failed write or sync; `NotFound` when the database is not where it was;
    /// `Invalid` after closing.
    pub fn check(&self) -> Result<()> {
        if let Some(cause) = &self.poisoned {
            return Err(Error::poisoned(format!(
                "a write failed earlier, so the outcome of later commits would be unknown: \
                 {cause}; reopen the database"
            )));
        }
        if let Some(why) = &self.lost {
            return Err(Error::not_found(why.clone()));
        }
        if self.closed {
            return Err(Error::invalid("the database is closed"));
        }
        Ok(())
    }

    /// Whether so much is written but not synced that a sync should not wait.
    pub fn has_many_unsynced(&self) -> bool {
        self.log.written().0 - self.log.synced().0 >= UNSYNCED_BYTES
    }

    /// Takes nothing more, for `cause`.
    pub fn poison(&mut self, cause: &Error) {
        tracing::error!(error = %cause, "the database takes no more commits");
        self.poisoned.get_or_insert_with(|| cause.message().to_owned());
    }

    /// Takes nothing more: the database is not where it was, as `why` says.
    pub fn lose(&mut self, why: &Error) {
        self.lost.get_or_insert_with(|| why.message().to_owned());
    }

    /// Whether the database is not where it was.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Whether a write or sync failed.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.is_some()
    }

    /// Takes nothing more: the database is being closed.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether the database is closed, or being closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The write side of an index.
    pub fn writer(&mut self, id: IndexId) -> Option<&mut IndexWriter> {
        match self.writers.binary_search_by_key(&id, |writer| writer.id) {
            Ok(i) => self.writers.get_mut(i),
            Err(_) => None,
        }
    }

    /// Remembers what the catalog was before the commit `seq`, which changes it.
    pub fn remember_catalog(&mut self, seq: SeqNo, before: Arc<Catalog>) {
        let most = CATALOGS_INDEXES_MAX / before.iter().count().max(1);
        while self.catalogs.len() >= most.clamp(1, CATALOGS_MAX) {
            self.catalogs.pop_front();
        }
        self.catalogs.push_back((seq, before));
    }

    /// What the catalog was after the commit `seq`, unless it was changed since; of what is not
    /// remembered, the oldest that is.
    pub fn catalog_after(&self, seq: SeqNo) -> Option<Arc<Catalog>> {
        let changed = self.catalogs.iter().find(|(change, _)| *change > seq);
        changed.map(|(_, before)| before.clone())
    }

    /// Whether nothing depends on the log alone.
    pub fn is_flushed(&self) -> bool {
        let flushed = |writer: &IndexWriter| writer.oldest_unflushed().is_none();
        self.writers.iter().all(flushed) && self.unlisted.is_empty() && !self.replaying
    }

    /// The first log segment that recovery would need if, for the indexes given, everything up to
    /// the commit given were flushed. The newest segment is always kept.
    pub fn log_start(&self, flushed: &[(IndexId, SeqNo)]) -> Option<LogNo> {
        if self.replaying {
            return None;
        }
        let oldest = self.writers.iter().filter_map(|writer| {
            let up_to = flushed.iter().find(|(id, _)| *id == writer.id).map(|(_, seq)| *seq);
            match up_to {
                None => writer.oldest_unflushed(),
                Some(up_to) => {
                    let frozen = writer.frozen.iter().filter(|frozen| frozen.last > up_to);
                    let first = frozen.map(|frozen| frozen.first).next();
                    first.or(writer.first.filter(|first| *first > up_to))
                }
            }
        });
        let oldest = oldest.chain(self.unlisted.first().copied()).min().unwrap_or(SeqNo::MAX);
        let needed = self.log.retained().find(|segment| segment.last_seq >= oldest);
        match needed {
            Some(segment) => Some(segment.number),
            None => self.log.newest(),
        }
    }
}
