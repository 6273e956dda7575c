//! Reading the log on, commit after commit and segment after segment, while another process writes
//! it.
//!
//! Not for: knowing how far it may be read. Whoever asks says so.

use std::path::{Path, PathBuf};

use crate::env::Vfs;
use crate::error::Result;
use crate::format::name;
use crate::id::{LogNo, LogPos, SeqNo};
use crate::log::follow::Peek;
use crate::log::{Follow, Record, SegmentHeader};

/// A place in the log between two commits.
#[derive(Debug)]
pub struct Cursor {
    dir: PathBuf,
    uuid: [u8; 16],
    segment: Follow,
}

impl Cursor {
    /// Before the first commit of a segment.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported`, `Io`.
    pub fn open(vfs: &dyn Vfs, dir: &Path, uuid: &[u8; 16], number: LogNo) -> Result<Cursor> {
        let segment = Follow::open(vfs, dir, uuid, number)?;
        Ok(Cursor { dir: dir.to_path_buf(), uuid: *uuid, segment })
    }

    /// The segment that it is in.
    pub fn segment(&self) -> &SegmentHeader {
        self.segment.header()
    }

    /// Where what was read last begins, or where the next record would.
    pub fn at(&self) -> LogPos {
        self.segment.at()
    }

    /// The last commit that was read, or before what was.
    pub fn done(&self) -> SeqNo {
        self.segment.done()
    }

    /// The next commit and its segment, if it is there and not after `last`.
    ///
    /// # Errors
    /// `Corrupt` when segments do not fit together; `Unsupported`, `Io`.
    pub fn next(
        &mut self,
        vfs: &dyn Vfs,
        last: SeqNo,
    ) -> Result<Option<(SegmentHeader, Record<'_>)>> {
        loop {
            match self.segment.peek(last)? {
                Peek::Commit => break,
                Peek::Later => return Ok(None),
                Peek::Nothing if self.move_on(vfs)? => {}
                Peek::Nothing => return Ok(None),
            }
        }
        let header = *self.segment.header();
        Ok(self.segment.found().map(|record| (header, record)))
    }

    /// Goes on with the next segment if there is one: it says where this one ends.
    fn move_on(&mut self, vfs: &dyn Vfs) -> Result<bool> {
        let next = self.segment.number().next();
        if !vfs.exists(&self.dir.join(name::log(next))).unwrap_or(true) {
            return Ok(false);
        }
        let segment = Follow::open(vfs, &self.dir, &self.uuid, next)?;
        let (begins, ends) = (segment.header().base, self.segment.at());
        if begins > ends {
            // The last records may have been written after they were looked for.
            return match self.segment.peek(SeqNo(0))? {
                Peek::Nothing => Err(crate::error::Error::corrupt(format!(
                    "log segment {next} begins at {begins}, but the one before it ends at {ends}"
                ))),
                Peek::Commit | Peek::Later => Ok(true),
            };
        }
        crate::ensure_sound!(
            begins == ends && segment.header().last_seq == self.segment.done(),
            "log segment {next} begins at {begins} after commit {}, but the one before it ends at \
             {ends} with commit {}",
            segment.header().last_seq,
            self.segment.done()
        );
        self.segment = segment;
        Ok(true)
    }
}
