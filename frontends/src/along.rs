//! Reading along: a process that reads what another one writes.

use std::path::Path;
use std::time::Duration;

use cuesta_engine::{Access, SeqNo};

use crate::Result;
use crate::database::{Builder, Database};

impl Database {
    /// Opens the database in the directory `path` in a **reader process**: another process may have
    /// it open for writing, now or later, and any number of others may read along. Nothing in the
    /// directory changes but the slot of this process in the table of readers, and no writer ever
    /// waits for it.
    ///
    /// It maps the same files as the writer, and follows its log into memtables of its own. What
    /// the writer publishes is seen within [`Builder::refresh_interval`], and at once after
    /// [`Database::refresh`]; snapshots, cursors, [`Keyspace::watch`] and
    /// [`Database::changes_since`] work as they do for the writer, and see what was published
    /// alone. Values expire as of the last look. It outlives the writer, its crash and the next
    /// one. What it has open keeps files and pages from being reused, as long as its process lives.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path();
    /// use cuesta::Database;
    ///
    /// let writer = Database::open(path)?;
    /// writer.keyspace("users")?.put("ada", "Ada Lovelace")?;
    ///
    /// // Usually in another process.
    /// let reader = Database::open_reader(path)?;
    /// let users = reader.keyspace("users")?;
    /// assert!(users.contains("ada")?);
    ///
    /// writer.keyspace("users")?.put("grace", "Grace Hopper")?;
    /// reader.refresh()?;
    /// assert!(users.contains("grace")?);
    /// assert!(users.put("alan", "Alan Turing").is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` when there is no database; `Busy` when 126 processes read it already, or a writer
    /// takes longer than a minute to recover it; `Corrupt` when stored bytes are damaged;
    /// `Unsupported` when a newer version wrote it; `Io`, among others where this user may not
    /// write the table of readers.
    ///
    /// [`Keyspace::watch`]: crate::Keyspace::watch
    pub fn open_reader(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().reader().open(path)
    }

    /// Whether this is a reader process: see [`Database::open_reader`].
    pub fn is_reader(&self) -> bool {
        self.engine.options().access == Access::Follow
    }

    /// Sees, in a reader process, all that the writer has published by now; returns the last commit
    /// that is seen. In the process that writes, that is the last published one.
    ///
    /// Nothing new: a few loads, and a question to the file system whether the database is still
    /// there. Else it takes the time to apply what is new, as the writer did.
    ///
    /// # Errors
    /// `Invalid` once the database is closed; `NotFound`, from then on, when the directory was
    /// removed or replaced, as by restoring a backup there: open it again. `Corrupt`,
    /// `Unsupported`, `Io`. What was seen before is seen on.
    pub fn refresh(&self) -> Result<u64> {
        Ok(self.engine.refresh()?.0)
    }

    /// Waits until the commit `commit` is seen here, for `timeout` at most, or for as long as it
    /// takes; whether it is. `false` says that it did not come in time: what is read then may be
    /// from before it. In the process that writes, such a commit may come from another thread.
    ///
    /// # Errors
    /// As [`Database::refresh`].
    #[must_use = "false says that the commit is not seen yet"]
    pub fn wait_for(&self, commit: u64, timeout: Option<Duration>) -> Result<bool> {
        self.engine.wait_for(SeqNo(commit), timeout)
    }
}

impl Builder {
    /// Opens in a reader process: see [`Database::open_reader`].
    pub fn reader(mut self) -> Builder {
        self.options.access = Access::Follow;
        self
    }

    /// How often a reader process looks for what the writer has published: what it sees is not
    /// older, but for the time it takes to apply what is new. 10 ms by default; a look without
    /// anything new takes less than a microsecond.
    pub fn refresh_interval(mut self, interval: Duration) -> Builder {
        self.options.refresh_interval = interval;
        self
    }
}
