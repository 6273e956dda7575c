//! Files to read from, standard input among them, unpacked as they come.
//!
//! How a file is packed is told by its first bytes, whatever its name; what is in it by its name
//! (`flights.csv.zst`) or else by its first byte that is not blank.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use cuesta::{Error, Result};

/// What is in a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values with a header line
    Csv,
}

/// An open input.
pub struct Input {
    /// What messages call it.
    pub name: String,
    /// Its size as stored, if known.
    pub stored_bytes: Option<u64>,
    /// Bytes read of it so far, as stored.
    pub read: Arc<AtomicU64>,
    /// Its content.
    pub content: Box<dyn BufRead>,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    pub fn open(path: &Path) -> Result<Input> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let reading = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => Error::not_found(format!("there is no file {name}")),
            _ => Error::io(format_args!("reading {name}"), e),
        };
        let read = Arc::new(AtomicU64::new(0));
        let (source, stored_bytes): (Box<dyn Read>, _) = if is_stdin {
            (Box::new(io::stdin().lock()), None)
        } else {
            let file = File::open(path).map_err(reading)?;
            let data = file.metadata().map_err(reading)?;
            if data.is_dir() {
                return Err(Error::invalid(format!("{name} is a directory")));
            }
            (Box::new(file), data.is_file().then_some(data.len()))
        };
        let content = unpack(Counted { source, read: read.clone() }).map_err(reading)?;
        Ok(Input { name, stored_bytes, read, content })
    }

    /// What is in it.
    ///
    /// # Errors
    /// `Io`.
    pub fn layout(&mut self) -> Result<Layout> {
        let name = self.name.to_ascii_lowercase();
        let packed =
            [".gz", ".gzip", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end));
        let name = packed.unwrap_or(&name);
        if [".csv", ".txt"].iter().any(|end| name.ends_with(end)) {
            return Ok(Layout::Csv);
        }
        if [".ndjson", ".jsonl", ".json"].iter().any(|end| name.ends_with(end)) {
            return Ok(Layout::Ndjson);
        }
        let failed = |e| Error::io(format_args!("reading {}", self.name), e);
        let start = self.content.fill_buf().map_err(failed)?;
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok(if first == Some(&b'{') { Layout::Ndjson } else { Layout::Csv })
    }
}

fn unpack(mut source: Counted) -> io::Result<Box<dyn BufRead>> {
    let mut magic = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut magic)?;
    let is_gzip = magic.starts_with(&[0x1f, 0x8b]);
    let is_zstd = magic == [0x28, 0xb5, 0x2f, 0xfd];
    let stored = BufReader::with_capacity(256 << 10, Cursor::new(magic).chain(source));
    Ok(if is_gzip {
        Box::new(BufReader::with_capacity(256 << 10, flate2::bufread::MultiGzDecoder::new(stored)))
    } else if is_zstd {
        Box::new(BufReader::with_capacity(256 << 10, zstd::Decoder::with_buffer(stored)?))
    } else {
        Box::new(stored)
    })
}

/// A source that counts what was read of it.
struct Counted {
    source: Box<dyn Read>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
