//! The manifest keeps what it was told, whatever happens to its files.

mod bytes;
mod crash;
mod files;
mod state;

use std::path::Path;
use std::sync::Arc;

use crate::env::sim::{Random, SimDisk};
use crate::env::{OpenMode, SyncKind, Vfs};
use crate::file::{Extent, FileKind};
use crate::id::{EditNo, FileId, IndexId, LogNo, SegmentId, SeqNo};
use crate::identity::Uuid;
use crate::index::{Blob, SegmentMeta};
use crate::manifest::edit::{Change, Counters, ManifestEdit};
use crate::manifest::recover::{Recovered, recover};
use crate::manifest::state::ManifestState;
use crate::manifest::writer::{ManifestWriter, RotateAt};

const UUID: Uuid = Uuid(*b"manifest's tests");

/// A new file whenever the snapshot has doubled.
const OFTEN: RotateAt = RotateAt { bytes_min: 0, snapshots: 2 };

fn dir() -> &'static Path {
    Path::new("db")
}

/// A disk with an empty directory.
fn disk() -> Arc<SimDisk> {
    let disk = SimDisk::new();
    disk.create_dir_all(dir()).unwrap();
    disk
}

fn read(disk: &SimDisk) -> Recovered {
    recover(disk, dir(), UUID).unwrap()
}

/// Puts a file, durably, through the file system.
fn put(disk: &SimDisk, name: &str, bytes: &[u8]) {
    let file = disk.open(&dir().join(name), OpenMode::CreateNew).unwrap();
    file.write_all_at(0, bytes).unwrap();
    file.sync(SyncKind::Full).unwrap();
    disk.sync_dir(dir()).unwrap();
}

fn names(disk: &SimDisk) -> Vec<String> {
    disk.list(dir()).unwrap()
}

fn sealed(file: u64, offset: u64, len: u64) -> Extent {
    Extent { file: FileId(file), offset, len, kind: FileKind::Sealed }
}

fn in_place(file: u64, offset: u64, len: u64) -> Extent {
    Extent { file: FileId(file), offset, len, kind: FileKind::InPlace }
}

fn create_index(id: u32, name: &str) -> Change {
    Change::CreateIndex {
        id: IndexId(id),
        name: name.to_owned(),
        kind: "lsm".to_owned(),
        options: vec![1, 2, 3],
        created: SeqNo(1),
    }
}

fn add_segment(index: u32, segment: u64, installed: u64, extents: Vec<Extent>) -> Change {
    let meta = SegmentMeta { format: 1, extents, entries: 7, ..SegmentMeta::default() };
    Change::AddSegment {
        index: IndexId(index),
        segment: SegmentId(segment),
        installed: EditNo(installed),
        meta: Arc::new(meta),
    }
}

fn remove_segment(index: u32, segment: u64) -> Change {
    Change::RemoveSegment { index: IndexId(index), segment: SegmentId(segment) }
}

fn edit(no: u64, changes: Vec<Change>) -> ManifestEdit {
    ManifestEdit { no: EditNo(no), changes }
}

/// Edits that use every kind of change.
fn every_change() -> Vec<ManifestEdit> {
    let meta = SegmentMeta {
        format: 3,
        extents: vec![sealed(1, 0, 4096), sealed(2, 512, 100_000)],
        blobs: vec![Blob { file: FileId(3), live_bytes: 1 << 33 }],
        entries: 1234,
        newest: SeqNo(40),
        key_id: 0,
        detail: b"level 0".to_vec(),
    };
    let large = Change::AddSegment {
        index: IndexId(1),
        segment: SegmentId(1),
        installed: EditNo(2),
        meta: Arc::new(meta),
    };
    vec![
        edit(1, vec![create_index(1, "people"), create_index(2, "places")]),
        edit(
            2,
            vec![
                large,
                Change::Watermark { index: IndexId(1), flushed: SeqNo(41) },
                Change::Watermark { index: IndexId::CATALOG, flushed: SeqNo(1) },
                Change::LogStart { log: LogNo(2) },
                Change::Clock { seq: SeqNo(45), wall_ms: 1_767_225_600_000 },
            ],
        ),
        edit(
            3,
            vec![
                Change::RenameIndex { id: IndexId(1), name: "persons".to_owned() },
                Change::DropIndex { id: IndexId(2), dropped: SeqNo(44) },
                remove_segment(1, 1),
                add_segment(1, 2, 3, vec![in_place(4, 0, 8192)]),
                Change::Counters(Counters {
                    next_index: IndexId(5),
                    next_segment: SegmentId(6),
                    next_file: FileId(70_000),
                    next_log: LogNo(8),
                }),
            ],
        ),
    ]
}

