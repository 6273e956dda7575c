//! Documents: merged, taken apart, put together, single fields read and set by any name.

use super::argument::array;
use super::operator::{ANY, Args, Operator, Takes, Worth, null, type_name, worth};
use super::parse;
use super::scope::Scope;
use super::{Expression, Node, Which};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Document, Value};

const UNSET: Takes = Takes::Named(&[("field", true), ("input", true)]);
const SET: Takes = Takes::Named(&[("field", true), ("input", true), ("value", true)]);

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$mergeObjects", takes: Takes::List(0, ANY), function: merge },
    Operator { name: "$objectToArray", takes: Takes::List(1, 1), function: to_array },
    Operator { name: "$arrayToObject", takes: Takes::List(1, 1), function: from_array },
    Operator { name: "$getField", takes: Takes::Own(read_get_field), function: get_field },
    Operator { name: "$setField", takes: SET, function: set_field },
    Operator { name: "$unsetField", takes: UNSET, function: unset_field },
];

/// Puts the fields of one document over those of another.
pub(crate) fn merge_into<'d>(into: &mut Document<'d>, from: Document<'d>) {
    for (name, value) in from {
        into.insert(name, value);
    }
}

fn merge<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let mut merged = Document::new();
    for value in args.each() {
        match value? {
            None | Some(Value::Null | Value::Undefined) => {}
            Some(Value::Document(document)) => merge_into(&mut merged, document),
            Some(other) => {
                let kind = other.kind().name();
                let message = format!("$mergeObjects takes documents, not {kind}");
                return Err(failure::invalid(40400, message));
            }
        }
    }
    worth(merged)
}

fn to_array<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let Value::Document(document) = value else {
        let kind = value.kind().name();
        let message = format!("$objectToArray takes a document, not {kind}");
        return Err(failure::invalid(40390, message));
    };
    let pair = |(name, value)| {
        let fields = vec![("k".into(), Value::String(name)), ("v".into(), value)];
        Value::Document(Document::from_fields(fields))
    };
    worth(document.into_iter().map(pair).collect::<Array<'_>>())
}

fn from_array<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let array = array(Some(value), 40386, "the argument of $arrayToObject")?;
    let mut fields: Vec<crate::document::value::Field<'d>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for item in array {
        let (name, value) = pair(item)?;
        let Value::String(name) = name else {
            let kind = name.kind().name();
            let message = format!("$arrayToObject takes strings as keys, not {kind}");
            return Err(failure::invalid(40395, message));
        };
        if name.contains('\0') {
            let message = "$arrayToObject takes no keys that hold a zero byte";
            return Err(failure::invalid(4940401, message));
        }
        let place = *places.entry(name.clone()).or_insert(fields.len());
        match fields.get_mut(place) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    worth(Document::from_fields(fields))
}

/// A key and a value out of `[k, v]` or `{k, v}`.
fn pair(item: Value<'_>) -> Result<(Value<'_>, Value<'_>)> {
    match item {
        Value::Array(items) => {
            let mut items = items.into_iter();
            match (items.next(), items.next(), items.next()) {
                (Some(name), Some(value), None) => Ok((name, value)),
                _ => Err(failure::invalid(
                    40397,
                    "$arrayToObject takes arrays of exactly two values: a key and a value",
                )),
            }
        }
        Value::Document(fields) => {
            let (mut name, mut value) = (None, None);
            let count = fields.len();
            for (field, inner) in fields {
                match &*field {
                    "k" => name = Some(inner),
                    "v" => value = Some(inner),
                    _ => {}
                }
            }
            match (name, value) {
                (Some(name), Some(value)) if count == 2 => Ok((name, value)),
                _ => Err(failure::invalid(
                    40392,
                    "$arrayToObject takes documents of exactly two fields: 'k' and 'v'",
                )),
            }
        }
        other => {
            let kind = other.kind().name();
            let message = format!("$arrayToObject takes arrays or documents in it, not {kind}");
            Err(failure::invalid(40398, message))
        }
    }
}

/// Reads a name alone, or `{field, input}`.
fn read_get_field(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let is_operator =
        |fields: &Document<'_>| fields.iter().next().is_some_and(|(name, _)| name.starts_with('$'));
    let list = match argument {
        Value::Document(fields) if !is_operator(fields) => {
            parse::named("$getField", argument, &[("field", true), ("input", true)], scope)?
        }
        name => {
            let current = match scope.find("CURRENT") {
                Some(place) => Node::Variable(place, None),
                None => Node::Whole(Which::Current, None),
            };
            vec![Expression::parse(name, scope)?, Expression(current)]
        }
    };
    parse::make_named("$getField", list)
}

/// The name of a field.
fn name_of<'d>(args: &Args<'_, 'd>, code: i32) -> Result<std::borrow::Cow<'d, str>> {
    match args.get(0)? {
        Some(Value::String(name)) => Ok(name),
        other => {
            let kind = type_name(other.as_ref());
            let message = format!("{} needs 'field' to be a string, not {kind}", args.name);
            Err(failure::invalid(code, message))
        }
    }
}

fn get_field<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    if args.present(0)?.is_none() {
        return null();
    }
    let name = name_of(args, 3041704)?;
    match args.get(1)? {
        Some(Value::Document(document)) => Ok(document.into_field(&name)),
        Some(Value::Null | Value::Undefined) => null(),
        _ => Ok(None),
    }
}

/// The document whose field is changed; `None` when it is null or missing.
fn changed<'d>(args: &Args<'_, 'd>) -> Result<Option<Document<'d>>> {
    match args.present(1)? {
        None => Ok(None),
        Some(Value::Document(document)) => Ok(Some(document)),
        Some(other) => {
            let kind = other.kind().name();
            let message = format!("{} needs 'input' to be a document, not {kind}", args.name);
            Err(failure::invalid(4161105, message))
        }
    }
}

fn set_field<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let name = name_of(args, 4161107)?;
    let Some(mut document) = changed(args)? else { return null() };
    match args.get(2)? {
        Some(value) => drop(document.insert(name, value)),
        None => drop(document.remove(&name)),
    }
    worth(document)
}

fn unset_field<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let name = name_of(args, 4161107)?;
    let Some(mut document) = changed(args)? else { return null() };
    document.remove(&name);
    worth(document)
}
