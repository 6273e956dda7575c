//! Values that live for a while.
//!
//! Not for: how they are kept, and when their space is given back.

use std::time::Duration;

use crate::Result;
use crate::kv::{Keyspace, Snapshot};
use crate::transaction::Transaction;

/// How long a value has to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Until it is overwritten or deleted.
    Never,
    /// For so long, to the millisecond, unless it is overwritten or deleted before.
    In(Duration),
}

impl Expiry {
    fn at(expiry_ms: Option<u64>, now_ms: u64) -> Expiry {
        match expiry_ms {
            None => Expiry::Never,
            Some(at) => Expiry::In(Duration::from_millis(at.saturating_sub(now_ms))),
        }
    }
}

/// When something ends that begins at `now_ms`, if it does. A part of a millisecond counts as a
/// whole one.
pub(super) fn end_ms(now_ms: u64, ttl: Duration) -> Option<u64> {
    Some(ttl_ms(ttl)).filter(|ms| *ms < u64::MAX).map(|ms| now_ms.saturating_add(ms))
}

/// Milliseconds, rounded up; `u64::MAX` for times that have more, [`Duration::MAX`] above all,
/// which are for ever.
pub(super) fn ttl_ms(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl Keyspace {
    /// How long the value of `key` has to live from now on; `None` if it has no value.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn expiry(&self, key: impl AsRef<[u8]>) -> Result<Option<Expiry>> {
        let (key, engine) = (key.as_ref(), &self.database().engine);
        self.handle().ask_now(engine, |reader| {
            let found = reader.expiry_ms(key)?;
            Ok(found.map(|expiry_ms| match expiry_ms {
                None => Expiry::Never,
                Some(at) => Expiry::In(Duration::from_millis(reader.left_ms(at))),
            }))
        })
    }
}

impl Snapshot {
    /// How long the value that `key` had had to live when the snapshot was taken; `None` if it had
    /// no value.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn expiry(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<Expiry>> {
        let found = self.ask(keyspace, |reader| reader.expiry_ms(key.as_ref()))?;
        Ok(found.map(|expiry_ms| Expiry::at(expiry_ms, self.clock_ms())))
    }
}

impl Transaction {
    /// How long the value of `key` has to live from when the transaction began; `None` if it has no
    /// value.
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn expiry(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<Expiry>> {
        self.look_up(keyspace, key.as_ref(), |reader, key| {
            let now_ms = reader.clock_ms();
            Ok(reader.expiry_ms(key)?.map(|expiry_ms| Expiry::at(expiry_ms, now_ms)))
        })
    }
}
