//! What a planner knows of an index.

use crate::document::filter::Filter;
use crate::document::value::Path;
use crate::document::value::key::Direction;

/// A field of an index.
#[derive(Clone, Debug)]
pub struct ShapeField {
    /// Where it lies in documents.
    pub path: Path,
    /// Which way it is ordered.
    pub direction: Direction,
    /// Whether the index has met arrays on the way there.
    pub is_multikey: bool,
}

/// An index, as a planner sees it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its fields, in order.
    pub fields: Vec<ShapeField>,
    /// Whether documents without any of the fields have no key.
    pub is_sparse: bool,
    /// What documents with keys pass, if not all have some.
    pub partial: Option<Filter>,
}

impl Shape {
    /// Whether an array was met anywhere.
    pub fn is_multikey(&self) -> bool {
        self.fields.iter().any(|field| field.is_multikey)
    }

    /// Whether keys of two fields may come from elements of one array.
    pub fn shares_array(&self, one: usize, other: usize) -> bool {
        match (self.fields.get(one), self.fields.get(other)) {
            (Some(one), Some(other)) => {
                one.is_multikey && other.is_multikey && one.path.first() == other.path.first()
            }
            _ => false,
        }
    }
}
