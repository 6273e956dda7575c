//! Copies log segments: for a copy of the database, and for an archive of the log.
//!
//! A copy holds the header and the records, and not what a recycled file holds behind them. Records
//! are copied as they are: their checksums are tied to the segment's number and their position,
//! which stay. The database that the header names may be another.
//!
//! Not for: which segments to copy, and whether their records are sound: [`scan`](crate::log::scan)
//! the copy.

use std::path::Path;

use crate::env::{OpenMode, SyncKind, Vfs};
use crate::error::{Error, Result};
use crate::format::crc32;
use crate::format::name;
use crate::id::{LogNo, LogPos};
use crate::log::{
    CloseMark, Kind, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, Scan, SegmentHeader,
};

const PIECE_BYTES: u64 = 256 << 10;

/// Copies segment `number` from the file `from` to the new file `to`, with the first `bytes` of its
/// records, or all of the file; its header then names the database `uuid`, if given. Durable when
/// it returns, its name apart. Returns the bytes of records copied.
///
/// # Errors
/// `Corrupt` when the file is no such segment or is shorter; `Full`, `Io`.
pub fn copy_segment(
    vfs: &dyn Vfs,
    (from, to): (&Path, &Path),
    number: LogNo,
    bytes: Option<u64>,
    uuid: Option<[u8; 16]>,
) -> Result<u64> {
    let reading = |e| Error::io(format_args!("reading {}", from.display()), e);
    let source = match vfs.open(from, OpenMode::Read) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::corrupt(format!("{} is missing", from.display())));
        }
        opened => opened.map_err(reading)?,
    };
    let len = source.len().map_err(reading)?;
    let end = match bytes {
        Some(bytes) => SEGMENT_HEADER_BYTES.saturating_add(bytes),
        None => len,
    };
    crate::ensure_sound!(
        SEGMENT_HEADER_BYTES <= end && end <= len,
        "log segment {number} has {len} bytes, of which {end} are needed"
    );
    let mut header = vec![0; SEGMENT_HEADER_BYTES as usize];
    source.read_exact_at(0, &mut header).map_err(reading)?;
    let header = SegmentHeader::decode(number, &header)?;
    let uuid = uuid.unwrap_or(header.uuid);
    let header = SegmentHeader { uuid, recycled: false, ..header };
    let writing = |e| Error::io(format_args!("writing {}", to.display()), e);
    let copy = vfs.open(to, OpenMode::CreateNew).map_err(writing)?;
    copy.write_all_at(0, &header.encode()).map_err(writing)?;
    let mut at = SEGMENT_HEADER_BYTES;
    let mut piece = vec![0; PIECE_BYTES.min(end - at) as usize];
    while at < end {
        piece.truncate((end - at).min(PIECE_BYTES) as usize);
        source.read_exact_at(at, &mut piece).map_err(reading)?;
        copy.write_all_at(at, &piece).map_err(writing)?;
        at += piece.len() as u64;
    }
    copy.sync(SyncKind::Full).map_err(writing)?;
    Ok(end - SEGMENT_HEADER_BYTES)
}

/// Ends a copied log that was scanned as `found` with a close record, durably: from here on damage
/// at its end is not taken for a torn tail.
///
/// # Errors
/// `Full`, `Io`.
pub fn close_copy(vfs: &dyn Vfs, dir: &Path, found: &Scan, mark: CloseMark) -> Result<()> {
    let Some((segment, end)) = found.segments.last() else { return Ok(()) };
    let mut record = vec![0; RECORD_HEADER_BYTES];
    mark.encode(&mut record);
    let body = record.get(RECORD_HEADER_BYTES..).unwrap_or_default();
    let header = RecordHeader {
        body_crc: crc32(body),
        body_len: body.len() as u32,
        kind: Kind::Close as u8,
        flags: 0,
        key_id: 0,
        seq: found.last_seq,
        synced: *end,
        clock_ms: found.clock_ms,
    };
    header.encode(segment.number, *end, &mut record);
    cut_copy(vfs, dir, segment, *end)?;
    let path = dir.join(name::log(segment.number));
    let failed = |e| Error::io(format_args!("writing {}", path.display()), e);
    let file = vfs.open(&path, OpenMode::Write).map_err(failed)?;
    file.write_all_at(segment.offset_of(*end), &record).map_err(failed)?;
    file.sync(SyncKind::Full).map_err(failed)
}

/// Cuts a copied segment at `end`; the next sync of it makes that durable.
///
/// # Errors
/// `Io`.
pub fn cut_copy(vfs: &dyn Vfs, dir: &Path, segment: &SegmentHeader, end: LogPos) -> Result<()> {
    let path = dir.join(name::log(segment.number));
    let failed = |e| Error::io(format_args!("cutting {}", path.display()), e);
    let file = vfs.open(&path, OpenMode::Write).map_err(failed)?;
    file.set_len(segment.offset_of(end)).map_err(failed)
}
