//! Keyspaces that are B+trees: what is theirs alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cuesta::env::OpenMode;
use cuesta::{
    Backups, Database, Durability, ErrorKind, KeyspaceEngine, KeyspaceOptions, RestoreTo,
    SegmentBuilder,
};

use crate::hooked::World;

fn tree() -> KeyspaceOptions {
    KeyspaceOptions::new().engine(KeyspaceEngine::Btree)
}

fn key(n: u32) -> [u8; 4] {
    (n.wrapping_mul(2_654_435_761)).to_be_bytes()
}

/// Pages are reused only when nobody looks at them: a snapshot, a cursor and values that were
/// handed out stay as they were, however often everything is written anew.
#[test]
fn what_is_held_of_a_tree_stays_while_pages_are_reused() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let places = db.keyspace_with("places", &tree()).unwrap();
    let write = |round: u32| {
        let mut batch = db.batch();
        for n in 0..2000 {
            let len = if n % 50 == 0 { 6000 } else { 60 };
            batch.put(&places, key(n), vec![(n + round) as u8; len]).unwrap();
        }
        batch.commit().unwrap();
        db.flush().unwrap();
    };
    write(0);
    let snapshot = db.snapshot();
    let mut cursor = snapshot.cursor::<&[u8]>(&places, ..).unwrap();
    assert!(cursor.next().unwrap());
    let large = places.get(key(50)).unwrap().unwrap();
    let short = places.get(key(51)).unwrap().unwrap();
    let mut sizes = Vec::new();
    for round in 1..12 {
        write(round);
        sizes.push(file_bytes(dir.path()));
    }
    assert!(*large == [50; 6000][..] && *short == [51; 60][..]);
    let mut seen = BTreeMap::new();
    seen.insert(cursor.key().to_vec(), cursor.value()[0]);
    while cursor.next().unwrap() {
        seen.insert(cursor.key().to_vec(), cursor.value()[0]);
    }
    let expected: BTreeMap<Vec<u8>, u8> = (0..2000).map(|n| (key(n).to_vec(), n as u8)).collect();
    assert_eq!(seen, expected);
    drop((cursor, snapshot, large, short));
    // Once nobody looks, the file stops growing.
    (12..16).for_each(write);
    let before = file_bytes(dir.path());
    (16..24).for_each(write);
    assert!(file_bytes(dir.path()) <= before, "{before} bytes grew: {sizes:?}");
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
}

/// Bytes of data files.
fn file_bytes(dir: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let data = files.filter(|entry| entry.file_name().to_string_lossy().ends_with(".seg"));
    // Some may go meanwhile.
    data.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
}

#[test]
fn compacting_gives_space_back() {
    let dir = tempfile::tempdir().unwrap();
    let buffered = Database::builder().durability(Durability::Buffered);
    let db = buffered.open(dir.path()).unwrap();
    let places = db.keyspace_with("places", &tree()).unwrap();
    for n in 0..20_000 {
        places.put_with_ttl(key(n), [7; 100], Duration::from_secs(3600)).unwrap();
    }
    db.flush().unwrap();
    let full = file_bytes(dir.path());
    for n in 0..19_000 {
        places.delete(key(n)).unwrap();
    }
    db.compact().unwrap();
    assert!(file_bytes(dir.path()) < full / 10, "{} of {full}", file_bytes(dir.path()));
    assert_eq!(places.iter().unwrap().count(), 1000);
    drop(places);
    db.close().unwrap();
    let db = Database::open(dir.path()).unwrap();
    assert_eq!(db.keyspace("places").unwrap().iter().unwrap().count(), 1000);
}

