//! `$abs`, `$ceil`, `$floor`, `$round` and `$trunc`.

use super::argument::int64;
use super::operator::{Args, Operator, Takes, Worth, null, worth};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Number, Rounding, Value};

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$abs", takes: Takes::List(1, 1), function: abs },
    Operator { name: "$ceil", takes: Takes::List(1, 1), function: ceil },
    Operator { name: "$floor", takes: Takes::List(1, 1), function: floor },
    Operator {
        name: "$round",
        takes: Takes::List(1, 2),
        function: |args| to_places(args, Rounding::HalfEven),
    },
    Operator {
        name: "$trunc",
        takes: Takes::List(1, 2),
        function: |args| to_places(args, Rounding::Down),
    },
];

/// The number that a unary operator takes; `None` when it is null or missing.
pub(super) fn one(args: &Args<'_, '_>) -> Result<Option<Number>> {
    let Some(value) = args.present(0)? else { return Ok(None) };
    let code = if matches!(args.name, "$round" | "$trunc") { 51081 } else { 28765 };
    value.number().map(Some).ok_or_else(|| {
        let kind = value.kind().name();
        failure::invalid(code, format!("{} only supports numeric types, not {kind}", args.name))
    })
}

fn abs<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    match number.abs() {
        Some(magnitude) => worth(magnitude),
        None => Err(failure::invalid(28680, "can't take $abs of the least long")),
    }
}

fn ceil<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    worth(number.ceil())
}

fn floor<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    worth(number.floor())
}

fn to_places<'d>(args: &Args<'_, 'd>, rounding: Rounding) -> Worth<'d> {
    let Some(number) = one(args)? else { return null() };
    let places = match args.get(1)? {
        None if !args.given(1) => 0,
        None | Some(Value::Null | Value::Undefined) => return null(),
        Some(places) => int64(&places, 51082, &format!("the precision of {}", args.name))?,
    };
    let Some(places) = i32::try_from(places).ok().filter(|it| (-20..=100).contains(it)) else {
        let message = format!("the precision of {} must be from -20 to 100", args.name);
        return Err(failure::invalid(51083, message));
    };
    let double = match number {
        Number::Double(double) if places == 0 => Some(match rounding {
            Rounding::Down => double.trunc(),
            _ => double.round_ties_even(),
        }),
        _ => None,
    };
    if let Some(double) = double {
        return worth(double);
    }
    match number.quantize(places, rounding) {
        Some(rounded) => worth(rounded),
        None => {
            let message = format!("{} of {number:?} does not fit 64 bits", args.name);
            Err(failure::invalid(51080, message))
        }
    }
}
