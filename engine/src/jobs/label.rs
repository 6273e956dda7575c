//! Has new data files say of themselves what the manifest is about to say of them.
//!
//! Not for: reading it, which only repair does.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{ErrorKind, Result};
use crate::file::{FRONT_BYTES, FileKind, FileOutput, Output};
use crate::id::{EditNo, FileId, IndexId, SeqNo};
use crate::index::SegmentMeta;
use crate::jobs::Installing;
use crate::manifest::ManifestWriter;
use crate::manifest::label::front::{self, Front, has_front};
use crate::manifest::label::{self, Label, Living, Owner};
use crate::parts::Parts;

/// Appends its label to each new sealed file of `out` in which segments of `installing` lie.
///
/// # Errors
/// `Full`, `Io`.
pub(super) fn label(parts: &Parts, installing: &[Installing], out: &mut FileOutput) -> Result<()> {
    let new: BTreeSet<FileId> = out.new_files().collect();
    let mut labels: BTreeMap<FileId, Vec<Owner>> = BTreeMap::new();
    for one in installing {
        let files = |meta: &SegmentMeta| -> Vec<FileId> {
            let sealed = meta.extents.iter().filter(|extent| extent.kind == FileKind::Sealed);
            sealed.map(|extent| extent.file).filter(|file| new.contains(file)).collect()
        };
        let made: Vec<(&SegmentMeta, Vec<FileId>)> =
            one.edit.add.iter().map(|meta| (meta, files(meta))).collect();
        let all: BTreeSet<FileId> = made.iter().flat_map(|(_, files)| files).copied().collect();
        let Some(owner) = owner(parts, one).filter(|_| !all.is_empty()) else { continue };
        for file in all {
            // What got another meaning where it lay says so in each file.
            let here = made.iter().filter(|(_, at)| at.is_empty() || at.contains(&file));
            let segments = here.map(|(meta, _)| SegmentMeta::clone(meta)).collect();
            labels.entry(file).or_default().push(Owner { segments, ..owner.clone() });
        }
    }
    append(parts, labels, out)
}

/// Slots that labels are put into by a job of which nobody knows yet what comes of it. Where this
/// is dropped it came to nothing: the labels go before anything else is written to their files.
pub(super) struct Slots<'p> {
    parts: &'p Parts,
    slots: Vec<(FileId, usize)>,
}

impl Slots<'_> {
    /// Leaves the labels: what they tell of is current, or may be.
    pub(super) fn keep(mut self) {
        self.slots.clear();
    }
}

impl Drop for Slots<'_> {
    fn drop(&mut self) {
        for (file, slot) in self.slots.drain(..) {
            self.parts.files.vain().note(file, front::range_of(slot));
        }
    }
}

/// Has files that are written in place, in which segments of `installing` lie, tell of these. All
/// that was written to them is durable, and so are the labels then.
///
/// # Errors
/// `Full`, `Io`: then what was written of the labels goes as above.
pub(super) fn label_in_place<'p>(
    parts: &'p Parts,
    installing: &[Installing],
    out: &mut FileOutput,
) -> Result<Slots<'p>> {
    let mut slots = Slots { parts, slots: Vec::new() };
    // What lies in new files goes with them.
    let new: BTreeSet<FileId> = out.new_files().collect();
    let mut has_labels = false;
    for one in installing {
        let in_place = |meta: &&SegmentMeta| meta.extents.iter().any(has_front);
        let made: Vec<&SegmentMeta> = one.edit.add.iter().filter(in_place).collect();
        if made.is_empty() {
            continue;
        }
        let Some(owner) = owner(parts, one) else { continue };
        let current = parts.versions.current();
        let listed = current.value.state(one.id).map(|state| state.listed()).unwrap_or_default();
        let current: Vec<&SegmentMeta> = listed.iter().map(|listed| &*listed.meta).collect();
        for meta in made {
            let owner = Owner { segments: vec![meta.clone()], ..owner.clone() };
            let files: BTreeSet<FileId> = meta.extents.iter().map(|extent| extent.file).collect();
            for file in files {
                let slot = read_front(file, out)?.next(&current);
                slots.slots.extend(Some((file, slot)).filter(|_| !new.contains(&file)));
                has_labels = true;
                put(parts, (file, slot), &owner, out)?;
            }
        }
    }
    if has_labels {
        out.sync_in_place()?;
    }
    Ok(slots)
}

fn read_front(file: FileId, out: &mut FileOutput) -> Result<Front> {
    let mut bytes = vec![0; FRONT_BYTES as usize];
    match out.read_at(file, 0, &mut bytes) {
        Ok(()) => Ok(Front::decode(file, &bytes)),
        // Nothing was written behind it.
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Front::decode(file, &[])),
        Err(error) => Err(error),
    }
}

