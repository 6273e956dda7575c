use super::*;
use crate::document::filter::Filter;

#[test]
fn a_replacement_keeps_the_id() {
    makes(doc! { "b": 2 }, doc! { "_id": 1, "a": 1 }, doc! { "_id": 1, "b": 2 });
    makes(doc! { "b": 2, "_id": 1 }, doc! { "_id": 1, "a": 1 }, doc! { "_id": 1, "b": 2 });
    makes(doc! {}, doc! { "_id": 1, "a": 1 }, doc! { "_id": 1 });
    makes(doc! { "a": 1 }, doc! { "_id": 1, "a": 1 }, doc! { "_id": 1, "a": 1 });
    makes(doc! { "b": 1, "a": 1 }, doc! { "a": 1, "b": 1 }, doc! { "b": 1, "a": 1 });
    refuses(doc! { "_id": 2 }.into(), doc! { "_id": 1 }, 66, "_id");
    refuses(doc! { "a": 1, "$set": {"b": 1} }.into(), doc! {}, 52, "$set");
    assert!(parsed(&doc! { "a": 1 }.into(), &[]).unwrap().is_replacement());
    assert!(!parsed(&doc! { "$set": {} }.into(), &[]).unwrap().is_replacement());
}

#[test]
fn a_pipeline_computes_the_new_document() {
    let run = |stages: Array<'static>, document: Document<'_>| {
        attempt(stages.into(), &[], &document, None, Mode::Update)
    };
    let is = |stages: Array<'static>, document: Document<'_>, expected: Document<'_>| {
        assert_eq!(format!("{:?}", run(stages, document).unwrap()), format!("{expected:?}"));
    };
    let document = || doc! { "_id": 1, "a": 2, "b": {"c": 3} };
    is(
        array![{"$set": {"d": {"$add": ["$a", 1]}}}],
        document(),
        doc! { "_id": 1, "a": 2, "b": {"c": 3}, "d": 3 },
    );
    is(
        array![{"$addFields": {"a": "$b.c"}}, {"$unset": "b"}],
        document(),
        doc! { "_id": 1, "a": 3 },
    );
    is(array![{"$unset": ["a", "b.c"]}], document(), doc! { "_id": 1, "b": {} });
    is(array![{"$project": {"a": 1}}], document(), doc! { "_id": 1, "a": 2 });
    is(array![{"$project": {"a": 1, "_id": 0}}], document(), doc! { "_id": 1, "a": 2 });
    is(array![{"$replaceWith": "$b"}], document(), doc! { "_id": 1, "c": 3 });
    is(array![{"$replaceRoot": {"newRoot": {"x": "$a"}}}], document(), doc! { "_id": 1, "x": 2 });
    is(
        array![{"$set": {"x": "$a", "a": "$x"}}, {"$set": {"y": "$x"}}],
        document(),
        doc! { "_id": 1, "b": {"c": 3}, "x": 2, "y": 2 },
    );
    is(array![], document(), document());
    refuses(array![{"$match": {}}].into(), document(), 72, "$match");
    refuses(array![{"$set": 1}].into(), document(), 40272, "$set");
    refuses(array![1].into(), document(), 14, "1");
    refuses(array![{"$set": {"a": 1}, "$unset": "b"}].into(), document(), 40323, "one field");
    refuses(array![{"$replaceWith": "$a"}].into(), document(), 40228, "2");
    refuses(array![{"$replaceRoot": {}}].into(), document(), 40231, "newRoot");
    refuses(array![{"$unset": 1}].into(), document(), 31002, "$unset");
    refuses(array![{"$set": {"_id": 9}}].into(), document(), 66, "_id");
}

#[test]
fn an_upsert_begins_with_what_the_filter_says() {
    let made = |filter: Document<'_>, update: Value<'_>| {
        let filter = Filter::parse(&filter, &mut Scope::new())?;
        parsed(&update, &[])?.upserted(&filter, &context())
    };
    let is = |filter: Document<'_>, update: Document<'_>, expected: Document<'_>| {
        let found = made(filter, update.into()).unwrap();
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    };
    is(doc! { "a": 1 }, doc! { "$set": {"b": 2} }, doc! { "a": 1, "b": 2 });
    is(doc! { "a": 1, "_id": 7 }, doc! { "$set": {"b": 2} }, doc! { "_id": 7, "a": 1, "b": 2 });
    is(
        doc! { "a.b": 1, "a.c": 2 },
        doc! { "$set": {"a.d": 3} },
        doc! { "a": {"b": 1, "c": 2, "d": 3} },
    );
    is(doc! { "a": {"$gt": 1}, "b": {"$in": [1, 2]} }, doc! { "$set": {"c": 1} }, doc! { "c": 1 });
    is(doc! { "a": 1 }, doc! { "$inc": {"a": 5, "n": 1} }, doc! { "a": 6, "n": 1 });
    is(doc! { "a": 1 }, doc! { "$setOnInsert": {"b": 2} }, doc! { "a": 1, "b": 2 });
    is(doc! { "a": 1 }, doc! { "$setOnInsert": {"_id": 5} }, doc! { "_id": 5, "a": 1 });
    is(doc! { "a": 1, "_id": 7 }, doc! { "b": 2 }, doc! { "_id": 7, "b": 2 });
    is(doc! { "a": 1 }, doc! { "b": 2 }, doc! { "b": 2 });
    is(
        doc! { "$and": [{"a": 1}, {"b": {"$eq": 2}}] },
        doc! { "$set": {} },
        doc! { "a": 1, "b": 2 },
    );
    let pipeline = made(doc! { "a": 1 }, array![{"$set": {"b": "$a"}}].into()).unwrap();
    assert_eq!(pipeline, doc! { "a": 1, "b": 1 });
    for (filter, update, code) in [
        (doc! { "_id": 1 }, doc! { "$set": {"_id": 2} }, 66),
        (doc! { "_id": 1 }, doc! { "_id": 2 }, 66),
        (doc! { "a": {"$all": [1, 2]} }, doc! { "$set": {} }, 54),
    ] {
        let error = made(filter, update.into()).unwrap_err();
        assert_eq!(Failure::of(&error).map(Failure::code), Some(code), "{error}");
    }
}

