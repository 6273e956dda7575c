//! Operators that set variables: `$let`, `$map`, `$filter`, `$reduce`.

use super::Expression;
use super::Node;
use super::argument::{array, int32};
use super::comparison::truth;
use super::env::Env;
use super::operator::{Args, Operator, Takes, Worth, null, worth};
use super::scope::Scope;
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Document, Value};

/// The most values that what `$reduce` gathers may hold, nested ones counted, as it may double at
/// every step.
const REDUCED_MAX: usize = 4 << 20;

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$let", takes: Takes::Own(read_let), function: never },
    Operator { name: "$map", takes: Takes::Own(read_map), function: never },
    Operator { name: "$filter", takes: Takes::Own(read_filter), function: never },
    Operator { name: "$reduce", takes: Takes::Own(read_reduce), function: never },
];

/// Stands where a function must; these operators become bindings, not calls.
fn never<'d>(_: &Args<'_, 'd>) -> Worth<'d> {
    Ok(None)
}

/// An operator that sets variables.
#[derive(Clone, Debug)]
pub(super) enum Binding {
    /// Variables and what is evaluated with them.
    Let { vars: Vec<(usize, Expression)>, inside: Expression },
    /// What each value of an array becomes.
    Map { input: Expression, slot: usize, inside: Expression },
    /// Which values of an array are kept, and how many at most.
    Filter { input: Expression, slot: usize, cond: Expression, limit: Option<Expression> },
    /// What all values of an array come to, one after the other.
    Reduce { input: Expression, initial: Expression, slots: (usize, usize), inside: Expression },
}

impl Binding {
    /// The expressions in it.
    pub fn inner(&self) -> impl Iterator<Item = &Expression> {
        let list: Vec<&Expression> = match self {
            Binding::Let { vars, inside } => {
                vars.iter().map(|(_, value)| value).chain([inside]).collect()
            }
            Binding::Map { input, inside, .. } => vec![input, inside],
            Binding::Filter { input, cond, limit, .. } => {
                [input, cond].into_iter().chain(limit).collect()
            }
            Binding::Reduce { input, initial, inside, .. } => vec![input, initial, inside],
        };
        list.into_iter()
    }

    pub fn evaluate<'d>(&'d self, env: &Env<'d>) -> Worth<'d> {
        match self {
            Binding::Let { vars, inside } => evaluate_let(vars, inside, env),
            Binding::Map { input, slot, inside } => evaluate_map(input, *slot, inside, env),
            Binding::Filter { input, slot, cond, limit } => {
                evaluate_filter(input, *slot, cond, limit.as_ref(), env)
            }
            Binding::Reduce { input, initial, slots, inside } => {
                let start = initial.evaluate(env)?;
                evaluate_reduce(input, start, *slots, inside, env)
            }
        }
    }
}

fn evaluate_let<'d>(
    vars: &'d [(usize, Expression)],
    inside: &'d Expression,
    env: &Env<'d>,
) -> Worth<'d> {
    for (slot, value) in vars {
        let value = value.evaluate(env)?;
        env.set_slot(*slot, value);
    }
    inside.evaluate(env)
}

/// The array that an operator goes through; `None` when it is null or missing.
fn input_of<'d>(
    input: &'d Expression,
    env: &Env<'d>,
    code: i32,
    name: &str,
) -> Result<Option<Array<'d>>> {
    match input.evaluate(env)? {
        None | Some(Value::Null | Value::Undefined) => Ok(None),
        value => array(value, code, &format!("the input of {name}")).map(Some),
    }
}

fn evaluate_map<'d>(
    input: &'d Expression,
    slot: usize,
    inside: &'d Expression,
    env: &Env<'d>,
) -> Worth<'d> {
    let Some(input) = input_of(input, env, 16883, "$map")? else { return null() };
    let mut made = Vec::new();
    for value in input {
        env.set_slot(slot, Some(value));
        made.push(inside.evaluate(env)?.unwrap_or(Value::Null));
    }
    worth(Array::from(made))
}

fn evaluate_filter<'d>(
    input: &'d Expression,
    slot: usize,
    cond: &'d Expression,
    limit: Option<&'d Expression>,
    env: &Env<'d>,
) -> Worth<'d> {
    let Some(input) = input_of(input, env, 28651, "$filter")? else { return null() };
    let limit = match limit.map(|limit| limit.evaluate(env)).transpose()?.flatten() {
        None | Some(Value::Null | Value::Undefined) => usize::MAX,
        Some(limit) => {
            let number = int32(&limit, 327391, "the limit of $filter")?;
            let limit = usize::try_from(number).ok().filter(|limit| *limit > 0);
            limit.ok_or_else(|| {
                let message = format!("the limit of $filter must be positive, not {number}");
                failure::invalid(327392, message)
            })?
        }
    };
    let mut kept = Vec::new();
    for value in input {
        if kept.len() == limit {
            break;
        }
        env.set_slot(slot, Some(value.clone()));
        if truth(cond.evaluate(env)?.as_ref()) {
            kept.push(value);
        }
    }
    worth(Array::from(kept))
}

