//! Closing a database in order.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Engine;
use crate::budget::Part;
use crate::error::{ErrorKind, Result};
use crate::jobs::{Forget, archive_all, clear_released, forget_log, note_end};

/// With so many log segments behind the present one, memtables are written when the database is
/// closed, however small they are.
const CLOSE_LOG_SEGMENTS: usize = 8;

impl Engine {
    /// Closes the database: what is committed becomes durable, and larger memtables are written
    /// so that the next opening need not read the log. Later calls on this handle fail; views
    /// stay readable.
    ///
    /// # Errors
    /// What syncing or flushing fails with; the database is closed all the same, and the next
    /// opening recovers it.
    pub fn close(&self) -> Result<()> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        if lock.is_none() && self.reader.is_none() {
            return Ok(());
        }
        let closed = self.close_files();
        drop(lock);
        closed
    }

    /// Whether the next opening would have too much of the log to read.
    fn is_flushed_when_closed(&self) -> bool {
        let parts = &*self.parts;
        let waiting = parts.services.budget.used(Part::Memtables);
        let tail = parts.tail();
        let much = waiting > parts.options.close_flush_bytes
            || tail.log.retained().count() >= CLOSE_LOG_SEGMENTS;
        much && !tail.is_poisoned()
    }

    /// Waits for background work to end.
    fn join(&self) {
        let running =
            std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for job in running {
            job.join();
        }
    }

    fn close_files(&self) -> Result<()> {
        let parts = &*self.parts;
        parts.closed.store(true, Ordering::SeqCst);
        if !parts.options.access.is_writable() {
            parts.control().closing = true;
            parts.work.notify();
            self.join();
            parts.tail().close();
            parts.watchers.end();
            parts.feeds.end();
            if let Some(reader) = &self.reader {
                reader.leave(parts);
            }
            return Ok(());
        }
        let flushed = if self.is_flushed_when_closed() { self.flush() } else { Ok(()) };
        parts.control().closing = true;
        parts.work.notify();
        parts.syncer.notify();
        parts.moved.notify();
        self.join();
        clear_released(parts);
        parts.tail().close();
        parts.locks.wake();
        // Another handle may write the log from here on, soon.
        parts.feeds.end();
        let forgotten = forget_log(parts, Forget::Long);
        let noted = note_end(parts);
        let mut tail = parts.tail();
        let synced = if tail.is_poisoned() { tail.check() } else { tail.log.close() };
        match &synced {
            Ok(()) => parts.publish(&mut tail),
            // Who waits for a commit that could not be synced would wait in vain.
            Err(error) if error.kind() == ErrorKind::Poisoned => parts.poison(&mut tail, error),
            Err(_) => {}
        }
        parts.watchers.end();
        drop(tail);
        let archived = if synced.is_ok() { archive_all(parts) } else { Ok(()) };
        tracing::debug!(dir = %parts.dir.display(), "closed");
        parts.moved.notify();
        flushed.and(forgotten).and(synced).and(noted).and(archived)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the database was not closed in order");
        }
    }
}
