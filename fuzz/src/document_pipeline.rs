//! Pipelines and expressions, on any documents.
//!
//! ```text
//! input | switches: u8 | parts: a pipeline, an expression, documents; each as extended JSON
//! ```
//!
//! Switches: 0 stages have so little memory that they spill, to a simulated disk.

use std::path::PathBuf;
use std::sync::Arc;

use cuesta::Result;
use cuesta::document::expression::{Context, Env, Expression, Scope};
use cuesta::document::failure::Failure;
use cuesta::document::pipeline::{
    Disk, Leading, Merge, Namespace, Opened, Pipeline, Rows, Settings, Sources,
};
use cuesta::document::value::{DateTime, Document, Value};
use cuesta::env::sim::SimEnv;

use crate::input::{joined, parts, switches};

/// Documents of a pipeline whose results are looked at.
const RESULTS_MAX: usize = 1000;

/// Reads the input as a pipeline, an expression and documents, and runs both.
///
/// Asserts that what goes wrong has a code, or is the end of the simulated disk; and that an
/// expression is worth the same of a document's bytes and of its fields.
pub fn document_pipeline(bytes: &[u8]) {
    let (switches, rest) = switches(bytes);
    let mut values = parts(rest).into_iter().map(|part| value(&part));
    let (Some(pipeline), Some(expression)) = (values.next(), values.next()) else { return };
    let documents: Vec<Document<'static>> = values.flatten().filter_map(stored).collect();
    if let Some(expression) = expression {
        evaluate_all(&expression, &documents);
    }
    if let Some(Value::Array(stages)) = pipeline {
        let stages = stages.into_items().into_iter().filter_map(stored).collect::<Vec<_>>();
        let memory_max = if switches.on(0) { 500 } else { 1 << 20 };
        run(&stages, documents, memory_max);
    }
}

fn value(json: &[u8]) -> Option<Value<'static>> {
    Value::from_json(std::str::from_utf8(json).ok()?).ok()
}

/// A document that can be stored.
fn stored(value: Value<'static>) -> Option<Document<'static>> {
    let Value::Document(document) = value else { return None };
    let bytes = document.to_bytes().ok()?;
    Document::from_bytes(bytes, &Default::default()).ok()
}

fn context() -> Context {
    Context::new(DateTime::from_millis(1_600_000_000_000), 1)
}

fn evaluate_all(expression: &Value<'static>, documents: &[Document<'static>]) {
    let parsed = match Expression::parse(expression, &mut Scope::new()) {
        Ok(parsed) => parsed,
        Err(error) => return coded(&error),
    };
    let _ = parsed.dependencies();
    for document in documents {
        let fields = Document::from_fields(document.clone().into_fields());
        let worth = |document: &Document<'_>| {
            let context = context();
            let value = parsed.evaluate(&Env::new(document, &context));
            value.map(|value| format!("{value:?}"))
        };
        match (worth(document), worth(&fields)) {
            (Ok(a), Ok(b)) => assert_eq!(a, b, "{expression:?}"),
            (Err(a), Err(b)) => {
                coded(&a);
                assert_eq!(a.to_string(), b.to_string());
            }
            (a, b) => panic!("{expression:?} of bytes {a:?}, of fields {b:?}"),
        }
    }
}

fn coded(error: &cuesta::Error) {
    assert!(Failure::of(error).is_some(), "an error without a code: {error}");
}

