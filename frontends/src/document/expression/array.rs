//! Arrays: their elements, parts, sizes, and what is in them.

use super::argument::{array, check_items, int32};
use super::operator::{ANY, Args, Operator, Takes, Worth, null, type_name, worth};
use super::substring;
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Value};

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$arrayElemAt", takes: Takes::List(2, 2), function: element_at },
    Operator { name: "$first", takes: Takes::List(1, 1), function: |args| end(args, 0) },
    Operator { name: "$last", takes: Takes::List(1, 1), function: |args| end(args, -1) },
    Operator { name: "$concatArrays", takes: Takes::List(0, ANY), function: concat },
    Operator { name: "$in", takes: Takes::List(2, 2), function: is_in },
    Operator { name: "$indexOfArray", takes: Takes::List(2, 4), function: index_of },
    Operator { name: "$isArray", takes: Takes::List(1, 1), function: is_array },
    Operator { name: "$size", takes: Takes::List(1, 1), function: size },
    Operator { name: "$slice", takes: Takes::List(2, 3), function: slice },
    Operator { name: "$reverseArray", takes: Takes::List(1, 1), function: reverse },
];

/// The value at an index, counted from the end where it is negative.
fn at_index(array: Array<'_>, index: i64) -> Option<Value<'_>> {
    let index = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => array.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    array.into_item(index)
}

fn element_at<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let Some(index) = args.present(1)? else { return null() };
    let array = array(Some(value), 28689, "$arrayElemAt's first argument")?;
    let code = if index.number().is_some() { 28691 } else { 28690 };
    let index = int32(&index, code, "$arrayElemAt's second argument")?;
    Ok(at_index(array, index.into()))
}

fn end<'d>(args: &Args<'_, 'd>, index: i64) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let array = array(Some(value), 28689, &format!("{}'s argument", args.name))?;
    Ok(at_index(array, index))
}

fn concat<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let mut all = Vec::new();
    for value in args.each() {
        let Some(value) = value?.filter(|value| !value.is_nullish()) else { return null() };
        let array = array(Some(value), 28664, "an argument of $concatArrays")?;
        all.extend(array);
        check_items(args.name, all.len())?;
    }
    worth(Array::from(all))
}

fn is_in<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let sought = args.get(0)?;
    let array = array(args.get(1)?, 40081, "$in's second argument")?;
    worth(sought.is_some_and(|sought| array.iter().any(|value| value == sought)))
}

fn index_of<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let array = array(Some(value), 40090, "$indexOfArray's first argument")?;
    let sought = args.get(1)?;
    let Some(range) = substring::range(args, array.len())? else { return worth(-1) };
    let mut within = array.iter().enumerate().skip(range.start).take(range.len());
    let found = sought.and_then(|sought| within.find(|(_, value)| *value == sought));
    worth(found.map_or(-1, |(at, _)| at as i32))
}

fn is_array<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(matches!(args.get(0)?, Some(Value::Array(_))))
}

fn size<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let array = array(args.get(0)?, 17124, "the argument of $size")?;
    worth(array.len() as i32)
}

fn slice<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (Some(value), Some(first)) = (args.present(0)?, args.present(1)?) else { return null() };
    let array = array(Some(value), 28724, "$slice's first argument")?;
    let first = i64::from(int32(&first, 28725, "$slice's second argument")?);
    let len = array.len() as i64;
    let range = if args.given(2) {
        let Some(count) = args.present(2)? else { return null() };
        let count = i64::from(int32(&count, 28727, "$slice's third argument")?);
        if count <= 0 {
            let message = format!("$slice's third argument must be positive, not {count}");
            return Err(failure::invalid(28729, message));
        }
        let start = if first < 0 { (len + first).max(0) } else { first.min(len) };
        start..(start + count).min(len)
    } else if first < 0 {
        (len + first).max(0)..len
    } else {
        0..first.min(len)
    };
    let (skipped, taken) = (range.start as usize, (range.end - range.start) as usize);
    worth(array.into_iter().skip(skipped).take(taken).collect::<Array<'_>>())
}

fn reverse<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let mut items = array(Some(value), 34435, "the argument of $reverseArray")?.into_items();
    items.reverse();
    worth(Array::from(items))
}

/// The array that an operator's argument must be; nothing else will do.
pub(super) fn needed<'d>(
    args: &Args<'_, 'd>,
    at: usize,
    code: i32,
    what: &str,
) -> Result<Array<'d>> {
    let value = args.get(at)?;
    match value {
        Some(Value::Array(array)) => Ok(array),
        other => {
            let kind = type_name(other.as_ref());
            let message = format!("{} needs {what} to be an array, not {kind}", args.name);
            Err(failure::invalid(code, message))
        }
    }
}
