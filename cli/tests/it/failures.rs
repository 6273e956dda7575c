//! Exit codes and error messages.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use cuesta::Database;

use crate::program::{Desk, PROGRAM};

#[test]
fn what_is_not_there_gives_one_and_leaves_no_trace() {
    let desk = Desk::new();
    for command in [
        "get db k a",
        "scan db k",
        "export db k",
        "stats db",
        "verify db",
        "keyspaces db",
        "inspect db",
        "delete db k a",
        "compact db",
        "keyspaces db drop k",
        "keyspaces db rename k l",
        "import db k missing.csv",
        "put db k a --file missing",
        "demo db --data missing",
    ] {
        let (code, kind, message) = desk.failure(command);
        assert_eq!((code, kind.as_str()), (1, "NotFound"), "{command}: {message}");
        assert!(message.contains("db") || message.contains("missing"), "{command}: {message}");
        assert!(!desk.path("db").exists() || desk.files("db").is_empty(), "{command}");
    }
    fs::create_dir_all(desk.path("db")).unwrap();
    assert_eq!(desk.failure("get db k a").0, 1);
    assert_eq!(desk.files("db"), [""; 0]);

    desk.text("put db k a 1");
    assert_eq!(desk.failure("get db k b").2, "there is no key b in \"k\"");
    assert_eq!(desk.failure("get db other a").0, 1);
    assert_eq!(desk.failure("delete db other a").0, 1);
    let outcome = desk.run("get db k b");
    assert_eq!((outcome.code, outcome.out.len()), (1, 0));
    assert_eq!(outcome.errors, "cuesta: there is no key b in \"k\"\n");
}

#[test]
fn what_is_wrong_with_the_call_gives_two() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    for command in [
        "",
        "nonsense",
        "get db k",
        "get db k xyz --hex",
        "put db k 0 v --hex",
        "put db k a b --file c",
        "scan db k --limit many",
        "import db k",
        "import db k - --batch 0",
        "put db k a b --durability paper",
        "inspect db/unknown",
        "bench db --workload nothing",
    ] {
        if command.starts_with("inspect") {
            desk.write("db/unknown", "");
        }
        let (code, kind, message) = desk.failure(command);
        assert_eq!((code, kind.as_str()), (2, "Invalid"), "{command}: {message}");
        assert!(!message.contains('\n') && !message.is_empty(), "{command}: {message}");
        assert_eq!(desk.run(command).code, 2, "{command}");
    }
    let long = "k".repeat(65_536);
    let refused = desk.run_with(&["put", "db", "k", &long, "v"], b"");
    assert_eq!(refused.code, 2, "{}", refused.errors);
    assert_eq!(desk.run("help").code, 0);
    assert_eq!(desk.run("--version").good(), format!("cuesta {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn damage_gives_three() {
    let desk = Desk::new();
    let rows: String = (0..5000).map(|n| format!("{{\"id\":{n},\"v\":\"value {n}\"}}\n")).collect();
    desk.run_with(&["import", "db", "k", "-"], rows.as_bytes()).good();
    desk.text("compact db");
    assert_eq!(desk.json("verify db")["sound"], true);
    let segment = desk.files("db").into_iter().find(|name| name.ends_with(".seg")).unwrap();
    let path = desk.path("db").join(&segment);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let outcome = desk.run("verify db --json");
    assert_eq!(outcome.code, 3);
    let report: serde_json::Value = serde_json::from_slice(&outcome.out).unwrap();
    assert_eq!(report["sound"], false);
    let problem = report["problems"][0].as_str().unwrap();
    assert!(problem.contains("\"k\""), "{problem}");
    assert!(outcome.errors.contains("\"kind\":\"Corrupt\""), "{}", outcome.errors);
    let outcome = desk.run("verify db");
    assert!(String::from_utf8(outcome.out).unwrap().starts_with("damage: "));
    assert!(outcome.errors.starts_with("cuesta: db is damaged: index \"k\", "));
    assert_eq!(desk.failure("export db k --output copy").0, 3);
    assert_eq!(desk.run("export db k").code, 3);
    assert_eq!(desk.failure("export db k --output copy.csv.zst --format csv").0, 3);
    assert_eq!(desk.failure("dump db copy.gz").0, 3);
    assert_eq!(desk.files(""), ["db"], "nothing by halves");

    let identity = desk.path("db/identity");
    let mut bytes = fs::read(&identity).unwrap();
    bytes[20] ^= 0x40;
    fs::write(&identity, &bytes).unwrap();
    for command in ["get db k 1", "put db k 1 2", "verify db", "inspect db", "inspect db/identity"]
    {
        let (code, kind, _) = desk.failure(command);
        assert_eq!((code, kind.as_str()), (3, "Corrupt"), "{command}");
    }
}

#[test]
fn a_database_in_use_gives_four_and_names_its_holder() {
    let desk = Desk::new();
    let db = Database::open(desk.path("db")).unwrap();
    db.keyspace("k").unwrap().put("a", "1").unwrap();
    for command in ["put db k a 2", "compact db", "keyspaces db drop k", "backup db kept"] {
        let (code, kind, message) = desk.failure(command);
        assert_eq!((code, kind.as_str()), (4, "Locked"), "{command}: {message}");
        assert!(message.contains(&format!("pid {}", std::process::id())), "{command}: {message}");
    }
    // Who only reads reads along.
    assert_eq!(desk.text("get db k a"), "1\n");
    db.keyspace("k").unwrap().put("b", "2").unwrap();
    assert_eq!(desk.text("scan db k --keys-only").lines().count(), 2);
    desk.text("verify db");
    desk.text("stats db");
    assert_eq!(desk.json("inspect db/lock")["kind"], "lock");
    db.close().unwrap();
    assert_eq!(desk.text("get db k a"), "1\n");
}

#[test]
fn when_as_many_read_along_as_can_it_gives_four_and_is_tried_again() {
    let desk = Desk::new();
    let db = Database::open(desk.path("db")).unwrap();
    db.keyspace("k").unwrap().put("a", "1").unwrap();
    let readers = || Database::builder().reader().refresh_interval(Duration::from_secs(3600));
    let mut all: Vec<_> = (0..126).map(|_| readers().open(desk.path("db")).unwrap()).collect();
    let (code, kind, message) = desk.failure("get db k a --wait 0s");
    assert_eq!((code, kind.as_str()), (4, "Busy"), "{message}");
    all.pop();
    assert_eq!(desk.text("get db k a"), "1\n");
}

#[test]
fn what_exists_is_not_overwritten() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    desk.write("taken", "mine");
    let (code, kind, _) = desk.failure("export db k --output taken");
    assert_eq!((code, kind.as_str()), (8, "Exists"));
    let (code, kind, message) = desk.failure("put taken k a 1");
    assert_eq!((code, kind.as_str()), (8, "Exists"));
    assert_eq!(message, "there is a file at taken or above it, where a directory should be");
    assert_eq!(fs::read(desk.path("taken")).unwrap(), b"mine");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data");
    assert_eq!(desk.failure(&format!("demo db --data {data}")).1, "Exists");
}

