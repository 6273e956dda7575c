//! The read half: an ordered map from keys to chains of versions, read without locks.
//!
//! Not for: changing anything (that is [`Writer`](super::Writer)), or knowing which sequence
//! numbers are published.

#![allow(unsafe_code, reason = "the address of the head is turned into a reference")]

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::arena::Arena;
use super::builder::Builder;
use super::digest::Digests;
use super::node::{NodePtr, NodeRef, Rung, Step, Wanted};
use super::sync::{AtomicU64, Ordering::Acquire};
use super::version::VersionRef;

/// One version of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// When it was committed.
    pub seq: u64,
    /// What its writer called it; the list does not look at it.
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

/// The read half of a list. Any number of threads may read while the writer inserts.
///
/// A reader names the sequence number `at` that it reads as of, and sees every insertion with a
/// number of at most `at` that happened before the read. Unless `at` is pinned (see
/// [`Horizon`](super::Horizon)), it must check after each look-up that [`List::pruned_to`] is no
/// greater than `at`.
pub struct List {
    /// Keeps what `head` and all that hangs on it point to.
    pub(super) arena: Arena,
    pub(super) head: NodePtr,
    pub(super) digests: Digests,
    /// Levels in use; any value from 1 to `HEIGHT_MAX` gives right answers.
    pub(super) height: AtomicUsize,
    pub(super) keys: AtomicUsize,
    pub(super) pruned_to: AtomicU64,
}

impl List {
    /// An empty list and what builds its nodes.
    pub(super) fn new(prefix: &[u8]) -> (List, Builder) {
        let arena = Arena::default();
        let (builder, head) = Builder::new(&arena);
        let (height, keys) = (AtomicUsize::new(1), AtomicUsize::new(0));
        let (digests, pruned_to) = (Digests::new(prefix), AtomicU64::new(0));
        (List { arena, head, digests, height, keys, pruned_to }, builder)
    }

    /// The newest version of `key` committed at or before `at`. Expected O(log n), no allocation.
    pub fn get(&self, key: &[u8], at: u64) -> Option<Version<'_>> {
        let mut wanted = Wanted::new(key, &self.digests);
        let mut rung = self.top();
        loop {
            match rung.step(&mut wanted) {
                Step::Forward(next) => rung = next,
                Step::Found(node) => return node.visible(at).map(Version::from),
                Step::Down => rung = rung.below()?,
            }
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
    pub(super) fn head(&self) -> NodeRef<'_> {
        // SAFETY: the head lies in `self.arena`, which lives as long as the borrow of `self`.
        unsafe { self.head.of() }
    }

    /// The head at the highest level in use.
    #[inline]
    pub(super) fn top(&self) -> Rung<'_> {
        // SAFETY: the head has the full height, and `height` is at least 1 and at most that.
        unsafe { self.head().rung(self.height.load(Relaxed) - 1) }
    }

    /// The last node with a key less than `key`, or the head.
    pub(super) fn before(&self, key: &[u8]) -> NodeRef<'_> {
        let mut wanted = Wanted::new(key, &self.digests);
        let mut rung = self.top();
        loop {
            match rung.step(&mut wanted) {
                Step::Forward(next) => rung = next,
                Step::Found(_) | Step::Down => match rung.below() {
                    Some(below) => rung = below,
                    None => return rung.node(),
                },
            }
        }
    }

    /// The last node, or the head.
    pub(super) fn last(&self) -> NodeRef<'_> {
        let mut rung = self.top();
        loop {
            if let Some(next) = rung.next() {
                rung = next;
                continue;
            }
            match rung.below() {
                Some(below) => rung = below,
                None => return rung.node(),
            }
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("keys", &self.len())
            .field("memory", &self.memory())
            .field("pruned_to", &self.pruned_to())
            .finish_non_exhaustive()
    }
}
