//! A value that is being loaded, and those who wait for it.
//!
//! ```text
//! loading ──► loaded(value)      waiters have the value
//!        └──► failed             waiters look again; one of them loads next
//! ```

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cuesta_engine::env::{Env, Event};

use crate::Value;

/// One loading of one key.
#[derive(Default)]
pub(super) struct Flight {
    ended: Arc<Event>,
    /// The value, or none if loading it failed.
    outcome: OnceLock<Option<Value>>,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flight {:?}", self.outcome)
    }
}

impl Flight {
    /// Waits until it has ended, for so long at most: the value, or none if it failed.
    pub(super) fn wait(&self, env: &dyn Env, at_most: Duration) -> Option<Option<Value>> {
        // A time too far off to be told is no limit.
        let enough = env.now().checked_add(at_most).unwrap_or(Duration::MAX);
        loop {
            let seen = self.ended.epoch();
            if let Some(outcome) = self.outcome.get() {
                return Some(outcome.clone());
            }
            let left = enough.saturating_sub(env.now());
            if left.is_zero() {
                return None;
            }
            env.wait(&self.ended, seen, Some(left));
        }
    }

    /// Ends it. Only the first end counts.
    pub(super) fn end(&self, outcome: Option<Value>) {
        let _ = self.outcome.set(outcome);
        self.ended.notify();
        self.ended.wake();
    }
}
