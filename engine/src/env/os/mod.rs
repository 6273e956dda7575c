//! The real world: the operating system's files, clocks, randomness and threads.
//!
//! Not for: decisions. Every call here is one or a few system calls, and their errors are handed
//! on as they come.
//!
//! Invariants:
//!
//! 1. A directory made by `create_dir_all` is durable when the call returns, its missing parents
//!    included; names of files inside it are not until `sync_dir`.
//! 2. The only `unsafe` is in `map.rs`.

mod file;
mod map;
mod thread;

#[cfg(test)]
mod tests;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Env, Event, Job, Running, SharedWords, Vfs};
use file::Maps;
pub use file::OsVfs;
pub(crate) use map::prefetch;
use map::{HeapWords, MappedWords};

/// The operating system as the engine's environment.
#[derive(Debug)]
pub struct OsEnv {
    vfs: OsVfs,
    start: Instant,
    key: RandomState,
    drawn: AtomicU64,
}

impl OsEnv {
    /// The environment of a normal process.
    pub fn new() -> Arc<OsEnv> {
        OsEnv::with(Maps::On)
    }

    /// An environment that never maps data: `map` gives `None`, as on systems without `mmap`. Words
    /// that processes share are mapped all the same, where that can be: without them a writer would
    /// not know who reads.
    pub fn without_maps() -> Arc<OsEnv> {
        OsEnv::with(Maps::Off)
    }

    fn with(maps: Maps) -> Arc<OsEnv> {
        Arc::new(OsEnv {
            vfs: OsVfs::new(maps, process_name()),
            start: Instant::now(),
            key: RandomState::new(),
            drawn: AtomicU64::new(0),
        })
    }
}

impl Env for OsEnv {
    fn vfs(&self) -> &dyn Vfs {
        &self.vfs
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wall_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// A keyed hash (SipHash, keyed by the system) of a counter; the process id and the time keep a
    /// forked child from drawing what its parent draws.
    fn rand64(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        self.key.hash_one((drawn, process::id(), self.start.elapsed()))
    }

    /// # Panics
    ///
    /// When the system gives no more threads, as [`std::thread::spawn`] does.
    fn spawn(&self, name: &str, job: Box<dyn Job>) -> Arc<dyn Running> {
        thread::spawn(name, job, self.start)
    }

    fn wait(&self, event: &Event, seen: u64, timeout: Option<Duration>) {
        event.block(seen, timeout);
    }

    fn shared_words(&self, path: &Path, count: usize) -> io::Result<Arc<dyn SharedWords>> {
        match MappedWords::open(path, count) {
            Ok(words) => Ok(Arc::new(words)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Arc::new(HeapWords::new(count)))
            }
            Err(error) => Err(error),
        }
    }

    fn process(&self) -> String {
        process_name()
    }
}

/// The process as a lock file names it: `pid 4711 (indexer)`.
fn process_name() -> String {
    let id = process::id();
    let program = std::env::args_os().next().unwrap_or_default();
    match Path::new(&program).file_name() {
        Some(name) => format!("pid {id} ({})", name.to_string_lossy()),
        None => format!("pid {id}"),
    }
}
