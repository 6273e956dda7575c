//! Dumps: everything comes back, and nothing but whole dumps is taken.

use std::collections::BTreeMap;

use cuesta::{Compression, Database, ErrorKind, Existing, KeyspaceOptions};
use proptest::prelude::*;

type Content = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

fn content(db: &Database) -> Content {
    let of = |name: String| {
        let keyspace = db.existing_keyspace(&name).unwrap();
        let entries = keyspace.iter().unwrap().map(|entry| entry.unwrap());
        (name, entries.map(|(key, value)| (key, value.to_vec())).collect())
    };
    db.keyspaces().into_iter().map(of).collect()
}

fn open(dir: &tempfile::TempDir, name: &str) -> Database {
    Database::builder()
        .memory_budget(8 << 20)
        .durability(cuesta::Durability::Buffered)
        .open(dir.path().join(name))
        .unwrap()
}

fn example(dir: &tempfile::TempDir) -> (Database, Vec<u8>) {
    let db = open(dir, "source");
    let options = KeyspaceOptions::new().compression(Compression::Zstd).block_bytes(1024);
    let users = db.keyspace_with("users", &options).unwrap();
    users.put("ada", "Ada Lovelace").unwrap();
    users.put([0xff, 0], "\n\"\\").unwrap();
    db.keyspace("empty \u{1}").unwrap();
    let numbers = db.keyspace("numbers").unwrap();
    for n in 0..3000u32 {
        numbers.put(n.to_be_bytes(), vec![n as u8; 900]).unwrap();
    }
    let mut dump = Vec::new();
    let dumped = db.dump(&mut dump).unwrap();
    assert_eq!((dumped.keyspaces, dumped.entries), (3, 3002));
    assert_eq!(dumped.bytes, dump.len() as u64);
    (db, dump)
}

#[test]
fn a_dump_is_loaded_with_as_little_memory_as_there_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let (db, dump) = example(&dir);
    let small = Database::builder().memory_budget(1 << 20).open(dir.path().join("small")).unwrap();
    assert_eq!(small.load(&dump[..], Existing::Refuse).unwrap().entries, 3002);
    assert_eq!(content(&small), content(&db));
}

#[test]
fn what_is_dumped_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let (db, dump) = example(&dir);
    let other = open(&dir, "other");
    let loaded = other.load(&dump[..], Existing::Refuse).unwrap();
    assert_eq!((loaded.keyspaces, loaded.entries), (3, 3002));
    assert_eq!(content(&other), content(&db));
    // The second dump is the first, but for where it comes from: options too.
    let mut again = Vec::new();
    other.dump(&mut again).unwrap();
    let lines = |dump: &[u8]| -> Vec<String> {
        let text = String::from_utf8(dump.to_vec()).unwrap();
        let count = text.lines().count();
        text.lines().skip(1).take(count - 2).map(str::to_owned).collect()
    };
    assert_eq!(lines(&dump), lines(&again));
    assert!(other.verify().unwrap().is_sound());
}

#[test]
fn values_that_expire_keep_their_time_and_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir, "source");
    let hour = std::time::Duration::from_secs(3600);
    let options = KeyspaceOptions::new().ttl(hour * 5).merge_operator("add");
    let sums = db.keyspace_with("sums", &options).unwrap();
    sums.put_with_ttl("short", 1i64.to_le_bytes(), hour).unwrap();
    sums.merge("long", 2i64.to_le_bytes()).unwrap();
    sums.merge("long", 3i64.to_le_bytes()).unwrap();
    sums.put_with_ttl("gone", "x", std::time::Duration::ZERO).unwrap();
    db.keyspace("plain").unwrap().put("stays", "here").unwrap();
    let mut dump = Vec::new();
    assert_eq!(db.dump(&mut dump).unwrap().entries, 3);
    let other = open(&dir, "other");
    other.load(&dump[..], Existing::Refuse).unwrap();
    assert_eq!(content(&other), content(&db));
    let again = other.existing_keyspace("sums").unwrap();
    let left = |keyspace: &cuesta::Keyspace, key: &str| match keyspace.expiry(key).unwrap() {
        Some(cuesta::Expiry::In(left)) => left,
        other => panic!("{other:?}"),
    };
    assert!(left(&again, "short") <= hour && left(&again, "long") > hour * 4);
    again.merge("long", 4i64.to_le_bytes()).unwrap();
    assert_eq!(again.get("long").unwrap().unwrap(), 9i64.to_le_bytes());
    let plain = other.existing_keyspace("plain").unwrap();
    assert_eq!(plain.expiry("stays").unwrap(), Some(cuesta::Expiry::Never));
}

