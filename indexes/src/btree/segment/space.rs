//! Which pages of a file are free, and which will be once nobody looks at them any more.
//!
//! ```text
//! space    runs that are free │ runs that the newest tree let go of │ count │ waiting, ...
//! waiting  edit │ generation │ runs
//! runs     count │ run, ... ascending: pages since the end of the one before, pages of it
//! ```
//!
//! All numbers are varints. What waits was let go of by the tree of a *generation*, which an *edit*
//! of the manifest made current: it is free once that edit is durable and no tree of an earlier
//! generation is looked at.
//!
//! Invariants:
//! 1. Every page but the first is in the newest tree, free, let go of, or waits: in one of them.
//!
//! Not for: what is in the pages.

use std::collections::{BTreeMap, BTreeSet};

use cuesta_engine::EditNo;
use cuesta_engine::ensure_sound;
use cuesta_engine::error::{Error, Result};
use cuesta_engine::format::{Reader, put_varint};

#[cfg(test)]
mod tests;

/// Runs of pages, neither overlapping nor touching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::btree) struct Runs {
    /// Pages of each, by its first.
    by_page: BTreeMap<u32, u32>,
    /// The same, by pages and then by the first.
    by_len: BTreeSet<(u32, u32)>,
    pages: u64,
}

impl Runs {
    /// How many pages there are.
    pub(in crate::btree) fn pages(&self) -> u64 {
        self.pages
    }

    /// The runs, ascending: the first page of each, and how many.
    pub(in crate::btree) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.by_page.iter().map(|(page, len)| (*page, *len))
    }

    fn remove(&mut self, page: u32, len: u32) {
        self.by_page.remove(&page);
        self.by_len.remove(&(len, page));
        self.pages -= u64::from(len);
    }

    fn put(&mut self, page: u32, len: u32) {
        self.by_page.insert(page, len);
        self.by_len.insert((len, page));
        self.pages += u64::from(len);
    }

    /// Adds `len` pages from `page` on; whether none of them was there.
    pub(in crate::btree) fn add(&mut self, mut page: u32, mut len: u32) -> bool {
        let before = self.by_page.range(..=page).next_back().map(|(p, l)| (*p, *l));
        let after = self.by_page.range(page..).next().map(|(p, l)| (*p, *l));
        let Some(end) = page.checked_add(len) else { return false };
        if before.is_some_and(|(p, l)| p + l > page) || after.is_some_and(|(p, _)| p < end) {
            return false;
        }
        if let Some((p, l)) = before.filter(|(p, l)| p + l == page) {
            self.remove(p, l);
            (page, len) = (p, l + len);
        }
        if let Some((p, l)) = after.filter(|(p, _)| *p == end) {
            self.remove(p, l);
            len += l;
        }
        self.put(page, len);
        true
    }

    /// Takes `len` pages in a row out: where one is wanted the first there is, else the smallest
    /// run that has them.
    pub(in crate::btree) fn take(&mut self, len: u32) -> Option<u32> {
        let (page, of) = match len {
            1 => self.by_page.first_key_value().map(|(page, of)| (*page, *of))?,
            _ => self.by_len.range((len, 0)..).next().map(|(of, page)| (*page, *of))?,
        };
        self.remove(page, of);
        if of > len {
            self.put(page + len, of - len);
        }
        Some(page)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.by_page.len() as u64);
        let mut end = 0;
        for (page, len) in self.iter() {
            put_varint(out, u64::from(page - end));
            put_varint(out, u64::from(len));
            end = page + len;
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Runs> {
        let mut runs = Runs::default();
        let mut end = 0_u64;
        for _ in 0..reader.len()? {
            let (gap, len) = (reader.varint()?, reader.varint()?);
            let page = end.checked_add(gap);
            let next = page.and_then(|page| page.checked_add(len));
            let (Some(page), Some(next)) = (page, next) else {
                return Err(reader.corrupt("pages beyond all"));
            };
            let sound = page > 0 && len > 0 && (gap > 0 || end == 0) && u32::try_from(next).is_ok();
            ensure_sound!(sound, "free pages: {len} from {page} on");
            runs.put(page as u32, len as u32);
            end = next;
        }
        Ok(runs)
    }
}

