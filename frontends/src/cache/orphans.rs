//! Keys that are no entries any more and have yet to be deleted from the keyspace.
//!
//! ```text
//! first ... [ key | key | key ] ... last      the last are deleted with the next write
//! ```
//!
//! Invariant: `places` has the place in `keys` of each key, and nothing else.
//!
//! Not for: when they are deleted; see the module.

use std::collections::HashMap;
use std::sync::Arc;

/// Orphans of a shard, each once.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    keys: Vec<Arc<[u8]>>,
    places: HashMap<Arc<[u8]>, usize>,
}

impl Orphans {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes a key in as the last.
    pub(super) fn push(&mut self, key: Arc<[u8]>) {
        if !self.raise(&key) {
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
        }
    }

    /// Takes all out.
    pub(super) fn clear(&mut self) {
        *self = Orphans::default();
    }
}
