//! 1, 2, 3, …

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::mark::{Kind, Mark};
use crate::{Keyspace, Result};

/// Numbers reserved at a time unless told otherwise.
const RESERVED: u64 = 1000;

/// Ascending numbers, each given out once, kept through restarts.
///
/// It reserves 1,000 numbers at a time, which costs one durable commit; the others cost a lock.
/// A crash loses the rest of a reservation: a gap. [`Sequence::close`] gives it back.
///
/// Numbers are given out outside transactions: one that is taken back leaves a gap.
#[derive(Debug)]
pub struct Sequence {
    mark: Mark,
    reserved: u64,
    rest: Mutex<Range<u64>>,
}

impl Sequence {
    /// The sequence kept at `key`, which begins with 1 if it is new.
    ///
    /// # Errors
    /// `Invalid` when the key holds something else; as [`Keyspace::get`].
    pub fn open(keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Sequence> {
        Sequence::reserving(keyspace, key, RESERVED)
    }

    /// As [`Sequence::open`], reserving `count` numbers at a time: 1 leaves no gaps, and makes
    /// every number a durable commit.
    ///
    /// # Errors
    /// As there; `Invalid` for a count of 0.
    pub fn reserving(keyspace: &Keyspace, key: impl AsRef<[u8]>, count: u64) -> Result<Sequence> {
        if count == 0 {
            return Err(crate::Error::invalid("a sequence that reserves 0 numbers at a time"));
        }
        let mark = Mark::open(keyspace, key.as_ref(), Kind::Sequence)?;
        Ok(Sequence { mark, reserved: count, rest: Mutex::new(0..0) })
    }

    /// Gives out the next number.
    ///
    /// # Errors
    /// `Full` after 2^64 - 2 numbers; as [`Database::transact`](crate::Database::transact) when
    /// more have to be reserved.
    pub fn give(&self) -> Result<u64> {
        self.take(1).map(|range| range.start)
    }

    /// Gives out `count` numbers that follow each other.
    ///
    /// # Errors
    /// As [`Sequence::give`].
    pub fn take(&self, count: u64) -> Result<Range<u64>> {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.end - rest.start < count {
            let wanted = count.max(self.reserved);
            let more = self.mark.reserve(|mark| {
                // The mark is the next number; without one it is 1.
                let start = mark.max(1);
                let end = start.checked_add(wanted).ok_or_else(|| self.mark.exhausted())?;
                Ok(start..end)
            })?;
            if rest.end == more.start && !rest.is_empty() {
                rest.end = more.end;
            } else {
                *rest = more;
            }
        }
        let given = rest.start..rest.start + count;
        rest.start = given.end;
        Ok(given)
    }

    /// Gives back what was reserved and not given out, unless others have reserved since.
    ///
    /// # Errors
    /// As [`Database::transact`](crate::Database::transact); nothing is lost but a stretch of
    /// numbers.
    pub fn close(self) -> Result<()> {
        let rest = self.rest.into_inner().unwrap_or_else(PoisonError::into_inner);
        if rest.is_empty() { Ok(()) } else { self.mark.give_back(&rest) }
    }
}
