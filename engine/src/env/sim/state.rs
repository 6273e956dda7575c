//! The simulated disk's operations: count, fail on demand, change the world, remember.
//!
//! Not for: locking and the traits' shapes (`disk.rs`, `vfs.rs`).
//!
//! Invariants:
//!
//! 1. Every call passes [`Faults::check`] once. Every call that changes something, or was made to
//!    fail in trying, is one operation.
//! 2. Paths here are normal (`names::normal`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::content::PAGE;
use super::crash::{self, Crash};
use super::disk::SimWords;
use super::fault::{Fault, Faults, OpKind};
use super::history::History;
use super::names::{FileNo, NameChange, NameEdit};
use super::random::Random;
use super::world::{File, FileChange, FileEdit, Pages, World};
use crate::env::SyncKind;

/// The longest file: offsets fit a signed word, as in operating systems.
const LEN_MAX: u64 = i64::MAX as u64;

/// The space of a disk whose capacity nobody has set.
const SPACE: u64 = 1 << 40;

/// Everything about a simulated disk.
#[derive(Debug)]
pub(super) struct State {
    pub(super) world: World,
    pub(super) history: History,
    pub(super) faults: Faults,
    pub(super) capacity: Option<u64>,
    pub(super) maps: bool,
    /// Locks that are held, and how many share each; 0 for one that nobody else may have.
    pub(super) locks: BTreeMap<PathBuf, usize>,
    pub(super) words: BTreeMap<PathBuf, Arc<SimWords>>,
    /// Open handles of each file.
    handles: BTreeMap<FileNo, usize>,
    next_file: FileNo,
}

impl State {
    pub(super) fn new(world: World) -> State {
        State {
            next_file: world.files.last_key_value().map_or(1, |(no, _)| no + 1),
            world,
            history: History::default(),
            faults: Faults::default(),
            capacity: None,
            maps: true,
            locks: BTreeMap::new(),
            words: BTreeMap::new(),
            handles: BTreeMap::new(),
        }
    }

    /// The disk after a crash just after operation `op`.
    pub(super) fn image(&self, op: u64, how: Crash) -> State {
        let moment = self.history.moment(op, &self.world);
        let mut image = State::new(crash::image(moment, &self.history, op, how));
        image.capacity = self.capacity;
        image.maps = self.maps;
        image
    }

    /// Counts a call that changes nothing; fails it if a rule says so.
    pub(super) fn look(&mut self, kind: OpKind, path: &Path) -> io::Result<Option<Fault>> {
        let fault = self.faults.check(kind, &[path]);
        match fault.and_then(|fault| fault.error(kind, path)) {
            Some(error) => Err(error),
            None => Ok(fault),
        }
    }

    /// Counts a call that changes something; an operation of its own if a rule fails it.
    fn change(&mut self, kind: OpKind, paths: &[&Path], line: &str) -> io::Result<()> {
        let Some(fault) = self.faults.check(kind, paths) else { return Ok(()) };
        let Some(error) = fault.error(kind, paths[0]) else { return Ok(()) };
        self.begin(format!("{line} (failed)"));
        Err(error)
    }

    fn begin(&mut self, line: String) -> u64 {
        self.history.begin(&self.world, line)
    }

    fn edit_names(&mut self, line: String, edit: NameEdit) {
        let op = self.begin(line);
        self.world.rename(NameChange { op, edit });
        self.collect();
    }

    /// Forgets files that neither names nor handles refer to.
    fn collect(&mut self) {
        self.world.collect(|no| self.handles.contains_key(&no));
    }

    fn need_file(&self, path: &Path) -> io::Result<FileNo> {
        match self.world.find(path) {
            Some(no) => Ok(no),
            None if self.world.dirs.contains(path) => Err(error(io::ErrorKind::IsADirectory, path)),
            None => Err(error(io::ErrorKind::NotFound, path)),
        }
    }

