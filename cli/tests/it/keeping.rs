//! Copies of databases: `checkpoint`.

use crate::program::Desk;

fn filled() -> Desk {
    let desk = Desk::new();
    let rows: String = (0..500).map(|n| format!("{{\"id\":{n},\"text\":\"row {n}\"}}\n")).collect();
    desk.run_with(&["import", "db", "rows", "-"], rows.as_bytes()).good();
    desk
}

#[test]
fn a_checkpoint_is_a_database() {
    let desk = filled();
    desk.text("compact db");
    desk.text("put db notes a 1");
    let made = desk.json("checkpoint db copy");
    assert!(made["linked_files"].as_u64().unwrap() + made["copied_files"].as_u64().unwrap() > 0);
    desk.text("put db notes a 2");
    assert_eq!(desk.text("get copy notes a"), "1\n");
    assert_eq!(desk.json("verify copy")["sound"], true);
    assert_eq!(desk.json_lines("scan copy rows").len(), 500);
    let (code, kind, message) = desk.failure("checkpoint db copy");
    assert_eq!((code, kind.as_str()), (8, "Exists"), "{message}");
    assert_eq!(desk.failure("checkpoint nowhere copy2").0, 1);
    assert!(!desk.path("copy2").exists());
}

#[test]
fn a_dump_is_loaded_again_packed_or_not() {
    let desk = filled();
    desk.run_with(&["put", "db", "bytes", "--hex", "ff00", "x"], b"").good();
    let dumped = desk.json("dump db all.ndjson");
    assert_eq!((dumped["keyspaces"].as_u64(), dumped["entries"].as_u64()), (Some(2), Some(501)));
    desk.text("dump db all.ndjson.zst");
    let text = desk.run("dump db -");
    // The header tells when the dump was made, and the last line has its checksum.
    let entries = |dump: &[u8]| -> Vec<String> {
        let lines: Vec<String> = String::from_utf8_lossy(dump).lines().map(str::to_owned).collect();
        lines[1..lines.len() - 1].to_vec()
    };
    let stored = std::fs::read(desk.path("all.ndjson")).unwrap();
    assert!(entries(&text.out) == entries(&stored), "the two dumps differ");
    for (i, file) in ["all.ndjson", "all.ndjson.zst"].into_iter().enumerate() {
        assert_eq!(desk.json(&format!("load db{i} {file}"))["entries"], 501);
        assert_eq!(desk.text(&format!("scan db{i} rows")), desk.text("scan db rows"));
        assert_eq!(desk.json(&format!("verify db{i}"))["sound"], true);
    }
    desk.run_with(&["load", "piped", "-"], &text.out).good();
    assert_eq!(desk.text("scan piped rows"), desk.text("scan db rows"));
    // What is there is not mixed with, unless told.
    assert_eq!(desk.failure("load db0 all.ndjson").1, "Exists");
    desk.text("load db0 all.ndjson --overwrite");
    assert_eq!(desk.failure("dump db all.ndjson").1, "Exists");
    desk.write("cut.ndjson", &text.out[..text.out.len() - 9]);
    let (code, kind, message) = desk.failure("load cut cut.ndjson");
    assert_eq!((code, kind.as_str()), (3, "Corrupt"));
    assert!(message.contains("cut.ndjson: line 505"), "{message}");
    assert!(!desk.path("cut").exists(), "what was created goes again");
}

#[test]
fn backups_are_listed_checked_restored_and_removed() {
    let desk = filled();
    assert_eq!(desk.json("backup db backups")["backup"], 1);
    desk.text("put db notes a 1");
    assert_eq!(desk.json("backup db backups")["backup"], 2);
    let listed = desk.json_lines("backups backups");
    assert_eq!(listed.len(), 2);
    assert!(listed[0]["commit"].as_u64() < listed[1]["commit"].as_u64());
    assert!(desk.text("backups backups --check").starts_with("backup 1 of commit "));
    desk.text("restore backups first --backup 1");
    assert_eq!(desk.json_lines("scan first rows").len(), 500);
    assert_eq!(desk.failure("get first notes a").0, 1);
    let commit = listed[1]["commit"].as_u64().unwrap();
    assert_eq!(
        desk.json(&format!("restore backups second --to-commit {commit}"))["commit"],
        commit
    );
    assert_eq!(desk.text("get second notes a"), "1\n");
    assert_eq!(desk.json("verify second")["sound"], true);
    let (code, _, message) = desk.failure("restore backups third --to-time 1970-01-02T00:00:00Z");
    assert_eq!(code, 1);
    let told = message.split_once(" at 20").is_some_and(|(_, time)| time.contains("Z ("));
    assert!(told, "{message}");
    assert_eq!(desk.failure("restore backups second").1, "Exists");
    assert_eq!(desk.failure("restore backups third --to-time yesterday").0, 2);
    let (code, _, message) = desk.failure("restore backups third --backup 17");
    assert_eq!((code, message.as_str()), (1, "there is no backup 17 in backups"));
    assert_eq!(desk.json("backups backups --keep 1")["backups"], 1);
    assert_eq!(desk.json_lines("backups backups").len(), 1);
    let mut bytes = std::fs::read(desk.path("backups/backup-00000002")).unwrap();
    bytes[100] ^= 1;
    desk.write("backups/backup-00000002", bytes);
    assert_eq!(desk.failure("restore backups third").0, 3);
    assert_eq!(desk.run("backups backups").code, 3);
    assert_eq!(desk.failure("backups nowhere").0, 1);
}

