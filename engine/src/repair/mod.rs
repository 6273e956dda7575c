//! Makes a new database out of what is intact in one that will not open.
//!
//! ```text
//! manifest, or what data files say of themselves ─┐
//! log, first reading: names, gaps, how far ───────┴─► survey: indexes, segments, watermarks
//!
//! intact parts of segments, oldest first ──┐
//! log, second reading: what is behind them ┴────────► commits of the new database
//! ```
//!
//! Older things come before newer ones, so that of each key the newest intact write remains.
//!
//! Invariants:
//! 1. Nothing in the damaged directory changes.
//! 2. What was or may have been in the old database, and is not in the new, is told.
//! 3. Nothing is in the new database that was not committed to the old one.
//! 4. The log of the new database begins behind all of it: what was committed again has the clocks
//!    of the old commits, which go back where parts of segments come before commits of the log.
//!
//! Not for: what lies in segments, which index types know.

mod jobs;
mod loads;
mod said;
mod stale;
mod survey;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::database::Engine;
use crate::env::{Env, Event, Stopped};
use crate::error::{Error, Result};
use crate::file::{FileTable, Reuse};
use crate::format::name::{self, FileName};
use crate::id::SeqNo;
use crate::index::{Lost, Registry};
use crate::options::{Access, Durability, Options};
use crate::recovery::holder;

/// Losses that a report names; more are counted.
const LOSSES_MAX: usize = 10_000;

/// What a repair has saved, and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Indexes in the new database.
    pub indexes: usize,
    /// Segments that were looked for.
    pub segments: usize,
    /// Bytes of operations saved out of segments.
    pub segment_bytes: u64,
    /// Commits that were read in the log.
    pub log_commits: u64,
    /// The last of them.
    pub last_commit: SeqNo,
    /// What is lost or may be, the first ten thousand.
    pub losses: Vec<Loss>,
    /// All of them.
    pub loss_count: u64,
}

impl RepairReport {
    /// Whether everything was saved.
    pub fn is_whole(&self) -> bool {
        self.loss_count == 0
    }

    fn lose(&mut self, index: Option<&str>, what: Lost, why: impl Into<String>) {
        let loss = Loss { index: index.map(str::to_owned), what, why: why.into() };
        tracing::warn!(%loss, "lost");
        self.loss_count += 1;
        if self.losses.len() < LOSSES_MAX {
            self.losses.push(loss);
        }
    }
}

/// Something that is lost, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The name of the index that it belongs to, if it belongs to one.
    pub index: Option<String>,
    /// What it is.
    pub what: Lost,
    /// Why it is lost.
    pub why: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = &self.index {
            write!(f, "{index}: ")?;
        }
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Makes a database in `target` out of what is intact in `dir`. `registry` makes the index types
/// that are known; where it knows one alone, indexes of which nothing is known are of that one.
/// `options` are those of the new database while it is written.
///
/// If it is interrupted, `target` holds a part: remove it, and begin again.
///
/// # Errors
/// `Exists` when there are files in `target`; `NotFound` when there is nothing of a database in
/// `dir`; `Locked` while somebody has it open for writing; `Full`, `Io`. Damage is in the report.
pub fn repair(
    env: &Arc<dyn Env>,
    (dir, target): (&Path, &Path),
    options: Options,
    registry: Registry,
) -> Result<RepairReport> {
    let vfs = env.vfs();
    let _lock = match vfs.lock_shared(&dir.join(name::LOCK)) {
        Ok(lock) => Some(lock),
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
            let holder = holder(vfs, &dir.join(name::LOCK));
            return Err(Error::locked(format!("{} is in use by {holder}", dir.display())));
        }
        Err(_) => None,
    };
    let names = match vfs.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::io(format_args!("listing {}", dir.display()), e)),
    };
    if !names.iter().any(|name| is_content(name)) {
        return Err(Error::not_found(format!("there is no database in {}", dir.display())));
    }
    if vfs.list(target).is_ok_and(|names| !names.is_empty()) {
        return Err(Error::exists(format!("{} is not empty", target.display())));
    }
    let mut report = RepairReport::default();
    let files = FileTable::new(env.clone(), dir.to_path_buf(), Reuse::Here, Arc::new(Event::new()));
    let survey = survey::survey((vfs, dir), &names, (&registry, &*files), &mut report)?;
    let options = Options {
        access: Access::Create,
        durability: Durability::None,
        // Its log goes back in time, and is nothing for readers to come.
        archive: None,
        log_retention_bytes: 0,
        log_retention_age: Duration::ZERO,
        ..options
    };
    // It is made by the present clock, and written by none.
    Engine::open(env.clone(), target, options.clone(), Registry::default())?.close()?;
    let engine = Engine::open(Stopped::new(env.clone(), 0), target, options, registry)?;
    write::write((vfs, dir, &*files), &survey, &engine, &mut report)?;
    // What has expired for readers of the old one does not come back.
    engine.rely_on(survey.wall_ms);
    report.indexes = engine.catalog().iter().count();
    engine.forget_history(env.wall_ms())?;
    engine.close()?;
    Ok(report)
}

fn is_content(name: &str) -> bool {
    matches!(
        FileName::parse(name),
        Some(FileName::Identity | FileName::Manifest(_) | FileName::Log(_) | FileName::Data(_))
    )
}
