//! Operations of one index in a batch, as they are logged.
//!
//! ```text
//! operations | operation, operation, ... to the end
//! operation  | kind u8 | fields of the kind
//!
//! kind 1, put          | key: byte string | value: byte string
//!      2, delete       | key: byte string
//!      3, range delete | start: byte string | end, exclusive: byte string
//!      4, merge        | key: byte string | operands: byte string
//!      5, blob         | key: byte string | where the value lies: byte string
//!      6, put + expiry | key: byte string | expiry u64, ms since 1970, and value: byte string
//! operands             | operand: byte string, ... oldest first, at least one
//! ```
//!
//! A byte string is a varint length and the bytes. The end of a range delete comes after its start,
//! or is empty: then it reaches to the end of all keys. Kind 5 is reserved: this version refuses it
//! by name. Normative: `docs/formats/lsm-operations.md`.
//!
//! Not for: what the operations mean to a reader (that is `memtable.rs` and what is below it), and
//! their order in the log (`prepare.rs`).
//!
//! Invariants
//! 1. Kind numbers are never reused, and are the same in memtables and segments.

use cuesta_engine::error::{Error, Result};
use cuesta_engine::format::{Reader, put_bytes, put_varint, varint_len};

use super::expiry::{self, EXPIRY_BYTES};
use super::kind::Kind;
use super::span;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 65_535;
/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: u64 = u32::MAX as u64;
/// What an operand is stored with at most, besides its length: what it builds on, and its times.
const OPERAND_BYTES: u64 = 1 + 10 + 1;

/// Number of [`Op::Put`].
pub const PUT: u8 = Kind::Put as u8;
/// Number of [`Op::Delete`].
pub const DELETE: u8 = Kind::Delete as u8;
/// Number of [`Op::DeleteRange`].
pub const DELETE_RANGE: u8 = 3;
/// Number of [`Op::Merge`].
pub const MERGE: u8 = Kind::Merge as u8;
/// Number of entries whose value lies apart; there is no such operation.
pub const BLOB: u8 = Kind::Blob as u8;
/// Number of [`Op::Expiring`].
pub const EXPIRING: u8 = Kind::Expiring as u8;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// The key has this value from now on.
    Put {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// The key is gone from now on.
    Delete {
        /// The key.
        key: &'a [u8],
    },
    /// What the key has is to be merged with operands.
    Merge {
        /// The key.
        key: &'a [u8],
        /// Byte strings one after the other, oldest first.
        operands: &'a [u8],
    },
    /// The key has a value from now on, until it expires.
    Expiring {
        /// The key.
        key: &'a [u8],
        /// The expiry and the value.
        stored: &'a [u8],
    },
    /// All keys of a range are gone from now on.
    DeleteRange {
        /// The first key.
        start: &'a [u8],
        /// The first key behind the range; `None` is behind all keys.
        end: Option<&'a [u8]>,
    },
}

impl<'a> Op<'a> {
    /// The expiry and the value of one that expires.
    pub fn expiring(&self) -> Option<(u64, &'a [u8])> {
        match self {
            Op::Expiring { stored, .. } => expiry::split(stored).ok(),
            Op::Put { .. } | Op::Delete { .. } | Op::Merge { .. } | Op::DeleteRange { .. } => None,
        }
    }

    /// What it says of a key, and the bytes besides the key.
    #[inline]
    pub fn entry(&self) -> (Kind, &'a [u8]) {
        match self {
            Op::Put { value, .. } => (Kind::Put, value),
            Op::Delete { .. } | Op::DeleteRange { .. } => (Kind::Delete, &[]),
            Op::Merge { operands, .. } => (Kind::Merge, operands),
            Op::Expiring { stored, .. } => (Kind::Expiring, stored),
        }
    }

    /// The key; of a range, the first one.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        match self {
            Op::Put { key, .. }
            | Op::Delete { key }
            | Op::Merge { key, .. }
            | Op::Expiring { key, .. } => key,
            Op::DeleteRange { start, .. } => start,
        }
    }
}

