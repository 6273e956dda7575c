//! Decimals to and from text and the other types of numbers.

use std::fmt;

use super::rounding::{Long, TEN_34, digits};
use super::{Decimal128, Parts};
use crate::Result;
use crate::document::failure;

impl Decimal128 {
    /// Reads a number such as `-12.50`, `1E+3`, `Infinity` or `NaN`. Digits in excess of 34 are
    /// rounded.
    ///
    /// # Errors
    /// Code 9 when it is no number, or larger than the largest.
    pub fn parse(text: &str) -> Result<Decimal128> {
        let (negative, unsigned) = match text.as_bytes() {
            [b'-', ..] => (true, text.get(1..)),
            [b'+', ..] => (false, text.get(1..)),
            _ => (false, Some(text)),
        };
        let unsigned = unsigned.unwrap_or_default();
        let is = |word: &str| unsigned.eq_ignore_ascii_case(word);
        if is("nan") {
            return Ok(Decimal128::NAN);
        }
        if is("infinity") || is("inf") {
            return Ok(Decimal128::infinite(negative));
        }
        let wrong = || failure::failed_to_parse(format!("{text:?} is not a decimal number"));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent).ok_or_else(wrong)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = whole.bytes().chain(fraction.bytes());
        if whole.len() + fraction.len() == 0 || !digits.clone().all(|it| it.is_ascii_digit()) {
            return Err(wrong());
        }
        let mut exponent = i64::from(exponent) - fraction.len() as i64;
        let (mut coefficient, mut more) = (0_u128, false);
        for digit in digits.by_ref().map(|digit| u128::from(digit - b'0')) {
            if coefficient < TEN_34 {
                coefficient = coefficient * 10 + digit;
            } else {
                more |= digit != 0;
                exponent += 1;
            }
        }
        // Beyond these all is zero or infinite alike.
        let exponent = exponent.clamp(-20_000, 20_000) as i32;
        let (high, low) = (coefficient / TEN_34, coefficient % TEN_34);
        let number = Long { negative, high, low, exponent, more }.finish();
        if number.is_finite() {
            Ok(number)
        } else {
            Err(failure::failed_to_parse(format!("{text:?} is too large for a decimal")))
        }
    }

    /// The decimal that a double becomes in arithmetic with decimals: its first 15 digits, since
    /// those are what it was written with.
    pub fn from_f64(number: f64) -> Decimal128 {
        Decimal128::from_f64_digits(number, 15)
    }

    /// The decimal next to a double: its first 34 digits.
    pub fn from_f64_precise(number: f64) -> Decimal128 {
        Decimal128::from_f64_digits(number, 34)
    }

    fn from_f64_digits(number: f64, count: usize) -> Decimal128 {
        if number.is_nan() {
            return Decimal128::NAN;
        }
        if number == 0.0 {
            return Decimal128::exact(number.is_sign_negative(), 0, 0);
        }
        if number.is_infinite() {
            return Decimal128::infinite(number < 0.0);
        }
        let text = format!("{number:.0$e}", count - 1);
        Decimal128::parse(&text).unwrap_or(Decimal128::NAN)
    }
}

/// An exponent with an optional sign; one that is too large to matter is cut.
fn exponent_of(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse::<u32>().map_or(1 << 30, |it| it.min(1 << 30)) as i32;
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

impl From<i32> for Decimal128 {
    fn from(number: i32) -> Decimal128 {
        Decimal128::from(i64::from(number))
    }
}

impl From<i64> for Decimal128 {
    fn from(number: i64) -> Decimal128 {
        Decimal128::exact(number < 0, u128::from(number.unsigned_abs()), 0)
    }
}

/// As the standard and BSON's specification write it: plain where the exponent is not positive and
/// at most six zeros follow the point, else one digit, the others and an exponent.
impl fmt::Display for Decimal128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, coefficient, exponent) = match self.parts() {
            Parts::Nan => return f.write_str("NaN"),
            Parts::Infinite { negative: true } => return f.write_str("-Infinity"),
            Parts::Infinite { negative: false } => return f.write_str("Infinity"),
            Parts::Finite { negative, coefficient, exponent } => (negative, coefficient, exponent),
        };
        if negative {
            f.write_str("-")?;
        }
        let count = digits(coefficient).max(1);
        let adjusted = exponent + count - 1;
        if exponent > 0 || adjusted < -6 {
            let unit = 10_u128.pow(count as u32 - 1);
            write!(f, "{}", coefficient / unit)?;
            if count > 1 {
                write!(f, ".{:01$}", coefficient % unit, count as usize - 1)?;
            }
            return write!(f, "E{adjusted:+}");
        }
        if exponent == 0 {
            return write!(f, "{coefficient}");
        }
        let places = exponent.unsigned_abs() as usize;
        // More places than a coefficient has digits: all of it lies behind the point.
        let unit = 10_u128.checked_pow(exponent.unsigned_abs()).unwrap_or(u128::MAX);
        write!(f, "{}.{:02$}", coefficient / unit, coefficient % unit, places)
    }
}

impl fmt::Debug for Decimal128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({self})")
    }
}
