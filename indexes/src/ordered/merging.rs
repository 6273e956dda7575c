//! Several sorted sources as one: each key once, with what its newest source says.
//!
//! Among few sources a linear look at the keys that they stand on beats a heap: the heads of the
//! keys lie side by side. Mostly even that is saved: the source in front stays there as long as
//! its keys come before that of the *rival*, the second in line.
//!
//! What a range delete of a newer source covers is passed over: older sources seek past it.
//!
//! Not for: bounds, and hiding keys that were deleted one by one (see [`query`](super::query)).
//!
//! Invariants, while it stands on an entry:
//! 1. Going forward, every source stands on its first entry at or after the current key; going
//!    back, on its last entry at or before it. Or nowhere, when it has none. Entries between that
//!    are covered may have been left out.
//! 2. `current` is the newest of the sources that stand on the current key.
//! 3. No range delete of `current` or of a newer source covers the entry of `current`.

use std::cmp::Ordering;

use cuesta_engine::error::Result;

use super::kind::Kind;
use super::operand::Pile;
use super::order;
use super::source::{Deletes, Source};
use super::span;
use super::stored::Walk;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Forward,
    Back,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tie {
    Same,
    Apart,
}

/// Sources, newest first, as one.
pub(crate) struct Merging<W: Walk> {
    sources: Vec<Source<W>>,
    /// Range deletes of each source; empty when there are none at all.
    deletes: Vec<Option<Deletes<W>>>,
    /// Heads of the keys that the sources stand on.
    heads: Vec<u64>,
    way: Way,
    current: Option<usize>,
    /// The second in line, if there is one.
    rival: Option<usize>,
    /// Whether both stand on the same key.
    tie: Tie,
    /// What so many of the first sources say of the current key counts, if its entry is a merge:
    /// a range delete takes what all others say. The greatest number is all, with none.
    counting: usize,
}

impl<W: Walk> Merging<W> {
    /// Joins `sources`, newest first, each with its range deletes; stands nowhere.
    pub(crate) fn new(sources: Vec<(Source<W>, Option<Deletes<W>>)>) -> Merging<W> {
        let heads = vec![0; sources.len()];
        let (sources, mut deletes): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
        if deletes.iter().all(Option::is_none) {
            deletes.clear();
        }
        let (way, current, rival, counting) = (Way::Forward, None, None, usize::MAX);
        let tie = Tie::Apart;
        Merging { sources, deletes, heads, way, current, rival, tie, counting }
    }

    /// Bytes of memory held, about.
    pub(crate) fn memory(&self) -> usize {
        self.sources.iter().map(Source::memory).sum()
    }

    /// The source that the current entry comes from; `None` when it stands nowhere.
    #[inline]
    pub(crate) fn current(&self) -> Option<&Source<W>> {
        self.sources.get(self.current?)
    }

    /// All sources that say something of the current key that counts, newest first. Of an entry
    /// that is no merge, the first one says it all.
    fn here(&self) -> impl Iterator<Item = &Source<W>> {
        let current = self.current.unwrap_or(self.sources.len());
        let same = move |i: &usize| {
            let there = self.sources[*i].valid() && self.order(*i, current) == Ordering::Equal;
            *i == current || there
        };
        (current..self.sources.len().min(self.counting)).filter(same).map(|i| &self.sources[i])
    }

