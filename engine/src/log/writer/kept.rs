//! The segments behind the end of the log: which are needed, which are kept, which let go.
//!
//! ```text
//! kept for feeds  │ retained for recovery │ active
//! ──────────────── ◄─ set aside ───────── ◄─ begun ─
//! ```

use super::{LogWriter, offset_of};
use crate::error::{Error, Result};
use crate::format::name;
use crate::id::{LogNo, LogPos, SeqNo};
use crate::log::retained::Keep;
use crate::log::{Place, Retained, SegmentHeader};
use crate::planted::{self, Bug};

impl LogWriter {
    /// Begins a new segment now: no commit in it has an earlier clock than `clock_ms`, or than any
    /// before it.
    ///
    /// # Errors
    /// As [`LogWriter::reserve`].
    pub fn begin_later(&mut self, clock_ms: u64) -> Result<()> {
        self.tick(clock_ms);
        self.sync_all()?;
        self.begin_segment(0)
    }

    /// Takes on segments that were kept before the first that recovery needs.
    pub fn adopt(&mut self, kept: Vec<Retained>) {
        // Whether they are blob files as well is not known.
        kept.iter().for_each(|segment| self.files.share(segment.number));
        self.kept = kept.into();
    }

    /// Older segments that are kept, oldest first.
    pub fn retained(&self) -> impl Iterator<Item = &Retained> {
        self.retained.iter()
    }

    /// All segments that recovery needs, the one being written included, oldest first; as far as
    /// they are written.
    pub fn segments(&self) -> Vec<Retained> {
        let active = self.active.as_ref().map(|active| Retained {
            number: active.header.number,
            bytes: self.written.0 - active.header.base.0,
            before: active.header.last_seq,
            last_seq: self.last_seq,
            clock_ms: self.clock_ms,
        });
        self.retained.iter().copied().chain(active).collect()
    }

    /// Notes how far another process has written the log: up to the commit `last_seq`, which ends
    /// at `end` in the segment of `header`.
    pub fn note_followed(
        &mut self,
        header: &SegmentHeader,
        last_seq: SeqNo,
        end: LogPos,
        clock_ms: u64,
    ) {
        if self.retained.back().is_some_and(|newest| newest.number > header.number) {
            return;
        }
        if self.retained.back().is_none_or(|newest| newest.number < header.number) {
            if let Some(newest) = self.retained.back_mut() {
                newest.last_seq = header.last_seq;
            }
            self.retained.push_back(Retained {
                number: header.number,
                bytes: 0,
                before: header.last_seq,
                last_seq: header.last_seq,
                clock_ms: header.clock_ms,
            });
        }
        self.clock_ms = self.clock_ms.max(clock_ms);
        if let Some(newest) = self.retained.back_mut() {
            newest.bytes = end.0.saturating_sub(header.base.0);
            newest.last_seq = last_seq;
            newest.clock_ms = self.clock_ms;
        }
        (self.last_seq, self.written_seq) = (last_seq, last_seq);
        (self.end, self.written, self.synced) = (end, end, end);
    }

    /// Notes that another process has let go of the segments before `number`.
    pub fn forget_before(&mut self, number: LogNo) {
        self.kept.retain(|segment| segment.number >= number);
        self.retained.retain(|segment| segment.number >= number);
    }

    /// Bytes of records in segments that recovery does not need.
    pub fn kept_bytes(&self) -> u64 {
        self.kept.iter().map(|segment| segment.bytes).sum()
    }

    /// Bytes of records in the segments that hold the commit `first` and what follows it. Takes
    /// time for these alone, however many are before them.
    pub fn bytes_from(&self, first: SeqNo) -> u64 {
        let newer = self.retained.iter().rev().take_while(|segment| segment.last_seq >= first);
        self.active_bytes() + newer.map(|segment| segment.bytes).sum::<u64>()
    }

