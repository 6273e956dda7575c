//! Large values that a segment points to.
//!
//! On a mapped file a value is a part of the map: no copy, and its checksum is compared the first
//! time that anybody reads it. Elsewhere it goes through the block cache, and is checked when it is
//! loaded.

use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::file::{Files, Region};
use cuesta_engine::format::{crc32, name};
use cuesta_engine::index::SegmentMeta;
use cuesta_engine::planted::{self, Bug};
use cuesta_engine::{Error, FileId, ensure_sound};

use super::reader::{Fill, Segment};
use crate::lsm::blob::Pointer;
use crate::ordered::value::Value;

/// A blob file that a segment points into.
pub(super) struct BlobFile {
    file: FileId,
    live_bytes: u64,
    region: Region,
}

/// Opens the blob files of a segment, in the order of their numbers.
///
/// # Errors
/// `Corrupt` when one is missing or listed twice; `Io`.
pub(super) fn open(meta: &SegmentMeta, files: &dyn Files) -> Result<Box<[BlobFile]>> {
    let mut blobs = Vec::with_capacity(meta.blobs.len());
    for blob in &meta.blobs {
        let region = files.whole(blob.file)?;
        blobs.push(BlobFile { file: blob.file, live_bytes: blob.live_bytes, region });
    }
    blobs.sort_by_key(|blob| blob.file);
    let twice = blobs.windows(2).any(|pair| pair[0].file == pair[1].file);
    ensure_sound!(!twice, "a segment lists a blob file twice");
    Ok(blobs.into())
}

impl Segment {
    /// Its blob files: number, bytes in it that this segment points to, and bytes of the file.
    pub(in crate::lsm) fn blob_files(&self) -> impl Iterator<Item = (FileId, u64, u64)> {
        self.blobs.iter().map(|blob| (blob.file, blob.live_bytes, blob.region.len()))
    }

    /// The value that the bytes of an entry point to, checked.
    ///
    /// # Errors
    /// `Corrupt` names file and offset; `Io`.
    pub(in crate::lsm) fn large(&self, pointer: &[u8], fill: Fill) -> Result<Value> {
        let pointer = Pointer::decode(pointer)?;
        let region = self.blob_region(&pointer)?;
        let Pointer { file, offset, len, .. } = pointer;
        let len = len as usize;
        if let Some(bytes) = region.mapped(offset, len)
            && let Some((map, start)) = region.map()
        {
            if !region.is_checked(offset) {
                check(&pointer, bytes)?;
                region.note_checked(offset);
            }
            return Ok(Value::mapped(map.clone(), (start + offset) as usize, len));
        }
        let load = || -> Result<Arc<[u8]>> {
            let bytes = region.load(offset, len)?;
            check(&pointer, &bytes)?;
            Ok(bytes.into())
        };
        let block = match fill {
            Fill::Keep => self.cache().get_or_load(file, offset, load)?,
            Fill::Pass => match self.cache().peek(file, offset) {
                Some(block) => block,
                None => load()?,
            },
        };
        ensure_sound!(
            block.len() == len,
            "{} has a value of {} bytes at {offset}, and of {len}",
            name::data(file),
            block.len()
        );
        Ok(Value::in_block(block, 0, len))
    }

    /// Compares what a pointer points to with its checksum, whatever was compared before.
    ///
    /// # Errors
    /// As [`Segment::large`].
    pub(super) fn check_large(&self, pointer: &Pointer) -> Result<()> {
        let region = self.blob_region(pointer)?;
        let len = pointer.len as usize;
        match region.mapped(pointer.offset, len) {
            Some(bytes) => check(pointer, bytes),
            None => check(pointer, &region.load(pointer.offset, len)?),
        }
    }

    /// The file that a pointer points into, which holds all of the value.
    fn blob_region(&self, pointer: &Pointer) -> Result<&Region> {
        let Pointer { file, offset, len, .. } = *pointer;
        let place = self.blobs.binary_search_by_key(&file, |blob| blob.file);
        let Some(blob) = place.ok().and_then(|place| self.blobs.get(place)) else {
            return Err(Error::corrupt(format!(
                "a value lies in {}, which its segment does not list",
                name::data(file)
            )));
        };
        let end = offset.checked_add(u64::from(len));
        ensure_sound!(
            end.is_some_and(|end| end <= blob.region.len()),
            "a value lies at {offset}+{len} of {}, which has {} bytes",
            name::data(file),
            blob.region.len()
        );
        Ok(&blob.region)
    }
}

fn check(pointer: &Pointer, bytes: &[u8]) -> Result<()> {
    let sound = crc32(bytes) == pointer.crc || planted::is(Bug::MissingChecksum);
    let Pointer { file, offset, len, .. } = pointer;
    ensure_sound!(
        sound,
        "{}, value at {offset}+{len} does not match its checksum",
        name::data(*file)
    );
    Ok(())
}
