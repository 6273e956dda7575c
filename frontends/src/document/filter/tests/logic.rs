use super::*;

#[test]
fn connectives_join_filters() {
    let all = [doc! { "a": 1, "b": 1 }, doc! { "a": 1 }, doc! { "b": 1 }, doc! {}];
    finds(doc! {}, &all, &[0, 1, 2, 3]);
    finds(doc! { "a": 1, "b": 1 }, &all, &[0]);
    finds(doc! { "$and": [{"a": 1}, {"b": 1}] }, &all, &[0]);
    finds(doc! { "$or": [{"a": 1}, {"b": 1}] }, &all, &[0, 1, 2]);
    finds(doc! { "$nor": [{"a": 1}, {"b": 1}] }, &all, &[3]);
    finds(doc! { "$or": [{"a": 1}], "b": 1 }, &all, &[0]);
    finds(doc! { "$or": [{}] }, &all, &[0, 1, 2, 3]);
    finds(doc! { "$nor": [{}] }, &all, &[]);
    finds(
        doc! { "$and": [{"$or": [{"a": 1}, {"b": 1}]}, {"$nor": [{"a": 1, "b": 1}]}] },
        &all,
        &[1, 2],
    );
    finds(doc! { "a": 1, "$comment": "why not" }, &all, &[0, 1]);
    finds(doc! { "$comment": {"any": "thing"} }, &all, &[0, 1, 2, 3]);
    finds(doc! { "$alwaysTrue": 1 }, &all, &[0, 1, 2, 3]);
    finds(doc! { "$alwaysFalse": 1.0 }, &all, &[]);
    finds(doc! { "a": {"$in": []} }, &all, &[]);
    finds(doc! { "a": {"$nin": []} }, &all, &[0, 1, 2, 3]);
}

#[test]
fn negations_match_what_the_operator_does_not() {
    let all =
        [doc! { "a": 3 }, doc! { "a": 30 }, doc! { "a": "x" }, doc! {}, doc! { "a": [3, 30] }];
    finds(doc! { "a": {"$not": {"$gt": 5}} }, &all, &[0, 2, 3]);
    finds(doc! { "a": {"$not": {"$gt": 2, "$lt": 5}} }, &all, &[1, 2, 3]);
    finds(doc! { "a": {"$not": {"$not": {"$gt": 5}}} }, &all, &[1, 4]);
    finds(doc! { "a": {"$not": {"$exists": true}} }, &all, &[3]);
    finds(doc! { "a": {"$not": {"$in": [3]}} }, &all, &[1, 2, 3]);
    finds(doc! { "$nor": [{"a": {"$gt": 5}}] }, &all, &[0, 2, 3]);
}

#[test]
fn expressions_are_filters() {
    let all = [doc! { "a": 3, "b": 2 }, doc! { "a": 1, "b": 2 }, doc! { "b": 2 }, doc! { "a": 0 }];
    finds(doc! { "$expr": {"$gt": ["$a", "$b"]} }, &all, &[0, 3]);
    finds(doc! { "$expr": "$a" }, &all, &[0, 1]);
    finds(doc! { "$expr": true }, &all, &[0, 1, 2, 3]);
    finds(doc! { "$expr": 0 }, &all, &[]);
    finds(doc! { "$nor": [{"$expr": {"$gt": ["$a", "$b"]}}], "b": 2 }, &all, &[1, 2]);
}

