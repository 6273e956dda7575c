//! Where new nodes are written: pages taken from the free ones, or from behind all.
//!
//! Pages in a row that are written one after the other go to the file in one piece.
//!
//! Not for: what is in them.

use std::sync::Arc;

use cuesta_engine::FileId;
use cuesta_engine::cache::BlockCache;
use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::{FRONT_BYTES, FileKind, Output};
use cuesta_engine::format::crc32;
use cuesta_engine::planted::{self, Bug};

use crate::btree::segment::living::Checked;
use crate::btree::segment::node::Pointer;
use crate::btree::segment::space::{Space, too_many};
use crate::btree::segment::tree::Tree;

/// Bytes that wait to be written.
const BUFFER_BYTES: usize = 256 << 10;

/// What is known of a file once a tree is written.
pub(in crate::btree) struct Finished {
    /// Where it is written which pages are not in the tree.
    pub space: Pointer,
    /// Pages that that takes.
    pub space_pages: u32,
    /// Pages of the file.
    pub pages: u32,
    /// Pages that are not in the tree.
    pub unused: u32,
}

/// Pages of a file, for one new tree.
pub(in crate::btree) struct Paper {
    /// The file.
    pub(in crate::btree) file: FileId,
    /// The generation of the new tree.
    pub(in crate::btree) generation: u64,
    page_bytes: usize,
    space: Space,
    /// Pages of the file.
    pages: u32,
    buffer: Vec<u8>,
    /// The first page of the buffer.
    buffer_at: u32,
    /// Runs that were taken.
    taken: Vec<(u32, u32)>,
    /// The tree before, if it lies in the same file.
    before: Option<Arc<Tree>>,
}

impl Paper {
    /// Of a new file.
    ///
    /// # Errors
    /// What creating it fails with.
    pub(in crate::btree) fn create(out: &mut dyn Output, page_bytes: usize) -> Result<Paper> {
        let file = out.create(FileKind::InPlace)?;
        Ok(Paper {
            file,
            generation: 1,
            page_bytes,
            space: Space::default(),
            // The first page is no node's: 0 is the root of nothing.
            pages: 1,
            buffer: Vec::new(),
            buffer_at: 0,
            taken: Vec::new(),
            before: None,
        })
    }

    /// For a tree that takes the place of `before`, with what is free then.
    pub(in crate::btree) fn after(before: &Arc<Tree>, space: Space) -> Paper {
        Paper {
            file: before.file(),
            generation: before.generation() + 1,
            page_bytes: before.detail().page_bytes as usize,
            space,
            pages: before.detail().pages,
            buffer: Vec::new(),
            buffer_at: 0,
            taken: Vec::new(),
            before: Some(before.clone()),
        }
    }

    /// Bytes of a page.
    pub(in crate::btree) fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// Bytes of memory held.
    pub(in crate::btree) fn memory(&self) -> usize {
        self.buffer.capacity() + self.taken.capacity() * size_of::<(u32, u32)>()
    }

    /// Pages in a row that may be written.
    ///
    /// # Errors
    /// `Full` when there can be no more.
    pub(in crate::btree) fn take(&mut self, len: u32) -> Result<u32> {
        let page = match self.space.take(len) {
            Some(page) => page,
            None => {
                let page = self.pages;
                self.pages = page.checked_add(len).ok_or_else(too_many)?;
                page
            }
        };
        match self.taken.last_mut() {
            Some((last, count)) if *last + *count == page => *count += len,
            _ => self.taken.push((page, len)),
        }
        Ok(page)
    }

    /// Lets go of pages of the tree before.
    ///
    /// # Errors
    /// `Corrupt` when it has them twice.
    pub(in crate::btree) fn free(&mut self, page: u32, len: u32) -> Result<()> {
        if planted::is(Bug::PageReusedTooEarly) {
            self.space.free_now(page, len);
            return Ok(());
        }
        self.space.free(page, len)
    }

    /// Writes whole pages from `page` on, which `put` appends.
    ///
    /// # Errors
    /// What writing fails with.
    pub(in crate::btree) fn write(
        &mut self,
        out: &mut dyn Output,
        page: u32,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        let next = self.buffer_at as usize + self.buffer.len() / self.page_bytes;
        if next != page as usize || self.buffer.len() >= BUFFER_BYTES {
            self.flush(out)?;
            self.buffer_at = page;
        }
        put(&mut self.buffer);
        assert!(self.buffer.len().is_multiple_of(self.page_bytes), "whole pages are written");
        Ok(())
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// What writing fails with.
    pub(in crate::btree) fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        if !self.buffer.is_empty() {
            let offset = FRONT_BYTES + u64::from(self.buffer_at) * self.page_bytes as u64;
            out.write_at(self.file, offset, &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes bytes to pages of their own.
    ///
    /// # Errors
    /// `Full`, or what writing fails with.
    pub(in crate::btree) fn write_apart(
        &mut self,
        out: &mut dyn Output,
        bytes: &[u8],
    ) -> Result<Pointer> {
        let len = u32::try_from(bytes.len());
        let len = len.map_err(|_| Error::invalid(format!("a value of {} bytes", bytes.len())))?;
        let mut pointer = Pointer { page: 0, len, crc: crc32(bytes) };
        let pages = pointer.pages(self.page_bytes);
        pointer.page = self.take(pages)?;
        if planted::is(Bug::OverflowPageLost) {
            return Ok(pointer);
        }
        let size = pages as usize * self.page_bytes;
        self.write(out, pointer.page, |buffer| {
            let start = buffer.len();
            buffer.extend_from_slice(bytes);
            buffer.resize(start + size, 0);
        })?;
        Ok(pointer)
    }

    /// Writes down which pages are not in the tree.
    ///
    /// # Errors
    /// As [`Paper::write_apart`].
    pub(in crate::btree) fn finish(&mut self, out: &mut dyn Output) -> Result<Finished> {
        // Taking a run makes no more of them, nor longer numbers than there can be.
        let len = self.space.encode().len() + 16;
        let pages = len.div_ceil(self.page_bytes) as u32;
        let page = self.take(pages)?;
        let bytes = self.space.encode();
        let size = pages as usize * self.page_bytes;
        self.write(out, page, |buffer| {
            let start = buffer.len();
            buffer.extend_from_slice(&bytes);
            buffer.resize(start + size, 0);
        })?;
        self.flush(out)?;
        Ok(Finished {
            space: Pointer { page, len: bytes.len() as u32, crc: crc32(&bytes) },
            space_pages: pages,
            pages: self.pages,
            unused: self.space.unused() as u32 + pages,
        })
    }

    /// Has `cache` forget what lay in the pages that were written. Whoever reads older trees does
    /// not look there, and the new one is not read yet.
    pub(in crate::btree) fn forget_before(&self, cache: &BlockCache) {
        for page in self.taken.iter().flat_map(|(page, len)| *page..*page + *len) {
            cache.remove(self.file, u64::from(page) * self.page_bytes as u64);
        }
    }

    /// What is known of the pages, once all is written; `None` where that is nothing, in a file of
    /// its own.
    pub(in crate::btree) fn checked(&self) -> Option<Checked> {
        let before = self.before.as_ref()?;
        Some(before.checked().without(self.pages, self.taken.iter().copied()))
    }

    /// Pages of the space before, which is written anew.
    ///
    /// # Errors
    /// As [`Paper::free`].
    pub(in crate::btree) fn free_space(&mut self) -> Result<()> {
        let Some(before) = &self.before else { return Ok(()) };
        let (page, _, pages) = before.detail().space;
        if pages == 0 {
            return Ok(());
        }
        self.free(page, pages)
    }
}
