//! Sorted sources of entries: a memtable, or a run of segments.
//!
//! Not for: several sources at once (see [`merging`](super::merging)).

use std::sync::Arc;

use cuesta_engine::blinktree::{self, LEANS};
use cuesta_engine::error::{Error, Result};

use super::kind::Kind;
use super::layout::Run;
use super::memtable::add_chain;
use super::operand::Pile;
use super::segment::{Fill, SegmentCursor};
use super::value::Value;

/// Steps towards a key before it is looked for.
const STEPS_BEFORE_SEEKING: usize = 4;

/// Walks over a run, opening one segment at a time.
pub(super) struct RunCursor {
    run: Arc<Run>,
    fill: Fill,
    /// Which segment `inner` is about.
    at: usize,
    inner: Option<SegmentCursor>,
}

impl RunCursor {
    /// A cursor that stands nowhere. Reads nothing.
    pub(super) fn new(run: Arc<Run>, fill: Fill) -> RunCursor {
        RunCursor { run, fill, at: usize::MAX, inner: None }
    }

    /// The cursor of segment `at`; `None` when there is no such segment.
    fn open(&mut self, at: usize) -> Option<&mut SegmentCursor> {
        let segment = self.run.segments().get(at)?;
        let same = self.at == at;
        self.at = at;
        match &mut self.inner {
            Some(inner) => {
                if !same {
                    inner.reset(segment.clone());
                }
            }
            none => *none = Some(SegmentCursor::new(segment.clone(), self.fill)),
        }
        self.inner.as_mut()
    }

    fn valid(&self) -> bool {
        self.inner.as_ref().is_some_and(SegmentCursor::valid)
    }

    /// Stands nowhere.
    fn leave(&mut self) {
        self.at = usize::MAX;
        self.inner = None;
    }

    fn first_from(&mut self, mut at: usize) -> Result<()> {
        loop {
            let Some(inner) = self.open(at) else {
                self.leave();
                return Ok(());
            };
            inner.first()?;
            if inner.valid() {
                return Ok(());
            }
            at += 1;
        }
    }

    fn last_before(&mut self, mut at: usize) -> Result<()> {
        while let Some(before) = at.checked_sub(1) {
            at = before;
            let Some(inner) = self.open(at) else { break };
            inner.last()?;
            if inner.valid() {
                return Ok(());
            }
        }
        self.leave();
        Ok(())
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        let at = self.run.find(key);
        let Some(inner) = self.open(at) else {
            self.leave();
            return Ok(());
        };
        inner.seek(key)?;
        if inner.valid() { Ok(()) } else { self.first_from(at + 1) }
    }

    fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        let at = self.run.find(key);
        if let Some(inner) = self.open(at) {
            inner.seek_before(key)?;
            if inner.valid() {
                return Ok(());
            }
        }
        self.last_before(at)
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        inner.next()?;
        if inner.valid() { Ok(()) } else { self.first_from(self.at + 1) }
    }

    fn prev(&mut self) -> Result<()> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        inner.prev()?;
        if inner.valid() { Ok(()) } else { self.last_before(self.at) }
    }
}

/// A sorted source of entries, one per key, and a place in it: on an entry or nowhere.
pub(super) enum Source {
    /// A memtable, as of some sequence number.
    Memtable(blinktree::Cursor),
    /// Segments.
    Run(RunCursor),
}

impl Source {
    /// Bytes of memory held, besides memtables and the cache.
    pub(super) fn memory(&self) -> usize {
        match self {
            Source::Memtable(_) => 0,
            Source::Run(run) => run.inner.as_ref().map_or(0, SegmentCursor::memory),
        }
    }

    /// Whether it stands on an entry.
    #[inline]
    pub(super) fn valid(&self) -> bool {
        match self {
            Source::Memtable(cursor) => cursor.valid(),
            Source::Run(run) => run.valid(),
        }
    }