#[test]
fn every_mistake_has_its_code_and_tells_all_of_it() {
    let desk = Desk::new();
    desk.text("keyspaces db create k --block-bytes 4096");
    let (code, _, message) = desk.failure("get db k");
    assert_eq!(code, 2);
    assert!(message.contains("<KEY>"), "{message}");
    let (_, _, message) = desk.failure("scan db k --limitt 3");
    assert!(message.contains("--limitt") && message.contains("tip:"), "{message}");
    assert!(!message.contains("Usage") && !message.contains('\n'), "{message}");
    assert!(desk.failure("").2.contains("cuesta help"));
    // Options that a keyspace was not created with, and those of the log where nothing is written.
    let (code, _, message) = desk.failure("import db k - --block-bytes 8192");
    assert_eq!(code, 2);
    assert!(message.contains("block_bytes 4096"), "{message}");
    assert_eq!(desk.failure("scan db k --archive-log backups").0, 2);
    // Things of others.
    fs::create_dir(desk.path("letters")).unwrap();
    desk.write("letters/one.txt", "dear");
    for command in ["put letters k a 1", "backup db letters", "checkpoint db letters"] {
        let (code, kind, message) = desk.failure(command);
        assert_eq!((code, kind.as_str()), (8, "Exists"), "{command}");
        assert!(message.contains("one.txt"), "{message}");
        assert_eq!(desk.files("letters"), ["one.txt"], "{command}");
    }
    desk.write("file", "");
    assert_eq!(desk.failure("put file k a 1").0, 8);
    assert_eq!(desk.failure("put file/db k a 1").0, 8);
    let one = desk.text("verify db");
    assert!(one.starts_with("1 keyspace, 0 segments"), "{one}");
}

#[test]
fn the_log_is_kept_and_archived_for_those_who_ask() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    desk.text("backup db backups");
    let kept = ["--archive-log", "backups", "--log-retention-age", "7d", "--log-segment-bytes"];
    for value in ["2", "3", "4"] {
        let put = [&["put", "db", "k", "a", value], &kept[..], &["65536"]].concat();
        desk.run_with(&put, b"").good();
    }
    desk.run_with(&[&["compact", "db"], &kept[..], &["65536"]].concat(), b"").good();
    assert_eq!(desk.json_lines("changes db").len(), 5);
    desk.text("restore backups copy");
    assert_eq!(desk.text("get copy k a"), "4\n");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::new();
    let rows: String = (0..20_000).map(|n| format!("{{\"id\":{n}}}\n")).collect();
    desk.run_with(&["import", "db", "k", "-"], rows.as_bytes()).good();
    for command in ["scan", "export"] {
        let mut child = Command::new(PROGRAM)
            .args([command, "db", "k"])
            .current_dir(desk.folder())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert_eq!(output.stderr, b"", "{command}");
    }
}
