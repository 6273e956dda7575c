//! `export`: a keyspace as a file that `import` takes in again.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use cuesta::{Cursor, ErrorKind, Result};
use serde_json::json;

use crate::failure::Unmergeable;
use crate::figures;
use crate::output::{Form, Output};
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
    #[command(flatten)]
    unmergeable: Unmergeable,
}

impl Export {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let began = Instant::now();
        let (_db, keyspace) = self.target.read()?;
        let cursor = keyspace.cursor::<&[u8]>(..)?;
        let entries = Entries { cursor, unmergeable: self.unmergeable, form: output.form() };
        let Some(path) = &self.output else {
            let mut failure = None;
            output.write(|out| {
                failure = write_entries(entries, self.format, out)?.err();
                Ok(())
            })?;
            return failure.map_or(Ok(()), Err);
        };
        let file = pack::create(path)?;
        let (entries, bytes) = file.fill(|out| write_entries(entries, self.format, out))?;
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

/// What is written.
struct Entries {
    cursor: Cursor,
    unmergeable: Unmergeable,
    form: Form,
}

impl Entries {
    /// Goes to the next one; whether there is one.
    fn next(&mut self) -> Result<bool> {
        loop {
            match self.cursor.next() {
                Err(error) if error.kind() == ErrorKind::Invalid => {
                    if self.cursor.pass_over().is_none() {
                        return Err(error);
                    }
                    self.unmergeable.pass(error, self.form)?;
                }
                found => return found,
            }
        }
    }
}

/// Writes all entries; the number of them, or what reading them failed with.
fn write_entries(of: Entries, shape: Shape, out: &mut dyn Write) -> io::Result<Result<u64>> {
    match shape {
        Shape::Ndjson => each(of, |key, value| record::write_json(&mut *out, key, Some(value))),
        Shape::Values => each(of, |_, value| {
            out.write_all(value)?;
            out.write_all(b"\n")
        }),
        Shape::Csv => {
            let mut table = csv::Writer::from_writer(out);
            table.write_record(record::COLUMNS)?;
            let written = each(of, |key, value| {
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
    mut of: Entries,
    mut write: impl FnMut(&[u8], &[u8]) -> io::Result<()>,
) -> io::Result<Result<u64>> {
    let mut entries = 0;
    loop {
        match of.next() {
            Ok(true) => write(of.cursor.key(), of.cursor.value())?,
            Ok(false) => return Ok(Ok(entries)),
            Err(error) => return Ok(Err(error)),
        }
        entries += 1;
    }
}
