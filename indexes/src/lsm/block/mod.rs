//! Data blocks: sorted entries, made so that finding one touches few cache lines.
//!
//! Keys lie apart from values, so that walking over keys does not walk over values. What all keys
//! begin with is stored once. Every so many entries one begins anew, without leaning on the one
//! before: a *restart*. The heads of the restarts lie together at the front; a binary search over
//! them leads to the one interval that can hold a key.
//!
//! ```text
//! ┌───────┬──────────┬──────────┬───────────┬───────┬───┐
//! │ count │ restarts │ keys len │ prefix len│ flags │ 0 │          header, 16 bytes
//! │   4   │    4     │    4     │     2     │   1   │ 1 │
//! ├───────┴┬─────────┴──┬───────┴──────────┬┴───────┴───┴─────┐
//! │ prefix │ heads      │ starts           │ keys      │ values│
//! │        │ 8 x restart│ (4 key, 4 value) │           │       │
//! └────────┴────────────┴──────────────────┴───────────┴───────┘
//!            entry of keys: shared │ rest len │ kind (if flagged) │ value len │ rest of the key
//!                           varint │  varint  │         1         │   varint  │
//! ```
//!
//! Not for: checksums and compression (see [`seal`](super::segment)), or where a block lies.
//!
//! Invariants:
//! 1. Keys ascend strictly. `shared` counts what an entry's key has in common with the one before,
//!    behind the prefix, and is the most that it could be; at a restart it is 0.
//! 2. Values lie in the order of their entries, without gaps.
//! 3. The prefix is the longest that all keys share.

mod builder;
mod frame;
mod interval;
#[cfg(test)]
mod tests;

pub(super) use builder::Builder;
pub(super) use frame::{Found, Frame};
pub(super) use interval::Interval;

use crate::ordered::kind::Kind;
pub(super) use crate::ordered::op::KEY_BYTES_MAX;

/// Bytes of the header.
const HEADER_BYTES: usize = 16;
/// Set in the flags when entries have kinds; else all are puts.
const FLAG_KINDS: u8 = 1;
/// The most entries from one restart to the next.
const INTERVAL_MAX: usize = 64;
