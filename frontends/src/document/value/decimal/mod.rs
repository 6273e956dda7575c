//! Decimal floating point of 34 digits: IEEE 754-2008 decimal128, coefficients as binary integers.
//!
//! ```text
//! bit 127   126 ..113          112 .. 0
//! ┌───────┬──────────────────┬───────────────────┐
//! │ sign  │ exponent + 6176  │ coefficient       │   value = sign, coefficient * 10^exponent
//! └───────┴──────────────────┴───────────────────┘
//! ```
//!
//! Where bits 126 and 125 are both set, `11110` in bits 126 to 122 means infinity and `11111` not
//! a number; all else there would be a coefficient above 34 digits, which counts as zero.
//!
//! One number has several forms, as `1.0` and `1.00`: they compare as equal, and results have the
//! forms that the standard prefers.
//!
//! Not for: functions that need series (powers, logarithms, angles), which go through doubles.
//!
//! Source: IEEE Std 754-2008, sections 3.5 and 5.3 to 5.5.

mod rounding;
mod arithmetic;
mod text;
#[cfg(test)]
mod tests;

pub use rounding::Rounding;

/// 34 decimal digits and an exponent from -6176 to 6111.
#[derive(Clone, Copy)]
pub struct Decimal128([u8; 16]);

/// What a decimal is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Not a number.
    Nan,
    /// Infinity, of either sign.
    Infinite { negative: bool },
    /// `coefficient * 10^exponent`, of at most 34 digits.
    Finite { negative: bool, coefficient: u128, exponent: i32 },
}

/// What is added to exponents to make them positive.
const BIAS: i32 = 6176;
/// The smallest exponent.
pub(super) const EXPONENT_MIN: i32 = -BIAS;
/// The largest exponent.
pub(super) const EXPONENT_MAX: i32 = 6111;
/// The largest coefficient, of 34 nines.
pub(super) const COEFFICIENT_MAX: u128 = 10_u128.pow(34) - 1;

impl Decimal128 {
    /// The number of these bytes, little-endian as in BSON.
    pub const fn from_bytes(bytes: [u8; 16]) -> Decimal128 {
        Decimal128(bytes)
    }

    /// Its bytes, little-endian as in BSON.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// Not a number.
    pub const NAN: Decimal128 = Decimal128::from_bits(0x1f << 122);
    /// More than every other number.
    pub const INFINITY: Decimal128 = Decimal128::infinite(false);
    /// Zero, without digits behind the point.
    pub const ZERO: Decimal128 = Decimal128::exact(false, 0, 0);

    const fn from_bits(bits: u128) -> Decimal128 {
        Decimal128(bits.to_le_bytes())
    }

    pub(super) const fn infinite(negative: bool) -> Decimal128 {
        Decimal128::from_bits(0x1e << 122 | (negative as u128) << 127)
    }

    /// The number of these parts, which are within their limits.
    const fn exact(negative: bool, coefficient: u128, exponent: i32) -> Decimal128 {
        let biased = (exponent + BIAS) as u128;
        Decimal128::from_bits((negative as u128) << 127 | biased << 113 | coefficient)
    }

    /// The number of these parts, if it has this form.
    pub(super) fn from_parts(negative: bool, coefficient: u128, exponent: i32) -> Option<Self> {
        let fits =
            coefficient <= COEFFICIENT_MAX && (EXPONENT_MIN..=EXPONENT_MAX).contains(&exponent);
        fits.then(|| Decimal128::exact(negative, coefficient, exponent))
    }

    /// Whether it is not a number.
    pub fn is_nan(self) -> bool {
        self.parts() == Parts::Nan
    }

    /// Whether it is neither infinite nor not a number.
    pub fn is_finite(self) -> bool {
        matches!(self.parts(), Parts::Finite { .. })
    }

    /// Whether it is zero, of either sign.
    pub fn is_zero(self) -> bool {
        matches!(self.parts(), Parts::Finite { coefficient: 0, .. })
    }

    pub(super) fn parts(self) -> Parts {
        let bits = u128::from_le_bytes(self.0);
        let negative = bits >> 127 == 1;
        let high = (bits >> 122 & 0x1f) as u8;
        match high {
            0x1f => Parts::Nan,
            0x1e => Parts::Infinite { negative },
            _ if high >= 0x18 => {
                let exponent = (bits >> 111 & 0x3fff) as i32 - BIAS;
                Parts::Finite { negative, coefficient: 0, exponent }
            }
            _ => {
                let exponent = (bits >> 113 & 0x3fff) as i32 - BIAS;
                let coefficient = bits & ((1 << 113) - 1);
                let coefficient = if coefficient > COEFFICIENT_MAX { 0 } else { coefficient };
                Parts::Finite { negative, coefficient, exponent }
            }
        }
    }
}
