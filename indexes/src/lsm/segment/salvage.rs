//! Reads what is intact of one segment, whatever is damaged, cut off or missing.
//!
//! ```text
//! footer and root readable   ► every data block that the index lists
//! an index block is not      ► the data blocks between those that others list, found by checksum
//! footer or root is not      ► all blocks from the first on, found by checksum, up to damage
//! ```
//!
//! *By checksum*: a block's checksum is tied to where the block begins and ends it, so from the
//! place where one ends the end of the next can be looked for. Without an index that goes on only
//! as far as blocks are intact.
//!
//! Not for: the order of segments, and what is made of their entries.

use std::collections::BTreeSet;
use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::file::{Extent, Files, Region};
use cuesta_engine::format::{Codec, Crc, compress};
use cuesta_engine::{Error, FileId, ensure_sound};

use super::format::{FOOTER_BYTES, Footer, Place, Ranges, TRAILER_BYTES, seed, unseal};
use super::index::IndexFrame;
use super::ranges::RangeFrame;
use super::reader::BLOCK_BYTES_MAX;
use crate::lsm::block::{Frame, Interval};
use crate::lsm::filter::BUCKET_BYTES;
use crate::ordered::kind::Kind;
use crate::ordered::span::Span;

/// Bytes that are read at once where the end of a block is looked for.
const PIECE_BYTES: u64 = 256 << 10;
/// A block whose end is further away is given up.
const SEARCH_BYTES_MAX: u64 = 256 << 20;

/// A key, what is said of it, and the bytes besides.
pub(in crate::lsm) type Entry = (Vec<u8>, Kind, Vec<u8>);

/// A part of a segment that holds entries.
#[derive(Clone, Debug)]
pub(in crate::lsm) enum Part {
    /// A data block.
    Block(Place),
    /// Blocks that cannot be found, and why.
    Lost(String),
}

/// What there is of a segment.
pub(in crate::lsm) struct Remains {
    region: Region,
    /// What its checksums are tied to.
    sealed_as: FileId,
    /// First byte of the segment in the file, and bytes from there that are there.
    start: u64,
    len: u64,
    /// Data blocks in order, and what is missing between them.
    pub parts: Vec<Part>,
    /// Its range deletes; why they cannot be read.
    pub ranges: Result<Vec<Span>>,
}

impl Remains {
    /// Looks at a segment of which the manifest says this about range deletes, and
    /// about what its checksums are tied to. Reads its index.
    ///
    /// # Errors
    /// What opening its file fails with.
    pub(in crate::lsm) fn find(
        extent: &Extent,
        (ranges, sealed_as): (Option<&Ranges>, Option<FileId>),
        files: &dyn Files,
    ) -> Result<Remains> {
        let region = files.whole(extent.file)?;
        let there = region.len().saturating_sub(extent.offset);
        let mut remains = Remains {
            region,
            sealed_as: sealed_as.unwrap_or(extent.file),
            start: extent.offset,
            len: extent.len.min(there),
            parts: Vec::new(),
            ranges: Ok(Vec::new()),
        };
        let indexed = remains.footer(extent.len).and_then(|footer| {
            remains.parts = remains.listed(&footer)?;
            Ok(footer)
        });
        match indexed {
            Ok(footer) if footer.has_ranges() => {
                remains.ranges = remains.range_block(footer.ranges_place());
            }
            Ok(_) => {}
            Err(error) => {
                let others = remains.walk_all(&error);
                if let Some(ranges) = ranges {
                    let found = others.iter().find_map(|place| remains.matching(*place, ranges));
                    remains.ranges = found.ok_or(error);
                }
            }
        }
        Ok(remains)
    }

    fn footer(&self, len: u64) -> Result<Footer> {
        ensure_sound!(self.len == len, "{} of {len} bytes are there", self.len);
        let at = len.checked_sub(FOOTER_BYTES as u64);
        let at = at.ok_or_else(|| Error::corrupt("too short for a footer"))?;
        let bytes = self.region.load(self.start + at, FOOTER_BYTES)?;
        Footer::decode(&bytes, seed(self.sealed_as, self.start + at), len)
    }

    /// The content of a stored block.
    fn content(&self, place: Place) -> Result<Arc<[u8]>> {
        let end = place.offset.checked_add(place.len);
        ensure_sound!(
            end.is_some_and(|end| end <= self.len) && place.len > TRAILER_BYTES as u64,
            "a block of {} bytes at {} lies outside",
            place.len,
            place.offset
        );
        let stored = self.region.load(self.start + place.offset, place.len as usize)?;
        self.unpack(place.offset, &stored)
    }

    fn unpack(&self, offset: u64, stored: &[u8]) -> Result<Arc<[u8]>> {
        let (body, codec) = unseal(stored, seed(self.sealed_as, self.start + offset))?;
        compress::decompress(codec, body, BLOCK_BYTES_MAX)
    }

    /// What an index block lists.
    fn index_block(&self, place: Place, level: u8) -> Result<Vec<Place>> {
        let body = self.content(place)?;
        let frame = IndexFrame::parse(&body)?;
        ensure_sound!(frame.level == level, "an index block of another level");
        (0..frame.count).map(|i| frame.place(&body, i)).collect()
    }

