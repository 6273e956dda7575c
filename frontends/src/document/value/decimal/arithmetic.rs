//! Arithmetic of decimals, each result exact and then rounded once.

use super::rounding::{Long, Rounding, TEN_34, digits, power};
use super::{Decimal128, Parts};

/// The parts of a finite number.
#[derive(Clone, Copy)]
struct Finite {
    negative: bool,
    coefficient: u128,
    exponent: i32,
}

impl Decimal128 {
    fn finite(self) -> Option<Finite> {
        match self.parts() {
            Parts::Finite { negative, coefficient, exponent } => {
                Some(Finite { negative, coefficient, exponent })
            }
            Parts::Nan | Parts::Infinite { .. } => None,
        }
    }

    fn is_infinite(self) -> bool {
        matches!(self.parts(), Parts::Infinite { .. })
    }

    /// Whether its sign is minus, which zeros and infinities have too.
    pub fn is_negative(self) -> bool {
        u128::from_le_bytes(self.0) >> 127 == 1
    }

    /// The number with the other sign.
    #[must_use]
    pub fn negated(self) -> Decimal128 {
        Decimal128::from_bits(u128::from_le_bytes(self.0) ^ 1 << 127)
    }

    /// The number with the sign plus.
    #[must_use]
    pub fn abs(self) -> Decimal128 {
        if self.is_negative() { self.negated() } else { self }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Decimal128) -> Decimal128 {
        match (self.finite(), other.finite()) {
            (Some(a), Some(b)) if a.exponent >= b.exponent => add(a, b),
            (Some(a), Some(b)) => add(b, a),
            _ if self.is_nan() || other.is_nan() => Decimal128::NAN,
            (None, None) if self.is_negative() != other.is_negative() => Decimal128::NAN,
            (None, _) => self,
            _ => other,
        }
    }

    /// The difference.
    #[must_use]
    pub fn minus(self, other: Decimal128) -> Decimal128 {
        self.plus(other.negated())
    }

    /// The product.
    #[must_use]
    pub fn times(self, other: Decimal128) -> Decimal128 {
        let negative = self.is_negative() != other.is_negative();
        match (self.finite(), other.finite()) {
            (Some(a), Some(b)) => {
                let (high, low) = Long::product(a.coefficient, b.coefficient);
                let exponent = a.exponent + b.exponent;
                Long { negative, high, low, exponent, more: false }.finish()
            }
            _ if self.is_nan() || other.is_nan() => Decimal128::NAN,
            _ if self.is_zero() || other.is_zero() => Decimal128::NAN,
            _ => Decimal128::infinite(negative),
        }
    }

    /// The quotient. By zero it is infinite, and of zero by zero not a number.
    #[must_use]
    pub fn divided_by(self, other: Decimal128) -> Decimal128 {
        let negative = self.is_negative() != other.is_negative();
        match (self.finite(), other.finite()) {
            (Some(a), Some(b)) if b.coefficient != 0 => divide(a, b, negative),
            (Some(a), Some(_)) if a.coefficient == 0 => Decimal128::NAN,
            (Some(_), Some(_)) => Decimal128::infinite(negative),
            _ if self.is_nan() || other.is_nan() => Decimal128::NAN,
            (None, None) => Decimal128::NAN,
            (None, Some(_)) => Decimal128::infinite(negative),
            (Some(_), None) => Decimal128::exact(negative, 0, super::EXPONENT_MIN),
        }
    }

    /// What division leaves over, exactly; it has this number's sign. By zero it is not a number.
    #[must_use]
    pub fn remainder(self, other: Decimal128) -> Decimal128 {
        match (self.finite(), other.finite()) {
            (Some(a), Some(b)) if b.coefficient != 0 => remainder(a, b),
            (Some(_), None) if other.is_infinite() => self,
            _ => Decimal128::NAN,
        }
    }

    /// The square root; of negative numbers not a number.
    #[must_use]
    pub fn sqrt(self) -> Decimal128 {
        match self.finite() {
            Some(a) if a.coefficient == 0 => {
                Decimal128::exact(a.negative, 0, a.exponent.div_euclid(2))
            }
            Some(a) if !a.negative => root(a),
            None if self.is_infinite() && !self.is_negative() => self,
            _ => Decimal128::NAN,
        }
    }

