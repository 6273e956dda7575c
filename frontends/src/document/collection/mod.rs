//! Collections: documents by `_id`, and what is always true of their indexes.
//!
//! Which type to reach for:
//!
//! - [`Documents`] lists databases; [`DocumentDatabase`] lists, renames and drops collections.
//! - [`Collection`] stores documents, and has indexes created and dropped.
//!
//! ```
//! # fn main() -> cuesta::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = cuesta::Database::open(dir.path())?;
//! use cuesta::doc;
//! use cuesta::document::IndexModel;
//!
//! let places = db.collection("places")?;
//! places.create_index(&IndexModel::new(doc! { "name": 1 }).unique())?;
//! let id = places.insert_one(doc! { "name": "Cuesta", "height": 612 })?;
//! let found = places.get_by_id(&id)?.unwrap();
//! assert_eq!(found.get("height"), Some(612.into()));
//! assert!(places.insert_one(doc! { "name": "Cuesta" }).is_err());
//! assert_eq!(places.count()?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! Not for: finding documents by filters, and changing them by operators.
//!
//! # Invariants
//!
//! 1. A document and its entries in all indexes are written by the same commit.
//! 2. Whoever writes reads the collection's entry in the catalog, so whoever changes that makes all
//!    writers that have not seen it begin again.
//! 3. A row id is a document's for all of its life, and no other's ever.

mod memory;
mod state;
mod write;
mod read;
mod run;
mod insert;
mod manage;
mod build;
mod indexes;
mod expire;
mod job;
mod verify;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::document::catalog::{Namespace, Sum};
use crate::document::value::{Document, RawDocument, Value};
use crate::kv::Moment;
use crate::{Database, Result, Transaction};

pub use build::BuildProgress;
pub(crate) use insert::with_id;
pub use insert::{Inserted, Ordering, WriteError};
pub use manage::{DocumentDatabase, Documents, Target};
pub(crate) use state::{Index, State};
use state::{Shared, Slot};
pub(crate) use write::{Change, Writer, write_row};

/// Documents under a name. Cloning is cheap; clones may be used from many threads at once.
///
/// Each call is a transaction of its own, which is tried again when there is a conflict; within
/// [`Collection::within`] all calls are part of that transaction. A collection that is not there is
/// empty, and created by what is put into it.
#[derive(Clone)]
pub struct Collection<'t> {
    pub(super) shared: Arc<Shared>,
    slot: Arc<Slot>,
    tx: Option<&'t Transaction>,
}

impl fmt::Debug for Collection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collection {}", self.slot.namespace)
    }
}

impl Database {
    /// All databases of documents.
    ///
    /// # Errors
    /// `Internal` alone.
    pub fn documents(&self) -> Result<Documents> {
        Documents::of(self)
    }

    /// The collections of a database.
    ///
    /// # Errors
    /// Code 73 for what is no name of a database.
    pub fn document_database(&self, name: &str) -> Result<DocumentDatabase> {
        Documents::of(self)?.database(name)
    }

    /// The collection `name` of the database `default`: see [`document`](crate::document).
    ///
    /// # Errors
    /// Code 73 for what is no name of a collection.
    pub fn collection(&self, name: &str) -> Result<Collection<'static>> {
        self.document_database("default")?.collection(name)
    }
}

