//! Backups: copies in a directory of their own that share what does not change.
//!
//! `docs/keeping.md` says how they are used, `docs/formats/backup.md` what lies in the directory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::SeqNo;
use cuesta_engine::env::Env;
use cuesta_engine::env::os::OsEnv;
use cuesta_engine::keep;

use crate::Result;
use crate::database::Database;
use crate::place;

/// What making a backup has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its number.
    pub number: u64,
    /// The last commit in it.
    pub commit: u64,
    /// Files copied.
    pub copied_files: u64,
    /// Bytes of them.
    pub copied_bytes: u64,
    /// Files that earlier backups had.
    pub kept_files: u64,
    /// Bytes of them.
    pub kept_bytes: u64,
    /// Bytes of log copied.
    pub log_bytes: u64,
    /// Time it took.
    pub took: Duration,
}

/// A backup that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// Its number.
    pub number: u64,
    /// The database that it is of.
    pub database: String,
    /// The last commit in it.
    pub commit: u64,
    /// The time of that commit, milliseconds since 1970 UTC.
    pub commit_ms: u64,
    /// When it was made, milliseconds since 1970 UTC.
    pub made_ms: u64,
    /// Data files.
    pub files: u64,
    /// Bytes of data files and log.
    pub bytes: u64,
}

/// Up to where to restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestoreTo {
    /// The newest backup, and every commit that is archived behind it.
    #[default]
    Latest,
    /// The backup of this number, and nothing behind it.
    Backup(u64),
    /// This commit, and nothing behind it.
    Commit(u64),
    /// The last commit at or before this time, milliseconds since 1970 UTC.
    TimeMs(u64),
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup that it began with.
    pub backup: u64,
    /// The last commit.
    pub commit: u64,
    /// Commits that came from the archive of the log.
    pub from_archive: u64,
    /// Time it took.
    pub took: Duration,
}

/// What removing backups has given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Backups removed.
    pub backups: u64,
    /// Files removed.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl Database {
    /// Makes a backup of what is committed now in the directory `dir`, which is created when
    /// missing and is for backups of this database alone. Data files that an earlier backup has are
    /// not copied again. Commits go on meanwhile.
    ///
    /// Every new file is checked before it is copied, and the log is read back.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let [path, backups, new] = ["db", "backups", "new"].map(|name| dir.path().join(name));
    /// use cuesta::{Backups, Database, RestoreTo};
    ///
    /// let db = Database::builder().archive_log(&backups).open(path)?;
    /// let users = db.keyspace("users")?;
    /// users.put("ada", "Ada Lovelace")?;
    /// let backup = db.backup(&backups)?;
    /// users.delete("ada")?; // by mistake
    /// db.close()?;
    ///
    /// Backups::at(&backups).restore(&new, RestoreTo::Commit(backup.commit))?;
    /// assert!(Database::open(new)?.keyspace("users")?.contains("ada")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` when `dir` has backups of another database; `Locked` while another backup is made
    /// there; `Corrupt` when what would be copied is damaged; `Poisoned`, `Full`, `Io`. Earlier
    /// backups are as they were.
    pub fn backup(&self, dir: impl AsRef<Path>) -> Result<Backup> {
        let report = self.engine.backup(place::given(dir.as_ref(), "the backups")?)?;
        Ok(Backup {
            number: report.number,
            commit: report.commit.0,
            copied_files: report.copied_files,
            copied_bytes: report.copied_bytes,
            kept_files: report.kept_files,
            kept_bytes: report.kept_bytes,
            log_bytes: report.log_bytes,
            took: report.took,
        })
    }
}

/// A directory of backups.
#[derive(Clone)]
pub struct Backups {
    dir: PathBuf,
    env: Arc<dyn Env>,
}

impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backups in {}", self.dir.display())
    }
}

impl Backups {
    /// The backups in `dir`. Nothing is read yet.
    pub fn at(dir: impl AsRef<Path>) -> Backups {
        Backups { dir: dir.as_ref().to_path_buf(), env: OsEnv::new() }
    }

    fn dir(&self) -> Result<&Path> {
        place::given(&self.dir, "the backups")
    }

    /// Every backup, oldest first; one that is damaged is an error in its place.
    ///
    /// # Errors
    /// `NotFound` when there are none; `Locked` while one is made; `Io`.
    pub fn list(&self) -> Result<Vec<Result<BackupInfo>>> {
        let info = |info: keep::BackupInfo| BackupInfo {
            number: info.number,
            database: info.uuid.to_string(),
            commit: info.commit.0,
            commit_ms: info.clock_ms,
            made_ms: info.made_ms,
            files: info.files,
            bytes: info.bytes,
        };
        let listed = keep::backups(&*self.env, self.dir()?)?;
        Ok(listed.into_iter().map(|found| found.map(info)).collect())
    }

    /// Reads every file of every backup, and compares checksums; what is wrong, one line each.
    ///
    /// # Errors
    /// `Locked` while a backup is made; `Io`.
    pub fn check(&self) -> Result<Vec<String>> {
        keep::check_backups(&*self.env, self.dir()?)
    }

    /// Makes the directory `target` a database out of a backup, and of the archived log behind it
    /// as far as asked. It is a database of its own: its backups need another directory.
    ///
    /// # Errors
    /// `NotFound` when backups and archive do not reach what is asked for, naming what they reach;
    /// `Exists` when there are files in `target`; `Corrupt` when files that are needed are damaged;
    /// `Locked`, `Full`, `Io`. There is no database in `target` then.
    pub fn restore(&self, target: impl AsRef<Path>, to: RestoreTo) -> Result<Restored> {
        let target = place::given(target.as_ref(), "the new database")?;
        let to = match to {
            RestoreTo::Latest => keep::RestoreTo::Latest,
            RestoreTo::Backup(number) => keep::RestoreTo::Backup(number),
            RestoreTo::Commit(commit) => keep::RestoreTo::Commit(SeqNo(commit)),
            RestoreTo::TimeMs(time) => keep::RestoreTo::Time(time),
        };
        let report = keep::restore(&*self.env, self.dir()?, target, to)?;
        Ok(Restored {
            backup: report.backup,
            commit: report.commit.0,
            from_archive: report.from_archive,
            took: report.took,
        })
    }

    /// Removes all but the newest `keep` backups, with the files and archived log segments that
    /// none of these needs.
    ///
    /// # Errors
    /// `Invalid` when `keep` is 0; `Corrupt` when a backup to keep is damaged: nothing is removed
    /// then; `NotFound`, `Locked`, `Io`.
    pub fn purge(&self, keep: usize) -> Result<Purged> {
        let report = keep::purge(&*self.env, self.dir()?, keep)?;
        Ok(Purged { backups: report.backups, files: report.files, bytes: report.bytes })
    }
}
