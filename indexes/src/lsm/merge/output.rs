//! Sorted entries in, segments of a wished size out.

use cuesta_engine::error::Result;
use cuesta_engine::file::{FileKind, Output};
use cuesta_engine::format::crc32;
use cuesta_engine::index::SegmentMeta;
use cuesta_engine::{Error, FileId, SeqNo};

use crate::lsm::blob::{BlobWriter, Pointer};
use crate::lsm::kind::Kind;
use crate::lsm::segment::{Detail, FORMAT, Shape, Writer, Written};

/// Entries of a segment at most: the hashes of their keys wait in memory, eight bytes each.
const ENTRIES_MAX: u64 = 2 << 20;

/// Writes as many segments as it takes.
pub(super) struct Outputs {
    shape: Shape,
    level: u8,
    segment_bytes: u64,
    blobs: BlobWriter,
    pointer: Vec<u8>,
    writer: Option<Writer>,
    written: Vec<Written>,
}

impl Outputs {
    /// Segments of `level` of about `segment_bytes` each, and blob files of `blob_file_bytes`.
    pub(super) fn new(
        shape: Shape,
        level: u8,
        segment_bytes: u64,
        blob_file_bytes: u64,
    ) -> Outputs {
        Outputs {
            shape,
            level,
            segment_bytes,
            blobs: BlobWriter::new(blob_file_bytes),
            pointer: Vec::new(),
            writer: None,
            written: Vec::new(),
        }
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        self.writer.as_ref().map_or(0, Writer::memory)
    }

    /// Adds an entry, whose key is greater than all before.
    ///
    /// # Errors
    /// What writing fails with; `Corrupt` when keys do not ascend.
    pub(super) fn add(
        &mut self,
        out: &mut dyn Output,
        key: &[u8],
        kind: Kind,
        value: &[u8],
    ) -> Result<()> {
        let full = |writer: &Writer| {
            writer.bytes() >= self.segment_bytes || writer.entries() >= ENTRIES_MAX
        };
        if self.writer.as_ref().is_some_and(full) {
            self.cut(out)?;
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = out.create(FileKind::Sealed)?;
                none.insert(Writer::new(out, file, self.shape)?)
            }
        };
        writer.add(out, key, kind, value)
    }

    /// Adds an entry whose value is written to a blob file.
    ///
    /// # Errors
    /// As [`Outputs::add`].
    pub(super) fn add_large(
        &mut self,
        out: &mut dyn Output,
        key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        let pointer = self.blobs.add(out, value, crc32(value))?;
        self.add_pointer(out, key, pointer)
    }

    /// Adds an entry whose value lies in a file already.
    ///
    /// # Errors
    /// As [`Outputs::add`].
    pub(super) fn add_in_place(
        &mut self,
        out: &mut dyn Output,
        key: &[u8],
        (file, offset): (FileId, u64),
        value: &[u8],
    ) -> Result<()> {
        let len = u32::try_from(value.len());
        let len = len.map_err(|_| Error::invalid(format!("value of {} bytes", value.len())))?;
        let pointer = Pointer { file, offset, len, crc: crc32(value) };
        self.add_pointer(out, key, pointer)
    }

    fn add_pointer(&mut self, out: &mut dyn Output, key: &[u8], pointer: Pointer) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.pointer);
        bytes.clear();
        pointer.encode(&mut bytes);
        let added = self.add(out, key, Kind::Blob, &bytes);
        self.pointer = bytes;
        added
    }

    /// Bytes of values written to blob files.
    pub(super) fn blob_bytes(&self) -> u64 {
        self.blobs.bytes()
    }

    /// Ends the present segment.
    ///
    /// # Errors
    /// What writing fails with.
    pub(super) fn cut(&mut self, out: &mut dyn Output) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            self.written.push(writer.finish(out)?);
        }
        Ok(())
    }

    /// What the manifest is to say of all segments.
    ///
    /// # Errors
    /// What writing fails with.
    pub(super) fn finish(
        &mut self,
        out: &mut dyn Output,
        newest: SeqNo,
        recency: u64,
    ) -> Result<Vec<SegmentMeta>> {
        self.cut(out)?;
        let written = std::mem::take(&mut self.written);
        let meta = |written: Written| SegmentMeta {
            format: FORMAT,
            extents: vec![written.extent],
            blobs: written.blobs,
            entries: written.entries,
            newest,
            key_id: 0,
            detail: Detail {
                level: self.level,
                recency,
                tombstones: written.tombstones,
                codec: self.shape.codec.code(),
                smallest: written.smallest,
                largest: written.largest,
                facts: written.facts,
            }
            .encode(),
        };
        Ok(written.into_iter().map(meta).collect())
    }
}