/// Writes a label into a slot. One that has no room is left out: better none than that of another
/// tree, and checks of the database tell. No index type so far has such.
fn put(
    parts: &Parts,
    (file, slot): (FileId, usize),
    owner: &Owner,
    out: &mut FileOutput,
) -> Result<()> {
    let database = parts.manifest().as_ref().map(ManifestWriter::uuid).unwrap_or_default();
    for living in [living(parts), Living::default()] {
        let label = Label { database, living, owners: vec![owner.clone()] };
        if let Some(bytes) = front::encode_slot(file, &label)? {
            return out.write_at(file, front::slot_at(slot), &bytes);
        }
    }
    tracing::warn!(%file, "a label has no room");
    out.write_at(file, 0, &vec![0; FRONT_BYTES as usize])
}

/// Appends its label to each file that a bulk load has written, or puts it in front: `metas` are
/// all of its segments.
///
/// # Errors
/// `Full`, `Io`.
pub(crate) fn label_load(
    parts: &Parts,
    metas: &[(IndexId, Vec<SegmentMeta>)],
    out: &mut FileOutput,
) -> Result<()> {
    let written: BTreeSet<FileId> = out.written_files().collect();
    let edit = parts.manifest().as_ref().map(ManifestWriter::next_edit).unwrap_or_default();
    let loaded_after = parts.tail().log.last_seq();
    let current = parts.versions.current();
    let mut labels: BTreeMap<FileId, Vec<Owner>> = BTreeMap::new();
    for (index, metas) in metas {
        let Some(entry) = current.value.catalog.get(*index) else { continue };
        let state = current.value.state(*index)?;
        let mut here: BTreeMap<FileId, Vec<SegmentMeta>> = BTreeMap::new();
        let owner = Owner {
            index: *index,
            name: entry.name.clone(),
            kind: entry.kind.clone(),
            options: entry.options.clone(),
            edit,
            loaded_after,
            ..Owner::default()
        };
        for meta in metas {
            let meta = state.labelled(meta)?;
            for file in meta.extents.iter().filter(|one| has_front(one)).map(|one| one.file) {
                let owner = Owner { segments: vec![meta.clone()], ..owner.clone() };
                put(parts, (file, 0), &owner, out)?;
            }
            let sealed = meta.extents.iter().filter(|extent| extent.kind == FileKind::Sealed);
            let files: BTreeSet<FileId> = sealed.map(|extent| extent.file).collect();
            for file in files.intersection(&written) {
                here.entry(*file).or_default().push(meta.clone());
            }
        }
        for (file, segments) in here {
            labels.entry(file).or_default().push(Owner { segments, ..owner.clone() });
        }
    }
    append(parts, labels, out)
}

fn append(parts: &Parts, labels: BTreeMap<FileId, Vec<Owner>>, out: &mut FileOutput) -> Result<()> {
    let living = living(parts);
    let database = parts.manifest().as_ref().map(ManifestWriter::uuid).unwrap_or_default();
    labels.into_iter().try_for_each(|(file, owners)| {
        out.append(file, &label::encode((file, database), &living, &owners)?).map(drop)
    })
}

/// The indexes that there are. While the log is read again, it may know of others.
fn living(parts: &Parts) -> Living {
    let tail = parts.tail();
    if tail.replaying {
        return Living::default();
    }
    // Both change under one lock, and what is dropped was so durably.
    let catalog = parts.versions.current().value.catalog.clone();
    Living { next: tail.next_index, ids: catalog.iter().map(|(id, _)| id).collect() }
}

/// What all files of a job say of an index; `None` when it was dropped meanwhile.
fn owner(parts: &Parts, one: &Installing) -> Option<Owner> {
    let current = parts.versions.current();
    let entry = current.value.catalog.get(one.id)?;
    let listed = current.value.state(one.id).ok()?.listed();
    let (before, edit) = match parts.manifest().as_ref() {
        Some(manifest) => {
            let record = manifest.state().index(one.id);
            (record.map(|record| record.flushed).unwrap_or_default(), manifest.next_edit())
        }
        None => (SeqNo(0), EditNo(0)),
    };
    let (removed, kept): (Vec<_>, Vec<_>) =
        listed.iter().partition(|listed| one.edit.remove.contains(&listed.id));
    Some(Owner {
        index: one.id,
        name: entry.name.clone(),
        kind: entry.kind.clone(),
        options: entry.options.clone(),
        before,
        flushed: one.up_to.unwrap_or(SeqNo(0)),
        edit,
        loaded_after: SeqNo(0),
        removed: removed.into_iter().map(|listed| label::places(&listed.meta)).collect(),
        kept: kept.into_iter().map(|listed| label::places(&listed.meta)).collect(),
        made: one.edit.add.iter().map(label::places).collect(),
        segments: Vec::new(),
    })
}
