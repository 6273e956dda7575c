//! What background work writes: new files, and pages of files written in place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::env::{Env, OpenMode, SyncKind, VfsFile};
use crate::error::{Error, Result};
use crate::file::{FileKind, LogFiles, Output, Vain};
use crate::format::name;
use crate::id::{EditNo, FileId, LogNo};
use crate::planted::{self, Bug};

const BUFFER_BYTES: usize = 256 << 10;
/// A shared file takes further segments until it has this many bytes.
const SHARED_BYTES: u64 = 8 << 20;
/// Sealed files that are open at a time; those written to least lately are synced and closed.
const OPEN_MAX: usize = 16;

struct Written {
    kind: FileKind,
    /// `None` where it was closed, or was complete from the beginning.
    file: Option<Arc<dyn VfsFile>>,
    is_new: bool,
    /// Whether it was complete from the beginning.
    is_taken: bool,
    /// Whether there is something that was not synced.
    unsynced: bool,
    /// When it was written to, in steps of the output.
    used: u64,
    /// Whether segments may share it.
    spread: Spread,
    /// Bytes in the file, without the buffer.
    len: u64,
    buffer: Vec<u8>,
}

impl Written {
    fn handle(&self, id: FileId) -> Result<&dyn VfsFile> {
        let closed = || Error::internal(format!("{} was closed", name::data(id)));
        self.file.as_deref().ok_or_else(closed)
    }
}

/// How the sealed output of a job is spread over files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Each segment in a file of its own.
    Apart,
    /// Small segments share a file.
    Shared,
}

/// The [`Output`] of one job.
pub struct FileOutput {
    env: Arc<dyn Env>,
    dir: PathBuf,
    next_file: Arc<AtomicU64>,
    oldest_edit: Option<EditNo>,
    spread: Spread,
    files: BTreeMap<FileId, Written>,
    log_files: LogFiles,
    vain: Vain,
    /// New names of segments of the log.
    adopted: BTreeSet<FileId>,
    bytes: u64,
    steps: u64,
}

