//! How an edit changes the state, whole or not at all.
//!
//! Every change is checked against the state as the changes before it left it; each step that is
//! taken is noted, so that an edit which turns out to make no sense can be taken back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::error::{Error, Result};
use crate::file::FileKind;
use crate::id::{FileId, IndexId, SegmentId, SeqNo};
use crate::index::SegmentMeta;
use crate::manifest::edit::{Change, Counters, ManifestEdit};
use crate::manifest::state::{
    FileUse, INDEX_MAX, IndexRecord, Installed, ManifestState, Marks, NUMBER_MAX,
};
use crate::planted::{self, Bug};

/// How to take back an edit.
#[derive(Debug)]
pub(super) struct Undo {
    marks: Marks,
    steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) enum Step {
    Created(IndexId),
    Renamed(IndexId, String),
    Dropped(IndexId, IndexRecord),
    Added(IndexId, SegmentId),
    Removed(IndexId, SegmentId, Installed),
    Flushed(IndexId, SeqNo),
}

/// Which segments an edit may install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Those of this very edit.
    Edit,
    /// Those of all edits so far.
    Snapshot,
}

impl ManifestState {
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

    pub(super) fn change(
        &mut self,
        change: &Change,
        origin: Origin,
        steps: &mut Vec<Step>,
    ) -> Result<()> {
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
    let blobs = meta.blobs.iter().filter(|_| !planted::is(Bug::BlobReleasedTooEarly));
    extents.chain(blobs.map(|blob| (blob.file, FileKind::Sealed)))
}

fn existing(indexes: &mut BTreeMap<IndexId, IndexRecord>, id: IndexId) -> Result<&mut IndexRecord> {
    indexes.get_mut(&id).ok_or_else(|| Error::corrupt(format!("there is no index {id}")))
}

/// Sets a number that must not go back.
pub(super) fn grow(number: &mut u64, to: u64, what: &str) -> Result<()> {
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
