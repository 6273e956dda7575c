//! One contract for both worlds: what the engine may expect of any [`Env`].

use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::os::OsEnv;
use super::sim::SimEnv;
use super::*;

/// An environment and a directory in it.
struct World {
    env: Arc<dyn Env>,
    dir: PathBuf,
    maps: bool,
    _keep: Option<tempfile::TempDir>,
}

impl World {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn create(&self, name: &str) -> Result<Arc<dyn VfsFile>> {
        self.env.vfs().open(&self.path(name), OpenMode::CreateNew)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.create(name).unwrap().write_all_at(0, bytes).unwrap();
    }

    fn get(&self, name: &str) -> Vec<u8> {
        let file = self.env.vfs().open(&self.path(name), OpenMode::Read).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(0, &mut bytes).unwrap();
        bytes
    }

    fn names(&self) -> Vec<String> {
        self.env.vfs().list(&self.dir).unwrap()
    }
}

/// Runs the same claims in every world.
fn in_every_world(claims: impl Fn(&World)) {
    for os in [OsEnv::new(), OsEnv::without_maps()] {
        let maps = format!("{os:?}").contains("maps: On");
        let keep = tempfile::tempdir().unwrap();
        let dir = keep.path().to_path_buf();
        claims(&World { env: os, dir, maps, _keep: Some(keep) });
    }
    for maps in [true, false] {
        let sim = SimEnv::new(7);
        let dir = PathBuf::from("/db");
        sim.vfs().create_dir_all(&dir).unwrap();
        if !maps {
            sim.disk().disable_maps();
        }
        claims(&World { env: sim, dir, maps, _keep: None });
    }
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.map(|_| ()).unwrap_err().kind()
}

#[test]
fn a_file_reads_as_written() {
    in_every_world(|w| {
        let file = w.create("a").unwrap();
        assert_eq!(file.len().unwrap(), 0);
        assert_eq!(file.read_at(0, &mut [0; 4]).unwrap(), 0);
        file.write_all_at(0, b"hello world").unwrap();
        file.write_all_at(6, b"there").unwrap();
        assert_eq!(w.get("a"), b"hello there");
        let mut buf = [0; 100];
        assert_eq!(file.read_at(6, &mut buf).unwrap(), 5);
        assert_eq!(&buf[..5], b"there");
        assert_eq!(file.read_at(11, &mut buf).unwrap(), 0);
        assert_eq!(file.read_at(99, &mut buf).unwrap(), 0);
        assert_eq!(kind(file.read_exact_at(6, &mut [0; 6])), ErrorKind::UnexpectedEof);
        assert_eq!(file.write_at(0, b"").unwrap(), 0);
        assert_eq!(file.len().unwrap(), 11);
    });
}

#[test]
fn gaps_read_as_zeros() {
    in_every_world(|w| {
        let file = w.create("a").unwrap();
        file.write_all_at(10_000, b"x").unwrap();
        let mut expected = vec![0; 10_000];
        expected.push(b'x');
        assert_eq!(w.get("a"), expected);
    });
}

#[test]
fn random_writes_and_lengths_agree_with_a_vector() {
    in_every_world(|w| {
        let mut random = sim::Random::new(11);
        let file = w.create("a").unwrap();
        let mut model: Vec<u8> = Vec::new();
        for step in 0..300_u64 {
            let at = random.index(40_000);
            match random.below(8) {
                0 => {
                    file.set_len(at as u64).unwrap();
                    model.resize(at, 0);
                }
                1 => {
                    let end = at + random.index(9000);
                    file.allocate(at as u64..end as u64).unwrap();
                    model.resize(model.len().max(end), 0);
                }
                _ => {
                    let bytes = vec![step as u8; 1 + random.index(9000)];
                    file.write_all_at(at as u64, &bytes).unwrap();
                    let end = at + bytes.len();
                    model.resize(model.len().max(end), 0);
                    model[at..end].copy_from_slice(&bytes);
                }
            }
            assert_eq!(file.len().unwrap(), model.len() as u64);
            if step % 10 == 0 {
                assert!(w.get("a") == model, "content differs after step {step}");
            }
        }
    });
}

