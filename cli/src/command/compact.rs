//! `compact`: merges everything down.

use std::time::Instant;

use clap::Args;
use cuesta::{Durability, Result};
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::place::disk_use;
use crate::tuning::Tuning;
use crate::writing::Writing;

/// Afterwards the database is as small, and scans are as fast, as they get.
#[derive(Debug, Args)]
pub struct Compact {
    #[command(flatten)]
    place: Writing,
    #[command(flatten)]
    tuning: Tuning,
}

impl Compact {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let began = Instant::now();
        let db = self.place.write_with(self.tuning.builder(Durability::Sync))?;
        let before = disk_use(self.place.path())?;
        db.compact()?;
        self.tuning.check(&db)?;
        db.close()?;
        let after = disk_use(self.place.path())?;
        let took = began.elapsed();
        output.show(
            || {
                format!(
                    "data {}, before {}; with log {}, before {}; in {}",
                    figures::bytes(after.data_bytes),
                    figures::bytes(before.data_bytes),
                    figures::bytes(after.total_bytes()),
                    figures::bytes(before.total_bytes()),
                    figures::time(took)
                )
            },
            || {
                json!({
                    "before": super::stats::of_disk(before),
                    "after": super::stats::of_disk(after),
                    "seconds": figures::seconds(took),
                })
            },
        )
    }
}
