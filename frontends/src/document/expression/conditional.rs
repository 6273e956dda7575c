//! Choices: `$cond`, `$ifNull`, `$switch`. Only what is chosen is evaluated.

use super::comparison::truth;
use super::operator::{ANY, Args, Operator, Takes, Worth};
use super::parse;
use super::scope::Scope;
use super::{Expression, Node};
use crate::Result;
use crate::document::failure;
use crate::document::value::Value;

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$cond", takes: Takes::Own(read_cond), function: cond },
    Operator { name: "$ifNull", takes: Takes::List(2, ANY), function: if_null },
    Operator { name: "$switch", takes: Takes::Own(read_switch), function: switch },
];

/// Reads `[if, then, else]` or `{if, then, else}`.
fn read_cond(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let list = match argument {
        Value::Document(fields) if !fields.iter().any(|(name, _)| name.starts_with('$')) => {
            let names = [("if", true), ("then", true), ("else", true)];
            parse::named("$cond", argument, &names, scope)?
        }
        Value::Array(items) if items.len() == 3 => {
            let items = items.iter().map(|item| Expression::parse(&item, scope));
            items.collect::<Result<Vec<_>>>()?
        }
        other => {
            let count = if let Value::Array(items) = other { items.len() } else { 1 };
            let message = format!("expression $cond takes exactly 3 arguments, not {count}");
            return Err(failure::invalid(16020, message));
        }
    };
    parse::make_named("$cond", list)
}

fn cond<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let chosen = if truth(args.get(0)?.as_ref()) { 1 } else { 2 };
    args.get(chosen)
}

fn if_null<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    for at in 0..args.len().saturating_sub(1) {
        if let Some(value) = args.present(at)? {
            return Ok(Some(value));
        }
    }
    args.get(args.len().saturating_sub(1))
}

/// Reads `{branches: [{case, then}], default}` into a list of cases and results, the default one
/// behind them if there is one.
fn read_switch(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let Value::Document(fields) = argument else {
        return Err(failure::invalid(
            40060,
            format!("$switch takes a document, not {}", argument.kind().name()),
        ));
    };
    let (mut list, mut default) = (Vec::new(), None);
    for (name, value) in fields.iter() {
        match (name, &value) {
            ("branches", Value::Array(branches)) => {
                for branch in branches.iter() {
                    list.extend(read_branch(&branch, scope)?);
                }
            }
            ("branches", other) => {
                return Err(failure::invalid(
                    40061,
                    format!("$switch takes an array as 'branches', not {}", other.kind().name()),
                ));
            }
            ("default", value) => default = Some(Expression::parse(value, scope)?),
            (other, _) => {
                return Err(failure::invalid(
                    40067,
                    format!("unrecognized argument to $switch: '{other}'"),
                ));
            }
        }
    }
    if list.is_empty() {
        return Err(failure::invalid(40068, "$switch needs at least one branch"));
    }
    list.extend(default);
    parse::make_named("$switch", list)
}

fn read_branch(branch: &Value<'_>, scope: &mut Scope) -> Result<Vec<Expression>> {
    match branch {
        Value::Document(_) => {
            parse::named("a branch of $switch", branch, &[("case", true), ("then", true)], scope)
        }
        other => Err(failure::invalid(
            40062,
            format!("$switch takes documents as branches, not {}", other.kind().name()),
        )),
    }
}

fn switch<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let branches = args.len() / 2;
    for branch in 0..branches {
        if truth(args.get(branch * 2)?.as_ref()) {
            return args.get(branch * 2 + 1);
        }
    }
    if args.len() % 2 == 1 {
        return args.get(args.len() - 1);
    }
    Err(failure::invalid(40066, "$switch found no branch that is true, and has no default"))
}
