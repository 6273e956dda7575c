//! Processes that read along, here as handles of one process: nothing of what they share is within
//! one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cuesta::env::os::OsEnv;
use cuesta::env::{Env, OpenMode};
use cuesta::{Database, Durability, ErrorKind, Keyspace, KeyspaceEngine, KeyspaceOptions};

use crate::hooked::World;

fn key(n: u32) -> [u8; 4] {
    n.wrapping_mul(2_654_435_761).to_be_bytes()
}

fn small(path: &std::path::Path) -> cuesta::Builder {
    let _ = path;
    Database::builder()
        .engine_options(|options| options.memtable_limit = Some(64 << 10))
        .log_segment_bytes(64 << 10)
}

/// All that is in a keyspace.
fn content(keys: &Keyspace) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut cursor = keys.cursor::<&str>(..).unwrap();
    let mut found = Vec::new();
    while cursor.next().unwrap() {
        found.push((cursor.key().to_vec(), cursor.value().to_vec()));
    }
    found
}

#[test]
fn a_reader_sees_what_was_published_when_it_looks() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    let keys = writer.keyspace("keys").unwrap();
    keys.put("a", "1").unwrap();
    let reader =
        Database::builder().reader().refresh_interval(Duration::from_secs(3600)).open(dir.path());
    let reader = reader.unwrap();
    let read = reader.keyspace("keys").unwrap();
    assert_eq!(read.get("a").unwrap().unwrap(), "1");
    keys.put("a", "2").unwrap();
    assert_eq!(read.get("a").unwrap().unwrap(), "1");
    let snapshot = reader.snapshot();
    let place = writer.snapshot().commit();
    assert_eq!(reader.refresh().unwrap(), place);
    assert_eq!(read.get("a").unwrap().unwrap(), "2");
    assert_eq!(snapshot.get(&read, "a").unwrap().unwrap(), "1");
    assert!(reader.wait_for(place, Some(Duration::ZERO)).unwrap());
    assert!(!reader.wait_for(place + 1, Some(Duration::from_millis(5))).unwrap());
    assert_eq!(read.put("b", "1").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(reader.sync().unwrap_err().kind(), ErrorKind::Invalid);
    let missing = reader.keyspace("new").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let place = dir.path().display();
    let told = format!("there is no keyspace \"new\" in {place}: one that the writer has just");
    assert!(missing.message().starts_with(&told), "{missing}");
    assert!(missing.message().contains("refresh"), "{missing}");
    writer.keyspace("new").unwrap().put("x", "y").unwrap();
    reader.refresh().unwrap();
    assert_eq!(reader.keyspace("new").unwrap().get("x").unwrap().unwrap(), "y");
}

/// Flushes, merges, and pages that are reused, on either engine: what a reader sees is always what
/// the writer has.
#[test]
fn a_reader_keeps_up_with_flushes_and_merges() {
    let engines = [KeyspaceEngine::Lsm, KeyspaceEngine::Btree];
    for (engine, maps) in engines.into_iter().flat_map(|one| (0..4).map(move |maps| (one, maps))) {
        let mapped = |builder: cuesta::Builder, bit| match maps & bit {
            0 => builder,
            _ => builder.without_maps(),
        };
        let dir = tempfile::tempdir().unwrap();
        let writer = mapped(small(dir.path()), 1).durability(Durability::Buffered);
        let writer = writer.open(dir.path()).unwrap();
        let options = KeyspaceOptions::new().engine(engine);
        let keys = writer.keyspace_with("keys", &options).unwrap();
        let reader = mapped(small(dir.path()), 2).reader().open(dir.path()).unwrap();
        reader.refresh().unwrap();
        let read = reader.keyspace("keys").unwrap();
        let mut held = Vec::new();
        for round in 0..40_u32 {
            for n in 0..400 {
                let value = format!("{round} {n} {}", "x".repeat(64));
                keys.put(key((round * 211 + n * 7) % 3000), value).unwrap();
            }
            keys.delete(key(round)).unwrap();
            if round % 7 == 0 {
                writer.flush().unwrap();
            }
            if round % 11 == 0 {
                writer.settle().unwrap();
            }
            reader.refresh().unwrap();
            assert_eq!(content(&read), content(&keys), "{engine:?} {maps} in round {round}");
            if round % 10 == 3 {
                held.push((reader.snapshot(), content(&keys)));
            }
        }
        writer.compact().unwrap();
        reader.refresh().unwrap();
        assert_eq!(content(&read), content(&keys));
        for (snapshot, then) in held {
            let all = snapshot.iter(&read).unwrap();
            let all: Vec<_> =
                all.map(|entry| entry.map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap()).collect();
            assert!(all == then, "a snapshot of a reader has changed, {engine:?}");
        }
    }
}

