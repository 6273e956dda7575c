//! Where documents come from and go to: rows that are pulled one by one, and collections.

use super::stage::write::Merge;
use super::weight;
use crate::Result;
use crate::document::expression::{Dependencies, SortOrder};
use crate::document::failure;
use crate::document::filter::Filter;
use crate::document::value::Document;

/// Documents, one after the other.
pub trait Rows: Send {
    /// The next document; `None` after the last one.
    ///
    /// # Errors
    /// Those of where they come from. After an error there are no more.
    fn next(&mut self) -> Result<Option<Document<'static>>>;
}

/// Rows of any kind.
pub type BoxedRows = Box<dyn Rows>;

/// A collection's name, and that of its database where another one is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// The database; `None` is the pipeline's own.
    pub database: Option<String>,
    /// The collection.
    pub collection: String,
}

impl Namespace {
    /// A collection of the pipeline's own database.
    pub fn new(collection: impl Into<String>) -> Namespace {
        Namespace { database: None, collection: collection.into() }
    }
}

/// The leading part of a pipeline, which a collection may answer from its indexes.
#[derive(Clone, Copy, Debug)]
pub struct Leading<'p> {
    /// Which documents are wanted.
    pub filter: Option<&'p Filter>,
    /// Their order.
    pub sort: Option<&'p SortOrder>,
    /// How many of them are looked at, at most, after filter and order.
    pub limit: Option<u64>,
    /// What is read of them; `None` is everything.
    pub reads: Option<&'p Dependencies>,
}

/// Rows of a collection, and what of the leading part has been done already.
pub struct Opened {
    /// The documents.
    pub rows: BoxedRows,
    /// Whether they are those of the filter alone.
    pub filtered: bool,
    /// Whether they are in order.
    pub sorted: bool,
}

/// Collections, as pipelines see them.
pub trait Sources: Send + Sync {
    /// The documents of a collection, which has none if it is not there. What is not done of
    /// `leading` the pipeline does.
    ///
    /// # Errors
    /// Those of reading.
    fn open(&self, namespace: &Namespace, leading: &Leading<'_>) -> Result<Opened>;

    /// Puts these documents in place of all in a collection, for `$out`: all or nothing.
    ///
    /// # Errors
    /// Those of reading the rows and of writing.
    fn replace_all(&self, namespace: &Namespace, rows: &mut dyn Rows) -> Result<()>;

    /// Whether a unique index makes sure that at most one document has the same values at these
    /// paths, for `$merge`.
    ///
    /// # Errors
    /// Those of reading.
    fn is_unique(&self, namespace: &Namespace, paths: &[String]) -> Result<bool>;

    /// Inserts a document, or replaces `before` by it, for `$merge`.
    ///
    /// # Errors
    /// Those of writing: a duplicate key, an `_id` that would change.
    fn put(
        &self,
        namespace: &Namespace,
        before: Option<&Document<'_>>,
        document: Document<'static>,
        merge: &Merge,
    ) -> Result<()>;
}

/// Documents that are there already.
pub(super) struct Given(pub std::vec::IntoIter<Document<'static>>);

impl Given {
    pub fn new(documents: Vec<Document<'static>>) -> Given {
        Given(documents.into_iter())
    }
}

impl Rows for Given {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        Ok(self.0.next())
    }
}

/// All rows at once, of which a stage makes one document.
pub(super) fn gather_within(
    rows: &mut dyn Rows,
    stage: &str,
    bytes_max: usize,
) -> Result<Vec<Document<'static>>> {
    let (mut all, mut bytes) = (Vec::new(), 0);
    while let Some(document) = rows.next()? {
        bytes += weight::document(&document);
        if bytes > bytes_max {
            let message = format!("{stage} would make a document of more than {bytes_max} bytes");
            return Err(failure::invalid(4568, message));
        }
        all.push(document);
    }
    Ok(all)
}

/// All rows at once, for who wants them all.
pub(super) fn gather(rows: &mut dyn Rows) -> Result<Vec<Document<'static>>> {
    let mut all = Vec::new();
    while let Some(document) = rows.next()? {
        all.push(document);
    }
    Ok(all)
}
