//! Who waits for changes of what, and which changes those are.
//!
//! ```text
//! commit appended ──► note: whose ranges does it touch? ──► due, by number
//! published up to n ─► whoever is due up to n, and every follower ──► slot: changed, woken
//! lock let go ───────► wakers of futures
//! ```
//!
//! Invariants:
//! 1. A slot is marked after the commit is published: who looks after waking sees it.
//! 2. Every commit appended after a range was added, and that touches it, marks its slot when it is
//!    published; several such commits may mark it once, but only if all of them are published.
//! 3. Without ranges a commit pays one atomic load, and publishing another one. With some, it pays
//!    for each of its keys the logarithm of their number, and for those that match.
//! 4. No code of strangers runs under a lock.
//!
//! Not for: waiting. That is `watch`, and `feed`.

mod intervals;

#[cfg(test)]
mod tests;
#[cfg(all(test, loom))]
mod watchers_loom;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};
use std::task::Waker;

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use crate::env::Event;
use crate::id::{IndexId, SeqNo};
use crate::index::Footprint;
use crate::oracle::Span;

use intervals::Intervals;

/// What one watch shares with those who commit.
#[derive(Debug, Default)]
pub struct Slot {
    /// The last commit that marked it; published.
    changed: AtomicU64,
    /// The last commit that touched it; written under the lock of all.
    noted: AtomicU64,
    /// Its place among those that are due, if `noted` is beyond `changed`; likewise.
    due: AtomicU64,
    ended: AtomicBool,
    event: Event,
    waker: Mutex<Option<Waker>>,
}

impl Slot {
    /// The last commit that marked it; zero for none.
    pub fn changed(&self) -> SeqNo {
        SeqNo(self.changed.load(Ordering::SeqCst))
    }

