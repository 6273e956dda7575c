//! Nodes of the tree: sorted slots that a reader may search while the writer shifts them.
//!
//! ```text
//!   64-byte lines:  low, low_digest, next, level, used | slot 0 | slot 1 | ... | slot 29
//!   a slot:         digest: 8 | target (pointer): an entry in a leaf (level 0), else a node
//! ```
//!
//! A slot of an inner node stands for the first key that its target may hold, `low`. A free slot
//! has no target and the greatest digest.
//!
//! Not for: finding the way from node to node, or deciding when to split.
//!
//! Invariants (readers see the writer's stores in order, invariant 3 of the tree)
//! 1. *The keys that a slot holds never grow.* Items are inserted by shifting those behind them to
//!    the right, the last one first: an item is in two slots for a moment, never in none. That
//!    slots are freed in between changes nothing: what fills them comes before all that was there.
//! 2. *A digest is never smaller than that of the target beside it.* The writer stores the target,
//!    then the digest; a reader loads the digest, then the target. The target that a reader gets is
//!    the one that it read the digest of, or one with a smaller key, or none.
//! 3. *A cut leaves nothing out of reach.* Before items are cut off, `next` leads to a node that
//!    has them. Then their slots are freed, the last one first, so that free slots are always the
//!    last ones. So who finds a free slot in place of an item finds the item to the right.
//! 4. *The greatest digest says nothing.* It is stored before its slot is freed, and is there until
//!    after it is filled again: then the target alone counts. A slot without a target has it, so a
//!    search that starts over between the two stores does not run into the same free slot again.
//! 5. A node's level and `low` never change. All keys in and below it are at or after `low`.
//! 6. What is not atomic in a node is written before its address is stored anywhere with `Release`.
//! 7. References carry the lifetime of a borrow of the arena's owner, which keeps their memory.

#![allow(unsafe_code, reason = "slots hold addresses")]

use std::array;
use std::cmp::Ordering;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::entry::{EntryPtr, EntryRef};
use super::sync::{
    AtomicPtr, AtomicU64,
    Ordering::{Acquire, Release},
};
use super::wanted::{Edge, Wanted};

/// Slots of a node: eight cache lines are fetched nearly as fast as one.
pub(super) const SLOTS: usize = if cfg!(loom) { 4 } else { 30 };
/// The digest of a free slot.
const DIGEST_FREE: u64 = u64::MAX;

/// Bytes of an entry that are fetched before it is looked at: key, first version, short value.
#[cfg(not(loom))]
const ENTRY_BYTES_FETCHED: usize = 192;

#[repr(C, align(64))]
pub(super) struct Node {
    low: EntryPtr,
    low_digest: u64,
    next: AtomicPtr<Node>,
    level: u8,
    /// Slots that are not free; for the writer alone.
    used: AtomicU8,
    slots: [Slot; SLOTS],
}

#[repr(C)]
struct Slot {
    digest: AtomicU64,
    target: AtomicPtr<u8>,
}

const _: () = assert!(cfg!(loom) || size_of::<Node>() == 512);

/// The address of a node, for keeping.
#[derive(Clone, Copy)]
pub(super) struct NodePtr(NonNull<Node>);

// SAFETY: it is an address; using it is unsafe, and says there what it takes.
unsafe impl Send for NodePtr {}
// SAFETY: as above.
unsafe impl Sync for NodePtr {}

impl NodePtr {
    /// The node.
    ///
    /// # Safety
    /// The node lies in an arena that lives for `'a`.
    #[inline]
    pub(super) unsafe fn of<'a>(self) -> &'a Node {
        // SAFETY: by the caller's word; plain fields do not change (invariant 6).
        unsafe { self.0.as_ref() }
    }
}

/// What a slot is to hold.
#[derive(Clone, Copy)]
pub(super) struct Item {
    digest: u64,
    target: NonNull<u8>,
}

impl Item {
    /// For a leaf.
    pub(super) fn entry(entry: EntryRef<'_>, digest: u64) -> Item {
        Item { digest, target: entry.raw().cast() }
    }

    /// For the level above `node`'s.
    pub(super) fn node(node: &Node) -> Item {
        Item { digest: node.low_digest, target: NonNull::from(node).cast() }
    }

    /// Where a node of `level` starts whose first item this is.
    ///
    /// # Safety
    /// The target lies in an arena that lives for `'a`, and is what `level` asks for.
    pub(super) unsafe fn starts<'a>(self, level: u8) -> (EntryRef<'a>, u64) {
        // SAFETY: by the caller's word.
        let low = unsafe {
            match level {
                0 => EntryRef::from_raw(self.target.cast()),
                _ => self.target.cast::<Node>().as_ref().low(),
            }
        };
        (low, self.digest)
    }
}

