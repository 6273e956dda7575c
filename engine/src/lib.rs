//! Cuesta's engine: time, space and fate.
//!
//! The log orders everything; an index is a view of the log that is fast for one kind of question.
//! The engine owns sequence numbers, the log, versions and views, files, memory, background work,
//! recovery and verification, and knows no index type by name. Programs use the crate `cuesta`;
//! this one promises stability to it alone.
//!
//! The order of the modules is the order of the layers: a module uses only earlier ones.

pub mod error;
pub mod id;
pub mod planted;
pub mod env;
pub mod format;
pub mod moment;
pub mod staged;
pub mod identity;
pub mod blinktree;
pub mod stats;
pub mod rate;
pub mod cache;
pub mod budget;
pub mod file;
pub mod clock;
pub mod index;
pub mod manifest;
pub mod log;
pub mod readers;
pub mod version;
pub mod options;
pub mod batch;
pub mod oracle;
pub mod locks;
pub mod watchers;
pub mod feeds;
pub mod tail;
pub mod parts;
pub mod commit;
pub mod transaction;
pub mod jobs;
pub mod ingest;
pub mod watch;
pub mod feed;
pub mod recovery;
pub mod reader;
pub mod verify;
pub mod keep;
pub mod database;
pub mod repair;

pub use batch::Batch;
pub use commit::CommitHandle;
pub use database::{Engine, Gauges, IndexReport};
pub use error::{Error, ErrorKind, Result};
pub use id::{EditNo, FileId, IndexId, LogNo, LogPlace, LogPos, SegmentId, SeqNo};
pub use ingest::BulkLoad;
pub use keep::CheckpointReport;
pub use options::{Access, Durability, Options};
pub use parts::ScrubReport;
pub use recovery::RecoveryReport;
pub use repair::RepairReport;
pub use transaction::{Isolation, Transaction, TransactionOptions};
pub use verify::VerifyReport;
pub use watch::Watch;