/// Appends the operation that gives `key` this value.
///
/// # Errors
/// `Invalid` when the key is longer than [`KEY_BYTES_MAX`], or the value than [`VALUE_BYTES_MAX`];
/// nothing is appended then.
#[inline]
pub fn put(ops: &mut Vec<u8>, key: &[u8], value: &[u8]) -> Result<()> {
    check_key(key)?;
    check_value(value.len() as u64)?;
    ops.reserve(1 + 3 + key.len() + varint_len(value.len() as u64) + value.len());
    ops.push(PUT);
    put_bytes(ops, key);
    put_bytes(ops, value);
    Ok(())
}

/// Appends the operation that removes `key`.
///
/// # Errors
/// `Invalid` when the key is longer than [`KEY_BYTES_MAX`]; nothing is appended then.
#[inline]
pub fn delete(ops: &mut Vec<u8>, key: &[u8]) -> Result<()> {
    check_key(key)?;
    ops.push(DELETE);
    put_bytes(ops, key);
    Ok(())
}

/// Appends the operation that gives `key` this value until `expiry_ms`, in milliseconds since 1970.
///
/// # Errors
/// As [`put`]; the value may be as long but for eight bytes.
#[inline]
pub fn put_expiring(ops: &mut Vec<u8>, key: &[u8], value: &[u8], expiry_ms: u64) -> Result<()> {
    check_key(key)?;
    let len = (value.len() + EXPIRY_BYTES) as u64;
    check_value(len)?;
    ops.reserve(1 + 3 + key.len() + varint_len(len) + len as usize);
    ops.push(EXPIRING);
    put_bytes(ops, key);
    put_varint(ops, len);
    ops.extend_from_slice(&expiry_ms.to_le_bytes());
    ops.extend_from_slice(value);
    Ok(())
}

/// Appends the operation that merges what `key` has with an operand.
///
/// # Errors
/// As [`put`], with an operand in the place of the value.
pub fn merge(ops: &mut Vec<u8>, key: &[u8], operand: &[u8]) -> Result<()> {
    check_key(key)?;
    let len = varint_len(operand.len() as u64) + operand.len();
    check_value(len as u64 + OPERAND_BYTES)?;
    ops.push(MERGE);
    put_bytes(ops, key);
    put_varint(ops, len as u64);
    put_bytes(ops, operand);
    Ok(())
}

/// Appends the operation that removes all keys from `start` on, up to `end`, which is not one of
/// them; `None` is the end of all keys. Appends nothing when the end does not come after the start.
///
/// # Errors
/// `Invalid` when a border is longer than [`KEY_BYTES_MAX`]; nothing is appended then.
pub fn delete_range(ops: &mut Vec<u8>, start: &[u8], end: Option<&[u8]>) -> Result<()> {
    check_key(start)?;
    check_key(end.unwrap_or_default())?;
    if span::is_before(start, end) {
        ops.push(DELETE_RANGE);
        put_bytes(ops, start);
        put_bytes(ops, end.unwrap_or_default());
    }
    Ok(())
}

/// The first key after `key`: `None` when there is none. It is no longer than keys may be.
pub fn key_after(key: &[u8]) -> Option<Vec<u8>> {
    let mut after = key.to_vec();
    if after.len() < KEY_BYTES_MAX {
        after.push(0);
        return Some(after);
    }
    // Only shorter ones come behind the longest: those that differ from it before its end.
    let last = after.iter().rposition(|byte| *byte != u8::MAX)?;
    after.truncate(last + 1);
    *after.last_mut()? += 1;
    Some(after)
}

#[inline]
fn check_key(key: &[u8]) -> Result<()> {
    if key.len() <= KEY_BYTES_MAX { Ok(()) } else { Err(long_key(key.len())) }
}