#[test]
fn a_reader_outlives_the_writer_and_meets_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    writer.keyspace("keys").unwrap().put("a", "1").unwrap();
    writer.close().unwrap();
    let reader = Database::open_reader(dir.path()).unwrap();
    let read = reader.keyspace("keys").unwrap();
    assert_eq!(read.get("a").unwrap().unwrap(), "1");
    for round in 0..5 {
        let writer = Database::open(dir.path()).unwrap();
        let value = format!("round {round}");
        writer.keyspace("keys").unwrap().put("a", &value).unwrap();
        reader.refresh().unwrap();
        assert_eq!(read.get("a").unwrap().unwrap(), value.as_bytes());
        writer.keyspace("keys").unwrap().put("b", &value).unwrap();
        if round % 2 == 0 {
            writer.close().unwrap();
        } else {
            drop(writer);
        }
        reader.refresh().unwrap();
        assert_eq!(read.get("b").unwrap().unwrap(), value.as_bytes());
    }
}

#[test]
fn a_second_writer_is_told_who_writes_and_readers_are_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    writer.keyspace("keys").unwrap().put("a", "1").unwrap();
    let readers: Vec<_> = (0..4).map(|_| Database::open_reader(dir.path()).unwrap()).collect();
    let refused = Database::open(dir.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(refused.message().contains(&std::process::id().to_string()), "{refused}");
    writer.close().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    writer.keyspace("keys").unwrap().put("a", "2").unwrap();
    for reader in readers {
        reader.refresh().unwrap();
        let read = reader.keyspace("keys").unwrap();
        assert_eq!(read.get("a").unwrap().unwrap(), "2");
    }
}

#[test]
fn a_reader_is_told_of_changes_and_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    let keys = writer.keyspace("keys").unwrap();
    keys.put("a", "1").unwrap();
    let reader = Database::open_reader(dir.path()).unwrap();
    let read = reader.keyspace("keys").unwrap();
    let mut watch = read.watch("b".."c").unwrap();
    let mut changes = reader.changes_since(reader.snapshot().commit()).unwrap();
    keys.put("a", "2").unwrap();
    keys.put("b", "3").unwrap();
    let told = watch.wait(Some(Duration::from_secs(20))).unwrap().unwrap();
    assert_eq!(told, writer.snapshot().commit());
    assert_eq!(read.get("b").unwrap().unwrap(), "3");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let change = changes.next_timeout(Duration::from_secs(20)).unwrap().unwrap();
        seen.push(change.commit());
    }
    assert_eq!(seen, [told - 1, told]);
}

/// A commit that is not durable at all is seen, too, from the moment on at which there are readers.
#[test]
fn a_reader_sees_commits_that_nobody_writes_out() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::builder().durability(Durability::None).open(dir.path()).unwrap();
    let keys = writer.keyspace("keys").unwrap();
    let reader = Database::open_reader(dir.path()).unwrap();
    let read = reader.keyspace("keys").unwrap();
    for n in 0..100 {
        keys.put("a", n.to_string()).unwrap();
        reader.refresh().unwrap();
        assert_eq!(read.get("a").unwrap().unwrap(), n.to_string().as_bytes());
    }
}

