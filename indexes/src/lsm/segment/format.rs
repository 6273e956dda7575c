//! Bytes around blocks: trailers, the footer, properties, and what the manifest keeps.
//!
//! ```text
//! trailer      codec 1 │ flags 1 │ reserved 2 │ crc 4
//! ```
//!
//! Not for: what lies inside data blocks, index blocks and filters.

use cuesta_engine::error::Result;
use cuesta_engine::format::{Codec, Reader, crc32_seeded, put_bytes, put_u32, put_u64, put_varint};
use cuesta_engine::planted::{self, Bug};
use cuesta_engine::{Error, FileId, ensure_sound};

use super::facts::Facts;
use crate::lsm::filter::BUCKET_BYTES;
use crate::ordered::fields;
use crate::ordered::op::key_after;
use crate::ordered::span::{self, Span};

/// Bytes of a trailer.
pub(in crate::lsm) const TRAILER_BYTES: usize = 8;
/// Bytes of the footer.
pub(in crate::lsm) const FOOTER_BYTES: usize = 128;
/// Filter buckets in one filter block.
pub(super) const CHUNK_BUCKETS: u32 = 2047;
/// From one filter block to the next.
pub(super) const CHUNK_BYTES: u64 = 64 << 10;
/// First bytes of a footer.
const MAGIC: [u8; 8] = *b"CuestaLs";
/// Newest version of the format of segments; only those with range deletes have it, others are of
/// the first one.
pub(in crate::lsm) const FORMAT: u16 = 2;
/// Version of [`Detail`].
const DETAIL: u8 = 2;
/// Field of details: range deletes.
const FIELD_RANGES: u64 = 3;
/// Field of details: the number that checksums are tied to, where it is not that of the file.
const FIELD_SEALED_AS: u64 = 4;
/// Field of details: the level that it was written for.
const FIELD_WRITTEN: u64 = 5;
/// Field of details: what it lies over.
const FIELD_OVER: u64 = 6;

/// The version that a segment has.
pub(in crate::lsm) fn format_of(has_ranges: bool) -> u16 {
    if has_ranges { FORMAT } else { 1 }
}

/// What a checksum at `offset` of `file` is tied to. Offsets stay below 2^40 in practice; beyond
/// that two places may share a seed, which weakens nothing but the detection of misplaced blocks.
pub(in crate::lsm) fn seed(file: FileId, offset: u64) -> u64 {
    file.0.rotate_left(40) ^ offset
}

/// Where a block lies, from the segment's first byte, trailer included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Place {
    /// Its number in the segment.
    pub ordinal: u32,
    /// Its first byte.
    pub offset: u64,
    /// Its bytes.
    pub len: u64,
}

/// Makes a stored block of the bytes of `block` from `start` on: appends the trailer.
pub(super) fn seal(block: &mut Vec<u8>, start: usize, codec: Codec, seed: u64) {
    block.extend_from_slice(&[codec.code(), 0, 0, 0]);
    let crc = crc32_seeded(seed, &block[start..]);
    put_u32(block, crc);
}

/// The codec that a stored block claims, unchecked.
#[inline]
pub(super) fn codec_of(stored: &[u8]) -> Option<u8> {
    stored.get(stored.len().checked_sub(TRAILER_BYTES)?).copied()
}

/// Checks a stored block and takes its trailer off.
///
/// # Errors
/// `Corrupt`; `Unsupported` for codecs and flags not known here.
pub(super) fn unseal(stored: &[u8], seed: u64) -> Result<(&[u8], Codec)> {
    let Some((covered, crc)) = stored.split_last_chunk::<4>() else {
        return Err(Error::corrupt("block shorter than its trailer"));
    };
    let Some((body, &[codec, flags, _, _])) = covered.split_last_chunk::<4>() else {
        return Err(Error::corrupt("block shorter than its trailer"));
    };
    let sound = crc32_seeded(seed, covered) == u32::from_le_bytes(*crc);
    ensure_sound!(sound || planted::is(Bug::MissingChecksum), "block does not match its checksum");
    let codec = Codec::from_code(codec)?;
    if flags != 0 {
        return Err(Error::unsupported(format!("block flags {flags:#x} are not known here")));
    }
    Ok((body, codec))
}