    /// The oldest segment that is there, whether or not recovery needs it.
    pub fn oldest_kept(&self) -> Option<LogNo> {
        self.kept.front().map(|segment| segment.number).or(self.oldest())
    }

    /// The first commit that is in the log, or will be.
    pub fn first_commit(&self) -> SeqNo {
        let oldest = self.kept.front().or(self.retained.front()).map(|oldest| oldest.before);
        let active = self.active.as_ref().map(|active| active.header.last_seq);
        oldest.or(active).unwrap_or(self.last_seq).next()
    }

    /// Where a commit lies; of one that is not there yet, the newest segment. `None` when it is
    /// there no longer.
    pub fn place_of(&self, seq: SeqNo) -> Option<Place> {
        if seq < self.first_commit() {
            return None;
        }
        let holds = |segment: &&Retained| segment.last_seq >= seq;
        if let Some(Retained { number, last_seq, .. }) =
            self.kept.iter().chain(&self.retained).find(holds)
        {
            return Some(Place { number: *number, last_seq: *last_seq });
        }
        Some(Place { number: self.newest()?, last_seq: self.last_seq })
    }

    /// Notes that recovery does not need the segments before `start`. The manifest must say so
    /// durably.
    pub fn set_aside(&mut self, start: LogNo) {
        while let Some(front) = self.retained.front().copied()
            && front.number < start
        {
            self.retained.pop_front();
            self.kept.push_back(front);
        }
    }

    /// Lets go of segments that were set aside and are not worth keeping.
    ///
    /// # Errors
    /// As [`LogWriter::release`].
    pub fn trim(&mut self, keep: &Keep) -> Result<()> {
        let excess = keep.excess(&self.kept, self.retained_bytes(), self.env.wall_ms());
        match excess.checked_sub(1).and_then(|last| self.kept.get(last)) {
            Some(last) => self.release(last.number.next()),
            None => Ok(()),
        }
    }

    /// Gives space back that is kept for what may be written next: spare segments, and what of the
    /// newest is not written. The next commits take it again.
    ///
    /// # Errors
    /// `Io`.
    pub fn shrink(&mut self) -> Result<()> {
        self.remove_spares()?;
        self.shrink_active()
    }

    pub(super) fn shrink_active(&mut self) -> Result<()> {
        if let Some(active) = &mut self.active {
            let number = active.header.number;
            let used = offset_of(active.header.base, self.end);
            let shrunk = active.file.set_len(used);
            shrunk.map_err(|e| Error::io(format_args!("shrinking log segment {number}"), e))?;
            active.capacity = used;
            active.zeroed = active.zeroed.min(used);
        }
        Ok(())
    }

    pub(super) fn remove_spares(&mut self) -> Result<()> {
        while let Some(number) = self.spares.pop() {
            let path = self.dir.join(name::spare_log(number));
            match self.env.vfs().remove(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(path.display(), e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Lets go of all segments before `start`: they become spares, or are removed. The manifest
    /// must say durably that they are not needed.
    ///
    /// # Errors
    /// `Io`; what failed stays until the database is opened again.
    pub fn release(&mut self, start: LogNo) -> Result<()> {
        while let Some(front) = self.kept.front().or(self.retained.front()).copied()
            && front.number < start
        {
            if self.kept.pop_front().is_none() {
                self.retained.pop_front();
            }
            let path = self.dir.join(name::log(front.number));
            let vfs = self.env.vfs();
            let reusable = self.files.let_go(front.number) || planted::is(Bug::AdoptedLogReused);
            if reusable && self.spares.len() < self.options.spares {
                let spare = self.dir.join(name::spare_log(front.number));
                vfs.rename(&path, &spare).map_err(|e| Error::io(path.display(), e))?;
                self.spares.push(front.number);
            } else {
                vfs.remove(&path).map_err(|e| Error::io(path.display(), e))?;
            }
        }
        Ok(())
    }
}
