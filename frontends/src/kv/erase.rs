//! Deleting ranges of keys: by keyspace, in batches, in transactions.

use std::ops::{Bound, RangeBounds};

use cuesta_indexes::ordered::op;

use crate::Result;
use crate::kv::{Batch, Bounds, Keyspace, after_prefix, bounds, half_open};
use crate::transaction::Transaction;

/// Appends what deletes all keys within bounds.
pub(super) fn delete_within(ops: &mut Vec<u8>, within: Bounds<'_>) -> Result<()> {
    let (start, end) = half_open(within);
    if end.as_ref().is_some_and(|end| start >= *end) {
        return Ok(());
    }
    op::delete_range(ops, &start, end.as_deref())
}

/// Bounds of all keys that begin with `prefix`; `end` keeps one of them.
fn of_prefix<'k>(prefix: &'k [u8], end: &'k mut Option<Vec<u8>>) -> Bounds<'k> {
    *end = after_prefix(prefix);
    (Bound::Included(prefix), end.as_deref().map_or(Bound::Unbounded, Bound::Excluded))
}

impl Keyspace {
    /// Removes all keys in `range`, at the cost of one small write, however many there are: their
    /// space is given back in the background.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let events = db.keyspace("events")?;
    /// for day in ["03-01", "03-02", "03-03"] {
    ///     events.put(day, "...")?;
    /// }
    /// events.delete_range(.."03-03")?;
    /// assert_eq!(events.iter()?.count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` when a bound has more than 65,535 bytes; as
    /// [`Batch::commit`](crate::Batch::commit).
    pub fn delete_range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Result<()> {
        let mut batch = self.database().batch();
        batch.delete_range(self, range)?;
        batch.commit()
    }

    /// Removes all keys that begin with `prefix`. See [`Keyspace::delete_range`].
    ///
    /// # Errors
    /// As there.
    pub fn delete_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<()> {
        let mut batch = self.database().batch();
        batch.delete_prefix(self, prefix)?;
        batch.commit()
    }

    /// Removes all keys; the keyspace stays. See [`Keyspace::delete_range`].
    ///
    /// # Errors
    /// As there.
    pub fn clear(&self) -> Result<()> {
        self.delete_range::<&[u8]>(..)
    }
}

impl Batch {
    /// Removes all keys in `range` from `keyspace`: those that are there, and those that were
    /// written to this batch before. What is written to it afterwards stays.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let index = db.keyspace("index")?;
    /// let mut batch = db.batch();
    /// batch.delete_prefix(&index, "user/7/")?;
    /// batch.put(&index, "user/7/name", "Ada")?;
    /// batch.commit()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` when a bound has more than 65,535 bytes, or for a keyspace of another database;
    /// the batch is as it was.
    pub fn delete_range<K: AsRef<[u8]>>(
        &mut self,
        keyspace: &Keyspace,
        range: impl RangeBounds<K>,
    ) -> Result<()> {
        self.write(keyspace, |ops| delete_within(ops, bounds(&range)))
    }

    /// Removes all keys that begin with `prefix` from `keyspace`. See [`Batch::delete_range`].
    ///
    /// # Errors
    /// As there.
    pub fn delete_prefix(&mut self, keyspace: &Keyspace, prefix: impl AsRef<[u8]>) -> Result<()> {
        let mut end = None;
        let within = of_prefix(prefix.as_ref(), &mut end);
        self.write(keyspace, |ops| delete_within(ops, within))
    }
}

impl Transaction {
    /// Removes all keys in `range`, those that it has written itself included. Others that use a
    /// key within, or have looked for one there, conflict with it.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let letters = db.keyspace("letters")?;
    /// letters.put("b", "")?;
    /// let tx = db.begin()?;
    /// tx.delete_range(&letters, "a".."c")?;
    /// assert!(tx.iter(&letters)?.next().is_none());
    /// tx.commit()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Transaction::put`], with the bounds in place of the key.
    pub fn delete_range<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        range: impl RangeBounds<K>,
    ) -> Result<()> {
        self.delete_within(keyspace, bounds(&range))
    }

    /// Removes all keys that begin with `prefix`. See [`Transaction::delete_range`].
    ///
    /// # Errors
    /// As there.
    pub fn delete_prefix(&self, keyspace: &Keyspace, prefix: impl AsRef<[u8]>) -> Result<()> {
        let mut end = None;
        self.delete_within(keyspace, of_prefix(prefix.as_ref(), &mut end))
    }

    fn delete_within(&self, keyspace: &Keyspace, within: Bounds<'_>) -> Result<()> {
        keyspace.check_same(&self.db)?;
        self.shared.with(|engine| engine.write(keyspace.id(), |ops| delete_within(ops, within)))
    }
}
