use super::check;
use crate::doc;
use crate::document::value::{DateTime, Decimal128, Document};

fn numbers() -> Document<'static> {
    doc! {
        "i": 7, "l": 7_i64, "d": 2.5, "n": null, "s": "x", "neg": -7, "big": i64::MAX,
        "imax": i32::MAX, "imin": i32::MIN, "zero": 0, "nan": f64::NAN, "inf": f64::INFINITY,
        "dec": (Decimal128::parse("1.10").unwrap()), "at": (DateTime::from_millis(1000)),
        "later": (DateTime::from_millis(5500))
    }
}

#[test]
fn sums_promote_and_take_one_date() {
    check(
        &numbers(),
        vec![
            (doc! { "$add": [] }, "0"),
            (doc! { "$add": ["$i", 1] }, "8"),
            (doc! { "$add": "$i" }, "7"),
            (doc! { "$add": ["$i", "$l"] }, "Long(14)"),
            (doc! { "$add": ["$i", "$d"] }, "9.5"),
            (doc! { "$add": ["$imax", 1] }, "Long(2147483648)"),
            (doc! { "$add": ["$big", 1] }, "9.223372036854776e18"),
            (doc! { "$add": ["$dec", 1] }, "Decimal(2.10)"),
            (doc! { "$add": ["$i", "$n", "$s"] }, "null"),
            (doc! { "$add": ["$i", "$none"] }, "null"),
            (doc! { "$add": ["$i", "$s"] }, "error 16554"),
            (doc! { "$add": ["$at", 500] }, "Date(1500)"),
            (doc! { "$add": [0.6, "$at"] }, "Date(1001)"),
            (doc! { "$add": ["$at", "$at"] }, "error 16612"),
            (doc! { "$subtract": ["$i", 9] }, "-2"),
            (doc! { "$subtract": ["$imin", 1] }, "Long(-2147483649)"),
            (doc! { "$subtract": ["$later", "$at"] }, "Long(4500)"),
            (doc! { "$subtract": ["$later", 500] }, "Date(5000)"),
            (doc! { "$subtract": ["$later", "$n"] }, "null"),
            (doc! { "$subtract": [1, "$later"] }, "error 14"),
            (doc! { "$subtract": [1, 2, 3] }, "error 16020"),
            (doc! { "$multiply": ["$i", "$d", 2] }, "35.0"),
            (doc! { "$multiply": ["$imax", 2] }, "Long(4294967294)"),
            (doc! { "$multiply": ["$big", 2] }, "1.8446744073709552e19"),
            (doc! { "$multiply": ["$s", 2] }, "error 14"),
            (doc! { "$multiply": ["$none", 2] }, "null"),
            (doc! { "$divide": ["$i", 2] }, "3.5"),
            (doc! { "$divide": [6, 3] }, "2.0"),
            (doc! { "$divide": [6, 0] }, "error 2"),
            (doc! { "$divide": ["$dec", 2] }, "Decimal(0.55)"),
            (doc! { "$divide": ["$s", 2] }, "error 14"),
            (doc! { "$mod": ["$neg", 4] }, "-3"),
            (doc! { "$mod": ["$l", 4] }, "Long(3)"),
            (doc! { "$mod": [5.5, 2] }, "1.5"),
            (doc! { "$mod": [5, 0] }, "error 16610"),
            (doc! { "$mod": ["$s", 2] }, "error 16611"),
        ],
    );
}

#[test]
fn rounding_goes_to_the_even_neighbour() {
    check(
        &numbers(),
        vec![
            (doc! { "$abs": "$neg" }, "7"),
            (doc! { "$abs": "$imin" }, "Long(2147483648)"),
            (doc! { "$abs": i64::MIN }, "error 28680"),
            (doc! { "$abs": "$s" }, "error 28765"),
            (doc! { "$abs": "$none" }, "null"),
            (doc! { "$ceil": "$d" }, "3.0"),
            (doc! { "$ceil": "$i" }, "7"),
            (doc! { "$floor": -2.5 }, "-3.0"),
            (doc! { "$floor": "$dec" }, "Decimal(1)"),
            (doc! { "$round": "$d" }, "2.0"),
            (doc! { "$round": 3.5 }, "4.0"),
            (doc! { "$round": [2.675, 2] }, "2.67"),
            (doc! { "$round": [1234.5678, 2] }, "1234.57"),
            (doc! { "$round": [1234.5678, -2] }, "1200.0"),
            (doc! { "$round": [1250, -2] }, "1200"),
            (doc! { "$round": [1350, -2] }, "1400"),
            (doc! { "$round": ["$i", "$n"] }, "null"),
            (doc! { "$round": ["$i", 101] }, "error 51083"),
            (doc! { "$round": ["$i", 1.5] }, "error 51082"),
            (doc! { "$trunc": [7.85, 1] }, "7.8"),
            (doc! { "$trunc": -7.85 }, "-7.0"),
            (doc! { "$trunc": [19.25, -1] }, "10.0"),
            (doc! { "$trunc": [-1999, -3] }, "-1000"),
        ],
    );
}

