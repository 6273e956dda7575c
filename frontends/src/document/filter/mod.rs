//! Query filters: parsed once, matched against many documents.
//!
//! ```
//! use cuesta::doc;
//! use cuesta::document::expression::{Context, Scope};
//! use cuesta::document::filter::Filter;
//! use cuesta::document::value::DateTime;
//!
//! # fn main() -> cuesta::Result<()> {
//! let filter = doc! { "tags": {"$in": ["ridge", "mesa"]}, "height": {"$gte": 500, "$lt": 900} };
//! let filter = Filter::parse(&filter, &mut Scope::new())?;
//! let context = Context::new(DateTime::from_millis(0), 1);
//! let place = doc! { "name": "Cuesta", "tags": ["scarp", "ridge"], "height": 612.5 };
//! assert!(filter.matches(&place, &context)?);
//! assert_eq!(filter.matches_at(&place, &context)?, Some(Some(1)), "the tag that matched");
//! # Ok(())
//! # }
//! ```
//!
//! Not for: finding documents without reading all of them. The planner reads bounds from
//! [`root`](Filter::root).
//!
//! # Invariants
//!
//! 1. Parsing and matching never panic, whatever the documents.
//! 2. Matching allocates nothing, but for expressions and look-around in patterns.
//! 3. [`to_document`](Filter::to_document), parsed again, is the same filter.
//! 4. An operator that is not supported is an error that names it.

use crate::Result;
use crate::document::expression::{Context, Scope};
use crate::document::value::{Document, Value};

mod bits;
mod node;
mod simplify;
mod matching;
mod operator;
mod parse;
mod equality;
mod write;
#[cfg(test)]
pub(in crate::document) mod tests;

pub use bits::{BitRule, BitTest};
pub use node::{Computed, Kinds, Members, Node, Remainder, Side, Test};

use matching::Matching;

/// A query filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    root: Node,
}

impl Filter {
    /// Reads a filter. `scope` has the variables that `$expr` may use.
    ///
    /// # Errors
    /// Code 2 for an operator that does not exist or whose argument is wrong, 9 for one that is
    /// not well formed, 15 for nesting deeper than 100 levels, 238 for an operator of MongoDB's
    /// that Cuesta does not have, and those of regular expressions and expressions.
    pub fn parse(document: &Document<'_>, scope: &mut Scope) -> Result<Filter> {
        Ok(Filter { root: parse::filter(document, scope)? })
    }

    /// The filter that this tree is.
    pub(crate) fn of(root: Node) -> Filter {
        Filter { root }
    }

    /// The filter that is true of every document.
    pub fn all() -> Filter {
        Filter { root: Node::Always }
    }

    /// Whether it is true of a document. Reads no more of it than it needs.
    ///
    /// # Errors
    /// Code 51156 when a pattern is too hard, and those of expressions.
    pub fn matches(&self, document: &Document<'_>, context: &Context) -> Result<bool> {
        Matching { context, position: None }.document(&self.root, document)
    }

    /// `Some` if it is true of a document, with the index that the positional operator `$` stands
    /// for: where the value was found in the outermost array on its path. Of several predicates
    /// the last one that looked into an array counts.
    ///
    /// # Errors
    /// As [`matches`](Filter::matches).
    pub fn matches_at(
        &self,
        document: &Document<'_>,
        context: &Context,
    ) -> Result<Option<Option<usize>>> {
        let mut matching = Matching { context, position: None };
        let found = matching.document(&self.root, document)?;
        Ok(found.then_some(matching.position))
    }

    /// The tree, for planners.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The filter as a document in its simplest form: connectives, and one operator for each path.
    pub fn to_document(&self) -> Document<'static> {
        write::filter(&self.root)
    }

    /// The paths that every document it is true of has as these values, for a document that is
    /// inserted where there is none: equalities, as they are and under `$and`.
    ///
    /// # Errors
    /// Code 54 when a path has two values, or another path leads into one.
    pub fn equalities(&self) -> Result<Vec<(&str, &Value<'static>)>> {
        equality::equalities(&self.root)
    }
}

/// A condition on single values: operators without a path, as `$pull` and `$elemMatch` have them.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    node: Node,
}

impl Condition {
    /// Whether a document is operators rather than a value: its first name begins with `$`, and is
    /// not one of those of a database reference.
    pub fn is_operators(document: &Document<'_>) -> bool {
        parse::is_operators(document)
    }

    /// Reads operators, or a regular expression.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    pub fn parse(value: &Value<'_>, scope: &mut Scope) -> Result<Condition> {
        Ok(Condition { node: parse::condition(value, scope)? })
    }

    /// Whether it is true of a value, which is not looked into where it is an array.
    ///
    /// # Errors
    /// As [`Filter::matches`].
    pub fn matches(&self, value: &Value<'_>, context: &Context) -> Result<bool> {
        Matching { context, position: None }.value(&self.node, value)
    }
}
