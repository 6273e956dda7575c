//! What is saved of a damaged index, and what is lost of it.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::id::SeqNo;
use crate::index::SegmentMeta;

/// What the segments of a damaged index are known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// The manifest: these are all of them, as they were.
    Manifest,
    /// What their files say of themselves, from when each was written. Some may have been replaced
    /// by others since.
    Labels,
}

/// A segment of a damaged index.
#[derive(Clone, Debug)]
pub struct Remnant {
    /// What is said of it.
    pub meta: Arc<SegmentMeta>,
    /// Of what was loaded by a commit that nobody knows: its number is greater than this, and at
    /// most `meta.newest`. 0 if nothing tells.
    pub loaded_after: SeqNo,
}

impl From<Arc<SegmentMeta>> for Remnant {
    fn from(meta: Arc<SegmentMeta>) -> Remnant {
        Remnant { meta, loaded_after: SeqNo(0) }
    }
}

/// Takes what is saved of a damaged index.
pub trait Salvage {
    /// Takes operations of the index's type: all of them, or none.
    ///
    /// # Errors
    /// What putting them elsewhere fails with, whatever they are.
    fn operations(&mut self, ops: &[u8]) -> Result<Taken>;

    /// As [`Salvage::operations`], of such whose outcome may depend on when they were committed:
    /// that was at `clock_ms`.
    ///
    /// # Errors
    /// As there.
    fn operations_at(&mut self, clock_ms: u64, ops: &[u8]) -> Result<Taken> {
        let _ = clock_ms;
        self.operations(ops)
    }

    /// Takes note that something is lost, and why.
    fn lost(&mut self, what: Lost, why: String);
}

/// What became of operations that were saved.
#[derive(Debug)]
#[must_use]
pub enum Taken {
    /// They count.
    All,
    /// They cannot be taken as they are, and why: a part of them may be.
    Nothing(Error),
}

/// Something that is lost, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// What was newest of keys from the first to the last, these included; older content of them
    /// may be there. `None` is the end of all keys.
    Keys {
        /// The first.
        first: Vec<u8>,
        /// The last.
        last: Option<Vec<u8>>,
    },
    /// The value of a key. The key is gone.
    Value {
        /// The key.
        key: Vec<u8>,
    },
    /// Deletes of ranges of keys: what was deleted may be back.
    Deletes {
        /// The first key that may be concerned.
        first: Vec<u8>,
        /// The first key behind them; `None` is the end of all keys.
        end: Option<Vec<u8>>,
    },
    /// What operands of a key build on. What comes of them may be wrong.
    Base {
        /// The key.
        key: Vec<u8>,
    },
    /// Commits, or parts of them.
    Commits {
        /// The number of the first.
        first: u64,
        /// The number of the last; `None` where nobody knows.
        last: Option<u64>,
    },
    /// A file, or a part of it.
    File {
        /// Its name in the directory.
        name: String,
    },
    /// Anything else: why it is lost says what it is.
    Other,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Keys { first, last } => {
                write!(f, "keys from {} to ", first.escape_ascii())?;
                match last {
                    Some(last) => write!(f, "{}", last.escape_ascii()),
                    None => write!(f, "the end"),
                }
            }
            Lost::Value { key } => write!(f, "value of key {}", key.escape_ascii()),
            Lost::Deletes { first, end } => {
                write!(f, "range deletes from {} ", first.escape_ascii())?;
                match end {
                    Some(end) => write!(f, "to before {}", end.escape_ascii()),
                    None => write!(f, "to the end"),
                }
            }
            Lost::Base { key } => {
                write!(f, "what was merged with, or before, key {}", key.escape_ascii())
            }
            Lost::Commits { first, last: Some(last) } if first == last => {
                write!(f, "commit {first}")
            }
            Lost::Commits { first, last: Some(last) } => write!(f, "commits {first} to {last}"),
            Lost::Commits { first, last: None } => write!(f, "commits from {first} on"),
            Lost::File { name } => write!(f, "{name}"),
            Lost::Other => write!(f, "other content"),
        }
    }
}
