//! `$bitAnd`, `$bitOr`, `$bitXor` and `$bitNot`, of ints and longs.

use super::operator::{ANY, Args, Operator, Takes, Worth, null, worth};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Number, Value};

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$bitAnd", takes: Takes::List(0, ANY), function: and },
    Operator { name: "$bitOr", takes: Takes::List(0, ANY), function: or },
    Operator { name: "$bitXor", takes: Takes::List(0, ANY), function: xor },
    Operator { name: "$bitNot", takes: Takes::List(1, 1), function: not },
];

/// The whole number, and whether it is a long; the upper bits of an int are its sign.
fn bits(name: &str, value: &Value<'_>) -> Result<(i64, bool)> {
    match value.number() {
        Some(Number::Int32(number)) => Ok((number.into(), false)),
        Some(Number::Int64(number)) => Ok((number, true)),
        _ => {
            let kind = value.kind().name();
            let message = format!("{name} only supports int and long operands, not {kind}");
            Err(failure::type_mismatch(message))
        }
    }
}

fn made<'d>(bits: i64, long: bool) -> Worth<'d> {
    worth(if long { Value::Int64(bits) } else { Value::Int32(bits as i32) })
}

fn combined<'d>(args: &Args<'_, 'd>, neutral: i64, combine: fn(i64, i64) -> i64) -> Worth<'d> {
    let (mut all, mut long) = (neutral, false);
    for value in args.each() {
        let Some(value) = value?.filter(|value| !value.is_nullish()) else { return null() };
        let (one, wide) = bits(args.name, &value)?;
        all = combine(all, one);
        long |= wide;
    }
    made(all, long)
}

fn and<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    combined(args, -1, |a, b| a & b)
}

fn or<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    combined(args, 0, |a, b| a | b)
}

fn xor<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    combined(args, 0, |a, b| a ^ b)
}

fn not<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let (one, long) = bits(args.name, &value)?;
    made(!one, long)
}
