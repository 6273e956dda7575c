//! The entries from one restart to the next, taken apart together: how blocks are walked over, in
//! either direction, without allocating per entry.

use std::ops::Range;

use cuesta_engine::error::Result;
use cuesta_engine::{Error, ensure_sound};

use super::{Frame, INTERVAL_MAX, KEY_BYTES_MAX, Kind};
use crate::ordered::order::{self, Beside};

#[derive(Clone, Copy, Debug)]
struct Slot {
    key_at: u32,
    key_len: u32,
    value_at: usize,
    value_len: u32,
    kind: Kind,
}

/// One interval of a block, and a place in it. Keeps its memory from one interval to the next.
#[derive(Default)]
pub(in crate::lsm) struct Interval {
    keys: Vec<u8>,
    slots: Vec<Slot>,
    /// Which interval of the block this is.
    pub(super) number: usize,
    at: usize,
}

#[cold]
fn corrupt(what: &str) -> Error {
    Error::corrupt(format!("data block: {what}"))
}

impl Interval {
    /// Takes interval `number` apart and stands on its first entry.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`.
    pub(in crate::lsm) fn load(&mut self, frame: &Frame, body: &[u8], number: usize) -> Result<()> {
        self.keys.clear();
        self.slots.clear();
        self.number = number;
        self.at = 0;
        let (mut at, mut value_at) = frame.start(body, number)?;
        let end = frame.end(body, number)?;
        let prefix = frame.prefix(body);
        let mut last = 0;
        while at < end {
            let (fields, rest_at) = frame.fields(body, at, end)?;
            at = rest_at + fields.rest;
            let key_at = self.keys.len();
            let key_len = prefix.len() + fields.shared + fields.rest;
            let fits = at <= end && key_len <= KEY_BYTES_MAX && self.slots.len() < INTERVAL_MAX;
            if !fits || value_at + fields.value > body.len() {
                return Err(corrupt("entry outside its interval"));
            }
            if key_at == 0 {
                if fields.shared != 0 {
                    return Err(corrupt("a restart leans on the entry before"));
                }
                self.keys.extend_from_slice(prefix);
            } else {
                let kept = last..last + prefix.len() + fields.shared;
                if kept.end > key_at {
                    return Err(corrupt("shares more than there is"));
                }
                self.keys.extend_from_within(kept);
            }
            self.keys.extend_from_slice(body.get(rest_at..at).unwrap_or_default());
            self.slots.push(Slot {
                key_at: key_at as u32,
                key_len: key_len as u32,
                value_at,
                value_len: fields.value as u32,
                kind: fields.kind,
            });
            value_at += fields.value;
            last = key_at;
        }
        ensure_sound!(!self.slots.is_empty(), "data block: an interval without entries");
        Ok(())
    }

    /// Goes to the first entry of the block that is not less than `key`; says whether there is
    /// one.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`.
    pub(in crate::lsm) fn seek(&mut self, frame: &Frame, body: &[u8], key: &[u8]) -> Result<bool> {
        let number = match order::beside(key, frame.prefix(body)) {
            Beside::Before => 0,
            Beside::After => return Ok(false),
            Beside::Within(suffix) => frame.interval_of(body, suffix)?.unwrap_or(0),
        };
        self.load(frame, body, number)?;
        self.at = self.slots.partition_point(|slot| key_of(&self.keys, slot) < key);
        if self.at < self.slots.len() {
            return Ok(true);
        }
        self.at -= 1;
        self.next(frame, body)
    }

    /// Goes to the first entry of the block.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`.
    pub(in crate::lsm) fn first(&mut self, frame: &Frame, body: &[u8]) -> Result<()> {
        self.load(frame, body, 0)
    }

    /// Goes to the last entry of the block.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`.
    pub(in crate::lsm) fn last(&mut self, frame: &Frame, body: &[u8]) -> Result<()> {
        self.load(frame, body, frame.restarts() - 1)?;
        self.at = self.slots.len() - 1;
        Ok(())
    }

    /// Goes to the next entry of the block; stays, and says no, when there is none.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`.
    #[inline]
    pub(in crate::lsm) fn next(&mut self, frame: &Frame, body: &[u8]) -> Result<bool> {
        if self.at + 1 < self.slots.len() {
            self.at += 1;
            return Ok(true);
        }
        if self.number + 1 >= frame.restarts() {
            return Ok(false);
        }
        self.load(frame, body, self.number + 1)?;
        Ok(true)
    }

    /// Whether the next entry can be gone to without the block.
    #[inline]
    pub(in crate::lsm) fn step(&mut self) -> bool {
        let more = self.at + 1 < self.slots.len();
        self.at += usize::from(more);
        more
    }

    /// Goes to the entry before; stays, and says no, when there is none.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`.
    #[inline]
    pub(in crate::lsm) fn prev(&mut self, frame: &Frame, body: &[u8]) -> Result<bool> {
        if self.at > 0 {
            self.at -= 1;
            return Ok(true);
        }
        if self.number == 0 {
            return Ok(false);
        }
        self.load(frame, body, self.number - 1)?;
        self.at = self.slots.len() - 1;
        Ok(true)
    }

    /// The key that it stands on; empty before anything was loaded.
    #[inline]
    pub(in crate::lsm) fn key(&self) -> &[u8] {
        self.slots.get(self.at).map_or(&[], |slot| key_of(&self.keys, slot))
    }

    /// Where in the block the value lies.
    #[inline]
    pub(in crate::lsm) fn value(&self) -> Range<usize> {
        self.slots
            .get(self.at)
            .map_or(0..0, |slot| slot.value_at..slot.value_at + slot.value_len as usize)
    }

    /// What the entry says of its key.
    #[inline]
    pub(in crate::lsm) fn kind(&self) -> Kind {
        self.slots.get(self.at).map_or(Kind::Put, |slot| slot.kind)
    }
}

#[inline]
fn key_of<'k>(keys: &'k [u8], slot: &Slot) -> &'k [u8] {
    keys.get(slot.key_at as usize..(slot.key_at + slot.key_len) as usize).unwrap_or_default()
}
