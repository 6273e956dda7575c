//! What a cache tells about itself.

/// A cache at one moment; counts since the first of its present handles was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Reads that found a value.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Values put, overwritten ones included.
    pub insertions: u64,
    /// Entries let go of because of a bound.
    pub evictions: u64,
    /// Entries let go of because their time was over.
    pub expirations: u64,
    /// Values that were not taken: too large, or used less than what would have had to go.
    pub rejections: u64,
    /// Entries now.
    pub entries: u64,
    /// Bytes now, as they count against the bound.
    pub bytes: u64,
    /// Bytes of memory now, values in a keyspace not included.
    pub memory_bytes: u64,
}

impl CacheStats {
    /// The part of reads that found a value, 0 to 1; 0 when there were none.
    pub fn hit_rate(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            reads => self.hits as f64 / reads as f64,
        }
    }

    /// Adds another part of the cache.
    pub(super) fn add(&mut self, other: &CacheStats) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.insertions += other.insertions;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
        self.rejections += other.rejections;
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.memory_bytes += other.memory_bytes;
    }
}
