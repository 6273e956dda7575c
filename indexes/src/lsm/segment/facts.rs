//! What is special about the entries of a segment: numbered fields of its properties and details.
//!
//! Not for: the fields that details alone have.

use cuesta_engine::ensure_sound;
use cuesta_engine::error::Result;
use cuesta_engine::format::{Reader, put_varint};

use crate::ordered::kind::Kind;
use crate::ordered::operand::has_expiring_base;
use crate::ordered::{expiry, fields};

/// Field of details and properties: what expires.
const FIELD_EXPIRING: u64 = 1;
/// Field of details and properties: what waits to be merged.
const FIELD_MERGES: u64 = 2;

/// What is special about the entries of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Facts {
    /// Entries with values that expire.
    pub expiring: u64,
    /// When the first of them expires; 0 when there are none.
    pub expiry_first: u64,
    /// When the last of them expires; 0 when there are none.
    pub expiry_last: u64,
    /// Entries with operands.
    pub merges: u64,
    /// Those of them that have a value that expires.
    pub merges_expiring: u64,
}

impl Facts {
    fn add_expiry(&mut self, expiry_ms: u64) {
        let none = self.expiring == 0;
        self.expiry_first = if none { expiry_ms } else { self.expiry_first.min(expiry_ms) };
        self.expiry_last = self.expiry_last.max(expiry_ms);
        self.expiring += 1;
    }

    /// Takes in an entry.
    ///
    /// # Errors
    /// `Corrupt` for an entry that makes no sense.
    pub(in crate::lsm) fn add(&mut self, kind: Kind, stored: &[u8]) -> Result<()> {
        match kind {
            Kind::Put | Kind::Delete | Kind::Blob => {}
            Kind::Merge => {
                self.merges += 1;
                self.merges_expiring += u64::from(has_expiring_base(stored)?);
            }
            Kind::Expiring => self.add_expiry(expiry::split(stored)?.0),
        }
        Ok(())
    }

    /// About how many values have expired at `now_ms`, if they expire evenly; at least one if any
    /// has, all of them only if all have.
    pub(in crate::lsm) fn expired(&self, now_ms: u64) -> u64 {
        if self.expiring == 0 || now_ms < self.expiry_first {
            return 0;
        }
        if now_ms >= self.expiry_last {
            return self.expiring;
        }
        let part = (now_ms - self.expiry_first) as f64;
        let share = part / (self.expiry_last - self.expiry_first) as f64;
        ((self.expiring as f64 * share) as u64).min(self.expiring - 1).max(1)
    }

    /// When about `count` values will have expired; `None` when fewer expire.
    pub(in crate::lsm) fn expired_at(&self, count: u64) -> Option<u64> {
        if self.expiring == 0 || count > self.expiring {
            return None;
        }
        let time = u128::from(self.expiry_last.saturating_sub(self.expiry_first));
        let part = (time * u128::from(count)).div_ceil(u128::from(self.expiring)) as u64;
        // The share is computed in floating point: one more makes up for rounding.
        Some(self.expiry_first.saturating_add(part).saturating_add(1).min(self.expiry_last))
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Facts::default()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut field = Vec::new();
        if self.expiring > 0 {
            put_varint(&mut field, self.expiring);
            put_varint(&mut field, self.expiry_first);
            put_varint(&mut field, self.expiry_last);
            fields::put(out, FIELD_EXPIRING, &field);
        }
        if self.merges > 0 {
            field.clear();
            put_varint(&mut field, self.merges);
            put_varint(&mut field, self.merges_expiring);
            fields::put(out, FIELD_MERGES, &field);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, what: &str) -> Result<Facts> {
        let (mut facts, mut last) = (Facts::default(), 0);
        while let Some((number, bytes)) = fields::take(reader, &mut last)? {
            facts.take(number, bytes, what)?;
        }
        Ok(facts)
    }

    /// Takes in a field.
    pub(super) fn take(&mut self, number: u64, bytes: &[u8], what: &str) -> Result<()> {
        let mut field = Reader::new(bytes, "segment facts");
        match number {
            FIELD_EXPIRING => {
                self.expiring = field.varint()?;
                self.expiry_first = field.varint()?;
                self.expiry_last = field.varint()?;
                let sound = match self.expiring {
                    0 => false,
                    1 => self.expiry_first == self.expiry_last,
                    _ => self.expiry_first <= self.expiry_last,
                };
                ensure_sound!(sound, "{what}: {self:?}");
            }
            FIELD_MERGES => {
                self.merges = field.varint()?;
                self.merges_expiring = field.varint()?;
                let sound = self.merges > 0 && self.merges_expiring <= self.merges;
                ensure_sound!(sound, "{what}: {self:?}");
            }
            other => return Err(fields::unknown(what, other)),
        }
        field.finish()
    }
}