#[test]
fn options_of_one_engine_are_refused_by_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let refused = |options: &KeyspaceOptions| {
        let error = db.keyspace_with("k", options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    assert!(refused(&tree().filter_bits(5)).contains("filter_bits 5 is of engine lsm"));
    let lsm = KeyspaceOptions::new().engine(KeyspaceEngine::Lsm);
    assert!(refused(&lsm.clone().page_bytes(8192)).contains("page_bytes 8192 is of engine btree"));
    assert!(refused(&tree().page_bytes(5000)).contains("page_bytes is 5000"));
    assert!(refused(&tree().fill_percent(20)).contains("fill_percent is 20"));

    db.keyspace_with("k", &tree().page_bytes(8192)).unwrap();
    assert!(refused(&lsm).contains("was created with engine btree"));
    let values = db.keyspace("k").unwrap().options().unwrap().values();
    assert_eq!((values.engine, values.page_bytes), (KeyspaceEngine::Btree, 8192));
}

/// What is prepared by the options of one engine is ingested by both, several files at once beside
/// keys that are loaded one by one; and it is read before and after it is in its place.
#[test]
fn prepared_files_go_into_trees() {
    let dir = tempfile::tempdir().unwrap();
    let prepare = |name: &str, options: &KeyspaceOptions, range: std::ops::Range<u32>| {
        let path = dir.path().join(name);
        let mut builder = SegmentBuilder::create(&path, options).unwrap();
        for n in range {
            let len = if n % 100 == 0 { 9000 } else { 30 };
            builder.put(n.to_be_bytes(), vec![n as u8; len]).unwrap();
        }
        builder.finish().unwrap();
        path
    };
    let lsm = KeyspaceOptions::new().engine(KeyspaceEngine::Lsm);
    let files = [
        prepare("late", &lsm, 6000..9000),
        prepare("early", &tree(), 100..1000),
        prepare("middle", &lsm.clone().block_bytes(512), 2000..4000),
    ];
    let buffered = Database::builder().durability(Durability::Buffered);
    let db = buffered.open(dir.path().join("db")).unwrap();
    let (places, sorted) =
        (db.keyspace_with("k", &tree()).unwrap(), db.keyspace_with("lsm", &lsm).unwrap());
    let all: Vec<u32> = (100..1000).chain(2000..4000).chain(5000..5500).chain(6000..9000).collect();
    for waits in [true, false] {
        for n in (0..10_000_u32).step_by(3) {
            places.put(n.to_be_bytes(), "older").unwrap();
        }
        let older = places.iter().unwrap().count();
        let snapshot = db.snapshot();
        let mut load = db.bulk_load().unwrap();
        load.ingest(&places, &files[0]).unwrap();
        (5000..5500_u32).for_each(|n| load.put(&places, n.to_be_bytes(), [n as u8; 30]).unwrap());
        files[1..].iter().for_each(|file| load.ingest(&places, file).unwrap());
        files.iter().for_each(|file| load.ingest(&sorted, file).unwrap());
        assert_eq!(load.finish().unwrap().entries, 500 + 2 * 5900);
        places.put(2500_u32.to_be_bytes(), "newer").unwrap();
        if !waits {
            db.flush().unwrap();
        }
        assert_eq!(snapshot.iter(&places).unwrap().count(), older);
        for n in (0..10_000_u32).step_by(7) {
            let found = places.get(n.to_be_bytes()).unwrap().map(|value| value[0]);
            let older = n.is_multiple_of(3).then_some(b'o');
            let wanted = if n == 2500 { Some(b'n') } else { older };
            let loaded = all.binary_search(&n).is_ok() && n != 2500;
            assert_eq!(found, if loaded { Some(n as u8) } else { wanted }, "{n}");
        }
        let loaded = |range: std::ops::Range<u32>| {
            let found = places.range(range.start.to_be_bytes()..range.end.to_be_bytes()).unwrap();
            found.rev().filter(|entry| entry.as_ref().unwrap().1.len() >= 30).count()
        };
        assert_eq!(loaded(0..10_000), 6399);
        assert_eq!((loaded(900..2100), loaded(999..1000), loaded(4000..5000)), (200, 1, 0));
        assert_eq!(sorted.iter().unwrap().count(), 5900);
        assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
        db.flush().unwrap();
    }
}

/// A load becomes the tree of an empty keyspace, and is put into that of another.
#[test]
fn loads_become_trees_or_go_into_them() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let places = db.keyspace_with("places", &tree()).unwrap();
    let load = |range: std::ops::Range<u32>, byte: u8| {
        let mut load = db.bulk_load().unwrap();
        for n in range {
            let value = vec![byte; if n % 100 == 0 { 5000 } else { 20 }];
            load.put(&places, n.to_be_bytes(), value).unwrap();
        }
        load.finish().unwrap();
    };
    load(0..30_000, 1);
    db.flush().unwrap();
    places.put(7_u32.to_be_bytes(), "newer").unwrap();
    db.flush().unwrap();
    load(100..200, 2);
    places.delete(150_u32.to_be_bytes()).unwrap();
    let check = |db: &Database| {
        let places = db.keyspace("places").unwrap();
        assert_eq!(places.iter().unwrap().count(), 29_999);
        assert_eq!(places.get(7_u32.to_be_bytes()).unwrap().unwrap(), b"newer");
        assert_eq!(places.get(100_u32.to_be_bytes()).unwrap().unwrap(), vec![2; 5000]);
        assert_eq!(places.get(300_u32.to_be_bytes()).unwrap().unwrap(), vec![1; 5000]);
        assert_eq!(places.get(150_u32.to_be_bytes()).unwrap(), None);
        assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    };
    check(&db);
    let copy = tempfile::tempdir().unwrap();
    db.checkpoint(copy.path().join("copy")).unwrap();
    db.flush().unwrap();
    check(&db);
    drop(places);
    db.close().unwrap();
    check(&Database::open(dir.path()).unwrap());
    check(&Database::open(copy.path().join("copy")).unwrap());
}