#[test]
fn a_damaged_database_is_repaired_as_far_as_it_goes() {
    let desk = filled();
    desk.text("compact db");
    desk.text("put db notes a 1");
    assert_eq!(desk.json("repair db whole")["whole"], true);
    assert_eq!(desk.text("scan whole rows"), desk.text("scan db rows"));
    assert_eq!(desk.text("get whole notes a"), "1\n");
    std::fs::remove_file(desk.path("db/identity")).unwrap();
    let (code, _, message) = desk.failure("verify db");
    assert_eq!(code, 3);
    assert!(message.contains("identity") && message.contains("`cuesta repair`"), "{message}");
    let repaired = desk.run("repair db new");
    assert_eq!(repaired.code, 3);
    let said = String::from_utf8_lossy(&repaired.out).into_owned();
    assert!(said.starts_with("lost: identity: "), "{said}");
    assert!(said.contains("saved 2 keyspaces: "), "{said}");
    assert_eq!(desk.text("scan new rows"), desk.text("scan whole rows"));
    let lines = desk.run("repair db again --json");
    let lines: Vec<serde_json::Value> = String::from_utf8_lossy(&lines.out)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (lines[0]["lost"].as_str(), lines[0]["name"].as_str()),
        (Some("file"), Some("identity"))
    );
    assert_eq!((lines[1]["whole"].as_bool(), lines[1]["losses"].as_u64()), (Some(false), Some(1)));
    // What is there is not written over, and where there is nothing, nothing is made.
    assert_eq!(desk.failure("repair db new").1, "Exists");
    assert_eq!(desk.failure("repair nowhere other").0, 1);
    assert!(!desk.path("other").exists() && !desk.path("nowhere").exists());
}

#[test]
fn repair_refuses_options_that_it_would_not_follow() {
    let desk = filled();
    for option in ["--archive-log x", "--wait 1s", "--without-maps", "--log-retention-age 1h"] {
        assert_eq!(desk.run(&format!("repair db new {option}")).code, 2, "{option}");
    }
    assert!(!desk.path("new").exists() && !desk.path("x").exists());
    // Memory is for the new database: too little of it is refused there.
    assert_eq!(desk.failure("repair db little --memory 1").1, "Invalid");
    assert_eq!(desk.json("repair db new --memory 33554432")["whole"], true);
}

#[test]
fn what_cannot_be_merged_is_left_out_of_dumps_and_exports_if_told_to() {
    let desk = Desk::new();
    desk.text("keyspaces db create sums --merge-operator add");
    for key in ["a", "word", "z"] {
        desk.text(&format!("merge db sums {key} 1 --number"));
    }
    desk.text("put db sums word text");
    desk.text("merge db sums word 1 --number");
    for command in ["dump db", "export db sums --output"] {
        let failed = desk.failure(&format!("{command} out.ndjson"));
        assert_eq!((failed.0, failed.1.as_str()), (2, "Invalid"));
        for told in ["keyspace \"sums\"", "key word", "put or delete it", "--skip-unmergeable"] {
            assert!(failed.2.contains(told), "{told} is not in {}", failed.2);
        }
        assert!(!desk.path("out.ndjson").exists());
        let run = desk.run(&format!("{command} out.ndjson --skip-unmergeable"));
        assert_eq!(run.code, 0);
        assert!(run.errors.starts_with("cuesta: left out: keyspace \"sums\": merging key word"));
        let out = std::fs::read_to_string(desk.path("out.ndjson")).unwrap();
        assert!(
            out.contains("\"a\"") && out.contains("\"z\"") && !out.contains("\"word\""),
            "{out}"
        );
        std::fs::remove_file(desk.path("out.ndjson")).unwrap();
    }
    assert_eq!(desk.run("dump db - --skip-unmergeable").code, 0);
    let told = desk.run("dump db text.ndjson --skip-unmergeable").out;
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("without 1 key that cannot be merged"), "{told}");
}
