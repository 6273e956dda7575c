//! Nodes as they are written.

use std::ops::Range;

use cuesta_engine::format::{crc32_seeded, put_u16, put_u32, put_u64, put_varint, varint_len};

use super::{APART, HEADER_BYTES, head32, slot_bytes};
use crate::ordered::kind::Kind;
use crate::ordered::order::common_prefix;

/// The longest prefix of a leaf.
const PREFIX_BYTES_MAX: usize = 256;

/// Entries of leaves that are not written yet, encoded, in the order of their keys.
#[derive(Debug, Default)]
pub(in crate::btree) struct Leaf {
    bytes: Vec<u8>,
    entries: Vec<LeafEntry>,
}

/// Where an entry lies among bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::btree) struct LeafEntry {
    all: Range<usize>,
    key: Range<usize>,
}

impl Leaf {
    /// How many there are.
    pub(in crate::btree) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub(in crate::btree) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that they take in nodes, about: without headers and prefixes.
    pub(in crate::btree) fn room(&self) -> usize {
        self.bytes.len() + 6 * self.entries.len()
    }

    /// Bytes of memory held.
    pub(in crate::btree) fn memory(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<LeafEntry>()
    }

    /// The key of entry `i`.
    pub(in crate::btree) fn key(&self, i: usize) -> &[u8] {
        self.entries.get(i).and_then(|entry| self.bytes.get(entry.key.clone())).unwrap_or_default()
    }

    /// What the node of entries `range` says that all of its keys begin with: it is there a second
    /// time, and must not be long.
    fn prefix(&self, range: &Range<usize>) -> &[u8] {
        let (first, last) = (self.key(range.start), self.key(range.end - 1));
        let len =
            if range.len() > 1 { common_prefix(first, last).min(PREFIX_BYTES_MAX) } else { 0 };
        &first[..len]
    }

    /// Bytes that entries `range` take in a node, with its header.
    pub(in crate::btree) fn node_bytes(&self, range: Range<usize>) -> usize {
        let Some(entries) = self.entries.get(range.clone()).filter(|entries| !entries.is_empty())
        else {
            return HEADER_BYTES;
        };
        let prefix = self.prefix(&range).len();
        let content = entries[entries.len() - 1].all.end - entries[0].all.start;
        let bytes = HEADER_BYTES + prefix + content + 6 * entries.len();
        // Wide slots in what is longer than short ones can tell.
        if bytes <= 1 << 16 { bytes } else { bytes + 2 * entries.len() }
    }

    /// Adds an entry, which comes after all before, as it lies in a node.
    pub(in crate::btree) fn add_encoded(
        &mut self,
        node: &[u8],
        all: Range<usize>,
        key: Range<usize>,
    ) {
        let start = self.bytes.len();
        let moved = start.wrapping_sub(all.start);
        self.bytes.extend_from_slice(node.get(all.clone()).unwrap_or_default());
        let key = key.start.wrapping_add(moved)..key.end.wrapping_add(moved);
        self.entries.push(LeafEntry { all: start..self.bytes.len(), key });
    }

    /// Adds an entry, which comes after all before.
    pub(in crate::btree) fn add(&mut self, key: &[u8], kind: Kind, apart: bool, stored: &[u8]) {
        let start = self.bytes.len();
        let key = put_entry(&mut self.bytes, key, kind, apart, stored);
        self.entries.push(LeafEntry { all: start..self.bytes.len(), key });
    }

    /// Lets go of the first `count`.
    pub(in crate::btree) fn shift(&mut self, count: usize) {
        let cut = self.entries.get(count).map_or(self.bytes.len(), |entry| entry.all.start);
        self.bytes.drain(..cut);
        self.entries.drain(..count);
        for entry in &mut self.entries {
            entry.all = entry.all.start - cut..entry.all.end - cut;
            entry.key = entry.key.start - cut..entry.key.end - cut;
        }
    }
}

/// Appends an entry of a leaf; returns where its key lies.
pub(in crate::btree) fn put_entry(
    out: &mut Vec<u8>,
    key: &[u8],
    kind: Kind,
    apart: bool,
    stored: &[u8],
) -> Range<usize> {
    out.push(kind as u8 | if apart { APART } else { 0 });
    put_varint(out, key.len() as u64);
    put_varint(out, stored.len() as u64);
    let at = out.len();
    out.extend_from_slice(key);
    out.extend_from_slice(stored);
    at..at + key.len()
}

