use std::sync::Arc;

use super::{Memory, settings};
use crate::document::expression::Scope;
use crate::document::expression::tests::tables::{complaint, table};
use crate::document::pipeline::rows::gather;
use crate::document::pipeline::{Namespace, Pipeline};
use crate::document::value::{Array, Document, Value};

fn documents(case: &Document<'_>, field: &str) -> Vec<Document<'static>> {
    let Some(Value::Array(items)) = case.get(field) else { return Vec::new() };
    let document = |item: Value<'_>| match item {
        Value::Document(document) => document.into_static(),
        other => panic!("{field} holds {other:?}"),
    };
    items.iter().map(document).collect()
}

#[test]
fn pipelines_answer_as_the_tables_say() {
    let mut complaints = Vec::new();
    for group in table("pipelines.json") {
        for case in documents(&group, "cases") {
            let memory = Memory::with("these", documents(&group, "documents"));
            memory.add("other", documents(&group, "other"));
            let settings = settings(Arc::new(memory));
            let stages = documents(&case, "pipeline");
            let run = || {
                let pipeline = Pipeline::parse(&stages, &Scope::new())?;
                let mut rows = pipeline.open(&Namespace::new("these"), &settings)?;
                Ok(Some(Value::Array(Array::from(gather(&mut *rows)?))))
            };
            complaints.extend(complaint(&case, run()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
