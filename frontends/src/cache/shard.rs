//! One part of a cache: which keys are in it, and which go when there is no room.
//!
//! ```text
//! Lru:      put ──► window ──► out
//! TinyLfu:  put ──► window (1 %) ──► probation ──┬──► out
//!                                      ▲  │ used └─ whoever was used less: who comes, or who is
//!                                      │  ▼         to go for it
//!                                    protected (80 % of the rest)
//! ```
//!
//! Window-TinyLFU is that of Einziger, Friedman and Manes (ACM ToS 13(4), 2017); where entries have
//! different sizes, who comes is weighed against all that would have to go for it together
//! (Einziger, Eytan, Friedman, Manes: Lightweight Robust Size Aware Cache Management, ACM ToS
//! 18(3), 2022).
//!
//! Invariants
//! 1. Between calls the size is within the limit.
//! 2. What is in the keyspace is in `entries` or `orphans`, or has expired.
//!
//! Not for: locks, and what is stored; see the module.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cuesta_engine::budget::{Budget, Charge, Part, Strictness};

use super::entries::{Entries, Entry, NEVER, Segment, Size};
use super::flight::Flight;
use super::options::Policy;
use super::orphans::{self, Orphans};
use super::sketch::Sketch;
use super::stats::CacheStats;
use crate::Value;

/// What an entry costs in memory besides its key and its value.
const ENTRY_MEMORY: u64 = 176;
/// What a time to live costs in memory.
const EXPIRY_MEMORY: u64 = 24;

/// One part of a cache; whoever has it holds its lock.
#[derive(Debug)]
pub(super) struct Shard {
    entries: Entries,
    limit: Size,
    window_limit: Size,
    protected_limit: Size,
    /// Of [`Policy::TinyLfu`].
    sketch: Option<Sketch>,
    /// When what expires.
    expiring: BTreeSet<(u64, u32)>,
    /// What is being loaded.
    pub loading: HashMap<Arc<[u8]>, Arc<Flight>>,
    /// Keys that are no entries any more and have yet to be deleted from the keyspace.
    orphans: Orphans,
    pub stats: CacheStats,
    budget: Arc<Budget>,
    charge: Charge,
    /// Of entries and the sketch.
    memory: u64,
    /// What letting go of all entries would give back.
    held: u64,
}

/// What a shard knows of a key.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// The value.
    Here(Value),
    /// That the keyspace has it.
    Stored,
    Nothing,
}

impl Shard {
    /// An empty shard that holds up to `limit`.
    pub(super) fn new(policy: Policy, limit: Size, budget: &Arc<Budget>) -> Shard {
        let sketch = (policy == Policy::TinyLfu).then(Sketch::new);
        let share = |of: u64, percent: u64| (u128::from(of) * u128::from(percent) / 100) as u64;
        let window_limit =
            Size { bytes: share(limit.bytes, 1), entries: share(limit.entries, 1).max(1) };
        let rest = Size {
            bytes: limit.bytes - window_limit.bytes,
            entries: limit.entries - window_limit.entries,
        };
        let protected_limit =
            Size { bytes: share(rest.bytes, 80), entries: share(rest.entries, 80) };
        let memory = sketch.as_ref().map_or(0, Sketch::memory);
        Shard {
            entries: Entries::new(),
            limit,
            window_limit,
            protected_limit,
            sketch,
            expiring: BTreeSet::new(),
            loading: HashMap::new(),
            orphans: Orphans::default(),
            stats: CacheStats::default(),
            budget: budget.clone(),
            charge: Charge::must(budget, Part::Caches, memory),
            memory,
            held: 0,
        }
    }

    /// Keys that are no entries any more and have yet to be deleted from the keyspace.
    pub(super) fn orphans(&self) -> &Orphans {
        &self.orphans
    }

    /// Has a key deleted from the keyspace, with the next write.
    pub(super) fn orphan(&mut self, key: Arc<[u8]>) {
        self.orphans.push(key);
        self.account();
    }

    /// Has a key deleted first, if it is to be deleted.
    pub(super) fn raise_orphan(&mut self, key: &[u8]) {
        self.orphans.raise(key);
    }

    /// So many of the last orphans are being deleted.
    pub(super) fn forget_orphans(&mut self, count: usize) {
        self.orphans.pop(count);
        self.account();
    }

    /// The statistics, with the sizes of now.
    pub(super) fn stats(&self) -> CacheStats {
        let Size { bytes, entries } = self.entries.size();
        CacheStats { entries, bytes, memory_bytes: self.total(), ..self.stats }
    }

    /// What is known of a key, which does not count as a use.
    pub(super) fn peek(&mut self, hash: u64, key: &[u8], now_ms: impl Fn() -> u64) -> Found {
        self.living(hash, key, now_ms).map_or(Found::Nothing, |slot| self.found(slot))
    }

