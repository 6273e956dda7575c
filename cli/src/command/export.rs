//! `export`: a keyspace as a file that `import` takes in again.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use cuesta::{Cursor, Result};
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::pack;
use crate::place::Target;
use crate::record;

/// What is written of each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// A record a line: {"key": .., "value": ..}, or key_base64, value_base64 for what is not text
    Ndjson,
    /// Records with the columns key, key_base64, value, value_base64
    Csv,
    /// The bytes of the value and a line break; NDJSON again, if the values are JSON
    Values,
}

/// Entries are those of one moment, in the order of their keys. A file whose name ends in .gz or
/// .zst is packed. A file that cannot be written whole is not there.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    target: Target,
    /// File to write, which must not exist [default: standard output]
    #[arg(long, short)]
    output: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "ndjson")]
    format: Shape,
}

impl Export {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let began = Instant::now();
        let (_db, keyspace) = self.target.read()?;
        let cursor = keyspace.cursor::<&[u8]>(..)?;
        let Some(path) = &self.output else {
            let mut failure = None;
            output.write(|out| {
                failure = write_entries(cursor, self.format, out)?.err();
                Ok(())
            })?;
            return failure.map_or(Ok(()), Err);
        };
        let file = pack::create(path)?;
        let (entries, bytes) = file.fill(|out| write_entries(cursor, self.format, out))?;
        let took = began.elapsed();
        output.show(
            || {
                let (entries, bytes) = (figures::entries(entries), figures::bytes(bytes));
                format!("{entries}, {bytes}, in {}", figures::time(took))
            },
            || json!({ "entries": entries, "bytes": bytes, "seconds": figures::seconds(took) }),
        )
    }
}

/// Writes all entries; the number of them, or what reading them failed with.
fn write_entries(cursor: Cursor, shape: Shape, out: &mut dyn Write) -> io::Result<Result<u64>> {
    match shape {
        Shape::Ndjson => each(cursor, |key, value| record::write_json(&mut *out, key, Some(value))),
        Shape::Values => each(cursor, |_, value| {
            out.write_all(value)?;
            out.write_all(b"\n")
        }),
        Shape::Csv => {
            let mut table = csv::Writer::from_writer(out);
            table.write_record(record::COLUMNS)?;
            let written = each(cursor, |key, value| {
                table.write_record(
                    record::to_csv(key, value).iter().map(|field| field.as_bytes()),
                )?;
                Ok(())
            })?;
            table.flush()?;
            Ok(written)
        }
    }
}

fn each(
    mut cursor: Cursor,
    mut write: impl FnMut(&[u8], &[u8]) -> io::Result<()>,
) -> io::Result<Result<u64>> {
    let mut entries = 0;
    loop {
        match cursor.next() {
            Ok(true) => write(cursor.key(), cursor.value())?,
            Ok(false) => return Ok(Ok(entries)),
            Err(error) => return Ok(Err(error)),
        }
        entries += 1;
    }
}
