//! Ordered keys as a log-structured merge tree.

pub mod op;
pub mod memtable;
