use super::*;
use crate::doc;
use crate::document::failure::Failure;
use crate::document::filter::Filter;
use crate::document::value::{DateTime, RawDocument, Value};

fn context() -> Context {
    Context::new(DateTime::from_millis(0), 1)
}

/// Projects both the fields and the bytes of a document.
#[track_caller]
fn applied(projection: &Projection, document: &Document<'_>) -> Document<'static> {
    let context = context();
    let made = projection.apply(document, None, &context).unwrap().into_static();
    let bytes = document.to_bytes().unwrap();
    let raw = Document::from_raw(RawDocument::trusted(&bytes));
    let from_bytes = projection.apply(&raw, None, &context).unwrap();
    assert_eq!(from_bytes.to_bytes().unwrap(), made.to_bytes().unwrap());
    made
}

#[track_caller]
fn found(specification: Document<'_>, document: Document<'_>) -> Document<'static> {
    let projection = Projection::find(&specification, &mut Scope::new())
        .unwrap_or_else(|error| panic!("{specification:?}: {error}"));
    applied(&projection, &document)
}

#[track_caller]
fn gives(specification: Document<'_>, document: Document<'_>, expected: Document<'_>) {
    let made = found(specification.clone(), document);
    assert_eq!(format!("{made:?}"), format!("{expected:?}"), "{specification:?}");
}

#[test]
fn inclusions_give_what_they_name_and_the_id() {
    let document =
        || doc! { "_id": 1, "a": 2, "b": {"c": 3, "d": 4}, "e": [{"f": 5, "g": 6}, 7, [{"f": 8}]] };
    gives(doc! {}, document(), document());
    gives(doc! { "a": 1 }, document(), doc! { "_id": 1, "a": 2 });
    gives(doc! { "a": true, "_id": 0 }, document(), doc! { "a": 2 });
    gives(doc! { "b": 1, "a": 1 }, document(), doc! { "_id": 1, "a": 2, "b": {"c": 3, "d": 4} });
    gives(doc! { "b.c": 1 }, document(), doc! { "_id": 1, "b": {"c": 3} });
    gives(doc! { "b": {"c": 1} }, document(), doc! { "_id": 1, "b": {"c": 3} });
    gives(doc! { "b.x": 1 }, document(), doc! { "_id": 1, "b": {} });
    gives(doc! { "a.x": 1 }, document(), doc! { "_id": 1 });
    gives(doc! { "e.f": 1, "_id": 0 }, document(), doc! { "e": [{"f": 5}, [{"f": 8}]] });
    gives(doc! { "_id": 1 }, document(), doc! { "_id": 1 });
    gives(doc! { "x": 1 }, document(), doc! { "_id": 1 });
    gives(doc! { "a": 0.5 }, document(), doc! { "_id": 1, "a": 2 });
    gives(
        doc! { "b": {"c": 1, "d": 1}, "a": 1_i64 },
        document(),
        doc! { "_id": 1, "a": 2, "b": {"c": 3, "d": 4} },
    );
}

#[test]
fn exclusions_give_all_else() {
    let document = || doc! { "_id": 1, "a": 2, "b": {"c": 3, "d": 4}, "e": [{"f": 5, "g": 6}, 7] };
    gives(doc! { "a": 0, "e": 0 }, document(), doc! { "_id": 1, "b": {"c": 3, "d": 4} });
    gives(doc! { "_id": 0, "b": false, "e": 0 }, document(), doc! { "a": 2 });
    gives(doc! { "_id": 1, "b": 0, "e": 0 }, document(), doc! { "_id": 1, "a": 2 });
    gives(doc! { "_id": 0 }, doc! { "_id": 1, "a": 2 }, doc! { "a": 2 });
    gives(
        doc! { "b.c": 0, "e.f": 0 },
        document(),
        doc! { "_id": 1, "a": 2, "b": {"d": 4}, "e": [{"g": 6}, 7] },
    );
    gives(doc! { "a.x": 0 }, doc! { "a": 2 }, doc! { "a": 2 });
}

#[test]
fn what_is_computed_follows_in_order() {
    let document = || doc! { "_id": 1, "a": 2, "b": {"c": 3}, "e": [{"f": 5}, 7] };
    gives(
        doc! { "z": {"$add": ["$a", "$b.c"]}, "a": 1 },
        document(),
        doc! { "_id": 1, "a": 2, "z": 5 },
    );
    gives(doc! { "a": "$b.c", "b": 1 }, document(), doc! { "_id": 1, "b": {"c": 3}, "a": 3 });
    gives(doc! { "x": "text" }, document(), doc! { "_id": 1, "x": "text" });
    gives(doc! { "x": "$missing" }, document(), doc! { "_id": 1 });
    gives(doc! { "b.x": "$a" }, document(), doc! { "_id": 1, "b": {"x": 2} });
    gives(doc! { "n.x": "$a" }, document(), doc! { "_id": 1, "n": {"x": 2} });
    gives(doc! { "e.x": "$a" }, document(), doc! { "_id": 1, "e": [{"x": 2}, {"x": 2}] });
    gives(doc! { "x": [1, "$a"] }, document(), doc! { "_id": 1, "x": [1, 2] });
    gives(doc! { "x": {"$literal": 1} }, document(), doc! { "_id": 1, "x": 1 });
    gives(doc! { "_id": "$a", "a": 1 }, document(), doc! { "a": 2, "_id": 2 });
}

