//! Current segments, arranged for questions: sorted runs, newest first.
//!
//! ```text
//! runs[0]   level 0, newest flush     [a ---- k] [l --- z]      one flush, never overlapping
//! runs[1]   level 0, older flush      [b ------------- y]
//! runs[2]   level 1                   [a - c] [d - m] [n - z]
//! runs[3]   level 2                   [a][b - c] ... [x - z]
//! ```
//!
//! Invariants:
//! 1. The segments of a run are sorted and disjoint.
//! 2. What an earlier run says of a key is newer than what a later one says.
//!
//! Not for: choosing what to merge (see [`merge`](super::merge)).

#[cfg(test)]
mod tests;

use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::ensure_sound;
use cuesta_engine::error::Result;
use cuesta_engine::id::SegmentId;

use super::segment::Segment;
use crate::ordered::order::{self, Beside};

/// All current segments of an index.
#[derive(Default)]
pub struct Layout {
    runs: Vec<Arc<Run>>,
}

/// Sorted, disjoint segments, and what finding one of them needs, close together.
pub(super) struct Run {
    segments: Vec<Arc<Segment>>,
    /// What the ends of all of them begin with, but for one that is behind all keys.
    prefix: Vec<u8>,
    /// Heads of these ends, behind the prefix.
    heads: Vec<u64>,
    /// Heads of the starts of all of them, behind the prefix; the least or the greatest where they
    /// are before or after all that begins with it.
    starts: Vec<u64>,
    /// Whether some of them delete ranges.
    ranged: bool,
}

impl Run {
    /// A run of segments that are sorted.
    ///
    /// # Errors
    /// `Corrupt` when they are not sorted and disjoint.
    pub(super) fn new(segments: Vec<Arc<Segment>>) -> Result<Run> {
        for pair in segments.windows(2) {
            let (before, after) = (pair[0].span(), pair[1].span());
            ensure_sound!(
                before.ends_by(&after.start),
                "segments of level {} overlap: one ends before {}, the next begins with {}",
                pair[1].detail().level,
                before.end().unwrap_or(b"(no end)").escape_ascii(),
                after.start.escape_ascii()
            );
        }
        // Only the last one can be without an end, as they are disjoint.
        let ends = || segments.iter().filter_map(|segment| segment.span().end());
        let (mut prefix, mut last) =
            (ends().next().unwrap_or_default().to_vec(), ends().next_back());
        if ends().count() == 1 {
            // All of one end would be a prefix of no other key.
            last = segments.first().map(|segment| &*segment.span().start);
        }
        prefix.truncate(order::common_prefix(&prefix, last.unwrap_or_default()));
        let heads = ends().map(|end| order::head(&end[prefix.len()..])).collect();
        let start = |segment: &Arc<Segment>| match order::beside(&segment.span().start, &prefix) {
            Beside::Before => u64::MIN,
            Beside::Within(suffix) => order::head(suffix),
            Beside::After => u64::MAX,
        };
        let starts = segments.iter().map(start).collect();
        let ranged = segments.iter().any(|segment| segment.has_ranges());
        Ok(Run { heads, starts, prefix, ranged, segments })
    }

    /// Whether some of its segments delete ranges.
    #[inline]
    pub(super) fn is_ranged(&self) -> bool {
        self.ranged
    }

    /// Its segments in the order of their keys.
    #[inline]
    pub(super) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Entries of all of them.
    pub(super) fn entries(&self) -> u64 {
        self.segments.iter().map(|segment| segment.entries()).sum()
    }

