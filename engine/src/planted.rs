//! Known bugs that the crash harness switches on, to prove that it would find them.
//!
//! Code that could have one of them asks [`is`] and does the wrong thing when told so. Without the
//! feature `planted-bugs` the answer is the constant `false`, and nothing of this is compiled in.
//!
//! Not for: failures of the outside world, which the simulated environment makes.

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Bug {
    /// Bytes are used without comparing their checksum.
    MissingChecksum,
    /// A commit is acknowledged before its sync.
    EarlyAcknowledgement,
    /// A memtable is flushed before its newest commit is published.
    FlushBeforePublish,
    /// A memtable is flushed before its newest commit is synced in the log.
    FlushBeforeSync,
    /// Names of new files are not synced.
    SkippedDirectorySync,
    /// A file is unlinked before the edit that frees it is durable.
    EarlyUnlink,
    /// Replay starts one commit too late.
    WatermarkOffByOne,
    /// A merge drops a tombstone although something lies below it.
    TombstoneDroppedTooHigh,
    /// Records behind a cut are replayed.
    StaleRecordAfterCut,
    /// What a flush changed in the inputs of a merge is forgotten.
    MissingCatchUp,
}

impl Bug {
    /// Every bug that can be planted.
    pub const ALL: [Bug; 10] = [
        Bug::MissingChecksum,
        Bug::EarlyAcknowledgement,
        Bug::FlushBeforePublish,
        Bug::FlushBeforeSync,
        Bug::SkippedDirectorySync,
        Bug::EarlyUnlink,
        Bug::WatermarkOffByOne,
        Bug::TombstoneDroppedTooHigh,
        Bug::StaleRecordAfterCut,
        Bug::MissingCatchUp,
    ];
}

/// Whether `bug` is planted now.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn is(_bug: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Bug;

    /// One bit per bug, for all threads of the process: background work must see it too.
    static PLANTED: AtomicU32 = AtomicU32::new(0);

    /// Whether `bug` is planted now.
    pub fn is(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) & (1 << bug as u8) != 0
    }

    /// Plants `bugs` and nothing else, in the whole process. Tests that use it run one at a time.
    pub fn plant(bugs: &[Bug]) {
        let bits = bugs.iter().fold(0, |bits, &bug| bits | 1 << bug as u8);
        PLANTED.store(bits, Ordering::Relaxed);
    }
}

#[cfg(feature = "planted-bugs")]
pub use switch::{is, plant};
