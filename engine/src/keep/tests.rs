use crate::file::{Extent, FileKind};
use crate::format::name;
use crate::id::{EditNo, FileId, IndexId, LogNo, SegmentId, SeqNo};
use crate::identity::{Identity, Uuid};
use crate::index::SegmentMeta;
use crate::keep::pool::{Entry, Stored};
use crate::manifest::{Change, ManifestState};
use std::sync::Arc;

fn entry() -> Entry {
    let identity = Identity {
        uuid: Uuid(*b"the backed up db"),
        created_ms: 1_760_000_000_000,
        compatible: 0,
        read_only_compatible: 0,
        incompatible: 0,
        page_bytes: crate::identity::PAGE_BYTES,
        checksum: crate::identity::CHECKSUM_CRC32,
        cipher: crate::identity::CIPHER_NONE,
    };
    let extent = Extent { file: FileId(12), offset: 0, len: 4096, kind: FileKind::Sealed };
    let meta = SegmentMeta { format: 1, extents: vec![extent], entries: 9, ..Default::default() };
    let changes = [
        Change::LogStart { log: LogNo(5) },
        Change::CreateIndex {
            id: IndexId(1),
            name: "users".to_owned(),
            kind: "lsm".to_owned(),
            options: Vec::new(),
            created: SeqNo(1),
        },
        Change::AddSegment {
            index: IndexId(1),
            segment: SegmentId(3),
            installed: EditNo(7),
            meta: Arc::new(meta),
        },
    ];
    Entry {
        number: 2,
        identity,
        commit: SeqNo(42),
        clock_ms: 1_760_000_100_000,
        made_ms: 1_760_000_200_000,
        manifest: 3,
        state: ManifestState::from_snapshot(EditNo(7), &changes).unwrap(),
        files: vec![Stored { id: FileId(12), name: name::data(FileId(12)), len: 4096, crc: 77 }],
        log: vec![(LogNo(5), 1234)],
    }
}

#[test]
fn the_stored_sample_of_a_backup_is_read_and_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/backup-v1");
    let bytes = entry().encode();
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &bytes).unwrap();
    }
    let stored = std::fs::read(path).unwrap();
    assert_eq!(stored, bytes, "the format of backups has changed");
    assert_eq!(Entry::decode(&stored).unwrap(), entry());
}

#[test]
fn no_bytes_but_those_of_a_backup_are_taken_for_one() {
    let bytes = entry().encode();
    for end in 0..bytes.len() {
        assert!(Entry::decode(&bytes[..end]).is_err());
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Entry::decode(&flipped).is_err(), "bit {bit}");
    }
    // Behind a checksum that fits, too, nothing is believed.
    for at in 0..bytes.len() - 4 {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let end = changed.len() - 4;
            let crc = crate::format::crc32(&changed[..end]);
            changed[end..].copy_from_slice(&crc.to_le_bytes());
            if let Ok(read) = Entry::decode(&changed) {
                assert_eq!(Entry::decode(&read.encode()).unwrap(), read);
            }
        }
    }
    let mut path = entry();
    path.files[0].name = "../12.seg".to_owned();
    assert!(Entry::decode(&path.encode()).is_err());
}
