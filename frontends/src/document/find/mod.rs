//! Finding documents, and changing those that were found.
//!
//! ```
//! # fn main() -> cuesta::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = cuesta::Database::open(dir.path())?;
//! use cuesta::doc;
//! use cuesta::document::FindOptions;
//!
//! let places = db.collection("places")?;
//! places.insert_one(doc! { "name": "Cuesta", "height": 612, "tags": ["ridge"] })?;
//! places.insert_one(doc! { "name": "Mesa", "height": 410 })?;
//! places.update_many(&doc! { "height": {"$gt": 500} }, &doc! { "$set": {"high": true} }.into())?;
//!
//! let by_height = FindOptions::new().sort(doc! { "height": -1 }).projection(doc! { "_id": 0 });
//! let found = places.find_with(&doc! { "tags": "ridge" }, &by_height)?;
//! let found: Vec<_> = found.collect::<cuesta::Result<_>>()?;
//! assert_eq!(found, [doc! { "name": "Cuesta", "height": 612, "tags": ["ridge"], "high": true }]);
//! assert_eq!(places.delete_many(&doc! {})?, 2);
//! # Ok(())
//! # }
//! ```
//!
//! Not for: what filters, updates and plans are.

mod examined;
mod options;
mod statistics;
mod stretches;
mod rows;
mod explain;
mod query;
mod cursor;
mod change;
#[cfg(test)]
mod tests;

pub use change::{FoundAndChanged, Return, UpdateOptions, Updated};
pub use cursor::DocumentCursor;
pub use options::{FindOptions, Hint};
pub(crate) use statistics::Samples;

use std::sync::Arc;

use super::collection::{Collection, State};
use super::plan::choose::Statistics;
use super::value::{Document, Path, Value};
use crate::Result;
use crate::document::value::Leaf;
use crate::kv::Moment;
use query::Query;

impl Collection<'_> {
    /// The documents that match a filter.
    ///
    /// # Errors
    /// Those of filters; as [`Snapshot::get`](crate::Snapshot::get).
    pub fn find(&self, filter: &Document<'_>) -> Result<DocumentCursor> {
        self.find_with(filter, &FindOptions::new())
    }

    /// As [`find`](Collection::find), in an order, a part of them, or parts of each.
    ///
    /// # Errors
    /// As [`find`](Collection::find), and those of projections and orders; code 2 for a hint at an
    /// index that is not there.
    pub fn find_with(
        &self,
        filter: &Document<'_>,
        options: &FindOptions,
    ) -> Result<DocumentCursor> {
        let query = Query::parse(self, filter, options)?;
        let moment = self.moment();
        let Some(state) = self.state(&moment)? else { return Ok(DocumentCursor::none()) };
        let found = query.open(self, &state, &moment)?;
        Ok(DocumentCursor::new(state, moment, query, found))
    }

    /// The first document that matches a filter.
    ///
    /// # Errors
    /// As [`find`](Collection::find).
    pub fn find_one(&self, filter: &Document<'_>) -> Result<Option<Document<'static>>> {
        self.find_one_with(filter, &FindOptions::new())
    }

    /// As [`find_one`](Collection::find_one), with an order or parts of the document.
    ///
    /// # Errors
    /// As [`find_with`](Collection::find_with).
    pub fn find_one_with(
        &self,
        filter: &Document<'_>,
        options: &FindOptions,
    ) -> Result<Option<Document<'static>>> {
        self.find_with(filter, &options.clone().limit(1))?.next()
    }

    /// How many documents match a filter.
    ///
    /// # Errors
    /// As [`find`](Collection::find).
    pub fn count_documents(&self, filter: &Document<'_>) -> Result<u64> {
        let query = Query::parse(self, filter, &FindOptions::new())?;
        let moment = self.moment();
        let Some(state) = self.state(&moment)? else { return Ok(0) };
        let mut found = query.open(self, &state, &moment)?;
        let mut count = 0;
        while found.rows.next(|_, _| Ok(()))?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The different values at a path, of arrays those in them, of the documents that match a
    /// filter; in their order.
    ///
    /// # Errors
    /// As [`find`](Collection::find).
    pub fn distinct(&self, path: &str, filter: &Document<'_>) -> Result<Vec<Value<'static>>> {
        let query = Query::parse(self, filter, &FindOptions::new())?;
        let path = Path::parse(path)?;
        let moment = self.moment();
        let Some(state) = self.state(&moment)? else { return Ok(Vec::new()) };
        let mut found = query.open(self, &state, &moment)?;
        let mut values = std::collections::BTreeSet::new();
        let mut note = |_, document: &Document<'_>| {
            let _ = path.visit(document, Leaf::Whole, |value, _| {
                match value {
                    Some(Value::Array(items)) => {
                        values.extend(items.iter().map(Value::into_static));
                    }
                    Some(value) => _ = values.insert(value.into_static()),
                    None => {}
                }
                std::ops::ControlFlow::Continue(())
            });
            Ok(())
        };
        while found.rows.next(&mut note)?.is_some() {}
        Ok(values.into_iter().collect())
    }

    /// Runs a query, and tells how it was answered: which indexes, why the others not, and what was
    /// looked at.
    ///
    /// # Errors
    /// As [`find_with`](Collection::find_with).
    pub fn explain(
        &self,
        filter: &Document<'_>,
        options: &FindOptions,
    ) -> Result<Document<'static>> {
        self.find_with(filter, options)?.run()
    }

    /// What planning knows of the collection.
    fn statistics(&self, state: &Arc<State>, numbers: &[usize]) -> Result<Statistics> {
        let env = &*self.shared.db.engine.parts().env;
        // What is read for planning is no reason for conflicts.
        let moment = Moment::Committed(self.shared.db.snapshot());
        self.shared.memory.samples.of(state, numbers, &moment, env)
    }
}
