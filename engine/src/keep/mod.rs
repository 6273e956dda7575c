//! Keeping data: copies of a database that are made while it is open.
//!
//! ```text
//!                 ┌─ link, or copy ──► data files ─┐
//! open database ──┤                                ├─► log is read ─► manifest ─► identity
//!     (moment)    └─ copy ───────────► log ────────┘
//! ```
//!
//! A `Moment` holds still what is to be copied: nothing that it names is removed, reused
//! or overwritten as long as it lives. A `NewDatabase` is the directory that it goes to,
//! whose identity comes last: until then there is no database in it.
//!
//! Invariants:
//! 1. What is copied is never changed by anybody: links are made to sealed files alone.
//! 2. A copy is a database of its own, with an identity of its own.
//! 3. A crash at any operation leaves a directory that is a whole database, or none.
//!
//! Not for: copying entry by entry, which front-ends do.

mod new;
mod pool;
mod moment;
mod checkpoint;
mod backup;
mod restore;
#[cfg(test)]
mod tests;

pub(crate) use backup::backup;
pub use backup::{BackupInfo, BackupReport, PurgeReport, backups, check_backups, purge};
pub use checkpoint::CheckpointReport;
pub(crate) use checkpoint::checkpoint;
pub use restore::{RestoreReport, RestoreTo, restore};
