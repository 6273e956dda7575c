//! What an update made of a document.

use super::change::Changes;
use crate::document::expression::overlaps;
use crate::document::value::Document;

/// A document after an update, and what changed.
#[derive(Clone, Debug)]
pub struct Outcome<'d> {
    document: Document<'d>,
    /// Paths that were written to; empty where nothing changed.
    touched: Vec<String>,
}

impl<'d> Outcome<'d> {
    pub(super) fn new(document: Document<'d>, touched: Vec<String>) -> Outcome<'d> {
        Outcome { document, touched }
    }

    /// The document as it is now.
    pub fn document(&self) -> &Document<'d> {
        &self.document
    }

    /// The document as it is now.
    pub fn into_document(self) -> Document<'d> {
        self.document
    }

    /// Whether anything changed, if only a number's type.
    pub fn is_changed(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The paths that were written to, in order, each of them changed: fields of operators, and
    /// fields of the whole document where it was replaced.
    pub fn touched(&self) -> impl Iterator<Item = &str> {
        self.touched.iter().map(String::as_str)
    }

    /// Whether what is at a path, around it or within it may have changed: whether an index of it
    /// must be looked at.
    pub fn touches(&self, path: &str) -> bool {
        self.touched.iter().any(|touched| overlaps(touched, path))
    }

    /// What tells the document from what it was, field by field. Costs a walk through both.
    pub fn changes(&self, old: &Document<'_>) -> Changes {
        Changes::between(old, &self.document)
    }
}
