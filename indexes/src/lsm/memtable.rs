//! The newest part of an index: versions of keys in memory.
//!
//! A B-link tree whose kinds of versions are the kinds of operations. Memtables of one index learn
//! from each other what their keys start with, which makes searching them faster.
//!
//! Not for: merging what several memtables and segments say of a key.

use std::sync::{Arc, Mutex, PoisonError};

use cuesta_engine::SeqNo;
use cuesta_engine::blinktree::{self, Tree};
use cuesta_engine::index::{self, Horizon, MemtableWriter};

use super::op::{self, Op, Ops};

#[cfg(test)]
mod tests;

/// Keys in a memtable, at least, for something to be learnt from it.
const KEYS_LEARNT_FROM_MIN: usize = 1000;

/// Makes the memtables of one index.
#[derive(Debug, Default)]
pub struct Memtables {
    prefix: Arc<Prefix>,
}

impl Memtables {
    /// An empty memtable, as its two halves.
    pub fn create(&self) -> (Writer, Arc<Memtable>) {
        let (tree, read) = blinktree::create_under(&self.prefix.get());
        (Writer { tree, prefix: self.prefix.clone() }, Arc::new(Memtable { tree: read }))
    }
}

/// What all keys of full memtables so far start with; `None` before there was one.
#[derive(Debug, Default)]
struct Prefix(Mutex<Option<Arc<[u8]>>>);

impl Prefix {
    fn get(&self) -> Arc<[u8]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// Takes in a memtable that will not change any more.
    fn learn(&self, tree: &Arc<Tree>) {
        if tree.len() < KEYS_LEARNT_FROM_MIN {
            return;
        }
        let (mut first, mut last) = (tree.cursor(u64::MAX), tree.cursor(u64::MAX));
        first.seek_first();
        last.seek_last();
        let here = shared(first.key(), last.key());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = known.as_deref().map_or(here, |known| shared(known, here));
        if known.as_deref() != Some(prefix) {
            *known = Some(prefix.into());
        }
    }
}

/// What both start with.
fn shared<'a>(a: &'a [u8], b: &[u8]) -> &'a [u8] {
    let len = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    &a[..len]
}

/// The write half of a memtable.
#[derive(Debug)]
pub struct Writer {
    tree: blinktree::Writer,
    prefix: Arc<Prefix>,
}

impl MemtableWriter for Writer {
    #[expect(clippy::expect_used, reason = "what cannot be read is refused when it is prepared")]
    fn apply(&mut self, at: SeqNo, ops: &[u8], horizon: &Horizon<'_>) {
        for op in Ops::new(ops) {
            let (kind, key, value) = match op.expect("operations are prepared before applied") {
                Op::Put { key, value } => (op::PUT, key, value),
                Op::Delete { key } => (op::DELETE, key, &[][..]),
            };
            self.tree.insert(key, at.0, kind, value, horizon);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.prefix.learn(self.tree.tree());
    }
}

/// The read half of a memtable.
#[derive(Debug)]
pub struct Memtable {
    tree: Arc<Tree>,
}

impl Memtable {
    /// The versions, each of the kind that its operation has in the log.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }
}

impl index::Memtable for Memtable {
    fn bytes(&self) -> usize {
        self.tree.memory()
    }

    fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    fn pruned_to(&self) -> SeqNo {
        SeqNo(self.tree.pruned_to())
    }
}
