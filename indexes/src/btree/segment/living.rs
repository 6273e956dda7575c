//! Which trees are looked at in this process, and which of their nodes were found sound.
//!
//! Not for: what is in them, and other processes, which the engine knows of.
//!
//! Invariants:
//! 1. Pages that a tree has are not reused as long as a [`Token`] of it, or of an older tree of its
//!    file, is there.
//! 2. What is known of a file's nodes goes with the last token of that file.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cuesta_engine::FileId;

/// Which trees are looked at in this process, and what is known of the pages of the newest ones.
#[derive(Debug, Default)]
pub(in crate::btree) struct Living(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By file and generation: by how many.
    trees: BTreeMap<(FileId, u64), usize>,
    /// Of trees that are about to be opened.
    checked: BTreeMap<(FileId, u64), Arc<Checked>>,
}

impl Living {
    fn look<R>(&self, look: impl FnOnce(&mut Known) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on until the token is dropped a tree is looked at.
    pub(super) fn enter(self: &Arc<Living>, file: FileId, generation: u64) -> Token {
        self.look(|known| *known.trees.entry((file, generation)).or_default() += 1);
        Token { living: self.clone(), file, generation }
    }

    /// Whether nobody looks at a tree of `file` before `generation`.
    pub(in crate::btree) fn is_over(&self, file: FileId, generation: u64) -> bool {
        self.look(|known| known.trees.range((file, 0)..(file, generation)).next().is_none())
    }

    /// Tells which nodes need no check in a tree that will be opened, of a file that an older tree
    /// is looked at of.
    pub(in crate::btree) fn hand_on(&self, file: FileId, generation: u64, checked: Checked) {
        self.look(|known| {
            // Of the file nothing older is opened from now on.
            known.checked.retain(|(other, _), _| *other != file);
            known.checked.insert((file, generation), Arc::new(checked));
        });
    }

    /// Of how many trees something is known.
    #[cfg(test)]
    pub(in crate::btree) fn known(&self) -> usize {
        self.look(|known| known.checked.len())
    }

    /// What is known of the nodes of a tree.
    pub(super) fn checked(&self, file: FileId, generation: u64) -> Option<Arc<Checked>> {
        self.look(|known| known.checked.get(&(file, generation)).cloned())
    }
}

/// Keeps pages of a tree from being reused.
#[derive(Debug)]
pub(super) struct Token {
    living: Arc<Living>,
    file: FileId,
    generation: u64,
}

impl Token {
    /// Which tree of its file it is.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let key = (self.file, self.generation);
        self.living.look(|known| {
            if let Some(count) = known.trees.get_mut(&key) {
                *count -= 1;
                if *count > 0 {
                    return;
                }
                known.trees.remove(&key);
                let file = (self.file, 0)..=(self.file, u64::MAX);
                if known.trees.range(file).next().is_none() {
                    known.checked.retain(|(file, _), _| *file != self.file);
                }
            }
        });
    }
}

/// Which nodes and values were found sound: a bit per page that one begins with.
#[derive(Debug, Default)]
pub(in crate::btree) struct Checked(Box<[AtomicU64]>);

impl Checked {
    /// Of a file of `pages` pages: nothing is known.
    pub(in crate::btree) fn new(pages: u32) -> Checked {
        Checked((0..=pages / 64).map(|_| AtomicU64::new(0)).collect())
    }

    /// What is known, for a file of so many pages, of all pages but those.
    pub(in crate::btree) fn without(
        &self,
        pages: u32,
        written: impl Iterator<Item = (u32, u32)>,
    ) -> Checked {
        let next = Checked::new(pages);
        for (from, to) in self.0.iter().zip(&next.0) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for page in written.flat_map(|(page, len)| page..page + len) {
            if let Some(word) = next.0.get(page as usize / 64) {
                word.fetch_and(!(1 << (page % 64)), Ordering::Relaxed);
            }
        }
        next
    }

    /// Whether what begins with this page was found sound.
    #[inline]
    pub(super) fn is(&self, page: u32) -> bool {
        let word = self.0.get(page as usize / 64);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & 1 << (page % 64) > 0)
    }

    /// Notes that what begins with this page was found sound.
    pub(super) fn note(&self, page: u32) {
        if let Some(word) = self.0.get(page as usize / 64) {
            word.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
    }
}
