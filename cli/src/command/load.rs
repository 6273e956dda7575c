//! `load`: what `dump` wrote.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use cuesta::{Durability, Existing, Result};

use super::dump::{told, with_seconds};
use crate::figures;
use crate::input::Input;
use crate::output::Output;
use crate::place::Place;

/// Creates the database when it is missing. Keyspaces must not be there already, unless --overwrite
/// is given; a dump that is cut off or changed leaves none behind.
#[derive(Debug, Args)]
pub struct Load {
    #[command(flatten)]
    place: Place,
    /// File that dump wrote, packed or not, or - for standard input
    file: PathBuf,
    /// Put entries into keyspaces that are there, over those with the same keys
    #[arg(long)]
    overwrite: bool,
}

impl Load {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let began = Instant::now();
        let input = Input::open(&self.file)?;
        let db = self.place.create(Durability::Sync)?;
        let existing = if self.overwrite { Existing::Overwrite } else { Existing::Refuse };
        let loaded = db.load(input.content, existing).map_err(|e| e.context(input.name))?;
        db.close()?;
        let took = began.elapsed();
        output.show(
            || format!("{}, in {}", told(&loaded), figures::time(took)),
            || with_seconds(&loaded, figures::seconds(took)),
        )
    }
}
