//! A number in a key below which everything may have been given out.
//!
//! ```text
//! value  "uid" | version u8: 1 | kind u8 | mark u64 | epoch u64, of snowflakes alone
//! kind   1 sequence, 2 snowflakes, 3 UUIDs, 4 ULIDs
//! ```
//!
//! The page is `docs/formats/mark.md`. Numbers are little-endian. What a number of one kind says
//! would be wrong for another, and so would a snowflake of another epoch: a key is of one kind of
//! generator for ever.
//!
//! It never expires, even in a keyspace that gives its values a time to live.
//!
//! Not for: what the numbers mean.

use std::fmt;
use std::ops::Range;

use crate::{Durability, Error, Keyspace, Result, TransactionOptions};

/// Attempts at one reservation: each that fails means that somebody else's has succeeded.
const ATTEMPTS: u32 = 10_000;

const MAGIC: [u8; 3] = *b"uid";
const VERSION: u8 = 1;

/// Whose mark it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sequence,
    /// Of this epoch, in milliseconds since 1970.
    Snowflakes(u64),
    Uuids,
    Ulids,
}

impl Kind {
    fn tag(self) -> u8 {
        match self {
            Kind::Sequence => 1,
            Kind::Snowflakes(_) => 2,
            Kind::Uuids => 3,
            Kind::Ulids => 4,
        }
    }

    fn encode(self, mark: u64) -> Vec<u8> {
        let mut value = MAGIC.to_vec();
        value.extend([VERSION, self.tag()]);
        value.extend_from_slice(&mark.to_le_bytes());
        if let Kind::Snowflakes(epoch_ms) = self {
            value.extend_from_slice(&epoch_ms.to_le_bytes());
        }
        value
    }

    /// A mark and whose it is, if the value is one of this version.
    fn decode(value: &[u8]) -> Option<(Kind, u64)> {
        let (tag, rest) = value.strip_prefix(&MAGIC)?.strip_prefix(&[VERSION])?.split_first()?;
        let (mark, rest) =
            rest.split_first_chunk().map(|(mark, rest)| (u64::from_le_bytes(*mark), rest))?;
        let kind = match (tag, rest) {
            (1, []) => Kind::Sequence,
            (2, epoch) => Kind::Snowflakes(u64::from_le_bytes(epoch.try_into().ok()?)),
            (3, []) => Kind::Uuids,
            (4, []) => Kind::Ulids,
            _ => return None,
        };
        Some((kind, mark))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Sequence => f.write_str("a sequence"),
            Kind::Snowflakes(epoch_ms) => write!(f, "snowflakes with the epoch {epoch_ms} ms"),
            Kind::Uuids => f.write_str("UUIDs"),
            Kind::Ulids => f.write_str("ULIDs"),
        }
    }
}

/// The version of a mark that this is not the version of.
fn other_version(value: &[u8]) -> Option<u8> {
    let version = *value.strip_prefix(&MAGIC)?.first()?;
    (version != VERSION).then_some(version)
}

/// The key that a generator reserves in.
#[derive(Debug)]
pub(super) struct Mark {
    keyspace: Keyspace,
    key: Box<[u8]>,
    kind: Kind,
}

impl Mark {
    /// The mark at `key`, checked.
    ///
    /// # Errors
    /// `Invalid` when something else is there, `Unsupported` when it is a mark of another version;
    /// as [`Keyspace::get`].
    pub(super) fn open(keyspace: &Keyspace, key: &[u8], kind: Kind) -> Result<Mark> {
        let mark = Mark { keyspace: keyspace.clone(), key: key.into(), kind };
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
            tx.put_lasting(&self.keyspace, &self.key, &self.kind.encode(mark))?;
            Ok(result)
        })
    }

    fn number(&self, value: Option<&[u8]>) -> Result<Option<u64>> {
        let Some(value) = value else { return Ok(None) };
        if let Some(version) = other_version(value) {
            return Err(Error::unsupported(format!(
                "key \"{}\" of keyspace {:?} holds the mark of a generator in format version \
                 {version}, and this is version {VERSION}",
                self.key.escape_ascii(),
                self.keyspace.name()
            )));
        }
        let found = match Kind::decode(value) {
            Some((kind, mark)) if kind == self.kind => return Ok(Some(mark)),
            Some((kind, _)) => format!("the mark of a generator of {kind}"),
            None => format!("{} bytes that are no mark of a generator", value.len()),
        };
        Err(Error::invalid(format!(
            "key \"{}\" of keyspace {:?} holds {found}, and not of {}: choose another key",
            self.key.escape_ascii(),
            self.keyspace.name(),
            self.kind
        )))
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

#[cfg(test)]
mod tests;
