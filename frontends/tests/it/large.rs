//! Large values: they read like others, and their space is given back.

use std::path::Path;

use cuesta::{Database, Durability};

use crate::lsm;

fn value(key: u32, round: u32) -> Vec<u8> {
    let len = 20_000 + (key * 37) % 3000;
    let word = |i: u32| (i / 16).wrapping_mul(2_654_435_761).wrapping_add(key ^ round << 16);
    (0..len).map(|i| (word(i) >> 11) as u8).collect()
}

fn open(dir: &Path) -> Database {
    let builder = Database::builder().memory_budget(8 << 20).durability(Durability::Buffered);
    builder.log_segment_bytes(1 << 20).open(dir).unwrap()
}

fn bytes_on_disk(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let data = files.filter(|file| file.path().extension().is_some_and(|ext| ext == "seg"));
    data.map(|file| file.metadata().unwrap().len()).sum()
}

#[test]
fn large_values_are_read_everywhere_and_again_after_reopening() {
    for maps in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let open = || {
            let builder = Database::builder().memory_budget(4 << 20);
            let builder = if maps { builder } else { builder.without_maps() };
            builder.durability(Durability::Buffered).open(dir.path()).unwrap()
        };
        let db = open();
        let ks = db.keyspace("k").unwrap();
        for key in 0..100u32 {
            ks.put(key.to_be_bytes(), value(key, 0)).unwrap();
            ks.put([&key.to_be_bytes()[..], b"small"].concat(), "small").unwrap();
        }
        let snapshot = db.snapshot();
        for key in (0..100u32).step_by(2) {
            ks.put(key.to_be_bytes(), value(key, 1)).unwrap();
        }
        db.compact().unwrap();
        let check = |db: &Database| {
            let ks = db.existing_keyspace("k").unwrap();
            for key in 0..100u32 {
                let wanted = value(key, (key + 1) % 2);
                assert_eq!(ks.get(key.to_be_bytes()).unwrap().unwrap(), wanted);
                assert!(ks.get_with(key.to_be_bytes(), |v| v == wanted).unwrap().unwrap());
            }
            assert_eq!(ks.iter().unwrap().count(), 200);
            let last = ks.iter().unwrap().rev().nth(1).unwrap().unwrap();
            assert_eq!((last.0, &*last.1), (99u32.to_be_bytes().to_vec(), &value(99, 0)[..]));
            assert!(db.verify().unwrap().is_sound());
        };
        check(&db);
        for key in 0..100u32 {
            assert_eq!(snapshot.get(&ks, key.to_be_bytes()).unwrap().unwrap(), value(key, 0));
        }
        drop((snapshot, ks));
        db.close().unwrap();
        check(&open());
    }
}

#[test]
fn a_transaction_reads_its_own_large_values() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace("k").unwrap();
    ks.put("a", value(1, 0)).unwrap();
    db.flush().unwrap();
    let tx = db.begin().unwrap();
    assert_eq!(tx.get(&ks, "a").unwrap().unwrap(), value(1, 0));
    tx.put(&ks, "a", value(1, 1)).unwrap();
    assert_eq!(tx.get(&ks, "a").unwrap().unwrap(), value(1, 1));
    tx.commit().unwrap();
    assert_eq!(ks.get("a").unwrap().unwrap(), value(1, 1));
}

#[test]
fn overwritten_large_values_leave_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace_with("k", &lsm()).unwrap();
    let live: u64 = (0..200).map(|key| value(key, 0).len() as u64).sum();
    for round in 0..10 {
        for key in 0..200u32 {
            ks.put(key.to_be_bytes(), value(key, round)).unwrap();
        }
    }
    db.compact().unwrap();
    let stats = db.stats();
    assert_eq!(stats.keyspaces[0].blob_bytes, live);
    assert!(stats.keyspaces[0].blob_file_bytes < live * 3 / 2);
    for key in 0..200u32 {
        assert_eq!(ks.get(key.to_be_bytes()).unwrap().unwrap(), value(key, 9));
    }
    // Files that are let go are unlinked in the background, and at the latest now.
    db.close().unwrap();
    let bytes = bytes_on_disk(dir.path());
    assert!(bytes < live * 3 / 2, "{bytes} bytes on disk for {live}");
}