    fn need_dir(&self, dir: &Path) -> io::Result<()> {
        if self.world.dirs.contains(dir) {
            Ok(())
        } else if self.world.find(dir).is_some() {
            Err(error(io::ErrorKind::NotADirectory, dir))
        } else {
            Err(error(io::ErrorKind::NotFound, dir))
        }
    }

    /// Checks that a file can get this name.
    fn need_place(&self, path: &Path) -> io::Result<()> {
        if self.world.dirs.contains(path) {
            return Err(error(io::ErrorKind::IsADirectory, path));
        }
        self.need_dir(path.parent().unwrap_or(Path::new("")))
    }

    /// Opens the file of a name and counts the handle.
    pub(super) fn open(&mut self, path: &Path) -> io::Result<FileNo> {
        self.look(OpKind::Open, path)?;
        let no = self.need_file(path)?;
        *self.handles.entry(no).or_default() += 1;
        Ok(no)
    }

    /// Creates a file and counts the handle.
    pub(super) fn create(&mut self, path: &Path) -> io::Result<FileNo> {
        self.change(OpKind::Create, &[path], &format!("create {}", show(path)))?;
        let no = self.make(path)?;
        *self.handles.entry(no).or_default() += 1;
        Ok(no)
    }

    /// Creates a file without counting a call.
    fn make(&mut self, path: &Path) -> io::Result<FileNo> {
        if self.world.find(path).is_some() || self.world.dirs.contains(path) {
            return Err(error(io::ErrorKind::AlreadyExists, path));
        }
        self.need_place(path)?;
        let no = self.next_file;
        self.next_file += 1;
        let op = self.begin(format!("create {}", show(path)));
        Arc::make_mut(&mut self.world.files).insert(no, File::default());
        self.world
            .rename(NameChange { op, edit: NameEdit::Add { path: path.to_path_buf(), file: no } });
        Ok(no)
    }