impl FileOutput {
    /// An output whose new files are numbered from `next_file`, and which may take over
    /// `log_files`. Space freed by an edit at or before `oldest_edit` may be reused. What is `vain`
    /// in a file goes before anything is written there.
    pub fn new(
        env: Arc<dyn Env>,
        dir: PathBuf,
        next_file: Arc<AtomicU64>,
        oldest_edit: Option<EditNo>,
        spread: Spread,
        log_files: LogFiles,
        vain: Vain,
    ) -> FileOutput {
        let (files, adopted) = (BTreeMap::new(), BTreeSet::new());
        FileOutput {
            env,
            dir,
            next_file,
            oldest_edit,
            spread,
            files,
            log_files,
            vain,
            adopted,
            bytes: 0,
            steps: 0,
        }
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of memory held, about.
    pub fn memory(&self) -> usize {
        self.files.values().map(|written| written.buffer.capacity() + size_of::<Written>()).sum()
    }

    /// Hands the buffer of a file to the operating system.
    fn flush(&mut self, id: FileId) -> Result<()> {
        let FileOutput { env, dir, files, .. } = self;
        let Some(written) = files.get_mut(&id) else { return Ok(()) };
        if !written.buffer.is_empty() {
            let file = match &written.file {
                Some(file) => file,
                None => {
                    let opened = env.vfs().open(&dir.join(name::data(id)), OpenMode::Write);
                    let failed = |e| Error::io(format_args!("opening {}", name::data(id)), e);
                    written.file.insert(opened.map_err(failed)?)
                }
            };
            written.unsynced = true;
            let wrote = file.write_all_at(written.len, &written.buffer);
            wrote.map_err(|e| Error::io(format_args!("writing {}", name::data(id)), e))?;
            written.len += written.buffer.len() as u64;
            written.buffer.clear();
        }
        Ok(())
    }

    fn get(&mut self, id: FileId) -> Result<&mut Written> {
        self.files.get_mut(&id).ok_or_else(|| {
            Error::invalid(format!("{} is not a file of this output", name::data(id)))
        })
    }

    fn in_place(&mut self, id: FileId) -> Result<&mut Written> {
        if !self.files.contains_key(&id) {
            let path = self.dir.join(name::data(id));
            let failed = |e| Error::io(path.display(), e);
            let file = self.env.vfs().open(&path, OpenMode::Write).map_err(failed)?;
            let cleared = self.vain.clear(id, &*file);
            cleared.map_err(|e| {
                Error::io(format_args!("clearing a label of {}", name::data(id)), e)
            })?;
            let len = file.len().map_err(failed)?;
            let (kind, buffer, spread) = (FileKind::InPlace, Vec::new(), Spread::Apart);
            let (file, is_new, is_taken, unsynced) = (Some(file), false, false, true);
            let used = 0;
            let written =
                Written { kind, file, is_new, is_taken, unsynced, used, spread, len, buffer };
            self.files.insert(id, written);
        }
        let written = self.get(id)?;
        if written.kind == FileKind::Sealed {
            return Err(Error::invalid(format!("{} is not written in place", name::data(id))));
        }
        Ok(written)
    }

    fn create_file(&mut self, kind: FileKind, spread: Spread) -> Result<FileId> {
        self.close_one()?;
        let id = FileId(self.next_file.fetch_add(1, Ordering::SeqCst));
        let file_name = name::data(id);
        let file = self.env.vfs().open(&self.dir.join(&file_name), OpenMode::CreateNew);
        let file = file.map_err(|e| Error::io(format_args!("creating {file_name}"), e))?;
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        let (file, is_new, is_taken, unsynced) = (Some(file), true, false, true);
        let (used, len) = (self.steps, 0);
        let written = Written { kind, file, is_new, is_taken, unsynced, used, spread, len, buffer };
        self.files.insert(id, written);
        Ok(id)
    }

    /// Syncs and closes a file if many are open: the one that was written to least lately. It is
    /// opened again if there is more for it.
    fn close_one(&mut self) -> Result<()> {
        let sealed = |written: &Written| written.kind == FileKind::Sealed && written.file.is_some();
        let open = || self.files.iter().filter(|(_, written)| sealed(written));
        if open().count() < OPEN_MAX {
            return Ok(());
        }
        let Some(id) = open().min_by_key(|(_, written)| written.used).map(|(id, _)| *id) else {
            return Ok(());
        };
        self.flush(id)?;
        let written = self.get(id)?;
        if let Some(file) = written.file.take() {
            let synced = file.sync(SyncKind::Full);
            synced.map_err(|e| Error::io(format_args!("syncing {}", name::data(id)), e))?;
        }
        written.unsynced = false;
        written.buffer = Vec::new();
        Ok(())
    }

    /// Takes over a complete file from elsewhere, by a link, or a copy where links cannot be.
    ///
    /// # Errors
    /// `NotFound` when there is no such file; `Full`, `Io`.
    pub fn take(&mut self, from: &Path) -> Result<FileId> {
        let vfs = self.env.vfs();
        let file = vfs.open(from, OpenMode::Read).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Error::not_found(format!("there is no file {}", from.display()))
            }
            _ => Error::io(format_args!("reading {}", from.display()), e),
        })?;
        let id = FileId(self.next_file.fetch_add(1, Ordering::SeqCst));
        let to = self.dir.join(name::data(id));
        // What was prepared may not be durable, whatever became of it since.
        let sync = || vfs.open(&to, OpenMode::Write).and_then(|file| file.sync(SyncKind::Full));
        let linked = vfs.link(from, &to).is_ok();
        if !linked || sync().is_err() {
            if linked {
                let removed = vfs.remove(&to);
                removed.map_err(|e| Error::io(format_args!("removing {}", to.display()), e))?;
            }
            if let Err(error) = self.copy(&*file, &to, id) {
                // Where this fails, too, the next opening removes it.
                let _ = self.env.vfs().remove(&to);
                return Err(error);
            }
        }
        let (kind, spread, buffer) = (FileKind::Sealed, Spread::Apart, Vec::new());
        let (file, is_new, is_taken, unsynced) = (None, true, true, false);
        let (used, len) = (0, 0);
        let written = Written { kind, file, is_new, is_taken, unsynced, used, spread, len, buffer };
        self.files.insert(id, written);
        Ok(id)
    }

    /// Removes a file that was taken over.
    pub fn give_back(&mut self, file: FileId) {
        self.files.remove(&file);
        let path = self.dir.join(name::data(file));
        if let Err(error) = self.env.vfs().remove(&path) {
            tracing::warn!(file = %path.display(), %error, "left a file behind");
        }
    }

    fn copy(&mut self, from: &dyn VfsFile, to: &Path, id: FileId) -> Result<()> {
        let copying = |e| Error::io(format_args!("copying to {}", name::data(id)), e);
        let copy = self.env.vfs().open(to, OpenMode::CreateNew).map_err(copying)?;
        let len = from.len().map_err(copying)?;
        let mut piece = vec![0; BUFFER_BYTES];
        let mut at = 0;
        while at < len {
            piece.truncate((len - at).min(BUFFER_BYTES as u64) as usize);
            from.read_exact_at(at, &mut piece).map_err(copying)?;
            copy.write_all_at(at, &piece).map_err(copying)?;
            at += piece.len() as u64;
        }
        self.bytes += len;
        copy.sync(SyncKind::Full).map_err(copying)
    }

    /// Hands everything to the operating system: from here on the files can be opened.
    ///
    /// # Errors
    /// `Full` or `Io`.
    pub fn finish(&mut self) -> Result<()> {
        let all: Vec<FileId> = self.files.keys().copied().collect();
        all.into_iter().try_for_each(|id| self.flush(id))
    }

    /// Makes the content of all files durable; their names are not.
    ///
    /// # Errors
    /// `Io`.
    pub fn sync(&self) -> Result<()> {
        for (id, written) in &self.files {
            assert!(written.buffer.is_empty(), "an output is finished before it is synced");
            let kind = if written.is_new { SyncKind::Full } else { SyncKind::Data };
            let is_skipped = written.kind == FileKind::InPlace && planted::is(Bug::RootBeforePages);
            let file = written.file.as_ref().filter(|_| written.unsynced && !is_skipped);
            let synced = file.map_or(Ok(()), |file| file.sync(kind));
            synced.map_err(|e| Error::io(format_args!("syncing {}", name::data(*id)), e))?;
        }
        Ok(())
    }

    /// As [`FileOutput::sync`], of files written in place alone: what was written to them since.
    ///
    /// # Errors
    /// `Io`.
    pub fn sync_in_place(&self) -> Result<()> {
        for (id, written) in self.files.iter().filter(|(_, one)| one.kind == FileKind::InPlace) {
            let file = written.file.as_ref().filter(|_| !planted::is(Bug::RootBeforePages));
            let synced = file.map_or(Ok(()), |file| file.sync(SyncKind::Data));
            synced.map_err(|e| Error::io(format_args!("syncing {}", name::data(*id)), e))?;
        }
        Ok(())
    }

    /// Files that this output created.
    pub fn new_files(&self) -> impl Iterator<Item = FileId> {
        let written = self.files.iter().filter(|(_, written)| written.is_new).map(|(id, _)| *id);
        written.chain(self.adopted.iter().copied())
    }

    /// Those among them whose bytes were written here, and not elsewhere.
    pub fn written_files(&self) -> impl Iterator<Item = FileId> {
        let here = |written: &Written| written.is_new && !written.is_taken;
        self.files.iter().filter(move |(_, written)| here(written)).map(|(id, _)| *id)
    }

    /// Whether there are new names in the directory.
    pub fn has_new_files(&self) -> bool {
        self.new_files().next().is_some()
    }

    /// Removes the new files but for those to `keep`: the work was given up. What cannot be removed
    /// goes when the database is opened the next time.
    pub fn abandon(self, keep: impl Fn(FileId) -> bool) {
        let new: Vec<FileId> = self.new_files().collect();
        // Open files cannot be removed everywhere.
        drop(self.files);
        for id in new {
            if !keep(id) {
                let path = self.dir.join(name::data(id));
                if let Err(error) = self.env.vfs().remove(&path) {
                    tracing::warn!(file = %path.display(), %error, "left an abandoned file behind");
                }
            }
        }
    }

    /// Leaves all files where they are: the manifest names them, or may.
    pub fn leave(&mut self) {
        self.files.clear();
        self.adopted.clear();
    }
}

