//! The key of a search.
//!
//! Not for: where it is.

use super::digest::Digests;
use super::entry::EntryRef;

/// Which side of the wanted key a search is about, should the tree have that key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// Between the smaller keys and the key itself.
    Before,
    /// Between the key itself and the greater ones.
    After,
}

/// A gap between keys: at one edge of a key that need not be there.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'k> {
    pub(super) key: &'k [u8],
    pub(super) digest: u64,
    pub(super) edge: Edge,
}

impl<'k> Wanted<'k> {
    #[inline]
    pub(super) fn new(key: &'k [u8], edge: Edge, digests: &Digests) -> Wanted<'k> {
        Wanted { key, digest: digests.of(key), edge }
    }

    /// Whether the gap lies behind an entry.
    #[inline]
    pub(super) fn is_behind(&self, entry: EntryRef<'_>, digest: u64) -> bool {
        if digest != self.digest {
            return digest < self.digest;
        }
        match self.edge {
            Edge::Before => entry.key() < self.key,
            Edge::After => entry.key() <= self.key,
        }
    }
}
