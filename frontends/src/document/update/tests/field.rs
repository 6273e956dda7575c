use super::*;
use crate::document::value::{Decimal128, Timestamp};

fn decimal(text: &str) -> Decimal128 {
    Decimal128::parse(text).expect(text)
}

#[test]
fn set_writes_fields_and_makes_what_is_missing() {
    makes(
        doc! { "$set": {"a": 2} },
        doc! { "_id": 1, "a": 1, "b": 3 },
        doc! { "_id": 1, "a": 2, "b": 3 },
    );
    makes(doc! { "$set": {"a": 1} }, doc! { "a": 1 }, doc! { "a": 1 });
    makes(doc! { "$set": {"a": 1.0} }, doc! { "a": 1 }, doc! { "a": 1.0 });
    makes(doc! { "$set": {"a.b.c": 1} }, doc! {}, doc! { "a": {"b": {"c": 1}} });
    makes(doc! { "$set": {"a.b": 1} }, doc! { "a": {"c": 2} }, doc! { "a": {"c": 2, "b": 1} });
    makes(doc! { "$set": {"a.1": 9} }, doc! { "a": [1, 2] }, doc! { "a": [1, 9] });
    makes(doc! { "$set": {"a.4": 9} }, doc! { "a": [1, 2] }, doc! { "a": [1, 2, null, null, 9] });
    makes(doc! { "$set": {"a.2.x": 9} }, doc! { "a": [1] }, doc! { "a": [1, null, {"x": 9}] });
    makes(doc! { "$set": {"a.0": 9} }, doc! {}, doc! { "a": {"0": 9} });
    makes(
        doc! { "$set": {"a.0.b": 9} },
        doc! { "a": [{"b": 1, "c": 2}] },
        doc! { "a": [{"b": 9, "c": 2}] },
    );
    makes(doc! { "$set": {} }, doc! { "a": 1 }, doc! { "a": 1 });
    makes(doc! { "$set": {"a": {"$b": 1}} }, doc! {}, doc! { "a": {"$b": 1} });
    makes(doc! { "$set": {"_id": 1} }, doc! { "_id": 1 }, doc! { "_id": 1 });
}

#[test]
fn new_fields_come_in_the_order_of_their_paths() {
    makes(
        doc! { "$set": {"b": 1, "a": 1, "10": 1, "9": 1}, "$inc": {"aa": 1} },
        doc! { "z": 0 },
        doc! { "z": 0, "9": 1, "10": 1, "a": 1, "aa": 1, "b": 1 },
    );
    makes(
        doc! { "$set": {"x.10": "c", "x.2": "b", "x.0": "a"} },
        doc! {},
        doc! { "x": {"0": "a", "2": "b", "10": "c"} },
    );
    makes(doc! { "$set": {"a.3": 3, "a.2": 2} }, doc! { "a": [0, 1] }, doc! { "a": [0, 1, 2, 3] });
}

#[test]
fn unset_takes_fields_out_and_leaves_null_in_arrays() {
    makes(doc! { "$unset": {"a": ""} }, doc! { "a": 1, "b": 2 }, doc! { "b": 2 });
    makes(doc! { "$unset": {"a.b": 1} }, doc! { "a": {"b": 1, "c": 2} }, doc! { "a": {"c": 2} });
    makes(doc! { "$unset": {"a.b": 1} }, doc! { "a": {"b": 1} }, doc! { "a": {} });
    makes(doc! { "$unset": {"a.0": 1} }, doc! { "a": [1, 2] }, doc! { "a": [null, 2] });
    makes(doc! { "$unset": {"a.7": 1} }, doc! { "a": [1, 2] }, doc! { "a": [1, 2] });
    makes(doc! { "$unset": {"x": 1, "a.b.c": 1} }, doc! { "a": 1 }, doc! { "a": 1 });
    makes(doc! { "$unset": {"a.b": 1} }, doc! { "a": [{"b": 1}] }, doc! { "a": [{"b": 1}] });
}