/// The last bytes of a segment: all that is read to open it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Footer {
    /// 1: the root index lists data blocks; 2: index blocks.
    pub depth: u8,
    /// Codec that data blocks were offered to; 0 means that every one is stored raw.
    pub codec: u8,
    /// Kind of filter; 0 is none.
    pub filter_kind: u8,
    /// Data blocks.
    pub blocks: u32,
    /// Index blocks between the data blocks and the root.
    pub leaves: u32,
    /// Buckets of the filter.
    pub buckets: u32,
    /// The root index.
    pub root: (u64, u64),
    /// The first filter block.
    pub filter_at: u64,
    /// The properties.
    pub properties: (u64, u64),
    /// Entries.
    pub entries: u64,
    /// Entries that delete.
    pub tombstones: u64,
    /// Bytes of the segment, this footer included.
    pub len: u64,
    /// The range block; without bytes when there is none.
    pub ranges: (u64, u64),
}

impl Footer {
    /// Filter blocks.
    pub(in crate::lsm) fn chunks(&self) -> u32 {
        self.buckets.div_ceil(CHUNK_BUCKETS)
    }

    /// Blocks of all kinds.
    pub(in crate::lsm) fn ordinals(&self) -> u64 {
        u64::from(self.blocks)
            + u64::from(self.leaves)
            + u64::from(self.chunks())
            + 2
            + u64::from(self.has_ranges())
    }

    /// Whether there are range deletes.
    #[inline]
    pub(in crate::lsm) fn has_ranges(&self) -> bool {
        self.ranges.1 > 0
    }

    /// The range block.
    pub(in crate::lsm) fn ranges_place(&self) -> Place {
        let ordinal = self.root_place().ordinal.wrapping_add(1).wrapping_add(self.chunks());
        Place { ordinal, offset: self.ranges.0, len: self.ranges.1 }
    }

    /// The root index block.
    pub(in crate::lsm) fn root_place(&self) -> Place {
        let ordinal = self.blocks.wrapping_add(self.leaves);
        Place { ordinal, offset: self.root.0, len: self.root.1 }
    }

    /// Filter block `chunk`.
    #[inline]
    pub(in crate::lsm) fn chunk_place(&self, chunk: u32) -> Place {
        // Only blocks with another behind them are filled up.
        let rest = self.buckets.saturating_sub(chunk.saturating_mul(CHUNK_BUCKETS));
        let len = match rest > CHUNK_BUCKETS {
            true => CHUNK_BYTES,
            false => u64::from(rest) * BUCKET_BYTES as u64 + TRAILER_BYTES as u64,
        };
        Place {
            ordinal: self.root_place().ordinal.wrapping_add(1).wrapping_add(chunk),
            offset: self.filter_at.saturating_add(u64::from(chunk) * CHUNK_BYTES),
            len,
        }
    }

    /// The properties block.
    pub(in crate::lsm) fn properties_place(&self) -> Place {
        let ordinal = self.ranges_place().ordinal.wrapping_add(u32::from(self.has_ranges()));
        Place { ordinal, offset: self.properties.0, len: self.properties.1 }
    }

