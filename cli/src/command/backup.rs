//! `backup`: a copy to restore from.

use std::path::PathBuf;

use clap::Args;
use cuesta::Result;
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::place::Place;

/// The directory is for backups of one database. Files that an earlier backup has are not copied
/// again.
#[derive(Debug, Args)]
pub struct Backup {
    #[command(flatten)]
    place: Place,
    /// Directory of the backups
    backups: PathBuf,
}

impl Backup {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let made = self.place.read_alone()?.backup(&self.backups)?;
        output.show(
            || {
                format!(
                    "backup {} of commit {}: {} of {} copied, {} of {} there already, {} \
                     of log; in {}",
                    made.number,
                    figures::count(made.commit),
                    figures::counted(made.copied_files, "file"),
                    figures::bytes(made.copied_bytes),
                    figures::count(made.kept_files),
                    figures::bytes(made.kept_bytes),
                    figures::bytes(made.log_bytes),
                    figures::time(made.took),
                )
            },
            || {
                json!({
                    "backup": made.number,
                    "commit": made.commit,
                    "copied_files": made.copied_files,
                    "copied_bytes": made.copied_bytes,
                    "kept_files": made.kept_files,
                    "kept_bytes": made.kept_bytes,
                    "log_bytes": made.log_bytes,
                    "seconds": figures::seconds(made.took),
                })
            },
        )
    }
}
