//! The tables of cases that an independent evaluator answers too.

use super::expression::{Context, Scope};
use super::failure::Failure;
use super::filter::Filter;
use super::projection::Projection;
use super::update::{Mode, Update};
use super::value::{Array, DateTime, Document, JsonStyle, RawDocument, Value};
use crate::Result;

const FILTERS: &str = include_str!("../../../bindings/python/tests/naive/tables/filters.json");
const UPDATES: &str = include_str!("../../../bindings/python/tests/naive/tables/updates.json");
const UPSERTS: &str = include_str!("../../../bindings/python/tests/naive/tables/upserts.json");
const PROJECTIONS: &str =
    include_str!("../../../bindings/python/tests/naive/tables/projections.json");

/// Cases that are answered otherwise here, as servers do: an index in a path leads into arrays
/// within arrays, a mask that is negative is not well formed (code 9), and `_id` comes first in
/// whatever is stored.
const OTHERWISE: [&str; 3] =
    ["a position and a name", "negative masks are refused", "a replacement with the same _id"];

fn context() -> Context {
    Context::new(DateTime::from_millis(1_700_000_000_123), 1)
}

fn table(text: &str) -> Vec<Document<'static>> {
    let Value::Array(cases) = Value::from_json(text).expect("a table") else {
        panic!("a table is an array");
    };
    cases.into_items().into_iter().map(document).collect()
}

fn document(value: Value<'static>) -> Document<'static> {
    let Value::Document(document) = value else { panic!("{value:?} is no document") };
    document
}

fn part(case: &Document<'static>, name: &str) -> Document<'static> {
    case.get(name).map(|value| document(value.into_static())).unwrap_or_default()
}

fn list(case: &Document<'static>, name: &str) -> Vec<Document<'static>> {
    match case.get(name) {
        Some(Value::Array(items)) => {
            items.into_static().into_items().into_iter().map(document).collect()
        }
        _ => Vec::new(),
    }
}

/// What a case asks for, against what came; `None` where they agree.
fn complaint(case: &Document<'static>, came: Result<Value<'static>>) -> Option<String> {
    let json = |value: &Value<'_>| value.to_json(JsonStyle::Canonical);
    let agrees = match (&came, case.get("error"), case.get("expected")) {
        (Err(error), Some(Value::Int32(code)), _) => {
            Failure::of(error).map(Failure::code) == Some(code)
        }
        (Err(_), Some(_), _) => true,
        (Ok(value), None, Some(expected)) => json(value) == json(&expected),
        _ => false,
    };
    let came = match &came {
        Ok(value) => json(value),
        Err(error) => format!("{error} {:?}", Failure::of(error)),
    };
    let otherwise =
        case.get("name").is_some_and(|name| OTHERWISE.iter().any(|it| name == (*it).into()));
    (!agrees && !otherwise).then(|| format!("{case:?}\n    came to {came}"))
}

#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} cases:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn filters_answer_the_table() {
    let mut complaints = Vec::new();
    for group in table(FILTERS) {
        let documents = list(&group, "documents");
        for case in list(&group, "cases") {
            let found = || -> Result<Value<'static>> {
                let filter = Filter::parse(&part(&case, "filter"), &mut Scope::new())?;
                let mut found = Array::new();
                for (at, document) in documents.iter().enumerate() {
                    let bytes = document.to_bytes()?;
                    let raw = Document::from_raw(RawDocument::trusted(&bytes));
                    if filter.matches(&raw, &context())? {
                        found.push(at as i32);
                    }
                }
                Ok(found.into())
            };
            complaints.extend(complaint(&case, found()));
        }
    }
    none(complaints);
}

#[test]
fn updates_answer_the_table() {
    let mut complaints = Vec::new();
    for case in table(UPDATES) {
        let made = || -> Result<Value<'static>> {
            let document = part(&case, "document");
            let filter = Filter::parse(&part(&case, "filter"), &mut Scope::new())?;
            let position = filter.matches_at(&document, &context())?.flatten();
            let update = case.get("update").expect("an update");
            let filters = list(&case, "arrayFilters");
            let update = Update::parse(&update, &filters, &mut Scope::new())?;
            let context = context();
            let outcome = update.apply(&document, position, Mode::Update, &context)?;
            Ok(outcome.document().clone().into_static().into())
        };
        complaints.extend(complaint(&case, made()));
    }
    none(complaints);
}

#[test]
fn upserts_answer_the_table() {
    let mut complaints = Vec::new();
    for case in table(UPSERTS) {
        let made = || -> Result<Value<'static>> {
            let filter = Filter::parse(&part(&case, "filter"), &mut Scope::new())?;
            let update = case.get("update").expect("an update");
            let filters = list(&case, "arrayFilters");
            let update = Update::parse(&update, &filters, &mut Scope::new())?;
            let mut made = update.upserted(&filter, &context())?;
            if !made.contains("_id") {
                made.fields_mut().insert(0, ("_id".into(), "new".into()));
            }
            Ok(made.into())
        };
        complaints.extend(complaint(&case, made()));
    }
    none(complaints);
}

#[test]
fn projections_answer_the_table() {
    let mut complaints = Vec::new();
    for case in table(PROJECTIONS) {
        let given = || -> Result<Value<'static>> {
            let document = part(&case, "document");
            let filter = Filter::parse(&part(&case, "filter"), &mut Scope::new())?;
            let position = filter.matches_at(&document, &context())?.flatten();
            let projection = Projection::find(&part(&case, "projection"), &mut Scope::new())?;
            let context = context();
            Ok(projection.apply(&document, position, &context)?.into_static().into())
        };
        complaints.extend(complaint(&case, given()));
    }
    none(complaints);
}
