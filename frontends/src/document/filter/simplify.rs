//! Nodes in their simplest form. Each function is right for any parts, and nothing else makes
//! connectives, so trees are simple throughout.

use super::node::{Members, Node, Test};
use crate::document::pattern::Pattern;
use crate::document::value::Value;

impl Node {
    /// True where all parts are.
    pub(super) fn and(parts: impl IntoIterator<Item = Node>) -> Node {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Node::Always => {}
                Node::Never => return Node::Never,
                Node::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        one_or(flat, Node::Always, Node::And)
    }

    /// True where a part is.
    pub(super) fn or(parts: impl IntoIterator<Item = Node>) -> Node {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Node::Never => {}
                Node::Always => return Node::Always,
                Node::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        one_or(flat, Node::Never, Node::Or)
    }

    /// True where no part is.
    pub(super) fn nor(parts: impl IntoIterator<Item = Node>) -> Node {
        Node::or(parts).negated()
    }

    /// True where this is not.
    pub(super) fn negated(self) -> Node {
        match self {
            Node::Always => Node::Never,
            Node::Never => Node::Always,
            Node::Not(inner) => *inner,
            Node::Or(parts) => Node::Nor(parts),
            Node::Nor(parts) => Node::Or(parts),
            other => Node::Not(Box::new(other)),
        }
    }
}

/// The only part, or a connective of all, or what the connective of none is.
fn one_or(mut parts: Vec<Node>, none: Node, many: impl FnOnce(Vec<Node>) -> Node) -> Node {
    if parts.len() > 1 { many(parts) } else { parts.pop().unwrap_or(none) }
}

impl Test {
    /// True of what is listed; `None` where nothing is, so that it is true of nothing.
    pub(super) fn any_of(values: Vec<Value<'static>>, mut patterns: Vec<Pattern>) -> Option<Test> {
        let mut only = Vec::new();
        for pattern in patterns.drain(..) {
            if !only.contains(&pattern) {
                only.push(pattern);
            }
        }
        let members = Members::new(values, only);
        match (members.values(), members.patterns()) {
            ([], []) => None,
            ([value], []) => Some(Test::Equal(value.clone())),
            ([], [pattern]) => Some(Test::Matches(pattern.clone())),
            _ => Some(Test::In(members)),
        }
    }
}