#[test]
fn slices_give_part_of_an_array() {
    let document = || doc! { "_id": 1, "a": [1, 2, 3, 4], "b": 5, "c": {"d": [6, 7]} };
    let sliced = |slice: Value<'static>| {
        found(doc! { "a": {"$slice": slice} }, document()).get("a").map(Value::into_static)
    };
    let is = |slice: Value<'static>, expected: Vec<i32>| {
        assert_eq!(sliced(slice), Some(expected.into()));
    };
    is(2.into(), vec![1, 2]);
    is((-1).into(), vec![4]);
    is(0.into(), vec![]);
    is(9.into(), vec![1, 2, 3, 4]);
    is((-9).into(), vec![1, 2, 3, 4]);
    is(vec![1, 2].into(), vec![2, 3]);
    is(vec![-3, 2].into(), vec![2, 3]);
    is(vec![-9, 2].into(), vec![1, 2]);
    is(vec![9, 2].into(), vec![]);
    gives(
        doc! { "a": {"$slice": 1}, "c.d": {"$slice": -1} },
        document(),
        doc! { "_id": 1, "a": [1], "b": 5, "c": {"d": [7]} },
    );
    gives(doc! { "a": {"$slice": 1}, "b": 1 }, document(), doc! { "_id": 1, "a": [1], "b": 5 });
    gives(doc! { "a": {"$slice": 1}, "c": 0 }, document(), doc! { "_id": 1, "a": [1], "b": 5 });
    gives(doc! { "b": {"$slice": 1}, "a": 0, "c": 0 }, document(), doc! { "_id": 1, "b": 5 });
    gives(doc! { "x": {"$slice": ["$a", 2]} }, document(), doc! { "_id": 1, "x": [1, 2] });
}

#[test]
fn the_first_matching_element_is_given() {
    let document = || {
        doc! {
            "_id": 1,
            "a": [{"x": 1, "y": 1}, {"x": 2, "y": 2}, {"x": 2, "y": 3}],
            "n": [1, 5, 9],
            "s": 3
        }
    };
    gives(
        doc! { "a": {"$elemMatch": {"x": 2}} },
        document(),
        doc! { "_id": 1, "a": [{"x": 2, "y": 2}] },
    );
    gives(doc! { "n": {"$elemMatch": {"$gt": 2}} }, document(), doc! { "_id": 1, "n": [5] });
    gives(doc! { "a": {"$elemMatch": {"x": 9}} }, document(), doc! { "_id": 1 });
    gives(doc! { "s": {"$elemMatch": {"$gt": 2}} }, document(), doc! { "_id": 1 });
    gives(
        doc! { "s": 1, "n": {"$elemMatch": {"$gt": 7}} },
        document(),
        doc! { "_id": 1, "s": 3, "n": [9] },
    );
}

#[test]
fn the_position_of_the_query_is_given() {
    let given = |filter: Document<'_>, specification: Document<'_>, document: Document<'_>| {
        let filter = Filter::parse(&filter, &mut Scope::new()).unwrap();
        let position = filter.matches_at(&document, &context()).unwrap().expect("it matches");
        let projection = Projection::find(&specification, &mut Scope::new()).unwrap();
        projection.apply(&document, position, &context()).map(Document::into_static)
    };
    let document =
        || doc! { "_id": 1, "a": [{"x": 1}, {"x": 2, "y": 0}], "b": {"c": [4, 5, 6]}, "d": 1 };
    assert_eq!(
        given(doc! { "a.x": 2 }, doc! { "a.$": 1 }, document()).unwrap(),
        doc! { "_id": 1, "a": [{"x": 2, "y": 0}] }
    );
    assert_eq!(
        given(doc! { "b.c": {"$gte": 5} }, doc! { "b.c.$": 1, "d": 1 }, document()).unwrap(),
        doc! { "_id": 1, "b": {"c": [5]}, "d": 1 }
    );
    let error = given(doc! { "d": 1 }, doc! { "a.$": 1 }, document()).unwrap_err();
    assert_eq!(Failure::of(&error).map(Failure::code), Some(51246));
    let error = given(doc! { "b.c": 6 }, doc! { "a.$": 1 }, document()).unwrap_err();
    assert_eq!(Failure::of(&error).map(Failure::code), Some(51247));
    assert_eq!(
        given(doc! { "d": 1 }, doc! { "d.$": 1 }, document()).unwrap(),
        doc! { "_id": 1, "d": 1 }
    );
}

