//! Numbers of four types, compared by what they are worth and without rounding.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::decimal::{Decimal128, Parts};

mod arithmetic;
#[cfg(test)]
mod tests;
mod wide;

use wide::Wide;

/// A value of any numeric type.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// 32-bit whole number.
    Int32(i32),
    /// 64-bit whole number.
    Int64(i64),
    /// 64-bit binary floating point.
    Double(f64),
    /// 34 decimal digits.
    Decimal128(Decimal128),
}

impl Number {
    /// The order of what they are worth, exactly: the 64-bit integer 2^53 + 1 is greater than the
    /// double 2^53. Not-a-number equals itself and is less than all others; -0.0 equals 0.
    pub fn compare(self, other: Number) -> Ordering {
        match (self.plain(), other.plain()) {
            (Plain::Int(a), Plain::Int(b)) => a.cmp(&b),
            (Plain::Int(a), Plain::Double(b)) => compare_int_double(a, b),
            (Plain::Double(a), Plain::Int(b)) => compare_int_double(b, a).reverse(),
            (Plain::Double(a), Plain::Double(b)) => compare_doubles(a, b),
            (Plain::Decimal(a), b) => compare_decimal(a, b),
            (a, Plain::Decimal(b)) => compare_decimal(b, a).reverse(),
        }
    }

    /// Whether it is zero, of any type and sign.
    pub fn is_zero(self) -> bool {
        match self {
            Number::Int32(number) => number == 0,
            Number::Int64(number) => number == 0,
            Number::Double(number) => number == 0.0,
            Number::Decimal128(number) => number.is_zero(),
        }
    }

    /// Whether it is not a number.
    pub fn is_nan(self) -> bool {
        match self {
            Number::Int32(_) | Number::Int64(_) => false,
            Number::Double(number) => number.is_nan(),
            Number::Decimal128(number) => number.is_nan(),
        }
    }

    /// The same number as an `i64`, if it is whole and fits.
    pub fn to_exact_i64(self) -> Option<i64> {
        match self.plain() {
            Plain::Int(number) => Some(number),
            Plain::Double(number) => {
                let whole = number as i64;
                let same = whole as f64 == number && whole != i64::MAX;
                same.then_some(whole)
            }
            Plain::Decimal(Parts::Finite { negative, coefficient, exponent }) => {
                let scale = 10_u128.checked_pow(exponent.unsigned_abs());
                let magnitude = match scale {
                    _ if coefficient == 0 => 0,
                    Some(scale) if exponent >= 0 => coefficient.checked_mul(scale)?,
                    Some(scale) if coefficient.is_multiple_of(scale) => coefficient / scale,
                    _ => return None,
                };
                let magnitude = i128::try_from(magnitude).ok()?;
                i64::try_from(if negative { -magnitude } else { magnitude }).ok()
            }
            Plain::Decimal(_) => None,
        }
    }

    /// The nearest double; ties go to the even one.
    pub fn to_f64(self) -> f64 {
        match self.plain() {
            Plain::Int(number) => number as f64,
            Plain::Double(number) => number,
            Plain::Decimal(Parts::Nan) => f64::NAN,
            Plain::Decimal(Parts::Infinite { negative: false }) => f64::INFINITY,
            Plain::Decimal(Parts::Infinite { negative: true }) => f64::NEG_INFINITY,
            Plain::Decimal(Parts::Finite { negative, coefficient, exponent }) => {
                let mut text = ShortText { bytes: [0; 64], len: 0 };
                let sign = if negative { "-" } else { "" };
                // At most 1 + 34 + 1 + 5 bytes, so it always fits and is always a number.
                let _ = write!(text, "{sign}{coefficient}e{exponent}");
                text.as_str().parse().unwrap_or(f64::NAN)
            }
        }
    }

    fn plain(self) -> Plain {
        match self {
            Number::Int32(number) => Plain::Int(number.into()),
            Number::Int64(number) => Plain::Int(number),
            Number::Double(number) => Plain::Double(number),
            Number::Decimal128(number) => Plain::Decimal(number.parts()),
        }
    }
}

/// A number with the whole ones as one type.
#[derive(Clone, Copy)]
enum Plain {
    Int(i64),
    Double(f64),
    Decimal(Parts),
}

