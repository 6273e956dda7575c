//! What a command creates is gone again if it fails before it has written.

use serde_json::json;

use crate::program::Desk;

#[test]
fn nothing_is_left_of_what_fails_at_once() {
    let desk = Desk::new();
    let long = "k".repeat(70_000);
    let put = ["put", "db", "k", long.as_str(), "v"];
    desk.write("bad.ndjson", "{\"id\":1}\nnonsense\n");
    desk.write("cut", "{\"cuesta_dump\":1}\n");
    let all: [(&[&str], i32); 5] = [
        (&put, 2),
        (&["import", "db", "k", "bad.ndjson"], 2),
        (&["keyspaces", "db", "create", "k", "--merge-operator", "median"], 9),
        (&["id", "db", "ids", "a", "--kind", "snowflake", "--node", "5000"], 2),
        (&["load", "db", "cut"], 3),
    ];
    for (arguments, code) in all {
        let outcome = desk.run_with(arguments, b"");
        assert_eq!(outcome.code, code, "{arguments:?}: {}", outcome.errors);
        assert!(!desk.path("db").exists(), "{arguments:?}");
    }
    // What others have in the folder stays, and so does the folder.
    std::fs::create_dir(desk.path("db")).unwrap();
    desk.write("db/mine.tmp.txt", "");
    for (arguments, _) in all {
        desk.run_with(arguments, b"");
        assert_eq!(desk.files("db"), ["mine.tmp.txt"], "{arguments:?}");
    }
}

#[test]
fn what_was_there_stays() {
    let desk = Desk::new();
    desk.text("put db old a 1");
    desk.text("keyspaces db create empty");
    desk.write("bad.ndjson", "{\"id\":1}\nnonsense\n");
    for keyspace in ["old", "empty", "new"] {
        assert_eq!(desk.run(&format!("import db {keyspace} bad.ndjson")).code, 2);
    }
    let names = || desk.text("keyspaces db").lines().count();
    assert_eq!(names(), 2);
    assert_eq!(desk.text("get db old a"), "1\n");
    let (_, _, message) = desk.failure("import db new bad.ndjson --batch 1");
    assert!(message.ends_with("; 1 row before it stay committed"), "{message}");
    assert_eq!(names(), 3);
}

#[test]
fn what_a_command_may_take_is_bounded() {
    let desk = Desk::new();
    let rows: String = (0..3000).map(|n| format!("{{\"id\":{n}}}\n")).collect();
    let tuned = ["--memory", "8388608", "--strict-memory", "--background-rate", "67108864"];
    let import = [&["import", "db", "k", "-", "--scrub", "1048576"], &tuned[..]].concat();
    desk.run_with(&import, rows.as_bytes()).good();
    desk.text(&format!("compact db {}", tuned.join(" ")));
    desk.text("dump db all");
    let load = [&["load", "copy", "all", "--json"], &tuned[..]].concat();
    let loaded: serde_json::Value =
        serde_json::from_str(&desk.run_with(&load, b"").good()).unwrap();
    assert_eq!(loaded["entries"], json!(3000));
    assert_eq!(desk.failure("import db k - --memory 1000").0, 2);
}
