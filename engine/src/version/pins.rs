//! Who looks at what: the one table that is asked before anything is reused.
//!
//! Views of this process are kept by token; other processes have slots in a table that is shared
//! with them (see `readers`).
//!
//! Not for: memory of a version, which its reference count keeps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::id::{EditNo, LogNo, SeqNo};
use crate::planted::{self, Bug};
use crate::readers::{Slot, Table};
use crate::stats::Stats;
use crate::version::view::Pinned;
use crate::version::{Pair, Version};

/// The table of pins.
#[derive(Debug)]
pub struct Pins {
    views: Mutex<Views>,
    /// Moves with every change of `views`, so that a writer need not look each time.
    epoch: AtomicU64,
    shared: Table,
    /// Twice what [`Table::moves`] was, and one more if slots were in use.
    readers: AtomicU64,
    stats: Arc<Stats>,
    /// Log segments that somebody in this process reads, or has yet to copy, by token.
    logs: Mutex<BTreeMap<u64, LogNo>>,
    next_log_token: AtomicU64,
}

/// Keeps log segments from one on from being reused, as long as it lives.
#[derive(Debug)]
pub struct LogHold {
    pins: Arc<Pins>,
    token: u64,
}

impl LogHold {
    /// Lets go of the segments before `log`.
    pub fn advance(&self, log: LogNo) {
        let mut logs = self.pins.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = logs.get_mut(&self.token) {
            *held = log.max(*held);
        }
    }
}

impl Drop for LogHold {
    fn drop(&mut self) {
        let mut logs = self.pins.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.remove(&self.token);
    }
}

#[derive(Debug, Default)]
struct Views {
    next_token: u64,
    /// By token, so oldest first.
    living: BTreeMap<u64, Arc<Pinned>>,
}

/// What views hold on to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PinReport {
    /// Living views that have not expired.
    pub views: usize,
    /// Bytes of memtables that only views keep in memory.
    pub bytes: u64,
    /// The oldest view.
    pub oldest: Option<SeqNo>,
}

impl Pins {
    /// A table without views, beside the one that is shared with other processes.
    pub fn new(shared: Table, stats: Arc<Stats>) -> Pins {
        Pins {
            views: Mutex::default(),
            epoch: AtomicU64::new(1),
            shared,
            readers: AtomicU64::new(u64::MAX),
            stats,
            logs: Mutex::default(),
            next_log_token: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table that is shared with other processes.
    #[inline]
    pub fn shared(&self) -> &Table {
        &self.shared
    }

    /// Whether processes read what this one writes: what is published is to be seen by them.
    #[inline]
    pub fn has_readers(&self) -> bool {
        let moves = self.shared.moves();
        let known = self.readers.load(Ordering::Relaxed);
        if known >> 1 == moves & (u64::MAX >> 1) {
            return known & 1 == 1;
        }
        let has_readers = self.shared.slots().next().is_some();
        self.readers.store(moves << 1 | u64::from(has_readers), Ordering::Relaxed);
        has_readers
    }

    /// Pins the present: the number is loaded after the table has moved on, so a writer that
    /// prunes for an earlier table has published less than this view sees.
    pub(super) fn take(
        &self,
        versions: &Pair<Version>,
        clock_ms: impl FnMut() -> u64,
    ) -> Arc<Pinned> {
        let mut views = self.lock();
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let (version, seq, clock_ms) = versions.load_with(clock_ms);
        let token = views.next_token;
        views.next_token += 1;
        let pinned = Arc::new(Pinned::new(token, version, SeqNo(seq), clock_ms));
        views.living.insert(token, pinned.clone());
        pinned
    }

    /// Lets go of a view.
    pub(super) fn leave(&self, token: u64) {
        let mut views = self.lock();
        let gone = views.living.remove(&token);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        drop(views);
        drop(gone);
    }

    /// Moves whenever a view comes or goes.
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Sequence numbers of living views, ascending. Other processes have memtables of their own.
    pub fn numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.lock().living.values().map(|view| view.seq.0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Whether a view that was taken before `clock_ms` keeps the memtable at `address`.
    pub fn keep(&self, address: usize, clock_ms: u64) -> bool {
        let views = self.lock();
        let older = views.living.values().filter(|view| view.clock_ms < clock_ms);
        let older: Vec<Arc<Pinned>> = older.cloned().collect();
        drop(views);
        let mut versions = older.iter().filter_map(|view| view.version());
        versions.any(|version| version.value.memory().contains_key(&address))
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        let is_blind = planted::is(Bug::ReadersForgotten);
        self.shared.slots().map(|(_, slot)| slot).filter(move |_| !is_blind)
    }

    /// Whether another process may still open files that `edit` removed.
    pub fn holds_edits_before(&self, edit: EditNo) -> bool {
        self.slots().any(|slot| slot.edit < edit)
    }

    /// The oldest edit that another process pins.
    pub fn oldest_edit(&self) -> Option<EditNo> {
        self.slots().map(|slot| slot.edit).min()
    }

    /// The commit behind which other processes need the log.
    pub fn oldest_read(&self) -> Option<SeqNo> {
        self.slots().map(|slot| slot.seq).min()
    }

    /// The oldest log segment that somebody in this process reads.
    pub fn oldest_log(&self) -> Option<LogNo> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.values().copied().min()
    }

    /// Keeps log segments from `log` on from being reused. Whoever calls holds the manifest, so
    /// that none of them is being let go of.
    pub fn hold_log(self: &Arc<Pins>, log: LogNo) -> LogHold {
        let token = self.next_log_token.fetch_add(1, Ordering::SeqCst);
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).insert(token, log);
        LogHold { pins: self.clone(), token }
    }

    /// What views hold that the current version does not, and expires the oldest views until that
    /// is at most `limit_bytes`.
    pub fn enforce(&self, current: &Version, limit_bytes: u64) -> PinReport {
        let views = self.lock();
        let reading = views.living.values().filter(|view| view.version().is_some());
        let reading: Vec<Arc<Pinned>> = reading.cloned().collect();
        drop(views);
        let views = reading;
        let current = current.memory();
        for skip in 0..=views.len() {
            let bytes = held(&views[skip..], &current);
            if bytes <= limit_bytes {
                let oldest = views[skip..].iter().map(|view| view.seq).min();
                return PinReport { views: views.len() - skip, bytes, oldest };
            }
            if let Some(view) = views.get(skip)
                && view.expire()
            {
                Stats::add(&self.stats.views_expired, 1);
            }
        }
        PinReport::default()
    }

    /// What views hold that `current` does not.
    pub fn report(&self, current: &Version) -> PinReport {
        self.enforce(current, u64::MAX)
    }
}

fn held(views: &[Arc<Pinned>], current: &BTreeMap<usize, usize>) -> u64 {
    let mut memory: BTreeMap<usize, usize> = BTreeMap::new();
    for view in views {
        if let Some(version) = view.version() {
            memory.extend(version.value.memory());
        }
    }
    memory.retain(|address, _| !current.contains_key(address));
    memory.values().map(|bytes| *bytes as u64).sum()
}

#[cfg(test)]
mod tests;
