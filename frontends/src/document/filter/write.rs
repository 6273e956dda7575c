//! Filters as documents again, in their simplest form.

use super::node::{Members, Node, Test};
use crate::document::value::{Array, Document, Field, Value};

/// A whole filter.
pub fn filter(root: &Node) -> Document<'static> {
    if *root == Node::Always { Document::new() } else { document(root) }
}

fn document(node: &Node) -> Document<'static> {
    let list = |parts: &[Node]| -> Array<'static> { parts.iter().map(document).collect() };
    match node {
        Node::Always => one("$alwaysTrue", 1),
        Node::Never => one("$alwaysFalse", 1),
        Node::And(parts) => one("$and", list(parts)),
        Node::Or(parts) => one("$or", list(parts)),
        Node::Nor(parts) => one("$nor", list(parts)),
        Node::Not(part) => match &**part {
            Node::Field(path, test) => {
                one(path.as_str().to_owned(), Document::from_fields(vec![unless(test)]))
            }
            other => one("$nor", list(std::slice::from_ref(other))),
        },
        Node::Field(path, test) => {
            one(path.as_str().to_owned(), Document::from_fields(vec![when(test)]))
        }
        Node::Value(_) => operators(node),
        Node::Expression(computed) => one("$expr", computed.source.clone()),
    }
}

fn one(
    name: impl Into<std::borrow::Cow<'static, str>>,
    value: impl Into<Value<'static>>,
) -> Document<'static> {
    Document::from_fields(vec![(name.into(), value.into())])
}

/// A node of tests on a value.
fn operators(node: &Node) -> Document<'static> {
    let mut fields = Vec::new();
    add_operators(node, &mut fields);
    Document::from_fields(fields)
}

fn add_operators(node: &Node, fields: &mut Vec<Field<'static>>) {
    match node {
        Node::And(parts) => parts.iter().for_each(|part| add_operators(part, fields)),
        Node::Value(test) => fields.push(when(test)),
        Node::Not(part) => match &**part {
            Node::Value(test) => fields.push(unless(test)),
            other => fields.push(("$not".into(), operators(other).into())),
        },
        Node::Always => fields.push(("$nin".into(), Array::new().into())),
        // Nothing else stands among tests of values.
        _ => fields.push(("$in".into(), Array::new().into())),
    }
}

/// The operator that passes a test.
fn when(test: &Test) -> Field<'static> {
    match test {
        Test::Equal(value) => ("$eq".into(), value.clone()),
        Test::Compare(side, value) => (side.operator().into(), value.clone()),
        Test::In(members) => ("$in".into(), listed(members)),
        Test::Matches(pattern) => ("$regex".into(), pattern.source().clone().into()),
        Test::Exists => ("$exists".into(), true.into()),
        Test::Type(kinds) => {
            let names: Array<'_> = kinds.iter().map(|kind| kind.name()).collect();
            ("$type".into(), names.into())
        }
        Test::Mod(mod_) => ("$mod".into(), vec![mod_.divisor, mod_.remainder].into()),
        Test::Size(size) => ("$size".into(), i64::try_from(*size).unwrap_or(i64::MAX).into()),
        Test::ElementDocument(node) => ("$elemMatch".into(), filter(node).into()),
        Test::Element(node) => ("$elemMatch".into(), operators(node).into()),
        Test::Bits(bits) => {
            let positions: Array<'_> = bits.positions.iter().copied().collect();
            (bits.rule.operator().into(), positions.into())
        }
    }
}

/// The operator that passes all else.
fn unless(test: &Test) -> Field<'static> {
    match test {
        // `$ne` takes no regular expressions.
        Test::Equal(value) if !matches!(value, Value::Regex(_)) => ("$ne".into(), value.clone()),
        Test::In(members) => ("$nin".into(), listed(members)),
        Test::Exists => ("$exists".into(), false.into()),
        other => ("$not".into(), Document::from_fields(vec![when(other)]).into()),
    }
}

fn listed(members: &Members) -> Value<'static> {
    let values = members.values().iter().cloned();
    let patterns = members.patterns().iter().map(|pattern| pattern.source().clone().into());
    Value::Array(values.chain(patterns).collect())
}
