//! Changes without reading: `merge`.

use serde_json::json;

use crate::program::Desk;

#[test]
fn numbers_are_added_up() {
    let desk = Desk::new();
    desk.text("keyspaces db create visits --merge-operator add");
    assert_eq!(desk.json("merge db visits home 3 --number"), json!({ "written": 1 }));
    desk.text("merge db visits home -5 --number");
    assert_eq!(desk.text("get db visits home --number"), "-2\n");
    assert_eq!(desk.json("get db visits home --number"), json!({ "number": -2 }));
    assert_eq!(desk.failure("merge db visits home three --number").0, 2);
    assert_eq!(desk.failure("merge db visits home 3").0, 2, "one byte is no number");
}

#[test]
fn text_is_appended() {
    let desk = Desk::new();
    desk.text("keyspaces db create logs --merge-operator append");
    desk.text("merge db logs a one,");
    desk.text("merge db logs a two");
    assert_eq!(desk.text("get db logs a"), "one,two\n");
    assert_eq!(desk.failure("get db logs a --number").0, 2);
}

#[test]
fn a_value_that_does_not_merge_can_be_deleted() {
    let desk = Desk::new();
    desk.text("keyspaces db create visits --merge-operator add");
    desk.text("put db visits home hello");
    desk.text("merge db visits home 1 --number");
    for command in ["get db visits home", "scan db visits", "dump db -"] {
        let outcome = desk.run(command);
        assert_eq!(outcome.code, 2, "{command}");
        let told = ["\"visits\"", "merging key home", "put or delete it"];
        assert!(told.iter().all(|part| outcome.errors.contains(part)), "{}", outcome.errors);
    }
    let deleted = json!({ "deleted": 1, "missing": 1 });
    assert_eq!(desk.json("delete db visits home nowhere"), deleted);
    assert_eq!(desk.text("scan db visits"), "");
}

#[test]
fn what_cannot_merge_says_so() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    assert_eq!(desk.failure("merge db k a 1").0, 2);
    assert_eq!(desk.failure("merge db nowhere a 1").0, 1);
    let (code, kind, message) = desk.failure("keyspaces db create x --merge-operator median");
    assert_eq!((code, kind.as_str()), (9, "Unsupported"), "{message}");
    assert!(message.ends_with(": there are add, max, min, append"), "{message}");
}