#[test]
fn powers_and_logarithms_keep_whole_numbers_where_they_can() {
    check(
        &numbers(),
        vec![
            (doc! { "$pow": [2, 10] }, "1024"),
            (doc! { "$pow": [2, 31] }, "Long(2147483648)"),
            (doc! { "$pow": [2, 63] }, "9.223372036854776e18"),
            (doc! { "$pow": [2, -1] }, "0.5"),
            (doc! { "$pow": [0, -1] }, "error 28764"),
            (doc! { "$pow": ["$s", 1] }, "error 28762"),
            (doc! { "$pow": [1, "$s"] }, "error 28763"),
            (doc! { "$pow": [-1, -3] }, "-1"),
            (doc! { "$pow": ["$dec", 2] }, "Decimal(1.2100)"),
            (doc! { "$sqrt": 25 }, "5.0"),
            (doc! { "$sqrt": -1 }, "error 28714"),
            (doc! { "$sqrt": "$n" }, "null"),
            (doc! { "$exp": 0 }, "1.0"),
            (doc! { "$ln": 1 }, "0.0"),
            (doc! { "$ln": 0 }, "error 28766"),
            (doc! { "$log10": 1000 }, "3.0"),
            (doc! { "$log10": -1 }, "error 28761"),
            (doc! { "$log": [8, 2] }, "3.0"),
            (doc! { "$log": [8, 1] }, "error 28759"),
            (doc! { "$log": [0, 2] }, "error 28758"),
            (doc! { "$log": ["$s", 2] }, "error 28756"),
            (doc! { "$log": ["$none", 2] }, "null"),
        ],
    );
}

#[test]
fn bits_are_those_of_ints_and_longs() {
    check(
        &numbers(),
        vec![
            (doc! { "$bitAnd": [12, 10] }, "8"),
            (doc! { "$bitAnd": [12, 10_i64] }, "Long(8)"),
            (doc! { "$bitAnd": [] }, "-1"),
            (doc! { "$bitOr": [12, 10] }, "14"),
            (doc! { "$bitOr": [-1, 0_i64] }, "Long(-1)"),
            (doc! { "$bitXor": [12, 10] }, "6"),
            (doc! { "$bitNot": 5 }, "-6"),
            (doc! { "$bitNot": 5_i64 }, "Long(-6)"),
            (doc! { "$bitNot": 5.0 }, "error 14"),
            (doc! { "$bitAnd": [1, "$n"] }, "null"),
        ],
    );
}

#[test]
fn angles_have_their_ranges() {
    check(
        &numbers(),
        vec![
            (doc! { "$sin": 0 }, "0.0"),
            (doc! { "$cos": 0 }, "1.0"),
            (doc! { "$tan": 0.0 }, "0.0"),
            (doc! { "$sin": "$inf" }, "error 50989"),
            (doc! { "$sin": "$nan" }, "NaN"),
            (doc! { "$asin": 2 }, "error 50989"),
            (doc! { "$acos": 1 }, "0.0"),
            (doc! { "$atan": 0 }, "0.0"),
            (doc! { "$atan2": [0, 1] }, "0.0"),
            (doc! { "$atan2": ["$s", 1] }, "error 51044"),
            (doc! { "$sinh": 0 }, "0.0"),
            (doc! { "$cosh": 0 }, "1.0"),
            (doc! { "$tanh": 0 }, "0.0"),
            (doc! { "$asinh": 0 }, "0.0"),
            (doc! { "$acosh": 1 }, "0.0"),
            (doc! { "$acosh": 0 }, "error 50989"),
            (doc! { "$atanh": 1 }, "inf"),
            (doc! { "$atanh": 1.1 }, "error 50989"),
            (doc! { "$degreesToRadians": 180 }, "3.141592653589793"),
            (doc! { "$radiansToDegrees": "$none" }, "null"),
            (doc! { "$sin": "$s" }, "error 28765"),
        ],
    );
}

#[test]
fn summaries_look_into_a_single_array_only() {
    let document = doc! { "a": [1, 2, "x", null, 4.5], "b": [[3], 1], "e": [], "q": [3, 1, 2] };
    check(
        &document,
        vec![
            (doc! { "$sum": "$a" }, "7.5"),
            (doc! { "$sum": ["$a", 1] }, "1"),
            (doc! { "$sum": "$b" }, "1"),
            (doc! { "$sum": [2147483647, 1] }, "Long(2147483648)"),
            (doc! { "$sum": [] }, "0"),
            (doc! { "$sum": [1e100, 1.0, -1e100] }, "1.0"),
            (doc! { "$avg": "$a" }, "2.5"),
            (doc! { "$avg": "$e" }, "null"),
            (doc! { "$avg": [1, 2] }, "1.5"),
            (doc! { "$min": "$a" }, "1"),
            (doc! { "$max": "$a" }, "\"x\""),
            (doc! { "$max": "$none" }, "null"),
            (doc! { "$max": [1, "$q"] }, "[3, 1, 2]"),
            (doc! { "$stdDevPop": [2, 4, 4, 4, 5, 5, 7, 9] }, "2.0"),
            (doc! { "$stdDevSamp": [1] }, "null"),
            (doc! { "$stdDevSamp": [1, 3] }, "1.4142135623730951"),
            (doc! { "$median": { "input": "$q", "method": "approximate" } }, "2.0"),
            (doc! { "$median": { "input": "$e", "method": "approximate" } }, "null"),
            (doc! { "$median": { "input": "$q", "method": "exact" } }, "error 2"),
            (
                doc! { "$percentile": { "input": "$q", "p": [0, 0.5, 1],
                "method": "approximate" } },
                "[1.0, 2.0, 3.0]",
            ),
            (
                doc! { "$percentile": { "input": "$q", "p": [2], "method": "approximate" } },
                "error 7750301",
            ),
        ],
    );
}
