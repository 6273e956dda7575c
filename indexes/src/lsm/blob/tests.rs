//! Pointers from any bytes, the space that large values take, and what damage does.

use std::collections::{BTreeMap, BTreeSet};

use cuesta_engine::format::{crc32, name};
use cuesta_engine::{ErrorKind, FileId, SeqNo};
use proptest::prelude::*;

use super::*;
use crate::lsm::Options;
use crate::lsm::tests::disk::{Disk, Maps};
use crate::lsm::tests::driver::{Driver, services};
use crate::ordered::Reader as Questions;

proptest! {
    #[test]
    fn a_pointer_comes_back(file: u64, offset in 0..1u64 << 62, len in 1024u32.., crc: u32) {
        let pointer = Pointer { file: FileId(file), offset, len, crc };
        let mut bytes = Vec::new();
        pointer.encode(&mut bytes);
        prop_assert_eq!(Pointer::decode(&bytes).unwrap(), pointer);
        for end in 0..bytes.len() {
            prop_assert_eq!(Pointer::decode(&bytes[..end]).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_a_pointer(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        match Pointer::decode(&bytes) {
            Ok(Pointer { offset, len, .. }) => {
                prop_assert!(len >= BLOB_BYTES_MIN && offset.checked_add(len.into()).is_some());
            }
            Err(e) => prop_assert_eq!(e.kind(), ErrorKind::Corrupt),
        }
    }
}

fn large(seed: u32) -> Vec<u8> {
    (0..2000u32).map(|i| (i.wrapping_mul(31) ^ seed.wrapping_mul(7919)) as u8).collect()
}

fn driver(maps: Maps) -> Driver<Disk> {
    let options = Options { blob_threshold: 1024, ..Options::default() };
    Driver::new(Disk::new(maps), &options, services(1 << 20, 16 << 10))
}

/// Bytes of all blob files that current segments list, and of what they point to.
fn space(driver: &Driver<Disk>) -> (u64, u64) {
    let mut files = BTreeMap::new();
    let mut pointed = 0;
    for live in driver.lsm().live.iter() {
        for blob in &live.meta.blobs {
            pointed += blob.live_bytes;
            files.insert(blob.file, driver.disk.len_of(blob.file));
        }
    }
    (files.values().sum(), pointed)
}

fn write(driver: &mut Driver<Disk>, keys: impl Iterator<Item = u32>, round: u32) {
    for i in keys {
        driver.write(&[(&i.to_be_bytes(), Some(&large(i + round * 1000)))]);
    }
    driver.rotate();
    driver.flush(1);
}

fn check(driver: &Driver<Disk>, i: u32, round: u32) {
    let reader = Questions::new(driver.lsm(), SeqNo(driver.seq), 0);
    let found = reader.get(&i.to_be_bytes()).unwrap().unwrap();
    assert_eq!(found, large(i + round * 1000), "key {i}");
}

#[test]
fn overwritten_large_values_give_their_space_back() {
    for maps in [Maps::Yes, Maps::No] {
        let mut driver = driver(maps);
        for round in 0..10 {
            write(&mut driver, 0..100, round);
            driver.merge_all();
        }
        driver.compact();
        let (bytes, pointed) = space(&driver);
        assert_eq!(pointed, 100 * 2000);
        assert!(bytes < pointed * 3 / 2, "{bytes} bytes for {pointed}");
        (0..100).for_each(|i| check(&driver, i, 9));
        assert_eq!(driver.problems(), Vec::<String>::new());
    }
}

#[test]
fn what_is_left_in_blob_files_is_rewritten_without_being_asked() {
    let mut driver = driver(Maps::Yes);
    write(&mut driver, 0..100, 0);
    // Overwritten one in four at a time: no single merge sees all.
    for round in 1..=3 {
        write(&mut driver, (0..100).filter(|i| i % 4 == round), round);
    }
    driver.merge_all();
    let (bytes, pointed) = space(&driver);
    assert_eq!(pointed, 100 * 2000);
    assert!(bytes < pointed * 3 / 2, "{bytes} bytes for {pointed}");
    (0..100).for_each(|i| check(&driver, i, i % 4));
}

#[test]
fn a_merge_does_not_move_large_values() {
    let mut driver = driver(Maps::Yes);
    write(&mut driver, 0..50, 0);
    let files = |driver: &Driver<Disk>| -> BTreeSet<FileId> {
        let all = driver.lsm().live.iter().flat_map(|live| live.meta.blobs.iter());
        all.map(|blob| blob.file).collect()
    };
    let before = files(&driver);
    write(&mut driver, 50..60, 0);
    driver.compact();
    assert!(files(&driver).is_superset(&before));
}

#[test]
fn deleting_all_large_values_leaves_no_blob_files() {
    let mut driver = driver(Maps::Yes);
    write(&mut driver, 0..50, 0);
    for i in 0..50u32 {
        driver.write(&[(&i.to_be_bytes(), None)]);
    }
    driver.rotate();
    driver.flush(1);
    driver.compact();
    assert_eq!(space(&driver), (0, 0));
}

#[test]
fn a_damaged_large_value_is_named() {
    for maps in [Maps::Yes, Maps::No] {
        let mut driver = driver(maps);
        write(&mut driver, 0..3, 0);
        let file = driver.lsm().live[0].meta.blobs[0].file;
        driver.disk.edit(file, |bytes| bytes[16 + 2000 + 7] ^= 1);
        driver.reopen();
        check(&driver, 0, 0);
        let reader = Questions::new(driver.lsm(), SeqNo(driver.seq), 0);
        let error = reader.get(&1u32.to_be_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let named = format!("{}, value at {}+2000", name::data(file), 16 + 2000);
        assert!(error.message().contains(&named), "{error}");
        let problems = driver.problems();
        assert!(problems.len() == 1 && problems[0].contains(&named), "{problems:?}");
    }
}

#[test]
fn a_blob_file_that_ends_early_is_an_error() {
    for maps in [Maps::Yes, Maps::No] {
        let mut driver = driver(maps);
        write(&mut driver, 0..3, 0);
        let file = driver.lsm().live[0].meta.blobs[0].file;
        driver.disk.edit(file, |bytes| bytes.truncate(2500));
        driver.reopen();
        check(&driver, 0, 0);
        let reader = Questions::new(driver.lsm(), SeqNo(driver.seq), 0);
        for i in [1u32, 2] {
            let error = reader.get(&i.to_be_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }
}

#[test]
fn values_below_the_threshold_stay_with_their_keys() {
    let mut driver = driver(Maps::Yes);
    driver.write(&[(b"a", Some(&[1; 1023])), (b"b", Some(&[2; 1024]))]);
    driver.rotate();
    driver.flush(1);
    assert_eq!(space(&driver).1, 1024);
    let reader = Questions::new(driver.lsm(), SeqNo(driver.seq), 0);
    assert_eq!(reader.get(b"a").unwrap().unwrap(), [1; 1023]);
    assert_eq!(reader.get(b"b").unwrap().unwrap(), [2; 1024]);
    assert_eq!(reader.get_with(b"b", <[u8]>::len).unwrap(), Some(1024));
}

#[test]
fn the_stored_sample_is_read_and_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/blob-v1");
    let mut disk = Disk::new(Maps::Yes);
    disk.next_file = 9;
    let mut writer = BlobWriter::new(1 << 20);
    let values = [vec![7; 1024], large(1).iter().chain(&[0; 1000]).copied().collect()];
    let add = |value: &Vec<u8>| writer.add(&mut disk, value, crc32(value)).unwrap();
    let pointers: Vec<Pointer> = values.iter().map(add).collect();
    let mut written = Vec::new();
    disk.edit(FileId(9), |bytes| written = bytes.clone());
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    assert!(written == std::fs::read(path).unwrap(), "not what is written now");
    assert_eq!(written[..16], header(FileId(9)));
    let at =
        |pointer: &Pointer| pointer.offset as usize..pointer.offset as usize + pointer.len as usize;
    for (pointer, value) in pointers.iter().zip(&values) {
        assert_eq!(pointer.file, FileId(9));
        assert_eq!(written[at(pointer)], value[..]);
    }
}