#[test]
fn what_nobody_wrote_out_is_seen_after_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::builder().durability(Durability::None).open(dir.path()).unwrap();
    let keys = writer.keyspace("keys").unwrap();
    keys.put("a", "1").unwrap();
    let commit = writer.snapshot().commit();
    let reader = Database::open_reader(dir.path()).unwrap();
    writer.sync().unwrap();
    assert!(reader.wait_for(commit, Some(Duration::from_secs(20))).unwrap());
    assert_eq!(reader.keyspace("keys").unwrap().get("a").unwrap().unwrap(), "1");
}

#[test]
fn a_closed_reader_holds_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    writer.keyspace("keys").unwrap().put("a", "1").unwrap();
    let reader = Database::open_reader(dir.path()).unwrap();
    let read = reader.keyspace("keys").unwrap();
    assert_eq!(writer.stats().get("readers"), Some(1));
    reader.close().unwrap();
    assert_eq!(writer.stats().get("readers"), Some(0));
    drop(read);
}

/// Without a writer nobody shows where the log ends: what is missing of it is noticed, as by those
/// who recover it.
#[test]
fn a_log_that_lost_its_end_is_no_shorter_log() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    let keys = writer.keyspace("keys").unwrap();
    for n in 0..100 {
        keys.put(key(n), "value").unwrap();
    }
    drop(keys);
    writer.close().unwrap();
    assert!(Database::open_reader(dir.path()).is_ok());
    let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> = names
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with("spare"))
        .collect();
    logs.sort();
    let last = logs.pop().unwrap();
    let mut bytes = std::fs::read(&last).unwrap();
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&last, bytes).unwrap();
    assert_eq!(Database::open_reader(dir.path()).unwrap_err().kind(), ErrorKind::Corrupt);
}

/// A writer of a tree whose pages are all reused, again and again.
struct Churn {
    db: Database,
    keys: Keyspace,
    round: u8,
}

impl Churn {
    fn begin(dir: &std::path::Path) -> Churn {
        let db = Database::builder().durability(Durability::Buffered).open(dir).unwrap();
        let tree = KeyspaceOptions::new().engine(KeyspaceEngine::Btree);
        let keys = db.keyspace_with("keys", &tree).unwrap();
        let mut churn = Churn { db, keys, round: 1 };
        churn.write(20_000);
        churn
    }

    fn write(&mut self, count: u32) {
        let mut batch = self.db.batch();
        for n in 0..count {
            // Some lie apart.
            let len = if n % 50 == 0 { 6000 } else { 60 };
            batch.put(&self.keys, key(n), vec![self.round; len]).unwrap();
        }
        batch.commit().unwrap();
        self.db.flush().unwrap();
    }

    /// Writes the first keys anew, which are all over the tree, and has them flushed, so often:
    /// each time into pages that were free since the time before.
    fn go_on(&mut self, rounds: u8) {
        for _ in 0..rounds {
            self.round += 1;
            self.write(60);
        }
    }
}

fn reader_of(dir: &std::path::Path) -> (Database, Keyspace) {
    let reader = Database::open_reader(dir).unwrap();
    let read = reader.keyspace("keys").unwrap();
    (reader, read)
}

/// The writer knows nothing of what another process holds but the slot.
#[test]
fn values_of_a_reader_stay_while_the_writer_reuses_pages() {
    let dir = tempfile::tempdir().unwrap();
    let mut churn = Churn::begin(dir.path());
    let (reader, read) = reader_of(dir.path());
    let values = [0, 1, 50, 51].map(|n| read.get(key(n)).unwrap().unwrap());
    let items = (0..60).map(|n| read.range(key(n)..).unwrap().next().unwrap().unwrap());
    let items: Vec<_> = items.collect();
    for _ in 0..8 {
        churn.go_on(1);
        reader.refresh().unwrap();
        let alike = |value: &[u8]| value.iter().all(|byte| *byte == 1);
        assert!(values.iter().all(|value| alike(value)), "round {}", churn.round);
        assert!(items.iter().all(|(_, value)| alike(value)), "round {}", churn.round);
        assert!(read.get(key(7)).unwrap().unwrap().iter().all(|byte| *byte == churn.round));
    }
}

