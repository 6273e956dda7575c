//! Which spans are held, who waits for which, and who waits for whom.
//!
//! Not for: time, and threads that wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::env::Event;
use crate::id::{IndexId, SeqNo};
use crate::locks::Owner;
use crate::oracle::{Span, overlap};

/// A request that waits: its index and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    index: IndexId,
    number: u64,
    owner: Owner,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was held before.
    Had,
    Held,
    /// The event moves when the lock is held.
    Wait(Ticket, Arc<Event>),
    Deadlock,
}

/// A request that waits.
#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    span: Span,
    event: Arc<Event>,
}

/// Locks of one index.
#[derive(Debug, Default)]
struct IndexLocks {
    points: BTreeMap<Vec<u8>, Owner>,
    ranges: Vec<(Span, Owner)>,
    /// In the order in which they will be served.
    queue: VecDeque<Waiting>,
}

/// Whether a span is one key alone.
fn is_point(span: &Span) -> bool {
    let (start, Some(end)) = span else { return false };
    end.split_last() == Some((&0, start.as_slice()))
}

fn contains(outer: &Span, inner: &Span) -> bool {
    let ends = match (&outer.1, &inner.1) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(outer), Some(inner)) => inner <= outer,
    };
    outer.0 <= inner.0 && ends
}

impl IndexLocks {
    fn is_empty(&self) -> bool {
        self.points.is_empty() && self.ranges.is_empty() && self.queue.is_empty()
    }

    /// Whether `owner` holds all of `span` already.
    fn has(&self, owner: Owner, span: &Span) -> bool {
        is_point(span) && self.points.get(&span.0) == Some(&owner)
            || self.ranges.iter().any(|(held, by)| *by == owner && contains(held, span))
    }

    /// Others that hold something of `span`.
    fn holders(&self, owner: Owner, span: &Span) -> impl Iterator<Item = Owner> {
        let end = span.1.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let points = self.points.range::<[u8], _>((Bound::Included(span.0.as_slice()), end));
        let ranges = self.ranges.iter().filter(|(held, _)| overlap(held, span));
        let holders = points.map(|(_, by)| *by).chain(ranges.map(|(_, by)| *by));
        holders.filter(move |by| *by != owner)
    }

    /// Others that wait for something of `span` in the first `places` places of the queue.
    fn before(&self, owner: Owner, span: &Span, places: usize) -> impl Iterator<Item = Owner> {
        let before = self.queue.iter().take(places);
        let before = before.filter(|other| overlap(&other.span, span));
        before.map(|other| other.ticket.owner).filter(move |by| *by != owner)
    }

    fn blocked(&self, owner: Owner, span: &Span, places: usize) -> bool {
        self.holders(owner, span).next().is_some()
            || self.before(owner, span, places).next().is_some()
    }

    fn hold(&mut self, owner: Owner, span: Span) {
        if is_point(&span) {
            self.points.insert(span.0, owner);
        } else {
            self.ranges.push((span, owner));
        }
    }
}

