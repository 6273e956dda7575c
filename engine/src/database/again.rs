//! Commits what was committed to another database before, at the times at which that was.
//!
//! Not for: where it comes from, which repair knows.

use super::Engine;
use crate::batch::Batch;
use crate::commit::drive;
use crate::error::{Error, Result};
use crate::id::SeqNo;
use crate::jobs::{Forget, forget_log};
use crate::manifest::NUMBER_MAX;
use crate::options::Durability;

impl Engine {
    /// Commits a batch that was committed to another database at `clock_ms`: what it says of times
    /// comes to what it came to there, even if later ones have been committed before it. The
    /// database has seen no clock but such ones.
    ///
    /// # Errors
    /// As [`Engine::commit`]; `Corrupt` when no database reaches that time.
    pub(crate) fn commit_again(&self, batch: Batch, clock_ms: u64) -> Result<SeqNo> {
        crate::ensure_sound!(clock_ms <= NUMBER_MAX, "a commit at {clock_ms} ms, beyond all time");
        let mut commit = self.begin_commit(batch, Durability::None)?.again_at(clock_ms);
        drive(&self.parts, || commit.step())
    }

    /// Has no later clock be earlier than this one, once something is flushed.
    pub(crate) fn rely_on(&self, clock_ms: u64) {
        self.parts.services.clock.rely_on(clock_ms);
    }

    /// Lets go of the log of commits whose clocks went back: nobody is to read them in their order.
    /// Later commits have clocks at or after `clock_ms`.
    ///
    /// # Errors
    /// As [`Engine::flush`].
    pub(crate) fn forget_history(&self, clock_ms: u64) -> Result<()> {
        self.flush()?;
        let _ours = self.parts.hold()?;
        forget_log(&self.parts, Forget::All(clock_ms))?;
        let log = &self.parts.tail().log;
        if log.first_commit() <= log.last_seq() {
            return Err(Error::internal("the log of what was committed again is still there"));
        }
        Ok(())
    }
}
