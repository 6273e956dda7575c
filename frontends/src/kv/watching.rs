//! What of a keyspace can be watched.

use std::ops::RangeBounds;

use cuesta_engine::oracle::Span;
use cuesta_engine::watchers::Scope;

use crate::Result;
use crate::kv::{Keyspace, after, after_prefix, bounds, half_open};
use crate::watch::Watch;

impl Keyspace {
    /// A [`Watch`] of the keys in `range`, those that are not there yet included. Making it may
    /// wait for a sync: commits that are on their way are not told.
    ///
    /// # Errors
    /// `NotFound` when the keyspace was dropped; `Poisoned`; `Invalid` when the database is closed;
    /// `Unsupported` when it is open for reading only, where nothing changes; `Full` when a strict
    /// memory budget has no room for it.
    pub fn watch<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Result<Watch> {
        self.watch_span(half_open(bounds(&range)))
    }

    /// A [`Watch`] of the keys that begin with `prefix`. See [`Keyspace::watch`].
    ///
    /// # Errors
    /// As there.
    pub fn watch_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Watch> {
        let prefix = prefix.as_ref();
        self.watch_span((prefix.to_vec(), after_prefix(prefix)))
    }

    /// A [`Watch`] of one key. See [`Keyspace::watch`].
    ///
    /// # Errors
    /// As there.
    pub fn watch_key(&self, key: impl AsRef<[u8]>) -> Result<Watch> {
        let key = key.as_ref();
        self.watch_span((key.to_vec(), Some(after(key))))
    }

    fn watch_span(&self, span: Span) -> Result<Watch> {
        Watch::new(self.database(), Scope::Range(self.id(), span))
    }
}
