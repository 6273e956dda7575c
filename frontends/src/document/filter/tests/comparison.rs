use super::*;
use crate::document::value::{Binary, Decimal128, ObjectId, Regex, Timestamp, Value};

fn decimal(text: &str) -> Decimal128 {
    Decimal128::parse(text).expect(text)
}

#[test]
fn numbers_are_compared_by_what_they_are_worth() {
    let all = [
        doc! { "a": 5 },
        doc! { "a": 5_i64 },
        doc! { "a": 5.0 },
        doc! { "a": (decimal("5.00")) },
        doc! { "a": 4 },
        doc! { "a": 5.5 },
        doc! { "a": "5" },
        doc! { "a": true },
    ];
    finds(doc! { "a": 5 }, &all, &[0, 1, 2, 3]);
    finds(doc! { "a": {"$eq": 5.0} }, &all, &[0, 1, 2, 3]);
    finds(doc! { "a": {"$ne": 5} }, &all, &[4, 5, 6, 7]);
    finds(doc! { "a": {"$gt": 5} }, &all, &[5]);
    finds(doc! { "a": {"$gte": 5} }, &all, &[0, 1, 2, 3, 5]);
    finds(doc! { "a": {"$lt": 5} }, &all, &[4]);
    finds(doc! { "a": {"$lte": (decimal("5")) } }, &all, &[0, 1, 2, 3, 4]);
    finds(doc! { "a": {"$in": [4, 5.5]} }, &all, &[4, 5]);
    finds(doc! { "a": {"$nin": [4, 5.5, "5"]} }, &all, &[0, 1, 2, 3, 7]);
    let near = [doc! { "a": 9007199254740993_i64 }, doc! { "a": 9007199254740992.0 }];
    finds(doc! { "a": 9007199254740992.0 }, &near, &[1]);
    finds(doc! { "a": {"$gt": 9007199254740992.0} }, &near, &[0]);
}

#[test]
fn ranges_stay_within_their_type() {
    let id = ObjectId::parse("0123456789abcdef01234567").unwrap();
    let all = [
        doc! { "a": 1 },
        doc! { "a": "b" },
        doc! { "a": {"b": 1} },
        doc! { "a": (Binary::generic(vec![1, 2])) },
        doc! { "a": id },
        doc! { "a": true },
        doc! { "a": (DateTime::from_millis(5)) },
        doc! { "a": (Timestamp { seconds: 1, increment: 1 }) },
        doc! { "a": null },
        doc! {},
        doc! { "a": (Value::Symbol("c".into())) },
        doc! { "a": (Value::MinKey) },
        doc! { "a": (Value::MaxKey) },
        doc! { "a": (Value::JavaScript("x".into())) },
    ];
    finds(doc! { "a": {"$gte": 0} }, &all, &[0]);
    finds(doc! { "a": {"$lt": 1e300} }, &all, &[0]);
    finds(doc! { "a": {"$gte": ""} }, &all, &[1, 10]);
    finds(doc! { "a": {"$lt": "c"} }, &all, &[1]);
    finds(doc! { "a": {"$gt": {}} }, &all, &[2]);
    finds(doc! { "a": {"$gte": (Binary::generic(vec![9])) } }, &all, &[3]);
    finds(doc! { "a": {"$gte": (ObjectId::from_bytes([0; 12])) } }, &all, &[4]);
    finds(doc! { "a": {"$gte": false} }, &all, &[5]);
    finds(doc! { "a": {"$lt": true} }, &all, &[]);
    finds(doc! { "a": {"$lte": (DateTime::from_millis(5)) } }, &all, &[6]);
    finds(doc! { "a": {"$gt": (Timestamp { seconds: 0, increment: 9 }) } }, &all, &[7]);
    finds(doc! { "a": {"$gt": null} }, &all, &[]);
    finds(doc! { "a": {"$gte": null} }, &all, &[8, 9]);
    finds(doc! { "a": {"$lte": null} }, &all, &[8, 9]);
    finds(doc! { "a": (Value::JavaScript("x".into())) }, &all, &[13]);
}

