//! Appending to the log: positions, segments, and the space they lie in.
//!
//! A writer does no locking and knows no commits: it is one part of what the commit lock guards.
//! Syncing happens outside that lock, on the file that [`LogWriter::sync_target`] hands out.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use crate::env::{Env, OpenMode, SyncKind, VfsFile};
use crate::error::{Error, ErrorKind, Result};
use crate::file::LogFiles;
use crate::format::crc32;
use crate::format::name::{self, FileName};
use crate::id::{LogNo, LogPos, SeqNo};
use crate::log::reader::offset_of;
use crate::log::{
    CloseMark, Kind, RECORD_HEADER_BYTES, RecordHeader, Retained, SEGMENT_HEADER_BYTES, Scan,
    SegmentHeader, SyncTarget, SyncTurn,
};
use crate::manifest::NUMBER_MAX;
use crate::stats::Stats;

/// Sizes of the log.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Size of a segment once the log has grown; the first ones are smaller. Its space is taken
    /// in steps of an eighth.
    pub segment_bytes: u64,
    /// Zeros written ahead of small synced commits: a sync that changes no file metadata takes
    /// half the time.
    pub zero_ahead_bytes: u64,
    /// Segments kept for reuse.
    pub spares: usize,
    /// Commits of durability `None` are written once this many bytes have gathered.
    pub buffer_bytes: usize,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            segment_bytes: 64 << 20,
            zero_ahead_bytes: 1 << 20,
            spares: 2,
            buffer_bytes: 64 << 10,
        }
    }
}

/// Segments up to this size take their space at once.
const SHORT_STEP_BYTES: u64 = 1 << 20;

/// A log that opening reads in no time.
const SHORT_LOG_BYTES: u64 = 256 << 10;

#[derive(Debug)]
struct Active {
    header: SegmentHeader,
    file: Arc<dyn VfsFile>,
    /// Bytes of the file that can be written without growing it.
    capacity: u64,
    /// Bytes that the file may grow to.
    limit: u64,
    /// Bytes of the file that were written before, at least with zeros.
    zeroed: u64,
    /// Whether it ends before its file is full.
    ends: bool,
}

impl Active {
    /// Makes room up to `needed`, which the limit allows.
    fn grow(&mut self, needed: u64, step: u64) -> Result<()> {
        if needed <= self.capacity {
            return Ok(());
        }
        let to = (needed + step).min(self.limit);
        let allocate = |to| self.file.allocate(self.capacity..to).map(|()| to);
        // On a disk that is nearly full what is needed may still fit.
        let grown = allocate(to).or_else(|_| allocate(needed));
        let number = self.header.number;
        self.capacity =
            grown.map_err(|e| Error::io(format_args!("growing log segment {number}"), e))?;
        Ok(())
    }
}

/// Where a log lies and how it is written.
#[derive(Clone, Debug)]
pub struct LogSetup {
    /// The world.
    pub env: Arc<dyn Env>,
    /// The directory of the database.
    pub dir: PathBuf,
    /// The database.
    pub uuid: [u8; 16],
    /// The sizes.
    pub options: LogOptions,
    /// The counters.
    pub stats: Arc<Stats>,
    /// Which files may be taken over, or were.
    pub files: LogFiles,
}

/// The end of the log.
#[derive(Debug)]
pub struct LogWriter {
    env: Arc<dyn Env>,
    dir: PathBuf,
    uuid: [u8; 16],
    options: LogOptions,
    stats: Arc<Stats>,
    files: LogFiles,
    active: Option<Active>,
    /// Number of the next segment.
    next: LogNo,
    /// Older segments that are still needed, oldest first.
    retained: VecDeque<Retained>,
    /// Segments before those, which only feeds need, oldest first.
    kept: VecDeque<Retained>,
    spares: Vec<LogNo>,
    last_seq: SeqNo,
    clock_ms: u64,
    /// The clock of the next record.
    record_ms: u64,
    /// Where the next record goes.
    end: LogPos,
    /// Records in `buffer` begin here.
    written: LogPos,
    /// The last commit before them.
    written_seq: SeqNo,
    synced: LogPos,
    turn: SyncTurn,
    buffer: Vec<u8>,
    manifest: CloseMark,
    /// Whether the last record says that the log was closed.
    closed: bool,
}

