//! A number in a key below which everything may have been given out.
//!
//! ```text
//! value  mark u64, little-endian
//! ```
//!
//! It never expires, even in a keyspace that gives its values a time to live.
//!
//! Not for: what the numbers mean.

use std::ops::Range;

use crate::{Durability, Error, Keyspace, Result, TransactionOptions};

/// Attempts at one reservation: each that fails means that somebody else's has succeeded.
const ATTEMPTS: u32 = 10_000;

/// The key that a generator reserves in.
#[derive(Debug)]
pub(super) struct Mark {
    keyspace: Keyspace,
    key: Box<[u8]>,
}

impl Mark {
    /// The mark at `key`, checked.
    ///
    /// # Errors
    /// `Invalid` when something else is there; as [`Keyspace::get`].
    pub(super) fn open(keyspace: &Keyspace, key: &[u8]) -> Result<Mark> {
        let mark = Mark { keyspace: keyspace.clone(), key: key.into() };
        mark.number(keyspace.get(key)?.as_deref())?;
        Ok(mark)
    }

    /// The keyspace.
    pub(super) fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// Moves the mark on, durably: `wish` says from where it is what to reserve, and the mark moves
    /// to the end of that.
    ///
    /// # Errors
    /// As [`Database::transact`](crate::Database::transact); what `wish` fails with.
    pub(super) fn reserve(&self, wish: impl Fn(u64) -> Result<Range<u64>>) -> Result<Range<u64>> {
        self.change(|mark| wish(mark.unwrap_or(0)).map(|range| (range.end, range)))
    }

    /// Moves the mark back from the end of `rest` to its start, if nobody has moved it since.
    ///
    /// # Errors
    /// As [`Mark::reserve`].
    pub(super) fn give_back(&self, rest: &Range<u64>) -> Result<()> {
        self.change(|mark| {
            let mark = mark.unwrap_or(0);
            Ok((if mark == rest.end { rest.start } else { mark }, ()))
        })
    }

    fn change<R>(&self, change: impl Fn(Option<u64>) -> Result<(u64, R)>) -> Result<R> {
        let options = TransactionOptions::new().durability(Durability::Sync).attempts(ATTEMPTS);
        self.keyspace.database().transact_with(&options, |tx| {
            let found = tx.get(&self.keyspace, &self.key)?;
            let (mark, result) = change(self.number(found.as_deref())?)?;
            tx.put_lasting(&self.keyspace, &self.key, &mark.to_le_bytes())?;
            Ok(result)
        })
    }

    fn number(&self, value: Option<&[u8]>) -> Result<Option<u64>> {
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes);
        value.map(number).transpose().map_err(|_| {
            Error::invalid(format!(
                "key \"{}\" of keyspace {:?} holds {} bytes that are no mark of a generator: \
                 choose another key",
                self.key.escape_ascii(),
                self.keyspace.name(),
                value.map_or(0, <[u8]>::len)
            ))
        })
    }

    /// The error for numbers that have run out.
    pub(super) fn exhausted(&self) -> Error {
        Error::full(format!(
            "the generator \"{}\" of keyspace {:?} has given out all numbers",
            self.key.escape_ascii(),
            self.keyspace.name()
        ))
    }
}
