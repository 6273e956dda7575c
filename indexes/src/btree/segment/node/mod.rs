//! Nodes of the tree: how keys and values, or separators and children, lie in pages.
//!
//! A node takes a page, or as many pages in a row as its longest entry needs.
//!
//! ```text
//! node     header 48 │ prefix │ heads 4 each │ slots 2 or 4 each │ children 4 each │ entries │ 0
//! header   crc 4 │ level 1 │ flags 1 │ pages 2 │ count 2 │ prefix length 2 │ generation 8 │ 0 28
//!
//! entry of level 0, a key         kind 1 │ key length │ value length │ key │ value
//! entry above, a separator        length │ separator without the prefix
//! ```
//!
//! The checksum covers all that follows it and is tied to where the node lies. Lengths are varints.
//! The *prefix* is what all keys, or all separators but the first, begin with. A *head* is what the
//! next four bytes of each are as a big-endian number, so that most of a search looks at nothing
//! else. A *slot* is where the entry begins, in two bytes where the node has no more than 64 KiB.
//! Children are there above level 0 alone; the first one's separator is empty: everything before
//! the second one's lies there. The last 28 bytes of the header are kept for encryption.
//!
//! The highest bit of an entry's kind says that its value lies apart, in pages of its own:
//!
//! ```text
//! value    page 4 │ length 4 │ crc 4
//! ```
//!
//! Not for: which pages are free, and how nodes follow each other.

mod build;
#[cfg(test)]
mod tests;

use std::ops::Range;

use cuesta_engine::Error;
use cuesta_engine::ensure_sound;
use cuesta_engine::error::Result;
use cuesta_engine::format::{crc32_seeded, put_u32};

use crate::ordered::kind::Kind;
use crate::ordered::order::{self, Beside};

pub(in crate::btree) use build::{Leaf, branch_bytes, put_branch, put_leaf};

/// Bytes of a node's header.
pub(in crate::btree) const HEADER_BYTES: usize = 48;
/// The highest level of a node.
pub(in crate::btree) const LEVELS_MAX: u8 = 40;
/// What tells that a value lies apart.
const APART: u8 = 0x80;

/// A value that lies in pages of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::btree) struct Pointer {
    /// Its first page.
    pub page: u32,
    /// Its bytes.
    pub len: u32,
    /// Their checksum.
    pub crc: u32,
}

impl Pointer {
    /// Reads one.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::btree) fn decode(bytes: &[u8]) -> Result<Pointer> {
        let (&[page, len, crc], []) = bytes.as_chunks::<4>() else {
            let len = bytes.len();
            return Err(Error::corrupt(format!("a pointer of {len} bytes to a value apart")));
        };
        let [page, len, crc] = [page, len, crc].map(u32::from_le_bytes);
        Ok(Pointer { page, len, crc })
    }

    /// Appends its bytes.
    pub(in crate::btree) fn encode(&self, out: &mut Vec<u8>) {
        [self.page, self.len, self.crc].into_iter().for_each(|field| put_u32(out, field));
    }

    /// Pages that the value takes.
    pub(in crate::btree) fn pages(&self, page_bytes: usize) -> u32 {
        (self.len as usize).div_ceil(page_bytes) as u32
    }
}

/// What a node says of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::btree) struct Entry {
    /// What it says.
    pub kind: Kind,
    /// Whether the stored bytes are a [`Pointer`].
    pub apart: bool,
    /// All of it, as a range of the node.
    pub all: Range<usize>,
    /// The key, as a range of the node.
    pub key: Range<usize>,
    /// The stored bytes, as a range of the node.
    pub stored: Range<usize>,
}

/// Where the parts of a node lie, so that it borrows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::btree) struct Frame {
    /// 0 for leaves.
    pub level: u8,
    /// Keys, or children.
    pub count: usize,
    /// Pages that it takes.
    pub pages: u32,
    /// The tree that it was written for.
    pub generation: u64,
    heads_at: usize,
    slots_at: usize,
    slot_bytes: usize,
    children_at: usize,
    entries_at: usize,
}

#[cold]
fn corrupt(what: &str) -> Error {
    Error::corrupt(format!("node of a tree: {what}"))
}

/// Pages that the node takes which begins with these bytes, unchecked.
pub(in crate::btree) fn pages_of(bytes: &[u8]) -> u32 {
    bytes.get(6..8).map_or(1, |bytes| u32::from(u16::from_le_bytes([bytes[0], bytes[1]]))).max(1)
}

/// Checks a node's checksum, which is tied to `seed`.
///
/// # Errors
/// `Corrupt`.
pub(in crate::btree) fn check(bytes: &[u8], seed: u64) -> Result<()> {
    let Some((crc, covered)) = bytes.split_first_chunk::<4>() else {
        return Err(corrupt("shorter than its header"));
    };
    let sound = crc32_seeded(seed, covered) == u32::from_le_bytes(*crc);
    if sound { Ok(()) } else { Err(corrupt("it does not match its checksum")) }
}

