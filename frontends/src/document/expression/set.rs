//! Arrays as sets: what is in one, both or neither, whatever the order and however often.
//!
//! Sets that are made are in the order of all values, but for `$setDifference`, which keeps the
//! order of the first array. MongoDB promises no order.

use super::argument::array;
use super::comparison::truth;
use super::operator::{ANY, Args, Operator, Takes, Worth, null, worth};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Value};

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$setUnion", takes: Takes::List(0, ANY), function: union },
    Operator { name: "$setIntersection", takes: Takes::List(0, ANY), function: intersection },
    Operator { name: "$setDifference", takes: Takes::List(2, 2), function: difference },
    Operator { name: "$setEquals", takes: Takes::List(2, ANY), function: equal },
    Operator { name: "$setIsSubset", takes: Takes::List(2, 2), function: is_subset },
    Operator { name: "$allElementsTrue", takes: Takes::List(1, 1), function: all_true },
    Operator { name: "$anyElementTrue", takes: Takes::List(1, 1), function: any_true },
];

/// The values of an array in order, each once.
fn sorted(array: Array<'_>) -> Vec<Value<'_>> {
    let mut items = array.into_items();
    items.sort();
    items.dedup();
    items
}

fn contains(sorted: &[Value<'_>], value: &Value<'_>) -> bool {
    sorted.binary_search_by(|other| other.compare(value)).is_ok()
}

/// An argument as a set; `None` when it is null or missing.
fn set<'d>(args: &Args<'_, 'd>, value: Option<Value<'d>>) -> Result<Option<Vec<Value<'d>>>> {
    match value {
        None | Some(Value::Null | Value::Undefined) => Ok(None),
        value => {
            let array = array(value, 17043, &format!("an argument of {}", args.name))?;
            Ok(Some(sorted(array)))
        }
    }
}

fn union<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let mut all = Vec::new();
    for value in args.each() {
        let Some(items) = set(args, value?)? else { return null() };
        all.extend(items);
    }
    worth(Array::from(sorted(Array::from(all)).into_iter().collect::<Vec<_>>()))
}

fn intersection<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let mut common: Option<Vec<Value<'d>>> = None;
    for value in args.each() {
        let Some(items) = set(args, value?)? else { return null() };
        common = Some(match common {
            None => items,
            Some(mut common) => {
                common.retain(|value| contains(&items, value));
                common
            }
        });
    }
    worth(Array::from(common.unwrap_or_default()))
}

/// An argument that must be an array, as it is.
fn strict<'d>(args: &Args<'_, 'd>, at: usize, code: i32) -> Result<Array<'d>> {
    array(args.get(at)?, code, &format!("argument {} of {}", at + 1, args.name))
}

fn difference<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (Some(from), Some(less)) = (args.present(0)?, args.present(1)?) else { return null() };
    let from = array(Some(from), 17048, "the first argument of $setDifference")?;
    let less = sorted(array(Some(less), 17049, "the second argument of $setDifference")?);
    let mut seen = std::collections::HashSet::new();
    let mut kept = Vec::new();
    for value in from {
        if !contains(&less, &value) && seen.insert(value.clone()) {
            kept.push(value);
        }
    }
    worth(Array::from(kept))
}

fn equal<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let first = sorted(strict(args, 0, 17044)?);
    for at in 1..args.len() {
        if sorted(strict(args, at, 17044)?) != first {
            return worth(false);
        }
    }
    worth(true)
}

fn is_subset<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (part, whole) = (strict(args, 0, 17046)?, sorted(strict(args, 1, 17042)?));
    worth(part.iter().all(|value| contains(&whole, &value)))
}

/// The array whose values are asked for their truth.
fn asked<'d>(args: &Args<'_, 'd>, code: i32) -> Result<Array<'d>> {
    match args.get(0)? {
        Some(Value::Array(array)) => Ok(array),
        other => {
            let kind = super::operator::type_name(other.as_ref());
            let message = format!("{}'s argument must be an array, not {kind}", args.name);
            Err(failure::invalid(code, message))
        }
    }
}

fn all_true<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(asked(args, 17040)?.iter().all(|value| truth(Some(&value))))
}

fn any_true<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(asked(args, 17041)?.iter().any(|value| truth(Some(&value))))
}