#[test]
fn where_a_cursor_of_a_reader_stands_stays_though_its_view_expires() {
    let dir = tempfile::tempdir().unwrap();
    let mut churn = Churn::begin(dir.path());
    let reader = Database::builder().reader().memory_budget(1 << 20).snapshot_budget(1);
    let reader = reader.open(dir.path()).unwrap();
    let read = reader.keyspace("keys").unwrap();
    // What the view holds in memory counts, once it is flushed.
    (10_000..20_000).for_each(|n| churn.keys.put(key(n), [1; 60]).unwrap());
    reader.refresh().unwrap();
    let cursors = [5, 50].map(|n| {
        let mut cursor = read.cursor(key(n)..).unwrap();
        assert!(cursor.next().unwrap());
        (n, cursor)
    });
    for _ in 0..8 {
        churn.go_on(1);
        reader.refresh().unwrap();
        for (n, cursor) in &cursors {
            assert_eq!(cursor.key(), key(*n), "round {}", churn.round);
            assert!(cursor.value().iter().all(|byte| *byte == 1), "round {}", churn.round);
        }
    }
    for (_, mut cursor) in cursors {
        assert_eq!(cursor.next().unwrap_err().kind(), ErrorKind::Expired);
    }
}

#[test]
fn nothing_is_read_of_a_reader_that_was_closed_but_what_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let mut churn = Churn::begin(dir.path());
    let (reader, read) = reader_of(dir.path());
    let (value, snapshot) = (read.get(key(50)).unwrap().unwrap(), reader.snapshot());
    reader.close().unwrap();
    // The snapshot is read as long as it lives.
    assert_eq!(churn.db.stats().get("readers"), Some(1));
    churn.go_on(5);
    assert!(*value == [1; 6000][..]);
    assert_eq!(snapshot.get(&read, key(51)).unwrap().unwrap(), [1; 60]);
    let error = read.get(key(51)).unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.message().contains("closed"), "{error}");
    drop((snapshot, read, value));
    assert_eq!(churn.db.stats().get("readers"), Some(0));
}

#[test]
fn reads_while_a_reader_is_closed_are_right_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut churn = Churn::begin(dir.path());
    for _ in 0..10 {
        let (reader, read) = reader_of(dir.path());
        let round = churn.round;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in (0..60).cycle().take(200_000) {
                    match read.get_with(key(n), |value| value.iter().all(|byte| *byte >= round)) {
                        Ok(found) => assert_eq!(found, Some(true)),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                            return;
                        }
                    }
                }
            });
            reader.close().unwrap();
            churn.go_on(3);
        });
    }
}

/// Where nobody writes, time goes on all the same.
#[test]
fn values_expire_for_a_reader_that_is_alone() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    let keys = writer.keyspace("keys").unwrap();
    keys.put_with_ttl("a", "1", Duration::from_secs(60)).unwrap();
    drop(keys);
    writer.close().unwrap();
    let world = Arc::new(World::new());
    let alone = Database::builder().reader().refresh_interval(Duration::from_secs(3600));
    let alone = alone.environment(world.clone()).open(dir.path()).unwrap();
    let read = alone.keyspace("keys").unwrap();
    assert_eq!(read.get("a").unwrap().unwrap(), "1");
    world.later_ms.store(61_000, Ordering::SeqCst);
    // As of its last look.
    assert_eq!(read.get("a").unwrap().unwrap(), "1");
    alone.refresh().unwrap();
    assert_eq!(read.get("a").unwrap(), None);
    let later = Database::builder().reader().environment(world).open(dir.path()).unwrap();
    assert_eq!(later.keyspace("keys").unwrap().get("a").unwrap(), None);
}

