//! Identifiers: `id`.

use serde_json::json;

use crate::program::Desk;

#[test]
fn a_sequence_goes_on_without_gaps() {
    let desk = Desk::new();
    assert_eq!(desk.text("id db ids orders"), "1\n");
    assert_eq!(desk.text("id db ids orders --count 2"), "2\n3\n");
    assert_eq!(desk.json("id db ids orders"), json!({ "ids": [4] }));
    assert_eq!(desk.text("id db ids bills"), "1\n");
}

#[test]
fn all_kinds_ascend_from_run_to_run() {
    let desk = Desk::new();
    for kind in ["snowflake", "uuid", "ulid"] {
        let ids: String = (0..2)
            .map(|_| desk.text(&format!("id db ids {kind} --kind {kind} --count 20")))
            .collect();
        let ids: Vec<&str> = ids.lines().collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids.len(), 40);
        assert_eq!(ids, sorted, "{kind}");
    }
    assert_eq!(desk.text("id db ids uuid --kind uuid").as_bytes()[14], b'7');
}

#[test]
fn a_generator_refuses_a_key_of_others() {
    let desk = Desk::new();
    desk.text("put db ids a text");
    assert_eq!(desk.failure("id db ids a").0, 2);
    assert_eq!(desk.failure("id db ids b --kind snowflake --node 1024").0, 2);
    assert_eq!(desk.failure("id db ids b --count 0").0, 2);
}

#[test]
fn a_snowflake_tells_when_and_where_it_was_made() {
    let desk = Desk::new();
    let made = desk.json("id db ids rides --kind snowflake --node 7");
    let id = made["ids"][0].as_u64().unwrap();
    let parts = desk.json(&format!("id db ids rides --parts {id}"));
    let now_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    assert!((now_ms - 60_000..=now_ms + 60_000).contains(&parts["time_ms"].as_u64().unwrap()));
    assert_eq!((parts["node"].as_u64(), parts["count"].as_u64()), (Some(7), Some(0)));
    let told = desk.text("id nowhere ids rides --parts 4194304");
    assert_eq!(told, "2024-01-01T00:00:00.001Z node 0 count 0\n");
    assert!(!desk.path("nowhere").exists());
    assert_eq!(desk.failure("id db ids rides --parts 5 --count 2").0, 2);
    assert_eq!(desk.failure("id db ids rides --parts 9999999999999999999").0, 2);
}

#[test]
fn a_number_of_64_bits_is_no_snowflake() {
    let desk = Desk::new();
    assert_eq!(desk.failure("id db ids rides --parts 9999999999999999999").0, 2);
    assert_eq!(desk.failure("id db ids rides --parts 9223372036854775808").0, 2);
    desk.text("id db ids rides --parts 9223372036854775807");
}
