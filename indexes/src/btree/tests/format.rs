//! The stored sample of the format, and what damage does.

use cuesta_engine::file::FRONT_BYTES;

use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/");

/// Keys of all kinds, in a tree of three levels, after a flush that has changed some of it.
fn sampled() -> (Driver<Disk, Btree>, Model) {
    let mut disk = Disk::new(Maps::Yes);
    disk.next_file = 7;
    let options = Options { page_bytes: 1024, ..Options::default() };
    let (mut driver, mut model) = (Driver::of(disk, options.encode(), small()), Model::new());
    let none = Horizon { published: 0, pins: &[] };
    let mut put = |driver: &mut Driver<Disk, Btree>, key: Vec<u8>, value: Vec<u8>| {
        let mut ops = Vec::new();
        op::put(&mut ops, &key, &value).unwrap();
        driver.commit(ops, &none);
        model.insert(key, value);
    };
    for n in 0..400_usize {
        let prefix = "a prefix that is the same for many keys, ".repeat(n % 3);
        put(&mut driver, format!("{prefix}{n:05}").into_bytes(), value(n, n % 40));
    }
    put(&mut driver, vec![b'k'; 3000], value(1, 2));
    put(&mut driver, b"apart".to_vec(), value(2, 2500));
    put(&mut driver, Vec::new(), Vec::new());
    let mut ops = Vec::new();
    op::put_expiring(&mut ops, b"expires", b"soon", 1_760_000_000_000).unwrap();
    driver.commit(ops, &none);
    model.insert(b"expires".to_vec(), b"soon".to_vec());
    driver.rotate();
    driver.flush(1);
    driver.write(&[(b"00033", None), (b"00036", Some(b"another"))]);
    model.remove(&b"00033"[..]);
    model.insert(b"00036".to_vec(), b"another".to_vec());
    driver.rotate();
    driver.flush(1);
    (driver, model)
}

fn listing(model: &Model) -> String {
    let line = |(key, value): (&Vec<u8>, &Vec<u8>)| {
        format!("\"{}\" \"{}\"\n", key.escape_ascii(), value.escape_ascii())
    };
    model.iter().map(line).collect()
}

#[test]
fn the_sample_of_the_format_is_read_and_written() {
    let (mut driver, model) = sampled();
    compare(&driver, &model);
    let file = driver.typed().live[0].segment.file();
    let (sample, text) = (format!("{FOLDER}btree-v1"), format!("{FOLDER}btree-v1.txt"));
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(&sample, driver.disk.region_bytes(file)).unwrap();
        std::fs::write(&text, listing(&model)).unwrap();
    }
    let stored = std::fs::read(sample).unwrap();
    assert!(driver.disk.region_bytes(file) == stored, "the sample is not what is written now");
    driver.disk.edit(file, |bytes| *bytes = stored);
    driver.reopen();
    assert_eq!(listing(&content(&driver)), std::fs::read_to_string(text).unwrap());
}

#[test]
fn damage_of_a_page_is_found_and_never_read() {
    let (mut driver, model) = sampled();
    let tree = tree(&driver).clone();
    let (file, page_bytes) = (tree.file(), tree.detail().page_bytes as usize);
    let space = tree.space().unwrap();
    let unused: Vec<u32> = space.runs().flat_map(|(page, len)| page..page + len).collect();
    let sound = driver.disk.region_bytes(file);
    for page in 1..tree.detail().pages {
        for at in [0, 5, 47, 300, page_bytes - 1] {
            driver.disk.edit(file, |bytes| {
                bytes.clone_from(&sound);
                bytes[FRONT_BYTES as usize + page as usize * page_bytes + at] ^= 0x10;
            });
            let found = !driver.problems().is_empty();
            assert_eq!(found, !unused.contains(&page), "page {page}, byte {at}");
        }
    }
    driver.disk.edit(file, |bytes| bytes.clone_from(&sound));
    driver.reopen();
    compare(&driver, &model);
}