/// What is the same in all nodes.
struct Head {
    level: u8,
    pages: u32,
    count: usize,
    generation: u64,
}

impl Head {
    fn put(&self, out: &mut Vec<u8>, prefix: &[u8]) {
        put_u32(out, 0);
        out.extend_from_slice(&[self.level, 0]);
        put_u16(out, self.pages as u16);
        put_u16(out, self.count as u16);
        put_u16(out, prefix.len() as u16);
        put_u64(out, self.generation);
        out.resize(out.len() + HEADER_BYTES - 20, 0);
        out.extend_from_slice(prefix);
    }
}

fn put_slot(out: &mut Vec<u8>, bytes: usize, slot: usize) {
    if bytes == 2 { put_u16(out, slot as u16) } else { put_u32(out, slot as u32) }
}

/// Fills the node that begins at `start` up with zeros, to `len` bytes, and makes its checksum.
fn seal(out: &mut Vec<u8>, start: usize, len: usize, seed: u64) {
    assert!(out.len() - start <= len, "a node of {} bytes in {len}", out.len() - start);
    out.resize(start + len, 0);
    let crc = crc32_seeded(seed, &out[start + 4..]);
    out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Appends a leaf of `len` bytes, which are `pages` pages, with entries `range` of `leaf`.
pub(in crate::btree) fn put_leaf(
    out: &mut Vec<u8>,
    leaf: &Leaf,
    range: Range<usize>,
    (len, pages): (usize, u32),
    (generation, seed): (u64, u64),
) {
    let start = out.len();
    let prefix = leaf.prefix(&range);
    let entries = &leaf.entries[range];
    Head { level: 0, pages, count: entries.len(), generation }.put(out, prefix);
    for entry in entries {
        put_u32(out, head32(&leaf.bytes[entry.key.start + prefix.len()..entry.key.end]));
    }
    let width = slot_bytes(len);
    let content = entries[0].all.start..entries[entries.len() - 1].all.end;
    let at = out.len() - start + width * entries.len();
    for entry in entries {
        put_slot(out, width, at + entry.all.start - content.start);
    }
    out.extend_from_slice(&leaf.bytes[content]);
    seal(out, start, len, seed);
}

/// Bytes that children take in a node above level 0, with its header. The first one's separator
/// does not count.
pub(in crate::btree) fn branch_bytes(children: &[(Vec<u8>, u32)]) -> usize {
    let rest = children.get(1..).unwrap_or_default();
    let prefix = prefix_of(rest).len();
    let separators: usize = rest
        .iter()
        .map(|(separator, _)| {
            let len = separator.len() - prefix;
            varint_len(len as u64) + len
        })
        .sum();
    HEADER_BYTES + prefix + separators + 1 + 12 * children.len()
}

fn prefix_of(rest: &[(Vec<u8>, u32)]) -> &[u8] {
    match rest {
        [] => &[],
        [first, .., last] => &first.0[..common_prefix(&first.0, &last.0)],
        [only] => &only.0,
    }
}

/// Appends a node of `level`, of `len` bytes, which are `pages` pages, with `children`.
pub(in crate::btree) fn put_branch(
    out: &mut Vec<u8>,
    level: u8,
    children: &[(Vec<u8>, u32)],
    (len, pages): (usize, u32),
    (generation, seed): (u64, u64),
) {
    let start = out.len();
    let prefix = prefix_of(&children[1..]);
    Head { level, pages, count: children.len(), generation }.put(out, prefix);
    let rest = |i: usize| if i == 0 { &[][..] } else { &children[i].0[prefix.len()..] };
    for i in 0..children.len() {
        put_u32(out, head32(rest(i)));
    }
    let width = slot_bytes(len);
    let mut at = out.len() - start + (width + 4) * children.len();
    for i in 0..children.len() {
        put_slot(out, width, at);
        at += varint_len(rest(i).len() as u64) + rest(i).len();
    }
    for (_, page) in children {
        put_u32(out, *page);
    }
    for i in 0..children.len() {
        put_varint(out, rest(i).len() as u64);
        out.extend_from_slice(rest(i));
    }
    seal(out, start, len, seed);
}
