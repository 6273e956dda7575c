use super::{check, run};
use crate::doc;
use crate::document::expression::Scope;
use crate::document::pipeline::Pipeline;
use crate::document::value::Document;

fn numbers() -> Vec<Document<'static>> {
    vec![
        doc! { "_id": 1, "a": 3, "t": ["x", "y"] },
        doc! { "_id": 2, "a": 1, "t": [] },
        doc! { "_id": 3, "a": 2 },
        doc! { "_id": 4, "a": 3, "t": null },
        doc! { "_id": 5, "t": "x" },
    ]
}

#[test]
fn documents_are_chosen_ordered_and_counted() {
    let ids = || doc! { "$project": {"_id": 1} };
    check(
        &numbers(),
        vec![
            (
                vec![],
                "{\"_id\": 1, \"a\": 3, \"t\": [\"x\", \"y\"]} {\"_id\": 2, \"a\": 1, \
                \"t\": []} {\"_id\": 3, \"a\": 2} {\"_id\": 4, \"a\": 3, \"t\": null} \
                {\"_id\": 5, \"t\": \"x\"}",
            ),
            (
                vec![doc! { "$match": {"a": {"$gt": 1}} }, ids()],
                r#"{"_id": 1} {"_id": 3} {"_id": 4}"#,
            ),
            (
                vec![doc! { "$match": {"$expr": {"$eq": ["$a", 3]}} }, ids()],
                r#"{"_id": 1} {"_id": 4}"#,
            ),
            (
                vec![doc! { "$sort": {"a": 1, "_id": -1} }, ids()],
                r#"{"_id": 5} {"_id": 2} {"_id": 3} {"_id": 4} {"_id": 1}"#,
            ),
            (
                vec![doc! { "$sort": {"t": -1, "_id": 1} }, ids()],
                r#"{"_id": 1} {"_id": 5} {"_id": 3} {"_id": 4} {"_id": 2}"#,
            ),
            (
                vec![doc! { "$sort": {"_id": -1} }, doc! { "$limit": 2 }, ids()],
                r#"{"_id": 5} {"_id": 4}"#,
            ),
            (
                vec![
                    doc! { "$sort": {"_id": -1} },
                    doc! { "$skip": 1 },
                    doc! { "$limit": 2 },
                    ids(),
                ],
                r#"{"_id": 4} {"_id": 3}"#,
            ),
            (vec![doc! { "$skip": 3 }, ids()], r#"{"_id": 4} {"_id": 5}"#),
            (vec![doc! { "$skip": 9 }], ""),
            (vec![doc! { "$limit": 3 }, doc! { "$limit": 1 }, ids()], r#"{"_id": 1}"#),
            (vec![doc! { "$count": "n" }], r#"{"n": 5}"#),
            (vec![doc! { "$match": {"a": 99} }, doc! { "$count": "n" }], ""),
            (
                vec![doc! { "$sortByCount": "$a" }, doc! { "$limit": 1 }],
                r#"{"_id": 3, "count": 2}"#,
            ),
        ],
    );
    assert_eq!(
        run(&numbers(), &[doc! { "$sample": {"size": 9} }, doc! { "$count": "n" }]),
        r#"{"n": 5}"#
    );
    assert_eq!(
        run(&numbers(), &[doc! { "$sample": {"size": 2} }, doc! { "$count": "n" }]),
        r#"{"n": 2}"#
    );
}

#[test]
fn fields_are_kept_left_out_and_computed() {
    let document = doc! {
        "_id": 1, "a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}, 5, [{"x": 3}]], "s": 7
    };
    check(
        &[document],
        vec![
            (vec![doc! { "$project": {"s": 1} }], r#"{"_id": 1, "s": 7}"#),
            (vec![doc! { "$project": {"_id": 0, "s": true} }], r#"{"s": 7}"#),
            (vec![doc! { "$project": {"a.b": 1} }], r#"{"_id": 1, "a": {"b": 1}}"#),
            (vec![doc! { "$project": {"a": {"b": 1}} }], r#"{"_id": 1, "a": {"b": 1}}"#),
            (vec![doc! { "$project": {"l.x": 1} }], r#"{"_id": 1, "l": [{"x": 1}, [{"x": 3}]]}"#),
            (vec![doc! { "$project": {"a": 0, "l": 0} }], r#"{"_id": 1, "s": 7}"#),
            (
                vec![doc! { "$project": {"_id": 0, "a.b": 0, "l.x": 0} }],
                r#"{"a": {"c": 2}, "l": [{"y": 2}, 5, [{}]], "s": 7}"#,
            ),
            (
                vec![doc! { "$project": {"_id": 0, "n": {"$add": ["$s", 1]}, "m": "$a.b"} }],
                r#"{"n": 8, "m": 1}"#,
            ),
            (vec![doc! { "$project": {"_id": 0, "n": "$none", "s": 1} }], r#"{"s": 7}"#),
            (
                vec![doc! { "$project": {"_id": 0, "a": {"n": {"$literal": 1}}} }],
                r#"{"a": {"n": 1}}"#,
            ),
            (vec![doc! { "$project": {"_id": "$s"} }], r#"{"_id": 7}"#),
            (vec![doc! { "$project": {"a": 1, "s": 0} }], "error 31254"),
            (vec![doc! { "$project": {"a": 1, "a.b": 1} }], "error 31249"),
            (vec![doc! { "$project": {} }], "error 51272"),
            (vec![doc! { "$project": {"a": {}} }], "error 51270"),
            (
                vec![doc! { "$addFields": {"s": "$a.b", "a.d": 3} }, doc! { "$unset": "l" }],
                r#"{"_id": 1, "a": {"b": 1, "c": 2, "d": 3}, "s": 1}"#,
            ),
            (
                vec![doc! { "$set": {"l.z": 9} }, doc! { "$project": {"_id": 0, "l": 1} }],
                r#"{"l": [{"x": 1, "y": 2, "z": 9}, {"z": 9}, [{"x": 3, "z": 9}]]}"#,
            ),
            (
                vec![doc! { "$set": {"a": "$$REMOVE", "l": 1, "s": {"t": 2}} }],
                r#"{"_id": 1, "l": 1, "s": {"t": 2}}"#,
            ),
            (vec![doc! { "$unset": ["l", "a.b", "_id"] }], r#"{"a": {"c": 2}, "s": 7}"#),
            (vec![doc! { "$unset": [] }], "error 31002"),
            (vec![doc! { "$replaceRoot": {"newRoot": "$a"} }], r#"{"b": 1, "c": 2}"#),
            (
                vec![doc! { "$replaceWith": {"$mergeObjects": ["$a", {"c": 3}]} }],
                r#"{"b": 1, "c": 3}"#,
            ),
            (vec![doc! { "$replaceWith": "$s" }], "error 40228"),
            (vec![doc! { "$replaceRoot": {"new": "$a"} }], "error 40231"),
        ],
    );
}

#[test]
fn arrays_are_unwound() {
    let path = || doc! { "$project": {"a": 0} };
    check(
        &numbers(),
        vec![
            (
                vec![doc! { "$unwind": "$t" }, path()],
                r#"{"_id": 1, "t": "x"} {"_id": 1, "t": "y"} {"_id": 5, "t": "x"}"#,
            ),
            (
                vec![
                    doc! { "$unwind": {"path": "$t", "preserveNullAndEmptyArrays": true} },
                    path(),
                ],
                "{\"_id\": 1, \"t\": \"x\"} {\"_id\": 1, \"t\": \"y\"} {\"_id\": 2} {\"_id\": 3} \
                 {\"_id\": 4, \"t\": null} {\"_id\": 5, \"t\": \"x\"}",
            ),
            (
                vec![doc! { "$unwind": {"path": "$t", "includeArrayIndex": "i"} }, path()],
                "{\"_id\": 1, \"t\": \"x\", \"i\": Long(0)} {\"_id\": 1, \"t\": \"y\", \
                 \"i\": Long(1)} {\"_id\": 5, \"t\": \"x\", \"i\": null}",
            ),
            (vec![doc! { "$unwind": "t" }], "error 28818"),
            (vec![doc! { "$unwind": {} }], "error 28812"),
            (vec![doc! { "$unwind": {"path": "$t", "x": 1} }], "error 28811"),
            (vec![doc! { "$unwind": 5 }], "error 15981"),
        ],
    );
    let nested = [doc! { "_id": 1, "a": {"b": [1, 2], "c": 3} }];
    assert_eq!(
        run(&nested, &[doc! { "$unwind": "$a.b" }]),
        r#"{"_id": 1, "a": {"b": 1, "c": 3}} {"_id": 1, "a": {"b": 2, "c": 3}}"#
    );
}

#[test]
fn buckets_have_boundaries() {
    let people: Vec<_> = [5, 15, 25, 35, 15].into_iter().map(|age| doc! { "age": age }).collect();
    check(
        &people,
        vec![
            (
                vec![doc! { "$bucket": {"groupBy": "$age", "boundaries": [0, 10, 20],
                "default": "more"} }],
                r#"{"_id": 0, "count": 1} {"_id": 10, "count": 2} {"_id": "more", "count": 2}"#,
            ),
            (
                vec![doc! { "$bucket": {"groupBy": "$age", "boundaries": [0, 10, 40],
                "output": {"sum": {"$sum": "$age"}}} }],
                r#"{"_id": 0, "sum": 5} {"_id": 10, "sum": 90}"#,
            ),
            (vec![doc! { "$bucket": {"groupBy": "$age", "boundaries": [0, 10]} }], "error 40066"),
            (vec![doc! { "$bucket": {"groupBy": "$age", "boundaries": [10, 0]} }], "error 40194"),
            (vec![doc! { "$bucket": {"groupBy": "$age", "boundaries": [0, "x"]} }], "error 40193"),
            (vec![doc! { "$bucket": {"groupBy": "$age", "boundaries": [0]} }], "error 40192"),
            (vec![doc! { "$bucket": {"groupBy": "age", "boundaries": [0, 1]} }], "error 40202"),
            (
                vec![doc! { "$bucketAuto": {"groupBy": "$age", "buckets": 2} }],
                "{\"_id\": {\"min\": 5, \"max\": 25}, \"count\": 3} \
                 {\"_id\": {\"min\": 25, \"max\": 35}, \"count\": 2}",
            ),
            (vec![doc! { "$bucketAuto": {"groupBy": "$age", "buckets": 0} }], "error 40243"),
            (
                vec![doc! { "$bucketAuto": {"groupBy": "$age", "buckets": 2,
                "granularity": "R5"} }],
                "error 238",
            ),
        ],
    );
}

#[test]
fn facets_see_the_same_documents() {
    check(
        &numbers(),
        vec![
            (
                vec![doc! { "$facet": {"n": [{"$count": "n"}], "none": [{"$match": {"a": 99}}],
                "ids": [{"$limit": 1}, {"$project": {"_id": 1}}]} }],
                r#"{"n": [{"n": 5}], "none": [], "ids": [{"_id": 1}]}"#,
            ),
            (vec![doc! { "$facet": {"x": [{"$facet": {"y": []}}]} }], "error 40600"),
            (vec![doc! { "$facet": {"x": [{"$out": "y"}]} }], "error 40600"),
            (vec![doc! { "$facet": {} }], "error 40169"),
            (vec![doc! { "$facet": {"x": 1} }], "error 14"),
        ],
    );
}

#[test]
fn documents_are_cut_where_an_expression_says_so() {
    let document = doc! { "l": 1, "a": {"l": 5, "x": 1}, "b": [{"l": 1}, {"l": 5}], "c": {"d": 1} };
    let by = |otherwise: &'static str| {
        doc! { "$redact": {"$cond": [{"$gt": ["$l", 3]}, "$$PRUNE", otherwise]} }
    };
    check(
        &[document],
        vec![
            (vec![by("$$DESCEND")], r#"{"l": 1, "b": [{"l": 1}], "c": {"d": 1}}"#),
            (
                vec![by("$$KEEP"), doc! { "$project": {"l": 1, "a": 1} }],
                r#"{"l": 1, "a": {"l": 5, "x": 1}}"#,
            ),
            (vec![doc! { "$redact": "x" }], "error 17053"),
            (vec![doc! { "$redact": "$$PRUNE" }], ""),
        ],
    );
}

#[test]
fn documents_may_be_written_out() {
    check(
        &[],
        vec![
            (
                vec![
                    doc! { "$documents": [{"x": {"$add": [1, 2]}}, {"x": 2}] },
                    doc! { "$sort": {"x": 1} },
                ],
                r#"{"x": 2} {"x": 3}"#,
            ),
            (vec![doc! { "$documents": [1] }], "error 40228"),
            (vec![doc! { "$documents": 1 }], "error 5858203"),
            (vec![doc! { "$limit": 1 }, doc! { "$documents": [] }], "error 40602"),
        ],
    );
}

#[test]
fn conditions_go_forward_and_limits_into_sorts() {
    let names = |stages: &[Document<'static>]| {
        let pipeline = Pipeline::parse(stages, &Scope::new()).unwrap();
        let names: Vec<_> = pipeline.stage_names().collect();
        let leading = pipeline.leading();
        let filter = leading.filter.map(|filter| format!("{:?}", filter.to_document()));
        (names.join(" "), filter.unwrap_or_default(), leading.sort.is_some(), leading.limit)
    };
    let matched = || doc! { "$match": {"a": 1, "b": 2} };
    let (order, filter, sort, _) = names(&[doc! { "$sort": {"x": 1} }, matched()]);
    assert_eq!((order.as_str(), sort), ("$match $sort", true));
    assert!(filter.contains("\"a\"") && filter.contains("\"b\""), "{filter}");
    let (order, filter, ..) = names(&[doc! { "$addFields": {"a": 5} }, matched()]);
    assert_eq!(order, "$match $addFields $match");
    assert!(!filter.contains("\"a\"") && filter.contains("\"b\""), "{filter}");
    let (order, filter, ..) = names(&[doc! { "$project": {"a": "$old", "b": 1} }, matched()]);
    assert_eq!(order, "$match $project");
    assert!(filter.contains("\"old\"") && filter.contains("\"b\""), "{filter}");
    let (order, ..) = names(&[doc! { "$limit": 1 }, matched()]);
    assert_eq!(order, "$limit $match");
    let (order, ..) = names(&[doc! { "$group": {"_id": "$a"} }, matched()]);
    assert_eq!(order, "$group $match");
    let (order, ..) = names(&[doc! { "$unwind": "$a" }, matched()]);
    assert_eq!(order, "$match $unwind $match");
    let (order, _, _, limit) = names(&[
        doc! { "$sort": {"x": 1} },
        doc! { "$project": {"x": 1} },
        doc! { "$skip": 2 },
        doc! { "$limit": 3 },
    ]);
    assert_eq!((order.as_str(), limit), ("$sort $project $skip $limit", None));
    let (order, _, _, limit) =
        names(&[doc! { "$sort": {"x": 1} }, doc! { "$project": {"x": 1} }, doc! { "$limit": 3 }]);
    assert_eq!((order.as_str(), limit), ("$sort $project", Some(3)));
    let (order, _, _, limit) =
        names(&[doc! { "$sort": {"x": 1} }, doc! { "$skip": 2 }, doc! { "$limit": 3 }]);
    assert_eq!((order.as_str(), limit), ("$sort $skip $limit", Some(5)));
}

#[test]
fn what_is_read_of_a_collection_is_known() {
    let reads = |stages: &[Document<'static>]| {
        let pipeline = Pipeline::parse(stages, &Scope::new()).unwrap();
        let reads = pipeline.leading().reads.cloned();
        reads.map(|reads| reads.paths.into_iter().collect::<Vec<_>>().join(" "))
    };
    let grouped = doc! { "$group": {"_id": "$k", "n": {"$sum": "$v.w"}} };
    assert_eq!(reads(&[doc! { "$match": {"m": 1} }, grouped]).as_deref(), Some("k m v.w"));
    assert_eq!(reads(&[doc! { "$project": {"x": 1, "y": "$z"} }]).as_deref(), Some("_id x z"));
    assert_eq!(reads(&[doc! { "$match": {"m": 1} }]), None);
    assert_eq!(reads(&[doc! { "$group": {"_id": 1, "d": {"$push": "$$ROOT"}} }]), None);
}
