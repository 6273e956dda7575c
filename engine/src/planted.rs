//! Known bugs that tests can switch on, to prove that the crash harness finds them.
//!
//! Without the feature `planted-bugs` every question is a constant `false` and costs nothing.

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// Checksums are not compared.
    MissingChecksum,
    /// A synced commit is acknowledged before it is synced.
    EarlyAcknowledgement,
    /// A flush does not wait until its commits are published.
    FlushBeforePublish,
    /// A flush does not wait until its commits are synced in the log.
    FlushBeforeSync,
    /// Directories are not synced.
    SkippedDirectorySync,
    /// Files are unlinked before the manifest says durably that they are not needed.
    EarlyUnlink,
    /// Replay leaves out the first commit after the watermark.
    WatermarkOffByOne,
    /// A merge drops tombstones although older data lies below.
    TombstoneDroppedTooHigh,
    /// Recovery appends to a log segment whose tail it has cut.
    StaleRecordAfterCut,
    /// A merge does not carry over what flushes changed in its inputs meanwhile.
    MissingCatchUp,
    /// The manifest does not count the blob files that segments point into.
    BlobReleasedTooEarly,
    /// Expired values are dropped although older data lies below.
    ExpiredResurfaces,
    /// What a merge in memory builds on is pruned.
    OperandLost,
    /// A segment of the log that has become a blob file is reused for another.
    AdoptedLogReused,
    /// The range delete is lost at which outputs are cut.
    RangeDeleteLostAtBorder,
    /// Range deletes are dropped although older data lies below.
    RangeDeleteDroppedTooHigh,
    /// A feed leaves out a commit where it goes on to the next segment of the log.
    ChangeDroppedAtSegmentEnd,
    /// Files and pages are given up although reader processes may still read them.
    ReadersForgotten,
    /// A reader process reads the log further than the writer shows.
    ReaderRunsAhead,
    /// A reader process keeps what was flushed from the middle of a memtable in memory.
    FlushedKeptByReader,
    /// A watch looks for changes before it notes what it will wait for.
    WakeUpLost,
    /// A key that is written in a run of deleted ones still counts as deleted.
    GapLeftOpen,
    /// A transaction's commit does not look at the ranges that it has read.
    BlindRangeValidation,
    /// Ingested files are not synced before the record that names them.
    IngestedUnsynced,
    /// Pages of the tree before are written again at once.
    PageReusedTooEarly,
    /// What is written in place is not synced before the manifest names it.
    RootBeforePages,
    /// A value that lies apart is not written.
    OverflowPageLost,
    /// A changed document leaves its old entries in its indexes.
    LostIndexDelete,
    /// What is removed from an index while that is built is removed from its rows alone.
    DroppedBuildTombstone,
    /// Whether a unique key is free is not part of what a transaction has read.
    UniqueCheckedAgainstOldView,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Bug; 30] = [
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
        Bug::BlobReleasedTooEarly,
        Bug::AdoptedLogReused,
        Bug::ExpiredResurfaces,
        Bug::RangeDeleteLostAtBorder,
        Bug::RangeDeleteDroppedTooHigh,
        Bug::OperandLost,
        Bug::ChangeDroppedAtSegmentEnd,
        Bug::IngestedUnsynced,
        Bug::PageReusedTooEarly,
        Bug::RootBeforePages,
        Bug::OverflowPageLost,
        Bug::ReadersForgotten,
        Bug::ReaderRunsAhead,
        Bug::FlushedKeptByReader,
        Bug::WakeUpLost,
        Bug::GapLeftOpen,
        Bug::BlindRangeValidation,
        Bug::LostIndexDelete,
        Bug::DroppedBuildTombstone,
        Bug::UniqueCheckedAgainstOldView,
    ];
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Whether `bug` is planted on this thread.
    pub fn is(bug: Bug) -> bool {
        PLANTED.with(|planted| planted.get() == Some(bug))
    }

    /// Plants a bug on this thread, or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.with(|planted| planted.set(bug));
    }
}

#[cfg(feature = "planted-bugs")]
pub use switch::{is, plant};

/// Whether `bug` is planted: never, without the feature `planted-bugs`.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub fn is(_bug: Bug) -> bool {
    false
}
