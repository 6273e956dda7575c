//! Nodes in an arena, and the only ways to walk them.
//!
//! ```text
//! a node and its first version are one piece of the arena:
//!
//!   Link h-1 ... Link 1 | Link 0 | Node            | key ... | pad | VersionHead | value ...
//!   next, digest        |        | newest, back,   |         |     |             |
//!   (of each level)     |        | key_len, height |         |     |             |
//!                                ^ pointers to the node point here
//! ```
//!
//! A later version of the key is a piece of its own. A link carries the digest of the node that it
//! points to, so most steps of a search are decided without touching that node.
//!
//! Not for: searching, or deciding what is linked where.
//!
//! Invariants
//! 1. What is not atomic in a node is written before its address is stored anywhere with `Release`,
//!    and never again. Addresses are loaded with `Acquire`.
//! 2. A link is only ever changed to point to a node with a smaller key (from nowhere: to any
//!    node), so the digests that it takes on never grow. The writer stores the pointer, then the
//!    digest; a reader loads the digest, then the pointer. So the node that a reader gets has a
//!    digest no greater than the one that it read. If that one is smaller than the wanted
//!    key's, the node's key is smaller, too. If it is greater, the reader goes down a level and can
//!    miss only a node that was being linked, whose versions are not published yet.
//! 3. A node is linked at all levels below its height, from the lowest up, and never unlinked.
//! 4. References carry the lifetime of a borrow of the arena's owner, which keeps their memory.

#![allow(unsafe_code, reason = "nodes of variable size lie in raw memory")]

use std::cmp;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use super::arena::{ALIGN, Arena};
use super::digest::Digests;
use super::sync::{
    AtomicPtr, AtomicU64,
    Ordering::{Acquire, Release},
};
use super::version::{VersionHead, VersionRef};

/// Height of the tallest node, and of the head.
pub(super) const HEIGHT_MAX: usize = if cfg!(loom) { 2 } else { 20 };
/// The digest in a link that points nowhere.
pub(super) const DIGEST_END: u64 = u64::MAX;

#[repr(C)]
pub(super) struct Link {
    pub(super) next: AtomicPtr<Node>,
    pub(super) digest: AtomicU64,
}

/// What a node starts with; the tower lies before it and the key behind it.
#[repr(C)]
pub(super) struct Node {
    pub(super) newest: AtomicPtr<VersionHead>,
    pub(super) back: AtomicPtr<Node>,
    pub(super) key_len: u32,
    pub(super) height: u8,
}

/// Where the key starts, in bytes from the start of the node: right behind the last field.
pub(super) const KEY_AT: usize = std::mem::offset_of!(Node, height) + 1;
const _: () = assert!(align_of::<Link>() <= ALIGN && align_of::<Node>() <= ALIGN);
const _: () = assert!(size_of::<Link>().is_multiple_of(ALIGN));

/// The address of a node, for keeping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct NodePtr(pub(super) NonNull<Node>);

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
    pub(super) unsafe fn of<'a>(self) -> NodeRef<'a> {
        NodeRef { node: self.0, arena: PhantomData }
    }
}

/// A node: a key and its chain of versions, newest first.
#[derive(Clone, Copy)]
pub(super) struct NodeRef<'a> {
    pub(super) node: NonNull<Node>,
    pub(super) arena: PhantomData<&'a Arena>,
}

