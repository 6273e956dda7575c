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
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::FileKind;
use crate::id::{EditNo, FileId, IndexId, LogNo, SegmentId, SeqNo};
use crate::index::{Listed, SegmentMeta};
use crate::manifest::edit::{Change, Counters, ManifestEdit};

/// Commits, edits, files, segments, log segments and milliseconds are numbered up to this.
pub const NUMBER_MAX: u64 = 1 << 62;

/// Indexes are numbered up to this.
const INDEX_MAX: u32 = 1 << 31;

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
    marks: Marks,
    indexes: BTreeMap<IndexId, IndexRecord>,
    // The rest follows from `indexes`.
    names: BTreeMap<String, IndexId>,
    owners: BTreeMap<SegmentId, IndexId>,
    files: BTreeMap<FileId, FileUse>,
}

/// The numbers of the state that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks {
    edit: EditNo,
    counters: Counters,
    log_start: LogNo,
    catalog_flushed: SeqNo,
    seq: SeqNo,
    wall_ms: u64,
}

/// How to take back an edit.
#[derive(Debug)]
pub(super) struct Undo {
    marks: Marks,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Created(IndexId),
    Renamed(IndexId, String),
    Dropped(IndexId, IndexRecord),
    Added(IndexId, SegmentId),
    Removed(IndexId, SegmentId, Installed),
    Flushed(IndexId, SeqNo),
}

