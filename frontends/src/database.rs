//! The one door: opening, closing, and what concerns everything in a directory.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cuesta_engine::budget::Strictness;
use cuesta_engine::env::Env;
use cuesta_engine::env::os::OsEnv;
use cuesta_engine::index::{IndexType, Registry};
use cuesta_engine::{Access, Engine, Options};
use cuesta_indexes::ordered::{MergeOperator, Operators};
use cuesta_indexes::{btree, lsm};

use crate::named::Named;
use crate::place;
use crate::repair::{self, RepairReport};
use crate::{Durability, Error, ErrorKind, RecoveryReport, Result, ScrubReport, VerifyReport};

/// What can be done when a database does not open.
const DAMAGED: &str = "restore a backup, or `cuesta repair` saves what is intact";

/// An open database. Cloning is cheap and shares it; it is closed by [`Database::close`] or when
/// the last clone, keyspace, batch and snapshot of it is gone.
#[derive(Clone)]
pub struct Database {
    pub(crate) engine: Arc<Engine>,
    shared: Arc<Shared>,
}

/// A database that may be closed meanwhile, for what goes on in the background.
pub(crate) struct WeakDatabase {
    engine: Weak<Engine>,
    shared: Weak<Shared>,
}

impl WeakDatabase {
    /// The database, unless nobody has it any more.
    pub(crate) fn upgrade(&self) -> Option<Database> {
        Some(Database { engine: self.engine.upgrade()?, shared: self.shared.upgrade()? })
    }
}

/// What all clones share besides the engine.
struct Shared {
    operators: Operators,
    named: Named,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database {}", self.engine.identity().uuid)
    }
}

impl Database {
    /// Opens the database in the directory `path`, which is created when missing, with default
    /// settings: every commit is durable when it returns, memory is bounded at 256 MiB.
    ///
    /// What a crash left is recovered: see [`Database::recovery`].
    ///
    /// # Errors
    /// `Locked` when another process or handle has it open, naming the one that writes, while those
    /// that read leave no name; `Exists` when there
    /// is no database in the directory but something else, other than `lost+found` and what begins
    /// with a dot; `Corrupt` when stored bytes are damaged; `Unsupported` when a newer version
    /// wrote it; `Full`, `Io`.
    pub fn open(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().open(path)
    }

    /// Settings to open a database with.
    pub fn builder() -> Builder {
        Builder { options: Options::default(), env: None, operators: Operators::default() }
    }

