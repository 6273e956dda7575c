//! What errors tell those who meet them: what it is about, and what to do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cuesta::{
    Backups, Compression, Database, Error, ErrorKind, KeyspaceOptions, RestoreTo,
    TransactionOptions,
};

use crate::lsm;

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn check(error: &Error, kind: ErrorKind, parts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.message().contains(part), "{part:?} is not in {error}");
    }
    assert!(!error.message().contains("index "), "{error}");
}

#[test]
fn conflicts_and_locks_name_the_keyspace() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let stock = db.keyspace("stock").unwrap();
    let tx = db.begin().unwrap();
    tx.get(&stock, "apples").unwrap();
    tx.put(&stock, "pears", "1").unwrap();
    stock.put("apples", "2").unwrap();
    let conflict = tx.commit().unwrap_err();
    check(&conflict, ErrorKind::Conflict, &["key \"apples\" of \"stock\""]);

    let holder = db.begin().unwrap();
    holder.get_for_update(&stock, "apples").unwrap();
    let soon = TransactionOptions::new().lock_timeout(Duration::from_millis(1));
    let late = db.begin_with(&soon).unwrap();
    let error = late.get_for_update(&stock, "apples").unwrap_err();
    check(&error, ErrorKind::Timeout, &["\"stock\": ", "lock_timeout"]);
}

#[test]
fn what_was_dropped_or_came_later_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let before = db.snapshot();
    let stock = db.keyspace("stock").unwrap();
    let named = ["keyspace \"stock\""];
    check(&before.get(&stock, "k").unwrap_err(), ErrorKind::NotFound, &named);
    check(&before.iter(&stock).unwrap_err(), ErrorKind::NotFound, &named);
    let tx = db.begin().unwrap();
    db.drop_keyspace("stock").unwrap();
    check(&stock.get("k").unwrap_err(), ErrorKind::NotFound, &named);
    check(&stock.iter().unwrap_err(), ErrorKind::NotFound, &named);
    for error in [
        stock.put("k", "v").unwrap_err(),
        stock.watch_prefix("k").unwrap_err(),
        tx.put(&stock, "k", "v").and_then(|()| tx.commit()).unwrap_err(),
    ] {
        check(&error, ErrorKind::NotFound, &["\"stock\" was dropped"]);
    }
}

#[test]
fn damage_is_told_with_file_and_keyspace_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let db = Database::open(path).unwrap();
    let stock = db.keyspace("stock").unwrap();
    for n in 0..100_u32 {
        stock.put(n.to_be_bytes(), [7; 200]).unwrap();
    }
    db.flush().unwrap();
    db.close().unwrap();
    let segment = files(path).into_iter().find(|name| name.ends_with(".seg")).unwrap();
    let file = path.join(&segment);
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(200).position(|run| run == [7; 200]).unwrap();
    bytes[at] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let db = Database::open(path).unwrap();
    let stock = db.keyspace("stock").unwrap();
    let told = ["keyspace \"stock\"", &segment, "`cuesta verify`", "`cuesta repair`"];
    let by_key = stock.get(1_u32.to_be_bytes()).unwrap_err();
    check(&by_key, ErrorKind::Corrupt, &told);
    let by_range = stock.iter().unwrap().find_map(Result::err).unwrap();
    check(&by_range, ErrorKind::Corrupt, &told);
    db.close().unwrap();

    let identity = path.join("identity");
    let mut bytes = fs::read(&identity).unwrap();
    bytes[20] ^= 1;
    fs::write(&identity, &bytes).unwrap();
    let error = Database::open(path).unwrap_err();
    let told = [identity.to_str().unwrap(), "`cuesta repair`", "restore a backup"];
    check(&error, ErrorKind::Corrupt, &told);
}

#[test]
fn no_database_is_made_among_things_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("photos");
    fs::create_dir(&dir).unwrap();
    for ours in [".gitkeep", "lost+found"] {
        fs::write(dir.join(ours), "").unwrap();
    }
    for (other, is_folder) in [("2024.jpg", false), ("holidays", true)] {
        let path = dir.join(other);
        if is_folder {
            fs::create_dir(&path).unwrap()
        } else {
            fs::write(&path, "mine").unwrap()
        }
        let before = files(&dir);
        check(&Database::open(&dir).unwrap_err(), ErrorKind::Exists, &[other, "empty"]);
        assert_eq!(files(&dir), before, "nothing is left behind");
        if is_folder { fs::remove_dir(&path).unwrap() } else { fs::remove_file(&path).unwrap() }
    }
    let db = Database::open(&dir).unwrap();
    // Backups neither; and a database that is there does not mind what is put beside it.
    let backups = folder.path().join("documents");
    fs::create_dir(&backups).unwrap();
    fs::write(backups.join("letter.txt"), "mine").unwrap();
    check(&db.backup(&backups).unwrap_err(), ErrorKind::Exists, &["letter.txt", "backups need"]);
    assert_eq!(files(&backups), ["letter.txt"]);
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    db.close().unwrap();
    Database::open(&dir).unwrap();
}

