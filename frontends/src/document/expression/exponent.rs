//! `$exp`, `$ln`, `$log`, `$log10`, `$pow` and `$sqrt`.
//!
//! Those of decimals but `$sqrt` and whole powers are computed as doubles, so that 15 of their 34
//! digits are right.

use super::number::{is_decimal, narrow};
use super::operator::{Args, Operator, Takes, Worth, null, worth};
use super::rounding::one;
use crate::Result;
use crate::document::failure;
use crate::document::value::{Decimal128, Number, Value};

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$exp", takes: Takes::List(1, 1), function: exp },
    Operator { name: "$ln", takes: Takes::List(1, 1), function: ln },
    Operator { name: "$log", takes: Takes::List(2, 2), function: log },
    Operator { name: "$log10", takes: Takes::List(1, 1), function: log10 },
    Operator { name: "$pow", takes: Takes::List(2, 2), function: pow },
    Operator { name: "$sqrt", takes: Takes::List(1, 1), function: sqrt },
];

/// Computes with a double; a decimal gives a decimal.
pub(super) fn as_double(number: Number, function: impl Fn(f64) -> f64) -> Number {
    let result = function(number.to_f64());
    match number {
        Number::Decimal128(_) => Number::Decimal128(nearest(result)),
        _ => Number::Double(result),
    }
}

/// The decimal of what was computed as a double; whole numbers have no places behind the point.
pub(super) fn nearest(result: f64) -> Decimal128 {
    match Number::Double(result).to_exact_i64() {
        Some(whole) => Decimal128::from(whole),
        None => Decimal128::from_f64(result),
    }
}

fn is_positive(number: Number) -> bool {
    number.is_nan() || number.compare(Number::Int32(0)).is_gt()
}

fn exp<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    worth(as_double(number, f64::exp))
}

fn logarithm<'d>(args: &Args<'_, 'd>, code: i32, function: fn(f64) -> f64) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    if !is_positive(number) {
        let value = Value::from(number);
        let message = format!("{}'s argument must be a positive number, not {value:?}", args.name);
        return Err(failure::invalid(code, message));
    }
    worth(as_double(number, function))
}

fn ln<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    logarithm(args, 28766, f64::ln)
}

fn log10<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    logarithm(args, 28761, f64::log10)
}

fn numeric(value: &Value<'_>, code: i32, what: &str) -> Result<Number> {
    value.number().ok_or_else(|| {
        failure::invalid(code, format!("{what} must be numeric, not {}", value.kind().name()))
    })
}

fn log<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (Some(number), Some(base)) = (args.present(0)?, args.present(1)?) else { return null() };
    let number = numeric(&number, 28756, "$log's argument")?;
    let base = numeric(&base, 28757, "$log's base")?;
    if !is_positive(number) {
        let value = Value::from(number);
        let message = format!("$log's argument must be a positive number, not {value:?}");
        return Err(failure::invalid(28758, message));
    }
    if !is_positive(base) || base.compare(Number::Int32(1)).is_eq() {
        let value = Value::from(base);
        let message = format!("$log's base must be a positive number and not 1, not {value:?}");
        return Err(failure::invalid(28759, message));
    }
    let result = number.to_f64().ln() / base.to_f64().ln();
    worth(if is_decimal(number, base) {
        Number::Decimal128(nearest(result))
    } else {
        Number::Double(result)
    })
}

fn pow<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (Some(base), Some(exponent)) = (args.present(0)?, args.present(1)?) else { return null() };
    let base = numeric(&base, 28762, "$pow's base")?;
    let exponent = numeric(&exponent, 28763, "$pow's exponent")?;
    if base.is_zero() && exponent.compare(Number::Int32(0)).is_lt() && !exponent.is_nan() {
        return Err(failure::invalid(28764, "$pow cannot take 0 to a negative exponent"));
    }
    worth(power(base, exponent))
}

fn power(base: Number, exponent: Number) -> Number {
    if is_decimal(base, exponent) {
        return Number::Decimal128(decimal_power(base.to_decimal(), exponent));
    }
    let doubles = || Number::Double(base.to_f64().powf(exponent.to_f64()));
    match (base, exponent) {
        (Number::Double(_), _) | (_, Number::Double(_)) => doubles(),
        (Number::Int32(base), Number::Int32(exponent)) => {
            whole_power(base.into(), exponent.into()).map_or_else(doubles, narrow)
        }
        _ => {
            let (whole, times) = (base.to_exact_i64(), exponent.to_exact_i64());
            let power = whole.zip(times).and_then(|(base, times)| whole_power(base, times));
            power.map_or_else(doubles, Number::Int64)
        }
    }
}

/// The power, if it is whole and fits.
fn whole_power(base: i64, exponent: i64) -> Option<i64> {
    match (base, u32::try_from(exponent)) {
        (1, _) => Some(1),
        (-1, _) => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        (0, Ok(0)) => Some(1),
        (0, _) if exponent > 0 => Some(0),
        (base, Ok(exponent)) => base.checked_pow(exponent),
        _ => None,
    }
}

fn decimal_power(base: Decimal128, exponent: Number) -> Decimal128 {
    let whole = exponent.to_exact_i64().and_then(|it| u32::try_from(it.unsigned_abs()).ok());
    let Some(times) = whole.filter(|times| *times <= 10_000) else {
        let base = Number::Decimal128(base).to_f64();
        return nearest(base.powf(exponent.to_f64()));
    };
    let (mut power, mut square, mut rest) = (Decimal128::from(1_i64), base, times);
    while rest > 0 {
        if rest % 2 == 1 {
            power = power.times(square);
        }
        rest /= 2;
        if rest > 0 {
            square = square.times(square);
        }
    }
    if exponent.compare(Number::Int32(0)).is_lt() {
        return Decimal128::from(1_i64).divided_by(power);
    }
    power
}

fn sqrt<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    if !number.is_nan() && number.compare(Number::Int32(0)).is_lt() {
        return Err(failure::invalid(28714, "$sqrt's argument must not be negative"));
    }
    worth(match number {
        Number::Decimal128(number) => Number::Decimal128(number.sqrt()),
        other => Number::Double(other.to_f64().sqrt()),
    })
}
