//! Whether what a transaction has read is still so: a bounded memory of what was written lately.
//!
//! Every commit is recorded under its sequence number. A transaction that commits asks whether
//! anything that it read, as of some number, was written after that. Memory is bounded: what does
//! not fit is remembered more coarsely, never forgotten.
//!
//! ```text
//!              exact, while it reaches back          coarse, for ever
//! key read     recent: (number, hash, key) ... ─────► table: newest number of each bucket of keys
//! range read   recent ──────────────────────────────► index: its newest number
//! range write  ranges: (number, range) ... ─────────► index: newest number of such a write
//! ```
//!
//! Invariants:
//! 1. A conflict is never missed. A false one is possible where the answer comes from the coarse
//!    side: two keys in one bucket, or a range of an index that was written elsewhere.
//! 2. Memory does not depend on the number of commits, of transactions, or on what they read; only
//!    on the number of living indexes.
//! 3. Commits up to [`Oracle::since`] were not recorded: nobody may ask about reads before it.
//!
//! Not for: deciding who asks, locks, or which numbers are published. The commit lock guards it.

mod hash;
mod points;
mod reads;
mod recent;
mod spans;

#[cfg(test)]
mod tests;

pub use hash::KeyHasher;
pub use reads::{IndexReads, ReadSet, Reads};
pub use spans::{Span, Spans, overlap};

use std::collections::{BTreeMap, VecDeque};

use crate::error::{Error, Result};
use crate::id::{IndexId, SeqNo};
use crate::index::Footprint;
use crate::planted::{self, Bug};

use recent::Recent;

/// Writes of ranges that are remembered exactly.
const RANGES_MAX: usize = 512;
/// Bytes of such ranges.
const RANGE_BYTES_MAX: usize = 64 << 10;
/// Smallest number of buckets.
const BUCKETS_MIN: usize = 16;

/// What one commit writes to one index, with the hashes of its keys.
#[derive(Debug)]
pub struct Written {
    index: IndexId,
    hashes: Vec<u64>,
    footprint: Footprint,
}

impl Written {
    /// Hashes the keys of a footprint.
    pub fn new(hasher: KeyHasher, index: IndexId, footprint: Footprint) -> Written {
        let hashes = footprint.points.iter().map(|key| hasher.hash(index, key)).collect();
        Written { index, hashes, footprint }
    }

    /// Everything in an index.
    pub fn whole(index: IndexId) -> Written {
        let footprint = Footprint { whole: true, ..Footprint::default() };
        Written { index, hashes: Vec::new(), footprint }
    }

    /// The index.
    pub fn index(&self) -> IndexId {
        self.index
    }

    /// What is written, without hashes.
    pub fn footprint(&self) -> &Footprint {
        &self.footprint
    }

    /// Adds this to `reads`, as if it had been read: two writes of one thing conflict, too.
    pub fn add_to(&self, reads: &mut ReadSet) {
        let part = reads.part(self.index);
        for (hash, key) in self.hashes.iter().zip(&self.footprint.points) {
            part.add_point(*hash, key);
        }
        for (start, end) in &self.footprint.ranges {
            part.add_range(start.clone(), end.clone());
        }
        if self.footprint.whole {
            part.add_whole();
        }
    }
}

/// What is known of one index, whatever was forgotten.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    /// The last write of anything.
    last: SeqNo,
    /// The last write whose extent is not remembered.
    unbounded: SeqNo,
}

/// A write of a range.
#[derive(Debug)]
struct RangeWrite {
    seq: SeqNo,
    index: IndexId,
    range: Span,
}

/// What was written since it was made, as exactly as its memory allows.
#[derive(Debug)]
pub struct Oracle {
    since: SeqNo,
    hasher: KeyHasher,
    /// The newest write of any key of a bucket.
    table: Box<[u64]>,
    recent: Recent,
    ranges: VecDeque<RangeWrite>,
    range_bytes: usize,
    indexes: BTreeMap<IndexId, Marks>,
    /// The last time that an index was dropped.
    dropped: SeqNo,
}

