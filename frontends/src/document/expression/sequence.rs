//! Arrays made of numbers or of other arrays, and the first, last, least and greatest of one.

use super::argument::{check_items, int32, int64};
use super::array::needed;
use super::operator::{Args, Operator, Takes, Worth, null, worth};
use super::parse;
use super::scope::Scope;
use super::{Expression, Node};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Value};

const SOME: Takes = Takes::Named(&[("input", true), ("n", true)]);

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$range", takes: Takes::List(2, 3), function: range },
    Operator { name: "$zip", takes: Takes::Own(read_zip), function: zip },
    Operator { name: "$firstN", takes: SOME, function: first },
    Operator { name: "$lastN", takes: SOME, function: last },
    Operator { name: "$maxN", takes: SOME, function: |args| extremes(args, Side::Greatest) },
    Operator { name: "$minN", takes: SOME, function: |args| extremes(args, Side::Least) },
];

fn range<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let number = |at: usize, code: i32, what: &str| {
        let value = args.get(at)?.unwrap_or(Value::Null);
        int32(&value, code, &format!("$range's {what}")).map(i64::from)
    };
    let (start, end) = (number(0, 34443, "starting value")?, number(1, 34445, "ending value")?);
    let step = if args.given(2) { number(2, 34447, "step value")? } else { 1 };
    if step == 0 {
        return Err(failure::invalid(34449, "$range needs a step value that is not zero"));
    }
    let (distance, stride) = if step > 0 { (end - start, step) } else { (start - end, -step) };
    let count = if distance <= 0 { 0 } else { (distance + stride - 1) / stride };
    check_items(args.name, count as usize)?;
    worth((0..count).map(|at| (start + at * step) as i32).collect::<Array<'_>>())
}

/// Reads `{inputs, useLongestLength, defaults}`; what must be constant becomes so.
fn read_zip(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let names = [("inputs", true), ("useLongestLength", false), ("defaults", false)];
    let list = parse::named("$zip", argument, &names, scope)?;
    if list.get(1).and_then(Expression::as_constant).is_some_and(|it| it.as_bool().is_none()) {
        return Err(failure::invalid(34463, "$zip's useLongestLength must be a bool"));
    }
    parse::make_named("$zip", list)
}

fn zip<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let inputs = needed(args, 0, 34461, "inputs")?;
    let longest = args.get(1)?.is_some_and(|value| value.is_true());
    let defaults = match args.present(2)? {
        None => None,
        Some(_) => Some(needed(args, 2, 34462, "defaults")?.into_items()),
    };
    let mut arrays = Vec::new();
    for input in inputs {
        match input {
            Value::Array(array) => arrays.push(array.into_items()),
            Value::Null | Value::Undefined => return null(),
            other => {
                let kind = other.kind().name();
                let message = format!("$zip found a non-array among its inputs: {kind}");
                return Err(failure::invalid(34468, message));
            }
        }
    }
    if arrays.is_empty() {
        return Err(failure::invalid(34465, "$zip needs at least one input"));
    }
    if defaults.is_some() && !longest {
        let message = "$zip takes defaults only together with useLongestLength";
        return Err(failure::invalid(34466, message));
    }
    if defaults.as_ref().is_some_and(|defaults| defaults.len() != arrays.len()) {
        return Err(failure::invalid(34467, "$zip needs as many defaults as inputs"));
    }
    let lens = arrays.iter().map(Vec::len);
    let len = if longest { lens.max() } else { lens.min() }.unwrap_or(0);
    check_items(args.name, len.saturating_mul(arrays.len()))?;
    let row = |row: usize| -> Array<'d> {
        let value = |(column, array): (usize, &Vec<Value<'d>>)| {
            let default = || defaults.as_ref()?.get(column).cloned();
            array.get(row).cloned().or_else(default).unwrap_or(Value::Null)
        };
        arrays.iter().enumerate().map(value).collect()
    };
    worth((0..len).map(row).collect::<Array<'_>>())
}

/// The count `n` of an operator, which must be a positive whole number.
pub(crate) fn count(name: &str, value: Option<Value<'_>>) -> Result<usize> {
    let value = value.unwrap_or(Value::Null);
    let number = int64(&value, 5787902, &format!("{name}'s 'n'"))?;
    usize::try_from(number).ok().filter(|number| *number > 0).ok_or_else(|| {
        failure::invalid(5787908, format!("{name}'s 'n' must be greater than 0, not {number}"))
    })
}

fn first<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let array = needed(args, 0, 5788200, "'input'")?;
    let count = count(args.name, args.get(1)?)?;
    worth(array.into_iter().take(count).collect::<Array<'_>>())
}

fn last<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let array = needed(args, 0, 5788200, "'input'")?;
    let count = count(args.name, args.get(1)?)?;
    let skipped = array.len().saturating_sub(count);
    worth(array.into_iter().skip(skipped).collect::<Array<'_>>())
}

/// Which end of the order is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Least,
    Greatest,
}

/// The least or greatest values that are not null, in order.
fn extremes<'d>(args: &Args<'_, 'd>, side: Side) -> Worth<'d> {
    let array = needed(args, 0, 5788200, "'input'")?;
    let count = count(args.name, args.get(1)?)?;
    let mut items: Vec<Value<'d>> = array.into_iter().filter(|it| !it.is_nullish()).collect();
    match side {
        Side::Least => items.sort(),
        Side::Greatest => items.sort_by(|a, b| b.cmp(a)),
    }
    items.truncate(count);
    worth(Array::from(items))
}
