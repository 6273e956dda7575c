//! Index blocks: which block can hold a key.
//!
//! A separator per block is at or after its last key and before the first of the next. Separators
//! are searched by their heads, which lie together; offsets lie together too, so a lookup touches
//! two or three cache lines.
//!
//! ```text
//! ┌───────┬───────┬───────────┬────────────┬───────┬───┐
//! │ count │ first │ tails len │ prefix len │ level │ 0 │        header, 16 bytes
//! │   4   │   4   │     4     │     2      │   1   │ 1 │
//! ├───────┴┬──────┴────┬──────┴────────┬───┴───────┴───┴──┬───────┐
//! │ prefix │ heads     │ offsets       │ tail ends        │ tails │
//! │        │ 8 x count │ 8 x (count+1) │ 4 x count        │       │
//! └────────┴───────────┴───────────────┴──────────────────┴───────┘
//! ```
//!
//! Block `i` has the ordinal `first + i` and lies at `offsets[i]..offsets[i + 1]` of the segment.
//! A tail is a separator without the prefix.

use cuesta_engine::error::Result;
use cuesta_engine::format::{put_u16, put_u32, put_u64};
use cuesta_engine::{Error, ensure_sound};

use super::format::Place;
use crate::ordered::order::{self, Beside};

const HEADER_BYTES: usize = 16;
/// Separators of one index block.
pub(super) const SEPARATORS_MAX: usize = 4096;
/// Bytes of the separators of one index block, but for the last.
pub(super) const TAILS_BYTES_MAX: usize = 96 << 10;

/// Collects separators, and writes them as an index block.
#[derive(Default)]
pub(super) struct IndexBuilder {
    first: u32,
    ends: Vec<usize>,
    separators: Vec<u8>,
    offsets: Vec<u64>,
}

impl IndexBuilder {
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether it is time to begin another one.
    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= SEPARATORS_MAX || self.separators.len() >= TAILS_BYTES_MAX
    }

    /// Notes block `ordinal` at `offset`; `put` appends its separator.
    pub(super) fn add(&mut self, ordinal: u32, offset: u64, put: impl FnOnce(&mut Vec<u8>)) {
        if self.ends.is_empty() {
            self.first = ordinal;
        }
        put(&mut self.separators);
        self.ends.push(self.separators.len());
        self.offsets.push(offset);
    }

    /// The separator noted last.
    pub(super) fn last(&self) -> &[u8] {
        let start = self.ends.iter().rev().nth(1).copied().unwrap_or(0);
        &self.separators[start..]
    }

    /// Appends the block to `out` and starts a new one. `end` is where its last block ends.
    pub(super) fn finish(&mut self, level: u8, end: u64, out: &mut Vec<u8>) {
        assert!(!self.ends.is_empty(), "an index block without separators");
        let first = &self.separators[..self.ends[0]];
        let prefix = order::common_prefix(first, self.last());
        let tails: usize = self.separators.len() - prefix * self.ends.len();
        put_u32(out, self.ends.len() as u32);
        put_u32(out, self.first);
        put_u32(out, tails as u32);
        put_u16(out, prefix as u16);
        out.extend_from_slice(&[level, 0]);
        out.extend_from_slice(&first[..prefix]);
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let tails =
            || starts.clone().zip(&self.ends).map(|(a, &b)| &self.separators[a + prefix..b]);
        tails().for_each(|tail| put_u64(out, order::head(tail)));
        self.offsets.iter().for_each(|&offset| put_u64(out, offset));
        put_u64(out, end);
        let mut tail_end = 0;
        for tail in tails() {
            tail_end += tail.len() as u32;
            put_u32(out, tail_end);
        }
        tails().for_each(|tail| out.extend_from_slice(tail));
        *self = IndexBuilder::default();
    }
}

/// The parts of an index block, as offsets into it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IndexFrame {
    pub(super) count: usize,
    pub(super) level: u8,
    first: u32,
    heads_at: usize,
    offsets_at: usize,
    ends_at: usize,
    tails_at: usize,
}

#[cold]
fn corrupt(what: &str) -> Error {
    Error::corrupt(format!("index block: {what}"))
}

