//! Writes segments: entries in, blocks out, in one pass from front to back.
//!
//! Memory: the block being filled, eight bytes per key for the filter, and the index.

use std::collections::BTreeMap;

use cuesta_engine::error::Result;
use cuesta_engine::file::{Extent, FileKind, Output};
use cuesta_engine::format::{Codec, compress};
use cuesta_engine::index::Blob;
use cuesta_engine::{Error, FileId, ensure_sound};

use super::facts::Facts;
use super::format::{
    CHUNK_BUCKETS, CHUNK_BYTES, FOOTER_BYTES, Footer, Properties, Ranges, TRAILER_BYTES, seal, seed,
};
use super::index::IndexBuilder;
use super::ranges;
use crate::lsm::blob::Pointer;
use crate::lsm::block::{Builder, KEY_BYTES_MAX};
use crate::lsm::filter::{self, BUCKET_BYTES, FILTER_KIND};
use crate::ordered::kind::Kind;
use crate::ordered::order;
use crate::ordered::span::Span;

/// How a segment is to be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct Shape {
    /// Bytes of a data block before compression.
    pub block_bytes: usize,
    /// Entries from one restart to the next.
    pub interval: usize,
    /// What data blocks are offered to.
    pub codec: Codec,
    /// Filter bits per key; 0 is no filter.
    pub filter_bits: u32,
}

/// A finished segment.
#[derive(Clone, Debug)]
pub(in crate::lsm) struct Written {
    /// Where it lies.
    pub extent: Extent,
    /// Entries.
    pub entries: u64,
    /// Entries that delete.
    pub tombstones: u64,
    /// What its blocks were offered to.
    pub codec: u8,
    /// Files with its large values.
    pub blobs: Vec<Blob>,
    /// Smallest key.
    pub smallest: Vec<u8>,
    /// Largest key.
    pub largest: Vec<u8>,
    /// What is special.
    pub facts: Facts,
    /// Range deletes, if there are any.
    pub ranges: Option<Ranges>,
}

/// Writes one segment.
pub(in crate::lsm) struct Writer {
    shape: Shape,
    file: FileId,
    /// Where in the file the segment begins.
    start: u64,
    /// Bytes written so far.
    at: u64,
    block: Builder,
    raw: Vec<u8>,
    packed: Vec<u8>,
    /// The block written last, whose separator waits for the next key.
    open: Option<(u32, u64)>,
    index: IndexBuilder,
    /// Full index blocks with their last separators.
    leaves: Vec<(Vec<u8>, Vec<u8>)>,
    hashes: Vec<u64>,
    /// Bytes pointed to, by file.
    blobs: BTreeMap<FileId, u64>,
    footer: Footer,
    properties: Properties,
}

impl Writer {
    /// Begins a segment where `file` ends. Nothing else may be appended to `file` until
    /// [`Writer::finish`].
    ///
    /// # Errors
    /// What the output fails with.
    pub(in crate::lsm) fn new(out: &mut dyn Output, file: FileId, shape: Shape) -> Result<Writer> {
        let start = out.len(file)?;
        let codec = shape.codec.code();
        Ok(Writer {
            shape,
            file,
            start,
            at: 0,
            block: Builder::new(shape.interval),
            raw: Vec::new(),
            packed: Vec::new(),
            open: None,
            index: IndexBuilder::default(),
            leaves: Vec::new(),
            hashes: Vec::new(),
            blobs: BTreeMap::new(),
            footer: Footer { codec, depth: 1, ..Footer::default() },
            properties: Properties::default(),
        })
    }

    /// Entries so far.
    pub(in crate::lsm) fn entries(&self) -> u64 {
        self.footer.entries
    }

    /// About how long the segment is so far.
    pub(in crate::lsm) fn bytes(&self) -> u64 {
        self.at + self.block.size_with(&[], 0) as u64
    }

    /// Bytes of memory held.
    pub(in crate::lsm) fn memory(&self) -> usize {
        let leaves: usize = self.leaves.iter().map(|(key, leaf)| key.len() + leaf.len() + 48).sum();
        let buffers = self.raw.capacity() + self.packed.capacity() + self.block.size_with(&[], 0);
        buffers + self.hashes.capacity() * size_of::<u64>() + leaves
    }

