//! Changes of the manifest and how they lie in a record.
//!
//! A record's payload is a sequence of changes up to its end. A change is
//!
//! ```text
//! tag u8 | length varint | body of that many bytes
//! ```
//!
//! Invariants:
//! 1. One change, one encoding: what decodes encodes to the same bytes.
//! 2. A body is read to its end: a field that this version does not know is never skipped. New
//!    fields are new tags.
//!
//! Not for: whether a change makes sense, which the [state](crate::manifest::ManifestState) knows.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::FileKind;
use crate::format::{Reader, put_bytes, put_varint};
use crate::id::{EditNo, FileId, IndexId, LogNo, SegmentId, SeqNo};
use crate::index::SegmentMeta;

/// Numbers that were never given out: the next ones of each kind. They only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// No index ever had this id or a later one.
    pub next_index: IndexId,
    /// No segment ever had this id or a later one.
    pub next_segment: SegmentId,
    /// No file ever had this id or a later one.
    pub next_file: FileId,
    /// No log segment ever had this number or a later one.
    pub next_log: LogNo,
}

impl Default for Counters {
    /// Those of a new database: everything is counted from 1.
    fn default() -> Counters {
        Counters {
            next_index: IndexId(1),
            next_segment: SegmentId(1),
            next_file: FileId(1),
            next_log: LogNo(1),
        }
    }
}

/// One change of the list of indexes, segments and watermarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is a new index. Everything at or before `created` counts as flushed.
    CreateIndex {
        /// Its id, of no other index before or after.
        id: IndexId,
        /// Its name, which no other index has now.
        name: String,
        /// Name of its type.
        kind: String,
        /// Its options, in its type's encoding.
        options: Vec<u8>,
        /// The commit that created it.
        created: SeqNo,
    },
    /// An index has a new name.
    RenameIndex {
        /// The index.
        id: IndexId,
        /// Its new name.
        name: String,
    },
    /// An index is gone, with its segments.
    DropIndex {
        /// The index.
        id: IndexId,
        /// The commit that dropped it.
        dropped: SeqNo,
    },
    /// A segment is current from now on.
    AddSegment {
        /// The index that it belongs to.
        index: IndexId,
        /// Its number, of no other segment before or after.
        segment: SegmentId,
        /// The edit that installed it: this one, except in a snapshot.
        installed: EditNo,
        /// What is to be known of it.
        meta: Arc<SegmentMeta>,
    },
    /// A segment is current no longer.
    RemoveSegment {
        /// The index that it belongs to.
        index: IndexId,
        /// Its number.
        segment: SegmentId,
    },
    /// Every operation of an index at or before `flushed` is in its segments; for the catalog, in
    /// the manifest. Only grows.
    Watermark {
        /// The index, or the catalog.
        index: IndexId,
        /// The last commit that is covered.
        flushed: SeqNo,
    },
    /// Log segments before this one are not needed. Only grows.
    LogStart {
        /// The first log segment that is needed.
        log: LogNo,
    },
    /// Numbers up to these may have been given out. Only grow.
    Counters(Counters),
    /// What was published, so that neither goes back when the log is empty. Only grow.
    Clock {
        /// The last published commit known.
        seq: SeqNo,
        /// The latest commit time known, in milliseconds since 1970-01-01 UTC.
        wall_ms: u64,
    },
}

/// Changes that happen at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestEdit {
    /// Its number: one more than that of the edit before.
    pub no: EditNo,
    /// The changes, applied in order.
    pub changes: Vec<Change>,
}

const CREATE_INDEX: u8 = 1;
const RENAME_INDEX: u8 = 2;
const DROP_INDEX: u8 = 3;
const ADD_SEGMENT: u8 = 4;
const REMOVE_SEGMENT: u8 = 5;
const WATERMARK: u8 = 6;
const LOG_START: u8 = 7;
const COUNTERS: u8 = 8;
const CLOCK: u8 = 9;

/// Appends the bytes of `changes`.
pub fn encode(changes: &[Change], out: &mut Vec<u8>) {
    let mut body = Vec::new();
    for change in changes {
        body.clear();
        out.push(encode_body(change, &mut body));
        put_bytes(out, &body);
    }
}

/// The changes that the bytes of a payload say.
///
/// # Errors
/// `Corrupt` when they cannot be read, `Unsupported` for a tag that this version does not know.
pub fn decode(payload: &[u8]) -> Result<Vec<Change>> {
    let mut reader = Reader::new(payload, "manifest record");
    let mut changes = Vec::new();
    while !reader.is_empty() {
        let at = reader.offset();
        let tag = reader.u8()?;
        let body = reader.bytes()?;
        let change = decode_body(tag, body)
            .map_err(|e| e.context(format_args!("change at byte {at} of the payload")))?;
        changes.push(change);
    }
    Ok(changes)
}

