//! What a transaction has read, and as of when.
//!
//! Mostly all of it is as of one commit. What an iterator reads that was made before its
//! transaction moved on to the present is as of an earlier one.
//!
//! Not for: what was found there.

use crate::id::{IndexId, SeqNo};
use crate::oracle::points::Points;
use crate::oracle::spans::{Span, Spans, overlap};

/// What was read of one index.
#[derive(Clone, Debug)]
pub struct IndexReads {
    index: IndexId,
    points: Points,
    spans: Spans,
    whole: bool,
}

impl IndexReads {
    fn new(index: IndexId) -> IndexReads {
        IndexReads { index, points: Points::default(), spans: Spans::default(), whole: false }
    }

    /// The index.
    pub fn index(&self) -> IndexId {
        self.index
    }

    /// Keys.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// Ranges.
    pub fn spans(&self) -> &Spans {
        &self.spans
    }

    /// Whether all of it.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether nothing.
    pub fn is_empty(&self) -> bool {
        !self.whole && self.points.is_empty() && self.spans.is_empty()
    }

    /// Adds a key.
    #[inline]
    pub fn add_point(&mut self, hash: u64, key: &[u8]) {
        if !self.whole {
            self.points.add(hash, key);
        }
    }

    /// Adds the keys from `start` to before `end`.
    pub fn add_range(&mut self, start: Vec<u8>, end: Option<Vec<u8>>) {
        if !self.whole {
            self.spans.add(start, end);
        }
    }

    /// Adds everything.
    pub fn add_whole(&mut self) {
        *self = IndexReads { whole: true, ..IndexReads::new(self.index) };
    }

    fn append(&mut self, other: &IndexReads) {
        if other.whole {
            return self.add_whole();
        }
        if !self.whole {
            self.points.append(&other.points);
            other.spans.iter().cloned().for_each(|(start, end)| self.spans.add(start, end));
        }
    }

    /// Whether a write of `range` changes what was read.
    pub fn meets(&self, range: &Span) -> bool {
        let within = |key: &[u8]| {
            range.0.as_slice() <= key && range.1.as_deref().is_none_or(|end| key < end)
        };
        self.whole
            || self.points.iter().any(|(_, key)| within(key))
            || self.spans.iter().any(|span| overlap(span, range))
    }

    fn bytes(&self) -> usize {
        self.points.bytes() + self.spans.bytes()
    }
}

/// What was read as of one commit.
#[derive(Clone, Debug, Default)]
pub struct ReadSet {
    /// By index, ascending.
    parts: Vec<IndexReads>,
}

impl ReadSet {
    /// What was read of `index`, to add to.
    pub fn part(&mut self, index: IndexId) -> &mut IndexReads {
        let at = match self.parts.binary_search_by_key(&index, IndexReads::index) {
            Ok(at) => at,
            Err(at) => {
                self.parts.insert(at, IndexReads::new(index));
                at
            }
        };
        &mut self.parts[at]
    }

    /// What was read of `index`.
    #[inline]
    pub fn get(&self, index: IndexId) -> Option<&IndexReads> {
        let at = self.parts.binary_search_by_key(&index, IndexReads::index).ok()?;
        self.parts.get(at)
    }

    /// By index.
    pub fn parts(&self) -> &[IndexReads] {
        &self.parts
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(IndexReads::is_empty)
    }

    /// Whether ranges were read.
    pub fn has_spans(&self) -> bool {
        self.parts.iter().any(|part| !part.spans.is_empty())
    }

    /// Brings everything into order: before it is checked.
    pub fn settle(&mut self) {
        for part in &mut self.parts {
            part.points.settle();
            part.spans.settle();
        }
    }

    fn append(&mut self, other: &ReadSet) {
        for part in &other.parts {
            self.part(part.index).append(part);
        }
    }

    fn bytes(&self) -> usize {
        self.parts.iter().map(IndexReads::bytes).sum()
    }
}

/// What was read, by when.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Ascending.
    groups: Vec<(SeqNo, ReadSet)>,
}

impl Reads {
    /// What was read as of `at`, to add to.
    #[inline]
    pub fn at(&mut self, at: SeqNo) -> &mut ReadSet {
        let place = match self.groups.binary_search_by_key(&at, |(at, _)| *at) {
            Ok(place) => place,
            Err(place) => {
                self.groups.insert(place, (at, ReadSet::default()));
                place
            }
        };
        &mut self.groups[place].1
    }

    /// Adds what was read as of `at`.
    pub fn add(&mut self, at: SeqNo, reads: &ReadSet) {
        self.at(at).append(reads);
    }

    /// By when, ascending.
    pub fn groups(&self) -> &[(SeqNo, ReadSet)] {
        &self.groups
    }

    /// By when; if times are moved on, [`Reads::reorder`] or [`Reads::move_to`] must follow, unless
    /// nothing is added any more.
    pub fn groups_mut(&mut self) -> &mut [(SeqNo, ReadSet)] {
        &mut self.groups
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(|(_, reads)| reads.is_empty())
    }

    /// Brings everything into order: before it is checked.
    pub fn settle(&mut self) {
        self.groups.iter_mut().for_each(|(_, reads)| reads.settle());
    }

    /// Keys and ranges, some perhaps counted twice.
    pub fn len(&self) -> usize {
        let parts = self.groups.iter().flat_map(|(_, reads)| &reads.parts);
        parts.map(|part| part.points.len() + part.spans.iter().count()).sum()
    }

    /// Brings the times into order, after some of them were moved on.
    pub fn reorder(&mut self) {
        for (at, reads) in std::mem::take(&mut self.groups) {
            self.at(at).append(&reads);
        }
        self.settle();
    }

    /// Takes everything for read as of `at`: it was checked that nothing of it was written since.
    pub fn move_to(&mut self, at: SeqNo) {
        let groups = std::mem::take(&mut self.groups);
        let mut all = ReadSet::default();
        for (i, (_, reads)) in groups.into_iter().enumerate() {
            if i == 0 {
                all = reads;
            } else {
                all.append(&reads);
            }
        }
        self.groups.push((at, all));
    }

    /// Forgets what was read as of `at` or later.
    pub fn keep_before(&mut self, at: SeqNo) {
        self.groups.retain(|(read_at, _)| *read_at < at);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.groups.iter().map(|(_, reads)| reads.bytes()).sum()
    }

    /// Remembers less exactly, until it takes at most `bytes`: whole indexes instead of their keys,
    /// those first of which most is held.
    pub fn coarsen(&mut self, bytes: usize) {
        while self.bytes() > bytes {
            let parts = self.groups.iter_mut().flat_map(|(_, reads)| &mut reads.parts);
            match parts.max_by_key(|part| part.bytes()) {
                Some(largest) if !largest.whole => largest.add_whole(),
                _ => return,
            }
        }
    }
}
