//! Keyspaces in transactions.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::transaction::point;
use cuesta_indexes::ordered::op;

use crate::database::Database;
use crate::kv::blame::in_keyspace;
use crate::kv::structure::Reader;
use crate::kv::{Bounds, Cursor, Iter, Keyspace, Snapshot, after_prefix, bounds, half_open};
use crate::transaction::{Shared, Transaction};
use crate::{Result, Value};

impl Transaction {
    /// The value of `key`, if it has one.
    ///
    /// # Errors
    /// `Expired` when snapshots and transactions held too much memory and this was the oldest;
    /// `NotFound` when there was no such keyspace; `Full`, `Corrupt`, `Io`; `Invalid` when the
    /// transaction has ended.
    pub fn get(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<Value>> {
        self.look_up(keyspace, key.as_ref(), |reader, key| reader.get(key))
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn contains(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<bool> {
        self.look_up(keyspace, key.as_ref(), |reader, key| reader.contains(key))
    }

    /// Counts `key` as read, whether or not it was.
    ///
    /// # Errors
    /// `Invalid` when the transaction has ended.
    pub(crate) fn note_read(&self, keyspace: &Keyspace, key: &[u8]) -> Result<()> {
        keyspace.check_same(&self.db)?;
        self.shared.with(|engine| {
            engine.note_point(keyspace.id(), key);
            Ok(())
        })
    }

    pub(super) fn look_up<R>(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        ask: impl FnOnce(Reader<'_>, &[u8]) -> Result<R>,
    ) -> Result<R> {
        look_up((&self.db, &self.shared), keyspace, key, ask)
    }

    /// Locks `key` and gives its value of now, if it has one. Waits while another transaction holds
    /// the lock, or one on a range with the key in it. Locks are held until the transaction ends,
    /// whatever is rolled back to a savepoint; the next in line sees what it has committed.
    ///
    /// The transaction moves on to the present: from then on it sees everything as of now. So the
    /// best time for locks is before other reads.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let counters = db.keyspace("counters")?;
    /// let tx = db.begin()?;
    /// let visits = tx.get_for_update(&counters, "visits")?.map_or(0, |value| value[0]);
    /// tx.put(&counters, "visits", [visits + 1])?;
    /// tx.commit()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Conflict` when waiting would be a deadlock, or when something that was read before was
    /// written meanwhile: begin again. `Timeout` when the lock was not to be had in time. Else as
    /// [`Transaction::get`].
    pub fn get_for_update(
        &self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Value>> {
        keyspace.check_same(&self.db)?;
        let key = key.as_ref();
        self.lock(keyspace.id(), point(key))?;
        self.get(keyspace, key)
    }

    /// Locks all keys in `range`, those that are not there included. See
    /// [`Transaction::get_for_update`].
    ///
    /// # Errors
    /// As there.
    pub fn lock_range<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        range: impl RangeBounds<K>,
    ) -> Result<()> {
        keyspace.check_same(&self.db)?;
        self.lock(keyspace.id(), half_open(bounds(&range)))
    }

    /// Sets the value of `key`.
    ///
    /// # Errors
    /// `Invalid` when the key has more than 65,535 bytes or the value 4 GiB or more, for a keyspace
    /// of another database, or when the transaction has ended; `Full` when open transactions hold
    /// more than half of the memory budget. The transaction is as it was.
    pub fn put(
        &self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<()> {
        keyspace.check_same(&self.db)?;
        let (key, value) = (key.as_ref(), value.as_ref());
        let put = |ops: &mut Vec<u8>| keyspace.append_put(ops, key, value);
        self.shared.with(|engine| engine.write(keyspace.id(), put))
    }

    /// Sets the value of `key` for ever, whatever the keyspace gives its values.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub(crate) fn put_lasting(&self, keyspace: &Keyspace, key: &[u8], value: &[u8]) -> Result<()> {
        keyspace.check_same(&self.db)?;
        self.shared.with(|engine| engine.write(keyspace.id(), |ops| op::put(ops, key, value)))
    }

    /// Sets the value of `key` for some time, which begins now: see [`Keyspace::put_with_ttl`].
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn put_with_ttl(
        &self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) -> Result<()> {
        keyspace.check_same(&self.db)?;
        let (key, value) = (key.as_ref(), value.as_ref());
        let put = |ops: &mut Vec<u8>| keyspace.append_put_for(ops, key, value, ttl);
        self.shared.with(|engine| engine.write(keyspace.id(), put))
    }

    /// Merges what `key` has with `operand`: see [`Keyspace::merge`].
    ///
    /// This reads nothing, so serializable transactions that merge with the same key do not make
    /// each other fail, whatever their order. Under snapshot isolation a merge conflicts with
    /// other writes of the key, merges included.
    ///
    /// # Errors
    /// As [`Keyspace::merge`], for what is wrong with the operand; else as [`Transaction::put`].
    pub fn merge(
        &self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        operand: impl AsRef<[u8]>,
    ) -> Result<()> {
        keyspace.check_same(&self.db)?;
        let (key, operand) = (key.as_ref(), operand.as_ref());
        let merge = |ops: &mut Vec<u8>| keyspace.append_merge(ops, key, operand);
        self.shared.with(|engine| engine.write(keyspace.id(), merge))
    }

    /// Removes `key`, whether or not it is there.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn delete(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<()> {
        keyspace.check_same(&self.db)?;
        let key = key.as_ref();
        self.shared.with(|engine| engine.write(keyspace.id(), |ops| op::delete(ops, key)))
    }

    /// All entries of a keyspace, by key. See [`Transaction::range`].
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn iter(&self, keyspace: &Keyspace) -> Result<Iter> {
        self.range::<&[u8]>(keyspace, ..)
    }

    /// The entries with keys in `range`, by key, with what this transaction had written before the
    /// call. Only the part that was walked through counts as read when conflicts are looked for, as
    /// soon as the iterator is dropped; until then, all of the range.
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn range<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        range: impl RangeBounds<K>,
    ) -> Result<Iter> {
        self.iter_within(keyspace, bounds(&range))
    }

    /// The entries with keys that begin with `prefix`, by key. See [`Transaction::range`].
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn prefix(&self, keyspace: &Keyspace, prefix: impl AsRef<[u8]>) -> Result<Iter> {
        let prefix = prefix.as_ref();
        let end = after_prefix(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.iter_within(keyspace, (Bound::Included(prefix), end))
    }

    /// A cursor over the keys in `range`. See [`Transaction::range`].
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn cursor<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        range: impl RangeBounds<K>,
    ) -> Result<Cursor> {
        self.seen_by(keyspace)?.cursor_within(keyspace, bounds(&range))
    }

    fn iter_within(&self, keyspace: &Keyspace, within: Bounds<'_>) -> Result<Iter> {
        Iter::new(&self.seen_by(keyspace)?, keyspace, within)
    }

    /// What the transaction sees of a keyspace now.
    fn seen_by(&self, keyspace: &Keyspace) -> Result<Snapshot> {
        seen_by((&self.db, &self.shared), keyspace)
    }
}

/// Asks about one key what a transaction sees, and notes that it was read.
pub(super) fn look_up<R>(
    (db, transaction): (&Database, &Shared),
    keyspace: &Keyspace,
    key: &[u8],
    ask: impl FnOnce(Reader<'_>, &[u8]) -> Result<R>,
) -> Result<R> {
    keyspace.check_same(db)?;
    let looked_up = transaction.with(|engine| {
        let view = engine.view(keyspace.id())?;
        keyspace.handle().ask(&view, |reader| {
            if !reader.is_private(key) {
                engine.note_point(keyspace.id(), key);
            }
            ask(reader, key)
        })
    });
    looked_up.map_err(|error| in_keyspace(error, keyspace.name()))
}

/// What a transaction sees of a keyspace now.
pub(super) fn seen_by(
    (db, transaction): (&Database, &Arc<Shared>),
    keyspace: &Keyspace,
) -> Result<Snapshot> {
    keyspace.check_same(db)?;
    let view = transaction.with(|engine| engine.view(keyspace.id()))?;
    Ok(Snapshot::of_transaction(db, view, transaction))
}
