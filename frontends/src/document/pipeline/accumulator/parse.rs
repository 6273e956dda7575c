//! Accumulators out of `{$name: argument}`.

use super::{Accumulator, Kind, Wanted};
use crate::Result;
use crate::document::expression::statistics::Of;
use crate::document::expression::{
    Expression, Scope, SortOrder, percentile_fractions, percentile_method,
};
use crate::document::failure;
use crate::document::value::{Document, Value};

/// All accumulators.
pub(super) const NAMES: &[&str] = &[
    "$addToSet",
    "$avg",
    "$bottom",
    "$bottomN",
    "$count",
    "$first",
    "$firstN",
    "$last",
    "$lastN",
    "$max",
    "$maxN",
    "$median",
    "$mergeObjects",
    "$min",
    "$minN",
    "$percentile",
    "$push",
    "$stdDevPop",
    "$stdDevSamp",
    "$sum",
    "$top",
    "$topN",
];

/// Those of MongoDB that are not there.
const ABSENT: &[&str] = &["$accumulator", "$concatArrays", "$setUnion"];

/// Reads an accumulator.
pub(super) fn accumulator(
    field: &str,
    value: &Value<'_>,
    scope: &mut Scope,
) -> Result<Accumulator> {
    if field.contains('.') {
        let message = format!("the field name '{field}' of a group must not contain '.'");
        return Err(failure::invalid(40235, message));
    }
    if field.starts_with('$') {
        let message = format!("the field name '{field}' of a group must not begin with '$'");
        return Err(failure::invalid(40236, message));
    }
    let Value::Document(fields) = value else {
        let message = format!("the field '{field}' must be an accumulator object");
        return Err(failure::invalid(40234, message));
    };
    let mut operators = fields.iter();
    let (Some((name, argument)), None) = (operators.next(), operators.next()) else {
        let message = format!("the field '{field}' must have exactly one accumulator");
        return Err(failure::invalid(40238, message));
    };
    let Some(name) = NAMES.iter().copied().find(|known| *known == name) else {
        if ABSENT.contains(&name) {
            return Err(failure::unsupported(format!("the accumulator {name} is not supported")));
        }
        return Err(failure::invalid(15952, format!("unknown group operator '{name}'")));
    };
    let (kind, argument, count) = read(name, &argument, scope)?;
    Ok(Accumulator { field: field.into(), name, kind, argument, count })
}

type Read = (Kind, Expression, Option<Expression>);

fn read(name: &'static str, argument: &Value<'_>, scope: &mut Scope) -> Result<Read> {
    let kind = match name {
        "$sum" => Kind::Sum,
        "$avg" => Kind::Avg,
        "$min" => Kind::Min,
        "$max" => Kind::Max,
        "$first" => Kind::First,
        "$last" => Kind::Last,
        "$push" => Kind::Push,
        "$addToSet" => Kind::AddToSet,
        "$stdDevPop" => Kind::Deviation(Of::Population),
        "$stdDevSamp" => Kind::Deviation(Of::Sample),
        "$mergeObjects" => Kind::MergeObjects,
        "$count" => {
            if !matches!(argument, Value::Document(fields) if fields.is_empty()) {
                return Err(failure::type_mismatch("$count takes no arguments: {$count: {}}"));
            }
            return Ok((Kind::Count, Expression::literal(Value::Null), None));
        }
        _ => return read_named(name, argument, scope),
    };
    if let Value::Array(items) = argument
        && items.len() != 1
    {
        let message = format!("the {name} accumulator is a unary operator");
        return Err(failure::invalid(40237, message));
    }
    let argument = match argument {
        Value::Array(items) => items.get(0).unwrap_or(Value::Null),
        other => other.borrow(),
    };
    Ok((kind, Expression::parse(&argument, scope)?, None))
}

/// Reads those that take a document of named arguments.
fn read_named(name: &'static str, argument: &Value<'_>, scope: &mut Scope) -> Result<Read> {
    let known: &[&str] = match name {
        "$firstN" | "$lastN" | "$maxN" | "$minN" => &["input", "n"],
        "$top" | "$bottom" => &["sortBy", "output"],
        "$topN" | "$bottomN" => &["sortBy", "output", "n"],
        "$median" => &["input", "method"],
        _ => &["input", "method", "p"],
    };
    let Value::Document(fields) = argument else {
        let kind = argument.kind().name();
        let message = format!("{name} takes a document of named arguments, not {kind}");
        return Err(failure::invalid(5787801, message));
    };
    if let Some((other, _)) = fields.iter().find(|(field, _)| !known.contains(field)) {
        let message = format!("unrecognized argument to {name}: '{other}'");
        return Err(failure::invalid(5787901, message));
    }
    for field in known {
        if !fields.contains(field) {
            let message = format!("{name} needs the argument '{field}'");
            return Err(failure::invalid(5787907, message));
        }
    }
    let mut parse =
        |field: &str| fields.get(field).map(|value| Expression::parse(&value, scope)).transpose();
    let count = parse("n")?;
    check_count(name, count.as_ref())?;
    let output = parse(if known.contains(&"output") { "output" } else { "input" })?;
    let output = output.unwrap_or_else(|| Expression::literal(Value::Null));
    Ok((kind_of(name, fields)?, output, count))
}

/// A count that is constant is checked at once.
fn check_count(name: &str, count: Option<&Expression>) -> Result<()> {
    match count.and_then(Expression::as_constant) {
        Some(value) => {
            let value = Some(value.clone());
            crate::document::expression::positive_count(name, value).map(drop)
        }
        None => Ok(()),
    }
}

fn kind_of(name: &str, fields: &Document<'_>) -> Result<Kind> {
    let order = || match fields.get("sortBy") {
        Some(Value::Document(order)) => SortOrder::parse(&order),
        _ => Err(failure::invalid(5788604, format!("{name} needs a document as 'sortBy'"))),
    };
    let method = || percentile_method(name, fields.get("method").as_ref());
    Ok(match name {
        "$firstN" => Kind::FirstN,
        "$lastN" => Kind::LastN,
        "$maxN" => Kind::MaxN,
        "$minN" => Kind::MinN,
        "$top" => Kind::Best(order()?, Wanted::One),
        "$topN" => Kind::Best(order()?, Wanted::Top),
        "$bottom" => Kind::Best(order()?.reversed(), Wanted::One),
        "$bottomN" => Kind::Best(order()?.reversed(), Wanted::Bottom),
        "$median" => Kind::Median(method()?),
        _ => Kind::Percentile(method()?, percentile_fractions(name, fields.get("p").as_ref())?),
    })
}
