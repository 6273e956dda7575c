//! Segments that are there, oldest first, and which of them are worth keeping when recovery does
//! not need them.

use std::collections::VecDeque;
use std::path::Path;

use crate::env::{OpenMode, Vfs};
use crate::format::name;
use crate::id::{LogNo, SeqNo};
use crate::log::{SEGMENT_HEADER_BYTES, Scan, SegmentHeader};

/// A segment to which nothing is added any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Its number.
    pub number: LogNo,
    /// Bytes of records in it.
    pub bytes: u64,
    /// The last commit before it.
    pub before: SeqNo,
    /// The last commit in it, or before it.
    pub last_seq: SeqNo,
    /// The commit clock when it ended.
    pub clock_ms: u64,
}

impl Retained {
    /// The segment of a header, which ends where the next one begins.
    pub(super) fn between(header: &SegmentHeader, next: &SegmentHeader) -> Retained {
        Retained {
            number: header.number,
            bytes: next.base.0.saturating_sub(header.base.0),
            before: header.last_seq,
            last_seq: next.last_seq,
            clock_ms: next.clock_ms,
        }
    }

    /// The segments that a scan has found.
    pub(super) fn of_scan(scan: &Scan) -> VecDeque<Retained> {
        let next = |i: usize| scan.segments.get(i + 1).map(|(next, _)| next);
        let segments = scan.segments.iter().enumerate();
        let retained = segments.map(|(i, (header, end))| Retained {
            number: header.number,
            bytes: end.0 - header.base.0,
            before: header.last_seq,
            last_seq: next(i).map_or(scan.last_seq, |next| next.last_seq),
            clock_ms: next(i).map_or(scan.clock_ms, |next| next.clock_ms),
        });
        retained.collect()
    }
}

/// Where a commit lies, or will lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The segment.
    pub number: LogNo,
    /// The last commit in it as of now.
    pub last_seq: SeqNo,
}

/// What of the log is kept that recovery does not need. All counts of bytes include what is newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Kept whoever reads it, while what is newer has fewer bytes.
    pub bytes: u64,
    /// Kept while it is younger than this, in milliseconds, within `bytes_max`.
    pub age_ms: u64,
    /// Kept while somebody needs commits after this one, within `bytes_max`.
    pub position: Option<SeqNo>,
    /// The most bytes that are newer than something that is kept for its age or readers.
    pub bytes_max: u64,
}

impl Keep {
    /// How many of `kept`, which are in order, are not worth keeping; behind them are `newer`
    /// bytes. Pure.
    pub(super) fn excess(&self, kept: &VecDeque<Retained>, mut newer: u64, now_ms: u64) -> usize {
        for (i, segment) in kept.iter().enumerate().rev() {
            let young = segment.clock_ms.saturating_add(self.age_ms) > now_ms;
            let read = self.position.is_some_and(|position| position < segment.last_seq);
            let wanted = (young && self.age_ms > 0) || read;
            if newer >= self.bytes && !(wanted && newer < self.bytes_max) {
                return i + 1;
            }
            newer += segment.bytes;
        }
        0
    }
}

/// The segments right before `first` that are still there, oldest first. What is wrong with one
/// ends the search: nobody needs it to recover.
pub fn find_kept(vfs: &dyn Vfs, dir: &Path, first: &SegmentHeader) -> Vec<Retained> {
    let mut kept = Vec::new();
    let mut next = *first;
    while let Some(number) = next.number.0.checked_sub(1).map(LogNo)
        // What cannot be read is let go of, so look twice before saying so.
        && let Some(header) =
            read_header(vfs, dir, number).or_else(|| read_header(vfs, dir, number))
        && header.uuid == next.uuid
        && header.base <= next.base
        && header.last_seq <= next.last_seq
    {
        kept.push(Retained::between(&header, &next));
        next = header;
    }
    kept.reverse();
    kept
}

fn read_header(vfs: &dyn Vfs, dir: &Path, number: LogNo) -> Option<SegmentHeader> {
    let file = vfs.open(&dir.join(name::log(number)), OpenMode::Read).ok()?;
    let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
    file.read_exact_at(0, &mut bytes).ok()?;
    SegmentHeader::decode(number, &bytes).ok()
}

#[cfg(test)]
mod tests;