#[test]
fn modes_say_what_must_be_there() {
    in_every_world(|w| {
        let vfs = w.env.vfs();
        let path = w.path("a");
        assert_eq!(kind(vfs.open(&path, OpenMode::Read)), ErrorKind::NotFound);
        assert_eq!(kind(vfs.open(&path, OpenMode::Write)), ErrorKind::NotFound);
        w.put("a", b"1");
        assert_eq!(kind(vfs.open(&path, OpenMode::CreateNew)), ErrorKind::AlreadyExists);
        let file = vfs.open(&path, OpenMode::Read).unwrap();
        assert!(file.write_at(0, b"2").is_err());
        assert!(file.set_len(0).is_err());
        vfs.open(&path, OpenMode::Write).unwrap().write_all_at(1, b"2").unwrap();
        assert_eq!(w.get("a"), b"12");
        let lost = w.path("none").join("a");
        assert_eq!(kind(vfs.open(&lost, OpenMode::CreateNew)), ErrorKind::NotFound);
    });
}

#[test]
fn a_rename_replaces() {
    in_every_world(|w| {
        let vfs = w.env.vfs();
        w.put("old", b"old");
        w.put("new", b"new");
        let open = vfs.open(&w.path("old"), OpenMode::Read).unwrap();
        vfs.rename(&w.path("new"), &w.path("old")).unwrap();
        assert_eq!(w.names(), ["old"]);
        assert_eq!(w.get("old"), b"new");
        let mut bytes = [0; 3];
        open.read_exact_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"old", "an open file outlives its name");
        assert_eq!(kind(vfs.rename(&w.path("new"), &w.path("x"))), ErrorKind::NotFound);
        vfs.rename(&w.path("old"), &w.path("old")).unwrap();
        assert_eq!(w.names(), ["old"]);
    });
}

#[test]
fn a_removed_file_lives_while_open() {
    in_every_world(|w| {
        let vfs = w.env.vfs();
        let file = w.create("a").unwrap();
        file.write_all_at(0, b"1").unwrap();
        vfs.remove(&w.path("a")).unwrap();
        assert_eq!(kind(vfs.remove(&w.path("a"))), ErrorKind::NotFound);
        assert!(!vfs.exists(&w.path("a")).unwrap());
        w.put("a", b"other");
        file.write_all_at(1, b"2").unwrap();
        file.sync(SyncKind::Full).unwrap();
        vfs.sync_dir(&w.dir).unwrap();
        let mut bytes = [0; 2];
        file.read_exact_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"12");
        assert_eq!(w.get("a"), b"other");
    });
}

#[test]
fn a_link_is_a_second_name() {
    in_every_world(|w| {
        let vfs = w.env.vfs();
        w.put("a", b"1");
        vfs.link(&w.path("a"), &w.path("b")).unwrap();
        vfs.open(&w.path("b"), OpenMode::Write).unwrap().write_all_at(0, b"2").unwrap();
        assert_eq!(w.get("a"), b"2");
        assert_eq!(kind(vfs.link(&w.path("a"), &w.path("b"))), ErrorKind::AlreadyExists);
        assert_eq!(kind(vfs.link(&w.path("x"), &w.path("c"))), ErrorKind::NotFound);
        vfs.rename(&w.path("a"), &w.path("b")).unwrap();
        assert_eq!(w.names(), ["a", "b"], "a rename between names of one file does nothing");
        vfs.remove(&w.path("a")).unwrap();
        assert_eq!(w.get("b"), b"2");
    });
}

