//! `changes`: what was committed, in order.

use clap::Args;
use cuesta::Result;

use crate::changes;
use crate::output::Output;
use crate::place::Place;
use crate::text::Spelling;

/// Prints a line for each operation: the commit, its time in milliseconds since 1970, what was
/// done, and where. With --json a line for each commit. Of the log only what is needed or kept is
/// there; see --since.
#[derive(Debug, Args)]
pub struct Changes {
    #[command(flatten)]
    place: Place,
    /// Commits after this one [default: all that are there]
    #[arg(long, value_name = "COMMIT")]
    since: Option<u64>,
    /// Commits at most
    #[arg(long, value_name = "COMMITS")]
    limit: Option<usize>,
    #[command(flatten)]
    spelling: Spelling,
}

impl Changes {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let db = self.place.read()?;
        let first = db.stats().get("log_first_commit").unwrap_or(1);
        let since = self.since.unwrap_or(first.saturating_sub(1));
        for change in db.changes_since(since)?.take(self.limit.unwrap_or(usize::MAX)) {
            changes::show(output, &change?, self.spelling, |_| true)?;
        }
        Ok(())
    }
}
