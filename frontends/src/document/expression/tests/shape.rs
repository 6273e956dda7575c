use super::{check, worth_on};
use crate::doc;
use crate::document::expression::{Context, Env, Expression, Scope};
use crate::document::value::{DateTime, Document, Value};

#[test]
fn paths_go_through_documents_and_arrays_by_name() {
    let document = doc! { "a": {"b": {"c": 1}}, "l": [{"x": 1}, {"y": 2}, 3, {"x": {"z": 4}}] };
    let cases = [
        ("$a.b.c", "1"),
        ("$a.b", r#"{"c": 1}"#),
        ("$a.c", "missing"),
        ("$a.b.c.d", "missing"),
        ("$l.x", r#"[1, {"z": 4}]"#),
        ("$l.x.z", "[4]"),
        ("$l.0", "[]"),
        ("$$ROOT.a.b.c", "1"),
        ("$$CURRENT.a.b.c", "1"),
        ("$$NOW", "Date(1709209845678)"),
        ("$$REMOVE", "missing"),
        ("$$KEEP", "\"keep\""),
        ("$", "error 16872"),
        ("$a.", "error 40353"),
        ("$a..b", "error 15998"),
        ("$a.$b", "error 16410"),
        ("$$nothing", "error 17276"),
        ("$$USER_ROLES", "error 238"),
        ("plain", "\"plain\""),
    ];
    for (path, expected) in cases {
        assert_eq!(worth_on(&document, path), expected, "{path}");
    }
}

#[test]
fn documents_leave_missing_fields_out_and_arrays_have_null_for_them() {
    check(
        &doc! { "a": 1 },
        vec![
            (
                doc! { "x": "$a", "y": "$none", "z": {"w": ["$none", "$a"]} },
                r#"{"x": 1, "z": {"w": [null, 1]}}"#,
            ),
            (doc! { "x.y": 1 }, "error 16412"),
            (doc! { "x": 1, "$y": 1 }, "error 16410"),
            (doc! { "$add": [1], "$y": 1 }, "error 15983"),
            (doc! { "$nothing": 1 }, "error 168"),
            (doc! { "$function": {} }, "error 238"),
            (doc! { "$meta": "textScore" }, "error 238"),
            (doc! { "$literal": "$a" }, "\"$a\""),
            (doc! { "$literal": {"$add": [1]} }, r#"{"$add": [1]}"#),
        ],
    );
}

#[test]
fn comparison_is_the_order_of_all_values() {
    check(
        &doc! { "a": 1, "n": null, "x": [1], "t": true },
        vec![
            (doc! { "$cmp": ["$a", 2] }, "-1"),
            (doc! { "$eq": ["$a", 1.0] }, "true"),
            (doc! { "$eq": ["$none", "$n"] }, "false"),
            (doc! { "$lt": ["$none", "$n"] }, "true"),
            (doc! { "$gt": ["$x", "$a"] }, "true"),
            (doc! { "$gte": [1, 1_i64] }, "true"),
            (doc! { "$lte": ["a", 1] }, "false"),
            (doc! { "$ne": ["$x", [1.0]] }, "false"),
            (doc! { "$eq": [1] }, "error 16020"),
            (doc! { "$and": [] }, "true"),
            (doc! { "$and": ["$a", "$t", "x"] }, "true"),
            (doc! { "$and": ["$a", "$n"] }, "false"),
            (doc! { "$and": [false, {"$divide": [1, 0]}] }, "false"),
            (doc! { "$or": [] }, "false"),
            (doc! { "$or": ["$none", 0, "$a"] }, "true"),
            (doc! { "$not": "$none" }, "true"),
            (doc! { "$not": [true] }, "false"),
            (doc! { "$not": [1, 2] }, "error 16020"),
        ],
    );
}

#[test]
fn only_what_is_chosen_is_evaluated() {
    let fails = || doc! { "$divide": [1, 0] };
    check(
        &doc! { "a": 1 },
        vec![
            (doc! { "$cond": ["$a", "y", (fails())] }, "\"y\""),
            (doc! { "$cond": {"if": "$none", "then": (fails()), "else": "n"} }, "\"n\""),
            (doc! { "$cond": [1, 2] }, "error 16020"),
            (doc! { "$cond": {"if": 1, "then": 2} }, "error 9"),
            (doc! { "$ifNull": ["$none", null, "$a"] }, "1"),
            (doc! { "$ifNull": ["$none", "$none"] }, "missing"),
            (doc! { "$ifNull": [1] }, "error 28667"),
            (
                doc! { "$switch": {"branches": [{"case": false, "then": 1},
                {"case": "$a", "then": 2}],
                "default": (fails())} },
                "2",
            ),
            (doc! { "$switch": {"branches": [{"case": false, "then": 1}], "default": 9} }, "9"),
            (doc! { "$switch": {"branches": [{"case": false, "then": 1}]} }, "error 40066"),
            (doc! { "$switch": {"branches": []} }, "error 40068"),
            (doc! { "$switch": {"branches": [{"case": 1}]} }, "error 9"),
        ],
    );
}

#[test]
fn expressions_nested_too_deeply_are_refused() {
    let nested = |levels: usize| {
        (0..levels).fold(Value::Int32(1), |inside, _| Value::Document(doc! { "$abs": inside }))
    };
    let parse = |levels| Expression::parse(&nested(levels), &mut Scope::new());
    assert!(parse(200).is_ok());
    assert!(parse(201).is_err());
    let deep = |levels: usize| {
        (0..levels).fold(Value::from("$a"), |inside, _| Value::Document(doc! { "$abs": inside }))
    };
    let document = doc! { "a": -3 };
    assert_eq!(worth_on(&document, deep(200)), "3");
}

#[test]
fn constants_are_computed_once_and_their_errors_come_late() {
    let parse = |value: Document<'static>| {
        Expression::parse(&value.into(), &mut Scope::new()).expect("it is well formed")
    };
    let folded = parse(doc! { "$add": [1, {"$multiply": [2, 3]}] });
    assert_eq!(folded.as_constant(), Some(&Value::Int32(7)));
    assert!(parse(doc! { "$divide": [1, 0] }).as_constant().is_none());
    assert!(parse(doc! { "$rand": {} }).as_constant().is_none());
    assert!(parse(doc! { "a": [1, {"$literal": "$x"}] }).as_constant().is_some());
}

#[test]
fn what_is_read_is_known() {
    let expression = doc! { "x": "$a.b", "y": {"$map": {"input": "$l", "in": ["$$this.q", "$c"]}} };
    let parsed = Expression::parse(&expression.into(), &mut Scope::new()).unwrap();
    let found = parsed.dependencies();
    assert!(!found.whole);
    assert_eq!(found.paths.iter().map(String::as_str).collect::<Vec<_>>(), ["a.b", "c", "l"]);
    assert!(found.touches("a") && found.touches("a.b.c") && !found.touches("a.c"));
    let whole = Expression::parse(&"$$ROOT".into(), &mut Scope::new()).unwrap();
    assert!(whole.dependencies().whole);
}

#[test]
fn variables_from_outside_have_their_values() {
    let mut scope = Scope::new();
    assert_eq!(scope.bind("x").unwrap(), 0);
    assert_eq!(scope.bind("y").unwrap(), 1);
    let expression = doc! { "$add": ["$$x.a", "$$y"] };
    let parsed = Expression::parse(&expression.into(), &mut scope).unwrap();
    let context = Context::new(DateTime::from_millis(0), 1);
    let context = context.with_bound(vec![Some(doc! { "a": 2 }.into()), Some(Value::Int32(3))]);
    let document = doc! {};
    assert_eq!(parsed.evaluate(&Env::new(&document, &context)).unwrap(), Some(Value::Int32(5)));
}
