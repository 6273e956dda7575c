//! Data files: where segments of index types lie.
//!
//! A file is *sealed* (written once, front to back, then only read and mapped) or *in place*
//! (pages of it are reused by its one index). A segment names the extents it uses; small segments
//! share a file. Files are counted by the segments of live versions and unlinked when none is left
//! and the manifest no longer names them.
//!
//! Not for: what the bytes mean, and when they become durable: the one function that orders
//! syncs is [`install`](crate::manifest).

mod log_files;
mod region;
mod table;
mod vain;
mod writer;

pub use log_files::LogFiles;
pub use region::{CHECKED_BYTES, DataFile, Opener, Region, Reuse};
pub use table::FileTable;
pub use vain::Vain;
pub use writer::{FileOutput, Spread};

use crate::error::Result;
use crate::id::{EditNo, FileId, LogNo};

/// So many bytes in front of a file that is written in place are not for segments: labels go there.
pub const FRONT_BYTES: u64 = 8 << 10;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Written once from front to back, then immutable.
    Sealed,
    /// Pages are rewritten when nothing reaches their old content.
    InPlace,
}

/// A part of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// How the file is written.
    pub kind: FileKind,
}

/// Gives the bytes of extents.
pub trait Files: Send + Sync {
    /// The bytes of `extent`.
    ///
    /// # Errors
    /// `Corrupt` when the file is missing or shorter than the extent says; `Io` when it cannot be
    /// read.
    fn region(&self, extent: &Extent) -> Result<Region>;

    /// All bytes of a sealed file.
    ///
    /// # Errors
    /// As [`Files::region`].
    fn whole(&self, file: FileId) -> Result<Region>;
}

/// What background work may do to files. Nothing written here is seen by anybody until the edit
/// that names it is installed; what no installed edit names is removed.
pub trait Output {
    /// A new file. Small sealed outputs of one job may share one: `Sealed` may return a file that
    /// already holds other segments, so take offsets from [`Output::append`].
    ///
    /// # Errors
    /// `Full` or `Io`.
    fn create(&mut self, kind: FileKind) -> Result<FileId>;

    /// A new sealed file that nothing else of this job shares: it may be written by turns with
    /// others.
    ///
    /// # Errors
    /// `Full` or `Io`.
    fn create_apart(&mut self) -> Result<FileId>;

    /// Takes over a segment of the log as a sealed file, if it is complete and at least half of its
    /// file are the `wanted` bytes: they stay where they lie. `None` where that cannot be; they
    /// are then to be copied.
    fn adopt(&mut self, log: LogNo, wanted: u64) -> Option<FileId>;

    /// Appends to a file created by this output; returns the offset of the first byte. Buffered.
    ///
    /// # Errors
    /// `Full` or `Io`; `Invalid` for a file that is not this output's.
    fn append(&mut self, file: FileId, bytes: &[u8]) -> Result<u64>;

    /// Bytes in the file so far, buffered ones included.
    ///
    /// # Errors
    /// `Io`; `NotFound`.
    fn len(&mut self, file: FileId) -> Result<u64>;

    /// Writes into a file of kind `InPlace`, new or of a current segment.
    ///
    /// # Errors
    /// `Full` or `Io`; `Invalid` for a sealed file.
    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Reads from a file of kind `InPlace`, what this output wrote included.
    ///
    /// # Errors
    /// `Io`; `Corrupt` when the file ends before.
    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// Whether space that `edit` freed can be reused: the edit is durable, and no view,
    /// checkpoint or reader process reaches a version before it.
    fn may_reuse(&self, edit: EditNo) -> bool;
}