#[test]
fn lists_hold_files_and_no_directories_in_order() {
    in_every_world(|w| {
        let vfs = w.env.vfs();
        vfs.create_dir_all(&w.path("sub").join("deep")).unwrap();
        vfs.create_dir_all(&w.path("sub")).unwrap();
        for name in ["b", "a-1", "a", "c"] {
            w.put(name, b"");
        }
        w.put("sub/inner", b"");
        assert_eq!(w.names(), ["a", "a-1", "b", "c"]);
        assert_eq!(vfs.list(&w.path("sub")).unwrap(), ["inner"]);
        assert_eq!(vfs.list(&w.path("sub/deep")).unwrap(), Vec::<String>::new());
        assert_eq!(kind(vfs.list(&w.path("none"))), ErrorKind::NotFound);
        assert!(vfs.exists(&w.path("sub")).unwrap());
        assert!(vfs.exists(&w.path("a")).unwrap());
        assert!(!vfs.exists(&w.path("none")).unwrap());
        assert!(vfs.create_dir_all(&w.path("a").join("x")).is_err());
        assert!(vfs.remove(&w.path("sub")).is_err());
    });
}

#[test]
fn syncs_succeed_on_files_and_directories() {
    in_every_world(|w| {
        let vfs = w.env.vfs();
        let file = w.create("a").unwrap();
        file.write_all_at(0, b"1").unwrap();
        file.sync(SyncKind::Data).unwrap();
        file.sync(SyncKind::Full).unwrap();
        vfs.open(&w.path("a"), OpenMode::Read).unwrap().sync(SyncKind::Full).unwrap();
        vfs.sync_dir(&w.dir).unwrap();
        assert_eq!(kind(vfs.sync_dir(&w.path("none"))), ErrorKind::NotFound);
        assert!(vfs.free_space(&w.dir).unwrap() > 0);
    });
}

#[test]
fn allocation_never_shortens() {
    in_every_world(|w| {
        let file = w.create("a").unwrap();
        file.write_all_at(0, b"12345").unwrap();
        file.allocate(0..3).unwrap();
        file.allocate(2..2).unwrap();
        assert_eq!(w.get("a"), b"12345");
        file.allocate(4096..8192).unwrap();
        assert_eq!(file.len().unwrap(), 8192);
        assert_eq!(&w.get("a")[..6], b"12345\0");
    });
}

#[test]
fn a_map_holds_the_range_and_outlives_the_file() {
    in_every_world(|w| {
        let file = w.create("a").unwrap();
        file.write_all_at(0, &[7; 5000]).unwrap();
        file.write_all_at(4999, b"x").unwrap();
        if !w.maps {
            assert!(file.map(0..5000).unwrap().is_none());
            return;
        }
        let map = file.map(4998..5000).unwrap().unwrap();
        assert_eq!(kind(file.map(0..5001)), ErrorKind::UnexpectedEof);
        #[expect(clippy::reversed_empty_ranges, reason = "the range is wrong on purpose")]
        let backwards = file.map(5..3);
        assert_eq!(kind(backwards), ErrorKind::UnexpectedEof);
        assert_eq!(kind(file.map(9000..9000)), ErrorKind::UnexpectedEof);
        let empty = file.map(10..10).unwrap().unwrap();
        assert_eq!((*empty).as_ref().len(), 0);
        w.env.vfs().remove(&w.path("a")).unwrap();
        drop(file);
        assert_eq!((*map).as_ref(), b"\x07x");
    });
}

#[test]
fn a_lock_excludes_and_names_its_holder() {
    in_every_world(|w| {
        let vfs = w.env.vfs();
        w.put("lock", b"a much longer name than any process has: ------------------------------");
        let lock = vfs.lock(&w.path("lock")).unwrap();
        assert_eq!(kind(vfs.lock(&w.path("lock"))), ErrorKind::WouldBlock);
        assert_eq!(w.get("lock"), w.env.process().as_bytes());
        let other = vfs.lock(&w.path("other")).unwrap();
        drop(lock);
        let again = vfs.lock(&w.path("lock")).unwrap();
        drop((again, other));
    });
}