    /// Whether nothing will mark it any more.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Moves when it is marked or ended.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Has `waker` woken when it is marked or ended, instead of any before. Look at it after this
    /// call, not before.
    pub fn register(&self, waker: &Waker) {
        let mut place = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *place {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every publication of commits.
    Everything,
    /// Keys of an index.
    Range(IndexId, Span),
}

/// Names a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchId {
    number: u64,
    scope: Scope,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// Marked by every publication.
    followers: BTreeMap<u64, Arc<Slot>>,
    indexes: BTreeMap<IndexId, Intervals<(u64, Arc<Slot>)>>,
    /// Touched by commits that are not published: at most once each.
    due: BTreeMap<(SeqNo, u64), Arc<Slot>>,
    /// Marked, and their futures not yet woken.
    marked: Vec<Arc<Slot>>,
}

/// All watches of a database.
#[derive(Debug, Default)]
pub struct Watchers {
    /// Ranges in `indexes`.
    ranges: AtomicUsize,
    /// Entries of `due` and `followers`.
    waiting: AtomicUsize,
    has_marked: AtomicBool,
    inner: Mutex<Inner>,
}

impl Watchers {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches from now on: commits appended before, under the commit lock, are not seen, except by
    /// who watches everything.
    pub fn add(&self, scope: Scope) -> (WatchId, Arc<Slot>) {
        let slot = Arc::new(Slot::default());
        let mut inner = self.inner();
        let number = inner.next;
        inner.next += 1;
        match &scope {
            Scope::Everything => {
                inner.followers.insert(number, slot.clone());
            }
            // What is empty never changes.
            Scope::Range(_, (start, Some(end))) if start >= end => {}
            Scope::Range(index, (start, end)) => {
                let of_index = inner.indexes.entry(*index).or_default();
                let end = end.as_deref().map(Arc::from);
                of_index.insert(number, start.clone(), end, (number, slot.clone()));
                self.ranges.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.count(&inner);
        (WatchId { number, scope }, slot)
    }

    /// Watches no longer.
    pub fn remove(&self, id: &WatchId) {
        let mut inner = self.inner();
        match &id.scope {
            Scope::Everything => {
                inner.followers.remove(&id.number);
            }
            Scope::Range(index, (start, _)) => {
                let Some(of_index) = inner.indexes.get_mut(index) else { return };
                if let Some((_, slot)) = of_index.remove(id.number, start) {
                    self.ranges.fetch_sub(1, Ordering::SeqCst);
                    let due = SeqNo(slot.due.load(Ordering::Relaxed));
                    inner.due.remove(&(due, id.number));
                }
                if inner.indexes.get(index).is_some_and(Intervals::is_empty) {
                    inner.indexes.remove(index);
                }
            }
        }
        self.count(&inner);
    }

    fn count(&self, inner: &Inner) {
        self.waiting.store(inner.due.len() + inner.followers.len(), Ordering::SeqCst);
    }

    /// Whether any range is watched.
    #[inline]
    pub fn has_ranges(&self) -> bool {
        self.ranges.load(Ordering::SeqCst) > 0
    }

    /// Whether any range of an index is watched.
    pub fn has_ranges_of(&self, index: IndexId) -> bool {
        self.has_ranges() && self.inner().indexes.contains_key(&index)
    }

    /// Watches there are.
    pub fn len(&self) -> usize {
        self.ranges.load(Ordering::SeqCst) + self.inner().followers.len()
    }

    /// Whether nobody watches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes what the commit `seq` writes to an index; called under the commit lock, before the
    /// commit is published.
    pub fn note(&self, seq: SeqNo, index: IndexId, written: &Footprint) {
        let mut inner = self.inner();
        let Inner { indexes, due, .. } = &mut *inner;
        let Some(watched) = indexes.get(&index) else { return };
        let mut touch = |(number, slot): &(u64, Arc<Slot>)| {
            let before = slot.noted.swap(seq.0, Ordering::Relaxed);
            // Who is due already is due again once that is published.
            if before <= slot.changed.load(Ordering::Relaxed) {
                slot.due.store(seq.0, Ordering::Relaxed);
                due.insert((seq, *number), slot.clone());
            }
        };
        if written.whole {
            watched.visit(&[], Bound::Unbounded, &mut touch);
        }
        for key in &written.points {
            watched.visit(key, Bound::Included(key), &mut touch);
        }
        for (start, end) in &written.ranges {
            match end {
                Some(end) if start >= end => {}
                Some(end) => watched.visit(start, Bound::Excluded(end), &mut touch),
                None => watched.visit(start, Bound::Unbounded, &mut touch),
            }
        }
        self.count(&inner);
    }

    /// Notes that everything may have been written by the commit `seq`, or before.
    pub fn note_all(&self, seq: SeqNo) {
        let watched: Vec<IndexId> = self.inner().indexes.keys().copied().collect();
        let all = Footprint { whole: true, ..Footprint::default() };
        watched.into_iter().for_each(|index| self.note(seq, index, &all));
    }

    /// Marks whoever is due: everything up to `seq` is published now. Called under the commit lock.
    /// Futures are woken by [`Watchers::wake`].
    pub fn published(&self, seq: SeqNo) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut inner = self.inner();
        let Inner { followers, due, marked, .. } = &mut *inner;
        let mut again = Vec::new();
        while let Some(first) = due.first_entry()
            && first.key().0 <= seq
        {
            let ((touched, number), slot) = first.remove_entry();
            let noted = SeqNo(slot.noted.load(Ordering::Relaxed));
            // What was touched up to here is seen by who looks now.
            slot.changed.store(if noted <= seq { noted.0 } else { touched.0 }, Ordering::SeqCst);
            slot.event.notify();
            if noted > seq {
                slot.due.store(noted.0, Ordering::Relaxed);
                again.push(((noted, number), slot.clone()));
            }
            marked.push(slot);
        }
        due.extend(again);
        for slot in followers.values() {
            slot.changed.store(seq.0, Ordering::SeqCst);
            slot.event.notify();
            marked.push(slot.clone());
        }
        self.has_marked.store(true, Ordering::SeqCst);
        self.count(&inner);
    }

    /// Tells everybody that nothing will be published any more.
    pub fn end(&self) {
        let mut inner = self.inner();
        let Inner { followers, indexes, marked, .. } = &mut *inner;
        let mut end = |slot: &Arc<Slot>| {
            slot.ended.store(true, Ordering::SeqCst);
            slot.event.notify();
            marked.push(slot.clone());
        };
        followers.values().for_each(&mut end);
        for watched in indexes.values() {
            watched.visit(&[], Bound::Unbounded, &mut |(_, slot)| end(slot));
        }
        self.has_marked.store(true, Ordering::SeqCst);
    }

    /// Wakes futures of what was marked. To be called without locks: a waker is a stranger's code.
    /// When nothing was marked this is one atomic load.
    pub fn wake(&self) {
        if !self.has_marked.load(Ordering::SeqCst) {
            return;
        }
        let mut inner = self.inner();
        self.has_marked.store(false, Ordering::SeqCst);
        let marked = std::mem::take(&mut inner.marked);
        drop(inner);
        marked.iter().for_each(|slot| slot.wake());
    }
}