    /// Uses a key.
    pub(super) fn get(&mut self, hash: u64, key: &[u8], now_ms: impl Fn() -> u64) -> Found {
        let Some(slot) = self.living(hash, key, now_ms) else {
            self.stats.misses += 1;
            return Found::Nothing;
        };
        self.stats.hits += 1;
        self.use_entry(slot, hash);
        self.found(slot)
    }

    /// A hit was none: the keyspace has no value after all.
    pub(super) fn missed(&mut self) {
        self.stats.hits = self.stats.hits.saturating_sub(1);
        self.stats.misses += 1;
    }

    fn found(&self, slot: u32) -> Found {
        match self.entries.get(slot) {
            None => Found::Nothing,
            Some(Entry { value: Some(value), .. }) => Found::Here(value.clone()),
            Some(_) => Found::Stored,
        }
    }

    /// The slot of a key whose time is not over. The time is asked for only if it matters.
    fn living(&mut self, hash: u64, key: &[u8], now_ms: impl Fn() -> u64) -> Option<u32> {
        let slot = self.entries.find(hash, key)?;
        let expiry_ms = self.entries.get(slot)?.expiry_ms;
        if expiry_ms != NEVER && expiry_ms <= now_ms() {
            self.take(slot);
            self.stats.expirations += 1;
            return None;
        }
        Some(slot)
    }

    fn use_entry(&mut self, slot: u32, hash: u64) {
        let Some(sketch) = &mut self.sketch else {
            self.entries.raise(slot, Segment::Window);
            return;
        };
        sketch.count(hash);
        match self.entries.segment(slot) {
            Segment::Window => self.entries.raise(slot, Segment::Window),
            Segment::Probation | Segment::Protected => {
                self.entries.raise(slot, Segment::Protected);
                self.demote();
            }
        }
    }

    /// Lets go of what has expired.
    pub(super) fn expire(&mut self, now_ms: impl Fn() -> u64) {
        if self.expiring.is_empty() {
            return;
        }
        let now_ms = now_ms();
        while let Some((expiry_ms, slot)) = self.expiring.first().copied() {
            if expiry_ms > now_ms {
                break;
            }
            self.take(slot);
            self.stats.expirations += 1;
        }
    }

    /// Takes an entry in and lets go of others, which may be the new one; whether it has stayed.
    /// Keys that are let go of are orphans then, and the last of them is the key that has not.
    pub(super) fn put(&mut self, entry: Entry) -> bool {
        let (hash, key) = (entry.hash, entry.key.clone());
        self.stats.insertions += 1;
        if (Size { bytes: entry.bytes, entries: 1 }).exceeds(self.limit) {
            self.stats.rejections += 1;
            if self.remove(hash, &key) && entry.value.is_none() {
                self.orphan(key);
            } else {
                self.orphans.raise(&key);
            }
            return false;
        }
        let known = self.entries.find(hash, &key);
        let expiry_ms = entry.expiry_ms;
        self.held += freed_by(&entry);
        self.grow(memory_of(&entry));
        let slot = match known {
            Some(slot) => {
                self.forget(slot);
                self.entries.replace(slot, entry);
                self.use_entry(slot, hash);
                slot
            }
            None => {
                let large = self.sketch.is_some() && entry.bytes > self.window_limit.bytes;
                let segment = if large { Segment::Probation } else { Segment::Window };
                let slot = self.entries.insert(segment, entry);
                if let Some(sketch) = &mut self.sketch {
                    let before = sketch.memory();
                    sketch.fit(self.entries.size().entries as usize);
                    sketch.count(hash);
                    let more = sketch.memory() - before;
                    self.grow(more);
                }
                if large {
                    self.admit(slot);
                }
                slot
            }
        };
        if expiry_ms != NEVER && self.entries.get(slot).is_some() {
            self.expiring.insert((expiry_ms, slot));
        }
        self.settle();
        // Settling may have let go of it, but has not given its slot to another.
        let stayed = self.entries.get(slot).is_some();
        if stayed {
            self.orphans.remove(&key);
            self.account();
        } else {
            self.orphans.raise(&key);
            self.stats.evictions -= 1;
            self.stats.rejections += 1;
        }
        stayed
    }

    /// Takes a key out; whether it was there.
    pub(super) fn remove(&mut self, hash: u64, key: &[u8]) -> bool {
        self.entries.find(hash, key).is_some_and(|slot| self.take(slot).is_some())
    }

    /// Takes all entries out; keys that the keyspace has are orphans then.
    pub(super) fn clear(&mut self) {
        let stored = self.entries.drain().filter(|entry| entry.value.is_none());
        stored.for_each(|entry| self.orphans.push(entry.key));
        self.expiring.clear();
        self.memory = self.sketch.as_ref().map_or(0, Sketch::memory);
        self.held = 0;
        self.account();
    }

