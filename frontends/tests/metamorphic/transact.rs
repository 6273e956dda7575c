//! What transactions should answer, conflicts included.
//!
//! A transaction fails if what it has read (serializable) or writes (snapshot isolation) was
//! written meanwhile. Keys that its own writes decide count as not read.

use cuesta::Isolation;

use crate::model::{Contents, Model, by_turns, erased, is_valid, is_within, show};
use crate::operation::{Change, End, Key, Step, Write};

/// A key, or the keys from one up to another, of a keyspace.
struct Part {
    space: usize,
    start: Key,
    end: Option<Key>,
}

impl Part {
    fn point(space: usize, key: &[u8]) -> Part {
        Part { space, start: key.to_vec(), end: Some([key, &[0]].concat()) }
    }

    fn of(write: &Write) -> Part {
        match erased(write) {
            Some((start, end)) => Part { space: write.space, start, end },
            None => Part::point(write.space, &write.key),
        }
    }

    fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    fn meets(&self, other: &Part) -> bool {
        let before = |end: &Option<Key>, start: &Key| end.as_ref().is_some_and(|end| end <= start);
        self.space == other.space
            && !self.is_empty()
            && !other.is_empty()
            && !before(&self.end, &other.start)
            && !before(&other.end, &self.start)
    }
}

/// Whether what a transaction has written itself says what `key` has.
fn is_own(writes: &[Write], space: usize, key: &[u8]) -> bool {
    writes.iter().filter(|write| write.space == space).any(|write| match erased(write) {
        Some((start, end)) => is_within(key, &start, end.as_deref()),
        None => write.key == key && !matches!(write.change, Change::Merge(_)),
    })
}

impl Model {
    pub fn transact(&mut self, isolation: Isolation, steps: &[Step], end: End) -> String {
        let (before, clock_ms) = (self.contents.clone(), self.clock_ms);
        let (mut writes, mut savepoints) = (Vec::<Write>::new(), Vec::<usize>::new());
        let (mut reads, mut outside) = (Vec::new(), Vec::new());
        let seen = |writes: &[Write]| -> Contents {
            let mut seen = before.clone();
            writes.iter().for_each(|write| seen.apply(write, clock_ms));
            seen
        };
        let mut answers = Vec::new();
        for step in steps {
            answers.push(match step {
                Step::Write(write) => {
                    let valid = is_valid(write);
                    writes.extend(valid.then(|| write.clone()));
                    if valid { "done" } else { "Invalid" }.to_owned()
                }
                Step::Get(space, key) => {
                    if !is_own(&writes, *space, key) {
                        reads.push(Part::point(*space, key));
                    }
                    let seen = seen(&writes);
                    let found = seen.get(*space, key, clock_ms);
                    found.map_or("nothing".to_owned(), |entry| show(key, &entry.value))
                }
                Step::Scan { space, range, backwards } => {
                    let (start, end) =
                        range.clone().map_or((Key::new(), None), |(start, end)| (start, Some(end)));
                    reads.push(Part { space: *space, start, end });
                    let seen = seen(&writes);
                    let entries = seen.within(*space, range, clock_ms);
                    let turns = if *backwards { u64::MAX } else { 0 };
                    by_turns(entries.into_iter(), turns, |(key, entry)| show(key, &entry.value))
                }
                Step::Savepoint => {
                    savepoints.push(writes.len());
                    String::new()
                }
                Step::RollbackTo(n) if !savepoints.is_empty() => {
                    savepoints.truncate(n % savepoints.len() + 1);
                    writes.truncate(*savepoints.last().unwrap());
                    String::new()
                }
                Step::Release(n) if !savepoints.is_empty() => {
                    savepoints.truncate(n % savepoints.len());
                    String::new()
                }
                Step::RollbackTo(_) | Step::Release(_) => String::new(),
                Step::Outside(write) => {
                    if is_valid(write) {
                        outside.push(Part::of(write));
                        self.contents.apply(write, clock_ms);
                    }
                    String::new()
                }
            });
        }
        if matches!(end, End::Rollback) {
            answers.push("rolled back".to_owned());
            return answers.join("; ");
        }
        let written: Vec<Part> =
            writes.iter().map(Part::of).filter(|part| !part.is_empty()).collect();
        let used = match isolation {
            Isolation::Serializable => &reads,
            Isolation::Snapshot => &written,
        };
        let meets = |part: &Part| outside.iter().any(|other| part.meets(other));
        if !written.is_empty() && used.iter().any(meets) {
            answers.push("Conflict".to_owned());
        } else {
            writes.iter().for_each(|write| self.contents.apply(write, clock_ms));
            answers.push("committed".to_owned());
        }
        answers.join("; ")
    }
}