fn evaluate_reduce<'d>(
    input: &'d Expression,
    initial: Option<Value<'d>>,
    (value, this): (usize, usize),
    inside: &'d Expression,
    env: &Env<'d>,
) -> Worth<'d> {
    let Some(input) = input_of(input, env, 40080, "$reduce")? else { return null() };
    let mut gathered = initial;
    for item in input {
        env.set_slot(value, gathered);
        env.set_slot(this, Some(item));
        gathered = inside.evaluate(env)?;
        let mut left = REDUCED_MAX;
        if gathered.as_ref().is_some_and(|value| !fits(value, &mut left)) {
            return Err(failure::exceeded_memory_limit(
                "$reduce would make a value that is too large",
            ));
        }
    }
    Ok(gathered)
}

/// Whether a value holds at most as many values as are `left`, which it takes off. Bytes are
/// counted as one.
fn fits(value: &Value<'_>, left: &mut usize) -> bool {
    let Some(rest) = left.checked_sub(1) else { return false };
    *left = rest;
    match value {
        Value::Array(items) if items.as_raw().is_none() => {
            items.iter().all(|item| fits(&item, left))
        }
        Value::Document(fields) if fields.as_raw().is_none() => {
            fields.iter().all(|(_, value)| fits(&value, left))
        }
        _ => true,
    }
}

/// The document that the argument of an operator must be, with no fields but these.
fn fields_of<'v, 'a>(
    name: &str,
    argument: &'v Value<'a>,
    known: &[&str],
    code: i32,
) -> Result<&'v Document<'a>> {
    let Value::Document(fields) = argument else {
        let kind = argument.kind().name();
        let message = format!("{name} takes a document of named arguments, not {kind}");
        return Err(failure::invalid(code, message));
    };
    match fields.iter().find(|(field, _)| !known.contains(field)) {
        Some((field, _)) => {
            let message = format!("unrecognized argument to {name}: '{field}'");
            Err(failure::invalid(code + 1, message))
        }
        None => Ok(fields),
    }
}

fn needed<'s>(name: &str, fields: &'s Document<'_>, field: &str, code: i32) -> Result<Value<'s>> {
    let missing = || failure::invalid(code, format!("{name} needs the argument '{field}'"));
    fields.get(field).ok_or_else(missing)
}

fn read_let(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let fields = fields_of("$let", argument, &["vars", "in"], 16874)?;
    let vars = needed("$let", fields, "vars", 16876)?;
    let inside = needed("$let", fields, "in", 16877)?;
    let Value::Document(vars) = &vars else {
        let kind = vars.kind().name();
        let message = format!("$let takes a document of variables, not {kind}");
        return Err(failure::invalid(10065, message));
    };
    let mut values = Vec::new();
    for (name, value) in vars.iter() {
        values.push((name, Expression::parse(&value, scope)?));
    }
    let count = values.len();
    let mut set = Vec::with_capacity(count);
    for (name, value) in values {
        set.push((scope.enter(name)?, value));
    }
    let inside = Expression::parse(&inside, scope)?;
    scope.leave(count);
    Ok(Node::Binding(Box::new(Binding::Let { vars: set, inside })))
}

/// The name that `as` gives, or `this`.
fn name_of(operator: &str, fields: &Document<'_>) -> Result<String> {
    match fields.get("as") {
        None => Ok("this".to_owned()),
        Some(Value::String(name)) => Ok(name.into_owned()),
        Some(other) => {
            let kind = other.kind().name();
            let message = format!("{operator} takes a string as 'as', not {kind}");
            Err(failure::failed_to_parse(message))
        }
    }
}

fn read_map(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let fields = fields_of("$map", argument, &["input", "as", "in"], 16878)?;
    let input = needed("$map", fields, "input", 16880)?;
    let inside = needed("$map", fields, "in", 16882)?;
    let input = Expression::parse(&input, scope)?;
    let slot = scope.enter(&name_of("$map", fields)?)?;
    let inside = Expression::parse(&inside, scope)?;
    scope.leave(1);
    Ok(Node::Binding(Box::new(Binding::Map { input, slot, inside })))
}

fn read_filter(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let fields = fields_of("$filter", argument, &["input", "as", "cond", "limit"], 28646)?;
    let input = needed("$filter", fields, "input", 28648)?;
    let cond = needed("$filter", fields, "cond", 28650)?;
    let input = Expression::parse(&input, scope)?;
    let limit = fields.get("limit").map(|limit| Expression::parse(&limit, scope)).transpose()?;
    let slot = scope.enter(&name_of("$filter", fields)?)?;
    let cond = Expression::parse(&cond, scope)?;
    scope.leave(1);
    Ok(Node::Binding(Box::new(Binding::Filter { input, slot, cond, limit })))
}

fn read_reduce(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let fields = fields_of("$reduce", argument, &["input", "initialValue", "in"], 40075)?;
    let input = Expression::parse(&needed("$reduce", fields, "input", 40077)?, scope)?;
    let initial = needed("$reduce", fields, "initialValue", 40078)?;
    let initial = Expression::parse(&initial, scope)?;
    let inside = needed("$reduce", fields, "in", 40079)?;
    let slots = (scope.enter_unchecked("value"), scope.enter_unchecked("this"));
    let inside = Expression::parse(&inside, scope)?;
    scope.leave(2);
    Ok(Node::Binding(Box::new(Binding::Reduce { input, initial, slots, inside })))
}
