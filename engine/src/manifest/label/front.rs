//! Labels of files that are written in place: two slots in front of everything else.
//!
//! ```text
//! file | slot 0: 4 KiB | slot 1: 4 KiB | segment ...
//! slot | zeros | payload | tail 28 |
//! ```
//!
//! A job writes the slot that does not tell of the segment that is current, so that a crash leaves
//! one that does. The other one tells of what was current before; its pages may be gone.
//!
//! Invariant: a label is written when all that it tells of is durable, and durable before the edit.

use std::ops::Range;
use std::path::Path;

use super::{Label, TAIL_BYTES, check_tail, decode, encode};
use crate::env::{OpenMode, SyncKind, Vfs};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{Extent, FRONT_BYTES, FileKind};
use crate::format::name;
use crate::id::{EditNo, FileId};
use crate::index::SegmentMeta;

/// Bytes of a slot: a unit in which disks write.
const SLOT_BYTES: usize = FRONT_BYTES as usize / 2;

/// Whether labels tell of what lies there.
pub fn has_front(extent: &Extent) -> bool {
    extent.kind == FileKind::InPlace && extent.offset >= FRONT_BYTES
}

/// The slots of a file.
#[derive(Debug)]
pub struct Front(Vec<Result<Label>>);

impl Front {
    /// Takes in the first bytes of `file`.
    pub fn decode(file: FileId, bytes: &[u8]) -> Front {
        let mut slots: Vec<Result<Label>> =
            bytes.chunks(SLOT_BYTES).take(2).map(|slot| decode_slot(file, slot)).collect();
        slots.resize_with(2, none);
        Front(slots)
    }

    /// Reads those of a file in `dir`.
    ///
    /// # Errors
    /// `Corrupt` when it is missing; `Io`.
    pub fn read(vfs: &dyn Vfs, dir: &Path, file: FileId) -> Result<Front> {
        read_bytes(vfs, dir, file).map(|bytes| Front::decode(file, &bytes))
    }

    /// The slot whose label tells of `meta`, as it is.
    pub fn slot_of(&self, meta: &SegmentMeta) -> Option<usize> {
        let tells = |label: &Label| label.owners.iter().any(|one| one.segments.contains(meta));
        self.0.iter().position(|label| label.as_ref().is_ok_and(tells))
    }

    /// The slot to be written next, where one of `current` is not to be lost.
    pub fn next(&self, current: &[&SegmentMeta]) -> usize {
        if let Some(slot) = current.iter().find_map(|meta| self.slot_of(meta)) {
            return 1 - slot;
        }
        if let Some(slot) = self.0.iter().position(Result::is_err) {
            return slot;
        }
        usize::from(self.age(1) < self.age(0))
    }

    /// The slot that tells of what came to nothing, while `current` is what is there: a crash came
    /// before the edit.
    pub fn vain(&self, current: &SegmentMeta) -> Option<usize> {
        let slot = self.slot_of(current)?;
        (self.age(1 - slot) >= self.age(slot)).then_some(1 - slot)
    }

    /// The first bytes of a copy of the file, taken while `current` is what is there; `bytes` are
    /// those of the file. The slot that tells of `current` is the only one: the other one is being
    /// written, perhaps. What tells of none of them stays as it is.
    pub fn of_copy(file: FileId, bytes: &[u8], current: &[&SegmentMeta]) -> Vec<u8> {
        let front = Front::decode(file, bytes);
        let mut copy = bytes.to_vec();
        if let Some(slot) = current.iter().find_map(|meta| front.slot_of(meta)) {
            let other = copy.chunks_mut(SLOT_BYTES).nth(1 - slot);
            other.unwrap_or_default().fill(0);
        }
        copy
    }

    /// When a label was written, jobs behind loads: `None` of none.
    fn age(&self, slot: usize) -> Option<(EditNo, bool)> {
        let label = self.0.get(slot)?.as_ref().ok()?;
        label.owners.iter().map(|owner| (owner.edit, owner.loaded_after.0 == 0)).max()
    }

    /// The labels, the later one first.
    pub fn by_age(self) -> (Result<Label>, Result<Label>) {
        let turned = self.age(1) > self.age(0);
        let mut slots = self.0.into_iter();
        let mut slot = || slots.next().unwrap_or_else(none);
        let (first, second) = (slot(), slot());
        if turned { (second, first) } else { (first, second) }
    }

