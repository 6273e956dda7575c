//! Runs of deleted keys that cursors have crossed, so that the next ones need not.
//!
//! Whoever takes from the head of a queue leaves tombstones there; each look for the first key
//! would walk over all of them until a merge has taken them away. A cursor that has crossed many
//! keys without a value in a row notes the range as a *gap*: as of the moment it reads, and ever
//! after, no key of the range has a value, until one is written there. The next cursor jumps.
//!
//! ```text
//! keys    a- b- c- d- e- f- g  h          - deleted
//! cursor     ───────────────► finds g, and notes the gap [b, g)
//! next       ─╴jump╶────────► g
//! put d   gaps [b, d) and [d+, g) are left, where d+ is the key right after d
//! ```
//!
//! Not for: what lies where; gaps are about values alone, and stay right through flushes and
//! merges. They are not kept on disk.
//!
//! Invariants
//! 1. As of any commit from `at` on, by any clock from `clock_ms` on, no key of a gap has a value.
//! 2. Whoever writes a value inserts it first and closes gaps then, before the commit is published;
//!    whoever notes a gap announces that first and looks then, under the lock, at what was inserted
//!    since it began to read. So one of the two sees the other.
//! 3. Gaps are disjoint and in order, and are few.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cuesta_engine::blinktree::{LEANS, Tree};
use cuesta_engine::planted::{self, Bug};

use super::kind::Kind;
use super::memtable::Memtable;
use super::span;

#[cfg(test)]
mod tests;

/// Gaps that an index remembers.
const GAPS_MAX: usize = 64;
/// Gaps with longer keys are not remembered.
const KEY_BYTES_MAX: usize = 1024;
/// Keys in a row without a value before a cursor asks about gaps.
pub(crate) const ASK_AFTER: u32 = 16;
/// Keys crossed for which a gap is worth remembering.
const WORTH_MIN: u64 = 16;
/// Keys crossed before a cursor asks again.
const ASKED_EVERY: u64 = 64;
/// Keys crossed before they are noted: it takes a look at the memtable, under the lock.
const NOTED_AT_ONCE: u64 = 1024;
/// Keys of the memtable looked at for a note, at most: commits may have to wait for it.
const LOOKED_AT_MAX: usize = 2048;

/// Keys without a value.
#[derive(Debug)]
struct Gap {
    start: Box<[u8]>,
    /// None: to the end.
    end: Option<Box<[u8]>>,
    /// From this commit on.
    at: u64,
    /// By clocks from this one on.
    clock_ms: u64,
    /// Keys that were crossed, about.
    worth: u64,
}

/// The gaps of an index.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    known: Mutex<Known>,
    /// Whether there may be any.
    any: AtomicBool,
}

/// Where a gap starts, and where it ends; `None` at the end of all keys.
type Bounds = (Box<[u8]>, Option<Box<[u8]>>);

#[derive(Debug, Default)]
struct Known {
    gaps: Vec<Gap>,
    /// Who reads as of an earlier commit does not see all values that were written.
    since: u64,
}

/// When and by what clock something is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The last commit that is seen.
    pub at: u64,
    /// By this, values expire.
    pub clock_ms: u64,
}

impl Gaps {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all of them: commit `at`, which nobody can read yet, has written values elsewhere
    /// than in memtables.
    pub(crate) fn forget(&self, at: u64) {
        let mut known = self.known();
        known.gaps.clear();
        known.since = at;
    }

