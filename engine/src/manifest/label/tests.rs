use super::*;
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
    Label { living, owners }
}

fn encoded(label: &Label) -> Vec<u8> {
    encode(FileId(12), &label.living, &label.owners).unwrap()
}

#[test]
fn the_stored_sample_of_a_label_is_read_and_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/label-v1");
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