/// Whoever begins to write may shorten a log: a map of it would end the process.
#[test]
fn readers_map_no_log() {
    let dir = tempfile::tempdir().unwrap();
    let open = |reads: bool| {
        let mut world = World::new();
        world.before_map = Arc::new(Box::new(move |path, _| {
            let is_log = path.extension().is_some_and(|end| end == "log");
            assert!(!(reads && is_log), "{} is mapped", path.display());
        }));
        let builder = Database::builder().environment(Arc::new(world));
        let builder = if reads { builder.reader() } else { builder };
        builder.open(dir.path()).unwrap()
    };
    let writer = open(false);
    let keys = writer.keyspace("keys").unwrap();
    keys.put("a", "1").unwrap();
    let along = open(true);
    along.refresh().unwrap();
    drop(keys);
    writer.close().unwrap();
    for reader in [along, open(true)] {
        assert_eq!(reader.keyspace("keys").unwrap().get("a").unwrap().unwrap(), "1");
        assert_eq!(reader.verify().unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn a_database_whose_creation_was_cut_short_is_none_yet() {
    let dir = tempfile::tempdir().unwrap();
    let (made, cut) = (dir.path().join("made"), dir.path().join("cut"));
    std::fs::create_dir(&cut).unwrap();
    let mut world = World::new();
    let to = cut.clone();
    world.before_open = Box::new(move |path, mode| {
        if mode == OpenMode::Read || path.extension().is_none_or(|end| end != "log") {
            return;
        }
        for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
            let there = entry.unwrap().path();
            if !to.join(there.file_name().unwrap()).exists() {
                std::fs::copy(&there, to.join(there.file_name().unwrap())).unwrap();
            }
        }
    });
    let _made = Database::builder().environment(Arc::new(world)).open(&made).unwrap();
    let error = Database::open_reader(&cut).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    Database::open(&cut).unwrap().close().unwrap();
    assert!(Database::open_reader(&cut).is_ok());
}

#[test]
fn everything_that_reads_refuses_a_reader_that_was_closed() {
    let dir = tempfile::tempdir().unwrap();
    let _churn = Churn::begin(dir.path());
    let (reader, read) = reader_of(dir.path());
    let other = reader.clone();
    reader.close().unwrap();
    let mut dump = Vec::new();
    let errors = [
        read.get("a").map(drop),
        read.get_many(["a"]).map(drop),
        read.iter().map(drop),
        read.cursor::<&str>(..).map(drop),
        other.snapshot().get(&read, "a").map(drop),
        other.verify().map(drop),
        other.dump(&mut dump).map(drop),
        other.refresh().map(drop),
    ];
    for (at, result) in errors.into_iter().enumerate() {
        let error = result.expect_err("it is closed");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{at}: {error}");
    }
}

#[test]
fn a_cursor_that_outlives_its_reader_holds_what_it_reads() {
    let dir = tempfile::tempdir().unwrap();
    let mut churn = Churn::begin(dir.path());
    let mut cursor = {
        let (_reader, read) = reader_of(dir.path());
        read.cursor::<&[u8]>(..).unwrap()
    };
    churn.go_on(8);
    assert_eq!(churn.db.stats().get("readers"), Some(1));
    let mut count = 0;
    while cursor.next().unwrap() {
        assert!(cursor.value().iter().all(|byte| *byte == 1));
        count += 1;
    }
    assert_eq!(count, 20_000);
    drop(cursor);
    assert_eq!(churn.db.stats().get("readers"), Some(0));
}

/// What waits for its turn to look, while the reader is closed, must not bring it back.
#[test]
fn a_look_that_comes_too_late_brings_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut churn = Churn::begin(dir.path());
    for _ in 0..20 {
        let (reader, read) = reader_of(dir.path());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let reader = reader.clone();
                scope.spawn(move || {
                    let error = std::iter::repeat_with(|| reader.refresh()).find_map(Result::err);
                    assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::Invalid));
                });
            }
            churn.go_on(1);
            reader.close().unwrap();
            churn.go_on(1);
        });
        assert_eq!(read.get(key(1)).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(churn.db.stats().get("readers"), Some(0));
    }
}

