//! Operators of no family: literals, random numbers, sizes, parts of timestamps.

use super::Node;
use super::operator::{Args, Operator, Takes, Worth, null, shown, worth};
use super::scope::Scope;
use crate::Result;
use crate::document::failure;
use crate::document::value::{Number, Value};

/// Expressions of MongoDB that are not there: code 238 names them.
pub(super) const ABSENT: &[&str] = &[
    "$accumulator",
    "$encStrContains",
    "$encStrEndsWith",
    "$encStrNormalizedEq",
    "$encStrStartsWith",
    "$function",
    "$meta",
    "$toHashedIndexKey",
    "$where",
];

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$literal", takes: Takes::Own(read_literal), function: |_| Ok(None) },
    Operator { name: "$const", takes: Takes::Own(read_literal), function: |_| Ok(None) },
    Operator { name: "$rand", takes: Takes::Named(&[]), function: random },
    Operator { name: "$sampleRate", takes: Takes::List(1, 1), function: sample },
    Operator { name: "$binarySize", takes: Takes::List(1, 1), function: binary_size },
    Operator { name: "$bsonSize", takes: Takes::List(1, 1), function: bson_size },
    Operator { name: "$tsSecond", takes: Takes::List(1, 1), function: ts_second },
    Operator { name: "$tsIncrement", takes: Takes::List(1, 1), function: ts_increment },
];

fn read_literal(argument: &Value<'_>, _: &mut Scope) -> Result<Node> {
    Ok(Node::Constant(argument.clone().into_static()))
}

fn random<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(args.env.context().random_fraction())
}

fn sample<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let rate = args.get(0)?;
    let number = rate.as_ref().and_then(Value::number).map(Number::to_f64);
    let Some(rate) = number.filter(|rate| (0.0..=1.0).contains(rate)) else {
        let shown = rate.as_ref().map_or("missing".to_owned(), shown);
        let message = format!("$sampleRate must be a number from 0 to 1, not {shown}");
        return Err(failure::bad_value(message));
    };
    worth(args.env.context().random_fraction() < rate)
}

fn binary_size<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    match args.present(0)? {
        None => null(),
        Some(Value::String(text)) => worth(text.len() as i32),
        Some(Value::Binary(binary)) => worth(binary.bytes.len() as i32),
        Some(other) => {
            let kind = other.kind().name();
            let message = format!("$binarySize takes a string or binary data, not {kind}");
            Err(failure::invalid(51276, message))
        }
    }
}

fn bson_size<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    match args.present(0)? {
        None => null(),
        Some(Value::Document(document)) => worth(document.to_bytes()?.len() as i32),
        Some(other) => {
            let kind = other.kind().name();
            Err(failure::invalid(31393, format!("$bsonSize takes a document, not {kind}")))
        }
    }
}

fn ts_second<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    timestamp(args, 5687301, |at| at.seconds)
}

fn ts_increment<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    timestamp(args, 5687302, |at| at.increment)
}

fn timestamp<'d>(
    args: &Args<'_, 'd>,
    code: i32,
    part: fn(&crate::document::value::Timestamp) -> u32,
) -> Worth<'d> {
    match args.present(0)? {
        None => null(),
        Some(Value::Timestamp(at)) => worth(i64::from(part(&at))),
        Some(other) => {
            let kind = other.kind().name();
            Err(failure::invalid(code, format!("{} takes a timestamp, not {kind}", args.name)))
        }
    }
}
