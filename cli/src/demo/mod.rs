//! The demo: real data in and out, and proofs of what a database promises.
//!
//! ```text
//! load ──► read ──► snapshot ──► kill ──► upkeep
//! ```
//!
//! Each part is one file with one function `run`, and leaves the database open and as the next part
//! expects it. To add a part, write its file and name it in [`PARTS`].
//!
//! Invariants:
//! 1. What a part claims, it has checked; what does not hold is an error of kind `Corrupt`.
//! 2. A part prints few lines: all of them fit on one screen.

mod ledger;
mod load;
mod read;
mod snapshot;
mod copy;
mod kill;
mod upkeep;

use std::path::{Path, PathBuf};
use std::time::Instant;

use cuesta::{Builder, Database, Error, Result};
use serde_json::{Map, Value, json};

use crate::figures;
use crate::output::Output;

pub use copy::{COPY, copy_until_killed};
pub use ledger::Ledger;

/// What a part does; its figures.
type Part = fn(&mut Stage<'_>) -> Result<Value>;

/// The parts, in their order.
const PARTS: [(&str, Part); 5] = [
    ("load", load::run),
    ("read", read::run),
    ("snapshot", snapshot::run),
    ("kill", kill::run),
    ("upkeep", upkeep::run),
];

/// The keyspaces of the data set.
const FLIGHTS: &str = "flights";
/// Flights by origin, destination and id; written in the batches that write flights.
const ROUTES: &str = "flights_by_route";
const WEATHER: &str = "weather";
const AIRPORTS: &str = "airports";
const PLANES: &str = "planes";
const AIRLINES: &str = "airlines";

/// Where the parts are played.
pub struct Stage<'o> {
    path: PathBuf,
    data: PathBuf,
    /// Open but while another process has it.
    db: Option<Database>,
    output: &'o mut Output,
}

impl Stage<'_> {
    /// A stage for a new database in `path`, with the data set in `data`.
    pub fn new(path: PathBuf, data: PathBuf, output: &mut Output) -> Stage<'_> {
        Stage { path, data, db: None, output }
    }

    /// Plays all parts.
    ///
    /// # Errors
    /// `Corrupt` for a claim that does not hold; what the database fails with.
    pub fn play(mut self) -> Result<()> {
        let began = Instant::now();
        self.output.tell(&format!("A database in {}", self.path.display()))?;
        let mut all = Map::new();
        for (name, part) in PARTS {
            let part_began = Instant::now();
            self.output.tell(&format!("\n{name}"))?;
            let mut figures = part(&mut self)?;
            figures["seconds"] = json!(figures::seconds(part_began.elapsed()));
            all.insert(name.to_owned(), figures);
        }
        self.close()?;
        let took = began.elapsed();
        self.output.tell(&format!("\nEverything held. {} in all.", figures::time(took)))?;
        all.insert("seconds".to_owned(), json!(figures::seconds(took)));
        self.output.show(String::new, || Value::Object(all))
    }

    /// Prints a line.
    fn say(&mut self, line: &str) -> Result<()> {
        self.output.tell(&format!("  {line}"))
    }

    /// The open database.
    fn db(&self) -> Result<Database> {
        self.db.clone().ok_or_else(|| Error::internal("the demo's database is closed"))
    }

    /// Opens the database.
    fn open(&mut self, builder: Builder) -> Result<Database> {
        self.close()?;
        Ok(self.db.insert(builder.open(&self.path)?).clone())
    }

    /// Closes the database.
    fn close(&mut self) -> Result<()> {
        self.db.take().map_or(Ok(()), Database::close)
    }
}

/// Fails unless a claim holds.
fn prove(holds: bool, claim: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::corrupt(format!("this does not hold: {}", claim()))) }
}

/// The folder of the data set: that of the source this program was built from, or else of the
/// source that it is started in.
///
/// # Errors
/// `NotFound`.
pub fn data_folder() -> Result<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data");
    let places = [built, PathBuf::from("examples/data")];
    let found = places.into_iter().find(|place| place.join(load::FLIGHTS_FILE).is_file());
    found.ok_or_else(|| {
        Error::not_found(
            "there is no folder examples/data here; start in the folder of the source, or name \
             the folder with --data",
        )
    })
}
