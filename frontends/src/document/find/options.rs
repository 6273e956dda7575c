//! What a query may be told besides its filter.

use crate::document::value::Document;

/// How documents are found: see [`Collection::find_with`](crate::document::Collection::find_with).
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until something is found with them"]
pub struct FindOptions {
    pub(super) projection: Option<Document<'static>>,
    pub(super) sort: Option<Document<'static>>,
    pub(super) skip: u64,
    pub(super) limit: Option<u64>,
    pub(super) hint: Option<Hint>,
    pub(super) variables: Option<Document<'static>>,
}

/// The index that is to be used.
#[derive(Clone, Debug)]
pub enum Hint {
    /// By name.
    Name(String),
    /// By its fields.
    Key(Document<'static>),
    /// None: all documents are walked through.
    Natural,
}

impl FindOptions {
    /// Everything, in no order.
    pub fn new() -> FindOptions {
        FindOptions::default()
    }

    /// Which fields are given, as in MongoDB.
    pub fn projection(mut self, projection: Document<'_>) -> FindOptions {
        self.projection = Some(projection.into_static());
        self
    }

    /// The order: fields with 1 or -1. Documents that are equal in it come in the order in which
    /// they were inserted.
    pub fn sort(mut self, sort: Document<'_>) -> FindOptions {
        self.sort = Some(sort.into_static());
        self
    }

    /// How many of the first documents are left out.
    pub fn skip(mut self, skip: u64) -> FindOptions {
        self.skip = skip;
        self
    }

    /// How many documents there are at most; 0 is no limit.
    pub fn limit(mut self, limit: u64) -> FindOptions {
        self.limit = (limit > 0).then_some(limit);
        self
    }

    /// The index that is to be used, whatever it costs.
    pub fn hint(mut self, hint: Hint) -> FindOptions {
        self.hint = Some(hint);
        self
    }

    /// Variables that `$expr` may use, by name.
    pub fn variables(mut self, variables: Document<'_>) -> FindOptions {
        self.variables = Some(variables.into_static());
        self
    }
}
