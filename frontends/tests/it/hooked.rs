//! The operating system, with hooks: what a test wants to happen before a file is opened, synced
//! or removed, and another wall clock.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use cuesta::env::os::OsEnv;
use cuesta::env::{
    Env, Event, Job, Lock, Map, OpenMode, Running, SharedWords, SyncKind, Vfs, VfsFile,
};

type Hook<A> = Box<dyn Fn(&Path, A) + Send + Sync>;

/// The operating system, with hooks.
pub struct World {
    inner: Arc<OsEnv>,
    /// Called before a file is opened.
    pub before_open: Hook<OpenMode>,
    /// Called before a file is synced.
    pub before_sync: Arc<Hook<SyncKind>>,
    /// Called before a part of a file is mapped.
    pub before_map: Arc<Hook<Range<u64>>>,
    /// Called before a file is removed.
    pub before_remove: Hook<()>,
    /// By how much the wall clock is ahead, in milliseconds.
    pub ahead_ms: AtomicI64,
    /// By how much it is later, by all clocks, than it is.
    pub later_ms: AtomicU64,
}

impl World {
    /// The operating system as it is.
    pub fn new() -> World {
        World {
            inner: OsEnv::new(),
            before_open: Box::new(|_, _| {}),
            before_sync: Arc::new(Box::new(|_, _| {})),
            before_map: Arc::new(Box::new(|_, _| {})),
            before_remove: Box::new(|_, ()| {}),
            ahead_ms: AtomicI64::new(0),
            later_ms: AtomicU64::new(0),
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl Env for World {
    fn vfs(&self) -> &dyn Vfs {
        self
    }

    fn now(&self) -> Duration {
        self.inner.now() + Duration::from_millis(self.later_ms.load(Ordering::SeqCst))
    }

    fn wall_ms(&self) -> u64 {
        let later_ms = self.later_ms.load(Ordering::SeqCst);
        let ahead_ms = self.ahead_ms.load(Ordering::SeqCst);
        (self.inner.wall_ms() + later_ms).saturating_add_signed(ahead_ms)
    }

    fn rand64(&self) -> u64 {
        self.inner.rand64()
    }

    fn spawn(&self, name: &str, job: Box<dyn Job>) -> Arc<dyn Running> {
        self.inner.spawn(name, job)
    }

    fn wait(&self, event: &Event, seen: u64, timeout: Option<Duration>) {
        self.inner.wait(event, seen, timeout);
    }

    fn shared_words(&self, path: &Path, count: usize) -> io::Result<Arc<dyn SharedWords>> {
        self.inner.shared_words(path, count)
    }

    fn process(&self) -> String {
        self.inner.process()
    }
}

impl Vfs for World {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        (self.before_open)(path, mode);
        let inner = self.inner.vfs().open(path, mode)?;
        let (before_sync, before_map) = (self.before_sync.clone(), self.before_map.clone());
        Ok(Arc::new(Hooked { inner, path: path.to_path_buf(), before_sync, before_map }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.vfs().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        (self.before_remove)(path, ());
        self.inner.vfs().remove(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.vfs().link(from, to)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.vfs().list(dir)
    }

    fn folders(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.vfs().folders(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.inner.vfs().exists(path)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.vfs().create_dir_all(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.vfs().remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.vfs().sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.inner.vfs().lock(path)
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.inner.vfs().lock_shared(path)
    }

    fn free_space(&self, dir: &Path) -> io::Result<u64> {
        self.inner.vfs().free_space(dir)
    }
}

/// A file, with hooks.
struct Hooked {
    inner: Arc<dyn VfsFile>,
    path: PathBuf,
    before_sync: Arc<Hook<SyncKind>>,
    before_map: Arc<Hook<Range<u64>>>,
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl VfsFile for Hooked {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn allocate(&self, range: Range<u64>) -> io::Result<()> {
        self.inner.allocate(range)
    }

    fn sync(&self, kind: SyncKind) -> io::Result<()> {
        (self.before_sync)(&self.path, kind);
        self.inner.sync(kind)
    }

    fn map(&self, range: Range<u64>) -> io::Result<Option<Map>> {
        (self.before_map)(&self.path, range.clone());
        self.inner.map(range)
    }
}
