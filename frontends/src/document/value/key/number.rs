//! Numbers as bytes in order of what they are worth.
//!
//! The first byte says how a magnitude lies; for negative numbers it counts down from zero, and all
//! bytes after it are inverted.
//!
//! ```text
//! 0x2c - 12     not a number
//! 0x2c +- 0     zero
//! 0x2c +- 1     below 1:       double, exact?
//! 0x2c +- 2..9  up to 2^63:    whole part and whether there is more, in 1 to 8 bytes
//!                              then what is behind the point
//! 0x2c +- 10    from 2^63 on:  double, exact?
//! 0x2c +- 11    infinite
//! ```
//!
//! *double*: the greatest double that is not greater, as the bits of IEEE 754, which are in its
//! order. They have unused bits in front and are moved there, to make room at the end for a bit
//! that is set when the number is greater than the double.
//!
//! *behind the point*: groups of seven binary digits, each with a last bit that is set when more
//! follows; no zero group ends them. Eight groups hold what any double has there.
//!
//! What no double can be, a decimal alone, follows as a decimal: two bytes for the place of its
//! first digit, then its digits in pairs, each with a last bit that is set when more follow; no
//! pair of zeros ends them.

use super::super::Number;
use super::super::decimal::{Decimal128, Parts};
use super::tag;

/// What is added to the place of a decimal's first digit to make it positive.
pub const PLACE_BIAS: i32 = 8192;
/// Steps from zero of the first byte.
pub const SMALL: u8 = 1;
pub const LARGE: u8 = 10;
pub const INFINITE: u8 = 11;
pub const NOT_A_NUMBER: u8 = 12;
/// 2^63.
pub const WHOLE_END: u64 = 1 << 63;
/// Groups of digits behind the point.
pub const GROUPS: u32 = 8;
/// Pairs of decimal digits.
pub const PAIRS: u32 = 17;

/// Appends a number.
pub fn encode(key: &mut Vec<u8>, number: Number) {
    match number {
        Number::Int32(number) => encode_int(key, number.into()),
        Number::Int64(number) => encode_int(key, number),
        Number::Double(number) => encode_double(key, number),
        Number::Decimal128(number) => encode_decimal(key, number),
    }
}