#[test]
fn set_on_insert_waits_for_an_insert() {
    makes(doc! { "$setOnInsert": {"a": 1} }, doc! { "b": 1 }, doc! { "b": 1 });
    let update = doc! { "$setOnInsert": {"a": 1}, "$set": {"c": 2} };
    let made = attempt(update.into(), &[], &doc! { "b": 1 }, None, Mode::Insert).unwrap();
    assert_eq!(made, doc! { "b": 1, "a": 1, "c": 2 });
}

#[test]
fn what_changed_is_told_by_path() {
    let context = context();
    let changes = |update: Document<'_>, document: Document<'_>| {
        let update = parsed(&update.into(), &[]).unwrap();
        let outcome = update.apply(&document, None, Mode::Update, &context).unwrap();
        let touched: Vec<String> = outcome.touched().map(str::to_owned).collect();
        (outcome.changes(&document), touched)
    };
    let (found, touched) = changes(
        doc! { "$set": {"a.b": 1, "n": 1, "l.1": 9}, "$unset": {"x": 1, "y": 1} },
        doc! { "a": {"b": 0, "c": 1}, "x": 1, "l": [1, 2, 3] },
    );
    let updated = [("a.b", 1), ("l.1", 9), ("n", 1)];
    assert_eq!(found.updated, updated.map(|(path, value)| (path.to_string(), value.into())));
    assert_eq!(found.removed, ["x"]);
    assert_eq!(found.truncated, []);
    assert_eq!(touched, ["a.b", "l.1", "n", "x"]);
    let (found, _) = changes(doc! { "$pop": {"l": 1} }, doc! { "l": [1, 2, 3] });
    assert_eq!(found.truncated, [("l".to_string(), 2)]);
    let (found, touched) = changes(doc! { "a": 1, "c": 2 }, doc! { "a": 1, "b": 1 });
    assert_eq!((found.updated.len(), found.removed), (1, vec!["b".to_string()]));
    assert_eq!(touched, ["c", "b"]);
    let (found, _) = changes(doc! { "$set": {"c": 1} }, doc! { "a": 1, "b": 1, "a": {} });
    assert_eq!((found.updated.len(), found.removed.len()), (1, 0), "names that occur twice");
    let (_, touched) = changes(doc! { "$set": {"a.b.3.c": 1} }, doc! { "a": {"b": [0]} });
    assert_eq!(touched, ["a.b"], "nulls fill the array up");
    let (found, touched) = changes(doc! { "$set": {"a": 1} }, doc! { "a": 1 });
    assert!(found.is_empty() && touched.is_empty());
}

#[test]
fn an_array_that_is_filled_up_is_touched_as_a_whole() {
    let touched = |update: Document<'_>, document: Document<'_>| {
        let update = parsed(&update.into(), &[]).unwrap();
        let context = context();
        let outcome = update.apply(&document, None, Mode::Update, &context).unwrap();
        let changes = outcome.changes(&document);
        assert!(changes.updated.iter().all(|(path, _)| outcome.touches(path)), "{changes:?}");
        outcome.touched().map(str::to_owned).collect::<Vec<_>>()
    };
    let end = doc! { "$push": {"1.1": {"$each": [], "$slice": 0}} };
    assert_eq!(touched(end, doc! { "1": [] }), ["1"]);
    let two = doc! { "$set": {"a.l.3": 1, "a.l.5": 2, "b": 1} };
    assert_eq!(touched(two, doc! { "a": {"l": [0]} }), ["a.l", "b"]);
    let next = doc! { "$set": {"l.1": 1} };
    assert_eq!(touched(next, doc! { "l": [0] }), ["l.1"]);
}
