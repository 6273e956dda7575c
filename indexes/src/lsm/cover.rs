//! What range deletes of one memtable cover: for every key, the newest one over it.
//!
//! Borders in a B-link tree: a version of a border says which commit deleted all keys from there up
//! to the next border, or that none did. So the past stays readable as long as a view may want it,
//! no reader takes a lock, and what no view wants is pruned as versions of keys are.
//!
//! ```text
//! commit 5 deletes [b, f), commit 8 deletes [d, h)
//!
//! border      b        d        f        h
//! versions    5        8        8, 0     0         0: no delete reaches from here on
//! as of 8     [b, d) 5 [d, f) 8 [f, h) 8 [h, ..) 0
//! as of 5     [b, ------ f) 5   [f, ---- ..) 0
//! ```
//!
//! Not for: points. A delete at commit `s` covers versions before `s`; those at `s` came later in
//! their batch.
//!
//! Invariants
//! 1. The border at which a range ends gets its version under the same commit, with what was true
//!    there before; a border is never removed.
//! 2. Whoever reads as of `at` sees exactly the borders and versions up to `at`, and so what was
//!    true then.

#[cfg(all(test, loom))]
mod cover_loom;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cuesta_engine::SeqNo;
use cuesta_engine::blinktree::{self, Tree, Version};
use cuesta_engine::index::Horizon;

use super::span::{self, Span};

/// Versions of borders are all of one kind.
const BORDER: u8 = 0;

/// The write half.
#[derive(Debug)]
pub(super) struct CoverWriter {
    tree: blinktree::Writer,
}

/// The read half.
#[derive(Debug)]
pub(super) struct Cover {
    tree: Arc<Tree>,
}

/// Nothing covered, as the two halves.
pub(super) fn create() -> (CoverWriter, Cover) {
    let (tree, read) = blinktree::create();
    (CoverWriter { tree }, Cover { tree: read })
}

/// The commit that a version of a border names; 0 is none.
fn commit_of(version: Option<Version<'_>>) -> u64 {
    let bytes = version.and_then(|version| version.value.first_chunk().copied());
    bytes.map_or(0, u64::from_le_bytes)
}

impl CoverWriter {
    /// Deletes from `start` up to `end` at commit `at`, in which no other range overlaps or touches
    /// this one. Costs two insertions, and one for each border in between.
    pub(super) fn delete(
        &mut self,
        start: &[u8],
        end: Option<&[u8]>,
        at: SeqNo,
        horizon: &Horizon<'_>,
    ) {
        let mut cursor = self.tree.tree().cursor(u64::MAX);
        if let Some(end) = end {
            cursor.seek_back_to(end);
            if !cursor.valid() || cursor.key() != end {
                let before = commit_of(cursor.version());
                self.put(end, at, before, horizon);
            }
        }
        self.put(start, at, at.0, horizon);
        cursor.seek(start);
        cursor.next();
        while cursor.valid() && span::is_before(cursor.key(), end) {
            let border = cursor.key().to_vec();
            self.put(&border, at, at.0, horizon);
            cursor.next();
        }
    }

    fn put(&mut self, border: &[u8], at: SeqNo, commit: u64, horizon: &Horizon<'_>) {
        self.tree.insert(border, at.0, BORDER, &commit.to_le_bytes(), horizon);
    }
}

impl Cover {
    /// The newest commit up to `at` that deleted `key` within a range; 0 when there is none.
    #[inline]
    pub(super) fn newest(&self, key: &[u8], at: u64) -> u64 {
        commit_of(self.tree.get_at_or_before(key, at))
    }

    /// A look at all of it as of `at`.
    pub(super) fn cursor(&self, at: u64) -> CoverCursor {
        CoverCursor::new(self.tree.cursor(at))
    }

