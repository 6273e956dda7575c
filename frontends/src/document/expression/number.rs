//! Numbers as text, and of which type a result is.

use crate::document::value::Number;

/// Whether a result of two numbers is a decimal, as it is if one of them is.
pub(super) fn is_decimal(a: Number, b: Number) -> bool {
    matches!(a, Number::Decimal128(_)) || matches!(b, Number::Decimal128(_))
}

/// A whole number as an int if it fits, else as a long.
pub(super) fn narrow(number: i64) -> Number {
    i32::try_from(number).map_or(Number::Int64(number), Number::Int32)
}

/// A number as text, as `$toString` makes it: without a point if it is whole, with an exponent if
/// it is very large or small.
pub(super) fn text(number: Number) -> String {
    match number {
        Number::Int32(number) => number.to_string(),
        Number::Int64(number) => number.to_string(),
        Number::Decimal128(number) => number.to_string(),
        Number::Double(number) => double_text(number),
    }
}

fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
        None => text,
    }
}