/// Collections that all hold the same documents, and take others without keeping them.
struct Everywhere(Vec<Document<'static>>);

struct Given(std::vec::IntoIter<Document<'static>>);

impl Rows for Given {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        Ok(self.0.next())
    }
}

impl Sources for Everywhere {
    fn open(&self, _: &Namespace, _: &Leading<'_>) -> Result<Opened> {
        let rows = Box::new(Given(self.0.clone().into_iter()));
        Ok(Opened { rows, filtered: false, sorted: false })
    }

    fn replace_all(&self, _: &Namespace, rows: &mut dyn Rows) -> Result<()> {
        while rows.next()?.is_some() {}
        Ok(())
    }

    fn is_unique(&self, _: &Namespace, _: &[String]) -> Result<bool> {
        Ok(true)
    }

    fn put(
        &self,
        _: &Namespace,
        _: Option<&Document<'_>>,
        document: Document<'static>,
        _: &Merge,
    ) -> Result<()> {
        document.to_bytes().map(drop)
    }
}

fn run(stages: &[Document<'static>], documents: Vec<Document<'static>>, memory_max: usize) {
    let pipeline = match Pipeline::parse(stages, &Scope::new()) {
        Ok(pipeline) => pipeline,
        Err(error) => return coded(&error),
    };
    // Of joins of joins there may be any number.
    let few = documents.iter().take(4).cloned().collect();
    let disk = Disk { env: SimEnv::new(1), folder: PathBuf::from("spilled") };
    let settings = Settings {
        context: Arc::new(context()),
        sources: Arc::new(Everywhere(few)),
        memory_max,
        disk: Some(disk),
    };
    let _ = pipeline.leading();
    let mut rows = match pipeline.over(Box::new(Given(documents.into_iter())), &settings) {
        Ok(rows) => rows,
        Err(error) => return coded(&error),
    };
    for _ in 0..RESULTS_MAX {
        match rows.next() {
            Ok(Some(document)) => drop(document.to_bytes()),
            Ok(None) => return,
            Err(error) => return coded(&error),
        }
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    const DOCUMENTS: [&str; 4] = [
        r#"{"_id": 1, "a": [1, {"b": 2.5}, "x"], "d": {"e": "abc"}, "n": 5, "k": "p"}"#,
        r#"{"_id": 2, "a": {"$numberLong": "5"}, "t": {"$date": {"$numberLong": "5"}}, "k": "q"}"#,
        r#"{"_id": 3, "a": {"$numberDecimal": "1.50"}, "n": -7, "k": "p", "l": [[1, 2], [3]]}"#,
        r#"{"_id": 4, "b": {"$binary": {"base64": "AQID", "subType": "00"}}, "n": null}"#,
    ];
    const CASES: [(&str, &str); 9] = [
        (
            r#"[{"$match": {"n": {"$gt": 1}}}, {"$sort": {"k": 1, "_id": -1}}, {"$limit": 2}]"#,
            r#"{"$add": ["$n", 1, {"$multiply": ["$a", 2.5]}]}"#,
        ),
        (
            r#"[{"$group": {"_id": "$k", "s": {"$sum": "$n"}, "all": {"$push": "$$ROOT"}, "t":
            {"$topN": {"sortBy": {"n": 1}, "output": "$_id", "n": 2}}}}, {"$sort": {"_id": 1}}]"#,
            r#"{"$dateToString": {"date": "$t", "timezone": "Europe/Berlin", "format": "%G-%V"}}"#,
        ),
        (
            r#"[{"$unwind": {"path": "$a", "includeArrayIndex": "i"}}, {"$set": {"a.z": 1}}]"#,
            r#"{"$map": {"input": "$a", "as": "x", "in": {"$ifNull": ["$$x.b", "$$x"]}}}"#,
        ),
        (
            r#"[{"$lookup": {"from": "x", "localField": "k", "foreignField": "k", "let": {"i":
            "$_id"}, "pipeline": [{"$match": {"$expr": {"$ne": ["$_id", "$$i"]}}}], "as": "o"}}]"#,
            r#"{"$reduce": {"input": "$l", "initialValue": [], "in": {"$concatArrays":
            ["$$value", "$$this"]}}}"#,
        ),
        (
            r#"[{"$facet": {"n": [{"$count": "n"}], "b": [{"$bucketAuto": {"groupBy": "$n",
            "buckets": 2}}]}}, {"$replaceWith": {"$mergeObjects": ["$$ROOT", {"x": 1}]}}]"#,
            r#"{"$regexFindAll": {"input": "$d.e", "regex": "(a)|(b)", "options": "i"}}"#,
        ),
        (
            r#"[{"$bucket": {"groupBy": "$_id", "boundaries": [0, 2, 4], "default": "x"}},
            {"$unionWith": {"coll": "y", "pipeline": [{"$sample": {"size": 2}}]}}]"#,
            r#"{"$switch": {"branches": [{"case": {"$in": [1, "$a"]}, "then": {"$size": "$a"}}],
            "default": {"$convert": {"input": "$n", "to": "int", "onError": 0}}}}"#,
        ),
        (
            r#"[{"$project": {"a.b": 1, "m": "$n"}}, {"$match": {"m": 5}}, {"$unset": "a"},
            {"$merge": {"into": "z", "whenMatched": [{"$set": {"q": "$$new.m"}}]}}]"#,
            r#"{"$dateDiff": {"startDate": "$t", "endDate": "$$NOW", "unit": "week",
            "startOfWeek": "mon"}}"#,
        ),
        (
            r#"[{"$redact": {"$cond": [{"$eq": ["$e", "abc"]}, "$$PRUNE", "$$DESCEND"]}},
            {"$sortByCount": "$k"}, {"$skip": 1}, {"$out": "w"}]"#,
            r#"{"$setUnion": [{"$objectToArray": "$d"}, {"$zip": {"inputs": ["$a", [1, 2]]}}]}"#,
        ),
        (
            r#"[{"$documents": [{"x": {"$range": [0, 5]}}]}, {"$set": {"y": {"$avg": "$x"}}}]"#,
            r#"{"$sortArray": {"input": "$a", "sortBy": {"b": -1}}}"#,
        ),
    ];
    let sample = |(at, (pipeline, expression)): (usize, (&str, &str))| {
        let texts = [pipeline, expression].into_iter().chain(DOCUMENTS);
        let parts: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).collect();
        joined((at % 2) as u8, &parts)
    };
    CASES.into_iter().enumerate().map(sample).collect()
}
