//! Processes that write and read the same directory, killed at random: what readers see is what
//! some commit left, whole, and none before what they saw last.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cuesta::{Database, Durability, Keyspace, KeyspaceEngine, KeyspaceOptions, Snapshot};
use cuesta_engine::env::sim::Random;

/// Keys that are written over and over.
const KEYS: u64 = 512;
/// No process of these lives longer.
const LIFE: Duration = Duration::from_secs(60);
const KEYSPACES: [(&str, KeyspaceEngine); 2] =
    [("runs", KeyspaceEngine::Lsm), ("tree", KeyspaceEngine::Btree)];

fn builder() -> cuesta::Builder {
    Database::builder()
        .memory_budget(4 << 20)
        .engine_options(|options| options.memtable_limit = Some(64 << 10))
        .log_segment_bytes(128 << 10)
        .durability(Durability::Buffered)
}

/// The value that commit `n` gives its key: some lie apart.
fn value(n: u64) -> Vec<u8> {
    let len = if n.is_multiple_of(97) { 9000 } else { 40 + n as usize % 60 };
    let mut value = n.to_be_bytes().to_vec();
    value.resize(len, n as u8);
    value
}

fn key(n: u64) -> [u8; 8] {
    (n % KEYS).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

fn number(bytes: &[u8]) -> u64 {
    bytes.get(..8).map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

/// Commits one after another until it is killed.
fn write(path: &Path) {
    let began = Instant::now();
    let db = builder().open(path).unwrap();
    let keyspaces: Vec<Keyspace> = KEYSPACES
        .iter()
        .map(|(name, engine)| {
            db.keyspace_with(name, &KeyspaceOptions::new().engine(*engine)).unwrap()
        })
        .collect();
    let counted = keyspaces[0].get("count").unwrap();
    let mut n = counted.map_or(0, |count| number(&count));
    while began.elapsed() < LIFE {
        n += 1;
        let mut batch = db.batch();
        for keys in &keyspaces {
            batch.put(keys, "count", n.to_be_bytes()).unwrap();
            batch.put(keys, key(n), value(n)).unwrap();
        }
        if n.is_multiple_of(50) {
            batch.durability(Durability::Sync);
        }
        batch.commit().unwrap();
        if n.is_multiple_of(1000) {
            db.flush().unwrap();
        }
    }
}

/// Checks everything that a snapshot holds; returns the commit that it is of, by its own count.
fn check(snapshot: &Snapshot, keyspaces: &[Keyspace]) -> u64 {
    let mut counts = Vec::new();
    for keys in keyspaces {
        let count = snapshot.get(keys, "count").unwrap().map_or(0, |count| number(&count));
        let mut found = 0;
        let first = count.saturating_sub(KEYS - 1).max(1);
        for n in first..=count {
            let read = snapshot.get(keys, key(n)).unwrap();
            let read = read.unwrap_or_else(|| panic!("commit {n} of {count} is missing"));
            assert!(*read == *value(n), "of {count} commits, {n} reads as {}", number(&read));
            found += 1;
        }
        let entries =
            snapshot.iter(keys).unwrap().inspect(|entry| assert!(entry.is_ok())).count() as u64;
        assert_eq!(entries, found + u64::from(count > 0), "entries of {count} commits");
        counts.push(count);
    }
    assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "keyspaces differ: {counts:?}");
    counts[0]
}

/// Looks at the database until it is killed.
fn read(path: &Path, seed: u64) {
    let began = Instant::now();
    let mut random = Random::new(seed);
    let db = builder().reader().open(path).unwrap();
    let keyspaces: Vec<Keyspace> =
        KEYSPACES.iter().map(|(name, _)| db.existing_keyspace(name).unwrap()).collect();
    let (mut last, mut held): (u64, Vec<(Snapshot, u64)>) = (0, Vec::new());
    while began.elapsed() < LIFE {
        if random.one_in(2) {
            db.refresh().unwrap();
        } else {
            std::thread::sleep(Duration::from_millis(random.below(15)));
        }
        let snapshot = db.snapshot();
        let count = check(&snapshot, &keyspaces);
        assert!(count >= last, "commit {count} after {last}");
        last = count;
        if random.one_in(4) && held.len() < 4 {
            held.push((snapshot, count));
        } else if random.one_in(4) && !held.is_empty() {
            let (snapshot, count) = held.swap_remove(random.index(held.len()));
            assert_eq!(check(&snapshot, &keyspaces), count, "a snapshot has changed");
        }
        // Tells that it is alive, and how far it has come.
        let told = path.join(format!(".seen-{seed}"));
        std::fs::write(told, count.to_string()).unwrap();
    }
}

/// What a process of the test below does; nothing when the tests are run.
#[test]
fn process() {
    let Some(path) = std::env::var_os("CUESTA_TEST_PATH").map(PathBuf::from) else { return };
    match std::env::var("CUESTA_TEST_ROLE").unwrap().as_str() {
        "write" => write(&path),
        seed => read(&path, seed.parse().unwrap()),
    }
}

/// A process; it ends with this.
struct Process {
    child: Child,
    role: String,
}

impl Process {
    fn start(path: &Path, role: String) -> Process {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["reader_processes::process", "--exact", "--nocapture"])
            .env("CUESTA_TEST_PATH", path)
            .env("CUESTA_TEST_ROLE", &role)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Process { child, role }
    }

    /// That it has not ended by itself.
    fn check(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let mut told = String::new();
            let stderr = self.child.stderr.as_mut().unwrap();
            std::io::Read::read_to_string(stderr, &mut told).unwrap();
            panic!("{} ended with {status}:\n{told}", self.role);
        }
    }

    fn kill(mut self) {
        self.check();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn readers_see_whole_commits_while_all_are_killed_at_random() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut random = Random::new(u64::from(std::process::id()));
    {
        let db = builder().open(&path).unwrap();
        for (name, engine) in KEYSPACES {
            db.keyspace_with(name, &KeyspaceOptions::new().engine(engine)).unwrap();
        }
    }
    let mut writer = Process::start(&path, "write".to_owned());
    let mut born = 0;
    let mut reader = || {
        born += 1;
        Process::start(&path, born.to_string())
    };
    let mut readers: Vec<Process> = (0..3).map(|_| reader()).collect();
    for _ in 0..16 {
        std::thread::sleep(Duration::from_millis(60 + random.below(240)));
        if random.one_in(2) {
            writer.kill();
            std::thread::sleep(Duration::from_millis(random.below(20)));
            writer = Process::start(&path, "write".to_owned());
        } else {
            let at = random.index(readers.len());
            std::mem::replace(&mut readers[at], reader()).kill();
        }
        writer.check();
        readers.iter_mut().for_each(Process::check);
    }
    std::thread::sleep(Duration::from_millis(500));
    readers.into_iter().for_each(Process::kill);
    writer.kill();
    let seen = |seed: u64| {
        let told = std::fs::read_to_string(path.join(format!(".seen-{seed}")));
        told.ok().and_then(|told| told.parse::<u64>().ok()).unwrap_or(0)
    };
    let seen = (1..=born).map(seen).max().unwrap_or(0);
    assert!(seen > KEYS, "readers have seen {seen} commits only");
    let db = builder().open(&path).unwrap();
    let keyspaces = KEYSPACES.map(|(name, _)| db.existing_keyspace(name).unwrap());
    assert!(check(&db.snapshot(), &keyspaces) >= seen);
    assert_eq!(db.verify().unwrap().problems, [""; 0]);
    // The dead hold nothing back.
    assert_eq!(db.stats().get("readers"), Some(0));
}