/// The states before, between and after edits.
fn states(edits: &[ManifestEdit]) -> Vec<ManifestState> {
    let mut states = vec![ManifestState::default()];
    for edit in edits {
        let mut next = states[states.len() - 1].clone();
        next.apply(edit).unwrap();
        states.push(next);
    }
    states
}

/// A disk with the manifest of these edits.
fn disk_with(edits: &[ManifestEdit]) -> Arc<SimDisk> {
    let disk = disk();
    let mut writer = ManifestWriter::create(&*disk, dir(), UUID, RotateAt::default()).unwrap();
    for edit in edits {
        writer.append(&*disk, edit).unwrap();
    }
    disk
}

/// An edit that makes sense after `state`.
fn plausible_edit(state: &ManifestState, random: &mut Random) -> ManifestEdit {
    let no = state.edit().next();
    let mut state = state.clone();
    let mut changes = Vec::new();
    for _ in 0..random.below(5) {
        if let Some(change) = plausible_change(&state, no, random) {
            let so_far = ManifestEdit { no, changes: vec![change.clone()] };
            state.apply_more(&so_far);
            changes.push(change);
        }
    }
    ManifestEdit { no, changes }
}

fn plausible_change(state: &ManifestState, no: EditNo, random: &mut Random) -> Option<Change> {
    let counters = state.counters();
    let ids: Vec<IndexId> = state.indexes().keys().copied().collect();
    let some_index = (!ids.is_empty()).then(|| ids[random.index(ids.len().max(1))]);
    let seq = SeqNo(state.published().0 + random.below(10));
    Some(match random.below(10) {
        0 => Change::CreateIndex {
            id: counters.next_index,
            name: format!("index {}", counters.next_index),
            kind: "lsm".to_owned(),
            options: vec![7; random.index(20)],
            created: seq,
        },
        1 => {
            Change::RenameIndex { id: some_index?, name: format!("renamed {}", random.next_u64()) }
        }
        2 if random.one_in(3) => {
            let id = some_index?;
            Change::DropIndex { id, dropped: state.index(id)?.created.max(seq) }
        }
        2 | 3 => {
            let id = some_index?;
            Change::Watermark { index: id, flushed: state.index(id)?.flushed.max(seq) }
        }
        4 => {
            let id = some_index?;
            let segment = *state.index(id)?.segments.keys().next()?;
            Change::RemoveSegment { index: id, segment }
        }
        5 => Change::LogStart { log: LogNo(state.log_start().0 + random.below(2)) },
        6 => Change::Clock { seq, wall_ms: state.wall_ms() + random.below(1000) },
        7 => Change::Counters(Counters {
            next_file: FileId(counters.next_file.0 + random.below(3)),
            next_log: LogNo(counters.next_log.0 + random.below(3)),
            ..counters
        }),
        _ => Change::AddSegment {
            index: some_index?,
            segment: counters.next_segment,
            installed: no,
            meta: Arc::new(plausible_meta(counters.next_file, random)),
        },
    })
}

fn plausible_meta(file: FileId, random: &mut Random) -> SegmentMeta {
    let extents = (0..random.below(4)).map(|i| sealed(file.0 + i / 2, i * 100, 100)).collect();
    let blobs = (0..random.below(2)).map(|i| Blob { file: FileId(file.0 + 9), live_bytes: i });
    SegmentMeta {
        format: 1,
        extents,
        blobs: blobs.collect(),
        entries: random.below(1000),
        newest: SeqNo(random.below(1000)),
        key_id: 0,
        detail: vec![3; random.index(50)],
    }
}

impl ManifestState {
    /// Applies changes to an edit under construction.
    fn apply_more(&mut self, edit: &ManifestEdit) {
        self.marks.edit = EditNo(edit.no.0 - 1);
        self.apply(edit).unwrap();
    }
}