/// Appends the first byte, and what `rest` appends, the other way round if negative.
fn signed(key: &mut Vec<u8>, negative: bool, steps: u8, rest: impl FnOnce(&mut Vec<u8>)) {
    key.push(if negative { tag::ZERO - steps } else { tag::ZERO + steps });
    let start = key.len();
    rest(key);
    if negative {
        key.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
}

fn encode_int(key: &mut Vec<u8>, number: i64) {
    match number.unsigned_abs() {
        0 => key.push(tag::ZERO),
        WHOLE_END => encode_double(key, number as f64),
        magnitude => {
            let steps = whole_steps(magnitude);
            signed(key, number < 0, steps, |key| push_whole(key, magnitude, false));
        }
    }
}

fn encode_double(key: &mut Vec<u8>, number: f64) {
    if number.is_nan() {
        key.push(tag::ZERO - NOT_A_NUMBER);
        return;
    }
    if number == 0.0 {
        key.push(tag::ZERO);
        return;
    }
    let (negative, magnitude) = (number < 0.0, number.abs());
    if magnitude.is_infinite() {
        signed(key, negative, INFINITE, |_| {});
    } else if magnitude < 1.0 {
        signed(key, negative, SMALL, |key| push_small(key, magnitude, false));
    } else if magnitude >= WHOLE_END as f64 {
        signed(key, negative, LARGE, |key| push_large(key, magnitude, false));
    } else {
        let whole = magnitude as u64;
        let behind = ((magnitude - whole as f64) * (1_u64 << (7 * GROUPS)) as f64) as u64;
        signed(key, negative, whole_steps(whole), |key| {
            push_whole(key, whole, behind != 0);
            push_behind(key, behind, false);
        });
    }
}

fn encode_decimal(key: &mut Vec<u8>, number: Decimal128) {
    let (negative, coefficient, exponent) = match number.parts() {
        Parts::Nan => return encode_double(key, f64::NAN),
        Parts::Infinite { negative } => return signed(key, negative, INFINITE, |_| {}),
        Parts::Finite { coefficient: 0, .. } => return key.push(tag::ZERO),
        Parts::Finite { negative, coefficient, exponent } => (negative, coefficient, exponent),
    };
    let digits = coefficient.ilog10() as i32 + 1;
    let place = digits + exponent;
    if let Some((whole, behind, more)) = whole_parts(coefficient, exponent, place) {
        return signed(key, negative, whole_steps(whole), |key| {
            push_whole(key, whole, behind != 0 || more);
            push_behind(key, behind, more);
            if more {
                push_decimal(key, coefficient, digits, place);
            }
        });
    }
    let (double, more) = double_below(number.abs());
    let steps = if place <= 0 { SMALL } else { LARGE };
    signed(key, negative, steps, |key| {
        match steps {
            SMALL => push_small(key, double, more),
            _ => push_large(key, double, more),
        }
        if more {
            push_decimal(key, coefficient, digits, place);
        }
    });
}

/// The whole part of a number from 1 to 2^63, 56 binary digits behind the point, and whether there
/// are more.
fn whole_parts(coefficient: u128, exponent: i32, place: i32) -> Option<(u64, u64, bool)> {
    if !(1..=19).contains(&place) {
        return None;
    }
    let unit = 10_u128.pow(exponent.unsigned_abs());
    let (whole, mut rest) = if exponent >= 0 {
        (coefficient * unit, 0)
    } else {
        (coefficient / unit, coefficient % unit)
    };
    let whole = u64::try_from(whole).ok().filter(|whole| *whole < WHOLE_END)?;
    let mut behind = 0;
    for _ in 0..GROUPS {
        rest *= 128;
        behind = behind << 7 | (rest / unit) as u64;
        rest %= unit;
    }
    Some((whole, behind, rest != 0))
}

/// The greatest double that is not greater, and whether the number is greater than it.
fn double_below(number: Decimal128) -> (f64, bool) {
    let nearest = Number::Decimal128(number).to_f64().min(f64::MAX);
    let order = Number::Decimal128(number).compare(Number::Double(nearest));
    let double = if order.is_lt() { nearest.next_down() } else { nearest };
    (double, order.is_ne())
}

/// Steps from zero for a whole part: one more than the bytes that it needs with a bit at its end.
fn whole_steps(whole: u64) -> u8 {
    (64 - whole.leading_zeros() + 1).div_ceil(8) as u8 + 1
}

fn push_whole(key: &mut Vec<u8>, whole: u64, more: bool) {
    let bytes = (whole << 1 | u64::from(more)).to_be_bytes();
    let len = usize::from(whole_steps(whole)) - 1;
    key.extend_from_slice(bytes.get(8 - len..).unwrap_or_default());
}

/// Appends 56 binary digits behind the point, without zeros at the end unless more follows.
fn push_behind(key: &mut Vec<u8>, behind: u64, more: bool) {
    let mut left = behind << (64 - 7 * GROUPS);
    for _ in 0..GROUPS {
        if left == 0 && !more {
            return;
        }
        let follows = left << 7 != 0 || more;
        key.push((left >> 57 << 1) as u8 | u8::from(follows));
        left <<= 7;
    }
}

fn push_small(key: &mut Vec<u8>, double: f64, more: bool) {
    let bits = double.to_bits() << 2 | u64::from(more);
    key.extend_from_slice(&bits.to_be_bytes());
}

fn push_large(key: &mut Vec<u8>, double: f64, more: bool) {
    let bits = double.to_bits() << 1 | u64::from(more);
    key.extend_from_slice(&bits.to_be_bytes());
}

fn push_decimal(key: &mut Vec<u8>, coefficient: u128, digits: i32, place: i32) {
    key.extend_from_slice(&((place + PLACE_BIAS) as u16).to_be_bytes());
    let mut left = coefficient * 10_u128.pow((34 - digits) as u32);
    for pair in (0..PAIRS).rev() {
        let unit = 100_u128.pow(pair);
        let follows = !left.is_multiple_of(unit);
        key.push(((left / unit) << 1) as u8 | u8::from(follows));
        left %= unit;
        if !follows {
            return;
        }
    }
}