/// How what a slot holds compares with the wanted key.
pub(super) enum Found<'a> {
    Smaller,
    /// It, or in an inner node the `low` of it, has the key.
    Equal(EntryRef<'a>),
    Greater,
    /// There is no such slot, or it is free.
    End,
}

impl Node {
    /// A node that nobody knows of yet.
    ///
    /// # Safety
    /// `low`, and the targets of `items`, of which there are at most `SLOTS`, and `next` are null
    /// or lie in the arena that this node is written to, and are what `level` asks for.
    pub(super) unsafe fn new(
        level: u8,
        (low, low_digest): (EntryRef<'_>, u64),
        items: &[Item],
        next: Option<&Node>,
    ) -> Node {
        assert!(items.len() <= SLOTS, "a node has room for its items");
        let slots = array::from_fn(|at| {
            let (digest, target) = match items.get(at) {
                Some(item) => (item.digest, item.target.as_ptr()),
                None => (DIGEST_FREE, ptr::null_mut()),
            };
            Slot { digest: AtomicU64::new(digest), target: AtomicPtr::new(target) }
        });
        let used = AtomicU8::new(items.len() as u8);
        let next = next.map_or(ptr::null_mut(), |next| ptr::from_ref(next).cast_mut());
        Node { low: low.ptr(), low_digest, next: AtomicPtr::new(next), level, used, slots }
    }

    /// The address.
    #[inline]
    pub(super) fn ptr(&self) -> NodePtr {
        NodePtr(NonNull::from(self))
    }

    /// Height above the leaves, which are at 0.
    #[inline]
    pub(super) fn level(&self) -> u8 {
        self.level
    }

    /// The first key that may be in or below the node.
    #[inline]
    pub(super) fn low(&self) -> EntryRef<'_> {
        // SAFETY: it lies in the arena of the node, which lives as long as the borrow of it.
        unsafe { self.low.of() }
    }

    /// `low`, as what a search compares with.
    #[inline]
    pub(super) fn starts(&self) -> (EntryRef<'_>, u64) {
        (self.low(), self.low_digest)
    }

    /// The node to the right, on the same level.
    #[inline]
    pub(super) fn next(&self) -> Option<&Node> {
        // SAFETY: it is null or a node in the arena of this one, complete when it was stored.
        unsafe { self.next.load(Acquire).as_ref() }
    }

    #[inline]
    fn target(&self, at: usize) -> *mut u8 {
        self.slots.get(at).map_or(ptr::null_mut(), |slot| slot.target.load(Acquire))
    }

