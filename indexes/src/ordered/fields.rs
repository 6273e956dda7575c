//! Facts that came later than a format: numbered fields behind everything else, left out where
//! there is nothing to say.
//!
//! ```text
//! field, ... with ascending numbers | number varint | byte string
//! ```
//!
//! A reader refuses a number that it does not know: whoever wrote it meant it to matter.
//!
//! Not for: what the fields hold.

use cuesta_engine::error::{Error, Result};
use cuesta_engine::format::{Reader, put_bytes, put_varint};

/// Appends field `number`.
pub(crate) fn put(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number);
    put_bytes(out, bytes);
}

/// Takes the next field; `None` at the end. `last` is the number of the field before, 0 at first.
///
/// # Errors
/// `Corrupt` when numbers do not ascend.
pub(crate) fn take<'a>(reader: &mut Reader<'a>, last: &mut u64) -> Result<Option<(u64, &'a [u8])>> {
    if reader.is_empty() {
        return Ok(None);
    }
    let number = reader.varint()?;
    if number <= *last {
        return Err(reader.corrupt("fields out of order"));
    }
    *last = number;
    Ok(Some((number, reader.bytes()?)))
}

/// The error for a field that is not known.
#[cold]
pub(crate) fn unknown(what: &str, number: u64) -> Error {
    Error::unsupported(format!("{what} has field {number}, which is not known here"))
}
