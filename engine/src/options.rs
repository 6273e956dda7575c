//! Settings of an open database. Data only.

use std::path::PathBuf;
use std::time::Duration;

use crate::budget::Strictness;
use crate::error::{Error, Result};
use crate::index::FlushCost;
use crate::log::LogOptions;

/// What a commit survives once it is acknowledged. Whatever the durability, a crash leaves a
/// prefix of the commit order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Power loss.
    #[default]
    Sync,
    /// A killed process; power loss may take what came within the last sync interval.
    Interval,
    /// A killed process; power loss may take what was not synced for other reasons.
    Buffered,
    /// Nothing; what came since the last sync may be lost with the process.
    None,
}

/// Whether the database may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Created when missing, then read and written.
    #[default]
    Create,
    /// Must exist; read and written.
    Write,
    /// Must exist; nothing in the directory changes.
    Read,
    /// Must exist; another process may write it meanwhile, and is followed. In the directory,
    /// nothing changes but the slot of this process in the table of readers.
    Follow,
}

impl Access {
    /// Whether the database may be written.
    pub fn is_writable(self) -> bool {
        match self {
            Access::Create | Access::Write => true,
            Access::Read | Access::Follow => false,
        }
    }
}

/// Settings of an open database.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether it may be written.
    pub access: Access,
    /// Durability of commits that do not say.
    pub durability: Durability,
    /// The longest that a commit of durability `Interval` waits for its sync.
    pub sync_interval: Duration,
    /// How often a reader process looks for what the writer has published.
    pub refresh_interval: Duration,
    /// Memory for everything: memtables, block cache, buffers.
    pub memory_budget: u64,
    /// Whether the budget may be exceeded.
    pub strictness: Strictness,
    /// Memory of one memtable before it is frozen; an eighth of the budget when not given.
    pub memtable_limit: Option<u64>,
    /// Bytes of log that recovery may have to read before the oldest memtable is flushed; follows
    /// from the budget when not given.
    pub log_limit: Option<u64>,
    /// Memory of memtables that only views keep; beyond it, and beyond what memtables may take, the
    /// oldest views expire.
    pub view_budget: u64,
    /// Memory for detecting conflicts of transactions, taken from the block cache when the first
    /// transaction begins; follows from the budget when not given.
    pub conflict_limit: Option<u64>,
    /// Sizes of the log.
    pub log: LogOptions,
    /// The log is kept for feeds that come later as long as what is newer has fewer bytes.
    pub log_retention_bytes: u64,
    /// The log is kept for feeds that come later while its commits are younger than this.
    pub log_retention_age: Duration,
    /// Feeds, and the age of commits, keep the log only as long as what is newer has fewer bytes.
    pub feed_bytes_max: u64,
    /// Bytes that flushes and merges may write in a second; flushes never wait for it.
    pub background_rate: Option<u64>,
    /// Bytes of segments that are read in a second to find damage; none are when not given.
    pub scrub_rate: Option<u64>,
    /// A directory of backups to which log segments are copied before they are let go of.
    pub archive: Option<PathBuf>,
    /// Threads for flushes and merges.
    pub background_threads: usize,
    /// Memtables smaller than this in total stay in the log when the database is closed.
    pub close_flush_bytes: u64,
    /// A manifest file longer than this, and four times its content, is written anew.
    pub manifest_bytes: u64,
}

/// Smallest memory budget.
pub const MEMORY_BUDGET_MIN: u64 = 1 << 20;

impl Default for Options {
    fn default() -> Options {
        Options {
            access: Access::Create,
            durability: Durability::Sync,
            sync_interval: Duration::from_millis(100),
            refresh_interval: Duration::from_millis(10),
            memory_budget: 256 << 20,
            strictness: Strictness::Elastic,
            memtable_limit: None,
            log_limit: None,
            view_budget: 128 << 20,
            conflict_limit: None,
            log: LogOptions::default(),
            log_retention_bytes: 0,
            log_retention_age: Duration::ZERO,
            feed_bytes_max: 1 << 30,
            background_rate: None,
            scrub_rate: None,
            archive: None,
            background_threads: 2,
            close_flush_bytes: 1 << 20,
            manifest_bytes: 256 << 10,
        }
    }
}

