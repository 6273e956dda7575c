//! Values that expire, as one byte string.
//!
//! ```text
//! expiry u64, ms since 1970 | value
//! ```
//!
//! From its expiry on, by the clock of whoever looks, the key has no value, and none that it had
//! before.
//!
//! Not for: what the time is.

use cuesta_engine::error::{Error, Result};

/// Bytes in front of the value.
pub(crate) const EXPIRY_BYTES: usize = 8;

/// Takes a stored value apart into its expiry and the value.
///
/// # Errors
/// `Corrupt` when it is too short.
#[inline]
pub(crate) fn split(stored: &[u8]) -> Result<(u64, &[u8])> {
    match stored.split_first_chunk::<EXPIRY_BYTES>() {
        Some((expiry_ms, value)) => Ok((u64::from_le_bytes(*expiry_ms), value)),
        None => Err(short(stored.len())),
    }
}

#[cold]
fn short(len: usize) -> Error {
    Error::corrupt(format!("an expiring value of {len} bytes is shorter than its expiry"))
}

/// The stored bytes of a value and its expiry.
pub(crate) fn join(expiry_ms: u64, value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(EXPIRY_BYTES + value.len());
    stored.extend_from_slice(&expiry_ms.to_le_bytes());
    stored.extend_from_slice(value);
    stored
}
