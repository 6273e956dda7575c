//! Documents one by one.

use std::cmp::Ordering;
use std::sync::Arc;

use super::query::{Found, Query};
use crate::Result;
use crate::document::collection::State;
use crate::document::expression::SortOrder;
use crate::document::failure;
use crate::document::value::{Document, RawDocument, Value};
use crate::kv::Moment;

/// Bytes that the keys of a sort may take.
const SORT_BYTES_MAX: usize = 100 << 20;

/// The documents that a query has found, as of the moment when it was asked. It holds that moment
/// until it is dropped.
pub struct DocumentCursor {
    inner: Option<Inner>,
}

struct Inner {
    state: Arc<State>,
    moment: Moment,
    query: Query,
    found: Found,
    /// Rows in order, from the last one, where they do not come in it.
    sorted: Option<Vec<u64>>,
    skip: u64,
    left: Option<u64>,
    is_begun: bool,
}

impl std::fmt::Debug for DocumentCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DocumentCursor")
    }
}

impl DocumentCursor {
    pub(super) fn none() -> DocumentCursor {
        DocumentCursor { inner: None }
    }

    pub(super) fn new(
        state: Arc<State>,
        moment: Moment,
        query: Query,
        found: Found,
    ) -> DocumentCursor {
        let (skip, left) = (query.skip, query.limit);
        let (sorted, is_begun) = (None, false);
        DocumentCursor {
            inner: Some(Inner { state, moment, query, found, sorted, skip, left, is_begun }),
        }
    }

    /// The next document.
    ///
    /// # Errors
    /// Those of the filter and the projection; `Expired` when it was held too long; `Corrupt`,
    /// `Io`. After an error there are no more.
    #[expect(clippy::should_implement_trait, reason = "it is an iterator, too")]
    pub fn next(&mut self) -> Result<Option<Document<'static>>> {
        let Some(inner) = &mut self.inner else { return Ok(None) };
        match inner.next() {
            Ok(Some(document)) => Ok(Some(document)),
            other => {
                self.inner = None;
                other
            }
        }
    }
}

impl Iterator for DocumentCursor {
    type Item = Result<Document<'static>>;

    fn next(&mut self) -> Option<Result<Document<'static>>> {
        DocumentCursor::next(self).transpose()
    }
}

impl Inner {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        if self.left == Some(0) {
            return Ok(None);
        }
        if !self.is_begun {
            self.is_begun = true;
            if !self.found.is_ordered
                && let Some(order) = &self.query.sort
            {
                let wanted = self.query.limit.map(|limit| limit.saturating_add(self.skip));
                self.sorted = Some(sort(&mut self.found, order, wanted)?);
            }
        }
        while self.skip > 0 {
            self.skip -= 1;
            let there = match &mut self.sorted {
                Some(rows) => rows.pop().is_some(),
                None => self.found.rows.next(|_, _| Ok(()))?.is_some(),
            };
            if !there {
                return Ok(None);
            }
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        let query = &self.query;
        let give = |document: &Document<'_>| query.give(document);
        let Some(rows) = &mut self.sorted else {
            return self.found.rows.next(|_, document| give(document));
        };
        while let Some(row) = rows.pop() {
            let take = |raw: RawDocument<'_>| give(&Document::from_raw(raw));
            // In a transaction it may have been deleted since.
            if let Some(document) = self.state.row(&self.moment, row, take)? {
                return document.map(Some);
            }
        }
        Ok(None)
    }
}

/// The rows in order, from the last one; those that are wanted.
fn sort(found: &mut Found, order: &SortOrder, wanted: Option<u64>) -> Result<Vec<u64>> {
    let wanted = wanted.map_or(usize::MAX, |wanted| usize::try_from(wanted).unwrap_or(usize::MAX));
    type Keyed = (Vec<Value<'static>>, u64);
    let compare = |(a, row): &Keyed, (b, other): &Keyed| -> Ordering {
        order.compare_keys(a, b).then_with(|| row.cmp(other))
    };
    let mut all: Vec<Keyed> = Vec::new();
    let mut bytes = 0;
    let keyed = |row: u64, document: &Document<'_>| {
        let key = order.key(document).into_iter().map(Value::into_static);
        Ok((key.collect::<Vec<_>>(), row))
    };
    while let Some(one) = found.rows.next(keyed)? {
        bytes += weight(&one.0);
        all.push(one);
        if all.len() >= wanted.saturating_mul(2).saturating_add(64) {
            all.sort_by(compare);
            all.truncate(wanted);
            bytes = all.iter().map(|(key, _)| weight(key)).sum();
        }
        if bytes > SORT_BYTES_MAX {
            return Err(failure::exceeded_memory_limit_without_disk(format!(
                "the keys of the sort take more than {SORT_BYTES_MAX} bytes; an index in this \
                 order takes none"
            )));
        }
    }
    all.sort_by(compare);
    all.truncate(wanted);
    Ok(all.into_iter().rev().map(|(_, row)| row).collect())
}

/// Bytes of a key in memory, about.
fn weight(key: &[Value<'_>]) -> usize {
    let of = |value: &Value<'_>| match value {
        Value::String(text) | Value::Symbol(text) | Value::JavaScript(text) => text.len(),
        Value::Binary(binary) => binary.bytes.len(),
        Value::Document(document) => document.as_raw().map_or(256, |raw| raw.as_bytes().len()),
        Value::Array(array) => array.as_raw().map_or(256, |raw| raw.as_bytes().len()),
        _ => 0,
    };
    48 + key.iter().map(|value| size_of::<Value<'_>>() + of(value)).sum::<usize>()
}

impl DocumentCursor {
    /// How the query is answered, with what was looked at so far.
    pub(super) fn explained(&self, returned: u64) -> Document<'static> {
        match &self.inner {
            Some(inner) => {
                inner.found.explained.to_document(Some((inner.found.rows.examined(), returned)))
            }
            None => Document::new(),
        }
    }

    /// Runs it to its end, and tells how.
    pub(super) fn run(mut self) -> Result<Document<'static>> {
        let Some(inner) = &mut self.inner else {
            return Ok(crate::doc! { "queryPlanner": { "winningPlan": { "stage": "EOF" } } });
        };
        let mut returned = 0;
        while inner.next()?.is_some() {
            returned += 1;
        }
        Ok(self.explained(returned))
    }
}
