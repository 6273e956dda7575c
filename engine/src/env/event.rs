//! A counter that can be waited on: how threads learn that something moved.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A counter that only grows. Read it with [`Event::epoch`], look at the state it guards, and if
/// that is not as wished wait for the counter to move on: no wake-up is lost.
#[derive(Debug, Default)]
pub struct Event {
    epoch: AtomicU64,
    waiters: AtomicUsize,
    lock: Mutex<()>,
    moved: Condvar,
}

impl Event {
    /// An event at epoch zero.
    pub fn new() -> Event {
        Event::default()
    }

    /// The present count.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Moves the counter on and wakes who waits. Without waiters this is one atomic addition.
    pub fn notify(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if self.waiters.load(Ordering::SeqCst) > 0 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.moved.notify_all();
        }
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