    /// Adds an entry with a key greater than all before.
    ///
    /// # Errors
    /// `Corrupt` when the key is not greater: the source is damaged. What the output fails with.
    pub(in crate::lsm) fn add(
        &mut self,
        out: &mut dyn Output,
        key: &[u8],
        kind: Kind,
        value: &[u8],
    ) -> Result<()> {
        ensure_sound!(
            self.footer.entries == 0 || self.last_key() < key,
            "keys out of order: {} before {}",
            self.last_key().escape_ascii(),
            key.escape_ascii()
        );
        if key.len() > KEY_BYTES_MAX || u32::try_from(value.len()).is_err() {
            let (k, v) = (key.len(), value.len());
            return Err(Error::invalid(format!("key of {k} bytes, value of {v} bytes")));
        }
        if !self.block.is_empty() && self.block.size_with(key, value.len()) > self.shape.block_bytes
        {
            self.write_block(out)?;
        }
        if self.block.is_empty() {
            self.separate(key);
        }
        if self.footer.entries == 0 {
            self.properties.smallest = key.to_vec();
        }
        if kind == Kind::Blob {
            let pointer = Pointer::decode(value)?;
            *self.blobs.entry(pointer.file).or_default() += u64::from(pointer.len);
        }
        self.block.add(key, kind, value);
        self.footer.entries += 1;
        self.footer.tombstones += u64::from(kind == Kind::Delete);
        self.properties.facts.add(kind, value)?;
        self.properties.key_bytes += key.len() as u64;
        self.properties.value_bytes += value.len() as u64;
        if self.shape.filter_bits > 0 {
            self.hashes.push(filter::hash(key));
        }
        Ok(())
    }

    /// The greatest key so far; empty when there is none.
    pub(in crate::lsm) fn last_key(&self) -> &[u8] {
        if self.block.is_empty() { &self.properties.largest } else { self.block.last_key() }
    }

    /// Notes the block that waits in the index, now that `key`, the first after it, is known.
    fn separate(&mut self, key: &[u8]) {
        let Some((ordinal, offset)) = self.open.take() else { return };
        let last = &self.properties.largest;
        self.index.add(ordinal, offset, |out| order::put_separator(last, key, out));
        if self.index.is_full() {
            self.close_leaf();
        }
    }

    /// Puts an index block aside: data blocks lie together, and index blocks behind them.
    fn close_leaf(&mut self) {
        let separator = self.index.last().to_vec();
        let mut body = Vec::new();
        self.index.finish(0, self.at, &mut body);
        self.leaves.push((separator, body));
    }

    fn write_block(&mut self, out: &mut dyn Output) -> Result<()> {
        self.properties.largest.clear();
        self.properties.largest.extend_from_slice(self.block.last_key());
        self.raw.clear();
        self.block.finish(&mut self.raw);
        self.open = Some((self.footer.blocks, self.at));
        let codec = compress::compress(self.shape.codec, &self.raw, &mut self.packed)?;
        let mut body = std::mem::take(match codec {
            Codec::None => &mut self.raw,
            _ => &mut self.packed,
        });
        self.append_sealed(out, &mut body, codec)?;
        match codec {
            Codec::None => self.raw = body,
            _ => self.packed = body,
        }
        let blocks = self.footer.blocks.checked_add(1);
        self.footer.blocks = blocks.ok_or_else(|| Error::internal("2^32 blocks in a segment"))?;
        Ok(())
    }

    /// Seals and appends a block; returns where it lies.
    fn append_sealed(
        &mut self,
        out: &mut dyn Output,
        body: &mut Vec<u8>,
        codec: Codec,
    ) -> Result<(u64, u64)> {
        seal(body, 0, codec, seed(self.file, self.start + self.at));
        self.append(out, body)
    }

    /// Appends, and makes sure that the bytes lie where their checksum says.
    fn append(&mut self, out: &mut dyn Output, bytes: &[u8]) -> Result<(u64, u64)> {
        let at = self.at;
        let placed = out.append(self.file, bytes)?;
        assert_eq!(placed, self.start + at, "two writers share file {}", self.file);
        self.at += bytes.len() as u64;
        Ok((at, bytes.len() as u64))
    }

