//! Reading the log back: where it ends, and whether what ends it is a torn tail or damage.

use std::path::Path;

use std::sync::Arc;

use crate::env::{Map, OpenMode, Vfs, VfsFile};
use crate::error::{Error, Result};
use crate::format::name::{self, FileName};
use crate::id::{LogNo, LogPos, SeqNo};
use crate::log::search::Search;
use crate::log::{
    CloseMark, Kind, RECORD_HEADER_BYTES, Record, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use crate::manifest::NUMBER_MAX;

/// A tail that was being written when the process or machine stopped. Nothing in it was
/// acknowledged as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub log: LogNo,
    /// Byte in its file where the log now ends.
    pub offset: u64,
    /// Bytes from there to the last one that is not zero.
    pub bytes: u64,
}

/// What a scan of the whole log found.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// The segments, oldest first: header, and position where its records end.
    pub segments: Vec<(SegmentHeader, LogPos)>,
    /// The last sequence number.
    pub last_seq: SeqNo,
    /// Highest commit clock.
    pub clock_ms: u64,
    /// Set when the log was closed in order.
    pub closed: Option<CloseMark>,
    /// Everything before this is known to have been durable.
    pub synced: LogPos,
    /// Furthest manifest known to have been synced.
    pub manifest: Option<CloseMark>,
    /// Set when a tail was cut.
    pub torn: Option<Torn>,
}

/// Numbers of the log segments in `dir`, ascending.
///
/// # Errors
/// `Io`.
pub fn find_logs(vfs: &dyn Vfs, dir: &Path) -> Result<Vec<LogNo>> {
    let names = vfs.list(dir).map_err(|e| Error::io(dir.display(), e))?;
    let mut logs: Vec<LogNo> = names
        .iter()
        .filter_map(|name| match FileName::parse(name) {
            Some(FileName::Log(number)) => Some(number),
            _ => None,
        })
        .collect();
    logs.sort_unstable();
    Ok(logs)
}

pub(super) enum Bytes {
    Map(Map),
    Copy(Vec<u8>),
}

impl Bytes {
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Bytes::Map(map) => map,
            Bytes::Copy(bytes) => bytes,
        }
    }
}

/// How the bytes of the log are had.
#[derive(Clone, Copy)]
enum Loading {
    /// Mapped where they can be: nobody shortens the log meanwhile.
    Mapped,
    Copied,
}

fn load(vfs: &dyn Vfs, dir: &Path, number: LogNo, loading: Loading) -> Result<Bytes> {
    match loading {
        Loading::Mapped => load_file(vfs, dir, &name::log(number)),
        Loading::Copied => copy_file(vfs, dir, &name::log(number)),
    }
}

/// All bytes of a file.
///
/// # Errors
/// `Corrupt` when it is missing; `Io`.
pub(super) fn load_file(vfs: &dyn Vfs, dir: &Path, file_name: &str) -> Result<Bytes> {
    let (file, failed) = (open(vfs, dir, file_name)?, reading(file_name));
    let len = file.len().map_err(&failed)?;
    match file.map(0..len).map_err(&failed)? {
        Some(map) => Ok(Bytes::Map(map)),
        None => copy_file(vfs, dir, file_name),
    }
}

/// As [`load_file`], never mapped: what another process shortens meanwhile is an error.
fn copy_file(vfs: &dyn Vfs, dir: &Path, file_name: &str) -> Result<Bytes> {
    let (file, failed) = (open(vfs, dir, file_name)?, reading(file_name));
    let len = usize::try_from(file.len().map_err(&failed)?)
        .map_err(|_| Error::corrupt(format!("{file_name} is huge")))?;
    let mut bytes = vec![0; len];
    file.read_exact_at(0, &mut bytes).map_err(&failed)?;
    Ok(Bytes::Copy(bytes))
}

fn open(vfs: &dyn Vfs, dir: &Path, file_name: &str) -> Result<Arc<dyn VfsFile>> {
    vfs.open(&dir.join(file_name), OpenMode::Read).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::corrupt(format!("{file_name} is missing")),
        _ => reading(file_name)(e),
    })
}

fn reading(file_name: &str) -> impl Fn(std::io::Error) -> Error {
    move |e| Error::io(format_args!("reading {file_name}"), e)
}