#[test]
fn a_shared_lock_excludes_the_other_kind_alone_and_changes_nothing() {
    in_every_world(|w| {
        let (vfs, path) = (w.env.vfs(), w.path("lock"));
        assert_eq!(kind(vfs.lock_shared(&path)), ErrorKind::NotFound);
        w.put("lock", b"somebody");
        let one = vfs.lock_shared(&path).unwrap();
        let two = vfs.lock_shared(&path).unwrap();
        drop(one);
        assert_eq!(kind(vfs.lock(&path)), ErrorKind::WouldBlock);
        drop(two);
        assert_eq!(w.get("lock"), b"somebody");
        let lock = vfs.lock(&path).unwrap();
        assert_eq!(kind(vfs.lock_shared(&path)), ErrorKind::WouldBlock);
        drop(lock);
        vfs.lock_shared(&path).unwrap();
    });
}

#[test]
fn shared_words_start_at_zero_and_keep_their_values() {
    in_every_world(|w| {
        let words = w.env.shared_words(&w.path("words"), 600).unwrap();
        assert_eq!(words.words().len(), 600);
        assert!(words.words().iter().all(|word| word.load(SeqCst) == 0));
        words.words()[599].store(5, SeqCst);
        if w.maps {
            let again = w.env.shared_words(&w.path("words"), 600).unwrap();
            assert_eq!(again.words()[599].fetch_add(1, SeqCst), 5);
            assert_eq!(words.words()[599].load(SeqCst), 6);
        }
    });
}

#[test]
fn clocks_move_on_and_numbers_differ() {
    in_every_world(|w| {
        let start = w.env.now();
        let numbers: Vec<u64> = (0..100).map(|_| w.env.rand64()).collect();
        assert!((1..100).all(|at| !numbers[..at].contains(&numbers[at])));
        w.env.wait(&Event::new(), 0, Some(Duration::from_millis(3)));
        assert!(w.env.now() >= start + Duration::from_millis(3));
        assert!(w.env.wall_ms() > 1_700_000_000_000);
    });
}

/// Adds its number to a list, as often as asked; in between it waits.
struct Adder {
    event: Arc<Event>,
    reply: Arc<Event>,
    wanted: Arc<Mutex<Vec<u64>>>,
    done: Arc<Mutex<Vec<u64>>>,
    seen: u64,
}

impl Job for Adder {
    fn step(&mut self) -> JobState {
        let epoch = self.event.epoch();
        let Some(next) = self.wanted.lock().unwrap().pop() else {
            return JobState::Wait(epoch);
        };
        if next == 0 {
            return JobState::Done;
        }
        self.seen += next;
        self.done.lock().unwrap().push(self.seen);
        self.reply.notify();
        JobState::Again
    }

    fn event(&self) -> Arc<Event> {
        Arc::clone(&self.event)
    }
}

#[test]
fn a_job_runs_when_its_event_moves_and_ends_when_done() {
    in_every_world(|w| {
        let (event, reply) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let (wanted, done) = (Arc::new(Mutex::default()), Arc::new(Mutex::default()));
        let job = Adder {
            event: Arc::clone(&event),
            reply: Arc::clone(&reply),
            wanted: Arc::clone(&wanted),
            done: Arc::clone(&done),
            seen: 0,
        };
        let running = w.env.spawn("adder", Box::new(job));
        for round in 1..=20_u64 {
            let seen = reply.epoch();
            wanted.lock().unwrap().push(round);
            event.notify();
            w.env.wait(&reply, seen, None);
            assert_eq!(done.lock().unwrap().len() as u64, round);
        }
        wanted.lock().unwrap().push(0);
        event.notify();
        running.join();
        running.join();
        assert_eq!(done.lock().unwrap().last(), Some(&210));
        assert_eq!(Arc::strong_count(&done), 1, "a job that has ended is dropped");
    });
}

