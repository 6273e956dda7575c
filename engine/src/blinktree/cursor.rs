//! Walking the keys of a tree in both directions, as of one sequence number.
//!
//! Not for: seeing several versions of a key.

#![allow(unsafe_code, reason = "kept addresses are turned into references")]

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::entry::EntryPtr;
use super::node::NodePtr;
use super::tree::{Chain, Spot, Tree, Version};
use super::version::VersionPtr;

/// A place among the keys that have a version committed at or before [`Cursor::at`].
///
/// It stands on such a key (it is *valid*), or nowhere: at first, and after moving off either end.
/// It keeps the tree's memory. Seeking costs O(log n), a step O(1) plus the keys skipped, and
/// O(log n) once per leaf when going back; nothing allocates.
#[derive(Clone)]
pub struct Cursor {
    /// Keeps what `place` points to.
    tree: Arc<Tree>,
    at: u64,
    place: Option<Place>,
}

/// An entry of a tree, where it was seen, and its version as of the cursor's number.
#[derive(Clone, Copy)]
struct Place {
    leaf: NodePtr,
    slot: usize,
    entry: EntryPtr,
    version: VersionPtr,
}

impl Tree {
    /// A cursor over the keys that have a version committed at or before `at`; it stands nowhere
    /// yet.
    pub fn cursor(self: &Arc<Self>, at: u64) -> Cursor {
        Cursor { tree: Arc::clone(self), at, place: None }
    }
}

impl Cursor {
    /// The tree that it walks.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The sequence number that it reads as of.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether it stands on a key.
    #[inline]
    pub fn valid(&self) -> bool {
        self.place.is_some()
    }

    /// The key that it stands on; empty if it is not valid.
    #[inline]
    pub fn key(&self) -> &[u8] {
        debug_assert!(self.valid(), "a cursor that stands nowhere has no key");
        self.spot().map_or(&[], |spot| spot.entry.key())
    }

    /// The newest version of its key committed at or before [`Cursor::at`], if it is valid. A newer
    /// one that is committed under that number after the cursor came here is not seen.
    #[inline]
    pub fn version(&self) -> Option<Version<'_>> {
        let place = self.place?;
        // SAFETY: the version lies in the arena of `self.tree`, which `self` keeps.
        Some(unsafe { place.version.of() }.into())
    }

    /// The version of its key as [`Cursor::version`] gives it, and the older ones; none if it is
    /// not valid.
    pub fn chain(&self) -> Option<Chain<'_>> {
        let place = self.place?;
        // SAFETY: the version lies in the arena of `self.tree`, which `self` keeps.
        Some(unsafe { place.version.of() }.into())
    }

    /// Goes to the first key.
    pub fn seek_first(&mut self) {
        self.place = self.settle_forward(self.tree.first());
    }

    /// Goes to the last key.
    pub fn seek_last(&mut self) {
        self.place = self.settle_back(self.tree.last());
    }

    /// Goes to the first key that is not less than `key`.
    pub fn seek(&mut self, key: &[u8]) {
        self.place = self.settle_forward(self.tree.at_or_after(key));
        self.prefetch(1..3);
    }

    /// Has the processor fetch the entries in the slots so far behind its own.
    #[inline]
    fn prefetch(&self, ahead: Range<usize>) {
        if let Some(Spot { leaf, slot, .. }) = self.spot() {
            ahead.for_each(|ahead| leaf.prefetch(slot + ahead));
        }
    }

    /// Goes to the last key that is less than `key`.
    pub fn seek_back(&mut self, key: &[u8]) {
        self.place = self.settle_back(self.tree.before(key));
    }

    /// Goes to the last key that is not greater than `key`.
    pub fn seek_back_to(&mut self, key: &[u8]) {
        self.place = self.settle_back(self.tree.at_or_before(key));
    }

    /// Stands nowhere from now on.
    pub fn leave(&mut self) {
        self.place = None;
    }

    /// Goes to the next key. A cursor that stands nowhere stays there.
    #[inline]
    pub fn next(&mut self) {
        let next = self.spot().and_then(|spot| self.tree.next_of(spot));
        self.place = self.settle_forward(next);
        self.prefetch(2..3);
    }

    /// Goes to the key before. A cursor that stands nowhere stays there.
    #[inline]
    pub fn prev(&mut self) {
        let prev = self.spot().and_then(|spot| self.tree.prev_of(spot));
        self.place = self.settle_back(prev);
    }

    #[inline]
    fn spot(&self) -> Option<Spot<'_>> {
        let Place { leaf, slot, entry, .. } = self.place?;
        // SAFETY: both lie in the arena of `self.tree`, which `self` keeps.
        Some(unsafe { Spot { leaf: leaf.of(), slot, entry: entry.of() } })
    }

    /// The first visible place at `spot` or after it.
    #[inline]
    fn settle_forward<'a>(&'a self, mut spot: Option<Spot<'a>>) -> Option<Place> {
        loop {
            let found = spot?;
            if let Some(place) = self.visible(found) {
                return Some(place);
            }
            spot = self.tree.next_of(found);
        }
    }

    /// The last visible place at `spot` or before it.
    #[inline]
    fn settle_back<'a>(&'a self, mut spot: Option<Spot<'a>>) -> Option<Place> {
        loop {
            let found = spot?;
            if let Some(place) = self.visible(found) {
                return Some(place);
            }
            spot = self.tree.prev_of(found);
        }
    }

    #[inline]
    fn visible(&self, Spot { leaf, slot, entry }: Spot<'_>) -> Option<Place> {
        let version = entry.visible(self.at)?.ptr();
        Some(Place { leaf: leaf.ptr(), slot, entry: entry.ptr(), version })
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.spot().map(|spot| spot.entry.key());
        f.debug_struct("Cursor").field("at", &self.at).field("key", &key).finish_non_exhaustive()
    }
}