    /// The entry in a slot of a leaf.
    #[inline]
    pub(super) fn entry(&self, at: usize) -> Option<EntryRef<'_>> {
        if self.level > 0 {
            return None;
        }
        let target = NonNull::new(self.target(at))?;
        // SAFETY: targets of a leaf are entries in its arena, complete when stored.
        Some(unsafe { EntryRef::from_raw(target.cast()) })
    }

    /// Has the processor fetch the entry in a slot of a leaf, if there is one.
    #[inline]
    pub(super) fn prefetch(&self, at: usize) {
        #[cfg(not(loom))]
        crate::env::os::prefetch(self.target(at), ENTRY_BYTES_FETCHED);
        #[cfg(loom)]
        let _ = at;
    }

    /// The node in a slot of an inner node.
    #[inline]
    pub(super) fn child(&self, at: usize) -> Option<&Node> {
        if self.level == 0 {
            return None;
        }
        // SAFETY: targets of inner nodes are null or nodes in its arena, complete when stored.
        unsafe { self.target(at).cast::<Node>().as_ref() }
    }

    /// What a slot stands for.
    #[inline]
    fn key(&self, at: usize) -> Option<EntryRef<'_>> {
        if self.level == 0 { self.entry(at) } else { self.child(at).map(Node::low) }
    }

    /// Compares what a slot holds with the wanted key.
    #[inline]
    pub(super) fn look(&self, at: usize, wanted: &Wanted<'_>) -> Found<'_> {
        let Some(slot) = self.slots.get(at) else {
            return Found::End;
        };
        let digest = slot.digest.load(Acquire);
        // The greatest digest says nothing (invariant 4).
        if digest != DIGEST_FREE && digest != wanted.digest {
            return if digest < wanted.digest { Found::Smaller } else { Found::Greater };
        }
        let Some(entry) = self.key(at) else {
            return Found::End;
        };
        match entry.key().cmp(wanted.key) {
            Ordering::Less => Found::Smaller,
            Ordering::Equal => Found::Equal(entry),
            Ordering::Greater => Found::Greater,
        }
    }

    /// The first slot that does not come before the given edge of the wanted key, and how it
    /// compares with that key.
    ///
    /// All slots before it were smaller when they were looked at and so still are, or have been
    /// freed (invariants 1 and 3). A key that is in the node from before the call until after it is
    /// not passed over: it only moves to the right, and is looked at before any greater one.
    #[inline]
    pub(super) fn gap(&self, wanted: &Wanted<'_>, edge: Edge) -> (usize, Found<'_>) {
        // Counting all is faster than a binary search: the loads do not wait for each other.
        let mut at = self.count(|digest| digest < wanted.digest);
        if self.slots.get(at + 1).is_some_and(|s| s.digest.load(Acquire) == wanted.digest) {
            at = self.pass_ties(at, wanted, edge);
        }
        loop {
            match self.look(at, wanted) {
                Found::Smaller => at += 1,
                Found::Equal(_) if edge == Edge::After => at += 1,
                found => return (at, found),
            }
        }
    }

    /// Searches among the slots with the wanted digest, which start at `from`.
    #[cold]
    fn pass_ties(&self, from: usize, wanted: &Wanted<'_>, edge: Edge) -> usize {
        let (mut at, mut end) = (from, self.count(|digest| digest <= wanted.digest));
        while at < end {
            let middle = at.midpoint(end);
            match self.look(middle, wanted) {
                Found::Smaller => at = middle + 1,
                Found::Equal(_) if edge == Edge::After => at = middle + 1,
                _ => end = middle,
            }
        }
        at
    }

    #[inline]
    fn count(&self, is_counted: impl Fn(u64) -> bool) -> usize {
        self.slots.iter().map(|slot| usize::from(is_counted(slot.digest.load(Acquire)))).sum()
    }

    /// The last slot before the first free one.
    pub(super) fn last(&self) -> Option<usize> {
        let end = (0..SLOTS).find(|&at| self.target(at).is_null()).unwrap_or(SLOTS);
        end.checked_sub(1)
    }
}

/// What the writer alone does.
impl Node {
    /// Number of slots that are not free.
    pub(super) fn used(&self) -> usize {
        usize::from(self.used.load(Relaxed))
    }

    /// What a used slot holds.
    pub(super) fn item(&self, at: usize) -> Item {
        assert!(at < self.used(), "the slot is not free");
        let slot = &self.slots[at];
        let (digest, target) = (slot.digest.load(Relaxed), slot.target.load(Relaxed));
        // SAFETY: a slot that is not free has a target.
        Item { digest, target: unsafe { NonNull::new_unchecked(target) } }
    }

    fn set(&self, at: usize, digest: u64, target: *mut u8) {
        let slot = &self.slots[at];
        // The target before the digest (invariant 2).
        slot.target.store(target, Release);
        slot.digest.store(digest, Release);
    }

    /// Puts an item before slot `at`; the node is not full.
    ///
    /// # Safety
    /// The item's target lies in the arena of this node, and is what its level asks for.
    pub(super) unsafe fn insert(&self, at: usize, item: Item) {
        let used = self.used();
        assert!(at <= used && used < SLOTS, "a node has room for one more item");
        for from in (at..used).rev() {
            let Slot { digest, target } = &self.slots[from];
            self.set(from + 1, digest.load(Relaxed), target.load(Relaxed));
        }
        self.set(at, item.digest, item.target.as_ptr());
        self.used.store(used as u8 + 1, Relaxed);
    }

    /// Cuts off the items from slot `at` on, which are in `right`, a new node.
    ///
    /// # Safety
    /// `right` lies in the arena of this node, at the same level, and leads to this one's `next`.
    pub(super) unsafe fn cut(&self, at: usize, right: &Node) {
        // First the way to them, then the act, from the right (invariant 3).
        self.next.store(ptr::from_ref(right).cast_mut(), Release);
        for at in (at..self.used()).rev() {
            let Slot { digest, target } = &self.slots[at];
            // The digest before the target (invariant 4).
            digest.store(DIGEST_FREE, Release);
            target.store(ptr::null_mut(), Release);
        }
        self.used.store(at as u8, Relaxed);
    }
}