    /// Makes the directory `target` a new database out of what is intact in the directory
    /// `damaged`, which may lack any of its files, and tells what is lost. Nothing in `damaged`
    /// changes.
    ///
    /// Every block of a segment whose checksum holds is saved, and every intact commit of the log
    /// behind them, newer ones over older ones. Where the newest write of a key is lost, an older
    /// one may be in its place, even from before the key was deleted: the report tells which keys
    /// and commits that may concern. Without a manifest data files tell what they are. Restoring a
    /// backup, where there is one, is better.
    ///
    /// The new database has an identity of its own, and its commits are numbered anew. Reads all of
    /// the old one. If it is interrupted, `target` holds a part: remove it, and begin again.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (path, new) = (dir.path().join("db"), dir.path().join("new"));
    /// use cuesta::Database;
    ///
    /// let db = Database::open(&path)?;
    /// db.keyspace("users")?.put("ada", "Ada Lovelace")?;
    /// db.close()?;
    /// std::fs::remove_file(path.join("manifest-00000001")).unwrap();
    /// assert!(Database::open(&path).is_err());
    ///
    /// let report = Database::repair(&path, &new)?;
    /// report.losses.iter().for_each(|loss| println!("{loss}"));
    /// assert!(Database::open(&new)?.keyspace("users")?.contains("ada")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Exists` when there are files in `target`; `NotFound` when there is nothing of a database in
    /// `damaged`; `Locked` while it is open for writing; `Full`, `Io`. Damage is no error: it is in
    /// the report.
    pub fn repair(damaged: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<RepairReport> {
        Database::builder().repair(damaged, target)
    }

    /// The database, which may be closed meanwhile.
    pub(crate) fn downgrade(&self) -> WeakDatabase {
        let (engine, shared) = (Arc::downgrade(&self.engine), Arc::downgrade(&self.shared));
        WeakDatabase { engine, shared }
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.engine.parts().check_open().is_err()
    }

    /// The time by which values expire.
    pub(crate) fn now_ms(&self) -> u64 {
        self.engine.parts().services.clock.now_ms()
    }

    /// Fails unless a merge operator is known.
    pub(crate) fn check_operator(&self, name: &str) -> Result<()> {
        if name.is_empty() || self.shared.operators.get(name).is_some() {
            return Ok(());
        }
        let known: Vec<_> = self.shared.operators.names().collect();
        Err(Error::unsupported(format!(
            "merge operator {name:?} is not registered: there are {}",
            known.join(", ")
        )))
    }

    /// What exists once, by name.
    pub(crate) fn named(&self) -> &Named {
        &self.shared.named
    }

    /// Checks every checksum and invariant of everything stored. Reads all of it.
    ///
    /// # Errors
    /// Only what prevents checking, such as `Io`, or `Invalid` when the database is closed; damage
    /// is in the report.
    pub fn verify(&self) -> Result<VerifyReport> {
        self.engine.verify()
    }

    /// What the scrub has found since the database was opened: see [`Builder::scrub`]. Damage is
    /// also told as an event of `tracing`, and counted in [`Database::stats`].
    pub fn scrub_report(&self) -> ScrubReport {
        self.engine.scrub_report()
    }

    /// Makes every commit so far durable, whatever its durability.
    ///
    /// # Errors
    /// `Poisoned` when syncing failed, now or earlier.
    pub fn sync(&self) -> Result<()> {
        self.engine.sync()
    }

    /// Writes everything in memory to segments, and waits for it.
    ///
    /// # Errors
    /// `Full`, `Io`, `Poisoned`; `Invalid` when open for reading.
    pub fn flush(&self) -> Result<()> {
        self.engine.flush()
    }

    /// Merges all segments down as far as it goes, and waits for it: scans are fastest, and the
    /// space is smallest, afterwards.
    ///
    /// # Errors
    /// As [`Database::flush`].
    pub fn compact(&self) -> Result<()> {
        self.engine.compact()
    }

    /// Waits until background work has nothing left to do, and the files that it made needless are
    /// removed; those that a snapshot still reads are not.
    ///
    /// # Errors
    /// As [`Database::flush`].
    pub fn settle(&self) -> Result<()> {
        self.engine.settle()
    }

    /// What opening the database found and repaired.
    pub fn recovery(&self) -> &RecoveryReport {
        self.engine.recovery()
    }

    /// Closes the database: all commits become durable, and the directory is free for others.
    /// Writes through other clones and keyspaces fail with `Invalid` from then on; what they read
    /// is what was there when it was closed.
    ///
    /// # Errors
    /// What syncing fails with; the database is closed all the same.
    pub fn close(self) -> Result<()> {
        self.engine.close()
    }
}

/// Settings to open a database with.
///
/// ```
/// # fn main() -> cuesta::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path();
/// use cuesta::{Database, Durability};
///
/// let db = Database::builder()
///     .durability(Durability::Buffered)
///     .memory_budget(64 << 20)
///     .open(path)?;
/// # drop(db);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until a database is opened with them"]
pub struct Builder {
    pub(crate) options: Options,
    env: Option<Arc<dyn Env>>,
    operators: Operators,
}

impl Builder {
    /// What commits survive unless they say otherwise; `Sync` by default.
    pub fn durability(mut self, durability: Durability) -> Builder {
        self.options.durability = durability;
        self
    }

    /// The most that power loss may take from commits of durability `Interval`; 100 ms by default.
    pub fn sync_interval(mut self, interval: Duration) -> Builder {
        self.options.sync_interval = interval;
        self
    }

    /// Memory for memtables, block cache and buffers together, in bytes; 256 MiB by default, at
    /// least 1 MiB. Pages of mapped files are the operating system's and not counted.
    pub fn memory_budget(mut self, bytes: u64) -> Builder {
        self.options.memory_budget = bytes;
        self.options.view_budget = (bytes / 2).max(8 << 20);
        self
    }