    /// What all of them say of the current key, together.
    ///
    /// # Errors
    /// `Corrupt` for an entry that makes no sense.
    pub(crate) fn pile(&self) -> Result<Pile<'_>> {
        let mut pile = Pile::new();
        for source in self.here() {
            if source.add_to(&mut pile)? {
                return Ok(pile);
            }
        }
        if self.counting < usize::MAX {
            pile.add(Kind::Delete, &[])?;
        }
        Ok(pile)
    }

    /// Goes to the first entry.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io` from the segments; it then stands nowhere.
    pub(crate) fn first(&mut self) -> Result<()> {
        self.place(Way::Forward, Source::first)
    }

    /// Goes to the last entry.
    pub(crate) fn last(&mut self) -> Result<()> {
        self.place(Way::Back, Source::last)
    }

    /// Goes to the first entry at or after `key`.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.place(Way::Forward, |source| source.seek(key))
    }

    /// Goes to the last entry before `key`.
    pub(crate) fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        self.place(Way::Back, |source| source.seek_before(key))
    }

    fn place(&mut self, way: Way, go: impl Fn(&mut Source<W>) -> Result<()>) -> Result<()> {
        self.current = None;
        self.way = way;
        for (source, head) in self.sources.iter_mut().zip(&mut self.heads) {
            go(source)?;
            *head = order::head(source.key());
        }
        self.pick();
        self.uncover()
    }

    /// Goes to the next key.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<()> {
        self.step(Way::Forward)
    }

    /// Goes to the key before.
    #[inline]
    pub(crate) fn prev(&mut self) -> Result<()> {
        self.step(Way::Back)
    }

    #[inline]
    fn step(&mut self, way: Way) -> Result<()> {
        self.step_on(way)?;
        if self.deletes.is_empty() { Ok(()) } else { self.uncover() }
    }

    #[inline]
    fn step_on(&mut self, way: Way) -> Result<()> {
        let Some(current) = self.current else { return Ok(()) };
        if self.way != way {
            return self.turn(way);
        }
        if let Some(rival) = self.rival {
            if self.tie == Tie::Same {
                return self.step_all(current);
            }
            self.advance(current)?;
            if self.sources[current].valid() && self.order(current, rival) == Ordering::Less {
                return Ok(());
            }
            self.pick();
            return Ok(());
        }
        // The others have nothing left on this side.
        let moved = match way {
            Way::Forward => self.sources[current].next(),
            Way::Back => self.sources[current].prev(),
        };
        if moved.is_err() || !self.sources[current].valid() {
            self.current = None;
        }
        moved
    }

    /// Leaves the current key in every source that stands on it.
    #[inline(never)]
    fn step_all(&mut self, current: usize) -> Result<()> {
        for other in 0..self.sources.len() {
            let same = other != current
                && self.sources[other].valid()
                && self.order(other, current) == Ordering::Equal;
            if same {
                self.advance(other)?;
            }
        }
        self.advance(current)?;
        self.pick();
        Ok(())
    }

    #[inline]
    fn advance(&mut self, i: usize) -> Result<()> {
        let source = &mut self.sources[i];
        let moved = match self.way {
            Way::Forward => source.next(),
            Way::Back => source.prev(),
        };
        self.heads[i] = order::head(source.key());
        if moved.is_err() {
            self.current = None;
        }
        moved
    }

    /// Changes direction: the sources that are not on the current key stand beyond it.
    #[cold]
    fn turn(&mut self, way: Way) -> Result<()> {
        let key = self.current().map(|source| source.key().to_vec()).unwrap_or_default();
        match way {
            Way::Back => self.seek_before(&key),
            Way::Forward => self.place(way, |source| {
                source.seek(&key)?;
                if source.valid() && source.key() == key { source.next() } else { Ok(()) }
            }),
        }
    }

    /// Goes on to an entry that nothing covers.
    #[inline(never)]
    fn uncover(&mut self) -> Result<()> {
        while let Some(current) = self.current.take() {
            let Some(by) = self.covered_by(current)? else {
                self.counting = self.counting_from(current)?;
                self.current = Some(current);
                break;
            };
            self.pass(by, current)?;
            self.pick();
        }
        Ok(())
    }

    /// The newest source whose range deletes cover the entry of source `i`.
    fn covered_by(&mut self, i: usize) -> Result<Option<usize>> {
        let source = &self.sources[i];
        for (by, deletes) in self.deletes.iter_mut().enumerate().take(i + 1) {
            let Some(deletes) = deletes else { continue };
            let covered = match by == i {
                true => deletes.cover_own(source.key(), source.committed()),
                false => deletes.cover(source.key())?,
            };
            if covered {
                return Ok(Some(by));
            }
        }
        Ok(None)
    }

    /// How many sources count for the entry of source `current`, which nothing covers.
    fn counting_from(&mut self, current: usize) -> Result<usize> {
        let source = &self.sources[current];
        if source.kind() != Kind::Merge {
            return Ok(usize::MAX);
        }
        let key = source.key();
        for (i, deletes) in self.deletes.iter_mut().enumerate().skip(current) {
            let Some(deletes) = deletes else { continue };
            if deletes.cover(key)? {
                let own = &self.sources[i];
                let stands = own.valid() && own.key() == key;
                let counts = stands && !deletes.cover_own(key, own.committed());
                return Ok(i + usize::from(counts));
            }
        }
        Ok(usize::MAX)
    }

    /// Takes every source older than `by` past what that covers around the current key.
    fn pass(&mut self, by: usize, current: usize) -> Result<()> {
        if by == current {
            self.advance(current)?;
        }
        let Some(Some(deletes)) = self.deletes.get_mut(by) else { return Ok(()) };
        let older = self.sources.iter_mut().zip(&mut self.heads).skip(by + 1);
        match self.way {
            Way::Forward => {
                let end = deletes.end();
                for (source, head) in older {
                    if source.valid() && span::is_before(source.key(), end.as_deref()) {
                        match &end {
                            Some(end) => source.pass_to(end)?,
                            None => source.leave(),
                        }
                        *head = order::head(source.key());
                    }
                }
            }
            Way::Back => {
                let start = deletes.start();
                for (source, head) in older {
                    if source.valid() && source.key() >= start.as_slice() {
                        source.seek_before(&start)?;
                        *head = order::head(source.key());
                    }
                }
            }
        }
        Ok(())
    }

    /// How the keys of two sources, both standing on one, follow each other on the present way.
    #[inline]
    fn order(&self, i: usize, j: usize) -> Ordering {
        let order = match self.heads[i].cmp(&self.heads[j]) {
            Ordering::Equal => self.order_of_keys(i, j),
            order => order,
        };
        match self.way {
            Way::Forward => order,
            Way::Back => order.reverse(),
        }
    }

    #[inline(never)]
    fn order_of_keys(&self, i: usize, j: usize) -> Ordering {
        self.sources[i].key().cmp(self.sources[j].key())
    }

    /// Finds the source in front, the newest among equals, and its rival.
    fn pick(&mut self) {
        let (mut best, mut second) = (None, None);
        for i in 0..self.sources.len() {
            if !self.sources[i].valid() {
                continue;
            }
            match best {
                None => best = Some(i),
                Some(b) if self.order(i, b) == Ordering::Less => (best, second) = (Some(i), best),
                Some(_) => match second {
                    Some(s) if self.order(i, s) != Ordering::Less => {}
                    _ => second = Some(i),
                },
            }
        }
        let same = best.zip(second).is_some_and(|(i, j)| self.order(i, j) == Ordering::Equal);
        self.tie = if same { Tie::Same } else { Tie::Apart };
        (self.current, self.rival) = (best, second);
    }
}