fn encode_body(change: &Change, out: &mut Vec<u8>) -> u8 {
    match change {
        Change::CreateIndex { id, name, kind, options, created } => {
            put_varint(out, u64::from(id.0));
            put_bytes(out, name.as_bytes());
            put_bytes(out, kind.as_bytes());
            put_bytes(out, options);
            put_varint(out, created.0);
            CREATE_INDEX
        }
        Change::RenameIndex { id, name } => {
            put_varint(out, u64::from(id.0));
            put_bytes(out, name.as_bytes());
            RENAME_INDEX
        }
        Change::DropIndex { id, dropped } => {
            put_varint(out, u64::from(id.0));
            put_varint(out, dropped.0);
            DROP_INDEX
        }
        Change::AddSegment { index, segment, installed, meta } => {
            put_varint(out, u64::from(index.0));
            put_varint(out, segment.0);
            put_varint(out, installed.0);
            meta.encode(out);
            ADD_SEGMENT
        }
        Change::RemoveSegment { index, segment } => {
            put_varint(out, u64::from(index.0));
            put_varint(out, segment.0);
            REMOVE_SEGMENT
        }
        Change::Watermark { index, flushed } => {
            put_varint(out, u64::from(index.0));
            put_varint(out, flushed.0);
            WATERMARK
        }
        Change::LogStart { log } => {
            put_varint(out, log.0);
            LOG_START
        }
        Change::Counters(counters) => {
            put_varint(out, u64::from(counters.next_index.0));
            put_varint(out, counters.next_segment.0);
            put_varint(out, counters.next_file.0);
            put_varint(out, counters.next_log.0);
            COUNTERS
        }
        Change::Clock { seq, wall_ms } => {
            put_varint(out, seq.0);
            put_varint(out, *wall_ms);
            CLOCK
        }
    }
}

fn decode_body(tag: u8, body: &[u8]) -> Result<Change> {
    let mut reader = Reader::new(body, "change");
    let r = &mut reader;
    let change = match tag {
        CREATE_INDEX => Change::CreateIndex {
            id: index_id(r)?,
            name: r.text()?.to_owned(),
            kind: r.text()?.to_owned(),
            options: r.bytes()?.to_vec(),
            created: SeqNo(r.varint()?),
        },
        RENAME_INDEX => Change::RenameIndex { id: index_id(r)?, name: r.text()?.to_owned() },
        DROP_INDEX => Change::DropIndex { id: index_id(r)?, dropped: SeqNo(r.varint()?) },
        ADD_SEGMENT => Change::AddSegment {
            index: index_id(r)?,
            segment: SegmentId(r.varint()?),
            installed: EditNo(r.varint()?),
            meta: Arc::new(SegmentMeta::decode(r)?),
        },
        REMOVE_SEGMENT => {
            Change::RemoveSegment { index: index_id(r)?, segment: SegmentId(r.varint()?) }
        }
        WATERMARK => Change::Watermark { index: index_id(r)?, flushed: SeqNo(r.varint()?) },
        LOG_START => Change::LogStart { log: LogNo(r.varint()?) },
        COUNTERS => Change::Counters(Counters {
            next_index: index_id(r)?,
            next_segment: SegmentId(r.varint()?),
            next_file: FileId(r.varint()?),
            next_log: LogNo(r.varint()?),
        }),
        CLOCK => Change::Clock { seq: SeqNo(r.varint()?), wall_ms: r.varint()? },
        _ => {
            return Err(Error::unsupported(format!(
                "manifest change with tag {tag}, which this version does not know"
            )));
        }
    };
    reader.finish()?;
    Ok(change)
}

pub(super) fn index_id(reader: &mut Reader<'_>) -> Result<IndexId> {
    let id = reader.varint()?;
    u32::try_from(id).map(IndexId).map_err(|_| reader.corrupt("index id too large"))
}

impl fmt::Display for Change {
    /// One line, as `cuesta inspect` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::CreateIndex { id, name, kind, options, created } => write!(
                f,
                "create index {id} {name:?} of type {kind:?} at {created}, {} bytes of options",
                options.len()
            ),
            Change::RenameIndex { id, name } => write!(f, "rename index {id} to {name:?}"),
            Change::DropIndex { id, dropped } => write!(f, "drop index {id} at {dropped}"),
            Change::AddSegment { index, segment, installed, meta } => {
                write!(f, "add segment {segment} to index {index}, installed by edit {installed}")?;
                describe_meta(meta, f)
            }
            Change::RemoveSegment { index, segment } => {
                write!(f, "remove segment {segment} from index {index}")
            }
            Change::Watermark { index: IndexId::CATALOG, flushed } => {
                write!(f, "the catalog is flushed up to {flushed}")
            }
            Change::Watermark { index, flushed } => {
                write!(f, "index {index} is flushed up to {flushed}")
            }
            Change::LogStart { log } => write!(f, "the log starts at segment {log}"),
            Change::Counters(next) => write!(
                f,
                "next index {}, segment {}, file {}, log segment {}",
                next.next_index, next.next_segment, next.next_file, next.next_log
            ),
            Change::Clock { seq, wall_ms } => {
                write!(f, "published up to {seq}, clock at {wall_ms} ms")
            }
        }
    }
}

fn describe_meta(meta: &SegmentMeta, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, ": format {}, {} entries up to {}", meta.format, meta.entries, meta.newest)?;
    for extent in &meta.extents {
        let kind = match extent.kind {
            FileKind::Sealed => "sealed file",
            FileKind::InPlace => "file written in place",
        };
        write!(f, ", {} bytes at {} of {kind} {}", extent.len, extent.offset, extent.file)?;
    }
    for blob in &meta.blobs {
        write!(f, ", {} live bytes in blob file {}", blob.live_bytes, blob.file)?;
    }
    if meta.key_id != 0 {
        write!(f, ", key {}", meta.key_id)?;
    }
    write!(f, ", {} bytes of detail", meta.detail.len())
}
