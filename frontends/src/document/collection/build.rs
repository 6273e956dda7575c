//! Indexes built while everybody reads and writes.
//!
//! ```text
//! declared ─► the catalog tells of it: from here on every writer maintains it
//!     │
//!     ├─ chunk: rows read, entries put, how far it is written   one transaction, again and again
//!     │
//! published ─► the catalog says that it is ready: queries use it
//! ```
//!
//! Whatever a crash leaves is one of these states; the build goes on from the row that was reached.
//!
//! Invariants:
//! 1. When it is declared, every row that is there has an id up to the last one; later ones are the
//!    writers'.
//! 2. A chunk's rows are in the read set of its transaction: a row that changes meanwhile makes the
//!    chunk begin again.
//! 3. Entries are put, never added to: a row that a writer has indexed is indexed again the same.
//!
//! Not for: maintaining an index, which writers do.

use std::ops::Bound;
use std::sync::Arc;

use super::Collection;
use super::run::is_passing;
use super::state::{Index, Shared, Slot, State};
use super::write::duplicate;
use crate::document::catalog::{Progress, progress_key};
use crate::document::failure;
use crate::document::index::{Entries, ROW_BYTES, row_of};
use crate::document::value::{Document, RawDocument};
use crate::kv::Moment;
use crate::{Error, ErrorKind, Keyspace, Result, Transaction, TransactionOptions};

/// Rows of a chunk,
const ROWS_MAX: usize = if cfg!(test) { 64 } else { 4096 };
/// and bytes of documents and entries that it reads and writes, about.
const BYTES_MAX: usize = 4 << 20;

/// How far the build of an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildProgress {
    /// Documents that were indexed, by this call.
    pub documents: u64,
    /// How many there were when it began.
    pub of: u64,
}

/// Builds one index.
pub(super) struct Builder<'s> {
    collection: Collection<'s>,
    shared: Arc<Shared>,
    /// Of the collection that has this id; another one of the same name is not meant.
    owner: Option<u64>,
    index: u32,
    rows_max: usize,
}

/// What a chunk has read, and the entries of it.
#[derive(Default)]
struct Chunk {
    /// Keys and values with the rows that they are of.
    entries: Vec<(Vec<u8>, Vec<u8>, u64)>,
    multikey: u32,
    documents: u64,
    /// The next row, unless all were read.
    next: Option<u64>,
}

/// The row up to which an index is built.
pub(super) fn reached(moment: &Moment, state: &State, index: u32) -> Result<u64> {
    let key = progress_key(state.entry.id, index);
    Ok(moment.get_with(&state.spaces.catalog, &key, row_of)?.flatten().unwrap_or(0))
}

impl Builder<'_> {
    /// A builder of a declared index.
    pub(super) fn new(
        shared: &Arc<Shared>,
        slot: &Arc<Slot>,
        index: u32,
    ) -> Result<Builder<'static>> {
        let collection = Collection { shared: shared.clone(), slot: slot.clone(), tx: None };
        let (shared, rows_max) = (shared.clone(), ROWS_MAX);
        Ok(Builder { collection, shared, owner: None, index, rows_max })
    }

    /// Builds all of it in the transaction that declares it.
    pub(super) fn at_once(&mut self, tx: &Transaction, state: &Arc<State>) -> Result<()> {
        let at = self.place(state)?;
        let moment = Moment::of(tx);
        let chunk = read(&moment, state, at, (0, u64::MAX), (usize::MAX, usize::MAX))?;
        put(tx, &moment, state, at, &chunk)?;
        publish(tx, state, at, chunk.multikey)
    }

    /// Builds what is left of it, chunk by chunk, and publishes it. What fails for good takes the
    /// index away.
    pub(super) fn finish(mut self, mut told: impl FnMut(BuildProgress)) -> Result<()> {
        let built = self.build(&mut told);
        let Err(error) = built else { return Ok(()) };
        let (owner, id) = (self.owner, self.index);
        if is_final(&error) && self.owner.is_some() {
            let state = self.collection.state(&self.collection.moment())?;
            if state.is_some_and(|state| Some(state.entry.id) == owner) {
                self.collection.drop_indexes_if(|index| index.id == id)?;
            }
        }
        Err(error)
    }

    fn build(&mut self, told: &mut impl FnMut(BuildProgress)) -> Result<()> {
        let moment = self.collection.moment();
        let Some(state) = self.collection.state(&moment)? else { return Err(self.aborted()) };
        let Some(_claim) = self.shared.memory.claim((state.entry.id, self.index)) else {
            let message = format!("an index of {} is being built already", state.namespace);
            return Err(Error::new(ErrorKind::Busy, message));
        };
        self.owner = Some(state.entry.id);
        let of = self.collection.count()?;
        // Whoever writes a row from now on maintains the index.
        let mut rows = moment.cursor(&state.rows, (Bound::Unbounded, Bound::Unbounded))?;
        let last = if rows.prev()? { row_of(rows.key()).unwrap_or(u64::MAX) } else { 0 };
        drop(rows);
        let mut documents = 0;
        while let Some(read) = self.step(last)? {
            documents += read;
            told(BuildProgress { documents, of });
        }
        Ok(())
    }

    /// One chunk; gives how many documents it had, or `None` when the index was published.
    pub(super) fn step(&mut self, last: u64) -> Result<Option<u64>> {
        let options = TransactionOptions::new();
        let db = self.shared.db.clone();
        let mut retries = db.retries(&options.clone().attempts(10_000));
        loop {
            let tx = db.begin_with(&options)?;
            let stepped = self.chunk(&tx, last).and_then(|done| tx.commit().map(|()| done));
            match stepped {
                Err(error) if is_passing(&error) => {
                    // Shorter ones are less often in the way of others.
                    self.rows_max = (self.rows_max / 2).max(1);
                    retries.pause(error)?;
                }
                stepped => {
                    self.rows_max = (self.rows_max * 2).min(ROWS_MAX);
                    return stepped;
                }
            }
        }
    }

    fn chunk(&self, tx: &Transaction, last: u64) -> Result<Option<u64>> {
        let moment = Moment::of(tx);
        let state = self.shared.state(&moment, &self.collection.slot)?;
        let same = state.filter(|state| self.owner.is_none_or(|owner| owner == state.entry.id));
        let state = same.ok_or_else(|| self.aborted())?;
        let at = self.place(&state)?;
        if !state.indexes[at].is_building() {
            return Ok(None);
        }
        let from = reached(&moment, &state, self.index)?;
        let chunk = read(&moment, &state, at, (from, last), (self.rows_max, BYTES_MAX))?;
        put(tx, &moment, &state, at, &chunk)?;
        let key = progress_key(state.entry.id, self.index);
        match chunk.next {
            Some(next) => {
                tx.put(&state.spaces.catalog, key, next.to_be_bytes())?;
                mark(tx, &state, at, chunk.multikey)?;
                Ok(Some(chunk.documents))
            }
            None => {
                tx.delete(&state.spaces.catalog, key)?;
                publish(tx, &state, at, chunk.multikey)?;
                Ok(None)
            }
        }
    }

    fn place(&self, state: &State) -> Result<usize> {
        let found = state.indexes.iter().position(|index| index.entry.id == self.index);
        found.ok_or_else(|| self.aborted())
    }

    fn aborted(&self) -> Error {
        failure::index_build_aborted(format!(
            "the index was dropped while it was built, or its collection {}",
            self.collection.slot.namespace
        ))
    }
}

