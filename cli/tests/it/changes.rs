//! What was committed: `changes`.

use crate::program::Desk;

#[test]
fn changes_are_told_in_order() {
    let desk = Desk::new();
    desk.text("put db notes a 1");
    desk.text("put db notes a 2");
    desk.text("delete db notes a");
    let lines = desk.json_lines("changes db");
    let told: Vec<String> = lines
        .iter()
        .map(|line| {
            let done = &line["operations"][0];
            let text = |field: &str| done[field].as_str().unwrap_or("-").to_owned();
            let (keyspace, key, value) = (text("keyspace"), text("key"), text("value"));
            format!("{} {} {keyspace} {key} {value}", line["commit"], text("action"))
        })
        .collect();
    let expected =
        ["1 create notes - -", "2 put notes a 1", "3 put notes a 2", "4 delete notes a -"];
    assert_eq!(told, expected);
    let text = desk.text("changes db --since 2 --limit 1");
    let fields: Vec<&str> = text.trim_end().split('\t').collect();
    assert_eq!((fields[0], &fields[2..]), ("3", &["put", "notes", "a", "2"][..]));
    assert_eq!(desk.failure("changes db --since 5").0, 2);
    assert_eq!(desk.failure("changes nowhere").0, 1);
    desk.text("compact db");
    desk.text("put db notes b 1");
    let (code, kind, message) = desk.failure("changes db --since 1");
    assert_eq!((code, kind.as_str()), (10, "Expired"), "{message}");
    assert!(message.contains("--log-retention-bytes") && !message.contains('_'), "{message}");
}

#[test]
fn changes_tell_operands_expiries_and_ranges() {
    let desk = Desk::new();
    desk.text("keyspaces db create log --merge-operator append");
    desk.text("put db notes a 1 --ttl 1h");
    desk.text("merge db log a x");
    desk.run_with(&["merge", "db", "log", "a", "tab\there"], b"").good();
    desk.text("delete-range db notes --start b --end c");
    desk.text("delete-range db notes --start d");
    desk.text("keyspaces db rename notes memos");
    let done: Vec<_> = desk
        .json_lines("changes db --since 2")
        .into_iter()
        .map(|mut line| (line["time_ms"].as_u64().unwrap(), line["operations"][0].take()))
        .collect();
    let (time_ms, put) = &done[0];
    let left_ms = put["expiry_ms"].as_u64().unwrap() - time_ms;
    assert!((3_590_000..=3_610_000).contains(&left_ms), "{put}");
    assert_eq!((&put["action"], &put["value"]), (&"put".into(), &"1".into()));
    assert_eq!(done[1].1["operands"], serde_json::json!([{ "operand": "x" }]));
    assert_eq!(done[3].1["action"], "delete-range");
    assert_eq!((&done[3].1["start"], &done[3].1["end"]), (&"b".into(), &"c".into()));
    assert_eq!((&done[4].1["start"], done[4].1.get("end")), (&"d".into(), None));
    assert_eq!((&done[5].1["action"], &done[5].1["to"]), (&"rename".into(), &"memos".into()));
    // Names are those of now, in what was committed before the database was opened.
    let text = desk.text("changes db --since 2");
    let tails: Vec<String> =
        text.lines().map(|line| line.splitn(3, '\t').nth(2).unwrap().to_owned()).collect();
    assert!(tails[0].starts_with("put\tmemos\ta\t1\tuntil "), "{text}");
    assert_eq!(
        tails[1..],
        [
            "merge\tlog\ta\tx",
            "merge\tlog\ta\ttab\\there",
            "delete-range\tmemos\tb\tc",
            "delete-range\tmemos\td\t",
            "rename\tmemos\tmemos"
        ]
    );
}
