//! Whether indexes have exactly the entries that the rows should have, and sums are right.
//!
//! ```text
//! rows ─► entries that should be ─► sorted  ┐
//!                                           ├─ walked side by side
//! index ─────────────────────────► in order ┘
//! ```

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use super::Collection;
use super::state::{Index, State};
use crate::document::catalog::Sum;
use crate::document::index::{Entries, row_of};
use crate::document::value::{Document, Limits, RawDocument};
use crate::kv::Moment;
use crate::{Keyspace, Result};

/// Something that is not as it should be in a collection.
enum Problem {
    /// A row is no document, or has entries that cannot be made.
    Row { row: u64, what: String },
    /// An index lacks an entry.
    Missing { index: String, key: Vec<u8>, row: u64 },
    /// An index has an entry that no row should have.
    Surplus { index: String, key: Vec<u8> },
    /// An entry has another value than it should have.
    Wrong { index: String, key: Vec<u8>, row: u64 },
    /// A field met arrays, and the catalog does not tell.
    Multikey { index: String, field: String },
    /// A sum is wrong.
    Sum { what: &'static str, found: i64, should_be: i64 },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Row { row, what } => write!(f, "row {row}: {what}"),
            Problem::Missing { index, key, row } => {
                write!(f, "index {index} lacks the entry \"{}\" of row {row}", key.escape_ascii())
            }
            Problem::Surplus { index, key } => {
                write!(f, "index {index} has the entry \"{}\" of no row", key.escape_ascii())
            }
            Problem::Wrong { index, key, row } => {
                let key = key.escape_ascii();
                write!(f, "index {index} has a wrong entry \"{key}\", which is of row {row}")
            }
            Problem::Multikey { index, field } => {
                write!(f, "index {index} does not tell that {field} has met arrays")
            }
            Problem::Sum { what, found, should_be } => {
                write!(f, "the sum of {what} is {found} and should be {should_be}")
            }
        }
    }
}

impl Collection<'_> {
    /// Makes the entries of all indexes from the documents, and compares them with those that are
    /// there, both ways; sums and unique `_id` included. Entries of one index at a time are in
    /// memory. Of an index that is being built only what must not be there is told.
    ///
    /// # Errors
    /// What prevents checking, such as `Io`; what is wrong is in the result.
    pub fn verify(&self) -> Result<Vec<String>> {
        let moment = self.moment();
        let Some(state) = self.state(&moment)? else { return Ok(Vec::new()) };
        let mut problems = Vec::new();
        verify_rows(&moment, &state, &mut problems)?;
        for index in &state.indexes {
            verify_index(&moment, &state, index, &mut problems)?;
        }
        Ok(problems.iter().map(ToString::to_string).collect())
    }
}

fn all(moment: &Moment, space: &Keyspace) -> Result<crate::Cursor> {
    moment.cursor(space, (Bound::Unbounded, Bound::Unbounded))
}

fn verify_rows(moment: &Moment, state: &Arc<State>, problems: &mut Vec<Problem>) -> Result<()> {
    let (mut documents, mut bytes) = (0, 0);
    let mut rows = all(moment, &state.rows)?;
    while rows.next()? {
        documents += 1;
        bytes += rows.value().len() as i64;
        let row = row_of(rows.key()).unwrap_or(0);
        let checked = RawDocument::check(rows.value(), &Limits::default());
        let what = match checked {
            Err(error) => error.to_string(),
            Ok(raw) if raw.get("_id").is_none() => "it has no _id".to_owned(),
            Ok(_) => continue,
        };
        problems.push(Problem::Row { row, what });
    }
    for (sum, what, should_be) in
        [(Sum::Documents, "documents", documents), (Sum::Bytes, "their bytes", bytes)]
    {
        let read = |found: &[u8]| found.try_into().map_or(-1, i64::from_le_bytes);
        let found = moment.get_with(&state.spaces.counts, &sum.key(state.entry.id), read)?;
        let found = found.unwrap_or(0);
        if found != should_be {
            problems.push(Problem::Sum { what, found, should_be });
        }
    }
    Ok(())
}

fn verify_index(
    moment: &Moment,
    state: &Arc<State>,
    index: &Index,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let name = || index.entry.name.clone();
    let mut should = Vec::new();
    let (mut entries, mut multikey) = (Entries::default(), 0);
    let mut rows = all(moment, &state.rows)?;
    while rows.next()? {
        let row = row_of(rows.key()).unwrap_or(0);
        let document = Document::from_raw(RawDocument::trusted(rows.value()));
        match index.shape.derive(&document, row, &mut entries) {
            Ok(met) => multikey |= met,
            // What a build would refuse may be there until it does.
            Err(_) if index.is_building() => continue,
            Err(error) => problems.push(Problem::Row { row, what: error.to_string() }),
        }
        should.extend(entries.iter().map(|(key, value)| (key.to_vec(), value.to_vec(), row)));
    }
    should.sort_unstable();
    for (field, (path, _)) in index.shape.fields().iter().enumerate() {
        let met = multikey & 1 << field;
        if !index.is_building() && !index.entry.knows(met) {
            problems.push(Problem::Multikey { index: name(), field: path.to_string() });
        }
    }
    let mut should = should.into_iter().peekable();
    let mut found = all(moment, &index.space)?;
    let missing = |(key, _, row): (Vec<u8>, Vec<u8>, u64), problems: &mut Vec<Problem>| {
        if !index.is_building() {
            problems.push(Problem::Missing { index: name(), key, row });
        }
    };
    while found.next()? {
        while let Some(entry) = should.next_if(|(key, ..)| key.as_slice() < found.key()) {
            missing(entry, problems);
        }
        let mut same = Vec::new();
        while let Some(entry) = should.next_if(|(key, ..)| key.as_slice() == found.key()) {
            same.push(entry);
        }
        let key = found.key().to_vec();
        match same.first() {
            None => problems.push(Problem::Surplus { index: name(), key }),
            Some((_, _, row)) => {
                if !same.iter().any(|(_, value, _)| value == found.value()) {
                    problems.push(Problem::Wrong { index: name(), key, row: *row });
                }
            }
        }
        same.into_iter().skip(1).for_each(|entry| missing(entry, problems));
    }
    should.for_each(|entry| missing(entry, problems));
    Ok(())
}