    /// All data blocks, by the index.
    fn listed(&self, footer: &Footer) -> Result<Vec<Part>> {
        let root = self.index_block(footer.root_place(), footer.depth - 1)?;
        if footer.depth == 1 {
            return Ok(root.into_iter().map(Part::Block).collect());
        }
        // Data blocks end where index blocks begin.
        let data_end = root.first().map_or(0, |place| place.offset);
        let leaves: Vec<Result<Vec<Place>>> =
            root.iter().map(|place| self.index_block(*place, 0)).collect();
        let mut parts = Vec::new();
        let mut at = 0;
        for (i, leaf) in leaves.iter().enumerate() {
            match leaf {
                Ok(places) => {
                    parts.extend(places.iter().copied().map(Part::Block));
                    at = places.last().map_or(at, |last| last.offset.saturating_add(last.len));
                }
                Err(error) => {
                    let next = leaves.iter().skip(i + 1).find_map(|leaf| leaf.as_ref().ok());
                    let next = next.and_then(|places| places.first());
                    let end = next.map_or(data_end, |place| place.offset);
                    let (found, reached) = self.walk(at, end, &mut |_, _| true);
                    parts.extend(found.into_iter().map(Part::Block));
                    if reached < end {
                        parts.push(Part::Lost(error.to_string()));
                    }
                    at = end;
                }
            }
        }
        Ok(parts)
    }

    /// Takes all data blocks from the first on that are found by their checksums; returns the
    /// other blocks found behind them.
    fn walk_all(&mut self, why: &Error) -> Vec<Place> {
        let mut starts = BTreeSet::new();
        let mut index_at = None;
        let (found, mut at) = self.walk(0, self.len, &mut |place, body| {
            if index_at.is_none() && is_index_of(body, &starts, place.offset) {
                index_at = Some(place.offset);
            }
            starts.insert(place.offset);
            true
        });
        let (data, mut others): (Vec<Place>, Vec<Place>) =
            found.into_iter().partition(|place| index_at.is_none_or(|index| place.offset < index));
        self.parts = data.into_iter().map(Part::Block).collect();
        if index_at.is_none() {
            self.parts.push(Part::Lost(why.to_string()));
            return others;
        }
        // Filter blocks begin behind some zeros, and what follows them right behind them.
        let padded = (self.start + at).next_multiple_of(BUCKET_BYTES as u64) - self.start;
        if padded > at {
            at = padded;
            others.extend(self.walk(at, self.len, &mut |_, _| true).0);
        }
        others
    }

    /// Finds blocks one behind the other from `at` on, up to `end`; returns them, and where the
    /// last ends. `take` says whether to go on.
    fn walk(
        &self,
        mut at: u64,
        end: u64,
        take: &mut dyn FnMut(Place, &[u8]) -> bool,
    ) -> (Vec<Place>, u64) {
        let mut places = Vec::new();
        while at < end {
            let Some((len, body)) = self.next_block(at, end) else { break };
            let place = Place { ordinal: places.len() as u32, offset: at, len };
            places.push(place);
            at += len;
            if !take(place, &body) {
                break;
            }
        }
        (places, at)
    }

    /// The length and the content of the block that begins at `from` and ends by `end`.
    fn next_block(&self, from: u64, end: u64) -> Option<(u64, Arc<[u8]>)> {
        let end = end.min(self.len).min(from.saturating_add(SEARCH_BYTES_MAX));
        let mut stored: Vec<u8> = Vec::new();
        let mut crc = Crc::seeded(seed(self.sealed_as, self.start + from));
        // Bytes that the checksum covers so far, and candidates that were looked at.
        let (mut covered, mut seen) = (0, TRAILER_BYTES + 1);
        while from + (stored.len() as u64) < end {
            let at = from + stored.len() as u64;
            let piece = self.region.load(self.start + at, (end - at).min(PIECE_BYTES) as usize);
            stored.extend_from_slice(&piece.ok()?);
            while seen <= stored.len() {
                let len = seen;
                seen += 1;
                let trailer = stored.get(len - TRAILER_BYTES..len)?;
                let &[codec, 0, 0, 0, a, b, c, d] = trailer else { continue };
                if Codec::from_code(codec).is_err() {
                    continue;
                }
                crc = crc.update(stored.get(covered..len - 4)?);
                covered = len - 4;
                if crc.clone().finish().to_le_bytes() == [a, b, c, d]
                    && let Ok(body) = self.unpack(from, stored.get(..len)?)
                {
                    return Some((len as u64, body));
                }
            }
        }
        None
    }

    fn range_block(&self, place: Place) -> Result<Vec<Span>> {
        let body = self.content(place)?;
        RangeFrame::parse(&body)?.spans(&body)
    }

    /// The range deletes in a block, if these are what the manifest speaks of.
    fn matching(&self, place: Place, ranges: &Ranges) -> Option<Vec<Span>> {
        let spans = self.range_block(place).ok()?;
        let (first, last) = (spans.first()?, spans.last()?);
        let same = spans.len() as u64 == ranges.count
            && first.start == ranges.span.start
            && last.end == ranges.span.end;
        same.then_some(spans)
    }

    /// The entries of a data block.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    pub(in crate::lsm) fn entries(&self, place: Place) -> Result<Vec<Entry>> {
        let body = self.content(place)?;
        let frame = Frame::parse(&body)?;
        let mut interval = Interval::default();
        interval.first(&frame, &body)?;
        let mut entries = Vec::new();
        loop {
            let stored = body.get(interval.value()).unwrap_or_default();
            entries.push((interval.key().to_vec(), interval.kind(), stored.to_vec()));
            if !interval.next(&frame, &body)? {
                return Ok(entries);
            }
        }
    }
}

/// Whether a block is an index block of blocks that begin at `starts`, right behind them or behind
/// other index blocks.
fn is_index_of(body: &[u8], starts: &BTreeSet<u64>, at: u64) -> bool {
    let listed = |frame: IndexFrame| -> Result<bool> {
        let (first, last) = (frame.place(body, 0)?, frame.place(body, frame.count - 1)?);
        let end = last.offset.saturating_add(last.len);
        Ok(starts.contains(&first.offset) && (end == at || starts.contains(&end)))
    };
    IndexFrame::parse(body).and_then(listed).unwrap_or(false)
}
