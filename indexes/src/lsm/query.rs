//! Questions to an LSM index: one key, or a range of keys in either direction.
//!
//! Not for: changing anything, and pinning: whoever asks holds the view.

use std::ops::Bound;

use cuesta_engine::SeqNo;
use cuesta_engine::error::Result;
use cuesta_engine::index::State;
use cuesta_engine::stats::Stats;

use super::Lsm;
use super::block::Kind;
use super::filter;
use super::layout::Run;
use super::memtable::Memtable;
use super::merging::Merging;
use super::segment::{Fill, Hit};
use super::source::{RunCursor, Source};
use super::value::Value;

/// Reads one index as of one moment.
///
/// Whoever asks without a pin checks afterwards that no memtable was pruned past that moment
/// (`pruned_to`), and asks again if one was.
#[derive(Clone, Copy)]
pub struct Reader<'s> {
    state: &'s State<Lsm>,
    at: SeqNo,
}

/// What was found of a key that has a value.
enum Seen<'s> {
    Memtable(&'s Memtable, SeqNo, &'s [u8]),
    Segment(Hit<'s>),
    Large(Hit<'s>),
}

/// What a cursor, or a part of one, takes besides blocks.
const CURSOR_BYTES: usize = 512;
/// Longer values in memtables are shared, shorter ones copied.
const COPIED_BYTES_MAX: usize = 512;

impl<'s> Reader<'s> {
    /// Reads `state` as of `at`. Costs nothing.
    #[inline]
    pub fn new(state: &'s State<Lsm>, at: SeqNo) -> Reader<'s> {
        Reader { state, at }
    }

    /// The value of `key`. Costs a filter probe per run that may hold the key, and one block where
    /// it does; copies the value only from memtables, and there only short ones.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io` from the segments.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        let Some(seen) = self.look_up(key)? else { return Ok(None) };
        Ok(Some(match seen {
            Seen::Segment(hit) => hit.into_value(),
            Seen::Large(hit) => hit.large()?,
            Seen::Memtable(_, _, bytes) if bytes.len() <= COPIED_BYTES_MAX => Value::from(bytes),
            Seen::Memtable(memtable, at, bytes) => {
                let mut cursor = memtable.tree().cursor(at.0);
                cursor.seek(key);
                // Without a pin the version may have left its chain since.
                let same = cursor.valid()
                    && cursor.key() == key
                    && cursor.version().is_some_and(|version| std::ptr::eq(version.value, bytes));
                if same { Value::in_memtable(cursor) } else { Value::from(bytes) }
            }
        }))
    }

    /// Hands the value of `key` to `take`, if it has one: no allocation, no shared counter.
    ///
    /// # Errors
    /// As [`Reader::get`].
    #[inline]
    pub fn get_with<R>(&self, key: &[u8], take: impl FnOnce(&[u8]) -> R) -> Result<Option<R>> {
        let Some(seen) = self.look_up(key)? else { return Ok(None) };
        Ok(Some(match seen {
            Seen::Segment(hit) => take(hit.bytes()),
            Seen::Large(hit) => take(&hit.large()?),
            Seen::Memtable(_, _, bytes) => take(bytes),
        }))
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// As [`Reader::get`].
    #[inline]
    pub fn contains(&self, key: &[u8]) -> Result<bool> {
        Ok(self.look_up(key)?.is_some())
    }

    /// Whether what is found of `key` is a transaction's own write.
    pub fn is_private(&self, key: &[u8]) -> bool {
        let private = self.state.private.as_ref();
        private.is_some_and(|private| private.memtable.tree().get(key, private.at.0).is_some())
    }

    #[inline]
    fn look_up(&self, key: &[u8]) -> Result<Option<Seen<'s>>> {
        let State { private, active, frozen, layout, .. } = self.state;
        let memtables = std::iter::once((active, self.at))
            .chain(frozen.iter().map(|memtable| (memtable, self.at)));
        let private = private.iter().map(|private| (&private.memtable, private.at));
        for (memtable, at) in private.chain(memtables) {
            if let Some(version) = memtable.tree().get(key, at.0) {
                let put = version.kind != Kind::Delete as u8;
                return Ok(put.then_some(Seen::Memtable(memtable, at, version.value)));
            }
        }
        if layout.runs().is_empty() {
            return Ok(None);
        }
        let (hash, mut skips) = (filter::hash(key), 0);
        let mut found = None;
        for run in layout.runs() {
            let Some(segment) = run.holding(key) else { continue };
            if !segment.may_hold(hash)? {
                skips += 1;
                continue;
            }
            found = segment.find(key)?;
            if found.is_some() {
                break;
            }
            Stats::add(&self.stats().filter_false, 1);
        }
        if skips > 0 {
            Stats::add(&self.stats().filter_skips, skips);
        }
        Ok(found.and_then(|hit| match hit.kind() {
            Kind::Put => Some(Seen::Segment(hit)),
            Kind::Blob => Some(Seen::Large(hit)),
            Kind::Delete => None,
        }))
    }

    fn stats(&self) -> &'s Stats {
        &self.state.index.services().stats
    }

    /// A cursor over the keys within `lower` and `upper`. It owns what it reads; reads nothing
    /// yet. Costs an allocation, and memory for one block's worth of keys per run that it meets.
    pub fn cursor(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Cursor {
        let State { private, active, frozen, layout, .. } = self.state;
        let mut sources = Vec::with_capacity(2 + frozen.len() + layout.runs().len());
        let mut add = |memtable: &Memtable, at: SeqNo| {
            if !memtable.tree().is_empty() {
                sources.push(Source::Memtable(memtable.tree().cursor(at.0)));
            }
        };
        if let Some(private) = private {
            add(&private.memtable, private.at);
        }
        add(active, self.at);
        frozen.iter().for_each(|memtable| add(memtable, self.at));
        for run in layout.runs() {
            if meets(run, lower, upper) {
                sources.push(Source::Run(RunCursor::new(run.clone(), Fill::Keep)));
            }
        }
        Cursor {
            merging: Merging::new(sources),
            lower: lower.map(<[u8]>::to_vec),
            upper: upper.map(<[u8]>::to_vec),
            spot: Spot::Fresh,
            large: None,
            memory_max: self.memory_max(layout.runs().len()),
        }
    }

    /// What a cursor over `runs` runs holds at most: a block of each that is not mapped, and its
    /// own state.
    fn memory_max(&self, runs: usize) -> usize {
        CURSOR_BYTES + runs * (CURSOR_BYTES + self.state.index.options().block_bytes as usize)
    }
}

/// Whether some segment of `run` may hold keys within the bounds.
fn meets(run: &Run, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> bool {
    let first = match lower {
        Bound::Included(key) | Bound::Excluded(key) => run.find(key),
        Bound::Unbounded => 0,
    };
    run.segments().get(first).is_some_and(|segment| below(&segment.detail().smallest, upper))
}

#[inline]
fn below(key: &[u8], upper: Bound<&[u8]>) -> bool {
    match upper {
        Bound::Included(bound) => key <= bound,
        Bound::Excluded(bound) => key < bound,
        Bound::Unbounded => true,
    }
}

#[inline]
fn above(key: &[u8], lower: Bound<&[u8]>) -> bool {
    match lower {
        Bound::Included(bound) => key >= bound,
        Bound::Excluded(bound) => key > bound,
        Bound::Unbounded => true,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// Not moved yet: next goes to the first key, prev to the last.
    Fresh,
    /// On a key.
    On,
    /// Before the first key.
    Start,
    /// After the last key.
    End,
}

/// A place in a range of keys: on a key that has a value, or at either end.
///
/// A new cursor stands at both ends at once: [`Cursor::next`] goes to the first key and
/// [`Cursor::prev`] to the last. After an error it is like new.
pub struct Cursor {
    merging: Merging,
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
    spot: Spot,
    /// The value that it stands on, if that lies apart from its key.
    large: Option<Value>,
    memory_max: usize,
}

impl Cursor {
    /// Bytes of memory that it may hold, apart from values above the size of a block.
    pub fn memory_max(&self) -> usize {
        self.memory_max
    }

    /// Goes to the next key; says whether there is one.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io` from the segments.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "a cursor lends what it stands on")]
    pub fn next(&mut self) -> Result<bool> {
        match self.spot {
            Spot::On => {
                self.spot = Spot::Fresh;
                self.merging.next()?;
                self.settle()
            }
            Spot::Fresh | Spot::Start => self.first(),
            Spot::End => Ok(false),
        }
    }

    /// Goes to the key before; says whether there is one.
    #[inline]
    pub fn prev(&mut self) -> Result<bool> {
        match self.spot {
            Spot::On => {
                self.spot = Spot::Fresh;
                self.merging.prev()?;
                self.settle_back()
            }
            Spot::Fresh | Spot::End => self.last(),
            Spot::Start => Ok(false),
        }
    }

    /// Goes to the first key; says whether there is one.
    pub fn first(&mut self) -> Result<bool> {
        self.spot = Spot::Fresh;
        match &self.lower {
            Bound::Unbounded => self.merging.first()?,
            Bound::Included(key) => self.merging.seek(key)?,
            Bound::Excluded(key) => {
                self.merging.seek(key)?;
                if self.merging.current().is_some_and(|source| source.key() == key) {
                    self.merging.next()?;
                }
            }
        }
        self.settle()
    }

    /// Goes to the last key; says whether there is one.
    pub fn last(&mut self) -> Result<bool> {
        self.spot = Spot::Fresh;
        match &self.upper {
            Bound::Unbounded => self.merging.last()?,
            Bound::Excluded(key) => self.merging.seek_before(key)?,
            Bound::Included(key) => Self::back_to(&mut self.merging, key)?,
        }
        self.settle_back()
    }

    /// Goes to the first key at or after `key`; says whether there is one.
    pub fn seek(&mut self, key: &[u8]) -> Result<bool> {
        if !above(key, self.lower.as_ref().map(Vec::as_slice)) {
            return self.first();
        }
        self.spot = Spot::Fresh;
        self.merging.seek(key)?;
        self.settle()
    }

    /// Goes to the last key at or before `key`; says whether there is one.
    pub fn seek_back(&mut self, key: &[u8]) -> Result<bool> {
        if !below(key, self.upper.as_ref().map(Vec::as_slice)) {
            return self.last();
        }
        self.spot = Spot::Fresh;
        Self::back_to(&mut self.merging, key)?;
        self.settle_back()
    }

    /// Goes to the last entry at or before `key`: before the first key that is greater.
    fn back_to(merging: &mut Merging, key: &[u8]) -> Result<()> {
        let mut after = Vec::with_capacity(key.len() + 1);
        after.extend_from_slice(key);
        after.push(0);
        merging.seek_before(&after)
    }

    /// Goes forward to a key that has a value.
    #[inline]
    fn settle(&mut self) -> Result<bool> {
        while let Some(source) = self.merging.current() {
            if !below(source.key(), self.upper.as_ref().map(Vec::as_slice)) {
                break;
            }
            if source.kind() != Kind::Delete {
                self.large = if source.kind() == Kind::Blob { Some(source.large()?) } else { None };
                self.spot = Spot::On;
                return Ok(true);
            }
            self.merging.next()?;
        }
        self.spot = Spot::End;
        Ok(false)
    }

    /// Goes back to a key that has a value.
    fn settle_back(&mut self) -> Result<bool> {
        while let Some(source) = self.merging.current() {
            if !above(source.key(), self.lower.as_ref().map(Vec::as_slice)) {
                break;
            }
            if source.kind() != Kind::Delete {
                self.large = if source.kind() == Kind::Blob { Some(source.large()?) } else { None };
                self.spot = Spot::On;
                return Ok(true);
            }
            self.merging.prev()?;
        }
        self.spot = Spot::Start;
        Ok(false)
    }

    /// Whether it stands on a key.
    #[inline]
    pub fn valid(&self) -> bool {
        self.spot == Spot::On
    }

    #[inline]
    fn source(&self) -> Option<&Source> {
        if self.valid() { self.merging.current() } else { None }
    }

    /// The key that it stands on; empty when it stands on none. Valid until it is moved.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.source().map_or(&[], Source::key)
    }

    /// The value's bytes; empty when it stands on no key. Valid until it is moved.
    #[inline]
    pub fn value(&self) -> &[u8] {
        match (&self.large, self.source()) {
            (Some(large), Some(_)) => large,
            (None, Some(source)) => source.value(),
            (_, None) => &[],
        }
    }

    /// The value, to be kept; not a copy.
    pub fn value_owned(&self) -> Value {
        match (&self.large, self.source()) {
            (Some(large), Some(_)) => large.clone(),
            (None, Some(source)) => source.value_owned(),
            (_, None) => Value::from(&[][..]),
        }
    }
}