    /// Makes the memory budget strict: what would exceed it fails with `Full` instead: writes of
    /// transactions, large batches, iterators and cursors. Snapshots expire earlier. Without this
    /// the block cache shrinks down to a thirty-second of the budget, and beyond that the budget is
    /// exceeded; [`Stats`](crate::Stats) tell by what.
    pub fn strict_memory(mut self) -> Builder {
        self.options.strictness = Strictness::Strict;
        self
    }

    /// Memory that snapshots may keep from being freed, in bytes; half of the memory budget, but
    /// at least 8 MiB, by default. Beyond it, and beyond three eighths of the memory budget, the
    /// oldest snapshots fail with `Expired`.
    pub fn snapshot_budget(mut self, bytes: u64) -> Builder {
        self.options.view_budget = bytes;
        self
    }

    /// Threads that flush and merge; 2 by default.
    pub fn background_threads(mut self, threads: usize) -> Builder {
        self.options.background_threads = threads;
        self
    }

    /// Bytes that flushes and merges may write in a second; as many as they can by default.
    ///
    /// Flushes never wait, for commits may be waiting for them: they make merges wait longer. Where
    /// more is written than merges at this rate can keep up with, commits are slowed, as ever when
    /// merges are behind.
    pub fn background_rate(mut self, bytes_per_second: u64) -> Builder {
        self.options.background_rate = Some(bytes_per_second);
        self
    }

    /// Reads everything in segments again and again in the background, so many bytes in a second on
    /// average, and checks it as [`Database::verify`] does; not at all by default. It begins anew
    /// once an hour at the most. See [`Database::scrub_report`] for what was found.
    pub fn scrub(mut self, bytes_per_second: u64) -> Builder {
        self.options.scrub_rate = Some(bytes_per_second);
        self
    }

