//! Memory: one number, and who has how much of it.
//!
//! ```text
//! ├── memtables ──┬─ buffers ─┬─ transactions, snapshots, segments, ... ─┬──────── cache ────────┤
//! │ at least their reserves   │ what they take                           │ the rest              │
//! 0                                                                                          limit
//! ```
//!
//! Every part says what it takes. The block cache has the rest and shrinks when others grow, down
//! to a floor. Beyond that an [`Elastic`](Strictness::Elastic) budget is exceeded, visibly; of a
//! [`Strict`](Strictness::Strict) one, those who can do without their memory let go of it, and
//! what cannot be had even so is refused, where it can be. What cannot be refused is bounded
//! elsewhere: memtables make commits wait, views expire.
//!
//! Not for: pages of mapped files, which are the operating system's; values that the caller holds.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use crate::cache::BlockCache;
use crate::error::{Error, Result};

/// Who takes memory, besides the block cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Memtables of the current version.
    Memtables,
    /// Memtables that only views keep.
    Views,
    /// Writes and read sets of open transactions.
    Transactions,
    /// What tells conflicts of transactions.
    Conflicts,
    /// Large commits under way.
    Commits,
    /// Flushes and merges under way.
    Buffers,
    /// Tables of open segments.
    Segments,
    /// Open cursors.
    Cursors,
    /// Caches of front-ends.
    Caches,
    /// Watches of keys and ranges.
    Watches,
}

impl Part {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Part; 10] = [
        Part::Memtables,
        Part::Views,
        Part::Transactions,
        Part::Conflicts,
        Part::Commits,
        Part::Buffers,
        Part::Segments,
        Part::Cursors,
        Part::Caches,
        Part::Watches,
    ];

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Part::Memtables => "memtables",
            Part::Views => "snapshots",
            Part::Transactions => "transactions",
            Part::Conflicts => "conflict detection",
            Part::Commits => "large commits",
            Part::Buffers => "flushes and merges",
            Part::Segments => "open segments",
            Part::Cursors => "open cursors",
            Part::Caches => "caches",
            Part::Watches => "watches",
        }
    }
}

/// What happens when the budget does not suffice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is exceeded, and the statistics show by whom.
    #[default]
    Elastic,
    /// What can be refused fails with `Full`.
    Strict,
}

/// Who has memory of [`Part::Caches`] that he can do without.
pub trait Yields: Send + Sync {
    /// How many bytes letting go would give back. Called with any locks held: what is locked is
    /// passed over.
    fn held(&self) -> u64;

    /// Lets go of so many bytes, or of what there is; how many it were. Called with any locks held:
    /// what is locked is passed over.
    fn let_go(&self, bytes: u64) -> u64;
}

/// The memory of an open database.
pub struct Budget {
    limit: u64,
    strictness: Strictness,
    /// What parts are given whether they take it or not.
    reserves: [u64; Part::ALL.len()],
    used: [AtomicU64; Part::ALL.len()],
    cache: Arc<BlockCache>,
    /// What the others took when the cache was last made to fit.
    balanced: AtomicU64,
    /// Held by whoever makes it fit.
    balancing: Mutex<()>,
    yields: Mutex<Vec<Weak<dyn Yields>>>,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget of {} bytes, {} of them taken", self.limit, self.total())
    }
}

impl Budget {
    /// A budget of `limit` bytes, of which memtables and the buffers of background work are given
    /// their reserves at once; `cache` has the rest.
    pub fn new(
        limit: u64,
        strictness: Strictness,
        memtables: u64,
        buffers: u64,
        cache: Arc<BlockCache>,
    ) -> Budget {
        let mut reserves = [0; Part::ALL.len()];
        reserves[Part::Memtables as usize] = memtables;
        reserves[Part::Buffers as usize] = buffers;
        let used = Default::default();
        let (balanced, balancing) = (AtomicU64::new(0), Mutex::default());
        let yields = Mutex::default();
        let budget =
            Budget { limit, strictness, reserves, used, cache, balanced, balancing, yields };
        budget.balance();
        budget
    }

    /// All of it.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether it may be exceeded.
    pub fn strictness(&self) -> Strictness {
        self.strictness
    }

    /// What a part takes.
    pub fn used(&self, part: Part) -> u64 {
        self.of(part).load(Ordering::Relaxed)
    }

    /// What all parts and the cache take.
    pub fn total(&self) -> u64 {
        Part::ALL.iter().map(|part| self.used(*part)).sum::<u64>() + self.cache.bytes()
    }

    /// What everything takes together, then what each part takes.
    pub fn report(&self) -> (u64, Vec<(Part, u64)>) {
        (self.total(), Part::ALL.iter().map(|part| (*part, self.used(*part))).collect())
    }

    fn of(&self, part: Part) -> &AtomicU64 {
        &self.used[part as usize]
    }

    /// What a part is given whether it takes it or not.
    #[inline]
    fn reserve(&self, part: Part) -> u64 {
        self.reserves[part as usize]
    }

    /// What is taken or reserved by all but the cache.
    fn claimed(&self) -> u64 {
        Part::ALL.iter().map(|part| self.used(*part).max(self.reserve(*part))).sum()
    }

    /// What the cache keeps whatever happens.
    fn floor(&self) -> u64 {
        self.limit / 32
    }

    /// What can still be claimed without exceeding the budget.
    pub fn room(&self) -> u64 {
        self.limit.saturating_sub(self.claimed() + self.floor())
    }

