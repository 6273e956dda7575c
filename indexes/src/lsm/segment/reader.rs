//! Open segments: access to blocks, and finding one key.
//!
//! On a mapped file an uncompressed block is a part of the map: no copy, no entry in the cache, and
//! its checksum is compared the first time that it is touched. All other blocks go through the
//! block cache, and are checked when they are loaded.
//!
//! Invariants:
//! 1. No byte of a block is used before its checksum was compared, in this process.
//! 2. Memory taken for a block is bounded by what the segment's length and the codec allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cuesta_engine::budget::{Charge, Part};
use cuesta_engine::cache::{Block, BlockCache};
use cuesta_engine::error::Result;
use cuesta_engine::file::{Files, Region};
use cuesta_engine::format::{Codec, compress, name};
use cuesta_engine::index::{SegmentMeta, Services};
use cuesta_engine::{Error, FileId, ensure_sound};

use super::blobs::{self, BlobFile};
use super::format::{
    CHUNK_BUCKETS, Detail, FOOTER_BYTES, Footer, Place, Properties, TRAILER_BYTES, codec_of, seed,
    unseal,
};
use super::index::IndexFrame;
use super::ranges::RangeFrame;
use crate::lsm::block::{Found, Frame};
use crate::lsm::filter::{self, BUCKET_BYTES, FILTER_KIND};
use crate::ordered::expiry;
use crate::ordered::kind::Kind;
use crate::ordered::span::Span;
use crate::ordered::value::Value;

/// Most bytes of a decompressed block: a value of 4 GiB with the longest key and all fields.
pub(super) const BLOCK_BYTES_MAX: usize = (1 << 32) + (1 << 18);

/// What becomes of blocks that had to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lsm) enum Fill {
    /// They go into the cache.
    Keep,
    /// They are used once, by a merge or a check, and leave the cache as it is.
    Pass,
}

/// A block's content, checked, as long as the segment is borrowed.
pub(in crate::lsm) enum Body<'s> {
    /// In the map; the offset is that in the segment.
    Mapped(&'s [u8], u64),
    /// In memory.
    Loaded(Block),
}

impl Body<'_> {
    #[inline]
    pub(in crate::lsm) fn bytes(&self) -> &[u8] {
        match self {
            Body::Mapped(bytes, _) => bytes,
            Body::Loaded(block) => block,
        }
    }
}

/// States of a block, two bits each: nothing known, checked and stored raw, stored compressed.
const RAW: u64 = 1;
const PACKED: u64 = 2;

/// An open segment.
pub struct Segment {
    region: Region,
    pub(super) footer: Footer,
    detail: Detail,
    span: Span,
    pub(super) blobs: Box<[BlobFile]>,
    blocks: Box<[AtomicU64]>,
    cache: Arc<BlockCache>,
    _charge: Charge,
}

