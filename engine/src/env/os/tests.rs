use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;

use super::*;
use crate::env::{JobState, OpenMode};

struct Faulty(Arc<Event>);

impl Job for Faulty {
    fn step(&mut self) -> JobState {
        panic!("this job panics on purpose");
    }

    fn event(&self) -> Arc<Event> {
        Arc::clone(&self.0)
    }
}

#[test]
fn a_job_that_panics_has_ended() {
    let env = OsEnv::new();
    let event = Arc::new(Event::new());
    env.spawn("faulty", Box::new(Faulty(Arc::clone(&event)))).join();
    assert_eq!(Arc::strong_count(&event), 1);
}

/// Panics twice, and goes on in between.
struct Clumsy(Arc<Event>, Arc<AtomicUsize>);

impl Job for Clumsy {
    fn step(&mut self) -> JobState {
        match self.1.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("first {}", 1),
            1 => JobState::Again,
            2 => panic!("second 2"),
            _ => JobState::Done,
        }
    }

    fn event(&self) -> Arc<Event> {
        Arc::clone(&self.0)
    }

    fn panicked(&mut self, message: &str) -> JobState {
        assert!(["first 1", "second 2"].contains(&message));
        JobState::Again
    }
}

#[test]
fn a_job_that_knows_how_goes_on_after_a_panic() {
    let env = OsEnv::new();
    let steps = Arc::new(AtomicUsize::new(0));
    env.spawn("clumsy", Box::new(Clumsy(Arc::new(Event::new()), Arc::clone(&steps)))).join();
    assert_eq!(steps.load(Ordering::SeqCst), 4);
}

struct Gate {
    event: Arc<Event>,
    open: Arc<AtomicUsize>,
}

impl Job for Gate {
    fn step(&mut self) -> JobState {
        let epoch = self.event.epoch();
        match self.open.load(Ordering::SeqCst) {
            0 => JobState::Wait(epoch),
            _ => JobState::Done,
        }
    }

    fn event(&self) -> Arc<Event> {
        Arc::clone(&self.event)
    }
}

#[test]
fn many_threads_can_join_one_job() {
    let env = OsEnv::new();
    let (event, open) = (Arc::new(Event::new()), Arc::new(AtomicUsize::new(0)));
    let job = Gate { event: Arc::clone(&event), open: Arc::clone(&open) };
    let running = env.spawn("gate", Box::new(job));
    let (ended, ends) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (running, ended) = (&running, ended.clone());
            scope.spawn(move || {
                running.join();
                ended.send(()).unwrap();
            });
        }
        assert!(ends.recv_timeout(Duration::from_millis(20)).is_err());
        open.store(1, Ordering::SeqCst);
        event.notify();
    });
    assert_eq!(ends.try_iter().count(), 4);
}

#[test]
fn a_wait_ends_when_its_event_moves_or_its_time_is_over() {
    let event = Event::new();
    event.block(0, Some(Duration::from_millis(1)));
    event.block(0, Some(Duration::ZERO));
    std::thread::scope(|scope| {
        scope.spawn(|| event.block(0, None));
        scope.spawn(|| event.block(0, Some(Duration::MAX)));
        event.notify();
    });
    assert_eq!(event.epoch(), 1);
}

#[test]
fn each_environment_draws_its_own_numbers() {
    let (one, two) = (OsEnv::new(), OsEnv::new());
    assert_ne!(one.rand64(), two.rand64());
}

#[test]
fn the_process_has_an_id_and_a_name() {
    let name = OsEnv::new().process();
    assert!(name.starts_with(&format!("pid {} (", process::id())), "{name}");
}

#[test]
fn words_are_shared_between_environments() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words");
    let (one, two) = (OsEnv::new(), OsEnv::new());
    let (one, two) = (one.shared_words(&path, 8).unwrap(), two.shared_words(&path, 8).unwrap());
    one.words()[7].store(9, Ordering::SeqCst);
    assert_eq!(two.words()[7].load(Ordering::SeqCst), 9);
    let size = std::fs::metadata(&path).unwrap().len();
    assert_eq!(size, 64);
}

#[test]
fn offsets_beyond_reason_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let env = OsEnv::new();
    let file = env.vfs().open(&dir.path().join("a"), OpenMode::CreateNew).unwrap();
    assert!(file.write_at(u64::MAX, b"x").is_err());
    assert!(file.read_at(u64::MAX, &mut [0]).is_err());
    assert!(file.set_len(u64::MAX).is_err());
    assert!(file.allocate(0..u64::MAX).is_err());
    assert!(file.allocate(u64::MAX - 1..u64::MAX).is_err());
    assert!(env.shared_words(&dir.path().join("b"), usize::MAX).is_err());
    assert_eq!(file.len().unwrap(), 0);
}

/// Whoever made them first, under whatever mask, is one of many who use them.
#[cfg(unix)]
#[test]
fn locks_and_shared_words_are_for_all_who_may_write_to_the_directory() {
    use std::fs::{File, Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let env = OsEnv::new();
    let mode_of = |path: &Path| metadata(path).unwrap().permissions().mode() & 0o777;
    let cases = [(0o700, 0o600), (0o755, 0o600), (0o775, 0o660), (0o777, 0o666), (0o1777, 0o660)];
    for (allowed, granted) in cases {
        let dir = tempfile::tempdir().unwrap();
        set_permissions(dir.path(), Permissions::from_mode(allowed)).unwrap();
        let (lock, words) = (dir.path().join("lock"), dir.path().join("words"));
        let plain = dir.path().join("plain");
        File::create(&plain).unwrap();
        let _lock = env.vfs().lock(&lock).unwrap();
        let _words = env.shared_words(&words, 8).unwrap();
        for path in [&lock, &words] {
            // What the mask leaves to others stays.
            assert_eq!(mode_of(path), mode_of(&plain) | granted, "{allowed:o} {}", path.display());
        }
        // Those that are there stay as they are.
        set_permissions(&words, Permissions::from_mode(0o600)).unwrap();
        let _again = env.shared_words(&words, 8).unwrap();
        assert_eq!(mode_of(&words), 0o600);
    }
}
