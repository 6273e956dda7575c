//! Reads: single keys, ranges from both ends, cursors; of the present and of snapshots.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use cuesta::{Cursor, Error, ErrorKind, Iter, Keyspace, Result, Snapshot, Value};
use cuesta_engine::env::Env;

use crate::model::choice::{Moment, Move, Range};
use crate::model::contents::Entries;
use crate::model::walk::{Walk, within};
use crate::model::world::{Walker, World};

/// Cursors that are kept at once.
const CURSORS_MAX: usize = 3;

/// What is read, and what should be found there.
struct Source {
    keyspace: Keyspace,
    /// None for the present.
    snapshot: Option<Snapshot>,
    entries: Entries,
}

impl Source {
    fn get(&self, key: &[u8]) -> Result<(Option<Value>, bool)> {
        match &self.snapshot {
            Some(at) => Ok((at.get(&self.keyspace, key)?, at.contains(&self.keyspace, key)?)),
            None => Ok((self.keyspace.get(key)?, self.keyspace.contains(key)?)),
        }
    }

    fn range(&self, range: &Range) -> Result<Iter> {
        match &self.snapshot {
            Some(at) => at.range(&self.keyspace, range.clone()),
            None => self.keyspace.range(range.clone()),
        }
    }

    fn prefix(&self, prefix: &[u8]) -> Result<Iter> {
        match &self.snapshot {
            Some(at) => at.prefix(&self.keyspace, prefix),
            None => self.keyspace.prefix(prefix),
        }
    }

    fn cursor(&self, range: &Range) -> Result<Cursor> {
        match &self.snapshot {
            Some(at) => at.cursor(&self.keyspace, range.clone()),
            None => self.keyspace.cursor(range.clone()),
        }
    }
}

impl World {
    fn source(&self, space: u8, of: Moment) -> Option<Source> {
        let (handles, contents, clock_ms, snapshot) = match of {
            Moment::Snapshot(n) if !self.snapshots.is_empty() => {
                let kept = &self.snapshots[usize::from(n) % self.snapshots.len()];
                (&kept.handles, &kept.contents, kept.clock_ms, Some(kept.snapshot.clone()))
            }
            _ => (&self.handles, self.history.now(), self.clock.wall_ms(), None),
        };
        let (name, keyspace) = nth(handles, space)?;
        let entries = contents.get(name).expect("a keyspace with a handle").entries(clock_ms);
        Some(Source { keyspace: keyspace.clone(), snapshot, entries })
    }

    /// As [`World::permit`]; old snapshots may also have been given up for memory.
    fn permit_read(&self, error: &Error, of: Moment) {
        let tight = self.settings.snapshot_budget < 1 << 20;
        match of {
            Moment::Now => self.permit(error, "reading"),
            Moment::Snapshot(_) if tight && error.kind() == ErrorKind::Expired => {}
            Moment::Snapshot(_) => {
                self.trouble.max(self.past_trouble).permit(error, "reading a snapshot");
            }
        }
    }

    pub fn get(&self, space: u8, key: &[u8], of: Moment) {
        let Some(source) = self.source(space, of) else { return };
        let expected = source.entries.get(key);
        match source.get(key) {
            Ok((value, contained)) => {
                assert_eq!(value.as_deref(), expected.map(Vec::as_slice), "getting {key:?}");
                assert_eq!(contained, expected.is_some());
            }
            Err(error) => self.permit_read(&error, of),
        }
    }

    pub fn iterate(&self, space: u8, range: &Range, turns: u8, of: Moment) {
        let Some(source) = self.source(space, of) else { return };
        match source.range(range) {
            Ok(iter) => self.compare(iter, within(&source.entries, range), turns, of),
            Err(error) => self.permit_read(&error, of),
        }
    }

    pub fn prefix(&self, space: u8, prefix: &[u8], turns: u8, of: Moment) {
        let Some(source) = self.source(space, of) else { return };
        let begins = source.entries.iter().filter(|(key, _)| key.starts_with(prefix));
        let expected = begins.map(|(key, value)| (key.clone(), value.clone())).collect();
        match source.prefix(prefix) {
            Ok(iter) => self.compare(iter, expected, turns, of),
            Err(error) => self.permit_read(&error, of),
        }
    }

