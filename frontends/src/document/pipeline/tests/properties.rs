use proptest::prelude::*;

use super::{cramped, text};
use crate::doc;
use crate::document::expression::Scope;
use crate::document::failure::Failure;
use crate::document::pipeline::{Pipeline, Settings};
use crate::document::value::{Array, Document, Value};

fn value() -> impl Strategy<Value = Value<'static>> {
    let plain = prop_oneof![
        3 => (0..6_i32).prop_map(Value::Int32),
        1 => (0..6_i64).prop_map(Value::Int64),
        1 => (0..6_i32).prop_map(|n| Value::Double(f64::from(n) / 2.0)),
        1 => "[ab]{0,2}".prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    plain.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| Value::Array(Array::from(items))),
            prop::collection::vec(("[abc]", inner), 0..3).prop_map(|fields| {
                let mut document = Document::new();
                for (name, value) in fields {
                    document.insert(name, value);
                }
                Value::Document(document)
            }),
        ]
    })
}

fn document() -> impl Strategy<Value = Document<'static>> {
    prop::collection::vec(("[abc]", value()), 0..4).prop_map(|fields| {
        let mut document = Document::new();
        for (name, value) in fields {
            document.insert(name, value);
        }
        document
    })
}

fn documents() -> impl Strategy<Value = Vec<Document<'static>>> {
    prop::collection::vec(document(), 0..30).prop_map(|documents| {
        let number = |(n, mut document): (usize, Document<'static>)| {
            document.insert("_id", n as i32);
            document
        };
        documents.into_iter().enumerate().map(number).collect()
    })
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("a.b"), Just("b.a"), Just("c.c")]
        .prop_map(str::to_owned)
}

fn condition() -> impl Strategy<Value = Document<'static>> {
    let one = (path(), prop_oneof![Just("$eq"), Just("$gt"), Just("$ne"), Just("$lte")], value())
        .prop_map(|(path, operator, value)| doc! { path: {(operator): value} });
    let exists =
        (path(), any::<bool>()).prop_map(|(path, there)| doc! { path: {"$exists": there} });
    let expr = (path(), value()).prop_map(|(path, value)| {
        doc! { "$expr": {"$gte": [(format!("${path}")), {"$literal": value}]} }
    });
    let one = prop_oneof![3 => one, 1 => exists, 1 => expr];
    prop::collection::vec(one, 1..3).prop_map(|parts| doc! { "$and": (Array::from(parts)) })
}

fn stage() -> impl Strategy<Value = Document<'static>> {
    let order = prop::collection::vec((path(), any::<bool>()), 1..3).prop_map(|fields| {
        let mut order = Document::new();
        for (path, up) in fields {
            order.insert(path, if up { 1 } else { -1 });
        }
        doc! { "$sort": order }
    });
    prop_oneof![
        4 => condition().prop_map(|filter| doc! { "$match": filter }),
        3 => order,
        1 => (1..9_i32).prop_map(|n| doc! { "$limit": n }),
        1 => (0..4_i32).prop_map(|n| doc! { "$skip": n }),
        1 => path().prop_map(|path| doc! { "$project": {path: 1} }),
        1 => path().prop_map(|path| doc! { "$project": {path: 0} }),
        2 => (path(), path()).prop_map(|(a, b)| {
            doc! { "$project": {a: (format!("${b}")), "_id": 1} }
        }),
        2 => (path(), path()).prop_map(|(a, b)| doc! { "$addFields": {a: (format!("${b}"))} }),
        1 => (path(), value()).prop_map(|(a, v)| doc! { "$set": {a: {"$literal": v}} }),
        1 => path().prop_map(|path| doc! { "$unset": path }),
        1 => (path(), any::<bool>()).prop_map(|(path, keep)| doc! { "$unwind": {
            "path": (format!("${path}")), "preserveNullAndEmptyArrays": keep } }),
    ]
}

