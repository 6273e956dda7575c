//! How a batch becomes part of the database.
//!
//! A commit is a step machine: a thread drives it in production, the seeded scheduler interleaves
//! several in simulation.
//!
//! ```text
//!  prepare          outside all locks: check, normalise, encode, checksum
//!     │
//!  admit            wait while memtables are full; slow down while merging is behind
//!     │
//!  validate         of transactions: was what they used written meanwhile?
//!     │
//!  append           under the commit lock: validate the rest, number, log write, memtables
//!     ├── weak ───► published at once, or behind stronger commits before it
//!  sync             one committer syncs for all; the next group writes meanwhile
//!     │
//!  publish          in log order
//! ```
//!
//! Invariant: nothing that must be durable is published before it is.

mod append;
mod handle;
mod ingest;
mod step;
mod sync;
mod validate;

pub(crate) use append::{change_catalog, freeze, rotate, up_to};
pub use handle::CommitHandle;
pub(crate) use ingest::{Ingesting, ingest, remove};
pub use step::{Commit, Step, drive};
pub use sync::SyncTo;
pub use validate::Claim;
pub(crate) use validate::prove;
