//! `export`: a keyspace as a file that `import` takes in again.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use cuesta::{Cursor, Error, Result};
use serde_json::json;

use crate::figures;
use crate::output::Output;
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
/// .zst is packed.
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
        let creating = |e| Error::io(format_args!("writing {}", path.display()), e);
        let file = File::options().write(true).create_new(true).open(path).map_err(|e| match e
            .kind()
        {
            io::ErrorKind::AlreadyExists => {
                Error::new(cuesta::ErrorKind::Exists, format!("{} exists", path.display()))
            }
            _ => creating(e),
        })?;
        let written = write_file(path, file, |out| write_entries(cursor, self.format, out));
        let entries = written.map_err(creating)??;
        let bytes = std::fs::metadata(path).map_err(creating)?.len();
        let took = began.elapsed();
        output.show(
            || {
                let (entries, bytes) = (figures::count(entries), figures::bytes(bytes));
                format!("{entries} entries, {bytes}, in {}", figures::time(took))
            },
            || json!({ "entries": entries, "bytes": bytes, "seconds": figures::seconds(took) }),
        )
    }
}

/// Lets `write` write to `file`, packed as its name says, and syncs it.
fn write_file<R>(
    path: &Path,
    file: File,
    write: impl FnOnce(&mut dyn Write) -> io::Result<R>,
) -> io::Result<R> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let mut out = BufWriter::with_capacity(256 << 10, file);
    let written = match ending.as_str() {
        "gz" | "gzip" => {
            let mut packed = flate2::write::GzEncoder::new(out, flate2::Compression::default());
            let written = write(&mut packed)?;
            out = packed.finish()?;
            written
        }
        "zst" | "zstd" => {
            let mut packed = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            packed.include_checksum(true)?;
            let written = write(&mut packed)?;
            out = packed.finish()?;
            written
        }
        _ => write(&mut out)?,
    };
    out.into_inner()?.sync_all()?;
    Ok(written)
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
