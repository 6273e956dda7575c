//! What an index type of ordered keys brings along: how its segments are asked and walked over.

use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::index::{IndexType, Services};

use super::kind::Kind;
use super::memtable::{Memtable, Writer};
use super::operand::Rules;
use super::value::Value;

/// An index type of ordered keys.
pub trait Ordered: IndexType<Writer = Writer, Memtable = Memtable> {
    /// A walk over segments.
    type Walk: Walk;
    /// An entry of a segment.
    type Found<'s>: Found;

    /// How its values change by themselves.
    fn rules(&self) -> &Arc<Rules>;

    /// What the engine lends it.
    fn services(&self) -> &Services;

    /// The newest entry of `key` in segments, unless newer range deletes of segments hide it.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    fn find<'s>(&self, layout: &'s Self::Layout, key: &[u8]) -> Result<Option<Self::Found<'s>>>;

    /// Adds the entries of `key` in segments, newest first, up to the first one that is no merge,
    /// or that a range delete of segments hides.
    ///
    /// # Errors
    /// As [`Ordered::find`].
    fn find_all<'s>(
        &self,
        layout: &'s Self::Layout,
        key: &[u8],
        found: &mut Vec<Self::Found<'s>>,
    ) -> Result<()>;

    /// Adds walks over what of the segments may lie within the bounds, newest first; returns for
    /// how many memory is to be set aside.
    fn walks(
        layout: &Self::Layout,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        walks: &mut dyn FnMut(Self::Walk, Option<<Self::Walk as Walk>::Deletes>),
    ) -> usize;

    /// The first and the last key of a segment that a bulk load has written, by what the manifest
    /// is to keep of it.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported`.
    fn keys(detail: &[u8]) -> Result<(&[u8], &[u8])>;

    /// Bytes of memory that a walk may hold.
    fn walk_bytes(&self) -> usize;
}

/// An entry that was found in a segment.
pub trait Found {
    /// What it says of its key.
    fn kind(&self) -> Kind;

    /// The stored bytes; of a large value, where it lies.
    fn bytes(&self) -> &[u8];

    /// Takes the expiry off the front.
    ///
    /// # Errors
    /// `Corrupt` when there is none.
    fn take_expiry(&mut self) -> Result<u64>;

    /// The value, to be kept.
    fn into_value(self) -> Value;

    /// The large value that it points to.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    fn large(&self) -> Result<Value>;
}

/// A walk over sorted entries, one per key: on an entry, or nowhere.
pub trait Walk {
    /// Range deletes that come with the entries.
    type Deletes: Covering;

    /// Bytes of memory held, besides the cache.
    fn memory(&self) -> usize;

    /// Whether it stands on an entry.
    fn valid(&self) -> bool;

    /// The key that it stands on; empty when it stands nowhere.
    fn key(&self) -> &[u8];

    /// What the entry says of its key.
    fn kind(&self) -> Kind;

    /// The stored bytes; of a large value, where it lies.
    fn value(&self) -> &[u8];

    /// The stored bytes, to be kept.
    fn value_owned(&self) -> Value;

    /// The large value that the entry points to.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    fn large(&self) -> Result<Value>;

    /// Goes to the first entry.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io`.
    fn first(&mut self) -> Result<()>;

    /// Goes to the last entry.
    fn last(&mut self) -> Result<()>;

    /// Goes to the first entry at or after `key`.
    fn seek(&mut self, key: &[u8]) -> Result<()>;

    /// Goes to the last entry before `key`.
    fn seek_before(&mut self, key: &[u8]) -> Result<()>;

    /// Goes to the next entry.
    fn next(&mut self) -> Result<()>;

    /// Goes to the entry before.
    fn prev(&mut self) -> Result<()>;

    /// Stands nowhere from now on.
    fn leave(&mut self);
}

/// Range deletes of segments: they delete in older sources alone.
pub trait Covering {
    /// Whether `key` is deleted in older sources. Cheap for a key near the one asked about before.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    fn cover(&mut self, key: &[u8]) -> Result<bool>;

    /// Where what is covered around the key asked about last, which is covered, begins.
    fn start(&self) -> Vec<u8>;

    /// Where it ends; `None` is behind all keys.
    fn end(&self) -> Option<Vec<u8>>;
}

/// No range deletes: of index types that do without.
impl Covering for std::convert::Infallible {
    fn cover(&mut self, _key: &[u8]) -> Result<bool> {
        match *self {}
    }

    fn start(&self) -> Vec<u8> {
        match *self {}
    }

    fn end(&self) -> Option<Vec<u8>> {
        match *self {}
    }
}
