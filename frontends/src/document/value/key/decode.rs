//! Keys back into values.

use std::borrow::Cow;

use super::super::decimal::Decimal128;
use super::super::number::binary_parts;
use super::super::{
    Array, Binary, DEPTH_MAX, DateTime, DbPointer, Document, Field, ObjectId, Regex, Timestamp,
    Value,
};
use super::input::Input;
use super::types::{Width, Worth, take_decimal_zero, take_width, trailing_zeros};
use super::{Direction, TypeBitsReader, number, tag};
use crate::Result;

/// Takes a component off the front of a key and gives the value that it was made of; `None` is
/// missing.
///
/// # Errors
/// `Corrupt` when bytes or type bits are not those of a value, with the offset.
pub fn decode(
    key: &mut &[u8],
    direction: Direction,
    types: &mut TypeBitsReader<'_>,
) -> Result<Option<Value<'static>>> {
    let mut decoder = Decoder { input: Input::new(key, direction), types };
    let first = decoder.input.byte()?;
    if first == tag::UNDEFINED {
        return Ok((decoder.types.take(1) == 1).then_some(Value::Undefined));
    }
    decoder.value(first, 0).map(Some)
}

struct Decoder<'d, 'k, 'b, 't> {
    input: Input<'k, 'b>,
    types: &'d mut TypeBitsReader<'t>,
}

impl Decoder<'_, '_, '_, '_> {
    fn value(&mut self, first: u8, depth: usize) -> Result<Value<'static>> {
        if depth > DEPTH_MAX {
            return Err(self.input.wrong("the depth"));
        }
        Ok(match first {
            tag::MIN_KEY => Value::MinKey,
            tag::UNDEFINED => {
                self.types.take(1);
                Value::Undefined
            }
            tag::NULL => Value::Null,
            _ if first.abs_diff(tag::ZERO) <= number::NOT_A_NUMBER => self.number(first)?,
            tag::STRING => {
                let symbol = self.types.take(1) == 1;
                let text = Cow::Owned(self.input.text()?);
                if symbol { Value::Symbol(text) } else { Value::String(text) }
            }
            tag::DOCUMENT => Value::Document(self.fields(depth)?),
            tag::ARRAY => Value::Array(self.items(depth)?),
            tag::BINARY => {
                let len = self.input.length()?;
                let subtype = self.input.byte()?;
                Value::Binary(Binary { subtype, bytes: self.input.bytes(len)?.into() })
            }
            tag::OBJECT_ID => Value::ObjectId(ObjectId::from_bytes(self.input.array()?)),
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::DATE => {
                let millis = u64::from_be_bytes(self.input.array()?) ^ 1 << 63;
                Value::DateTime(DateTime::from_millis(millis as i64))
            }
            tag::TIMESTAMP => {
                let number = u64::from_be_bytes(self.input.array()?);
                Value::Timestamp(Timestamp::from_u64(number))
            }
            tag::REGEX => {
                let (pattern, options) = (self.input.text()?, self.input.text()?);
                let regex = Regex::kept(&pattern, &options);
                Value::Regex(regex.ok_or_else(|| self.input.wrong("a regular expression"))?)
            }
            tag::DB_POINTER => {
                let len = self.input.length()?;
                let namespace = String::from_utf8(self.input.bytes(len)?);
                let namespace = namespace.map_err(|_| self.input.wrong("a namespace"))?;
                let id = ObjectId::from_bytes(self.input.array()?);
                Value::DbPointer(DbPointer::new(namespace, id))
            }
            tag::CODE => Value::JavaScript(Cow::Owned(self.input.text()?)),
            tag::CODE_WITH_SCOPE => {
                let code = Cow::Owned(self.input.text()?);
                Value::JavaScriptWithScope(Box::new((code, self.fields(depth)?)))
            }
            tag::MAX_KEY => Value::MaxKey,
            _ => return Err(self.input.wrong("the type")),
        })
    }

    fn fields(&mut self, depth: usize) -> Result<Document<'static>> {
        let mut fields: Vec<Field<'static>> = Vec::new();
        while self.input.byte()? != tag::END {
            let name = Cow::Owned(self.input.text()?);
            let first = self.input.byte()?;
            fields.push((name, self.value(first, depth + 1)?));
        }
        Ok(Document::from_fields(fields))
    }

    fn items(&mut self, depth: usize) -> Result<Array<'static>> {
        let mut items = Vec::new();
        loop {
            match self.input.byte()? {
                tag::END => return Ok(Array::from_items(items)),
                first => items.push(self.value(first, depth + 1)?),
            }
        }
    }

    fn number(&mut self, first: u8) -> Result<Value<'static>> {
        let (negative, steps) = (first < tag::ZERO, first.abs_diff(tag::ZERO));
        let magnitude = if negative {
            magnitude(&mut self.input.inverted(), steps)?
        } else {
            magnitude(&mut self.input, steps)?
        };
        let worth = magnitude.worth(negative);
        let width = take_width(self.types, worth)?;
        let wrong = |input: &Input<'_, '_>| input.wrong("the type bits of a number");
        match (width, worth) {
            (Width::Int32, Worth::Zero) => Ok(Value::Int32(0)),
            (Width::Int64, Worth::Zero) => Ok(Value::Int64(0)),
            (Width::Double, Worth::Zero) => {
                Ok(Value::Double(if self.types.take(1) == 1 { -0.0 } else { 0.0 }))
            }
            (Width::Decimal128, Worth::Zero) => {
                let (negative, exponent) = take_decimal_zero(self.types);
                let zero = Decimal128::from_parts(negative, 0, exponent);
                zero.map(Value::Decimal128).ok_or_else(|| wrong(&self.input))
            }
            (Width::Int32, Worth::Whole(whole)) => {
                i32::try_from(whole).map(Value::Int32).map_err(|_| wrong(&self.input))
            }
            (Width::Int64, Worth::Whole(whole)) => Ok(Value::Int64(whole)),
            (Width::Double, Worth::Whole(_) | Worth::Binary) => {
                Ok(Value::Double(magnitude.double(negative)))
            }
            (Width::Decimal128, _) => {
                let number = self.decimal(magnitude, negative);
                number.map(Value::Decimal128).ok_or_else(|| wrong(&self.input))
            }
            _ => Err(wrong(&self.input)),
        }
    }

    /// The decimal of a magnitude, in the form that the type bits say.
    fn decimal(&mut self, magnitude: Magnitude, negative: bool) -> Option<Decimal128> {
        match magnitude {
            Magnitude::NotANumber => return Some(Decimal128::NAN),
            Magnitude::Infinite => return Some(Decimal128::infinite(negative)),
            _ => {}
        }
        let zeros = self.types.take(6);
        let (coefficient, exponent) = magnitude.decimal()?;
        let excess = trailing_zeros(coefficient);
        let coefficient = coefficient / 10_u128.checked_pow(excess)?;
        let exponent = exponent.checked_add(excess as i32)?.checked_sub(zeros as i32)?;
        let coefficient = coefficient.checked_mul(10_u128.checked_pow(zeros)?)?;
        Decimal128::from_parts(negative, coefficient, exponent)
    }
}