impl Oracle {
    /// An oracle of about `bytes` that records the commits after `since`.
    pub fn new(bytes: u64, since: SeqNo, hasher: KeyHasher) -> Oracle {
        let half = usize::try_from(bytes / 2).unwrap_or(usize::MAX / 2);
        let buckets = (half / size_of::<u64>()).max(BUCKETS_MIN);
        // The power of two at or below.
        let buckets = 1usize << buckets.ilog2();
        Oracle {
            since,
            hasher,
            table: vec![0; buckets].into_boxed_slice(),
            recent: Recent::new(half, since),
            ranges: VecDeque::new(),
            range_bytes: 0,
            indexes: BTreeMap::new(),
            dropped: since,
        }
    }

    /// Commits up to this one were not recorded.
    pub fn since(&self) -> SeqNo {
        self.since
    }

    /// How keys are hashed.
    pub fn hasher(&self) -> KeyHasher {
        self.hasher
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.table) + self.recent.bytes() + self.range_bytes
    }

    /// Records the commit `seq`, which is later than all before.
    pub fn record(&mut self, seq: SeqNo, writes: &[Written]) {
        for Written { index, hashes, footprint } in writes {
            let Footprint { points, ranges, whole } = footprint;
            if points.is_empty() && ranges.is_empty() && !whole {
                continue;
            }
            let marks = self.indexes.entry(*index).or_default();
            marks.last = seq;
            if *whole {
                marks.unbounded = seq;
            }
            for (hash, key) in hashes.iter().zip(points) {
                let bucket = self.bucket(*hash);
                self.table[bucket] = seq.0;
                self.recent.push(seq, *hash, *index, key);
            }
            for range in ranges {
                self.range_bytes += bytes_of(range);
                self.ranges.push_back(RangeWrite { seq, index: *index, range: range.clone() });
            }
        }
        self.forget_ranges();
    }

    fn forget_ranges(&mut self) {
        while self.ranges.len() > RANGES_MAX || self.range_bytes > RANGE_BYTES_MAX {
            let Some(RangeWrite { seq, index, range }) = self.ranges.pop_front() else { return };
            self.range_bytes -= bytes_of(&range);
            if let Some(marks) = self.indexes.get_mut(&index) {
                marks.unbounded = marks.unbounded.max(seq);
            }
        }
    }

    /// Records that commit `seq` dropped an index.
    pub fn record_drop(&mut self, seq: SeqNo, index: IndexId) {
        self.indexes.remove(&index);
        self.dropped = seq;
    }

    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        // The high bits of the hash are its best.
        (hash >> (64 - self.table.len().ilog2())) as usize
    }

    /// A commit at or after the newest write within `reads`.
    pub fn newest(&self, reads: &ReadSet) -> SeqNo {
        let of = |part: &IndexReads| {
            let marks = self.marks(part.index());
            if part.is_whole() || !part.spans().is_empty() {
                return marks.last;
            }
            let points = part.points().iter();
            let points = points.map(|(hash, _)| SeqNo(self.table[self.bucket(hash)]));
            let ranges = self.ranges.iter().filter(|write| write.index == part.index());
            points.chain(ranges.map(|write| write.seq)).fold(marks.unbounded, SeqNo::max)
        };
        reads.parts().iter().map(of).max().unwrap_or_default()
    }

    fn marks(&self, index: IndexId) -> Marks {
        // An index without marks was not written, or it was dropped.
        let unknown = Marks { last: self.dropped, unbounded: self.dropped };
        self.indexes.get(&index).copied().unwrap_or(unknown)
    }

    /// Fails unless all commits after `at` were recorded.
    ///
    /// # Errors
    /// `Internal`.
    pub fn check_since(&self, at: SeqNo) -> Result<()> {
        if at >= self.since {
            return Ok(());
        }
        Err(Error::internal(format!(
            "reads as of commit {at}, and commits up to {} were not recorded",
            self.since
        )))
    }

    /// Checks that nothing in `reads` was written after `at`, which [`Oracle::check_since`] passes.
    ///
    /// # Errors
    /// A conflict when something was, or may have been.
    pub fn check(&self, at: SeqNo, reads: &ReadSet) -> Checked {
        for part in reads.parts() {
            if self.marks(part.index()).last > at {
                self.check_coarse(at, part)?;
                self.check_points(at, part)?;
            }
        }
        self.check_spans(at, reads)
    }

    /// Checks what needs no look at single keys.
    fn check_coarse(&self, at: SeqNo, part: &IndexReads) -> Checked {
        let marks = self.marks(part.index());
        if part.is_empty() || marks.last <= at {
            return Ok(());
        }
        if marks.unbounded > at || part.is_whole() {
            return Err(Conflict::new(part.index(), None, at, marks.last));
        }
        for write in self.ranges.iter().rev().take_while(|write| write.seq > at) {
            if write.index == part.index() && part.meets(&write.range) {
                return Err(Conflict::new(part.index(), Some(&write.range.0), at, write.seq));
            }
        }
        Ok(())
    }

    fn check_points(&self, at: SeqNo, part: &IndexReads) -> Checked {
        let exact = self.recent.reaches(at);
        for (hash, key) in part.points().iter() {
            let seq = SeqNo(self.table[self.bucket(hash)]);
            if seq > at && !(exact && self.recent.lacks(at, hash)) {
                return Err(Conflict::new(part.index(), Some(key), at, seq));
            }
        }
        Ok(())
    }

    /// Checks ranges against single keys.
    fn check_spans(&self, at: SeqNo, reads: &ReadSet) -> Checked {
        if planted::is(Bug::BlindRangeValidation) || !reads.has_spans() {
            return Ok(());
        }
        if self.recent.reaches(at) {
            return self.recent.after(at).try_for_each(|write| match reads.get(write.index) {
                Some(part) if part.spans().contain(write.key) => {
                    Err(Conflict::new(write.index, Some(write.key), at, write.seq))
                }
                _ => Ok(()),
            });
        }
        for part in reads.parts().iter().filter(|part| !part.spans().is_empty()) {
            let last = self.marks(part.index()).last;
            if last > at {
                return Err(Conflict::new(part.index(), None, at, last));
            }
        }
        Ok(())
    }

    /// How many writes of keys after `at` a check would have to look at.
    pub fn distance(&self, at: SeqNo) -> usize {
        if self.recent.reaches(at) { self.recent.count_after(at) } else { 0 }
    }

    /// Checks `reads` exactly against some `steps` of the writes of keys after `at`, and moves `at`
    /// on to the last commit that was looked at. So long lists are gone through in pieces, between
    /// which the commit lock is free.
    ///
    /// # Errors
    /// A conflict.
    pub fn advance(&self, at: &mut SeqNo, reads: &ReadSet, steps: usize) -> Checked {
        if !self.recent.reaches(*at) {
            return Ok(());
        }
        for part in reads.parts() {
            self.check_coarse(*at, part)?;
        }
        let from = *at;
        let mut last = from;
        for (i, write) in self.recent.after(from).enumerate() {
            if i >= steps && write.seq > last {
                *at = last;
                return Ok(());
            }
            last = write.seq;
            let Some(part) = reads.get(write.index) else { continue };
            let ranges = !planted::is(Bug::BlindRangeValidation);
            if part.points().has(write.hash) || ranges && part.spans().contain(write.key) {
                return Err(Conflict::new(write.index, Some(write.key), from, write.seq));
            }
        }
        *at = last;
        Ok(())
    }
}

