//! How fast background work may move bytes.
//!
//! A bucket of time: moving bytes puts off the moment from which those may go on that have to wait.
//! Who may not wait, flushes, moves its bytes at once and lets the others wait longer.
//!
//! Invariant: nobody is put off by more than `DEBT_MAX`, so that merges go on however much is
//! flushed, and writers that wait for merges do too.
//!
//! Not for: waiting, which jobs do.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What may be moved at once after a pause.
const BURST: Duration = Duration::from_millis(50);
/// The longest that anybody waits.
const DEBT_MAX: Duration = Duration::from_secs(1);

/// A bounded rate, or none.
#[derive(Debug)]
pub struct Rate {
    bytes_per_second: Option<u64>,
    /// When all bytes moved so far would have been moved at this rate.
    even_at: Mutex<Duration>,
}

impl Rate {
    /// So many bytes in a second; `None` is no bound.
    pub fn new(bytes_per_second: Option<u64>) -> Rate {
        Rate { bytes_per_second, even_at: Mutex::default() }
    }

    /// Notes that `bytes` were moved.
    pub fn spend(&self, now: Duration, bytes: u64) {
        let Some(rate) = self.bytes_per_second.filter(|_| bytes > 0) else { return };
        let mut even_at = self.even_at.lock().unwrap_or_else(PoisonError::into_inner);
        *even_at = ((*even_at).max(now) + time_of(bytes, rate)).min(now + BURST + DEBT_MAX);
    }

    /// When more may be moved, if not now.
    pub fn wait_until(&self, now: Duration) -> Option<Duration> {
        self.bytes_per_second?;
        let even_at = *self.even_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = even_at.saturating_sub(BURST);
        (from > now).then_some(from)
    }
}

/// The time that moving `bytes` takes.
pub fn time_of(bytes: u64, bytes_per_second: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_their_time_and_nobody_waits_long() {
        let second = Duration::from_secs(1);
        let rate = Rate::new(Some(1000));
        let now = second;
        assert_eq!(rate.wait_until(now), None);
        rate.spend(now, 40);
        assert_eq!(rate.wait_until(now), None, "a burst");
        rate.spend(now, 60);
        assert_eq!(rate.wait_until(now), Some(now + Duration::from_millis(50)));
        rate.spend(now, 1 << 40);
        assert_eq!(rate.wait_until(now), Some(now + DEBT_MAX));
        assert_eq!(rate.wait_until(now + second), None);
        let unbound = Rate::new(None);
        unbound.spend(now, u64::MAX);
        assert_eq!(unbound.wait_until(now), None);
    }

    #[test]
    fn a_pause_saves_nothing_but_a_burst() {
        let rate = Rate::new(Some(1000));
        rate.spend(Duration::from_secs(1), 100);
        let later = Duration::from_secs(100);
        rate.spend(later, 100);
        assert_eq!(rate.wait_until(later), Some(later + Duration::from_millis(50)));
    }
}
