//! Manifest files: header, snapshot, edits.
//!
//! ```text
//! input    | switches u8 | bytes of one manifest file
//! switch 0 | checksums of the header and the records are made right
//!        1 | records are numbered one after the other and say where they begin
//!        2 | the file has the number that its header says, not 1
//!        3 | the bytes are the payload of a record instead
//! ```

use std::sync::Arc;

use cuesta_engine::env::sim::SimDisk;
use cuesta_engine::file::{Extent, FileKind};
use cuesta_engine::format::{Crc, crc32, name};
use cuesta_engine::id::{EditNo, FileId, IndexId, LogNo, SegmentId, SeqNo};
use cuesta_engine::identity::Uuid;
use cuesta_engine::index::{Blob, SegmentMeta};
use cuesta_engine::manifest::record::{self, FileTag, HEADER_BYTES, RECORD_BYTES, RecordKind};
use cuesta_engine::manifest::{
    self, Change, Counters, ManifestEdit, ManifestState, ManifestWriter, RotateAt,
    label::{self, Label},
};

use crate::input::{self, put_u32_at, put_u64_at, u32_at, u64_at};

const CHECKSUMS: u32 = 0;
const LINKS: u32 = 1;
const NUMBER: u32 = 2;
const PAYLOAD: u32 = 3;

const UUID_AT: usize = 16;
const NUMBER_AT: usize = 32;
const HEADER_CRC_AT: usize = HEADER_BYTES - 4;
const RECORD_CRC_AT: usize = RECORD_BYTES - 4;

/// Reads the input as a manifest file: as text for people, as changes, and by recovery, after which
/// the manifest is written on and recovered again.
///
/// Asserts that changes come back as the same bytes, that a recovered state is that of its own
/// snapshot, and that what is written after it is found again.
pub fn bytes_manifest(bytes: &[u8]) {
    let (switches, rest) = input::switches(bytes);
    if switches.on(PAYLOAD) {
        check_label(rest);
        return check_changes(rest);
    }
    let mut file = rest.to_vec();
    seal(&mut file, switches.on(LINKS), switches.on(CHECKSUMS));
    assert!(!manifest::describe(&file).is_empty(), "no text for a manifest");
    let number = match u64_at(&file, NUMBER_AT) {
        Some(number) if switches.on(NUMBER) => number,
        _ => 1,
    };
    let uuid = file.get(UUID_AT..).and_then(|rest| rest.first_chunk()).copied();
    recover(&file, number, Uuid(uuid.unwrap_or_default()));
}

/// Reads the bytes as the payload of a label, and as the end of a data file.
fn check_label(bytes: &[u8]) {
    let file = FileId(7);
    let mut label = bytes.to_vec();
    label.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    label.extend_from_slice(&[2, 0, 0, 0]);
    label.extend_from_slice(&file.0.to_le_bytes());
    label.extend_from_slice(b"CuestaLb");
    let crc = crc32(&label);
    label.extend_from_slice(&crc.to_le_bytes());
    if let Ok(Label { database, living, owners }) = label::decode(file, &label) {
        let encoded = label::encode((file, database), &living, &owners).expect("a short label");
        assert_eq!(encoded, label, "a label was read as other bytes");
    }
    let disk = SimDisk::new();
    disk.write_file(input::dir().join(name::data(file)), bytes);
    let _ = label::read(&*disk, input::dir(), file);
}

fn check_changes(payload: &[u8]) {
    let Ok(changes) = manifest::decode_changes(payload) else { return };
    let mut encoded = Vec::new();
    manifest::encode_changes(&changes, &mut encoded);
    assert_eq!(encoded, payload, "changes were read as other bytes");
    for change in &changes {
        assert!(!change.to_string().is_empty(), "no text for a change");
    }
    let mut state = ManifestState::default();
    if state.apply(&ManifestEdit { no: EditNo(1), changes: changes.clone() }).is_ok() {
        check_snapshot(&state);
    } else {
        assert_eq!(state, ManifestState::default(), "a refused edit changed something");
    }
    if let Ok(state) = ManifestState::from_snapshot(EditNo(u64::MAX >> 3), &changes) {
        check_snapshot(&state);
    }
}

fn check_snapshot(state: &ManifestState) {
    let again = ManifestState::from_snapshot(state.edit(), &state.snapshot());
    assert_eq!(*state, again.expect("a snapshot of a good state"));
}

fn recover(file: &[u8], number: u64, uuid: Uuid) {
    let (disk, dir) = (SimDisk::new(), input::dir());
    disk.write_file(dir.join(name::manifest(number)), file);
    let saved = manifest::salvage(&*disk, dir, number);
    let Ok(recovered) = manifest::recover(&*disk, dir, uuid) else { return };
    let saved = saved.expect("what is recovered can be saved");
    assert_eq!((saved.uuid, saved.position.len), (recovered.uuid, recovered.len));
    assert_eq!(saved.state, recovered.state);
    assert_eq!((recovered.number, recovered.uuid), (number, uuid));
    assert!(recovered.snapshot_len <= recovered.synced && recovered.synced <= recovered.len);
    let torn = recovered.torn.as_ref().map_or(0, |torn| torn.bytes);
    assert!(recovered.len + torn <= file.len() as u64, "more was recovered than there is");
    check_snapshot(&recovered.state);
    let rotate_at = RotateAt { bytes_min: file.len() as u64, snapshots: 1 };
    let Ok(mut writer) = ManifestWriter::resume(&*disk, dir, recovered, rotate_at) else { return };
    for _ in 0..3 {
        let edit = ManifestEdit { no: writer.next_edit(), changes: Vec::new() };
        let refused = writer.append(&*disk, &edit).is_err();
        let again = manifest::recover(&*disk, dir, uuid).expect("recovering what was written");
        assert_eq!(*writer.state(), again.state);
        assert_eq!((again.torn, refused && !writer.is_poisoned()), (None, refused));
    }
}

