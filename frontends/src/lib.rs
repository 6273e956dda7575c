//! Cuesta: an embedded database for every shape of data.
//!
//! One directory, one log, one snapshot. Today it holds ordered keys in any number of keyspaces;
//! every batch is atomic across all of them.
//!
//! ```
//! # fn main() -> cuesta::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path();
//! let db = cuesta::Database::open(path)?;
//! let users = db.keyspace("users")?;
//! let emails = db.keyspace("emails")?;
//!
//! let mut batch = db.batch();
//! batch.put(&users, "ada", "Ada Lovelace")?;
//! batch.put(&emails, "ada@example.org", "ada")?;
//! batch.commit()?; // both or neither, and durable: it survives power loss
//!
//! assert_eq!(users.get("ada")?.as_deref(), Some(&b"Ada Lovelace"[..]));
//! for entry in users.prefix("a")? {
//!     let (key, value) = entry?;
//!     println!("{} {}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Which type to reach for:
//!
//! - [`Database`] opens and closes, and does what concerns all keyspaces.
//! - [`Keyspace`] reads and writes single keys, and iterates.
//! - [`MergeOperator`] changes values without reading them first.
//! - [`Batch`] writes many keys, of any keyspaces, at once.
//! - [`BulkLoad`] writes very many keys in order, and [`SegmentBuilder`] prepares them apart.
//! - [`Snapshot`] reads many keys as of one moment.
//! - [`CommitHandle`] is a commit that is waited for later.
//! - [`Transaction`] reads and writes, and commits only if nothing came between.
//! - [`id`] has generators of identifiers: sequences, Snowflakes, UUIDs and ULIDs.
//! - [`Database::backup`] and [`Backups`] keep copies to restore from, to any commit.
//! - [`Database::repair`] saves what is intact of a database that will not open.
//! - [`Database::checkpoint`] copies a database while it is in use.
//! - [`Watch`] waits until something changes; [`Changes`] says what, commit by commit.
//! - [`Database::dump`] and [`Database::load`] take everything out and in as text.
//! - [`document`] has MongoDB's data model: values, documents, paths.
//! - [`cache`] has bounded maps that let go of what is used least.
//! - [`Cursor`] walks a range in both directions without copying; [`Iter`] is its iterator.

mod base64;
mod json;
mod place;
mod named;
mod repair;
mod database;
mod along;
mod report;
mod keep;
mod backup;
mod handle;
mod note;
mod watch;
mod transaction;
mod kv;
mod dump;
pub mod id;
mod feed;
pub mod document;
pub mod cache;

pub use backup::{Backup, BackupInfo, Backups, Purged, RestoreTo, Restored};
pub use cuesta_engine::env;
pub use cuesta_engine::error::{Error, ErrorKind, Result};
pub use cuesta_engine::index::Lost;
pub use cuesta_engine::log::Torn;
pub use cuesta_engine::stats::Quantiles;
pub use cuesta_engine::{Durability, Isolation, RecoveryReport, ScrubReport, VerifyReport};
pub use cuesta_indexes::ordered::{MergeOperator, Value};
pub use database::{Builder, Database};
pub use dump::{Dumped, Existing, Unmerged};
pub use feed::{Action, Change, Changes, NextChange, Operands, Operation, Operations};
pub use handle::CommitHandle;
pub use keep::Checkpoint;
pub use kv::{
    Batch, BulkLoad, Compression, Cursor, Expiry, Iter, Keyspace, KeyspaceEngine, KeyspaceOptions,
    Loaded, OptionValues, Prepared, SegmentBuilder, Snapshot, Swap,
};
pub use repair::{Loss, RepairReport};
pub use report::{KeyspaceStats, Stats};
pub use transaction::{Retries, Savepoint, Transaction, TransactionOptions};
pub use watch::{Changed, Watch};
