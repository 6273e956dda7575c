//! Query filters and projections, on any documents.
//!
//! ```text
//! input | switches: u8 | parts: a filter, a projection, documents; each as extended JSON
//! ```

use cuesta::doc;
use cuesta::document::expression::{Context, Scope};
use cuesta::document::filter::{Condition, Filter};
use cuesta::document::projection::Projection;
use cuesta::document::value::{DateTime, Document, RawDocument, Value};

use crate::input::{joined, parts, switches};

/// Reads the input as a filter, a projection and documents; matches and projects.
///
/// Asserts that a filter written as a document and read again is the same and matches the same;
/// that its negation is its complement, where neither is an error; that bytes and fields of a
/// document come to the same; and that a place is told only where there is a match.
pub fn document_filter(bytes: &[u8]) {
    let (_, rest) = switches(bytes);
    let mut documents = parts(rest).into_iter().map(|part| document(&part));
    let (Some(filter), Some(projection)) = (documents.next(), documents.next()) else { return };
    let documents: Vec<Document<'static>> = documents.flatten().collect();
    if let Some(filter) = filter {
        match_all(&filter, &documents);
        // Also as a condition on values, which takes less.
        let _ = Condition::parse(&Value::Document(filter), &mut Scope::new());
    }
    if let Some(projection) = projection {
        let _ = Projection::project(&projection, &mut Scope::new());
        let _ = Projection::add_fields(&projection, &mut Scope::new());
        if let Ok(projection) = Projection::find(&projection, &mut Scope::new()) {
            project_all(&projection, &documents);
        }
    }
}

/// A document that can be stored; `None` for what is none.
pub(crate) fn document(json: &[u8]) -> Option<Document<'static>> {
    let document = Document::from_json(std::str::from_utf8(json).ok()?).ok()?;
    document.to_bytes().ok().map(|_| document)
}

pub(crate) fn context() -> Context {
    Context::new(DateTime::from_millis(1_600_000_000_000), 1)
}

fn match_all(filter: &Document<'_>, documents: &[Document<'_>]) {
    let Ok(parsed) = Filter::parse(filter, &mut Scope::new()) else { return };
    let written = parsed.to_document();
    // Parts that were next to each other are nested when they are written, if rarely too deeply.
    let Ok(again) = Filter::parse(&written, &mut Scope::new()) else { return };
    assert_eq!(format!("{:?}", again.to_document()), format!("{written:?}"));
    let _ = parsed.equalities();
    let nor = Filter::parse(&doc! { "$nor": [filter.clone()] }, &mut Scope::new());
    for document in documents {
        let found = parsed.matches(document, &context());
        let at = parsed.matches_at(document, &context());
        let bytes = document.to_bytes().expect("it was stored before");
        let raw = Document::from_raw(RawDocument::trusted(&bytes));
        let Ok(found) = found else { continue };
        assert_eq!(at.expect("as without a place").is_some(), found);
        if uses_chance(filter) {
            continue;
        }
        assert_eq!(parsed.matches(&raw, &context()).expect("as on fields"), found, "on bytes");
        if let Ok(same) = again.matches(document, &context()) {
            assert_eq!(same, found, "{filter:?} written as {written:?}");
        }
        if let Some(Ok(other)) = nor.as_ref().ok().map(|nor| nor.matches(document, &context())) {
            assert_ne!(other, found, "{filter:?} and its negation");
        }
    }
}

/// Whether a filter may decide otherwise the next time.
fn uses_chance(filter: &Document<'_>) -> bool {
    let text = format!("{filter:?}");
    text.contains("$rand") || text.contains("$sampleRate")
}

fn project_all(projection: &Projection, documents: &[Document<'_>]) {
    let _ = projection.dependencies();
    for document in documents {
        for position in [None, Some(0), Some(7)] {
            let context = context();
            if let Ok(made) = projection.apply(document, position, &context) {
                if projection.is_identity() {
                    assert_eq!(format!("{made:?}"), format!("{document:?}"));
                }
                let _ = made.to_bytes();
            }
        }
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    const DOCUMENTS: [&str; 4] = [
        r#"{"_id": 1, "a": [1, {"b": 2.5, "c": ["x", null]}, [3, 4]], "d": {"e": "abc"}}"#,
        r#"{"a": {"$numberLong": "5"}, "b": {"$date": "2020-01-01T00:00:00Z"}, "c": "ab\ncd"}"#,
        r#"{"a": {"$numberDecimal": "1.50"}, "b": {"$oid": "0123456789abcdef01234567"}}"#,
        r#"{"a": [[{"b": [{"c": 1}, {"c": 2}]}], {"0": {"b": 1}}], "": {"": 1}, "n": null}"#,
    ];
    let filters = [
        (r#"{"a.b": {"$gt": 1, "$lte": 9}, "d.e": {"$regex": "^a.c$", "$options": "is"}}"#, "{}"),
        (r#"{"$or": [{"a": {"$in": [1, null, [3, 4]]}}, {"$nor": [{"c": "x"}]}]}"#, r#"{"a": 1}"#),
        (r#"{"a": {"$elemMatch": {"b": {"$ne": 3}, "c": {"$size": 2}}}}"#, r#"{"a.$": 1}"#),
        (
            r#"{"a": {"$elemMatch": {"$not": {"$mod": [4, 1]}, "$nin": [7, "x"]}}}"#,
            r#"{"a": {"$elemMatch": {"b": 2.5}}, "d": {"e": 1}}"#,
        ),
        (
            r#"{"a": {"$all": [1, {"b": 1}]}, "b": {"$bitsAllSet": [0, 9]}, "n": {"$exists": 1}}"#,
            r#"{"a": {"$slice": [-2, 1]}, "d": 0}"#,
        ),
        (
            r#"{"$expr": {"$gt": ["$a", {"$add": ["$b", 1]}]}, "a": {"$type": ["number", 4]}}"#,
            r#"{"x": {"$concat": ["$d.e", "y"]}, "a.z": "$n", "_id": 0}"#,
        ),
    ];
    let sample = |(filter, projection): (&str, &str)| {
        let texts = [filter, projection].into_iter().chain(DOCUMENTS);
        joined(0, &texts.map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>())
    };
    filters.into_iter().map(sample).collect()
}
