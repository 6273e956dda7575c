//! What the manifest keeps of a tree.
//!
//! ```text
//! version u8 = 1 │ page bytes │ pages │ generation │ root page │ height │
//! space: page, bytes, pages │ unused pages │ space crc u32 │ fields
//! field 1, what expires: entries │ before when none does │ after when none does
//! field 2, what waits to be merged: entries
//! field 3, of a load: its first key and its last (byte strings)
//! ```
//!
//! Numbers are varints where nothing else is said. A tree without entries has no root: page 0. The
//! *space* says which pages are not in the tree (`space.rs`); it lies in pages of its own.

#[cfg(test)]
mod tests;

use cuesta_engine::ensure_sound;
use cuesta_engine::error::{Error, Result};
use cuesta_engine::format::{Reader, put_bytes, put_u32, put_varint};

use super::node::LEVELS_MAX;
use crate::ordered::kind::Kind;
use crate::ordered::{expiry, fields};

const VERSION: u8 = 1;

/// What the manifest keeps of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::btree) struct Detail {
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Pages of the file, used or not.
    pub pages: u32,
    /// How many trees the file has had before.
    pub generation: u64,
    /// The page at the top; 0 when there is nothing.
    pub root: u32,
    /// Levels of nodes; 0 when there is nothing.
    pub height: u8,
    /// Where the space lies, its bytes, and the pages that it takes.
    pub space: (u32, u32, u32),
    /// Pages of the space, and those it lies in.
    pub unused: u32,
    /// The checksum of the space.
    pub space_crc: u32,
}

impl Detail {
    /// The bytes that [`Detail::decode`] takes.
    pub(in crate::btree) fn encode(&self, facts: &Facts) -> Vec<u8> {
        let mut out = vec![VERSION];
        let fields = [self.page_bytes, self.pages].map(u64::from);
        fields.into_iter().for_each(|field| put_varint(&mut out, field));
        put_varint(&mut out, self.generation);
        put_varint(&mut out, u64::from(self.root));
        put_varint(&mut out, u64::from(self.height));
        put_varint(&mut out, u64::from(self.space.0));
        put_varint(&mut out, u64::from(self.space.1));
        put_varint(&mut out, u64::from(self.space.2));
        put_varint(&mut out, u64::from(self.unused));
        put_u32(&mut out, self.space_crc);
        facts.encode(&mut out);
        out
    }

    /// Adds what a load says of its keys.
    pub(in crate::btree) fn put_keys(out: &mut Vec<u8>, first: &[u8], last: &[u8]) {
        let mut field = Vec::new();
        put_bytes(&mut field, first);
        put_bytes(&mut field, last);
        fields::put(out, FIELD_KEYS, &field);
    }

    /// The first key of a load and its last.
    ///
    /// # Errors
    /// As [`Detail::decode`]; `Corrupt` for what was not loaded.
    pub(in crate::btree) fn keys(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
        let (_, mut reader) = Detail::decode_front(bytes)?;
        let mut last = 0;
        while let Some((number, field)) = fields::take(&mut reader, &mut last)? {
            if number == FIELD_KEYS {
                let mut field = Reader::new(field, "keys of a load");
                return Ok((field.bytes()?, field.bytes()?));
            }
        }
        Err(reader.corrupt("no keys"))
    }

    /// Reads one.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` for a later version.
    pub(in crate::btree) fn decode(bytes: &[u8]) -> Result<(Detail, Facts)> {
        let (detail, mut reader) = Detail::decode_front(bytes)?;
        Ok((detail, Facts::decode(&mut reader)?))
    }

    fn decode_front(bytes: &[u8]) -> Result<(Detail, Reader<'_>)> {
        let mut reader = Reader::new(bytes, "description of a tree");
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Error::unsupported(format!("description of a tree of version {version}")));
        }
        let mut number = || {
            let number = reader.varint()?;
            u32::try_from(number).map_err(|_| reader.corrupt("a number beyond all pages"))
        };
        let (page_bytes, pages) = (number()?, number()?);
        let generation = reader.varint()?;
        let mut number = || {
            let number = reader.varint()?;
            u32::try_from(number).map_err(|_| reader.corrupt("a number beyond all pages"))
        };
        let (root, height, space) = (number()?, number()?, (number()?, number()?, number()?));
        let unused = number()?;
        let space_crc = reader.u32()?;
        let sizes = page_bytes.is_power_of_two() && (1 << 10..=1 << 16).contains(&page_bytes);
        let top = root < pages
            && (root == 0) == (height == 0)
            && unused <= pages
            && height <= u32::from(LEVELS_MAX) + 1
            && (space.2 == 0) == (space.0 == 0)
            && u64::from(space.0) + u64::from(space.2) <= u64::from(pages)
            && u64::from(space.1) <= u64::from(space.2) * u64::from(page_bytes);
        ensure_sound!(
            sizes && top,
            "a tree of {pages} pages of {page_bytes} bytes with page {root} at the top of {height}"
        );
        let height = height as u8;
        let detail =
            Detail { page_bytes, pages, generation, root, height, space, unused, space_crc };
        Ok((detail, reader))
    }
}

