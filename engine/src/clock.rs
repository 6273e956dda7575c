//! The clock that decides what has expired: it never goes back, and every view keeps its own.
//!
//! ```text
//! wall clock ──► shown: the latest time that anybody was told ──► views, commits
//!                  │
//!                  └─ settled: all commits so far are at or before it ──► plans of merges
//!                       │
//!                       └─ relied on: something was dropped because of it ──► manifest
//! ```
//!
//! Invariants
//! 1. No time is earlier than one that was told before, in this process or in one whose commits or
//!    manifest this one has read. The manifest has what was told when the database is closed in
//!    order, and that of a copy what was told before the copy; after a crash it may be missing.
//! 2. A view is told its time after it has loaded its version. So its time is at or after every
//!    settled time that merges of that version have relied on.
//! 3. A time is settled while the commit lock is held: a commit in front of it has been applied,
//!    and one behind it is not earlier.
//! 4. A time that was relied on is in the manifest before what was dropped because of it is gone.
//! 5. A view is told its time while its last commit is the last that is published: what a later
//!    commit has renewed in time does not expire for it. Whoever reads without one answers as such
//!    a view would.
//!
//! **When the wall clock is behind** what was told, because it was ahead for a time, perhaps before
//! the database was opened, time goes on from there by the monotonic clock, until the wall clock
//! has caught up: what is to expire does so after as long as it was given.
//!
//! Not for: measuring how long something took.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};

use crate::env::Env;

/// A clock in milliseconds since 1970 UTC.
pub struct Clock {
    /// `None` for a clock that stands.
    env: Option<Arc<dyn Env>>,
    shown: AtomicU64,
    /// As `shown`, but for looks that only background work has had.
    told: AtomicU64,
    settled: AtomicU64,
    relied: AtomicU64,
    /// By how much the time is ahead of the monotonic clock at least, while the wall clock is
    /// behind.
    ahead: AtomicI64,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock at {} ms", self.shown.load(SeqCst))
    }
}

impl Clock {
    /// A clock that is at or after `since_ms`.
    pub fn new(env: Arc<dyn Env>, since_ms: u64) -> Clock {
        let [shown, told, settled, relied] = [since_ms, since_ms, since_ms, 0].map(AtomicU64::new);
        Clock { env: Some(env), shown, told, settled, relied, ahead: AtomicI64::new(i64::MIN) }
    }

    /// A clock that stands, at `since_ms`, until it is put forward by [`Clock::reach`].
    pub fn standing(since_ms: u64) -> Clock {
        let clock = Clock::stopped();
        clock.reach(since_ms);
        clock
    }

    /// Puts the time forward to `now_ms`, unless it is later already.
    pub fn reach(&self, now_ms: u64) {
        self.shown.fetch_max(now_ms, SeqCst);
    }

    /// A clock that stands at 0.
    pub fn stopped() -> Clock {
        let [shown, told, settled, relied] = [0; 4].map(AtomicU64::new);
        Clock { env: None, shown, told, settled, relied, ahead: AtomicI64::new(i64::MIN) }
    }

    /// The time. A look at the system's clock.
    pub fn now_ms(&self) -> u64 {
        let now_ms = self.look_ms();
        // Most looks are within the same millisecond.
        if self.told.load(SeqCst) < now_ms {
            self.told.fetch_max(now_ms, SeqCst);
        }
        now_ms
    }

    /// The time, for background work: nobody is told.
    pub(crate) fn look_ms(&self) -> u64 {
        let Some(env) = &self.env else { return self.shown.load(SeqCst) };
        let wall_ms = env.wall_ms();
        let shown_ms = self.shown.load(SeqCst);
        let now_ms = if wall_ms < shown_ms { self.go_on(&**env, shown_ms) } else { wall_ms };
        self.shown.fetch_max(now_ms, SeqCst).max(now_ms)
    }