impl LogWriter {
    /// Continues a log after recovery. Nothing is written until the first append. All of what
    /// `scan` found must have been synced.
    ///
    /// # Errors
    /// `Io` when the directory cannot be listed.
    pub fn resume(
        setup: LogSetup,
        scan: &Scan,
        next: LogNo,
        manifest: CloseMark,
    ) -> Result<LogWriter> {
        let LogSetup { env, dir, uuid, options, stats, files } = setup;
        let end = scan.segments.last().map_or(LogPos(0), |(_, end)| *end);
        let retained = Retained::of_scan(scan);
        let names = env.vfs().list(&dir).map_err(|e| Error::io(dir.display(), e))?;
        let spares = names.iter().filter_map(|name| match FileName::parse(name) {
            Some(FileName::Spare(number)) => Some(number),
            _ => None,
        });
        let spares = spares.collect();
        let mut writer = LogWriter {
            env,
            dir,
            uuid,
            options,
            stats,
            files,
            active: None,
            next: scan.segments.last().map_or(next, |(header, _)| next.max(header.number.next())),
            retained,
            kept: VecDeque::new(),
            spares,
            last_seq: scan.last_seq,
            clock_ms: scan.clock_ms,
            record_ms: scan.clock_ms,
            end,
            written: end,
            written_seq: scan.last_seq,
            synced: end,
            turn: SyncTurn::default(),
            buffer: Vec::new(),
            manifest,
            closed: scan.closed.is_some(),
        };
        if crate::planted::is(crate::planted::Bug::StaleRecordAfterCut) {
            writer.reopen_last(scan)?;
        }
        Ok(writer)
    }

    /// Appends to the last segment although a tail may have been cut there: a planted bug.
    fn reopen_last(&mut self, scan: &Scan) -> Result<()> {
        let Some((header, _)) = scan.segments.last() else { return Ok(()) };
        let path = self.dir.join(name::log(header.number));
        let file = self.env.vfs().open(&path, OpenMode::Write);
        let file = file.map_err(|e| Error::io(path.display(), e))?;
        let capacity = file.len().map_err(|e| Error::io(path.display(), e))?;
        self.retained.pop_back();
        self.active = Some(Active {
            header: *header,
            file,
            capacity,
            limit: capacity,
            zeroed: capacity,
            ends: false,
        });
        Ok(())
    }

    /// Where the next record goes.
    pub fn end(&self) -> LogPos {
        self.end
    }

    /// Everything before this is in the operating system's hands.
    pub fn written(&self) -> LogPos {
        self.written
    }

    /// The last commit that is in the operating system's hands.
    pub fn written_seq(&self) -> SeqNo {
        self.written_seq
    }

    /// Everything before this is durable.
    pub fn synced(&self) -> LogPos {
        self.synced
    }

    /// The last sequence number.
    pub fn last_seq(&self) -> SeqNo {
        self.last_seq
    }

    /// The number that the next segment will get.
    pub fn next_segment(&self) -> LogNo {
        self.next
    }

    /// Bytes of records that recovery would read.
    pub fn retained_bytes(&self) -> u64 {
        let older: u64 = self.retained.iter().map(|segment| segment.bytes).sum();
        older + self.active.as_ref().map_or(0, |active| self.end.0 - active.header.base.0)
    }

    /// The oldest segment that is kept; `None` while there is none at all.
    pub fn oldest(&self) -> Option<LogNo> {
        let active = self.active.as_ref().map(|active| active.header.number);
        self.retained.front().map(|segment| segment.number).or(active)
    }

    /// The newest segment; `None` while there is none at all.
    pub fn newest(&self) -> Option<LogNo> {
        let active = self.active.as_ref().map(|active| active.header.number);
        active.or(self.retained.back().map(|segment| segment.number))
    }

