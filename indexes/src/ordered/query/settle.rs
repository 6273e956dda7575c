//! Cursors on their way to a key with a value: what they know of gaps, and learn for others.

use std::ops::Bound;

use cuesta_engine::error::Result;

use super::super::gaps::{ASK_AFTER, Crossing, after};
use super::super::kind::Kind;
use super::super::stored::Walk;
use super::{Cursor, Shown, Spot, Value, above, below};

impl<W: Walk> Cursor<W> {
    /// After a move that failed because what is said of a key cannot be merged: goes to that key,
    /// as if it had an empty value, so that the next move goes on behind it; the key.
    pub fn pass_over(&mut self) -> Option<&[u8]> {
        if self.spot != Spot::Failed {
            return None;
        }
        let source = self.merging.current()?;
        self.shown = Shown::Apart(Value::from(&[][..]), None);
        self.spot = Spot::On;
        Some(source.key())
    }

    /// Goes forward to a key that has a value.
    #[inline]
    pub(super) fn settle(&mut self) -> Result<bool> {
        let mut passed = 0;
        while let Some(source) = self.merging.current() {
            if !below(source.key(), self.upper.as_ref().map(Vec::as_slice)) {
                break;
            }
            if source.kind() == Kind::Put {
                self.shown = Shown::Stored;
                self.spot = Spot::On;
                return Ok(true);
            }
            if self.stands()? {
                return Ok(true);
            }
            passed += 1;
            if passed == ASK_AFTER {
                return self.cross();
            }
            self.merging.next()?;
        }
        self.spot = Spot::End;
        Ok(false)
    }

    /// Goes back to a key that has a value.
    pub(super) fn settle_back(&mut self) -> Result<bool> {
        let mut passed = 0;
        while let Some(source) = self.merging.current() {
            if !above(source.key(), self.lower.as_ref().map(Vec::as_slice)) {
                break;
            }
            if self.stands()? {
                return Ok(true);
            }
            passed += 1;
            if passed == ASK_AFTER {
                return self.cross_back();
            }
            self.merging.prev()?;
        }
        self.spot = Spot::Start;
        Ok(false)
    }

    /// Goes on forward to a key that has a value, from one of many in a row that have none.
    #[cold]
    fn cross(&mut self) -> Result<bool> {
        let Some(source) = self.merging.current() else { return Ok(false) };
        let mut crossing = Crossing::from(source.key());
        while let Some(source) = self.merging.current() {
            if !below(source.key(), self.upper.as_ref().map(Vec::as_slice)) {
                break;
            }
            if crossing.asks()
                && let Some(end) = self.asking.end(source.key())
            {
                let Some(end) = end else {
                    self.spot = Spot::End;
                    return Ok(false);
                };
                crossing.jump(&self.asking, source.key(), &end);
                self.merging.seek(&end)?;
                continue;
            }
            if self.stands()? {
                let end = self.merging.current().map(|source| source.key());
                crossing.ends(&self.asking, end);
                return Ok(true);
            }
            let Some(source) = self.merging.current() else { break };
            crossing.pass(&self.asking, source.key());
            self.merging.next()?;
        }
        self.spot = Spot::End;
        let end = match &self.upper {
            Bound::Unbounded => None,
            Bound::Included(key) | Bound::Excluded(key) => Some(key.as_slice()),
        };
        crossing.ends(&self.asking, end);
        Ok(false)
    }

    /// Goes on back to a key that has a value, from one of many in a row that have none.
    #[cold]
    fn cross_back(&mut self) -> Result<bool> {
        let Some(source) = self.merging.current() else { return Ok(false) };
        let mut crossing = Crossing::from(&after(source.key()));
        while let Some(source) = self.merging.current() {
            if !above(source.key(), self.lower.as_ref().map(Vec::as_slice)) {
                break;
            }
            if crossing.asks()
                && let Some(start) = self.asking.start(source.key())
            {
                crossing.jump_back(&self.asking, source.key(), &start);
                self.merging.seek_before(&start)?;
                continue;
            }
            if self.stands()? {
                if let Some(source) = self.merging.current() {
                    crossing.ends_back(&self.asking, &after(source.key()));
                }
                return Ok(true);
            }
            let Some(source) = self.merging.current() else { break };
            crossing.pass_back(&self.asking, source.key());
            self.merging.prev()?;
        }
        self.spot = Spot::Start;
        let start = match &self.lower {
            Bound::Unbounded => Vec::new(),
            Bound::Included(key) => key.clone(),
            Bound::Excluded(key) => after(key),
        };
        crossing.ends_back(&self.asking, &start);
        Ok(false)
    }
}
