//! Arithmetic across the types of numbers, with the promotions that MongoDB documents.
//!
//! The result has the wider type of the two: int, long, double, decimal. An int that overflows
//! becomes a long. A long that overflows becomes a double in expressions (`plus`), and is refused
//! in updates (`checked_plus`).

use super::super::decimal::{Decimal128, Rounding};
use super::Number;

/// Two numbers as one type.
enum Pair {
    Int(i64, i64, Width),
    Double(f64, f64),
    Decimal(Decimal128, Decimal128),
}

/// What a whole result becomes if it fits.
#[derive(Clone, Copy, PartialEq)]
enum Width {
    Int32,
    Int64,
}

impl Width {
    fn number(self, result: i64) -> Number {
        match i32::try_from(result) {
            Ok(short) if self == Width::Int32 => Number::Int32(short),
            _ => Number::Int64(result),
        }
    }
}

impl Number {
    /// The decimal that it becomes in arithmetic with one: doubles by their first 15 digits.
    pub fn to_decimal(self) -> Decimal128 {
        match self {
            Number::Int32(number) => number.into(),
            Number::Int64(number) => number.into(),
            Number::Double(number) => Decimal128::from_f64(number),
            Number::Decimal128(number) => number,
        }
    }

    fn pair(self, other: Number) -> Pair {
        match (self, other) {
            (Number::Decimal128(_), _) | (_, Number::Decimal128(_)) => {
                Pair::Decimal(self.to_decimal(), other.to_decimal())
            }
            (Number::Int32(a), Number::Int32(b)) => Pair::Int(a.into(), b.into(), Width::Int32),
            (Number::Int32(a), Number::Int64(b)) => Pair::Int(a.into(), b, Width::Int64),
            (Number::Int64(a), Number::Int32(b)) => Pair::Int(a, b.into(), Width::Int64),
            (Number::Int64(a), Number::Int64(b)) => Pair::Int(a, b, Width::Int64),
            (a, b) => Pair::Double(a.to_f64(), b.to_f64()),
        }
    }

    /// The result of an operation, `None` when a long overflows.
    fn combine(
        self,
        other: Number,
        ints: fn(i64, i64) -> Option<i64>,
        doubles: fn(f64, f64) -> f64,
        decimals: fn(Decimal128, Decimal128) -> Decimal128,
    ) -> Option<Number> {
        Some(match self.pair(other) {
            Pair::Int(a, b, width) => width.number(ints(a, b)?),
            Pair::Double(a, b) => Number::Double(doubles(a, b)),
            Pair::Decimal(a, b) => Number::Decimal128(decimals(a, b)),
        })
    }

    /// The sum, `None` when a long overflows: for `$inc`.
    pub fn checked_plus(self, other: Number) -> Option<Number> {
        self.combine(other, i64::checked_add, |a, b| a + b, Decimal128::plus)
    }

    /// The sum; a long that overflows becomes a double: for `$add`.
    #[must_use]
    pub fn plus(self, other: Number) -> Number {
        let double = || Number::Double(self.to_f64() + other.to_f64());
        self.checked_plus(other).unwrap_or_else(double)
    }

    /// The difference; a long that overflows becomes a double.
    #[must_use]
    pub fn minus(self, other: Number) -> Number {
        let double = || Number::Double(self.to_f64() - other.to_f64());
        self.combine(other, i64::checked_sub, |a, b| a - b, Decimal128::minus)
            .unwrap_or_else(double)
    }

    /// The product, `None` when a long overflows: for `$mul`.
    pub fn checked_times(self, other: Number) -> Option<Number> {
        self.combine(other, i64::checked_mul, |a, b| a * b, Decimal128::times)
    }

    /// The product; a long that overflows becomes a double: for `$multiply`.
    #[must_use]
    pub fn times(self, other: Number) -> Number {
        let double = || Number::Double(self.to_f64() * other.to_f64());
        self.checked_times(other).unwrap_or_else(double)
    }

    /// The quotient, `None` by zero. It is a double, or a decimal if one of the two is.
    pub fn divided_by(self, other: Number) -> Option<Number> {
        if other.is_zero() {
            return None;
        }
        Some(match self.pair(other) {
            Pair::Decimal(a, b) => Number::Decimal128(a.divided_by(b)),
            _ => Number::Double(self.to_f64() / other.to_f64()),
        })
    }

    /// What division leaves over, with the sign of the first; `None` by zero.
    pub fn remainder(self, other: Number) -> Option<Number> {
        if other.is_zero() {
            return None;
        }
        // The one overflow, of the least number by -1, leaves nothing over.
        let ints = |a: i64, b: i64| Some(a.wrapping_rem(b));
        self.combine(other, ints, |a, b| a % b, Decimal128::remainder)
    }

    /// The number without its sign; `None` for the least long.
    pub fn abs(self) -> Option<Number> {
        Some(match self {
            Number::Int32(number) => Width::Int32.number(i64::from(number).abs()),
            Number::Int64(number) => Number::Int64(number.checked_abs()?),
            Number::Double(number) => Number::Double(number.abs()),
            Number::Decimal128(number) => Number::Decimal128(number.abs()),
        })
    }

    /// The largest whole number that is not greater, of the same type.
    #[must_use]
    pub fn floor(self) -> Number {
        match self {
            Number::Double(number) => Number::Double(number.floor()),
            Number::Decimal128(number) => Number::Decimal128(number.floor()),
            whole => whole,
        }
    }

    /// The smallest whole number that is not less, of the same type.
    #[must_use]
    pub fn ceil(self) -> Number {
        match self {
            Number::Double(number) => Number::Double(number.ceil()),
            Number::Decimal128(number) => Number::Decimal128(number.ceil()),
            whole => whole,
        }
    }

    /// The number rounded to so many places behind the point, or in front of it where negative. It
    /// keeps its type, but for an int that becomes a long; `None` when a long overflows.
    pub fn quantize(self, places: i32, rounding: Rounding) -> Option<Number> {
        let whole = |number: i64, width: Width| match places {
            0.. => Some(width.number(number)),
            _ => {
                let rounded = Decimal128::from(number).quantize(places, rounding);
                Some(width.number(Number::Decimal128(rounded).to_exact_i64()?))
            }
        };
        match self {
            Number::Int32(number) => whole(number.into(), Width::Int32),
            Number::Int64(number) => whole(number, Width::Int64),
            Number::Double(number) if !number.is_finite() => Some(self),
            Number::Double(number) => {
                let rounded = Decimal128::from_f64_precise(number).quantize(places, rounding);
                Some(Number::Double(Number::Decimal128(rounded).to_f64()))
            }
            Number::Decimal128(number) => {
                Some(Number::Decimal128(number.quantize(places, rounding)))
            }
        }
    }

    /// The whole part as an `i64`, `None` where it does not fit: for `$toInt`, `$toLong`, `$mod`.
    pub fn truncated_to_i64(self) -> Option<i64> {
        match self {
            Number::Double(number) => Number::Double(number.trunc()).to_exact_i64(),
            Number::Decimal128(number) => {
                Number::Decimal128(number.whole(Rounding::Down)).to_exact_i64()
            }
            whole => whole.to_exact_i64(),
        }
    }
}