/// Pages that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    edit: EditNo,
    generation: u64,
    runs: Runs,
}

/// The pages of a file that are not in the newest tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::btree) struct Space {
    free: Runs,
    freed: Runs,
    waiting: Vec<Waiting>,
}

impl Space {
    /// Goes on from the tree of `generation`, which `edit` made current, to the next: what may be
    /// reused, as `is_over` says of edits and generations, is free from now on.
    pub(in crate::btree) fn advance(
        &mut self,
        edit: EditNo,
        generation: u64,
        is_over: impl Fn(EditNo, u64) -> bool,
    ) {
        let runs = std::mem::take(&mut self.freed);
        self.waiting.push(Waiting { edit, generation, runs });
        let all = std::mem::take(&mut self.waiting);
        for waiting in all {
            if is_over(waiting.edit, waiting.generation) {
                for (page, len) in waiting.runs.iter() {
                    let is_new = self.free.add(page, len);
                    assert!(is_new, "a page is free once");
                }
            } else if waiting.runs.pages() > 0 {
                self.waiting.push(waiting);
            }
        }
    }

    /// Takes pages in a row that are free.
    pub(in crate::btree) fn take(&mut self, len: u32) -> Option<u32> {
        self.free.take(len)
    }

    /// Lets go of pages of the tree before.
    ///
    /// # Errors
    /// `Corrupt` when they were let go of already.
    pub(in crate::btree) fn free(&mut self, page: u32, len: u32) -> Result<()> {
        ensure_sound!(self.freed.add(page, len), "{len} pages from {page} on are in a tree twice");
        Ok(())
    }

    /// Lets go of pages that are free at once: a planted bug.
    pub(in crate::btree) fn free_now(&mut self, page: u32, len: u32) {
        self.free.add(page, len);
    }

    /// Pages that the newest tree does not use.
    pub(in crate::btree) fn unused(&self) -> u64 {
        let waiting = self.waiting.iter().map(|waiting| waiting.runs.pages());
        self.free.pages() + self.freed.pages() + waiting.sum::<u64>()
    }

    /// All of them, as runs: first page, and how many.
    pub(in crate::btree) fn runs(&self) -> impl Iterator<Item = (u32, u32)> {
        let waiting = self.waiting.iter().flat_map(|waiting| waiting.runs.iter());
        self.free.iter().chain(self.freed.iter()).chain(waiting)
    }

    /// The bytes that [`Space::decode`] takes.
    pub(in crate::btree) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.free.encode(&mut out);
        self.freed.encode(&mut out);
        put_varint(&mut out, self.waiting.len() as u64);
        for waiting in &self.waiting {
            put_varint(&mut out, waiting.edit.0);
            put_varint(&mut out, waiting.generation);
            waiting.runs.encode(&mut out);
        }
        out
    }

    /// The space of a file of `pages` pages.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::btree) fn decode(bytes: &[u8], pages: u32) -> Result<Space> {
        let mut reader = Reader::new(bytes, "free pages");
        let (free, freed) = (Runs::decode(&mut reader)?, Runs::decode(&mut reader)?);
        let mut space = Space { free, freed, waiting: Vec::new() };
        for _ in 0..reader.len()? {
            let (edit, generation) = (EditNo(reader.varint()?), reader.varint()?);
            space.waiting.push(Waiting { edit, generation, runs: Runs::decode(&mut reader)? });
        }
        reader.finish()?;
        let mut all = Runs::default();
        for (page, len) in space.runs() {
            let sound = page + len <= pages && all.add(page, len);
            ensure_sound!(sound, "free pages: {len} from {page} on of {pages}, or twice");
        }
        Ok(space)
    }
}

/// More pages than a file can have.
#[cold]
pub(in crate::btree) fn too_many() -> Error {
    Error::full("a tree has no more than 4,294,967,295 pages: create the keyspace with larger ones")
}
