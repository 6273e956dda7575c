//! What goes on while a database is closed: the directory stays its own for as long.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cuesta::env::os::OsEnv;
use cuesta::env::{Env, Event, Job, Lock, OpenMode, Running, SharedWords, Vfs, VfsFile};
use cuesta::{Database, ErrorKind};

/// The operating system, where whoever removes a data file says so first, and waits to be told
/// that he may.
#[derive(Debug)]
struct World {
    inner: Arc<OsEnv>,
    asks: Sender<()>,
    may: Mutex<Receiver<()>>,
}

impl Env for World {
    fn vfs(&self) -> &dyn Vfs {
        self
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn wall_ms(&self) -> u64 {
        self.inner.wall_ms()
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
        self.inner.vfs().open(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.vfs().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if path.extension().is_some_and(|ext| ext == "seg") {
            let _ = self.asks.send(());
            let _ = self.may.lock().unwrap().recv_timeout(Duration::from_secs(60));
        }
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

#[test]
fn the_directory_stays_locked_while_a_load_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let (asks, asked) = channel();
    let (allow, may) = channel();
    let world = Arc::new(World { inner: OsEnv::new(), asks, may: Mutex::new(may) });
    let db = Database::builder().environment(world).open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut load = db.bulk_load().unwrap();
    for number in 0..5000u32 {
        load.put(&ks, number.to_be_bytes(), [7; 100]).unwrap();
    }
    std::thread::scope(|scope| {
        let clearing = scope.spawn(|| drop(load));
        asked.recv_timeout(Duration::from_secs(60)).unwrap();
        db.close().unwrap();
        // Its number may be that of another file as soon as the database is opened again.
        let refused = Database::open(dir.path()).map(|_| ());
        allow.send(()).unwrap();
        clearing.join().unwrap();
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Locked);
    });
    Database::open(dir.path()).unwrap();
}

#[test]
fn what_is_forgotten_when_a_database_is_closed_keeps_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut load = db.bulk_load().unwrap();
    load.put(&ks, "large", vec![7; 20_000]).unwrap();
    db.clone().close().unwrap();
    let again = Database::open(dir.path()).unwrap();
    again.keyspace("k").unwrap().put("key", "value").unwrap();
    assert_eq!(load.put(&ks, "later", "v").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.drop_keyspace("k").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.compact().unwrap_err().kind(), ErrorKind::Invalid);
    drop(load);
    assert_eq!(again.keyspace("k").unwrap().get("key").unwrap().unwrap(), "value");
}