    /// The footer's bytes; `seed` belongs to the place of the first.
    pub(super) fn encode(&self, seed: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&format_of(self.has_ranges()).to_le_bytes());
        out.extend_from_slice(&[self.depth, self.codec, self.filter_kind, 0, 0, 0]);
        for number in [self.blocks, self.leaves, self.buckets, 0] {
            put_u32(&mut out, number);
        }
        for number in [
            self.root.0,
            self.root.1,
            self.filter_at,
            self.properties.0,
            self.properties.1,
            self.entries,
            self.tombstones,
            self.len,
            self.ranges.0,
            self.ranges.1,
        ] {
            put_u64(&mut out, number);
        }
        out.resize(FOOTER_BYTES - 4, 0);
        let crc = crc32_seeded(seed, &out);
        put_u32(&mut out, crc);
        out
    }

    /// Takes in and checks a footer found at the end of a segment of `len` bytes.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` for a newer format, by its number.
    pub(super) fn decode(bytes: &[u8], seed: u64, len: u64) -> Result<Footer> {
        ensure_sound!(bytes.len() == FOOTER_BYTES, "segment of {len} bytes has no footer");
        let mut reader = Reader::new(bytes, "segment footer");
        ensure_sound!(reader.array()? == MAGIC, "segment footer: not one of ordered keys");
        let (covered, crc) = bytes.split_at(FOOTER_BYTES - 4);
        let sound = crc32_seeded(seed, covered).to_le_bytes() == *crc;
        ensure_sound!(
            sound || planted::is(Bug::MissingChecksum),
            "segment footer does not match its checksum"
        );
        let format = reader.u16()?;
        if format > FORMAT {
            return Err(Error::unsupported(format!(
                "segment has format {format}, and {FORMAT} is the newest known here"
            )));
        }
        let [depth, codec, filter_kind, flags, _, _] = reader.array()?;
        if flags != 0 {
            return Err(Error::unsupported(format!("segment flags {flags:#x} are not known here")));
        }
        let footer = Footer {
            depth,
            codec,
            filter_kind,
            blocks: reader.u32()?,
            leaves: reader.u32()?,
            buckets: reader.u32()?,
            root: {
                reader.u32()?;
                (reader.u64()?, reader.u64()?)
            },
            filter_at: reader.u64()?,
            properties: (reader.u64()?, reader.u64()?),
            entries: reader.u64()?,
            tombstones: reader.u64()?,
            len: reader.u64()?,
            // Zero in the first format.
            ranges: (reader.u64()?, reader.u64()?),
        };
        ensure_sound!(
            format == format_of(footer.has_ranges()),
            "segment of format {format}, with a range block of {} bytes",
            footer.ranges.1
        );
        footer.check(len)?;
        Ok(footer)
    }

    fn check(&self, len: u64) -> Result<()> {
        ensure_sound!(
            self.len == len,
            "segment of {} bytes, but the manifest says {len}",
            self.len
        );
        ensure_sound!(
            (1..=2).contains(&self.depth) && (self.depth == 2) == (self.leaves > 0),
            "segment footer: index depth {} with {} blocks",
            self.depth,
            self.leaves
        );
        ensure_sound!(
            self.blocks > 0 && self.ordinals() <= len / TRAILER_BYTES as u64,
            "segment footer: {} blocks in {len} bytes",
            self.ordinals()
        );
        let within = |(offset, size): (u64, u64)| {
            offset.checked_add(size).is_some_and(|end| end <= len - FOOTER_BYTES as u64)
        };
        let last = self.chunk_place(self.chunks().saturating_sub(1));
        let filter = self.buckets == 0 || within((last.offset, last.len));
        ensure_sound!(
            within(self.root) && within(self.properties) && within(self.ranges) && filter,
            "segment footer: parts outside the segment"
        );
        ensure_sound!(
            self.entries >= u64::from(self.blocks) && self.tombstones <= self.entries,
            "segment footer: {} entries in {} blocks",
            self.entries,
            self.blocks
        );
        ensure_sound!(
            (self.filter_kind == 0) == (self.buckets == 0),
            "segment footer: {} buckets in a filter of kind {}",
            self.buckets,
            self.filter_kind
        );
        Ok(())
    }
}

/// What a segment says of itself, for repair and curiosity; questions do not need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Properties {
    /// Bytes of all keys.
    pub key_bytes: u64,
    /// Bytes of all values.
    pub value_bytes: u64,
    /// Smallest key.
    pub smallest: Vec<u8>,
    /// Largest key.
    pub largest: Vec<u8>,
    /// What is special.
    pub facts: Facts,
}

impl Properties {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.key_bytes);
        put_varint(out, self.value_bytes);
        put_bytes(out, &self.smallest);
        put_bytes(out, &self.largest);
        self.facts.encode(out);
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Properties> {
        let mut reader = Reader::new(bytes, "segment properties");
        let properties = Properties {
            key_bytes: reader.varint()?,
            value_bytes: reader.varint()?,
            smallest: reader.bytes()?.to_vec(),
            largest: reader.bytes()?.to_vec(),
            facts: Facts::decode(&mut reader, "segment properties")?,
        };
        reader.finish()?;
        Ok(properties)
    }
}

/// What the manifest keeps of a segment (`SegmentMeta::detail`), so that planning and arranging
/// read no files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Detail {
    /// 0: flushed, may overlap others of level 0; deeper levels are sorted runs.
    pub level: u8,
    /// Newest commit of the flush it came from: orders level 0.
    pub recency: u64,
    /// Entries that delete.
    pub tombstones: u64,
    /// Codec that its blocks were offered to.
    pub codec: u8,
    /// Smallest key of an entry.
    pub smallest: Vec<u8>,
    /// Largest key of an entry.
    pub largest: Vec<u8>,
    /// What is special.
    pub facts: Facts,
    /// Range deletes, if there are any.
    pub ranges: Option<Ranges>,
    /// What its checksums are tied to in the place of its file: it was written before it had one.
    pub sealed_as: Option<FileId>,
    /// The level that it was written for, if it was moved since: all that its file knows of.
    pub written: Option<u8>,
    /// Where segments lie that are older, of the same keys, and were written for a level above its
    /// own and moved below it: file and offset.
    pub over: Vec<(FileId, u64)>,
}

/// What the manifest keeps of a segment's range deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct Ranges {
    /// How many there are.
    pub count: u64,
    /// From where the first begins to where the last ends.
    pub span: Span,
}