#[inline]
pub(crate) fn check_value(len: u64) -> Result<()> {
    if len <= VALUE_BYTES_MAX { Ok(()) } else { Err(long_value(len)) }
}

#[cold]
fn long_key(len: usize) -> Error {
    Error::invalid(format!("key of {len} bytes; the limit is {KEY_BYTES_MAX}"))
}

#[cold]
fn long_value(len: u64) -> Error {
    Error::invalid(format!("value of {len} bytes; the limit is {VALUE_BYTES_MAX}"))
}

#[cold]
fn unknown_kind(kind: u8, offset: usize) -> Error {
    let name = match kind {
        5 => "blob",
        _ => "unknown",
    };
    let message = format!("operation of kind {kind} ({name}) at byte {offset}: not supported here");
    Error::unsupported(message)
}

/// Takes operations apart, checking every byte. After an error there is no more.
#[derive(Clone, Debug)]
pub struct Ops<'a> {
    reader: Reader<'a>,
}

impl<'a> Ops<'a> {
    /// The operations in `ops`.
    #[inline]
    pub fn new(ops: &'a [u8]) -> Ops<'a> {
        Ops { reader: Reader::new(ops, "operations") }
    }

    /// Bytes taken so far.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.reader.offset()
    }

    #[inline]
    fn take(&mut self) -> Result<Op<'a>> {
        let offset = self.offset();
        let kind = self.reader.u8()?;
        if kind == DELETE_RANGE {
            return self.take_range(offset);
        }
        let kind = match Kind::from_code(kind) {
            Ok(Kind::Blob) | Err(_) => return Err(unknown_kind(kind, offset)),
            Ok(kind) => kind,
        };
        let key = self.reader.bytes()?;
        check_key(key)?;
        if kind == Kind::Delete {
            return Ok(Op::Delete { key });
        }
        let value = self.reader.bytes()?;
        check_value(value.len() as u64)?;
        match kind {
            Kind::Merge => {
                check_operands(value)?;
                Ok(Op::Merge { key, operands: value })
            }
            Kind::Expiring => {
                expiry::split(value)?;
                Ok(Op::Expiring { key, stored: value })
            }
            Kind::Put | Kind::Delete | Kind::Blob => Ok(Op::Put { key, value }),
        }
    }

    #[cold]
    fn take_range(&mut self, offset: usize) -> Result<Op<'a>> {
        let (start, end) = (self.reader.bytes()?, self.reader.bytes()?);
        check_key(start)?;
        check_key(end)?;
        let end = Some(end).filter(|end| !end.is_empty());
        if !span::is_before(start, end) {
            return Err(Error::invalid(format!("range delete at byte {offset} ends at its start")));
        }
        Ok(Op::DeleteRange { start, end })
    }
}

/// The operands in a list of them, oldest first, as far as it makes sense.
pub fn operands(list: &[u8]) -> impl Iterator<Item = &[u8]> + use<'_> {
    let mut reader = Reader::new(list, "merge operands");
    std::iter::from_fn(move || if reader.is_empty() { None } else { reader.bytes().ok() })
}

/// Checks that there are operands and nothing else.
fn check_operands(operands: &[u8]) -> Result<()> {
    let mut reader = Reader::new(operands, "merge operands");
    reader.bytes()?;
    while !reader.is_empty() {
        reader.bytes()?;
    }
    Ok(())
}

impl<'a> Iterator for Ops<'a> {
    type Item = Result<Op<'a>>;

    /// # Errors
    /// `Corrupt` for bytes that are no operations, `Unsupported` for kinds of other versions,
    /// `Invalid` for too long keys and values.
    #[inline]
    fn next(&mut self) -> Option<Result<Op<'a>>> {
        if self.reader.is_empty() {
            return None;
        }
        let op = self.take();
        if op.is_err() {
            self.reader = Reader::new(&[], "operations");
        }
        Some(op)
    }
}
