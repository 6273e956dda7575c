//! Whether a filter is true of a document: values are read where they lie, nothing is allocated.

use std::ops::ControlFlow;

use super::node::{Computed, Members, Node, Remainder, Side, Test};
use crate::Result;
use crate::document::expression::{Context, Env};
use crate::document::value::{Array, Document, Kind, Leaf, Number, Path, Value};

/// A document being matched, or a part of one.
pub struct Matching<'c> {
    pub context: &'c Context,
    /// The index in the outermost array that the latest true predicate found its value in.
    pub position: Option<usize>,
}

impl Matching<'_> {
    /// Whether a node is true of a document.
    pub fn document(&mut self, node: &Node, document: &Document<'_>) -> Result<bool> {
        match node {
            Node::Always => Ok(true),
            Node::Never | Node::Value(_) => Ok(false),
            Node::And(parts) => self.all(parts, |this, part| this.document(part, document)),
            Node::Or(parts) => self.any(parts, |this, part| this.document(part, document)),
            Node::Nor(parts) => {
                let found = self.any(parts, |this, part| this.apart(part, document));
                found.map(|found| !found)
            }
            Node::Not(part) => self.apart(part, document).map(|found| !found),
            Node::Field(path, test) => self.field(path, test, document),
            Node::Expression(computed) => self.expression(computed, document),
        }
    }

    /// Whether a node of tests is true of a value.
    pub fn value(&mut self, node: &Node, value: &Value<'_>) -> Result<bool> {
        match node {
            Node::Always => Ok(true),
            Node::And(parts) => self.all(parts, |this, part| this.value(part, value)),
            Node::Or(parts) => self.any(parts, |this, part| this.value(part, value)),
            Node::Nor(parts) => {
                self.any(parts, |this, part| this.value(part, value)).map(|found| !found)
            }
            Node::Not(part) => self.value(part, value).map(|found| !found),
            Node::Value(test) => Ok(self.test(test, Some(value))?.is_some()),
            Node::Never | Node::Field(..) | Node::Expression(_) => Ok(false),
        }
    }

    fn all(
        &mut self,
        parts: &[Node],
        mut holds: impl FnMut(&mut Self, &Node) -> Result<bool>,
    ) -> Result<bool> {
        for part in parts {
            if !holds(self, part)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn any(
        &mut self,
        parts: &[Node],
        mut holds: impl FnMut(&mut Self, &Node) -> Result<bool>,
    ) -> Result<bool> {
        for part in parts {
            if holds(self, part)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// As [`document`](Matching::document), the position left as it is.
    fn apart(&mut self, node: &Node, document: &Document<'_>) -> Result<bool> {
        Matching { context: self.context, position: None }.document(node, document)
    }

    fn field(&mut self, path: &Path, test: &Test, document: &Document<'_>) -> Result<bool> {
        let mut outcome = Ok(false);
        let ended = path.visit(document, leaf(test), |value, index| {
            match self.test(test, value.as_ref()) {
                Ok(None) => ControlFlow::Continue(()),
                Ok(Some(within)) => {
                    self.position = index.or(within).or(self.position);
                    outcome = Ok(true);
                    ControlFlow::Break(())
                }
                Err(error) => {
                    outcome = Err(error);
                    ControlFlow::Break(())
                }
            }
        });
        debug_assert!(ended.is_break() || matches!(outcome, Ok(false)));
        outcome
    }

    fn expression(&mut self, computed: &Computed, document: &Document<'_>) -> Result<bool> {
        let env = Env::new(document, self.context);
        let value = computed.expression.evaluate(&env)?;
        Ok(value.is_some_and(|value| value.is_true()))
    }

    /// Whether a value, or a missing one, passes a test: `Some` if so, with the index of the value
    /// in it that decided.
    fn test(&mut self, test: &Test, value: Option<&Value<'_>>) -> Result<Option<Option<usize>>> {
        let passes = match (test, value) {
            (Test::Equal(other), value) => equal(other, value),
            (Test::Compare(side, other), value) => compares(*side, other, value),
            (Test::In(members), value) => is_member(members, value)?,
            (_, None) => false,
            (Test::Exists, Some(_)) => true,
            (Test::Type(kinds), Some(value)) => kinds.contains(value.kind()),
            (Test::Matches(pattern), Some(value)) => match value {
                Value::String(text) | Value::Symbol(text) => pattern.is_match(text)?,
                Value::Regex(regex) => regex == pattern.source(),
                _ => false,
            },
            (Test::Mod(remainder), Some(value)) => {
                value.number().is_some_and(|number| divides(*remainder, number))
            }
            (Test::Size(size), Some(Value::Array(array))) => array.len() as u64 == *size,
            (Test::Bits(bits), Some(value)) => bits.matches(value),
            (Test::ElementDocument(node), Some(Value::Array(array))) => {
                return self.element(array, |this, item| match item {
                    Value::Document(document) => this.apart(node, document),
                    Value::Array(array) => this.apart(node, &by_index(array)),
                    _ => Ok(false),
                });
            }
            (Test::Element(node), Some(Value::Array(array))) => {
                let context = self.context;
                return self.element(array, |_, item| {
                    Matching { context, position: None }.value(node, item)
                });
            }
            (Test::Size(_) | Test::ElementDocument(_) | Test::Element(_), Some(_)) => false,
        };
        Ok(passes.then_some(None))
    }

    /// The first value in an array that passes.
    fn element(
        &mut self,
        array: &Array<'_>,
        mut passes: impl FnMut(&mut Self, &Value<'_>) -> Result<bool>,
    ) -> Result<Option<Option<usize>>> {
        for (index, item) in array.iter().enumerate() {
            if passes(self, &item)? {
                return Ok(Some(Some(index)));
            }
        }
        Ok(None)
    }
}

/// What a test looks at where a path ends in an array.
fn leaf(test: &Test) -> Leaf {
    match test {
        Test::Exists | Test::Size(_) | Test::ElementDocument(_) | Test::Element(_) => Leaf::Whole,
        _ => Leaf::Elements,
    }
}

/// An array as a document whose fields are named by index.
fn by_index<'s>(array: &'s Array<'_>) -> Document<'s> {
    match array.as_raw() {
        Some(raw) => Document::from_raw(raw),
        None => array.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
    }
}

fn equal(other: &Value<'_>, value: Option<&Value<'_>>) -> bool {
    match (other, value) {
        (Value::Null, None | Some(Value::Undefined)) => true,
        (_, None) => false,
        (other, Some(value)) => other == value,
    }
}

fn is_member(members: &Members, value: Option<&Value<'_>>) -> Result<bool> {
    if members.contains(value.unwrap_or(&Value::Null)) {
        return Ok(true);
    }
    match value {
        Some(Value::Undefined) => Ok(members.contains(&Value::Null)),
        Some(Value::String(text) | Value::Symbol(text)) => {
            for pattern in members.patterns() {
                if pattern.is_match(text)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Some(Value::Regex(regex)) => {
            Ok(members.patterns().iter().any(|pattern| pattern.source() == regex))
        }
        _ => Ok(false),
    }
}

/// Whether a value is on a side of another: only among values of one place in the order of types,
/// but that all types lie between the two keys, and that missing and undefined are as null.
fn compares(side: Side, other: &Value<'_>, value: Option<&Value<'_>>) -> bool {
    let kind = value.map_or(Kind::Undefined, Value::kind);
    let value = match value {
        Some(value) if kind.rank() == other.kind().rank() => value,
        _ => {
            return match other {
                Value::Null => kind == Kind::Undefined && side.is_inclusive(),
                Value::MinKey => !side.is_below(),
                Value::MaxKey => side.is_below(),
                _ => false,
            };
        }
    };
    let is_nan = |value: &Value<'_>| value.number().is_some_and(|number| number.is_nan());
    if is_nan(value) || is_nan(other) {
        return side.is_inclusive() && is_nan(value) && is_nan(other);
    }
    let order = value.compare(other);
    match side {
        Side::Below => order.is_lt(),
        Side::AtMost => order.is_le(),
        Side::AtLeast => order.is_ge(),
        Side::Above => order.is_gt(),
    }
}

/// Whether a number, without what is behind the point, leaves the remainder.
fn divides(Remainder { divisor, remainder }: Remainder, number: Number) -> bool {
    let whole = number.truncated_to_i64();
    // The least number divided by -1 does not fit, and leaves nothing.
    whole.is_some_and(|whole| whole.checked_rem(divisor).unwrap_or(0) == remainder)
}
