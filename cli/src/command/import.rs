//! `import`: rows of files into a keyspace.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use cuesta::{Error, Result};
use serde_json::json;

use crate::figures;
use crate::import::{BadRows, ImportSettings, Imported, import, import_sorted};
use crate::input::{Input, Layout};
use crate::output::Output;
use crate::place::{Making, Survives, Target};
use crate::rows::{Fields, RowSettings};
use crate::tuning::Tuning;
use crate::writing::Writing;

/// Creates the database and the keyspace when they are missing. Keys that are there already are
/// overwritten. A failed import leaves what earlier batches brought, and says so; running it again
/// completes it. If there were none, nothing that it created is left. With --sorted all rows become
/// visible at once, durably, or none does.
#[derive(Debug, Args)]
pub struct Import {
    #[command(flatten)]
    target: Target<Writing>,
    /// Files, plain or packed with gzip or zstd; - is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What is in the files [default: by name, or else by the first byte]
    #[arg(long, value_enum)]
    format: Option<Layout>,
    /// Field or column of the key [default: the field _id or id; the first column]
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,
    /// Keep every field of CSV as text, numbers and empty ones too
    #[arg(long)]
    text: bool,
    /// Count lines that are no rows and go on, instead of stopping at the first
    #[arg(long)]
    skip_errors: bool,
    /// Load rows whose keys ascend bytewise, through all files, as one durable commit, past the log
    #[arg(long, conflicts_with_all = ["batch", "durability"])]
    sorted: bool,
    /// Rows in one commit
    #[arg(long, value_name = "ROWS", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// What each commit survives; everything is synced at the end
    #[arg(long, value_enum, default_value = "buffered")]
    durability: Survives,
    #[command(flatten)]
    making: Making,
    #[command(flatten)]
    tuning: Tuning,
}

/// An error that says what stays nevertheless.
fn after(rows: u64, error: Error) -> Error {
    match rows {
        0 => error,
        rows => {
            let rows = figures::counted(rows, "row");
            let message = format!("{}; {rows} before it stay committed", error.message());
            Error::new(error.kind(), message)
        }
    }
}

impl Import {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let began = Instant::now();
        // What cannot be read must not leave a new database behind.
        let inputs =
            self.files.iter().map(|file| Input::open(file)).collect::<Result<Vec<Input>>>()?;
        let settings = self.settings();
        let mut total = Imported::default();
        let builder = self.tuning.builder(self.durability.into());
        self.target.creating(builder, &(&self.making).into(), |db, keyspace| {
            if self.sorted {
                let mut load = db.bulk_load()?;
                for input in inputs {
                    import_sorted(&mut load, keyspace, input, &settings, &mut total)?;
                }
                load.finish()?;
                total.commits = u64::from(total.rows > 0);
                return self.tuning.check(db);
            }
            for input in inputs {
                import(db, input, &settings, &mut total, |batch, row| {
                    batch.put(keyspace, &row.key, &row.value)
                })
                .map_err(|error| after(total.rows, error))?;
            }
            db.sync()?;
            self.tuning.check(db)
        })?;
        let took = began.elapsed();
        output.show(
            || self.describe(&total, took),
            || {
                json!({
                    "rows": total.rows,
                    "bytes": total.bytes,
                    "commits": total.commits,
                    "skipped": total.skipped,
                    "first_skipped": total.first_skipped,
                    "seconds": figures::seconds(took),
                    "rows_per_second": figures::per_second(total.rows, took).round(),
                })
            },
        )
    }

    fn settings(&self) -> ImportSettings {
        let fields = if self.text { Fields::Text } else { Fields::Typed };
        let rows = RowSettings { layout: self.format, key: self.key.clone(), fields };
        let bad = if self.skip_errors { BadRows::Skip } else { BadRows::Refuse };
        ImportSettings { rows, batch_rows: self.batch as usize, bad }
    }

    fn describe(&self, total: &Imported, took: std::time::Duration) -> String {
        let mut text = format!(
            "{}, {} of keys and values, in {}: {} rows/s; {}, synced at the end\n",
            figures::counted(total.rows, "row"),
            figures::bytes(total.bytes),
            figures::time(took),
            figures::rate(total.rows, took),
            figures::counted(total.commits, "commit"),
        );
        if let Some(first) = &total.first_skipped {
            text += &format!("{} skipped; the first: {first}\n", figures::count(total.skipped));
        }
        text
    }
}
