use super::*;
use crate::error::ErrorKind;
use crate::file::{Extent, FileKind};
use crate::index::Blob;

fn label() -> Label {
    let extent = Extent { file: FileId(12), offset: 0, len: 4096, kind: FileKind::Sealed };
    let meta = SegmentMeta {
        format: 1,
        extents: vec![extent],
        blobs: vec![Blob { file: FileId(9), live_bytes: 2048 }],
        entries: 100,
        newest: SeqNo(42),
        key_id: 0,
        detail: b"detail".to_vec(),
    };
    let living = Living { next: IndexId(300), ids: vec![IndexId(1), IndexId(3), IndexId(299)] };
    let owners = vec![Owner {
        index: IndexId(3),
        name: "users".to_owned(),
        kind: "lsm".to_owned(),
        options: vec![1, 2, 3],
        before: SeqNo(30),
        flushed: SeqNo(42),
        edit: EditNo(7),
        loaded_after: SeqNo(0),
        removed: vec![vec![(FileId(5), 0)], vec![(FileId(6), 512), (FileId(7), 0)]],
        kept: vec![vec![(FileId(10), 0)]],
        made: vec![vec![(FileId(12), 0)]],
        segments: vec![meta],
    }];
    Label { database: Uuid(*b"a labelled one.."), living, owners }
}

fn encoded(label: &Label) -> Vec<u8> {
    encode((FileId(12), label.database), &label.living, &label.owners).unwrap()
}

#[test]
fn the_stored_sample_of_a_label_is_read_and_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/label-v2");
    let bytes = encoded(&label());
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &bytes).unwrap();
    }
    let stored = std::fs::read(path).unwrap();
    assert_eq!(stored, bytes, "the format of labels has changed");
    assert_eq!(decode(FileId(12), &stored).unwrap(), label());
}

#[test]
fn no_bytes_but_those_of_a_label_are_taken_for_one() {
    let bytes = encoded(&label());
    assert!(decode(FileId(13), &bytes).is_err());
    for len in 0..bytes.len() {
        assert!(decode(FileId(12), &bytes[..len]).is_err(), "{len}");
        assert!(decode(FileId(12), &bytes[bytes.len() - len..]).is_err(), "{len}");
    }
    for i in 0..bytes.len() {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[i] ^= 1 << bit;
            assert!(decode(FileId(12), &bad).is_err(), "byte {i}");
        }
    }
}

#[test]
fn a_label_of_another_format_is_refused_by_name() {
    for format in [0, 1, 3, u16::MAX] {
        let mut bytes = encoded(&label());
        let tail = bytes.len() - TAIL_BYTES;
        bytes[tail + 4..tail + 6].copy_from_slice(&format.to_le_bytes());
        let covered = bytes.len() - CRC_BYTES;
        let crc = crc32(&bytes[..covered]);
        bytes[covered..].copy_from_slice(&crc.to_le_bytes());
        let error = decode(FileId(12), &bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(&format!("format {format},")), "{error}");
    }
}

#[test]
fn a_label_is_found_at_the_end_of_a_file() {
    let disk = crate::env::sim::SimDisk::new();
    let vfs: &dyn Vfs = &*disk;
    let path = Path::new("db").join(name::data(FileId(12)));
    let bytes = encoded(&label());
    disk.write_file(&path, &[&[7; 4096][..], &bytes].concat());
    assert_eq!(read(vfs, Path::new("db"), FileId(12)).unwrap(), label());
    for other in [&[][..], &[0; 4096], &bytes[..20]] {
        disk.write_file(&path, other);
        let error = read(vfs, Path::new("db"), FileId(12)).unwrap_err();
        assert!(error.to_string().contains("0000000012.seg"), "{error}");
    }
    disk.remove_file(&path);
    assert!(read(vfs, Path::new("db"), FileId(12)).is_err());
}

#[test]
fn one_file_does_not_outvote_a_later_one_on_what_was_dropped() {
    let of = |next, ids: &[u32]| Living {
        next: IndexId(next),
        ids: ids.iter().copied().map(IndexId).collect(),
    };
    let of_two = |all: &[Living]| fate(&all.iter().cloned().collect(), IndexId(2));
    let (early, same, late) = (of(3, &[1, 2]), of(5, &[1, 2, 3, 4]), of(6, &[2, 5]));
    let gone = of(5, &[1, 3, 4]);
    assert_eq!(of_two(&[]), Fate::Alive);
    assert_eq!(of_two(&[early.clone(), same.clone(), late.clone()]), Fate::Alive);
    assert_eq!(of_two(&[early, gone.clone()]), Fate::Dropped);
    // It was dropped between, and no other was made.
    assert_eq!(of_two(&[same.clone(), gone.clone()]), Fate::Dropped);
    assert_eq!(of_two(&[same, gone, late]), Fate::Disputed);
}

