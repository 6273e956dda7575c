//! Milliseconds that never go back, through restarts and steps of the machine's clock.
//!
//! Invariants:
//! 1. No millisecond at or after the mark was given out.
//! 2. Of two that hold reservations of one mark, none gives a millisecond of the other's.

use std::ops::Range;

use super::mark::{Kind, Mark};
use crate::{Keyspace, Result};

/// How far the mark runs ahead of the time: after a crash, or without [`Clock::close`], identifiers
/// may be stamped so much later than it is.
const LEAD_MS: u64 = 2000;

/// A clock; whoever has it holds a lock.
#[derive(Debug)]
pub(super) struct Clock {
    mark: Mark,
    /// What may be given out, the last one given out included.
    reserved: Range<u64>,
}

impl Clock {
    /// The clock kept at `key`.
    ///
    /// # Errors
    /// As [`Mark::open`].
    pub(super) fn open(keyspace: &Keyspace, key: &[u8], kind: Kind) -> Result<Clock> {
        Ok(Clock { mark: Mark::open(keyspace, key, kind)?, reserved: 0..0 })
    }

    /// The present millisecond, or the last one that was given out, if that is later.
    ///
    /// # Errors
    /// As [`Mark::reserve`].
    pub(super) fn now(&mut self) -> Result<u64> {
        let wall_ms = self.mark.keyspace().database().engine.parts().env.wall_ms();
        self.at_least(wall_ms)
    }

    /// A later millisecond than the last one that was given out.
    ///
    /// # Errors
    /// As [`Mark::reserve`].
    pub(super) fn later(&mut self) -> Result<u64> {
        let next = self.reserved.start.saturating_add(1);
        self.at_least(next)
    }

    fn at_least(&mut self, ms: u64) -> Result<u64> {
        let ms = ms.max(self.reserved.start);
        if ms >= self.reserved.end {
            self.reserved = self.mark.reserve(|mark| {
                let start = ms.max(mark);
                let end = start.checked_add(LEAD_MS).ok_or_else(|| self.mark.exhausted())?;
                Ok(start..end)
            })?;
        }
        self.reserved.start = self.reserved.start.max(ms);
        Ok(self.reserved.start)
    }

    /// Gives back what was reserved and not given out, unless others have reserved since.
    ///
    /// # Errors
    /// As [`Mark::reserve`].
    pub(super) fn close(self) -> Result<()> {
        let rest = self.reserved.start.saturating_add(1)..self.reserved.end;
        if rest.is_empty() { Ok(()) } else { self.mark.give_back(&rest) }
    }

    /// A random number.
    pub(super) fn random(&self) -> u64 {
        self.mark.keyspace().database().engine.parts().env.rand64()
    }
}