/// Waits for a time, then ends.
struct Sleeper {
    event: Arc<Event>,
    until: Duration,
    env: Arc<dyn Env>,
}

impl Job for Sleeper {
    fn step(&mut self) -> JobState {
        if self.env.now() >= self.until {
            JobState::Done
        } else {
            JobState::WaitUntil(self.event.epoch(), self.until)
        }
    }

    fn event(&self) -> Arc<Event> {
        Arc::clone(&self.event)
    }
}

#[test]
fn a_job_can_wait_for_a_time() {
    in_every_world(|w| {
        let until = w.env.now() + Duration::from_millis(5);
        let (env, event) = (Arc::clone(&w.env), Arc::new(Event::new()));
        w.env.spawn("sleeper", Box::new(Sleeper { event, until, env })).join();
        assert!(w.env.now() >= until);
    });
}

/// Joins itself once it has been told how.
struct SelfJoiner {
    event: Arc<Event>,
    me: Arc<Mutex<Option<Arc<dyn Running>>>>,
}

impl Job for SelfJoiner {
    fn step(&mut self) -> JobState {
        let epoch = self.event.epoch();
        match self.me.lock().unwrap().take() {
            None => JobState::Wait(epoch),
            Some(me) => {
                me.join();
                JobState::Done
            }
        }
    }

    fn event(&self) -> Arc<Event> {
        Arc::clone(&self.event)
    }
}

#[test]
fn a_job_that_joins_itself_goes_on() {
    in_every_world(|w| {
        let (event, me) = (Arc::new(Event::new()), Arc::new(Mutex::new(None)));
        let job = SelfJoiner { event: Arc::clone(&event), me: Arc::clone(&me) };
        let running = w.env.spawn("self", Box::new(job));
        *me.lock().unwrap() = Some(Arc::clone(&running));
        event.notify();
        running.join();
    });
}

#[test]
fn paths_relative_to_the_root_work() {
    in_every_world(|w| {
        assert!(w.env.vfs().exists(Path::new(".")).unwrap());
        assert!(w.env.vfs().exists(Path::new("")).unwrap());
        w.env.vfs().sync_dir(Path::new("")).unwrap();
        w.env.vfs().create_dir_all(Path::new("")).unwrap();
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn futures_are_woken_once_after_the_count_has_moved() {
    let (event, wakes) = (Event::new(), Arc::new(Wakes::default()));
    let count = || wakes.0.load(SeqCst);
    let waker = std::task::Waker::from(wakes.clone());
    assert!(event.register(event.epoch(), &waker) && event.register(event.epoch(), &waker));
    event.wake();
    assert_eq!(count(), 0, "nothing has moved");
    event.notify();
    assert_eq!(count(), 0, "whoever notifies may hold locks");
    assert!(!event.register(0, &waker), "too late to wait for that");
    event.wake();
    event.wake();
    assert_eq!(count(), 1, "one task, however often it has asked");
    let others = Arc::new(Wakes::default());
    let other = std::task::Waker::from(others.clone());
    assert!(event.register(1, &other) && event.register(1, &waker));
    event.wake();
    assert_eq!(count(), 1, "both wait for more");
    event.notify();
    event.wake();
    assert_eq!((count(), others.0.load(SeqCst)), (2, 1));
}

#[test]
fn no_future_sleeps_through_a_move() {
    let event = Event::new();
    let registered: Vec<Arc<Wakes>> = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20_000 {
                event.notify();
                event.wake();
            }
        });
        let tasks = (0..20_000).map(|_| Arc::new(Wakes::default()));
        tasks.filter(|task| event.register(event.epoch(), &task.clone().into())).collect()
    });
    event.notify();
    event.wake();
    assert!(registered.iter().all(|task| task.0.load(SeqCst) == 1));
}