impl Frame {
    /// Where the parts of the node lie that is all of `bytes`.
    ///
    /// # Errors
    /// `Corrupt` when it is too short for them; `Unsupported` for unknown flags.
    #[inline]
    pub(in crate::btree) fn parse(bytes: &[u8]) -> Result<Frame> {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(corrupt("shorter than its header"));
        };
        let number = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let (level, flags) = (header[4], header[5]);
        let (pages, count, prefix_len) = (number(6), number(8), number(10));
        if flags != 0 {
            return Err(Error::unsupported(format!("node of a tree: flags {flags:#x}")));
        }
        let mut generation = [0; 8];
        generation.copy_from_slice(&header[12..20]);
        let slot_bytes = slot_bytes(bytes.len());
        let heads_at = HEADER_BYTES + prefix_len;
        let slots_at = heads_at + 4 * count;
        let children_at = slots_at + slot_bytes * count;
        let entries_at = children_at + if level > 0 { 4 * count } else { 0 };
        if entries_at > bytes.len() || count == 0 || level > LEVELS_MAX {
            return Err(corrupt("parts that make no sense"));
        }
        Ok(Frame {
            level,
            count,
            pages: pages as u32,
            generation: u64::from_le_bytes(generation),
            heads_at,
            slots_at,
            slot_bytes,
            children_at,
            entries_at,
        })
    }

    /// What all keys, or all separators but the first, begin with.
    #[inline]
    pub(in crate::btree) fn prefix<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(HEADER_BYTES..self.heads_at).unwrap_or_default()
    }

    #[inline]
    fn head(&self, bytes: &[u8], i: usize) -> u32 {
        let at = self.heads_at + 4 * i;
        let head = bytes.get(at..at + 4).and_then(|head| head.first_chunk::<4>());
        head.map_or(0, |head| u32::from_le_bytes(*head))
    }

    #[inline]
    fn slot(&self, bytes: &[u8], i: usize) -> Result<usize> {
        let at = self.slots_at + self.slot_bytes * i;
        let slot = match (self.slot_bytes, bytes.get(at..)) {
            (2, Some(&[a, b, ..])) => usize::from(u16::from_le_bytes([a, b])),
            (_, Some(&[a, b, c, d, ..])) => u32::from_le_bytes([a, b, c, d]) as usize,
            _ => 0,
        };
        if i < self.count && slot >= self.entries_at { Ok(slot) } else { Err(corrupt("a slot")) }
    }

    /// Entry `i` of a leaf.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` for kinds of later versions.
    #[inline]
    pub(in crate::btree) fn entry(&self, bytes: &[u8], i: usize) -> Result<Entry> {
        let start = self.slot(bytes, i)?;
        let Some(&code) = bytes.get(start) else { return Err(corrupt("an entry beyond it")) };
        let (key_len, at) = varint_at(bytes, start + 1)?;
        let (len, at) = varint_at(bytes, at)?;
        let end = at.checked_add(key_len).and_then(|end| end.checked_add(len));
        let Some(end) = end.filter(|end| *end <= bytes.len()) else {
            return Err(corrupt("an entry that ends beyond it"));
        };
        Ok(Entry {
            kind: Kind::from_code(code & !APART)?,
            apart: code & APART > 0,
            all: start..end,
            key: at..at + key_len,
            stored: at + key_len..end,
        })
    }

    /// The key of entry `i` of a leaf.
    #[inline]
    fn key<'b>(&self, bytes: &'b [u8], i: usize) -> Result<&'b [u8]> {
        let entry = self.entry(bytes, i)?;
        Ok(bytes.get(entry.key).unwrap_or_default())
    }

    /// The separator of child `i`, without the prefix; that of the first is empty.
    #[inline]
    fn rest_of<'b>(&self, bytes: &'b [u8], i: usize) -> Result<&'b [u8]> {
        let (len, at) = varint_at(bytes, self.slot(bytes, i)?)?;
        let end = at.checked_add(len);
        end.and_then(|end| bytes.get(at..end)).ok_or_else(|| corrupt("a separator beyond it"))
    }

    /// The separator of child `i`: nothing before it lies there. That of the first is empty, and
    /// says nothing.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::btree) fn separator(&self, bytes: &[u8], i: usize) -> Result<Vec<u8>> {
        let rest = self.rest_of(bytes, i)?;
        if i == 0 {
            return Ok(Vec::new());
        }
        Ok([self.prefix(bytes), rest].concat())
    }

    /// The page of child `i`.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline]
    pub(in crate::btree) fn child(&self, bytes: &[u8], i: usize) -> Result<u32> {
        let at = self.children_at + 4 * i;
        match bytes.get(at..at + 4).and_then(|page| page.first_chunk::<4>()) {
            Some(page) if i < self.count && self.level > 0 => Ok(u32::from_le_bytes(*page)),
            _ => Err(corrupt("no such child")),
        }
    }

    /// The child that holds `key`, if any does.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline]
    pub(in crate::btree) fn child_for(&self, bytes: &[u8], key: &[u8]) -> Result<usize> {
        let rest = match order::beside(key, self.prefix(bytes)) {
            Beside::Before => return Ok(0),
            Beside::After => return Ok(self.count - 1),
            Beside::Within(rest) => rest,
        };
        let (low, high) = self.with_head(bytes, rest, 1);
        let behind = partition(low, high, |i| Ok(self.rest_of(bytes, i)? <= rest))?;
        Ok(behind - 1)
    }

    /// The first entry of a leaf that is at or after `key`, the count when none is, and whether it
    /// has that key.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline]
    pub(in crate::btree) fn find(&self, bytes: &[u8], key: &[u8]) -> Result<(usize, bool)> {
        let rest = match order::beside(key, self.prefix(bytes)) {
            Beside::Before => return Ok((0, false)),
            Beside::After => return Ok((self.count, false)),
            Beside::Within(rest) => rest,
        };
        let (low, high) = self.with_head(bytes, rest, 0);
        let at = partition(low, high, |i| Ok(self.key(bytes, i)? < key))?;
        Ok((at, at < high && self.key(bytes, at)? == key))
    }

    /// The range of entries from `first` on whose head is that of `rest`.
    #[inline]
    fn with_head(&self, bytes: &[u8], rest: &[u8], first: usize) -> (usize, usize) {
        let heads = bytes.get(self.heads_at + 4 * first..self.slots_at).unwrap_or_default();
        let (low, end) = equal(heads.as_chunks().0, head32(rest));
        (first + low, first + end)
    }
}

