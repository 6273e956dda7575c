//! Values that live for a while: `put --ttl`, `keyspaces create --ttl`, `ttl`.

use serde_json::json;

use crate::program::Desk;

#[test]
fn a_value_lives_as_long_as_it_was_told() {
    let desk = Desk::new();
    desk.text("put db k short 1 --ttl 0");
    desk.text("put db k long 1 --ttl 2h");
    desk.text("put db k ever 1");
    assert_eq!(desk.run("get db k short").code, 1);
    assert_eq!(desk.text("get db k long"), "1\n");
    let left = desk.json("ttl db k long")["seconds"].as_f64().unwrap();
    assert!((7000.0..=7200.0).contains(&left), "{left}");
    assert_eq!(desk.text("ttl db k ever"), "never\n");
    assert_eq!(desk.json("ttl db k ever"), json!({ "seconds": null }));
    assert_eq!(desk.failure("ttl db k short").0, 1);
    let (code, _, message) = desk.failure("put db k a 1 --ttl 3y");
    assert_eq!(code, 2);
    assert!(message.contains("no time: a whole number, of seconds or with ms"), "{message}");
    desk.text("put db k seconds 1 --ttl 3600");
    let left = desk.json("ttl db k seconds")["seconds"].as_f64().unwrap();
    assert!((3500.0..=3600.0).contains(&left), "{left}");
}

#[test]
fn a_keyspace_has_a_time_to_live_of_its_own() {
    let desk = Desk::new();
    desk.text("keyspaces db create sessions --ttl 1d --blob-threshold 4096");
    desk.text("put db sessions a 1");
    desk.text("put db sessions b 1 --ttl 1m");
    let left =
        |key: &str| desk.json(&format!("ttl db sessions {key}"))["seconds"].as_f64().unwrap();
    assert!((86_000.0..=86_400.0).contains(&left("a")));
    assert!(left("b") <= 60.0);
}