/// Reads the whole log from segment `start` on and hands every record to `visit`, oldest first.
///
/// # Errors
/// `Corrupt` for damage, naming segment and byte; `Unsupported`; `Io`; what `visit` returns.
pub fn scan(
    vfs: &dyn Vfs,
    dir: &Path,
    uuid: &[u8; 16],
    start: LogNo,
    visit: &mut dyn FnMut(LogNo, Record<'_>) -> Result<()>,
) -> Result<Scan> {
    scan_by(vfs, (dir, Loading::Mapped), uuid, start, visit)
}

/// As [`scan`], of a log that another process may begin to write meanwhile.
///
/// # Errors
/// As there, and whatever comes of such a change.
pub fn scan_copied(
    vfs: &dyn Vfs,
    dir: &Path,
    uuid: &[u8; 16],
    start: LogNo,
    visit: &mut dyn FnMut(LogNo, Record<'_>) -> Result<()>,
) -> Result<Scan> {
    scan_by(vfs, (dir, Loading::Copied), uuid, start, visit)
}

fn scan_by(
    vfs: &dyn Vfs,
    (dir, loading): (&Path, Loading),
    uuid: &[u8; 16],
    start: LogNo,
    visit: &mut dyn FnMut(LogNo, Record<'_>) -> Result<()>,
) -> Result<Scan> {
    let logs: Vec<LogNo> = find_logs(vfs, dir)?.into_iter().filter(|no| *no >= start).collect();
    for (number, due) in logs.iter().zip(start.0..) {
        crate::ensure_sound!(number.0 == due, "log segment {due} is missing");
    }
    let mut found = Scan::default();
    for (i, number) in logs.iter().enumerate() {
        let bytes = load(vfs, dir, *number, loading)?;
        let header = SegmentHeader::decode(*number, bytes.get())?;
        crate::ensure_sound!(
            header.uuid == *uuid,
            "log segment {number} belongs to another database"
        );
        let next = match logs.get(i + 1) {
            None => None,
            Some(next) => {
                let bytes = load(vfs, dir, *next, loading)?;
                Some(SegmentHeader::decode(*next, bytes.get())?.base)
            }
        };
        found.begin_segment(header)?;
        found.records(header, bytes.get(), next, visit)?;
    }
    Ok(found)
}

impl Scan {
    fn begin_segment(&mut self, header: SegmentHeader) -> Result<()> {
        let number = header.number;
        if let Some((_, end)) = self.segments.last() {
            crate::ensure_sound!(
                header.base == *end && header.last_seq == self.last_seq,
                "log segment {number} begins at {} after commit {}, but the log before it ends \
                 at {end} with commit {}",
                header.base,
                header.last_seq,
                self.last_seq
            );
        } else {
            self.last_seq = header.last_seq;
        }
        self.synced = self.synced.max(header.base);
        self.clock_ms = self.clock_ms.max(header.clock_ms);
        self.learn_manifest(header.manifest);
        Ok(())
    }

    fn learn_manifest(&mut self, mark: CloseMark) {
        let known = self.manifest.map(|m| (m.manifest, m.manifest_len));
        if known.is_none_or(|known| known < (mark.manifest, mark.manifest_len)) {
            self.manifest = Some(mark);
        }
    }

    fn records(
        &mut self,
        segment: SegmentHeader,
        bytes: &[u8],
        next: Option<LogPos>,
        visit: &mut dyn FnMut(LogNo, Record<'_>) -> Result<()>,
    ) -> Result<()> {
        let number = segment.number;
        let mut at = segment.base;
        while next.is_none_or(|next| at < next) {
            let offset = offset_of(segment.base, at);
            let rest = usize::try_from(offset).ok().and_then(|from| bytes.get(from..));
            let rest = rest.unwrap_or(&[]);
            let Some(record) = Record::decode(number, at, rest) else {
                self.end_of_log(segment, bytes, at, next)?;
                break;
            };
            self.take(number, record, visit)?;
            at = LogPos(at.0 + record.header.record_len());
        }
        crate::ensure_sound!(
            next.is_none_or(|next| next == at),
            "log segment {number} has a record across its end at {at}"
        );
        self.segments.push((segment, at));
        Ok(())
    }

    fn take(
        &mut self,
        number: LogNo,
        record: Record<'_>,
        visit: &mut dyn FnMut(LogNo, Record<'_>) -> Result<()>,
    ) -> Result<()> {
        let header = record.header;
        let kind = record.kind()?;
        let expected = match kind {
            Kind::Commit | Kind::Ingest => self.last_seq.next(),
            Kind::Close => self.last_seq,
        };
        crate::ensure_sound!(
            header.seq == expected,
            "log segment {number} has commit {} at {} where {expected} is due",
            header.seq,
            record.at
        );
        crate::ensure_sound!(
            header.clock_ms <= NUMBER_MAX,
            "log segment {number} has a commit of the year {} at {}",
            header.clock_ms / 31_556_952_000 + 1970,
            record.at
        );
        self.last_seq = header.seq;
        self.clock_ms = self.clock_ms.max(header.clock_ms);
        self.synced = self.synced.max(header.synced);
        self.closed = None;
        if kind == Kind::Close {
            let mark = CloseMark::decode(record.body)?;
            self.learn_manifest(mark);
            self.closed = Some(mark);
            self.synced = record.at;
        }
        visit(number, record)
    }

    /// Decides what the bad record at `at` is.
    fn end_of_log(
        &mut self,
        segment: SegmentHeader,
        bytes: &[u8],
        at: LogPos,
        next: Option<LogPos>,
    ) -> Result<()> {
        let number = segment.number;
        let offset = offset_of(segment.base, at);
        if let Some(next) = next {
            return Err(Error::corrupt(format!(
                "log segment {number} is damaged at byte {offset}: its successor proves that \
                 records up to {next} were synced"
            )));
        }
        let tail = usize::try_from(offset).ok().and_then(|from| bytes.get(from..)).unwrap_or(&[]);
        let used = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if used == 0 {
            return Ok(());
        }
        let mut search = Search::new(number, segment.base, bytes);
        if let Some(later) = search.proof(at, self.last_seq) {
            return Err(Error::corrupt(format!(
                "log segment {number} is damaged at byte {offset}: the record at byte {} proves \
                 that it was synced",
                offset_of(segment.base, later)
            )));
        }
        crate::ensure_sound!(
            !search.is_spent(),
            "log segment {number} is damaged at byte {offset}: behind it are more beginnings of \
             records than were ever written there"
        );
        // Remains of an earlier life of the file are not a tail of this one; a record of this
        // generation that begins here is.
        if segment.recycled && RecordHeader::decode(number, at, tail).is_none() {
            return Ok(());
        }
        self.torn = Some(Torn { log: number, offset, bytes: used as u64 });
        Ok(())
    }
}

/// Byte of a segment file at which position `at` lies.
pub(super) fn offset_of(base: LogPos, at: LogPos) -> u64 {
    SEGMENT_HEADER_BYTES + (at.0 - base.0)
}

/// The content of a segment file as lines of text, for people. Any bytes will do.
pub fn describe(number: LogNo, bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let header = match SegmentHeader::decode(number, bytes) {
        Ok(header) => header,
        Err(error) => return vec![format!("no valid header: {error}")],
    };
    lines.push(format!(
        "log segment {} from position {}, after commit {}, manifest {} synced to {}",
        header.number,
        header.base,
        header.last_seq,
        header.manifest.manifest,
        header.manifest.manifest_len
    ));
    let mut at = header.base;
    loop {
        let offset = offset_of(header.base, at);
        let rest = usize::try_from(offset).ok().and_then(|from| bytes.get(from..)).unwrap_or(&[]);
        let Some(record) = Record::decode(number, at, rest) else {
            let used = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let tail = if used == 0 { "zeros" } else { "no record" };
            lines.push(format!("{offset:>10}  end: {tail} in the {} bytes after", rest.len()));
            return lines;
        };
        let kind = record.kind().map_or_else(|e| e.to_string(), |kind| format!("{kind:?}"));
        lines.push(format!(
            "{offset:>10}  {kind} {} of {} bytes, synced to {}, clock {}",
            record.header.seq, record.header.body_len, record.header.synced, record.header.clock_ms
        ));
        at = LogPos(at.0 + record.header.record_len());
        debug_assert!(record.header.record_len() >= RECORD_HEADER_BYTES as u64);
    }
}
