//! What a simulated file holds: pages shared until they are written.
//!
//! Not for: what is durable (`world.rs`).
//!
//! Invariants:
//!
//! 1. A clone costs a few counters; a write copies the pages it touches, their leaves and the list
//!    of leaves, and nothing else.
//! 2. A missing page reads as zeros. Bytes at and beyond `len` are zero.
//! 3. A page that is present, zeros or not, has disk space.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

use super::random::mix;

/// Bytes in a page, the unit of copying.
pub(super) const PAGE: u64 = 4096;

/// Pages in a leaf.
const LEAF: u64 = 64;

static ZEROS: LazyLock<Arc<Page>> = LazyLock::new(|| Arc::new(Page::zeros()));

#[derive(Debug)]
struct Page {
    bytes: [u8; PAGE as usize],
    /// The hash of the bytes, once somebody has asked.
    hash: OnceLock<u64>,
}

impl Page {
    fn zeros() -> Page {
        Page { bytes: [0; PAGE as usize], hash: OnceLock::new() }
    }

    fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| hash_bytes(&self.bytes))
    }
}

impl Clone for Page {
    fn clone(&self) -> Page {
        Page { bytes: self.bytes, hash: OnceLock::new() }
    }
}

#[derive(Clone, Debug)]
struct Leaf {
    pages: [Option<Arc<Page>>; LEAF as usize],
}

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    len: u64,
    pages: u64,
    leaves: Arc<BTreeMap<u64, Arc<Leaf>>>,
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Content {
        let mut content = Content::default();
        content.write(0, bytes);
        content
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Pages that take disk space.
    pub(super) fn pages(&self) -> u64 {
        self.pages
    }

    /// Pages that writing `range` would add.
    pub(super) fn missing(&self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let pages = range.start / PAGE..range.end.div_ceil(PAGE);
        pages.filter(|page| self.page(*page).is_none()).count() as u64
    }

    /// Reads at `offset`; returns how many bytes there were.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let here = self.len.saturating_sub(offset).min(buf.len() as u64) as usize;
        for piece in pieces(offset, here) {
            let part = &mut buf[piece.span];
            match self.page(piece.page) {
                Some(page) => part.copy_from_slice(&page.bytes[piece.start..][..part.len()]),
                None => part.fill(0),
            }
        }
        here
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.read(0, &mut bytes);
        bytes
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        for piece in pieces(offset, bytes.len()) {
            let part = &bytes[piece.span];
            let slot = self.slot(piece.page);
            let fresh = slot.is_none();
            if part.len() == PAGE as usize && part.iter().all(|byte| *byte == 0) {
                *slot = Some(Arc::clone(&ZEROS));
            } else {
                let page = Arc::make_mut(slot.get_or_insert_with(|| Arc::clone(&ZEROS)));
                page.bytes[piece.start..][..part.len()].copy_from_slice(part);
                page.hash = OnceLock::new();
            }
            self.pages += u64::from(fresh);
        }
        if !bytes.is_empty() {
            self.len = self.len.max(offset + bytes.len() as u64);
        }
    }

    /// Cuts the file or grows it by zeros.
    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.drop_pages_from(len.div_ceil(PAGE));
            let inside = (len % PAGE) as usize;
            if inside > 0
                && self.page(len / PAGE).is_some()
                && let Some(page) = self.slot(len / PAGE)
            {
                let page = Arc::make_mut(page);
                page.bytes[inside..].fill(0);
                page.hash = OnceLock::new();
            }
        }
        self.len = len;
    }

    /// Gives every page of `range` disk space and grows the file to the end of it.
    pub(super) fn reserve(&mut self, range: Range<u64>) {
        for page in range.start / PAGE..range.end.div_ceil(PAGE) {
            let slot = self.slot(page);
            if slot.is_none() {
                *slot = Some(Arc::clone(&ZEROS));
                self.pages += 1;
            }
        }
        self.len = self.len.max(range.end);
    }

    /// A hash of length and bytes; pages remember theirs, so that a second look is cheap.
    pub(super) fn hash(&self) -> u64 {
        let zeros = ZEROS.hash();
        let mut hash = mix(self.len);
        for (leaf_no, leaf) in self.leaves.iter() {
            for (page_no, page) in (leaf_no * LEAF..).zip(&leaf.pages) {
                let Some(page) = page else { continue };
                if page.hash() != zeros {
                    hash = mix(hash ^ mix(page_no) ^ page.hash().rotate_left(17));
                }
            }
        }
        hash
    }

    fn page(&self, page: u64) -> Option<&Arc<Page>> {
        self.leaves.get(&(page / LEAF))?.pages[(page % LEAF) as usize].as_ref()
    }

    fn slot(&mut self, page: u64) -> &mut Option<Arc<Page>> {
        let leaves = Arc::make_mut(&mut self.leaves);
        let leaf = leaves
            .entry(page / LEAF)
            .or_insert_with(|| Arc::new(Leaf { pages: [const { None }; LEAF as usize] }));
        &mut Arc::make_mut(leaf).pages[(page % LEAF) as usize]
    }

    fn drop_pages_from(&mut self, first: u64) {
        let leaves = Arc::make_mut(&mut self.leaves);
        let mut gone = leaves.split_off(&first.div_ceil(LEAF));
        let inside = (first % LEAF) as usize;
        if inside > 0
            && let Some(leaf) = leaves.get_mut(&(first / LEAF))
        {
            for slot in &mut Arc::make_mut(leaf).pages[inside..] {
                self.pages -= u64::from(slot.take().is_some());
            }
        }
        while let Some((_, leaf)) = gone.pop_first() {
            self.pages -= leaf.pages.iter().flatten().count() as u64;
        }
    }
}

/// A part of a range of bytes that lies within one page.
struct Piece {
    page: u64,
    /// Where the part starts in its page.
    start: usize,
    /// Where the part lies in the buffer.
    span: Range<usize>,
}

/// Cuts `len` bytes at `offset` at the borders of pages.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let start = (at % PAGE) as usize;
        let size = (PAGE as usize - start).min(len - done);
        let piece = Piece { page: at / PAGE, start, span: done..done + size };
        done += size;
        Some(piece)
    })
}

/// A hash that is the same on every machine and in every release.
pub(super) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = mix(bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    for byte in rest {
        hash = mix(hash ^ u64::from(*byte));
    }
    mix(hash)
}