    /// Closes gaps at keys whose values were just inserted. Costs a fence while there are none.
    #[inline]
    pub(crate) fn close<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) {
        fence(Ordering::SeqCst);
        if self.any.load(Ordering::Relaxed) && !planted::is(Bug::GapLeftOpen) {
            let Known { gaps, .. } = &mut *self.known();
            keys.for_each(|key| split(gaps, key));
            self.any.store(!gaps.is_empty(), Ordering::Relaxed);
        }
    }

    /// Says in `sealed` that a memtable takes no more writes: from here on gaps cannot be noted by
    /// who reads it.
    pub(crate) fn seal(&self, sealed: &AtomicBool) {
        let _order = self.known();
        sealed.store(true, Ordering::Relaxed);
    }

    /// The bounds of the gap around `key`, which has no value: known by then.
    fn around(&self, key: &[u8], moment: Moment) -> Option<Bounds> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.known();
        let gap = known.gaps.get(holding(&known.gaps, key)?)?;
        (gap.at <= moment.at && gap.clock_ms <= moment.clock_ms)
            .then(|| (gap.start.clone(), gap.end.clone()))
    }

    /// Notes that who reads `memtable`, the active one, as of `moment` found no value from `start`
    /// up to `end`, crossing `worth` keys.
    fn note(
        &self,
        memtable: &Memtable,
        (start, end): (&[u8], Option<&[u8]>),
        mut moment: Moment,
        worth: u64,
    ) {
        let (mut end, read_at) = (end.map(<[u8]>::to_vec), moment.at);
        let Known { gaps, since } = &mut *self.known();
        self.any.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if !memtable.is_sealed() && moment.at >= *since {
            let mut cursor = memtable.tree().cursor(u64::MAX);
            cursor.seek(start);
            let mut looked_at = 0;
            while cursor.valid() && span::is_before(cursor.key(), end.as_deref()) {
                looked_at += 1;
                if looked_at > LOOKED_AT_MAX {
                    end = Some(cursor.key().to_vec());
                    break;
                }
                match cursor.version() {
                    Some(newest) if newest.seq > read_at => {
                        if newest.kind & !LEANS != Kind::Delete as u8 {
                            end = Some(cursor.key().to_vec());
                            break;
                        }
                        // It may have had a value for a while.
                        moment.at = moment.at.max(newest.seq);
                    }
                    _ => {}
                }
                cursor.next();
            }
            let short = |key: &[u8]| key.len() <= KEY_BYTES_MAX;
            if span::is_before(start, end.as_deref())
                && short(start)
                && end.as_deref().is_none_or(short)
            {
                join(
                    gaps,
                    Gap {
                        start: start.into(),
                        end: end.map(Into::into),
                        at: moment.at,
                        clock_ms: moment.clock_ms,
                        worth,
                    },
                );
            }
        }
        self.any.store(!gaps.is_empty(), Ordering::Relaxed);
    }
}

/// Which gap holds `key`.
fn holding(gaps: &[Gap], key: &[u8]) -> Option<usize> {
    let at = gaps.partition_point(|gap| *gap.start <= *key).checked_sub(1)?;
    span::is_before(key, gaps[at].end.as_deref()).then_some(at)
}

/// Leaves `key` out of the gap around it.
fn split(gaps: &mut Vec<Gap>, key: &[u8]) {
    let Some(at) = holding(gaps, key) else { return };
    let gap = gaps.remove(at);
    let after = after(key);
    let worth = gap.worth / 2;
    let right = span::is_before(&after, gap.end.as_deref());
    let left = *gap.start < *key;
    if worth < WORTH_MIN {
        return;
    }
    if right {
        gaps.insert(at, Gap { start: after.into(), end: gap.end, worth, ..gap });
    }
    if left {
        let (at_most, clock_ms) = (gap.at, gap.clock_ms);
        let end = Some(key.into());
        gaps.insert(at, Gap { start: gap.start, end, at: at_most, clock_ms, worth });
    }
    shed(gaps);
}

/// Adds a gap, as one with those that it overlaps or touches.
fn join(gaps: &mut Vec<Gap>, mut new: Gap) {
    let first = gaps.partition_point(|gap| gap.end.as_deref().is_some_and(|end| *end < *new.start));
    let touches = |gap: &Gap| new.end.as_deref().is_none_or(|end| *gap.start <= *end);
    let count = gaps[first..].iter().take_while(|gap| touches(gap)).count();
    for gap in gaps.drain(first..first + count) {
        new.start = new.start.min(gap.start);
        new.end = match (new.end, gap.end) {
            (Some(end), Some(other)) => Some(end.max(other)),
            _ => None,
        };
        new.at = new.at.max(gap.at);
        new.clock_ms = new.clock_ms.max(gap.clock_ms);
        new.worth += gap.worth;
    }
    gaps.insert(first, new);
    shed(gaps);
}

/// Forgets the gap that is worth least while there are too many.
fn shed(gaps: &mut Vec<Gap>) {
    while gaps.len() > GAPS_MAX {
        let least = gaps.iter().enumerate().min_by_key(|(_, gap)| gap.worth).map(|(at, _)| at);
        least.map(|at| gaps.remove(at));
    }
}

/// The key right after `key`.
pub(crate) fn after(key: &[u8]) -> Vec<u8> {
    let mut after = Vec::with_capacity(key.len() + 1);
    after.extend_from_slice(key);
    after.push(0);
    after
}

