//! Questions to an index of ordered keys: one key, or a range of keys in either direction.
//!
//! Not for: changing anything, and pinning: whoever asks holds the view.

use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::SeqNo;
use cuesta_engine::clock::Now;
use cuesta_engine::error::{Error, ErrorKind, Result};
use cuesta_engine::index::{Private, State};

use super::expiry::{self, EXPIRY_BYTES};
use super::front::{Front, front};
use super::gaps::{Asking, Moment};
use super::kind::Kind;
use super::memtable::{Memtable, add_chain};
use super::merging::Merging;
use super::op::{DELETE, EXPIRING, PUT};
use super::operand::{Pile, Rules};
use super::source::{Deletes, Source};
use super::stored::{Found, Ordered, Walk};
use super::value::Value;

mod settle;

/// Reads one index as of one moment.
///
/// Whoever asks without a pin checks afterwards that no memtable was pruned past that moment
/// (`pruned_to`), and asks again if one was.
pub struct Reader<'s, T: Ordered> {
    state: &'s State<T>,
    at: SeqNo,
    clock: When<'s>,
}

/// The clock by which values expire.
#[derive(Clone, Copy)]
enum When<'s> {
    At(u64),
    Now(&'s Now<'s>),
}

/// What was found of a key that has a value, and when it expires.
enum Seen<'s, T: Ordered + 's> {
    /// The stored bytes begin with the expiry, if there is one.
    Memtable(&'s Memtable, SeqNo, &'s [u8], Option<u64>),
    Segment(T::Found<'s>, Option<u64>),
    Large(T::Found<'s>),
    Merged(Vec<u8>, Option<u64>),
}

/// What a cursor, or a part of one, takes besides blocks.
const CURSOR_BYTES: usize = 512;
/// Longer values in memtables are shared, shorter ones copied.
const COPIED_BYTES_MAX: usize = 512;

impl<T: Ordered> Clone for Reader<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Ordered> Copy for Reader<'_, T> {}

impl<'s, T: Ordered> Reader<'s, T> {
    /// Reads `state` as of `at`, and as of `clock_ms` what expires: of a view, both are the view's.
    /// Costs nothing.
    #[inline]
    pub fn new(state: &'s State<T>, at: SeqNo, clock_ms: u64) -> Reader<'s, T> {
        Reader { state, at, clock: When::At(clock_ms) }
    }

    /// Reads `state`, which is the present one, as of `at`; looks at the clock only where something
    /// expires, and once. Costs nothing.
    #[inline]
    pub fn now(state: &'s State<T>, at: SeqNo, now: &'s Now<'s>) -> Reader<'s, T> {
        Reader { state, at, clock: When::Now(now) }
    }

    /// The clock by which values expire.
    pub fn clock_ms(&self) -> u64 {
        match self.clock {
            When::At(clock_ms) => clock_ms,
            When::Now(now) => now.ms(),
        }
    }

    /// How long something has to live that expires then.
    pub fn left_ms(&self, expiry_ms: u64) -> u64 {
        match self.clock {
            When::At(clock_ms) => expiry_ms.saturating_sub(clock_ms),
            When::Now(now) => now.left_ms(expiry_ms),
        }
    }

    /// Whether what expires then has expired.
    #[inline]
    fn is_over(&self, expiry_ms: u64) -> bool {
        match self.clock {
            When::At(clock_ms) => expiry_ms <= clock_ms,
            When::Now(now) => now.is_over(expiry_ms),
        }
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
            Seen::Segment(hit, _) => hit.into_value(),
            Seen::Large(hit) => hit.large()?,
            Seen::Merged(value, _) => Value::from(Arc::from(value)),
            Seen::Memtable(_, _, bytes, expiry) if bytes.len() <= COPIED_BYTES_MAX => {
                Value::from(without_expiry(bytes, expiry))
            }
            Seen::Memtable(memtable, at, bytes, expiry) => {
                let mut cursor = memtable.tree().cursor(at.0);
                cursor.seek(key);
                // Without a pin the version may have left its chain since.
                let same = cursor.valid()
                    && cursor.key() == key
                    && cursor.version().is_some_and(|version| std::ptr::eq(version.value, bytes));
                let value = if same { Value::in_memtable(cursor) } else { Value::from(bytes) };
                if expiry.is_some() { value.skip(EXPIRY_BYTES) } else { value }
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
            Seen::Segment(hit, _) => take(hit.bytes()),
            Seen::Large(hit) => take(&hit.large()?),
            Seen::Memtable(_, _, bytes, expiry) => take(without_expiry(bytes, expiry)),
            Seen::Merged(value, _) => take(&value),
        }))
    }

    /// When the value of `key` expires, in milliseconds since 1970: `None` if it has no value,
    /// `Some(None)` if it does not expire.
    ///
    /// # Errors
    /// As [`Reader::get`].
    pub fn expiry_ms(&self, key: &[u8]) -> Result<Option<Option<u64>>> {
        Ok(self.look_up(key)?.map(|seen| match seen {
            Seen::Large(_) => None,
            Seen::Memtable(_, _, _, expiry)
            | Seen::Segment(_, expiry)
            | Seen::Merged(_, expiry) => expiry,
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

    /// Whether what is found of `key` is a transaction's own write, and nothing else: what is
    /// merged with something of the view is not.
    pub fn is_private(&self, key: &[u8]) -> bool {
        let Some(Private { memtable, at }) = &self.state.private else { return false };
        let chain = memtable.tree().chain(key, at.0);
        let whole = |mut chain| add_chain(&mut Pile::new(), &mut chain).unwrap_or(false);
        memtable.deleted(key, at.0) > 0 || chain.is_some_and(whole)
    }

    #[inline]
    fn look_up(&self, key: &[u8]) -> Result<Option<Seen<'s, T>>> {
        for front in front(self.state, self.at) {
            let (memtable, at) = match front {
                Front::Memtable(memtable, at) => (memtable, at),
                Front::Ingested(ingested) => match self.state.index.find(&ingested.layout, key)? {
                    Some(hit) => return self.seen(key, hit),
                    None => continue,
                },
            };
            let version = memtable.tree().get(key, at.0);
            if memtable.deleted(key, at.0) > version.map_or(0, |version| version.seq) {
                return Ok(None);
            }
            if let Some(version) = version {
                return match version.kind {
                    PUT => Ok(Some(Seen::Memtable(memtable, at, version.value, None))),
                    DELETE => Ok(None),
                    EXPIRING => {
                        let (expiry_ms, _) = expiry::split(version.value)?;
                        let seen = Seen::Memtable(memtable, at, version.value, Some(expiry_ms));
                        Ok((!self.is_over(expiry_ms)).then_some(seen))
                    }
                    _ => self.merged(key),
                };
            }
        }
        match self.state.index.find(&self.state.layout, key)? {
            Some(hit) => self.seen(key, hit),
            None => Ok(None),
        }
    }

    /// What comes of what a segment says of `key`, while nothing newer says anything.
    #[inline]
    fn seen(&self, key: &[u8], mut hit: T::Found<'s>) -> Result<Option<Seen<'s, T>>> {
        match hit.kind() {
            Kind::Put => Ok(Some(Seen::Segment(hit, None))),
            Kind::Blob => Ok(Some(Seen::Large(hit))),
            Kind::Delete => Ok(None),
            Kind::Expiring => {
                let expiry_ms = hit.take_expiry()?;
                let seen = Seen::Segment(hit, Some(expiry_ms));
                Ok((!self.is_over(expiry_ms)).then_some(seen))
            }
            Kind::Merge => self.merged(key),
        }
    }

    /// What comes of all that is said of `key`, the newest of which is a merge.
    #[cold]
    fn merged(&self, key: &[u8]) -> Result<Option<Seen<'s, T>>> {
        let mut hits: Vec<T::Found<'s>> = Vec::new();
        let (mut pile, mut whole) = (Pile::new(), false);
        for front in front(self.state, self.at) {
            if whole || !hits.is_empty() {
                break;
            }
            let (memtable, at) = match front {
                Front::Memtable(memtable, at) => (memtable, at),
                Front::Ingested(ingested) => {
                    hits.extend(self.state.index.find(&ingested.layout, key)?);
                    continue;
                }
            };
            let chain = memtable.tree().chain(key, at.0);
            let newest = chain.clone().and_then(|mut chain| chain.next());
            if memtable.deleted(key, at.0) > newest.map_or(0, |version| version.seq) {
                whole = pile.add(Kind::Delete, &[])?;
            } else if let Some(mut chain) = chain {
                whole = add_chain(&mut pile, &mut chain)?;
            }
        }
        let open = hits.last().is_none_or(|hit| hit.kind() == Kind::Merge);
        if open && !whole {
            self.state.index.find_all(&self.state.layout, key, &mut hits)?;
        }
        for hit in &hits {
            if hit.kind() == Kind::Blob {
                pile.add_large(&hit.large()?);
                break;
            }
            if pile.add(hit.kind(), hit.bytes())? {
                break;
            }
        }
        let outcome = pile.outcome(self.state.index.rules()).map_err(|e| of_key(e, key))?;
        let living = |expiry: Option<u64>| expiry.is_none_or(|at| !self.is_over(at));
        Ok(outcome
            .filter(|(_, expiry)| living(*expiry))
            .map(|(value, expiry)| Seen::Merged(value, expiry)))
    }

    /// A cursor over the keys within `lower` and `upper`. It owns what it reads; reads nothing
    /// yet. Costs an allocation, and memory for one block's worth of keys per run that it meets.
    pub fn cursor(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Cursor<T::Walk> {
        let State { private, active, frozen, layout, .. } = self.state;
        let mut sources = Vec::with_capacity(3 + frozen.len());
        let mut runs = 0;
        let walk = |layout: &T::Layout, sources: &mut Vec<_>| {
            T::walks(layout, lower, upper, &mut |walk, deletes| {
                sources.push((Source::Stored(walk), deletes.map(Deletes::Stored)));
            })
        };
        for front in front(self.state, self.at) {
            match front {
                Front::Memtable(memtable, at) => {
                    let cover = memtable.cover();
                    if !memtable.tree().is_empty() || cover.is_some() {
                        let deletes =
                            cover.map(|cover| Deletes::Memtable(Box::new(cover.cursor(at.0))));
                        sources.push((Source::Memtable(memtable.tree().cursor(at.0)), deletes));
                    }
                }
                Front::Ingested(ingested) => {
                    runs += walk(&ingested.layout, &mut sources);
                }
            }
        }
        runs += walk(layout, &mut sources);
        let own = private.as_ref().map(|private| private.memtable.tree().clone());
        let clock_ms = self.clock_ms();
        Cursor {
            merging: Merging::new(sources),
            lower: lower.map(<[u8]>::to_vec),
            upper: upper.map(<[u8]>::to_vec),
            spot: Spot::Fresh,
            memory_max: self.memory_max(runs),
            shown: Shown::Stored,
            clock_ms,
            asking: Asking::new(active.clone(), own, Moment { at: self.at.0, clock_ms }),
            rules: self.state.index.rules().clone(),
        }
    }

    /// What a cursor over `runs` runs holds at most: a block of each that is not mapped, and its
    /// own state.
    fn memory_max(&self, runs: usize) -> usize {
        CURSOR_BYTES + runs * (CURSOR_BYTES + self.state.index.walk_bytes())
    }
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

/// What was stored, without the expiry in front of it, if there is one.
#[inline]
fn without_expiry(stored: &[u8], expiry: Option<u64>) -> &[u8] {
    match expiry {
        None => stored,
        Some(_) => stored.get(EXPIRY_BYTES..).unwrap_or_default(),
    }
}

#[cold]
fn of_key(e: Error, key: &[u8]) -> Error {
    let error = e.context(format_args!("merging key {}", key.escape_ascii()));
    match error.kind() {
        ErrorKind::Invalid => error.advice("put or delete it"),
        _ => error,
    }
}

/// Where the value of a cursor's key lies.
enum Shown {
    /// With the newest source that has the key.
    Stored,
    /// There, behind its expiry.
    Expiring,
    /// Apart from the key, or nowhere but here; and when it ends.
    Apart(Value, Option<u64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// Not moved yet: next goes to the first key, prev to the last.
    Fresh,
    /// As if not moved yet, since it has failed at a key that cannot be merged.
    Failed,
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
pub struct Cursor<W: Walk> {
    merging: Merging<W>,
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
    spot: Spot,
    memory_max: usize,
    shown: Shown,
    clock_ms: u64,
    asking: Asking,
    rules: Arc<Rules>,
}

impl<W: Walk> Cursor<W> {
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
            Spot::Fresh | Spot::Failed | Spot::Start => self.first(),
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
            Spot::Fresh | Spot::Failed | Spot::End => self.last(),
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
    fn back_to(merging: &mut Merging<W>, key: &[u8]) -> Result<()> {
        let mut after = Vec::with_capacity(key.len() + 1);
        after.extend_from_slice(key);
        after.push(0);
        merging.seek_before(&after)
    }

    /// Whether the current key has a value.
    fn stands(&mut self) -> Result<bool> {
        let Some(source) = self.merging.current() else { return Ok(false) };
        self.shown = match source.kind() {
            Kind::Put => Shown::Stored,
            Kind::Blob => Shown::Apart(source.large()?, None),
            Kind::Delete => return Ok(false),
            Kind::Expiring if expiry::split(source.value())?.0 <= self.clock_ms => {
                return Ok(false);
            }
            Kind::Expiring => Shown::Expiring,
            Kind::Merge => {
                let outcome = self.merging.pile()?.outcome(&self.rules);
                if outcome.is_err() {
                    self.spot = Spot::Failed;
                }
                match outcome.map_err(|e| of_key(e, source.key()))? {
                    Some((_, Some(expiry_ms))) if expiry_ms <= self.clock_ms => return Ok(false),
                    Some((value, expiry)) => Shown::Apart(Value::from(Arc::from(value)), expiry),
                    None => return Ok(false),
                }
            }
        };
        self.spot = Spot::On;
        Ok(true)
    }

    /// Whether it stands on a key.
    #[inline]
    pub fn valid(&self) -> bool {
        self.spot == Spot::On
    }

    #[inline]
    fn source(&self) -> Option<&Source<W>> {
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
        let stored = self.source().map_or(&[][..], Source::value);
        match &self.shown {
            Shown::Stored => stored,
            Shown::Expiring => stored.get(EXPIRY_BYTES..).unwrap_or_default(),
            Shown::Apart(value, _) if self.valid() => value,
            Shown::Apart(..) => &[],
        }
    }

    /// When the value ends; `None` if it never does.
    pub fn expiry_ms(&self) -> Option<u64> {
        match &self.shown {
            Shown::Expiring => Some(expiry::split(self.source()?.value()).ok()?.0),
            Shown::Apart(_, expiry) => expiry.filter(|_| self.valid()),
            Shown::Stored => None,
        }
    }

    /// The value, to be kept; not a copy.
    pub fn value_owned(&self) -> Value {
        let stored = || self.source().map_or_else(|| Value::from(&[][..]), Source::value_owned);
        match &self.shown {
            Shown::Stored => stored(),
            Shown::Expiring => stored().skip(EXPIRY_BYTES),
            Shown::Apart(value, _) if self.valid() => value.clone(),
            Shown::Apart(..) => Value::from(&[][..]),
        }
    }
}
