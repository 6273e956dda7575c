//! Segments: sorted runs of keys in a file, one version of each.
//!
//! ```text
//! ┌──────┬─────┬────────┬─────┬──────┬─────────┬────────┬─────┬────────┬────────────┬────────┐
//! │ data │ ... │ index  │ ... │ root │ padding │ filter │ ... │ ranges │ properties │ footer │
//! └──────┴─────┴────────┴─────┴──────┴─────────┴────────┴─────┴────────┴────────────┴────────┘
//!    0      1      n             n+m              n+m+1 ...               last        (ordinals)
//! ```
//!
//! The format is `docs/formats/segment.md`. Every block but the footer is sealed by a trailer with
//! a checksum tied to its place; blocks are numbered in the order of the file, and a segment
//! remembers which of them have been checked.
//!
//! Not for: levels, and several segments together.

mod facts;
mod format;
mod index;
mod ranges;
mod blobs;
mod writer;
mod reader;
mod cursor;
mod salvage;
mod verify;
mod summary;
#[cfg(test)]
pub(super) mod tests;

pub(super) use cursor::SegmentCursor;
pub(super) use format::{Detail, FORMAT, format_of};
pub(super) use ranges::RangeFrame;
pub use reader::Segment;
pub(super) use reader::{Fill, Held, Hit};
pub(super) use salvage::{Part, Remains};
pub(super) use verify::verify;
pub(super) use writer::{Shape, Writer, Written};
