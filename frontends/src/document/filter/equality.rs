//! The values that a filter says fields have, for documents made where none matched.

use super::node::{Node, Test};
use crate::Result;
use crate::document::failure;
use crate::document::value::Value;

/// Code 54, `NotSingleValueField`.
const NOT_SINGLE: i32 = 54;

/// Paths and values, in the order of the filter.
pub fn equalities(root: &Node) -> Result<Vec<(&str, &Value<'static>)>> {
    let mut found = Vec::new();
    collect(root, &mut found);
    for (at, (path, _)) in found.iter().enumerate() {
        let others = found.iter().take(at).map(|(other, _)| *other);
        for other in others {
            check(path, other)?;
        }
    }
    Ok(found)
}

fn collect<'f>(node: &'f Node, found: &mut Vec<(&'f str, &'f Value<'static>)>) {
    match node {
        Node::And(parts) => parts.iter().for_each(|part| collect(part, found)),
        Node::Field(path, Test::Equal(value)) => found.push((path.as_str(), value)),
        _ => {}
    }
}

fn check(path: &str, other: &str) -> Result<()> {
    let leads_into = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
    };
    if path == other {
        let message = format!("cannot infer query fields to set, path '{path}' is matched twice");
        return Err(failure::invalid(NOT_SINGLE, message));
    }
    if leads_into(path, other) || leads_into(other, path) {
        return Err(failure::invalid(
            NOT_SINGLE,
            format!("cannot infer query fields to set, both '{other}' and '{path}' are matched"),
        ));
    }
    Ok(())
}