/// The order of doubles, not-a-number first.
fn compare_doubles(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

fn compare_int_double(int: i64, double: f64) -> Ordering {
    /// 2^63.
    const ABOVE: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() || double < -ABOVE {
        return Ordering::Greater;
    }
    if double >= ABOVE {
        return Ordering::Less;
    }
    let whole = double.trunc();
    int.cmp(&(whole as i64)).then_with(|| compare_doubles(whole, double))
}

/// What is no finite number, as a double.
fn special(number: Plain) -> Option<f64> {
    match number {
        Plain::Double(double) => (!double.is_finite()).then_some(double),
        Plain::Decimal(Parts::Nan) => Some(f64::NAN),
        Plain::Decimal(Parts::Infinite { negative: false }) => Some(f64::INFINITY),
        Plain::Decimal(Parts::Infinite { negative: true }) => Some(f64::NEG_INFINITY),
        Plain::Decimal(Parts::Finite { .. }) | Plain::Int(_) => None,
    }
}

fn compare_decimal(decimal: Parts, other: Plain) -> Ordering {
    let Parts::Finite { negative, coefficient, exponent } = decimal else {
        return compare_special(Plain::Decimal(decimal), other);
    };
    let (sign, scaled) = (sign_of(negative, coefficient == 0), (coefficient, exponent));
    let (other_sign, magnitudes) = match other {
        _ if special(other).is_some() => return compare_special(Plain::Decimal(decimal), other),
        Plain::Int(int) => {
            (int.signum(), compare_scaled(scaled, (u128::from(int.unsigned_abs()), 0)))
        }
        Plain::Double(double) => {
            (sign_of(double < 0.0, double == 0.0), compare_with_double(scaled, double.abs()))
        }
        Plain::Decimal(Parts::Finite { negative, coefficient, exponent }) => {
            (sign_of(negative, coefficient == 0), compare_scaled(scaled, (coefficient, exponent)))
        }
        Plain::Decimal(_) => return compare_special(Plain::Decimal(decimal), other),
    };
    match sign.cmp(&other_sign) {
        Ordering::Equal if sign > 0 => magnitudes,
        Ordering::Equal if sign < 0 => magnitudes.reverse(),
        order => order,
    }
}

/// The order of two numbers of which one is not finite; the other may be any, so it may be zero.
fn compare_special(a: Plain, b: Plain) -> Ordering {
    compare_doubles(special(a).unwrap_or_default(), special(b).unwrap_or_default())
}

fn sign_of(negative: bool, zero: bool) -> i64 {
    match (zero, negative) {
        (true, _) => 0,
        (false, true) => -1,
        (false, false) => 1,
    }
}

/// Digits of a coefficient that is not zero.
fn digits(coefficient: u128) -> i32 {
    coefficient.checked_ilog10().map_or(1, |log| log as i32 + 1)
}

/// The order of two numbers `coefficient * 10^exponent`, of at most 34 digits.
fn compare_scaled(a: (u128, i32), b: (u128, i32)) -> Ordering {
    if a.0 == 0 || b.0 == 0 {
        return a.0.cmp(&b.0);
    }
    let (a_digits, b_digits) = (digits(a.0), digits(b.0));
    // With as many digits in front of the point the coefficients decide, once equally long.
    let filled = |coefficient: u128, digits: i32| {
        coefficient.saturating_mul(10_u128.saturating_pow((34 - digits).max(0) as u32))
    };
    (a_digits + a.1)
        .cmp(&(b_digits + b.1))
        .then_with(|| filled(a.0, a_digits).cmp(&filled(b.0, b_digits)))
}

/// The order of `coefficient * 10^exponent` and a finite double that is not negative.
fn compare_with_double((coefficient, exponent): (u128, i32), double: f64) -> Ordering {
    if coefficient == 0 || double == 0.0 {
        return coefficient.cmp(&u128::from(double != 0.0));
    }
    // Both as powers of ten; when they are far apart no more is needed.
    let (decimal_log, double_log) = (f64::from(digits(coefficient) + exponent), double.log10());
    if decimal_log < double_log - 1.0 {
        return Ordering::Less;
    }
    if decimal_log - 1.0 > double_log + 1.0 {
        return Ordering::Greater;
    }
    let (mantissa, power) = binary_parts(double);
    let mut left = Wide::new(coefficient);
    let mut right = Wide::new(u128::from(mantissa));
    let (tens, twos) = (exponent.unsigned_abs(), power.unsigned_abs());
    if exponent >= 0 { &mut left } else { &mut right }.multiply_power_of_ten(tens);
    if power >= 0 { &mut right } else { &mut left }.shift_left(twos);
    left.cmp(&right)
}

/// A finite positive double as `mantissa * 2^power`.
pub(super) fn binary_parts(double: f64) -> (u64, i32) {
    let bits = double.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) }
}

/// Text in a place of its own, so that numbers are converted without allocation.
struct ShortText {
    bytes: [u8; 64],
    len: usize,
}

impl ShortText {
    fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl std::fmt::Write for ShortText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
