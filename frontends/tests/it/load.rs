//! Bulk loads and prepared files, as users see them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cuesta::env::sim::{Fault, FaultRule, OpKind, SimEnv};
use cuesta::env::{Env, OpenMode};
use cuesta::{
    Action, Backups, Database, Durability, ErrorKind, Isolation, Keyspace, KeyspaceEngine,
    KeyspaceOptions, RestoreTo, SegmentBuilder, TransactionOptions,
};
use cuesta_engine::index::Registry;
use cuesta_engine::keep::{RestoreTo as To, restore};
use cuesta_engine::{BulkLoad, Engine, Options};
use cuesta_indexes::btree::Btree;
use cuesta_indexes::lsm::Lsm;
use cuesta_indexes::ordered::op;

fn open(dir: &Path) -> Database {
    let builder = Database::builder().durability(Durability::Buffered).memory_budget(4 << 20);
    builder.open(dir).unwrap()
}

fn key(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// Loads the keys of a range, all with one value.
fn load(db: &Database, ks: &Keyspace, keys: std::ops::Range<u32>, value: &[u8]) -> u64 {
    let mut load = db.bulk_load().unwrap();
    keys.for_each(|number| load.put(ks, key(number), value).unwrap());
    load.finish().unwrap().commit
}

fn prepare(path: &Path, keys: std::ops::Range<u32>, value: &[u8]) -> PathBuf {
    let mut builder = SegmentBuilder::create(path, &KeyspaceOptions::new()).unwrap();
    keys.for_each(|number| builder.put(key(number), value).unwrap());
    builder.finish().unwrap();
    path.to_path_buf()
}

fn count(ks: &Keyspace, value: &[u8]) -> usize {
    ks.iter().unwrap().filter(|entry| entry.as_ref().unwrap().1 == *value).count()
}

fn merged(db: &Database) -> u64 {
    let counters = db.stats().counters;
    counters.into_iter().find(|(name, _)| *name == "merge_bytes").unwrap().1
}

/// The last commit.
fn last(db: &Database) -> u64 {
    db.bulk_load().unwrap().finish().unwrap().commit
}

fn data_files(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|ext| ext == "seg")).count()
}

#[test]
fn a_load_is_newer_than_what_came_before_and_older_than_what_comes_after() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace("k").unwrap();
    ks.put(key(1), "segment").unwrap();
    db.flush().unwrap();
    ks.put(key(2), "memtable").unwrap();
    ks.put(key(7), "memtable").unwrap();
    let before = db.snapshot();
    let mut slow = db.bulk_load().unwrap();
    for number in 0..5 {
        slow.put(&ks, key(number), "loaded").unwrap();
    }
    ks.put(key(3), "while it was loaded").unwrap();
    assert_eq!(count(&ks, b"loaded"), 0);
    let between = db.snapshot();
    slow.finish().unwrap();
    ks.delete(key(4)).unwrap();
    ks.put(key(0), "after").unwrap();
    let check = |ks: &Keyspace| {
        let entries: Vec<_> = ks.iter().unwrap().map(|entry| entry.unwrap().1).collect();
        assert_eq!(entries, ["after", "loaded", "loaded", "loaded", "memtable"]);
        for (number, value) in [(0, "after"), (1, "loaded"), (2, "loaded"), (3, "loaded")] {
            assert_eq!(ks.get(key(number)).unwrap().unwrap(), value);
        }
        assert_eq!(ks.get(key(4)).unwrap(), None);
    };
    check(&ks);
    for _ in 0..3 {
        assert_eq!(before.iter(&ks).unwrap().count(), 3);
        assert_eq!(before.get(&ks, key(0)).unwrap(), None);
        assert_eq!(between.get(&ks, key(2)).unwrap().unwrap(), "memtable");
        assert_eq!(between.get(&ks, key(3)).unwrap().unwrap(), "while it was loaded");
        check(&ks);
        db.compact().unwrap();
    }
    drop((before, between, ks));
    db.close().unwrap();
    let db = open(dir.path());
    check(&db.existing_keyspace("k").unwrap());
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_loaded_database_needs_no_merging() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace("k").unwrap();
    load(&db, &ks, 0..200_000, &[b'v'; 20]);
    db.flush().unwrap();
    let written = merged(&db);
    db.compact().unwrap();
    assert_eq!(merged(&db), written);
    assert_eq!(count(&ks, &[b'v'; 20]), 200_000);
    // Beside it there is room for more, above it there is for what it meets.
    load(&db, &ks, 300_000..400_000, b"beside");
    load(&db, &ks, 50..60, b"above");
    db.flush().unwrap();
    assert_eq!((count(&ks, b"beside"), count(&ks, b"above")), (100_000, 10));
    db.compact().unwrap();
    assert_eq!((count(&ks, b"beside"), count(&ks, b"above")), (100_000, 10));
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn keys_out_of_order_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let (left, right) = (db.keyspace("left").unwrap(), db.keyspace("right").unwrap());
    let mut load = db.bulk_load().unwrap();
    load.put(&left, "b", "").unwrap();
    load.put(&right, "a", "").unwrap();
    for late in ["a", "b"] {
        let error = load.put(&left, late, "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = error.to_string();
        assert!(text.contains(&format!("\"{late}\" came after \"b\"")), "{text}");
        assert!(text.contains("keyspace \"left\""), "{text}");
    }
    load.put(&left, "c", "").unwrap();
    assert_eq!(load.len(), 3);
    assert_eq!(load.finish().unwrap().entries, 3);
    assert_eq!(left.iter().unwrap().count(), 2);
}

