//! Segments that are written no more, and ending one early.
//!
//! A complete segment may be taken over as a blob file; see [`LogFiles`](crate::file::LogFiles).
//!
//! Not for: records.

use super::{Active, LogWriter, offset_of};
use crate::error::Result;
use crate::id::{LogPlace, LogPos};
use crate::log::SEGMENT_HEADER_BYTES;

impl LogWriter {
    /// Notes that a segment is durable and has a successor.
    pub(super) fn complete(&mut self, old: &Active) {
        let (number, bytes) = (old.header.number, self.end.0 - old.header.base.0);
        let used = SEGMENT_HEADER_BYTES + bytes;
        // Nobody reads behind the last record, and whoever maps the log keeps the commit lock, or
        // comes before there are commits. Where the rest cannot be given back it stays.
        let trimmed = old.ends && old.file.set_len(used).is_ok();
        self.files.completed(number, if trimmed { used } else { old.capacity });
    }

    /// Where in which segment the bytes at `at` lie, which is in the one being written.
    pub fn locate(&self, at: LogPos) -> Option<LogPlace> {
        let header = &self.active.as_ref()?.header;
        (at >= header.base).then(|| LogPlace { log: header.number, offset: header.offset_of(at) })
    }

    /// Bytes of records in the segment being written.
    pub fn active_bytes(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| self.end.0 - active.header.base.0)
    }

    /// Has the segment being written end here: the next record begins another.
    pub fn end_segment(&mut self) {
        if let Some(active) = &mut self.active {
            active.limit = offset_of(active.header.base, self.end);
            active.ends = true;
        }
    }

    /// Begins the next segment now, if the one being written was ended.
    ///
    /// # Errors
    /// As [`LogWriter::reserve`].
    pub fn complete_ended(&mut self) -> Result<()> {
        if !self.active.as_ref().is_some_and(|active| active.ends) {
            return Ok(());
        }
        self.sync_all()?;
        self.begin_segment(0)
    }
}