    /// The number of the first segment that ends after `key`; their count when none does.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> usize {
        match order::beside(key, &self.prefix) {
            Beside::Before => 0,
            // A last one without an end has no head.
            Beside::After => self.heads.len(),
            Beside::Within(suffix) => self.find_within(key, order::head(suffix)),
        }
    }

    /// As [`Run::find`], for a key that has the prefix, and `wanted` is the head of what follows.
    #[inline]
    fn find_within(&self, key: &[u8], wanted: u64) -> usize {
        let at = self.heads.partition_point(|&head| head < wanted);
        if self.heads.get(at) != Some(&wanted) {
            return at;
        }
        // Equal heads decide nothing.
        let equal = self.heads[at..].partition_point(|&head| head == wanted);
        let undecided = &self.segments[at..at + equal];
        at + undecided.partition_point(|segment| segment.span().ends_by(key))
    }

    /// Whether some segment may hold keys within the bounds.
    pub(super) fn meets(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> bool {
        let first = match lower {
            Bound::Included(key) | Bound::Excluded(key) => self.find(key),
            Bound::Unbounded => 0,
        };
        let Some(segment) = self.segments.get(first) else { return false };
        match upper {
            Bound::Included(bound) => *segment.span().start <= *bound,
            Bound::Excluded(bound) => *segment.span().start < *bound,
            Bound::Unbounded => true,
        }
    }

    /// The segment whose range holds `key`.
    #[inline]
    pub(super) fn holding(&self, key: &[u8]) -> Option<&Arc<Segment>> {
        let Beside::Within(suffix) = order::beside(key, &self.prefix) else {
            let segment = self.segments.get(self.find(key))?;
            return (*segment.span().start <= *key).then_some(segment);
        };
        let wanted = order::head(suffix);
        let at = self.find_within(key, wanted);
        let start = *self.starts.get(at)?;
        let segment = self.segments.get(at)?;
        let begins = match start == wanted {
            true => *segment.span().start <= *key,
            false => start < wanted,
        };
        begins.then_some(segment)
    }
}

impl Layout {
    /// Arranges segments.
    ///
    /// # Errors
    /// `Corrupt` when segments of a level below 0 overlap.
    pub(super) fn new(segments: impl Iterator<Item = (SegmentId, Arc<Segment>)>) -> Result<Layout> {
        let mut flushed = Vec::new();
        let mut levels: Vec<Vec<Arc<Segment>>> = Vec::new();
        for (id, segment) in segments {
            let level = usize::from(segment.detail().level);
            if level == 0 {
                flushed.push((id, segment));
                continue;
            }
            if levels.len() < level {
                levels.resize_with(level, Vec::new);
            }
            levels[level - 1].push(segment);
        }
        let mut runs = flushed_runs(flushed)?;
        for mut level in levels {
            level.sort_by(|a, b| a.span().start.cmp(&b.span().start));
            if !level.is_empty() {
                runs.push(Arc::new(Run::new(level)?));
            }
        }
        Ok(Layout { runs })
    }

    /// Its runs, newest first.
    #[inline]
    pub(super) fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }
}

/// One run per flush, newest first.
fn flushed_runs(mut flushed: Vec<(SegmentId, Arc<Segment>)>) -> Result<Vec<Arc<Run>>> {
    let newest_first = |(id, segment): &(SegmentId, Arc<Segment>)| {
        std::cmp::Reverse((segment.detail().recency, *id))
    };
    flushed.sort_by_key(newest_first);
    let mut runs = Vec::new();
    for flush in flushed.chunk_by(|a, b| a.1.detail().recency == b.1.detail().recency) {
        let mut sorted: Vec<Arc<Segment>> = flush.iter().map(|(_, s)| s.clone()).collect();
        sorted.sort_by(|a, b| a.span().start.cmp(&b.span().start));
        let disjoint = |pair: &[Arc<Segment>]| pair[0].span().ends_by(&pair[1].span().start);
        if sorted.windows(2).all(disjoint) {
            runs.push(Arc::new(Run::new(sorted)?));
            continue;
        }
        // Not from one flush, whatever they say: the later number is the newer one.
        for (_, segment) in flush {
            runs.push(Arc::new(Run::new(vec![segment.clone()])?));
        }
    }
    Ok(runs)
}
