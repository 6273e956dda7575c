//! What should be in the database, and what may be after a crash.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::rc::Rc;

use crate::model::choice::Change;

/// Entries of a keyspace, as they are seen at some time.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// A value, and when it expires, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub value: Vec<u8>,
    pub expiry_ms: Option<u64>,
}

impl Entry {
    fn lives(&self, clock_ms: u64) -> bool {
        self.expiry_ms.is_none_or(|expiry_ms| expiry_ms > clock_ms)
    }
}

/// Entries of a keyspace, those that have expired included.
pub type Stored = BTreeMap<Vec<u8>, Entry>;

/// Whether a keyspace takes operands, which are appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merges {
    #[default]
    Refused,
    Appended,
}

/// A keyspace.
#[derive(Clone, Debug, Default)]
pub struct Space {
    stored: Rc<Stored>,
    pub merges: Merges,
}

impl Space {
    /// An empty keyspace.
    pub fn new(merges: Merges) -> Space {
        Space { stored: Rc::default(), merges }
    }

    /// What is to be seen at a time.
    pub fn entries(&self, clock_ms: u64) -> Entries {
        let living = self.stored.iter().filter(|(_, entry)| entry.lives(clock_ms));
        living.map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
    }

    /// What lives at a time.
    fn living(&self, clock_ms: u64) -> Stored {
        let mut living = Stored::clone(&self.stored);
        living.retain(|_, entry| entry.lives(clock_ms));
        living
    }
}

/// Keyspaces by name, as of one commit.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    spaces: BTreeMap<String, Space>,
}

impl Contents {
    /// A keyspace, if there is one of this name.
    pub fn get(&self, name: &str) -> Option<&Space> {
        self.spaces.get(name)
    }

    /// Whether the same is to be seen of it, from now on, as of `found`, which was read now.
    pub fn shows(&self, found: &Contents, clock_ms: u64) -> bool {
        self.names() == found.names()
            && self.spaces.iter().all(|(name, space)| {
                found.get(name).is_some_and(|found| {
                    space.merges == found.merges && space.living(clock_ms) == *found.stored
                })
            })
    }

    /// Names of all keyspaces, sorted.
    pub fn names(&self) -> Vec<String> {
        self.spaces.keys().cloned().collect()
    }

    /// Adds a keyspace.
    pub fn add(&mut self, name: &str, space: Space) {
        self.spaces.insert(name.to_owned(), space);
    }

    /// Adds a keyspace that was read.
    pub fn add_found(&mut self, name: &str, stored: Stored, merges: Merges) {
        self.add(name, Space { stored: stored.into(), merges });
    }

    /// Takes a keyspace away.
    pub fn remove(&mut self, name: &str) -> Option<Space> {
        self.spaces.remove(name)
    }

    /// Changes a key of a keyspace that is there; whether the keyspace takes that.
    pub fn write(&mut self, name: &str, key: &[u8], change: &Change, clock_ms: u64) -> bool {
        let space = self.spaces.get_mut(name).expect("a keyspace that is there");
        if matches!(change, Change::Merge(_)) && space.merges == Merges::Refused {
            return false;
        }
        let stored = Rc::make_mut(&mut space.stored);
        let found = stored.remove(key).filter(|entry| entry.lives(clock_ms));
        let (value, expiry_ms) = match change {
            Change::Put(value) => (value.clone(), None),
            Change::PutFor(value, ttl_ms) => (value.clone(), Some(clock_ms + ttl_ms)),
            Change::Delete => return true,
            Change::Merge(operand) => {
                let base = found.unwrap_or(Entry { value: Vec::new(), expiry_ms: None });
                ([&base.value[..], operand].concat(), base.expiry_ms)
            }
        };
        stored.insert(key.to_vec(), Entry { value, expiry_ms });
        true
    }

    /// Takes all keys within a range from a keyspace that is there.
    pub fn erase(&mut self, name: &str, range: &impl RangeBounds<Vec<u8>>) {
        let space = self.spaces.get_mut(name).expect("a keyspace that is there");
        Rc::make_mut(&mut space.stored).retain(|key, _| !range.contains(key));
    }

    /// What differs from `found`, for people.
    pub fn differences(&self, found: &Contents, clock_ms: u64) -> String {
        let mut text = String::new();
        for name in self.spaces.keys().chain(found.spaces.keys().filter(|n| self.get(n).is_none()))
        {
            let living = |of: &Contents| of.get(name).map(|space| space.living(clock_ms));
            let here = living(self).unwrap_or_default();
            let there = living(found).unwrap_or_default();
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
    pub fn resume(&mut self, found: &Contents, clock_ms: u64, survived: Survives, during: bool) {
        let first = match (survived, during) {
            (Survives::Kill, false) => self.written.max(self.durable),
            (Survives::Kill, true) => self.written_before,
            (_, false) => self.durable,
            (_, true) => 0,
        };
        let allowed = &self.states[first..];
        let like = allowed.iter().rev().find(|state| state.shows(found, clock_ms)).cloned();
        let Some(state) = like else {
            panic!(
                "what was recovered is none of {} states; not the last: {}",
                allowed.len(),
                allowed[allowed.len() - 1].differences(found, clock_ms)
            );
        };
        *self = History::new(state);
    }
}
