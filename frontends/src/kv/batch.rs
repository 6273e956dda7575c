//! Writes that happen together.

use std::fmt;
use std::time::Duration;

use cuesta_engine::Batch as Operations;
use cuesta_indexes::ordered::op;

use crate::database::Database;
use crate::handle::CommitHandle;
use crate::kv::Keyspace;
use crate::note;
use crate::{Durability, Result};

/// Writes to any number of keyspaces that become visible and durable together. The last write of
/// a key wins; a merge builds on those before.
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    db: Database,
    operations: Operations,
    durability: Durability,
    len: usize,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch of {} writes", self.len)
    }
}

impl Batch {
    pub(crate) fn new(db: &Database) -> Batch {
        let durability = db.engine.options().durability;
        Batch { db: db.clone(), operations: Operations::new(), durability, len: 0 }
    }

    /// Commits with this durability instead of the database's.
    pub fn durability(&mut self, durability: Durability) -> &mut Batch {
        self.durability = durability;
        self
    }

    /// Sets the value of `key` in `keyspace`.
    ///
    /// # Errors
    /// `Invalid` when the key has more than 65,535 bytes or the value 4 GiB or more, or for a
    /// keyspace of another database; `Full` when the batch would exceed half of the memory budget.
    /// The batch is as it was.
    pub fn put(
        &mut self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<()> {
        self.write(keyspace, |ops| keyspace.append_put(ops, key.as_ref(), value.as_ref()))
    }

    /// Sets the value of `key` as it was stored elsewhere: to expire at this time, or never,
    /// whatever the keyspace gives its values.
    pub(crate) fn put_stored(
        &mut self,
        keyspace: &Keyspace,
        (key, value): (&[u8], &[u8]),
        expires_ms: Option<u64>,
    ) -> Result<()> {
        self.write(keyspace, |ops| match expires_ms {
            Some(expires_ms) => op::put_expiring(ops, key, value, expires_ms),
            None => op::put(ops, key, value),
        })
    }

    /// Sets the value of `key` in `keyspace` for some time: see [`Keyspace::put_with_ttl`].
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn put_with_ttl(
        &mut self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) -> Result<()> {
        let (key, value) = (key.as_ref(), value.as_ref());
        self.write(keyspace, |ops| keyspace.append_put_for(ops, key, value, ttl))
    }

    /// Merges what `key` has with `operand`: see [`Keyspace::merge`]. What the batch has written to
    /// the key before is merged too; if that does not fit, [`Batch::commit`] fails with `Invalid`.
    ///
    /// # Errors
    /// As [`Keyspace::merge`], for what is wrong with the operand; the batch is as it was.
    pub fn merge(
        &mut self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        operand: impl AsRef<[u8]>,
    ) -> Result<()> {
        self.write(keyspace, |ops| keyspace.append_merge(ops, key.as_ref(), operand.as_ref()))
    }

    /// Removes `key` from `keyspace`, whether or not it is there.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn delete(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<()> {
        self.write(keyspace, |ops| op::delete(ops, key.as_ref()))
    }

    /// Adds a note for those who read [`Database::changes_since`]: who did it, or why. It is logged
    /// with the commit, and kept as long as the log is. A later note replaces it.
    pub fn note(&mut self, note: impl AsRef<[u8]>) -> &mut Batch {
        note::set(self.operations.notes(), note.as_ref());
        self
    }

    /// Appends an operation on `keyspace`, or none, or fails and leaves the batch as it was.
    pub(super) fn write(
        &mut self,
        keyspace: &Keyspace,
        append: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        keyspace.check_same(&self.db)?;
        let ops = self.operations.part(keyspace.id());
        let before = ops.len();
        append(ops)?;
        let grown = usize::from(ops.len() > before);
        if let Err(full) = self.db.engine.options().check_batch(self.operations.encoded_len()) {
            self.operations.part(keyspace.id()).truncate(before);
            return Err(full);
        }
        self.len += grown;
        Ok(())
    }

    /// Writes so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all writes.
    pub fn clear(&mut self) {
        self.operations.clear();
        self.len = 0;
    }

    /// Commits: all writes become visible at once, and durable as the batch says. An empty batch
    /// commits nothing.
    ///
    /// # Errors
    /// `NotFound` when a keyspace was dropped, `Full` when the batch exceeds half of the memory
    /// budget or the disk is full: nothing was written. `Poisoned`: whether it was written is
    /// unknown until the database is opened again.
    pub fn commit(self) -> Result<()> {
        if !self.operations.is_empty() {
            self.db.engine.commit(self.operations, self.durability)?;
        }
        Ok(())
    }

    /// Commits as far as the place in the order of commits, and gives a handle to wait for the
    /// rest.
    ///
    /// # Errors
    /// As [`Batch::commit`]; what is told by the handle is `Poisoned` alone.
    pub fn submit(self) -> Result<CommitHandle> {
        self.db.engine.submit(self.operations, self.durability).map(CommitHandle::new)
    }
}
