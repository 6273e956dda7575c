use super::check;
use crate::doc;
use crate::document::value::{Binary, DateTime, Decimal128, Document, ObjectId, Timestamp};

fn values() -> Document<'static> {
    doc! {
        "i": 7, "d": 7.9, "s": "12", "n": null, "t": true, "at": (DateTime::from_millis(0)),
        "id": (ObjectId::from_bytes([1; 12])), "dec": (Decimal128::parse("2.50").unwrap()),
        "b": (Binary::generic(b"hi".to_vec())), "ts": (Timestamp { seconds: 5, increment: 2 }),
        "u": (Binary { subtype: 4, bytes: vec![0x12; 16].into() }), "doc": {"a": 1}, "big": 1e300
    }
}

#[test]
fn values_become_other_types_or_say_why_not() {
    check(
        &values(),
        vec![
            (doc! { "$toInt": "$d" }, "7"),
            (doc! { "$toInt": "$s" }, "12"),
            (doc! { "$toInt": "1.5" }, "error 241"),
            (doc! { "$toInt": "0x10" }, "error 241"),
            (doc! { "$toInt": "$big" }, "error 241"),
            (doc! { "$toInt": "$t" }, "1"),
            (doc! { "$toInt": "$at" }, "error 241"),
            (doc! { "$toInt": "$none" }, "null"),
            (doc! { "$toLong": "$at" }, "Long(0)"),
            (doc! { "$toLong": "$dec" }, "Long(2)"),
            (doc! { "$toDouble": "$dec" }, "2.5"),
            (doc! { "$toDouble": "-1e3" }, "-1000.0"),
            (doc! { "$toDouble": "x" }, "error 241"),
            (doc! { "$toDecimal": 1.1 }, "Decimal(1.10000000000000)"),
            (doc! { "$toDecimal": "1.50" }, "Decimal(1.50)"),
            (doc! { "$toString": 2.0 }, "\"2\""),
            (doc! { "$toString": 1e20 }, "\"1e+20\""),
            (doc! { "$toString": "$dec" }, "\"2.50\""),
            (doc! { "$toString": "$at" }, "\"1970-01-01T00:00:00.000Z\""),
            (doc! { "$toString": "$id" }, "\"010101010101010101010101\""),
            (doc! { "$toString": "$u" }, "\"12121212-1212-1212-1212-121212121212\""),
            (doc! { "$toString": "$doc" }, "error 241"),
            (doc! { "$toBool": 0.0 }, "false"),
            (doc! { "$toBool": "" }, "true"),
            (doc! { "$toDate": 1000_i64 }, "Date(1000)"),
            (doc! { "$toDate": 1000 }, "error 241"),
            (doc! { "$toDate": "2018-03-20T11:00:06Z" }, "Date(1521543606000)"),
            (doc! { "$toDate": "$id" }, "Date(16843009000)"),
            (doc! { "$toDate": "nonsense" }, "error 241"),
            (
                doc! { "$toObjectId": "010101010101010101010101" },
                "ObjectId(\"010101010101010101010101\")",
            ),
            (doc! { "$toObjectId": "x" }, "error 241"),
            (
                doc! { "$toUUID": "12121212-1212-1212-1212-121212121212" },
                "Binary(4, 12121212121212121212121212121212)",
            ),
            (doc! { "$toUUID": "x" }, "error 241"),
        ],
    );
}

#[test]
fn conversion_takes_names_numbers_and_what_to_give_instead() {
    check(
        &values(),
        vec![
            (doc! { "$convert": {"input": "$s", "to": "int"} }, "12"),
            (doc! { "$convert": {"input": "$s", "to": 18} }, "Long(12)"),
            (doc! { "$convert": {"input": "x", "to": "int", "onError": "no"} }, "\"no\""),
            (doc! { "$convert": {"input": "$none", "to": "int", "onNull": 0} }, "0"),
            (doc! { "$convert": {"input": "$s", "to": "$n"} }, "null"),
            (doc! { "$convert": {"input": "$s", "to": "number"} }, "error 2"),
            (doc! { "$convert": {"input": "$s", "to": true} }, "error 9"),
            (doc! { "$convert": {"input": "$b", "to": "string", "format": "base64"} }, "\"aGk=\""),
            (doc! { "$convert": {"input": "$b", "to": "string", "format": "hex"} }, "\"6869\""),
            (
                doc! { "$convert": {"input": "aGk", "to": "binData", "format": "base64url"} },
                "Binary(0, 6869)",
            ),
            (
                doc! { "$convert": {"input": "hi", "to": {"type": "binData", "subtype": 5},
                "format": "utf8"} },
                "Binary(5, 6869)",
            ),
            (
                doc! { "$convert": {"input": 258, "to": "binData", "byteOrder": "big"} },
                "Binary(0, 00000102)",
            ),
        ],
    );
}

#[test]
fn types_have_names_and_values_sizes() {
    check(
        &values(),
        vec![
            (doc! { "$type": "$i" }, "\"int\""),
            (doc! { "$type": "$none" }, "\"missing\""),
            (doc! { "$type": [["$i"]] }, "\"array\""),
            (doc! { "$isNumber": "$dec" }, "true"),
            (doc! { "$isNumber": "$s" }, "false"),
            (doc! { "$binarySize": "$b" }, "2"),
            (doc! { "$binarySize": "$i" }, "error 51276"),
            (doc! { "$bsonSize": "$doc" }, "12"),
            (doc! { "$bsonSize": "$n" }, "null"),
            (doc! { "$bsonSize": "$i" }, "error 31393"),
            (doc! { "$tsSecond": "$ts" }, "Long(5)"),
            (doc! { "$tsIncrement": "$ts" }, "Long(2)"),
            (doc! { "$tsSecond": "$at" }, "error 5687301"),
        ],
    );
}
