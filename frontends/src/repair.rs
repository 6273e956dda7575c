//! Making a new database out of what is intact in one that will not open.
//!
//! `docs/keeping.md` says when that is the thing to do.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::Options;
use cuesta_engine::env::Env;
use cuesta_engine::index::{Lost, Registry};

use crate::Result;

/// What a repair has saved, and what not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairReport {
    /// Keyspaces in the new database.
    pub keyspaces: usize,
    /// Segments that were looked for.
    pub segments: usize,
    /// Bytes saved out of them.
    pub segment_bytes: u64,
    /// Commits that were read in the log.
    pub log_commits: u64,
    /// The last of them.
    pub last_commit: u64,
    /// What is lost or may be, the first ten thousand.
    pub losses: Vec<Loss>,
    /// All of them.
    pub loss_count: u64,
    /// Time it took.
    pub took: Duration,
}

impl RepairReport {
    /// Whether everything was saved.
    pub fn is_whole(&self) -> bool {
        self.loss_count == 0
    }
}

/// Something that is lost, or may be. Displayed, it is a line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The keyspace that it belongs to, if it belongs to one.
    pub keyspace: Option<String>,
    /// What it is.
    pub what: Lost,
    /// Why it is lost.
    pub why: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(keyspace) = &self.keyspace {
            write!(f, "keyspace {keyspace:?}, ")?;
        }
        write!(f, "{}: {}", self.what, self.why)
    }
}

pub(crate) fn repair(
    env: &Arc<dyn Env>,
    paths: (&Path, &Path),
    options: Options,
    registry: Registry,
) -> Result<RepairReport> {
    let began = env.now();
    let report = cuesta_engine::repair::repair(env, paths, options, registry)?;
    let loss = |loss: cuesta_engine::repair::Loss| Loss {
        keyspace: loss.index,
        what: loss.what,
        why: loss.why,
    };
    Ok(RepairReport {
        keyspaces: report.indexes,
        segments: report.segments,
        segment_bytes: report.segment_bytes,
        log_commits: report.log_commits,
        last_commit: report.last_commit.0,
        losses: report.losses.into_iter().map(loss).collect(),
        loss_count: report.loss_count,
        took: env.now().saturating_sub(began),
    })
}
