//! Ordered keys: keyspaces, batches, snapshots, ranges, deleting them, and keyspaces in
//! transactions.
//!
//! Good for anything that can be put in order: a key is up to 65,535 bytes, ordered bytewise; a
//! value is up to 4 GiB less one. Not for questions about what is inside values.

mod blame;
mod batch;
mod door;
mod erase;
mod iter;
mod load;
mod keyspace;
mod lifetime;
mod structure;
mod options;
mod snapshot;
mod many;
mod swap;
mod tracked;
mod transaction;
mod moment;
mod watching;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub(crate) use door::is_reserved;
pub use iter::{Cursor, Iter};
pub use keyspace::Keyspace;
pub use lifetime::Expiry;
pub use load::{BulkLoad, Loaded, Prepared, SegmentBuilder};
pub(crate) use moment::Moment;
pub use options::{Compression, KeyspaceOptions, OptionValues};
pub use snapshot::Snapshot;
pub use structure::KeyspaceEngine;
pub(crate) use structure::loaded;
pub use swap::Swap;

use std::ops::{Bound, RangeBounds};

use cuesta_engine::oracle::Span;
use cuesta_indexes::ordered::op::key_after;

/// Bounds of a range as byte strings.
pub(crate) type Bounds<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

fn bounds<'k, K: AsRef<[u8]> + 'k>(range: &'k impl RangeBounds<K>) -> Bounds<'k> {
    (bytes(range.start_bound()), bytes(range.end_bound()))
}

fn bytes<K: AsRef<[u8]>>(bound: Bound<&K>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key.as_ref()),
        Bound::Excluded(key) => Bound::Excluded(key.as_ref()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// The first byte string after `key`.
fn after(key: &[u8]) -> Vec<u8> {
    let mut after = Vec::with_capacity(key.len() + 1);
    after.extend_from_slice(key);
    after.push(0);
    after
}

/// The first key within bounds, and the first key behind them; no key is within unless the first is
/// less than the second.
fn half_open(within: Bounds<'_>) -> Span {
    let low = match within.0 {
        Bound::Included(key) => Some(key.to_vec()),
        Bound::Excluded(key) => key_after(key),
        Bound::Unbounded => Some(Vec::new()),
    };
    let high = match within.1 {
        Bound::Included(key) => key_after(key),
        Bound::Excluded(key) => Some(key.to_vec()),
        Bound::Unbounded => None,
    };
    low.map_or_else(|| (Vec::new(), Some(Vec::new())), |low| (low, high))
}

/// The first byte string after all that begin with `prefix`; `None` when there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}