#[test]
fn stages_add_and_leave_out() {
    let document = || doc! { "_id": 1, "a": 2, "b": {"c": 3}, "e": [{"f": 5}, 7] };
    let add = |specification: Document<'_>| {
        applied(&Projection::add_fields(&specification, &mut Scope::new()).unwrap(), &document())
    };
    let shown = |document: Document<'_>| format!("{document:?}");
    assert_eq!(
        shown(add(doc! { "a": "$b.c", "z": 1 })),
        shown(doc! { "_id": 1, "a": 3, "b": {"c": 3}, "e": [{"f": 5}, 7], "z": 1 })
    );
    assert_eq!(add(doc! { "b": {"d": 9} }).get("b"), Some(doc! { "c": 3, "d": 9 }.into()));
    assert_eq!(add(doc! { "b.c": "$a" }).get("b"), Some(doc! { "c": 2 }.into()));
    assert_eq!(add(doc! { "a.x": 1 }).get("a"), Some(doc! { "x": 1 }.into()));
    assert_eq!(add(doc! { "a": {} }).get("a"), Some(doc! {}.into()));
    let e = add(doc! { "e.g": "$a" });
    assert_eq!(
        shown(doc! { "e": (e.get("e").unwrap().into_static()) }),
        shown(doc! { "e": [{"f": 5, "g": 2}, {"g": 2}] })
    );
    assert!(!add(doc! { "a": "$$REMOVE" }).contains("a"));
    let unset = Projection::unset(["a", "b.c"]).unwrap();
    assert_eq!(applied(&unset, &document()), doc! { "_id": 1, "b": {}, "e": [{"f": 5}, 7] });
}

#[test]
fn what_is_read_is_known() {
    let read = |specification: Document<'_>| {
        let found = Projection::find(&specification, &mut Scope::new()).unwrap().dependencies();
        (found.paths.into_iter().collect::<Vec<_>>().join(" "), found.whole)
    };
    assert_eq!(read(doc! { "a": 1, "b.c": 1 }), ("_id a b.c".into(), false));
    assert_eq!(read(doc! { "a": 1, "_id": 0 }), ("a".into(), false));
    assert_eq!(read(doc! { "x": {"$add": ["$a", "$b.c"]}, "_id": 0 }), ("a b.c".into(), false));
    assert!(read(doc! { "a": 0 }).1);
    assert!(read(doc! {}).1);
    assert_eq!(read(doc! { "a": {"$elemMatch": {"b": 1}} }), ("_id a".into(), false));
}

#[test]
fn what_is_wrong_is_an_error_that_names_it() {
    let cases = [
        (doc! { "a": 1, "b": 0 }, 31254, "b"),
        (doc! { "a": 0, "b": 1 }, 31253, "b"),
        (doc! { "a": 0, "b": "$c" }, 31252, "b"),
        (doc! { "a": 1, "a.b": 1 }, 31249, "a.b"),
        (doc! { "a.b": 1, "a": 1 }, 31249, "a"),
        (doc! { "a": {} }, 51270, "a"),
        (doc! { "a..b": 1 }, 15998, "a..b"),
        (doc! { "$a": 1 }, 16410, "$a"),
        (doc! { "a.$": 0 }, 31395, "positional"),
        (doc! { "a.$": 1, "b.$": 1 }, 31276, "positional"),
        (doc! { "a.$": 1, "b": {"$elemMatch": {"c": 1}} }, 31255, "$elemMatch"),
        (doc! { "a.$.b.$": 1 }, 31394, "positional"),
        (doc! { "a.b": {"$elemMatch": {"c": 1}} }, 31275, "a.b"),
        (doc! { "a": {"$slice": [1, 0]} }, 28724, "$slice"),
        (doc! { "a": {"$slice": [1, 2, 3]} }, 28667, "$slice"),
        (doc! { "a": {"$slice": []} }, 28667, "$slice"),
        (doc! { "a": {"$meta": "textScore"} }, 238, "$meta"),
    ];
    for (specification, code, part) in cases {
        let error = Projection::find(&specification, &mut Scope::new()).expect_err("wrong");
        let found = Failure::of(&error).map(Failure::code);
        assert_eq!(found, Some(code), "{specification:?}: {error}");
        assert!(error.to_string().contains(part), "{specification:?}: {error}");
    }
    let error = Projection::project(&doc! {}, &mut Scope::new()).unwrap_err();
    assert_eq!(Failure::of(&error).map(Failure::code), Some(51272));
    let deep = (0..150).fold(doc! { "a": 1 }, |inner, _| doc! { "a": inner });
    assert!(Projection::find(&deep, &mut Scope::new()).is_err());
}