/// The labels of a tree are written over by every second flush: copies have the one that belongs to
/// the moment that they are of.
#[test]
fn copies_tell_of_themselves_though_flushes_go_on_while_they_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let source: Arc<Mutex<Option<Database>>> = Arc::default();
    let (mut world, held) = (World::new(), source.clone());
    world.before_open = Box::new(move |path, mode| {
        let is_copy = path.to_string_lossy().contains("copy") && mode == OpenMode::CreateNew;
        let is_data = path.to_string_lossy().contains(".seg");
        // Out of its place: opening files of its own comes here, too.
        let db = (is_copy && is_data).then(|| held.lock().unwrap().take()).flatten();
        if let Some(db) = db {
            let places = db.keyspace("places").unwrap();
            for round in 0..5_u32 {
                places.put(key(round), [9; 100]).unwrap();
                db.flush().unwrap();
            }
            *held.lock().unwrap() = Some(db);
        }
    });
    let world = Arc::new(world);
    let db = Database::builder().environment(world).open(dir.path().join("db")).unwrap();
    let places = db.keyspace_with("places", &tree()).unwrap();
    for n in 0..2000 {
        places.put(key(n), [7; 100]).unwrap();
    }
    db.flush().unwrap();
    *source.lock().unwrap() = Some(db.clone());
    let (copy, backups) = (dir.path().join("copy"), dir.path().join("copies"));
    let restored = dir.path().join("restored");
    db.checkpoint(&copy).unwrap();
    db.backup(&backups).unwrap();
    Backups::at(&backups).restore(&restored, RestoreTo::Latest).unwrap();
    drop(source.lock().unwrap().take());
    for path in [copy, restored] {
        let db = Database::open(&path).unwrap();
        let problems = db.verify().unwrap().problems;
        assert_eq!(problems, Vec::<String>::new(), "{}", path.display());
        let places = db.keyspace("places").unwrap();
        assert_eq!(places.get(key(1999)).unwrap().unwrap(), [7; 100]);
    }
}

/// Otherwise, some thousand trees would need as many open files.
#[cfg(target_os = "linux")]
#[test]
fn no_file_of_a_tree_is_kept_open() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    for n in 0..20 {
        let places = db.keyspace_with(&format!("places {n}"), &tree()).unwrap();
        places.put("a", "1").unwrap();
        db.flush().unwrap();
        assert_eq!(places.get("a").unwrap().unwrap(), "1");
    }
    db.checkpoint(dir.path().join("copy")).unwrap();
    db.backup(dir.path().join("backups")).unwrap();
    let opened = std::fs::read_dir("/proc/self/fd").unwrap();
    let opened = opened.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let data = opened.filter(|path| {
        path.starts_with(dir.path()) && path.extension().is_some_and(|e| e == "seg")
    });
    assert_eq!(data.count(), 0);
}
