//! The entries of a shard: found by key, and in lists by when they were used.
//!
//! ```text
//! index: hash ──► slot ──twin──► slot of another key with the same hash
//! list:  newest ◄──► ... ◄──► oldest      one for each segment of the cache
//! ```
//!
//! Invariants
//! 1. A slot that holds an entry is in the list of its segment, and found by its hash.
//! 2. The size of a list is that of its entries.
//!
//! Not for: which entry goes when; see `shard`.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::Value;

/// No slot.
const NONE: u32 = u32::MAX;
/// An entry that never expires ends then.
pub(super) const NEVER: u64 = u64::MAX;

/// Hashes are hashed already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Bytes and number of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub bytes: u64,
    pub entries: u64,
}

impl Size {
    /// Whether it is more than `limit`, in bytes or entries.
    pub(super) fn exceeds(self, limit: Size) -> bool {
        self.bytes > limit.bytes || self.entries > limit.entries
    }

    pub(super) fn plus(self, other: Size) -> Size {
        Size { bytes: self.bytes + other.bytes, entries: self.entries + other.entries }
    }
}

/// A list of a shard. With [`Policy::Lru`](super::Policy::Lru) only the window is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// New entries.
    Window,
    /// Entries that were admitted.
    Probation,
    /// Entries used since they were admitted.
    Protected,
}

/// What is known of a key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: Arc<[u8]>,
    pub hash: u64,
    /// Bytes that count against the bound.
    pub bytes: u64,
    pub expiry_ms: u64,
    /// Unless it is in a keyspace.
    pub value: Option<Value>,
}

#[derive(Debug)]
struct Node {
    entry: Option<Entry>,
    segment: Segment,
    newer: u32,
    older: u32,
    twin: u32,
}

#[derive(Clone, Copy, Debug)]
struct List {
    newest: u32,
    oldest: u32,
    size: Size,
}

const EMPTY: List = List { newest: NONE, oldest: NONE, size: Size { bytes: 0, entries: 0 } };

/// Entries.
#[derive(Debug)]
pub(super) struct Entries {
    index: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    nodes: Vec<Node>,
    free: Vec<u32>,
    lists: [List; 3],
}

impl Entries {
    /// None.
    pub(super) fn new() -> Entries {
        let index = HashMap::default();
        Entries { index, nodes: Vec::new(), free: Vec::new(), lists: [EMPTY; 3] }
    }

    /// The size of all.
    pub(super) fn size(&self) -> Size {
        self.lists.iter().fold(Size::default(), |sum, list| sum.plus(list.size))
    }

    /// The size of a segment.
    pub(super) fn size_of(&self, segment: Segment) -> Size {
        self.lists[segment as usize].size
    }

    /// The slot of a key.
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let mut slot = *self.index.get(&hash)?;
        while slot != NONE {
            let node = &self.nodes[slot as usize];
            if node.entry.as_ref().is_some_and(|entry| *entry.key == *key) {
                return Some(slot);
            }
            slot = node.twin;
        }
        None
    }

    /// The entry in a slot, if there is one.
    pub(super) fn get(&self, slot: u32) -> Option<&Entry> {
        self.nodes.get(slot as usize)?.entry.as_ref()
    }

    /// The segment that a slot is in.
    pub(super) fn segment(&self, slot: u32) -> Segment {
        self.nodes[slot as usize].segment
    }

    /// The entry of a segment that was used longest ago.
    pub(super) fn oldest(&self, segment: Segment) -> Option<u32> {
        Some(self.lists[segment as usize].oldest).filter(|slot| *slot != NONE)
    }

    /// The entry of the same segment that was used next after this.
    pub(super) fn newer(&self, slot: u32) -> Option<u32> {
        Some(self.nodes[slot as usize].newer).filter(|slot| *slot != NONE)
    }

    /// Adds an entry, as the newest of its segment; there is none with its key.
    pub(super) fn insert(&mut self, segment: Segment, entry: Entry) -> u32 {
        let hash = entry.hash;
        let node = Node { entry: Some(entry), segment, newer: NONE, older: NONE, twin: NONE };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.nodes[slot as usize] = node;
                slot
            }
            None => {
                assert!(self.nodes.len() < NONE as usize, "too many entries for one shard");
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        let twin = self.index.insert(hash, slot).unwrap_or(NONE);
        self.nodes[slot as usize].twin = twin;
        self.link(slot);
        slot
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Entry> {
        let hash = self.get(slot)?.hash;
        self.unlink(slot);
        let entry = self.nodes[slot as usize].entry.take();
        let twin = self.nodes[slot as usize].twin;
        match self.index.get(&hash).copied() {
            Some(first) if first == slot && twin == NONE => {
                self.index.remove(&hash);
            }
            Some(first) if first == slot => {
                self.index.insert(hash, twin);
            }
            first => {
                let mut before = first.unwrap_or(NONE);
                while before != NONE && self.nodes[before as usize].twin != slot {
                    before = self.nodes[before as usize].twin;
                }
                if before != NONE {
                    self.nodes[before as usize].twin = twin;
                }
            }
        }
        self.free.push(slot);
        entry
    }

    /// Replaces what is known of a key; it stays where it is.
    pub(super) fn replace(&mut self, slot: u32, entry: Entry) {
        let segment = self.segment(slot);
        let before = self.get(slot).map_or(0, |entry| entry.bytes);
        let size = &mut self.lists[segment as usize].size;
        size.bytes = size.bytes - before + entry.bytes;
        self.nodes[slot as usize].entry = Some(entry);
    }

    /// Makes an entry the newest of a segment.
    pub(super) fn raise(&mut self, slot: u32, segment: Segment) {
        let list = &self.lists[segment as usize];
        if list.newest == slot {
            return;
        }
        self.unlink(slot);
        self.nodes[slot as usize].segment = segment;
        self.link(slot);
    }

    /// Takes out all entries.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry> {
        let all = std::mem::replace(self, Entries::new());
        all.nodes.into_iter().filter_map(|node| node.entry)
    }

    fn link(&mut self, slot: u32) {
        let node = &self.nodes[slot as usize];
        let (segment, bytes) = (node.segment, node.entry.as_ref().map_or(0, |entry| entry.bytes));
        let list = &mut self.lists[segment as usize];
        let next = std::mem::replace(&mut list.newest, slot);
        if next == NONE {
            list.oldest = slot;
        }
        list.size = list.size.plus(Size { bytes, entries: 1 });
        if next != NONE {
            self.nodes[next as usize].newer = slot;
        }
        let node = &mut self.nodes[slot as usize];
        (node.newer, node.older) = (NONE, next);
    }

    fn unlink(&mut self, slot: u32) {
        let node = &self.nodes[slot as usize];
        let (newer, older, segment) = (node.newer, node.older, node.segment);
        let bytes = node.entry.as_ref().map_or(0, |entry| entry.bytes);
        let list = &mut self.lists[segment as usize];
        list.size.bytes -= bytes;
        list.size.entries -= 1;
        if newer == NONE {
            list.newest = older;
        }
        if older == NONE {
            list.oldest = newer;
        }
        if newer != NONE {
            self.nodes[newer as usize].older = older;
        }
        if older != NONE {
            self.nodes[older as usize].newer = newer;
        }
    }
}