impl<'a> NodeRef<'a> {
    #[inline]
    fn node(self) -> &'a Node {
        // SAFETY: a `NodeRef` points to a node that lives for `'a` (invariant 4) and whose plain
        // fields do not change (invariant 1).
        unsafe { self.node.as_ref() }
    }

    /// The key; the head's is empty and means nothing.
    #[inline]
    pub(super) fn key(self) -> &'a [u8] {
        let len = self.node().key_len as usize;
        // SAFETY: `create` wrote `key_len` bytes at `KEY_AT` before the node was published.
        unsafe { slice::from_raw_parts(self.node.cast::<u8>().add(KEY_AT).as_ptr(), len) }
    }

    /// Number of levels at which the node is linked.
    #[inline]
    pub(super) fn height(self) -> usize {
        usize::from(self.node().height)
    }

    /// The newest version; every node but the head has one.
    #[inline]
    pub(super) fn newest(self) -> Option<VersionRef<'a>> {
        let head = NonNull::new(self.node().newest.load(Acquire))?;
        Some(VersionRef { head, arena: PhantomData })
    }

    /// The newest version with a sequence number of at most `at`.
    #[inline]
    pub(super) fn visible(self, at: u64) -> Option<VersionRef<'a>> {
        let mut version = self.newest()?;
        while version.seq() > at {
            version = version.older()?;
        }
        Some(version)
    }

    /// Makes `newest` the first version of the chain. For the writer alone.
    ///
    /// # Safety
    /// Both lie in the same arena.
    pub(super) unsafe fn set_newest(self, newest: VersionRef<'a>) {
        self.node().newest.store(newest.head.as_ptr(), Release);
    }

    /// Some node before this one, as near as the writer last said; `None` for the head.
    #[inline]
    pub(super) fn back(self) -> Option<NodeRef<'a>> {
        let node = NonNull::new(self.node().back.load(Acquire))?;
        Some(NodeRef { node, arena: PhantomData })
    }

    /// Says that `back` is a node before this one. For the writer alone.
    ///
    /// # Safety
    /// Both lie in the same arena.
    pub(super) unsafe fn set_back(self, back: NodeRef<'a>) {
        self.node().back.store(back.node.as_ptr(), Release);
    }

    /// The node after this one.
    #[inline]
    pub(super) fn next(self) -> Option<NodeRef<'a>> {
        self.bottom().next().map(|rung| rung.of)
    }

    /// The node at its lowest level.
    #[inline]
    pub(super) fn bottom(self) -> Rung<'a> {
        Rung { of: self, level: 0 }
    }

    /// The node at `level`.
    ///
    /// # Safety
    /// The node is higher than `level`.
    #[inline]
    pub(super) unsafe fn rung(self, level: usize) -> Rung<'a> {
        debug_assert!(level < self.height(), "a rung lies within its node's tower");
        Rung { of: self, level }
    }

    /// The address.
    #[inline]
    pub(super) fn ptr(self) -> NodePtr {
        NodePtr(self.node)
    }
}

impl PartialEq for NodeRef<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

/// A node at one of its levels: the level is below the node's height.
#[derive(Clone, Copy)]
pub(super) struct Rung<'a> {
    of: NodeRef<'a>,
    level: usize,
}

/// Where a search goes from a rung.
pub(super) enum Step<'a> {
    /// The next node's key is smaller: go there.
    Forward(Rung<'a>),
    /// The next node has the key.
    Found(NodeRef<'a>),
    /// The next node's key is greater, or there is none.
    Down,
}

impl<'a> Rung<'a> {
    #[inline]
    pub(super) fn link(self) -> &'a Link {
        // SAFETY: `Link`s lie before the node, that of level 0 last, `height` of them; the level is
        // below the height.
        unsafe { self.of.node.cast::<Link>().sub(self.level + 1).as_ref() }
    }

    /// The node.
    #[inline]
    pub(super) fn node(self) -> NodeRef<'a> {
        self.of
    }

    /// The level.
    #[inline]
    pub(super) fn level(self) -> usize {
        self.level
    }

    /// The same node one level lower, unless this is the lowest.
    #[inline]
    pub(super) fn below(self) -> Option<Rung<'a>> {
        let level = self.level.checked_sub(1)?;
        Some(Rung { of: self.of, level })
    }

    /// The next node at this level.
    #[inline]
    pub(super) fn next(self) -> Option<Rung<'a>> {
        let node = NonNull::new(self.link().next.load(Acquire))?;
        // A node linked at a level is higher than it (invariant 3).
        Some(Rung { of: NodeRef { node, arena: PhantomData }, level: self.level })
    }

    /// Compares the next node's key with the wanted one.
    #[inline]
    pub(super) fn step(self, wanted: &mut Wanted<'_>) -> Step<'a> {
        let link = self.link();
        // The digest before the pointer (invariant 2).
        let digest = link.digest.load(Acquire);
        if digest > wanted.digest {
            return Step::Down;
        }
        let Some(next) = self.next() else {
            return Step::Down;
        };
        if digest < wanted.digest {
            return Step::Forward(next);
        }
        if next.of.node.as_ptr() == wanted.greater {
            return Step::Down;
        }
        match next.of.key().cmp(wanted.key) {
            cmp::Ordering::Less => Step::Forward(next),
            cmp::Ordering::Equal => Step::Found(next.of),
            cmp::Ordering::Greater => {
                wanted.greater = next.of.node.as_ptr();
                Step::Down
            }
        }
    }
}

/// The key of a search.
pub(super) struct Wanted<'k> {
    pub(super) key: &'k [u8],
    pub(super) digest: u64,
    /// A node with the same digest that proved to have a greater key.
    greater: *mut Node,
}

impl<'k> Wanted<'k> {
    #[inline]
    pub(super) fn new(key: &'k [u8], digests: &Digests) -> Wanted<'k> {
        Wanted { key, digest: digests.of(key), greater: ptr::null_mut() }
    }
}