impl Options {
    /// Checks that the settings are within what the engine can do.
    ///
    /// # Errors
    /// `Invalid` names the setting and its limits.
    pub fn check(&self) -> Result<()> {
        let within = |what: &str, value: u64, limits: std::ops::RangeInclusive<u64>| {
            if limits.contains(&value) {
                return Ok(());
            }
            let (least, most) = (limits.start(), limits.end());
            Err(Error::invalid(format!("{what} of {value} is not between {least} and {most}")))
        };
        let interval_ms = u64::try_from(self.sync_interval.as_millis()).unwrap_or(u64::MAX);
        within("memory budget in bytes", self.memory_budget, MEMORY_BUDGET_MIN..=1 << 50)?;
        within("log segment size in bytes", self.log.segment_bytes, 512..=1 << 40)?;
        within("sync interval in milliseconds", interval_ms, 0..=1 << 40)?;
        let rate_max = 1 << 50;
        within("background rate in bytes", self.background_rate.unwrap_or(1), 1..=rate_max)?;
        within("scrub rate in bytes", self.scrub_rate.unwrap_or(1), 1..=rate_max)?;
        within("number of background threads", self.background_threads as u64, 1..=256)
    }

    /// Whether any of the log is to be kept that only feeds may need.
    pub fn keeps_log(&self) -> bool {
        self.log_retention_bytes > 0 || !self.log_retention_age.is_zero()
    }

    /// Memory of one memtable before it is frozen, of an index whose flushes cost so much.
    pub fn memtable_bytes(&self, flush: FlushCost) -> u64 {
        self.memtable_limit.unwrap_or(match flush {
            FlushCost::Changes => (self.memory_budget / 8).clamp(64 << 10, 64 << 20),
            FlushCost::Pages => (self.memory_budget / 4).clamp(64 << 10, 1 << 30),
        })
    }

    /// Memory of all memtables before commits wait for flushes.
    pub fn write_buffer_bytes(&self) -> u64 {
        self.memory_budget * 3 / 8
    }

    /// Memory that is kept free for flushes and merges.
    pub fn buffer_bytes(&self) -> u64 {
        (self.memory_budget / 16).min(8 << 20)
    }

    /// Memory of the block cache while nothing else needs it: what memtables and the buffers of
    /// flushes and merges leave.
    pub fn cache_bytes(&self) -> u64 {
        self.memory_budget - self.write_buffer_bytes() - self.buffer_bytes()
    }

    /// Bytes of one batch; a larger one does not fit the budget.
    pub fn batch_bytes_max(&self) -> u64 {
        (self.memory_budget / 2).min(u64::from(u32::MAX) - (1 << 20))
    }

    /// Fails for a batch that is too large.
    ///
    /// # Errors
    /// `Full`.
    pub fn check_batch(&self, bytes: usize) -> Result<()> {
        let limit = self.batch_bytes_max();
        if bytes as u64 <= limit {
            return Ok(());
        }
        Err(Error::full(format!(
            "a batch of {bytes} bytes exceeds {limit}, half of the memory budget: split it, or \
             raise the budget"
        )))
    }

    /// Memory for detecting conflicts.
    pub fn conflict_bytes(&self) -> u64 {
        self.conflict_limit.unwrap_or((self.memory_budget / 32).min(16 << 20))
    }

    /// What one transaction remembers of what it has read, before it remembers less exactly.
    pub fn read_set_bytes_max(&self) -> u64 {
        (self.memory_budget / 32).min(16 << 20)
    }

    /// What all transactions may hold: their writes, twice where they read them again, and what
    /// they remember of their reads.
    pub fn transaction_bytes_max(&self) -> u64 {
        self.batch_bytes_max()
    }

    /// Bytes of log that recovery may have to read before the oldest memtable is flushed.
    pub fn log_bytes_max(&self) -> u64 {
        let most = (self.write_buffer_bytes() * 4).max(self.log.segment_bytes * 2);
        self.log_limit.unwrap_or(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memtables_are_larger_where_flushes_cost_by_the_page() {
        let of = |memory_budget, memtable_limit| {
            let options = Options { memory_budget, memtable_limit, ..Options::default() };
            [FlushCost::Changes, FlushCost::Pages].map(|flush| options.memtable_bytes(flush))
        };
        assert_eq!(of(256 << 20, None), [32 << 20, 64 << 20]);
        assert_eq!(of(64 << 30, None), [64 << 20, 1 << 30]);
        let options = Options::default();
        let large = options.memtable_bytes(FlushCost::Pages);
        assert!(large < options.write_buffer_bytes(), "there is room beside one that is flushed");
        // What is asked for counts for all.
        assert_eq!(of(256 << 20, Some(1 << 20)), [1 << 20; 2]);
    }
}
