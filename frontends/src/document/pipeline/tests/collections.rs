use std::sync::Arc;

use super::{Memory, settings, text};
use crate::doc;
use crate::document::expression::Scope;
use crate::document::pipeline::{Namespace, Pipeline};
use crate::document::value::Document;

fn world() -> Arc<Memory> {
    let memory = Memory::with(
        "orders",
        vec![
            doc! { "_id": 1, "item": "nut", "n": 2 },
            doc! { "_id": 2, "item": ["nut", "bolt"], "n": 5 },
            doc! { "_id": 3, "n": 1 },
        ],
    );
    memory.add(
        "stock",
        vec![
            doc! { "_id": 10, "sku": "nut", "q": 3 },
            doc! { "_id": 11, "sku": "bolt", "q": 9 },
            doc! { "_id": 12, "q": 4 },
            doc! { "_id": 13, "sku": ["nut", "pin"], "q": 1 },
        ],
    );
    Arc::new(memory)
}

fn run(memory: &Arc<Memory>, stages: &[Document<'static>]) -> String {
    let settings = settings(memory.clone());
    let run = || {
        let pipeline = Pipeline::parse(stages, &Scope::new())?;
        let mut rows = pipeline.open(&Namespace::new("orders"), &settings)?;
        super::gather(&mut *rows)
    };
    text(run())
}

#[test]
fn documents_of_other_collections_are_found_by_equality() {
    let lookup = doc! { "$lookup": {
        "from": "stock", "localField": "item", "foreignField": "sku", "as": "s.found"
    } };
    let ids = doc! { "$project": {"s": "$s.found._id"} };
    assert_eq!(
        run(&world(), &[lookup, ids]),
        r#"{"_id": 1, "s": [10, 13]} {"_id": 2, "s": [10, 11, 13]} {"_id": 3, "s": [12]}"#
    );
}

#[test]
fn documents_of_other_collections_are_found_by_a_pipeline() {
    let lookup = doc! { "$lookup": {
        "from": "stock",
        "let": {"least": "$n"},
        "pipeline": [
            {"$match": {"$expr": {"$gte": ["$q", "$$least"]}}},
            {"$project": {"_id": 0, "q": 1}}
        ],
        "as": "s"
    } };
    assert_eq!(
        run(&world(), &[lookup.clone(), doc! { "$project": {"q": "$s.q"} }]),
        r#"{"_id": 1, "q": [3, 9, 4]} {"_id": 2, "q": [9]} {"_id": 3, "q": [3, 9, 4, 1]}"#
    );
    let both = doc! { "$lookup": {
        "from": "stock", "localField": "item", "foreignField": "sku",
        "let": {"n": "$n"},
        "pipeline": [{"$match": {"$expr": {"$gt": ["$q", "$$n"]}}}, {"$count": "c"}],
        "as": "s"
    } };
    assert_eq!(
        run(&world(), &[both, doc! { "$project": {"s": 1} }]),
        r#"{"_id": 1, "s": [{"c": 1}]} {"_id": 2, "s": [{"c": 1}]} {"_id": 3, "s": [{"c": 1}]}"#
    );
    let nested = doc! { "$lookup": {
        "from": "stock",
        "let": {"n": "$n"},
        "pipeline": [
            {"$limit": 1},
            {"$lookup": {"from": "orders", "let": {"q": "$q"}, "pipeline": [
                {"$match": {"$expr": {"$eq": ["$n", {"$subtract": ["$$q", "$$n"]}]}}}
            ], "as": "o"}}
        ],
        "as": "s"
    } };
    assert_eq!(
        run(&world(), &[nested, doc! { "$project": {"o": "$s.o._id"} }]),
        r#"{"_id": 1, "o": [[3]]} {"_id": 2, "o": [[]]} {"_id": 3, "o": [[1]]}"#
    );
    let constant = doc! { "$lookup": {
        "from": "stock", "pipeline": [{"$count": "n"}], "as": "s"
    } };
    assert_eq!(
        run(&world(), &[constant, doc! { "$limit": 1 }, doc! { "$project": {"s": 1} }]),
        r#"{"_id": 1, "s": [{"n": 4}]}"#
    );
}

#[test]
fn documents_of_other_collections_come_behind() {
    let ids = || doc! { "$project": {"_id": 1} };
    assert_eq!(
        run(&world(), &[doc! { "$limit": 1 }, doc! { "$unionWith": "stock" }, ids()]),
        r#"{"_id": 1} {"_id": 10} {"_id": 11} {"_id": 12} {"_id": 13}"#
    );
    let few = doc! { "$unionWith": {"coll": "stock", "pipeline": [{"$match": {"q": {"$gt": 3}}}]} };
    assert_eq!(run(&world(), &[few, doc! { "$count": "n" }]), r#"{"n": 5}"#);
    assert_eq!(
        run(&world(), &[doc! { "$unionWith": "nowhere" }, doc! { "$count": "n" }]),
        r#"{"n": 3}"#
    );
}

#[test]
fn merging_meets_what_is_there_as_it_is_told() {
    let merged = |merge: Document<'static>| {
        let memory = Arc::new(Memory::default());
        memory.add("orders", vec![doc! { "_id": 1, "a": 1 }, doc! { "_id": 2, "a": 2 }]);
        memory.add("to", vec![doc! { "_id": 1, "b": 5, "k": 1 }]);
        let result = run(&memory, &[doc! { "$merge": merge }]);
        if result.is_empty() { memory.all("to") } else { result }
    };
    let there = r#"{"_id": 1, "b": 5, "k": 1"#;
    assert_eq!(
        merged(doc! { "into": "to" }),
        format!(r#"[{there}, "a": 1}}, {{"_id": 2, "a": 2}}]"#)
    );
    assert_eq!(
        merged(doc! { "into": "to", "whenMatched": "replace", "whenNotMatched": "discard" }),
        r#"[{"_id": 1, "a": 1}]"#
    );
    assert_eq!(
        merged(doc! { "into": "to", "whenMatched": "keepExisting" }),
        format!(r#"[{there}}}, {{"_id": 2, "a": 2}}]"#)
    );
    let pipeline = doc! { "into": "to", "let": {"x": {"$add": ["$a", 1]}},
    "whenMatched": [{"$set": {"b": {"$add": ["$b", "$$new.a", "$$x"]}}}],
    "whenNotMatched": "discard" };
    assert_eq!(merged(pipeline), r#"[{"_id": 1, "b": 8, "k": 1}]"#);
    assert_eq!(merged(doc! { "into": "to", "whenMatched": "fail" }), "error 11000");
    assert_eq!(merged(doc! { "into": "to", "whenNotMatched": "fail" }), "error 13113");
    assert_eq!(merged(doc! { "into": "to", "on": "z" }), "error 51183");
    assert_eq!(merged(doc! { "into": "to", "on": "k" }), "error 51132");
    assert_eq!(merged(doc! { "into": "to", "whenMatched": "x" }), "error 2");
    assert_eq!(merged(doc! { "into": "to", "whenMatched": [{"$limit": 1}] }), "error 72");
    assert_eq!(merged(doc! { "into": "to", "let": {"x": 1} }), "error 51199");
    assert_eq!(merged(doc! { "to": "to" }), "error 9");
}

#[test]
fn out_replaces_all() {
    let memory = world();
    assert_eq!(run(&memory, &[doc! { "$limit": 1 }, doc! { "$out": "stock" }]), "");
    assert_eq!(memory.all("stock"), r#"[{"_id": 1, "item": "nut", "n": 2}]"#);
    assert_eq!(run(&memory, &[doc! { "$out": "x" }, doc! { "$limit": 1 }]), "error 40601");
}
