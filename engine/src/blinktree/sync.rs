//! The atomics of the tree, which loom replaces to explore every interleaving and reordering.
//!
//! Only what the protocol between the writer and its readers rests on comes from here; counters
//! that nothing depends on use the standard library's.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