impl Output for FileOutput {
    fn create(&mut self, kind: FileKind) -> Result<FileId> {
        if self.spread == Spread::Shared && kind == FileKind::Sealed {
            let shared = self.files.iter().find(|(_, written)| {
                let len = written.len + written.buffer.len() as u64;
                written.spread == Spread::Shared && len < SHARED_BYTES
            });
            if let Some((id, _)) = shared {
                return Ok(*id);
            }
        }
        let sealed = kind == FileKind::Sealed;
        self.create_file(kind, if sealed { self.spread } else { Spread::Apart })
    }

    fn create_apart(&mut self) -> Result<FileId> {
        self.create_file(FileKind::Sealed, Spread::Apart)
    }

    fn adopt(&mut self, log: LogNo, wanted: u64) -> Option<FileId> {
        if !self.log_files.take_over(log, wanted) {
            return None;
        }
        let id = FileId(self.next_file.fetch_add(1, Ordering::SeqCst));
        let (from, to) = (self.dir.join(name::log(log)), self.dir.join(name::data(id)));
        let vfs = self.env.vfs();
        // The log may have given back the end of the file without a sync, and a data file never
        // changes its length.
        let synced = vfs.open(&from, OpenMode::Write).and_then(|file| file.sync(SyncKind::Full));
        // No links here, or a failure: whatever it is, copies will do.
        if let Err(error) = synced.and_then(|()| vfs.link(&from, &to)) {
            tracing::debug!(%log, %error, "large values in the log are copied");
            return None;
        }
        self.adopted.insert(id);
        Some(id)
    }