    /// The commit clock: that of the last commit.
    pub fn clock_ms(&self) -> u64 {
        self.clock_ms
    }

    /// Notes how far the manifest is synced, for headers and the close record.
    pub fn set_manifest(&mut self, mark: CloseMark) {
        self.manifest = mark;
    }

    /// The clock of the next commit: `now_ms`, but never going back.
    pub fn tick(&mut self, now_ms: u64) -> u64 {
        self.clock_ms = self.clock_ms.max(now_ms);
        self.record_ms = self.clock_ms;
        self.clock_ms
    }

    /// The clock of the next commit, which was committed elsewhere at `then_ms`: that, whatever
    /// later ones there have been.
    pub fn tick_again(&mut self, then_ms: u64) -> u64 {
        assert!(then_ms <= NUMBER_MAX, "a clock that logs can hold");
        self.record_ms = then_ms;
        self.clock_ms = self.clock_ms.max(self.record_ms);
        self.record_ms
    }

    /// Makes room for a record of `len` bytes, beginning a new segment if need be. On an error
    /// nothing has changed and a later call may succeed, unless a sync failed.
    ///
    /// # Errors
    /// `Full`, `Io`; `Poisoned` when a sync failed.
    pub fn reserve(&mut self, len: u64) -> Result<()> {
        let step = self.step_bytes();
        if let Some(active) = &mut self.active {
            let needed = offset_of(active.header.base, self.end) + len;
            if needed <= active.limit {
                return active.grow(needed, step);
            }
        }
        self.sync_all()?;
        self.begin_segment(len)
    }

    /// Appends a record, whose body lies behind room for its header, and returns its end. Room
    /// must have been reserved. Written at once unless `lazily`.
    ///
    /// # Errors
    /// `Io` when writing failed: the log must not be used further.
    pub fn append(
        &mut self,
        kind: Kind,
        seq: SeqNo,
        body_crc: u32,
        record: &mut [u8],
        how: Append,
    ) -> Result<LogPos> {
        let Some(active) = &self.active else {
            return Err(Error::internal("append to a log without a segment"));
        };
        let len = record.len() as u64;
        let offset = offset_of(active.header.base, self.end);
        assert!(offset + len <= active.capacity, "a record must have room in its segment");
        assert!(record.len() >= RECORD_HEADER_BYTES, "a record has a header");
        let header = RecordHeader {
            body_crc,
            body_len: (record.len() - RECORD_HEADER_BYTES) as u32,
            kind: kind as u8,
            flags: 0,
            key_id: 0,
            seq,
            synced: self.synced,
            clock_ms: self.record_ms,
        };
        header.encode(active.header.number, self.end, record);
        let end = LogPos(self.end.0 + len);
        if self.buffer.is_empty() && how != Append::Lazily {
            self.zero_ahead(offset + len, how)?;
            self.write(self.end, record)?;
            self.written = end;
            self.written_seq = seq;
        } else {
            self.buffer.extend_from_slice(record);
        }
        self.end = end;
        self.last_seq = seq;
        self.closed = kind == Kind::Close;
        Stats::add(&self.stats.log_bytes, len);
        if how != Append::Lazily || self.buffer.len() >= self.options.buffer_bytes {
            self.write_out()?;
        }
        Ok(end)
    }

