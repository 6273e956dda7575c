//! Documents and filters of few names and few values, so that they meet.

use proptest::prelude::*;

use super::{array, doc};
use crate::document::value::{Array, DateTime, Document, Regex, Value};

pub fn scalar() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        (-2..4_i32).prop_map(Value::Int32),
        (-2..4_i64).prop_map(Value::Int64),
        prop_oneof![Just(0.5), Just(1.0), Just(f64::NAN), Just(-0.0)].prop_map(Value::Double),
        prop_oneof![Just("a"), Just("ab"), Just("")].prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        Just(Value::MinKey),
        Just(Value::MaxKey),
        (0..3_i64).prop_map(|at| Value::DateTime(DateTime::from_millis(at))),
    ]
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("0"), Just("1")]
}

pub fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("."))
}

pub fn value() -> impl Strategy<Value = Value<'static>> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|it| Value::Array(Array::from(it))),
            fields(inner).prop_map(Value::Document),
        ]
    })
}

fn fields(
    value: impl Strategy<Value = Value<'static>>,
) -> impl Strategy<Value = Document<'static>> {
    let fields = prop::collection::vec((name(), value), 0..4);
    fields.prop_map(|fields| {
        let mut document = Document::new();
        fields.into_iter().for_each(|(name, value)| {
            document.insert(name, value);
        });
        document
    })
}

pub fn document() -> impl Strategy<Value = Document<'static>> {
    fields(value())
}

/// One operator, which may hold others.
fn operators() -> impl Strategy<Value = Document<'static>> {
    let side =
        prop_oneof![Just("$eq"), Just("$ne"), Just("$gt"), Just("$gte"), Just("$lt"), Just("$lte")];
    let list = prop_oneof![Just("$in"), Just("$nin"), Just("$all")];
    let bits = prop_oneof![
        Just("$bitsAllSet"),
        Just("$bitsAnySet"),
        Just("$bitsAllClear"),
        Just("$bitsAnyClear")
    ];
    let leaf = prop_oneof![
        4 => (side, value()).prop_map(|(name, value)| doc! { (name): value }),
        3 => (list, prop::collection::vec(value(), 0..3))
            .prop_map(|(name, values)| doc! { (name): values }),
        1 => any::<bool>().prop_map(|there| doc! { "$exists": there }),
        1 => prop_oneof![Just("number"), Just("array"), Just("string")]
            .prop_map(|name| doc! { "$type": name }),
        1 => prop_oneof![Just("^a"), Just("b$"), Just("")]
            .prop_map(|pattern| doc! { "$regex": pattern, "$options": "i" }),
        1 => (1..4_i32, 0..3_i32).prop_map(|(by, left)| doc! { "$mod": [by, left] }),
        1 => (0..4_i32).prop_map(|size| doc! { "$size": size }),
        1 => (bits, 0..6_i32).prop_map(|(name, mask)| doc! { (name): mask }),
        1 => Just(doc! { "$in": [(Regex::new("^a", "").unwrap()), 1, null] }),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| doc! { "$not": inner }),
            inner.clone().prop_map(|inner| doc! { "$elemMatch": inner }),
            (path(), inner.clone())
                .prop_map(|(path, inner)| doc! { "$elemMatch": {(path): inner} }),
            (inner.clone(), inner).prop_map(|(mut one, other)| {
                other.into_iter().for_each(|(name, value)| one.push(name, value));
                one
            }),
        ]
    })
}

pub fn filter() -> impl Strategy<Value = Document<'static>> {
    let leaf = prop_oneof![
        (path(), operators()).prop_map(|(path, operators)| doc! { (path): operators }),
        (path(), value()).prop_map(|(path, value)| doc! { (path): value }),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        let name = prop_oneof![Just("$and"), Just("$or"), Just("$nor")];
        (name, prop::collection::vec(inner, 1..4)).prop_map(|(name, parts)| doc! { (name): parts })
    })
}

#[test]
fn what_is_made_is_varied() {
    assert_eq!(doc! { "a": [1] }.get("a"), Some(array![1].into()));
}