    /// Everything covered as of `at`, in order, joined.
    pub(super) fn spans(&self, at: u64) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut open = false;
        let mut cursor = self.tree.cursor(at);
        cursor.seek_first();
        while cursor.valid() {
            let covered = commit_of(cursor.version()) > 0;
            if covered && !open {
                spans.push(Span { start: cursor.key().to_vec(), end: None });
            } else if let (true, false, Some(last)) = (open, covered, spans.last_mut()) {
                last.end = Some(cursor.key().to_vec());
            }
            open = covered;
            cursor.next();
        }
        spans
    }

    /// The newest commit of any range delete.
    pub(super) fn last(&self) -> u64 {
        let mut cursor = self.tree.cursor(u64::MAX);
        let mut last = 0;
        cursor.seek_first();
        while cursor.valid() {
            last = last.max(commit_of(cursor.version()));
            cursor.next();
        }
        last
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.tree.memory()
    }

    /// As [`Tree::pruned_to`].
    pub(super) fn pruned_to(&self) -> u64 {
        self.tree.pruned_to()
    }
}

/// Neighbouring keys over which one commit is the newest to have deleted a range.
#[derive(Clone, Debug, Default)]
struct Stretch {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
    /// 0: nothing is deleted.
    commit: u64,
    known: bool,
}

/// A place in a [`Cover`], for keys that are close to each other.
pub(super) struct CoverCursor {
    cursor: blinktree::Cursor,
    here: Stretch,
    /// Covered keys from some place on, to where that ends.
    ahead: Option<Span>,
    /// Covered keys from where that begins, to some place.
    behind: Option<Span>,
    /// Borders walked over to find an end or a beginning.
    #[cfg(test)]
    walked: usize,
}

impl CoverCursor {
    fn new(cursor: blinktree::Cursor) -> CoverCursor {
        CoverCursor {
            cursor,
            here: Stretch::default(),
            ahead: None,
            behind: None,
            #[cfg(test)]
            walked: 0,
        }
    }

    /// As [`Cover::newest`]; cheap for a key near the one asked about before.
    #[inline]
    pub(super) fn newest(&mut self, key: &[u8]) -> u64 {
        let Stretch { start, end, known, .. } = &self.here;
        if !*known || key < start.as_slice() || !span::is_before(key, end.as_deref()) {
            self.locate(key);
        }
        self.here.commit
    }

    fn locate(&mut self, key: &[u8]) {
        let here = &mut self.here;
        here.known = true;
        here.start.clear();
        here.commit = 0;
        self.cursor.seek_back_to(key);
        if self.cursor.valid() {
            here.start.extend_from_slice(self.cursor.key());
            here.commit = commit_of(self.cursor.version());
            self.cursor.next();
        } else {
            self.cursor.seek_first();
        }
        here.end = self.cursor.valid().then(|| self.cursor.key().to_vec());
    }

    /// The end of the covered keys around the one asked about last, which is covered. Cheap as long
    /// as that stays the same.
    pub(super) fn end(&mut self) -> Option<Vec<u8>> {
        let from = &self.here.start;
        if let Some(ahead) = self.ahead.as_ref().filter(|ahead| ahead.holds(from)) {
            return ahead.end.clone();
        }
        let mut end = None;
        if let Some(here_end) = &self.here.end {
            self.cursor.seek(here_end);
            while self.cursor.valid() && commit_of(self.cursor.version()) > 0 {
                self.cursor.next();
                #[cfg(test)]
                (self.walked += 1);
            }
            end = self.cursor.valid().then(|| self.cursor.key().to_vec());
        }
        self.ahead = Some(Span { start: from.clone(), end: end.clone() });
        end
    }

    /// The first of the covered keys around the one asked about last, which is covered. Cheap as
    /// long as that stays the same.
    pub(super) fn start(&mut self) -> Vec<u8> {
        if let Some(behind) = self.behind.as_ref().filter(|behind| behind.holds(&self.here.start)) {
            return behind.start.clone();
        }
        let mut start = self.here.start.clone();
        self.cursor.seek_back(&start);
        while self.cursor.valid() && commit_of(self.cursor.version()) > 0 {
            start.clear();
            start.extend_from_slice(self.cursor.key());
            self.cursor.prev();
            #[cfg(test)]
            (self.walked += 1);
        }
        self.behind = Some(Span { start: start.clone(), end: self.here.end.clone() });
        start
    }
}
