//! `dump`: everything in a database, in a format that every version reads.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use cuesta::{Dumped, Result, Unmerged};
use serde_json::{Value, json};

use crate::failure::Unmergeable;
use crate::figures::{self, entries};
use crate::output::Output;
use crate::pack;
use crate::place::Place;

/// All keyspaces, with their options, as of one moment: lines of JSON, packed if the name of the
/// file ends in .gz or .zst. `load` takes them in again.
#[derive(Debug, Args)]
pub struct Dump {
    #[command(flatten)]
    place: Place,
    /// File to write, which must not exist, or - for standard output
    file: PathBuf,
    #[command(flatten)]
    unmergeable: Unmergeable,
}

impl Dump {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let began = Instant::now();
        let db = self.place.read()?;
        let form = output.form();
        let pass = |unmerged: Unmerged<'_>| self.unmergeable.pass(unmerged.error, form);
        if self.file == Path::new("-") {
            let mut dumped = Ok(Dumped::default());
            output.write(|out| {
                dumped = db.dump_passing(out, pass);
                Ok(())
            })?;
            return dumped.map(drop);
        }
        let (dumped, _) = pack::create(&self.file)?.fill(|out| Ok(db.dump_passing(out, pass)))?;
        let took = began.elapsed();
        output.show(
            || format!("{}, in {}", told(&dumped), figures::time(took)),
            || with_seconds(&dumped, figures::seconds(took)),
        )
    }
}

/// A dump or load in words.
pub fn told(dumped: &Dumped) -> String {
    let left_out = match dumped.passed_over {
        0 => String::new(),
        count => format!(", without {} that cannot be merged", figures::counted(count, "key")),
    };
    format!(
        "{}, {}, {} as text, of commit {}{left_out}",
        figures::counted(dumped.keyspaces, "keyspace"),
        entries(dumped.entries),
        figures::bytes(dumped.bytes),
        figures::count(dumped.commit),
    )
}

/// A dump or load for programs.
pub fn with_seconds(dumped: &Dumped, seconds: impl Into<Value>) -> Value {
    json!({
        "keyspaces": dumped.keyspaces,
        "entries": dumped.entries,
        "bytes": dumped.bytes,
        "commit": dumped.commit,
        "left_out": dumped.passed_over,
        "seconds": seconds.into(),
    })
}
