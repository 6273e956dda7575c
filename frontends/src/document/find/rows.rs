//! The documents that a plan leads to, those that pass what is left of the filter.

use std::collections::HashSet;
use std::sync::Arc;

use super::examined::Examined;
use super::stretches::Stretches;
use crate::document::collection::State;
use crate::document::expression::Context;
use crate::document::filter::Filter;
use crate::document::plan::choose::Way;
use crate::document::value::{Document, RawDocument};
use crate::kv::{Cursor, Moment};
use crate::{Error, Result};

/// Documents of a collection, as a plan finds them.
pub(crate) struct Rows {
    state: Arc<State>,
    moment: Moment,
    context: Arc<Context>,
    source: Source,
    left: Filter,
    examined: Examined,
}

enum Source {
    /// All rows, by row id.
    Walk(Box<Cursor>),
    /// Rows by stretches of indexes, one after another; those given by one are not by the next.
    Indexes { all: Vec<Stretches>, at: usize, seen: HashSet<u64> },
}

impl Rows {
    /// The documents that a plan leads to, at a moment. `numbers` tells which index of the
    /// collection each of the plan's is.
    pub(super) fn open(
        state: &Arc<State>,
        moment: &Moment,
        context: &Arc<Context>,
        way: Way,
        numbers: &[usize],
    ) -> Result<Rows> {
        let stretches = |way: crate::document::plan::choose::IndexWay| {
            let index = numbers.get(way.index).copied().unwrap_or(usize::MAX);
            let entry = state.indexes.get(index).map(|index| &index.entry);
            let is_multikey = entry.is_some_and(|entry| entry.multikey.contains(&true));
            Stretches::new(index, way, is_multikey)
        };
        let (source, left) = match way {
            Way::Walk { left } => {
                let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
                (Source::Walk(Box::new(moment.cursor(&state.rows, all)?)), left)
            }
            Way::Index(way) => {
                let left = way.left.clone();
                let all = vec![stretches(way)];
                (Source::Indexes { all, at: 0, seen: HashSet::new() }, left)
            }
            Way::Union { branches, left } => {
                let all = branches.into_iter().map(stretches).collect();
                (Source::Indexes { all, at: 0, seen: HashSet::new() }, left)
            }
        };
        Ok(Rows {
            state: state.clone(),
            moment: moment.clone(),
            context: context.clone(),
            source,
            left: Filter::of(left),
            examined: Examined::default(),
        })
    }

    /// What was looked at so far.
    pub(super) fn examined(&self) -> Examined {
        self.examined
    }

    /// Hands the next document that passes, and its row, to `take`, which must not use the
    /// transaction; what it makes of it, or `None` behind the last one.
    pub(crate) fn next<R>(
        &mut self,
        mut take: impl FnMut(u64, &Document<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        loop {
            let Rows { state, moment, context, source, left, examined } = self;
            let mut look = |row: u64, raw: RawDocument<'_>| {
                let document = Document::from_raw(raw);
                match left.matches(&document, context)? {
                    true => take(row, &document).map(Some),
                    false => Ok(None),
                }
            };
            let looked = match source {
                Source::Walk(cursor) => {
                    if !cursor.next()? {
                        return Ok(None);
                    }
                    let row = cursor.key().try_into().map(u64::from_be_bytes);
                    let row = row.map_err(|_| Error::corrupt("a row whose key is no number"))?;
                    look(row, RawDocument::trusted(cursor.value()))
                }
                Source::Indexes { all, at, seen } => {
                    let several = all.len() > 1;
                    let Some(stretches) = all.get_mut(*at) else { return Ok(None) };
                    let Some(row) = stretches.next(state, moment, examined)? else {
                        *at += 1;
                        continue;
                    };
                    if several && !seen.insert(row) {
                        continue;
                    }
                    state.row(moment, row, |raw| look(row, raw))?.ok_or_else(|| {
                        Error::corrupt(format!(
                            "row {row} of {} has an entry in an index, and is not there",
                            state.namespace
                        ))
                    })?
                }
            };
            examined.documents += 1;
            if let Some(made) = looked? {
                return Ok(Some(made));
            }
        }
    }
}
