//! Operations of one index in a batch, as they are logged.
//!
//! ```text
//! operations | operation, operation, ... to the end
//! operation  | kind u8 | fields of the kind
//!
//! kind 1, put          | key: byte string | value: byte string
//!      2, delete       | key: byte string
//!      3, range delete | start: byte string | end, exclusive: byte string
//!      4, merge        | key: byte string | operand: byte string
//!      5, blob         | key: byte string | where the value lies: byte string
//!      6, put + expiry | key: byte string | expiry u64, ms since 1970 | value: byte string
//! ```
//!
//! A byte string is a varint length and the bytes. Kinds 3 to 6 are reserved: this version refuses
//! them by name. Normative: `docs/formats/lsm-operations.md`.
//!
//! Not for: what the operations mean to a reader (that is `memtable.rs` and what is below it).
//!
//! Invariants
//! 1. Prepared operations are strictly ascending by key: at most one per key. (Range deletes will
//!    come before all others.)
//! 2. Kind numbers are never reused, and are the same in memtables and segments.

use cuesta_engine::error::{Error, Result};
use cuesta_engine::format::{Reader, put_bytes, varint_len};
use cuesta_engine::index::Footprint;

#[cfg(test)]
mod tests;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 65_535;
/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: u64 = u32::MAX as u64;

/// Number of [`Op::Put`].
pub const PUT: u8 = 1;
/// Number of [`Op::Delete`].
pub const DELETE: u8 = 2;
/// Number of entries whose value lies apart; there is no such operation.
pub const BLOB: u8 = 5;

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
}

impl<'a> Op<'a> {
    /// The key.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        match self {
            Op::Put { key, .. } | Op::Delete { key } => key,
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

#[inline]
fn check_key(key: &[u8]) -> Result<()> {
    if key.len() <= KEY_BYTES_MAX { Ok(()) } else { Err(long_key(key.len())) }
}

#[inline]
fn check_value(len: u64) -> Result<()> {
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
        3 => "range delete",
        4 => "merge",
        5 => "blob",
        6 => "put with expiry",
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
    fn offset(&self) -> usize {
        self.reader.offset()
    }

    #[inline]
    fn take(&mut self) -> Result<Op<'a>> {
        let offset = self.offset();
        let kind = self.reader.u8()?;
        if kind != PUT && kind != DELETE {
            return Err(unknown_kind(kind, offset));
        }
        let key = self.reader.bytes()?;
        check_key(key)?;
        if kind == DELETE {
            return Ok(Op::Delete { key });
        }
        let value = self.reader.bytes()?;
        check_value(value.len() as u64)?;
        Ok(Op::Put { key, value })
    }
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

/// Checks operations and brings them into order, with the last one of each key; adds the keys to
/// the footprint. Operations in strictly ascending order stay as they are, and nothing allocates.
///
/// # Errors
/// See [`Ops::next`]; `ops` are then unchanged.
pub fn prepare(ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()> {
    if !check(ops)? {
        *ops = normalised(ops)?;
    }
    if let Some(footprint) = footprint {
        for op in Ops::new(ops) {
            footprint.points.push(op?.key().to_vec());
        }
    }
    Ok(())
}

/// Checks all operations and says whether they are strictly ascending by key.
fn check(ops: &[u8]) -> Result<bool> {
    let mut ascending = true;
    let mut last: Option<&[u8]> = None;
    for op in Ops::new(ops) {
        let key = op?.key();
        ascending &= last.is_none_or(|last| last < key);
        last = Some(key);
    }
    Ok(ascending)
}

/// The last operation of each key, by key.
fn normalised(ops: &[u8]) -> Result<Vec<u8>> {
    let mut sorted = Vec::new();
    let mut rest = Ops::new(ops);
    loop {
        let start = rest.offset();
        let Some(op) = rest.next() else {
            break;
        };
        let key = op?.key();
        sorted.push(Placed { first: first_eight(key), key, start, end: rest.offset() });
    }
    sorted.sort_unstable_by(|a, b| {
        // Of one key, later operations first: the first is the one that stays.
        a.first.cmp(&b.first).then_with(|| a.key.cmp(b.key)).then(b.start.cmp(&a.start))
    });
    sorted.dedup_by(|later, earlier| later.key == earlier.key);
    let mut normalised = Vec::with_capacity(sorted.iter().map(|op| op.end - op.start).sum());
    for op in &sorted {
        normalised.extend_from_slice(&ops[op.start..op.end]);
    }
    Ok(normalised)
}

/// An operation's key and its place.
struct Placed<'a> {
    /// Orders as the key does, but for ties.
    first: u64,
    key: &'a [u8],
    start: usize,
    end: usize,
}

/// The first eight bytes, big-endian, as if zeros followed the last one.
#[inline]
fn first_eight(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = key.len().min(8);
    first[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(first)
}