#[test]
fn numbers_are_added_in_the_wider_type() {
    let inc = |by: Value<'static>, from: Value<'static>, to: Value<'static>| {
        makes(doc! { "$inc": {"a": by} }, doc! { "a": from }, doc! { "a": to });
    };
    inc(2.into(), 1.into(), 3.into());
    inc((-2).into(), 1.into(), (-1).into());
    inc(1.into(), i32::MAX.into(), 2_147_483_648_i64.into());
    inc(1_i64.into(), 1.into(), 2_i64.into());
    inc(0.5.into(), 1.into(), 1.5.into());
    inc(decimal("0.10").into(), 1.into(), decimal("1.10").into());
    inc(decimal("1").into(), 0.5.into(), decimal("1.500000000000000").into());
    makes(doc! { "$inc": {"a": 2} }, doc! {}, doc! { "a": 2 });
    makes(doc! { "$inc": {"a.b": 2_i64} }, doc! {}, doc! { "a": {"b": 2_i64} });
    makes(doc! { "$inc": {"a.1": 2} }, doc! { "a": [1, 1] }, doc! { "a": [1, 3] });
    makes(doc! { "$inc": {"a": 0} }, doc! { "a": 1 }, doc! { "a": 1 });
    refuses(doc! { "$inc": {"a": 1} }.into(), doc! { "a": (i64::MAX) }, 2, "'a'");
    refuses(doc! { "$inc": {"a": 1} }.into(), doc! { "_id": 7, "a": "x" }, 14, "type string");
    refuses(doc! { "$inc": {"a": 1} }.into(), doc! { "a": null }, 14, "'a' of type null");
    refuses(doc! { "$inc": {"a": "x"} }.into(), doc! {}, 14, "non-numeric");
    refuses(doc! { "$inc": {"a": null} }.into(), doc! {}, 14, "a");
}

#[test]
fn numbers_are_multiplied_in_the_wider_type() {
    let mul = |by: Value<'static>, from: Value<'static>, to: Value<'static>| {
        makes(doc! { "$mul": {"a": by} }, doc! { "a": from }, doc! { "a": to });
    };
    mul(3.into(), 4.into(), 12.into());
    mul(2.into(), i32::MAX.into(), 4_294_967_294_i64.into());
    mul(0.5.into(), 3.into(), 1.5.into());
    mul(decimal("1.5").into(), 2.into(), decimal("3.0").into());
    makes(doc! { "$mul": {"a": 3} }, doc! {}, doc! { "a": 0 });
    makes(doc! { "$mul": {"a": 3_i64} }, doc! {}, doc! { "a": 0_i64 });
    makes(doc! { "$mul": {"a": 3.5} }, doc! {}, doc! { "a": 0.0 });
    refuses(doc! { "$mul": {"a": 2} }.into(), doc! { "a": (i64::MAX) }, 2, "'a'");
    refuses(doc! { "$mul": {"a": 2} }.into(), doc! { "a": [1] }, 14, "type array");
    refuses(doc! { "$mul": {"a": {}} }.into(), doc! {}, 14, "multiply");
}

#[test]
fn the_lesser_or_greater_value_stays() {
    makes(doc! { "$min": {"a": 3} }, doc! { "a": 5 }, doc! { "a": 3 });
    makes(doc! { "$min": {"a": 7} }, doc! { "a": 5 }, doc! { "a": 5 });
    makes(doc! { "$min": {"a": 5.0} }, doc! { "a": 5 }, doc! { "a": 5 });
    makes(doc! { "$max": {"a": 7} }, doc! { "a": 5 }, doc! { "a": 7 });
    makes(doc! { "$max": {"a": 3} }, doc! { "a": 5 }, doc! { "a": 5 });
    makes(doc! { "$max": {"a": "x"} }, doc! { "a": 5 }, doc! { "a": "x" });
    makes(doc! { "$min": {"a": null} }, doc! { "a": 5 }, doc! { "a": null });
    makes(doc! { "$min": {"a": 5} }, doc! { "a": null }, doc! { "a": null });
    makes(doc! { "$min": {"a": 5}, "$max": {"b": 6} }, doc! {}, doc! { "a": 5, "b": 6 });
}

