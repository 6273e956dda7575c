//! One record of the log: its header and kinds.

use crate::error::{Error, Result};
use crate::format::{Crc, Reader, crc32, put_u64};
use crate::id::{LogNo, LogPos, SeqNo};

/// Bytes of a record before its body.
pub const RECORD_HEADER_BYTES: usize = 40;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A committed batch.
    Commit = 1,
    /// The database was closed in order; the body is a [`CloseMark`].
    Close = 2,
    /// Segments that became part of the database, all at once.
    Ingest = 3,
}

impl Kind {
    /// Whether such a record has a place of its own in the order of commits.
    pub fn is_commit(self) -> bool {
        matches!(self, Kind::Commit | Kind::Ingest)
    }
}

/// The fixed part of a record.
///
/// `flags` is 0 in this version: bit 0 is assigned to a replication header (group, term, index)
/// at the front of the body, bit 1 to a body that is encrypted with key `key_id` and followed by
/// nonce and tag; bit 2 is reserved. Without bit 0 the record is of group 0, term 0 and its index
/// is its sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// Checksum of the body.
    pub body_crc: u32,
    /// Bytes of the body.
    pub body_len: u32,
    /// What the record is, unchecked.
    pub kind: u8,
    /// Flags, unchecked.
    pub flags: u8,
    /// Key that the body is encrypted with; 0 is none.
    pub key_id: u16,
    /// Place in the commit order; a record that is no commit carries that of the last one.
    pub seq: SeqNo,
    /// Everything before this was durable when the record was written.
    pub synced: LogPos,
    /// Commit time, milliseconds since 1970 UTC, never going back.
    pub clock_ms: u64,
}

impl RecordHeader {
    /// Writes the header into the front of `record`, whose body is already there.
    pub fn encode(&self, log: LogNo, at: LogPos, record: &mut [u8]) {
        let (fields, _) = record.split_at_mut(RECORD_HEADER_BYTES);
        fields[4..8].copy_from_slice(&self.body_crc.to_le_bytes());
        fields[8..12].copy_from_slice(&self.body_len.to_le_bytes());
        fields[12] = self.kind;
        fields[13] = self.flags;
        fields[14..16].copy_from_slice(&self.key_id.to_le_bytes());
        fields[16..24].copy_from_slice(&self.seq.0.to_le_bytes());
        fields[24..32].copy_from_slice(&self.synced.0.to_le_bytes());
        fields[32..40].copy_from_slice(&self.clock_ms.to_le_bytes());
        let crc = header_crc(log, at, &fields[4..]);
        fields[..4].copy_from_slice(&crc.to_le_bytes());
    }

    /// The header at the front of `bytes`, if it is the one written for this place.
    pub fn decode(log: LogNo, at: LogPos, bytes: &[u8]) -> Option<RecordHeader> {
        let (header, _) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>()?;
        let mut reader = Reader::new(header, "record header");
        let crc = reader.u32().ok()?;
        let read = RecordHeader {
            body_crc: reader.u32().ok()?,
            body_len: reader.u32().ok()?,
            kind: reader.u8().ok()?,
            flags: reader.u8().ok()?,
            key_id: reader.u16().ok()?,
            seq: SeqNo(reader.u64().ok()?),
            synced: LogPos(reader.u64().ok()?),
            clock_ms: reader.u64().ok()?,
        };
        if read.synced > at || read.kind == 0 {
            return None;
        }
        (crc == header_crc(log, at, &header[4..])).then_some(read)
    }

    /// Bytes of the whole record.
    pub fn record_len(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.body_len)
    }
}

fn header_crc(log: LogNo, at: LogPos, fields: &[u8]) -> u32 {
    Crc::seeded(log.0).update(&at.0.to_le_bytes()).update(fields).finish()
}

/// A record whose checksums hold.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its fixed part.
    pub header: RecordHeader,
    /// Where it lies.
    pub at: LogPos,
    /// What it carries.
    pub body: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at the front of `bytes`, if its checksums hold.
    pub fn decode(log: LogNo, at: LogPos, bytes: &'a [u8]) -> Option<Record<'a>> {
        let header = RecordHeader::decode(log, at, bytes)?;
        let body = bytes.get(RECORD_HEADER_BYTES..)?.get(..header.body_len as usize)?;
        let sound = crc32(body) == header.body_crc;
        (sound || crate::planted::is(crate::planted::Bug::MissingChecksum)).then_some(Record {
            header,
            at,
            body,
        })
    }

    /// What the record is.
    ///
    /// # Errors
    /// `Unsupported` for a kind or flag of a newer version.
    pub fn kind(&self) -> Result<Kind> {
        let RecordHeader { kind, flags, key_id, .. } = self.header;
        if flags != 0 || key_id != 0 {
            return Err(Error::unsupported(format!(
                "log record at {} has flags {flags:#x} and key {key_id}, unknown to this version",
                self.at
            )));
        }
        match kind {
            1 => Ok(Kind::Commit),
            2 => Ok(Kind::Close),
            3 => Ok(Kind::Ingest),
            _ => Err(Error::unsupported(format!(
                "log record at {} is of kind {kind}, unknown to this version",
                self.at
            ))),
        }
    }
}

/// Body of a close record: how far the manifest reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseMark {
    /// Number of the manifest file.
    pub manifest: u64,
    /// Its length, all of it synced.
    pub manifest_len: u64,
}

impl CloseMark {
    /// Appends the mark.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.manifest);
        put_u64(out, self.manifest_len);
    }

    /// Reads a mark.
    ///
    /// # Errors
    /// `Corrupt` for any other number of bytes.
    pub fn decode(body: &[u8]) -> Result<CloseMark> {
        let mut reader = Reader::new(body, "close record");
        let mark = CloseMark { manifest: reader.u64()?, manifest_len: reader.u64()? };
        reader.finish()?;
        Ok(mark)
    }
}
