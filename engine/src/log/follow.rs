//! Reading records one after another while others are appended: by file, segment by segment, in
//! bounded memory.
//!
//! Not for: where the log ends. Whoever asks for a commit knows that it is written.

use std::path::Path;
use std::sync::Arc;

use crate::env::{OpenMode, Vfs, VfsFile};
use crate::error::{Error, Result};
use crate::format::name;
use crate::id::{LogNo, LogPos, SeqNo};
use crate::log::{RECORD_HEADER_BYTES, Record, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader};

/// Bytes read at a time, at least.
const WINDOW_BYTES: usize = 64 << 10;

/// Reads the commits of one segment in order.
#[derive(Debug)]
pub struct Follow {
    header: SegmentHeader,
    file: Arc<dyn VfsFile>,
    /// Where the next record begins.
    at: LogPos,
    /// Bytes of the file from there on, from some time ago: what is behind the last record that was
    /// written then may be different now.
    window: Vec<u8>,
    /// How much of `window` lies before `at`.
    taken: usize,
    /// The last commit that [`Follow::peek`] has found.
    done: SeqNo,
}

/// What comes next in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peek {
    /// A commit, whole.
    Commit,
    /// A commit that was not asked for.
    Later,
    /// No record: none was written yet, or none will be.
    Nothing,
}

impl Follow {
    /// Opens a segment of the database `uuid`.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported`, `Io`.
    pub fn open(vfs: &dyn Vfs, dir: &Path, uuid: &[u8; 16], number: LogNo) -> Result<Follow> {
        let file_name = name::log(number);
        let failed = |e| Error::io(format_args!("reading {file_name}"), e);
        let file = vfs.open(&dir.join(&file_name), OpenMode::Read).map_err(failed)?;
        let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
        file.read_exact_at(0, &mut bytes).map_err(failed)?;
        let header = SegmentHeader::decode(number, &bytes)?;
        crate::ensure_sound!(
            header.uuid == *uuid,
            "log segment {number} belongs to another database"
        );
        let (at, done) = (header.base, header.last_seq);
        Ok(Follow { header, file, at, window: Vec::new(), taken: 0, done })
    }

    /// The segment.
    pub fn number(&self) -> LogNo {
        self.header.number
    }

    /// The commit `seq`, which is known to lie in this segment, at or behind the place that was
    /// read last. Those between are passed over. After an error the place is as it was.
    ///
    /// # Errors
    /// `Corrupt` when it is not there, naming segment and byte; `Unsupported` for records of newer
    /// versions; `Io`.
    pub fn commit(&mut self, seq: SeqNo) -> Result<Record<'_>> {
        loop {
            let header = self.header_here()?;
            let here = Record { header, at: self.at, body: &[] };
            let kind = here.kind()?;
            crate::ensure_sound!(
                header.seq <= seq,
                "log segment {} has commit {} at {} where {seq} is due",
                self.header.number,
                header.seq,
                self.at
            );
            if header.seq == seq && kind.is_commit() {
                break;
            }
            self.pass(header.record_len());
        }
        self.body_here()
    }

    /// The header of the segment.
    pub(super) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Where the next record begins, or would.
    pub(super) fn at(&self) -> LogPos {
        self.at
    }

    /// The last commit before that.
    pub(super) fn done(&self) -> SeqNo {
        self.done
    }

    /// Passes over the commit that was found last, and looks for the next one up to `last`.
    ///
    /// # Errors
    /// `Corrupt` when the commits are out of order; `Unsupported`, `Io`.
    pub(super) fn peek(&mut self, last: SeqNo) -> Result<Peek> {
        loop {
            let Some(header) = self.find_header()? else { return Ok(Peek::Nothing) };
            let is_commit = Record { header, at: self.at, body: &[] }.kind()?.is_commit();
            let due = self.done.next();
            if is_commit && header.seq >= due {
                crate::ensure_sound!(
                    header.seq == due,
                    "log segment {} has commit {} at {} where {due} is due",
                    self.header.number,
                    header.seq,
                    self.at
                );
                if header.seq > last {
                    return Ok(Peek::Later);
                }
                if !self.has_body(&header)? {
                    return Ok(Peek::Nothing);
                }
                self.done = header.seq;
                return Ok(Peek::Commit);
            }
            if !self.has_body(&header)? {
                return Ok(Peek::Nothing);
            }
            self.pass(header.record_len());
        }
    }

    /// The commit that was found last.
    pub(super) fn found(&self) -> Option<Record<'_>> {
        Record::decode(self.header.number, self.at, self.here())
    }

    fn find_header(&mut self) -> Result<Option<RecordHeader>> {
        let (number, at) = (self.header.number, self.at);
        let decode = |bytes: &[u8]| RecordHeader::decode(number, at, bytes);
        if let Some(header) = decode(self.here()) {
            return Ok(Some(header));
        }
        self.fill(RECORD_HEADER_BYTES)?;
        Ok(decode(self.here()))
    }

    /// Whether the record here is whole; reads it if need be.
    fn has_body(&mut self, header: &RecordHeader) -> Result<bool> {
        if self.found().is_none() {
            self.fill(usize::try_from(header.record_len()).unwrap_or(usize::MAX))?;
        }
        Ok(self.found().is_some())
    }

    fn pass(&mut self, bytes: u64) {
        self.at = LogPos(self.at.0 + bytes);
        match usize::try_from(bytes).ok().and_then(|bytes| self.taken.checked_add(bytes)) {
            Some(taken) if taken <= self.window.len() => self.taken = taken,
            _ => {
                self.window.clear();
                self.taken = 0;
            }
        }
    }

    fn here(&self) -> &[u8] {
        self.window.get(self.taken..).unwrap_or(&[])
    }

    /// Reads `bytes` from the next record on, or what there is.
    fn fill(&mut self, bytes: usize) -> Result<()> {
        let failed = |e| Error::io(format_args!("reading log segment {}", self.header.number), e);
        let from = self.header.offset_of(self.at);
        let there = self.file.len().map_err(failed)?.saturating_sub(from);
        let len = usize::try_from(there).unwrap_or(usize::MAX).min(bytes.max(WINDOW_BYTES));
        let mut window = std::mem::take(&mut self.window);
        self.taken = 0;
        window.clear();
        // A long record is not kept for ever.
        window.shrink_to(WINDOW_BYTES.max(len));
        window.resize(len, 0);
        // What lies behind the last record may be cut off meanwhile.
        let mut filled = 0;
        while let Some(rest) = window.get_mut(filled..)
            && !rest.is_empty()
        {
            match self.file.read_at(from + filled as u64, rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(failed(e)),
            }
        }
        window.truncate(filled);
        self.window = window;
        Ok(())
    }

    fn header_here(&mut self) -> Result<RecordHeader> {
        self.find_header()?.ok_or_else(|| self.damaged())
    }

    fn body_here(&mut self) -> Result<Record<'_>> {
        let header = self.header_here()?;
        if !self.has_body(&header)? {
            return Err(self.damaged());
        }
        self.found().ok_or_else(|| self.damaged())
    }

    fn damaged(&self) -> Error {
        let offset = self.header.offset_of(self.at);
        Error::corrupt(format!(
            "log segment {} is damaged at byte {offset}: a commit was written there",
            self.header.number
        ))
    }
}

#[cfg(test)]
mod tests;
