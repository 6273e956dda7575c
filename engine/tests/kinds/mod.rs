//! Index types that only tests use: two shapes as different as can be, behind one small trait.
//!
//! [`Pages`] reuses the pages of one file in place; [`Rows`] writes sealed rows and bitmaps of the
//! living. Together they use all of the seam. Both are maps of bytes to whoever compares them with
//! a model.
//!
//! Not for: speed, or keys and values of any size. Include this module by its path; it names
//! nothing but `cuesta_engine` (and `roaring`, for bitmaps).
//!
//! ```text
//! operation | tag u8: 1 put, 2 delete | key: byte string | of a put, value: byte string
//! ```

#![allow(dead_code, reason = "no crate that includes these types uses all of them")]
#![allow(clippy::panic, reason = "only tests include these types")]

mod memtable;
mod pages;
pub mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use cuesta_engine::format::{Reader, put_bytes};
use cuesta_engine::index::{
    Footprint, IndexType, Live, Lost, Remnant, Salvage, SegmentMeta, State, Taken,
};
use cuesta_engine::{Error, Result, SeqNo};

pub use memtable::{Keep, Table, TableWriter};
pub use pages::Pages;
pub use rows::Rows;

/// Appends the operation that takes all keys from a first one on up to an end away.
pub type DeleteRange = fn(&mut Vec<u8>, &[u8], &[u8]);

/// What the tests need of an index type: a map of bytes.
pub trait Kind: IndexType {
    /// Appends the operation that gives `key` a value.
    fn put(ops: &mut Vec<u8>, key: &[u8], value: &[u8]);
    /// Appends the operation that takes `key` away.
    fn delete(ops: &mut Vec<u8>, key: &[u8]);
    /// Appends the operation that takes all keys from a first one on up to an end away, where there
    /// is one.
    const DELETE_RANGE: Option<DeleteRange> = None;
    /// Whether indexes take bulk loads.
    const LOADS: bool = false;
    /// The whole content at commit `at`. Reads every segment from disk and checks what it reads.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    fn dump(state: &State<Self>, at: SeqNo) -> Result<BTreeMap<Vec<u8>, Vec<u8>>>;
    /// As [`Kind::dump`], with what has expired at `clock_ms` left out.
    ///
    /// # Errors
    /// As there.
    fn dump_by(
        state: &State<Self>,
        at: SeqNo,
        clock_ms: u64,
    ) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let _ = clock_ms;
        Self::dump(state, at)
    }
    /// Options that suit tests.
    fn options() -> Vec<u8>;
}

/// The error for bulk loads, which this index type does without.
fn not_loaded<T: IndexType>() -> Error {
    Error::unsupported(format!("indexes of type {} take no bulk loads", T::NAME))
}

/// The newest operation of each key: a value, or that the key goes.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

fn put_op(ops: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    ops.push(1);
    put_bytes(ops, key);
    put_bytes(ops, value);
}

fn delete_op(ops: &mut Vec<u8>, key: &[u8]) {
    ops.push(2);
    put_bytes(ops, key);
}

/// Reads operations; the last one of each key counts.
fn decode_ops(ops: &[u8]) -> Result<Changes> {
    let mut reader = Reader::new(ops, "operations");
    let mut changes = Changes::new();
    while !reader.is_empty() {
        let tag = reader.u8()?;
        let key = reader.bytes()?.to_vec();
        let value = match tag {
            1 => Some(reader.bytes()?.to_vec()),
            2 => None,
            _ => return Err(Error::unsupported(format!("operation {tag} is unknown"))),
        };
        changes.insert(key, value);
    }
    Ok(changes)
}

/// Replaces operations by at most one of each key, in the order of keys.
fn prepare_ops(
    ops: &mut Vec<u8>,
    footprint: Option<&mut Footprint>,
    check: impl Fn(&[u8], Option<&[u8]>) -> Result<()>,
) -> Result<()> {
    let changes = decode_ops(ops)?;
    ops.clear();
    for (key, value) in &changes {
        check(key, value.as_deref())?;
        match value {
            Some(value) => put_op(ops, key, value),
            None => delete_op(ops, key),
        }
    }
    if let Some(footprint) = footprint {
        footprint.points.extend(changes.into_keys());
    }
    Ok(())
}

/// What the memtables of a state change at commit `at`, those of a transaction included.
fn changes_at<T: IndexType<Memtable = Table>>(state: &State<T>, at: SeqNo) -> Changes {
    let mut changes = Changes::new();
    for memtable in state.memtables().rev() {
        changes.append(&mut memtable.changes(at));
    }
    if let Some(private) = &state.private {
        changes.append(&mut private.memtable.changes(private.at));
    }
    changes
}

/// What frozen memtables change, oldest first, and the newest commit in them or in `current`.
fn changes_of<T: IndexType<Memtable = Table>>(
    frozen: &[Arc<Table>],
    current: &[Live<T>],
) -> (Changes, SeqNo) {
    let mut changes = Changes::new();
    for memtable in frozen {
        changes.append(&mut memtable.changes(SeqNo::MAX));
    }
    let memtables = frozen.iter().map(|memtable| memtable.newest());
    let newest = memtables.chain(current.iter().map(|live| live.meta.newest)).max();
    (changes, newest.unwrap_or_default())
}

/// Hands on what is saved of segments, each whole or not at all.
fn salvage(
    segments: &[Remnant],
    saved: impl Fn(&Arc<SegmentMeta>) -> Result<Vec<u8>>,
    found: &mut dyn Salvage,
) -> Result<()> {
    for Remnant { meta, .. } in segments {
        let error = match saved(meta) {
            Ok(ops) if ops.is_empty() => continue,
            Ok(ops) => match found.operations(&ops)? {
                Taken::Nothing(error) => error,
                Taken::All => continue,
            },
            Err(error) => error,
        };
        found.lost(Lost::Other, format!("{} entries: {error}", meta.entries));
    }
    Ok(())
}
