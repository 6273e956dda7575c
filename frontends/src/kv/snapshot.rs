//! One moment of a database.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use cuesta_engine::budget::{Charge, Part};
use cuesta_engine::version::View;

use crate::database::Database;
use crate::kv::blame::in_keyspace;
use crate::kv::structure::Reader;
use crate::kv::tracked::Tracked;
use crate::kv::{Bounds, Cursor, Iter, Keyspace, KeyspaceOptions, after_prefix, bounds};
use crate::transaction::Shared;
use crate::{Error, Result, Value};

/// Everything that was committed at one moment, in all keyspaces; nothing later. It does not hold
/// up writers. Cloning is cheap and gives the same moment.
#[derive(Clone)]
pub struct Snapshot {
    db: Database,
    view: View,
    /// The transaction that sees this, and must know what is read of it.
    transaction: Option<Arc<Shared>>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot at commit {}", self.view.seq())
    }
}

impl Snapshot {
    pub(crate) fn take(db: &Database) -> Snapshot {
        Snapshot { db: db.clone(), view: db.engine.view(), transaction: None }
    }

    /// What a transaction sees; for its iterators alone.
    pub(super) fn of_transaction(db: &Database, view: View, transaction: &Arc<Shared>) -> Snapshot {
        Snapshot { db: db.clone(), view, transaction: Some(transaction.clone()) }
    }

    /// The last commit in it; commits are counted from 1.
    pub fn commit(&self) -> u64 {
        self.view.seq().0
    }

    /// When the value of `key` expires, in milliseconds since 1970 UTC, if it has one that does.
    pub(crate) fn expires_ms(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<u64>> {
        self.ask(keyspace, |reader| Ok(reader.expiry_ms(key)?.flatten()))
    }

    /// Every keyspace of that moment, with its name and options, by name.
    pub(crate) fn keyspaces(&self) -> Result<Vec<(String, KeyspaceOptions, Keyspace)>> {
        let catalog = self.view.catalog()?;
        let mut keyspaces = Vec::new();
        for (id, entry) in catalog.iter() {
            let Some(options) = KeyspaceOptions::stored(entry)? else {
                return Err(Error::unsupported(format!(
                    "{:?} is an index of type {}, not a keyspace",
                    entry.name, entry.kind
                )));
            };
            let keyspace = Keyspace::of(&self.db, id, &entry.name, &options);
            keyspaces.push((entry.name.clone(), options, keyspace));
        }
        keyspaces.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(keyspaces)
    }

    /// The value that `key` had.
    ///
    /// # Errors
    /// `NotFound` when there was no such keyspace; `Expired` when snapshots held too much memory
    /// and this was the oldest; `Corrupt`, `Io`.
    pub fn get(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<Value>> {
        self.ask(keyspace, |reader| reader.get(key.as_ref()))
    }

    /// Asks about a keyspace.
    pub(super) fn ask<R>(
        &self,
        keyspace: &Keyspace,
        ask: impl FnOnce(Reader<'_>) -> Result<R>,
    ) -> Result<R> {
        keyspace.check_same(&self.db)?;
        let asked = keyspace.handle().ask(&self.view, ask);
        asked.map_err(|error| in_keyspace(error, keyspace.name()))
    }

    /// The time by which values expire here.
    pub(crate) fn clock_ms(&self) -> u64 {
        self.view.clock_ms()
    }

    /// Whether `key` had a value.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn contains(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<bool> {
        self.ask(keyspace, |reader| reader.contains(key.as_ref()))
    }

    /// All entries of a keyspace, by key.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn iter(&self, keyspace: &Keyspace) -> Result<Iter> {
        self.range::<&[u8]>(keyspace, ..)
    }

    /// The entries with keys in `range`, by key.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn range<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        range: impl RangeBounds<K>,
    ) -> Result<Iter> {
        Iter::new(self, keyspace, bounds(&range))
    }

    /// The entries with keys that begin with `prefix`, by key.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn prefix(&self, keyspace: &Keyspace, prefix: impl AsRef<[u8]>) -> Result<Iter> {
        let prefix = prefix.as_ref();
        let end = after_prefix(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        Iter::new(self, keyspace, (Bound::Included(prefix), end))
    }

    /// A cursor over the keys in `range`.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn cursor<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        range: impl RangeBounds<K>,
    ) -> Result<Cursor> {
        self.cursor_within(keyspace, bounds(&range))
    }

    pub(crate) fn cursor_within(&self, keyspace: &Keyspace, within: Bounds<'_>) -> Result<Cursor> {
        keyspace.check_same(&self.db)?;
        let named = |error| in_keyspace(error, keyspace.name());
        // Another process writes, which knows of what versions need, not of cursors.
        let held = self.db.is_reader().then(|| self.view.hold()).transpose().map_err(named)?;
        let open = |reader: Reader<'_>| Ok(reader.cursor(within.0, within.1));
        let cursor = keyspace.handle().ask(&self.view, open).map_err(named)?;
        let track = |shared| Tracked::begin(shared, self.view.seq(), keyspace.id(), within);
        let tracked = self.transaction.as_ref().map(track).transpose()?;
        let budget = &self.db.engine.parts().services.budget;
        let charge = Charge::new(budget, Part::Cursors, cursor.memory_max() as u64)?;
        Ok(Cursor::new((self.view.clone(), keyspace.id()), (cursor, held), tracked, charge))
    }
}
