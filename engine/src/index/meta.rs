//! What the manifest says of segments, and how what is current changes.

use crate::file::Extent;
use crate::id::{FileId, SegmentId, SeqNo};

/// Large values of a segment in a file of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The file.
    pub file: FileId,
    /// Bytes in it that the segment points to.
    pub live_bytes: u64,
}

/// A segment, as the manifest lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentMeta {
    /// Format of its bytes, of its index type.
    pub format: u16,
    /// Where it lies.
    pub extents: Vec<Extent>,
    /// Files with its large values.
    pub blobs: Vec<Blob>,
    /// Things in it, tombstones included.
    pub entries: u64,
    /// Everything in it was committed at or before this.
    pub newest: SeqNo,
    /// Key that its bytes are encrypted with; 0 is none.
    pub key_id: u32,
    /// What the index type wants to know before it opens the segment, such as level and key
    /// range; its own encoding.
    pub detail: Vec<u8>,
}

impl SegmentMeta {
    /// Bytes of its extents.
    pub fn bytes(&self) -> u64 {
        self.extents.iter().map(|extent| extent.len).sum()
    }
}

/// The only result of background work: remove these, add those, at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Segments that are current no longer.
    pub remove: Vec<SegmentId>,
    /// New segments; a new one may use the files of a removed one.
    pub add: Vec<SegmentMeta>,
}

/// What to merge.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePlan {
    /// Segments that the merge reads and removes.
    pub inputs: Vec<SegmentId>,
    /// How urgent: the plan with the highest pressure of all indexes runs first.
    pub pressure: f64,
    /// Bytes of the inputs.
    pub bytes: u64,
    /// What the index type has decided, such as the target level; its own meaning.
    pub detail: u64,
}
