//! Parts of texts, and where they are: by bytes and by code points.

use super::argument::{int32, lenient_text, text};
use super::operator::{Args, Operator, Takes, Worth, null, worth};
use crate::Result;
use crate::document::failure;
use crate::document::value::Value;

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$substr", takes: Takes::List(3, 3), function: by_bytes },
    Operator { name: "$substrBytes", takes: Takes::List(3, 3), function: by_bytes },
    Operator { name: "$substrCP", takes: Takes::List(3, 3), function: by_points },
    Operator { name: "$indexOfBytes", takes: Takes::List(2, 4), function: index_of_bytes },
    Operator { name: "$indexOfCP", takes: Takes::List(2, 4), function: index_of_points },
];

/// A whole number out of one that need not be, as MongoDB cuts it.
fn cut(args: &Args<'_, '_>, at: usize, code: i32, what: &str) -> Result<i64> {
    let value = args.get(at)?;
    let number = value.as_ref().and_then(Value::number);
    number.map(|number| number.to_exact_i64().unwrap_or(number.to_f64() as i64)).ok_or_else(|| {
        let kind = super::operator::type_name(value.as_ref());
        failure::invalid(code, format!("{}: {what} must be a number, not {kind}", args.name))
    })
}

fn by_bytes<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let text = lenient_text(args.get(0)?)?;
    let start = cut(args, 1, 16034, "the starting index")?;
    let len = cut(args, 2, 16035, "the length")?;
    let Ok(start) = usize::try_from(start) else {
        let message = format!("{}: the starting index must not be negative", args.name);
        return Err(failure::invalid(50752, message));
    };
    // A negative length means all the rest.
    let end = usize::try_from(len).map_or(text.len(), |len| start.saturating_add(len));
    let (start, end) = (start.min(text.len()), end.min(text.len()));
    for (at, code) in [(start, 28656), (end, 28657)] {
        if !text.is_char_boundary(at) {
            let message = format!("{}: byte {at} is inside a character", args.name);
            return Err(failure::invalid(code, message));
        }
    }
    worth(text.get(start..end).unwrap_or_default().to_owned())
}

fn by_points<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let text = lenient_text(args.get(0)?)?;
    let number = |at: usize, code: i32, what: &str| {
        let value = args.get(at)?.unwrap_or(Value::Null);
        int32(&value, code, &format!("{}'s {what}", args.name))
    };
    let (start, len) = (number(1, 34450, "starting index")?, number(2, 34452, "length")?);
    let (Ok(start), Ok(len)) = (usize::try_from(start), usize::try_from(len)) else {
        let message = format!("{}'s starting index and length must not be negative", args.name);
        return Err(failure::invalid(34455, message));
    };
    worth(text.chars().skip(start).take(len).collect::<String>())
}

/// Where a search begins and ends.
struct Bounds {
    start: usize,
    end: Option<usize>,
}

/// The bounds in the arguments from the third on.
fn bounds(args: &Args<'_, '_>) -> Result<Bounds> {
    let bound = |at: usize, what: &str| -> Result<Option<usize>> {
        if !args.given(at) {
            return Ok(None);
        }
        let what = format!("{}'s {what} index", args.name);
        let value = args.get(at)?.unwrap_or(Value::Null);
        let number = int32(&value, 40096, &what)?;
        usize::try_from(number).map(Some).map_err(|_| {
            failure::invalid(40097, format!("{what} must not be negative, but is {number}"))
        })
    };
    Ok(Bounds { start: bound(2, "starting")?.unwrap_or(0), end: bound(3, "ending")? })
}

/// The bounds of a search in an array of `len` values; `None` when nothing is within.
pub(super) fn range(args: &Args<'_, '_>, len: usize) -> Result<Option<std::ops::Range<usize>>> {
    let bounds = bounds(args)?;
    let end = bounds.end.map_or(len, |end| end.min(len));
    Ok((bounds.start <= end).then_some(bounds.start..end))
}

fn index_of_bytes<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(input) = args.present(0)? else { return null() };
    let input = text(Some(input), 40091, "$indexOfBytes's first argument")?;
    let part = text(args.get(1)?, 40092, "$indexOfBytes's second argument")?;
    let Some(range) = range(args, input.len())? else { return worth(-1) };
    let found = input.as_bytes().get(range.clone()).and_then(|within| find(within, &part));
    worth(found.map_or(-1, |at| (range.start + at) as i32))
}

/// Where bytes begin in others.
fn find(within: &[u8], part: &str) -> Option<usize> {
    let part = part.as_bytes();
    if part.is_empty() {
        return Some(0);
    }
    within.windows(part.len()).position(|window| window == part)
}

fn index_of_points<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(input) = args.present(0)? else { return null() };
    let input = text(Some(input), 40093, "$indexOfCP's first argument")?;
    let part = text(args.get(1)?, 40094, "$indexOfCP's second argument")?;
    let count = input.chars().count();
    let Some(range) = range(args, count)? else { return worth(-1) };
    let byte_of = |point: usize| input.char_indices().nth(point).map_or(input.len(), |(at, _)| at);
    let within = input.get(byte_of(range.start)..byte_of(range.end)).unwrap_or_default();
    let found = within.find(&*part).and_then(|at| within.get(..at));
    worth(found.map_or(-1, |before| (range.start + before.chars().count()) as i32))
}
