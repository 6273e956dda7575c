//! `demo`: what Cuesta does with real data; and the process that it kills.

use std::path::PathBuf;

use clap::{Args, Parser};
use cuesta::{Error, ErrorKind, Result};

use crate::demo::{Ledger, Stage, copy_until_killed, data_folder};
use crate::output::Output;
use crate::place::Place;

/// Loads a year of flights with their weather, airports and planes, reads them, keeps a snapshot,
/// kills a writing process several times, and proves that nothing acknowledged was lost. Takes
/// three to twenty seconds and 500 MB. A proof that fails gives exit code 3.
#[derive(Debug, Args)]
pub struct Demo {
    /// Directory for the database, which must not hold one, and which stays [default: a temporary
    /// one, which goes]
    path: Option<PathBuf>,
    /// Folder with the data [default: examples/data of the source]
    #[arg(long)]
    data: Option<PathBuf>,
}

impl Demo {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let data = match self.data {
            Some(data) => data,
            None => data_folder()?,
        };
        let mut temporary = None;
        let path = match self.path {
            Some(path) => path,
            None => {
                let folder = tempfile::Builder::new().prefix("cuesta-demo-").tempdir();
                let folder = folder.map_err(|e| Error::io("creating a temporary directory", e))?;
                temporary.insert(folder).path().join("db")
            }
        };
        if Place::at(path.clone()).exists()? {
            let message = format!("there is a database in {} already", path.display());
            return Err(Error::new(ErrorKind::Exists, message));
        }
        Stage::new(path, data, output).play()
    }
}

/// Copies flights in synced commits until it is killed, and says after each how far it is. No
/// command of the program: nobody else is to find it.
#[derive(Debug, Parser)]
pub struct DemoCopy {
    #[command(flatten)]
    place: Place,
    /// Rows in one commit
    #[arg(long)]
    rows_per_commit: u64,
    /// What is copied so far: rows and checksum
    #[arg(long)]
    from: Ledger,
}

impl DemoCopy {
    pub fn run(self) -> Result<()> {
        copy_until_killed(&self.place.path, self.from, self.rows_per_commit)
    }
}
