//! A directory holds a database exactly when it holds an identity.

use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::env::sim::{Crash, SimDisk, SimEnv};
use crate::env::{OpenMode, SyncKind};
use crate::error::ErrorKind;

/// The stored sample of a format, which `CUESTA_REGENERATE=1` replaces by `bytes`.
pub(crate) fn sample(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats")).join(name);
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::read(&path).unwrap()
}

fn identity() -> Identity {
    Identity {
        uuid: Uuid([
            0x3b, 0x24, 0x1f, 0x10, 0x9a, 0x77, 0x4c, 0x3e, 0x8d, 0x51, 0x60, 0x0e, 0x5a, 0xc2,
            0x99, 0x07,
        ]),
        created_ms: 1_767_225_600_000,
        compatible: 0,
        read_only_compatible: 0,
        incompatible: 0,
        page_bytes: 4096,
        checksum: 1,
        cipher: 0,
    }
}

fn dir() -> &'static Path {
    Path::new("db")
}

fn disk() -> Arc<SimDisk> {
    let disk = SimDisk::new();
    disk.create_dir_all(dir()).unwrap();
    disk
}

fn put(disk: &SimDisk, name: &str) {
    let file = disk.open(&dir().join(name), OpenMode::CreateNew).unwrap();
    file.sync(SyncKind::Full).unwrap();
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    let bytes = identity().encode();
    let stored = sample("identity-v1", &bytes);
    assert_eq!(stored, bytes, "the bytes that are written have changed");
    assert_eq!(Identity::decode(&stored).unwrap(), identity());
}

#[test]
fn an_identity_is_read_as_written() {
    let disk = disk();
    identity().create(&*disk, dir()).unwrap();
    assert_eq!(Identity::read(&*disk, dir()).unwrap(), identity());
    assert_eq!(find(&*disk, dir()).unwrap(), Found::Database(identity()));
    assert_eq!(disk.list(dir()).unwrap(), ["identity"]);
}

#[test]
fn every_flipped_bit_and_every_other_length_is_noticed() {
    let disk = disk();
    let bytes = identity().encode();
    let refused = |bytes: &[u8]| {
        disk.write_file("db/identity", bytes);
        let error = Identity::read(&*disk, dir()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().starts_with("db/identity: "), "{error}");
    };
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&bytes);
    }
    for len in 0..bytes.len() {
        refused(&bytes[..len]);
    }
    refused(&[&bytes[..], &[0]].concat());
    refused(&[&bytes[..], &[0; 5000]].concat());
}

/// The bytes with some replaced, and a checksum that fits.
fn forged(at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = identity().encode();
    bytes[at..at + new.len()].copy_from_slice(new);
    let crc = crc32(&bytes[..BYTES - 4]);
    bytes[BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn what_this_version_does_not_know_is_refused_by_name() {
    for (at, new, named) in [
        (8, &[2, 0][..], "identity format 2"),
        (10, &[9], "checksums of kind 9"),
        (11, &[1], "encryption with cipher 1"),
        (12, &[0, 32, 0, 0], "pages of 8192 bytes"),
        (56, &[0b1010], "incompatible features that this version does not know: 1, 3"),
        (63, &[0x80], "incompatible features that this version does not know: 63"),
    ] {
        let error = Identity::decode(&forged(at, new)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn unknown_compatible_features_are_no_hindrance() {
    let read = Identity::decode(&forged(40, &[4])).unwrap();
    assert_eq!(read.compatible, 4);
    read.check_writable().unwrap();
    let read = Identity::decode(&forged(48, &[4])).unwrap();
    let error = read.check_writable().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .to_string()
            .ends_with("read-only compatible features that this version does not know: 2")
    );
}

#[test]
fn reserved_bytes_are_zero_unless_a_feature_uses_them() {
    let error = Identity::decode(&forged(64, &[1])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let mut both = [0; 25];
    both[0] = 1;
    both[24] = 1;
    assert_eq!(Identity::decode(&forged(40, &both)).unwrap().compatible, 1);
}

#[test]
fn a_missing_identity_is_not_found() {
    for dir in ["db", "elsewhere"] {
        let error = Identity::read(&*disk(), Path::new(dir)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), format!("there is no database in {dir}"));
        assert_eq!(find(&*disk(), Path::new(dir)).unwrap(), Found::Nothing);
    }
}

#[test]
fn what_a_crashed_creation_leaves_is_no_database() {
    let disk = disk();
    put(&disk, "notes.txt");
    assert_eq!(find(&*disk, dir()).unwrap(), Found::Nothing);
    for name in ["lock", "readers", "manifest-00000001.tmp", "manifest-00000001", "identity.tmp"] {
        put(&disk, name);
        assert_eq!(find(&*disk, dir()).unwrap(), Found::Leftovers);
    }
    identity().create(&*disk, dir()).unwrap();
    assert_eq!(find(&*disk, dir()).unwrap(), Found::Database(identity()));
}

#[test]
fn data_without_an_identity_is_damage_and_never_a_new_database() {
    for name in ["0000000001.log", "spare-0000000001.log", "0000000007.seg", "manifest-00000002"] {
        let disk = disk();
        put(&disk, "lock");
        put(&disk, "manifest-00000001");
        put(&disk, name);
        let error = find(&*disk, dir()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(
            error.to_string(),
            format!("the identity file of db is missing, but {name} is there")
        );
    }
}

#[test]
fn a_database_is_created_once() {
    let disk = disk();
    identity().create(&*disk, dir()).unwrap();
    let other = Identity { created_ms: 5, ..identity() };
    assert_eq!(other.create(&*disk, dir()).unwrap_err().kind(), ErrorKind::Exists);
    assert_eq!(Identity::read(&*disk, dir()).unwrap(), identity());
}

#[test]
fn a_crash_during_creation_leaves_a_whole_identity_or_none() {
    let disk = disk();
    identity().create(&*disk, dir()).unwrap();
    for op in 1..=disk.op_count() {
        for mode in Crash::all(op) {
            let image = disk.crash_image(op, mode);
            match find(&*image, dir()).unwrap() {
                Found::Database(found) => assert_eq!(found, identity()),
                Found::Nothing | Found::Leftovers => {
                    assert!(op < disk.op_count(), "{mode:?}");
                    identity().create(&*image, dir()).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_new_identity_has_a_random_uuid_of_version_4() {
    let env = SimEnv::new(5);
    let (one, two) = (Identity::new(&*env), Identity::new(&*env));
    assert_ne!(one.uuid, two.uuid);
    assert_eq!(one.created_ms, env.wall_ms());
    for uuid in [one.uuid, two.uuid] {
        let text = uuid.to_string();
        assert_eq!((text.len(), text.as_bytes()[14]), (36, b'4'), "{text}");
        assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
    }
    assert_eq!(identity().uuid.to_string(), "3b241f10-9a77-4c3e-8d51-600e5ac29907");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Identity::decode(&bytes);
        if bytes.len() >= BYTES {
            bytes[..8].copy_from_slice(&MAGIC);
            let crc = crc32(&bytes[..BYTES - 4]);
            bytes[BYTES - 4..BYTES].copy_from_slice(&crc.to_le_bytes());
            let _ = Identity::decode(&bytes);
        }
    }
}
