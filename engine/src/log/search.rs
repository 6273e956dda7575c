//! Looks for records where none is due, within bounds.
//!
//! A header that is whole tells how long its record is, and only its checksum tells whether the
//! record is there. Records lie apart, so that looking at all of them sums each byte once; bytes
//! that were made up to be the headers of many long records would have each byte summed again and
//! again. Hence a budget, which no log that was ever written needs.
//!
//! Not for: what a missing record means.

use crate::id::{LogNo, LogPos, SeqNo};
use crate::log::reader::offset_of;
use crate::log::{Record, RecordHeader};

/// So many times the length of the file is summed at most.
const BUDGET_TIMES: u64 = 8;

#[cfg(test)]
thread_local! {
    /// Bytes that searches of this thread have summed.
    pub(super) static SUMMED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// A search in the file of one segment.
pub(super) struct Search<'b> {
    number: LogNo,
    base: LogPos,
    bytes: &'b [u8],
    /// Behind the last byte that is not zero.
    used: usize,
    /// Bytes that may yet be summed.
    budget: u64,
    spent: bool,
}

impl<'b> Search<'b> {
    /// A search in the file `bytes` of segment `number`, whose first record lies at `base`.
    pub(super) fn new(number: LogNo, base: LogPos, bytes: &'b [u8]) -> Search<'b> {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let budget = BUDGET_TIMES * bytes.len() as u64;
        Search { number, base, bytes, used, budget, spent: false }
    }

    /// Whether something was not looked at, as it would have taken too long.
    pub(super) fn is_spent(&self) -> bool {
        self.spent
    }

    /// Bytes from `at` to the last one that is not zero.
    pub(super) fn used(&self, at: LogPos) -> usize {
        self.used.saturating_sub(self.bytes.len() - self.rest(at).len())
    }

    fn rest(&self, at: LogPos) -> &'b [u8] {
        let offset = usize::try_from(offset_of(self.base, at)).ok();
        offset.and_then(|offset| self.bytes.get(offset..)).unwrap_or_default()
    }

    /// The record of a header that holds, if it is there.
    fn whole(&mut self, at: LogPos, header: &RecordHeader) -> Option<Record<'b>> {
        let rest = self.rest(at);
        let len = header.record_len();
        if len > rest.len() as u64 {
            return None;
        }
        let Some(left) = self.budget.checked_sub(len) else {
            self.spent = true;
            return None;
        };
        self.budget = left;
        #[cfg(test)]
        SUMMED.set(SUMMED.get() + len);
        Record::decode(self.number, at, rest)
    }

    /// The header of a record that begins at `at`, if it may be one behind commit `last`, whether
    /// or not the record is whole. The cheap tests come first: this is asked for every byte.
    fn header(&self, at: LogPos, last: SeqNo) -> Option<RecordHeader> {
        let bytes = self.rest(at);
        let (kind, flags) = (bytes.get(12)?, bytes.get(13)?);
        if *kind == 0 || *kind > 8 || *flags != 0 {
            return None;
        }
        let seq = u64::from_le_bytes(*bytes.get(16..)?.first_chunk()?);
        if seq < last.0 || seq - last.0 > 1 << 32 {
            return None;
        }
        RecordHeader::decode(self.number, at, bytes)
    }

    /// The places behind `at` where bytes lie.
    fn places(&self, at: LogPos) -> impl Iterator<Item = LogPos> + use<> {
        let end = at.0.saturating_add(self.used(at) as u64);
        (at.0.saturating_add(1)..end).map(LogPos)
    }

    /// Where the next whole record behind `at` begins that may come after commit `last`.
    pub(super) fn next(&mut self, at: LogPos, last: SeqNo) -> Option<LogPos> {
        self.places(at).find(|later| match self.header(*later, last) {
            Some(header) => self.whole(*later, &header).is_some(),
            None => false,
        })
    }

    /// Where the first whole record behind `at` begins that says that `at` was durable.
    pub(super) fn proof(&mut self, at: LogPos, last: SeqNo) -> Option<LogPos> {
        self.places(at).find(|later| match self.header(*later, last) {
            Some(header) => header.synced > at && self.whole(*later, &header).is_some(),
            None => false,
        })
    }

    /// Up to where whole records behind `at` say that the log was durable.
    pub(super) fn proved(&mut self, at: LogPos, last: SeqNo) -> LogPos {
        self.places(at).fold(at, |proved, later| match self.header(later, last) {
            Some(header) if header.synced > proved => {
                self.whole(later, &header).map_or(proved, |_| header.synced)
            }
            Some(_) | None => proved,
        })
    }

    /// The record at `at`.
    pub(super) fn record(&mut self, at: LogPos) -> Option<Record<'b>> {
        let header = RecordHeader::decode(self.number, at, self.rest(at))?;
        self.whole(at, &header)
    }
}
