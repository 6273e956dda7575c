//! Which files of the log are complete, and which of them have become blob files.
//!
//! A segment of the log that is complete is never written again, like a sealed data file. Work that
//! finds most of one to be large values takes it over: the file gets a second name, that of a data
//! file, and lives on under it when the log needs it no longer.
//!
//! Not for: naming and removing files, which the log and [`FileOutput`](super::FileOutput) do.
//!
//! Invariant: a file that was taken over is never reused for another segment of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::id::LogNo;

/// What the log and those who take over its files know together. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct LogFiles(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Segments that this process has completed, durably, with the bytes of their files.
    complete: BTreeMap<LogNo, u64>,
    /// Segments whose bytes may belong to data files as well.
    shared: BTreeSet<LogNo>,
}

impl LogFiles {
    fn known<R>(&self, look: impl FnOnce(&mut Known) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that a segment is durable and will not be written again; its file has `bytes`.
    pub fn completed(&self, log: LogNo, bytes: u64) {
        self.known(|known| known.complete.insert(log, bytes));
    }

    /// Notes that the bytes of a segment may belong to a data file as well.
    pub fn share(&self, log: LogNo) {
        self.known(|known| known.shared.insert(log));
    }

    /// Takes over a complete segment if at least half of its file are the `wanted` bytes; whether
    /// that was done.
    pub fn take_over(&self, log: LogNo, wanted: u64) -> bool {
        self.known(|known| {
            let worth = known.complete.get(&log).is_some_and(|bytes| wanted >= bytes / 2);
            if worth {
                known.shared.insert(log);
            }
            worth
        })
    }

    /// Forgets a segment that the log lets go of; whether its file may be reused.
    pub fn let_go(&self, log: LogNo) -> bool {
        self.known(|known| {
            known.complete.remove(&log);
            !known.shared.remove(&log)
        })
    }
}
