//! Projections: which fields of a document are given, and what is computed beside them.
//!
//! ```
//! use cuesta::doc;
//! use cuesta::document::expression::{Context, Scope};
//! use cuesta::document::projection::Projection;
//! use cuesta::document::value::DateTime;
//!
//! # fn main() -> cuesta::Result<()> {
//! let projection = doc! { "name": 1, "lines.to": 1, "_id": 0 };
//! let projection = Projection::find(&projection, &mut Scope::new())?;
//! let context = Context::new(DateTime::from_millis(0), 1);
//! let stop = doc! { "_id": 7, "name": "Mesa", "lines": [{"to": "A", "every": 5}, {"to": "B"}] };
//! let given = projection.apply(&stop, None, &context)?;
//! assert_eq!(given, doc! { "name": "Mesa", "lines": [{"to": "A"}, {"to": "B"}] });
//! # Ok(())
//! # }
//! ```
//!
//! The projections of `find`, of the stages `$project`, `$addFields` and `$unset`, and of updates
//! by pipeline are of one kind.
//!
//! Not for: `$meta`, of which there is nothing to tell here.
//!
//! # Invariants
//!
//! 1. Fields keep the order of the document; what is computed anew follows in that of the
//!    projection.
//! 2. No two paths of a projection are the same, and none leads into another.

use crate::Result;
use crate::document::expression::{Context, Dependencies, Env, Expression, Scope};
use crate::document::value::{Document, Path};

mod tree;
mod parse;
mod apply;
mod find;
#[cfg(test)]
mod tests;

use apply::Applying;
use tree::{Branch, Child, Rest};

/// What becomes of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate<'p> {
    /// It is given as it is.
    Same,
    /// It is computed.
    Computed(&'p Expression),
    /// It, or parts of it, are left out or changed.
    Other,
}

/// A projection.
#[derive(Clone, Debug)]
pub struct Projection {
    root: Branch,
    rest: Rest,
    /// The array of which only what the query matched is given.
    positional: Option<Path>,
}

impl Projection {
    /// Reads the projection of a `find`, with `$slice`, `$elemMatch` and the positional operator.
    /// An empty one gives documents as they are.
    ///
    /// # Errors
    /// Code 31249 for paths that meet, 31253 and 31254 for what is included and excluded
    /// at once, 238 for `$meta`, others for operators that are wrong, and those of filters and
    /// expressions.
    pub fn find(specification: &Document<'_>, scope: &mut Scope) -> Result<Projection> {
        parse::project(specification, parse::Language::Find, scope)
    }

    /// Reads the projection of the stage `$project`.
    ///
    /// # Errors
    /// As [`find`](Projection::find), and code 51272 for an empty one.
    pub fn project(specification: &Document<'_>, scope: &mut Scope) -> Result<Projection> {
        parse::project(specification, parse::Language::Aggregate, scope)
    }

    /// Reads the fields of the stage `$addFields`, which leaves all others as they are.
    ///
    /// # Errors
    /// As [`project`](Projection::project).
    pub fn add_fields(specification: &Document<'_>, scope: &mut Scope) -> Result<Projection> {
        parse::add_fields(specification, scope)
    }

    /// The projection of the stage `$unset`: all but these paths.
    ///
    /// # Errors
    /// As [`project`](Projection::project).
    pub fn unset<'p>(paths: impl IntoIterator<Item = &'p str>) -> Result<Projection> {
        parse::unset(paths)
    }

    /// Whether documents are given as they are.
    pub fn is_identity(&self) -> bool {
        self.root.is_empty() && self.rest == Rest::Kept && self.positional.is_none()
    }

    /// Whether only what the projection names is given.
    pub fn is_inclusion(&self) -> bool {
        self.rest == Rest::Dropped
    }

    /// What is given of a document. `position` is where the query matched in an array, for the
    /// positional operator.
    ///
    /// # Errors
    /// Code 51246 when the query matched in no array, and those of expressions.
    pub fn apply<'d>(
        &'d self,
        document: &'d Document<'_>,
        position: Option<usize>,
        context: &'d Context,
    ) -> Result<Document<'d>> {
        if self.is_identity() {
            return Ok(document.borrow());
        }
        let env = Env::new(document, context);
        let made =
            Applying { rest: self.rest, env: &env }.document(&self.root, document.borrow())?;
        match &self.positional {
            Some(path) => find::positional(path, made, position),
            None => Ok(made),
        }
    }

    /// What becomes of a field of the document itself.
    pub(crate) fn fate(&self, name: &str) -> Fate<'_> {
        match (self.root.get(name), self.rest) {
            (Some(Child::Included), _) | (None, Rest::Kept) => Fate::Same,
            (Some(Child::Computed(expression)), _) => Fate::Computed(expression),
            _ => Fate::Other,
        }
    }

    /// What it reads to compute fields and to give those that it names.
    pub(crate) fn named_dependencies(&self) -> Dependencies {
        let mut found = Dependencies::default();
        self.root.add_dependencies("", &mut found);
        found
    }

    /// What it reads of a document: the whole where fields are kept that it does not name.
    pub fn dependencies(&self) -> Dependencies {
        let whole = self.rest == Rest::Kept;
        let mut found = Dependencies { whole, ..Dependencies::default() };
        self.root.add_dependencies("", &mut found);
        found
    }
}