    fn append(&mut self, file: FileId, bytes: &[u8]) -> Result<u64> {
        self.bytes += bytes.len() as u64;
        self.steps += 1;
        let steps = self.steps;
        let written = self.get(file)?;
        written.used = steps;
        let offset = written.len + written.buffer.len() as u64;
        written.buffer.extend_from_slice(bytes);
        if written.buffer.len() >= BUFFER_BYTES {
            self.flush(file)?;
        }
        Ok(offset)
    }

    fn len(&mut self, file: FileId) -> Result<u64> {
        let written = match self.files.contains_key(&file) {
            true => self.get(file)?,
            false => self.in_place(file)?,
        };
        Ok(written.len + written.buffer.len() as u64)
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.in_place(file)?;
        self.flush(file)?;
        let written = self.get(file)?;
        let wrote = written.handle(file)?.write_all_at(offset, bytes);
        wrote.map_err(|e| Error::io(format_args!("writing {}", name::data(file)), e))?;
        written.len = written.len.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.in_place(file)?;
        self.flush(file)?;
        self.get(file)?.handle(file)?.read_exact_at(offset, buf).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => Error::corrupt(format!(
                "{} ends before byte {}",
                name::data(file),
                offset + buf.len() as u64
            )),
            _ => Error::io(format_args!("reading {}", name::data(file)), e),
        })
    }

    fn may_reuse(&self, edit: EditNo) -> bool {
        self.oldest_edit.is_none_or(|oldest| edit <= oldest)
    }
}

#[cfg(test)]
mod tests;
