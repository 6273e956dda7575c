//! Making entries, versions and nodes in an arena.
//!
//! Not for: linking them anywhere.

#![allow(unsafe_code, reason = "what is made is written to raw memory")]

use std::ptr::NonNull;

use super::arena::{Arena, Bump};
use super::entry::{EntryRef, entry_bytes};
use super::node::{Item, Node};
use super::version::{VersionRef, version_bytes};

/// Sequence number, kind and value of a version to be made.
pub(super) type Content<'v> = (u64, u8, &'v [u8]);

/// Creates what lies in one arena. There is one per tree, held by the writer.
pub(super) struct Builder {
    bump: Bump,
}

impl Builder {
    /// A builder for an arena that has no other one.
    pub(super) fn new() -> Builder {
        Builder { bump: Bump::new() }
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
        (at, kind, value): Content<'_>,
    ) -> VersionRef<'a> {
        let piece = self.bump.take(arena, version_bytes(value));
        // SAFETY: the piece has the size asked for, is aligned, and is nobody else's.
        unsafe { VersionRef::create(piece, at, kind, value) }
    }

    /// An entry without versions.
    ///
    /// # Safety
    /// `arena` is the one that this builder was made for.
    pub(super) unsafe fn bare_entry<'a>(&mut self, arena: &'a Arena, key: &[u8]) -> EntryRef<'a> {
        let piece = self.bump.take(arena, entry_bytes(key));
        // SAFETY: the piece has the size asked for, is aligned, and is nobody else's.
        unsafe { EntryRef::create(piece, key) }
    }

    /// An entry with one version, which lies behind it.
    ///
    /// # Safety
    /// `arena` is the one that this builder was made for.
    pub(super) unsafe fn entry<'a>(
        &mut self,
        arena: &'a Arena,
        key: &[u8],
        (at, kind, value): Content<'_>,
    ) -> EntryRef<'a> {
        let entry_bytes = entry_bytes(key);
        let piece = self.bump.take(arena, entry_bytes + version_bytes(value));
        // SAFETY: the piece holds the entry and behind it, aligned, the version.
        unsafe {
            let entry = EntryRef::create(piece, key);
            entry.set_newest(VersionRef::create(piece.add(entry_bytes), at, kind, value));
            entry
        }
    }

    /// A node that nobody knows of yet.
    ///
    /// # Safety
    /// `arena` is the one that this builder was made for. The rest is as for [`Node::new`], for
    /// this arena.
    pub(super) unsafe fn node<'a>(
        &mut self,
        arena: &'a Arena,
        level: u8,
        starts: (EntryRef<'a>, u64),
        items: &[Item],
        next: Option<&'a Node>,
    ) -> &'a Node {
        let piece = self.bump.take_aligned(arena, size_of::<Node>(), align_of::<Node>());
        let node: NonNull<Node> = piece.cast();
        // SAFETY: the piece has the size and alignment of a node, is nobody else's, and stays as
        // long as the arena; the rest is the caller's word.
        unsafe {
            node.write(Node::new(level, starts, items, next));
            node.as_ref()
        }
    }
}
