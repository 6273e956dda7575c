//! Updates: operators, replacements and pipelines, applied to one document at a time.
//!
//! ```
//! use cuesta::doc;
//! use cuesta::document::expression::{Context, Scope};
//! use cuesta::document::update::{Mode, Update};
//! use cuesta::document::value::DateTime;
//!
//! # fn main() -> cuesta::Result<()> {
//! let update = doc! { "$inc": {"stock": -2}, "$push": {"log": "sold"}, "$set": {"a.b": 1} };
//! let update = Update::parse(&update.into(), &[], &mut Scope::new())?;
//! let context = Context::new(DateTime::from_millis(0), 1);
//! let item = doc! { "_id": 7, "stock": 5 };
//! let outcome = update.apply(&item, None, Mode::Update, &context)?;
//! let expected = doc! { "_id": 7, "stock": 3, "a": {"b": 1}, "log": ["sold"] };
//! assert_eq!(outcome.document(), &expected);
//! assert!(outcome.touches("log.0") && !outcome.touches("name"));
//! # Ok(())
//! # }
//! ```
//!
//! Not for: which documents are updated, and storing them.
//!
//! # Invariants
//!
//! 1. An update that is an error changes nothing.
//! 2. `_id` never changes.
//! 3. Operators take effect in the order of their paths, numbers in them by what they are worth,
//!    whatever the order in which they are written; two never write to one place.
//! 4. What is not touched keeps its bytes and its place.

use crate::Result;
use crate::document::expression::{Context, Scope};
use crate::document::filter::Filter;
use crate::document::value::{Document, Value};

mod identity;
mod change;
mod outcome;
mod target;
mod operation;
mod number;
mod array;
mod pull;
mod push;
mod array_filter;
mod parse;
mod apply;
mod replace;
mod pipeline;
mod upsert;
#[cfg(test)]
mod tests;

pub use change::Changes;
pub use outcome::Outcome;

use parse::Operators;
use pipeline::Pipeline;

/// Whether a document is changed or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It was there: `$setOnInsert` does nothing.
    Update,
    /// It is made by the update.
    Insert,
}

/// An update.
#[derive(Clone, Debug)]
pub struct Update(Form);

#[derive(Clone, Debug)]
enum Form {
    Operators(Operators),
    Replacement(Document<'static>),
    Pipeline(Pipeline),
}

impl Update {
    /// Reads an update: a document of operators, a document without any that replaces, or an array
    /// of stages. `array_filters` say what `$[name]` stands for; `scope` has the variables of
    /// pipelines.
    ///
    /// # Errors
    /// Code 9 for an operator that does not exist or what is not well formed, 2 and 14 for
    /// arguments that are wrong, 40 for operators that write to one place, 52 and 56 for names that
    /// no field may have, 72 for a stage that no update may have, and those of filters and
    /// expressions.
    pub fn parse(
        update: &Value<'_>,
        array_filters: &[Document<'_>],
        scope: &mut Scope,
    ) -> Result<Update> {
        Ok(Update(match update {
            Value::Array(stages) => {
                array_filter::refuse(array_filters, "a pipeline")?;
                Form::Pipeline(Pipeline::parse(stages, scope)?)
            }
            Value::Document(document) if replace::is_replacement(document) => {
                array_filter::refuse(array_filters, "a replacement")?;
                Form::Replacement(replace::parse(document)?)
            }
            Value::Document(document) => {
                Form::Operators(Operators::parse(document, array_filters, scope)?)
            }
            other => {
                return Err(crate::document::failure::failed_to_parse(format!(
                    "an update is a document or an array, not {other:?}"
                )));
            }
        }))
    }

    /// Whether it replaces the whole document, so that it is for one document only.
    pub fn is_replacement(&self) -> bool {
        matches!(self.0, Form::Replacement(_))
    }

    /// What becomes of a document. `position` is where the query matched in an array, for the
    /// positional operator `$`. The outcome borrows what it leaves as it is.
    ///
    /// # Errors
    /// Code 66 when `_id` would change, 28 for a path through something that is no document, 14 and
    /// 2 for values that an operator cannot take, 40 when positions bring two operators together,
    /// and those of filters and expressions.
    pub fn apply<'d>(
        &'d self,
        document: &'d Document<'_>,
        position: Option<usize>,
        mode: Mode,
        context: &'d Context,
    ) -> Result<Outcome<'d>> {
        let outcome = match &self.0 {
            Form::Operators(operators) => operators.apply(document, position, mode, context)?,
            Form::Replacement(new) => replace::apply(new, document),
            Form::Pipeline(pipeline) => pipeline.apply(document, context)?,
        };
        identity::check_id(document, outcome.document(), mode)?;
        Ok(outcome)
    }

    /// The document to insert where the filter matched none: the values that the filter says it
    /// has, updated, `_id` first if there is one.
    ///
    /// # Errors
    /// Code 54 when the filter gives a path two values, and as [`apply`](Update::apply).
    pub fn upserted(&self, filter: &Filter, context: &Context) -> Result<Document<'static>> {
        let begun = upsert::begun(filter, self.is_replacement())?;
        let outcome = self.apply(&begun, None, Mode::Insert, context)?;
        Ok(upsert::with_id_first(outcome.document().clone().into_static()))
    }
}
