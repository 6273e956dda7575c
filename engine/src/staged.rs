//! A file that gets its name only when its bytes are durable.
//!
//! ```text
//! NAME.tmp ──write──► ──sync──► ──rename──► NAME ──sync directory──► durable under its name
//! ```
//!
//! Invariants:
//! 1. A file under its final name was synced before it got it: damage in it is never a torn write.
//! 2. Up to [`Staged::publish`] nothing that was there before has changed, so an error until then
//!    says nothing about other files.
//!
//! Not for: data files and log segments, which are named before they are written.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::{OpenMode, SyncKind, Vfs, VfsFile};
use crate::error::{Error, Result};
use crate::planted::{self, Bug};

/// A file whose bytes are durable and whose name is not yet given.
#[derive(Debug)]
pub struct Staged {
    file: Arc<dyn VfsFile>,
    dir: PathBuf,
    name: String,
}

/// How the name of a file ends that has not got its name yet.
pub const SUFFIX: &str = ".tmp";

/// The name that a file has until it gets `name`.
pub fn temporary(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

impl Staged {
    /// Writes and syncs `bytes` for a file to be called `name` in `dir`. What a crash left under
    /// the temporary name is replaced.
    ///
    /// # Errors
    /// `Full` or `Io`; nothing is left behind then, or a leftover under the temporary name.
    pub fn write(vfs: &dyn Vfs, dir: &Path, name: &str, bytes: &[u8]) -> Result<Staged> {
        let path = dir.join(temporary(name));
        remove_if_there(vfs, &path)?;
        let file = vfs
            .open(&path, OpenMode::CreateNew)
            .map_err(|e| Error::io(format_args!("creating {}", temporary(name)), e))?;
        let written = file.write_all_at(0, bytes).and_then(|()| file.sync(SyncKind::Full));
        if let Err(e) = written {
            drop(file);
            // The write has failed already; a file that stays is a leftover for recovery.
            let _ = vfs.remove(&path);
            return Err(Error::io(format_args!("writing {}", temporary(name)), e));
        }
        Ok(Staged { file, dir: dir.to_path_buf(), name: name.to_owned() })
    }

    /// Gives the file its name, replacing what has it, and makes the name durable.
    ///
    /// # Errors
    /// `Io`; whether the file has its name is then unknown.
    pub fn publish(self, vfs: &dyn Vfs) -> Result<Arc<dyn VfsFile>> {
        let from = self.dir.join(temporary(&self.name));
        vfs.rename(&from, &self.dir.join(&self.name))
            .map_err(|e| Error::io(format_args!("naming {}", self.name), e))?;
        if !planted::is(Bug::SkippedDirectorySync) {
            vfs.sync_dir(&self.dir)
                .map_err(|e| Error::io(format_args!("syncing {}", self.dir.display()), e))?;
        }
        Ok(self.file)
    }
}

/// Removes a file; that there is none is fine.
///
/// # Errors
/// `Io`.
pub fn remove_if_there(vfs: &dyn Vfs, path: &Path) -> Result<()> {
    match vfs.remove(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(Error::io(format_args!("removing {}", path.display()), e))
        }
        _ => Ok(()),
    }
}
