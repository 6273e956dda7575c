//! Reads what is intact of a log that is damaged.
//!
//! Where a record cannot be read, the next one that can is looked for, in the same segment and then
//! in the next. What lies between is told. In a segment of which nobody knows where it ended, what
//! is behind such a place counts only if some record there proves that the place was durable: that
//! is where opening would cut the log, or has cut it before.
//!
//! Not for: opening a database, which takes a log whole or not at all.

use std::collections::BTreeMap;
use std::path::Path;

use super::reader::{Bytes, load_file, offset_of};
use super::search::Search;
use crate::env::{OpenMode, Unreadable, Vfs, read_in_pieces};
use crate::error::{Error, ErrorKind, Result};
use crate::format::name::FileName;
use crate::id::{LogNo, LogPos, SeqNo};
use crate::log::{CloseMark, Kind, Record, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::manifest::NUMBER_MAX;

/// Where the number of a segment lies in its header.
const NUMBER_AT: usize = 32;

/// Files of log segments by number: each has the name of a log segment, or is a data file that was
/// one.
pub type Lines = BTreeMap<LogNo, String>;

/// Finds the log segments among `names`, the files of `dir`: where one is gone, the data file that
/// it has become, if it has. Those that the log let go of long ago are left out.
pub fn find_lines(vfs: &dyn Vfs, dir: &Path, names: &[String]) -> Lines {
    let (mut lines, mut others) = (Lines::new(), Lines::new());
    for file_name in names {
        match FileName::parse(file_name) {
            Some(FileName::Log(number)) => {
                lines.insert(number, file_name.clone());
            }
            Some(FileName::Data(_)) => {
                if let Some(number) = number_of(vfs, &dir.join(file_name)) {
                    others.insert(number, file_name.clone());
                }
            }
            _ => {}
        }
    }
    if lines.is_empty() {
        return others;
    }
    others.retain(|number, _| !lines.contains_key(number));
    loop {
        let joins = |number: &LogNo| {
            let before = LogNo(number.0.saturating_sub(1));
            lines.contains_key(&number.next()) || lines.contains_key(&before)
        };
        let Some(number) = others.keys().copied().find(joins) else { return lines };
        lines.extend(others.remove_entry(&number));
    }
}

/// The number that a log segment says it has, if the file is one.
fn number_of(vfs: &dyn Vfs, path: &Path) -> Option<LogNo> {
    let file = vfs.open(path, OpenMode::Read).ok()?;
    let mut header = [0; SEGMENT_HEADER_BYTES as usize];
    file.read_exact_at(0, &mut header).ok()?;
    let number = header.get(NUMBER_AT..)?.first_chunk::<8>()?;
    let number = LogNo(u64::from_le_bytes(*number));
    SegmentHeader::decode(number, &header).ok().map(|_| number)
}

/// What a salvage of the log has got through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Salvaged {
    /// The last commit before the first that was read.
    pub before: SeqNo,
    /// The last commit that was read.
    pub last_seq: SeqNo,
    /// Commits that were read.
    pub commits: u64,
    /// The furthest place in a manifest that the log knows of.
    pub manifest: Option<CloseMark>,
    /// Whether segments before the first that was read are there, and cannot be.
    pub begins_late: bool,
    /// Whether the log was closed in order.
    pub closed: bool,
    /// The database that its segments name, if one that can be read does.
    pub uuid: Option<[u8; 16]>,
}

/// Something that cannot be read.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Bytes, or a whole segment, in this file.
    File(String, String),
    /// Segments from the first to the last are not there.
    Missing(LogNo, LogNo),
    /// Commits from the first to the last are not there.
    Commits(SeqNo, SeqNo),
}