impl Segment {
    /// Opens the segment that `meta` names. Reads the footer and nothing else.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    pub(in crate::lsm) fn open(
        meta: &SegmentMeta,
        files: &dyn Files,
        services: &Services,
    ) -> Result<Segment> {
        let &[extent] = meta.extents.as_slice() else {
            let count = meta.extents.len();
            return Err(Error::corrupt(format!("a segment of ordered keys in {count} extents")));
        };
        if meta.key_id != 0 {
            return Err(Error::unsupported("encrypted segments are not known here"));
        }
        let detail = Detail::decode(&meta.detail)?;
        let region = files.region(&extent)?;
        let place = format!("{}, segment at {}", name::data(region.file_id()), region.offset());
        let footer_at = region.len().checked_sub(FOOTER_BYTES as u64);
        let footer_at = footer_at
            .ok_or_else(|| Error::corrupt(format!("{place} is too short for its footer")))?;
        let bytes = region.load(footer_at, FOOTER_BYTES)?;
        let sealed_as = detail.sealed_as.unwrap_or(region.file_id());
        let seed = seed(sealed_as, region.offset() + footer_at);
        let footer = Footer::decode(&bytes, seed, region.len()).map_err(|e| e.context(&place))?;
        ensure_sound!(
            footer.entries == meta.entries && footer.tombstones == detail.tombstones,
            "{place} has {} entries, {} of them deletes; the manifest says {} and {}",
            footer.entries,
            footer.tombstones,
            meta.entries,
            detail.tombstones
        );
        ensure_sound!(
            footer.has_ranges() == detail.ranges.is_some(),
            "{place} and the manifest disagree on whether it deletes ranges"
        );
        let blobs = blobs::open(meta, files).map_err(|e| e.context(&place))?;
        let words = footer.ordinals().div_ceil(32) as usize;
        let keys = detail.smallest.len() + detail.largest.len();
        let bytes = words * size_of::<AtomicU64>() + size_of::<Segment>() + keys;
        Ok(Segment {
            region,
            footer,
            span: detail.span(),
            detail,
            blobs,
            blocks: (0..words).map(|_| AtomicU64::new(0)).collect(),
            cache: services.cache.clone(),
            _charge: Charge::must(&services.budget, Part::Segments, bytes as u64),
        })
    }

    /// What the manifest says of it.
    #[inline]
    pub(in crate::lsm) fn detail(&self) -> &Detail {
        &self.detail
    }

    /// Entries of the segment.
    pub(in crate::lsm) fn entries(&self) -> u64 {
        self.footer.entries
    }

    pub(super) fn cache(&self) -> &BlockCache {
        &self.cache
    }

    /// All that it says anything of.
    #[inline]
    pub(in crate::lsm) fn span(&self) -> &Span {
        &self.span
    }

    /// Its file, and where in it the segment begins.
    pub(in crate::lsm) fn place(&self) -> (FileId, u64) {
        (self.region.file_id(), self.region.offset())
    }

    /// Bytes of the segment.
    pub(in crate::lsm) fn len(&self) -> u64 {
        self.region.len()
    }

    #[inline]
    fn state(&self, ordinal: u32) -> u64 {
        let word = self.blocks.get(ordinal as usize / 32);
        word.map_or(0, |word| word.load(Ordering::Relaxed) >> (ordinal % 32 * 2) & 3)
    }

    fn note(&self, ordinal: u32, state: u64) {
        // Nothing but this bit depends on it: the bytes of the map do not change.
        if let Some(word) = self.blocks.get(ordinal as usize / 32) {
            word.fetch_or(state << (ordinal % 32 * 2), Ordering::Relaxed);
        }
    }

    /// The content of the block at `place`, checked.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    #[inline]
    pub(in crate::lsm) fn body(&self, place: Place, fill: Fill) -> Result<Body<'_>> {
        if self.state(place.ordinal) == RAW
            && let Some(bytes) = self.mapped(place)
        {
            return Ok(Body::Mapped(bytes, place.offset));
        }
        self.body_slow(place, fill)
    }

    /// The bytes of a raw block in the map, without the trailer.
    #[inline]
    fn mapped(&self, place: Place) -> Option<&[u8]> {
        let len = usize::try_from(place.len).ok()?.checked_sub(TRAILER_BYTES)?;
        self.region.mapped(place.offset, len)
    }

    #[cold]
    fn body_slow(&self, place: Place, fill: Fill) -> Result<Body<'_>> {
        let end = place.offset.checked_add(place.len);
        ensure_sound!(
            end.is_some_and(|end| end <= self.region.len())
                && place.len > TRAILER_BYTES as u64
                && u64::from(place.ordinal) < self.footer.ordinals(),
            "{}",
            self.describe(place, "lies outside")
        );
        let len = usize::try_from(place.len)
            .map_err(|_| Error::unsupported("a block that is larger than memory can be"))?;
        if self.state(place.ordinal) != PACKED
            && let Some(stored) = self.region.mapped(place.offset, len)
        {
            if codec_of(stored) == Some(Codec::None.code()) {
                self.unseal(place, stored)?;
                self.note(place.ordinal, RAW);
                let body = &stored[..len - TRAILER_BYTES];
                return Ok(Body::Mapped(body, place.offset));
            }
            self.note(place.ordinal, PACKED);
        }
        let (file, offset) = (self.region.file_id(), self.region.offset() + place.offset);
        let block = match fill {
            Fill::Keep => self.cache.get_or_load(file, offset, || self.load(place, len))?,
            Fill::Pass => match self.cache.peek(file, offset) {
                Some(block) => block,
                None => self.load(place, len)?,
            },
        };
        Ok(Body::Loaded(block))
    }

    /// Reads, checks and decompresses a block.
    fn load(&self, place: Place, len: usize) -> Result<Block> {
        if let Some(stored) = self.region.mapped(place.offset, len) {
            return self.unpack(place, stored);
        }
        let stored = self.region.load(place.offset, len)?;
        self.unpack(place, &stored)
    }

    fn unpack(&self, place: Place, stored: &[u8]) -> Result<Block> {
        let (body, codec) = self.unseal(place, stored)?;
        compress::decompress(codec, body, BLOCK_BYTES_MAX)
            .map_err(|e| e.context(self.describe(place, "")))
    }

    fn unseal<'b>(&self, place: Place, stored: &'b [u8]) -> Result<(&'b [u8], Codec)> {
        let sealed_as = self.detail.sealed_as.unwrap_or(self.region.file_id());
        let seed = seed(sealed_as, self.region.offset() + place.offset);
        unseal(stored, seed).map_err(|e| e.context(self.describe(place, "")))
    }

    fn describe(&self, place: Place, problem: &str) -> String {
        let (file, start) = (name::data(self.region.file_id()), self.region.offset());
        let Place { ordinal, offset, len } = place;
        format!("{file}, segment at {start}, block {ordinal} at {offset}+{len} {problem}")
            .trim_end()
            .to_string()
    }

    /// Adds where it happened to an error met inside a block.
    pub(super) fn located(&self, place: Place, e: Error) -> Error {
        e.context(self.describe(place, ""))
    }

    /// Whether the segment may hold a key with this hash: one cache line where mapped.
    ///
    /// # Errors
    /// As [`Segment::body`].
    #[inline]
    pub(in crate::lsm) fn may_hold(&self, hash: u64) -> Result<bool> {
        if self.footer.filter_kind != FILTER_KIND {
            // None, or one that is not known: it denies nothing.
            return Ok(true);
        }
        let bucket = filter::bucket_of(hash, self.footer.buckets);
        let place = self.footer.chunk_place(bucket / CHUNK_BUCKETS);
        let at = (bucket % CHUNK_BUCKETS) as usize * BUCKET_BYTES;
        let body = self.body(place, Fill::Keep)?;
        let bucket = body.bytes().get(at..).and_then(|bytes| bytes.first_chunk());
        Ok(bucket.is_none_or(|bucket| filter::contains(bucket, hash)))
    }

    /// The root index block.
    pub(super) fn root(&self, fill: Fill) -> Result<(Body<'_>, IndexFrame)> {
        self.index_body(self.footer.root_place(), self.footer.depth - 1, fill)
    }

    /// An index block, which must be of `level`.
    pub(super) fn index_body(
        &self,
        place: Place,
        level: u8,
        fill: Fill,
    ) -> Result<(Body<'_>, IndexFrame)> {
        let body = self.body(place, fill)?;
        let frame = IndexFrame::parse(body.bytes()).map_err(|e| self.located(place, e))?;
        ensure_sound!(frame.level == level, "{}", self.describe(place, "has another index level"));
        Ok((body, frame))
    }

    /// A data block's place must name a data block.
    #[inline]
    pub(super) fn data_body(&self, place: Place, fill: Fill) -> Result<Body<'_>> {
        ensure_sound!(
            place.ordinal < self.footer.blocks,
            "{}",
            self.describe(place, "is no data block")
        );
        self.body(place, fill)
    }

    /// The data block that can hold `key`.
    #[inline]
    fn place_of(&self, key: &[u8]) -> Result<Option<Place>> {
        let (mut body, mut frame) = self.root(Fill::Keep)?;
        loop {
            let i = frame.find(body.bytes(), key)?;
            if i >= frame.count {
                return Ok(None);
            }
            let place = frame.place(body.bytes(), i)?;
            if frame.level == 0 {
                return Ok(Some(place));
            }
            (body, frame) = self.index_body(place, frame.level - 1, Fill::Keep)?;
        }
    }

    /// What the segment says of `key`. Allocates nothing where mapped.
    ///
    /// # Errors
    /// As [`Segment::body`].
    #[inline]
    pub(in crate::lsm) fn find(&self, key: &[u8]) -> Result<Option<Hit<'_>>> {
        let Some(place) = self.place_of(key)? else { return Ok(None) };
        let body = self.data_body(place, Fill::Keep)?;
        let bytes = body.bytes();
        let found = Frame::parse(bytes).and_then(|frame| frame.find(bytes, key));
        match found.map_err(|e| self.located(place, e))? {
            Some(found) => Ok(Some(Hit { segment: self, body, found })),
            None => Ok(None),
        }
    }

    /// Whether it deletes ranges of keys in what is older.
    #[inline]
    pub(in crate::lsm) fn has_ranges(&self) -> bool {
        self.footer.has_ranges()
    }

    fn ranges(&self, fill: Fill) -> Result<(Body<'_>, RangeFrame)> {
        let place = self.footer.ranges_place();
        let body = self.body(place, fill)?;
        let frame = RangeFrame::parse(body.bytes()).map_err(|e| self.located(place, e))?;
        Ok((body, frame))
    }

    /// Its range deletes, held.
    ///
    /// # Errors
    /// As [`Segment::body`].
    pub(in crate::lsm) fn held_ranges(&self, fill: Fill) -> Result<(Held, RangeFrame)> {
        let (body, frame) = self.ranges(fill)?;
        Ok((self.hold(body)?, frame))
    }

    /// Whether one of its range deletes holds everything from `start` to `end`.
    ///
    /// # Errors
    /// As [`Segment::body`].
    pub(in crate::lsm) fn deletes(&self, start: &[u8], end: Option<&[u8]>) -> Result<bool> {
        if !self.has_ranges() {
            return Ok(false);
        }
        let (body, frame) = self.ranges(Fill::Keep)?;
        frame
            .covers(body.bytes(), start, end)
            .map_err(|e| self.located(self.footer.ranges_place(), e))
    }

    /// Whether one of its range deletes holds `key`.
    ///
    /// # Errors
    /// As [`Segment::body`].
    #[inline]
    pub(in crate::lsm) fn deletes_key(&self, key: &[u8]) -> Result<bool> {
        if self.has_ranges() { self.deletes_key_slow(key) } else { Ok(false) }
    }

    #[inline(never)]
    fn deletes_key_slow(&self, key: &[u8]) -> Result<bool> {
        let (body, frame) = self.ranges(Fill::Keep)?;
        frame.holds(body.bytes(), key).map_err(|e| self.located(self.footer.ranges_place(), e))
    }

    /// All its range deletes.
    ///
    /// # Errors
    /// As [`Segment::body`].
    pub(in crate::lsm) fn spans(&self, fill: Fill) -> Result<Vec<Span>> {
        if !self.has_ranges() {
            return Ok(Vec::new());
        }
        let (body, frame) = self.ranges(fill)?;
        frame.spans(body.bytes()).map_err(|e| self.located(self.footer.ranges_place(), e))
    }

    /// Keeps a block's content.
    pub(super) fn hold(&self, body: Body<'_>) -> Result<Held> {
        match body {
            Body::Loaded(block) => Ok(Held::Block(block)),
            Body::Mapped(bytes, offset) => match self.region.map() {
                Some((map, start)) => Ok(Held::Map {
                    map: map.clone(),
                    start: (start + offset) as usize,
                    len: bytes.len(),
                }),
                None => Err(Error::internal("a mapped block without a map")),
            },
        }
    }

    /// The properties block.
    ///
    /// # Errors
    /// As [`Segment::body`].
    pub(super) fn properties(&self, fill: Fill) -> Result<Properties> {
        let place = self.footer.properties_place();
        let body = self.body(place, fill)?;
        Properties::decode(body.bytes()).map_err(|e| self.located(place, e))
    }
}

