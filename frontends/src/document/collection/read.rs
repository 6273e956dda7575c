//! Entries of an index in order, for those that find documents by them.
//!
//! Not for: which index and which range answer a question.

use super::state::Index;
use crate::document::value::Value;
use crate::kv::{Bounds, Moment};
use crate::{Cursor, Result};

/// A place among the entries of an index. It lends what it stands on.
pub(crate) struct IndexCursor<'i> {
    index: &'i Index,
    cursor: Cursor,
}

impl Index {
    /// A cursor over the entries with keys within bounds. A bound is bytes of fields, as
    /// [`key`](crate::document::value::key) makes them; in an index that is not unique rows follow
    /// them.
    pub(crate) fn cursor(&self, moment: &Moment, within: Bounds<'_>) -> Result<IndexCursor<'_>> {
        Ok(IndexCursor { index: self, cursor: moment.cursor(&self.space, within)? })
    }
}

#[expect(dead_code, reason = "what queries will use")]
impl IndexCursor<'_> {
    /// Goes to the next entry; whether there is one.
    pub(crate) fn next(&mut self) -> Result<bool> {
        self.cursor.next()
    }

    /// Goes to the entry before; whether there is one.
    pub(crate) fn prev(&mut self) -> Result<bool> {
        self.cursor.prev()
    }

    /// Goes to the first entry at or after a key; whether there is one.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<bool> {
        self.cursor.seek(key)
    }

    /// The row of the entry that it stands on.
    pub(crate) fn row(&self) -> Result<u64> {
        self.index.shape.row(self.cursor.key(), self.cursor.value())
    }

    /// The bytes of the fields, without the row.
    pub(crate) fn fields(&self) -> &[u8] {
        self.index.shape.fields_of(self.cursor.key())
    }

    /// What tells equal values of different types apart.
    pub(crate) fn types(&self) -> &[u8] {
        self.index.shape.types_of(self.cursor.value())
    }

    /// The values of the fields; `None` is missing.
    pub(crate) fn values(&self) -> Result<Vec<Option<Value<'static>>>> {
        self.index.shape.decode(self.cursor.key(), self.cursor.value())
    }
}
