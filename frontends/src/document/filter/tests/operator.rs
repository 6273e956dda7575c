use super::*;
use crate::document::value::{Binary, Decimal128, Kind, Value};

#[test]
fn types_are_told_by_number_and_name() {
    let all = [
        doc! { "a": 1.5 },
        doc! { "a": "x" },
        doc! { "a": {} },
        doc! { "a": [] },
        doc! { "a": 1 },
        doc! { "a": 1_i64 },
        doc! { "a": (Decimal128::parse("1").unwrap()) },
        doc! { "a": [1, "x"] },
        doc! { "a": true },
        doc! { "a": null },
        doc! {},
        doc! { "a": (Value::MinKey) },
        doc! { "a": (Value::MaxKey) },
    ];
    finds(doc! { "a": {"$type": 1} }, &all, &[0]);
    finds(doc! { "a": {"$type": "double"} }, &all, &[0]);
    finds(doc! { "a": {"$type": "string"} }, &all, &[1, 7]);
    finds(doc! { "a": {"$type": 3} }, &all, &[2]);
    finds(doc! { "a": {"$type": "array"} }, &all, &[3, 7]);
    finds(doc! { "a": {"$type": "number"} }, &all, &[0, 4, 5, 6, 7]);
    finds(doc! { "a": {"$type": ["bool", 10, "long"]} }, &all, &[5, 8, 9]);
    finds(doc! { "a": {"$type": -1} }, &all, &[11]);
    finds(doc! { "a": {"$type": "maxKey"} }, &all, &[12]);
    finds(doc! { "a": {"$type": 127.0} }, &all, &[12]);
    finds(doc! { "a": {"$not": {"$type": "number"}} }, &all, &[1, 2, 3, 8, 9, 10, 11, 12]);
    for kind in Kind::all() {
        let number = if kind == Kind::MinKey { -1 } else { i32::from(kind.byte()) };
        parsed(&doc! { "a": {"$type": (kind.name())} });
        parsed(&doc! { "a": {"$type": number} });
    }
}

#[test]
fn remainders_are_of_whole_parts() {
    let all = [
        doc! { "a": 5 },
        doc! { "a": -5 },
        doc! { "a": 4.9 },
        doc! { "a": (f64::NAN) },
        doc! { "a": (f64::INFINITY) },
        doc! { "a": 1e300 },
        doc! { "a": "5" },
        doc! { "a": [1, 9] },
        doc! { "a": (Decimal128::parse("5.5").unwrap()) },
        doc! { "a": (i64::MIN) },
    ];
    finds(doc! { "a": {"$mod": [4, 1]} }, &all, &[0, 7, 8]);
    finds(doc! { "a": {"$mod": [4, -1]} }, &all, &[1]);
    finds(doc! { "a": {"$mod": [4, 0]} }, &all, &[2, 9]);
    finds(doc! { "a": {"$mod": [-4, 1]} }, &all, &[0, 7, 8]);
    finds(doc! { "a": {"$mod": [4.7, 1.2]} }, &all, &[0, 7, 8]);
    finds(doc! { "a": {"$mod": [-1, 0]} }, &all, &[0, 1, 2, 7, 8, 9]);
}

#[test]
fn bits_are_those_of_whole_numbers_and_bytes() {
    let bytes = |bytes: &[u8]| Binary::generic(bytes.to_vec());
    let all = [
        doc! { "a": 54 },               // 110110
        doc! { "a": 20.0 },             // 010100
        doc! { "a": (bytes(&[0x14])) }, // 010100
        doc! { "a": 0.5 },
        doc! { "a": "x" },
        doc! { "a": -1 },
        doc! { "a": [20] },
        doc! {},
        doc! { "a": (bytes(&[0, 1])) },
    ];
    finds(doc! { "a": {"$bitsAllSet": 20} }, &all, &[0, 1, 2, 5, 6]);
    finds(doc! { "a": {"$bitsAllSet": [2, 4]} }, &all, &[0, 1, 2, 5, 6]);
    finds(doc! { "a": {"$bitsAllSet": (bytes(&[0x14])) } }, &all, &[0, 1, 2, 5, 6]);
    finds(doc! { "a": {"$bitsAnySet": 34} }, &all, &[0, 5]);
    finds(doc! { "a": {"$bitsAllClear": [0, 3]} }, &all, &[0, 1, 2, 6, 8]);
    finds(doc! { "a": {"$bitsAnyClear": 34} }, &all, &[1, 2, 6, 8]);
    finds(doc! { "a": {"$bitsAllSet": [8]} }, &all, &[5, 8]);
    finds(doc! { "a": {"$bitsAllSet": [200]} }, &all, &[5]);
    finds(doc! { "a": {"$bitsAllClear": [200]} }, &all, &[0, 1, 2, 6, 8]);
    finds(doc! { "a": {"$bitsAllSet": []} }, &all, &[0, 1, 2, 5, 6, 8]);
    finds(doc! { "a": {"$bitsAnySet": 0} }, &all, &[]);
}

#[test]
fn being_there_is_told_by_any_truth() {
    let all = [doc! { "a": null }, doc! {}];
    finds(doc! { "a": {"$exists": 1} }, &all, &[0]);
    finds(doc! { "a": {"$exists": "yes"} }, &all, &[0]);
    finds(doc! { "a": {"$exists": 0.0} }, &all, &[1]);
    finds(doc! { "a": {"$exists": null} }, &all, &[1]);
}

#[test]
fn names_may_be_odd() {
    let all = [doc! { "": 1 }, doc! { "a": {"": 2} }, doc! { "a b": 3 }, doc! { "a": {"$x": 4} }];
    finds(doc! { "": 1 }, &all, &[0]);
    finds(doc! { "a.": 2 }, &all, &[1]);
    finds(doc! { "a b": 3 }, &all, &[2]);
    finds(doc! { "a.$x": 4 }, &all, &[3]);
    tells(doc! { "a.b.c.d.e": null }, &[doc! {}, doc! { "a": {"b": 1} }], &[doc! { "a": [[]] }]);
}
