//! The log: every commit, in order, before anything else knows of it.
//!
//! The log is one endless sequence of bytes, addressed by [`LogPos`](crate::LogPos), cut into
//! segment files. A commit is one record. Normative layout: `docs/formats/log.md`.
//!
//! ```text
//! segment   | header 512 | record | record | ... | zeros or remains of an earlier life |
//! record    | header crc u32 | body crc u32 | body length u32 | kind u8 | flags u8 | key id u16 |
//!           | sequence u64 | synced u64 | clock u64 | body |
//! ```
//!
//! Invariants:
//! 1. A segment file gets its name only after its header is synced, so a bad header of a named
//!    segment is damage.
//! 2. A segment is synced before its successor is named; the successor's `base` is where the
//!    segment ends. Bytes at or beyond it belong to no record.
//! 3. The checksum of a record header is tied to the segment's number and the record's position:
//!    what a recycled file held before does not validate.
//! 4. `synced` is a position that was durable when the record was written. A bad record below the
//!    `synced` of any valid record is damage; any other bad record ends the log.
//! 5. Recovery never appends to a segment: the first commit after it begins a new one.
//!
//! Not for: what operations mean, or when they are visible.

mod copy;
mod cursor;
mod reader;
mod record;
mod salvage;
mod search;
mod segment;
mod sync;
mod retained;
mod writer;
mod follow;

#[cfg(test)]
mod tests;

pub use copy::{close_copy, copy_segment, cut_copy};
pub use cursor::Cursor;
pub use follow::Follow;
pub use reader::{Scan, Torn, describe, find_logs, scan, scan_copied};
pub use record::{CloseMark, Kind, RECORD_HEADER_BYTES, Record, RecordHeader};
pub use retained::{Keep, Place, Retained, find_kept};
pub use salvage::{Lines, Salvaged, Trouble, find_lines, salvage};
pub use segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
pub use sync::{SyncTarget, SyncTurn};
pub use writer::{Append, LogOptions, LogSetup, LogWriter};