/// What a cursor needs to ask for gaps, and to note them.
#[derive(Debug)]
pub(crate) struct Asking {
    /// The active memtable.
    active: Arc<Memtable>,
    /// What a transaction has written key by key and not committed, which gaps do not know. What it
    /// reads is not to be noted, whatever it has written: a range delete, perhaps.
    private: Option<Arc<Tree>>,
    moment: Moment,
}

impl Asking {
    /// For who reads `active`, and `private` on top of it, as of `moment`.
    pub(crate) fn new(active: Arc<Memtable>, private: Option<Arc<Tree>>, moment: Moment) -> Asking {
        Asking { active, private, moment }
    }

    /// Where the gap around `key` ends, if there is one: `Some(None)` at the end of all keys.
    pub(crate) fn end(&self, key: &[u8]) -> Option<Option<Box<[u8]>>> {
        let (_, end) = self.active.gaps().around(key, self.moment)?;
        self.is_untouched(key, end.as_deref()).then_some(end)
    }

    /// Where the gap around `key` starts, if there is one.
    pub(crate) fn start(&self, key: &[u8]) -> Option<Box<[u8]>> {
        let (start, _) = self.active.gaps().around(key, self.moment)?;
        self.is_untouched(&start, Some(&after(key))).then_some(start)
    }

    fn is_untouched(&self, start: &[u8], end: Option<&[u8]>) -> bool {
        self.private.as_ref().is_none_or(|private| {
            let mut cursor = private.cursor(u64::MAX);
            cursor.seek(start);
            !cursor.valid() || !span::is_before(cursor.key(), end)
        })
    }

    fn note(&self, start: &[u8], end: Option<&[u8]>, worth: u64) {
        if self.private.is_none() {
            self.active.gaps().note(&self.active, (start, end), self.moment, worth);
        }
    }
}

/// Keys in a row without a value, from some edge on.
#[derive(Debug)]
pub(crate) struct Crossing {
    /// Forward, the first key; back, the key right after the last one.
    edge: Vec<u8>,
    crossed: u64,
}

impl Crossing {
    /// Begins to count from `edge`.
    pub(crate) fn from(edge: &[u8]) -> Crossing {
        Crossing { edge: edge.to_vec(), crossed: 0 }
    }

    /// Whether to ask for a gap now: at the edge, and every so often.
    pub(crate) fn asks(&self) -> bool {
        self.crossed.is_multiple_of(ASKED_EVERY)
    }

    /// Goes on from another edge.
    fn go_on(&mut self, edge: &[u8]) {
        self.edge.clear();
        self.edge.extend_from_slice(edge);
        self.crossed = 0;
    }

    /// Goes on behind a gap that ends at `end`, from `key` in it.
    pub(crate) fn jump(&mut self, asking: &Asking, key: &[u8], end: &[u8]) {
        self.ends(asking, Some(key));
        self.go_on(end);
    }

    /// Goes on before a gap that starts at `start`, from `key` in it.
    pub(crate) fn jump_back(&mut self, asking: &Asking, key: &[u8], start: &[u8]) {
        self.ends_back(asking, &after(key));
        self.go_on(start);
    }

    /// Counts one more key without a value on the way forward.
    pub(crate) fn pass(&mut self, asking: &Asking, key: &[u8]) {
        if self.crossed == NOTED_AT_ONCE {
            asking.note(&self.edge, Some(key), self.crossed);
            self.go_on(key);
        }
        self.crossed += 1;
    }

    /// Counts one more key without a value on the way back.
    pub(crate) fn pass_back(&mut self, asking: &Asking, key: &[u8]) {
        if self.crossed == NOTED_AT_ONCE {
            let after = after(key);
            asking.note(&after, Some(&self.edge), self.crossed);
            self.go_on(&after);
        }
        self.crossed += 1;
    }

    /// The way forward has come to `end`.
    pub(crate) fn ends(&self, asking: &Asking, end: Option<&[u8]>) {
        if self.crossed >= WORTH_MIN {
            asking.note(&self.edge, end, self.crossed);
        }
    }

    /// The way back has come to `start`, which still belongs to it.
    pub(crate) fn ends_back(&self, asking: &Asking, start: &[u8]) {
        if self.crossed >= WORTH_MIN {
            asking.note(start, Some(&self.edge), self.crossed);
        }
    }
}