/// A number without sign and type.
#[derive(Clone, Copy, Debug)]
enum Magnitude {
    NotANumber,
    Zero,
    /// A whole part, and 56 binary digits behind the point.
    Whole(u64, u64),
    Double(f64),
    /// `coefficient * 10^exponent`, which no double is.
    Decimal(u128, i32),
    Infinite,
}

fn magnitude(input: &mut Input<'_, '_>, steps: u8) -> Result<Magnitude> {
    match steps {
        0 => Ok(Magnitude::Zero),
        number::NOT_A_NUMBER => Ok(Magnitude::NotANumber),
        number::INFINITE => Ok(Magnitude::Infinite),
        number::SMALL => {
            let bits = u64::from_be_bytes(input.array()?);
            double(input, bits >> 2, bits & 1 == 1)
        }
        number::LARGE => {
            let bits = u64::from_be_bytes(input.array()?);
            double(input, bits >> 1, bits & 1 == 1)
        }
        _ => whole(input, steps - 1),
    }
}

fn double(input: &mut Input<'_, '_>, bits: u64, more: bool) -> Result<Magnitude> {
    let double = f64::from_bits(bits);
    match more {
        true => decimal(input),
        false if double.is_finite() && double > 0.0 => Ok(Magnitude::Double(double)),
        false => Err(input.wrong("a double")),
    }
}