/// Heads that are looked at one after the other, which takes no guesses.
const HEADS_IN_A_ROW: usize = 16;

/// The range of heads, which ascend, that are `head`. The processor has no branch to guess but for
/// the end of loops, whatever is looked for.
#[inline]
fn equal(heads: &[[u8; 4]], head: u32) -> (usize, usize) {
    let (mut low, mut len) = (0, heads.len());
    while len > HEADS_IN_A_ROW {
        let half = len / 2;
        let middle = heads.get(low + half - 1).map_or(0, |head| u32::from_le_bytes(*head));
        low = std::hint::select_unpredictable(middle < head, low + half, low);
        len -= half;
    }
    let row = heads.get(low..low + len).unwrap_or_default();
    let before = row.iter().map(|other| usize::from(u32::from_le_bytes(*other) < head));
    low += before.sum::<usize>();
    let mut end = low;
    while heads.get(end).is_some_and(|other| u32::from_le_bytes(*other) == head) {
        end += 1;
    }
    (low, end)
}

/// The first of `low` to `high` that is not `before`, which holds for a front of them.
#[inline]
fn partition(
    mut low: usize,
    mut high: usize,
    before: impl Fn(usize) -> Result<bool>,
) -> Result<usize> {
    while low < high {
        let middle = low.midpoint(high);
        if before(middle)? { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

#[inline]
fn head32(rest: &[u8]) -> u32 {
    (order::head(rest) >> 32) as u32
}

/// Bytes of a slot in a node of `len` bytes.
#[inline]
fn slot_bytes(len: usize) -> usize {
    if len <= 1 << 16 { 2 } else { 4 }
}

/// The varint at `at`, and where what follows it begins.
#[inline]
fn varint_at(bytes: &[u8], at: usize) -> Result<(usize, usize)> {
    match bytes.get(at) {
        Some(&byte) if byte < 0x80 => Ok((usize::from(byte), at + 1)),
        _ => long_varint(bytes, at),
    }
}

#[inline(never)]
fn long_varint(bytes: &[u8], at: usize) -> Result<(usize, usize)> {
    let (mut value, mut shift) = (0_u64, 0);
    for (i, byte) in bytes.get(at..).unwrap_or_default().iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value as usize, at + i + 1));
        }
        shift += 7;
    }
    Err(corrupt("a length that does not end"))
}

/// Checks everything that a sound node is: entries within it, in order, and nothing it begins with
/// untrue.
///
/// # Errors
/// `Corrupt`, `Unsupported`.
pub(in crate::btree) fn verify(bytes: &[u8]) -> Result<Frame> {
    let frame = Frame::parse(bytes)?;
    let prefix = frame.prefix(bytes);
    let first = usize::from(frame.level > 0);
    let mut last: Option<&[u8]> = None;
    for i in 0..frame.count {
        let key = match frame.level {
            0 => {
                let entry = frame.entry(bytes, i)?;
                if entry.apart {
                    Pointer::decode(bytes.get(entry.stored).unwrap_or_default())?;
                }
                let key = bytes.get(entry.key).unwrap_or_default();
                key.strip_prefix(prefix).ok_or_else(|| corrupt("a key without the prefix"))?
            }
            _ => frame.rest_of(bytes, i)?,
        };
        ensure_sound!(i >= first || key.is_empty(), "node of a tree: a first separator");
        if i >= first {
            ensure_sound!(
                last.is_none_or(|last| last < key) && frame.head(bytes, i) == head32(key),
                "node of a tree: entry {i} is out of order"
            );
            last = Some(key);
        }
    }
    Ok(frame)
}
