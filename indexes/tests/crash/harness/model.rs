//! What the database should hold after each commit, as plain maps.
//!
//! ```text
//! states[0] ──change 1──► states[1] ──change 2──► states[2] ...      empty first
//! ```
//!
//! Not for: what of it must have survived a crash (`claims.rs`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use cuesta_engine::env::sim::START_MS;
use cuesta_engine::{IndexId, SeqNo};

/// Keys and values of one keyspace.
pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Everything that a database holds.
pub type Content = BTreeMap<IndexId, Keyspace>;

/// A keyspace: an index under its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Keyspace {
    /// Its name.
    pub name: String,
    /// Name of its index type.
    pub kind: String,
    /// What is in it.
    pub map: Arc<Map>,
    /// When what is in it expires; empty in what was found, which has not.
    pub expiries: Arc<BTreeMap<Vec<u8>, u64>>,
}

/// What a value that is written means: one of a lively shape says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The key has it from now on.
    Put,
    /// The key has it until then, in milliseconds.
    Expiring(u64),
    /// It is appended to what the key has.
    Append,
}

impl Meaning {
    /// That of a value.
    pub fn of(value: &[u8]) -> Meaning {
        match value {
            [b'!', b'E', after, ..] => Meaning::Expiring(START_MS + u64::from(*after)),
            [b'!', b'A', ..] => Meaning::Append,
            _ => Meaning::Put,
        }
    }
}

/// A put, or a deletion where there is no value: of a key or, with an end, of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub index: IndexId,
    /// Of which key; of a range, the first one.
    pub key: Vec<u8>,
    /// The first key behind a range that is taken away.
    pub end: Option<Vec<u8>>,
    /// What.
    pub value: Option<Vec<u8>>,
}

/// What one commit does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Writes, one after the other, and the clock of the commit.
    Writes(Vec<Write>, u64),
    /// A new keyspace.
    Create { id: IndexId, name: String, kind: String },
    /// Another name for a keyspace.
    Rename { id: IndexId, name: String },
    /// The end of a keyspace.
    Drop { id: IndexId },
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, content: &mut Content) {
        match self {
            Change::Writes(writes, clock_ms) => {
                for Write { index, key, end, value } in writes {
                    let Some(keyspace) = content.get_mut(index) else { continue };
                    match end {
                        Some(end) => keyspace.delete_range(key, end),
                        None => keyspace.write(key, value.as_deref(), *clock_ms),
                    }
                }
            }
            Change::Create { id, name, kind } => {
                let (name, kind) = (name.clone(), kind.clone());
                let (map, expiries) = (Arc::default(), Arc::default());
                content.insert(*id, Keyspace { name, kind, map, expiries });
            }
            Change::Rename { id, name } => {
                if let Some(keyspace) = content.get_mut(id) {
                    keyspace.name.clone_from(name);
                }
            }
            Change::Drop { id } => _ = content.remove(id),
        }
    }
}

impl Keyspace {
    fn delete_range(&mut self, start: &Vec<u8>, end: &Vec<u8>) {
        let stays = |key: &Vec<u8>| key < start || key >= end;
        Arc::make_mut(&mut self.map).retain(|key, _| stays(key));
        Arc::make_mut(&mut self.expiries).retain(|key, _| stays(key));
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>, clock_ms: u64) {
        let map = Arc::make_mut(&mut self.map);
        let expiries = Arc::make_mut(&mut self.expiries);
        let (old, until) = (map.remove(key), expiries.remove(key));
        let Some(value) = value else { return };
        let old = old.filter(|_| until.is_none_or(|until| until > clock_ms));
        let (value, until) = match Meaning::of(value) {
            Meaning::Put => (value.to_vec(), None),
            Meaning::Expiring(until) => (value.to_vec(), Some(until)),
            Meaning::Append => {
                let until = until.filter(|_| old.is_some());
                ([&old.unwrap_or_default()[..], value].concat(), until)
            }
        };
        map.insert(key.to_vec(), value);
        expiries.extend(until.map(|until| (key.to_vec(), until)));
    }
}

