//! What many values come to: `$sum`, `$avg`, `$min`, `$max`, `$stdDevPop`, `$stdDevSamp`, `$median`
//! and `$percentile`, of the arguments or, of a single argument, of the values of an array.

use std::cmp::Ordering;

use super::operator::{ANY, Args, Operator, Takes, Worth, null, shown, worth};
use super::statistics::{Deviation, Method, Of, Sum, double_order, percentile};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Number, Value};

const MANY: Takes = Takes::List(0, ANY);
const MEDIAN: Takes = Takes::Named(&[("input", true), ("method", true)]);
const PERCENTILE: Takes = Takes::Named(&[("input", true), ("method", true), ("p", true)]);

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$sum", takes: MANY, function: sum },
    Operator { name: "$avg", takes: MANY, function: mean },
    Operator { name: "$min", takes: MANY, function: |args| extreme(args, Ordering::Less) },
    Operator { name: "$max", takes: MANY, function: |args| extreme(args, Ordering::Greater) },
    Operator { name: "$stdDevPop", takes: MANY, function: |args| deviation(args, Of::Population) },
    Operator { name: "$stdDevSamp", takes: MANY, function: |args| deviation(args, Of::Sample) },
    Operator { name: "$median", takes: MEDIAN, function: median },
    Operator { name: "$percentile", takes: PERCENTILE, function: percentiles },
];

/// Hands each value to `take`; arrays among several arguments are values like others.
fn each<'d>(args: &Args<'_, 'd>, mut take: impl FnMut(Value<'d>)) -> Result<()> {
    if args.len() == 1 {
        match args.get(0)? {
            Some(Value::Array(items)) => items.into_iter().for_each(take),
            Some(value) => take(value),
            None => {}
        }
        return Ok(());
    }
    for value in args.each() {
        if let Some(value) = value? {
            take(value);
        }
    }
    Ok(())
}

fn summed(args: &Args<'_, '_>) -> Result<Sum> {
    let mut sum = Sum::default();
    each(args, |value| {
        if let Some(number) = value.number() {
            sum.add(number);
        }
    })?;
    Ok(sum)
}

fn sum<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(summed(args)?.total())
}

fn mean<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(summed(args)?.mean())
}

fn extreme<'d>(args: &Args<'_, 'd>, wanted: Ordering) -> Worth<'d> {
    let mut best: Option<Value<'d>> = None;
    each(args, |value| {
        let better = best.as_ref().is_none_or(|best| value.compare(best) == wanted);
        if better && !value.is_nullish() {
            best = Some(value);
        }
    })?;
    worth(best.unwrap_or(Value::Null))
}

fn deviation<'d>(args: &Args<'_, 'd>, of: Of) -> Worth<'d> {
    let mut deviation = Deviation::default();
    each(args, |value| {
        if let Some(number) = value.number() {
            deviation.add(number.to_f64());
        }
    })?;
    worth(deviation.result(of))
}

/// Reads the method of a percentile. The approximate one gives the exact discrete percentile.
pub(crate) fn method(name: &str, value: Option<&Value<'_>>) -> Result<Method> {
    match value {
        Some(Value::String(method)) => match &**method {
            "approximate" | "discrete" => return Ok(Method::Discrete),
            "continuous" => return Ok(Method::Continuous),
            _ => {}
        },
        None => {}
        Some(_) => {}
    }
    let shown = value.map_or("missing".to_owned(), shown);
    Err(failure::bad_value(format!("{name} needs the method 'approximate', not {shown}")))
}

/// Reads the percentiles that are asked for, from 0 to 1.
pub(crate) fn fractions(name: &str, value: Option<&Value<'_>>) -> Result<Vec<f64>> {
    let wrong = || {
        let shown = value.map_or("missing".to_owned(), shown);
        failure::invalid(7750301, format!("{name} needs numbers from 0 to 1 as 'p', not {shown}"))
    };
    let Some(Value::Array(items)) = value else { return Err(wrong()) };
    let fraction = |item: Value<'_>| {
        let number = item.number().map(Number::to_f64);
        number.filter(|number| (0.0..=1.0).contains(number)).ok_or_else(wrong)
    };
    let fractions = items.iter().map(fraction).collect::<Result<Vec<_>>>()?;
    if fractions.is_empty() { Err(wrong()) } else { Ok(fractions) }
}

/// The numbers of the first argument, in order.
fn numbers(args: &Args<'_, '_>) -> Result<Vec<f64>> {
    let mut numbers = Vec::new();
    let mut take = |value: &Value<'_>| numbers.extend(value.number().map(Number::to_f64));
    match args.get(0)? {
        Some(Value::Array(items)) => items.iter().for_each(|item| take(&item)),
        Some(value) => take(&value),
        None => {}
    }
    numbers.sort_by(double_order);
    Ok(numbers)
}

fn median<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let method = method(args.name, args.get(1)?.as_ref())?;
    match percentile(&numbers(args)?, 0.5, method) {
        Some(median) => worth(median),
        None => null(),
    }
}

fn percentiles<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let method = method(args.name, args.get(1)?.as_ref())?;
    let fractions = fractions(args.name, args.get(2)?.as_ref())?;
    let numbers = numbers(args)?;
    let found = fractions.iter().map(|fraction| percentile(&numbers, *fraction, method));
    worth(found.collect::<Array<'_>>())
}
