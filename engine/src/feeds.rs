//! Who reads the log, and from which commit on: what keeps segments from being reused.
//!
//! Invariants:
//! 1. A feed is added, and moves on, under the commit lock only, under which segments are let go.
//! 2. A place is the last commit that was handed out when the feed last looked at the log: never
//!    later than what it has handed out.
//!
//! Not for: reading, or deciding what is let go.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::id::SeqNo;

#[derive(Debug)]
struct Stand {
    after: SeqNo,
    /// Whether what it needs was let go.
    lost: bool,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    stands: BTreeMap<u64, Stand>,
}

/// All feeds of a database.
#[derive(Debug, Default)]
pub struct Feeds {
    inner: Mutex<Inner>,
}

impl Feeds {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A feed of what comes after a commit; its number.
    pub fn add(&self, after: SeqNo) -> u64 {
        let mut inner = self.inner();
        let number = inner.next;
        inner.next += 1;
        inner.stands.insert(number, Stand { after, lost: false });
        number
    }

    /// Moves a feed on.
    pub fn stand(&self, feed: u64, after: SeqNo) {
        if let Some(stand) = self.inner().stands.get_mut(&feed) {
            *stand = Stand { after, lost: false };
        }
    }

    /// Forgets a feed.
    pub fn remove(&self, feed: u64) {
        self.inner().stands.remove(&feed);
    }

    /// The earliest place of all.
    pub fn oldest(&self) -> Option<SeqNo> {
        let inner = self.inner();
        inner.stands.values().filter(|stand| !stand.lost).map(|stand| stand.after).min()
    }

    /// Gives up feeds that need commits before `first`; how many those are.
    pub fn lose_before(&self, first: SeqNo) -> u64 {
        let mut inner = self.inner();
        let behind =
            inner.stands.values_mut().filter(|stand| !stand.lost && stand.after.next() < first);
        behind.map(|stand| stand.lost = true).count() as u64
    }

    /// Forgets all: the database is closed.
    pub fn end(&self) {
        self.inner().stands.clear();
    }

    /// Feeds there are.
    pub fn len(&self) -> usize {
        self.inner().stands.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
