//! Sorted sources of entries: a memtable, or what segments hold, and the range deletes of each.
//!
//! Not for: several sources at once (see [`merging`](super::merging)).

use cuesta_engine::blinktree::{self, LEANS};
use cuesta_engine::error::{Error, Result};

use super::cover::CoverCursor;
use super::kind::Kind;
use super::memtable::add_chain;
use super::operand::Pile;
use super::stored::{Covering, Walk};
use super::value::Value;

/// Steps towards a key before it is looked for.
const STEPS_BEFORE_SEEKING: usize = 4;

/// A sorted source of entries, one per key, and a place in it: on an entry or nowhere.
pub(crate) enum Source<W> {
    /// A memtable, as of some sequence number.
    Memtable(blinktree::Cursor),
    /// Segments.
    Stored(W),
}

impl<W: Walk> Source<W> {
    /// Bytes of memory held, besides memtables and the cache.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Source::Memtable(_) => 0,
            Source::Stored(walk) => walk.memory(),
        }
    }

    /// Whether it stands on an entry.
    #[inline]
    pub(crate) fn valid(&self) -> bool {
        match self {
            Source::Memtable(cursor) => cursor.valid(),
            Source::Stored(walk) => walk.valid(),
        }
    }

    /// The key that it stands on; empty when it stands nowhere.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        match self {
            Source::Memtable(cursor) => {
                if cursor.valid() {
                    cursor.key()
                } else {
                    &[]
                }
            }
            Source::Stored(walk) => walk.key(),
        }
    }

    /// What the entry says of its key.
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Source::Memtable(cursor) => match cursor.version() {
                // Memtables have no kinds but those of prepared operations.
                Some(version) => Kind::from_code(version.kind & !LEANS).unwrap_or(Kind::Put),
                None => Kind::Put,
            },
            Source::Stored(walk) => walk.kind(),
        }
    }

    /// The large value that the entry points to.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    pub(crate) fn large(&self) -> Result<Value> {
        match self {
            Source::Stored(walk) => walk.large(),
            Source::Memtable(_) => Err(Error::internal("an entry that points to nothing")),
        }
    }

    /// The bytes of the value, or of the pointer to it.
    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        match self {
            Source::Memtable(cursor) => cursor.version().map_or(&[], |version| version.value),
            Source::Stored(walk) => walk.value(),
        }
    }

    /// Adds what it says of the key that it stands on to what newer ones say; whether that leaves
    /// nothing open.
    ///
    /// # Errors
    /// `Corrupt` for an entry that makes no sense.
    pub(crate) fn add_to<'p>(&'p self, pile: &mut Pile<'p>) -> Result<bool> {
        match self {
            Source::Memtable(cursor) => match cursor.chain() {
                Some(mut chain) => add_chain(pile, &mut chain),
                None => Ok(false),
            },
            Source::Stored(_) if self.kind() == Kind::Blob => {
                pile.add_large(&self.large()?);
                Ok(true)
            }
            Source::Stored(_) => pile.add(self.kind(), self.value()),
        }
    }

    /// The value, to be kept.
    pub(crate) fn value_owned(&self) -> Value {
        match self {
            Source::Memtable(cursor) => Value::in_memtable(cursor.clone()),
            Source::Stored(walk) => walk.value_owned(),
        }
    }

    /// When the entry was committed, where that is known: in memtables.
    pub(crate) fn committed(&self) -> u64 {
        match self {
            Source::Memtable(cursor) => cursor.version().map_or(0, |version| version.seq),
            Source::Stored(_) => 0,
        }
    }

    /// Goes to the first entry.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io` from the segments.
    pub(crate) fn first(&mut self) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.seek_first(),
            Source::Stored(walk) => walk.first()?,
        }
        Ok(())
    }

    /// Goes to the last entry.
    pub(crate) fn last(&mut self) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.seek_last(),
            Source::Stored(walk) => walk.last()?,
        }
        Ok(())
    }

    /// Goes to the first entry at or after `key`.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.seek(key),
            Source::Stored(walk) => walk.seek(key)?,
        }
        Ok(())
    }

    /// Goes to the last entry before `key`.
    pub(crate) fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.seek_back(key),
            Source::Stored(walk) => walk.seek_before(key)?,
        }
        Ok(())
    }

    /// Goes forward to the first entry at or after `key`: by steps where it is near.
    pub(crate) fn pass_to(&mut self, key: &[u8]) -> Result<()> {
        for _ in 0..STEPS_BEFORE_SEEKING {
            self.next()?;
            if !self.valid() || self.key() >= key {
                return Ok(());
            }
        }
        self.seek(key)
    }

    /// Stands nowhere from now on.
    pub(crate) fn leave(&mut self) {
        match self {
            Source::Memtable(cursor) => cursor.leave(),
            Source::Stored(walk) => walk.leave(),
        }
    }

    /// Goes to the next entry.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.next(),
            Source::Stored(walk) => walk.next()?,
        }
        Ok(())
    }

    /// Goes to the entry before.
    pub(crate) fn prev(&mut self) -> Result<()> {
        match self {
            Source::Memtable(cursor) => cursor.prev(),
            Source::Stored(walk) => walk.prev()?,
        }
        Ok(())
    }
}

/// Range deletes of a source, and a place in them.
pub(crate) enum Deletes<W: Walk> {
    /// Of a memtable: they delete older versions in it, too.
    Memtable(Box<CoverCursor>),
    /// Of segments: they delete in older sources alone.
    Stored(W::Deletes),
}

impl<W: Walk> Deletes<W> {
    /// Whether `key` is deleted in older sources. Cheap for a key near the one asked about before.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io` from the segments.
    #[inline]
    pub(crate) fn cover(&mut self, key: &[u8]) -> Result<bool> {
        match self {
            Deletes::Memtable(cover) => Ok(cover.newest(key) > 0),
            Deletes::Stored(deletes) => deletes.cover(key),
        }
    }

    /// Whether the source's own version of `key`, committed at `seq`, is deleted.
    #[inline]
    pub(crate) fn cover_own(&mut self, key: &[u8], seq: u64) -> bool {
        match self {
            Deletes::Memtable(cover) => cover.newest(key) > seq,
            Deletes::Stored(_) => false,
        }
    }

    /// Where what is covered around the key asked about last, which is covered, ends; `None` is
    /// behind all keys.
    pub(crate) fn end(&mut self) -> Option<Vec<u8>> {
        match self {
            Deletes::Memtable(cover) => cover.end(),
            Deletes::Stored(deletes) => deletes.end(),
        }
    }

    /// Where it begins.
    pub(crate) fn start(&mut self) -> Vec<u8> {
        match self {
            Deletes::Memtable(cover) => cover.start(),
            Deletes::Stored(deletes) => deletes.start(),
        }
    }
}
