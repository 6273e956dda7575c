//! The read half: an ordered map from keys to chains of versions, read without locks.
//!
//! Not for: changing anything (that is [`Writer`](super::Writer)), or knowing which sequence
//! numbers are published.

#![allow(unsafe_code, reason = "kept addresses are turned into references")]

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::arena::Arena;
use super::builder::Builder;
use super::digest::Digests;
use super::entry::EntryRef;
use super::node::{Found, Node, NodePtr};
use super::sync::{
    AtomicPtr, AtomicU64,
    Ordering::{Acquire, Release},
};
use super::version::VersionRef;
use super::wanted::{Edge, Wanted};

/// One version of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// When it was committed.
    pub seq: u64,
    /// What its writer called it; the tree does not look at it.
    pub kind: u8,
    /// Its bytes.
    pub value: &'a [u8],
}

impl<'a> From<VersionRef<'a>> for Version<'a> {
    #[inline]
    fn from(version: VersionRef<'a>) -> Version<'a> {
        Version { seq: version.seq(), kind: version.kind(), value: version.value() }
    }
}

/// Versions of one key, newest first, with those left out that were pruned.
///
/// What a version leans on is there: it leaves the chain only after that version did, which then
/// still leads to it.
#[derive(Clone)]
pub struct Chain<'a> {
    next: Option<VersionRef<'a>>,
}

impl<'a> From<VersionRef<'a>> for Chain<'a> {
    fn from(version: VersionRef<'a>) -> Chain<'a> {
        Chain { next: Some(version) }
    }
}

impl<'a> Iterator for Chain<'a> {
    type Item = Version<'a>;

    fn next(&mut self) -> Option<Version<'a>> {
        let version = self.next?;
        self.next = version.older();
        Some(version.into())
    }
}

/// The read half of a tree. Any number of threads may read while the writer inserts.
///
/// A reader names the sequence number `at` that it reads as of, and sees every insertion with a
/// number of at most `at` that happened before the read. Unless `at` is pinned (see
/// [`Horizon`](super::Horizon)), it must check after each look-up that [`Tree::pruned_to`] is no
/// greater than `at`.
pub struct Tree {
    /// Keeps what `first` and `root` and all that hangs on them point to.
    pub(super) arena: Arena,
    /// The leftmost leaf, for ever.
    first: NodePtr,
    root: AtomicPtr<Node>,
    pub(super) digests: Digests,
    pub(super) keys: AtomicUsize,
    pub(super) pruned_to: AtomicU64,
}

/// An entry, and where in which leaf it was seen.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) leaf: &'a Node,
    pub(super) slot: usize,
    pub(super) entry: EntryRef<'a>,
}

impl Tree {
    /// An empty tree and what builds its nodes.
    pub(super) fn new(prefix: &[u8]) -> (Tree, Builder) {
        let (arena, mut builder, digests) =
            (Arena::default(), Builder::new(), Digests::new(prefix));
        // SAFETY: the builder is the only one for this arena; a leaf without items asks for none.
        let first = unsafe {
            let low = (builder.bare_entry(&arena, &[]), digests.of(&[]));
            builder.node(&arena, 0, low, &[], None)
        };
        let root = AtomicPtr::new(std::ptr::from_ref(first).cast_mut());
        let first = first.ptr();
        let (keys, pruned_to) = (AtomicUsize::new(0), AtomicU64::new(0));
        (Tree { arena, first, root, digests, keys, pruned_to }, builder)
    }

