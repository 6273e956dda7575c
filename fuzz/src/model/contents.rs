//! What should be in the database, and what may be after a crash.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::rc::Rc;

/// Entries of a keyspace.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keyspaces by name, as of one commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    spaces: BTreeMap<String, Rc<Entries>>,
}

impl Contents {
    /// The entries of a keyspace, if there is one of this name.
    pub fn get(&self, name: &str) -> Option<&Rc<Entries>> {
        self.spaces.get(name)
    }

    /// Names of all keyspaces, sorted.
    pub fn names(&self) -> Vec<String> {
        self.spaces.keys().cloned().collect()
    }

    /// Adds a keyspace with these entries.
    pub fn add(&mut self, name: &str, entries: Rc<Entries>) {
        self.spaces.insert(name.to_owned(), entries);
    }

    /// Takes a keyspace away.
    pub fn remove(&mut self, name: &str) -> Option<Rc<Entries>> {
        self.spaces.remove(name)
    }

    /// Gives a key of a keyspace that is there a value, or none.
    pub fn write(&mut self, name: &str, key: &[u8], value: Option<&[u8]>) {
        let entries = self.spaces.get_mut(name).expect("a keyspace that is there");
        let entries = Rc::make_mut(entries);
        match value {
            Some(value) => entries.insert(key.to_vec(), value.to_vec()),
            None => entries.remove(key),
        };
    }

    /// Takes all keys within a range from a keyspace that is there.
    pub fn erase(&mut self, name: &str, range: &impl RangeBounds<Vec<u8>>) {
        let entries = self.spaces.get_mut(name).expect("a keyspace that is there");
        Rc::make_mut(entries).retain(|key, _| !range.contains(key));
    }

    /// What differs from `found`, for people.
    pub fn differences(&self, found: &Contents) -> String {
        let mut text = String::new();
        for name in self.spaces.keys().chain(found.spaces.keys().filter(|n| self.get(n).is_none()))
        {
            let none = Rc::default();
            let here = self.get(name).unwrap_or(&none);
            let there = found.get(name).unwrap_or(&none);
            let missing = here.iter().filter(|(key, value)| there.get(*key) != Some(value));
            let added = there.keys().filter(|key| !here.contains_key(*key));
            let missing: Vec<_> = missing.map(|(key, _)| key.escape_ascii().to_string()).collect();
            let added: Vec<_> = added.map(|key| key.escape_ascii().to_string()).collect();
            let known = (self.get(name).is_some(), found.get(name).is_some());
            if !missing.is_empty() || !added.is_empty() || known != (true, true) {
                text += &format!("\n  {name:?} (expected, found: {known:?}): ");
                text += &format!("other or missing {missing:?}, added {added:?}");
            }
        }
        text
    }
}

/// The states that the database went through and that a crash may bring back.
#[derive(Clone, Debug)]
pub struct History {
    /// Oldest first; the last is the present.
    states: Vec<Contents>,
    /// The first that power loss may bring back.
    durable: usize,
    /// The first that killing the process may bring back.
    written: usize,
    /// As `written`, before the operation that runs.
    written_before: usize,
}

/// What a state survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survives {
    Nothing,
    Kill,
    PowerLoss,
}

impl History {
    /// One state, which survives.
    pub fn new(state: Contents) -> History {
        History { states: vec![state], durable: 0, written: 0, written_before: 0 }
    }

    /// The present.
    pub fn now(&self) -> &Contents {
        &self.states[self.states.len() - 1]
    }

    /// An operation begins: what it leaves may come back from now on, and nothing older than what
    /// survives now.
    pub fn begin(&mut self) {
        self.states.drain(..self.durable);
        self.written -= self.durable.min(self.written);
        self.durable = 0;
        self.written_before = self.written;
    }

    /// There is a new present.
    pub fn push(&mut self, state: Contents, survives: Survives) {
        self.states.push(state);
        self.note(survives);
    }

    /// The present survives.
    pub fn note(&mut self, survives: Survives) {
        let last = self.states.len() - 1;
        if survives >= Survives::Kill {
            self.written = last;
        }
        if survives == Survives::PowerLoss {
            self.durable = last;
        }
    }

    /// `found` is what there is after the end of a process. What ended it says which states it may
    /// be: `during` is set if it ended within an operation.
    pub fn resume(&mut self, found: Contents, survived: Survives, during: bool) {
        let first = match (survived, during) {
            (Survives::Kill, false) => self.written.max(self.durable),
            (Survives::Kill, true) => self.written_before,
            (_, false) => self.durable,
            (_, true) => 0,
        };
        let allowed = &self.states[first..];
        assert!(
            allowed.contains(&found),
            "what was recovered is none of {} states; not the last: {}",
            allowed.len(),
            allowed[allowed.len() - 1].differences(&found)
        );
        *self = History::new(found);
    }
}