    /// Drops a handle.
    pub(super) fn close(&mut self, no: FileNo) {
        if let Some(handles) = self.handles.get_mut(&no) {
            *handles -= 1;
            if *handles == 0 {
                self.handles.remove(&no);
                self.collect();
            }
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let line = format!("rename {} {}", show(from), show(to));
        self.change(OpKind::Rename, &[from, to], &line)?;
        let file = self.need_file(from)?;
        self.need_place(to)?;
        if self.world.find(to) != Some(file) {
            let (from, to) = (from.to_path_buf(), to.to_path_buf());
            self.edit_names(line, NameEdit::Rename { from, to, file });
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let line = format!("remove {}", show(path));
        self.change(OpKind::Remove, &[path], &line)?;
        self.need_file(path)?;
        self.edit_names(line, NameEdit::Remove { path: path.to_path_buf() });
        Ok(())
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let line = format!("link {} {}", show(from), show(to));
        self.change(OpKind::Link, &[from, to], &line)?;
        let file = self.need_file(from)?;
        if self.world.find(to).is_some() || self.world.dirs.contains(to) {
            return Err(error(io::ErrorKind::AlreadyExists, to));
        }
        self.need_place(to)?;
        self.edit_names(line, NameEdit::Add { path: to.to_path_buf(), file });
        Ok(())
    }

    pub(super) fn create_dir(&mut self, dir: &Path) -> io::Result<()> {
        let line = format!("create-dir {}", show(dir));
        self.change(OpKind::CreateDir, &[dir], &line)?;
        if let Some(file) = dir.ancestors().find(|path| self.world.find(path).is_some()) {
            return Err(error(io::ErrorKind::NotADirectory, file));
        }
        if !self.world.dirs.contains(dir) {
            self.begin(line);
            let dirs = Arc::make_mut(&mut self.world.dirs);
            dirs.extend(dir.ancestors().map(Path::to_path_buf));
        }
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let line = format!("sync-dir {}", show(dir));
        self.change(OpKind::SyncDir, &[dir], &line)?;
        self.need_dir(dir)?;
        self.begin(line);
        self.world.sync_names(dir);
        self.collect();
        Ok(())
    }

    pub(super) fn list(&mut self, dir: &Path) -> io::Result<Vec<String>> {
        self.look(OpKind::List, dir)?;
        self.need_dir(dir)?;
        let here = self.world.names.keys().filter(|path| path.parent() == Some(dir));
        let names = here.filter_map(|path| path.file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into()).collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn folders(&mut self, dir: &Path) -> io::Result<Vec<String>> {
        self.look(OpKind::List, dir)?;
        self.need_dir(dir)?;
        let here = self.world.dirs.iter().filter(|path| path.parent() == Some(dir));
        let names = here.filter_map(|path| path.file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Gone for good at once: no directory comes back after a crash.
    pub(super) fn remove_dir(&mut self, dir: &Path) -> io::Result<()> {
        let line = format!("remove-dir {}", show(dir));
        self.change(OpKind::Remove, &[dir], &line)?;
        self.need_dir(dir)?;
        let inside = |path: &PathBuf| path.parent() == Some(dir);
        if self.world.names.keys().chain(self.world.dirs.iter()).any(inside) {
            return Err(error(io::ErrorKind::DirectoryNotEmpty, dir));
        }
        self.begin(line);
        Arc::make_mut(&mut self.world.dirs).remove(dir);
        Ok(())
    }

    pub(super) fn read(
        &mut self,
        no: FileNo,
        path: &Path,
        offset: u64,
        buf: &mut [u8],
    ) -> io::Result<usize> {
        let fault = self.look(OpKind::Read, path)?;
        let wanted = match fault {
            Some(Fault::ShortRead) => buf.len().div_ceil(2),
            _ => buf.len(),
        };
        let here = self.world.file(no).now.read(offset, &mut buf[..wanted]);
        flip(fault, &mut buf[..here]);
        Ok(here)
    }

    pub(super) fn map(
        &mut self,
        no: FileNo,
        path: &Path,
        range: Range<u64>,
    ) -> io::Result<Vec<u8>> {
        let fault = self.look(OpKind::Read, path)?;
        let content = &self.world.file(no).now;
        if range.start > range.end || range.end > content.len() {
            return Err(error(io::ErrorKind::UnexpectedEof, path));
        }
        let mut bytes = vec![0; (range.end - range.start) as usize];
        content.read(range.start, &mut bytes);
        flip(fault, &mut bytes);
        Ok(bytes)
    }

    pub(super) fn write(
        &mut self,
        no: FileNo,
        path: &Path,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<usize> {
        let fault = self.faults.check(OpKind::Write, &[path]);
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > LEN_MAX) {
            return Err(error(io::ErrorKind::FileTooLarge, path));
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        let failure = fault.and_then(|fault| fault.error(OpKind::Write, path));
        let wanted = match fault {
            Some(Fault::Eio) => Random::of(&[self.history.ops()]).index(bytes.len() + 1),
            Some(Fault::Enospc) => 0,
            Some(Fault::ShortWrite) => bytes.len().div_ceil(2),
            _ => bytes.len(),
        };
        let size = self.fitting(no, offset, wanted);
        let mut line = format!("write {} {offset}+{size}", show(path));
        if size < bytes.len() {
            _ = write!(line, " (of {})", bytes.len());
        }
        if failure.is_some() || size == 0 {
            line.push_str(" (failed)");
        }
        let op = self.begin(line);
        if size > 0 {
            let bytes = Arc::from(&bytes[..size]);
            self.edit_file(no, op, FileEdit::Write { offset, bytes });
        }
        match failure {
            Some(failure) => Err(failure),
            None if size == 0 => Err(error(io::ErrorKind::StorageFull, path)),
            None => Ok(size),
        }
    }

    pub(super) fn set_len(&mut self, no: FileNo, path: &Path, len: u64) -> io::Result<()> {
        let line = format!("set-len {} {len}", show(path));
        self.change(OpKind::SetLen, &[path], &line)?;
        if len > LEN_MAX {
            return Err(error(io::ErrorKind::FileTooLarge, path));
        }
        let op = self.begin(line);
        let cuts = len < self.world.file(no).now.len();
        self.world.file_mut(no).now.set_len(len);
        let edit = if cuts { FileEdit::Cut } else { FileEdit::Grow };
        self.history.push(no, FileChange { op, len, edit });
        Ok(())
    }

    pub(super) fn allocate(
        &mut self,
        no: FileNo,
        path: &Path,
        range: Range<u64>,
    ) -> io::Result<()> {
        let line = format!("allocate {} {}..{}", show(path), range.start, range.end);
        self.change(OpKind::Allocate, &[path], &line)?;
        if range.end > LEN_MAX {
            return Err(error(io::ErrorKind::FileTooLarge, path));
        }
        let pages = self.world.file(no).now.missing(range.clone());
        if self.free_pages().is_some_and(|free| pages > free) {
            self.begin(format!("{line} (failed)"));
            return Err(error(io::ErrorKind::StorageFull, path));
        }
        let op = self.begin(line);
        let file = self.world.file_mut(no);
        file.now.reserve(range);
        let len = file.now.len();
        self.history.push(no, FileChange { op, len, edit: FileEdit::Grow });
        Ok(())
    }

    pub(super) fn sync(&mut self, no: FileNo, path: &Path, kind: SyncKind) -> io::Result<()> {
        let fault = self.faults.check(OpKind::Sync, &[path]);
        let failure = fault.and_then(|fault| Some((fault, fault.error(OpKind::Sync, path)?)));
        let mut line = match kind {
            SyncKind::Data => format!("sync-data {}", show(path)),
            SyncKind::Full => format!("sync {}", show(path)),
        };
        if failure.is_some() {
            line.push_str(" (failed)");
        }
        let op = self.begin(line);
        let pending = self.history.pending(no, self.world.file(no).clean_at, op);
        let file = self.world.file_mut(no);
        let Some((fault, failure)) = failure else {
            file.sync(op, pending);
            return Ok(());
        };
        match fault.of_sync(&mut Random::of(&[op])) {
            Fault::SyncFailPagesDropped => file.fail_sync(op, Pages::Dropped),
            _ => file.fail_sync(op, Pages::Kept),
        }
        Err(failure)
    }

    fn edit_file(&mut self, no: FileNo, op: u64, edit: FileEdit) {
        let file = self.world.file_mut(no);
        let mut change = FileChange { op, len: 0, edit };
        change.apply(&mut file.now);
        change.len = file.now.len();
        self.history.push(no, change);
    }

    /// Takes the lock of a name and writes the holder into the file.
    pub(super) fn lock(&mut self, path: &Path, holder: &str) -> io::Result<()> {
        self.change(OpKind::Lock, &[path], &format!("lock {}", show(path)))?;
        if self.locks.contains_key(path) {
            return Err(error(io::ErrorKind::WouldBlock, path));
        }
        let no = match self.world.find(path) {
            Some(no) => no,
            None => self.make(path)?,
        };
        if self.world.file(no).now.to_vec() != holder.as_bytes() {
            let op = self.begin(format!("write {} 0+{}", show(path), holder.len()));
            let bytes = Arc::from(holder.as_bytes());
            self.edit_file(no, op, FileEdit::Write { offset: 0, bytes });
            if self.world.file(no).now.len() > holder.len() as u64 {
                let len = holder.len() as u64;
                let op = self.begin(format!("set-len {} {len}", show(path)));
                self.world.file_mut(no).now.set_len(len);
                self.history.push(no, FileChange { op, len, edit: FileEdit::Cut });
            }
        }
        self.locks.insert(path.to_path_buf(), 0);
        Ok(())
    }

    /// Takes the lock of a file that exists together with others.
    pub(super) fn lock_shared(&mut self, path: &Path) -> io::Result<()> {
        self.look(OpKind::Lock, path)?;
        self.need_file(path)?;
        match self.locks.get_mut(path) {
            Some(0) => return Err(error(io::ErrorKind::WouldBlock, path)),
            Some(shared) => *shared += 1,
            None => _ = self.locks.insert(path.to_path_buf(), 1),
        }
        Ok(())
    }

    /// Gives a lock back.
    pub(super) fn unlock(&mut self, path: &Path) {
        match self.locks.get_mut(path) {
            Some(shared) if *shared > 1 => *shared -= 1,
            _ => _ = self.locks.remove(path),
        }
    }

    /// Shared words under a name; they live in memory, beside a file without content.
    pub(super) fn shared_words(&mut self, path: &Path, count: usize) -> io::Result<Arc<SimWords>> {
        self.look(OpKind::Open, path)?;
        if self.world.find(path).is_none() {
            self.make(path)?;
        }
        let words = self.words.entry(path.to_path_buf()).or_default();
        if words.count() < count {
            *words = Arc::new(words.grown(count));
        }
        Ok(Arc::clone(words))
    }

    /// Puts a file or takes it away, durably and without an operation.
    pub(super) fn put(&mut self, path: &Path, content: Option<super::content::Content>) {
        let dir = path.parent().unwrap_or(Path::new(""));
        Arc::make_mut(&mut self.world.dirs).extend(dir.ancestors().map(Path::to_path_buf));
        self.world.sync_names(dir);
        let op = self.history.ops();
        match (content, self.world.find(path)) {
            (Some(content), found) => {
                let no = found.unwrap_or(self.next_file);
                self.next_file = self.next_file.max(no + 1);
                let file =
                    File { now: content.clone(), durable: content, clean_at: op, lossy: false };
                Arc::make_mut(&mut self.world.files).insert(no, file);
                Arc::make_mut(&mut self.world.names).insert(path.to_path_buf(), no);
                Arc::make_mut(&mut self.world.durable_names).insert(path.to_path_buf(), no);
            }
            (None, _) => {
                Arc::make_mut(&mut self.world.names).remove(path);
                Arc::make_mut(&mut self.world.durable_names).remove(path);
                self.collect();
            }
        }
    }

    /// Bytes that are free.
    pub(super) fn free(&self) -> u64 {
        let pages = self.used_pages();
        self.capacity.unwrap_or(SPACE).saturating_sub(pages * PAGE)
    }

    fn free_pages(&self) -> Option<u64> {
        self.capacity?;
        Some(self.free() / PAGE)
    }

    /// Pages of files that have names or handles.
    fn used_pages(&self) -> u64 {
        let mut live: BTreeSet<FileNo> = self.world.names.values().copied().collect();
        live.extend(self.handles.keys());
        live.iter().map(|no| self.world.file(*no).now.pages()).sum()
    }

    /// How many of `size` bytes at `offset` the disk has room for.
    fn fitting(&self, no: FileNo, offset: u64, size: usize) -> usize {
        let Some(free) = self.free_pages() else { return size };
        let content = &self.world.file(no).now;
        let mut fits = 0;
        let mut taken = 0;
        while fits < size {
            let at = offset + fits as u64;
            let end = ((at / PAGE + 1) * PAGE).min(offset + size as u64);
            taken += content.missing(at..end);
            if taken > free {
                break;
            }
            fits = (end - offset) as usize;
        }
        fits
    }
}

/// Turns one bit over if the fault says so.
fn flip(fault: Option<Fault>, bytes: &mut [u8]) {
    if let Some(Fault::BitFlip(bit)) = fault
        && !bytes.is_empty()
    {
        let bit = bit % (bytes.len() as u64 * 8);
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    }
}

/// An error that names the path.
fn error(kind: io::ErrorKind, path: &Path) -> io::Error {
    io::Error::new(kind, format!("simulated disk: {}: {kind}", show(path)))
}

/// The path with slashes, on every system; the root is a dot.
fn show(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
