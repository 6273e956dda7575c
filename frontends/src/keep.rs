//! Keeping data: copies of an open database.
//!
//! `docs/keeping.md` says which kind of copy is for what.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::database::Database;
use crate::place;

/// What a checkpoint is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last commit in it.
    pub commit: u64,
    /// Files that both databases share.
    pub linked_files: u64,
    /// Bytes of them.
    pub linked_bytes: u64,
    /// Files that were copied.
    pub copied_files: u64,
    /// Bytes of them.
    pub copied_bytes: u64,
    /// Bytes of log copied.
    pub log_bytes: u64,
    /// Time it took.
    pub took: Duration,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint at commit {}", self.commit)
    }
}

impl Database {
    /// Makes the directory `path` a database of its own that holds what is committed now, in all
    /// keyspaces: everything that can be read when this is called, and maybe commits that are about
    /// to be published. Commits, reads and merges go on meanwhile. It can be opened at once, and
    /// written to: neither database changes the other, and either may be removed.
    ///
    /// Files that never change are linked: on one file system a checkpoint takes no time and next
    /// to no space, until merges in one of the two replace what they share. On another file system
    /// they are copied. The part of the log that recovery would read is copied always.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (path, copy) = (dir.path().join("db"), dir.path().join("copy"));
    /// let db = cuesta::Database::open(path)?;
    /// let users = db.keyspace("users")?;
    /// users.put("ada", "Ada Lovelace")?;
    /// db.checkpoint(&copy)?;
    /// users.delete("ada")?;
    ///
    /// let before = cuesta::Database::open(&copy)?;
    /// assert!(before.keyspace("users")?.contains("ada")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Exists` when there are files in `path`; `Poisoned` when a sync failed earlier; `Corrupt`
    /// when what would be copied is damaged; `Full`, `Io`. There is no database in `path` then; a
    /// crash leaves none either, but maybe files that make opening it fail with `Corrupt`.
    pub fn checkpoint(&self, path: impl AsRef<Path>) -> Result<Checkpoint> {
        let report = self.engine.checkpoint(place::given(path.as_ref(), "the checkpoint")?)?;
        Ok(Checkpoint {
            commit: report.commit.0,
            linked_files: report.linked_files,
            linked_bytes: report.linked_bytes,
            copied_files: report.copied_files,
            copied_bytes: report.copied_bytes,
            log_bytes: report.log_bytes,
            took: report.took,
        })
    }
}