    /// Hands buffered records to the operating system.
    ///
    /// # Errors
    /// `Io`: the log must not be used further.
    pub fn write_out(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            let buffer = std::mem::take(&mut self.buffer);
            self.write(self.written, &buffer)?;
            self.written = self.end;
            self.written_seq = self.last_seq;
            self.buffer = buffer;
            self.buffer.clear();
        }
        Ok(())
    }

    fn write(&self, at: LogPos, bytes: &[u8]) -> Result<()> {
        let Some(active) = &self.active else {
            return Err(Error::internal("write to a log without a segment"));
        };
        let offset = offset_of(active.header.base, at);
        let written = active.file.write_all_at(offset, bytes);
        written
            .map_err(|e| Error::io(format_args!("writing log segment {}", active.header.number), e))
    }

    /// Keeps a window of zeros ahead of small synced records.
    fn zero_ahead(&mut self, end: u64, how: Append) -> Result<()> {
        let window = self.options.zero_ahead_bytes;
        let Some(active) = &mut self.active else { return Ok(()) };
        if how != Append::Synced || end <= active.zeroed {
            active.zeroed = active.zeroed.max(end);
            return Ok(());
        }
        let from = active.zeroed.max(offset_of(active.header.base, self.end));
        let to = (end + window).min(active.capacity);
        if to <= from || end - from > window {
            active.zeroed = end;
            return Ok(());
        }
        let zeros = vec![0; (to - from) as usize];
        let number = active.header.number;
        let wrote = active.file.write_all_at(from, &zeros);
        wrote.map_err(|e| Error::io(format_args!("writing log segment {number}"), e))?;
        active.zeroed = to;
        Ok(())
    }

    /// The file to sync and the position that will then be durable; `None` when all is.
    pub fn sync_target(&self) -> Option<(SyncTarget, LogPos)> {
        let active = self.active.as_ref()?;
        let target = || SyncTarget::new(active.file.clone(), self.turn.clone());
        (self.written > self.synced).then(|| (target(), self.written))
    }

    /// Notes that everything before `target` is durable.
    pub fn note_synced(&mut self, target: LogPos) {
        self.synced = self.synced.max(target);
    }

    /// Writes and syncs everything.
    ///
    /// # Errors
    /// `Poisoned`: the log must not be used further.
    pub fn sync_all(&mut self) -> Result<()> {
        self.write_out().map_err(|e| e.into_kind(ErrorKind::Poisoned))?;
        if let Some((file, target)) = self.sync_target() {
            file.sync()
                .map_err(|e| Error::io("syncing the log", e).into_kind(ErrorKind::Poisoned))?;
            Stats::add(&self.stats.log_syncs, 1);
            self.note_synced(target);
        }
        Ok(())
    }

    /// Begins the segment that follows: its header is synced before the file gets its name.
    fn begin_segment(&mut self, first_record: u64) -> Result<()> {
        let number = self.next;
        let needed = SEGMENT_HEADER_BYTES + first_record;
        let recycled = self.take_spare(needed)?;
        let (from, file, is_recycled) = match recycled {
            Some((spare, file)) => (spare, file, true),
            None => (number, self.create_spare(number, needed)?, false),
        };
        let header = SegmentHeader {
            uuid: self.uuid,
            number,
            base: self.end,
            last_seq: self.last_seq,
            manifest: self.manifest,
            clock_ms: self.clock_ms,
            recycled: is_recycled,
        };
        let failed = |e| Error::io(format_args!("beginning log segment {number}"), e);
        let written = file.write_all_at(0, &header.encode());
        let written = written.and_then(|()| file.sync(SyncKind::Full)).and_then(|()| file.len());
        let capacity = written.map_err(|e| {
            if is_recycled {
                self.spares.push(from);
            }
            failed(e)
        })?;
        self.give_name(from, number)?;
        let zeroed = if is_recycled { capacity } else { SEGMENT_HEADER_BYTES };
        let limit = capacity.max(self.segment_len());
        let active = Active { header, file, capacity, limit, zeroed, ends: false };
        if let Some(old) = self.active.replace(active) {
            self.retained.push_back(Retained::between(&old.header, &header));
            self.complete(&old);
        }
        self.next = number.next();
        self.closed = false;
        Stats::add(&self.stats.log_segments, 1);
        Stats::add(&self.stats.log_recycled, u64::from(is_recycled));
        Ok(())
    }

    /// From here on the segment before ends where this one begins: unless it is known that the name
    /// was not given, nothing may be appended there any more.
    fn give_name(&self, spare: LogNo, number: LogNo) -> Result<()> {
        let failed = |e| Error::io(format_args!("naming log segment {number}"), e);
        let vfs = self.env.vfs();
        vfs.rename(&self.dir.join(name::spare_log(spare)), &self.dir.join(name::log(number)))
            .map_err(failed)
            .map_err(|e| match e.kind() {
                ErrorKind::Full => e,
                _ => e.into_kind(ErrorKind::Poisoned),
            })?;
        vfs.sync_dir(&self.dir).map_err(|e| failed(e).into_kind(ErrorKind::Poisoned))
    }

    fn take_spare(&mut self, needed: u64) -> Result<Option<(LogNo, Arc<dyn VfsFile>)>> {
        while let Some(number) = self.spares.pop() {
            let path = self.dir.join(name::spare_log(number));
            let file = match self.env.vfs().open(&path, OpenMode::Write) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                opened => opened.map_err(|e| Error::io(path.display(), e))?,
            };
            let len = file.len().map_err(|e| Error::io(path.display(), e))?;
            if len >= needed {
                return Ok(Some((number, file)));
            }
            drop(file);
            self.env.vfs().remove(&path).map_err(|e| Error::io(path.display(), e))?;
        }
        Ok(None)
    }

    fn create_spare(&mut self, number: LogNo, needed: u64) -> Result<Arc<dyn VfsFile>> {
        let len = self.step_bytes().max(needed);
        let path = self.dir.join(name::spare_log(number));
        let failed = |e| Error::io(format_args!("creating log segment {number}"), e);
        let vfs = self.env.vfs();
        let file = match vfs.open(&path, OpenMode::CreateNew) {
            // Left by a call that failed half-way.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                vfs.remove(&path).and_then(|()| vfs.open(&path, OpenMode::CreateNew))
            }
            opened => opened,
        };
        let file = file.map_err(failed)?;
        if let Err(error) = file.allocate(0..len) {
            let _ = vfs.remove(&path);
            return Err(failed(error));
        }
        Ok(file)
    }

    /// The space of a segment is taken in such steps: one that is left early wastes little.
    fn step_bytes(&self) -> u64 {
        let len = self.segment_len();
        (len / 8).max(len.min(SHORT_STEP_BYTES))
    }

    /// Segments grow from a 64th of the full size, so that a small database stays small.
    fn segment_len(&self) -> u64 {
        let small = self.options.segment_bytes / 64;
        let logged = self.end.0.max(small);
        logged.next_power_of_two().clamp(small.min(1 << 20), self.options.segment_bytes)
    }

    /// Begins a new segment now, unless the present one is short: when nothing before it is
    /// needed, opening need not read it.
    ///
    /// # Errors
    /// As [`LogWriter::reserve`].
    pub fn begin_anew(&mut self) -> Result<()> {
        let long = self.retained_bytes() > SHORT_LOG_BYTES;
        if !long {
            return Ok(());
        }
        self.sync_all()?;
        self.begin_segment(0)
    }

    /// Syncs everything, writes the close record and gives unused space back, spares included. A
    /// log that was closed and to which nothing was added stays as it is.
    ///
    /// # Errors
    /// `Io`, `Full`: the log is sound, but not marked as closed.
    pub fn close(&mut self) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let mut record = vec![0; RECORD_HEADER_BYTES];
        self.manifest.encode(&mut record);
        self.reserve(record.len() as u64)?;
        self.sync_all()?;
        let crc = crc32(&record[RECORD_HEADER_BYTES..]);
        self.append(Kind::Close, self.last_seq, crc, &mut record, Append::Written)?;
        self.sync_all()?;
        self.shrink_active()?;
        if let Some(active) = &self.active {
            active.file.sync(SyncKind::Full).map_err(|e| Error::io("closing the log", e))?;
        }
        self.remove_spares()
    }

    /// Whether anything was appended since the log was opened.
    pub fn is_touched(&self) -> bool {
        self.active.is_some()
    }
}

/// When an appended record reaches the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// With the next eager record, or when the buffer is full.
    Lazily,
    /// At once.
    Written,
    /// At once, and it will be synced: zeros ahead pay.
    Synced,
}

mod complete;
mod kept;

#[cfg(test)]
mod tests;