    /// The later label, and what is wrong with the other, if it is damaged.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Corrupt`, `Unsupported` where none can be read.
    pub fn newest(self) -> Result<(Label, Option<Error>)> {
        match self.by_age() {
            (Ok(label), earlier) => Ok((label, earlier.err().filter(is_damage))),
            (Err(error), Err(other)) if !is_damage(&error) => Err(other),
            (Err(error), _) => Err(error),
        }
    }
}

/// Whether it is more than that there is no label.
fn is_damage(error: &Error) -> bool {
    error.kind() != ErrorKind::NotFound
}

/// Clears slots that tell of what came to nothing, where these segments are what there is: a crash
/// came before the edit. What lies where they say is written over from now on.
///
/// # Errors
/// `Io`.
pub fn clear_vain<'m>(
    vfs: &dyn Vfs,
    dir: &Path,
    current: impl Iterator<Item = &'m SegmentMeta>,
) -> Result<()> {
    for meta in current {
        for file in meta.extents.iter().filter(|one| has_front(one)).map(|one| one.file) {
            // What cannot be read is told by whoever needs it.
            let Ok(front) = Front::read(vfs, dir, file) else { continue };
            let Some(slot) = front.vain(meta) else { continue };
            let failed = |e| Error::io(format_args!("clearing a label of {}", name::data(file)), e);
            let open = vfs.open(&dir.join(name::data(file)), OpenMode::Write).map_err(failed)?;
            open.write_all_at(slot_at(slot), &empty_slot()).map_err(failed)?;
            open.sync(SyncKind::Data).map_err(failed)?;
        }
    }
    Ok(())
}

/// The first bytes of a file in `dir`, labels and all that stands before the segment.
///
/// # Errors
/// `Corrupt` when it is missing; `Io`.
pub fn read_bytes(vfs: &dyn Vfs, dir: &Path, file: FileId) -> Result<Vec<u8>> {
    let file_name = name::data(file);
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::corrupt(format!("{file_name} is missing")),
        _ => Error::io(format_args!("reading {file_name}"), e),
    };
    let read = || {
        let open = vfs.open(&dir.join(&file_name), OpenMode::Read)?;
        let mut bytes = vec![0; open.len()?.min(FRONT_BYTES) as usize];
        open.read_exact_at(0, &mut bytes)?;
        Ok(bytes)
    };
    read().map_err(failed)
}

/// Where a slot begins.
pub fn slot_at(slot: usize) -> u64 {
    (slot * SLOT_BYTES) as u64
}

/// Where a slot lies.
pub fn range_of(slot: usize) -> Range<u64> {
    slot_at(slot)..slot_at(slot + 1)
}

/// The bytes of a slot without a label.
pub fn empty_slot() -> Vec<u8> {
    vec![0; SLOT_BYTES]
}

/// The bytes of a slot with a label; `None` when it has no room. See [`encode`].
///
/// # Errors
/// As there.
pub fn encode_slot(file: FileId, label: &Label) -> Result<Option<Vec<u8>>> {
    let bytes = encode((file, label.database), &label.living, &label.owners)?;
    let Some(before) = SLOT_BYTES.checked_sub(bytes.len()) else { return Ok(None) };
    let mut slot = vec![0; before];
    slot.extend_from_slice(&bytes);
    Ok(Some(slot))
}

fn none() -> Result<Label> {
    Err(Error::not_found("it has no label"))
}

fn decode_slot(file: FileId, slot: &[u8]) -> Result<Label> {
    if slot.iter().all(|byte| *byte == 0) || slot.len() < SLOT_BYTES {
        return none();
    }
    let tail = slot.get(SLOT_BYTES - TAIL_BYTES..).unwrap_or_default();
    let bytes = check_tail(file, tail)?;
    let label = usize::try_from(bytes).ok().and_then(|len| SLOT_BYTES.checked_sub(len));
    let label = label.and_then(|at| slot.split_at_checked(at));
    let (zeros, label) = label.ok_or_else(|| Error::corrupt("its label is longer than a slot"))?;
    crate::ensure_sound!(
        zeros.iter().all(|byte| *byte == 0),
        "its label does not fill what its slot says"
    );
    decode(file, label)
}
