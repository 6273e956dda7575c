//! `restore`: a database out of a backup.

use std::path::PathBuf;

use clap::Args;
use cuesta::{Backups, RestoreTo, Result};
use cuesta_engine::moment;
use serde_json::json;

use crate::figures;
use crate::output::Output;

/// TARGET must not exist, or be empty. Without an option: the newest backup, and every commit that
/// is archived behind it.
#[derive(Debug, Args)]
pub struct Restore {
    /// Directory of the backups
    backups: PathBuf,
    /// Directory of the new database
    target: PathBuf,
    /// This backup, and nothing behind it
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["to_commit", "to_time"])]
    backup: Option<u64>,
    /// Up to this commit
    #[arg(long, value_name = "COMMIT", conflicts_with = "to_time")]
    to_commit: Option<u64>,
    /// Up to the last commit at or before this time: 2026-01-31T23:59:59.999Z, the same with an
    /// offset such as +02:00 instead of Z, or milliseconds since 1970 UTC
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    to_time: Option<u64>,
}

impl Restore {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let to = match (self.backup, self.to_commit, self.to_time) {
            (Some(number), _, _) => RestoreTo::Backup(number),
            (_, Some(commit), _) => RestoreTo::Commit(commit),
            (_, _, Some(time_ms)) => RestoreTo::TimeMs(time_ms),
            (None, None, None) => RestoreTo::Latest,
        };
        let restored = Backups::at(&self.backups).restore(&self.target, to)?;
        output.show(
            || {
                format!(
                    "commit {} out of backup {} and {}, in {}",
                    figures::count(restored.commit),
                    restored.backup,
                    figures::counted(restored.from_archive, "archived commit"),
                    figures::time(restored.took),
                )
            },
            || {
                json!({
                    "backup": restored.backup,
                    "commit": restored.commit,
                    "from_archive": restored.from_archive,
                    "seconds": figures::seconds(restored.took),
                })
            },
        )
    }
}
