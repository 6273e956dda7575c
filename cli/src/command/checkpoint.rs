//! `checkpoint`: a copy that shares files.

use std::path::PathBuf;

use clap::Args;
use cuesta::Result;
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::place::Place;

/// TARGET must not exist, or be empty. Files that never change are linked where the file system
/// can, so that this takes no time; the copy is a database of its own.
#[derive(Debug, Args)]
pub struct Checkpoint {
    #[command(flatten)]
    place: Place,
    /// Directory of the copy
    target: PathBuf,
}

impl Checkpoint {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let made = self.place.read_alone()?.checkpoint(&self.target)?;
        output.show(
            || {
                format!(
                    "commit {}: {} of {} shared, {} of {} copied, {} of log; in {}",
                    figures::count(made.commit),
                    figures::counted(made.linked_files, "file"),
                    figures::bytes(made.linked_bytes),
                    figures::count(made.copied_files),
                    figures::bytes(made.copied_bytes),
                    figures::bytes(made.log_bytes),
                    figures::time(made.took),
                )
            },
            || {
                json!({
                    "commit": made.commit,
                    "linked_files": made.linked_files,
                    "linked_bytes": made.linked_bytes,
                    "copied_files": made.copied_files,
                    "copied_bytes": made.copied_bytes,
                    "log_bytes": made.log_bytes,
                    "seconds": figures::seconds(made.took),
                })
            },
        )
    }
}