fn whole(input: &mut Input<'_, '_>, len: u8) -> Result<Magnitude> {
    let mut bits = 0;
    for _ in 0..len {
        bits = bits << 8 | u64::from(input.byte()?);
    }
    let (whole, mut follows, mut behind) = (bits >> 1, bits & 1 == 1, 0);
    for at in 1..=number::GROUPS {
        if !follows {
            break;
        }
        let group = input.byte()?;
        behind |= u64::from(group >> 1) << (7 * (number::GROUPS - at));
        follows = group & 1 == 1;
    }
    if follows { decimal(input) } else { Ok(Magnitude::Whole(whole, behind)) }
}

fn decimal(input: &mut Input<'_, '_>) -> Result<Magnitude> {
    let place = i32::from(u16::from_be_bytes(input.array()?)) - number::PLACE_BIAS;
    let mut coefficient = 0;
    for pair in (0..number::PAIRS).rev() {
        let byte = input.byte()?;
        if byte >> 1 > 99 {
            return Err(input.wrong("a pair of digits"));
        }
        coefficient += u128::from(byte >> 1) * 100_u128.pow(pair);
        if byte & 1 == 0 {
            return Ok(Magnitude::Decimal(coefficient, place - 34));
        }
    }
    Err(input.wrong("the digits of a decimal"))
}

impl Magnitude {
    fn worth(self, negative: bool) -> Worth {
        let whole = match self {
            Magnitude::Zero => return Worth::Zero,
            Magnitude::Decimal(..) => return Worth::Decimal,
            Magnitude::Whole(whole, 0) => i64::try_from(whole).ok(),
            Magnitude::Whole(whole, behind) => {
                // More digits than a double has: only a decimal can be that.
                let bits = fixed_point(whole, behind);
                let digits = 128 - bits.leading_zeros() - bits.trailing_zeros();
                return if digits > f64::MANTISSA_DIGITS { Worth::Decimal } else { Worth::Binary };
            }
            // The least long has a magnitude of its own.
            Magnitude::Double(double) if negative && double == number::WHOLE_END as f64 => {
                return Worth::Whole(i64::MIN);
            }
            _ => None,
        };
        let signed = |whole: i64| Worth::Whole(if negative { -whole } else { whole });
        whole.map_or(Worth::Binary, signed)
    }

    fn double(self, negative: bool) -> f64 {
        let magnitude = match self {
            Magnitude::NotANumber => return f64::NAN,
            Magnitude::Whole(whole, behind) => {
                whole as f64 + behind as f64 / (1_u64 << (7 * number::GROUPS)) as f64
            }
            Magnitude::Double(double) => double,
            Magnitude::Infinite => f64::INFINITY,
            Magnitude::Zero | Magnitude::Decimal(..) => 0.0,
        };
        if negative { -magnitude } else { magnitude }
    }

    /// As `coefficient * 10^exponent`, if 34 digits hold it.
    fn decimal(self) -> Option<(u128, i32)> {
        match self {
            Magnitude::Decimal(coefficient, exponent) => Some((coefficient, exponent)),
            Magnitude::Whole(whole, behind) => {
                from_binary(fixed_point(whole, behind), -(7 * number::GROUPS as i32))
            }
            Magnitude::Double(double) => {
                let (mantissa, power) = binary_parts(double);
                from_binary(mantissa.into(), power)
            }
            Magnitude::NotANumber | Magnitude::Zero | Magnitude::Infinite => None,
        }
    }
}

fn fixed_point(whole: u64, behind: u64) -> u128 {
    u128::from(whole) << (7 * number::GROUPS) | u128::from(behind)
}

/// `mantissa * 2^power` as `coefficient * 10^exponent`.
fn from_binary(mantissa: u128, power: i32) -> Option<(u128, i32)> {
    if mantissa == 0 {
        return None;
    }
    let (mut mantissa, mut power) = (
        mantissa >> mantissa.trailing_zeros(),
        power.checked_add(mantissa.trailing_zeros() as i32)?,
    );
    if power < 0 {
        // Each halving is a place more and a factor of five.
        let factor = 5_u128.checked_pow(power.unsigned_abs())?;
        return Some((mantissa.checked_mul(factor)?, power));
    }
    let mut tens = 0;
    while power > 0 && mantissa.is_multiple_of(5) {
        (mantissa, power, tens) = (mantissa / 5, power - 1, tens + 1);
    }
    let factor = 2_u128.checked_pow(power.unsigned_abs())?;
    Some((mantissa.checked_mul(factor)?, tens))
}
