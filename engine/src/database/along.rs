//! Reading along with another process that writes.

use std::time::Duration;

use super::Engine;
use crate::error::Result;
use crate::id::SeqNo;

/// Who waits for a commit of another process looks for it after this time, then after twice as
/// long,
const WAIT_MIN: Duration = Duration::from_micros(50);
/// up to this.
const WAIT_MAX: Duration = Duration::from_millis(2);

impl Engine {
    /// Reads what the writer has published up to now, in a process that reads along; returns the
    /// last commit there is here now. Elsewhere it is the last published one, without a look.
    ///
    /// # Errors
    /// As [`Reader::refresh`](crate::reader::Reader::refresh).
    pub fn refresh(&self) -> Result<SeqNo> {
        match &self.reader {
            Some(reader) => reader.refresh(&self.parts),
            None => Ok(self.parts.published()),
        }
    }

    /// Waits until the commit `seq` is to be seen here; whether it was in time. `None` waits for
    /// as long as it takes.
    ///
    /// # Errors
    /// As [`Engine::refresh`]; `Invalid` once the database is closed.
    pub fn wait_for(&self, seq: SeqNo, timeout: Option<Duration>) -> Result<bool> {
        let env = self.parts.env.clone();
        let deadline = timeout.and_then(|timeout| env.now().checked_add(timeout));
        let mut pause = WAIT_MIN;
        loop {
            let seen = self.parts.moved.epoch();
            self.parts.check_open()?;
            if self.refresh()? >= seq {
                return Ok(true);
            }
            let left = deadline.map(|deadline| deadline.saturating_sub(env.now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            // Nobody wakes a process for what another one does.
            let wait = left.map_or(pause, |left| pause.min(left));
            env.wait(&self.parts.moved, seen, Some(wait));
            pause = (pause * 2).min(WAIT_MAX);
        }
    }
}