    /// The number cut to so many places behind the point.
    #[must_use]
    pub fn trunc(self, places: i32) -> Decimal128 {
        self.quantize(places, Rounding::Down)
    }

    /// The number rounded to so many places behind the point, from the middle to the even one.
    #[must_use]
    pub fn round(self, places: i32) -> Decimal128 {
        self.quantize(places, Rounding::HalfEven)
    }
}

/// The sum of two numbers, the exponent of the first not less than that of the second.
fn add(a: Finite, b: Finite) -> Decimal128 {
    // With as many digits as it can have, what of the other lies beyond 68 digits does not matter.
    let (mut a, mut apart) = (a, a.exponent - b.exponent);
    let padding = match a.coefficient {
        0 => apart,
        _ => apart.min(34 - digits(a.coefficient)),
    };
    a.coefficient *= if a.coefficient == 0 { 1 } else { power(padding) };
    a.exponent -= padding;
    apart -= padding;
    let shift = apart.min(34);
    let unit = power(apart - shift);
    let (small, more) = if apart - shift > 34 {
        (0, b.coefficient != 0)
    } else {
        (b.coefficient / unit, !b.coefficient.is_multiple_of(unit))
    };
    let (mut high, mut low) = Long::product(a.coefficient, power(shift));
    let exponent = a.exponent - shift;
    if a.negative == b.negative {
        low += small;
        (high, low) = (high + low / TEN_34, low % TEN_34);
        return Long { negative: a.negative, high, low, exponent, more }.finish();
    }
    if high == 0 && low < small {
        // Nothing was cut off the smaller one, or the first would have 68 digits.
        return Long { negative: b.negative, high, low: small - low, exponent, more }.finish();
    }
    let less = small + u128::from(more);
    if low < less {
        (high, low) = (high - 1, low + TEN_34);
    }
    low -= less;
    let negative = a.negative && (high != 0 || low != 0 || more);
    Long { negative, high, low, exponent, more }.finish()
}

/// Long division, until it comes out even or has a digit more than is kept.
fn divide(a: Finite, b: Finite, negative: bool) -> Decimal128 {
    let mut exponent = a.exponent - b.exponent;
    let (mut quotient, mut rest) = (a.coefficient / b.coefficient, a.coefficient % b.coefficient);
    while rest != 0 && digits(quotient) < 36 {
        rest *= 10;
        quotient = quotient * 10 + rest / b.coefficient;
        rest %= b.coefficient;
        exponent -= 1;
    }
    let (high, low) = (quotient / TEN_34, quotient % TEN_34);
    Long { negative, high, low, exponent, more: rest != 0 }.finish()
}

fn remainder(a: Finite, b: Finite) -> Decimal128 {
    let (mut rest, exponent) = (a.coefficient, a.exponent.min(b.exponent));
    if a.exponent >= b.exponent {
        rest %= b.coefficient;
        let mut apart = a.exponent - b.exponent;
        while apart > 0 && rest != 0 {
            let step = apart.min(4);
            rest = rest * power(step) % b.coefficient;
            apart -= step;
        }
    } else if b.exponent - a.exponent <= 34 {
        // Where the product does not fit, it is greater than every coefficient.
        let unit = b.coefficient.checked_mul(power(b.exponent - a.exponent));
        rest = unit.map_or(rest, |unit| rest % unit);
    }
    Decimal128::exact(a.negative, rest, exponent)
}

/// The root of a positive number: digit by digit, each the largest that leaves a rest.
fn root(a: Finite) -> Decimal128 {
    // An even exponent, so that root and exponent come apart.
    let odd = a.exponent.rem_euclid(2);
    let (radicand, mut exponent) =
        (a.coefficient * if odd == 1 { 10 } else { 1 }, (a.exponent - odd) / 2);
    let mut found = radicand.isqrt();
    let mut rest = radicand - found * found;
    // Rests stay below twice the root, and roots below 10^36: a step of one digit fits.
    while rest != 0 && digits(found) < 36 {
        rest *= 100;
        let twenty = found * 20;
        let mut digit = (rest / twenty.max(1)).min(9);
        while (twenty + digit) * digit > rest {
            digit -= 1;
        }
        rest -= (twenty + digit) * digit;
        found = found * 10 + digit;
        exponent -= 1;
    }
    let (high, low) = (found / TEN_34, found % TEN_34);
    Long { negative: false, high, low, exponent, more: rest != 0 }.finish()
}
