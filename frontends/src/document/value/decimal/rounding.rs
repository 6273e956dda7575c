//! Exact results of up to 68 digits, cut to the 34 that a decimal has.

use std::cmp::Ordering;

use super::{Decimal128, EXPONENT_MAX, EXPONENT_MIN, Parts};

/// `10^34`, one more than the largest coefficient.
pub(super) const TEN_34: u128 = 10_u128.pow(34);

/// Where a number goes that lies between two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearer one; from the middle to the even one.
    HalfEven,
    /// Towards zero.
    Down,
    /// To the lower one.
    Floor,
    /// To the higher one.
    Ceiling,
}

/// `(high * 10^34 + low) * 10^exponent`, and perhaps a little more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Long {
    pub negative: bool,
    /// Less than `10^34`.
    pub high: u128,
    /// Less than `10^34`.
    pub low: u128,
    pub exponent: i32,
    /// Whether the magnitude is greater by less than one unit.
    pub more: bool,
}

/// Digits of a number; none for zero.
pub(super) fn digits(number: u128) -> i32 {
    number.checked_ilog10().map_or(0, |log| log as i32 + 1)
}

/// A power of ten up to the 38th.
pub(super) fn power(exponent: i32) -> u128 {
    10_u128.saturating_pow(exponent.max(0) as u32)
}

impl Long {
    /// The product of two numbers of at most 34 digits (or one of them `10^34`), by halves of 17.
    pub fn product(a: u128, b: u128) -> (u128, u128) {
        const HALF: u128 = 10_u128.pow(17);
        let ((a1, a0), (b1, b0)) = ((a / HALF, a % HALF), (b / HALF, b % HALF));
        let middle = a1 * b0 + a0 * b1;
        let low = a0 * b0 + middle % HALF * HALF;
        (a1 * b1 + middle / HALF + low / TEN_34, low % TEN_34)
    }

    fn digits(&self) -> i32 {
        if self.high == 0 { digits(self.low) } else { digits(self.high) + 34 }
    }

    /// Takes `count` digits off the end: what is left, and how what was taken compares with half a
    /// unit of it, `None` if it was nothing.
    fn without(&self, count: i32) -> (u128, Option<Ordering>) {
        let (kept, taken, unit, more) = match count {
            ..=0 => return (self.low, self.more.then_some(Ordering::Less)),
            1..=34 => {
                let unit = power(count);
                let kept = self.high * power(34 - count) + self.low / unit;
                (kept, self.low % unit, unit, self.more)
            }
            35..=68 => {
                let unit = power(count - 34);
                (self.high / unit, self.high % unit, unit, self.more || self.low != 0)
            }
            _ => {
                let nothing = self.high == 0 && self.low == 0 && !self.more;
                return (0, (!nothing).then_some(Ordering::Less));
            }
        };
        let half = match taken.cmp(&(unit / 2)) {
            Ordering::Equal if more => Ordering::Greater,
            order => order,
        };
        (kept, (taken != 0 || more).then_some(half))
    }

    /// The number with an exponent of at least `least` and at most 34 digits, as coefficient and
    /// exponent; the coefficient may be `10^34`.
    fn rounded(&self, least: i32, rounding: Rounding) -> (u128, i32) {
        let taken = (self.digits() - 34).max(least.saturating_sub(self.exponent)).max(0);
        let (kept, rest) = self.without(taken);
        let up = match (rounding, rest) {
            (_, None) | (Rounding::Down, _) => false,
            (Rounding::Floor, _) => self.negative,
            (Rounding::Ceiling, _) => !self.negative,
            (Rounding::HalfEven, Some(Ordering::Equal)) => kept % 2 == 1,
            (Rounding::HalfEven, Some(half)) => half == Ordering::Greater,
        };
        (kept + u128::from(up), self.exponent.saturating_add(taken))
    }

    /// The nearest decimal.
    pub fn finish(&self) -> Decimal128 {
        self.finish_at(EXPONENT_MIN, Rounding::HalfEven)
    }

    /// The nearest decimal with an exponent of at least `least`.
    pub fn finish_at(&self, least: i32, rounding: Rounding) -> Decimal128 {
        let (mut coefficient, mut exponent) = self.rounded(least.max(EXPONENT_MIN), rounding);
        if coefficient == TEN_34 {
            (coefficient, exponent) = (TEN_34 / 10, exponent + 1);
        }
        let above = exponent - EXPONENT_MAX;
        if above > 0 {
            exponent = EXPONENT_MAX;
            if digits(coefficient) + above > 34 && coefficient != 0 {
                return Decimal128::infinite(self.negative);
            }
            coefficient *= if coefficient == 0 { 1 } else { power(above) };
        }
        Decimal128::exact(self.negative, coefficient, exponent)
    }
}

impl Decimal128 {
    /// The number rounded to so many places behind the point, in front of it where negative; it
    /// then shows as many as it can. Infinity and not-a-number stay what they are.
    pub fn quantize(self, places: i32, rounding: Rounding) -> Decimal128 {
        let Parts::Finite { negative, coefficient, exponent } = self.parts() else { return self };
        let wanted = places.saturating_neg().clamp(EXPONENT_MIN, EXPONENT_MAX);
        let room = (34 - digits(coefficient)).max(0);
        let padding = (exponent - wanted).clamp(0, if coefficient == 0 { i32::MAX } else { room });
        let (coefficient, exponent) = match coefficient {
            0 => (0, exponent - padding),
            _ => (coefficient * power(padding), exponent - padding),
        };
        let long = Long { negative, high: 0, low: coefficient, exponent, more: false };
        long.finish_at(wanted, rounding)
    }

    /// The largest whole number that is not greater.
    pub fn floor(self) -> Decimal128 {
        self.whole(Rounding::Floor)
    }

    /// The smallest whole number that is not less.
    pub fn ceil(self) -> Decimal128 {
        self.whole(Rounding::Ceiling)
    }

    /// The whole number next to it, or itself if it is one.
    pub(in super::super) fn whole(self, rounding: Rounding) -> Decimal128 {
        match self.parts() {
            Parts::Finite { exponent: ..0, .. } => self.quantize(0, rounding),
            _ => self,
        }
    }
}
