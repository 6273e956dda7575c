//! Numbers by example: comparison without rounding, and promotion.

use std::cmp::Ordering;

use super::*;
use crate::document::value::Rounding;

fn decimal(text: &str) -> Number {
    Number::Decimal128(Decimal128::parse(text).unwrap())
}

/// Type and worth as text: ints have no point, longs an L, decimals a D.
fn shown(number: Option<Number>) -> String {
    match number {
        None => "none".to_string(),
        Some(Number::Int32(number)) => format!("{number}"),
        Some(Number::Int64(number)) => format!("{number}L"),
        Some(Number::Double(number)) => format!("{number:?}"),
        Some(Number::Decimal128(number)) => format!("{number}D"),
    }
}

#[test]
fn decimals_compare_with_all_types_exactly() {
    let tenth = Number::Double(0.1);
    let exact = "0.1000000000000000055511151231257827";
    let max = Number::Double(f64::MAX);
    let cases = [
        (decimal("1.0"), Number::Int32(1), Ordering::Equal),
        (decimal("0.1"), tenth, Ordering::Less),
        (decimal(exact), tenth, Ordering::Less),
        (decimal("0.1000000000000000055511151231257828"), tenth, Ordering::Greater),
        (decimal("0.5"), Number::Double(0.5), Ordering::Equal),
        (decimal("-0.5"), Number::Double(0.5), Ordering::Less),
        (decimal("-0"), Number::Double(0.0), Ordering::Equal),
        (decimal("9007199254740993"), Number::Int64(9_007_199_254_740_993), Ordering::Equal),
        (decimal("9007199254740993"), Number::Double(9_007_199_254_740_992.0), Ordering::Greater),
        (decimal("1E+22"), Number::Double(1e22), Ordering::Equal),
        (decimal("1E+23"), Number::Double(1e23), Ordering::Greater),
        (decimal("1E+400"), max, Ordering::Greater),
        (decimal("-1E+400"), max, Ordering::Less),
        (decimal("1E-400"), Number::Double(5e-324), Ordering::Less),
        (
            decimal("4.940656458412465441765687928682213E-324"),
            Number::Double(5e-324),
            Ordering::Less,
        ),
        (
            decimal("4.940656458412465441765687928682214E-324"),
            Number::Double(5e-324),
            Ordering::Greater,
        ),
        (decimal("1.00"), decimal("1"), Ordering::Equal),
        (decimal("1E+6144"), decimal("9E+6143"), Ordering::Greater),
        (decimal("NaN"), Number::Double(f64::NAN), Ordering::Equal),
        (decimal("NaN"), decimal("-Infinity"), Ordering::Less),
        (decimal("Infinity"), Number::Double(f64::INFINITY), Ordering::Equal),
        (decimal("Infinity"), Number::Int64(i64::MAX), Ordering::Greater),
        (decimal("-9223372036854775808"), Number::Int64(i64::MIN), Ordering::Equal),
    ];
    for (a, b, order) in cases {
        assert_eq!(a.compare(b), order, "{a:?} and {b:?}");
        assert_eq!(b.compare(a), order.reverse(), "{b:?} and {a:?}");
    }
}

#[test]
fn results_have_the_wider_type() {
    let (int, long, max) = (Number::Int32(7), Number::Int64(2), Number::Int64(i64::MAX));
    let double = Number::Double(0.5);
    let plus = |a: Number, b: Number| shown(Some(a.plus(b)));
    assert_eq!(plus(int, int), "14");
    assert_eq!(plus(int, long), "9L");
    assert_eq!(plus(int, double), "7.5");
    assert_eq!(plus(double, decimal("0.1")), "0.600000000000000D");
    assert_eq!(plus(Number::Int32(i32::MAX), int), "2147483654L");
    assert_eq!(plus(max, long), "9.223372036854776e18");
    assert_eq!(shown(max.checked_plus(long)), "none");
    assert_eq!(shown(Some(Number::Int64(i64::MIN).minus(int))), "-9.223372036854776e18");
    assert_eq!(shown(Some(Number::Int32(65_536).times(Number::Int32(65_536)))), "4294967296L");
    assert_eq!(shown(max.checked_times(long)), "none");
    assert_eq!(shown(Some(max.times(long))), "1.8446744073709552e19");
    assert_eq!(shown(int.divided_by(long)), "3.5");
    assert_eq!(shown(int.divided_by(decimal("2"))), "3.5D");
    assert_eq!(shown(int.divided_by(Number::Double(-0.0))), "none");
    assert_eq!(shown(Number::Int32(-7).remainder(Number::Int32(3))), "-1");
    assert_eq!(shown(Number::Int64(i64::MIN).remainder(Number::Int32(-1))), "0L");
    assert_eq!(shown(Number::Double(7.5).remainder(int)), "0.5");
    assert_eq!(shown(int.remainder(decimal("0"))), "none");
}

#[test]
fn rounding_keeps_the_type() {
    let round = |number: Number, places| shown(number.quantize(places, Rounding::HalfEven));
    assert_eq!(round(Number::Int32(25), -1), "20");
    assert_eq!(round(Number::Int32(i32::MAX), -9), "2000000000");
    assert_eq!(round(Number::Int32(i32::MAX), -10), "0");
    assert_eq!(round(Number::Int64(i64::MAX), -18), "9000000000000000000L");
    assert_eq!(round(Number::Int64(i64::MAX), -19), "none");
    assert_eq!(round(Number::Double(2.675), 2), "2.67");
    assert_eq!(round(Number::Double(-1.5), 0), "-2.0");
    assert_eq!(round(Number::Double(1e300), 5), "1e300");
    assert_eq!(round(decimal("2.675"), 2), "2.68D");
    assert_eq!(shown(Number::Int32(i32::MIN).abs()), "2147483648L");
    assert_eq!(shown(Number::Int64(i64::MIN).abs()), "none");
    assert_eq!(shown(Some(Number::Double(-0.5).ceil())), "-0.0");
}

#[test]
fn whole_numbers_are_found_in_every_type() {
    let exact = |number: Number| number.to_exact_i64();
    assert_eq!(exact(Number::Double(3.0)), Some(3));
    assert_eq!(exact(Number::Double(-0.0)), Some(0));
    assert_eq!(exact(Number::Double(3.5)), None);
    assert_eq!(exact(Number::Double(9_223_372_036_854_775_808.0)), None);
    assert_eq!(exact(Number::Double(-9_223_372_036_854_775_808.0)), Some(i64::MIN));
    assert_eq!(exact(Number::Double(f64::NAN)), None);
    assert_eq!(exact(decimal("1.200E+2")), Some(120));
    assert_eq!(exact(decimal("0E-6000")), Some(0));
    assert_eq!(exact(decimal("1E+6000")), None);
    assert_eq!(exact(decimal("-9223372036854775808")), Some(i64::MIN));
    assert_eq!(exact(decimal("9223372036854775808")), None);
    assert_eq!(decimal("-12.9").truncated_to_i64(), Some(-12));
    assert_eq!(Number::Double(1e19).truncated_to_i64(), None);
}
