//! What the log tells of a bulk load.
//!
//! Not for: what was loaded, which the segments hold.

use cuesta_engine::error::Result;
use cuesta_engine::format::Reader;
use cuesta_engine::index::SegmentMeta;

use super::stored::Ordered;

/// The extent of what one commit has loaded into one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded<'a> {
    /// How many keys.
    pub entries: u64,
    /// The smallest of them.
    pub first: &'a [u8],
    /// The largest of them.
    pub last: &'a [u8],
}

impl<'a> Loaded<'a> {
    /// Of the segments of type `T` that a record lists.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` for segments of a newer version.
    pub fn of<T: Ordered>(segments: &'a [u8]) -> Result<Loaded<'a>> {
        let mut reader = Reader::new(segments, "loaded segments");
        let mut all: Option<Loaded<'a>> = None;
        loop {
            let (meta, detail) = SegmentMeta::decode_apart(&mut reader)?;
            let (first, last) = T::keys(detail)?;
            let loaded = all.get_or_insert(Loaded { entries: 0, first, last });
            loaded.entries = loaded.entries.saturating_add(meta.entries);
            loaded.first = loaded.first.min(first);
            loaded.last = loaded.last.max(last);
            if reader.is_empty() {
                return Ok(*loaded);
            }
        }
    }
}
