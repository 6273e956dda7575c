//! Deleting ranges, as users see it.

use std::ops::Bound;

use cuesta::{Batch, Database, Durability, ErrorKind, Isolation, Keyspace, TransactionOptions};

fn open(dir: &tempfile::TempDir) -> (Database, Keyspace) {
    let db = Database::builder().durability(Durability::Buffered).open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    (db, ks)
}

fn with_letters() -> (Database, Keyspace, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let (db, ks) = open(&dir);
    for letter in "abcdefgh".chars() {
        ks.put(letter.to_string(), "").unwrap();
    }
    (db, ks, dir)
}

fn left(ks: &Keyspace) -> String {
    let text = |entry: cuesta::Result<(Vec<u8>, _)>| String::from_utf8(entry.unwrap().0).unwrap();
    ks.iter().unwrap().map(text).collect()
}

#[test]
fn bounds_of_all_kinds_delete_what_they_hold() {
    let (_db, ks, _dir) = with_letters();
    ks.delete_range("b".."d").unwrap();
    assert_eq!(left(&ks), "adefgh");
    ks.delete_range("d"..="e").unwrap();
    assert_eq!(left(&ks), "afgh");
    ks.delete_range::<&str>((Bound::Excluded("a"), Bound::Excluded("g"))).unwrap();
    assert_eq!(left(&ks), "agh");
    ks.delete_range("x".."b").unwrap();
    ks.delete_range("b".."b").unwrap();
    assert_eq!(left(&ks), "agh");
    ks.delete_range(.."h").unwrap();
    assert_eq!(left(&ks), "h");
    ks.put("i", "").unwrap();
    ks.delete_range("i"..).unwrap();
    assert_eq!(left(&ks), "h");
    ks.clear().unwrap();
    assert_eq!(left(&ks), "");
}

#[test]
fn a_prefix_takes_all_that_begin_with_it_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let (_db, ks) = open(&dir);
    let keys: [&[u8]; 7] = [b"a", b"a\xff", b"a\xff\xff", b"a\xff\xff\x01", b"b", b"\xff", b""];
    for key in keys {
        ks.put(key, "").unwrap();
    }
    ks.delete_prefix(b"a\xff").unwrap();
    assert_eq!(ks.iter().unwrap().count(), 4);
    ks.delete_prefix(b"\xff").unwrap();
    assert!(!ks.contains(b"\xff").unwrap() && ks.contains(b"b").unwrap());
    ks.delete_prefix("").unwrap();
    assert_eq!(ks.iter().unwrap().count(), 0);
}

#[test]
fn the_longest_keys_are_within_and_longer_bounds_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_db, ks) = open(&dir);
    let long = vec![b'k'; 65_535];
    for delete in [0, 1] {
        ks.put(&long, "").unwrap();
        ks.put("z", "").unwrap();
        match delete {
            0 => ks.delete_range("a".to_owned().into_bytes()..=long.clone()).unwrap(),
            _ => ks.delete_prefix(&long).unwrap(),
        }
        assert_eq!(left(&ks), "z");
    }
    ks.put(&long, "").unwrap();
    ks.delete_range((Bound::Excluded(long.clone()), Bound::Unbounded)).unwrap();
    assert!(ks.contains(&long).unwrap() && !ks.contains("z").unwrap());
    let longer = vec![b'k'; 65_536];
    let error = ks.delete_range(longer.clone()..).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = ks.delete_range(..longer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

/// A range delete keeps of its range what a segment below holds: up to behind its last key.
#[test]
fn a_range_delete_over_the_longest_keys_is_sound_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (db, ks) = open(&dir);
    for last in [b'k', 0xff] {
        ks.put(vec![last; 65_535], "").unwrap();
        ks.put("zz", "").unwrap();
        db.flush().unwrap();
        ks.delete_range("a"..).unwrap();
        ks.put("b", "").unwrap();
        db.flush().unwrap();
        assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
        assert_eq!(left(&ks), "b");
    }
}

#[test]
fn in_a_batch_what_comes_later_wins() {
    let (db, ks, _dir) = with_letters();
    let mut batch: Batch = db.batch();
    batch.put(&ks, "b", "lost").unwrap();
    batch.put(&ks, "x", "kept").unwrap();
    batch.delete_range(&ks, "a".."c").unwrap();
    batch.put(&ks, "a", "later").unwrap();
    batch.delete_prefix(&ks, "h").unwrap();
    assert_eq!(batch.len(), 5);
    batch.commit().unwrap();
    assert_eq!(left(&ks), "acdefgx");
    assert_eq!(ks.get("a").unwrap().unwrap(), "later");
}

#[test]
fn snapshots_and_iterators_keep_what_was_there() {
    let (db, ks, dir) = with_letters();
    let before = db.snapshot();
    let mut walking = ks.iter().unwrap();
    walking.next().unwrap().unwrap();
    ks.clear().unwrap();
    ks.put("c", "new").unwrap();
    let check = || {
        assert_eq!(before.iter(&ks).unwrap().count(), 8);
        assert_eq!(before.get(&ks, "c").unwrap().unwrap(), "");
        assert_eq!(left(&ks), "c");
        assert!(!ks.contains("b").unwrap());
    };
    check();
    db.flush().unwrap();
    check();
    db.compact().unwrap();
    check();
    assert_eq!(walking.count(), 7);
    drop((before, ks));
    db.close().unwrap();
    let (_db, ks) = open(&dir);
    assert_eq!(left(&ks), "c");
}

