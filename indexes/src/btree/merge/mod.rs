//! How a tree changes: flushes write a new one beside the old, sharing what did not change.
//!
//! `paper` is where nodes are written, `rebuild` puts a tree together, `flush` takes the changes
//! from memtables, `load` from a bulk load.

mod paper;
mod rebuild;
mod flush;
mod load;

pub(super) use load::LoadWork;

pub(super) use flush::{Before, Expiry, FlushWork, Job, Place, is_sparse};

/// Bytes that a step handles.
const STEP_BYTES: usize = 256 << 10;
