//! Aggregation expressions: parsed once, evaluated on many documents.
//!
//! ```
//! use cuesta::document::expression::{Context, Env, Expression, Scope};
//! use cuesta::document::value::{DateTime, Value};
//! use cuesta::doc;
//!
//! # fn main() -> cuesta::Result<()> {
//! let total = doc! { "$multiply": ["$price", {"$add": ["$count", 1]}] };
//! let total = Expression::parse(&total.into(), &mut Scope::new())?;
//! let context = Context::new(DateTime::from_millis(0), 1);
//! let item = doc! { "price": 2.5, "count": 3 };
//! assert_eq!(total.evaluate(&Env::new(&item, &context))?, Some(Value::Double(10.0)));
//! # Ok(())
//! # }
//! ```
//!
//! A value that is missing is `None`: it is not null, and a document made by an expression leaves
//! such a field out. Most operators give null when an argument is null or missing.
//!
//! Not for: stages and accumulators, which are the pipeline's; filters, which may hold expressions.
//!
//! # Invariants
//!
//! 1. Parsing and evaluating never panic, whatever the values, and recurse at most 200 levels deep.
//! 2. A path read from bytes, and a comparison of two, allocate nothing.
//! 3. What is constant is computed when it is parsed, unless that is an error: then it is one only
//!    where it is evaluated.

use crate::Result;
use crate::document::value::{Array, Document, Path, Value};

mod scope;
mod env;
mod prepared;
mod operator;
mod field;
mod argument;
mod parse;
mod dependency;
mod number;
mod comparison;
mod conditional;
mod arithmetic;
mod rounding;
mod exponent;
mod bits;
mod trigonometry;
mod text;
mod substring;
mod pattern;
mod array;
mod sequence;
mod sorting;
mod binding;
mod set;
mod object;
mod civil;
mod zone;
mod date_value;
mod date;
mod calendar_steps;
mod date_text;
mod date_format;
mod date_parse;
mod binary_text;
mod conversion;
pub(crate) mod statistics;
mod summary;
mod special;
#[cfg(test)]
pub(crate) mod tests;

pub use dependency::Dependencies;
pub(crate) use dependency::overlaps;
pub use env::{Context, Env};
pub(crate) use object::merge_into;
pub use scope::Scope;
pub(crate) use sequence::count as positive_count;
pub use sorting::{Direction, SortOrder};
pub(crate) use summary::{fractions as percentile_fractions, method as percentile_method};

use binding::Binding;
use operator::{Args, Operator, Worth};
use prepared::Prepared;
use scope::Place;

/// An expression, ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Expression(Node);

/// What an expression is.
#[derive(Clone, Debug)]
enum Node {
    /// Always the same.
    Constant(Value<'static>),
    /// Always missing: `$$REMOVE`, and arguments that were not given.
    Missing,
    /// A path in the document.
    Field(Path),
    /// The whole document, or that which paths begin in.
    Whole(Which, Option<Path>),
    /// A variable, or a path in its value.
    Variable(Place, Option<Path>),
    /// `$$NOW`.
    Now,
    /// A document made of expressions.
    Document(Vec<(Box<str>, Expression)>),
    /// An array made of expressions; what is missing is null in it.
    Array(Vec<Expression>),
    /// An operator and its arguments.
    Call(Box<Call>),
    /// An operator that sets variables.
    Binding(Box<Binding>),
}

/// Which document is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Root,
    Current,
}

/// An operator and its arguments.
#[derive(Clone, Debug)]
struct Call {
    operator: &'static Operator,
    list: Vec<Expression>,
    prepared: Prepared,
}

impl Expression {
    /// Reads an expression. `scope` has the variables that it may use.
    ///
    /// # Errors
    /// Those of MongoDB: code 168 for an operator that there is not, 238 for one that Cuesta does
    /// not have, 15 for one nested too deeply, and others for arguments that are wrong.
    pub fn parse(value: &Value<'_>, scope: &mut Scope) -> Result<Expression> {
        parse::expression(value, scope)
    }

