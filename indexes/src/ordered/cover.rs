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
//! Neighbouring borders of which the same is true, since one delete has covered them, are a
//! *group*: their versions name the group, and what is true of it is said once, in a tree of
//! groups. So what is covered again and again is not gone through again: where groups become one,
//! the borders of the largest stay as they are, and the others are told; where a delete ends within
//! a group, those of the smaller part are. As long as groups only join, a border is told about as
//! often as its group can double, and as long as they only part, as often as it can halve. Where
//! both take turns there is no such bound: ranges that end in the middle of a group of *n* borders,
//! and then cover all of it, over and over, each tell half of them.
//!
//! Not for: points. A delete at commit `s` covers versions before `s`; those at `s` came later in
//! their batch.
//!
//! Invariants
//! 1. The border at which a range ends gets its version under the same commit, with what was true
//!    there before; a border is never removed.
//! 2. Whoever reads as of `at` sees exactly the borders and versions up to `at`, and so what was
//!    true then: of groups, too, which have a version for every commit that changes what is true.
//! 3. A group has its version before a border names it.

#[cfg(all(test, loom))]
mod cover_loom;
mod present;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cuesta_engine::SeqNo;
use cuesta_engine::blinktree::{self, Tree, Version};
use cuesta_engine::index::Horizon;

use self::present::{Label, Present};
use super::span::{self, Span};

/// The version of a border or of a group names a commit.
const COMMIT: u8 = 0;
/// The version of a border names its group.
const GROUP: u8 = 1;

/// The write half.
#[derive(Debug)]
pub(crate) struct CoverWriter {
    borders: blinktree::Writer,
    groups: blinktree::Writer,
    present: Present,
    /// Bytes of `present`.
    bytes: Arc<AtomicUsize>,
}

/// The read half.
#[derive(Debug)]
pub(crate) struct Cover {
    trees: Trees,
    /// Bytes that the write half has.
    bytes: Arc<AtomicUsize>,
}

/// What both halves, and cursors, read.
#[derive(Clone, Debug)]
struct Trees {
    borders: Arc<Tree>,
    groups: Arc<Tree>,
}

/// Nothing covered, as the two halves.
pub(crate) fn create() -> (CoverWriter, Cover) {
    let ((borders, tree), (groups, of_groups)) = (blinktree::create(), blinktree::create());
    let trees = Trees { borders: tree, groups: of_groups };
    let (present, bytes) = (Present::default(), Arc::<AtomicUsize>::default());
    (CoverWriter { borders, groups, present, bytes: bytes.clone() }, Cover { trees, bytes })
}

/// A number of eight bytes.
fn number_of(version: Version<'_>) -> u64 {
    version.value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Trees {
    /// The commit that a version of a border names, as of `at`; 0 is none.
    #[inline]
    fn commit_of(&self, version: Option<Version<'_>>, at: u64) -> u64 {
        match version {
            None => 0,
            Some(version) if version.kind == GROUP => {
                self.groups.get(version.value, at).map_or(0, number_of)
            }
            Some(version) => number_of(version),
        }
    }
}

impl CoverWriter {
    /// Deletes ranges, each from its start up to its end, at commit `at`: all those of the commit,
    /// which neither overlap nor touch. Costs a few insertions for each, and some more the first
    /// times that a border lies in between.
    pub(crate) fn delete(&mut self, ranges: &[Range<'_>], at: SeqNo, horizon: &Horizon<'_>) {
        let told = self.present.delete(ranges, at.0, self.borders.tree());
        for (group, commit) in told.groups {
            let (group, commit) = (group.to_be_bytes(), commit.to_le_bytes());
            self.groups.insert(&group, at.0, COMMIT, &commit, horizon);
        }
        for (border, label) in told.borders {
            let (kind, bytes) = match label {
                Label::Commit(commit) => (COMMIT, commit.to_le_bytes()),
                Label::Group(group) => (GROUP, group.to_be_bytes()),
            };
            self.borders.insert(&border, at.0, kind, &bytes, horizon);
        }
        self.bytes.store(self.present.bytes(), Ordering::Relaxed);
    }
}

/// The start of a range, and its end if it has one.
pub(crate) type Range<'r> = (&'r [u8], Option<&'r [u8]>);

impl Cover {
    /// The newest commit up to `at` that deleted `key` within a range; 0 when there is none.
    #[inline]
    pub(crate) fn newest(&self, key: &[u8], at: u64) -> u64 {
        self.trees.commit_of(self.trees.borders.get_at_or_before(key, at), at)
    }

    /// A look at all of it as of `at`.
    pub(crate) fn cursor(&self, at: u64) -> CoverCursor {
        CoverCursor::new(self.trees.clone(), at)
    }

    /// Everything covered as of `at`, in order, joined.
    pub(crate) fn spans(&self, at: u64) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut open = false;
        let mut cursor = self.trees.borders.cursor(at);
        cursor.seek_first();
        while cursor.valid() {
            let covered = self.trees.commit_of(cursor.version(), at) > 0;
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
    pub(crate) fn last(&self) -> u64 {
        let mut cursor = self.trees.borders.cursor(u64::MAX);
        let mut last = 0;
        cursor.seek_first();
        while cursor.valid() {
            last = last.max(self.trees.commit_of(cursor.version(), u64::MAX));
            cursor.next();
        }
        last
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        let Trees { borders, groups } = &self.trees;
        borders.memory() + groups.memory() + self.bytes.load(Ordering::Relaxed)
    }

    /// As [`Tree::pruned_to`].
    pub(crate) fn pruned_to(&self) -> u64 {
        self.trees.borders.pruned_to().max(self.trees.groups.pruned_to())
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
pub(crate) struct CoverCursor {
    trees: Trees,
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
    fn new(trees: Trees, at: u64) -> CoverCursor {
        CoverCursor {
            cursor: trees.borders.cursor(at),
            trees,
            here: Stretch::default(),
            ahead: None,
            behind: None,
            #[cfg(test)]
            walked: 0,
        }
    }

    /// As [`Cover::newest`]; cheap for a key near the one asked about before.
    #[inline]
    pub(crate) fn newest(&mut self, key: &[u8]) -> u64 {
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
            here.commit = self.trees.commit_of(self.cursor.version(), self.cursor.at());
            self.cursor.next();
        } else {
            self.cursor.seek_first();
        }
        here.end = self.cursor.valid().then(|| self.cursor.key().to_vec());
    }

    /// Whether the cursor stands on a border from which on keys are covered.
    fn is_covered(&self) -> bool {
        let cursor = &self.cursor;
        cursor.valid() && self.trees.commit_of(cursor.version(), cursor.at()) > 0
    }

    /// The end of the covered keys around the one asked about last, which is covered. Cheap as long
    /// as that stays the same.
    pub(crate) fn end(&mut self) -> Option<Vec<u8>> {
        let from = &self.here.start;
        if let Some(ahead) = self.ahead.as_ref().filter(|ahead| ahead.holds(from)) {
            return ahead.end.clone();
        }
        let mut end = None;
        if let Some(here_end) = &self.here.end {
            self.cursor.seek(here_end);
            while self.is_covered() {
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
    pub(crate) fn start(&mut self) -> Vec<u8> {
        if let Some(behind) = self.behind.as_ref().filter(|behind| behind.holds(&self.here.start)) {
            return behind.start.clone();
        }
        let mut start = self.here.start.clone();
        self.cursor.seek_back(&start);
        while self.is_covered() {
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
