//! What a transaction has written: operations in order, and memtables of its own to read them in.
//!
//! ```text
//! operations of an index   │ applied, number 1 │ applied, 2 │ not applied yet │
//!                                      ▲ savepoints are places in these lists
//! ```
//!
//! Not for: deciding whether they may be committed.

use std::sync::Arc;

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::id::{IndexId, SeqNo};
use crate::index::{ErasedPrivate, ErasedState, Footprint, Horizon, MemtableWriter};
use crate::oracle::{KeyHasher, ReadSet, Written};
use crate::version::View;

/// A memtable of a transaction's own.
struct Private {
    index: IndexId,
    writer: Box<dyn MemtableWriter>,
    memtable: ErasedPrivate,
    /// Bytes of the operations that are in it.
    applied: usize,
    /// Its last number.
    at: SeqNo,
}

/// Where operations ended when a savepoint was made.
struct Savepoint {
    id: u64,
    lens: Vec<(IndexId, usize)>,
}

/// Writes of one transaction.
#[derive(Default)]
pub(super) struct Writes {
    batch: Batch,
    private: Vec<Private>,
    /// Oldest first.
    savepoints: Vec<Savepoint>,
    next_savepoint: u64,
    /// Up to where operations were added to claims.
    noted: Vec<(IndexId, usize)>,
}

impl Writes {
    /// Adds to `claims` what was written since the last call; `view` has the indexes.
    pub(super) fn note(
        &mut self,
        view: &View,
        hasher: KeyHasher,
        claims: &mut ReadSet,
    ) -> Result<()> {
        for (index, ops) in self.batch.parts() {
            let place = self.noted.iter().position(|(id, _)| id == index);
            let place = place.unwrap_or_else(|| {
                self.noted.push((*index, 0));
                self.noted.len() - 1
            });
            let noted = &mut self.noted[place].1;
            // Less than was noted: some of it was taken back.
            let mut news = ops.get(*noted..).unwrap_or(ops).to_vec();
            if !news.is_empty() {
                let mut footprint = Footprint::default();
                view.state(*index)?.prepare(&mut news, Some(&mut footprint))?;
                Written::new(hasher, *index, footprint).add_to(claims);
            }
            *noted = ops.len();
        }
        Ok(())
    }

    /// Where operations of `index` are appended.
    pub(super) fn part(&mut self, index: IndexId) -> &mut Vec<u8> {
        self.batch.part(index)
    }

    /// Replaces the notes of the commit.
    pub(super) fn set_notes(&mut self, notes: Vec<u8>) {
        *self.batch.notes() = notes;
    }

    /// Whether there are none, and no notes.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let ops: usize = self.batch.parts().iter().map(|(_, ops)| ops.len()).sum();
        let lens: usize = self.savepoints.iter().map(|savepoint| savepoint.lens.len()).sum();
        let savepoints =
            self.savepoints.len() * size_of::<Savepoint>() + lens * size_of::<(IndexId, usize)>();
        let private = self.private.iter().map(|private| private.memtable.bytes());
        ops + self.batch.notes_len() + savepoints + private.sum::<usize>()
    }

    /// All of them, to be committed.
    pub(super) fn into_batch(self) -> Batch {
        self.batch
    }

    fn ops(&self, index: IndexId) -> &[u8] {
        let part = self.batch.parts().iter().find(|(id, _)| *id == index);
        part.map_or(&[], |(_, ops)| ops)
    }

    /// The index as `view` has it, with all operations so far in front; `None` when there are none.
    pub(super) fn in_front(
        &mut self,
        index: IndexId,
        view: &View,
    ) -> Result<Option<Arc<dyn ErasedState>>> {
        let ops = self.ops(index);
        if ops.is_empty() {
            return Ok(None);
        }
        let state = view.state(index)?;
        let place = self.private.iter().position(|private| private.index == index);
        let applied = place.map_or(0, |place| self.private[place].applied);
        // Prepared apart from what was applied before: of one key, the later number counts.
        let mut news = ops.get(applied..).unwrap_or_default().to_vec();
        let applied = ops.len();
        if !news.is_empty() {
            state.prepare(&mut news, None)?;
        }
        let place = place.unwrap_or_else(|| {
            let (writer, memtable) = state.private();
            self.private.push(Private { index, writer, memtable, applied: 0, at: SeqNo(0) });
            self.private.len() - 1
        });
        let private = &mut self.private[place];
        if !news.is_empty() {
            private.at = private.at.next();
            private.writer.apply(private.at, view.clock_ms(), &news, &Horizon::UNKNOWN);
            private.applied = applied;
        }
        state.with_private(&private.memtable, private.at).map(Some)
    }

    pub(super) fn savepoint(&mut self) -> u64 {
        let id = self.next_savepoint;
        self.next_savepoint += 1;
        let lens = self.batch.parts().iter().map(|(id, ops)| (*id, ops.len())).collect();
        self.savepoints.push(Savepoint { id, lens });
        id
    }

    fn find(&self, savepoint: u64) -> Result<usize> {
        self.savepoints
            .binary_search_by_key(&savepoint, |savepoint| savepoint.id)
            .map_err(|_| Error::invalid("the savepoint is gone: released, or rolled back past it"))
    }

    pub(super) fn rollback_to(&mut self, savepoint: u64) -> Result<()> {
        let place = self.find(savepoint)?;
        self.savepoints.truncate(place + 1);
        let lens = &self.savepoints[place].lens;
        for (index, ops) in self.batch.parts_mut() {
            let len = lens.iter().find(|(id, _)| id == index).map_or(0, |(_, len)| *len);
            ops.truncate(len);
            self.noted.iter_mut().filter(|(id, _)| id == index).for_each(|(_, n)| *n = len.min(*n));
            // Iterators keep the memtable that they read; the next read makes a new one.
            self.private.retain(|private| private.index != *index || private.applied <= len);
        }
        Ok(())
    }

    pub(super) fn release(&mut self, savepoint: u64) -> Result<()> {
        let place = self.find(savepoint)?;
        self.savepoints.truncate(place);
        Ok(())
    }
}
