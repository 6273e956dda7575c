//! Databases and collections: which there are; creating, renaming and dropping them.
//!
//! ```text
//! create   keyspaces made ─► the catalog tells of them
//! drop     the catalog forgets them ─► keyspaces dropped
//! ```
//!
//! A crash in between leaves keyspaces that no entry of the catalog tells of. They are dropped by
//! who first uses documents again; ids are never used again, so nobody takes them for his.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::Arc;

use super::state::{Shared, State};
use super::{Collection, job};
use crate::document::catalog::{
    self, CollectionEntry, ID_INDEX, IndexEntry, Namespace, Sum, index_name, owner_of, rows_key,
    rows_name,
};
use crate::document::failure;
use crate::document::value::{DateTime, Document};
use crate::id::Sequence;
use crate::kv::Moment;
use crate::{
    Database, Error, ErrorKind, Keyspace, KeyspaceOptions, Result, Transaction, TransactionOptions,
};

/// What [`Collection::rename`] does with a collection that has the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// It fails.
    Keep,
    /// It drops it.
    Drop,
}

/// All databases of documents in a [`Database`].
#[derive(Clone)]
pub struct Documents {
    shared: Arc<Shared>,
}

/// The collections of a database: a name for them, no place of its own.
#[derive(Clone)]
pub struct DocumentDatabase {
    shared: Arc<Shared>,
    name: Arc<str>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Documents of {:?}", self.shared.db)
    }
}

impl fmt::Debug for DocumentDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentDatabase {:?}", self.name)
    }
}

impl Documents {
    pub(super) fn of(db: &Database) -> Result<Documents> {
        let shared = Shared::of(db)?;
        job::begin(&shared)?;
        Ok(Documents { shared })
    }

    /// A database.
    ///
    /// # Errors
    /// Code 73 for what is no name of one.
    pub fn database(&self, name: &str) -> Result<DocumentDatabase> {
        Namespace::check_database(name)?;
        Ok(DocumentDatabase { shared: self.shared.clone(), name: name.into() })
    }

    /// Names of all databases that have collections, in order.
    ///
    /// # Errors
    /// As [`Snapshot::iter`](crate::Snapshot::iter).
    pub fn database_names(&self) -> Result<Vec<String>> {
        let all = self.shared.namespaces(None)?;
        let names: BTreeSet<String> = all.iter().map(|one| one.database().to_owned()).collect();
        Ok(names.into_iter().collect())
    }
}

impl DocumentDatabase {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The collection of this name, whether or not it is there.
    ///
    /// # Errors
    /// Code 73 for what is no name of a collection.
    pub fn collection(&self, name: &str) -> Result<Collection<'static>> {
        Ok(Collection::new(&self.shared, Namespace::new(&self.name, name)?))
    }

    /// Names of all collections, in order.
    ///
    /// # Errors
    /// As [`Snapshot::iter`](crate::Snapshot::iter).
    pub fn collection_names(&self) -> Result<Vec<String>> {
        let all = self.shared.namespaces(Some(&self.name))?;
        Ok(all.iter().map(|one| one.collection().to_owned()).collect())
    }

    /// Creates a collection.
    ///
    /// # Errors
    /// Code 48 when it is there; 73 for what is no name; as
    /// [`Database::keyspace`](crate::Database::keyspace).
    pub fn create_collection(&self, name: &str) -> Result<Collection<'static>> {
        let namespace = Namespace::new(&self.name, name)?;
        self.shared.create(&namespace)?;
        Ok(Collection::new(&self.shared, namespace))
    }

    /// Drops all collections, one by one.
    ///
    /// # Errors
    /// As [`Collection::drop`].
    pub fn drop(&self) -> Result<()> {
        for namespace in self.shared.namespaces(Some(&self.name))? {
            Collection::new(&self.shared, namespace).drop()?;
        }
        Ok(())
    }
}

impl Collection<'_> {
    /// Drops the collection with all documents and indexes; whether it was there. Snapshots taken
    /// before still have it.
    ///
    /// # Errors
    /// Code 263 in a transaction; as [`Database::drop_keyspace`].
    pub fn drop(&self) -> Result<bool> {
        self.check_alone("dropping a collection")?;
        let _structure = self.shared.memory.structure();
        let dropped = self.run(|tx, state| match state {
            Some(state) => {
                forget(tx, state)?;
                Ok(Some(state.entry.id))
            }
            None => Ok(None),
        })?;
        if let Some(id) = dropped {
            self.shared.memory.forget(id);
            self.shared.drop_keyspaces(|owner, _| owner == id)?;
        }
        Ok(dropped.is_some())
    }

    /// Gives the collection another name in the same database.
    ///
    /// # Errors
    /// Code 26 when it is not there, 48 when the new name is taken, 73 when it is none, 263 in a
    /// transaction.
    pub fn rename(&self, name: &str, target: Target) -> Result<()> {
        self.check_alone("renaming a collection")?;
        let to = Namespace::new(self.database_name(), name)?;
        let slot = self.shared.slot(to.clone());
        let _structure = self.shared.memory.structure();
        let dropped = self.run(|tx, state| {
            let Some(state) = state else {
                let message = format!("there is no collection {}", self.slot.namespace);
                return Err(failure::namespace_not_found(message));
            };
            let there = self.shared.state(&Moment::of(tx), &slot)?;
            if let Some(there) = &there {
                if target == Target::Keep || there.entry.id == state.entry.id {
                    let message = format!("there is a collection {to} already");
                    return Err(failure::namespace_exists(message));
                }
                forget(tx, there)?;
            }
            let catalog = &state.spaces.catalog;
            tx.delete(catalog, state.key())?;
            tx.put(catalog, to.key(), state.entry.to_bytes()?)?;
            Ok(there.map(|there| there.entry.id))
        })?;
        if let Some(id) = dropped {
            self.shared.memory.forget(id);
            self.shared.drop_keyspaces(|owner, _| owner == id)?;
        }
        Ok(())
    }
}

