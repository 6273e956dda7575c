//! What expressions read of a document, so that no more of it is fetched.

use std::collections::BTreeSet;

use super::{Expression, Node};

/// What is read of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Paths of fields.
    pub paths: BTreeSet<String>,
    /// Whether the whole document is.
    pub whole: bool,
}

impl Dependencies {
    /// Counts in what an expression reads.
    pub fn add(&mut self, expression: &Expression) {
        match &expression.0 {
            Node::Constant(_) | Node::Missing | Node::Variable(..) | Node::Now => {}
            Node::Field(path) | Node::Whole(_, Some(path)) => {
                self.paths.insert(path.as_str().to_owned());
            }
            Node::Whole(_, None) => self.whole = true,
            Node::Document(fields) => fields.iter().for_each(|(_, inner)| self.add(inner)),
            Node::Array(items) => items.iter().for_each(|inner| self.add(inner)),
            Node::Call(call) => call.list.iter().for_each(|inner| self.add(inner)),
            Node::Binding(binding) => binding.inner().for_each(|inner| self.add(inner)),
        }
    }

    /// Counts in what others read.
    pub fn merge(&mut self, other: Dependencies) {
        self.paths.extend(other.paths);
        self.whole |= other.whole;
    }

    /// Whether a change at `path` may change what is read: it is read, or lies within what is, or
    /// around it.
    pub fn touches(&self, path: &str) -> bool {
        self.whole || self.paths.iter().any(|read| overlaps(read, path))
    }
}

/// Whether one of two paths is the other, or lies in it.
pub(crate) fn overlaps(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