#[test]
fn a_keyspace_that_is_there_is_refused_or_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let (db, dump) = example(&dir);
    let before = content(&db);
    let error = db.load(&dump[..], Existing::Refuse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert_eq!(content(&db), before);
    let users = db.keyspace("users").unwrap();
    users.put("grace", "Grace Hopper").unwrap();
    users.delete("ada").unwrap();
    db.load(&dump[..], Existing::Overwrite).unwrap();
    let mut expected = before;
    expected.get_mut("users").unwrap().insert(b"grace".to_vec(), b"Grace Hopper".to_vec());
    assert_eq!(content(&db), expected);
}

#[test]
fn a_dump_that_is_cut_anywhere_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir, "source");
    db.keyspace("a").unwrap().put("k", "v").unwrap();
    db.keyspace("b").unwrap().put([0xff], "w").unwrap();
    let mut dump = Vec::new();
    db.dump(&mut dump).unwrap();
    let other = open(&dir, "other");
    for end in 0..dump.len() {
        let error = other.load(&dump[..end], Existing::Refuse).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{end}: {error}");
        assert!(error.message().contains("line "), "{error}");
        assert_eq!(other.keyspaces(), Vec::<String>::new(), "{end}");
    }
    let longer = [&dump[..], b"\n"].concat();
    assert_eq!(other.load(&longer[..], Existing::Refuse).unwrap_err().kind(), ErrorKind::Corrupt);
    other.load(&dump[..], Existing::Refuse).unwrap();
}

#[test]
fn any_flipped_bit_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir, "source");
    db.keyspace("a").unwrap().put("k", "v").unwrap();
    let mut dump = Vec::new();
    db.dump(&mut dump).unwrap();
    let other = open(&dir, "other");
    for bit in (0..dump.len() * 8).step_by(7) {
        let mut flipped = dump.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let result = other.load(&flipped[..], Existing::Refuse);
        assert!(result.is_err(), "{}", String::from_utf8_lossy(&flipped));
        assert_eq!(other.keyspaces(), Vec::<String>::new());
    }
}

#[test]
fn what_an_interrupted_load_left_is_removed_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let (_, dump) = example(&dir);
    let other = open(&dir, "other");
    other.keyspace("(loading 2)").unwrap().put("half", "a keyspace").unwrap();
    other.keyspace("(loading of my own)").unwrap();
    other.load(&dump[..], Existing::Refuse).unwrap();
    let names = ["(loading of my own)", "empty \u{1}", "numbers", "users"];
    assert_eq!(other.keyspaces(), names);
}

#[test]
fn a_later_format_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir, "db");
    let refused = |text: &str| db.load(text.as_bytes(), Existing::Refuse).unwrap_err();
    let error = refused("{\"cuesta_dump\":2}\n");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let start = "{\"cuesta_dump\":1}\n{\"keyspace\":\"a\"}\n";
    for line in [
        "{\"key\":\"a\",\"value\":\"b\",\"color\":3}\n",
        "{\"key\":\"a\",\"worth\":\"b\"}\n",
        "{\"table\":\"t\"}\n",
        "{\"keyspace\":\"b\",\"options\":{\"color\":1}}\n",
    ] {
        let error = refused(&format!("{start}{line}"));
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{line}: {error}");
        assert!(error.message().contains("line 3 "), "{error}");
    }
    for line in ["{\"key\":\"a\"}\n", "{}\n", "1\n", "{\"keyspace\":\"a\"}\n"] {
        let error = refused(&format!("{start}{line}"));
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{line}: {error}");
    }
    assert_eq!(refused("hello\n").kind(), ErrorKind::Corrupt);
    assert_eq!(db.keyspaces(), Vec::<String>::new());
}

#[test]
fn the_stored_sample_is_read_and_written_as_it_is() {
    let sample = include_str!("../formats/dump-v1");
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir, "db");
    let loaded = db.load(sample.as_bytes(), Existing::Refuse).unwrap();
    assert_eq!((loaded.keyspaces, loaded.entries, loaded.commit), (2, 3, 42));
    let users = db.existing_keyspace("users").unwrap();
    assert_eq!(users.get([0xff]).unwrap().unwrap(), [0, 0xff]);
    let mut dump = Vec::new();
    db.dump(&mut dump).unwrap();
    let dump = String::from_utf8(dump).unwrap();
    let inner = |text: &str| text.lines().skip(1).take(5).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(inner(&dump), inner(sample));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_content_comes_back(
        content in prop::collection::btree_map(
            "[a-z\u{e9}\"\\\\]{1,8}",
            prop::collection::btree_map(
                prop::collection::vec(any::<u8>(), 0..9),
                prop::collection::vec(any::<u8>(), 0..40),
                0..20,
            ),
            0..4,
        )
    ) {
        let dir = tempfile::tempdir().unwrap();
        let db = open(&dir, "source");
        for (name, entries) in &content {
            let keyspace = db.keyspace(name).unwrap();
            for (key, value) in entries {
                keyspace.put(key, value).unwrap();
            }
        }
        let mut dump = Vec::new();
        db.dump(&mut dump).unwrap();
        let other = open(&dir, "other");
        other.load(&dump[..], Existing::Refuse).unwrap();
        prop_assert_eq!(self::content(&other), content);
    }
}

