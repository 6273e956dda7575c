//! A counter that can be waited on: how threads learn that something moved.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::task::Waker;
use std::time::{Duration, Instant};

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
use loom::sync::{Condvar, Mutex};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex};

/// A counter that only grows. Read it with [`Event::epoch`], look at the state it guards, and if
/// that is not as wished wait for the counter to move on: no wake-up is lost.
#[derive(Debug, Default)]
pub struct Event {
    epoch: AtomicU64,
    waiters: AtomicUsize,
    lock: Mutex<()>,
    moved: Condvar,
    /// Number of `wakers`.
    registered: AtomicUsize,
    /// Of tasks, each once, with the least count that it has seen. So memory depends on the number
    /// of tasks, not on how often they ask.
    wakers: Mutex<BTreeMap<Task, (u64, Waker)>>,
}

/// The present value, in the one order of all these operations. Loom takes such a load for one that
/// acquires, and may give it an old value; what adds nothing is given the newest.
macro_rules! present {
    ($counter:expr) => {{
        #[cfg(loom)]
        let value = $counter.fetch_add(0, Ordering::SeqCst);
        #[cfg(not(loom))]
        let value = $counter.load(Ordering::SeqCst);
        value
    }};
}

/// Which task a waker wakes: its data and its functions.
type Task = (usize, usize);

fn task(waker: &Waker) -> Task {
    (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr())
}

impl Event {
    /// An event at epoch zero.
    pub fn new() -> Event {
        Event::default()
    }

    /// The present count.
    pub fn epoch(&self) -> u64 {
        present!(self.epoch)
    }

    /// Moves the counter on and wakes threads that wait. Without waiters this is one atomic
    /// addition. Futures are woken by [`Event::wake`].
    pub fn notify(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if present!(self.waiters) > 0 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.moved.notify_all();
        }
    }

    /// Has `waker` woken when the counter is past `seen`, and says whether it is not yet.
    pub fn register(&self, seen: u64, waker: &Waker) -> bool {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // First the word to who wakes, then the look at the counter: one of the two sees the other.
        self.registered.fetch_add(1, Ordering::SeqCst);
        if self.epoch() > seen {
            self.registered.fetch_sub(1, Ordering::SeqCst);
            return false;
        }
        if let Some((least, _)) = wakers.get_mut(&task(waker)) {
            *least = seen.min(*least);
            self.registered.fetch_sub(1, Ordering::SeqCst);
        } else {
            wakers.insert(task(waker), (seen, waker.clone()));
        }
        true
    }

    /// Wakes the futures whose count is past. To be called without locks after
    /// [`Event::notify`], which may be called with them: a waker is a stranger's code. Without
    /// futures this is one atomic load.
    pub fn wake(&self) {
        if present!(self.registered) == 0 {
            return;
        }
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.epoch();
        let past = wakers.extract_if(.., |_, (seen, _)| *seen < now);
        let past: Vec<Waker> = past.map(|(_, (_, waker))| waker).collect();
        self.registered.fetch_sub(past.len(), Ordering::SeqCst);
        drop(wakers);
        past.into_iter().for_each(Waker::wake);
    }

    /// Blocks the thread until the counter is past `seen` or `timeout` is over.
    pub(super) fn block(&self, seen: u64, timeout: Option<Duration>) {
        // A time too far off to be told is no limit.
        let deadline = timeout.and_then(|limit| Instant::now().checked_add(limit));
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiters.fetch_add(1, Ordering::SeqCst);
        while self.epoch() <= seen {
            guard = match deadline {
                None => self.moved.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    let waited = self.moved.wait_timeout(guard, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        self.waiters.fetch_sub(1, Ordering::SeqCst);
    }
}