impl Ranges {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.count);
        put_bytes(&mut out, &self.span.start);
        put_bytes(&mut out, self.span.end.as_deref().unwrap_or_default());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Ranges> {
        let mut reader = Reader::new(bytes, "range deletes of a segment");
        let count = reader.varint()?;
        let (start, end) = (reader.bytes()?.to_vec(), reader.bytes()?.to_vec());
        reader.finish()?;
        let span = Span { start, end: Some(end).filter(|end| !end.is_empty()) };
        ensure_sound!(
            count > 0 && span::is_before(&span.start, span.end.as_deref()),
            "segment detail: {count} range deletes, or out of order"
        );
        Ok(Ranges { count, span })
    }
}

impl Detail {
    /// The level that it was written for. What was prepared apart comes on top, as all that was
    /// loaded does.
    pub(in crate::lsm) fn written(&self) -> u8 {
        self.written.unwrap_or(if self.sealed_as.is_some() { 0 } else { self.level })
    }

    /// All that the segment says anything of: from the first key of its entries and range deletes
    /// to behind the last.
    pub(in crate::lsm) fn span(&self) -> Span {
        let keys = Span { start: self.smallest.clone(), end: key_after(&self.largest) };
        match &self.ranges {
            Some(ranges) => keys.with(&ranges.span),
            None => keys,
        }
    }

    /// Smallest and largest key in the bytes of one.
    ///
    /// # Errors
    /// As [`Detail::decode`].
    pub(in crate::lsm) fn keys(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
        let mut reader = Reader::new(bytes, "segment detail");
        let [version, _, _] = reader.array()?;
        if version == 0 || version > DETAIL {
            return Err(Error::unsupported(format!("segment detail of version {version}")));
        }
        reader.varint()?;
        reader.varint()?;
        Ok((reader.bytes()?, reader.bytes()?))
    }

    /// Its bytes.
    pub(in crate::lsm) fn encode(&self) -> Vec<u8> {
        let plain = self.facts.is_empty() && self.ranges.is_none() && self.sealed_as.is_none();
        let plain = plain && self.written.is_none() && self.over.is_empty();
        let version = if plain { 1 } else { DETAIL };
        let mut out = vec![version, self.level, self.codec];
        put_varint(&mut out, self.recency);
        put_varint(&mut out, self.tombstones);
        put_bytes(&mut out, &self.smallest);
        put_bytes(&mut out, &self.largest);
        self.facts.encode(&mut out);
        if let Some(ranges) = &self.ranges {
            fields::put(&mut out, FIELD_RANGES, &ranges.encode());
        }
        if let Some(number) = self.sealed_as {
            fields::put(&mut out, FIELD_SEALED_AS, &number.0.to_le_bytes());
        }
        if let Some(written) = self.written {
            fields::put(&mut out, FIELD_WRITTEN, &[written]);
        }
        if !self.over.is_empty() {
            let mut field = Vec::new();
            for (file, offset) in &self.over {
                put_varint(&mut field, file.0);
                put_varint(&mut field, *offset);
            }
            fields::put(&mut out, FIELD_OVER, &field);
        }
        out
    }

    /// Takes it in.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` for a newer version.
    pub(in crate::lsm) fn decode(bytes: &[u8]) -> Result<Detail> {
        let mut reader = Reader::new(bytes, "segment detail");
        let [version, level, codec] = reader.array()?;
        if version == 0 || version > DETAIL {
            return Err(Error::unsupported(format!("segment detail of version {version}")));
        }
        let mut detail = Detail {
            level,
            codec,
            recency: reader.varint()?,
            tombstones: reader.varint()?,
            smallest: reader.bytes()?.to_vec(),
            largest: reader.bytes()?.to_vec(),
            facts: Facts::default(),
            ranges: None,
            sealed_as: None,
            written: None,
            over: Vec::new(),
        };
        let mut last = 0;
        while let Some((number, bytes)) = fields::take(&mut reader, &mut last)? {
            match number {
                FIELD_RANGES => detail.ranges = Some(Ranges::decode(bytes)?),
                FIELD_SEALED_AS => {
                    let mut field = Reader::new(bytes, "what checksums are tied to");
                    detail.sealed_as = Some(FileId(field.u64()?));
                    field.finish()?;
                }
                FIELD_WRITTEN => detail.written = Some(Reader::new(bytes, "level").u8()?),
                FIELD_OVER => {
                    let mut field = Reader::new(bytes, "what a segment lies over");
                    while !field.is_empty() {
                        detail.over.push((FileId(field.varint()?), field.varint()?));
                    }
                }
                other => detail.facts.take(other, bytes, "segment detail")?,
            }
        }
        reader.finish()?;
        ensure_sound!(
            level < crate::lsm::LEVELS && detail.smallest <= detail.largest,
            "segment detail: level {level}, or keys out of order"
        );
        Ok(detail)
    }
}
