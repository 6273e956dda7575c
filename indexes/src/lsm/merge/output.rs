//! Sorted entries in, segments of a wished size out.
//!
//! Range deletes are cut where segments are, so that segments of one level stay disjoint:
//!
//! ```text
//! ranges        [b ------------------------- p)        [s --- u)
//! entries    a        d      f │ h      k │ m    q
//! segments   [a ...... [b, h)  )[h, m)    )[m, p) [s, u)
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::file::{FileKind, Output};
use cuesta_engine::format::crc32;
use cuesta_engine::index::SegmentMeta;
use cuesta_engine::planted::{self, Bug};
use cuesta_engine::{Error, FileId, SeqNo};

use crate::lsm::blob::{BlobWriter, Pointer};
use crate::lsm::segment::{Detail, Segment, Shape, Writer, Written, format_of};
use crate::ordered::kind::Kind;
use crate::ordered::span::{self, Span};

/// Entries of a segment at most: the hashes of their keys wait in memory, eight bytes each.
const ENTRIES_MAX: u64 = 2 << 20;
/// Bytes of the range deletes of a segment, about, beyond those that its entries bring with them.
const RANGE_BYTES_MAX: usize = 1 << 20;
/// What a range delete takes beside its borders.
const RANGE_BYTES: usize = 8;

/// What the checksums of segments are tied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ties {
    /// The file that they are written to.
    File,
    /// That, whatever its number becomes.
    Apart,
}

