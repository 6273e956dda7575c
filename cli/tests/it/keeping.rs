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
    assert_eq!((code, kind.as_str()), (5, "Exists"), "{message}");
    assert_eq!(desk.failure("checkpoint nowhere copy2").0, 1);
    assert!(!desk.path("copy2").exists());
}