#[test]
fn a_keyspace_may_keep_all_values_with_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let options = lsm().blob_threshold(0);
    let ks = db.keyspace_with("k", &options).unwrap();
    ks.put("a", vec![7; 100_000]).unwrap();
    db.flush().unwrap();
    assert_eq!(db.stats().keyspaces[0].blob_bytes, 0);
    assert_eq!(ks.get("a").unwrap().unwrap(), vec![7; 100_000]);
    let options = lsm().blob_threshold(10);
    assert!(db.keyspace_with("other", &options).is_err());
}

/// Bytes of files that are not named in the directory twice.
fn all_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().metadata().unwrap());
    files.map(|file| file.len()).sum()
}

#[test]
fn large_values_are_written_once_and_survive_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ks = db.keyspace_with("k", &lsm()).unwrap();
    let small = db.keyspace("small").unwrap();
    let live: u64 = (0..300).map(|key| value(key, 0).len() as u64).sum();
    for key in 0..300u32 {
        ks.put(key.to_be_bytes(), value(key, 0)).unwrap();
    }
    db.flush().unwrap();
    let stats = db.stats();
    let adopted = stats.get("blob_adopted_bytes").unwrap();
    assert!(adopted > live * 9 / 10, "{adopted} of {live} bytes stay where they are");
    assert_eq!(adopted + stats.get("blob_bytes").unwrap(), live);
    assert!(stats.keyspaces[0].blob_file_bytes < live * 5 / 4, "{stats:?}");
    // The log goes on, and takes other files.
    for i in 0..100_000u32 {
        small.put(i.to_be_bytes(), [7; 100]).unwrap();
    }
    db.flush().unwrap();
    let check = |ks: &cuesta::Keyspace| {
        for key in 0..300u32 {
            assert_eq!(ks.get(key.to_be_bytes()).unwrap().unwrap(), value(key, 0));
        }
    };
    check(&ks);
    drop((ks, small));
    db.close().unwrap();
    let db = open(dir.path());
    let (ks, small) = (db.keyspace("k").unwrap(), db.keyspace("small").unwrap());
    check(&ks);
    for i in 0..100_000u32 {
        small.put(i.to_be_bytes(), [8; 100]).unwrap();
    }
    db.flush().unwrap();
    check(&ks);
    assert!(db.verify().unwrap().is_sound());
    for key in 0..300u32 {
        ks.delete(key.to_be_bytes()).unwrap();
    }
    db.compact().unwrap();
    drop((ks, small));
    db.close().unwrap();
    assert_eq!(open(dir.path()).stats().keyspaces[0].blob_file_bytes, 0);
    let bytes = all_bytes(dir.path());
    assert!(bytes < 32 << 20, "{bytes} bytes are left");
}

#[test]
fn a_checkpoint_keeps_its_large_values_whatever_the_source_does_with_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let (source, copy) = (dir.path().join("source"), dir.path().join("copy"));
    let builder = Database::builder().memory_budget(8 << 20).durability(Durability::Buffered);
    let builder = builder.log_segment_bytes(1 << 20);
    let db = builder.engine_options(|o| o.close_flush_bytes = 8 << 20).open(&source).unwrap();
    let (ks, small) = (db.keyspace_with("k", &lsm()).unwrap(), db.keyspace("small").unwrap());
    for key in 0..100u32 {
        ks.put(key.to_be_bytes(), value(key, 0)).unwrap();
    }
    db.flush().unwrap();
    // Recovery needs the log from here on.
    small.put("first", "of all").unwrap();
    for key in 100..200u32 {
        ks.put(key.to_be_bytes(), value(key, 0)).unwrap();
    }
    db.settle().unwrap();
    assert!(db.stats().get("blob_adopted_bytes").unwrap() > 0);
    assert!(db.checkpoint(&copy).unwrap().linked_bytes > 0);
    // Nothing of the source refers to large values any more.
    ks.clear().unwrap();
    for i in 0..1000u32 {
        ks.put(i.to_be_bytes(), [7; 1000]).unwrap();
    }
    db.settle().unwrap();
    assert_eq!(db.stats().keyspaces[0].blob_file_bytes, 0);
    drop((ks, small));
    db.close().unwrap();

    let db = open(&source);
    let small = db.keyspace("small").unwrap();
    for i in 0..100_000u32 {
        small.put(i.to_be_bytes(), [8; 100]).unwrap();
    }
    drop(small);
    db.close().unwrap();
    let copy = open(&copy);
    let ks = copy.keyspace("k").unwrap();
    for key in 0..200u32 {
        assert_eq!(ks.get(key.to_be_bytes()).unwrap().unwrap(), value(key, 0));
    }
    assert!(copy.verify().unwrap().is_sound());
}