#[test]
fn trees_are_simplified() {
    let cases = [
        (doc! {}, doc! {}),
        (doc! { "a": 1 }, doc! { "a": {"$eq": 1} }),
        (doc! { "$and": [{"a": 1}] }, doc! { "a": {"$eq": 1} }),
        (doc! { "$or": [{"a": 1}] }, doc! { "a": {"$eq": 1} }),
        (doc! { "a": {"$in": [1]} }, doc! { "a": {"$eq": 1} }),
        (doc! { "a": {"$in": [2, 1, 2]} }, doc! { "a": {"$in": [1, 2]} }),
        (doc! { "a": {"$all": [7]} }, doc! { "a": {"$eq": 7} }),
        (doc! { "a": {"$not": {"$not": {"$gt": 1}}} }, doc! { "a": {"$gt": 1} }),
        (doc! { "a": {"$ne": 1} }, doc! { "a": {"$ne": 1} }),
        (doc! { "a": {"$nin": [1]} }, doc! { "a": {"$ne": 1} }),
        (doc! { "a": {"$exists": 0} }, doc! { "a": {"$exists": false} }),
        (doc! { "$nor": [{"$nor": [{"a": 1}]}] }, doc! { "a": {"$eq": 1} }),
        (
            doc! { "$nor": [{"$or": [{"a": 1}, {"b": 1}]}, {"c": 1}] },
            doc! { "$nor": [{"a": {"$eq": 1}}, {"b": {"$eq": 1}}, {"c": {"$eq": 1}}] },
        ),
        (
            doc! { "$and": [{"a": 1}, {"$and": [{"b": 1}, {"c": {"$gt": 1, "$lt": 3}}]}] },
            doc! { "$and": [
                {"a": {"$eq": 1}}, {"b": {"$eq": 1}}, {"c": {"$gt": 1}}, {"c": {"$lt": 3}}
            ] },
        ),
        (doc! { "$and": [{"a": 1}, {"$alwaysFalse": 1}] }, doc! { "$alwaysFalse": 1 }),
        (doc! { "$or": [{"a": 1}, {"b": {"$in": []}}] }, doc! { "a": {"$eq": 1} }),
        (
            doc! { "a": {"$not": {"$gt": 1, "$lt": 3}} },
            doc! { "$nor": [{"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 3}}]}] },
        ),
        (doc! { "a": {"$type": 16} }, doc! { "a": {"$type": ["int"]} }),
        (doc! { "a": {"$mod": [4.9, 1]} }, doc! { "a": {"$mod": [4_i64, 1_i64]} }),
        (doc! { "a": {"$bitsAllSet": 6} }, doc! { "a": {"$bitsAllSet": [1_i64, 2_i64]} }),
    ];
    for (filter, simple) in cases {
        assert_eq!(parsed(&filter).to_document(), simple, "{filter:?}");
        assert_eq!(parsed(&simple), parsed(&filter), "{filter:?}");
    }
}

#[test]
fn equalities_are_found_under_and() {
    let of = |filter: Document<'_>| {
        let filter = parsed(&filter);
        let pairs = filter.equalities().map(|found| {
            found.into_iter().map(|(path, value)| (path.to_string(), value.clone())).collect()
        });
        pairs.map(|pairs: Vec<(String, Value<'static>)>| Document::from_iter(pairs))
    };
    let cases = [
        (doc! { "a": 1, "b.c": {"$eq": 2} }, doc! { "a": 1, "b.c": 2 }),
        (doc! { "$and": [{"a": 1}, {"$and": [{"b": 2}]}] }, doc! { "a": 1, "b": 2 }),
        (doc! { "$or": [{"a": 1}] }, doc! { "a": 1 }),
        (doc! { "$or": [{"a": 1}, {"b": 1}] }, doc! {}),
        (doc! { "a": {"$all": [1]} }, doc! { "a": 1 }),
        (doc! { "a": {"$in": [1]} }, doc! { "a": 1 }),
        (doc! { "a": {"$gt": 1}, "b": {"$ne": 1}, "c": {"$in": [1, 2]} }, doc! {}),
        (doc! { "a": {"$eq": 1, "$lt": 5} }, doc! { "a": 1 }),
        (doc! { "a": {"b": 1} }, doc! { "a": {"b": 1} }),
    ];
    for (filter, expected) in cases {
        assert_eq!(of(filter.clone()).unwrap(), expected, "{filter:?}");
    }
    for filter in [
        doc! { "a": 1, "$and": [{"a": 1}] },
        doc! { "a": {"b": 1}, "a.b": 1 },
        doc! { "a": {"$all": [1, 2]} },
    ] {
        let error = of(filter).expect_err("two values");
        assert_eq!(Failure::of(&error).map(Failure::code), Some(54));
    }
}

#[test]
fn conditions_are_of_single_values() {
    let condition = |document: Document<'_>, value: Value<'_>| {
        let parsed = Condition::parse(&document.into(), &mut Scope::new()).unwrap();
        parsed.matches(&value, &context()).unwrap()
    };
    assert!(condition(doc! { "$gt": 3, "$lt": 5 }, 4.into()));
    assert!(!condition(doc! { "$gt": 3 }, array![4].into()));
    assert!(condition(doc! { "$in": [[4], 7] }, array![4].into()));
    assert!(condition(doc! { "$elemMatch": {"$gt": 3} }, array![4].into()));
    assert!(condition(doc! { "$ne": 3 }, Value::Null));
    assert!(Condition::is_operators(&doc! { "$gt": 1 }));
    assert!(!Condition::is_operators(&doc! { "a": 1 }) && !Condition::is_operators(&doc! {}));
}