impl IndexFrame {
    /// Where the parts of `body` lie.
    ///
    /// # Errors
    /// `Corrupt` when they do not fill it.
    #[inline]
    pub(super) fn parse(body: &[u8]) -> Result<IndexFrame> {
        let Some(header) = body.first_chunk::<HEADER_BYTES>() else {
            return Err(corrupt("shorter than its header"));
        };
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (count, first, tails) = (number(0), number(4), number(8));
        let prefix = u16::from_le_bytes([header[12], header[13]]);
        let heads_at = HEADER_BYTES as u64 + u64::from(prefix);
        let offsets_at = heads_at + u64::from(count) * 8;
        let ends_at = offsets_at + u64::from(count) * 8 + 8;
        let tails_at = ends_at + u64::from(count) * 4;
        if tails_at + u64::from(tails) != body.len() as u64 || count == 0 || header[15] != 0 {
            return Err(corrupt("its parts do not fill it"));
        }
        Ok(IndexFrame {
            count: count as usize,
            level: header[14],
            first,
            heads_at: heads_at as usize,
            offsets_at: offsets_at as usize,
            ends_at: ends_at as usize,
            tails_at: tails_at as usize,
        })
    }

    /// The number of the first block whose separator is at or after `key`; `count` when there is
    /// none.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline]
    pub(super) fn find(&self, body: &[u8], key: &[u8]) -> Result<usize> {
        let prefix = body.get(HEADER_BYTES..self.heads_at).unwrap_or_default();
        let suffix = match order::beside(key, prefix) {
            Beside::Before => return Ok(0),
            Beside::After => return Ok(self.count),
            Beside::Within(suffix) => suffix,
        };
        let heads = body.get(self.heads_at..self.offsets_at).unwrap_or_default();
        let (heads, _) = heads.as_chunks::<8>();
        let wanted = order::head(suffix);
        let mut at = heads.partition_point(|head| u64::from_le_bytes(*head) < wanted);
        if heads.get(at).is_some_and(|head| u64::from_le_bytes(*head) == wanted) {
            let equal = heads[at..].partition_point(|h| u64::from_le_bytes(*h) == wanted);
            let mut high = at + equal;
            while at < high {
                let middle = at + (high - at) / 2;
                if self.tail(body, middle)? < suffix {
                    at = middle + 1;
                } else {
                    high = middle;
                }
            }
        }
        Ok(at)
    }

    /// Where block `i` lies. Its end is checked by whoever reads it.
    ///
    /// # Errors
    /// `Corrupt` when there is no such block.
    #[inline]
    pub(super) fn place(&self, body: &[u8], i: usize) -> Result<Place> {
        let at = self.offsets_at + i * 8;
        let Some(pair) = body.get(at..self.ends_at).and_then(|b| b.first_chunk::<16>()) else {
            return Err(corrupt("no such entry"));
        };
        let (start, end) = pair.split_at(8);
        let offset = start.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let end = end.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let Some(len) = end.checked_sub(offset) else {
            return Err(corrupt("offsets descend"));
        };
        Ok(Place { ordinal: self.first.wrapping_add(i as u32), offset, len })
    }

    fn tail_end(&self, body: &[u8], i: usize) -> Result<usize> {
        let at = self.ends_at + i * 4;
        let end = body.get(at..self.tails_at).and_then(|b| b.first_chunk::<4>());
        let end = end.ok_or_else(|| corrupt("no such entry"))?;
        Ok(u32::from_le_bytes(*end) as usize)
    }

    fn tail<'b>(&self, body: &'b [u8], i: usize) -> Result<&'b [u8]> {
        let start = if i == 0 { 0 } else { self.tail_end(body, i - 1)? };
        let end = self.tail_end(body, i)?;
        let tails = body.get(self.tails_at..).unwrap_or_default();
        tails.get(start..end).ok_or_else(|| corrupt("separator outside"))
    }

    /// The separator of block `i`.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn separator(&self, body: &[u8], i: usize) -> Result<Vec<u8>> {
        let prefix = body.get(HEADER_BYTES..self.heads_at).unwrap_or_default();
        let tail = self.tail(body, i)?;
        let heads = body.get(self.heads_at + i * 8..self.offsets_at).unwrap_or_default();
        let head = heads.first_chunk::<8>().map_or(0, |head| u64::from_le_bytes(*head));
        ensure_sound!(head == order::head(tail), "index block: head {i} is not its separator's");
        Ok([prefix, tail].concat())
    }
}
