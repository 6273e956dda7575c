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
}