#[test]
fn all_types_lie_between_the_two_keys() {
    let all =
        [doc! { "a": 1 }, doc! {}, doc! { "a": (Value::MinKey) }, doc! { "a": (Value::MaxKey) }];
    finds(doc! { "a": {"$gt": (Value::MinKey) } }, &all, &[0, 1, 3]);
    finds(doc! { "a": {"$gte": (Value::MinKey) } }, &all, &[0, 1, 2, 3]);
    finds(doc! { "a": {"$lt": (Value::MinKey) } }, &all, &[]);
    finds(doc! { "a": {"$lte": (Value::MinKey) } }, &all, &[2]);
    finds(doc! { "a": {"$lt": (Value::MaxKey) } }, &all, &[0, 1, 2]);
    finds(doc! { "a": {"$lte": (Value::MaxKey) } }, &all, &[0, 1, 2, 3]);
    finds(doc! { "a": {"$gt": (Value::MaxKey) } }, &all, &[]);
    finds(doc! { "a": (Value::MinKey) }, &all, &[2]);
}

#[test]
fn not_a_number_equals_itself_and_has_no_order() {
    let nan = decimal("NaN");
    let all = [
        doc! { "a": (f64::NAN) },
        doc! { "a": nan },
        doc! { "a": 0 },
        doc! { "a": (f64::INFINITY) },
    ];
    finds(doc! { "a": (f64::NAN) }, &all, &[0, 1]);
    finds(doc! { "a": {"$gte": nan} }, &all, &[0, 1]);
    finds(doc! { "a": {"$lte": (f64::NAN) } }, &all, &[0, 1]);
    finds(doc! { "a": {"$gt": (f64::NAN) } }, &all, &[]);
    finds(doc! { "a": {"$lt": (f64::NAN) } }, &all, &[]);
    finds(doc! { "a": {"$lt": 5} }, &all, &[2]);
    finds(doc! { "a": {"$gt": (f64::NEG_INFINITY) } }, &all, &[2, 3]);
    finds(doc! { "a": {"$in": [(f64::NAN), 0]} }, &all, &[0, 1, 2]);
    finds(doc! { "a": -0.0 }, &all, &[2]);
}