fn run(pipeline: &Pipeline, documents: &[Document<'static>], settings: &Settings) -> String {
    text(pipeline.run_over(documents.to_vec(), settings))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn improving_a_pipeline_changes_nothing(
        documents in documents(),
        stages in prop::collection::vec(stage(), 1..6),
    ) {
        let (settings, _folder) = cramped(Settings::MEMORY_MAX);
        let Ok(written) = Pipeline::as_written(&stages, &Scope::new()) else { return Ok(()) };
        let better = Pipeline::parse(&stages, &Scope::new()).unwrap();
        let (a, b) = (run(&written, &documents, &settings), run(&better, &documents, &settings));
        prop_assert_eq!(a, b, "{:?}", better.stage_names().collect::<Vec<_>>());
    }

    #[test]
    fn sorting_on_disk_is_sorting_in_memory(
        documents in documents(),
        paths in prop::collection::vec((path(), any::<bool>()), 1..3),
        limit in prop::option::of(1..20_i32),
        memory in 200..3000_usize,
    ) {
        let mut order = Document::new();
        for (path, up) in paths {
            order.insert(path, if up { 1 } else { -1 });
        }
        let mut stages = vec![doc! { "$sort": order }];
        stages.extend(limit.map(|limit| doc! { "$limit": limit }));
        let pipeline = Pipeline::parse(&stages, &Scope::new()).unwrap();
        let (little, _folder) = cramped(memory);
        let much = Settings { memory_max: Settings::MEMORY_MAX, ..little.clone() };
        let (a, b) = (run(&pipeline, &documents, &little), run(&pipeline, &documents, &much));
        prop_assert_eq!(a, b);
    }

    #[test]
    fn grouping_on_disk_is_grouping_in_memory(documents in documents(), memory in 200..3000_usize) {
        let group = doc! { "$group": {
            "_id": "$a", "n": {"$sum": "$b"}, "all": {"$push": "$_id"}, "set": {"$addToSet": "$b"},
            "first": {"$first": "$c"}, "last": {"$last": "$c"}, "mean": {"$avg": "$c"}
        } };
        let stages = [group, doc! { "$sort": {"all.0": 1} }];
        let stages = [stages[0].clone(), doc! { "$set": {"_id": {"$type": "$_id"}} },
            stages[1].clone()];
        let pipeline = Pipeline::parse(&stages, &Scope::new()).unwrap();
        let (little, _folder) = cramped(memory);
        let much = Settings { memory_max: Settings::MEMORY_MAX, ..little.clone() };
        let (a, b) = (run(&pipeline, &documents, &little), run(&pipeline, &documents, &much));
        prop_assert_eq!(a, b);
    }
}

#[test]
fn without_disk_the_stage_that_needs_it_is_named() {
    let documents: Vec<_> = (0..100).map(|n| doc! { "_id": n, "x": "some text" }).collect();
    let stages = [
        ("$sort", doc! { "$sort": {"x": 1} }),
        ("$group", doc! { "$group": {"_id": "$_id"} }),
        ("$bucketAuto", doc! { "$bucketAuto": {"groupBy": "$x", "buckets": 2} }),
        ("$facet", doc! { "$facet": {"x": []} }),
    ];
    for (name, stage) in stages {
        let (settings, _folder) = cramped(1000);
        let forbidden = Settings { disk: None, ..settings.clone() };
        let pipeline = Pipeline::parse(&[stage], &Scope::new()).unwrap();
        let error = pipeline.run_over(documents.clone(), &forbidden).unwrap_err();
        assert_eq!(Failure::of(&error).map(Failure::code), Some(292));
        assert!(error.to_string().contains(name), "{error}");
        assert!(pipeline.run_over(documents.clone(), &settings).is_ok());
    }
}

#[test]
fn very_many_runs_are_merged_in_turns() {
    let documents: Vec<_> = (0..2000).map(|n| doc! { "_id": n, "x": (n * 7919 % 2003) }).collect();
    let (settings, _folder) = cramped(1000);
    let sort = [doc! { "$sort": {"x": 1} }, doc! { "$project": {"_id": 0} }];
    let sorted = Pipeline::parse(&sort, &Scope::new()).unwrap();
    let sorted = sorted.run_over(documents, &settings).unwrap();
    assert_eq!(sorted.len(), 2000);
    assert!(sorted.is_sorted());
}
