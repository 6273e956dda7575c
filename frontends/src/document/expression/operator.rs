//! What operators are: a name, how arguments are written, and a function.
//!
//! Each family of operators is a file with a table of these. A function gets its arguments
//! unevaluated, so that `$and`, `$cond` and the like evaluate only what they need.

use std::fmt;

use super::prepared::Prepared;
use super::scope::Scope;
use super::{Env, Expression, Node};
use crate::Result;
use crate::document::value::{Document, Value};

/// What an expression is worth; `None` is missing.
pub(super) type Worth<'d> = Result<Option<Value<'d>>>;

/// What computes an operator.
pub(super) type Function = for<'e, 'd> fn(&Args<'e, 'd>) -> Worth<'d>;

/// An operator.
pub(super) struct Operator {
    /// Its name, such as `$add`.
    pub name: &'static str,
    /// How its arguments are written.
    pub takes: Takes,
    /// What computes it.
    pub function: Function,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// How the arguments of an operator are written.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// So many in an array; a single one may stand without the array.
    List(usize, usize),
    /// By name, in a document; those with `true` must be there. The function sees them in this
    /// order.
    Named(&'static [(&'static str, bool)]),
    /// By name or, for an operator of dates, alone: `date` and `timezone`.
    DatePart,
    /// As its own function says.
    Own(fn(&Value<'_>, &mut Scope) -> Result<Node>),
}

/// No bound on how many arguments there are.
pub(super) const ANY: usize = usize::MAX;

/// The arguments of an operator, which are evaluated when asked for.
pub(super) struct Args<'e, 'd> {
    /// The operator's name, for messages.
    pub name: &'static str,
    /// The arguments.
    pub list: &'d [Expression],
    /// What was found out when it was parsed.
    pub prepared: &'d Prepared,
    /// What to evaluate them in.
    pub env: &'e Env<'d>,
}

impl<'d> Args<'_, 'd> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Evaluates the argument of this number; one that is not there is missing.
    pub fn get(&self, at: usize) -> Worth<'d> {
        self.list.get(at).map_or(Ok(None), |expression| expression.evaluate(self.env))
    }

    /// As [`get`](Args::get), with null and undefined as if they were missing.
    pub fn present(&self, at: usize) -> Worth<'d> {
        Ok(self.get(at)?.filter(|value| !value.is_nullish()))
    }

    /// Whether the argument of this number was written.
    pub fn given(&self, at: usize) -> bool {
        self.list.get(at).is_some_and(|expression| !matches!(expression.0, Node::Missing))
    }

    /// Evaluates all of them, one by one.
    pub fn each(&self) -> impl Iterator<Item = Worth<'d>> {
        self.list.iter().map(|expression| expression.evaluate(self.env))
    }
}

/// The value null, which most operators give when an argument is null or missing.
pub(super) fn null<'d>() -> Worth<'d> {
    Ok(Some(Value::Null))
}

/// A value as what an expression is worth.
pub(super) fn worth<'d>(value: impl Into<Value<'d>>) -> Worth<'d> {
    Ok(Some(value.into()))
}

/// The name of a value's type as messages have it; `missing` for none.
pub(super) fn type_name(value: Option<&Value<'_>>) -> &'static str {
    value.map_or("missing", |value| value.kind().name())
}

/// A value as messages show it, shortened.
pub(super) fn shown(value: &Value<'_>) -> String {
    const LETTERS_MAX: usize = 120;
    let text = format!("{value:?}");
    if text.chars().count() <= LETTERS_MAX {
        return text;
    }
    let short: String = text.chars().take(LETTERS_MAX).collect();
    format!("{short}...")
}

/// The families' tables.
const FAMILIES: &[&[Operator]] = &[
    super::comparison::OPERATORS,
    super::conditional::OPERATORS,
    super::arithmetic::OPERATORS,
    super::rounding::OPERATORS,
    super::exponent::OPERATORS,
    super::bits::OPERATORS,
    super::trigonometry::OPERATORS,
    super::text::OPERATORS,
    super::substring::OPERATORS,
    super::pattern::OPERATORS,
    super::array::OPERATORS,
    super::sequence::OPERATORS,
    super::sorting::OPERATORS,
    super::binding::OPERATORS,
    super::set::OPERATORS,
    super::object::OPERATORS,
    super::conversion::OPERATORS,
    super::date::OPERATORS,
    super::calendar_steps::OPERATORS,
    super::date_text::OPERATORS,
    super::summary::OPERATORS,
    super::special::OPERATORS,
];

/// The operator of this name.
pub(super) fn find(name: &str) -> Option<&'static Operator> {
    all().find(|operator| operator.name == name)
}

/// All operators.
pub(super) fn all() -> impl Iterator<Item = &'static Operator> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// An empty document, to evaluate in what needs none.
pub(super) fn nothing() -> Document<'static> {
    Document::new()
}
