//! A collection as the catalog has it at one moment, parsed once for as long as it stays so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::memory::Memory;
use crate::document::catalog::{
    self, CollectionEntry, IndexEntry, Namespace, Progress, index_name, rows_name,
};
use crate::document::index::Shape;
use crate::kv::Moment;
use crate::{Database, Error, ErrorKind, Keyspace, KeyspaceOptions, Result};

/// An index with what it needs to be maintained.
pub(crate) struct Index {
    pub(crate) entry: IndexEntry,
    pub(crate) shape: Shape,
    pub(crate) space: Keyspace,
}

impl Index {
    /// Whether queries may use it: it has all its entries, and nobody hid it.
    pub(crate) fn is_usable(&self) -> bool {
        self.entry.progress == Progress::Ready && !self.entry.hidden
    }

    pub(crate) fn is_building(&self) -> bool {
        self.entry.progress != Progress::Ready
    }
}

/// A collection of one moment.
pub(crate) struct State {
    pub(crate) namespace: Namespace,
    bytes: Box<[u8]>,
    pub(crate) entry: CollectionEntry,
    pub(crate) rows: Keyspace,
    /// In the order of the entry.
    pub(crate) indexes: Vec<Index>,
    pub(crate) spaces: Spaces,
}

/// The keyspaces of the catalog.
#[derive(Clone)]
pub(crate) struct Spaces {
    pub(crate) catalog: Keyspace,
    pub(crate) counts: Keyspace,
}

impl Spaces {
    fn find(db: &Database) -> Result<Option<Spaces>> {
        let options = KeyspaceOptions::new();
        let catalog = Keyspace::find(db, catalog::CATALOG, &options)?;
        let counts = Keyspace::find(db, catalog::COUNTS, &options)?;
        Ok(catalog.zip(counts).map(|(catalog, counts)| Spaces { catalog, counts }))
    }

    fn create(db: &Database) -> Result<Spaces> {
        let sums = KeyspaceOptions::new().merge_operator("add");
        let counts = Keyspace::open_or_create(db, catalog::COUNTS, &sums)?;
        let catalog = Keyspace::open_or_create(db, catalog::CATALOG, &KeyspaceOptions::new())?;
        Ok(Spaces { catalog, counts })
    }
}

/// A name, and what was last found under it.
pub(crate) struct Slot {
    pub(crate) namespace: Namespace,
    key: Vec<u8>,
    last: Mutex<Option<Arc<State>>>,
}

/// What all share that use documents of a database at a time.
pub(crate) struct Shared {
    pub(crate) db: Database,
    pub(crate) memory: Arc<Memory>,
    spaces: OnceLock<Spaces>,
    slots: Mutex<BTreeMap<Namespace, Arc<Slot>>>,
}

impl Shared {
    /// That of a database.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn of(db: &Database) -> Result<Arc<Shared>> {
        db.named().get_or_make("documents", || {
            Ok(Shared {
                db: db.clone(),
                memory: Memory::of(db)?,
                spaces: OnceLock::new(),
                slots: Mutex::default(),
            })
        })
    }

    /// The keyspaces of the catalog, if documents were ever stored.
    pub(crate) fn spaces(&self) -> Result<Option<&Spaces>> {
        if self.spaces.get().is_none()
            && let Some(found) = Spaces::find(&self.db)?
        {
            let _ = self.spaces.set(found);
        }
        Ok(self.spaces.get())
    }

    /// The keyspaces of the catalog, created when missing.
    pub(super) fn spaces_made(&self) -> Result<&Spaces> {
        if self.spaces()?.is_none() {
            let _ = self.spaces.set(Spaces::create(&self.db)?);
        }
        self.spaces.get().ok_or_else(|| Error::internal("the catalog of documents is gone"))
    }

    /// The slot of a name.
    pub(super) fn slot(&self, namespace: Namespace) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let key = namespace.key();
            Arc::new(Slot { namespace: namespace.clone(), key, last: Mutex::new(None) })
        };
        slots.entry(namespace.clone()).or_insert_with(make).clone()
    }

    /// The collection, as it is at a moment; `None` when it is not there.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` when a newer version wrote it; as reading from the moment.
    pub(crate) fn state(&self, moment: &Moment, slot: &Slot) -> Result<Option<Arc<State>>> {
        let Some(spaces) = self.spaces()? else { return Ok(None) };
        let last = slot.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let same = |bytes: &[u8]| match &last {
            Some(last) if *last.bytes == *bytes => None,
            _ => Some(bytes.to_vec()),
        };
        let found = match moment.get_with(&spaces.catalog, &slot.key, same) {
            // The moment is before anything was stored.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            found => found?,
        };
        let state = match found {
            None => return Ok(None),
            Some(None) => return Ok(last),
            Some(Some(bytes)) => Arc::new(self.parse(moment, &slot.namespace, bytes, spaces)?),
        };
        *slot.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
        Ok(Some(state))
    }

    fn parse(
        &self,
        moment: &Moment,
        namespace: &Namespace,
        bytes: Vec<u8>,
        spaces: &Spaces,
    ) -> Result<State> {
        let of = |error: Error| error.context(format_args!("collection {namespace}"));
        let entry = CollectionEntry::of_bytes(&bytes).map_err(of)?;
        let rows = self.keyspace(moment, &rows_name(entry.id))?;
        let mut indexes = Vec::with_capacity(entry.indexes.len());
        for index in &entry.indexes {
            indexes.push(Index {
                shape: Shape::of(index).map_err(of)?,
                space: self.keyspace(moment, &index_name(entry.id, index.id))?,
                entry: index.clone(),
            });
        }
        let (namespace, bytes) = (namespace.clone(), bytes.into_boxed_slice());
        Ok(State { namespace, bytes, entry, rows, indexes, spaces: spaces.clone() })
    }

    /// A keyspace of that moment.
    fn keyspace(&self, moment: &Moment, name: &str) -> Result<Keyspace> {
        if let Some(found) = Keyspace::find(&self.db, name, &KeyspaceOptions::new())? {
            return Ok(found);
        }
        match moment {
            // It was dropped since.
            Moment::Committed(snapshot) => {
                let mut all = snapshot.keyspaces()?.into_iter();
                let found = all.find(|(other, _, _)| other == name);
                let gone = || Error::corrupt(format!("the keyspace {name:?} is gone"));
                found.map(|(_, _, keyspace)| keyspace).ok_or_else(gone)
            }
            Moment::Transaction(..) => {
                Err(Error::new(ErrorKind::Conflict, "a collection or index was dropped meanwhile"))
            }
        }
    }
}

impl State {
    /// The key of its entry in the catalog.
    pub(crate) fn key(&self) -> Vec<u8> {
        self.namespace.key()
    }

    /// The index of this name.
    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.entry.name == name)
    }

    /// The index of `_id`.
    pub(crate) fn id_index(&self) -> Result<&Index> {
        self.indexes.first().ok_or_else(|| Error::internal("a collection without an index of _id"))
    }
}
