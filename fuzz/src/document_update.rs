//! Updates, on any documents.
//!
//! ```text
//! input | switches: u8 | parts: an update, an array filter, a filter, documents; as extended JSON
//!       0: updates make documents, 1: there is an array filter, 2 and 3: the place of `$`
//! ```

use cuesta::document::expression::Scope;
use cuesta::document::filter::Filter;
use cuesta::document::update::{Mode, Update};
use cuesta::document::value::{Document, RawDocument, Value};

use crate::document_filter::{context, document};
use crate::input::{joined, parts, switches};

/// Reads the input as an update with filters and documents, and applies it.
///
/// Asserts that an update says it changed a document exactly when its bytes are others; that every
/// change is at a path that was touched; that `_id` stays what it was; and that bytes and fields of
/// a document come to the same.
pub fn document_update(bytes: &[u8]) {
    let (switches, rest) = switches(bytes);
    let parts = parts(rest);
    let [update, array_filter, filter, documents @ ..] = parts.as_slice() else { return };
    let Some(update) = std::str::from_utf8(update).ok().and_then(|it| Value::from_json(it).ok())
    else {
        return;
    };
    let array_filter = document(array_filter).filter(|_| switches.on(1));
    let array_filters: Vec<Document<'_>> = array_filter.into_iter().collect();
    let Ok(parsed) = Update::parse(&update, &array_filters, &mut Scope::new()) else { return };
    if let Some(filter) = document(filter)
        && let Ok(filter) = Filter::parse(&filter, &mut Scope::new())
    {
        let _ = parsed.upserted(&filter, &context());
    }
    let mode = if switches.on(0) { Mode::Insert } else { Mode::Update };
    let place = usize::from(switches.on(2)) + 2 * usize::from(switches.on(3));
    let by_chance = format!("{update:?}").contains("$rand");
    for document in documents.iter().filter_map(|part| document(part)) {
        if !by_chance {
            apply(&parsed, &document, Some(place), mode);
        }
    }
}

fn apply(update: &Update, document: &Document<'_>, place: Option<usize>, mode: Mode) {
    let context = context();
    let Ok(outcome) = update.apply(document, place, mode, &context) else { return };
    let before = document.to_bytes().expect("it was stored before");
    // What comes out may be too large or nested too deeply to be stored.
    let Ok(after) = outcome.document().to_bytes() else { return };
    assert_eq!(outcome.is_changed(), before != after, "{update:?} on {document:?}");
    if let Some(id) = document.get("_id") {
        assert_eq!(outcome.document().get("_id"), Some(id), "_id by {update:?}");
    }
    let raw = Document::from_raw(RawDocument::trusted(&before));
    let same = update.apply(&raw, place, mode, &context).expect("as on fields");
    assert_eq!(same.document().to_bytes().expect("as on fields"), after, "on bytes");
    let changes = outcome.changes(document);
    let updated = changes.updated.iter().map(|(path, _)| path);
    let truncated = changes.truncated.iter().map(|(path, _)| path);
    for path in updated.chain(&changes.removed).chain(truncated) {
        assert!(outcome.touches(path), "{path} of {document:?} by {update:?}");
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    const DOCUMENTS: [&str; 3] = [
        r#"{"_id": 1, "a": [{"b": 1, "c": [5, 3]}, {"b": 2}], "n": 7, "s": "x", "o": {"p": 1}}"#,
        r#"{"_id": {"x": 1}, "a": [3, 1, 2], "n": {"$numberLong": "9223372036854775807"}}"#,
        r#"{"a": {"0": {"b": 1}}, "n": {"$numberDecimal": "1.5"}, "b": null}"#,
    ];
    let updates = [
        (0, r#"{"$set": {"a.$.b": 9, "o.q.r": 1}, "$unset": {"s": ""}, "$inc": {"n": 1}}"#),
        (0, r#"{"$push": {"a": {"$each": [4, {"b": 0}], "$sort": {"b": -1}, "$slice": -3}}}"#),
        (0, r#"{"$pull": {"a": {"b": {"$gte": 2}}}, "$min": {"n": 3}, "$rename": {"s": "o.s"}}"#),
        (0, r#"{"$addToSet": {"a": {"$each": [1, 1]}}, "$max": {"n": 8}, "$mul": {"x": 2}}"#),
        (2, r#"{"$set": {"a.$[x].z": 1}, "$pop": {"a.0.c": -1}, "$bit": {"n": {"xor": 5}}}"#),
        (1, r#"{"$setOnInsert": {"y": 1}, "$currentDate": {"t": true}, "$pullAll": {"a": [1]}}"#),
        (0, r#"{"a": 1, "b": {"c": [1, 2]}}"#),
        (0, r#"[{"$set": {"z": {"$add": ["$n", 1]}}}, {"$unset": "s"}, {"$project": {"o": 0}}]"#),
        (0, r#"[{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"w": "$o"}]}}]"#),
    ];
    let sample = |(switches, update): (u8, &str)| {
        let texts = [update, r#"{"x.b": {"$gt": 1}}"#, r#"{"k": 1, "a.b": {"$eq": 2}}"#];
        let texts = texts.into_iter().chain(DOCUMENTS);
        joined(switches, &texts.map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>())
    };
    updates.into_iter().map(sample).collect()
}
