//! Accumulators: what the documents of a group come to.
//!
//! An [`Accumulator`] is parsed once; a [`State`] of it is kept for each group. A state can be
//! written as a value and merged with others, so that groups may wait on disk.

use crate::Result;
use crate::document::expression::{Env, Expression, Scope, SortOrder};
use crate::document::failure;
use crate::document::value::Value;

mod parse;
mod state;

pub(super) use state::State;

use crate::document::expression::statistics::{Method, Of};

/// An accumulator of `$group`, `$bucket` or `$bucketAuto`.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    /// The field that it fills.
    pub field: Box<str>,
    /// Its name, such as `$sum`.
    pub name: &'static str,
    kind: Kind,
    argument: Expression,
    count: Option<Expression>,
}

/// What an accumulator does.
#[derive(Clone, Debug)]
enum Kind {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    First,
    Last,
    Push,
    AddToSet,
    Deviation(Of),
    MergeObjects,
    FirstN,
    LastN,
    MaxN,
    MinN,
    /// The order is that in which documents are wanted, at the bottom the last one first.
    Best(SortOrder, Wanted),
    Median(Method),
    Percentile(Method, Vec<f64>),
}

/// What of the documents that come first in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// The first one.
    One,
    /// An array, the first one first.
    Top,
    /// An array, the first one last.
    Bottom,
}

impl Accumulator {
    /// Reads `field: {$name: argument}`.
    pub fn parse(field: &str, value: &Value<'_>, scope: &mut Scope) -> Result<Accumulator> {
        parse::accumulator(field, value, scope)
    }

    /// The names of all accumulators.
    #[cfg(test)]
    pub fn names() -> impl Iterator<Item = &'static str> {
        parse::NAMES.iter().copied()
    }

    /// A state that has seen nothing. The group's key may say how many values are wanted.
    pub fn start<'d>(&'d self, env: &Env<'d>) -> Result<State> {
        let count = match &self.count {
            None => 1,
            Some(count) => {
                let value = count.evaluate(env)?.map(Value::into_static);
                crate::document::expression::positive_count(self.name, value)?
            }
        };
        Ok(State::new(&self.kind, count))
    }

    /// Has a state see a document. Gives how many bytes the state has grown by.
    pub fn add<'d>(&'d self, state: &mut State, env: &Env<'d>) -> Result<usize> {
        let value = self.argument.evaluate(env)?;
        match &self.kind {
            Kind::Best(order, _) => state.add_ranked(order, env.root(), value),
            _ => state.add(self.name, value),
        }
    }

    /// Merges what [`State::save`] wrote of a later state.
    pub fn merge(&self, state: &mut State, saved: Value<'_>) -> Result<usize> {
        let order = if let Kind::Best(order, _) = &self.kind { Some(order) } else { None };
        state.merge(self.name, order, saved)
    }

    /// What the state has come to.
    pub fn finish(&self, state: State) -> Value<'static> {
        match &self.kind {
            Kind::Percentile(method, fractions) => state.percentiles(fractions, *method),
            Kind::Median(method) => state.median(*method),
            Kind::Best(_, wanted) => state.best(*wanted),
            _ => state.finish(),
        }
    }

    /// The expressions that it evaluates on documents.
    pub fn argument(&self) -> &Expression {
        &self.argument
    }

    /// Paths that it sorts by.
    pub fn sort_paths(&self) -> impl Iterator<Item = &str> {
        let order = if let Kind::Best(order, _) = &self.kind { Some(order) } else { None };
        order.into_iter().flat_map(|order| order.fields().iter().map(|(path, _)| path.as_str()))
    }
}

/// The error that one group's values take more memory than they may.
fn too_large(name: &str, max: usize) -> crate::Error {
    failure::exceeded_memory_limit(format!(
        "{name} gathered more than the {max} bytes that it may use in one group"
    ))
}
