//! The list of indexes, segments and watermarks: what all edits so far add up to.
//!
//! Invariants:
//! 1. An edit is applied whole, or refused and nothing has changed.
//! 2. [`ManifestState::snapshot`], applied to an empty state, gives the same state.
//! 3. Watermarks, counters, the start of the log and the clock never go back; every number in the
//!    state is below its counter.
//! 4. Every number is small enough to count on from: at most [`NUMBER_MAX`].
//! 5. No two indexes share a name, no two segments a number. A file is of one kind; one written
//!    in place belongs to one index.
//!
//! Not for: bytes and files, which [`record`](crate::manifest::record) and
//! [`ManifestWriter`](crate::manifest::ManifestWriter) handle.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Result;
use crate::file::FileKind;
use crate::id::{EditNo, FileId, IndexId, LogNo, SegmentId, SeqNo};
use crate::index::{Listed, SegmentMeta};
use crate::manifest::apply::{Origin, grow};
use crate::manifest::edit::{Change, Counters};

/// Commits, edits, files, segments, log segments and milliseconds are numbered up to this.
pub const NUMBER_MAX: u64 = 1 << 62;

/// Indexes are numbered up to this.
pub(super) const INDEX_MAX: u32 = 1 << 31;

/// A current segment of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// What is known of it.
    pub meta: Arc<SegmentMeta>,
    /// The edit that installed it.
    pub installed: EditNo,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRecord {
    /// Its name.
    pub name: String,
    /// Name of its type.
    pub kind: String,
    /// Its options, in its type's encoding.
    pub options: Vec<u8>,
    /// The commit that created it.
    pub created: SeqNo,
    /// Every operation of it at or before this is in its segments.
    pub flushed: SeqNo,
    /// Its current segments.
    pub segments: BTreeMap<SegmentId, Installed>,
}

impl IndexRecord {
    /// Its current segments, in the order of their numbers.
    pub fn listed(&self) -> Vec<Listed> {
        let listed = |(&id, at): (&SegmentId, &Installed)| Listed {
            id,
            meta: at.meta.clone(),
            installed: at.installed,
        };
        self.segments.iter().map(listed).collect()
    }
}

/// A file that current segments use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileUse {
    /// How it is written. Blob files are sealed.
    pub kind: FileKind,
    /// The index that it belongs to, for one written in place.
    pub owner: Option<IndexId>,
    /// Extents and blobs that name it.
    pub uses: u64,
}

/// What all edits so far add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestState {
    pub(super) marks: Marks,
    pub(super) indexes: BTreeMap<IndexId, IndexRecord>,
    // The rest follows from `indexes`.
    pub(super) names: BTreeMap<String, IndexId>,
    pub(super) owners: BTreeMap<SegmentId, IndexId>,
    pub(super) files: BTreeMap<FileId, FileUse>,
}

/// The numbers of the state that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) edit: EditNo,
    pub(super) counters: Counters,
    pub(super) log_start: LogNo,
    pub(super) catalog_flushed: SeqNo,
    pub(super) seq: SeqNo,
    pub(super) wall_ms: u64,
}

impl ManifestState {
    /// The state that a snapshot taken after edit `no` was made of.
    ///
    /// # Errors
    /// `Corrupt` names what makes no sense.
    pub fn from_snapshot(no: EditNo, changes: &[Change]) -> Result<ManifestState> {
        let mut state = ManifestState::default();
        grow(&mut state.marks.edit.0, no.0, "edit number")?;
        let mut steps = Vec::new();
        for change in changes {
            state
                .change(change, Origin::Snapshot, &mut steps)
                .map_err(|e| e.context(format_args!("snapshot after edit {no}")))?;
        }
        Ok(state)
    }

    /// The changes that make this state out of nothing.
    pub fn snapshot(&self) -> Vec<Change> {
        let marks = &self.marks;
        let mut changes = vec![
            Change::Counters(marks.counters),
            Change::LogStart { log: marks.log_start },
            Change::Clock { seq: marks.seq, wall_ms: marks.wall_ms },
            Change::Watermark { index: IndexId::CATALOG, flushed: marks.catalog_flushed },
        ];
        for (&id, record) in &self.indexes {
            changes.push(Change::CreateIndex {
                id,
                name: record.name.clone(),
                kind: record.kind.clone(),
                options: record.options.clone(),
                created: record.created,
            });
            changes.push(Change::Watermark { index: id, flushed: record.flushed });
            changes.extend(record.segments.iter().map(|(&segment, at)| Change::AddSegment {
                index: id,
                segment,
                installed: at.installed,
                meta: at.meta.clone(),
            }));
        }
        changes
    }

    /// The last edit applied; 0 is none.
    pub fn edit(&self) -> EditNo {
        self.marks.edit
    }

    /// All indexes, by id.
    pub fn indexes(&self) -> &BTreeMap<IndexId, IndexRecord> {
        &self.indexes
    }

    /// An index.
    pub fn index(&self, id: IndexId) -> Option<&IndexRecord> {
        self.indexes.get(&id)
    }

    /// The id of the index with this name.
    pub fn index_named(&self, name: &str) -> Option<IndexId> {
        self.names.get(name).copied()
    }

    /// Files that current segments use. Others are not needed.
    pub fn files(&self) -> &BTreeMap<FileId, FileUse> {
        &self.files
    }

    /// Numbers that were never given out, as far as the manifest knows; the log may know of more.
    pub fn counters(&self) -> Counters {
        self.marks.counters
    }

    /// The first log segment that is needed; 0 when none was ever named.
    pub fn log_start(&self) -> LogNo {
        self.marks.log_start
    }

    /// Every catalog operation at or before this is in the manifest.
    pub fn catalog_flushed(&self) -> SeqNo {
        self.marks.catalog_flushed
    }

    /// The last published commit, as far as the manifest knows.
    pub fn published(&self) -> SeqNo {
        self.marks.seq
    }

    /// The latest time known, of a commit or told to a reader, in milliseconds since 1970-01-01
    /// UTC.
    pub fn wall_ms(&self) -> u64 {
        self.marks.wall_ms
    }

    /// Has the latest time known be `now_ms`, unless a later one is known.
    pub(crate) fn note_clock(&mut self, now_ms: u64) {
        self.marks.wall_ms = self.marks.wall_ms.max(now_ms.min(NUMBER_MAX));
    }
}
