//! The text of a segment, for people: what its footer, its properties and the manifest say.
//!
//! Not for checking it: that is `verify.rs`.

use cuesta_engine::error::Result;
use cuesta_engine::format::Codec;

use super::format::Ranges;
use super::reader::{Fill, Segment};

impl Segment {
    /// What the segment says of itself, line by line. Reads its properties.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    pub fn summary(&self) -> Result<Vec<String>> {
        let (footer, detail) = (&self.footer, self.detail());
        let properties = self.properties(Fill::Pass)?;
        let codec = match Codec::from_code(detail.codec) {
            Ok(codec) => format!("{codec:?}"),
            Err(_) => format!("{} (not known here)", detail.codec),
        };
        let mut lines = vec![
            format!(
                "level {}, {} entries, {} of them deletes, {} bytes",
                detail.level,
                footer.entries,
                footer.tombstones,
                self.len()
            ),
            format!(
                "{} data blocks, codec {codec}, {} index blocks, {} filter blocks of kind {}",
                footer.blocks,
                footer.leaves + 1,
                footer.chunks(),
                footer.filter_kind
            ),
            format!(
                "{} bytes of keys, {} bytes of values",
                properties.key_bytes, properties.value_bytes
            ),
            format!("from {} to {}", detail.smallest.escape_ascii(), detail.largest.escape_ascii()),
        ];
        lines.extend(detail.ranges.as_ref().map(|Ranges { count, span }| {
            let end = match span.end() {
                Some(end) => format!("before {}", end.escape_ascii()),
                None => "the end of all keys".to_owned(),
            };
            format!("{count} range deletes from {} to {end}", span.start.escape_ascii())
        }));
        Ok(lines)
    }
}
