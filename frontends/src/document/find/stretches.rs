//! Rows by stretches of an index, each once.
//!
//! Where an order is asked for, rows whose keys are equal in it come by row id, whatever else the
//! index is ordered by and whichever way it is walked.
//!
//! Not for: the documents of the rows.

use std::collections::HashSet;
use std::ops::{Bound, Range};

use super::examined::Examined;
use crate::Result;
use crate::document::collection::{Index, State};
use crate::document::plan::choose::IndexWay;
use crate::document::plan::order::Order;
use crate::document::value::Value;
use crate::document::value::key::{self, TypeBitsReader};
use crate::kv::{Cursor, Moment};

/// Rows by stretches of one index.
pub(super) struct Stretches {
    index: usize,
    way: IndexWay,
    /// Those that are left, in the order in which they are walked.
    left: std::vec::IntoIter<Range<Vec<u8>>>,
    cursor: Option<Cursor>,
    /// Rows that were given, where documents have several keys.
    seen: Option<HashSet<u64>>,
    /// Of keys that are equal in the order asked for: the rows, from the last one.
    group: Vec<u64>,
    /// The first entry behind the group.
    ahead: Option<(Vec<u8>, u64)>,
}

impl Stretches {
    pub(super) fn new(index: usize, way: IndexWay, is_multikey: bool) -> Stretches {
        let mut spans = way.ranges.spans.clone();
        if way.order.is_some_and(|order| order.is_backward) {
            spans.reverse();
        }
        Stretches {
            index,
            way,
            left: spans.into_iter(),
            cursor: None,
            seen: is_multikey.then(HashSet::new),
            group: Vec::new(),
            ahead: None,
        }
    }

    /// The next row.
    pub(super) fn next(
        &mut self,
        state: &State,
        moment: &Moment,
        examined: &mut Examined,
    ) -> Result<Option<u64>> {
        let Some(index) = state.indexes.get(self.index) else { return Ok(None) };
        let grouped = self
            .way
            .order
            .filter(|order| order.is_backward || order.same < index.shape.fields().len());
        loop {
            let row = match grouped {
                Some(order) => self.next_of_group(order, index, moment, examined)?,
                None => self.next_entry(index, moment, examined, |_, row| row)?,
            };
            let Some(row) = row else { return Ok(None) };
            if self.seen.as_mut().is_none_or(|seen| seen.insert(row)) {
                return Ok(Some(row));
            }
        }
    }

    /// The next row of the group, or of the next one.
    fn next_of_group(
        &mut self,
        order: Order,
        index: &Index,
        moment: &Moment,
        examined: &mut Examined,
    ) -> Result<Option<u64>> {
        if let Some(row) = self.group.pop() {
            return Ok(Some(row));
        }
        let whole = |fields: &[u8], row| (prefix(fields, index, order.same).to_vec(), row);
        let first = match self.ahead.take() {
            Some(first) => Some(first),
            None => self.next_entry(index, moment, examined, whole)?,
        };
        let Some((group, row)) = first else { return Ok(None) };
        self.group.push(row);
        while let Some((other, row)) = self.next_entry(index, moment, examined, whole)? {
            if other != group {
                self.ahead = Some((other, row));
                break;
            }
            self.group.push(row);
        }
        self.group.sort_unstable_by(|a, b| b.cmp(a));
        Ok(self.group.pop())
    }

    /// The next entry within all bounds: bytes of its fields, and its row.
    fn next_entry<R>(
        &mut self,
        index: &Index,
        moment: &Moment,
        examined: &mut Examined,
        take: impl Fn(&[u8], u64) -> R,
    ) -> Result<Option<R>> {
        let is_backward = self.way.order.is_some_and(|order| order.is_backward);
        loop {
            let Some(cursor) = &mut self.cursor else {
                let Some(span) = self.left.next() else { return Ok(None) };
                let within = (Bound::Included(&span.start[..]), Bound::Excluded(&span.end[..]));
                self.cursor = Some(moment.cursor(&index.space, within)?);
                continue;
            };
            if !(if is_backward { cursor.prev()? } else { cursor.next()? }) {
                self.cursor = None;
                continue;
            }
            examined.keys += 1;
            let fields = index.shape.fields_of(cursor.key());
            if passes(fields, index, &self.way)? {
                let row = index.shape.row(cursor.key(), cursor.value())?;
                return Ok(Some(take(fields, row)));
            }
        }
    }
}

/// Zeros are the type bits of the most usual values: which type it is does not matter here.
const NO_TYPES: [u8; 0] = [];

/// The bytes of the first fields of a key.
fn prefix<'k>(fields: &'k [u8], index: &Index, count: usize) -> &'k [u8] {
    let mut rest = fields;
    for (_, direction) in index.shape.fields().iter().take(count) {
        let mut types = TypeBitsReader::new(&NO_TYPES);
        if key::decode(&mut rest, *direction, &mut types).is_err() {
            return fields;
        }
    }
    &fields[..fields.len() - rest.len()]
}

/// Whether the fields behind those that the stretches decide are within their bounds.
fn passes(fields: &[u8], index: &Index, way: &IndexWay) -> Result<bool> {
    let decided = way.ranges.decided;
    if way.ranges.checks.iter().all(Option::is_none) {
        return Ok(true);
    }
    let mut rest = fields;
    for (at, (_, direction)) in index.shape.fields().iter().enumerate() {
        let mut types = TypeBitsReader::new(&NO_TYPES);
        let value = key::decode(&mut rest, *direction, &mut types)?.unwrap_or(Value::Null);
        let bounds = way.access.fields.get(at).filter(|_| at >= decided);
        if bounds.is_some_and(|bounds| !bounds.set.contains(&value)) {
            return Ok(false);
        }
    }
    Ok(true)
}