#[test]
fn loads_at_the_same_time_do_not_get_into_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let dumps: Vec<Vec<u8>> = (0..4)
        .map(|n| {
            let db = open(&dir, &format!("source {n}"));
            let keyspace = db.keyspace(&format!("keyspace {n}")).unwrap();
            for i in 0..2000u32 {
                keyspace.put(i.to_be_bytes(), vec![n; 900]).unwrap();
            }
            let mut dump = Vec::new();
            db.dump(&mut dump).unwrap();
            dump
        })
        .collect();
    let db = open(&dir, "all");
    std::thread::scope(|scope| {
        for dump in &dumps {
            scope.spawn(|| db.load(&dump[..], Existing::Refuse).unwrap());
        }
    });
    let all = content(&db);
    assert_eq!(all.len(), 4);
    for (n, of_one) in (0..).zip(all.values()) {
        assert!(of_one.len() == 2000 && of_one.values().all(|value| *value == vec![n; 900]));
    }
}

#[test]
fn a_dump_passes_over_what_cannot_be_merged_if_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir, "source");
    let sums = db.keyspace_with("sums", &KeyspaceOptions::new().merge_operator("add")).unwrap();
    let numbers: Vec<u32> = (0..200).collect();
    for n in &numbers {
        sums.put(n.to_be_bytes(), 1i64.to_le_bytes()).unwrap();
        sums.merge(n.to_be_bytes(), 2i64.to_le_bytes()).unwrap();
    }
    // The first, the last, and neighbours; some in segments, some in memory.
    let bad = [0u32, 7, 8, 100, 199];
    for (i, n) in bad.iter().enumerate() {
        sums.put(n.to_be_bytes(), "word").unwrap();
        sums.merge(n.to_be_bytes(), 2i64.to_le_bytes()).unwrap();
        if i == 2 {
            db.flush().unwrap();
        }
    }
    db.keyspace("zebras").unwrap().put("last", "of all").unwrap();
    let error = db.dump(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for told in ["keyspace \"sums\"", "\\x00\\x00\\x00\\x00", "put or delete it", "`dump_passing`"]
    {
        assert!(error.message().contains(told), "{told} is not in {error}");
    }
    let (mut dump, mut passed) = (Vec::new(), Vec::new());
    let dumped = db
        .dump_passing(&mut dump, |unmerged| {
            assert_eq!((unmerged.keyspace, unmerged.error.kind()), ("sums", ErrorKind::Invalid));
            passed.push(u32::from_be_bytes(unmerged.key.try_into().unwrap()));
            Ok(())
        })
        .unwrap();
    assert_eq!((dumped.entries, dumped.passed_over), (196, 5));
    assert_eq!(passed, bad);
    let other = open(&dir, "other");
    assert_eq!(other.load(&dump[..], Existing::Refuse).unwrap().entries, 196);
    let loaded = other.existing_keyspace("sums").unwrap();
    let found: Vec<u32> = loaded
        .iter()
        .unwrap()
        .map(|entry| u32::from_be_bytes(entry.unwrap().0.try_into().unwrap()))
        .collect();
    let good: Vec<u32> = numbers.into_iter().filter(|n| !bad.contains(n)).collect();
    assert_eq!(found, good);
    // A cursor passes over them in both directions, but not over what it has not just met.
    let mut cursor = sums.cursor::<&[u8]>(..).unwrap();
    assert!(cursor.next().is_err() && cursor.seek(50u32.to_be_bytes()).unwrap());
    assert_eq!(cursor.pass_over(), None);
    assert_eq!(cursor.key(), 50u32.to_be_bytes());
    assert!(cursor.seek(7u32.to_be_bytes()).is_err() && cursor.next().is_err());
    assert_eq!(cursor.pass_over(), Some(&0u32.to_be_bytes()[..]));
    let mut cursor = sums.cursor::<&[u8]>(..).unwrap();
    let mut back = Vec::new();
    loop {
        match cursor.prev() {
            Ok(true) => back.push(u32::from_be_bytes(cursor.key().try_into().unwrap())),
            Ok(false) => break,
            Err(_) => assert!(cursor.pass_over().is_some()),
        }
    }
    back.reverse();
    assert_eq!(back, good);
    assert_eq!(cursor.pass_over(), None);
}
