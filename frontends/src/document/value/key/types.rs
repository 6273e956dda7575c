//! The bits that tell equal values of different types apart.
//!
//! Bits are appended in the order of the values, the least significant bit of a byte first. Zeros
//! at the end are not kept, so that the usual types take no space.

use super::super::Number;
use super::super::decimal::{EXPONENT_MAX, EXPONENT_MIN, Parts};
use crate::{Error, Result};

/// Exponents that a decimal can have.
const EXPONENTS: i32 = EXPONENT_MAX - EXPONENT_MIN + 1;

/// What keys forget, as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeBits {
    bytes: Vec<u8>,
    position: usize,
}

impl TypeBits {
    /// No bits.
    pub fn new() -> TypeBits {
        TypeBits::default()
    }

    /// The bits, to be kept beside the key. Empty when all values are of their usual types.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins anew, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.position = 0;
    }

    /// Appends the lowest `count` bits.
    pub(super) fn push(&mut self, bits: u32, count: u32) {
        for at in 0..count {
            if bits >> at & 1 == 1 {
                self.bytes.resize(self.position / 8 + 1, 0);
                if let Some(byte) = self.bytes.last_mut() {
                    *byte |= 1 << (self.position % 8);
                }
            }
            self.position += 1;
        }
    }
}

/// Reads [`TypeBits`] in the order in which they were noted.
#[derive(Clone, Debug)]
pub struct TypeBitsReader<'b> {
    bytes: &'b [u8],
    position: usize,
}

impl<'b> TypeBitsReader<'b> {
    /// Reads what [`TypeBits::as_bytes`] gave.
    pub fn new(bytes: &'b [u8]) -> TypeBitsReader<'b> {
        TypeBitsReader { bytes, position: 0 }
    }

    /// Takes the next `count` bits; beyond the end they are zero.
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let mut bits = 0;
        for at in 0..count {
            let byte = self.bytes.get(self.position / 8).copied().unwrap_or(0);
            bits |= u32::from(byte >> (self.position % 8) & 1) << at;
            self.position += 1;
        }
        bits
    }
}

/// Types of numbers by their place among these bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Int32,
    Int64,
    Double,
    Decimal128,
}

/// What is known of a number without its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    Zero,
    /// A whole number that fits.
    Whole(i64),
    /// What a double can be, infinite and not-a-number among it.
    Binary,
    /// What only a decimal can be.
    Decimal,
}

impl Worth {
    /// The type that a number of this worth most often has.
    fn usual(self) -> Width {
        match self {
            Worth::Zero => Width::Int32,
            Worth::Whole(whole) if i32::try_from(whole).is_ok() => Width::Int32,
            Worth::Whole(_) => Width::Int64,
            Worth::Binary => Width::Double,
            Worth::Decimal => Width::Decimal128,
        }
    }
}

/// Notes the type of a number: how far it is from the usual one, then what the type needs.
pub fn note_number(types: &mut TypeBits, number: Number) {
    let width = match number {
        Number::Int32(_) => Width::Int32,
        Number::Int64(_) => Width::Int64,
        Number::Double(_) => Width::Double,
        Number::Decimal128(_) => Width::Decimal128,
    };
    let worth = match number.to_exact_i64() {
        Some(0) => Worth::Zero,
        Some(whole) => Worth::Whole(whole),
        None if is_binary(number) => Worth::Binary,
        None => Worth::Decimal,
    };
    types.push((width as u32).wrapping_sub(worth.usual() as u32) & 3, 2);
    match number {
        Number::Double(number) if number == 0.0 => {
            types.push(number.is_sign_negative().into(), 1);
        }
        Number::Decimal128(number) => {
            if let Parts::Finite { negative, coefficient, exponent } = number.parts() {
                if coefficient == 0 {
                    types.push(negative.into(), 1);
                    types.push(exponent.rem_euclid(EXPONENTS) as u32, 14);
                } else {
                    types.push(trailing_zeros(coefficient), 6);
                }
            }
        }
        _ => {}
    }
}

/// Whether a number is one of the doubles.
fn is_binary(number: Number) -> bool {
    matches!(number, Number::Double(_)) || number.compare(Number::Double(number.to_f64())).is_eq()
}

/// Decimal zeros at the end of a number that is not zero.
pub fn trailing_zeros(mut number: u128) -> u32 {
    let mut zeros = 0;
    while number != 0 && number.is_multiple_of(10) {
        number /= 10;
        zeros += 1;
    }
    zeros
}

/// What [`note_number`] noted: a type, and of decimals how many zeros end the coefficient.
pub fn take_width(types: &mut TypeBitsReader<'_>, worth: Worth) -> Result<Width> {
    match (types.take(2) + worth.usual() as u32) & 3 {
        0 => Ok(Width::Int32),
        1 => Ok(Width::Int64),
        2 => Ok(Width::Double),
        3 => Ok(Width::Decimal128),
        other => Err(Error::internal(format!("two bits are {other}"))),
    }
}

/// Sign and exponent of a decimal zero.
pub fn take_decimal_zero(types: &mut TypeBitsReader<'_>) -> (bool, i32) {
    let negative = types.take(1) == 1;
    let exponent = types.take(14) as i32 % EXPONENTS;
    (negative, if exponent > EXPONENT_MAX { exponent - EXPONENTS } else { exponent })
}
