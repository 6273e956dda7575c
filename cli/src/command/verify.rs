//! `verify`: checks everything stored.

use std::time::Instant;

use clap::Args;
use cuesta::{Error, Result};
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::place::{DAMAGED, Place};

/// Reads all of the database. Damage is printed, a line for each, and gives exit code 3.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
}

impl Verify {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let began = Instant::now();
        let db = self.place.read()?;
        let report = db.verify()?;
        let took = began.elapsed();
        output.show(
            || {
                let checked = format!(
                    "{}, {} of {} with {}, {} in {}, in {}\n",
                    figures::counted(report.indexes as u64, "keyspace"),
                    figures::counted(report.segments as u64, "segment"),
                    figures::bytes(report.bytes),
                    figures::entries(report.entries),
                    figures::counted(report.log_commits, "commit"),
                    figures::counted(report.log_segments as u64, "log segment"),
                    figures::time(took),
                );
                let problem = |problem: &String| format!("damage: {problem}\n");
                report.problems.iter().map(problem).chain([checked]).collect()
            },
            || {
                json!({
                    "sound": report.is_sound(),
                    "problems": report.problems,
                    "keyspaces": report.indexes,
                    "segments": report.segments,
                    "segment_bytes": report.bytes,
                    "entries": report.entries,
                    "log_segments": report.log_segments,
                    "log_commits": report.log_commits,
                    "seconds": figures::seconds(took),
                })
            },
        )?;
        output.finish()?;
        match report.problems.as_slice() {
            [] => Ok(()),
            [problem] => Err(self.damage(problem)),
            [first, rest @ ..] => Err(self.damage(&format!("{first}, and {} more", rest.len()))),
        }
    }

    fn damage(&self, problems: &str) -> Error {
        Error::corrupt(format!("{} is damaged: {problems}", self.place.path.display()))
            .advice(DAMAGED)
    }
}