#[test]
fn null_is_missing_too() {
    let all = [
        doc! { "a": null },
        doc! {},
        doc! { "a": (Value::Undefined) },
        doc! { "a": 0 },
        doc! { "a": [] },
        doc! { "a": [null] },
        doc! { "a": {} },
        doc! { "a": [(Value::Undefined), 1] },
    ];
    finds(doc! { "a": null }, &all, &[0, 1, 2, 5, 7]);
    finds(doc! { "a": {"$ne": null} }, &all, &[3, 4, 6]);
    finds(doc! { "a": {"$in": [null, 7]} }, &all, &[0, 1, 2, 5, 7]);
    finds(doc! { "a": {"$nin": [null]} }, &all, &[3, 4, 6]);
    finds(doc! { "a": {"$exists": true} }, &all, &[0, 2, 3, 4, 5, 6, 7]);
    finds(doc! { "a": {"$exists": false} }, &all, &[1]);
    finds(doc! { "a": {"$type": "null"} }, &all, &[0, 5]);
    finds(doc! { "a": {"$type": "undefined"} }, &all, &[2, 7]);
    finds(doc! { "a": {"$eq": null, "$exists": true} }, &all, &[0, 2, 5, 7]);
    finds(doc! { "a": {"$not": {"$gt": 5}} }, &all, &[0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn null_at_the_end_of_a_path_is_missing_within_documents_only() {
    let all = [
        doc! { "a": {} },
        doc! { "a": null },
        doc! { "a": 4 },
        doc! { "a": {"b": null} },
        doc! {},
        doc! { "a": {"b": 1} },
        doc! { "a": [] },
        doc! { "a": [[]] },
        doc! { "a": [1, 2] },
        doc! { "a": [{"b": null}, {"b": 3}] },
        doc! { "a": [{"b": 3}, {}] },
        doc! { "a": [{"b": 3}, 5] },
        doc! { "a": [null] },
    ];
    finds(doc! { "a.b": null }, &all, &[0, 1, 2, 3, 4, 9, 10]);
    finds(doc! { "a.b": {"$ne": null} }, &all, &[5, 6, 7, 8, 11, 12]);
    finds(doc! { "a.b": {"$exists": false} }, &all, &[0, 1, 2, 4, 6, 7, 8, 12]);
    finds(doc! { "a.b": {"$exists": true} }, &all, &[3, 5, 9, 10, 11]);
}

#[test]
fn documents_are_equal_field_by_field_in_order() {
    let all = [
        doc! { "a": {"b": 1, "c": 2} },
        doc! { "a": {"c": 2, "b": 1} },
        doc! { "a": {"b": 1.0, "c": 2_i64} },
        doc! { "a": {"b": 1} },
        doc! { "a": [{"b": 1, "c": 2}] },
        doc! { "a": {"b": 1, "c": 2, "d": 3} },
    ];
    finds(doc! { "a": {"b": 1, "c": 2} }, &all, &[0, 2, 4]);
    finds(doc! { "a.b": 1, "a.c": 2 }, &all, &[0, 1, 2, 4, 5]);
    finds(doc! { "a": {"$gt": {"b": 1, "c": 2}} }, &all, &[1, 5]);
    finds(doc! { "a": {"b": 1, "$c": 2} }, &all, &[]);
    let pointers = [doc! { "a": {"$ref": "x", "$id": 1} }];
    finds(doc! { "a": {"$ref": "x", "$id": 1} }, &pointers, &[0]);
}

#[test]
fn strings_are_compared_by_bytes_and_with_symbols() {
    let all = [doc! { "a": "B" }, doc! { "a": "a" }, doc! { "a": (Value::Symbol("a".into())) }];
    finds(doc! { "a": "a" }, &all, &[1, 2]);
    finds(doc! { "a": {"$lt": "a"} }, &all, &[0]);
    finds(doc! { "a": {"$type": "symbol"} }, &all, &[2]);
}

#[test]
fn bytes_are_compared_by_length_first() {
    let bytes = |subtype, bytes: &[u8]| Binary { subtype, bytes: bytes.to_vec().into() };
    let all = [
        doc! { "a": (bytes(0, &[9])) },
        doc! { "a": (bytes(0, &[1, 1])) },
        doc! { "a": (bytes(4, &[9])) },
    ];
    finds(doc! { "a": {"$gt": (bytes(0, &[9])) } }, &all, &[1, 2]);
    finds(doc! { "a": (bytes(0, &[9])) }, &all, &[0]);
}

#[test]
fn regular_expressions_match_text_and_themselves() {
    let regex = |pattern, options| Regex::new(pattern, options).unwrap();
    let all = [
        doc! { "a": "Apple" },
        doc! { "a": "apple\npie" },
        doc! { "a": (regex("^a", "")) },
        doc! { "a": 5 },
        doc! { "a": ["x", "avocado"] },
        doc! {},
        doc! { "a": (Value::Symbol("apricot".into())) },
    ];
    finds(doc! { "a": (regex("^a", "")) }, &all, &[1, 2, 4, 6]);
    finds(doc! { "a": {"$regex": "^a"} }, &all, &[1, 2, 4, 6]);
    finds(doc! { "a": {"$regex": "^A", "$options": "i"} }, &all, &[0, 1, 4, 6]);
    finds(doc! { "a": {"$options": "i", "$regex": "^A"} }, &all, &[0, 1, 4, 6]);
    finds(doc! { "a": {"$regex": (regex("^A", "i")) } }, &all, &[0, 1, 4, 6]);
    finds(doc! { "a": {"$regex": (regex("^P", "")), "$options": "im"} }, &all, &[1]);
    finds(doc! { "a": {"$regex": "e.p", "$options": "s"} }, &all, &[1]);
    finds(doc! { "a": {"$regex": "a v o # c", "$options": "x"} }, &all, &[4]);
    finds(doc! { "a": {"$eq": (regex("^a", "")) } }, &all, &[2]);
    finds(doc! { "a": {"$not": (regex("^a", "")) } }, &all, &[0, 3, 5]);
    finds(doc! { "a": {"$not": {"$regex": "^a"}} }, &all, &[0, 3, 5]);
    finds(doc! { "a": {"$in": [(regex("^av", "")), 5]} }, &all, &[3, 4]);
    finds(doc! { "a": {"$nin": [(regex("^a", "")), 5]} }, &all, &[0, 5]);
    finds(doc! { "a": {"$regex": "p", "$ne": "Apple"} }, &all, &[1, 6]);
}
