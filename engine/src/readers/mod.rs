//! The table in which a writer process and its reader processes see each other.
//!
//! ```text
//! word 0 | "CUESPINS" once the writer has recovered, 0 while it does
//! word 1 | last commit that readers may see
//! word 2 | commit clock of the writer, milliseconds
//! word 3 | slots
//! word 4 | last edit of the manifest
//! word 5 | how often the directory was opened for writing
//! word 6 | how often a slot was taken or given back
//! word 8 + 4 i | slot i: owner (0 is free), edit, sequence number, unused
//! ```
//!
//! A slot is taken by whoever has the lock of the file that goes with it, so that a process that
//! died is told from one that lives. It says what its owner may still read: files and pages that
//! edits after its own gave up, and the log behind its sequence number.
//!
//! Invariants:
//! 1. A reader has its slot filled in before it reads the manifest. So whoever gives something up,
//!    has the manifest say so, and then looks at the slots, sees all who have read what the
//!    manifest said before.
//! 2. A commit is shown once it is published and in the operating system's hands.
//!
//! Not for: views of one process (see `version/pins`), or what readers make of what they are shown
//! (see `reader`).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::env::{Lock, SharedWords, Vfs};
use crate::error::{Error, Result};
use crate::format::name;
use crate::id::{EditNo, SeqNo};

const MAGIC: u64 = u64::from_le_bytes(*b"CUESPINS");
const READY: usize = 0;
const PUBLISHED: usize = 1;
const CLOCK: usize = 2;
const COUNT: usize = 3;
const EDIT: usize = 4;
const OPENINGS: usize = 5;
const MOVES: usize = 6;
const FIRST_SLOT: usize = 8;
const SLOT_WORDS: usize = 4;
/// Slots for reader processes.
pub const SLOTS: usize = 126;
/// Words that the table takes.
pub const WORDS: usize = FIRST_SLOT + SLOTS * SLOT_WORDS;

/// Words that no other process sees: for a database that is opened for reading.
#[derive(Debug)]
pub struct LocalWords(Vec<AtomicU64>);

impl LocalWords {
    /// [`WORDS`] words, all zero.
    pub fn new() -> Arc<LocalWords> {
        Arc::new(LocalWords((0..WORDS).map(|_| AtomicU64::new(0)).collect()))
    }
}

impl SharedWords for LocalWords {
    fn words(&self) -> &[AtomicU64] {
        &self.0
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// What a reader process may still read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What edits after this one gave up.
    pub edit: EditNo,
    /// The log behind this commit.
    pub seq: SeqNo,
}

/// What a writer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The last commit.
    pub published: SeqNo,
    /// The last edit.
    pub edit: EditNo,
}

/// The table.
#[derive(Clone, Debug)]
pub struct Table {
    words: Arc<dyn SharedWords>,
    /// The opening for writing that this one tells of; 0 of none.
    opening: u64,
}

impl Table {
    /// The table in `words`, which are [`WORDS`].
    pub fn new(words: Arc<dyn SharedWords>) -> Table {
        Table { words, opening: 0 }
    }

    fn word(&self, i: usize) -> Option<&AtomicU64> {
        self.words.words().get(i)
    }

    fn load(&self, i: usize) -> u64 {
        self.word(i).map_or(0, |word| word.load(Ordering::SeqCst))
    }

    fn store(&self, i: usize, value: u64) {
        if let Some(word) = self.word(i) {
            word.store(value, Ordering::SeqCst);
        }
    }

    /// Begins a writer's time: nothing is shown until [`Table::ready`]. Slots stay as they are.
    pub fn begin(&mut self) {
        self.store(READY, 0);
        // First the number: who saw the words before sees by it that they are not meant.
        self.bump(OPENINGS);
        self.opening = self.openings();
        for word in [PUBLISHED, CLOCK, EDIT] {
            self.store(word, 0);
        }
        self.store(COUNT, SLOTS as u64);
        self.bump(MOVES);
    }

    /// Shows what was told of from here on.
    pub fn ready(&self) {
        self.store(READY, MAGIC);
    }