/// Whether an error will come again, so that the index cannot be.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Exists | ErrorKind::Invalid)
        && failure::Failure::of(error).is_some()
}

/// Reads rows and derives their entries, in order of keys.
fn read(
    moment: &Moment,
    state: &State,
    at: usize,
    (from, last): (u64, u64),
    (rows_max, bytes_max): (usize, usize),
) -> Result<Chunk> {
    let shape = &state.indexes[at].shape;
    let (low, high) = (from.to_be_bytes(), last.to_be_bytes());
    let within = (Bound::Included(&low[..]), Bound::Included(&high[..]));
    let mut cursor = moment.cursor(&state.rows, within)?;
    let (mut chunk, mut entries, mut bytes) = (Chunk::default(), Entries::default(), 0);
    while cursor.next()? {
        let row = row_of(cursor.key()).ok_or_else(|| Error::corrupt("a row without an id"))?;
        if chunk.documents as usize >= rows_max || bytes >= bytes_max {
            chunk.next = Some(row);
            break;
        }
        let document = Document::from_raw(RawDocument::trusted(cursor.value()));
        chunk.multikey |= shape.derive(&document, row, &mut entries)?;
        bytes += cursor.value().len();
        chunk.documents += 1;
        for (key, value) in entries.iter() {
            bytes += key.len() + value.len();
            chunk.entries.push((key.to_vec(), value.to_vec(), row));
        }
    }
    chunk.entries.sort_unstable();
    Ok(chunk)
}

/// Writes the entries of a chunk, if all unique keys are free.
fn put(tx: &Transaction, moment: &Moment, state: &State, at: usize, chunk: &Chunk) -> Result<()> {
    let index: &Index = &state.indexes[at];
    if index.shape.is_unique() {
        for pair in chunk.entries.windows(2) {
            if let [(one, ..), (other, value, _)] = pair
                && one == other
            {
                return Err(duplicate(state, index, other, value));
            }
        }
        for (key, value, row) in &chunk.entries {
            let owner = |found: &[u8]| found.get(..ROW_BYTES).and_then(row_of);
            let owner = moment.get_with(&index.space, key, owner)?.flatten();
            if owner.is_some_and(|owner| owner != *row) {
                return Err(duplicate(state, index, key, value));
            }
        }
    }
    let space: &Keyspace = &index.space;
    chunk.entries.iter().try_for_each(|(key, value, _)| tx.put(space, key, value))
}

/// Has the catalog tell which fields have met arrays, where it does not yet.
fn mark(tx: &Transaction, state: &State, at: usize, multikey: u32) -> Result<()> {
    if state.indexes[at].entry.knows(multikey) {
        return Ok(());
    }
    let mut entry = state.entry.clone();
    entry.indexes[at].note(multikey);
    tx.put(&state.spaces.catalog, state.key(), entry.to_bytes()?)
}

/// Has the catalog tell that an index is ready.
fn publish(tx: &Transaction, state: &State, at: usize, multikey: u32) -> Result<()> {
    let mut entry = state.entry.clone();
    entry.indexes[at].note(multikey);
    entry.indexes[at].progress = Progress::Ready;
    tx.put(&state.spaces.catalog, state.key(), entry.to_bytes()?)
}