/// Hands every intact record of `lines`, which lie in `dir`, from segment `start` on to `visit`, in
/// order, and tells what cannot be read. `uuid` is the database, if that is known.
///
/// # Errors
/// What `visit` fails with.
pub fn salvage(
    vfs: &dyn Vfs,
    dir: &Path,
    lines: &Lines,
    (uuid, start): (Option<[u8; 16]>, LogNo),
    tell: &mut dyn FnMut(Trouble),
    visit: &mut dyn FnMut(Record<'_>) -> Result<()>,
) -> Result<Salvaged> {
    let mut reading = Reading { done: Salvaged::default(), end: None, begun: false, tell, visit };
    let mut due = start;
    let lines: Vec<(LogNo, &String)> = lines.range(start..).map(|(no, name)| (*no, name)).collect();
    let mut headers = lines.iter().map(|(number, file_name)| {
        let (bytes, unreadable) = load(vfs, dir, file_name)?;
        let header = SegmentHeader::decode(*number, bytes.get());
        Ok((header, bytes, unreadable))
    });
    let mut next = headers.next();
    let mut uuid = uuid;
    for (i, (number, file_name)) in lines.iter().enumerate() {
        let present = next.take().unwrap_or_else(|| Err(Error::internal("no header was read")));
        next = headers.next();
        if due > LogNo(0) && *number > due {
            let last = LogNo(number.0 - 1);
            (reading.tell)(Trouble::Missing(due, last));
            reading.end = None;
        }
        due = number.next();
        let follows = lines.get(i + 1).is_some_and(|(next, _)| *next == due);
        let bound = match &next {
            Some(Ok((Ok(header), ..))) if follows => Some(header.base),
            _ => None,
        };
        if let Ok((.., unreadable)) = &present {
            let trouble = |what: &Unreadable| Trouble::File((*file_name).clone(), what.to_string());
            unreadable.iter().map(trouble).for_each(&mut *reading.tell);
        }
        reading.done.begins_late |= !reading.begun && !matches!(present, Ok((Ok(_), ..)));
        let found = match present {
            Ok((Ok(header), bytes, _)) => {
                if uuid.is_some_and(|uuid| uuid != header.uuid) {
                    let why = "belongs to another database".to_owned();
                    (reading.tell)(Trouble::File((*file_name).clone(), why));
                    continue;
                }
                uuid = Some(header.uuid);
                reading.done.uuid = uuid;
                Some((header, bytes))
            }
            Err(error) => {
                (reading.tell)(Trouble::File((*file_name).clone(), error.to_string()));
                None
            }
            Ok((Err(error), bytes, _)) => {
                (reading.tell)(Trouble::File((*file_name).clone(), error.to_string()));
                // Its records begin where those before it end.
                let last_seq = reading.done.last_seq;
                let uuid = uuid.unwrap_or_default();
                reading.end.map(|base| (stand_in(uuid, *number, (base, last_seq)), bytes))
            }
        };
        match found {
            Some((header, bytes)) => reading.segment(header, file_name, bytes.get(), bound)?,
            None => reading.end = bound,
        }
    }
    Ok(reading.done)
}

/// What the header of a segment may have said that begins at `base`, behind commit `last_seq`.
fn stand_in(uuid: [u8; 16], number: LogNo, (base, last_seq): (LogPos, SeqNo)) -> SegmentHeader {
    let manifest = CloseMark { manifest: 0, manifest_len: 0 };
    SegmentHeader { uuid, number, base, last_seq, manifest, clock_ms: 0, recycled: true }
}

/// The bytes of a file, zeros where they cannot be read, and what is to be said of these.
fn load(vfs: &dyn Vfs, dir: &Path, file_name: &str) -> Result<(Bytes, Vec<Unreadable>)> {
    let error = match load_file(vfs, dir, file_name) {
        Ok(bytes) => return Ok((bytes, Vec::new())),
        Err(error) if error.kind() == ErrorKind::Io => error,
        Err(error) => return Err(error),
    };
    let Ok(file) = vfs.open(&dir.join(file_name), OpenMode::Read) else { return Err(error) };
    let Some(len) = file.len().ok().and_then(|len| usize::try_from(len).ok()) else {
        return Err(error);
    };
    let mut bytes = vec![0; len];
    let unreadable = read_in_pieces(&*file, &mut bytes);
    Ok((Bytes::Copy(bytes), unreadable))
}

/// Whether a record of this life of the file begins at `at`, rather than remains of an earlier one.
fn is_own(header: &SegmentHeader, at: LogPos, bytes: &[u8]) -> bool {
    let offset = usize::try_from(offset_of(header.base, at)).ok();
    let rest = offset.and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    !header.recycled || RecordHeader::decode(header.number, at, rest).is_some()
}

struct Reading<'r> {
    done: Salvaged,
    /// Where the segment before ends, if that is known.
    end: Option<LogPos>,
    begun: bool,
    tell: &'r mut dyn FnMut(Trouble),
    visit: &'r mut dyn FnMut(Record<'_>) -> Result<()>,
}