    /// Writes what is left, the range deletes `spans`, which ascend and neither overlap nor touch,
    /// and the footer.
    ///
    /// # Errors
    /// What the output fails with.
    pub(in crate::lsm) fn finish(
        mut self,
        out: &mut dyn Output,
        spans: &[Span],
    ) -> Result<Written> {
        if let (0, Some(first)) = (self.footer.entries, spans.first()) {
            // Every segment has an entry; this one says what the range says.
            self.add(out, &first.start, Kind::Delete, &[])?;
        }
        assert!(self.footer.entries > 0, "a segment without entries");
        if !self.block.is_empty() {
            self.write_block(out)?;
        }
        if let Some((ordinal, offset)) = self.open.take() {
            let last = &self.properties.largest;
            self.index.add(ordinal, offset, |separator| separator.extend_from_slice(last));
        }
        self.write_index(out)?;
        self.write_filter(out)?;
        let mut body = Vec::new();
        if !spans.is_empty() {
            ranges::encode(spans, &mut body)?;
            self.footer.ranges = self.append_sealed(out, &mut body, Codec::None)?;
            body.clear();
        }
        self.properties.encode(&mut body);
        self.footer.properties = self.append_sealed(out, &mut body, Codec::None)?;
        self.footer.len = self.at + FOOTER_BYTES as u64;
        let footer = self.footer.encode(seed(self.file, self.start + self.at));
        self.append(out, &footer)?;
        let ranges = spans.first().zip(spans.last()).map(|(first, last)| Ranges {
            count: spans.len() as u64,
            span: Span { start: first.start.clone(), end: last.end.clone() },
        });
        Ok(Written {
            extent: Extent {
                file: self.file,
                offset: self.start,
                len: self.at,
                kind: FileKind::Sealed,
            },
            entries: self.footer.entries,
            tombstones: self.footer.tombstones,
            codec: self.footer.codec,
            blobs: self
                .blobs
                .into_iter()
                .map(|(file, live_bytes)| Blob { file, live_bytes })
                .collect(),
            smallest: self.properties.smallest,
            largest: self.properties.largest,
            facts: self.properties.facts,
            ranges,
        })
    }

    fn write_index(&mut self, out: &mut dyn Output) -> Result<()> {
        if self.leaves.is_empty() {
            let mut body = Vec::new();
            self.index.finish(0, self.at, &mut body);
            self.footer.root = self.append_sealed(out, &mut body, Codec::None)?;
            return Ok(());
        }
        if !self.index.is_empty() {
            self.close_leaf();
        }
        let mut root = IndexBuilder::default();
        for (separator, mut body) in std::mem::take(&mut self.leaves) {
            let ordinal = self.footer.blocks.wrapping_add(self.footer.leaves);
            let (offset, _) = self.append_sealed(out, &mut body, Codec::None)?;
            root.add(ordinal, offset, |out| out.extend_from_slice(&separator));
            self.footer.leaves += 1;
        }
        self.footer.depth = 2;
        let mut body = Vec::new();
        root.finish(1, self.at, &mut body);
        self.footer.root = self.append_sealed(out, &mut body, Codec::None)?;
        Ok(())
    }

    fn write_filter(&mut self, out: &mut dyn Output) -> Result<()> {
        let hashes = std::mem::take(&mut self.hashes);
        if hashes.is_empty() {
            return Ok(());
        }
        // Buckets never straddle a cache line of the mapped file.
        let padding = (self.start + self.at).next_multiple_of(BUCKET_BYTES as u64);
        let padding = (padding - self.start - self.at) as usize;
        self.append(out, &[0; BUCKET_BYTES][..padding])?;
        let count = filter::buckets(hashes.len(), self.shape.filter_bits);
        let mut buckets = vec![[0; BUCKET_BYTES]; count as usize];
        for hash in hashes {
            filter::insert(&mut buckets[filter::bucket_of(hash, count) as usize], hash);
        }
        self.footer.filter_kind = FILTER_KIND;
        self.footer.filter_at = self.at;
        self.footer.buckets = count;
        let mut body = Vec::with_capacity(CHUNK_BYTES as usize);
        let mut chunks = buckets.chunks(CHUNK_BUCKETS as usize).peekable();
        while let Some(chunk) = chunks.next() {
            body.clear();
            body.extend_from_slice(chunk.as_flattened());
            if chunks.peek().is_some() {
                // Blocks lie at equal distances, which keep buckets aligned.
                body.resize(CHUNK_BYTES as usize - TRAILER_BYTES, 0);
            }
            self.append_sealed(out, &mut body, Codec::None)?;
        }
        Ok(())
    }
}
