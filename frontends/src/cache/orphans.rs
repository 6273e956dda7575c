//! Keys that are no entries any more and have yet to be deleted from the keyspace.
//!
//! ```text
//! first ... [ key | key | key ] ... last      the last are deleted with the next write
//! ```
//!
//! Invariants
//! 1. `places` has the place in `keys` of each key, and nothing else.
//! 2. `memory` is that of all keys together.
//!
//! Not for: when they are deleted; see the module.

use std::collections::HashMap;
use std::sync::Arc;

/// What an orphan costs in memory besides its key.
const ORPHAN_MEMORY: u64 = 80;

/// What an orphan costs in memory.
pub(super) fn memory_of(key: &[u8]) -> u64 {
    ORPHAN_MEMORY + key.len() as u64
}

/// Orphans of a shard, each once.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    keys: Vec<Arc<[u8]>>,
    places: HashMap<Arc<[u8]>, usize>,
    memory: u64,
}

impl Orphans {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// Takes a key in as the last.
    pub(super) fn push(&mut self, key: Arc<[u8]>) {
        if !self.raise(&key) {
            self.memory += memory_of(&key);
            self.places.insert(key.clone(), self.keys.len());
            self.keys.push(key);
        }
    }

    /// Makes a key the last, if it is one; whether it is.
    pub(super) fn raise(&mut self, key: &[u8]) -> bool {
        let Some(place) = self.places.get(key).copied() else { return false };
        let last = self.keys.len() - 1;
        self.keys.swap(place, last);
        for at in [place, last] {
            if let Some(place) = self.places.get_mut(&self.keys[at]) {
                *place = at;
            }
        }
        true
    }

    /// Takes a key out.
    pub(super) fn remove(&mut self, key: &[u8]) {
        if self.raise(key) {
            self.pop(1);
        }
    }

    /// The last, and those before it.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.keys.iter().rev()
    }

    /// Takes so many of the last out.
    pub(super) fn pop(&mut self, count: usize) {
        for key in self.keys.drain(self.keys.len().saturating_sub(count)..) {
            self.places.remove(&key);
            self.memory -= memory_of(&key);
        }
    }
}
