//! Comparison in the order of all values, and logic.

use std::cmp::Ordering;

use super::operator::{ANY, Args, Function, Operator, Takes, Worth, worth};
use crate::Result;
use crate::document::value::Value;

const fn compares(name: &'static str, function: Function) -> Operator {
    Operator { name, takes: Takes::List(2, 2), function }
}

pub(super) const OPERATORS: &[Operator] = &[
    compares("$cmp", |args| worth(order(args)? as i32)),
    compares("$eq", |args| worth(order(args)?.is_eq())),
    compares("$ne", |args| worth(order(args)?.is_ne())),
    compares("$gt", |args| worth(order(args)?.is_gt())),
    compares("$gte", |args| worth(order(args)?.is_ge())),
    compares("$lt", |args| worth(order(args)?.is_lt())),
    compares("$lte", |args| worth(order(args)?.is_le())),
    Operator { name: "$and", takes: Takes::List(0, ANY), function: and },
    Operator { name: "$or", takes: Takes::List(0, ANY), function: or },
    Operator { name: "$not", takes: Takes::List(1, 1), function: not },
];

fn order(args: &Args<'_, '_>) -> Result<Ordering> {
    let (a, b) = (args.get(0)?, args.get(1)?);
    Ok(Value::compare_optional(a.as_ref(), b.as_ref()))
}

/// Whether a value counts as true; what is missing does not.
pub(super) fn truth(value: Option<&Value<'_>>) -> bool {
    value.is_some_and(Value::is_true)
}

fn and<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    for value in args.each() {
        if !truth(value?.as_ref()) {
            return worth(false);
        }
    }
    worth(true)
}

fn or<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    for value in args.each() {
        if truth(value?.as_ref()) {
            return worth(true);
        }
    }
    worth(false)
}

fn not<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(!truth(args.get(0)?.as_ref()))
}
