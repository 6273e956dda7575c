//! Changes of rows, with all entries in all indexes that they change.
//!
//! ```text
//! stage ─► old and new entries of every index ─► what differs ─► unique keys are free? ─► kept
//! flush ─► all that was kept is written to the transaction, with the sums
//! ```
//!
//! Whatever has to be read is read before anything is written, so that a transaction of one change,
//! or of many at once, needs no memtables of its own.
//!
//! Invariants:
//! 1. A change that fails has written nothing, and those staged before it can be flushed.
//! 2. Everything that entries were derived from is in the read set of the transaction: the entry of
//!    the catalog, the row, and unique keys.
//!
//! Not for: what a document should become.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use cuesta_engine::planted::{self, Bug};

use super::state::{Index, State};
use crate::document::catalog::Sum;
use crate::document::failure::{self, Failure};
use crate::document::index::{Difference, Entries, ROW_BYTES, row_of};
use crate::document::value::{Document, RawDocument, Value};
use crate::kv::Moment;
use crate::{ErrorKind, Keyspace, Result, Transaction};

/// What becomes of a row.
#[derive(Clone, Copy)]
pub(crate) struct Change<'d> {
    pub(crate) row: u64,
    /// As the transaction has read it; `None` for a new row.
    pub(crate) old: Option<RawDocument<'d>>,
    /// `None` deletes it.
    pub(crate) new: Option<RawDocument<'d>>,
}

/// Where an operation goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Rows,
    Index(usize),
}

/// Collects changes of one collection in one transaction.
pub(crate) struct Writer<'t> {
    tx: &'t Transaction,
    moment: Moment,
    state: Arc<State>,
    bytes: Vec<u8>,
    operations: Vec<(Place, Range<usize>, Option<Range<usize>>)>,
    /// Rows of unique keys, as they will be.
    owners: HashMap<(usize, Box<[u8]>), Option<u64>>,
    documents: i64,
    stored: i64,
    /// Of each index, a bit for each field that met an array.
    multikey: Vec<u32>,
    old: Entries,
    new: Entries,
}

/// Writes one change: see [`Writer`].
///
/// # Errors
/// As [`Writer::stage`].
pub(crate) fn write_row(tx: &Transaction, state: &Arc<State>, change: Change<'_>) -> Result<()> {
    let mut writer = Writer::new(tx, state);
    writer.stage(change)?;
    writer.flush()
}

impl<'t> Writer<'t> {
    /// A writer of a state that the transaction has read.
    pub(crate) fn new(tx: &'t Transaction, state: &Arc<State>) -> Writer<'t> {
        Writer {
            tx,
            moment: Moment::of(tx),
            state: state.clone(),
            bytes: Vec::new(),
            operations: Vec::new(),
            owners: HashMap::new(),
            documents: 0,
            stored: 0,
            multikey: vec![0; state.indexes.len()],
            old: Entries::default(),
            new: Entries::default(),
        }
    }

    /// Derives and checks a change, and keeps it to be flushed.
    ///
    /// # Errors
    /// `Exists`, code 11000, when a unique index has a new key already; as
    /// [`Shape::derive`](crate::document::index::Shape::derive); what reading fails with. Nothing
    /// of this change is kept then.
    pub(crate) fn stage(&mut self, change: Change<'_>) -> Result<()> {
        let (bytes, operations) = (self.bytes.len(), self.operations.len());
        let multikey = self.multikey.clone();
        let mut taken = Vec::new();
        let staged = self.stage_all(change, &mut taken);
        if staged.is_err() {
            self.bytes.truncate(bytes);
            self.operations.truncate(operations);
            self.multikey = multikey;
            for (key, before) in taken.into_iter().rev() {
                match before {
                    Some(owner) => self.owners.insert(key, owner),
                    None => self.owners.remove(&key),
                };
            }
            return staged;
        }
        let (before, after) = (change.old, change.new);
        let len = |document: Option<RawDocument<'_>>| {
            document.map_or(0, |document| document.as_bytes().len() as i64)
        };
        self.documents += i64::from(after.is_some()) - i64::from(before.is_some());
        self.stored += len(after) - len(before);
        Ok(())
    }

    fn stage_all(&mut self, change: Change<'_>, taken: &mut Vec<Taken>) -> Result<()> {
        let state = self.state.clone();
        for (at, index) in state.indexes.iter().enumerate() {
            self.stage_index((at, index), change, taken)?;
        }
        let row = change.row.to_be_bytes();
        if change.old.is_some() {
            // Whoever read the row may have found it by other ways than its key.
            self.tx.note_read(&state.rows, &row)?;
        }
        match change.new {
            Some(document) => self.keep(Place::Rows, &row, Some(document.as_bytes())),
            None => self.keep(Place::Rows, &row, None),
        }
        Ok(())
    }

    fn stage_index(
        &mut self,
        (at, index): (usize, &Index),
        change: Change<'_>,
        taken: &mut Vec<Taken>,
    ) -> Result<()> {
        let (mut old, mut new) = (std::mem::take(&mut self.old), std::mem::take(&mut self.new));
        let result = self.derive(index, change, &mut old, &mut new).and_then(|multikey| {
            self.multikey[at] |= multikey;
            for difference in new.differences(&old) {
                self.stage_entry((at, index), change, difference, taken)?;
            }
            Ok(())
        });
        (self.old, self.new) = (old, new);
        result
    }

    fn derive(
        &self,
        index: &Index,
        change: Change<'_>,
        old: &mut Entries,
        new: &mut Entries,
    ) -> Result<u32> {
        old.clear();
        new.clear();
        if let Some(document) = change.old {
            index.shape.derive(&Document::from_raw(document), change.row, old)?;
        }
        match change.new {
            Some(document) => index.shape.derive(&Document::from_raw(document), change.row, new),
            None => Ok(0),
        }
    }