    /// What can be claimed if all who yield let go of what they have.
    pub fn spare(&self) -> u64 {
        let held: u64 = self.yielding().iter().map(|who| who.held()).sum();
        self.room().saturating_add(held)
    }

    /// Has somebody let go of memory before others are refused, for as long as he is there.
    pub fn add_yielding(&self, who: Weak<dyn Yields>) {
        let mut yields = self.yields();
        yields.retain(|who| who.strong_count() > 0);
        yields.push(who);
    }

    fn yields(&self) -> MutexGuard<'_, Vec<Weak<dyn Yields>>> {
        self.yields.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who yield and are there, without the lock.
    fn yielding(&self) -> Vec<Arc<dyn Yields>> {
        self.yields().iter().filter_map(Weak::upgrade).collect()
    }

    /// What is claimed beyond the limit.
    fn excess(&self) -> u64 {
        (self.claimed() + self.floor()).saturating_sub(self.limit)
    }

    /// Has those who yield let go of what a strict budget is exceeded by, and a little more, so
    /// that not everybody has to ask.
    pub fn make_room(&self) {
        let excess = self.excess();
        if self.strictness == Strictness::Elastic || excess == 0 {
            return;
        }
        let yields = self.yielding();
        if excess > yields.iter().map(|who| who.held()).sum() {
            return;
        }
        let mut wanted = excess + self.limit / 64;
        for who in yields {
            wanted = wanted.saturating_sub(who.let_go(wanted));
        }
    }

    /// Takes memory that cannot be refused.
    #[inline]
    pub fn add(&self, part: Part, bytes: u64) {
        let before = self.of(part).fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.reserve(part) {
            self.balance();
        }
    }

    /// Gives memory back.
    #[inline]
    pub fn sub(&self, part: Part, bytes: u64) {
        let before = self.of(part).fetch_sub(bytes, Ordering::Relaxed);
        if before > self.reserve(part) {
            self.balance();
        }
    }

    /// Says what a part takes that counts by itself.
    pub fn set(&self, part: Part, bytes: u64) {
        self.of(part).store(bytes, Ordering::Relaxed);
        self.balance();
    }

    /// Takes memory, if the budget is not strict or has it, or those who yield can let go of it.
    ///
    /// # Errors
    /// `Full`, naming who has how much.
    pub fn charge(&self, part: Part, bytes: u64) -> Result<()> {
        if self.strictness == Strictness::Elastic || bytes == 0 {
            self.add(part, bytes);
            return Ok(());
        }
        // Taken first and then given back, so that of two who ask for the last room at once, in
        // whatever parts, never both get it.
        let before = self.of(part).fetch_add(bytes, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.excess() > 0 {
            self.make_room();
        }
        if self.excess() > 0 {
            self.of(part).fetch_sub(bytes, Ordering::Relaxed);
            return Err(self.full(part, bytes));
        }
        if before + bytes > self.reserve(part) {
            self.balance();
        }
        Ok(())
    }

    #[cold]
    fn full(&self, part: Part, bytes: u64) -> Error {
        let taken: Vec<String> = Part::ALL
            .iter()
            .map(|part| (part.name(), self.used(*part)))
            .filter(|(_, bytes)| *bytes > 0)
            .map(|(name, bytes)| format!("{name} {bytes}"))
            .collect();
        Error::full(format!(
            "{bytes} bytes more for {} would exceed the memory budget of {} bytes, which is \
             strict: {} are free; taken are {}; let go of something, or raise the budget",
            part.name(),
            self.limit,
            self.room(),
            if taken.is_empty() { "none".to_owned() } else { taken.join(", ") }
        ))
    }

    /// Makes the cache fit what the others leave, if that has changed by much: changing its size
    /// is work. Nobody waits for it: who finds another at it leaves it to him, who looks again when
    /// he is done. Of the two, one sees what the other has done, because each fences between what
    /// he does and where he looks.
    fn balance(&self) {
        loop {
            fence(Ordering::SeqCst);
            let claimed = self.claimed();
            if self.fits(claimed) {
                return;
            }
            let guard = match self.balancing.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            self.cache.resize(self.limit.saturating_sub(claimed).max(self.floor()));
            self.balanced.store(claimed, Ordering::Relaxed);
            drop(guard);
        }
    }

    fn fits(&self, claimed: u64) -> bool {
        claimed.abs_diff(self.balanced.load(Ordering::Relaxed)) <= self.limit / 64
    }
}

/// Memory that is given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    part: Part,
    bytes: u64,
}

impl Charge {
    /// Takes memory, if the budget is not strict or has it.
    ///
    /// # Errors
    /// As [`Budget::charge`].
    pub fn new(budget: &Arc<Budget>, part: Part, bytes: u64) -> Result<Charge> {
        budget.charge(part, bytes)?;
        Ok(Charge { budget: budget.clone(), part, bytes })
    }

    /// Takes memory that cannot be refused.
    pub fn must(budget: &Arc<Budget>, part: Part, bytes: u64) -> Charge {
        budget.add(part, bytes);
        Charge { budget: budget.clone(), part, bytes }
    }

    /// Says that it is so many bytes now, which cannot be refused.
    pub fn set(&mut self, bytes: u64) {
        match bytes.checked_sub(self.bytes) {
            Some(0) => {}
            Some(more) => self.budget.add(self.part, more),
            None => self.budget.sub(self.part, self.bytes - bytes),
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.sub(self.part, self.bytes);
    }
}

#[cfg(test)]
mod tests;
