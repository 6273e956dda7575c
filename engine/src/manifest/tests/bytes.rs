//! What the bytes of a manifest mean, and that no bytes mean harm.

use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;
use crate::identity::tests::sample;
use crate::manifest::describe;
use crate::manifest::edit::{decode, encode};
use crate::manifest::record::{
    self, FileTag, HEADER_BYTES, RECORD_BYTES, Record, RecordKind, encode_header,
};

const TAG: FileTag = FileTag { uuid: UUID, number: 1 };

/// The file of [`every_change`] up to its last record, where each record ends, and its states.
struct Whole {
    disk: Arc<SimDisk>,
    bytes: Vec<u8>,
    /// End of the snapshot and of each edit.
    ends: Vec<usize>,
    states: Vec<ManifestState>,
}

const NAME: &str = "db/manifest-00000001";

fn whole() -> Whole {
    let disk = disk();
    let mut writer = ManifestWriter::create(&*disk, dir(), UUID, RotateAt::default()).unwrap();
    let mut ends = vec![writer.position().len as usize];
    for edit in every_change() {
        writer.append(&*disk, &edit).unwrap();
        ends.push(writer.position().len as usize);
    }
    let mut bytes = disk.read_file(NAME);
    assert!(bytes[ends[3]..].iter().all(|&byte| byte == 0));
    bytes.truncate(ends[3]);
    Whole { disk, bytes, ends, states: states(&every_change()) }
}

impl Whole {
    fn recover(&self, bytes: &[u8]) -> crate::error::Result<Recovered> {
        self.disk.write_file(NAME, bytes);
        recover(&*self.disk, dir(), UUID)
    }

    /// Which records end at or before byte `at`: the number of edits in them.
    fn edits_before(&self, at: usize) -> Option<usize> {
        self.ends.iter().rposition(|&end| end <= at)
    }
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    let whole = whole();
    let stored = sample("manifest-v1", &whole.bytes);
    assert_eq!(stored, whole.bytes, "the bytes that are written have changed");
    let recovered = whole.recover(&stored).unwrap();
    assert_eq!(recovered.state, whole.states[3]);
    let text = describe(&stored).join("\n") + "\n";
    assert_eq!(sample("manifest-v1.txt", text.as_bytes()), text.as_bytes(), "{text}");
}

#[test]
fn every_flipped_bit_is_noticed() {
    let whole = whole();
    for at in 0..whole.bytes.len() {
        let in_last_record = at >= whole.ends[2];
        for bit in 0..8 {
            let mut bytes = whole.bytes.clone();
            bytes[at] ^= 1 << bit;
            match whole.recover(&bytes) {
                Ok(recovered) => {
                    assert!(in_last_record, "bit {bit} of byte {at}");
                    assert_eq!(recovered.state, whole.states[2]);
                    let torn = recovered.torn.unwrap();
                    assert_eq!(torn.offset as usize, whole.ends[2]);
                    assert_eq!(torn.bytes as usize, bytes.len() - whole.ends[2]);
                }
                Err(e) => {
                    assert!(!in_last_record, "bit {bit} of byte {at}: {e}");
                    assert_eq!(e.kind(), ErrorKind::Corrupt, "{e}");
                    assert!(e.to_string().starts_with("manifest-00000001: "), "{e}");
                    assert!(e.to_string().contains("byte") || at < 8, "{e}");
                }
            }
            describe(&bytes);
        }
    }
}

#[test]
fn every_cut_leaves_a_prefix() {
    let whole = whole();
    for len in 0..whole.bytes.len() {
        let recovered = whole.recover(&whole.bytes[..len]);
        describe(&whole.bytes[..len]);
        let Some(edits) = whole.edits_before(len) else {
            assert_eq!(recovered.unwrap_err().kind(), ErrorKind::Corrupt);
            continue;
        };
        let recovered = recovered.unwrap();
        assert_eq!(recovered.state, whole.states[edits]);
        assert_eq!(recovered.len as usize, whole.ends[edits]);
        assert_eq!(recovered.torn.is_some(), len > whole.ends[edits]);
    }
}

#[test]
fn zeros_behind_the_last_record_are_its_end() {
    let whole = whole();
    for edits in 0..whole.ends.len() {
        let mut bytes = whole.bytes.clone();
        bytes[whole.ends[edits]..].fill(0);
        let recovered = whole.recover(&bytes).unwrap();
        assert_eq!(recovered.state, whole.states[edits]);
        assert_eq!(recovered.torn, None);
    }
}

