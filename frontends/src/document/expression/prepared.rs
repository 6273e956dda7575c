//! What is found out about constant arguments when an operator is parsed.

use super::operator::{Operator, Takes};
use super::pattern;
use super::zone::Zone;
use super::{Expression, Node};
use crate::document::pattern::Pattern;
use crate::document::value::Value;

/// Constant arguments in the form in which they are used.
#[derive(Clone, Debug)]
pub(super) enum Prepared {
    /// Nothing.
    Nothing,
    /// A regular expression.
    Pattern(Box<Pattern>),
    /// A time zone.
    Zone(Zone),
}

impl Prepared {
    /// Looks at the arguments of an operator. Those that are wrong are left for evaluation.
    pub(super) fn of(operator: &Operator, list: &[Expression]) -> Prepared {
        let zone_at = match operator.takes {
            Takes::DatePart => Some(1),
            Takes::Named(names) => names.iter().position(|(name, _)| *name == "timezone"),
            _ => None,
        };
        let constant = |at: usize| list.get(at).and_then(Expression::as_constant);
        if let Some(Value::String(name)) = zone_at.and_then(constant) {
            return Zone::parse(name).map_or(Prepared::Nothing, Prepared::Zone);
        }
        let is_pattern = operator.name.starts_with("$regex");
        let options = match list.get(2) {
            None | Some(Expression(Node::Missing)) => Some(None),
            Some(_) => constant(2).map(Some),
        };
        match (is_pattern, constant(1), options) {
            (true, Some(regex), Some(options)) => pattern::compile(operator.name, regex, options)
                .map_or(Prepared::Nothing, |pattern| Prepared::Pattern(Box::new(pattern))),
            _ => Prepared::Nothing,
        }
    }
}
