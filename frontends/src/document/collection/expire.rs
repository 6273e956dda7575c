//! Documents that go by themselves: by commits like any other, so that reads never hide anything.

use std::ops::Bound;

use super::Collection;
use super::state::Index;
use crate::Result;
use crate::document::value::{DateTime, Value};
use crate::kv::Moment;

/// Documents that go by one commit.
const DOCUMENTS_MAX: usize = 500;

impl Collection<'_> {
    /// Deletes the documents that have expired at `now`: those that have a moment in the field of
    /// an index with `expireAfterSeconds` that is as many seconds before, of several in an array
    /// the earliest. Gives how many. It is done once a minute by itself while documents of the
    /// database are used.
    ///
    /// # Errors
    /// As [`Collection::delete_by_id`].
    pub fn expire(&self, now: DateTime) -> Result<u64> {
        let mut expired = 0;
        let Some(state) = self.state(&self.moment())? else { return Ok(0) };
        for index in &state.indexes {
            if index.entry.expire_after_seconds.is_none() {
                continue;
            }
            loop {
                let gone = self.expire_some(&index.entry.name, now)?;
                expired += gone as u64;
                if gone < DOCUMENTS_MAX {
                    break;
                }
            }
        }
        Ok(expired)
    }

    /// Deletes some that an index says have expired, by one commit.
    fn expire_some(&self, name: &str, now: DateTime) -> Result<usize> {
        self.run(|tx, state| {
            let Some(state) = state else { return Ok(0) };
            let Some(index) = state.index(name).filter(|index| !index.is_building()) else {
                return Ok(0);
            };
            let Some(seconds) = index.entry.expire_after_seconds else { return Ok(0) };
            let until = now.millis().saturating_sub(seconds.saturating_mul(1000));
            let rows = expired(&Moment::of(tx), index, DateTime::from_millis(until))?;
            let mut gone = 0;
            for row in rows {
                gone += usize::from(state.delete_row(tx, row)?);
            }
            Ok(gone)
        })
    }
}

/// Rows with a moment until then, at most as many as go at once.
fn expired(moment: &Moment, index: &Index, until: DateTime) -> Result<Vec<u64>> {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    index.shape.encode_first(&mut one, &Value::DateTime(DateTime::from_millis(i64::MIN)));
    index.shape.encode_first(&mut other, &Value::DateTime(until));
    // Descending keys have the later moments first. Rows follow the values.
    let (low, mut high) = if one < other { (one, other) } else { (other, one) };
    high.extend_from_slice(&[0xff; 9]);
    let within = (Bound::Included(&low[..]), Bound::Included(&high[..]));
    let mut cursor = index.cursor(moment, within)?;
    let mut rows = Vec::new();
    while rows.len() < DOCUMENTS_MAX && cursor.next()? {
        let row = cursor.row()?;
        // An array may have several moments that are over.
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}
