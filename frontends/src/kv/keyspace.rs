//! A keyspace: an ordered map of byte strings.

use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;

use cuesta_engine::IndexId;
use cuesta_engine::index::{Handle, IndexType};
use cuesta_indexes::lsm::{Lsm, Reader};

use crate::database::Database;
use crate::kv::{Cursor, Iter, KeyspaceOptions, Snapshot};
use crate::{ErrorKind, Result, Value};

/// An ordered map of byte strings in a [`Database`]. Cloning is cheap; clones may be used from
/// many threads at once.
///
/// Single writes are batches of one: durable as the database was opened, see
/// [`Builder::durability`](crate::Builder::durability). Reads see what was committed when they
/// began; an iterator sees one moment for all of its life.
#[derive(Clone)]
pub struct Keyspace {
    db: Database,
    handle: Handle<Lsm>,
    name: Arc<str>,
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyspace {:?}", self.name)
    }
}

impl Keyspace {
    pub(crate) fn find(db: &Database, name: &str) -> Result<Option<Keyspace>> {
        let catalog = db.engine.catalog();
        let Some((id, entry)) = catalog.find(name) else { return Ok(None) };
        if entry.kind != Lsm::NAME {
            return Err(crate::Error::invalid(format!(
                "{name:?} is an index of type {}, not a keyspace",
                entry.kind
            )));
        }
        Ok(Some(Keyspace { db: db.clone(), handle: Handle::new(id), name: name.into() }))
    }

    pub(crate) fn open_or_create(
        db: &Database,
        name: &str,
        options: &KeyspaceOptions,
    ) -> Result<Keyspace> {
        if let Some(found) = Keyspace::find(db, name)? {
            return Ok(found);
        }
        match db.engine.create_index(name, Lsm::NAME, &options.encode()) {
            Ok(id) => Ok(Keyspace { db: db.clone(), handle: Handle::new(id), name: name.into() }),
            // Another thread was faster.
            Err(error) if error.kind() == ErrorKind::Exists => db.existing_keyspace(name),
            Err(error) => Err(error),
        }
    }

    /// The name that it had when the handle was made.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn database(&self) -> &Database {
        &self.db
    }

    pub(crate) fn id(&self) -> IndexId {
        self.handle.id
    }

    pub(crate) fn handle(&self) -> Handle<Lsm> {
        self.handle
    }

    /// Fails unless the keyspace belongs to `db`.
    pub(crate) fn check_same(&self, db: &Database) -> Result<()> {
        if Arc::ptr_eq(&self.db.engine, &db.engine) {
            return Ok(());
        }
        Err(crate::Error::invalid(format!("keyspace {:?} belongs to another database", self.name)))
    }

    /// Sets the value of `key`.
    ///
    /// # Errors
    /// `Invalid` when the key has more than 65,535 bytes or the value 4 GiB or more; as
    /// [`Batch::commit`](crate::Batch::commit).
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let mut batch = self.db.batch();
        batch.put(self, key, value)?;
        batch.commit()
    }

    /// Removes `key`, whether or not it is there.
    ///
    /// # Errors
    /// As [`Keyspace::put`].
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<()> {
        let mut batch = self.db.batch();
        batch.delete(self, key)?;
        batch.commit()
    }

    /// The value of `key`, if it has one. Long values are not copied: the [`Value`] keeps alive
    /// what it lies in.
    ///
    /// # Errors
    /// `NotFound` when the keyspace was dropped; `Corrupt`, `Io`.
    #[inline]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value>> {
        let key = key.as_ref();
        self.db.engine.ask(self.handle, |state, at| Reader::new(state, at).get(key))
    }

    /// Hands the value of `key` to `take`, if it has one: no copy, no allocation. `take` may be
    /// called more than once; the last result counts.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    #[inline]
    pub fn get_with<R>(
        &self,
        key: impl AsRef<[u8]>,
        mut take: impl FnMut(&[u8]) -> R,
    ) -> Result<Option<R>> {
        let key = key.as_ref();
        self.db.engine.ask(self.handle, |state, at| Reader::new(state, at).get_with(key, &mut take))
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    #[inline]
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        let key = key.as_ref();
        self.db.engine.ask(self.handle, |state, at| Reader::new(state, at).contains(key))
    }

    /// All entries, by key.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn iter(&self) -> Result<Iter> {
        self.db.snapshot().iter(self)
    }

    /// The entries with keys in `range`, by key; reverse it for the other direction.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let letters = db.keyspace("letters")?;
    /// for letter in ["a", "b", "c", "d"] {
    ///     letters.put(letter, "")?;
    /// }
    /// let (key, _) = letters.range("b".."d")?.rev().next().unwrap()?;
    /// assert_eq!(key, b"c");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Result<Iter> {
        self.db.snapshot().range(self, range)
    }

    /// The entries with keys that begin with `prefix`, by key.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Iter> {
        self.db.snapshot().prefix(self, prefix)
    }

    /// A cursor over the keys in `range`.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn cursor<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Result<Cursor> {
        self.db.snapshot().cursor(self, range)
    }

    /// What is in the keyspace now, as it stays while the snapshot lives; the same as
    /// [`Database::snapshot`].
    pub fn snapshot(&self) -> Snapshot {
        self.db.snapshot()
    }
}
