//! What the engine lends to index types.

use std::sync::Arc;

use crate::cache::BlockCache;
use crate::stats::Stats;

/// Shared parts of an open database that an index type may use.
#[derive(Clone, Debug)]
pub struct Services {
    /// Blocks in memory.
    pub cache: Arc<BlockCache>,
    /// Counters.
    pub stats: Arc<Stats>,
    /// Memory that one memtable may take before it is frozen.
    pub memtable_bytes: u64,
}