/// Has the catalog forget a collection.
fn forget(tx: &Transaction, state: &State) -> Result<()> {
    let id = state.entry.id;
    tx.delete(&state.spaces.catalog, state.key())?;
    tx.delete(&state.spaces.catalog, rows_key(id))?;
    for sum in [Sum::Documents, Sum::Bytes] {
        tx.delete(&state.spaces.counts, sum.key(id))?;
    }
    Ok(())
}

impl Shared {
    /// Fails when the database is open for reading.
    pub(super) fn check_writable(&self) -> Result<()> {
        if self.db.engine.options().access.is_writable() {
            return Ok(());
        }
        Err(Error::invalid("the database is open for reading"))
    }

    /// Row ids of a collection.
    pub(crate) fn take_rows(&self, state: &State, count: u64) -> Result<Range<u64>> {
        self.memory.take_rows(&state.spaces.catalog, state.entry.id, count)
    }

    /// Names of collections, of one database or all.
    pub(super) fn namespaces(&self, database: Option<&str>) -> Result<Vec<Namespace>> {
        let Some(spaces) = self.spaces()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in self.db.snapshot().prefix(&spaces.catalog, Namespace::prefix(database))? {
            found.extend(Namespace::of_key(&entry?.0));
        }
        Ok(found)
    }

    /// Creates a collection that is not there.
    pub(super) fn create(&self, namespace: &Namespace) -> Result<()> {
        self.check_writable()?;
        let _structure = self.memory.structure();
        let spaces = self.spaces_made()?.clone();
        let key = namespace.key();
        let taken =
            || failure::namespace_exists(format!("collection {namespace} is there already"));
        if self.db.snapshot().contains(&spaces.catalog, &key)? {
            return Err(taken());
        }
        let id = Sequence::reserving(&spaces.catalog, catalog::IDS, 1)?.give()?;
        for name in [rows_name(id), index_name(id, ID_INDEX)] {
            Keyspace::open_or_create(&self.db, &name, &KeyspaceOptions::new())?;
        }
        let now = i64::try_from(self.db.engine.parts().env.wall_ms()).unwrap_or(i64::MAX);
        let entry = CollectionEntry {
            id,
            created: DateTime::from_millis(now),
            options: Document::new(),
            next_index: ID_INDEX + 1,
            indexes: vec![IndexEntry::of_id()],
        };
        let bytes = entry.to_bytes()?;
        self.db.transact_with(&TransactionOptions::new().attempts(100), |tx| {
            if tx.contains(&spaces.catalog, &key)? {
                return Err(taken());
            }
            tx.put(&spaces.catalog, &key, &bytes)
        })
    }

    /// Creates a collection, unless another thread was faster.
    pub(super) fn create_missing(&self, namespace: &Namespace) -> Result<()> {
        match self.create(namespace) {
            Err(error) if error.kind() == ErrorKind::Exists => Ok(()),
            created => created,
        }
    }

    /// Drops the keyspaces of collections' rows and indexes for which `is_gone` says so.
    pub(super) fn drop_keyspaces(&self, is_gone: impl Fn(u64, Option<u32>) -> bool) -> Result<()> {
        for name in self.db.all_keyspaces() {
            let Some((collection, index)) = owner_of(&name) else { continue };
            if is_gone(collection, index)
                && let Some(found) = Keyspace::find(&self.db, &name, &KeyspaceOptions::new())?
            {
                self.db.engine.drop_index(found.id())?;
            }
        }
        Ok(())
    }

    /// All entries of the catalog, as of now.
    pub(super) fn entries(&self) -> Result<Vec<(Namespace, CollectionEntry)>> {
        let Some(spaces) = self.spaces()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let prefix = Namespace::prefix(None);
        let within = (Bound::Included(&prefix[..]), Bound::Excluded(&b"o"[..]));
        let mut cursor = self.db.snapshot().cursor_within(&spaces.catalog, within)?;
        while cursor.next()? {
            if let Some(namespace) = Namespace::of_key(cursor.key()) {
                found.push((namespace, CollectionEntry::of_bytes(cursor.value())?));
            }
        }
        Ok(found)
    }

    /// Drops keyspaces that the catalog does not tell of. Whoever calls it holds the structure.
    pub(super) fn drop_orphans(&self) -> Result<()> {
        let mut known = BTreeSet::new();
        for (_, entry) in self.entries()? {
            known.insert((entry.id, None));
            known.extend(entry.indexes.iter().map(|index| (entry.id, Some(index.id))));
        }
        self.drop_keyspaces(|collection, index| !known.contains(&(collection, index)))
    }
}