    /// The expression that is always this value, `$` or not.
    pub fn literal(value: Value<'static>) -> Expression {
        Expression(Node::Constant(value))
    }

    /// The expression that is a field, its path without the `$`.
    ///
    /// # Errors
    /// Code 15 when the path is too long.
    pub fn field(path: &str) -> Result<Expression> {
        Ok(Expression(Node::Field(Path::parse(path)?)))
    }

    /// What it is worth; `None` is missing. What it takes from the document is borrowed.
    ///
    /// # Errors
    /// Those of its operators, for values that they cannot take.
    pub fn evaluate<'d>(&'d self, env: &Env<'d>) -> Result<Option<Value<'d>>> {
        match &self.0 {
            Node::Constant(value) => Ok(Some(value.borrow())),
            Node::Missing => Ok(None),
            Node::Field(path) => Ok(field::in_document(path, env.current())),
            Node::Whole(which, path) => Ok(whole(*which, path.as_ref(), env)),
            Node::Variable(place, path) => Ok(variable(*place, path.as_ref(), env)),
            Node::Now => Ok(Some(Value::DateTime(env.context().now()))),
            Node::Document(fields) => document(fields, env),
            Node::Array(items) => array(items, env),
            Node::Call(call) => call.evaluate(env),
            Node::Binding(binding) => binding.evaluate(env),
        }
    }

    /// The names of all operators.
    #[cfg(test)]
    pub(crate) fn operators() -> impl Iterator<Item = &'static str> {
        operator::all().map(|operator| operator.name)
    }

    /// Its value if that is always the same.
    pub fn as_constant(&self) -> Option<&Value<'static>> {
        if let Node::Constant(value) = &self.0 { Some(value) } else { None }
    }

    /// The path, where it is nothing but a field of the document.
    pub fn as_field(&self) -> Option<&Path> {
        if let Node::Field(path) = &self.0 { Some(path) } else { None }
    }

    /// Its operator's name and arguments, where it is a call of one.
    pub fn as_call(&self) -> Option<(&'static str, &[Expression])> {
        if let Node::Call(call) = &self.0 { Some((call.operator.name, &call.list)) } else { None }
    }

    /// What it reads.
    pub fn dependencies(&self) -> Dependencies {
        let mut found = Dependencies::default();
        found.add(self);
        found
    }
}

impl Call {
    fn evaluate<'d>(&'d self, env: &Env<'d>) -> Worth<'d> {
        (self.operator.function)(&Args {
            name: self.operator.name,
            list: &self.list,
            prepared: &self.prepared,
            env,
        })
    }
}

fn whole<'d>(which: Which, path: Option<&'d Path>, env: &Env<'d>) -> Option<Value<'d>> {
    let document = match which {
        Which::Root => env.root(),
        Which::Current => env.current(),
    };
    match path {
        Some(path) => field::in_document(path, document),
        None => Some(Value::Document(document.borrow())),
    }
}

fn variable<'d>(place: Place, path: Option<&'d Path>, env: &Env<'d>) -> Option<Value<'d>> {
    let value = match place {
        Place::Slot(slot) => env.slot(slot),
        Place::Bound(number) => env.context().bound().get(number)?.as_ref().map(Value::borrow),
    }?;
    match path {
        Some(path) => field::in_value(path.segments(), value),
        None => Some(value),
    }
}

fn document<'d>(fields: &'d [(Box<str>, Expression)], env: &Env<'d>) -> Worth<'d> {
    let mut made = Vec::with_capacity(fields.len());
    for (name, expression) in fields {
        if let Some(value) = expression.evaluate(env)? {
            made.push(((&**name).into(), value));
        }
    }
    Ok(Some(Value::Document(Document::from_fields(made))))
}

fn array<'d>(items: &'d [Expression], env: &Env<'d>) -> Worth<'d> {
    let mut made = Vec::with_capacity(items.len());
    for expression in items {
        made.push(expression.evaluate(env)?.unwrap_or(Value::Null));
    }
    Ok(Some(Value::Array(Array::from(made))))
}
