//! What a snapshot or a transaction sees, behind one face: who reads need not know which it is.
//!
//! Not for: writing, which transactions alone do.

use std::sync::Arc;

use crate::Result;
use crate::database::Database;
use crate::kv::transaction::{look_up, seen_by};
use crate::kv::{Bounds, Cursor, Keyspace, Snapshot};
use crate::transaction::{Shared, Transaction};

/// One moment to read from. Of a transaction it is the present one with what it has written by
/// then, and what is read counts when conflicts are looked for.
#[derive(Clone)]
pub(crate) enum Moment {
    Committed(Snapshot),
    Transaction(Database, Arc<Shared>),
}

impl Moment {
    /// What a transaction sees.
    pub(crate) fn of(tx: &Transaction) -> Moment {
        Moment::Transaction(tx.db.clone(), tx.shared.clone())
    }

    /// Hands the value of `key` to `take`, if it has one: no copy. `take` must not use the
    /// transaction.
    pub(crate) fn get_with<R>(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        take: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        match self {
            Moment::Committed(snapshot) => {
                snapshot.ask(keyspace, |reader| reader.get_with(key, take))
            }
            Moment::Transaction(db, shared) => {
                look_up((db, shared), keyspace, key, |reader, key| reader.get_with(key, take))
            }
        }
    }

    /// A cursor over the keys within bounds.
    pub(crate) fn cursor(&self, keyspace: &Keyspace, within: Bounds<'_>) -> Result<Cursor> {
        match self {
            Moment::Committed(snapshot) => snapshot.cursor_within(keyspace, within),
            Moment::Transaction(db, shared) => {
                seen_by((db, shared), keyspace)?.cursor_within(keyspace, within)
            }
        }
    }
}