    fn bump(&self, i: usize) {
        if let Some(word) = self.word(i) {
            word.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether what this one tells is to be told: no later writer has begun its time.
    #[inline]
    fn is_meant(&self) -> bool {
        self.openings() == self.opening
    }

    /// Tells of a published commit.
    #[inline]
    pub fn show_published(&self, seq: SeqNo, clock_ms: u64) {
        if !self.is_meant() {
            return;
        }
        self.store(CLOCK, clock_ms);
        self.store(PUBLISHED, seq.0);
    }

    /// Tells of an edit of the manifest.
    pub fn show_edit(&self, edit: EditNo) {
        if !self.is_meant() {
            return;
        }
        self.store(EDIT, edit.0);
    }

    /// Whether other processes see what this one tells.
    pub fn is_shared(&self) -> bool {
        self.words.is_shared()
    }

    /// Whether this is the table of the database that is in `dir` now.
    pub fn is_of(&self, dir: &Path) -> bool {
        self.words.is_at(&dir.join(name::READERS))
    }

    /// The published commit as other processes see it.
    pub fn published(&self) -> SeqNo {
        SeqNo(self.load(PUBLISHED))
    }

    /// How often the directory was opened for writing, as far as known.
    pub fn openings(&self) -> u64 {
        self.load(OPENINGS)
    }

    /// What the writer shows that opened the directory as the number `opening`; `None` while it
    /// recovers, or when there is another by now.
    pub fn shown(&self, opening: u64) -> Option<Shown> {
        if self.load(READY) != MAGIC {
            return None;
        }
        let shown = Shown { published: self.published(), edit: EditNo(self.load(EDIT)) };
        // Nothing of a later writer has got in between.
        (self.openings() == opening && self.load(READY) == MAGIC).then_some(shown)
    }

    /// Moves whenever a slot is taken or given back.
    #[inline]
    pub fn moves(&self) -> u64 {
        self.load(MOVES)
    }

    /// The slots in use.
    pub fn slots(&self) -> impl Iterator<Item = (usize, Slot)> + '_ {
        (0..SLOTS).filter_map(|i| {
            let at = FIRST_SLOT + i * SLOT_WORDS;
            (self.load(at) != 0).then(|| {
                (i, Slot { edit: EditNo(self.load(at + 1)), seq: SeqNo(self.load(at + 2)) })
            })
        })
    }

    /// Frees slots of processes that died; how many.
    pub fn reclaim(&self, vfs: &dyn Vfs, dir: &Path) -> usize {
        let mut freed = 0;
        for (i, _) in self.slots() {
            let taken = vfs.lock_shared(&dir.join(name::reader(i)));
            let is_dead = match &taken {
                // As long as it is held, nobody takes the slot.
                Ok(_lock) => true,
                Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            };
            if is_dead {
                self.store(FIRST_SLOT + i * SLOT_WORDS, 0);
                self.bump(MOVES);
                freed += 1;
            }
        }
        freed
    }

    /// Takes a slot for this process, which may read whatever was given up after `edit`.
    ///
    /// # Errors
    /// `Busy` when all are taken; `Io` when the file that goes with one cannot be locked.
    pub fn take(&self, vfs: &dyn Vfs, dir: &Path, edit: EditNo, seq: SeqNo) -> Result<Own> {
        let mut refused = None;
        for i in 0..SLOTS {
            let path = dir.join(name::reader(i));
            match vfs.lock(&path) {
                Ok(lock) => {
                    let own = Own { table: self.clone(), at: FIRST_SLOT + i * SLOT_WORDS, lock };
                    own.stand(Slot { edit, seq });
                    self.store(own.at, i as u64 + 1);
                    self.bump(MOVES);
                    return Ok(own);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    let is_refused = error.kind() == std::io::ErrorKind::PermissionDenied;
                    let error = Error::io(format_args!("locking {}", path.display()), error);
                    if !is_refused {
                        return Err(error);
                    }
                    // The file of another user: the next one may be ours.
                    refused.get_or_insert(error);
                }
            }
        }
        if let Some(error) = refused {
            return Err(error);
        }
        Err(Error::busy(format!("{SLOTS} processes read {} already", dir.display())))
    }
}

/// A slot of this process. Dropping it gives it back. In a forked child, which has a copy of it,
/// nothing moves it: its parent reads on.
#[derive(Debug)]
pub struct Own {
    table: Table,
    at: usize,
    lock: Box<dyn Lock>,
}

impl Own {
    /// Moves on: what was given up until `slot` is not read any more.
    pub fn stand(&self, slot: Slot) {
        if !self.lock.is_of_this_process() {
            return;
        }
        self.table.store(self.at + 1, slot.edit.0);
        self.table.store(self.at + 2, slot.seq.0);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if !self.lock.is_of_this_process() {
            return;
        }
        // The lock goes after this.
        self.table.store(self.at, 0);
        self.table.bump(MOVES);
    }
}

#[cfg(test)]
mod tests;
