//! The pair that makes a view, read without a lock: a version, and how much of it is published.
//!
//! Two things move on their own: which version is current, and which commit is the last one that
//! readers may see. A reader needs two that belong together.
//!
//! Invariants:
//! 1. A reader loads the version first, then the published number, and clamps it to the version's
//!    seal.
//! 2. Whoever replaces memtables of the current version first seals it at the last commit that
//!    those memtables hold, then installs the next version, and only then may a later commit be
//!    published.
//! 3. Whoever replaces segments only (a flush, a merge) keeps the seal: the new version shares the
//!    active memtables, so both versions are good for every later commit until the seal is set.
//! 4. Whoever replaces names (a new index, a dropped one) seals the current version at the commit
//!    before, publishes the commit, and then installs the next version: no reader sees a name
//!    before its commit, or none after it.
//! 5. What a flush moves into segments was published before the version with these segments is
//!    installed: so a reader of that version sees all of it.
//!
//! 6. Whoever passes over commits, whose effects are in segments of the next version, seals the
//!    current one at the last commit before them, publishes the last of them, and then installs the
//!    next version: its segments hold more than any earlier number may show.
//!
//! Any other order gives mixed views; `tests.rs` and `pair_loom.rs` check this one.

use std::sync::Arc;

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// A value and the last commit it is good for.
pub struct Sealed<V> {
    /// The value.
    pub value: V,
    sealed_at: Arc<AtomicU64>,
}

impl<V> Sealed<V> {
    /// The last commit this is good for, as known now.
    pub fn clamp(&self, published: u64) -> u64 {
        published.min(self.sealed_at.load(Ordering::SeqCst))
    }
}

#[cfg(not(loom))]
mod slot {
    use std::sync::Arc;

    /// A shared pointer that is replaced at once and read without waiting.
    pub(super) struct Slot<V>(arc_swap::ArcSwap<V>);
    /// A pointer read from a slot.
    pub(super) type Guard<V> = arc_swap::Guard<Arc<V>>;

    impl<V> Slot<V> {
        pub(super) fn new(value: Arc<V>) -> Slot<V> {
            Slot(arc_swap::ArcSwap::new(value))
        }
        #[inline]
        pub(super) fn load(&self) -> Guard<V> {
            self.0.load()
        }
        pub(super) fn store(&self, value: Arc<V>) {
            self.0.store(value);
        }
    }
}

#[cfg(loom)]
mod slot {
    use std::sync::Arc;

    pub(super) struct Slot<V>(loom::sync::Mutex<Arc<V>>);
    pub(super) type Guard<V> = Arc<V>;

    impl<V> Slot<V> {
        pub(super) fn new(value: Arc<V>) -> Slot<V> {
            Slot(loom::sync::Mutex::new(value))
        }
        pub(super) fn load(&self) -> Guard<V> {
            self.0.lock().unwrap().clone()
        }
        pub(super) fn store(&self, value: Arc<V>) {
            *self.0.lock().unwrap() = value;
        }
    }
}

/// How often [`Pair::load_with`] asks at most.
const TRIES: usize = 4;

/// A current value and a published number.
pub struct Pair<V> {
    current: slot::Slot<Sealed<V>>,
    published: AtomicU64,
}

impl<V> Pair<V> {
    /// `value` is current and `published` is published.
    pub fn new(value: V, published: u64) -> Pair<V> {
        let sealed_at = Arc::new(AtomicU64::new(u64::MAX));
        Pair {
            current: slot::Slot::new(Arc::new(Sealed { value, sealed_at })),
            published: AtomicU64::new(published),
        }
    }

    /// A value and the number up to which it is to be read.
    #[inline]
    pub fn read<R>(&self, f: impl FnOnce(&V, u64) -> R) -> R {
        let current = self.current.load();
        let at = current.clamp(self.published());
        f(&current.value, at)
    }

    /// As [`Pair::read`], to keep.
    pub fn load(&self) -> (Arc<Sealed<V>>, u64) {
        let current = Arc::clone(&*self.guard());
        let at = current.clamp(self.published());
        (current, at)
    }

    /// As [`Pair::load`], with what `ask` says at a moment at which that number is the published
    /// one: it is asked again when another was published meanwhile, and where they come faster than
    /// it can be asked, a number counts that is published after it was asked last.
    pub fn load_with<A>(&self, mut ask: impl FnMut() -> A) -> (Arc<Sealed<V>>, u64, A) {
        let mut tries = 0;
        loop {
            let (current, at) = self.load();
            let answer = ask();
            let then = self.published();
            tries += 1;
            if then == at || tries == TRIES {
                let at = current.clamp(then);
                return (current, at, answer);
            }
        }
    }

    #[cfg(not(loom))]
    fn guard(&self) -> slot::Guard<Sealed<V>> {
        self.current.load()
    }

    #[cfg(loom)]
    fn guard(&self) -> Box<Arc<Sealed<V>>> {
        Box::new(self.current.load())
    }

    /// The current value.
    pub fn current(&self) -> Arc<Sealed<V>> {
        Arc::clone(&*self.guard())
    }

    /// The published number.
    #[inline]
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::SeqCst)
    }

    /// Publishes `number`, which is not below the one before. One caller at a time.
    pub fn publish(&self, number: u64) {
        self.published.store(number, Ordering::SeqCst);
    }

    /// Replaces segments: the new value shares the seal. One caller at a time.
    pub fn replace(&self, value: V) {
        let sealed_at = self.guard().sealed_at.clone();
        self.current.store(Arc::new(Sealed { value, sealed_at }));
    }

    /// Replaces memtables: values so far are good up to `last`, the new one for what comes after.
    /// One caller at a time, before anything after `last` is published.
    pub fn seal_and_replace(&self, last: u64, value: V) {
        self.seal(last);
        self.install(value);
    }

    /// Replaces what a reader at `number` must not miss and one before it must not see: values so
    /// far are good up to the number before, and `number` is published before the new one is
    /// there. One caller at a time; everything before `number` is published.
    pub fn publish_and_replace(&self, number: u64, value: V) {
        self.seal(number - 1);
        self.publish(number);
        self.install(value);
    }

    /// Passes over commits: values so far are good up to `last`, and the new one from `number` on,
    /// which is published before it is there. One caller at a time.
    pub fn pass_over(&self, last: u64, number: u64, value: V) {
        self.seal(last);
        self.publish(number);
        self.install(value);
    }

    fn seal(&self, last: u64) {
        self.guard().sealed_at.store(last, Ordering::SeqCst);
    }

    fn install(&self, value: V) {
        let sealed_at = Arc::new(AtomicU64::new(u64::MAX));
        self.current.store(Arc::new(Sealed { value, sealed_at }));
    }
}