/// All locks.
#[derive(Debug, Default)]
pub(super) struct Table {
    indexes: BTreeMap<IndexId, IndexLocks>,
    /// What each owner holds.
    held: BTreeMap<Owner, Vec<(IndexId, Span)>>,
    /// Each owner waits for one lock at most.
    waiting: BTreeMap<Owner, Ticket>,
    leaving: Vec<(SeqNo, Owner)>,
    next_number: u64,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.held.values().map(Vec::len).sum()
    }

    pub(super) fn request(&mut self, owner: Owner, index: IndexId, span: Span) -> Answer {
        let has = self.indexes.get(&index).is_some_and(|locks| locks.has(owner, &span));
        if has || span.1.as_ref().is_some_and(|end| span.0 >= *end) {
            return Answer::Had;
        }
        let end = self.indexes.get(&index).map_or(0, |locks| locks.queue.len());
        let ticket = Ticket { index, number: self.next_number, owner };
        self.next_number += 1;
        let event = Arc::new(Event::new());
        // In front only if at the end it would wait for somebody who waits for it.
        for place in [end, 0] {
            let locks = self.indexes.entry(index).or_default();
            if !locks.blocked(owner, &span, place) {
                locks.hold(owner, span.clone());
                self.held.entry(owner).or_default().push((index, span));
                return Answer::Held;
            }
            let waiting = Waiting { ticket, span: span.clone(), event: event.clone() };
            locks.queue.insert(place, waiting);
            self.waiting.insert(owner, ticket);
            if !self.waits_for_itself(owner) {
                return Answer::Wait(ticket, event);
            }
            self.remove(ticket);
        }
        Answer::Deadlock
    }

    /// Whether `owner` waits for somebody who, through others perhaps, waits for it.
    fn waits_for_itself(&self, owner: Owner) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![owner]);
        while let Some(waiter) = next.pop() {
            for blocker in self.blockers(waiter) {
                if blocker == owner {
                    return true;
                }
                if seen.insert(blocker) {
                    next.push(blocker);
                }
            }
        }
        false
    }

    /// Those for whom `owner` waits.
    fn blockers(&self, owner: Owner) -> Vec<Owner> {
        let find = || {
            let ticket = self.waiting.get(&owner)?;
            let locks = self.indexes.get(&ticket.index)?;
            let place = locks.queue.iter().position(|waiting| waiting.ticket == *ticket)?;
            let span = &locks.queue.get(place)?.span;
            Some(locks.holders(owner, span).chain(locks.before(owner, span, place)).collect())
        };
        find().unwrap_or_default()
    }

    /// Moves the events of all who wait.
    pub(super) fn wake(&self) {
        let queues = self.indexes.values().flat_map(|locks| &locks.queue);
        queues.for_each(|waiting| waiting.event.notify());
    }

    /// Whether the request still waits.
    pub(super) fn waits(&self, ticket: Ticket) -> bool {
        self.waiting.get(&ticket.owner) == Some(&ticket)
    }

    fn remove(&mut self, ticket: Ticket) -> bool {
        if !self.waits(ticket) {
            return false;
        }
        self.waiting.remove(&ticket.owner);
        if let Some(locks) = self.indexes.get_mut(&ticket.index) {
            locks.queue.retain(|waiting| waiting.ticket != ticket);
        }
        true
    }

    /// Takes a request back; whether it was still waiting.
    pub(super) fn cancel(&mut self, ticket: Ticket) -> bool {
        let removed = self.remove(ticket);
        if removed {
            self.serve(ticket.index);
        }
        removed
    }

    /// Lets go of everything that `owner` holds.
    pub(super) fn leave(&mut self, owner: Owner) {
        let held = self.held.remove(&owner).unwrap_or_default();
        let mut touched = BTreeSet::new();
        for (index, span) in &held {
            if let Some(locks) = self.indexes.get_mut(index)
                && is_point(span)
            {
                locks.points.remove(&span.0);
            }
            touched.insert(*index);
        }
        for index in touched {
            if let Some(locks) = self.indexes.get_mut(&index) {
                locks.ranges.retain(|(_, by)| *by != owner);
            }
            self.serve(index);
        }
    }

    /// Lets go of everything that `owner` holds when commit `seq` is published; returns the first
    /// commit for which somebody waits to do so.
    pub(super) fn leave_at(&mut self, owner: Owner, seq: SeqNo) -> SeqNo {
        self.leaving.push((seq, owner));
        self.first_leaving()
    }

    fn first_leaving(&self) -> SeqNo {
        self.leaving.iter().map(|(seq, _)| *seq).min().unwrap_or(SeqNo::MAX)
    }

    /// Commits up to `seq` are published; returns as [`Table::leave_at`].
    pub(super) fn leave_up_to(&mut self, seq: SeqNo) -> SeqNo {
        let gone = self.leaving.extract_if(.., |(at, _)| *at <= seq);
        let gone: Vec<Owner> = gone.map(|(_, owner)| owner).collect();
        for owner in gone {
            self.leave(owner);
        }
        self.first_leaving()
    }

    /// Gives those who wait what nobody is in the way of any more, in their order.
    fn serve(&mut self, index: IndexId) {
        let Some(locks) = self.indexes.get_mut(&index) else { return };
        let mut place = 0;
        while let Some(Waiting { ticket, span, .. }) = locks.queue.get(place) {
            if locks.blocked(ticket.owner, span, place) {
                place += 1;
                continue;
            }
            let Some(Waiting { ticket, span, event }) = locks.queue.remove(place) else { return };
            locks.hold(ticket.owner, span.clone());
            self.held.entry(ticket.owner).or_default().push((index, span));
            self.waiting.remove(&ticket.owner);
            event.notify();
        }
        if locks.is_empty() {
            self.indexes.remove(&index);
        }
    }

    #[cfg(test)]
    pub(super) fn indexes_are_gone(&self) -> bool {
        self.indexes.is_empty()
    }

    /// Checks the invariants.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let all: Vec<(IndexId, &Span, Owner)> = self
            .held
            .iter()
            .flat_map(|(owner, held)| held.iter().map(|(index, span)| (*index, span, *owner)))
            .collect();
        for (i, (index, span, owner)) in all.iter().enumerate() {
            for (other_index, other, by) in &all[i + 1..] {
                let apart = index != other_index || owner == by || !overlap(span, other);
                assert!(apart, "{owner:?} and {by:?} hold {span:?} and {other:?}");
            }
        }
        for owner in self.waiting.keys() {
            assert!(!self.waits_for_itself(*owner), "{owner:?} waits for itself");
            assert!(!self.blockers(*owner).is_empty(), "{owner:?} waits for nobody");
        }
    }
}