/// Somebody opens the database to write, and comes to nothing before there is anything to see.
#[test]
fn time_goes_on_for_a_reader_when_a_writer_dies_while_it_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    let keys = writer.keyspace("keys").unwrap();
    keys.put_with_ttl("a", "1", Duration::from_secs(60)).unwrap();
    let world = Arc::new(World::new());
    let reader = Database::builder().reader().refresh_interval(Duration::from_secs(3600));
    let reader = reader.environment(world.clone()).open(dir.path()).unwrap();
    let read = reader.keyspace("keys").unwrap();
    drop(keys);
    writer.close().unwrap();
    let words = OsEnv::new().shared_words(&dir.path().join("readers"), 8).unwrap();
    words.words()[0].store(0, Ordering::SeqCst);
    words.words()[5].fetch_add(1, Ordering::SeqCst);
    assert_eq!(read.get("a").unwrap().unwrap(), "1");
    world.later_ms.store(61_000, Ordering::SeqCst);
    reader.refresh().unwrap();
    assert_eq!(read.get("a").unwrap(), None);
}

/// A directory that is removed and made anew is another database: who reads along is told, however
/// it waits.
#[test]
fn a_reader_is_told_when_its_database_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("db");
    let writer = Database::open(&dir).unwrap();
    writer.keyspace("keys").unwrap().put("a", "1").unwrap();
    writer.close().unwrap();
    let slow = Database::builder().reader().refresh_interval(Duration::from_secs(3600));
    let slow = slow.open(&dir).unwrap();
    let reader = Database::open_reader(&dir).unwrap();
    let read = reader.keyspace("keys").unwrap();
    let last = reader.refresh().unwrap();
    let (mut watch, mut feed) = (read.watch("a"..).unwrap(), reader.changes_since(last).unwrap());
    assert!(feed.next().is_none());
    std::fs::rename(&dir, folder.path().join("away")).unwrap();
    let gone = slow.refresh().unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert!(gone.message().contains("is gone"), "{gone}");
    let writer = Database::open(&dir).unwrap();
    writer.keyspace("keys").unwrap().put("a", "2").unwrap();
    // Nobody asks: what it waits for tells.
    let told = watch.wait(Some(Duration::from_secs(60))).unwrap_err();
    assert_eq!(told.kind(), ErrorKind::NotFound, "{told}");
    for told in [
        reader.refresh().unwrap_err(),
        reader.wait_for(last + 1, None).unwrap_err(),
        feed.next().unwrap().unwrap_err(),
        reader.changes_since(last).map(drop).unwrap_err(),
        read.watch("b"..).map(drop).unwrap_err(),
    ] {
        assert_eq!(told.kind(), ErrorKind::NotFound, "{told}");
        assert!(told.message().starts_with("the database in "), "{told}");
        assert!(told.message().contains("open it again"), "{told}");
    }
    // What was read is read on; who opens it again sees the new one.
    assert_eq!(read.get("a").unwrap().unwrap(), "1");
    let again = Database::builder().reader().refresh_interval(Duration::from_secs(3600));
    let again = again.open(&dir).unwrap();
    assert_eq!(again.keyspace("keys").unwrap().get("a").unwrap().unwrap(), "2");
    writer.close().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::rename(folder.path().join("away"), &dir).unwrap();
    let replaced = again.wait_for(1000, Some(Duration::from_secs(60))).unwrap_err();
    assert_eq!(replaced.kind(), ErrorKind::NotFound);
    assert!(replaced.message().contains("was replaced"), "{replaced}");
}

#[test]
fn who_only_reads_a_database_that_is_written_is_told_how_to_read_along() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Database::open(dir.path()).unwrap();
    let locked = Database::builder().read_only().open(dir.path()).unwrap_err();
    assert_eq!(locked.kind(), ErrorKind::Locked);
    for word in ["open_reader", "mode=\"reader\"", "which is this process"] {
        assert!(locked.message().contains(word), "{locked}");
    }
    writer.close().unwrap();
    let read = Database::builder().read_only().open(dir.path()).unwrap();
    let missing = read.keyspace("nope").unwrap_err();
    let place = dir.path().display();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(missing.message(), format!("there is no keyspace \"nope\" in {place}"));
    let refused = read.flush().unwrap_err();
    assert!(refused.message().contains(&place.to_string()), "{refused}");
}
