//! Which data files are open, and which nobody needs any more.
//!
//! A file is known as long as a region of it lives. When the last one goes, its number is noted;
//! whoever removes files asks the manifest whether it still names them.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::env::{Env, Event, OpenMode};
use crate::error::{Error, Result};
use crate::file::{DataFile, Extent, FileKind, Files, Region, Reuse, Vain};
use crate::format::name;
use crate::id::{EditNo, FileId};

/// The data files of a database.
pub struct FileTable {
    env: Arc<dyn Env>,
    dir: PathBuf,
    reuse: Reuse,
    open: Mutex<HashMap<FileId, Weak<OpenFile>>>,
    released: Arc<Released>,
    /// Files that are to be removed, and the edit since which the manifest names them no more.
    unnamed: Mutex<HashMap<FileId, EditNo>>,
    vain: Vain,
}

/// Files that were let go of.
pub struct Released {
    files: Mutex<Vec<FileId>>,
    moved: Arc<Event>,
}

struct OpenFile {
    file: Arc<DataFile>,
    released: Arc<Released>,
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut files = self.released.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.push(self.file.id());
        drop(files);
        self.released.moved.notify();
    }
}

impl FileTable {
    /// The files in `dir`. `moved` moves when a file is let go of.
    pub fn new(env: Arc<dyn Env>, dir: PathBuf, reuse: Reuse, moved: Arc<Event>) -> Arc<FileTable> {
        let released = Arc::new(Released { files: Mutex::default(), moved });
        Arc::new(FileTable {
            env,
            dir,
            reuse,
            open: Mutex::default(),
            released,
            unnamed: Mutex::default(),
            vain: Vain::default(),
        })
    }

    /// Takes the numbers of files that were let go of since the last call.
    pub fn take_released(&self) -> Vec<FileId> {
        let mut files = self.released.files.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *files)
    }

    /// Whether files were let go of since the last call of [`FileTable::take_released`].
    pub fn has_released(&self) -> bool {
        !self.released.files.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Notes again that a file was let go of: it could not be removed yet.
    pub fn keep_released(&self, file: FileId) {
        self.released.files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
    }

    /// The edit since which the manifest is known not to name a file: `now` for one that is asked
    /// for the first time.
    pub fn unnamed_since(&self, file: FileId, now: EditNo) -> EditNo {
        *self.unnamed.lock().unwrap_or_else(PoisonError::into_inner).entry(file).or_insert(now)
    }

    /// Notes that a file was removed.
    pub fn forget_unnamed(&self, file: FileId) {
        self.vain.forget(file);
        self.unnamed.lock().unwrap_or_else(PoisonError::into_inner).remove(&file);
    }

    /// Labels of what came to nothing, which are to go.
    pub fn vain(&self) -> &Vain {
        &self.vain
    }

    /// Whether some region of the file lives.
    pub fn is_open(&self, file: FileId) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&file).is_some_and(|file| file.strong_count() > 0)
    }

    fn get(&self, id: FileId, kind: FileKind) -> Result<Arc<OpenFile>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&id).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let file_name = name::data(id);
        let (env, path) = (self.env.clone(), self.dir.join(&file_name));
        let open_it = move || env.vfs().open(&path, OpenMode::Read);
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Error::corrupt(format!("{file_name} is missing, but the manifest names it"))
            }
            _ => Error::io(format_args!("opening {file_name}"), e),
        };
        let file = Arc::new(match kind {
            FileKind::Sealed => DataFile::new(id, kind, open_it().map_err(failed)?)?,
            FileKind::InPlace => {
                DataFile::in_place(id, Box::new(open_it), self.reuse).map_err(failed)?
            }
        });
        let file = Arc::new(OpenFile { file, released: self.released.clone() });
        open.retain(|_, file| file.strong_count() > 0);
        open.insert(id, Arc::downgrade(&file));
        Ok(file)
    }
}

impl Files for FileTable {
    fn region(&self, extent: &Extent) -> Result<Region> {
        let open = self.get(extent.file, extent.kind)?;
        Region::new(open.file.clone(), extent, Some(open.clone()))
    }

    fn whole(&self, file: FileId) -> Result<Region> {
        let open = self.get(file, FileKind::Sealed)?;
        Ok(Region::whole(open.file.clone(), Some(open.clone())))
    }
}