    /// Takes entries from both ends by turns.
    fn compare(&self, mut iter: Iter, all: Vec<(Vec<u8>, Vec<u8>)>, turns: u8, of: Moment) {
        let mut expected = VecDeque::from(all);
        for turn in 0.. {
            let back = turns >> (turn % 8) & 1 == 1;
            let found = if back { iter.next_back() } else { iter.next() };
            let expected = if back { expected.pop_back() } else { expected.pop_front() };
            let found = match found.transpose() {
                Ok(found) => found.map(|(key, value)| (key, value.to_vec())),
                Err(error) => {
                    self.permit_read(&error, of);
                    assert!(iter.next().is_none() && iter.next_back().is_none());
                    return;
                }
            };
            assert_eq!(found, expected, "entry {turn} of an iterator");
            if expected.is_none() {
                assert!(iter.next_back().is_none() && iter.next().is_none());
                return;
            }
        }
    }

    pub fn new_cursor(&mut self, space: u8, range: Range, of: Moment) {
        let Some(source) = self.source(space, of) else { return };
        if self.walkers.len() == CURSORS_MAX {
            self.walkers.remove(0);
        }
        match source.cursor(&range) {
            Ok(cursor) => {
                let walk = Walk::new(&source.entries, range);
                self.walkers.push(Walker { cursor, walk });
            }
            Err(error) => self.permit_read(&error, of),
        }
    }

    pub fn move_cursor(&mut self, n: u8, moves: &[Move]) {
        let Some(last) = self.walkers.len().checked_sub(1) else { return };
        let mut walker = self.walkers.swap_remove(usize::from(n) % (last + 1));
        for to in moves {
            let Walker { cursor, walk } = &mut walker;
            let moved = match to {
                Move::Next => cursor.next(),
                Move::Prev => cursor.prev(),
                Move::Seek(key) => cursor.seek(key),
                Move::SeekBack(key) => cursor.seek_back(key),
            };
            match moved {
                Ok(moved) => {
                    let none = (Vec::new(), Vec::new());
                    let expected = walk.go(to);
                    assert_eq!((moved, cursor.is_valid()), (expected.is_some(), moved), "{to:?}");
                    let (key, value) = expected.unwrap_or(&none);
                    assert_eq!((cursor.key(), cursor.value()), (&key[..], &value[..]), "{to:?}");
                    assert_eq!(cursor.to_value(), value[..]);
                }
                Err(error) => {
                    self.permit_read(&error, Moment::Snapshot(0));
                    walk.reset();
                }
            }
        }
        self.walkers.push(walker);
    }

    /// Compares everything that a snapshot holds with what it held.
    pub fn check_snapshot(&self, n: u8) {
        if self.snapshots.is_empty() {
            return;
        }
        let kept = &self.snapshots[usize::from(n) % self.snapshots.len()];
        for space in 0..kept.handles.len() as u8 {
            self.iterate(space, &(Bound::Unbounded, Bound::Unbounded), 0, Moment::Snapshot(n));
        }
        // A keyspace that came later was not there.
        for handle in self.handles.values().filter(|handle| belongs(handle, &kept.handles)) {
            if let Err(error) = kept.snapshot.get(handle, "key") {
                let expected = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Invalid);
                if !expected {
                    self.permit_read(&error, Moment::Snapshot(n));
                }
            }
        }
    }

    /// Compares everything.
    pub fn check_all(&self) {
        assert_eq!(self.db.keyspaces(), self.history.now().names());
        match self.read_all() {
            Ok(found) => {
                let (expected, clock_ms) = (self.history.now(), self.clock.wall_ms());
                let same = expected.shows(&found, clock_ms);
                assert!(same, "{}", expected.differences(&found, clock_ms));
            }
            Err(error) => self.permit_read(&error, Moment::Now),
        }
    }
}

fn nth(handles: &BTreeMap<String, Keyspace>, n: u8) -> Option<(&String, &Keyspace)> {
    handles.iter().nth(usize::from(n) % handles.len().max(1))
}

/// Whether a keyspace is none of those that a snapshot knows.
fn belongs(handle: &Keyspace, known: &BTreeMap<String, Keyspace>) -> bool {
    !known.contains_key(handle.name())
}