#[test]
fn a_dropped_load_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace("k").unwrap();
    let mut load = db.bulk_load().unwrap();
    for number in 0..50_000 {
        load.put(&ks, key(number), [7; 100]).unwrap();
    }
    load.put(&ks, key(1 << 20), [7; 50_000]).unwrap();
    assert!(data_files(dir.path()) > 0);
    drop(load);
    assert_eq!(data_files(dir.path()), 0);
    assert_eq!(db.bulk_load().unwrap().finish().unwrap().entries, 0);
    let mut load = db.bulk_load().unwrap();
    load.put(&ks, "k", "v").unwrap();
    db.drop_keyspace("k").unwrap();
    assert_eq!(load.finish().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(data_files(dir.path()), 0);
}

#[test]
fn a_load_of_a_closed_database_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace("k").unwrap();
    let mut slow = db.bulk_load().unwrap();
    (0..5000).for_each(|number| slow.put(&ks, key(number), [7; 100]).unwrap());
    db.close().unwrap();
    let again = open(dir.path());
    let ks_again = again.keyspace("k").unwrap();
    load(&again, &ks_again, 0..5000, &[8; 100]);
    again.flush().unwrap();
    let error = (5000..10_000).find_map(|number| slow.put(&ks, key(number), [7; 100]).err());
    assert_eq!(error.unwrap().kind(), ErrorKind::Invalid);
    assert_eq!(slow.finish().unwrap_err().kind(), ErrorKind::Invalid);
    again.close().unwrap();
    let again = open(dir.path());
    assert_eq!(count(&again.existing_keyspace("k").unwrap(), &[8; 100]), 5000);
    assert!(again.verify().unwrap().is_sound());
}

#[test]
fn large_values_expiring_values_and_many_files_are_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace("k").unwrap();
    let mut load = db.bulk_load().unwrap();
    let large = |number: u32| vec![number as u8; 20_000 + number as usize];
    for number in 0..1000 {
        load.put(&ks, key(number), large(number)).unwrap();
    }
    load.put_with_ttl(&ks, "short", "s", Duration::ZERO).unwrap();
    load.put_with_ttl(&ks, "tall", "t", Duration::from_secs(3600)).unwrap();
    load.finish().unwrap();
    let check = |db: &Database| {
        let ks = db.existing_keyspace("k").unwrap();
        for number in (0..1000).step_by(37) {
            assert_eq!(ks.get(key(number)).unwrap().unwrap(), large(number));
        }
        assert_eq!(ks.get("short").unwrap(), None);
        assert_eq!(ks.get("tall").unwrap().unwrap(), "t");
        assert!(ks.expiry("tall").unwrap().is_some());
        assert_eq!(ks.iter().unwrap().count(), 1001);
        assert!(db.verify().unwrap().is_sound());
    };
    check(&db);
    db.compact().unwrap();
    check(&db);
    drop(ks);
    db.close().unwrap();
    check(&open(dir.path()));
}

