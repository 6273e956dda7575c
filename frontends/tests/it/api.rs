//! What every call promises, one by one.

use cuesta::{Compression, Database, Durability, ErrorKind, KeyspaceOptions};

fn keys(entries: impl Iterator<Item = cuesta::Result<(Vec<u8>, cuesta::Value)>>) -> Vec<String> {
    entries.map(|entry| String::from_utf8(entry.unwrap().0).unwrap()).collect()
}

#[test]
fn what_is_put_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    for durability in
        [Durability::Sync, Durability::Interval, Durability::Buffered, Durability::None]
    {
        let path = dir.path().join(format!("{durability:?}"));
        let db = Database::builder().durability(durability).open(&path).unwrap();
        let ks = db.keyspace("k").unwrap();
        ks.put("a", "1").unwrap();
        ks.put("b", "2").unwrap();
        ks.delete("a").unwrap();
        drop(ks);
        db.close().unwrap();

        let db = Database::open(&path).unwrap();
        assert!(db.recovery().closed, "it was closed in order");
        let ks = db.existing_keyspace("k").unwrap();
        assert_eq!(ks.get("a").unwrap(), None);
        assert_eq!(ks.get("b").unwrap().as_deref(), Some(&b"2"[..]));
        assert!(ks.contains("b").unwrap() && !ks.contains("a").unwrap());
    }
}

#[test]
fn ranges_go_both_ways_and_meet_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    for (i, key) in ["a", "b", "ba", "bb", "c", "d"].iter().enumerate() {
        ks.put(key, i.to_string()).unwrap();
        if i == 2 {
            db.flush().unwrap();
        }
    }
    assert_eq!(keys(ks.iter().unwrap()), ["a", "b", "ba", "bb", "c", "d"]);
    assert_eq!(keys(ks.iter().unwrap().rev()), ["d", "c", "bb", "ba", "b", "a"]);
    assert_eq!(keys(ks.range("b".."c").unwrap()), ["b", "ba", "bb"]);
    assert_eq!(keys(ks.range("b"..="c").unwrap().rev()), ["c", "bb", "ba", "b"]);
    assert_eq!(keys(ks.range::<&str>(..).unwrap().skip(5)), ["d"]);
    assert_eq!(keys(ks.prefix("b").unwrap()), ["b", "ba", "bb"]);
    assert_eq!(keys(ks.prefix("b").unwrap().rev()), ["bb", "ba", "b"]);
    assert_eq!(keys(ks.range("c".."a").unwrap()), Vec::<String>::new());
    let mut both = ks.iter().unwrap();
    let mut seen = Vec::new();
    loop {
        let Some(front) = both.next() else { break };
        seen.push(front.unwrap().0);
        let Some(back) = both.next_back() else { break };
        seen.push(back.unwrap().0);
    }
    assert_eq!(seen, [&b"a"[..], b"d", b"b", b"c", b"ba", b"bb"]);
    assert!(both.next().is_none() && both.next_back().is_none());
}

#[test]
fn prefixes_of_high_bytes_have_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let all: [&[u8]; 5] = [b"", b"\xfe\xff", b"\xff", b"\xff\xff", b"\xff\xff\x00"];
    for key in all {
        ks.put(key, key).unwrap();
    }
    let found = |prefix: &[u8]| ks.prefix(prefix).unwrap().count();
    assert_eq!(found(b""), 5);
    assert_eq!(found(b"\xff"), 3);
    assert_eq!(found(b"\xff\xff"), 2);
    assert_eq!(found(b"\xfe"), 1);
    assert_eq!(ks.get(b"").unwrap().as_deref(), Some(&b""[..]));
}

#[test]
fn a_cursor_seeks_and_turns_round() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    for n in (0..100).step_by(2) {
        ks.put(format!("{n:03}"), "").unwrap();
    }
    let mut cursor = ks.cursor("010".."090").unwrap();
    assert!(cursor.seek("051").unwrap());
    assert_eq!(cursor.key(), b"052");
    assert!(cursor.prev().unwrap());
    assert_eq!(cursor.key(), b"050");
    assert!(cursor.next().unwrap() && cursor.next().unwrap());
    assert_eq!(cursor.key(), b"054");
    assert!(cursor.seek_back("051").unwrap());
    assert_eq!(cursor.key(), b"050");
    assert!(cursor.seek("000").unwrap());
    assert_eq!(cursor.key(), b"010", "the range has a start");
    assert!(!cursor.seek("090").unwrap(), "the range has an end");
    assert!(cursor.prev().unwrap());
    assert_eq!(cursor.key(), b"088");
}

#[test]
fn batches_span_keyspaces_and_the_last_write_wins() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let (a, b) = (db.keyspace("a").unwrap(), db.keyspace("b").unwrap());
    let mut batch = db.batch();
    batch.put(&a, "x", "1").unwrap();
    batch.put(&b, "x", "2").unwrap();
    batch.put(&a, "x", "3").unwrap();
    batch.put(&a, "y", "4").unwrap();
    batch.delete(&a, "y").unwrap();
    assert_eq!(batch.len(), 5);
    assert_eq!(a.get("x").unwrap(), None, "nothing is visible before the commit");
    batch.commit().unwrap();
    assert_eq!(a.get("x").unwrap().as_deref(), Some(&b"3"[..]));
    assert_eq!(a.get("y").unwrap(), None);
    assert_eq!(b.get("x").unwrap().as_deref(), Some(&b"2"[..]));
    db.batch().commit().unwrap();
}