#[test]
fn a_restore_that_fails_leaves_no_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    let db = Database::open(&data).unwrap();
    db.keyspace("stock").unwrap().put("k", "v").unwrap();
    db.flush().unwrap();
    db.backup(&backups).unwrap();
    let target = folder.path().join("restored");
    let pool = Backups::at(&backups);
    assert!(pool.restore(&target, RestoreTo::Commit(99)).is_err());
    assert!(!target.exists());
    for file in fs::read_dir(backups.join("files")).unwrap() {
        fs::write(file.unwrap().path(), "damaged").unwrap();
    }
    let error = pool.restore(&target, RestoreTo::Latest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(!target.exists());
    // A directory that was there stays, and is empty again.
    fs::create_dir(&target).unwrap();
    assert!(pool.restore(&target, RestoreTo::Latest).is_err());
    assert_eq!(files(&target), [""; 0]);
    fs::write(target.join("mine"), "").unwrap();
    check(&pool.restore(&target, RestoreTo::Latest).unwrap_err(), ErrorKind::Exists, &["mine"]);
}

#[test]
fn a_keyspace_that_is_there_must_have_what_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let minute = Duration::from_secs(60);
    let first = lsm().ttl(minute).compression_of(3, Compression::Zstd);
    db.keyspace_with("sessions", &first).unwrap();
    for same in [
        first,
        KeyspaceOptions::new(),
        KeyspaceOptions::new().ttl(minute),
        // What is the default is fine when it is what the keyspace has.
        lsm().block_bytes(8 << 10).compression_of(3, Compression::Zstd),
    ] {
        db.keyspace_with("sessions", &same).unwrap();
    }
    for (other, name) in [
        (lsm().ttl(minute * 2), "a ttl of 60s"),
        (lsm().ttl(minute).block_bytes(4096), "block_bytes 8192"),
        (lsm().compression(Compression::Lz4), "compression"),
        (lsm().filter_bits(5), "filter_bits 10"),
        (lsm().blob_threshold(0), "blob_threshold 16384"),
        (lsm().merge_operator("add"), "no merge operator"),
    ] {
        let error = db.keyspace_with("sessions", &other).unwrap_err();
        check(&error, ErrorKind::Invalid, &["keyspace \"sessions\"", name]);
    }
    db.keyspace("sessions").unwrap();
}

#[test]
fn options_are_read_back_and_a_clash_is_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let plain = db.keyspace_with("plain", &lsm()).unwrap();
    assert_eq!(plain.options().unwrap(), lsm());
    let options = lsm()
        .compression(Compression::Zstd)
        .compression_of(0, Compression::None)
        .block_bytes(4096)
        .filter_bits(12)
        .blob_threshold(0)
        .ttl(Duration::from_millis(90_500))
        .merge_operator("add");
    let created = db.keyspace_with("full", &options).unwrap();
    db.flush().unwrap();
    for full in [created.clone(), db.keyspace("full").unwrap()] {
        let read = full.options().unwrap();
        assert_eq!(read, options);
        let values = read.values();
        assert_eq!((values.block_bytes, values.filter_bits, values.blob_threshold), (4096, 12, 0));
        assert_eq!(values.compression[..2], [Compression::None, Compression::Zstd]);
        assert_eq!(values.ttl, Some(Duration::from_millis(90_500)));
        assert_eq!(values.merge_operator.as_deref(), Some("add"));
    }
    // What was read back makes another one like it, and asks for nothing of one that is there.
    let twin = db.keyspace_with("twin", &created.options().unwrap()).unwrap();
    assert_eq!(twin.options().unwrap(), options);
    assert!(db.keyspace_with("plain", &created.options().unwrap()).is_ok());

    let new = lsm;
    let hour = Duration::from_secs(3600);
    for (name, asked, told) in [
        ("plain", new().ttl(hour), ["created with no ttl", "not for a ttl of 3600s"]),
        ("full", new().ttl(Duration::ZERO), ["created with a ttl of 90.5s", "not for no ttl"]),
        (
            "plain",
            new().compression(Compression::Lz4),
            ["no compression of level 0", "compression lz4 of level 0"],
        ),
        ("plain", new().merge_operator("max"), ["no merge operator", "the merge operator \"max\""]),
        ("full", new().filter_bits(3), ["filter_bits 12", "filter_bits 3"]),
    ] {
        check(&db.keyspace_with(name, &asked).unwrap_err(), ErrorKind::Invalid, &told);
    }
    db.drop_keyspace("full").unwrap();
    check(&created.options().unwrap_err(), ErrorKind::NotFound, &["\"full\" was dropped"]);
}

