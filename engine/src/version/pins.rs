//! Who looks at what: the one table that is asked before anything is reused.
//!
//! Views of this process are kept by token. Other processes have slots in shared words:
//!
//! ```text
//! word 0 | "CUESPINS"
//! word 1 | published sequence number of the writer
//! word 2 | commit clock of the writer, milliseconds
//! word 3 | slots in use, at most
//! word 8 + 4 i | slot i: owner (0 is free), edit, sequence number, log segment pinned
//! ```
//!
//! A slot with an owner pins everything from the numbers in it on.
//!
//! Not for: memory of a version, which its reference count keeps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::env::SharedWords;
use crate::id::{EditNo, LogNo, SeqNo};
use crate::stats::Stats;
use crate::version::view::Pinned;
use crate::version::{Pair, Version};

const MAGIC: u64 = u64::from_le_bytes(*b"CUESPINS");
const FIRST_SLOT: usize = 8;
const SLOT_WORDS: usize = 4;
/// Slots for other processes.
pub const SLOTS: usize = 126;
/// Words that the table takes.
pub const WORDS: usize = FIRST_SLOT + SLOTS * SLOT_WORDS;

/// Words that no other process sees: for a database that is opened for reading.
#[derive(Debug)]
pub struct LocalWords(Vec<AtomicU64>);

impl LocalWords {
    /// [`WORDS`] words, all zero.
    pub fn new() -> Arc<LocalWords> {
        Arc::new(LocalWords((0..WORDS).map(|_| AtomicU64::new(0)).collect()))
    }
}

impl SharedWords for LocalWords {
    fn words(&self) -> &[AtomicU64] {
        &self.0
    }
}

/// The table of pins.
#[derive(Debug)]
pub struct Pins {
    views: Mutex<Views>,
    /// Moves with every change of `views`, so that a writer need not look each time.
    epoch: AtomicU64,
    shared: Arc<dyn SharedWords>,
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
    /// An empty table in `shared`, which has [`WORDS`] words. What dead processes left there is
    /// cleared: whoever makes the table has the directory for itself.
    pub fn new(shared: Arc<dyn SharedWords>, stats: Arc<Stats>) -> Pins {
        let pins = Pins {
            views: Mutex::default(),
            epoch: AtomicU64::new(1),
            shared,
            stats,
            logs: Mutex::default(),
            next_log_token: AtomicU64::new(0),
        };
        (0..WORDS).for_each(|word| pins.store(word, 0));
        // Whoever opens for writing is alone: what a process left in its slot pins nothing.
        pins.shared.words().iter().for_each(|word| word.store(0, Ordering::SeqCst));
        pins.store(3, SLOTS as u64);
        pins.store(0, MAGIC);
        pins
    }

    fn store(&self, word: usize, value: u64) {
        if let Some(word) = self.shared.words().get(word) {
            word.store(value, Ordering::SeqCst);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells other processes what is published.
    #[inline]
    pub fn show_published(&self, seq: SeqNo, clock_ms: u64) {
        self.store(2, clock_ms);
        self.store(1, seq.0);
    }

    /// The published position as other processes see it.
    pub fn shown(&self) -> SeqNo {
        SeqNo(self.shared.words().get(1).map_or(0, |word| word.load(Ordering::SeqCst)))
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

    /// Sequence numbers of living views, ascending; with other processes' slots.
    pub fn numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.lock().living.values().map(|view| view.seq.0).collect();
        numbers.extend(self.slots().map(|slot| slot.seq.0));
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
        let words = self.shared.words().get(FIRST_SLOT..).unwrap_or(&[]);
        words.chunks_exact(SLOT_WORDS).filter_map(|slot| {
            let read = |i: usize| slot.get(i).map_or(0, |word| word.load(Ordering::SeqCst));
            (read(0) != 0).then(|| Slot {
                edit: EditNo(read(1)),
                seq: SeqNo(read(2)),
                log: LogNo(read(3)),
            })
        })
    }

    /// Whether another process may still open files that `edit` removed.
    pub fn holds_edits_before(&self, edit: EditNo) -> bool {
        self.slots().any(|slot| slot.edit < edit)
    }

    /// The oldest edit that another process pins.
    pub fn oldest_edit(&self) -> Option<EditNo> {
        self.slots().map(|slot| slot.edit).min()
    }

    /// The oldest log segment that somebody reads, in this process or another.
    pub fn oldest_log(&self) -> Option<LogNo> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let held = logs.values().copied().min();
        drop(logs);
        self.slots().map(|slot| slot.log).chain(held).min()
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

struct Slot {
    edit: EditNo,
    seq: SeqNo,
    log: LogNo,
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
