//! `load`: what `dump` wrote.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use cuesta::{Durability, Existing, Result};

use super::dump::{told, with_seconds};
use crate::figures;
use crate::input::Input;
use crate::output::Output;
use crate::tuning::Tuning;
use crate::writing::Writing;

/// Creates the database when it is missing. Keyspaces must not be there already, unless --overwrite
/// is given; a dump that is cut off or changed leaves none behind, nor a database that was created.
#[derive(Debug, Args)]
pub struct Load {
    #[command(flatten)]
    place: Writing,
    /// File that dump wrote, packed or not, or - for standard input
    file: PathBuf,
    /// Put entries into keyspaces that are there, over those with the same keys
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    tuning: Tuning,
}

impl Load {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let began = Instant::now();
        let input = Input::open(&self.file)?;
        let existing = if self.overwrite { Existing::Overwrite } else { Existing::Refuse };
        let loaded = self.place.creating(self.tuning.builder(Durability::Sync), |db| {
            let loaded = db.load(input.content, existing).map_err(|e| e.context(input.name))?;
            self.tuning.check(db)?;
            Ok(loaded)
        })?;
        let took = began.elapsed();
        output.show(
            || format!("{}, in {}", told(&loaded), figures::time(took)),
            || with_seconds(&loaded, figures::seconds(took)),
        )
    }
}