    fn stage_entry(
        &mut self,
        (at, index): (usize, &Index),
        change: Change<'_>,
        difference: Difference<'_>,
        taken: &mut Vec<Taken>,
    ) -> Result<()> {
        match difference {
            Difference::Put(key, value) => {
                if index.shape.is_unique() {
                    match self.owner(at, index, key)? {
                        Some(other) if other != change.row => {
                            return Err(duplicate(&self.state, index, key, value));
                        }
                        _ => self.take(at, key, Some(change.row), taken),
                    }
                }
                self.keep(Place::Index(at), key, Some(value));
            }
            Difference::Remove(key) => {
                if is_lost(index, change) {
                    return Ok(());
                }
                if index.shape.is_unique() {
                    // While it is built, the key may be another row's, and this one not there yet.
                    if index.is_building() && self.owner(at, index, key)? != Some(change.row) {
                        return Ok(());
                    }
                    self.take(at, key, None, taken);
                }
                self.keep(Place::Index(at), key, None);
            }
        }
        Ok(())
    }

    /// The row that has a unique key.
    fn owner(&self, at: usize, index: &Index, key: &[u8]) -> Result<Option<u64>> {
        if !self.owners.is_empty()
            && let Some(owner) = self.owners.get(&(at, key.into()))
        {
            return Ok(*owner);
        }
        let read = |value: &[u8]| value.get(..ROW_BYTES).and_then(row_of);
        if planted::is(Bug::UniqueCheckedAgainstOldView) {
            let snapshot = Moment::Committed(self.tx.db.snapshot());
            return Ok(snapshot.get_with(&index.space, key, read)?.flatten());
        }
        Ok(self.moment.get_with(&index.space, key, read)?.flatten())
    }

    fn take(&mut self, at: usize, key: &[u8], owner: Option<u64>, taken: &mut Vec<Taken>) {
        let place: (usize, Box<[u8]>) = (at, key.into());
        let before = self.owners.insert(place.clone(), owner);
        taken.push((place, before));
    }

    fn keep(&mut self, place: Place, key: &[u8], value: Option<&[u8]>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        let value = value.map(|value| {
            self.bytes.extend_from_slice(value);
            middle..self.bytes.len()
        });
        self.operations.push((place, start..middle, value));
    }

    /// Writes what was staged to the transaction.
    ///
    /// # Errors
    /// As [`Transaction::put`]; the transaction is then as it was.
    pub(crate) fn flush(self) -> Result<()> {
        if self.operations.is_empty() {
            return Ok(());
        }
        let before = self.tx.savepoint()?;
        match self.write() {
            Ok(()) => self.tx.release(before),
            Err(error) => {
                self.tx.rollback_to(&before)?;
                Err(error)
            }
        }
    }

    fn write(&self) -> Result<()> {
        for (place, key, value) in &self.operations {
            let space = self.space(*place);
            let key = self.bytes.get(key.clone()).unwrap_or_default();
            match value {
                Some(value) => {
                    self.tx.put(space, key, self.bytes.get(value.clone()).unwrap_or_default())?;
                }
                None => self.tx.delete(space, key)?,
            }
        }
        self.mark_multikey()?;
        let spaces = &self.state.spaces;
        for (sum, by) in [(Sum::Documents, self.documents), (Sum::Bytes, self.stored)] {
            if by != 0 {
                let key = sum.key(self.state.entry.id);
                self.tx.merge(&spaces.counts, key, by.to_le_bytes())?;
            }
        }
        Ok(())
    }

    fn space(&self, place: Place) -> &Keyspace {
        match place {
            Place::Rows => &self.state.rows,
            Place::Index(at) => &self.state.indexes[at].space,
        }
    }

    /// Has the catalog tell which fields have met arrays, where it does not yet.
    fn mark_multikey(&self) -> Result<()> {
        let mut entry = None;
        for (at, met) in self.multikey.iter().enumerate() {
            if !self.state.entry.indexes[at].knows(*met) {
                let entry = entry.get_or_insert_with(|| self.state.entry.clone());
                entry.indexes[at].note(*met);
            }
        }
        match entry {
            Some(entry) => {
                self.tx.put(&self.state.spaces.catalog, self.state.key(), entry.to_bytes()?)
            }
            None => Ok(()),
        }
    }
}

/// A unique key with its index, and whose it was before.
type Taken = ((usize, Box<[u8]>), Option<Option<u64>>);

/// Bugs that tests plant.
fn is_lost(index: &Index, change: Change<'_>) -> bool {
    planted::is(Bug::LostIndexDelete) && change.new.is_some()
        || planted::is(Bug::DroppedBuildTombstone) && index.is_building()
}

/// The error that a unique index has a key already.
pub(crate) fn duplicate(state: &State, index: &Index, key: &[u8], value: &[u8]) -> crate::Error {
    let values = index.shape.decode(key, value).unwrap_or_default();
    let names = index.shape.fields().iter().map(|(path, _)| path.as_str());
    let pairs = names.zip(values.into_iter().map(|value| value.unwrap_or(Value::Null)));
    let pairs: Document<'_> = pairs.collect();
    let message = format!(
        "E11000 duplicate key error collection: {} index: {} dup key: {pairs:?}",
        state.namespace, index.entry.name
    );
    let details = crate::doc! {
        "keyPattern": index.entry.key.borrow(),
        "keyValue": pairs.borrow(),
        "index": index.entry.name.as_str(),
    };
    let details = details.to_bytes().unwrap_or_default();
    Failure::new(failure::DUPLICATE_KEY)
        .with_details(details)
        .into_error(ErrorKind::Exists, message)
}