fn bytes_of(range: &Span) -> usize {
    size_of::<RangeWrite>() + range.0.len() + range.1.as_ref().map_or(0, Vec::len)
}

/// Bytes of a key that an error shows.
const KEY_BYTES_SHOWN: usize = 48;

/// What stands in the way of a commit.
#[derive(Debug)]
pub struct Conflict {
    /// The index that was written.
    pub index: IndexId,
    /// The key, as far as it is shown; unless it is not known.
    key: Option<String>,
    at: SeqNo,
    seq: SeqNo,
}

/// Whether what was read is still so.
pub type Checked = std::result::Result<(), Conflict>;

impl Conflict {
    #[cold]
    fn new(index: IndexId, key: Option<&[u8]>, at: SeqNo, seq: SeqNo) -> Conflict {
        let shown = |key: &[u8]| {
            let shown = key.get(..KEY_BYTES_SHOWN).unwrap_or(key);
            let more = if shown.len() < key.len() { ".." } else { "" };
            format!("key \"{}{more}\"", shown.escape_ascii())
        };
        Conflict { index, key: key.map(shown), at, seq }
    }

    /// The error, with the index called `title`.
    #[cold]
    pub fn error(&self, title: &str) -> Error {
        let what = self.key.as_deref().unwrap_or("something");
        Error::conflict(format!(
            "{what} of {title}, used as of commit {}, was or may have been written up to commit \
             {}: try the transaction again",
            self.at, self.seq
        ))
    }
}
