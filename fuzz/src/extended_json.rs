//! Values as extended JSON.
//!
//! ```text
//! input | the text of a value
//! ```

use cuesta::document::failure::Failure;
use cuesta::document::value::{Array, Document, JsonStyle, Value};

use crate::document_key::some_values;

/// Reads the input as a value.
///
/// Asserts that it comes back from canonical JSON as it was, types included, and as an equal one
/// from relaxed JSON, unless it is nested more deeply than documents may be; and that refused
/// texts have a code.
pub fn bytes_extended_json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let value = match Value::from_json(text) {
        Ok(value) => value,
        Err(error) => {
            assert_eq!(Failure::of(&error).map(Failure::code), Some(9), "{error}");
            return;
        }
    };
    if Document::from_iter([("", value.clone())]).to_bytes().is_err() {
        return;
    }
    let canonical = value.to_json(JsonStyle::Canonical);
    let again = Value::from_json(&canonical).expect("what was written");
    assert_eq!(again, value, "from {canonical}");
    assert_eq!(format!("{again:?}"), format!("{value:?}"), "from {canonical}");
    assert_eq!(again.to_json(JsonStyle::Canonical), canonical);
    let relaxed = value.to_json(JsonStyle::Relaxed);
    assert_eq!(Value::from_json(&relaxed).expect("what was written"), value, "from {relaxed}");
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let all = Value::Array(Array::from_items(some_values()));
    let dates = r#"[{"$date":"2024-02-29T12:30:15.5+01:30"},{"$date":{"$numberLong":"-1"}}]"#;
    let texts = [
        r#" { "a" : [ 1, -2.5e-3, "\u00e9\ud83d\ude00\n" ], "": {"$gt": null} } "#,
        r#"[{"$binary":"AQI=","$type":"05"},{"$uuid":"73ffd264-44b3-4c69-90e8-e7d1dfc035d4"}]"#,
        dates,
        &all.to_json(JsonStyle::Canonical),
        &all.to_json(JsonStyle::Relaxed),
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
