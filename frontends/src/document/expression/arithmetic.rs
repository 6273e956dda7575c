//! `$add`, `$subtract`, `$multiply`, `$divide` and `$mod`, with dates where they take them.

use super::operator::{ANY, Args, Operator, Takes, Worth, null, shown, worth};
use crate::Result;
use crate::document::failure;
use crate::document::value::{DateTime, Number, Value};

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$add", takes: Takes::List(0, ANY), function: add },
    Operator { name: "$subtract", takes: Takes::List(2, 2), function: subtract },
    Operator { name: "$multiply", takes: Takes::List(0, ANY), function: multiply },
    Operator { name: "$divide", takes: Takes::List(2, 2), function: divide },
    Operator { name: "$mod", takes: Takes::List(2, 2), function: modulo },
];

fn add<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (mut sum, mut date) = (Number::Int32(0), None);
    for value in args.each() {
        match value? {
            None | Some(Value::Null | Value::Undefined) => return null(),
            Some(Value::DateTime(at)) if date.is_none() => date = Some(at),
            Some(Value::DateTime(_)) => {
                return Err(failure::invalid(16612, "only one date is allowed in $add"));
            }
            Some(value) => match value.number() {
                Some(number) => sum = sum.plus(number),
                None => {
                    let kind = value.kind().name();
                    let message = format!("$add only supports numeric or date types, not {kind}");
                    return Err(failure::invalid(16554, message));
                }
            },
        }
    }
    match date {
        Some(at) => worth(moved("$add", at, sum)?),
        None => worth(sum),
    }
}

/// A moment so many milliseconds later, rounded to whole ones.
fn moved(name: &str, at: DateTime, by: Number) -> Result<DateTime> {
    let whole = by.to_exact_i64().or_else(|| {
        let rounded = by.to_f64().round();
        Number::Double(rounded).to_exact_i64()
    });
    let moved = whole.and_then(|by| at.millis().checked_add(by));
    moved
        .map(DateTime::from_millis)
        .ok_or_else(|| failure::overflow(format!("{name} would make a date that is out of range")))
}

fn subtract<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (Some(a), Some(b)) = (args.present(0)?, args.present(1)?) else { return null() };
    match (&a, &b) {
        (Value::DateTime(a), Value::DateTime(b)) => {
            let Some(between) = a.millis().checked_sub(b.millis()) else {
                return Err(failure::overflow("$subtract of dates that are too far apart"));
            };
            return worth(between);
        }
        (Value::DateTime(at), by) => {
            if let Some(by) = by.number() {
                let less = Number::Int64(0).minus(by);
                return worth(moved("$subtract", *at, less)?);
            }
        }
        _ => {
            if let (Some(a), Some(b)) = (a.number(), b.number()) {
                return worth(a.minus(b));
            }
        }
    }
    let (a, b) = (a.kind().name(), b.kind().name());
    Err(failure::type_mismatch(format!("can't $subtract {b} from {a}")))
}

fn multiply<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let mut product = Number::Int32(1);
    for value in args.each() {
        let Some(value) = value?.filter(|value| !value.is_nullish()) else { return null() };
        let Some(number) = value.number() else {
            let kind = value.kind().name();
            let message = format!("$multiply only supports numeric types, not {kind}");
            return Err(failure::type_mismatch(message));
        };
        product = product.times(number);
    }
    worth(product)
}

/// The two numbers that an operator takes; `None` when one of them is null or missing.
fn two(args: &Args<'_, '_>, code: i32) -> Result<Option<(Number, Number)>> {
    let (Some(a), Some(b)) = (args.present(0)?, args.present(1)?) else { return Ok(None) };
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        _ => {
            let (a, b) = (a.kind().name(), b.kind().name());
            let message = format!("{} only supports numeric types, not {a} and {b}", args.name);
            Err(failure::invalid(code, message))
        }
    }
}

fn divide<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some((a, b)) = two(args, 14)? else { return null() };
    match a.divided_by(b) {
        Some(quotient) => worth(quotient),
        None => Err(failure::bad_value("can't $divide by zero")),
    }
}

fn modulo<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some((a, b)) = two(args, 16611)? else { return null() };
    match a.remainder(b) {
        Some(rest) => worth(rest),
        None => {
            let message = format!("can't $mod {} by zero", shown(&a.into()));
            Err(failure::invalid(16610, message))
        }
    }
}
