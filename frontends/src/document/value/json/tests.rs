//! Extended JSON by example and at random.

use proptest::prelude::*;

use super::super::tests::generate::{document, same};
use super::*;
use crate::document::failure::Failure;
use crate::document::value::Kind;
use crate::document::value::tests::all;

/// Each type in both styles; what is equal in both stands once.
const FORMS: &[(&str, &str)] = &[
    (r#"{"$numberInt":"-7"}"#, "-7"),
    (r#"{"$numberLong":"8589934592"}"#, "8589934592"),
    (r#"{"$numberDouble":"1.0"}"#, "1.0"),
    (r#"{"$numberDouble":"-0.0"}"#, "-0.0"),
    (r#"{"$numberDouble":"1e300"}"#, "1e300"),
    (r#"{"$numberDouble":"NaN"}"#, ""),
    (r#"{"$numberDouble":"-Infinity"}"#, ""),
    (r#"{"$numberDecimal":"1.50"}"#, ""),
    (r#"{"$date":{"$numberLong":"1356351330501"}}"#, r#"{"$date":"2012-12-24T12:15:30.501Z"}"#),
    (r#"{"$date":{"$numberLong":"0"}}"#, r#"{"$date":"1970-01-01T00:00:00Z"}"#),
    (r#"{"$date":{"$numberLong":"-1"}}"#, ""),
    (r#"{"$date":{"$numberLong":"253402300800000"}}"#, ""),
    (r#"{"$oid":"57e193d7a9cc81b4027498b5"}"#, ""),
    (r#"{"$symbol":"a"}"#, ""),
    (r#""a\u0000\"\\b""#, ""),
    (r#"{"$binary":{"base64":"//8=","subType":"80"}}"#, ""),
    (r#"{"$code":"f()"}"#, ""),
    (r#"{"$code":"f()","$scope":{"x":null}}"#, ""),
    (r#"{"$timestamp":{"t":4294967295,"i":1}}"#, ""),
    (r#"{"$regularExpression":{"pattern":"a\"b","options":"im"}}"#, ""),
    (r#"{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"57e193d7a9cc81b4027498b1"}}}"#, ""),
    (r#"{"$minKey":1}"#, ""),
    (r#"{"$maxKey":1}"#, ""),
    (r#"{"$undefined":true}"#, ""),
    (r#"{"a":[true,false,null,{}]}"#, ""),
    (r#"{"$ref":"c","$id":"x"}"#, ""),
    (r#"{"$gt":""}"#, ""),
];

#[test]
fn every_type_has_its_forms() {
    for (canonical, relaxed) in FORMS {
        let relaxed = if relaxed.is_empty() { canonical } else { relaxed };
        let value = Value::from_json(canonical).unwrap();
        assert_eq!(&value.to_json(JsonStyle::Canonical), canonical);
        assert_eq!(&value.to_json(JsonStyle::Relaxed), relaxed);
        assert!(same(&Value::from_json(relaxed).unwrap(), &value), "{relaxed}");
    }
}

#[test]
fn other_forms_are_read_too() {
    let cases = [
        (r#"{"$binary":"AQI=","$type":"05"}"#, r#"{"$binary":{"base64":"AQI=","subType":"05"}}"#),
        (r#"{"$type":5,"$binary":"AQI="}"#, r#"{"$binary":{"base64":"AQI=","subType":"05"}}"#),
        (r#"{"$date":12}"#, r#"{"$date":{"$numberLong":"12"}}"#),
        (r#"{"$date":"1970-01-01T01:00:00.5+0100"}"#, r#"{"$date":{"$numberLong":"500"}}"#),
        (
            r#"{"$uuid":"73ffd264-44b3-4c69-90e8-e7d1dfc035d4"}"#,
            r#"{"$binary":{"base64":"c//SZESzTGmQ6OfR38A11A==","subType":"04"}}"#,
        ),
        (" [ 1 , 2.5e1 ] ", r#"[{"$numberInt":"1"},{"$numberDouble":"25.0"}]"#),
        ("9223372036854775808", r#"{"$numberDouble":"9.223372036854776e18"}"#),
        (r#"{"$type":"string"}"#, r#"{"$type":"string"}"#),
        (r#"{"$regex":"a","$options":"i"}"#, r#"{"$regex":"a","$options":"i"}"#),
    ];
    for (text, canonical) in cases {
        let value = Value::from_json(text).unwrap();
        assert_eq!(value.to_json(JsonStyle::Canonical), canonical, "of {text}");
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    let wrong = [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e999",
        "nul",
        "\"a",
        "\"\n\"",
        "\"\\ud800\"",
        "[1] 2",
        "{\"$oid\":\"12\"}",
        "{\"$oid\":1}",
        "{\"$numberInt\":\"3000000000\"}",
        "{\"$numberLong\":\"1\",\"a\":1}",
        "{\"$numberDouble\":\"inf\"}",
        "{\"$date\":\"2023-02-29\"}",
        "{\"$minKey\":2}",
        "{\"$binary\":{\"base64\":\"a\",\"subType\":\"00\"}}",
        "{\"$undefined\":false}",
        "{\"$timestamp\":{\"t\":-1,\"i\":0}}",
        "{\"$code\":1}",
        "{\"$scope\":{},\"$code\":1}",
    ];
    for text in wrong {
        let error = Value::from_json(text).unwrap_err();
        assert_eq!(Failure::of(&error).unwrap().code(), 9, "{text}: {error}");
    }
    let deep = "[".repeat(100_000);
    assert!(Value::from_json(&deep).is_err());
    assert!(Document::from_json("[]").is_err());
    assert_eq!(Document::from_json("{\"a\":1}").unwrap(), crate::doc! {"a": 1});
}

#[test]
fn every_type_comes_back_from_canonical_json() {
    let document = all();
    let found = Document::from_json(&document.to_json(JsonStyle::Canonical)).unwrap();
    for ((name, a), (_, b)) in document.iter().zip(found.iter()) {
        assert!(same(&a, &b), "{name}: {a:?} came back as {b:?}");
    }
}

/// Whether JSON of a document reads as the same: no field's name is one that stands for a type.
fn is_plain(value: &Value<'_>) -> bool {
    !matches!(value.kind(), Kind::Object | Kind::Array | Kind::JavaScriptWithScope)
}

proptest! {
    #[test]
    fn documents_come_back_from_json(document in document()) {
        let canonical = document.to_json(JsonStyle::Canonical);
        let found = Document::from_json(&canonical).unwrap();
        prop_assert!(same(&Value::from(found), &Value::from(document.clone())), "{canonical}");
        let relaxed = Document::from_json(&document.to_json(JsonStyle::Relaxed)).unwrap();
        prop_assert_eq!(&relaxed, &document);
        for ((_, a), (_, b)) in relaxed.iter().zip(document.iter()) {
            let long = b.kind() == Kind::Int64;
            prop_assert!(!is_plain(&b) || long || same(&a, &b), "{:?} and {:?}", a, b);
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[\\[\\]{}:,\"\\\\$a-z0-9.+-]{0,40}") {
        let _ = Value::from_json(&text);
    }
}
