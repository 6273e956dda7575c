use super::check;
use crate::doc;
use crate::document::expression::Scope;
use crate::document::pipeline::{Pipeline, stage};
use crate::document::value::{Document, Value};

#[test]
fn what_is_wrong_with_a_stage_is_said() {
    check(
        &[],
        vec![
            (vec![doc! { "$nothing": 1 }], "error 40324"),
            (vec![doc! {}], "error 40323"),
            (vec![doc! { "$limit": 1, "$skip": 1 }], "error 40323"),
            (vec![doc! { "$limit": 0 }], "error 15958"),
            (vec![doc! { "$limit": "x" }], "error 5107201"),
            (vec![doc! { "$skip": -1 }], "error 5107200"),
            (vec![doc! { "$sort": {} }], "error 15976"),
            (vec![doc! { "$sort": {"a": 2} }], "error 15975"),
            (vec![doc! { "$sort": {"a": {"$meta": "textScore"}} }], "error 238"),
            (vec![doc! { "$match": 1 }], "error 15959"),
            (vec![doc! { "$match": {"$foo": 1} }], "error 2"),
            (vec![doc! { "$count": "" }], "error 40157"),
            (vec![doc! { "$count": "a.b" }], "error 40160"),
            (vec![doc! { "$sample": {} }], "error 28748"),
            (vec![doc! { "$sample": {"size": -1} }], "error 28747"),
            (vec![doc! { "$sortByCount": "a" }], "error 40149"),
            (vec![doc! { "$lookup": {"from": "x"} }], "error 9"),
            (vec![doc! { "$lookup": {"from": "x", "as": "y"} }], "error 9"),
            (vec![doc! { "$lookup": {"from": "x", "as": "y", "pipeline": [], "z": 1} }], "error 9"),
            (vec![doc! { "$lookup": {"from": "x", "as": "y", "localField": "z"} }], "error 9"),
            (
                vec![doc! { "$lookup": {"from": "x", "as": "y", "pipeline": [{"$out": "z"}]} }],
                "error 51047",
            ),
            (
                vec![doc! { "$unionWith": {"coll": "x", "pipeline": [{"$out": "z"}]} }],
                "error 31441",
            ),
        ],
    );
}

#[test]
fn stages_that_are_not_there_are_named() {
    for name in stage::ABSENT {
        let error = Pipeline::parse(&[doc! { (*name): {} }], &Scope::new()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    for name in stage::NAMES {
        let error = Pipeline::parse(&[doc! { (*name): (Value::MinKey) }], &Scope::new());
        let unknown = error.as_ref().err().is_some_and(|it| it.to_string().contains("unrecogn"));
        assert!(!unknown, "{name}");
    }
}

#[test]
fn pipelines_nested_too_deeply_are_refused() {
    let nested = |levels: usize| {
        (0..levels).fold(doc! { "$limit": 1 }, |inside: Document<'static>, _| {
            doc! { "$lookup": {"from": "x", "as": "y", "pipeline": [inside]} }
        })
    };
    assert!(Pipeline::parse(&[nested(20)], &Scope::new()).is_ok());
    assert!(Pipeline::parse(&[nested(21)], &Scope::new()).is_err());
}