/// Makes places and numbers of records right, and checksums.
pub(crate) fn seal(file: &mut [u8], links: bool, checksums: bool) {
    if checksums && let Some(covered) = file.get(..HEADER_CRC_AT) {
        let crc = crc32(covered);
        put_u32_at(file, HEADER_CRC_AT, crc);
    }
    let uuid = file.get(UUID_AT..UUID_AT + 16).map(<[u8]>::to_vec);
    let (Some(uuid), Some(number)) = (uuid, u64_at(file, NUMBER_AT)) else { return };
    let mut at = HEADER_BYTES;
    let mut no = None;
    while let Some(record) = file.get_mut(at..).filter(|rest| rest.len() >= RECORD_BYTES) {
        let len = u32_at(record, 0).map_or(0, |len| len as usize);
        if record.len() - RECORD_BYTES < len || record.iter().all(|byte| *byte == 0) {
            return;
        }
        if links {
            no = no.map_or(u64_at(record, 4), |no: u64| Some(no.wrapping_add(1)));
            put_u64_at(record, 4, no.unwrap_or_default());
            put_u64_at(record, 12, at as u64);
        }
        if checksums {
            let (header, payload) = record.split_at(RECORD_BYTES);
            let crc = Crc::seeded(number).update(&uuid).update(&header[..RECORD_CRC_AT]);
            let crc = crc.update(&payload[..len]).finish();
            put_u32_at(record, RECORD_CRC_AT, crc);
        }
        at += RECORD_BYTES + len;
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let file = file();
    let with = |switches: u8, bytes: &[u8]| [&[switches][..], bytes].concat();
    let all = 1 << CHECKSUMS | 1 << LINKS | 1 << NUMBER;
    let mut torn = file.clone();
    torn.truncate(file.len() - 5);
    let mut zeros = file.clone();
    zeros.resize(file.len() + 100, 0);
    let mut payload = Vec::new();
    manifest::encode_changes(&changes(), &mut payload);
    let stored = include_bytes!("../../engine/tests/formats/manifest-v1");
    vec![
        with(0, &file),
        with(all, &file),
        with(1 << CHECKSUMS, &torn),
        with(all, &zeros),
        with(all, stored),
        with(1 << PAYLOAD, &payload),
    ]
}

fn file() -> Vec<u8> {
    let tag = FileTag { uuid: Uuid(*b"fuzzed database!"), number: 1 };
    let mut bytes = Vec::new();
    record::encode_header(tag, &mut bytes);
    let records = [
        (RecordKind::Snapshot, ManifestState::default().snapshot()),
        (RecordKind::Edit, changes()),
        (
            RecordKind::Edit,
            vec![
                Change::RenameIndex { id: IndexId(1), name: "renamed".into() },
                Change::RemoveSegment { index: IndexId(1), segment: SegmentId(1) },
            ],
        ),
        (RecordKind::Edit, vec![Change::DropIndex { id: IndexId(1), dropped: SeqNo(9) }]),
    ];
    for (no, (kind, changes)) in (0..).zip(records) {
        let at = bytes.len() as u64;
        record::encode_record(tag, at, kind, EditNo(no), &changes, &mut bytes).expect("a sample");
    }
    bytes
}

fn changes() -> Vec<Change> {
    let extent = |file, offset, kind| Extent { file: FileId(file), offset, len: 4096, kind };
    let meta = SegmentMeta {
        format: 1,
        extents: vec![extent(1, 0, FileKind::Sealed), extent(2, 512, FileKind::InPlace)],
        blobs: vec![Blob { file: FileId(3), live_bytes: 70_000 }],
        entries: 12,
        newest: SeqNo(8),
        key_id: 0,
        detail: b"detail".to_vec(),
    };
    let (name, kind) = ("index".to_owned(), "lsm".to_owned());
    vec![
        Change::Counters(Counters {
            next_index: IndexId(3),
            next_segment: SegmentId(5),
            next_file: FileId(9),
            next_log: LogNo(4),
        }),
        Change::CreateIndex { id: IndexId(1), name, kind, options: vec![1, 2], created: SeqNo(2) },
        Change::AddSegment {
            index: IndexId(1),
            segment: SegmentId(1),
            installed: EditNo(1),
            meta: Arc::new(meta),
        },
        Change::Watermark { index: IndexId(1), flushed: SeqNo(8) },
        Change::Watermark { index: IndexId::CATALOG, flushed: SeqNo(8) },
        Change::LogStart { log: LogNo(2) },
        Change::Clock { seq: SeqNo(8), wall_ms: 1_767_225_600_000 },
    ]
}
