//! The world outside the engine: files, clocks, randomness, threads.
//!
//! Everything the engine does to the world goes through [`Env`] and [`Vfs`], so that a seeded
//! simulation can replace it: [`os`] is the real world, [`sim`] one that tears, forgets, fills up
//! and crashes.
//!
//! Not for: formats, retries, or policy. A `Vfs` does what it is told and reports what happened.

use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

mod event;
#[cfg(all(test, loom))]
mod event_loom;
mod map;
pub mod os;
mod pieces;
pub mod sim;
mod stopped;

pub use event::Event;
pub use map::Map;
pub use pieces::{Unreadable, read_in_pieces};
pub use stopped::Stopped;

#[cfg(test)]
mod tests;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Existing file, reads only. `NotFound` when there is none.
    Read,
    /// Existing file, reads and writes. `NotFound` when there is none.
    Write,
    /// New file, reads and writes. `AlreadyExists` when there is one.
    CreateNew,
}

/// What a sync covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncKind {
    /// Data, and the length where it changed (`fdatasync`).
    Data,
    /// Data and all metadata (`fsync`).
    Full,
}

/// An open file. Calls may come from many threads at once.
#[expect(clippy::len_without_is_empty, reason = "the length takes a system call, which may fail")]
pub trait VfsFile: Send + Sync + Debug {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Reads at `offset` into `buf`; fewer bytes than asked may come back, zero only at the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes at `offset`, growing the file as needed; may write fewer bytes than given.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;
    /// Sets the length; new bytes read as zero.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves disk space for `range` and grows the file to `range.end` if it is shorter; new
    /// bytes read as zero. Where the system cannot reserve, only grows.
    fn allocate(&self, range: Range<u64>) -> io::Result<()>;
    /// Makes what was written durable. After an error nothing about unsynced data is known, and
    /// a retry proves nothing (Rebello et al., ATC '20).
    fn sync(&self, kind: SyncKind) -> io::Result<()>;
    /// Maps `range` for reading, which must lie within the file; `None` where maps are not to be
    /// had. The file is never shortened while mapped. Whether a map shows bytes written after it
    /// was made is not said. `UnexpectedEof` when the file ends before the range does.
    fn map(&self, range: Range<u64>) -> io::Result<Option<Map>>;

    /// Reads exactly `buf.len()` bytes at `offset`; `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(offset, buf) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buf = &mut buf[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(offset, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// A lock held on a file; dropping it releases it.
pub trait Lock: Send + Sync + Debug {
    /// Whether this process has taken it, and is not a forked child of the one that has.
    fn is_of_this_process(&self) -> bool {
        true
    }
}

/// A file system.
pub trait Vfs: Send + Sync + Debug {
    /// Opens the file at `path`.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>>;
    /// Renames a file, replacing `to`: atomic, durable only after [`Vfs::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Names of the files in a directory, sorted; directories are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Names of the directories in a directory, sorted.
    fn folders(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Whether a file or directory is there.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Creates a directory and its missing parents.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Removes a directory that is empty.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes names created, renamed or removed in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of the file at `path`, which is created when missing; `WouldBlock`
    /// when another handle or process holds it. The holder's name is the file's content.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
    /// Takes a lock of the file at `path` that excludes [`Vfs::lock`] alone, and changes nothing:
    /// `NotFound` when there is no such file, `WouldBlock` while somebody has it for himself.
    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
    /// Free bytes on the file system of `dir`.
    fn free_space(&self, dir: &Path) -> io::Result<u64>;
}

/// Words in memory that several processes share, where the system can; else this process alone.
pub trait SharedWords: Send + Sync + Debug {
    /// The words.
    fn words(&self) -> &[AtomicU64];

    /// Whether other processes see them.
    fn is_shared(&self) -> bool {
        true
    }

    /// Whether they are those of the file that is at `path` now, as far as can be told: no other
    /// file is, and none was removed from there.
    fn is_at(&self, path: &Path) -> bool {
        let _ = path;
        true
    }
}

/// What a [`Job`] wants after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// There is more to do at once.
    Again,
    /// Nothing to do until the job's event moves past the epoch given.
    Wait(u64),
    /// Nothing to do until the job's event moves past the epoch or the clock reaches the time.
    WaitUntil(u64, Duration),
    /// The job has ended.
    Done,
}

/// Background work in small steps: a thread drives it in production, a seeded scheduler in
/// simulation. A step never blocks on another job.
pub trait Job: Send {
    /// Does a bounded piece of work.
    fn step(&mut self) -> JobState;
    /// What wakes the job when it waits.
    fn event(&self) -> Arc<Event>;
    /// Cleans up after a step that panicked, where threads drive jobs; a simulation passes the
    /// panic on. A job that does not know how has ended.
    fn panicked(&mut self, message: &str) -> JobState {
        let _ = message;
        JobState::Done
    }
}

/// A job that runs.
pub trait Running: Send + Sync {
    /// Waits until the job has ended.
    fn join(&self);
}

/// Files, clocks, randomness and threads.
pub trait Env: Send + Sync + Debug {
    /// The file system.
    fn vfs(&self) -> &dyn Vfs;
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;
    /// Milliseconds since 1970-01-01 UTC; may jump.
    fn wall_ms(&self) -> u64;
    /// A random number.
    fn rand64(&self) -> u64;
    /// Runs a job in the background.
    fn spawn(&self, name: &str, job: Box<dyn Job>) -> Arc<dyn Running>;
    /// Waits until `event` has moved past `seen` or `timeout` is over. In simulation this is where
    /// other jobs run.
    fn wait(&self, event: &Event, seen: u64, timeout: Option<Duration>);
    /// `count` words, shared through the file at `path` where the system can. They are zero when
    /// the file is new; else they hold what processes, dead ones included, have left in them, and
    /// whoever holds the directory's lock decides what of it is true.
    fn shared_words(&self, path: &Path, count: usize) -> io::Result<Arc<dyn SharedWords>>;
    /// The process, as the lock file names its holder.
    fn process(&self) -> String;
}