#[test]
fn keyspaces_are_listed_renamed_and_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let (a, b) = (db.keyspace("a").unwrap(), db.keyspace("b").unwrap());
    a.put("k", "a").unwrap();
    b.put("k", "b").unwrap();
    assert_eq!(db.keyspaces(), ["a", "b"]);
    assert_eq!(db.rename_keyspace("a", "b").unwrap_err().kind(), ErrorKind::Exists);
    let before = db.snapshot();
    db.drop_keyspace("b").unwrap();
    db.rename_keyspace("a", "b").unwrap();
    assert_eq!(db.keyspaces(), ["b"]);
    assert_eq!(a.get("k").unwrap().as_deref(), Some(&b"a"[..]), "handles survive renaming");
    assert_eq!(b.get("k").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(b.put("k", "").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(before.get(&b, "k").unwrap().as_deref(), Some(&b"b"[..]));
    assert_eq!(db.existing_keyspace("a").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(db.keyspace("").unwrap_err().kind(), ErrorKind::Invalid);
    drop((a, b, before));
    db.close().unwrap();
    let db = Database::open(dir.path()).unwrap();
    assert_eq!(db.keyspaces(), ["b"]);
    let again = db.keyspace("b").unwrap();
    assert_eq!(again.get("k").unwrap().as_deref(), Some(&b"a"[..]));
}

#[test]
fn wrong_calls_get_clear_errors() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path().join("one")).unwrap();
    let other = Database::open(dir.path().join("other")).unwrap();
    let (ks, foreign) = (db.keyspace("k").unwrap(), other.keyspace("k").unwrap());
    let long = vec![0u8; 65_536];
    let error = ks.put(&long, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("65535") || error.message().contains("65,535"), "{error}");
    ks.put(&long[1..], "longest").unwrap();
    assert_eq!(ks.get(&long[1..]).unwrap().as_deref(), Some(&b"longest"[..]));
    assert_eq!(db.batch().put(&foreign, "a", "b").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.snapshot().get(&foreign, "a").unwrap_err().kind(), ErrorKind::Invalid);
    let missing = Database::builder().must_exist().open(dir.path().join("none")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let locked = Database::open(dir.path().join("one")).unwrap_err();
    assert_eq!(locked.kind(), ErrorKind::Locked);
    assert!(locked.message().contains(&std::process::id().to_string()), "{locked}");
    let tiny = Database::builder().memory_budget(1000).open(dir.path().join("tiny"));
    assert_eq!(tiny.unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_read_only_database_changes_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    ks.put("a", "1").unwrap();
    db.flush().unwrap();
    ks.put("b", "2").unwrap();
    drop(ks);
    db.close().unwrap();
    let bytes = || {
        let mut files: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_name() != "lock")
            .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = bytes();
    let db = Database::builder().read_only().open(dir.path()).unwrap();
    let ks = db.existing_keyspace("k").unwrap();
    assert_eq!(ks.iter().unwrap().count(), 2);
    assert_eq!(ks.put("c", "3").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.flush().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.keyspace("new").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(db.verify().unwrap().is_sound());
    drop(ks);
    db.close().unwrap();
    assert!(before == bytes(), "files have changed");
}

#[test]
fn values_of_every_size_come_back_from_every_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut builders =
        vec![(Database::builder(), "maps"), (Database::builder().without_maps(), "no")];
    for (builder, name) in builders.drain(..) {
        let db = builder.durability(Durability::None).open(dir.path().join(name)).unwrap();
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let options = KeyspaceOptions::new()
                .compression(compression)
                .compression_of(0, Compression::None);
            let ks = db.keyspace_with(&format!("{compression:?}"), &options).unwrap();
            let sizes = [0usize, 1, 100, 511, 512, 513, 4096, 70_000, 1 << 20, 5 << 20];
            let value = |n: usize| (0..n).map(|i| (i / 7) as u8).collect::<Vec<u8>>();
            for n in sizes {
                ks.put(n.to_be_bytes(), value(n)).unwrap();
            }
            let check = || {
                for n in sizes {
                    let found = ks.get(n.to_be_bytes()).unwrap().unwrap();
                    assert!(*found == value(n)[..], "{n} bytes");
                }
                assert_eq!(ks.iter().unwrap().count(), sizes.len());
            };
            check();
            db.flush().unwrap();
            check();
            db.compact().unwrap();
            check();
        }
        assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn statistics_count_what_happened() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    for i in 0..10u32 {
        ks.put(i.to_be_bytes(), "v").unwrap();
    }
    db.flush().unwrap();
    let stats = db.stats();
    assert!(stats.get("commits") >= Some(10), "{}", stats.to_text());
    assert!(stats.get("log_syncs") >= Some(10));
    assert_eq!(stats.get("flushes"), Some(1));
    assert_eq!(stats.keyspaces.len(), 1);
    assert_eq!((stats.keyspaces[0].segments, stats.keyspaces[0].entries), (1, 10));
    assert!(stats.latencies.iter().any(|(name, q)| *name == "commit_time" && q.count >= 10));
    let engine = cuesta::KeyspaceEngine::default().name();
    assert!(stats.to_text().contains(&format!("keyspace \"k\" engine {engine} segments 1")));
}

#[test]
fn calls_after_closing_fail_clearly() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    ks.put("a", "1").unwrap();
    db.clone().close().unwrap();
    assert_eq!(ks.put("b", "2").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.flush().unwrap_err().kind(), ErrorKind::Invalid);
    let again = Database::open(dir.path()).unwrap();
    assert_eq!(again.keyspace("k").unwrap().iter().unwrap().count(), 1);
}
