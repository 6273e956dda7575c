use super::*;
use crate::file::{Extent, FileKind};
use crate::index::Blob;

fn owners() -> Vec<Owner> {
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
    vec![Owner {
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
    }]
}

#[test]
fn the_stored_sample_of_a_label_is_read_and_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/label-v1");
    let bytes = encode(FileId(12), &owners()).unwrap();
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &bytes).unwrap();
    }
    let stored = std::fs::read(path).unwrap();
    assert_eq!(stored, bytes, "the format of labels has changed");
    assert_eq!(decode(FileId(12), &stored).unwrap(), owners());
}

#[test]
fn no_bytes_but_those_of_a_label_are_taken_for_one() {
    let bytes = encode(FileId(12), &owners()).unwrap();
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
    let label = encode(FileId(12), &owners()).unwrap();
    disk.write_file(&path, &[&[7; 4096][..], &label].concat());
    assert_eq!(read(vfs, Path::new("db"), FileId(12)).unwrap(), owners());
    for bytes in [&[][..], &[0; 4096], &label[..20]] {
        disk.write_file(&path, bytes);
        let error = read(vfs, Path::new("db"), FileId(12)).unwrap_err();
        assert!(error.to_string().contains("0000000012.seg"), "{error}");
    }
    disk.remove_file(&path);
    assert!(read(vfs, Path::new("db"), FileId(12)).is_err());
}
