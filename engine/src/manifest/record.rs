//! Bytes of a manifest file: a header, a snapshot, and the edits since.
//!
//! ```text
//! header | snapshot record | edit record | edit record | ... | zeros (space reserved ahead)
//! ```
//!
//! Header, 96 bytes:
//!
//! ```text
//!   0  magic "CuestaMF"        8      32  manifest number              u64
//!   8  format version        u16      40  nonce, zero                   12
//!  10  reserved, zero          2      52  tag, zero                     16
//!  12  key id, zero          u32      68  reserved, zero                24
//!  16  UUID of the database   16      92  CRC-32 of bytes 0..92        u32
//! ```
//!
//! Record, 64 bytes and its payload:
//!
//! ```text
//!   0  payload bytes         u32      24  key id, zero                 u32
//!   4  edit number           u64      28  nonce, zero                   12
//!  12  synced up to          u64      40  tag, zero                     16
//!  20  flags: 1 snapshot     u16      56  reserved, zero                 4
//!  22  reserved, zero          2      60  CRC-32                       u32
//! ```
//!
//! The CRC-32 is that of the manifest number (u64), the UUID, bytes 0..60 and the payload: a record
//! of another manifest is not valid here. *Synced up to* is where the record itself begins, since
//! all before it was synced before it was written.
//!
//! Not for: what a bad record means, which [`recover`](crate::manifest::recover) decides.

use crate::error::{Error, Result};
use crate::format::{Crc, Reader, crc32, put_u16, put_u32, put_u64};
use crate::id::EditNo;
use crate::identity::Uuid;
use crate::manifest::edit::{self, Change};
use crate::planted::{self, Bug};

/// First bytes of the file.
pub const MAGIC: [u8; 8] = *b"CuestaMF";
/// Newest format written and read.
pub const VERSION: u16 = 1;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 96;
/// Bytes of a record before its payload.
pub const RECORD_BYTES: usize = 64;
/// Most bytes of a payload.
pub const PAYLOAD_BYTES_MAX: usize = 256 << 20;
/// Most bytes of a file that is read.
pub const FILE_BYTES_MAX: u64 = 2 << 30;

const SNAPSHOT: u16 = 1;
const SYNCED_AT: usize = 12;
const CRC_AT: usize = RECORD_BYTES - 4;

/// Which manifest file of which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileTag {
    /// The database.
    pub uuid: Uuid,
    /// The file's number.
    pub number: u64,
}

/// What the payload of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// All that is needed to make the state after the edit.
    Snapshot,
    /// The edit.
    Edit,
}

/// A record whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its edit, or the last one in its snapshot.
    pub no: EditNo,
    /// What its payload is.
    pub kind: RecordKind,
    /// Its changes, as bytes.
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// Appends the record as it lies at byte `at` of file `tag`. Its payload must not be longer
    /// than [`PAYLOAD_BYTES_MAX`].
    pub(super) fn encode(&self, tag: FileTag, at: u64, out: &mut Vec<u8>) {
        assert!(self.payload.len() <= PAYLOAD_BYTES_MAX, "a payload that is too long");
        let start = out.len();
        put_u32(out, self.payload.len() as u32);
        put_u64(out, self.no.0);
        put_u64(out, at);
        put_u16(out, if self.kind == RecordKind::Snapshot { SNAPSHOT } else { 0 });
        out.resize(start + CRC_AT, 0);
        let crc = checksum(tag, &out[start..], self.payload);
        put_u32(out, crc);
        out.extend_from_slice(self.payload);
    }

    /// Bytes of the record.
    pub fn bytes(&self) -> usize {
        RECORD_BYTES + self.payload.len()
    }
}

