//! Angles: sines and their relatives. Those of decimals are computed as doubles, so that 15 of
//! their 34 digits are right.

use super::exponent::as_double;
use super::number::is_decimal;
use super::operator::{Args, Function, Operator, Takes, Worth, null, worth};
use super::rounding::one;
use crate::document::failure;
use crate::document::value::{Decimal128, Number, Value};

const fn unary(name: &'static str, function: Function) -> Operator {
    Operator { name, takes: Takes::List(1, 1), function }
}

pub(super) const OPERATORS: &[Operator] = &[
    unary("$sin", |args| finite(args, f64::sin)),
    unary("$cos", |args| finite(args, f64::cos)),
    unary("$tan", |args| finite(args, f64::tan)),
    unary("$asin", |args| within(args, -1.0, 1.0, f64::asin)),
    unary("$acos", |args| within(args, -1.0, 1.0, f64::acos)),
    unary("$atan", |args| any(args, f64::atan)),
    unary("$sinh", |args| any(args, f64::sinh)),
    unary("$cosh", |args| any(args, f64::cosh)),
    unary("$tanh", |args| any(args, f64::tanh)),
    unary("$asinh", |args| any(args, f64::asinh)),
    unary("$acosh", |args| within(args, 1.0, f64::INFINITY, f64::acosh)),
    unary("$atanh", |args| within(args, -1.0, 1.0, f64::atanh)),
    unary("$degreesToRadians", |args| any(args, f64::to_radians)),
    unary("$radiansToDegrees", |args| any(args, f64::to_degrees)),
    Operator { name: "$atan2", takes: Takes::List(2, 2), function: atan2 },
];

fn any<'d>(args: &Args<'_, 'd>, function: fn(f64) -> f64) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    worth(as_double(number, function))
}

fn finite<'d>(args: &Args<'_, 'd>, function: fn(f64) -> f64) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    if number.to_f64().is_infinite() {
        let value = Value::from(number);
        let message = format!("cannot apply {} to {value:?}: it must be finite", args.name);
        return Err(failure::invalid(50989, message));
    }
    worth(as_double(number, function))
}

fn within<'d>(args: &Args<'_, 'd>, min: f64, max: f64, function: fn(f64) -> f64) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    let double = number.to_f64();
    if double < min || double > max {
        let (name, value) = (args.name, Value::from(number));
        let message = format!("cannot apply {name} to {value:?}: it must be in [{min},{max}]");
        return Err(failure::invalid(50989, message));
    }
    worth(as_double(number, function))
}

fn atan2<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (Some(y), Some(x)) = (args.present(0)?, args.present(1)?) else { return null() };
    let (Some(y), Some(x)) = (y.number(), x.number()) else {
        let (y, x) = (y.kind().name(), x.kind().name());
        let message = format!("$atan2 only supports numeric types, not {y} and {x}");
        return Err(failure::invalid(51044, message));
    };
    let angle = y.to_f64().atan2(x.to_f64());
    worth(if is_decimal(y, x) {
        Number::Decimal128(Decimal128::from_f64(angle))
    } else {
        Number::Double(angle)
    })
}