#[test]
fn an_empty_path_is_not_the_current_directory() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path().join("db")).unwrap();
    let all: [Error; 7] = [
        Database::open("").unwrap_err(),
        Database::builder().archive_log("").open(dir.path().join("new")).unwrap_err(),
        Database::repair("", dir.path().join("new")).unwrap_err(),
        Database::repair(dir.path().join("db"), "").unwrap_err(),
        db.checkpoint("").unwrap_err(),
        db.backup("").unwrap_err(),
        Backups::at("").list().unwrap_err(),
    ];
    for error in all {
        check(&error, ErrorKind::Invalid, &["is empty: \".\" is the current directory"]);
    }
    assert_eq!(files(dir.path()), ["db"]);
}

#[test]
fn a_log_is_not_archived_in_a_database() {
    let dir = tempfile::tempdir().unwrap();
    let (new, other) = (dir.path().join("new"), dir.path().join("other"));
    Database::open(&other).unwrap().close().unwrap();
    for (path, archive) in [(&new, &new), (&new, &new.join(".")), (&new, &other), (&other, &other)]
    {
        let error = Database::builder().archive_log(archive).open(path).unwrap_err();
        check(
            &error,
            ErrorKind::Invalid,
            &["is a database: backups need a directory of their own"],
        );
    }
    assert_eq!(files(dir.path()), ["other"]);
}

#[test]
fn no_attempt_at_all_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let options = TransactionOptions::new().attempts(0);
    let error = db.transact_with(&options, |_| -> cuesta::Result<()> { panic!() }).unwrap_err();
    check(&error, ErrorKind::Invalid, &["attempts"]);
}

#[test]
fn a_time_to_live_may_be_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path().join("db")).unwrap();
    let hour = KeyspaceOptions::new().ttl(Duration::from_secs(3600));
    let ks = db.keyspace_with("k", &hour).unwrap();
    ks.put("a", "1").unwrap();
    ks.put_with_ttl("b", "1", Duration::MAX).unwrap();
    let tx = db.begin().unwrap();
    tx.put_with_ttl(&ks, "c", "1", Duration::MAX).unwrap();
    tx.commit().unwrap();
    let file = dir.path().join("part");
    let mut part = cuesta::SegmentBuilder::create(&file, &hour).unwrap();
    part.put_with_ttl("d", "1", Duration::MAX).unwrap();
    part.finish().unwrap();
    db.ingest(&ks, [file]).unwrap();
    assert!(matches!(ks.expiry("a").unwrap(), Some(cuesta::Expiry::In(_))));
    for key in ["b", "c", "d"] {
        assert_eq!(ks.expiry(key).unwrap(), Some(cuesta::Expiry::Never), "{key}");
    }
    let ever = db.keyspace_with("ever", &KeyspaceOptions::new().ttl(Duration::MAX)).unwrap();
    ever.put("a", "1").unwrap();
    assert_eq!(ever.expiry("a").unwrap(), Some(cuesta::Expiry::Never));
}

#[test]
fn a_dump_that_was_changed_says_so_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path().join("db")).unwrap();
    db.keyspace("k").unwrap().put("key", "first").unwrap();
    let mut dump = Vec::new();
    db.dump(&mut dump).unwrap();
    let text = String::from_utf8(dump).unwrap();
    let other = Database::open(dir.path().join("other")).unwrap();
    let load = |text: &str| other.load(text.as_bytes(), cuesta::Existing::Refuse).unwrap_err();
    let error = load(&text.replace("first", "fixst"));
    check(&error, ErrorKind::Corrupt, &["the checksum in the last line is ", "was changed"]);
    let error = load(&text.replace("\"entries\":1", "\"entries\":2"));
    check(&error, ErrorKind::Corrupt, &["says that there are 2 entries, found are 1"]);
}

#[test]
fn who_repairs_what_is_open_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, new) = (dir.path().join("db"), dir.path().join("new"));
    let _open = Database::open(&path).unwrap();
    let error = Database::repair(&path, &new).unwrap_err();
    let holder = format!("is in use by pid {}", std::process::id());
    check(&error, ErrorKind::Locked, &[&holder]);
}