/// Why there is no record at some place.
#[derive(Debug)]
pub enum NoRecord {
    /// The bytes are not a record, as a torn write or damage leaves them.
    Broken(&'static str),
    /// The bytes are a record that cannot be: written wrongly, or by a newer version.
    Refused(Error),
}

/// Appends the header of a file.
pub fn encode_header(tag: FileTag, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    put_u16(out, VERSION);
    put_u16(out, 0);
    put_u32(out, 0);
    out.extend_from_slice(&tag.uuid.0);
    put_u64(out, tag.number);
    out.resize(start + HEADER_BYTES - 4, 0);
    let crc = crc32(&out[start..]);
    put_u32(out, crc);
}

/// What the header of a file says.
///
/// # Errors
/// `Corrupt`; `Unsupported` for a newer format or an encrypted file.
pub fn decode_header(bytes: &[u8]) -> Result<FileTag> {
    let mut reader = Reader::new(bytes, "header");
    let Some((checked, stored)) =
        bytes.get(..HEADER_BYTES).and_then(|header| header.split_last_chunk::<4>())
    else {
        return Err(Error::corrupt(format!("{} bytes, less than a header", bytes.len())));
    };
    crate::ensure_sound!(reader.array()? == MAGIC, "not a manifest: wrong magic at byte 0");
    crate::ensure_sound!(
        crc32(checked) == u32::from_le_bytes(*stored),
        "header with a wrong checksum at byte {}",
        HEADER_BYTES - 4
    );
    let version = reader.u16()?;
    if version != VERSION {
        return Err(Error::unsupported(format!(
            "manifest format {version}; this version reads format {VERSION}"
        )));
    }
    let reserved = reader.u16()?;
    let key = reader.u32()?;
    if key != 0 {
        return Err(Error::unsupported(format!("manifest encrypted with key {key}")));
    }
    let uuid = Uuid(reader.array()?);
    let number = reader.u64()?;
    let rest = reader.take(HEADER_BYTES - 4 - reader.offset())?;
    crate::ensure_sound!(
        reserved == 0 && is_zero(rest),
        "header with reserved bytes that are not zero"
    );
    Ok(FileTag { uuid, number })
}

/// Appends a record of file `tag` that will lie at byte `at` of it.
///
/// # Errors
/// `Full` when the changes take more than [`PAYLOAD_BYTES_MAX`]; nothing is appended then.
pub fn encode_record(
    tag: FileTag,
    at: u64,
    kind: RecordKind,
    no: EditNo,
    changes: &[Change],
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut payload = Vec::new();
    edit::encode(changes, &mut payload);
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::full(format!(
            "manifest edit {no} takes {} bytes, more than {PAYLOAD_BYTES_MAX}",
            payload.len()
        )));
    }
    let start = out.len();
    let record = Record { no, kind, payload: &payload };
    record.encode(tag, at, out);
    let again = decode_record(tag, at, &out[start..]);
    assert!(
        again.is_ok_and(|again| again == record)
            && edit::decode(&payload).is_ok_and(|again| again == changes),
        "a record that is about to be written cannot be read"
    );
    Ok(())
}

/// The record that begins at the first of `bytes`, which lie at byte `at` of file `tag`.
///
/// # Errors
/// See [`NoRecord`].
pub fn decode_record(
    tag: FileTag,
    at: u64,
    bytes: &[u8],
) -> std::result::Result<Record<'_>, NoRecord> {
    let Some((header, rest)) = bytes.split_at_checked(RECORD_BYTES) else {
        return Err(NoRecord::Broken("a record header that ends early"));
    };
    let fields = Fields::read(header).map_err(NoRecord::Refused)?;
    let Some(payload) = rest.get(..fields.len) else {
        return Err(NoRecord::Broken("a record that ends early"));
    };
    let Some((checked, _)) = header.split_last_chunk::<4>() else {
        return Err(NoRecord::Broken("a record header that ends early"));
    };
    let sound = checksum(tag, checked, payload) == fields.crc;
    if !sound && !planted::is(Bug::MissingChecksum) {
        return Err(NoRecord::Broken("a record with a wrong checksum"));
    }
    fields.check(at).map_err(NoRecord::Refused)?;
    let kind = if fields.flags & SNAPSHOT == 0 { RecordKind::Edit } else { RecordKind::Snapshot };
    Ok(Record { no: fields.no, kind, payload })
}

/// Whether the header of a record may begin at the first of `bytes`, which lie at byte `at`, as far
/// as that shows without the checksum.
pub fn looks_like_record(at: u64, bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..RECORD_BYTES) else { return false };
    if header.get(SYNCED_AT..SYNCED_AT + 8) != Some(&at.to_le_bytes()[..]) {
        return false;
    }
    Fields::read(header)
        .is_ok_and(|fields| fields.check(at).is_ok() && fields.len <= bytes.len() - RECORD_BYTES)
}

struct Fields {
    len: usize,
    no: EditNo,
    synced: u64,
    flags: u16,
    key: u32,
    reserved_are_zero: bool,
    crc: u32,
}

impl Fields {
    fn read(header: &[u8]) -> Result<Fields> {
        let mut reader = Reader::new(header, "record header");
        let len = reader.u32()? as usize;
        let no = EditNo(reader.u64()?);
        let synced = reader.u64()?;
        let flags = reader.u16()?;
        let reserved = reader.u16()?;
        let key = reader.u32()?;
        let rest = reader.take(CRC_AT - reader.offset())?;
        let reserved_are_zero = reserved == 0 && is_zero(rest);
        Ok(Fields { len, no, synced, flags, key, reserved_are_zero, crc: reader.u32()? })
    }

    fn check(&self, at: u64) -> Result<()> {
        if self.key != 0 {
            return Err(Error::unsupported(format!("record encrypted with key {}", self.key)));
        }
        if self.flags & !SNAPSHOT != 0 {
            return Err(Error::unsupported(format!(
                "record with flags {:#06x}, of which this version knows {SNAPSHOT:#06x}",
                self.flags
            )));
        }
        crate::ensure_sound!(
            self.reserved_are_zero,
            "record with reserved bytes that are not zero"
        );
        crate::ensure_sound!(
            self.synced == at,
            "record that says it begins at byte {}",
            self.synced
        );
        Ok(())
    }
}

fn checksum(tag: FileTag, header: &[u8], payload: &[u8]) -> u32 {
    Crc::seeded(tag.number).update(&tag.uuid.0).update(header).update(payload).finish()
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
