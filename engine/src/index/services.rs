//! What the engine lends to index types.

use std::sync::Arc;

use crate::budget::{Budget, Strictness};
use crate::cache::BlockCache;
use crate::clock::Clock;
use crate::stats::Stats;

/// Shared parts of an open database that an index type may use.
#[derive(Clone, Debug)]
pub struct Services {
    /// Blocks in memory.
    pub cache: Arc<BlockCache>,
    /// Who has how much memory.
    pub budget: Arc<Budget>,
    /// Counters.
    pub stats: Arc<Stats>,
    /// What has expired by now.
    pub clock: Arc<Clock>,
    /// Memory that one memtable may take before it is frozen.
    pub memtable_bytes: u64,
}

impl Services {
    /// Services for segments and memtables outside a database: an elastic budget with a cache of
    /// `cache_bytes`, and a clock that stands at 0.
    pub fn alone(cache_bytes: u64, memtable_bytes: u64) -> Services {
        let stats = Arc::new(Stats::default());
        let cache = Arc::new(BlockCache::new(cache_bytes, stats.clone()));
        let budget = Budget::new(cache_bytes, Strictness::Elastic, 0, 0, cache.clone());
        let clock = Arc::new(Clock::stopped());
        Services { cache, budget: Arc::new(budget), stats, clock, memtable_bytes }
    }
}