#[test]
fn a_hole_before_a_valid_record_is_damage() {
    let whole = whole();
    for record in 0..2 {
        let mut bytes = whole.bytes.clone();
        bytes[whole.ends[record]..whole.ends[record + 1]].fill(0);
        let error = whole.recover(&bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let place = format!("at byte {}", whole.ends[record]);
        assert!(error.to_string().contains(&place), "{error}");
    }
}

#[test]
fn a_manifest_of_another_database_or_number_is_refused() {
    let whole = whole();
    let other = Uuid([7; 16]);
    let error = recover(&*whole.disk, dir(), other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("belongs to database"), "{error}");
    whole.disk.write_file("db/manifest-00000004", &whole.bytes);
    let error = recover(&*whole.disk, dir(), UUID).unwrap_err();
    assert_eq!(error.to_string(), "manifest-00000004: says that it is manifest-00000001");
}

#[test]
fn a_record_of_another_file_does_not_validate() {
    let whole = whole();
    let at = whole.ends[3];
    let last = Record { no: EditNo(4), kind: RecordKind::Edit, payload: &[] };
    for tag in [FileTag { number: 2, ..TAG }, FileTag { uuid: Uuid([1; 16]), ..TAG }] {
        let mut bytes = whole.bytes.clone();
        last.encode(tag, at as u64, &mut bytes);
        let recovered = whole.recover(&bytes).unwrap();
        assert_eq!(recovered.state, whole.states[3]);
        assert_eq!(recovered.torn.unwrap().problem, "a record with a wrong checksum");
    }
    let mut bytes = whole.bytes.clone();
    last.encode(TAG, at as u64, &mut bytes);
    assert_eq!(whole.recover(&bytes).unwrap().state.edit(), EditNo(4));
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let whole = whole();
    let with_header = |at: usize, bytes: &[u8]| {
        let mut all = whole.bytes.clone();
        all[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crate::format::crc32(&all[..HEADER_BYTES - 4]);
        all[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        all
    };
    let error = whole.recover(&with_header(8, &[2, 0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("manifest format 2"), "{error}");
    let error = whole.recover(&with_header(12, &[9])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("encrypted with key 9"), "{error}");
    for reserved in [10, 40, 52, 68, 91] {
        let error = whole.recover(&with_header(reserved, &[1])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

/// A file of a snapshot and one more record with this payload.
fn file_with(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_header(TAG, &mut bytes);
    let empty = ManifestState::default().snapshot();
    let at = bytes.len() as u64;
    record::encode_record(TAG, at, RecordKind::Snapshot, EditNo(0), &empty, &mut bytes).unwrap();
    let at = bytes.len() as u64;
    Record { no: EditNo(1), kind: RecordKind::Edit, payload }.encode(TAG, at, &mut bytes);
    bytes
}

#[test]
fn an_unknown_change_is_refused_by_its_tag() {
    let whole = whole();
    let error = whole.recover(&file_with(&[99, 1, 0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("tag 99"), "{error}");
}

#[test]
fn a_change_is_read_to_its_end() {
    let whole = whole();
    let mut payload = Vec::new();
    encode(&[Change::LogStart { log: LogNo(3) }], &mut payload);
    assert_eq!(payload, [7, 1, 3]);
    for bad in [&[7, 2, 3, 0][..], &[7, 0], &[7, 1], &[7], &[7, 1, 3, 7], &[6, 2, 0x80, 0]] {
        let error = whole.recover(&file_with(bad)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().starts_with("manifest-00000001: record at byte "), "{error}");
    }
}

#[test]
fn an_edit_that_makes_no_sense_is_damage() {
    let whole = whole();
    let mut payload = Vec::new();
    encode(&[remove_segment(5, 6)], &mut payload);
    let error = whole.recover(&file_with(&payload)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().ends_with("edit 1: there is no index 5"), "{error}");
}

#[test]
fn only_the_first_record_is_a_snapshot() {
    let whole = whole();
    let append = |kind: RecordKind, no: u64, bytes: &mut Vec<u8>| {
        let at = bytes.len() as u64;
        Record { no: EditNo(no), kind, payload: &[] }.encode(TAG, at, bytes);
    };
    let mut bytes = whole.bytes.clone();
    append(RecordKind::Snapshot, 4, &mut bytes);
    let error = whole.recover(&bytes).unwrap_err();
    assert!(error.to_string().ends_with("a snapshot that is not the first record"), "{error}");
    let mut bytes = Vec::new();
    encode_header(TAG, &mut bytes);
    append(RecordKind::Edit, 1, &mut bytes);
    let error = whole.recover(&bytes).unwrap_err();
    assert!(error.to_string().ends_with("the first record is no snapshot"), "{error}");
}

#[test]
fn made_up_record_headers_do_not_stall_recovery() {
    let whole = whole();
    let mut bytes = whole.bytes.clone();
    while bytes.len() < 1 << 20 {
        let at = bytes.len() as u64;
        bytes.extend_from_slice(&[0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&at.to_le_bytes());
        bytes.resize(at as usize + RECORD_BYTES, 0);
        bytes[at as usize + 60] = 1;
        let len = ((1 << 20) - at as u32) / 2;
        bytes[at as usize..at as usize + 4].copy_from_slice(&len.to_le_bytes());
    }
    let error = whole.recover(&bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    describe(&bytes);
}

fn meta() -> impl Strategy<Value = SegmentMeta> {
    let extent = (any::<u64>(), 0..1u64 << 63, 0..1u64 << 40, any::<bool>()).prop_map(
        |(file, offset, len, sealed)| Extent {
            file: FileId(file),
            offset,
            len,
            kind: if sealed { FileKind::Sealed } else { FileKind::InPlace },
        },
    );
    let blob = (any::<u64>(), any::<u64>())
        .prop_map(|(file, live_bytes)| Blob { file: FileId(file), live_bytes });
    (
        any::<(u16, u64, u64, u32)>(),
        prop::collection::vec(extent, 0..4),
        prop::collection::vec(blob, 0..3),
        prop::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|((format, entries, newest, key_id), extents, blobs, detail)| SegmentMeta {
            format,
            extents,
            blobs,
            entries,
            newest: SeqNo(newest),
            key_id,
            detail,
        })
}

fn change() -> impl Strategy<Value = Change> {
    let id = || any::<u32>().prop_map(IndexId);
    let seq = || any::<u64>().prop_map(SeqNo);
    let segment = || any::<u64>().prop_map(SegmentId);
    let create = (id(), any::<String>(), any::<String>(), any::<Vec<u8>>(), seq());
    prop_oneof![
        create.prop_map(|(id, name, kind, options, created)| Change::CreateIndex {
            id,
            name,
            kind,
            options,
            created
        }),
        (id(), any::<String>()).prop_map(|(id, name)| Change::RenameIndex { id, name }),
        (id(), seq()).prop_map(|(id, dropped)| Change::DropIndex { id, dropped }),
        (id(), segment(), any::<u64>(), meta()).prop_map(|(index, segment, installed, meta)| {
            Change::AddSegment {
                index,
                segment,
                installed: EditNo(installed),
                meta: Arc::new(meta),
            }
        }),
        (id(), segment()).prop_map(|(index, segment)| Change::RemoveSegment { index, segment }),
        (id(), seq()).prop_map(|(index, flushed)| Change::Watermark { index, flushed }),
        any::<u64>().prop_map(|log| Change::LogStart { log: LogNo(log) }),
        (id(), segment(), any::<u64>(), any::<u64>()).prop_map(|(index, segment, file, log)| {
            Change::Counters(Counters {
                next_index: index,
                next_segment: segment,
                next_file: FileId(file),
                next_log: LogNo(log),
            })
        }),
        (seq(), any::<u64>()).prop_map(|(seq, wall_ms)| Change::Clock { seq, wall_ms }),
    ]
}

proptest! {
    #[test]
    fn changes_decode_as_they_were_encoded(changes in prop::collection::vec(change(), 0..8)) {
        let mut bytes = Vec::new();
        encode(&changes, &mut bytes);
        prop_assert_eq!(decode(&bytes).unwrap(), changes);
    }

    #[test]
    fn one_change_has_one_encoding(payload in prop::collection::vec(0u8..12, 0..60)) {
        if let Ok(changes) = decode(&payload) {
            let mut again = Vec::new();
            encode(&changes, &mut again);
            prop_assert_eq!(again, payload);
        }
    }

    #[test]
    fn any_payload_is_read_or_refused(
        changes in prop::collection::vec(change(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut payload = Vec::new();
        encode(&changes, &mut payload);
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let bytes = file_with(&payload);
        describe(&bytes);
        let disk = disk();
        disk.write_file(NAME, &bytes);
        if let Ok(recovered) = recover(&*disk, dir(), UUID) {
            let counters = recovered.state.counters();
            counters.next_index.next();
            counters.next_segment.next();
            let writer = ManifestWriter::resume(&*disk, dir(), recovered, OFTEN).unwrap();
            writer.next_edit();
        }
    }

    #[test]
    fn damage_anywhere_leaves_a_prefix_or_an_error(
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..90)), 0..4),
    ) {
        let whole = whole();
        let mut bytes = whole.bytes.clone();
        for (at, junk) in damage {
            let at = at.index(bytes.len());
            let end = (at + junk.len()).min(bytes.len());
            bytes.splice(at..end, junk);
        }
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 2);
        describe(&bytes);
        if let Ok(recovered) = whole.recover(&bytes) {
            prop_assert!(whole.states.contains(&recovered.state));
        }
    }

    #[test]
    fn any_bytes_are_described(bytes: Vec<u8>) {
        describe(&bytes);
        describe(&file_with(&bytes));
    }
}