#[test]
fn a_load_conflicts_with_transactions_that_used_its_keys() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace("k").unwrap();
    ks.put(key(5), "old").unwrap();
    let options = TransactionOptions::new().isolation(Isolation::Serializable);
    let reads = db.begin_with(&options).unwrap();
    reads.get(&ks, key(5)).unwrap();
    let scans = db.begin_with(&options).unwrap();
    assert_eq!(scans.range(&ks, key(7)..key(9)).unwrap().count(), 0);
    let elsewhere = db.begin_with(&options).unwrap();
    elsewhere.get(&ks, key(100)).unwrap();
    load(&db, &ks, 0..10, b"loaded");
    for (tx, kind) in [(reads, true), (scans, true), (elsewhere, false)] {
        tx.put(&ks, key(200), "x").unwrap();
        let conflicts = tx.commit().is_err_and(|error| error.kind() == ErrorKind::Conflict);
        assert_eq!(conflicts, kind);
    }
}

#[test]
fn watches_and_changes_tell_of_a_load() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let (ks, other) = (db.keyspace("k").unwrap(), db.keyspace("other").unwrap());
    let mut watch = ks.watch(key(3)..key(4)).unwrap();
    let mut beside = ks.watch(key(30)..key(40)).unwrap();
    let mut load = db.bulk_load().unwrap();
    (0..10).for_each(|number| load.put(&ks, key(number), "v").unwrap());
    load.put(&other, "z", "v").unwrap();
    load.note("by the loader");
    let commit = load.finish().unwrap().commit;
    assert!(watch.wait(Some(Duration::from_secs(10))).unwrap().is_some());
    assert!(beside.take().unwrap().is_none());
    let mut changes = db.changes_since(commit - 1).unwrap();
    let change = changes.next().unwrap().unwrap();
    assert_eq!((change.commit(), change.note()), (commit, Some(&b"by the loader"[..])));
    let operations: Vec<_> = change.operations().map(Result::unwrap).collect();
    assert_eq!(operations.len(), 2);
    let told = Action::Load { entries: 10, first: &key(0), last: &key(9) };
    assert_eq!((operations[0].name, operations[0].action), (Some("k"), told));
    assert_eq!(operations[1].action, Action::Load { entries: 1, first: b"z", last: b"z" });
}

#[test]
fn prepared_files_are_ingested_into_any_database() {
    let dir = tempfile::tempdir().unwrap();
    let a = prepare(&dir.path().join("a"), 0..30_000, b"a");
    let b = prepare(&dir.path().join("b"), 30_000..40_000, b"b");
    for name in ["one", "two"] {
        let path = dir.path().join(name);
        let db = open(&path);
        let ks = db.keyspace("k").unwrap();
        ks.put(key(10), "older").unwrap();
        assert_eq!(db.ingest(&ks, [&b, &a]).unwrap().entries, 40_000);
        ks.put(key(11), "newer").unwrap();
        let check = |db: &Database| {
            let ks = db.existing_keyspace("k").unwrap();
            assert_eq!((count(&ks, b"a"), count(&ks, b"b")), (29_999, 10_000));
            assert_eq!(ks.get(key(11)).unwrap().unwrap(), "newer");
            assert!(db.verify().unwrap().is_sound());
        };
        check(&db);
        drop(ks);
        db.close().unwrap();
        let db = open(&path);
        check(&db);
        db.compact().unwrap();
        check(&db);
    }
}

