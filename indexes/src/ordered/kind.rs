//! What an entry says of its key: the same numbers in the log, in memtables and in segments.

use cuesta_engine::error::{Error, Result};

/// What an entry says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// It has this value.
    Put = 1,
    /// It is gone.
    Delete = 2,
    /// What it had is to be merged with operands.
    Merge = 4,
    /// It has a value that lies elsewhere: the entry, of a segment, holds a pointer.
    Blob = 5,
    /// It has this value for some time; the bytes begin with the end of that time, see
    /// `expiry.rs`.
    Expiring = 6,
}

impl Kind {
    /// The kind numbered `code`.
    ///
    /// # Errors
    /// `Unsupported` for kinds of later versions.
    #[inline]
    pub fn from_code(code: u8) -> Result<Kind> {
        match code {
            1 => Ok(Kind::Put),
            2 => Ok(Kind::Delete),
            4 => Ok(Kind::Merge),
            5 => Ok(Kind::Blob),
            6 => Ok(Kind::Expiring),
            _ => Err(unknown_kind(code)),
        }
    }
}

#[cold]
fn unknown_kind(code: u8) -> Error {
    match code {
        3 => Error::unsupported("range deletes (entry kind 3) are not known here"),
        _ => Error::unsupported(format!("entry kind {code} is not known here")),
    }
}
