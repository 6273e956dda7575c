//! Files of the operating system.
//!
//! Not for: paths' meaning, retries, or caching.

use std::fs::{self, File, FileType, OpenOptions, TryLockError};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::map;
use crate::env::{Lock, Map, OpenMode, SyncKind, Vfs, VfsFile};

/// Whether files are mapped into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maps {
    On,
    Off,
}

/// The operating system's file system.
#[derive(Debug)]
pub struct OsVfs {
    maps: Maps,
    process: String,
}

impl OsVfs {
    pub(super) fn new(maps: Maps, process: String) -> OsVfs {
        OsVfs { maps, process }
    }
}

/// Sorted names of what is of some kind in a directory. Names that are not Unicode are left out: no
/// file of the engine has one.
fn names(dir: &Path, wanted: fn(&FileType) -> bool) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(or_here(dir))? {
        let entry = entry?;
        if wanted(&entry.file_type()?)
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

impl Vfs for OsVfs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => _ = options.write(true),
            OpenMode::CreateNew => _ = options.write(true).create_new(true),
        }
        let file = options.open(path)?;
        Ok(Arc::new(OsFile { file, growth: RwLock::new(()), maps: self.maps }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        // A name for the file itself, not for a link to it.
        fs::hard_link(fs::canonicalize(from)?, to)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        names(dir, |kind| !kind.is_dir())
    }

    fn folders(&self, dir: &Path) -> io::Result<Vec<String>> {
        names(dir, FileType::is_dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        or_here(path).try_exists()
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let dir = or_here(dir);
        let mut missing: Vec<PathBuf> = Vec::new();
        for parent in dir.ancestors() {
            if or_here(parent).try_exists()? {
                break;
            }
            missing.push(parent.to_path_buf());
        }
        fs::create_dir_all(dir)?;
        for made in missing.iter().rev() {
            self.sync_dir(made.parent().unwrap_or(Path::new("")))?;
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        sync_dir(or_here(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = open_for_all(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let lock = OsFile { file, growth: RwLock::new(()), maps: self.maps };
        lock.write_all_at(0, self.process.as_bytes())?;
        lock.set_len(self.process.len() as u64)?;
        Ok(OsLock::of(lock.file))
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = File::open(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(OsLock::of(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_space(&self, dir: &Path) -> io::Result<u64> {
        free_space(or_here(dir))
    }
}

/// Opens a file that all processes which use a directory write to; it is created when missing.
pub(super) fn open_for_all(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            // If not, it is only the owner's, which is what it would be anyway.
            let _ = give_to_all(&file, or_here(path.parent().unwrap_or(Path::new(""))));
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options.create(true).truncate(false).open(path)
        }
        Err(error) => Err(error),
    }
}

/// Lets those write to a file who may write to `dir`, and nobody else: whoever made it, with
/// whatever mask, may be the first of many.
#[cfg(unix)]
fn give_to_all(file: &File, dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    const STICKY: u32 = 0o1000;
    let dir = fs::metadata(dir)?;
    // Its group is one that the owner of the file may be in; its owner only the superuser can make
    // the owner of the file.
    if file.metadata()?.gid() != dir.gid() {
        let _ = fchown(file, None, Some(dir.gid()));
    }
    if file.metadata()?.uid() != dir.uid() {
        let _ = fchown(file, Some(dir.uid()), None);
    }
    let (made, allowed) = (file.metadata()?, dir.mode());
    let mut mode = made.mode() & 0o777 | 0o600;
    if allowed & 0o020 != 0 && made.gid() == dir.gid() {
        mode |= 0o060;
    }
    if allowed & 0o002 != 0 && allowed & STICKY == 0 {
        mode |= 0o006;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn give_to_all(_file: &File, _dir: &Path) -> io::Result<()> {
    Ok(())
}

/// The lock of an open file description.
#[derive(Debug)]
struct OsLock {
    file: File,
    /// The process that took it. A forked child has the same description, and must not release it.
    process: u32,
}

impl OsLock {
    fn of(file: File) -> Box<OsLock> {
        Box::new(OsLock { file, process: std::process::id() })
    }
}

impl Lock for OsLock {
    fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for OsLock {
    /// Releases it even if a forked child still has the file, which closing it would not. If that
    /// fails, closing it has to do.
    fn drop(&mut self) {
        if self.is_of_this_process() {
            let _ = self.file.unlock();
        }
    }
}

/// An open file.
#[derive(Debug)]
struct OsFile {
    file: File,
    /// Held to grow the file where that takes two system calls, lest a write between them be cut.
    growth: RwLock<()>,
    maps: Maps,
}

impl VfsFile for OsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        position::read_at(&self.file, offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let _growth = self.growth.read().unwrap_or_else(PoisonError::into_inner);
        position::write_at(&self.file, offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let _growth = self.growth.write().unwrap_or_else(PoisonError::into_inner);
        self.file.set_len(len)
    }

    fn allocate(&self, range: Range<u64>) -> io::Result<()> {
        let _growth = self.growth.write().unwrap_or_else(PoisonError::into_inner);
        grow(&self.file, range)
    }

    fn sync(&self, kind: SyncKind) -> io::Result<()> {
        match kind {
            SyncKind::Data => self.file.sync_data(),
            SyncKind::Full => self.file.sync_all(),
        }
    }

    fn map(&self, range: Range<u64>) -> io::Result<Option<Map>> {
        match self.maps {
            Maps::On => map::read_only(&self.file, range).map(Some),
            Maps::Off => Ok(None),
        }
    }
}

/// Reserves `range` and grows the file to its end; where the system cannot reserve, only grows.
pub(super) fn grow(file: &File, range: Range<u64>) -> io::Result<()> {
    let size = range.end.saturating_sub(range.start);
    if size > 0 && reserve(file, range.start, size)? {
        return Ok(());
    }
    if file.metadata()?.len() < range.end {
        file.set_len(range.end)?;
    }
    Ok(())
}

/// Reserves space, and grows the file to hold it; `false` where the system cannot.
#[cfg(target_os = "linux")]
fn reserve(file: &File, offset: u64, size: u64) -> io::Result<bool> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    loop {
        match fallocate(file, FallocateFlags::empty(), offset, size) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_file: &File, _offset: u64, _size: u64) -> io::Result<bool> {
    Ok(false)
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match File::open(dir)?.sync_all() {
        // File systems that keep names durable by themselves refuse to sync directories.
        Err(e) if e.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        Err(e) if e.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error()) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn free_space(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free_space(dir: &Path) -> io::Result<u64> {
    dir.metadata().map(|_| u64::MAX)
}

/// The directory that an empty path means.
fn or_here(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() { Path::new(".") } else { dir }
}

/// The error for a size that this machine cannot address.
pub(super) fn too_large(size: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("{size} bytes cannot be addressed"))
}

/// Reads and writes at a position, without moving a cursor that threads would share.
#[cfg(unix)]
mod position {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;

    pub(super) fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        file.read_at(buf, offset)
    }

    pub(super) fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }
}

/// Reads and writes through the cursor, one at a time.
#[cfg(not(unix))]
mod position {
    use std::fs::File;
    use std::io::{self, Read, Seek, SeekFrom, Write};
    use std::sync::{Mutex, PoisonError};

    static CURSOR: Mutex<()> = Mutex::new(());

    pub(super) fn read_at(mut file: &File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let _one = CURSOR.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read(buf)
    }

    pub(super) fn write_at(mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let _one = CURSOR.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.write(bytes)
    }
}