#[test]
fn files_that_overlap_or_are_damaged_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let a = prepare(&dir.path().join("a"), 0..1000, &[1; 50]);
    let b = prepare(&dir.path().join("b"), 999..2000, &[2; 50]);
    let path = dir.path().join("db");
    let db = open(&path);
    let ks = db.keyspace("k").unwrap();
    let commit = ks.put("k", "v").map(|()| last(&db)).unwrap();
    let error = db.ingest(&ks, [&a, &b]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("overlap"), "{error}");
    assert_eq!(db.ingest(&ks, [&a, &a]).unwrap_err().kind(), ErrorKind::Invalid);
    let missing = db.ingest(&ks, [dir.path().join("nothing")]).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let bytes = std::fs::read(&a).unwrap();
    let damaged = dir.path().join("damaged");
    let places = (0..bytes.len()).step_by(997).chain(bytes.len() - 160..bytes.len());
    for at in places {
        let mut copy = bytes.clone();
        copy[at] ^= 0x40;
        std::fs::write(&damaged, copy).unwrap();
        match db.ingest(&ks, [&damaged]) {
            Err(error) => {
                let known = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::Invalid];
                assert!(known.contains(&error.kind()), "byte {at}: {error}");
            }
            Ok(_) => panic!("byte {at} may be damaged"),
        }
    }
    for len in (0..bytes.len()).step_by(1009).chain(bytes.len() - 30..bytes.len()) {
        std::fs::write(&damaged, &bytes[..len]).unwrap();
        assert_eq!(db.ingest(&ks, [&damaged]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(last(&db), commit);
    assert_eq!(data_files(&path), 0);
    db.ingest(&ks, [&a]).unwrap();
    assert_eq!(ks.iter().unwrap().count(), 1001);
}

#[test]
fn an_unfinished_prepared_file_goes_and_others_are_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut builder = SegmentBuilder::create(&path, &KeyspaceOptions::new()).unwrap();
    builder.put("b", "").unwrap();
    let error = builder.put("a", "").unwrap_err();
    assert!(error.to_string().contains("\"a\" came after \"b\""), "{error}");
    drop(builder);
    assert!(!path.exists());
    std::fs::write(&path, "mine").unwrap();
    let error = SegmentBuilder::create(&path, &KeyspaceOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[test]
fn copies_of_a_database_have_what_was_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let (path, pool) = (dir.path().join("db"), dir.path().join("backups"));
    let db = Database::builder().archive_log(&pool).open(&path).unwrap();
    let ks = db.keyspace("k").unwrap();
    load(&db, &ks, 0..1000, b"one");
    db.checkpoint(dir.path().join("copy")).unwrap();
    let backup = db.backup(&pool).unwrap();
    let second = load(&db, &ks, 1000..2000, b"two");
    ks.put("after", "").unwrap();
    drop(ks);
    db.close().unwrap();
    let check = |name: &str, wanted: usize| {
        let copy = open(&dir.path().join(name));
        assert_eq!(count(&copy.existing_keyspace("k").unwrap(), b"one"), wanted);
        assert!(copy.verify().unwrap().is_sound());
    };
    check("copy", 1000);
    let restore = |name: &str, to| Backups::at(&pool).restore(dir.path().join(name), to);
    restore("restored", RestoreTo::Backup(backup.number)).unwrap();
    check("restored", 1000);
    restore("earlier", RestoreTo::Commit(second - 1)).unwrap();
    check("earlier", 1000);
    let error = restore("later", RestoreTo::Commit(second)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&format!("commit {second} is a bulk load")), "{error}");
}

#[test]
fn a_load_of_a_keyspace_that_is_dropped_later_is_not_needed_behind_the_drop() {
    let dir = tempfile::tempdir().unwrap();
    let (path, pool) = (dir.path().join("db"), dir.path().join("backups"));
    let builder = Database::builder().durability(Durability::Buffered).archive_log(&pool);
    let db = builder.open(&path).unwrap();
    let (ks, kept) = (db.keyspace("dropped").unwrap(), db.keyspace("kept").unwrap());
    kept.put("before", "").unwrap();
    db.backup(&pool).unwrap();
    let loaded = load(&db, &ks, 0..1000, b"one");
    kept.put("between", "").unwrap();
    drop(ks);
    db.drop_keyspace("dropped").unwrap();
    let dropped = last(&db);
    kept.put("after", "").unwrap();
    drop(kept);
    db.close().unwrap();
    let restore = |name: &str, to| Backups::at(&pool).restore(dir.path().join(name), to);
    for commit in loaded..dropped {
        let error = restore("between", RestoreTo::Commit(commit)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = format!("commit {loaded} is a bulk load");
        assert!(error.to_string().contains(&text), "{error}");
    }
    let wanted = [RestoreTo::Commit(dropped), RestoreTo::Latest];
    for (number, to) in wanted.into_iter().enumerate() {
        let name = format!("restored-{number}");
        restore(&name, to).unwrap();
        for _ in 0..2 {
            let copy = open(&dir.path().join(&name));
            assert!(copy.existing_keyspace("dropped").is_err());
            let kept = copy.existing_keyspace("kept").unwrap();
            assert!(kept.get("between").unwrap().is_some());
            assert_eq!(kept.get("after").unwrap().is_some(), number == 1);
            // Its file may get no number that the log still has for another.
            kept.put(key(number as u32), vec![1; 50_000]).unwrap();
            copy.flush().unwrap();
            assert!(copy.verify().unwrap().is_sound());
            drop(kept);
            copy.close().unwrap();
        }
    }
}

#[test]
fn the_stored_sample_is_written_and_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/prepared-v1");
    let env = SimEnv::new(17);
    let options = KeyspaceOptions::new().block_bytes(256);
    let mut builder = SegmentBuilder::create_in(env.clone(), "/sample", &options).unwrap();
    for number in 0..20 {
        builder.put(key(number), [number as u8; 40]).unwrap();
    }
    builder.put_with_ttl("later", "gone", Duration::from_secs(1)).unwrap();
    let prepared = builder.finish().unwrap();
    let mut written = vec![0; prepared.bytes as usize];
    let file = env.vfs().open(Path::new("/sample"), OpenMode::Read).unwrap();
    file.read_exact_at(0, &mut written).unwrap();
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    assert!(written == std::fs::read(path).unwrap(), "not what is written now");
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace("k").unwrap();
    assert_eq!(db.ingest(&ks, [path]).unwrap().entries, 21);
    assert_eq!(ks.get(key(7)).unwrap().unwrap(), [7; 40]);
}

/// Once the disk was full the load is over, whatever room there is later: nothing that was
/// accepted can be missing from what is committed.
#[test]
fn a_load_that_could_not_write_is_given_up() {
    let env = SimEnv::new(18);
    let dir = Path::new("db");
    let db = Database::builder().environment(env.clone()).memory_budget(4 << 20).open(dir).unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut load = db.bulk_load().unwrap();
    let parts = Path::new("parts");
    env.vfs().create_dir_all(parts).unwrap();
    let path = parts.join("p");
    let mut builder =
        SegmentBuilder::create_in(env.clone(), &path, &KeyspaceOptions::new()).unwrap();
    env.disk().set_capacity(1 << 20);
    let value = vec![7; 4000];
    let failed = (0..5000).find_map(|number| load.put(&ks, key(number), &value).err()).unwrap();
    assert_eq!(failed.kind(), ErrorKind::Full);
    let failed = (0..5000).find_map(|number| builder.put(key(number), &value).err()).unwrap();
    assert_eq!(failed.kind(), ErrorKind::Full);
    env.disk().set_capacity(1 << 30);
    assert_eq!(load.put(&ks, key(6000), &value).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(load.finish().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(builder.put(key(6000), &value).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(builder.finish().unwrap_err().kind(), ErrorKind::Invalid);
    assert!(ks.iter().unwrap().next().is_none());
    ks.put(key(1), "later").unwrap();
    db.close().unwrap();
}

/// Of operations that are taken together none is, where one is refused.
#[test]
fn nothing_is_kept_of_operations_that_are_refused() {
    for kind in ["lsm", "btree"] {
        let env: Arc<dyn Env> = SimEnv::new(20);
        let registry = Registry::new().with::<Lsm>().with::<Btree>();
        let engine = Engine::open(env, Path::new("db"), Options::default(), registry).unwrap();
        let id = engine.create_index("k", kind, &[]).unwrap();
        let puts = |keys: &[&str]| {
            let mut ops = Vec::new();
            keys.iter().for_each(|key| op::put(&mut ops, key.as_bytes(), b"value").unwrap());
            ops
        };
        let mut deletes = puts(&["e", "f"]);
        op::delete(&mut deletes, b"g").unwrap();
        let refuse = |load: &mut BulkLoad, ops: &[u8]| {
            assert_eq!(load.add(id, ops).unwrap_err().kind(), ErrorKind::Invalid);
        };
        let before = engine.parts().published();
        let mut load = BulkLoad::begin(engine.parts()).unwrap();
        refuse(&mut load, &puts(&["a", "c", "b"]));
        refuse(&mut load, &deletes);
        assert_eq!(load.finish().unwrap(), before, "there is nothing to commit");

        let mut load = BulkLoad::begin(engine.parts()).unwrap();
        load.add(id, &puts(&["b", "c"])).unwrap();
        refuse(&mut load, &puts(&["d", "c"]));
        refuse(&mut load, &puts(&["a"]));
        refuse(&mut load, &deletes);
        load.add(id, &puts(&["d", "h"])).unwrap();
        load.finish().unwrap();
        engine.flush().unwrap();
        let entries: u64 = engine.verify().unwrap().entries;
        assert_eq!(entries, 4, "{kind}: b, c, d and h");
    }
}

/// Whether the n-th write of the log fails as a load is committed, and how much of that is there
/// when the database is opened again.
fn load_and_fail(engine: KeyspaceEngine, nth: u64, fault: Fault) -> (bool, usize) {
    let env = SimEnv::new(19);
    let open = || Database::builder().environment(env.clone()).memory_budget(4 << 20).open("db");
    let db = open().unwrap();
    let ks = db.keyspace_with("k", &KeyspaceOptions::new().engine(engine)).unwrap();
    ks.put(key(1000), "flushed").unwrap();
    db.flush().unwrap();
    let mut load = db.bulk_load().unwrap();
    (0..50).for_each(|number| load.put(&ks, key(number), "loaded").unwrap());
    env.disk().inject(FaultRule::nth(nth, OpKind::Write, fault).on(".log"));
    let loaded = load.finish();
    let failed = env.disk().faults_fired() > 0;
    assert_eq!(loaded.err().map(|error| error.kind()), failed.then_some(ErrorKind::Poisoned));
    env.disk().clear_faults();
    // Whoever clears away what nobody needs is given time.
    env.run_until_idle();
    drop(ks);
    assert_eq!(db.close().is_err(), failed);
    let db = open().unwrap();
    let ks = db.existing_keyspace("k").unwrap();
    assert_eq!(ks.get(key(1000)).unwrap().unwrap(), "flushed");
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    (failed, count(&ks, b"loaded"))
}

/// Its record may be whole although writing it has failed: then all of it is there.
#[test]
fn a_load_whose_record_could_not_be_written_is_whole_or_not_there() {
    for engine in [KeyspaceEngine::Lsm, KeyspaceEngine::Btree] {
        for fault in [Fault::LateEio, Fault::Eio, Fault::Enospc] {
            let mut left = Vec::new();
            for nth in 1.. {
                let (failed, count) = load_and_fail(engine, nth, fault);
                if !failed {
                    assert_eq!(count, 50);
                    break;
                }
                left.push(count);
            }
            assert!(left.iter().all(|count| [0, 50].contains(count)), "{fault:?}: {left:?}");
            assert!(left.contains(&50) == (fault == Fault::LateEio) || fault == Fault::Eio);
        }
    }
}

#[test]
fn a_backup_has_what_was_loaded_and_not_yet_flushed() {
    // Nothing happens in the background of a simulated world unless it is told to.
    let env = SimEnv::new(1);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ks = db.keyspace("k").unwrap();
    load(&db, &ks, 0..1000, b"one");
    db.backup("backups").unwrap();
    restore(&*env, Path::new("backups"), Path::new("restored"), To::Latest).unwrap();
    let restored = Database::builder().environment(env).open("restored").unwrap();
    assert_eq!(count(&restored.existing_keyspace("k").unwrap(), b"one"), 1000);
    assert!(restored.verify().unwrap().is_sound());
}