    /// The key that it stands on; empty when it stands nowhere.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        match self {
            Source::Memtable(cursor) => {
                if cursor.valid() {
                    cursor.key()
                } else {
                    &[]
                }
            }
            Source::Run(run) => run.inner.as_ref().map_or(&[], SegmentCursor::key),
        }
    }

    /// What the entry says of its key.
    #[inline]
    pub(super) fn kind(&self) -> Kind {
        match self {
            Source::Memtable(cursor) => match cursor.version() {
                // Memtables have no kinds but those of prepared operations.
                Some(version) => Kind::from_code(version.kind & !LEANS).unwrap_or(Kind::Put),
                None => Kind::Put,
            },
            Source::Run(run) => run.inner.as_ref().map_or(Kind::Put, SegmentCursor::kind),
        }
    }

    /// The large value that the entry points to.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    pub(super) fn large(&self) -> Result<Value> {
        match self {
            Source::Run(RunCursor { inner: Some(inner), .. }) => inner.large(),
            Source::Run(_) | Source::Memtable(_) => {
                Err(Error::internal("an entry that points to nothing"))
            }
        }
    }

    /// The bytes of the value, or of the pointer to it.
    #[inline]
    pub(super) fn value(&self) -> &[u8] {
        match self {
            Source::Memtable(cursor) => cursor.version().map_or(&[], |version| version.value),
            Source::Run(run) => run.inner.as_ref().map_or(&[], SegmentCursor::value),
        }
    }

    /// Adds what it says of the key that it stands on to what newer ones say; whether that leaves
    /// nothing open.
    ///
    /// # Errors
    /// `Corrupt` for an entry that makes no sense.
    pub(super) fn add_to<'p>(&'p self, pile: &mut Pile<'p>) -> Result<bool> {
        match self {
            Source::Memtable(cursor) => match cursor.chain() {
                Some(mut chain) => add_chain(pile, &mut chain),
                None => Ok(false),
            },
            Source::Run(_) if self.kind() == Kind::Blob => {
                pile.add_large(&self.large()?);
                Ok(true)
            }
            Source::Run(_) => pile.add(self.kind(), self.value()),
        }
    }

    /// The value, to be kept.
    pub(super) fn value_owned(&self) -> Value {
        match self {
            Source::Memtable(cursor) => Value::in_memtable(cursor.clone()),
            Source::Run(run) => match &run.inner {
                Some(inner) => inner.value_owned(),
                None => Value::from(&[][..]),
            },
        }
    }

    /// When the entry was committed, where that is known: in memtables.
    pub(super) fn committed(&self) -> u64 {
        match self {
            Source::Memtable(cursor) => cursor.version().map_or(0, |version| version.seq),
            Source::Run(_) => 0,
        }
    }

    /// Goes to the first entry.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io` from the segments.
    pub(super) fn first(&mut self) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.seek_first(),
            Source::Run(run) => run.first_from(0)?,
        }
        Ok(())
    }

    /// Goes to the last entry.
    pub(super) fn last(&mut self) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.seek_last(),
            Source::Run(run) => run.last_before(run.run.segments().len())?,
        }
        Ok(())
    }

    /// Goes to the first entry at or after `key`.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.seek(key),
            Source::Run(run) => run.seek(key)?,
        }
        Ok(())
    }

    /// Goes to the last entry before `key`.
    pub(super) fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.seek_back(key),
            Source::Run(run) => run.seek_before(key)?,
        }
        Ok(())
    }

    /// Goes forward to the first entry at or after `key`: by steps where it is near.
    pub(super) fn pass_to(&mut self, key: &[u8]) -> Result<()> {
        for _ in 0..STEPS_BEFORE_SEEKING {
            self.next()?;
            if !self.valid() || self.key() >= key {
                return Ok(());
            }
        }
        self.seek(key)
    }

    /// Stands nowhere from now on.
    pub(super) fn leave(&mut self) {
        match self {
            Source::Memtable(cursor) => cursor.leave(),
            Source::Run(run) => run.leave(),
        }
    }

    /// Goes to the next entry.
    #[inline]
    pub(super) fn next(&mut self) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.next(),
            Source::Run(run) => run.next()?,
        }
        Ok(())
    }

    /// Goes to the entry before.
    pub(super) fn prev(&mut self) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.prev(),
            Source::Run(run) => run.prev()?,
        }
        Ok(())
    }
}