    /// The newest version of `key` committed at or before `at`. O(log n), no allocation.
    pub fn get(&self, key: &[u8], at: u64) -> Option<Version<'_>> {
        match self.locate(&Wanted::new(key, Edge::After, &self.digests)) {
            (_, _, Found::Equal(entry)) => entry.visible(at).map(Version::from),
            _ => None,
        }
    }

    /// The versions of `key` committed at or before `at`, newest first; `None` when there is none.
    /// O(log n), no allocation.
    pub fn chain(&self, key: &[u8], at: u64) -> Option<Chain<'_>> {
        match self.locate(&Wanted::new(key, Edge::After, &self.digests)) {
            (_, _, Found::Equal(entry)) => entry.visible(at).map(Chain::from),
            _ => None,
        }
    }

    /// The newest version committed at or before `at` of the last key not greater than `key` that
    /// has one. O(log n) and the keys skipped, no allocation.
    pub fn get_at_or_before(&self, key: &[u8], at: u64) -> Option<Version<'_>> {
        let mut spot = self.at_or_before(key);
        loop {
            let found = spot?;
            if let Some(version) = found.entry.visible(at) {
                return Some(version.into());
            }
            spot = self.prev_of(found);
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.load(Relaxed)
    }

    /// Whether nothing was inserted yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated.
    pub fn memory(&self) -> usize {
        self.arena.allocated()
    }

    /// Answers as of a sequence number below this one may lack versions that a pin would have
    /// kept. Never shrinks; to be checked after a look-up, not before it.
    pub fn pruned_to(&self) -> u64 {
        self.pruned_to.load(Acquire)
    }

    #[inline]
    pub(super) fn root(&self) -> &Node {
        // SAFETY: the root is a node in `self.arena`, complete when its address was stored.
        unsafe { &*self.root.load(Acquire) }
    }

    /// Puts a new root above the old one. For the writer alone.
    ///
    /// # Safety
    /// `root` lies in the arena of this tree.
    pub(super) unsafe fn set_root(&self, root: &Node) {
        self.root.store(std::ptr::from_ref(root).cast_mut(), Release);
    }

    /// The leaf of the gap, the first slot there that is not smaller than the wanted key, and how
    /// it compares. With [`Edge::After`], the key is not missed if it was there before the call.
    #[inline]
    pub(super) fn locate(&self, wanted: &Wanted<'_>) -> (&Node, usize, Found<'_>) {
        self.descend(wanted, 0)
    }

    /// The node of the gap at `level`, and the first slot there behind the gap (in a leaf: not
    /// smaller than the wanted key).
    #[inline]
    pub(super) fn descend(&self, wanted: &Wanted<'_>, level: u8) -> (&Node, usize, Found<'_>) {
        let mut node = self.root();
        loop {
            let is_leaf = node.level() == 0;
            let (slot, found) = node.gap(wanted, if is_leaf { Edge::Before } else { wanted.edge });
            if let Found::End = found
                && let Some(right) = node.next()
                && wanted.is_behind_start(right)
            {
                // The node was split after the way to it was read.
                node = right;
                continue;
            }
            if node.level() == level {
                return (node, slot, found);
            }
            // The gap lies behind the first slot, as it lies behind `low`. A slot that was freed
            // had a smaller key, so that where its item went leads there, too.
            let below = node.child(slot.saturating_sub(1)).or_else(|| node.next());
            node = below.unwrap_or(node);
        }
    }

    /// The first entry.
    pub(super) fn first(&self) -> Option<Spot<'_>> {
        // SAFETY: the leaf lies in `self.arena`, which lives as long as the borrow of `self`.
        let leaf: &Node = unsafe { self.first.of() };
        Some(Spot { leaf, slot: 0, entry: leaf.entry(0)? })
    }

    /// The last entry.
    pub(super) fn last(&self) -> Option<Spot<'_>> {
        let mut node = self.root();
        loop {
            let slot = node.last()?;
            let (entry, child) = (node.entry(slot), node.child(slot));
            node = match (node.next(), child, entry) {
                (Some(right), _, _) => right,
                (None, Some(child), _) => child,
                (None, None, Some(entry)) => {
                    let mut last = Spot { leaf: node, slot, entry };
                    // The writer may have shifted entries past this slot.
                    while let Some(next) = self.next_of(last) {
                        last = next;
                    }
                    return Some(last);
                }
                // Freed just now, so that there is a next one by now.
                (None, None, None) => node,
            };
        }
    }

    /// The first entry whose key is not less than `key`.
    pub(super) fn at_or_after(&self, key: &[u8]) -> Option<Spot<'_>> {
        let wanted = Wanted::new(key, Edge::After, &self.digests);
        loop {
            let (leaf, mut slot, found) = self.locate(&wanted);
            if let Found::Equal(entry) = found {
                return Some(Spot { leaf, slot, entry });
            }
            // The writer may have put smaller keys here since.
            while let Some(entry) = leaf.entry(slot) {
                if entry.key() >= key {
                    return Some(Spot { leaf, slot, entry });
                }
                slot += 1;
            }
            let right = leaf.next()?;
            if right.low().key() >= key {
                return Some(Spot { leaf: right, slot: 0, entry: right.low() });
            }
        }
    }

    /// The last entry whose key is less than `key`.
    pub(super) fn before(&self, key: &[u8]) -> Option<Spot<'_>> {
        let wanted = Wanted::new(key, Edge::Before, &self.digests);
        loop {
            let (leaf, behind, _) = self.locate(&wanted);
            // Only the leftmost leaf has nothing before the gap.
            let slot = behind.checked_sub(1)?;
            let entry = leaf.entry(slot);
            // What is behind the gap still is, so nothing was shifted there from before it.
            let holds = match leaf.look(behind, &wanted) {
                Found::Smaller => false,
                Found::Equal(_) | Found::Greater => true,
                Found::End => leaf.next().is_none_or(|right| !wanted.is_behind_start(right)),
            };
            if let (Some(entry), true) = (entry, holds) {
                return Some(Spot { leaf, slot, entry });
            }
        }
    }

    /// The last entry whose key is not greater than `key`.
    pub(super) fn at_or_before(&self, key: &[u8]) -> Option<Spot<'_>> {
        match self.locate(&Wanted::new(key, Edge::After, &self.digests)) {
            (leaf, slot, Found::Equal(entry)) => Some(Spot { leaf, slot, entry }),
            _ => self.before(key),
        }
    }

    /// The entry after that of `spot`.
    #[inline]
    pub(super) fn next_of<'a>(&'a self, mut spot: Spot<'a>) -> Option<Spot<'a>> {
        loop {
            let Spot { leaf, slot, entry } = spot;
            let next = leaf.entry(slot + 1);
            // Only if the entry is still there is this the one after it.
            if leaf.entry(slot) != Some(entry) {
                spot = self.find(spot);
                continue;
            }
            match next {
                // It is being shifted.
                Some(next) if next == entry => spot.slot += 1,
                Some(next) => return Some(Spot { leaf, slot: slot + 1, entry: next }),
                None => {
                    let right = leaf.next()?;
                    if right.low().key() > entry.key() {
                        return Some(Spot { leaf: right, slot: 0, entry: right.low() });
                    }
                    // It is moving there.
                    spot = self.find(Spot { leaf: right, slot: 0, entry });
                }
            }
        }
    }

    /// The entry before that of `spot`.
    #[inline]
    pub(super) fn prev_of<'a>(&'a self, mut spot: Spot<'a>) -> Option<Spot<'a>> {
        loop {
            let Spot { leaf, slot, entry } = spot;
            let Some(below) = slot.checked_sub(1) else {
                return self.before(entry.key());
            };
            let before = leaf.entry(below);
            // Only if the entry is still there is this the one before it.
            if leaf.entry(slot) != Some(entry) {
                spot = self.find(spot);
                continue;
            }
            match before {
                // It is being shifted.
                Some(before) if before == entry => spot.slot = below,
                Some(before) => return Some(Spot { leaf, slot: below, entry: before }),
                // It is moving to the right.
                None => return self.before(entry.key()),
            }
        }
    }

    /// Where the entry of `spot` is now.
    #[cold]
    fn find<'a>(&'a self, spot: Spot<'a>) -> Spot<'a> {
        let Spot { leaf, slot, entry } = spot;
        let mut shifted = slot..super::node::SLOTS;
        if let Some(slot) = shifted.find(|&slot| leaf.entry(slot) == Some(entry)) {
            return Spot { leaf, slot, entry };
        }
        let (leaf, slot, _) = self.locate(&Wanted::new(entry.key(), Edge::After, &self.digests));
        Spot { leaf, slot, entry }
    }
}

impl Wanted<'_> {
    /// Whether the gap lies in `node` or to the right of it.
    #[inline]
    pub(super) fn is_behind_start(&self, node: &Node) -> bool {
        let (low, digest) = node.starts();
        self.is_behind(low, digest)
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("keys", &self.len())
            .field("memory", &self.memory())
            .field("pruned_to", &self.pruned_to())
            .finish_non_exhaustive()
    }
}