/// What of a content has not expired.
pub fn living(content: &Content, clock_ms: u64) -> Content {
    let mut living = content.clone();
    for keyspace in living.values_mut() {
        let expiries = std::mem::take(&mut keyspace.expiries);
        let over: Vec<_> = expiries.iter().filter(|(_, until)| **until <= clock_ms).collect();
        if !over.is_empty() {
            let map = Arc::make_mut(&mut keyspace.map);
            over.iter().for_each(|(key, _)| _ = map.remove(*key));
        }
    }
    living
}

/// The content after each commit.
pub struct Model {
    states: Vec<(Arc<Content>, u64)>,
    changes: Vec<Change>,
}

impl Model {
    /// An empty database without commits.
    pub fn new() -> Model {
        Model { states: vec![(Arc::default(), 0)], changes: Vec::new() }
    }

    /// Adds a commit.
    pub fn push(&mut self, change: Change) {
        let mut content = Content::clone(self.at(self.last()));
        change.apply(&mut content);
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        self.states.push((Arc::new(content), hasher.finish()));
        self.changes.push(change);
    }

    /// The last commit.
    pub fn last(&self) -> SeqNo {
        SeqNo(self.changes.len() as u64)
    }

    /// The content after commit `seq`, which exists.
    pub fn at(&self, seq: SeqNo) -> &Content {
        &self.states[seq.0 as usize].0
    }

    /// What commit `seq` changed.
    pub fn change(&self, seq: SeqNo) -> Option<&Change> {
        self.changes.get((seq.0 as usize).checked_sub(1)?)
    }

    /// Forgets all commits after `seq`: a crash took them.
    pub fn truncate(&mut self, seq: SeqNo) {
        self.states.truncate(seq.0 as usize + 1);
        self.changes.truncate(seq.0 as usize);
    }

    /// A hash of the states from `first` to `last`: images with the same bytes and the same answer
    /// need one check only.
    pub fn hash(&self, first: SeqNo, last: SeqNo) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (_, hash) in &self.states[first.0 as usize..=last.0 as usize] {
            hasher.write_u64(*hash);
        }
        hasher.finish()
    }

    /// Commits after which the content was this one, by a clock.
    pub fn find(&self, content: &Content, clock_ms: u64) -> Vec<SeqNo> {
        let equal =
            |(_, (state, _)): &(usize, &(Arc<Content>, u64))| living(state, clock_ms) == *content;
        let found = self.states.iter().enumerate().filter(equal);
        found.map(|(seq, _)| SeqNo(seq as u64)).collect()
    }
}

/// What differs, in words; empty when nothing does.
pub fn difference(expected: &Content, found: &Content) -> String {
    let mut text = String::new();
    for (id, keyspace) in expected {
        match found.get(id) {
            None => _ = writeln!(text, "  keyspace {id} {:?} is missing", keyspace.name),
            Some(other) => differ(&mut text, *id, keyspace, other),
        }
    }
    for (id, keyspace) in found.iter().filter(|(id, _)| !expected.contains_key(id)) {
        _ = writeln!(text, "  keyspace {id} {:?} should not be there", keyspace.name);
    }
    text
}

fn differ(text: &mut String, id: IndexId, expected: &Keyspace, found: &Keyspace) {
    if (&expected.name, &expected.kind) != (&found.name, &found.kind) {
        _ = writeln!(
            text,
            "  keyspace {id} is {:?} ({}), not {:?} ({})",
            found.name, found.kind, expected.name, expected.kind
        );
    }
    let all =
        expected.map.keys().chain(found.map.keys().filter(|k| !expected.map.contains_key(*k)));
    let different = all.filter(|key| expected.map.get(*key) != found.map.get(*key));
    for key in different.take(8) {
        let (expected_value, found_value) = (expected.map.get(key), found.map.get(key));
        _ = writeln!(
            text,
            "  {:?} {}: {} expected, {} found",
            expected.name,
            show(key),
            expected_value.map_or("nothing".to_owned(), |value| show(value)),
            found_value.map_or("nothing".to_owned(), |value| show(value)),
        );
    }
}

fn show(bytes: &[u8]) -> String {
    let text = bytes[..bytes.len().min(24)].escape_ascii().to_string();
    if bytes.len() > 24 { format!("{text}... ({} bytes)", bytes.len()) } else { text }
}
