//! Large values apart from their keys: what an entry holds instead, and the files they lie in.
//!
//! ```text
//! entry of kind 5   │ file varint │ offset varint │ length varint │ crc 4 │
//!                          │            │
//! blob file         │ header 16 │ value │ value │ ...
//! header            │ magic 8 │ version 2 │ reserved 2 │ crc 4 │
//! ```
//!
//! A pointer says all that is needed to find and check its value; a file says nothing of what lies
//! in it. So any sealed file in which values lie contiguously can be a blob file.
//!
//! Not for: deciding which values are large, or which files are worth rewriting.
//!
//! Invariants:
//! 1. Values begin at least [`BLOB_BYTES_MIN`] bytes from one another: each is that long.
//! 2. Whoever points to a file lists it in the manifest, with the bytes that it points to.

mod writer;

#[cfg(test)]
mod tests;

pub(super) use writer::BlobWriter;

use std::collections::{BTreeMap, BTreeSet};

use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::CHECKED_BYTES;
use cuesta_engine::format::{Reader, crc32_seeded, put_u32, put_varint};
use cuesta_engine::index::Live;
use cuesta_engine::{FileId, ensure_sound};

use super::Lsm;

/// The smallest value that can lie apart.
pub(super) const BLOB_BYTES_MIN: u32 = 1024;
const _: () = assert!(BLOB_BYTES_MIN as u64 >= CHECKED_BYTES);

/// First bytes of a blob file.
const MAGIC: [u8; 8] = *b"CuestaBl";
const FORMAT: u16 = 1;

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    /// The file.
    pub file: FileId,
    /// Its first byte.
    pub offset: u64,
    /// Its bytes.
    pub len: u32,
    /// Their checksum.
    pub crc: u32,
}

impl Pointer {
    /// Appends its bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.file.0);
        put_varint(out, self.offset);
        put_varint(out, u64::from(self.len));
        put_u32(out, self.crc);
    }

    /// Takes in the bytes of a pointer, all of them.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn decode(bytes: &[u8]) -> Result<Pointer> {
        let mut reader = Reader::new(bytes, "blob pointer");
        let (file, offset, len) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let crc = reader.u32()?;
        reader.finish()?;
        let len = u32::try_from(len).ok().filter(|len| *len >= BLOB_BYTES_MIN);
        let Some(len) = len else {
            return Err(Error::corrupt("blob pointer: a length that no large value has"));
        };
        ensure_sound!(
            offset.checked_add(u64::from(len)).is_some(),
            "blob pointer: offset {offset} and length {len}"
        );
        Ok(Pointer { file: FileId(file), offset, len, crc })
    }
}

/// The header of blob file `file`.
fn header(file: FileId) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    let crc = crc32_seeded(file.0, &out);
    put_u32(&mut out, crc);
    out
}

/// Files of which less than half is pointed to by `current` segments: what is left in them is worth
/// writing anew, so that they can go.
pub(super) fn wasteful(current: &[Live<Lsm>]) -> BTreeSet<FileId> {
    let mut files: BTreeMap<FileId, (u64, u64)> = BTreeMap::new();
    for live in current {
        for (file, live_bytes, file_bytes) in live.segment.blob_files() {
            let (all, _) = files.entry(file).or_insert((0, file_bytes));
            *all = all.saturating_add(live_bytes);
        }
    }
    files.retain(|_, (live_bytes, file_bytes)| *live_bytes < *file_bytes / 2);
    files.into_keys().collect()
}