    /// The time by the monotonic clock, since this was told. It is looked at after that was told,
    /// so nobody who is late puts the time forward.
    #[cold]
    fn go_on(&self, env: &dyn Env, shown_ms: u64) -> u64 {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let passed_ms = i64::try_from(env.now().as_millis()).unwrap_or(i64::MAX);
        let ahead = signed(shown_ms).saturating_sub(passed_ms);
        let ahead = self.ahead.fetch_max(ahead, SeqCst).max(ahead);
        u64::try_from(passed_ms.saturating_add(ahead)).unwrap_or(shown_ms)
    }

    /// The latest time that anybody was told.
    pub(crate) fn told_ms(&self) -> u64 {
        self.told.load(SeqCst)
    }

    /// Settles the time: the caller holds the commit lock.
    pub(crate) fn settle(&self) {
        self.settled.fetch_max(self.look_ms(), SeqCst);
    }

    /// A time that every commit to come, and every view of a later version, is at or after.
    pub fn settled_ms(&self) -> u64 {
        self.settled.load(SeqCst)
    }

    /// Notes that work drops what has expired by `settled_ms`, which was settled.
    pub fn rely_on(&self, settled_ms: u64) {
        self.relied.fetch_max(settled_ms, SeqCst);
    }

    /// The latest time that was relied on; 0 when none was.
    pub fn relied_ms(&self) -> u64 {
        self.relied.load(SeqCst)
    }
}

/// The time of one question: the clock is looked at when it is first needed, and not again.
///
/// The question is asked of what was current before that look, and another commit may have been
/// published since. What still lives by a later look lived then, too; what is over by an earlier
/// look was over then, too. Anything else leaves a doubt: by then it may have been renewed.
#[derive(Debug)]
pub struct Now<'c> {
    clock: &'c Clock,
    /// A time that was told before the question was asked.
    since_ms: u64,
    told_ms: Cell<Option<u64>>,
    in_doubt: Cell<bool>,
}

impl<'c> Now<'c> {
    /// The present, whenever that is needed; `since_ms` was told before, or is 0.
    #[inline]
    pub fn since(clock: &'c Clock, since_ms: u64) -> Now<'c> {
        Now { clock, since_ms, told_ms: Cell::new(None), in_doubt: Cell::new(false) }
    }

    /// This time, and no other.
    pub fn at(clock: &'c Clock, clock_ms: u64) -> Now<'c> {
        let told_ms = Cell::new(Some(clock_ms));
        Now { clock, since_ms: clock_ms, told_ms, in_doubt: Cell::new(false) }
    }

    /// The time, for whatever it is used: leaves a doubt. See [`Now::is_over`].
    #[inline]
    pub fn ms(&self) -> u64 {
        self.in_doubt.set(true);
        self.look()
    }

    /// Whether something that expires then has expired; leaves a doubt only if it has, and had not
    /// before the question was asked.
    #[inline]
    pub fn is_over(&self, expiry_ms: u64) -> bool {
        if expiry_ms <= self.since_ms {
            return true;
        }
        let is_over = expiry_ms <= self.look();
        if is_over {
            self.in_doubt.set(true);
        }
        is_over
    }

    /// How long something has left that expires then, counted from the look at the clock; 0 when
    /// it is over. Leaves no doubt.
    pub fn left_ms(&self, expiry_ms: u64) -> u64 {
        expiry_ms.saturating_sub(self.look())
    }

    fn look(&self) -> u64 {
        if let Some(told_ms) = self.told_ms.get() {
            return told_ms;
        }
        let told_ms = self.clock.now_ms();
        self.told_ms.set(Some(told_ms));
        told_ms
    }

    /// What was told last: now, or else before the question was asked.
    #[inline]
    pub fn told_ms(&self) -> u64 {
        self.told_ms.get().unwrap_or(self.since_ms)
    }

    /// Whether what was found may not be so in any view.
    #[inline]
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt.get()
    }
}
