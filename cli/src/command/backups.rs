//! `backups`: which there are, whether they are sound, and removing old ones.

use std::path::PathBuf;

use clap::Args;
use cuesta::{Error, Result};
use cuesta_engine::moment;
use serde_json::json;

use crate::figures;
use crate::output::Output;

/// Damage is printed, a line for each, and gives exit code 3.
#[derive(Debug, Args)]
pub struct Backups {
    /// Directory of the backups
    backups: PathBuf,
    /// Read every file of every backup
    #[arg(long, conflicts_with = "keep")]
    check: bool,
    /// Remove all but the newest ones
    #[arg(long, value_name = "COUNT")]
    keep: Option<usize>,
}

impl Backups {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let backups = cuesta::Backups::at(&self.backups);
        if let Some(keep) = self.keep {
            return purge(&backups, keep, output);
        }
        let mut problems = Vec::new();
        for found in backups.list()? {
            let info = match found {
                Ok(info) => info,
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            output.show(
                || {
                    format!(
                        "backup {} of commit {}, made {}: {}, {} with log",
                        info.number,
                        figures::count(info.commit),
                        moment::text(info.made_ms),
                        figures::counted(info.files, "file"),
                        figures::bytes(info.bytes),
                    )
                },
                || {
                    json!({
                        "backup": info.number,
                        "database": info.database,
                        "commit": info.commit,
                        "commit_ms": info.commit_ms,
                        "made_ms": info.made_ms,
                        "files": info.files,
                        "bytes": info.bytes,
                    })
                },
            )?;
        }
        if self.check {
            problems = backups.check()?;
        }
        for problem in &problems {
            output.show(|| format!("damage: {problem}"), || json!({ "damage": problem }))?;
        }
        output.finish()?;
        match problems.first() {
            None => Ok(()),
            Some(first) => Err(Error::corrupt(format!(
                "{} in {}, such as: {first}",
                figures::counted(problems.len() as u64, "problem"),
                self.backups.display()
            ))),
        }
    }
}

fn purge(backups: &cuesta::Backups, keep: usize, output: &mut Output) -> Result<()> {
    let purged = backups.purge(keep)?;
    output.show(
        || {
            format!(
                "{} removed, with {} of {}",
                figures::counted(purged.backups, "backup"),
                figures::counted(purged.files, "file"),
                figures::bytes(purged.bytes)
            )
        },
        || json!({ "backups": purged.backups, "files": purged.files, "bytes": purged.bytes }),
    )
}
