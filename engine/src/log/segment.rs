//! The header of a log segment file.

use crate::error::{Error, Result};
use crate::format::{Reader, crc32_seeded};
use crate::id::{LogNo, LogPos, SeqNo};
use crate::log::CloseMark;
use crate::manifest::NUMBER_MAX;

/// Where records begin.
pub const SEGMENT_HEADER_BYTES: u64 = 512;
const MAGIC: &[u8; 8] = b"CUESTLOG";
const FORMAT: u16 = 1;
const USED_BYTES: usize = 96;

/// The header of a segment file: 92 bytes, a checksum, zeros up to 512.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The database.
    pub uuid: [u8; 16],
    /// The segment's number, also its generation.
    pub number: LogNo,
    /// Position of its first record, and so where its predecessor ends.
    pub base: LogPos,
    /// The last sequence number before it.
    pub last_seq: SeqNo,
    /// How far the manifest was synced when the segment began.
    pub manifest: CloseMark,
    /// Commit clock when the segment began.
    pub clock_ms: u64,
    /// Whether the file may hold remains of an earlier life.
    pub recycled: bool,
}

/// Flag of a recycled file.
const RECYCLED: u16 = 1;

impl SegmentHeader {
    /// Byte of the file at which position `at` lies.
    pub fn offset_of(&self, at: LogPos) -> u64 {
        SEGMENT_HEADER_BYTES + (at.0 - self.base.0)
    }

    /// The header as 512 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES as usize);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        let flags = if self.recycled { RECYCLED } else { 0 };
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&[0; 4]); // key id
        out.extend_from_slice(&self.uuid);
        for field in [
            self.number.0,
            self.base.0,
            self.last_seq.0,
            self.manifest.manifest,
            self.manifest.manifest_len,
            self.clock_ms,
        ] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.resize(USED_BYTES - 4, 0);
        let crc = crc32_seeded(self.number.0, &out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.resize(SEGMENT_HEADER_BYTES as usize, 0);
        out
    }

    /// Reads the header of segment `number`.
    ///
    /// # Errors
    /// `Corrupt` when it is not that header, `Unsupported` when it is of a newer format.
    pub fn decode(number: LogNo, bytes: &[u8]) -> Result<SegmentHeader> {
        let mut reader = Reader::new(bytes, "log segment header");
        let bad = |what: &str| Error::corrupt(format!("log segment {number}: {what}"));
        if reader.array::<8>()? != *MAGIC {
            return Err(bad("no log segment header"));
        }
        let format = reader.u16()?;
        let (used, _) =
            bytes.split_at_checked(USED_BYTES).ok_or_else(|| bad("header cut short"))?;
        let (fields, crc) = used.split_at(USED_BYTES - 4);
        if crc32_seeded(number.0, fields).to_le_bytes() != *crc {
            return Err(bad("header checksum does not match"));
        }
        if format != FORMAT {
            return Err(Error::unsupported(format!(
                "log segment {number} has format {format}, and {FORMAT} is the newest known here"
            )));
        }
        let (flags, key_id) = (reader.u16()?, reader.u32()?);
        if flags & !RECYCLED != 0 || key_id != 0 {
            return Err(Error::unsupported(format!(
                "log segment {number} has flags {flags:#x} and key {key_id}, unknown here"
            )));
        }
        let header = SegmentHeader {
            uuid: reader.array()?,
            number: LogNo(reader.u64()?),
            base: LogPos(reader.u64()?),
            last_seq: SeqNo(reader.u64()?),
            manifest: CloseMark { manifest: reader.u64()?, manifest_len: reader.u64()? },
            clock_ms: reader.u64()?,
            recycled: flags & RECYCLED != 0,
        };
        if header.number != number {
            return Err(bad("header of another segment"));
        }
        if fields.get(reader.offset()..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0)) {
            return Err(bad("header with reserved bytes that are not zero"));
        }
        let SegmentHeader { base, last_seq, clock_ms, .. } = header;
        if number.0.max(base.0).max(last_seq.0).max(clock_ms) > NUMBER_MAX {
            return Err(bad("header with numbers that no database reaches"));
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests;