const FIELD_EXPIRING: u64 = 1;
const FIELD_MERGES: u64 = 2;
const FIELD_KEYS: u64 = 3;

/// What is special about the entries of a tree. Times are borders: what went has left them as they
/// were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::btree) struct Facts {
    /// Entries with values that expire.
    pub expiring: u64,
    /// Before when none of them expires.
    pub expiry_first: u64,
    /// After when none of them expires.
    pub expiry_last: u64,
    /// Entries with operands.
    pub merges: u64,
}

impl Facts {
    /// Takes in an entry.
    ///
    /// # Errors
    /// `Corrupt` for an entry that makes no sense.
    pub(in crate::btree) fn add(&mut self, kind: Kind, stored: &[u8]) -> Result<()> {
        match kind {
            Kind::Put | Kind::Delete | Kind::Blob => {}
            Kind::Merge => self.merges += 1,
            Kind::Expiring => {
                let (expiry_ms, _) = expiry::split(stored)?;
                let none = self.expiring == 0;
                self.expiry_first = if none { expiry_ms } else { self.expiry_first.min(expiry_ms) };
                self.expiry_last = if none { expiry_ms } else { self.expiry_last.max(expiry_ms) };
                self.expiring += 1;
            }
        }
        Ok(())
    }

    /// Forgets an entry.
    pub(in crate::btree) fn remove(&mut self, kind: Kind) {
        match kind {
            Kind::Put | Kind::Delete | Kind::Blob => {}
            Kind::Merge => self.merges = self.merges.saturating_sub(1),
            Kind::Expiring => self.expiring = self.expiring.saturating_sub(1),
        }
    }

    /// About how many values have expired at `now_ms`, if they expire evenly; at least one if any
    /// may have, all of them only if all have.
    pub(in crate::btree) fn expired(&self, now_ms: u64) -> u64 {
        if self.expiring == 0 || now_ms < self.expiry_first {
            return 0;
        }
        if now_ms >= self.expiry_last {
            return self.expiring;
        }
        let part = u128::from(now_ms - self.expiry_first) * u128::from(self.expiring);
        let even = (part / u128::from(self.expiry_last - self.expiry_first)) as u64;
        even.min(self.expiring - 1).max(1)
    }

    /// When about `count` values will have expired; `None` when fewer expire.
    pub(in crate::btree) fn expired_at(&self, count: u64) -> Option<u64> {
        if self.expiring == 0 || count > self.expiring {
            return None;
        }
        let time = u128::from(self.expiry_last.saturating_sub(self.expiry_first));
        let part = (time * u128::from(count)).div_ceil(u128::from(self.expiring)) as u64;
        Some(self.expiry_first.saturating_add(part))
    }

    fn encode(&self, out: &mut Vec<u8>) {
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
            fields::put(out, FIELD_MERGES, &field);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Facts> {
        let (mut facts, mut last) = (Facts::default(), 0);
        while let Some((number, bytes)) = fields::take(reader, &mut last)? {
            let mut field = Reader::new(bytes, "facts of a tree");
            match number {
                FIELD_EXPIRING => {
                    facts.expiring = field.varint()?;
                    facts.expiry_first = field.varint()?;
                    facts.expiry_last = field.varint()?;
                    let sound = facts.expiring > 0 && facts.expiry_first <= facts.expiry_last;
                    ensure_sound!(sound, "facts of a tree: {facts:?}");
                }
                FIELD_MERGES => {
                    facts.merges = field.varint()?;
                    ensure_sound!(facts.merges > 0, "facts of a tree: {facts:?}");
                }
                FIELD_KEYS => _ = (field.bytes()?, field.bytes()?),
                other => return Err(fields::unknown("description of a tree", other)),
            }
            field.finish()?;
        }
        Ok(facts)
    }
}