/// Which segments an edit may install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Those of this very edit.
    Edit,
    /// Those of all edits so far.
    Snapshot,
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

    /// Applies the next edit, or changes nothing.
    ///
    /// # Errors
    /// `Corrupt` names the edit and what makes no sense: an edit out of order, an unknown index or
    /// segment, a name or number that is taken, a watermark or counter that goes back.
    pub fn apply(&mut self, edit: &ManifestEdit) -> Result<()> {
        self.apply_undoable(edit).map(|_| ())
    }

    pub(super) fn apply_undoable(&mut self, edit: &ManifestEdit) -> Result<Undo> {
        crate::ensure_sound!(
            Some(edit.no.0) == self.marks.edit.0.checked_add(1),
            "edit {} follows edit {}",
            edit.no,
            self.marks.edit
        );
        let mut undo = Undo { marks: self.marks, steps: Vec::new() };
        grow(&mut self.marks.edit.0, edit.no.0, "edit number")?;
        for change in &edit.changes {
            if let Err(e) = self.change(change, Origin::Edit, &mut undo.steps) {
                self.revert(undo);
                return Err(e.context(format_args!("edit {}", edit.no)));
            }
        }
        Ok(undo)
    }

    pub(super) fn revert(&mut self, undo: Undo) {
        for step in undo.steps.into_iter().rev() {
            self.revert_step(step);
        }
        self.marks = undo.marks;
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

    /// The latest commit time known, in milliseconds since 1970-01-01 UTC.
    pub fn wall_ms(&self) -> u64 {
        self.marks.wall_ms
    }

    fn change(&mut self, change: &Change, origin: Origin, steps: &mut Vec<Step>) -> Result<()> {
        match change {
            Change::CreateIndex { id, name, kind, options, created } => {
                let record = IndexRecord {
                    name: name.clone(),
                    kind: kind.clone(),
                    options: options.clone(),
                    created: *created,
                    flushed: *created,
                    segments: BTreeMap::new(),
                };
                self.create_index(*id, record)?;
                steps.push(Step::Created(*id));
            }
            Change::RenameIndex { id, name } => {
                let old = self.rename_index(*id, name)?;
                steps.push(Step::Renamed(*id, old));
            }
            Change::DropIndex { id, dropped } => {
                let record = self.drop_index(*id, *dropped)?;
                steps.push(Step::Dropped(*id, record));
            }
            Change::AddSegment { index, segment, installed, meta } => {
                let fits = match origin {
                    Origin::Edit => *installed == self.marks.edit,
                    Origin::Snapshot => *installed <= self.marks.edit,
                };
                crate::ensure_sound!(
                    fits,
                    "segment {segment} is said to be installed by edit {installed}"
                );
                let new = Installed { meta: meta.clone(), installed: *installed };
                self.add_segment(*index, *segment, new)?;
                steps.push(Step::Added(*index, *segment));
            }
            Change::RemoveSegment { index, segment } => {
                let old = self.remove_segment(*index, *segment)?;
                steps.push(Step::Removed(*index, *segment, old));
            }
            Change::Watermark { index: IndexId::CATALOG, flushed } => {
                grow(&mut self.marks.catalog_flushed.0, flushed.0, "watermark of the catalog")?;
            }
            Change::Watermark { index, flushed } => {
                let record = existing(&mut self.indexes, *index)?;
                let old = record.flushed;
                grow(&mut record.flushed.0, flushed.0, "watermark")
                    .map_err(|e| e.context(format_args!("index {index}")))?;
                steps.push(Step::Flushed(*index, old));
            }
            Change::LogStart { log } => {
                grow(&mut self.marks.log_start.0, log.0, "start of the log")?;
                pass(&mut self.marks.counters.next_log.0, log.0, "log segment")?;
            }
            Change::Counters(counters) => self.grow_counters(counters)?,
            Change::Clock { seq, wall_ms } => {
                grow(&mut self.marks.seq.0, seq.0, "published commit")?;
                grow(&mut self.marks.wall_ms, *wall_ms, "clock")?;
            }
        }
        Ok(())
    }

    fn grow_counters(&mut self, to: &Counters) -> Result<()> {
        let counters = &mut self.marks.counters;
        crate::ensure_sound!(
            counters.next_index <= to.next_index && to.next_index.0 <= INDEX_MAX,
            "the next index goes from {} to {}",
            counters.next_index,
            to.next_index
        );
        counters.next_index = to.next_index;
        grow(&mut counters.next_segment.0, to.next_segment.0, "next segment")?;
        grow(&mut counters.next_file.0, to.next_file.0, "next file")?;
        grow(&mut counters.next_log.0, to.next_log.0, "next log segment")
    }

    fn create_index(&mut self, id: IndexId, record: IndexRecord) -> Result<()> {
        crate::ensure_sound!(id != IndexId::CATALOG, "an index with the id of the catalog");
        crate::ensure_sound!(!self.indexes.contains_key(&id), "index {id} is there already");
        crate::ensure_sound!(id.0 < INDEX_MAX, "an index with the number {id}");
        check_number(record.created.0, "commit that created it")?;
        self.check_name(&record.name)?;
        let next = &mut self.marks.counters.next_index;
        *next = (*next).max(id.next());
        self.names.insert(record.name.clone(), id);
        self.indexes.insert(id, record);
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<()> {
        match self.names.get(name) {
            None => Ok(()),
            Some(id) => Err(Error::corrupt(format!("index {id} has the name {name:?} already"))),
        }
    }

    fn rename_index(&mut self, id: IndexId, name: &str) -> Result<String> {
        let record = existing(&mut self.indexes, id)?;
        if record.name == name {
            return Ok(name.to_owned());
        }
        self.check_name(name)?;
        Ok(self.set_name(id, name.to_owned()))
    }

    /// Gives an existing index a free name; returns the name it had.
    fn set_name(&mut self, id: IndexId, name: String) -> String {
        let Some(record) = self.indexes.get_mut(&id) else { return name };
        let old = std::mem::replace(&mut record.name, name.clone());
        self.names.remove(&old);
        self.names.insert(name, id);
        old
    }

    fn drop_index(&mut self, id: IndexId, dropped: SeqNo) -> Result<IndexRecord> {
        let created = existing(&mut self.indexes, id)?.created;
        check_number(dropped.0, "commit that dropped it")?;
        crate::ensure_sound!(
            created <= dropped,
            "index {id} is dropped at {dropped}, before it was created at {created}"
        );
        let Some(record) = self.indexes.remove(&id) else {
            return Err(Error::internal(format!("index {id} has vanished")));
        };
        self.names.remove(&record.name);
        for (segment, installed) in &record.segments {
            self.owners.remove(segment);
            self.release(&installed.meta);
        }
        Ok(record)
    }

    fn add_segment(&mut self, id: IndexId, segment: SegmentId, new: Installed) -> Result<()> {
        existing(&mut self.indexes, id)?;
        check_number(new.meta.newest.0, "newest commit")?;
        if let Some(owner) = self.owners.get(&segment) {
            return Err(Error::corrupt(format!(
                "segment {segment} is there already, in index {owner}"
            )));
        }
        pass(&mut self.marks.counters.next_segment.0, segment.0, "segment")?;
        self.retain(id, &new.meta).map_err(|e| e.context(format_args!("segment {segment}")))?;
        self.owners.insert(segment, id);
        existing(&mut self.indexes, id)?.segments.insert(segment, new);
        Ok(())
    }

    fn remove_segment(&mut self, id: IndexId, segment: SegmentId) -> Result<Installed> {
        let record = existing(&mut self.indexes, id)?;
        let Some(old) = record.segments.remove(&segment) else {
            return Err(Error::corrupt(format!("index {id} has no segment {segment}")));
        };
        self.owners.remove(&segment);
        self.release(&old.meta);
        Ok(old)
    }

    /// Counts the files of a segment of index `id`, or none of them.
    fn retain(&mut self, id: IndexId, meta: &SegmentMeta) -> Result<()> {
        for (at, (file, kind)) in files_of(meta).enumerate() {
            if let Err(e) = self.retain_file(id, file, kind) {
                for (file, _) in files_of(meta).take(at) {
                    self.release_file(file);
                }
                return Err(e);
            }
        }
        Ok(())
    }

    fn retain_file(&mut self, id: IndexId, file: FileId, kind: FileKind) -> Result<()> {
        let owner = (kind == FileKind::InPlace).then_some(id);
        pass(&mut self.marks.counters.next_file.0, file.0, "file")?;
        match self.files.entry(file) {
            Entry::Vacant(entry) => {
                entry.insert(FileUse { kind, owner, uses: 1 });
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                crate::ensure_sound!(
                    known.kind == kind,
                    "file {file} is said to be sealed and in place"
                );
                if let Some(other) = known.owner
                    && other != id
                {
                    return Err(Error::corrupt(format!(
                        "file {file} is written in place by index {other}"
                    )));
                }
                known.uses += 1;
            }
        }
        Ok(())
    }

    fn release(&mut self, meta: &SegmentMeta) {
        for (file, _) in files_of(meta) {
            self.release_file(file);
        }
    }

    fn release_file(&mut self, file: FileId) {
        if let Entry::Occupied(mut entry) = self.files.entry(file) {
            entry.get_mut().uses -= 1;
            if entry.get().uses == 0 {
                entry.remove();
            }
        }
    }

    fn revert_step(&mut self, step: Step) {
        match step {
            Step::Created(id) => {
                if let Some(record) = self.indexes.remove(&id) {
                    self.names.remove(&record.name);
                }
            }
            Step::Renamed(id, name) => {
                self.set_name(id, name);
            }
            Step::Dropped(id, record) => {
                for (&segment, installed) in &record.segments {
                    self.owners.insert(segment, id);
                    self.retain_again(id, &installed.meta);
                }
                self.names.insert(record.name.clone(), id);
                self.indexes.insert(id, record);
            }
            Step::Added(id, segment) => {
                let removed = self.remove_segment(id, segment);
                debug_assert!(removed.is_ok());
            }
            Step::Removed(id, segment, old) => {
                self.retain_again(id, &old.meta);
                self.owners.insert(segment, id);
                if let Some(record) = self.indexes.get_mut(&id) {
                    record.segments.insert(segment, old);
                }
            }
            Step::Flushed(id, flushed) => {
                if let Some(record) = self.indexes.get_mut(&id) {
                    record.flushed = flushed;
                }
            }
        }
    }

    /// Counts files that were counted before, which cannot fail.
    fn retain_again(&mut self, id: IndexId, meta: &SegmentMeta) {
        let retained = self.retain(id, meta);
        debug_assert!(retained.is_ok());
    }
}

fn files_of(meta: &SegmentMeta) -> impl Iterator<Item = (FileId, FileKind)> {
    let extents = meta.extents.iter().map(|extent| (extent.file, extent.kind));
    extents.chain(meta.blobs.iter().map(|blob| (blob.file, FileKind::Sealed)))
}

fn existing(indexes: &mut BTreeMap<IndexId, IndexRecord>, id: IndexId) -> Result<&mut IndexRecord> {
    indexes.get_mut(&id).ok_or_else(|| Error::corrupt(format!("there is no index {id}")))
}

/// Sets a number that must not go back.
fn grow(number: &mut u64, to: u64, what: &str) -> Result<()> {
    crate::ensure_sound!(*number <= to, "the {what} goes back from {number} to {to}");
    check_number(to, what)?;
    *number = to;
    Ok(())
}

/// Makes a counter greater than a number that is in use.
fn pass(counter: &mut u64, used: u64, what: &str) -> Result<()> {
    crate::ensure_sound!(used < NUMBER_MAX, "a {what} with the number {used}");
    *counter = (*counter).max(used + 1);
    Ok(())
}

fn check_number(number: u64, what: &str) -> Result<()> {
    crate::ensure_sound!(number <= NUMBER_MAX, "the {what} is {number}, more than can be");
    Ok(())
}
