//! A keyspace: an ordered map of byte strings.

use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::IndexId;
use cuesta_indexes::ordered::op;

use crate::database::Database;
use crate::kv::blame::in_keyspace;
use crate::kv::lifetime::end_ms;
use crate::kv::structure::{Handles, Reader};
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
    handle: Handles,
    name: Arc<str>,
    /// How long values live unless they say otherwise; 0 is for ever.
    ttl_ms: u64,
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyspace {:?}", self.name)
    }
}

impl Keyspace {
    /// The keyspace, if it is there; it must have what the options ask for.
    pub(crate) fn find(
        db: &Database,
        name: &str,
        options: &KeyspaceOptions,
    ) -> Result<Option<Keyspace>> {
        let catalog = db.engine.catalog();
        let Some((id, entry)) = catalog.find(name) else { return Ok(None) };
        let Some(has) = KeyspaceOptions::stored(entry)? else {
            return Err(crate::Error::invalid(format!(
                "{name:?} is an index of type {}, not a keyspace",
                entry.kind
            )));
        };
        options.check(name, &has)?;
        Ok(Some(Keyspace::of(db, id, name, &has)))
    }

    pub(crate) fn open_or_create(
        db: &Database,
        name: &str,
        options: &KeyspaceOptions,
    ) -> Result<Keyspace> {
        if let Some(found) = Keyspace::find(db, name, options)? {
            return Ok(found);
        }
        db.check_operator(options.operator())?;
        options.check(name, options)?;
        if !db.engine.options().access.is_writable() {
            return Err(db.no_keyspace(name));
        }
        let kind = options.of_engine().name();
        match db.engine.create_index(name, kind, &options.encode()) {
            Ok(id) => Ok(Keyspace::of(db, id, name, options)),
            // Another thread was faster.
            Err(error) if error.kind() == ErrorKind::Exists => {
                Keyspace::find(db, name, options)?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The index `id`, which has these options.
    pub(crate) fn of(
        db: &Database,
        id: IndexId,
        name: &str,
        options: &KeyspaceOptions,
    ) -> Keyspace {
        let handle = Handles::new(options.of_engine(), id);
        Keyspace { db: db.clone(), handle, name: name.into(), ttl_ms: options.ttl_ms() }
    }

    /// The name that it had when the handle was made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was created with; good for another keyspace like it, too.
    ///
    /// # Errors
    /// `NotFound` when it was dropped.
    pub fn options(&self) -> Result<KeyspaceOptions> {
        let there = self.handle.ask_now(&self.db.engine, |_| Ok(()));
        there.map_err(|error| in_keyspace(error, &self.name))?;
        let catalog = self.db.engine.catalog();
        let entry = catalog.iter().find(|(id, _)| *id == self.id());
        let options = entry.map(|(_, entry)| KeyspaceOptions::stored(entry)).transpose()?;
        options
            .flatten()
            .ok_or_else(|| crate::Error::not_found(format!("keyspace {:?} was dropped", self.name)))
    }

    pub(crate) fn database(&self) -> &Database {
        &self.db
    }

    pub(crate) fn id(&self) -> IndexId {
        self.handle.id()
    }

    pub(crate) fn handle(&self) -> Handles {
        self.handle
    }

    /// Fails unless the keyspace belongs to `db`.
    pub(crate) fn check_same(&self, db: &Database) -> Result<()> {
        if Arc::ptr_eq(&self.db.engine, &db.engine) {
            return Ok(());
        }
        Err(crate::Error::invalid(format!("keyspace {:?} belongs to another database", self.name)))
    }

    /// Appends a put with the keyspace's time to live, if it has one.
    pub(super) fn append_put(&self, ops: &mut Vec<u8>, key: &[u8], value: &[u8]) -> Result<()> {
        match self.ttl_ms {
            0 => op::put(ops, key, value),
            ttl_ms => {
                let expiry_ms = self.db.now_ms().saturating_add(ttl_ms);
                op::put_expiring(ops, key, value, expiry_ms)
            }
        }
    }

    /// Appends a put with a time to live.
    pub(super) fn append_put_for(
        &self,
        ops: &mut Vec<u8>,
        key: &[u8],
        value: &[u8],
        ttl: Duration,
    ) -> Result<()> {
        match end_ms(self.db.now_ms(), ttl) {
            Some(expiry_ms) => op::put_expiring(ops, key, value, expiry_ms),
            None => op::put(ops, key, value),
        }
    }

    /// Appends a merge, unless the operator refuses the operand.
    pub(super) fn append_merge(&self, ops: &mut Vec<u8>, key: &[u8], operand: &[u8]) -> Result<()> {
        let checked = self.handle.check_operand(&self.db.engine, operand);
        checked.map_err(|error| error.context(format_args!("keyspace {:?}", self.name)))?;
        op::merge(ops, key, operand)
    }

    /// Sets the value of `key` for some time: then it is gone, and what the key had before does not
    /// come back. A snapshot, iterator or transaction goes by the time at which it was taken. With
    /// [`Duration::ZERO`] the value is never seen; with [`Duration::MAX`] it stays, whatever time
    /// to live the keyspace gives. Time is that of the wall clock, and never goes back: where the
    /// wall clock was ahead and has been set back, time goes on from where it was, after closing
    /// and opening the database as well; after a crash, from the last commit.
    ///
    /// # Errors
    /// As [`Keyspace::put`].
    pub fn put_with_ttl(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) -> Result<()> {
        let mut batch = self.db.batch();
        batch.put_with_ttl(self, key, value, ttl)?;
        batch.commit()
    }

    /// Merges what `key` has with `operand`, as the merge operator of the keyspace says, without
    /// reading it: see [`KeyspaceOptions::merge_operator`].
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// use cuesta::KeyspaceOptions;
    ///
    /// let visits = db.keyspace_with("visits", &KeyspaceOptions::new().merge_operator("add"))?;
    /// visits.merge("home", 1i64.to_le_bytes())?;
    /// visits.merge("home", 2i64.to_le_bytes())?;
    /// assert_eq!(visits.get("home")?.unwrap(), 3i64.to_le_bytes());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A value that has expired when the merge is committed does not count; what is merged with one
    /// that has not expires when that does, unless the keyspace gives values a time to live: then
    /// it begins anew.
    ///
    /// Where operands do not fit the value that they meet, reading the key fails with `Invalid`
    /// until it is put or deleted, and the value and the operands are kept.
    ///
    /// # Errors
    /// `Invalid` when the keyspace has no merge operator or that refuses the operand; `Unsupported`
    /// when it is not registered in this program; else as [`Keyspace::put`].
    pub fn merge(&self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        let mut batch = self.db.batch();
        batch.merge(self, key, operand)?;
        batch.commit()
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
        let got = self.handle.ask_now(&self.db.engine, |reader| reader.get(key));
        got.map_err(|error| in_keyspace(error, &self.name))
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
        let ask = |reader: Reader<'_>| reader.get_with(key, &mut take);
        self.handle.ask_now(&self.db.engine, ask).map_err(|error| in_keyspace(error, &self.name))
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    #[inline]
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        let key = key.as_ref();
        let has = self.handle.ask_now(&self.db.engine, |reader| reader.contains(key));
        has.map_err(|error| in_keyspace(error, &self.name))
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
