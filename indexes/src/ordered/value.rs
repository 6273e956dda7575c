//! Values handed out without a copy.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use cuesta_engine::blinktree;
use cuesta_engine::env::Map;

/// Bytes of a value, kept alive by what they lie in: a mapped file, a cached block, a memtable,
/// or memory of their own. Cloning shares them.
///
/// A value outlives the view it was read from, and keeps the whole file, block or memtable from
/// being freed as long as it lives: copy what is kept for long.
#[derive(Clone)]
pub struct Value {
    owner: Owner,
    start: usize,
    len: usize,
}

#[derive(Clone)]
enum Owner {
    Map(Map),
    Block(Arc<[u8]>),
    Memtable(blinktree::Cursor),
}

impl Value {
    /// `len` bytes at `start` of a mapped file; none, if they do not lie within it.
    pub(crate) fn mapped(map: Map, start: usize, len: usize) -> Value {
        Value { owner: Owner::Map(map), start, len }
    }

    /// The value that a memtable's cursor stands on; none, if it stands nowhere.
    pub(crate) fn in_memtable(cursor: blinktree::Cursor) -> Value {
        let len = cursor.version().map_or(0, |version| version.value.len());
        Value { owner: Owner::Memtable(cursor), start: 0, len }
    }

    /// All but the first `count` bytes; none, if there are not so many.
    pub(crate) fn skip(mut self, count: usize) -> Value {
        let count = count.min(self.len);
        (self.start, self.len) = (self.start + count, self.len - count);
        self
    }

    /// `len` bytes at `start` of a block; none, if they do not lie within it.
    pub(crate) fn in_block(block: Arc<[u8]>, start: usize, len: usize) -> Value {
        Value { owner: Owner::Block(block), start, len }
    }
}

impl From<&[u8]> for Value {
    /// A copy of the bytes.
    fn from(bytes: &[u8]) -> Value {
        Value { owner: Owner::Block(bytes.into()), start: 0, len: bytes.len() }
    }
}

impl From<Arc<[u8]>> for Value {
    fn from(bytes: Arc<[u8]>) -> Value {
        let len = bytes.len();
        Value { owner: Owner::Block(bytes), start: 0, len }
    }
}

impl Deref for Value {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.owner {
            Owner::Map(map) => map,
            Owner::Block(block) => block,
            Owner::Memtable(cursor) => cursor.version().map_or(&[], |version| version.value),
        };
        all.get(self.start..self.start + self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}

impl<B: AsRef<[u8]> + ?Sized> PartialEq<B> for Value {
    fn eq(&self, other: &B) -> bool {
        **self == *other.as_ref()
    }
}

impl Eq for Value {}