#[test]
fn an_index_that_had_a_number_and_is_not_listed_was_dropped() {
    let Label { living, .. } = label();
    let dropped = [1, 2, 3, 4, 298, 299, 300, 301].map(|id| living.lack(IndexId(id)));
    assert_eq!(dropped, [false, true, false, true, true, false, false, false]);
    // Where nothing was known of others, nothing is said.
    assert!(!Living::default().lack(IndexId(0)));
    for ids in [vec![3, 3], vec![300], vec![5, 4]] {
        let ids: Vec<IndexId> = ids.into_iter().map(IndexId).collect();
        let mut payload = Vec::new();
        put_varint(&mut payload, 300);
        put_varint(&mut payload, ids.len() as u64);
        let mut before = 0;
        for id in ids {
            put_varint(&mut payload, u64::from(id.0.wrapping_sub(before)));
            before = id.0;
        }
        assert!(Living::decode(&mut Reader::new(&payload, "label")).is_err());
    }
}

/// What lies in front of a file whose slots have these labels.
fn front(labels: [Option<&Label>; 2]) -> Vec<u8> {
    let slot = |label: Option<&Label>| match label {
        Some(label) => front::encode_slot(FileId(12), label).unwrap().unwrap(),
        None => front::empty_slot(),
    };
    labels.map(slot).concat()
}

fn in_place(edit: u64) -> (Label, SegmentMeta) {
    let mut label = label();
    let owner = &mut label.owners[0];
    (owner.edit, owner.segments[0].newest) = (EditNo(edit), SeqNo(edit));
    let meta = owner.segments[0].clone();
    (label, meta)
}

#[test]
fn of_two_labels_in_front_the_later_one_counts_and_the_current_one_stays() {
    let ((old, before), (new, current)) = (in_place(7), in_place(8));
    for turned in [false, true] {
        let (slots, slot) =
            if turned { ([Some(&new), Some(&old)], 0) } else { ([Some(&old), Some(&new)], 1) };
        let read = || front::Front::decode(FileId(12), &front(slots));
        let (newest, damage) = read().newest().unwrap();
        assert!(newest == new && damage.is_none());
        assert_eq!((read().slot_of(&current), read().next(&[&current])), (Some(slot), 1 - slot));
        // While the one before is current, the later one is of what came to nothing.
        assert_eq!((read().next(&[&before]), read().vain(&before)), (slot, Some(slot)));
        assert_eq!(read().vain(&current), None);
    }
}

#[test]
fn a_damaged_label_in_front_is_told_and_the_other_one_read() {
    let ((old, before), (new, current)) = (in_place(7), in_place(8));
    let sound = front([Some(&old), Some(&new)]);
    let label = encoded(&new).len();
    for at in (8192 - label..8192).chain([4096, 6000]) {
        let mut bytes = sound.clone();
        bytes[at] ^= 4;
        let read = || front::Front::decode(FileId(12), &bytes);
        let (newest, damage) = read().newest().unwrap();
        assert!(newest == old && damage.is_some(), "byte {at}");
        assert_eq!((read().slot_of(&current), read().next(&[&before])), (None, 1), "byte {at}");
    }
    for bytes in [&[][..], &sound[..4000], &[0; 8192]] {
        let error = front::Front::decode(FileId(12), bytes).newest().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let error = front::Front::decode(FileId(13), &sound).newest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_slot_has_room_for_a_label_or_there_is_none() {
    let (mut label, _) = in_place(7);
    let room = 4096 - encoded(&label).len();
    // The length takes a byte more.
    label.owners[0].options.resize(3 + room - 1, 7);
    let bytes = front::encode_slot(FileId(12), &label).unwrap().unwrap();
    let found = front::Front::decode(FileId(12), &bytes).newest().unwrap();
    assert!(found.0 == label);
    label.owners[0].options.push(7);
    assert_eq!(front::encode_slot(FileId(12), &label).unwrap(), None);
}

#[test]
fn a_copy_tells_of_what_was_current_and_of_nothing_else() {
    let ((old, before), (new, current)) = (in_place(7), in_place(8));
    let both = front([Some(&old), Some(&new)]);
    let copy = |current: &[&SegmentMeta]| front::Front::of_copy(FileId(12), &both, current);
    assert!(copy(&[&before]) == front([Some(&old), None]));
    assert!(copy(&[&current]) == front([None, Some(&new)]));
    let (_, other) = in_place(9);
    assert!(copy(&[&other]) == both && copy(&[]) == both);
    for short in [&[][..], &both[..100], &both[..5000]] {
        assert_eq!(front::Front::of_copy(FileId(12), short, &[&current]), short);
    }
}