    fn over(&self) -> bool {
        let size = self.entries.size();
        let pressed = self.budget.strictness() == Strictness::Strict && self.budget.room() == 0;
        size.entries > 0 && (size.exceeds(self.limit) || pressed)
    }

    /// Lets go of entries until the rest is within the limit, and each segment within its own.
    fn settle(&mut self) {
        if self.sketch.is_some() {
            self.demote();
            while self.entries.size_of(Segment::Window).exceeds(self.window_limit) {
                let Some(slot) = self.entries.oldest(Segment::Window) else { break };
                self.entries.raise(slot, Segment::Probation);
                self.admit(slot);
            }
        }
        while self.over() {
            let Some(slot) = self.least() else { break };
            self.evict(slot);
        }
    }

    /// Who goes first when there is no room.
    fn least(&self) -> Option<u32> {
        let segments = [Segment::Probation, Segment::Protected, Segment::Window];
        segments.into_iter().find_map(|segment| self.entries.oldest(segment))
    }

    /// How much [`Shard::let_go`] can give back.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Lets go of entries until so much memory is given back, or of all; how much it was. What is
    /// left of an entry that the keyspace has is its key, until it is deleted there.
    pub(super) fn let_go(&mut self, bytes: u64) -> u64 {
        let before = self.held;
        while before - self.held < bytes
            && let Some(slot) = self.least()
        {
            self.evict(slot);
        }
        before - self.held
    }

    /// Makes room for what has just left the window, if it was used more than what would have to
    /// go for it; else it goes itself.
    fn admit(&mut self, comes: u32) {
        let size = self.entries.size();
        if !size.exceeds(self.limit) {
            return;
        }
        let Some(worth) = self.entries.get(comes).map(|entry| self.uses(entry.hash)) else {
            return;
        };
        let (mut left, mut lost, mut go) = (size, 0, Vec::new());
        let segments = [Segment::Probation, Segment::Protected];
        'rest: for segment in segments {
            let mut next = self.entries.oldest(segment);
            while let Some(slot) = next {
                next = self.entries.newer(slot);
                if !left.exceeds(self.limit) || lost >= worth {
                    break 'rest;
                }
                if slot == comes {
                    continue;
                }
                if let Some(entry) = self.entries.get(slot) {
                    lost += self.uses(entry.hash);
                    left.bytes -= entry.bytes;
                    left.entries -= 1;
                    go.push(slot);
                }
            }
        }
        if left.exceeds(self.limit) || lost >= worth {
            go = vec![comes];
        }
        go.into_iter().for_each(|slot| self.evict(slot));
    }

    fn uses(&self, hash: u64) -> u64 {
        self.sketch.as_ref().map_or(0, |sketch| sketch.estimate(hash))
    }

    /// Keeps what is protected within its limit.
    fn demote(&mut self) {
        while self.entries.size_of(Segment::Protected).exceeds(self.protected_limit) {
            let Some(slot) = self.entries.oldest(Segment::Protected) else { break };
            self.entries.raise(slot, Segment::Probation);
        }
    }

    fn evict(&mut self, slot: u32) {
        if let Some(entry) = self.take(slot) {
            self.stats.evictions += 1;
            if entry.value.is_none() {
                self.orphan(entry.key);
            }
        }
    }

    fn take(&mut self, slot: u32) -> Option<Entry> {
        self.forget(slot);
        self.entries.remove(slot)
    }

    /// Gives back the memory of an entry that goes, and its place in the order of expiry.
    fn forget(&mut self, slot: u32) {
        let Some(entry) = self.entries.get(slot) else { return };
        let (memory, freed) = (memory_of(entry), freed_by(entry));
        if entry.expiry_ms != NEVER {
            self.expiring.remove(&(entry.expiry_ms, slot));
        }
        self.memory -= memory;
        self.held -= freed;
        self.account();
    }

    fn grow(&mut self, bytes: u64) {
        self.memory += bytes;
        self.account();
    }

    /// Bytes of memory.
    fn total(&self) -> u64 {
        self.memory + self.orphans.memory()
    }

    fn account(&mut self) {
        self.charge.set(self.total());
    }
}

fn memory_of(entry: &Entry) -> u64 {
    let value = entry.value.as_ref().map_or(0, |value| value.len() as u64);
    let expiry = if entry.expiry_ms == NEVER { 0 } else { EXPIRY_MEMORY };
    ENTRY_MEMORY + entry.key.len() as u64 + value + expiry
}

/// What letting go of an entry gives back: its key stays if it is to be deleted from the keyspace.
fn freed_by(entry: &Entry) -> u64 {
    let left = if entry.value.is_none() { orphans::memory_of(&entry.key) } else { 0 };
    memory_of(entry) - left
}