    /// Copies every log segment to the directory of backups `dir` when it is finished, so that
    /// [`Backups::restore`](crate::Backups::restore) goes to any commit since the oldest backup
    /// there. The last, unfinished segment is copied when the database is closed.
    ///
    /// Log segments are kept until they are copied: while `dir` cannot be written to, the log
    /// grows. Counters: `archived_bytes`, `archive_failures`.
    pub fn archive_log(mut self, dir: impl AsRef<Path>) -> Builder {
        self.options.archive = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Size of a log segment in bytes; 64 MiB by default, at least 64 KiB.
    pub fn log_segment_bytes(mut self, bytes: u64) -> Builder {
        self.options.log.segment_bytes = bytes.max(64 << 10);
        self
    }

    /// Keeps the last so many bytes of the log for [`Database::changes_since`], though nothing else
    /// needs them; 0 by default. The oldest log segment among them is kept whole.
    pub fn log_retention_bytes(mut self, bytes: u64) -> Builder {
        self.options.log_retention_bytes = bytes;
        self
    }

    /// Keeps the log of commits younger than this for [`Database::changes_since`], at most
    /// [`Builder::feed_retention_bytes`] of it; not at all by default. Looked at when a log segment
    /// could be reused, so it may stay for longer.
    pub fn log_retention_age(mut self, age: Duration) -> Builder {
        self.options.log_retention_age = age;
        self
    }

    /// The most bytes of log that a [`Changes`](crate::Changes) that does not go on keeps from
    /// being reused; 1 GiB by default. Beyond it, and beyond what is kept anyway, it fails with
    /// `Expired`.
    pub fn feed_retention_bytes(mut self, bytes: u64) -> Builder {
        self.options.feed_bytes_max = bytes;
        self
    }

    /// Opens for reading: the database must exist, and nothing in the directory changes.
    pub fn read_only(mut self) -> Builder {
        self.options.access = Access::Read;
        self
    }

    /// Fails with `NotFound` instead of creating a database.
    pub fn must_exist(mut self) -> Builder {
        if self.options.access == Access::Create {
            self.options.access = Access::Write;
        }
        self
    }

    /// Reads files instead of mapping them: damaged hardware then gives errors where a map would
    /// end the process, and all blocks are in the block cache. The table of readers is mapped.
    pub fn without_maps(mut self) -> Builder {
        self.env = Some(OsEnv::without_maps());
        self
    }

    /// Knows a merge operator, which keyspaces name: see [`KeyspaceOptions::merge_operator`]. The
    /// operators `add`, `max`, `min` and `append` are known without being registered, and opening
    /// fails with `Invalid` when another is registered under such a name. One that panics is taken
    /// for one that refuses.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path();
    /// use std::sync::Arc;
    ///
    /// use cuesta::{Database, KeyspaceOptions, MergeOperator};
    ///
    /// /// The longest of all words.
    /// struct Longest;
    ///
    /// impl MergeOperator for Longest {
    ///     fn name(&self) -> &str {
    ///         "longest"
    ///     }
    ///
    ///     fn merge(
    ///         &self,
    ///         base: Option<&[u8]>,
    ///         operands: &[&[u8]],
    ///     ) -> cuesta::Result<Option<Vec<u8>>> {
    ///         let words = base.iter().chain(operands);
    ///         Ok(words.rev().max_by_key(|word| word.len()).map(|word| word.to_vec()))
    ///     }
    /// }
    ///
    /// let db = Database::builder().merge_operator(Arc::new(Longest)).open(path)?;
    /// let words = db.keyspace_with("words", &KeyspaceOptions::new().merge_operator("longest"))?;
    /// words.merge("c", "cat")?;
    /// words.merge("c", "caterpillar")?;
    /// words.merge("c", "cow")?;
    /// assert_eq!(words.get("c")?.unwrap(), "caterpillar");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`KeyspaceOptions::merge_operator`]: crate::KeyspaceOptions::merge_operator
    pub fn merge_operator(mut self, operator: Arc<dyn MergeOperator>) -> Builder {
        self.operators.add(operator);
        self
    }

    /// Runs in another world than the operating system's: for tests.
    pub fn environment(mut self, env: Arc<dyn Env>) -> Builder {
        self.env = Some(env);
        self
    }

    /// Changes settings of the engine that have no door of their own: for tests, which need
    /// everything small.
    #[doc(hidden)]
    pub fn engine_options(mut self, change: impl FnOnce(&mut Options)) -> Builder {
        change(&mut self.options);
        self
    }

    /// As [`Database::repair`], with these settings for the new database while it is written: the
    /// memory budget, and merge operators. Without its operator a keyspace keeps what waits to be
    /// merged as it is.
    ///
    /// # Errors
    /// As [`Database::repair`]; `Full` when a value does not fit the memory budget.
    pub fn repair(
        self,
        damaged: impl AsRef<Path>,
        target: impl AsRef<Path>,
    ) -> Result<RepairReport> {
        self.operators.check()?;
        // Reading, where a map would end the process on hardware that fails.
        let env = self.env.unwrap_or_else(|| OsEnv::without_maps());
        let registry = registry(&self.operators);
        let damaged = place::given(damaged.as_ref(), "the damaged database")?;
        let target = place::given(target.as_ref(), "the new database")?;
        repair::repair(&env, (damaged, target), self.options, registry)
    }

    /// Opens the database in the directory `path`.
    ///
    /// # Errors
    /// As [`Database::open`]; `NotFound` when it must exist and does not; `Invalid` for settings
    /// out of range, an empty path, a log that is to be archived in a database, and a merge
    /// operator under the name of one that is built in.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Database> {
        self.operators.check()?;
        let env = self.env.unwrap_or_else(|| OsEnv::new());
        let registry = registry(&self.operators);
        let path = place::given(path.as_ref(), "the database")?;
        if let Some(archive) = &self.options.archive {
            place::check_archive(&env, archive, path)?;
        }
        let engine = Engine::open(env, path, self.options, registry);
        let engine = engine.map_err(|error| match error.kind() {
            ErrorKind::Corrupt => error.context(path.display()).advice(DAMAGED),
            _ => error,
        })?;
        let shared = Shared { operators: self.operators, named: Named::default() };
        Ok(Database { engine: Arc::new(engine), shared: Arc::new(shared) })
    }
}

/// The index types that keyspaces can be of.
fn registry(operators: &Operators) -> Registry {
    Registry::new()
        .with_factory(lsm::Lsm::factory(operators.clone()))
        .with_factory(btree::Btree::factory(operators.clone()))
        .assuming(lsm::Lsm::NAME)
}
