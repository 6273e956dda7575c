//! What goes on while a database is closed: the directory stays its own for as long; and what it
//! knows of itself afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cuesta::{Database, Durability, ErrorKind};

use crate::hooked::World;

#[test]
fn the_directory_stays_locked_while_a_load_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let (asks, asked) = channel();
    let (allow, may) = channel();
    let may = Mutex::new(may);
    let mut world = World::new();
    // Whoever removes a data file says so first, and waits to be told that he may.
    world.before_remove = Box::new(move |path, ()| {
        if path.extension().is_some_and(|ext| ext == "seg") {
            let _ = asks.send(());
            let _ = may.lock().unwrap().recv_timeout(Duration::from_secs(60));
        }
    });
    let db = Database::builder().environment(Arc::new(world)).open(dir.path()).unwrap();
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

#[test]
fn a_database_that_was_closed_knows_that_the_last_segment_of_its_log_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Database::builder().log_segment_bytes(64 << 10).open(&path).unwrap();
    let ks = db.keyspace("k").unwrap();
    for number in 0..80u32 {
        ks.put(number.to_be_bytes(), [7; 500]).unwrap();
    }
    db.close().unwrap();
    let mut logs: Vec<_> = std::fs::read_dir(&path).unwrap().map(|at| at.unwrap().path()).collect();
    logs.retain(|at| at.extension().is_some_and(|ext| ext == "log"));
    logs.sort();
    let last = logs.last().unwrap();
    let whole = std::fs::read(last).unwrap();

    std::fs::remove_file(last).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let missing = format!("log segment {} is missing: the log ends", logs.len());
    assert!(error.message().contains(&missing), "{error}");
    let report = Database::repair(&path, dir.path().join("new")).unwrap();
    assert!(!report.is_whole(), "{report:?}");

    std::fs::write(last, &whole[..whole.len() / 2]).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("is cut off"), "{error}");

    std::fs::write(last, &whole).unwrap();
    let db = Database::open(&path).unwrap();
    assert_eq!(db.keyspace("k").unwrap().iter().unwrap().count(), 80);
}

#[test]
fn a_closed_handle_neither_begins_nor_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let tx = db.begin().unwrap();
    tx.put(&ks, "a", "1").unwrap();
    tx.commit().unwrap();
    let closed = db.clone();
    db.close().unwrap();
    // What is there now is somebody else's.
    let again = Database::open(dir.path()).unwrap();
    again.keyspace("k").unwrap().put("a", "2").unwrap();
    again.compact().unwrap();
    assert_eq!(closed.verify().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(closed.begin().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(closed.transact(|_| Ok(())).unwrap_err().kind(), ErrorKind::Invalid);
    assert!(again.verify().unwrap().is_sound());
    let reader = Database::builder().read_only();
    drop(again);
    let reader = reader.open(dir.path()).unwrap();
    let closed = reader.clone();
    assert!(reader.verify().unwrap().is_sound());
    reader.close().unwrap();
    assert_eq!(closed.verify().unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_sync_that_panics_in_a_flush_is_told_and_nobody_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let is_due = Arc::new(AtomicBool::new(true));
    let mut world = World::new();
    let panics = is_due.clone();
    world.before_sync = Arc::new(Box::new(move |path, _| {
        let thread = std::thread::current();
        let is_worker = thread.name().is_some_and(|name| name.starts_with("cuesta-work"));
        let is_log = path.file_name().is_some_and(|name| name.to_string_lossy().contains("log"));
        if is_worker && is_log && panics.swap(false, Ordering::SeqCst) {
            panic!("the disk is gone");
        }
    }));
    let db = Database::builder().environment(Arc::new(world)).durability(Durability::Buffered);
    let db = db.open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    ks.put("a", "1").unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let flushed = db.flush().map_err(|error| error.kind());
        let put = ks.put("b", "2").map_err(|error| error.kind());
        drop(ks);
        let closed = db.close().map_err(|error| error.kind());
        let _ = tell.send([flushed, put, closed]);
    });
    let results = told.recv_timeout(Duration::from_secs(8)).expect("nobody waits for ever");
    assert!(!is_due.load(Ordering::SeqCst), "a worker synced the log");
    assert_eq!(results, [Err(ErrorKind::Poisoned); 3]);
    let db = Database::open(dir.path()).unwrap();
    assert_eq!(db.keyspace("k").unwrap().get("a").unwrap().as_deref(), Some(&b"1"[..]));
}