/// Writes as many segments as it takes.
pub(super) struct Outputs {
    shape: Shape,
    ties: Ties,
    level: u8,
    segment_bytes: u64,
    blobs: BlobWriter,
    pointer: Vec<u8>,
    writer: Option<Writer>,
    /// Range deletes that are not in a segment yet: ascending, neither overlapping nor touching.
    ranges: VecDeque<Span>,
    /// Bytes of all range deletes, those written included.
    range_bytes: usize,
    /// So many of them begin at or before the last entry.
    begun: usize,
    /// Bytes of these.
    begun_bytes: usize,
    written: Vec<Written>,
    /// Segments that were moved below `level` from above it.
    moved: Vec<(Span, (FileId, u64))>,
    /// The level that the segments say they are written for, if it is not `level`.
    written_for: Option<u8>,
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
            ties: Ties::File,
            level,
            segment_bytes,
            blobs: BlobWriter::new(blob_file_bytes),
            pointer: Vec::new(),
            writer: None,
            ranges: VecDeque::new(),
            range_bytes: 0,
            begun: 0,
            begun_bytes: 0,
            written: Vec::new(),
            moved: Vec::new(),
            written_for: None,
        }
    }

    /// Has the segments say that they lie above all that was written before.
    pub(super) fn on_top(self) -> Outputs {
        Outputs { written_for: Some(0), ..self }
    }

    /// Has the segments say what their checksums are tied to.
    pub(super) fn apart_from_files(self) -> Outputs {
        Outputs { ties: Ties::Apart, ..self }
    }

    /// Lays the segments from the next one on out like this.
    pub(super) fn set_shape(&mut self, shape: Shape) {
        self.shape = shape;
    }

    /// Segments that are complete.
    pub(super) fn written(&self) -> &[Written] {
        &self.written
    }

    /// Has the segments say which of these they lie over, which what their files say of levels
    /// does not tell.
    pub(super) fn lie_over<'s>(&mut self, moved: impl Iterator<Item = &'s Arc<Segment>>) {
        self.moved = moved.map(|segment| (segment.span().clone(), segment.place())).collect();
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        self.writer.as_ref().map_or(0, Writer::memory) + self.range_bytes
    }

    /// Has the segments delete `ranges` in all that is older; before the first entry. They ascend,
    /// and neither overlap nor touch.
    pub(super) fn delete_ranges(&mut self, ranges: Vec<Span>) {
        assert!(self.writer.is_none() && self.written.is_empty(), "range deletes come first");
        self.range_bytes = ranges.iter().map(|span| span.bytes() + size_of::<Span>()).sum();
        self.ranges = ranges.into();
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
        self.begin_ranges(key);
        if kind == Kind::Delete && self.deletes(key) {
            return Ok(());
        }
        if self.is_full() {
            self.cut(out, key)?;
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

    fn begin_ranges(&mut self, key: &[u8]) {
        while let Some(span) = self.ranges.get(self.begun)
            && *span.start <= *key
        {
            self.begun += 1;
            self.begun_bytes += span.bytes() + RANGE_BYTES;
        }
    }

    /// Whether a range holds `key`, the last that ranges were begun for.
    fn deletes(&self, key: &[u8]) -> bool {
        let last = self.begun.checked_sub(1).and_then(|last| self.ranges.get(last));
        last.is_some_and(|span| span::is_before(key, span.end.as_deref()))
    }

    fn is_full(&self) -> bool {
        let full = |writer: &Writer| {
            writer.bytes() + self.begun_bytes as u64 >= self.segment_bytes
                || writer.entries() >= ENTRIES_MAX
        };
        self.writer.as_ref().is_some_and(full) || self.begun_bytes >= RANGE_BYTES_MAX
    }

    /// Ends the present segment before `key`, which is greater than all before.
    ///
    /// # Errors
    /// What writing fails with.
    pub(super) fn cut(&mut self, out: &mut dyn Output, key: &[u8]) -> Result<()> {
        let before = self.ranges.partition_point(|span| *span.start < *key);
        let mut ranges: Vec<Span> = self.ranges.drain(..before).collect();
        if let Some(last) = ranges.last_mut()
            && last.end.as_deref().is_none_or(|end| end > key)
        {
            let end = last.end.replace(key.to_vec());
            self.ranges.push_front(Span { start: key.to_vec(), end });
        }
        if planted::is(Bug::RangeDeleteLostAtBorder) {
            self.ranges.pop_front();
        }
        self.end(out, ranges)?;
        (self.begun, self.begun_bytes) = (0, 0);
        self.begin_ranges(key);
        Ok(())
    }

    /// Writes the rest of the present segment, and `ranges`: in segments of their own where these
    /// are many.
    fn end(&mut self, out: &mut dyn Output, mut ranges: Vec<Span>) -> Result<()> {
        loop {
            let writer = match self.writer.take() {
                Some(writer) => writer,
                None if ranges.is_empty() => return Ok(()),
                None => {
                    let file = out.create(FileKind::Sealed)?;
                    Writer::new(out, file, self.shape)?
                }
            };
            let mut bytes = 0;
            let mut fits = |span: &Span| {
                bytes += span.bytes() + RANGE_BYTES;
                bytes <= RANGE_BYTES_MAX
                    || writer.entries() > 0 && *span.start <= *writer.last_key()
            };
            let count = ranges.iter().position(|span| !fits(span)).unwrap_or(ranges.len());
            let rest = ranges.split_off(count.max(1).min(ranges.len()));
            self.written.push(writer.finish(out, &ranges)?);
            ranges = rest;
        }
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
        let ranges = std::mem::take(&mut self.ranges).into();
        self.end(out, ranges)?;
        let written = std::mem::take(&mut self.written);
        let meta = |written: Written| {
            let mut detail = Detail {
                level: self.level,
                recency,
                tombstones: written.tombstones,
                codec: written.codec,
                smallest: written.smallest,
                largest: written.largest,
                facts: written.facts,
                ranges: written.ranges,
                sealed_as: (self.ties == Ties::Apart).then_some(written.extent.file),
                written: self.written_for,
                over: Vec::new(),
            };
            let span = detail.span();
            let over = self.moved.iter().filter(|(moved, _)| span.meets(moved));
            detail.over = over.map(|(_, place)| *place).collect();
            SegmentMeta {
                format: format_of(detail.ranges.is_some()),
                extents: vec![written.extent],
                blobs: written.blobs,
                entries: written.entries,
                newest,
                key_id: 0,
                detail: detail.encode(),
            }
        };
        Ok(written.into_iter().map(meta).collect())
    }
}
