//! Counters, gauges and latency histograms, cheap enough to be always on.
//!
//! A counter only grows; a gauge is what is there now; a histogram counts durations in buckets of
//! about 6 % width. All are read without stopping anybody, so a reading of several is not one
//! moment.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SUB_BITS: u32 = 4;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) << SUB_BITS;

/// Durations in buckets that double every sixteen: at most 6.25 % off.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    total_nanos: AtomicU64,
    max_nanos: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            total_nanos: AtomicU64::new(0),
            max_nanos: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(nanos)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.total_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.max_nanos.fetch_max(nanos, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> Quantiles {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let at = |quantile: f64| {
            let rank = (count as f64 * quantile).ceil().max(1.0) as u64;
            let mut seen = 0;
            for (i, n) in counts.iter().enumerate() {
                seen += n;
                if seen >= rank {
                    return Duration::from_nanos(bucket_middle(i));
                }
            }
            Duration::ZERO
        };
        let max = self.max_nanos.load(Ordering::Relaxed);
        Quantiles {
            count,
            mean: Duration::from_nanos(
                self.total_nanos.load(Ordering::Relaxed).checked_div(count).unwrap_or(0),
            ),
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_nanos(max),
        }
    }
}

fn bucket_of(nanos: u64) -> usize {
    if nanos < 1 << SUB_BITS {
        return nanos as usize;
    }
    let shift = 63 - nanos.leading_zeros() - SUB_BITS;
    ((shift as usize + 1) << SUB_BITS) + ((nanos >> shift) as usize & ((1 << SUB_BITS) - 1))
}

fn bucket_middle(bucket: usize) -> u64 {
    if bucket < 1 << SUB_BITS {
        return bucket as u64;
    }
    let shift = (bucket >> SUB_BITS) as u32 - 1;
    let low = ((1u64 << SUB_BITS) + (bucket as u64 & ((1 << SUB_BITS) - 1))) << shift;
    low + ((1u64 << shift) >> 1)
}

/// What a [`Histogram`] counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Durations counted.
    pub count: u64,
    /// Their mean.
    pub mean: Duration,
    /// Half took at most this.
    pub p50: Duration,
    /// All but a hundredth took at most this.
    pub p99: Duration,
    /// All but a thousandth took at most this.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of an open database, all since it was opened.
        #[derive(Debug, Default)]
        pub struct Stats {
            $($(#[$doc])* pub $name: AtomicU64,)*
            /// Time of a commit, from the call to its end.
            pub commit_time: Histogram,
            /// Time of one sync of the log.
            pub sync_time: Histogram,
            /// Time of a flush, from its start to its installation.
            pub flush_time: Histogram,
            /// Time of a merge, from its start to its installation.
            pub merge_time: Histogram,
        }

        impl Stats {
            /// Every counter with its name, in a fixed order.
            pub fn counters(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Batches committed.
    commits,
    /// Bytes of log records written.
    log_bytes,
    /// Syncs of the log.
    log_syncs,
    /// Log segments begun.
    log_segments,
    /// Log segments begun in a recycled file.
    log_recycled,
    /// Memtables frozen.
    rotations,
    /// Flushes installed.
    flushes,
    /// Bytes written by flushes.
    flush_bytes,
    /// Bytes of large values that flushes wrote to blob files.
    blob_bytes,
    /// Bytes of large values that stay where the log has written them.
    blob_adopted_bytes,
    /// Bytes of large values that merges wrote anew, out of blob files that hold little else.
    blob_rewritten_bytes,
    /// Merges installed, moves included.
    merges,
    /// Merges that only moved segments to another level.
    moves,
    /// Segments that went unread: a range delete covered them, or all in them had expired.
    segments_dropped,
    /// Bytes read by merges.
    merge_read_bytes,
    /// Bytes written by merges.
    merge_bytes,
    /// Background jobs that failed and were tried again.
    job_failures,
    /// Commits slowed or held up because background work was behind.
    stalls,
    /// Microseconds that commits were slowed or held up.
    stall_micros,
    /// Blocks found in the cache.
    cache_hits,
    /// Blocks read because the cache did not have them.
    cache_misses,
    /// Lookups of one key in a segment that its filter answered.
    filter_skips,
    /// Lookups that a filter let through in vain.
    filter_false,
    /// Point reads that were repeated because the view they used had been pruned.
    read_retries,
    /// Views that failed because they pinned more than allowed.
    views_expired,
    /// Feeds that lost their place because they kept too much of the log.
    feeds_lost,
    /// Bytes of segments that the scrub has read.
    scrubbed_bytes,
    /// Problems that the scrub has found, each as often as it was found.
    scrub_errors,
    /// Bytes of log records archived.
    archived_bytes,
    /// Times that archiving the log has failed and was tried again.
    archive_failures,
    /// Files unlinked.
    files_removed,
    /// Reader processes that died and left a slot behind.
    readers_died,
    /// Times that a reader process read what there is anew: it could not follow.
    reader_rebuilds,
    /// Transactions begun.
    transactions,
    /// Transactions that failed because something that they used was written meanwhile.
    conflicts,
    /// Locks that transactions had to wait for.
    lock_waits,
    /// Locks that were not to be had in time.
    lock_timeouts,
    /// Locks that were refused because waiting would have been a deadlock.
    deadlocks,
    /// Bulk loads committed.
    ingests,
    /// Bytes of segments and large values that bulk loads wrote, or copied.
    ingested_bytes,
}

impl Stats {
    /// Adds to a counter.
    #[inline]
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// Counters and histograms as lines of text, `name value`.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.counters() {
            let _ = writeln!(text, "{name} {value}");
        }
        for (name, q) in self.histograms() {
            let _ = writeln!(
                text,
                "{name} count {} mean {:?} p50 {:?} p99 {:?} p999 {:?} max {:?}",
                q.count, q.mean, q.p50, q.p99, q.p999, q.max
            );
        }
        text
    }

    /// Every histogram with its name.
    pub fn histograms(&self) -> [(&'static str, Quantiles); 4] {
        [
            ("commit_time", self.commit_time.read()),
            ("sync_time", self.sync_time.read()),
            ("flush_time", self.flush_time.read()),
            ("merge_time", self.merge_time.read()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_within_seven_percent_of_what_it_holds() {
        for exp in 0..63 {
            for nanos in [1u64 << exp, (1 << exp) + (1 << exp) / 3, (1 << exp) * 2 - 1] {
                let middle = bucket_middle(bucket_of(nanos)) as f64;
                let off = (middle - nanos as f64).abs() / nanos as f64;
                assert!(off < 0.07, "{nanos} is counted as {middle}");
            }
        }
    }
}