#[test]
fn a_transaction_sees_the_ranges_that_it_deletes() {
    let (db, ks, _dir) = with_letters();
    let tx = db.begin().unwrap();
    tx.put(&ks, "bb", "mine").unwrap();
    tx.delete_range(&ks, "b".."d").unwrap();
    tx.put(&ks, "c", "again").unwrap();
    let savepoint = tx.savepoint().unwrap();
    tx.delete_prefix(&ks, "").unwrap();
    assert_eq!(tx.iter(&ks).unwrap().count(), 0);
    tx.rollback_to(&savepoint).unwrap();
    let seen = tx.iter(&ks).unwrap().map(|entry| entry.unwrap().0).collect::<Vec<_>>().concat();
    assert_eq!(seen, b"acdefgh");
    assert!(!tx.contains(&ks, "bb").unwrap() && !tx.contains(&ks, "b").unwrap());
    assert_eq!(left(&ks), "abcdefgh");
    tx.commit().unwrap();
    assert_eq!(left(&ks), "acdefgh");
}

/// Whether a transaction that uses a key fails after somebody else has deleted a range.
fn fails(isolation: Isolation, uses: impl FnOnce(&cuesta::Transaction, &Keyspace)) -> bool {
    let (db, ks, _dir) = with_letters();
    let tx = db.begin_with(&TransactionOptions::new().isolation(isolation)).unwrap();
    uses(&tx, &ks);
    ks.delete_range("c".."f").unwrap();
    match tx.commit() {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Conflict);
            true
        }
    }
}

#[test]
fn a_range_that_others_delete_conflicts_with_reads_and_writes_within() {
    use Isolation::{Serializable, Snapshot};
    let put = |tx: &cuesta::Transaction, ks: &Keyspace, key: &str| tx.put(ks, key, "").unwrap();
    for key in ["c", "d", "dd", "e"] {
        assert!(fails(Serializable, |tx, ks| {
            tx.get(ks, key).unwrap();
            put(tx, ks, "z");
        }));
        assert!(fails(Snapshot, |tx, ks| put(tx, ks, key)));
    }
    for key in ["b", "f", "bb"] {
        assert!(!fails(Serializable, |tx, ks| {
            tx.get(ks, key).unwrap();
            put(tx, ks, "z");
        }));
        assert!(!fails(Snapshot, |tx, ks| put(tx, ks, key)));
    }
    for (range, conflict) in [("a".."b", false), ("a".."d", true), ("ea".."h", true)] {
        assert_eq!(
            conflict,
            fails(Serializable, |tx, ks| {
                assert!(tx.range(ks, range).unwrap().count() > 0);
                put(tx, ks, "z");
            })
        );
    }
    assert!(fails(Snapshot, |tx, ks| tx.delete_range(ks, "e".."z").unwrap()));
    assert!(!fails(Snapshot, |tx, ks| tx.delete_range(ks, "f".."z").unwrap()));
}

#[test]
fn a_key_that_others_write_conflicts_with_the_range_that_was_deleted() {
    for (key, conflict) in [("b", false), ("c", true), ("new", true), ("x", false)] {
        let (db, ks, _dir) = with_letters();
        let options = TransactionOptions::new().isolation(Isolation::Snapshot);
        let tx = db.begin_with(&options).unwrap();
        tx.delete_range(&ks, "c".."x").unwrap();
        ks.put(key, "phantom").unwrap();
        assert_eq!(tx.commit().is_err(), conflict, "{key}");
        assert!(ks.contains(key).unwrap());
    }
}

#[test]
fn deleting_most_of_a_keyspace_gives_its_space_back_unread() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .memory_budget(4 << 20)
        .durability(Durability::None)
        .open(dir.path())
        .unwrap();
    let ks = db.keyspace_with("k", &crate::lsm()).unwrap();
    for chunk in 0..200u32 {
        let mut batch = db.batch();
        for key in chunk * 100..(chunk + 1) * 100 {
            let noise = (0..1000).map(|i| (key.wrapping_mul(i) >> 7) as u8).collect::<Vec<_>>();
            batch.put(&ks, key.to_be_bytes(), noise).unwrap();
        }
        batch.commit().unwrap();
    }
    db.compact().unwrap();
    let counted = |name| {
        let counters = db.stats().counters;
        counters.iter().find(|(counter, _)| *counter == name).unwrap().1
    };
    let before = (counted("segments_dropped"), counted("merge_bytes"));
    ks.delete_range(100u32.to_be_bytes()..18_100u32.to_be_bytes()).unwrap();
    db.flush().unwrap();
    db.settle().unwrap();
    assert!(counted("segments_dropped") > before.0, "{:?}", db.stats());
    let written = counted("merge_bytes") - before.1;
    assert!(written < 6 << 20, "{written} bytes were written to give space back");
    assert_eq!(ks.iter().unwrap().count(), 2000);
    let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap());
    let segments = files.filter(|file| file.path().extension().is_some_and(|e| e == "seg"));
    let bytes: u64 = segments.map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes < 9 << 20, "{bytes} bytes of segments are left");
}
