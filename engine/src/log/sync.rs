//! Syncs of the log, one at a time: after one that failed, none succeeds.
//!
//! The committer that syncs for others does so outside the commit lock, and a segment may have to
//! be finished meanwhile. Where a sync has failed, a second one of the same file may succeed and
//! proves nothing (Rebello et al., ATC '20): it must not make up a durable log before the failure
//! of the first is known.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::env::{SyncKind, VfsFile};

/// Whether a sync has failed; shared by all who sync the log.
#[derive(Clone, Debug, Default)]
pub struct SyncTurn(Arc<Mutex<bool>>);

/// A file of the log, to be synced.
#[derive(Clone, Debug)]
pub struct SyncTarget {
    file: Arc<dyn VfsFile>,
    turn: SyncTurn,
}

impl SyncTarget {
    /// `file`, synced in turn with all others of `turn`.
    pub fn new(file: Arc<dyn VfsFile>, turn: SyncTurn) -> SyncTarget {
        SyncTarget { file, turn }
    }

    /// Makes the file's data durable.
    ///
    /// # Errors
    /// What the system says, now or in an earlier turn: what was not durable before may be lost.
    pub fn sync(&self) -> io::Result<()> {
        let mut failed = self.turn.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(io::Error::other("an earlier sync of the log failed"));
        }
        let synced = self.file.sync(SyncKind::Data);
        *failed = synced.is_err();
        synced
    }
}
