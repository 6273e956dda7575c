//! Memory with stable addresses: it only grows, and is freed at once, at the end.
//!
//! An [`Arena`] owns the chunks and frees them when it is dropped. A [`Bump`] cuts pieces off the
//! newest chunk; it belongs to the one writer, so cutting takes no atomic operation.
//!
//! ```text
//! Arena.newest ─> ┌───────┬──────────────────┐     ┌───────┬───────────────┐
//!                 │ Chunk │ pieces ...  free │ ──> │ Chunk │ pieces ...    │ ──> null
//!                 └───────┴──────────────────┘     └───────┴───────────────┘
//!                    header.older points to the chunk made before
//! ```
//!
//! Not for: freeing single pieces, or running destructors of what lies in them.
//!
//! Invariants
//! 1. A piece never moves, and stays allocated until its arena is dropped.
//! 2. Pieces do not overlap, and start at a multiple of [`ALIGN`] or what was asked for.
//! 3. Only the holder of the `Bump` made for an arena adds chunks to it.

#![allow(unsafe_code, reason = "memory with stable addresses is cut from raw chunks")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Alignment of every piece.
pub(super) const ALIGN: usize = 8;
/// Size of the first chunk: an idle tree should cost little.
const CHUNK_BYTES_MIN: usize = 4 << 10;
/// Chunks double up to this size.
const CHUNK_BYTES_MAX: usize = 1 << 20;
/// Chunks start on a cache line, and so does what follows their headers.
const CHUNK_ALIGN: usize = 64;
const HEADER_BYTES: usize = size_of::<Chunk>().next_multiple_of(CHUNK_ALIGN);

/// Header of a chunk.
struct Chunk {
    older: *mut Chunk,
    layout: Layout,
}

/// Owner of the chunks.
#[derive(Default)]
pub(super) struct Arena {
    newest: AtomicPtr<Chunk>,
    allocated: AtomicUsize,
}

impl Arena {
    /// Bytes asked of the allocator so far.
    pub(super) fn allocated(&self) -> usize {
        self.allocated.load(Relaxed)
    }

    /// Allocates a chunk and returns the `usable` bytes behind its header.
    fn grow(&self, usable: usize) -> NonNull<u8> {
        let layout = usable
            .checked_add(HEADER_BYTES)
            .and_then(|size| Layout::from_size_align(size, CHUNK_ALIGN).ok());
        let Some(layout) = layout else {
            handle_alloc_error(Layout::new::<u8>());
        };
        // SAFETY: the layout has at least the size of a header, so it is not empty.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout);
        };
        let chunk: *mut Chunk = start.as_ptr().cast();
        // SAFETY: the allocation starts with room for a header and is aligned for one.
        unsafe { chunk.write(Chunk { older: self.newest.load(Relaxed), layout }) };
        // One writer adds chunks (invariant 3); the drop of an `Arc` orders this before ours.
        self.newest.store(chunk, Relaxed);
        self.allocated.fetch_add(layout.size(), Relaxed);
        // SAFETY: the header lies within the allocation, and `usable` bytes follow it.
        unsafe { start.add(HEADER_BYTES) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let mut chunk = *self.newest.get_mut();
        while !chunk.is_null() {
            // SAFETY: a chunk in the list was written by `grow` with the layout that it was
            // allocated with, and is freed once: `&mut self` shows that nobody else is left.
            unsafe {
                let Chunk { older, layout } = ptr::read(chunk);
                dealloc(chunk.cast(), layout);
                chunk = older;
            }
        }
    }
}

/// Cuts pieces off an arena's chunks.
pub(super) struct Bump {
    next: *mut u8,
    left: usize,
    chunk_bytes: usize,
    taken: usize,
}

// SAFETY: a `Bump` has the only pointer into the free part of its chunk, which stays allocated and
// may be written from any thread.
unsafe impl Send for Bump {}

impl Bump {
    /// Cuts pieces for an arena that has no other `Bump`.
    pub(super) fn new() -> Bump {
        Bump { next: ptr::null_mut(), left: 0, chunk_bytes: CHUNK_BYTES_MIN, taken: 0 }
    }

    /// Bytes taken so far, ends of abandoned chunks included.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Cuts a piece of `size` uninitialised bytes. `arena` is the one that all earlier calls named.
    ///
    /// The pointer may be used for these bytes as long as the arena lives.
    pub(super) fn take(&mut self, arena: &Arena, size: usize) -> NonNull<u8> {
        self.take_aligned(arena, size, ALIGN)
    }

    /// As [`Bump::take`]; the piece starts at a multiple of `align`, a power of two.
    pub(super) fn take_aligned(&mut self, arena: &Arena, size: usize, align: usize) -> NonNull<u8> {
        assert!(align.is_power_of_two() && align <= CHUNK_ALIGN, "chunks are aligned for pieces");
        let Some(size) = size.checked_next_multiple_of(ALIGN) else {
            handle_alloc_error(Layout::new::<u8>());
        };
        let padding = self.next.addr().wrapping_neg() & (align - 1);
        if size <= self.left.saturating_sub(padding) {
            self.cut(padding);
            return self.cut(size);
        }
        if size > self.chunk_bytes / 4 {
            // A chunk of its own, so that the rest of the current one is not lost.
            self.taken += size;
            return arena.grow(size);
        }
        self.taken += self.left;
        self.left = self.chunk_bytes - HEADER_BYTES;
        self.next = arena.grow(self.left).as_ptr();
        self.chunk_bytes = (self.chunk_bytes * 2).min(CHUNK_BYTES_MAX);
        self.cut(size)
    }

    fn cut(&mut self, size: usize) -> NonNull<u8> {
        assert!(size <= self.left, "a piece must fit into the chunk");
        let piece = self.next;
        // SAFETY: the chunk has `left` free bytes at `next`, and the piece is no longer than that.
        unsafe {
            self.next = piece.add(size);
            self.left -= size;
            self.taken += size;
            NonNull::new_unchecked(piece)
        }
    }
}