/// A block's content with what keeps it alive.
#[derive(Clone)]
pub(in crate::lsm) enum Held {
    /// In a mapped file.
    Map {
        /// The file.
        map: cuesta_engine::env::Map,
        /// First byte in the file.
        start: usize,
        /// Bytes.
        len: usize,
    },
    /// In memory.
    Block(Block),
}

impl Held {
    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        match self {
            Held::Map { .. } => 0,
            Held::Block(block) => block.len(),
        }
    }

    #[inline]
    pub(in crate::lsm) fn bytes(&self) -> &[u8] {
        match self {
            Held::Map { map, start, len } => map.get(*start..*start + *len).unwrap_or_default(),
            Held::Block(block) => block,
        }
    }

    /// A value in the block.
    pub(super) fn value(&self, range: std::ops::Range<usize>) -> Value {
        let len = range.len();
        match self {
            Held::Map { map, start, .. } => Value::mapped(map.clone(), start + range.start, len),
            Held::Block(block) => Value::in_block(block.clone(), range.start, len),
        }
    }
}

/// An entry found in a segment.
pub struct Hit<'s> {
    segment: &'s Segment,
    body: Body<'s>,
    found: Found,
}

impl Hit<'_> {
    /// What it says of the key.
    #[inline]
    pub(in crate::lsm) fn kind(&self) -> Kind {
        self.found.kind
    }

    /// The large value that it points to.
    ///
    /// # Errors
    /// As [`Segment::large`].
    pub(in crate::lsm) fn large(&self) -> Result<Value> {
        self.segment.large(self.bytes(), Fill::Keep)
    }

    /// The bytes of the value, or of the pointer to it.
    #[inline]
    pub(in crate::lsm) fn bytes(&self) -> &[u8] {
        self.body.bytes().get(self.found.value.clone()).unwrap_or_default()
    }

    /// Takes the expiry off the front of the value.
    ///
    /// # Errors
    /// `Corrupt` when there is none.
    pub(in crate::lsm) fn take_expiry(&mut self) -> Result<u64> {
        let (expiry_ms, value) = expiry::split(self.bytes())?;
        self.found.value.start = self.found.value.end - value.len();
        Ok(expiry_ms)
    }

    /// The value, to be kept.
    #[inline]
    pub(in crate::lsm) fn into_value(self) -> Value {
        let range = self.found.value.clone();
        match (&self.body, self.segment.region.map()) {
            (Body::Loaded(block), _) => Value::in_block(block.clone(), range.start, range.len()),
            (Body::Mapped(_, offset), Some((map, start))) => {
                let start = (start + offset) as usize + range.start;
                Value::mapped(map.clone(), start, range.len())
            }
            (Body::Mapped(..), None) => Value::from(self.bytes()),
        }
    }
}
