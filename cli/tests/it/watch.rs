//! Waiting for what is committed: `watch`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{Desk, PROGRAM};

#[test]
fn what_comes_is_printed() {
    let desk = Desk::new();
    desk.text("put db jobs old/1 x");
    let mut watch = Command::new(PROGRAM)
        .args(["watch", "db", "jobs", "--prefix", "new/", "--limit", "3", "--json"])
        .args(["--since", "1", "--timeout", "60s"])
        .current_dir(desk.folder())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    // Writers wait for a look to be over.
    desk.text("put db jobs new/1 hello");
    assert_eq!(next()["operations"][0]["key"], "new/1");
    desk.text("put db other new/2 x");
    desk.text("put db jobs old/2 x");
    desk.text("delete-range db jobs --start new/0 --end new/2");
    let ranged = next();
    assert_eq!(
        (&ranged["operations"][0]["start"], ranged["commit"].as_u64()),
        (&"new/0".into(), Some(7))
    );
    desk.text("put db jobs new/3 x");
    assert_eq!(next()["operations"][0]["key"], "new/3");
    assert!(watch.wait().unwrap().success());
}

#[test]
fn watching_begins_now_and_may_end_without_anything() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    let (code, kind, _) = desk.failure("watch db --timeout 250ms");
    assert_eq!((code, kind.as_str()), (7, "Timeout"));
    assert_eq!(desk.failure("watch db k --key b --since 0 --timeout 0").0, 7);
    let told = desk.text("watch db k --key a --since 0 --limit 1");
    assert!(told.ends_with("\tput\tk\ta\t1\n"), "{told}");
    assert_eq!(desk.text("watch db --since 0 --limit 2").lines().count(), 2);
    assert_eq!(desk.failure("watch nowhere").0, 1);
    for wrong in ["watch db --key a", "watch db k --key a --prefix b", "watch db --since 99"] {
        assert_eq!(desk.failure(wrong).0, 2, "{wrong}");
    }
}

#[test]
fn watching_ends_when_the_database_is_replaced() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    let mut watch = Command::new(PROGRAM)
        .args(["watch", "db", "--all", "--json"])
        .current_dir(desk.folder())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once it tells something it reads along.
    let mut line = String::new();
    BufReader::new(watch.stdout.take().unwrap()).read_line(&mut line).unwrap();
    std::fs::remove_dir_all(desk.path("db")).unwrap();
    desk.text("put db k a 2");
    let ended = watch.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("the database in db ") && told.contains("open it again"), "{told}");
}

#[test]
fn what_is_missing_is_told_in_words_of_commands() {
    let desk = Desk::new();
    let db = cuesta::Database::open(desk.path("db")).unwrap();
    db.keyspace("k").unwrap();
    let missing = "there is no keyspace \"nope\" in db";
    assert_eq!(desk.failure("get db nope a"), (1, "NotFound".into(), missing.into()));
    let (code, _, told) = desk.failure("backup db kept --wait 0s");
    assert_eq!(code, 4);
    assert!(told.contains("is in use by pid") && !told.contains("open_reader"), "{told}");
    db.close().unwrap();
    assert_eq!(desk.failure("get db nope a"), (1, "NotFound".into(), missing.into()));
}

#[test]
fn a_command_waits_for_another_process() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    let mut held = Command::new(PROGRAM)
        .args(["import", "db", "k", "-", "--format", "csv"])
        .current_dir(desk.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It looks at the first bytes before it opens the database.
    let mut input = held.stdin.take().unwrap();
    input.write_all(b"id,v\nb,2\n").unwrap();
    while desk.run("put db k a 1 --wait 0").code == 0 {}
    assert_eq!(desk.failure("put db k a 1 --wait 50ms").0, 4);
    // Who only reads has nothing to wait for.
    assert_eq!(desk.text("get db k a"), "1\n");
    let mut waits = Command::new(PROGRAM)
        .args(["put", "db", "k", "a", "2", "--wait", "60s"])
        .current_dir(desk.folder())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(input);
    assert!(held.wait().unwrap().success());
    assert!(waits.wait().unwrap().success());
    assert_eq!(desk.text("get db k a"), "2\n");
}

#[test]
fn what_another_process_commits_is_told_while_it_has_the_database() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    let db = cuesta::Database::open(desk.path("db")).unwrap();
    let (code, kind, _) = desk.failure("watch db --timeout 100ms");
    assert_eq!((code, kind.as_str()), (7, "Timeout"));
    let watches = Command::new(PROGRAM)
        .args(["watch", "db", "k", "--all", "--limit", "2", "--timeout", "60s"])
        .current_dir(desk.folder())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    db.keyspace("k").unwrap().put("b", "2").unwrap();
    let told = watches.wait_with_output().unwrap();
    assert!(told.status.success());
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.lines().count() >= 2, "{told}");
    db.close().unwrap();
}

#[test]
fn a_keyspace_that_is_not_there_is_waited_for_and_told() {
    let desk = Desk::new();
    desk.text("put db jobs a 1");
    let outcome = desk.run("watch db typo --timeout 10ms");
    assert_eq!(outcome.code, 7);
    let told = "there is no keyspace \"typo\" yet: waiting for it; there are jobs";
    assert!(outcome.errors.contains(told), "{}", outcome.errors);
    assert!(!desk.run("watch db jobs --timeout 10ms").errors.contains("no keyspace"));
}
