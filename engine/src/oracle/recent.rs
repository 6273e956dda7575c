//! The latest writes of keys, in order, in bounded memory: the oldest go first.
//!
//! ```text
//! oldest block ──► block ──► ... ──► newest block
//! │ entries: (number, hash, index, where the key ends) │ bytes of keys │
//! ```
//!
//! Invariant: every write of a key after [`Recent::floor`] is here.
//!
//! Not for: finding a key fast. It is walked from a number on.

use std::collections::VecDeque;

use crate::id::{IndexId, SeqNo};

/// Blocks of a full list.
const BLOCKS: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Entry {
    seq: u64,
    hash: u64,
    index: u32,
    /// Where the key ends; it begins where the one before ends.
    end: u32,
}

#[derive(Debug, Default)]
struct Block {
    entries: Vec<Entry>,
    keys: Vec<u8>,
}

impl Block {
    fn bytes(&self) -> usize {
        self.entries.len() * size_of::<Entry>() + self.keys.len()
    }

    fn last(&self) -> SeqNo {
        SeqNo(self.entries.last().map_or(0, |entry| entry.seq))
    }

    fn key(&self, at: usize) -> &[u8] {
        let end = |at: usize| self.entries.get(at).map_or(0, |entry| entry.end as usize);
        let start = at.checked_sub(1).map_or(0, end);
        self.keys.get(start..end(at)).unwrap_or_default()
    }

    /// The first entry after a commit.
    fn first_after(&self, at: SeqNo) -> usize {
        self.entries.partition_point(|entry| entry.seq <= at.0)
    }
}

/// A write of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Write<'r> {
    pub(super) seq: SeqNo,
    pub(super) hash: u64,
    pub(super) index: IndexId,
    pub(super) key: &'r [u8],
}

/// The latest writes of keys.
#[derive(Debug)]
pub(super) struct Recent {
    /// Oldest first.
    blocks: VecDeque<Block>,
    block_bytes: usize,
    /// Memory for the next block.
    spare: Option<Block>,
    floor: SeqNo,
}

impl Recent {
    /// An empty list of at most about `bytes`, for what is written after `floor`.
    pub(super) fn new(bytes: usize, floor: SeqNo) -> Recent {
        Recent { blocks: VecDeque::new(), block_bytes: bytes / BLOCKS, spare: None, floor }
    }

    /// Adds a write, which is not earlier than all before.
    pub(super) fn push(&mut self, seq: SeqNo, hash: u64, index: IndexId, key: &[u8]) {
        if self.blocks.back().is_none_or(|block| block.bytes() >= self.block_bytes) {
            self.blocks.push_back(self.spare.take().unwrap_or_default());
            if self.blocks.len() > BLOCKS {
                self.forget();
            }
        }
        let Some(block) = self.blocks.back_mut() else { return };
        block.keys.extend_from_slice(key);
        let end = block.keys.len() as u32;
        block.entries.push(Entry { seq: seq.0, hash, index: index.0, end });
    }

    fn forget(&mut self) {
        if let Some(mut oldest) = self.blocks.pop_front() {
            self.floor = self.floor.max(oldest.last());
            oldest.entries.clear();
            oldest.keys.clear();
            self.spare = Some(oldest);
        }
    }

    /// Whether every write after `at` is here.
    #[inline]
    pub(super) fn reaches(&self, at: SeqNo) -> bool {
        at >= self.floor
    }

    /// Bytes held, but for memory kept for reuse.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(Block::bytes).sum()
    }

    /// Writes after `at`, oldest first.
    pub(super) fn after(&self, at: SeqNo) -> impl Iterator<Item = Write<'_>> {
        let first = self.blocks.partition_point(|block| block.last() <= at);
        self.blocks.iter().skip(first).flat_map(move |block| {
            let entries = block.entries.iter().enumerate().skip(block.first_after(at));
            entries.map(|(i, entry)| Write {
                seq: SeqNo(entry.seq),
                hash: entry.hash,
                index: IndexId(entry.index),
                key: block.key(i),
            })
        })
    }

    /// How many writes there are after `at`.
    pub(super) fn count_after(&self, at: SeqNo) -> usize {
        let first = self.blocks.partition_point(|block| block.last() <= at);
        let blocks = self.blocks.iter().skip(first);
        blocks.map(|block| block.entries.len() - block.first_after(at)).sum()
    }

    /// Whether no key with this hash was written after `at`.
    pub(super) fn lacks(&self, at: SeqNo, hash: u64) -> bool {
        let first = self.blocks.partition_point(|block| block.last() <= at);
        let mut entries = self
            .blocks
            .iter()
            .skip(first)
            .flat_map(|block| block.entries.iter().skip(block.first_after(at)));
        !entries.any(|entry| entry.hash == hash)
    }
}
