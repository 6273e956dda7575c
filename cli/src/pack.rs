//! Files to write to, packed as their names say.
//!
//! Invariant: a file has its name once it is whole and synced. Whatever goes wrong before, there is
//! none. On Linux it has no name at all until then, so that a process that is killed leaves
//! nothing; where the system or the file system has no such files, one with a hidden name.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use cuesta::{Error, ErrorKind, Result};
use tempfile::NamedTempFile;

/// A file on its way.
#[derive(Debug)]
pub struct Packed {
    path: PathBuf,
    file: Unnamed,
}

/// A file without the name that it will have.
#[derive(Debug)]
enum Unnamed {
    /// It has none, and goes with the process.
    #[cfg(target_os = "linux")]
    Nameless(File),
    /// It has a hidden one.
    Hidden(NamedTempFile),
}

impl Unnamed {
    fn in_folder(folder: &Path) -> io::Result<Unnamed> {
        #[cfg(target_os = "linux")]
        if let Some(file) = nameless(folder) {
            return Ok(Unnamed::Nameless(file));
        }
        let mut hidden = tempfile::Builder::new();
        hidden.prefix(".cuesta-");
        // As any new file: what the user's mask leaves.
        #[cfg(unix)]
        hidden.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        hidden.tempfile_in(folder).map(Unnamed::Hidden)
    }

    fn file(&self) -> &File {
        match self {
            #[cfg(target_os = "linux")]
            Unnamed::Nameless(file) => file,
            Unnamed::Hidden(file) => file.as_file(),
        }
    }

    /// Gives it its name, which no other file has.
    fn name(self, path: &Path) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Unnamed::Nameless(file) => link(&file, path),
            Unnamed::Hidden(file) => Ok(file.persist_noclobber(path).map(drop)?),
        }
    }
}

/// A file without a name; none where it could not be given one later.
#[cfg(target_os = "linux")]
fn nameless(folder: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(0o666)).ok()?);
    descriptor(&file).symlink_metadata().ok().map(|_| file)
}

#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD};
    Ok(rustix::fs::linkat(CWD, descriptor(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// The name that the system has for an open file.
#[cfg(target_os = "linux")]
fn descriptor(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Makes a file that must not be there.
///
/// # Errors
/// `Exists`, `Full`, `Io`.
pub fn create(path: &Path) -> Result<Packed> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let file = Unnamed::in_folder(folder).map_err(|e| writing(path, e))?;
    Ok(Packed { path: path.to_owned(), file })
}

impl Packed {
    /// Lets `fill` write, packs that as the name says, and gives the file its name. The bytes of
    /// the file, with what `fill` gives.
    ///
    /// # Errors
    /// `Full`, `Io`; `Exists` when a file of that name came meanwhile; what `fill` fails with.
    pub fn fill<R>(
        self,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<Result<R>>,
    ) -> Result<(R, u64)> {
        let Packed { path, file } = self;
        let filled = packed(&path, file.file(), fill).map_err(|e| writing(&path, e))??;
        let bytes = file.file().metadata().map_err(|e| writing(&path, e))?.len();
        file.name(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&path),
            _ => writing(&path, error),
        })?;
        Ok((filled, bytes))
    }
}

fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::Exists, format!("{} exists", path.display()))
}

fn writing(path: &Path, e: io::Error) -> Error {
    Error::io(format_args!("writing {}", path.display()), e)
}

fn packed<R>(
    path: &Path,
    file: &File,
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
