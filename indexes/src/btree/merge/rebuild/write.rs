//! What has been gathered is written: leaves and branches, from below, up to a root.
//!
//! Not for: what is gathered.

use cuesta_engine::ensure_sound;
use cuesta_engine::error::Result;
use cuesta_engine::file::Output;

use super::super::paper::Finished;
use super::{Children, Rebuild};
use crate::btree::segment::detail::{Detail, Facts};
use crate::btree::segment::node::{HEADER_BYTES, LEVELS_MAX, branch_bytes, put_branch, put_leaf};
use crate::btree::segment::tree::seed;
use crate::ordered::order::common_prefix;

impl Rebuild {
    /// Writes a leaf where enough has been gathered for more than two.
    pub(super) fn write_full(&mut self, out: &mut dyn Output) -> Result<()> {
        while self.leaf.room() > 2 * self.room() && self.leaf.len() > 1 {
            self.write_leaf(self.fill, out)?;
        }
        Ok(())
    }

    /// Writes a leaf of about `room` bytes of what has been gathered.
    pub(super) fn write_leaf(&mut self, room: usize, out: &mut dyn Output) -> Result<()> {
        let page_bytes = self.paper.page_bytes();
        let fits = |count: usize| self.leaf.node_bytes(0..count) <= (room + HEADER_BYTES);
        // The most that fit: more take more.
        let (mut count, mut high) = (1, self.leaf.len());
        while count < high {
            let middle = count.midpoint(high + 1);
            if fits(middle) { count = middle } else { high = middle - 1 }
        }
        let pages = self.leaf.node_bytes(0..count).div_ceil(page_bytes) as u32;
        let page = self.paper.take(pages)?;
        let (len, generation) = (pages as usize * page_bytes, self.paper.generation);
        let seed = seed(self.paper.file, page);
        let leaf = &self.leaf;
        self.paper.write(out, page, |buffer| {
            put_leaf(buffer, leaf, 0..count, (len, pages), (generation, seed));
        })?;
        let low = std::mem::take(&mut self.leaf_low);
        if count < self.leaf.len() {
            // The shortest that is greater than all here, and at most what comes next.
            let (last, next) = (self.leaf.key(count - 1), self.leaf.key(count));
            let len = common_prefix(last, next) + 1;
            self.leaf_low.extend_from_slice(next.get(..len).unwrap_or(next));
        }
        self.leaf.shift(count);
        self.push_child(1, low, page)?;
        self.write_full_branches(out)
    }

    /// Adds a child to what `level` gathers.
    pub(super) fn push_child(&mut self, level: u8, separator: Vec<u8>, page: u32) -> Result<()> {
        ensure_sound!(level <= LEVELS_MAX, "a tree of more than {LEVELS_MAX} levels");
        let level = usize::from(level);
        if self.levels.len() < level {
            self.levels.resize_with(level, Children::default);
        }
        self.levels[level - 1].push(separator, page);
        Ok(())
    }

    /// Writes all of the leaves that have been gathered, about equally full.
    pub(super) fn write_leaves(&mut self, out: &mut dyn Output) -> Result<()> {
        while !self.leaf.is_empty() {
            let total = self.leaf.room();
            let all = self.leaf.node_bytes(0..self.leaf.len());
            let room = if all <= self.paper.page_bytes() {
                self.room()
            } else {
                let nodes = total.div_ceil(self.room()).max(2);
                (total / nodes + total / nodes / 16).min(self.room())
            };
            self.write_leaf(room, out)?;
        }
        Ok(())
    }

    /// Writes branches where enough has been gathered for more than two.
    pub(super) fn write_full_branches(&mut self, out: &mut dyn Output) -> Result<()> {
        let mut level = 1;
        while let Some(children) = self.levels.get(usize::from(level) - 1) {
            if children.room > 2 * self.room() && children.nodes.len() > 2 {
                self.write_branch(level, self.fill, out)?;
            } else {
                level += 1;
            }
        }
        Ok(())
    }

    /// Writes a branch of about `room` bytes of what `level` has gathered.
    pub(super) fn write_branch(
        &mut self,
        level: u8,
        room: usize,
        out: &mut dyn Output,
    ) -> Result<()> {
        let page_bytes = self.paper.page_bytes();
        let children = &mut self.levels[usize::from(level) - 1];
        let nodes = children.nodes.make_contiguous();
        let fits = |count: usize| branch_bytes(&nodes[..count]) <= room + HEADER_BYTES;
        // Two at least, however long their separators are: else nothing is gained.
        let (mut count, mut high) = (nodes.len().min(2), nodes.len());
        while count < high {
            let middle = count.midpoint(high + 1);
            if fits(middle) { count = middle } else { high = middle - 1 }
        }
        // One must not be left over.
        if nodes.len() - count == 1 && count > 2 {
            count -= 1;
        }
        let pages = branch_bytes(&nodes[..count]).div_ceil(page_bytes) as u32;
        let page = self.paper.take(pages)?;
        let (len, generation) = (pages as usize * page_bytes, self.paper.generation);
        let seed = seed(self.paper.file, page);
        let written = &nodes[..count];
        self.paper.write(out, page, |buffer| {
            put_branch(buffer, level, written, (len, pages), (generation, seed));
        })?;
        let mut low = None;
        for (separator, _) in children.nodes.drain(..count) {
            children.room -= separator.len() + 14;
            low.get_or_insert(separator);
        }
        self.push_child(level + 1, low.unwrap_or_default(), page)
    }

    /// Writes all of the branches that `level` has gathered, about equally full.
    pub(super) fn write_branches(&mut self, level: u8, out: &mut dyn Output) -> Result<()> {
        loop {
            let children = &mut self.levels[usize::from(level) - 1];
            if children.nodes.is_empty() {
                return Ok(());
            }
            let total = children.room;
            let all = branch_bytes(children.nodes.make_contiguous());
            let room = if all <= self.paper.page_bytes() {
                self.room()
            } else {
                let nodes = total.div_ceil(self.room()).max(2);
                (total / nodes + total / nodes / 16).min(self.room())
            };
            self.write_branch(level, room, out)?;
        }
    }

    /// Writes what has been gathered; the old tree was gone through. What the manifest is to say,
    /// and how many entries there are.
    ///
    /// # Errors
    /// `Corrupt`, `Full`, `Io`.
    pub(in crate::btree) fn finish(
        &mut self,
        out: &mut dyn Output,
    ) -> Result<(Detail, Facts, u64)> {
        while !self.leaf.is_empty() {
            // Full: what comes later mostly comes behind.
            let room = if self.leaf.room() > self.room() { self.fill } else { self.room() };
            self.write_leaf(room, out)?;
        }
        let mut level = 1_u8;
        let (root, height) = loop {
            let above = self.levels.get(usize::from(level)..).unwrap_or_default();
            let alone = above.iter().all(|children| children.nodes.is_empty());
            match self.levels.get(usize::from(level) - 1) {
                None => break (0, 0),
                Some(children) if alone && children.nodes.len() == 1 => {
                    break (children.nodes[0].1, level);
                }
                Some(children) if alone && children.nodes.is_empty() => break (0, 0),
                Some(_) => self.write_branches(level, out)?,
            }
            level += 1;
        };
        self.paper.free_space()?;
        let Finished { space, space_pages, pages, unused } = self.paper.finish(out)?;
        let detail = Detail {
            page_bytes: self.paper.page_bytes() as u32,
            pages,
            generation: self.paper.generation,
            root,
            height,
            space: (space.page, space.len, space_pages),
            unused,
            space_crc: space.crc,
        };
        Ok((detail, self.facts, self.entries))
    }
}
