//! Making nodes and versions, and linking them: what the writer alone does to the arena.
//!
//! Not for: finding where a node belongs.
//!
//! Invariants: those of `node.rs` and `version.rs`, which this file upholds.

#![allow(unsafe_code, reason = "nodes of variable size are written to raw memory")]

use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use super::arena::{ALIGN, Arena, Bump};
use super::node::{DIGEST_END, HEIGHT_MAX, KEY_AT, Link, Node, NodePtr, NodeRef, Wanted};
use super::sync::{
    AtomicPtr, AtomicU64,
    Ordering::{Relaxed, Release},
};
use super::version::{VersionHead, VersionRef, checked_len, version_bytes};

/// Creates nodes and versions in one arena, and links them. There is one per list, held by the
/// writer.
pub(super) struct Builder {
    bump: Bump,
}

impl Builder {
    /// A builder, and the head of a new list: a node of full height before all keys.
    pub(super) fn new(arena: &Arena) -> (Builder, NodePtr) {
        let mut builder = Builder { bump: Bump::new() };
        let piece = builder.bump.take(arena, node_bytes(HEIGHT_MAX, &[]));
        let tower = [(ptr::null_mut(), DIGEST_END); HEIGHT_MAX];
        // SAFETY: the piece was made for this height and key.
        let head = unsafe { create_node(piece, &[], &tower, ptr::null_mut(), ptr::null_mut()) };
        (builder, head.ptr())
    }

    /// Bytes taken from the arena so far.
    pub(super) fn taken(&self) -> usize {
        self.bump.taken()
    }

    /// A version that is in no chain yet.
    ///
    /// # Safety
    /// `arena` is the one that this builder was made for.
    pub(super) unsafe fn version<'a>(
        &mut self,
        arena: &'a Arena,
        at: u64,
        kind: u8,
        value: &[u8],
    ) -> VersionRef<'a> {
        let piece = self.bump.take(arena, version_bytes(value));
        // SAFETY: the piece has the size asked for, is aligned, and is nobody else's.
        unsafe { VersionRef::create(piece, at, kind, value) }
    }

    /// Links a new node with one version behind `before`, which has, per level of the new node, the
    /// last node with a smaller key; the next node at that level has a greater key.
    ///
    /// # Safety
    /// `arena` is the one that this builder was made for. All nodes of `before` lie in it, and are
    /// as high as their place in `before` asks.
    pub(super) unsafe fn link<'a>(
        &mut self,
        arena: &'a Arena,
        before: &[NodePtr],
        wanted: &Wanted<'_>,
        (at, kind, value): (u64, u8, &[u8]),
    ) -> NodeRef<'a> {
        let key = wanted.key;
        let node_bytes = node_bytes(before.len(), key);
        let piece = self.bump.take(arena, node_bytes + version_bytes(value));
        let mut tower = [(ptr::null_mut(), DIGEST_END); HEIGHT_MAX];
        let tower = &mut tower[..before.len()];
        for (level, (before, link)) in before.iter().zip(tower.iter_mut()).enumerate() {
            // SAFETY: by the caller's word.
            let before = unsafe { before.of::<'a>().rung(level) }.link();
            *link = (before.next.load(Relaxed), before.digest.load(Relaxed));
        }
        // SAFETY: the piece holds the node and behind it, aligned, the version; `before` has an
        // entry, as every node has a level, whose node lies in the arena by the caller's word.
        let node = unsafe {
            let version = VersionRef::create(piece.add(node_bytes), at, kind, value);
            create_node(piece, key, tower, before[0].0.as_ptr(), version.head.as_ptr())
        };
        for (level, before) in before.iter().enumerate() {
            // SAFETY: by the caller's word.
            let link = unsafe { before.of::<'a>().rung(level) }.link();
            // The pointer before the digest (invariant 2).
            link.next.store(node.node.as_ptr(), Release);
            link.digest.store(wanted.digest, Release);
        }
        if let Some(next) = node.next() {
            // SAFETY: both lie in `arena`.
            unsafe { next.set_back(node) };
        }
        node
    }
}

/// Writes a node without linking it.
///
/// # Safety
/// `piece` has [`node_bytes`] for this tower and key, aligned to [`ALIGN`], which nobody else uses,
/// in an arena that lives for `'a`. The pointers are null or to nodes and versions of that arena;
/// those of the tower to nodes higher than their place in it.
unsafe fn create_node<'a>(
    piece: NonNull<u8>,
    key: &[u8],
    tower: &[(*mut Node, u64)],
    back: *mut Node,
    newest: *mut VersionHead,
) -> NodeRef<'a> {
    let key_len = checked_len(key, "a key");
    let (newest, back) = (AtomicPtr::new(newest), AtomicPtr::new(back));
    // SAFETY: the piece has room for the tower, then the node, then the key, by the caller's word.
    // The bytes of the key overlap the padding of `Node` and are written after it.
    let node = unsafe {
        let node: NonNull<Node> = piece.cast::<Link>().add(tower.len()).cast();
        for (level, &(next, digest)) in tower.iter().enumerate() {
            let (next, digest) = (AtomicPtr::new(next), AtomicU64::new(digest));
            node.cast::<Link>().sub(level + 1).write(Link { next, digest });
        }
        node.write(Node { newest, back, key_len, height: tower.len() as u8 });
        let bytes = node.cast::<u8>().add(KEY_AT).as_ptr();
        ptr::copy_nonoverlapping(key.as_ptr(), bytes, key.len());
        node
    };
    NodeRef { node, arena: PhantomData }
}

/// Bytes of a node without its versions, up to where its first version may start.
fn node_bytes(height: usize, key: &[u8]) -> usize {
    let behind_tower = (KEY_AT + key.len()).max(size_of::<Node>());
    (height * size_of::<Link>() + behind_tower).next_multiple_of(ALIGN)
}