#[test]
fn renaming_moves_values() {
    makes(doc! { "$rename": {"a": "b"} }, doc! { "a": 1, "c": 2 }, doc! { "c": 2, "b": 1 });
    makes(doc! { "$rename": {"a": "b"} }, doc! { "b": 9, "a": 1 }, doc! { "b": 1 });
    makes(doc! { "$rename": {"b": "a"} }, doc! { "b": 9 }, doc! { "a": 9 });
    makes(doc! { "$rename": {"a": "b.c.d"} }, doc! { "a": 1 }, doc! { "b": {"c": {"d": 1}} });
    makes(
        doc! { "$rename": {"a.b": "c"} },
        doc! { "a": {"b": 1, "x": 2} },
        doc! { "a": {"x": 2}, "c": 1 },
    );
    makes(doc! { "$rename": {"x": "b"} }, doc! { "a": 1, "b": 2 }, doc! { "a": 1, "b": 2 });
    makes(
        doc! { "$rename": {"a": "b", "c": "d"} },
        doc! { "a": 1, "c": 2 },
        doc! { "b": 1, "d": 2 },
    );
    refuses(doc! { "$rename": {"a": "a"} }.into(), doc! {}, 2, "$rename");
    refuses(doc! { "$rename": {"a": 1} }.into(), doc! {}, 2, "$rename");
    refuses(doc! { "$rename": {"a": "b", "b": "c"} }.into(), doc! {}, 40, "'b'");
    refuses(doc! { "$rename": {"a": "a.b"} }.into(), doc! {}, 40, "'a'");
    refuses(doc! { "$rename": {"a.0": "b"} }.into(), doc! { "a": [1] }, 2, "array");
    refuses(doc! { "$rename": {"b": "a.0"} }.into(), doc! { "a": [1], "b": 1 }, 2, "array");
    refuses(doc! { "$rename": {"a.$": "b"} }.into(), doc! {}, 2, "dynamic");
    refuses(doc! { "$rename": {"_id": "b"} }.into(), doc! { "_id": 1 }, 66, "_id");
}

#[test]
fn the_moment_is_that_of_the_context() {
    let date = DateTime::from_millis(NOW);
    let timestamp = Timestamp { seconds: 1_600_000_000, increment: 1 };
    makes(doc! { "$currentDate": {"a": true} }, doc! {}, doc! { "a": date });
    makes(doc! { "$currentDate": {"a": {"$type": "date"}} }, doc! { "a": 1 }, doc! { "a": date });
    makes(
        doc! { "$currentDate": {"a.b": {"$type": "timestamp"}} },
        doc! {},
        doc! { "a": {"b": timestamp} },
    );
    refuses(doc! { "$currentDate": {"a": 1} }.into(), doc! {}, 2, "$currentDate");
    refuses(doc! { "$currentDate": {"a": {"$type": "x"}} }.into(), doc! {}, 2, "$currentDate");
}

#[test]
fn bits_are_those_of_integers() {
    makes(doc! { "$bit": {"a": {"and": 10}} }, doc! { "a": 13 }, doc! { "a": 8 });
    makes(doc! { "$bit": {"a": {"or": 5}} }, doc! { "a": 3 }, doc! { "a": 7 });
    makes(doc! { "$bit": {"a": {"xor": 5}} }, doc! { "a": 1 }, doc! { "a": 4 });
    makes(doc! { "$bit": {"a": {"or": 5_i64}} }, doc! { "a": 3 }, doc! { "a": 7_i64 });
    makes(doc! { "$bit": {"a": {"or": 4, "and": 6}} }, doc! { "a": 3 }, doc! { "a": 6 });
    makes(doc! { "$bit": {"a": {"or": 5}} }, doc! {}, doc! { "a": 5 });
    refuses(doc! { "$bit": {"a": {"or": 1.0}} }.into(), doc! {}, 2, "$bit");
    refuses(doc! { "$bit": {"a": {"nor": 1}} }.into(), doc! {}, 2, "nor");
    refuses(doc! { "$bit": {"a": 1} }.into(), doc! {}, 2, "$bit");
    refuses(doc! { "$bit": {"a": {}} }.into(), doc! {}, 2, "$bit");
    refuses(doc! { "$bit": {"a": {"or": 1}} }.into(), doc! { "a": 1.5 }, 2, "double");
}
