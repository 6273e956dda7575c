//! What range deletes cover at present, as their writer sees it: groups of borders.
//!
//! Not for: readers, and the past.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::blinktree::{Cursor, Tree};

use super::{Range, span};

/// About what a group takes beside its first border.
const GROUP_BYTES: usize = 64;

/// What a border says from some commit on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// This commit is the newest that deleted what follows; 0 is none.
    Commit(u64),
    /// It belongs to this group.
    Group(u64),
}

/// What a commit changes.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What is true of groups.
    pub groups: BTreeMap<u64, u64>,
    /// What borders say, old ones and new ones.
    pub borders: BTreeMap<Vec<u8>, Label>,
}

/// Neighbouring borders of which the same is true.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// Its number; `None` for a border alone, which has none.
    id: Option<u64>,
    borders: usize,
    /// The newest commit that deleted what follows these borders; 0 is none.
    commit: u64,
}

impl Group {
    fn alone(commit: u64) -> Group {
        Group { id: None, borders: 1, commit }
    }
}

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Present {
    /// By first border.
    groups: BTreeMap<Vec<u8>, Group>,
    key_bytes: usize,
    last_id: u64,
}

impl Present {
    /// Deletes ranges at commit `at`, while `tree` has the borders of all commits before.
    pub(super) fn delete(&mut self, ranges: &[Range<'_>], at: u64, tree: &Arc<Tree>) -> Told {
        let mut told = Told::default();
        for (start, end) in ranges {
            if let Some(end) = end {
                self.part(end, tree, &mut told);
            }
            self.part(start, tree, &mut told);
            self.cover((start, *end), at, tree, &mut told);
        }
        told
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.key_bytes + self.groups.len() * GROUP_BYTES
    }

    fn insert(&mut self, start: &[u8], group: Group) {
        if self.groups.insert(start.to_vec(), group).is_none() {
            self.key_bytes += start.len();
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The first border of the group behind the one that begins at `start`.
    fn end_of(&self, start: &[u8]) -> Option<Vec<u8>> {
        let behind = (Bound::Excluded(start), Bound::Unbounded);
        self.groups.range::<[u8], _>(behind).next().map(|(next, _)| next.clone())
    }

    /// Has a group begin at `border`.
    fn part(&mut self, border: &[u8], tree: &Arc<Tree>, told: &mut Told) {
        let up_to = (Bound::Unbounded, Bound::Included(border));
        let found = self.groups.range::<[u8], _>(up_to).next_back();
        let Some((start, group)) = found.map(|(start, group)| (start.clone(), *group)) else {
            told.borders.insert(border.to_vec(), Label::Commit(0));
            return self.insert(border, Group::alone(0));
        };
        if start == border {
            return;
        }
        if group.borders == 1 {
            told.borders.insert(border.to_vec(), Label::Commit(group.commit));
            return self.insert(border, Group::alone(group.commit));
        }
        // Both parts are gone through in turns, until one of them ends.
        let end = self.end_of(&start);
        let mut left = Borders::new(tree, told, &start, Some(border));
        let mut right = Borders::new(tree, told, border, end.as_deref());
        let is_new = right.peek() != Some(border);
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        if is_new {
            behind.push(border.to_vec());
        }
        let all = group.borders + usize::from(is_new);
        let moved_right = loop {
            match right.next() {
                Some(border) => behind.push(border),
                None => break true,
            }
            match left.next() {
                Some(border) => before.push(border),
                None => break false,
            }
        };
        let moved = if moved_right { behind } else { before };
        let (count, rest) = (moved.len(), all - moved.len());
        let part = match count {
            1 => Group::alone(group.commit),
            _ => Group { id: Some(self.next_id()), borders: count, ..group },
        };
        if let Some(id) = part.id {
            told.groups.insert(id, part.commit);
        }
        tell(told, moved, part);
        let rest = Group { borders: rest, ..group };
        if moved_right {
            self.insert(&start, rest);
            self.insert(border, part);
        } else {
            self.insert(&start, part);
            self.insert(border, rest);
            if is_new {
                tell(told, vec![border.to_vec()], rest);
            }
        }
    }

    /// Makes one group of those within a range, which begins and ends where groups do.
    fn cover(&mut self, (start, end): Range<'_>, at: u64, tree: &Arc<Tree>, told: &mut Told) {
        let within = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        let met = self.groups.range::<[u8], _>(within);
        let met: Vec<(Vec<u8>, Group)> =
            met.map(|(start, group)| (start.clone(), *group)).collect();
        let borders = met.iter().map(|(_, group)| group.borders).sum();
        let largest = met.iter().filter(|(_, group)| group.id.is_some());
        let largest =
            largest.max_by_key(|(_, group)| group.borders).and_then(|(_, group)| group.id);
        let whole = match borders {
            1 => Group::alone(at),
            _ => {
                let id = largest.unwrap_or_else(|| self.next_id());
                told.groups.insert(id, at);
                Group { id: Some(id), borders, commit: at }
            }
        };
        for (i, (first, group)) in met.iter().enumerate() {
            if whole.id.is_none() || group.id != whole.id {
                let behind = met.get(i + 1).map(|(next, _)| next.as_slice()).or(end);
                let moved: Vec<Vec<u8>> = match group.borders {
                    1 => vec![first.clone()],
                    _ => Borders::new(tree, told, first, behind).collect(),
                };
                tell(told, moved, whole);
            }
            if first != start && self.groups.remove(first).is_some() {
                self.key_bytes -= first.len();
            }
        }
        self.insert(start, whole);
    }
}

/// Has borders say that they belong to a group.
fn tell(told: &mut Told, borders: Vec<Vec<u8>>, group: Group) {
    let label = group.id.map_or(Label::Commit(group.commit), Label::Group);
    told.borders.extend(borders.into_iter().map(|border| (border, label)));
}

/// Borders in order: those of commits before, and those that this one has made so far.
struct Borders<'t> {
    cursor: Cursor,
    fresh: &'t BTreeMap<Vec<u8>, Label>,
    /// Where the next fresh one is.
    from: Bound<Vec<u8>>,
    end: Option<&'t [u8]>,
}

impl<'t> Borders<'t> {
    fn new(tree: &Arc<Tree>, told: &'t Told, start: &[u8], end: Option<&'t [u8]>) -> Borders<'t> {
        let mut cursor = tree.cursor(u64::MAX);
        cursor.seek(start);
        Borders { cursor, fresh: &told.borders, from: Bound::Included(start.to_vec()), end }
    }

    /// The next one.
    fn peek(&self) -> Option<&[u8]> {
        let within = (self.from.as_ref().map(Vec::as_slice), Bound::Unbounded);
        let fresh = self.fresh.range::<[u8], _>(within).next().map(|(border, _)| border.as_slice());
        let old = self.cursor.valid().then(|| self.cursor.key());
        let first = old.into_iter().chain(fresh).min();
        first.filter(|border| span::is_before(border, self.end))
    }
}

impl Iterator for Borders<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let border = self.peek()?.to_vec();
        if self.cursor.valid() && self.cursor.key() == border {
            self.cursor.next();
        }
        self.from = Bound::Excluded(border.clone());
        Some(border)
    }
}
