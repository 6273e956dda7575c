//! Files to write to, packed as their names say.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use cuesta::{Error, ErrorKind, Result};

/// Makes a file that must not be there.
///
/// # Errors
/// `Exists`, `Full`, `Io`.
pub fn create(path: &Path) -> Result<File> {
    File::options().write(true).create_new(true).open(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::new(ErrorKind::Exists, format!("{} exists", path.display()))
        }
        _ => writing(path, e),
    })
}

/// Lets `fill` write to `file`, packed as its name says, and syncs it.
///
/// # Errors
/// `Full`, `Io`.
pub fn write<R>(
    path: &Path,
    file: File,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<R>,
) -> Result<R> {
    packed(path, file, fill).map_err(|e| writing(path, e))
}

fn writing(path: &Path, e: io::Error) -> Error {
    Error::io(format_args!("writing {}", path.display()), e)
}

fn packed<R>(
    path: &Path,
    file: File,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<R>,
) -> io::Result<R> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let mut out = BufWriter::with_capacity(256 << 10, file);
    let written = match ending.as_str() {
        "gz" | "gzip" => {
            let mut packed = flate2::write::GzEncoder::new(out, flate2::Compression::default());
            let written = fill(&mut packed)?;
            out = packed.finish()?;
            written
        }
        "zst" | "zstd" => {
            let mut packed = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            packed.include_checksum(true)?;
            let written = fill(&mut packed)?;
            out = packed.finish()?;
            written
        }
        _ => fill(&mut out)?,
    };
    out.into_inner()?.sync_all()?;
    Ok(written)
}
