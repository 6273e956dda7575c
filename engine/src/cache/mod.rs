//! Blocks of files in memory, within a byte budget.
//!
//! The policy is that of the crate `quick_cache`: S3-FIFO-like, so that a scan that touches every
//! block once does not push out those touched often. Only blocks that are not mapped come here:
//! decompressed ones, and all of them where maps are not to be had.
//!
//! Not for: deciding what a block is, or checking it. Whoever loads a block checks it first.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::error::Result;
use crate::id::FileId;
use crate::stats::Stats;

/// Bytes of a block, shared by the cache and whoever reads them.
pub type Block = Arc<[u8]>;

/// Bookkeeping that a cached block costs besides its bytes.
const ENTRY_OVERHEAD: u64 = 96;

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<(FileId, u64), Block> for ByBytes {
    fn weight(&self, _key: &(FileId, u64), block: &Block) -> u64 {
        block.len() as u64 + ENTRY_OVERHEAD
    }
}

/// The block cache of a database.
#[derive(Debug)]
pub struct BlockCache {
    blocks: Cache<(FileId, u64), Block, ByBytes>,
    stats: Arc<Stats>,
}

impl BlockCache {
    /// An empty cache of at most `capacity_bytes`.
    pub fn new(capacity_bytes: u64, stats: Arc<Stats>) -> BlockCache {
        let expected = (capacity_bytes / 4096).clamp(64, 1 << 24) as usize;
        BlockCache { blocks: Cache::with_weighter(expected, capacity_bytes, ByBytes), stats }
    }

    /// The block at `offset` of `file`, loaded with `load` when it is not here. Two threads may
    /// load the same block at once; both get one.
    ///
    /// # Errors
    /// What `load` fails with.
    pub fn get_or_load(
        &self,
        file: FileId,
        offset: u64,
        load: impl FnOnce() -> Result<Block>,
    ) -> Result<Block> {
        if let Some(block) = self.blocks.get(&(file, offset)) {
            self.stats.cache_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(block);
        }
        self.stats.cache_misses.fetch_add(1, Ordering::Relaxed);
        let block = load()?;
        self.blocks.insert((file, offset), block.clone());
        Ok(block)
    }

    /// The block at `offset` of `file` if it is here; for scans that must not fill the cache.
    pub fn peek(&self, file: FileId, offset: u64) -> Option<Block> {
        self.blocks.peek(&(file, offset))
    }

    /// Forgets what lies at `offset` of `file`, which is about to hold something else.
    pub fn remove(&self, file: FileId, offset: u64) {
        self.blocks.remove(&(file, offset));
    }

    /// Bytes held now.
    pub fn bytes(&self) -> u64 {
        self.blocks.weight()
    }

    /// Changes how many bytes it may hold.
    pub fn resize(&self, capacity_bytes: u64) {
        self.blocks.set_capacity(capacity_bytes);
    }

    /// The most bytes it may hold.
    pub fn capacity(&self) -> u64 {
        self.blocks.capacity()
    }
}