impl Reading<'_> {
    fn segment(
        &mut self,
        header: SegmentHeader,
        file_name: &str,
        bytes: &[u8],
        bound: Option<LogPos>,
    ) -> Result<()> {
        if !self.begun {
            self.begun = true;
            (self.done.before, self.done.last_seq) = (header.last_seq, header.last_seq);
        } else if header.last_seq > self.done.last_seq {
            self.skip_to(header.last_seq.next());
            self.done.last_seq = header.last_seq;
        }
        self.learn(header.manifest);
        let bounded = bound.and_then(|bound| {
            let len = SEGMENT_HEADER_BYTES + bound.0.saturating_sub(header.base.0);
            bytes.get(..usize::try_from(len).ok()?)
        });
        let bytes = bounded.unwrap_or(bytes);
        let mut search = Search::new(header.number, header.base, bytes);
        let (mut at, mut proved) = (header.base, None);
        while bound.is_none_or(|bound| at < bound) {
            if let Some(record) = search.record(at).filter(|record| self.is_next(record)) {
                self.take(record)?;
                at = LogPos(at.0 + record.header.record_len());
                continue;
            }
            let offset = offset_of(header.base, at);
            let (used, last) = (search.used(at), self.done.last_seq);
            let name = file_name.to_owned();
            let Some(later) = search.next(at, last) else {
                let cut = bound.is_some_and(|bound| at < bound) || search.is_spent();
                if cut || used > 0 && is_own(&header, at, bytes) {
                    let why = format!("no record in {used} bytes at {offset}");
                    (self.tell)(Trouble::File(name, why));
                }
                break;
            };
            // A recovery may have cut the log here, and given the numbers of what was behind to
            // other commits, unless something says that these bytes were durable.
            if bound.is_none() && *proved.get_or_insert_with(|| search.proved(at, last)) <= at {
                let why = format!(
                    "no record at {offset}, and nothing in the {used} bytes from there on that is \
                     known to have been durable"
                );
                (self.tell)(Trouble::File(name, why));
                break;
            }
            let why = format!("no record in {} bytes at {offset}", later.0 - at.0);
            (self.tell)(Trouble::File(name, why));
            at = later;
        }
        self.end = Some(bound.unwrap_or(at));
        Ok(())
    }

    /// Whether a record comes after those that were read.
    fn is_next(&self, record: &Record<'_>) -> bool {
        let (seq, last) = (record.header.seq, self.done.last_seq);
        let follows = match record.kind() {
            Ok(Kind::Commit | Kind::Ingest) => seq > last,
            Ok(Kind::Close) | Err(_) => seq >= last,
        };
        // A clock beyond all time would take every value that expires for expired, for good.
        follows && seq.0 <= NUMBER_MAX && record.header.clock_ms <= NUMBER_MAX
    }

    fn learn(&mut self, mark: CloseMark) {
        let known = self.done.manifest.map(|known| (known.manifest, known.manifest_len));
        if known < Some((mark.manifest, mark.manifest_len)) {
            self.done.manifest = Some(mark);
        }
    }

    fn skip_to(&mut self, seq: SeqNo) {
        let first = self.done.last_seq.next();
        if seq > first {
            (self.tell)(Trouble::Commits(first, SeqNo(seq.0 - 1)));
        }
    }

    fn take(&mut self, record: Record<'_>) -> Result<()> {
        let seq = record.header.seq;
        let close = matches!(record.kind(), Ok(Kind::Close));
        self.done.closed = close;
        if close {
            if let Ok(mark) = CloseMark::decode(record.body) {
                self.learn(mark);
            }
            self.skip_to(seq.next());
        } else {
            self.skip_to(seq);
            self.done.commits += 1;
        }
        self.done.last_seq = seq;
        (self.visit)(record)
    }
}
