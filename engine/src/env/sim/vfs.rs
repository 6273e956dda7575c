//! The simulated disk as a file system.
//!
//! Not for: semantics (`state.rs`); this is the traits' shape around it.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::disk::{SimDisk, lock};
use super::fault::OpKind;
use super::names::{FileNo, normal};
use super::state::State;
use crate::env::{Lock, Map, OpenMode, SyncKind, Vfs, VfsFile};

/// What a simulated process calls itself.
pub(super) const PROCESS: &str = "simulated process";

impl Vfs for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        let path = normal(path);
        let mut state = self.state();
        let no = match mode {
            OpenMode::Read | OpenMode::Write => state.open(&path)?,
            OpenMode::CreateNew => state.create(&path)?,
        };
        drop(state);
        Ok(Arc::new(SimFile { state: self.share(), no, path, mode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().rename(&normal(from), &normal(to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().remove(&normal(path))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().link(&normal(from), &normal(to))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.state().list(&normal(dir))
    }

    fn folders(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.state().folders(&normal(dir))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let path = normal(path);
        let mut state = self.state();
        state.look(OpKind::Stat, &path)?;
        Ok(state.world.find(&path).is_some() || state.world.dirs.contains(&path))
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.state().create_dir(&normal(dir))
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.state().remove_dir(&normal(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.state().sync_dir(&normal(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let path = normal(path);
        self.state().lock(&path, PROCESS)?;
        Ok(Box::new(SimLock { state: self.share(), path }))
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let path = normal(path);
        self.state().lock_shared(&path)?;
        Ok(Box::new(SimLock { state: self.share(), path }))
    }

    fn free_space(&self, dir: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.look(OpKind::Stat, &normal(dir))?;
        Ok(state.free())
    }
}

/// An open file. Like a file descriptor it follows the file, not the name.
struct SimFile {
    state: Arc<Mutex<State>>,
    no: FileNo,
    /// The name under which it was opened.
    path: PathBuf,
    mode: OpenMode,
}

impl SimFile {
    fn need_write(&self) -> io::Result<()> {
        if self.mode == OpenMode::Read {
            let what = format!("simulated disk: {} is open for reading", self.path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
        }
        Ok(())
    }
}

impl VfsFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let mut state = lock(&self.state);
        state.look(OpKind::Stat, &self.path)?;
        Ok(state.world.file(self.no).now.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        lock(&self.state).read(self.no, &self.path, offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.need_write()?;
        lock(&self.state).write(self.no, &self.path, offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.need_write()?;
        lock(&self.state).set_len(self.no, &self.path, len)
    }

    fn allocate(&self, range: Range<u64>) -> io::Result<()> {
        self.need_write()?;
        lock(&self.state).allocate(self.no, &self.path, range)
    }

    fn sync(&self, kind: SyncKind) -> io::Result<()> {
        lock(&self.state).sync(self.no, &self.path, kind)
    }

    fn map(&self, range: Range<u64>) -> io::Result<Option<Map>> {
        let mut state = lock(&self.state);
        if !state.maps {
            return Ok(None);
        }
        let bytes = state.map(self.no, &self.path, range)?;
        Ok(Some(Map::new(bytes)))
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        lock(&self.state).close(self.no);
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimFile").field("path", &self.path).field("mode", &self.mode).finish()
    }
}

/// A lock, held until it is dropped.
struct SimLock {
    state: Arc<Mutex<State>>,
    path: PathBuf,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        lock(&self.state).unlock(&self.path);
    }
}

impl fmt::Debug for SimLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimLock").field("path", &self.path).finish()
    }
}