impl<'t> Collection<'t> {
    fn new(shared: &Arc<Shared>, namespace: Namespace) -> Collection<'static> {
        Collection { shared: shared.clone(), slot: shared.slot(namespace), tx: None }
    }

    /// The same collection as part of a transaction, which sees what it has written itself. A
    /// collection that is missing is created at once, and for all; the transaction, which has begun
    /// before, then fails with `Conflict`, to be begun again.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let (places, people) = (db.collection("places")?, db.collection("people")?);
    /// db.transact(|tx| {
    ///     places.within(tx).insert_one(cuesta::doc! { "name": "Cuesta" })?;
    ///     people.within(tx).insert_one(cuesta::doc! { "name": "Ada" })
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn within<'n>(&self, tx: &'n Transaction) -> Collection<'n> {
        Collection { shared: self.shared.clone(), slot: self.slot.clone(), tx: Some(tx) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.slot.namespace.collection()
    }

    /// The name of its database.
    pub fn database_name(&self) -> &str {
        self.slot.namespace.database()
    }

    /// What is seen now.
    pub(crate) fn moment(&self) -> Moment {
        match self.tx {
            Some(tx) => Moment::of(tx),
            None => Moment::Committed(self.shared.db.snapshot()),
        }
    }

    /// The collection at a moment, if it is there.
    pub(crate) fn state(&self, moment: &Moment) -> Result<Option<Arc<State>>> {
        self.shared.state(moment, &self.slot)
    }

    /// How many documents there are, by a sum that every commit keeps; costs one read.
    ///
    /// # Errors
    /// As [`Snapshot::get`](crate::Snapshot::get).
    pub fn count(&self) -> Result<u64> {
        self.sum(Sum::Documents)
    }

    /// How many bytes of BSON they are.
    ///
    /// # Errors
    /// As [`Collection::count`].
    pub fn bytes(&self) -> Result<u64> {
        self.sum(Sum::Bytes)
    }

    fn sum(&self, sum: Sum) -> Result<u64> {
        let moment = self.moment();
        match self.state(&moment)? {
            Some(state) => state.sum(&moment, sum),
            None => Ok(0),
        }
    }

    /// The document with this `_id`. Costs two point reads, and copies the document.
    ///
    /// # Errors
    /// As [`Snapshot::get`](crate::Snapshot::get).
    pub fn get_by_id(&self, id: &Value<'_>) -> Result<Option<Document<'static>>> {
        let moment = self.moment();
        let Some(state) = self.state(&moment)? else { return Ok(None) };
        let Some(row) = state.row_of_id(&moment, id)? else { return Ok(None) };
        state.row(&moment, row, |raw| Document::from_raw(raw).into_static())
    }

    /// Replaces the document with this `_id`, which the new one gets; whether there was one.
    ///
    /// # Errors
    /// Code 66 when the new document has another `_id`; as [`Collection::insert_one`].
    pub fn replace_by_id(&self, id: &Value<'_>, document: Document<'_>) -> Result<bool> {
        self.run(|tx, state| {
            let Some(state) = state else { return Ok(false) };
            let moment = Moment::of(tx);
            let Some(row) = state.row_of_id(&moment, id)? else { return Ok(false) };
            let Some(old) = state.row(&moment, row, |raw| raw.as_bytes().to_vec())? else {
                return Ok(false);
            };
            let old = RawDocument::trusted(&old);
            let stored = old.get("_id").unwrap_or_else(|| id.borrow());
            let new = with_id(document.borrow(), &stored)?;
            let new = RawDocument::trusted(&new);
            write_row(tx, state, Change { row, old: Some(old), new: Some(new) })?;
            Ok(true)
        })
    }

    /// Deletes the document with this `_id`; whether there was one.
    ///
    /// # Errors
    /// As [`Transaction::commit`], with `Conflict` when many attempts have failed.
    pub fn delete_by_id(&self, id: &Value<'_>) -> Result<bool> {
        self.run(|tx, state| {
            let Some(state) = state else { return Ok(false) };
            let moment = Moment::of(tx);
            match state.row_of_id(&moment, id)? {
                Some(row) => state.delete_row(tx, row),
                None => Ok(false),
            }
        })
    }
}

impl State {
    /// A sum that every commit keeps.
    pub(crate) fn sum(&self, moment: &Moment, sum: Sum) -> Result<u64> {
        let read = |bytes: &[u8]| bytes.try_into().map_or(0, i64::from_le_bytes);
        let sum = moment.get_with(&self.spaces.counts, &sum.key(self.entry.id), read)?;
        Ok(u64::try_from(sum.unwrap_or(0)).unwrap_or(0))
    }

    /// The row with this `_id`.
    pub(crate) fn row_of_id(&self, moment: &Moment, id: &Value<'_>) -> Result<Option<u64>> {
        let index = self.id_index()?;
        let mut key = Vec::new();
        index.shape.encode_first(&mut key, id);
        let read = |value: &[u8]| index.shape.row(&[], value);
        moment.get_with(&index.space, &key, read)?.transpose()
    }

    /// Hands the document of a row to `take`: no copy. `take` must not use the transaction.
    pub(crate) fn row<R>(
        &self,
        moment: &Moment,
        row: u64,
        take: impl FnOnce(RawDocument<'_>) -> R,
    ) -> Result<Option<R>> {
        let take = |bytes: &[u8]| take(RawDocument::trusted(bytes));
        moment.get_with(&self.rows, &row.to_be_bytes(), take)
    }

    /// Deletes a row; whether it was there.
    pub(crate) fn delete_row(self: &Arc<State>, tx: &Transaction, row: u64) -> Result<bool> {
        let old = self.row(&Moment::of(tx), row, |raw| raw.as_bytes().to_vec())?;
        let Some(old) = old else { return Ok(false) };
        write_row(tx, self, Change { row, old: Some(RawDocument::trusted(&old)), new: None })?;
        Ok(true)
    }
}
