use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

const ALL: fn(u64) -> Vec<Crash> = Crash::all;

fn sectors(sector: u32) -> impl Fn(u64) -> Crash {
    move |seed| Crash::SectorSubset { sector, seed }
}

#[test]
fn names_need_a_directory_sync() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    file.write_all_at(0, b"1").unwrap();
    file.sync(SyncKind::Full).unwrap();
    assert_eq!(names(&crash(&disk, Crash::LoseUnsynced)), Vec::<String>::new());
    sync_dir(&disk, "");
    assert_eq!(files(&crash(&disk, Crash::LoseUnsynced)), [("a".into(), b"1".to_vec())]);
    disk.remove(Path::new("a")).unwrap();
    assert_eq!(names(&crash(&disk, Crash::LoseUnsynced)), ["a"]);
    disk.link(Path::new("a"), Path::new("b")).unwrap_err();
    sync_dir(&disk, "");
    assert_eq!(names(&crash(&disk, Crash::LoseUnsynced)), Vec::<String>::new());
}

#[test]
fn a_directory_sync_covers_no_data_and_no_other_directory() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("d/e")).unwrap();
    create(&disk, "d/a").write_all_at(0, b"1").unwrap();
    create(&disk, "d/e/b").write_all_at(0, b"2").unwrap();
    create(&disk, "c").write_all_at(0, b"3").unwrap();
    sync_dir(&disk, "d");
    let image = crash(&disk, Crash::LoseUnsynced);
    assert_eq!(files(&image), [("d/a".into(), vec![])]);
    assert!(image.exists(Path::new("d/e")).unwrap(), "directories are durable at once");
}

#[test]
fn a_killed_process_loses_nothing() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    file.write_all_at(0, b"1").unwrap();
    rename(&disk, "a", "b");
    let image = crash(&disk, Crash::KeepAll);
    assert_eq!(files(&image), [("b".into(), b"1".to_vec())]);
    assert_eq!(image.content_hash(), disk.content_hash());
    assert_eq!(image.op_count(), 0);
}

#[test]
fn an_unsynced_overwrite_is_old_or_new() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", &[1; 512]);
    file.write_all_at(0, &[2; 512]).unwrap();
    for seed in 0..200 {
        for mode in ALL(seed) {
            let bytes = crash(&disk, mode).read_file("a");
            let torn = matches!(mode, Crash::Tear(_)) && bytes.is_sorted_by(|a, b| a >= b);
            assert!(bytes == [1; 512] || bytes == [2; 512] || torn, "{}", mode.name());
        }
    }
    for mode in [sectors(512), sectors(4096)] {
        assert_eq!(outcomes(&disk, "a", mode), [vec![1; 512], vec![2; 512]]);
    }
    assert_eq!(outcomes(&disk, "a", Crash::Prefix), [vec![1; 512], vec![2; 512]]);
    assert_eq!(outcomes(&disk, "a", Crash::LenWithoutData), [vec![1; 512], vec![2; 512]]);
    assert_eq!(outcomes(&disk, "a", Crash::GarbageTail), [vec![1; 512], vec![2; 512]]);
}

#[test]
fn a_later_write_can_survive_an_earlier_one() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", &[0; 1024]);
    file.write_all_at(0, &[1; 512]).unwrap();
    file.write_all_at(512, &[2; 512]).unwrap();
    let later = [vec![0; 512], vec![2; 512]].concat();
    assert_eq!(outcomes(&disk, "a", sectors(512)).len(), 4);
    assert!(outcomes(&disk, "a", sectors(512)).contains(&later));
    assert!(!outcomes(&disk, "a", Crash::Prefix).contains(&later), "a prefix is in order");
}

#[test]
fn bytes_of_one_sector_survive_together() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", &[0; 4]);
    file.write_all_at(0, &[1; 2]).unwrap();
    file.write_all_at(2, &[2; 2]).unwrap();
    let moments = [vec![0; 4], vec![1, 1, 0, 0], vec![1, 1, 2, 2]];
    assert_eq!(outcomes(&disk, "a", sectors(512)), moments);
}

#[test]
fn the_sector_size_bounds_what_is_torn() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", &[0; 4096]);
    file.write_all_at(0, &[1; 4096]).unwrap();
    assert_eq!(outcomes(&disk, "a", sectors(4096)), [vec![0; 4096], vec![1; 4096]]);
    assert!(outcomes(&disk, "a", sectors(512)).len() > 100);
}

#[test]
fn a_length_can_survive_without_its_data() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", b"1");
    file.write_all_at(1, b"2").unwrap();
    let found = [b"1\0".to_vec(), b"12".to_vec()];
    assert_eq!(outcomes(&disk, "a", Crash::LenWithoutData), found);
    let found = [b"1".to_vec(), b"1\0".to_vec(), b"12".to_vec()];
    assert_eq!(outcomes(&disk, "a", sectors(512)), found);
}

#[test]
fn a_name_can_survive_without_data() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    file.write_all_at(0, b"1").unwrap();
    sync_dir(&disk, "");
    let found = [b"".to_vec(), b"1".to_vec()];
    assert_eq!(outcomes(&disk, "a", Crash::Prefix), found);
}

#[test]
fn a_rename_is_not_ordered_against_data() {
    let disk = SimDisk::new();
    durable(&disk, "a", b"old");
    create(&disk, "tmp").write_all_at(0, b"new").unwrap();
    rename(&disk, "tmp", "a");
    let found = outcomes(&disk, "a", sectors(512));
    assert_eq!(found, [b"".to_vec(), b"\0\0\0".to_vec(), b"new".to_vec(), b"old".to_vec()]);
}

#[test]
fn garbage_fills_only_sectors_that_the_file_has_grown_by() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", &[1; 700]);
    file.write_all_at(0, &[2; 2048]).unwrap();
    let mut garbage = 0;
    for seed in 0..200 {
        let bytes = crash(&disk, Crash::GarbageTail(seed)).read_file("a");
        assert_eq!(bytes.len(), 2048);
        assert!(bytes[..512] == [1; 512] || bytes[..512] == [2; 512]);
        let border = [vec![1; 188], vec![0; 324]].concat();
        assert!(bytes[512..1024] == border || bytes[512..1024] == [2; 512]);
        let known = |sector: &[u8]| sector == [0; 512] || sector == [2; 512];
        garbage += bytes[1024..].chunks(512).filter(|sector| !known(sector)).count();
    }
    assert!(garbage > 50, "{garbage} sectors of garbage");
}

#[test]
fn a_torn_write_ends_at_any_byte() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", b"....");
    file.write_all_at(0, b"1234").unwrap();
    let found = ["....", "1...", "12..", "123."].map(|text| text.as_bytes().to_vec());
    assert_eq!(outcomes(&disk, "a", Crash::Tear), found);
}

#[test]
fn a_subset_of_names_keeps_all_data() {
    let disk = SimDisk::new();
    create(&disk, "a").write_all_at(0, b"1").unwrap();
    create(&disk, "b").write_all_at(0, b"2").unwrap();
    let mut found: Vec<_> = (0..100).map(|s| files(&crash(&disk, Crash::DirSubset(s)))).collect();
    found.sort();
    found.dedup();
    let (a, b) = (("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec()));
    assert_eq!(found, [vec![], vec![a.clone()], vec![a, b.clone()], vec![b]]);
}

#[test]
fn a_rename_leaves_the_old_name_or_the_new_one() {
    let disk = SimDisk::new();
    durable(&disk, "a", b"1");
    rename(&disk, "a", "b");
    rename(&disk, "b", "c");
    disk.link(Path::new("c"), Path::new("d")).unwrap();
    let mut found: Vec<_> =
        (0..400).flat_map(ALL).map(|mode| names(&crash(&disk, mode)).concat()).collect();
    found.sort();
    found.dedup();
    assert_eq!(found, ["a", "ad", "b", "bd", "c", "cd"]);
}

#[test]
fn a_sync_of_either_directory_covers_a_rename() {
    for dir in ["x", "y"] {
        let disk = SimDisk::new();
        disk.create_dir_all(Path::new("x")).unwrap();
        disk.create_dir_all(Path::new("y")).unwrap();
        create(&disk, "x/a");
        rename(&disk, "x/a", "y/a");
        sync_dir(&disk, dir);
        assert_eq!(names(&crash(&disk, Crash::LoseUnsynced)), ["y/a"]);
    }
}

#[test]
fn a_cut_that_survives_shows_nothing_older() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", &[1; 600]);
    file.set_len(0).unwrap();
    file.set_len(600).unwrap();
    assert_eq!(outcomes(&disk, "a", sectors(512)), [vec![], vec![0; 600], vec![1; 600]]);
    file.sync(SyncKind::Data).unwrap();
    assert_eq!(outcomes(&disk, "a", sectors(512)), [vec![0; 600]]);
}

#[test]
fn data_syncs_cover_the_length() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", b"");
    file.allocate(0..5000).unwrap();
    assert_eq!(crash(&disk, Crash::LoseUnsynced).read_file("a"), b"");
    file.sync(SyncKind::Data).unwrap();
    assert_eq!(crash(&disk, Crash::LoseUnsynced).read_file("a"), [0; 5000]);
}

#[test]
fn every_operation_has_its_own_image() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    for byte in 0..100_u8 {
        file.write_all_at(u64::from(byte), &[byte]).unwrap();
    }
    for op in 1..=101 {
        let image = disk.crash_image(op, Crash::KeepAll);
        assert_eq!(image.read_file("a"), (0..op as u8 - 1).collect::<Vec<_>>());
    }
    assert!(disk.crash_image(0, Crash::KeepAll).files().is_empty());
}

#[test]
#[should_panic(expected = "operation 1 is not remembered")]
fn there_is_no_image_of_the_future() {
    SimDisk::new().crash_image(1, Crash::KeepAll);
}

#[test]
fn images_are_independent_of_their_disk() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", b"1");
    let image = crash(&disk, Crash::KeepAll);
    file.write_all_at(0, b"2").unwrap();
    open(&image, "a").write_all_at(0, b"3").unwrap();
    create(&image, "b");
    assert_eq!(files(&disk), [("a".into(), b"2".to_vec())]);
    assert_eq!(image.read_file("a"), b"3");
}

#[test]
fn the_same_arguments_give_the_same_image() {
    let disk = busy_disk(3, 200);
    for op in 0..=disk.op_count() {
        for mode in ALL(op) {
            let (one, two) = (disk.crash_image(op, mode), disk.crash_image(op, mode));
            assert_eq!(one.content_hash(), two.content_hash());
        }
    }
}

#[test]
fn forgotten_operations_change_no_later_image() {
    let disk = busy_disk(4, 300);
    let hash = |op, seed| ALL(seed).into_iter().map(move |mode| (op, mode));
    let cases: Vec<_> = (150..=disk.op_count()).flat_map(|op| hash(op, op)).collect();
    let images = || -> Vec<u64> {
        cases.iter().map(|(op, mode)| disk.crash_image(*op, *mode).content_hash()).collect()
    };
    let before = images();
    disk.forget_before(150);
    assert_eq!(images(), before);
    assert_eq!(disk.trace().len() as u64, disk.op_count() - 150);
}

/// A disk after so many random operations on a few files, and after each of them what programs
/// saw: names, and contents by number of creation.
fn busy(seed: u64, steps: u64) -> (Arc<SimDisk>, Vec<Moment>) {
    let mut random = Random::new(seed);
    let disk = SimDisk::new();
    let mut moments = vec![Moment::default()];
    let mut open: BTreeMap<String, (usize, Arc<dyn VfsFile>)> = BTreeMap::new();
    let mut made = 0;
    for _ in 0..steps {
        let last = moments.last().unwrap().clone();
        let mut next = Moment { sync_of: None, dir_sync: false, ..last };
        let name = ["a", "b", "c"][random.index(3)].to_owned();
        let other = ["a", "b", "c"][random.index(3)].to_owned();
        match (random.below(12), open.contains_key(&name)) {
            (_, false) => {
                open.insert(name.clone(), (made, create(&disk, &name)));
                next.names.insert(name, made);
                next.contents.push(Vec::new());
                made += 1;
            }
            (0, true) if name != other => {
                rename(&disk, &name, &other);
                let file = open.remove(&name).unwrap();
                next.names.remove(&name);
                next.names.insert(other.clone(), file.0);
                open.insert(other, file);
            }
            (1, true) => {
                disk.remove(Path::new(&name)).unwrap();
                open.remove(&name);
                next.names.remove(&name);
            }
            (0 | 2, true) => {
                sync_dir(&disk, "");
                next.dir_sync = true;
            }
            (3, true) => {
                let (no, file) = &open[&name];
                file.sync(SyncKind::Data).unwrap();
                next.sync_of = Some(*no);
            }
            (4, true) => {
                let (no, file) = &open[&name];
                let len = random.index(6000);
                file.set_len(len as u64).unwrap();
                next.contents[*no].resize(len, 0);
            }
            _ => {
                let (no, file) = &open[&name];
                let at = random.index(5000);
                let bytes = vec![1 + random.below(255) as u8; 1 + random.index(1500)];
                file.write_all_at(at as u64, &bytes).unwrap();
                let content = &mut next.contents[*no];
                let end = at + bytes.len();
                content.resize(content.len().max(end), 0);
                content[at..end].copy_from_slice(&bytes);
            }
        }
        moments.push(next);
        assert_eq!(moments.len() as u64, disk.op_count() + 1);
    }
    (disk, moments)
}

fn busy_disk(seed: u64, steps: u64) -> Arc<SimDisk> {
    busy(seed, steps).0
}

/// What programs see after an operation.
#[derive(Clone, Debug, Default)]
struct Moment {
    names: BTreeMap<String, usize>,
    contents: Vec<Vec<u8>>,
    sync_of: Option<usize>,
    dir_sync: bool,
}

/// Contents that a file had since its last sync.
fn versions(moments: &[Moment], no: usize) -> Vec<Vec<u8>> {
    let mut versions = vec![Vec::new()];
    for moment in moments {
        if moment.sync_of == Some(no) {
            versions.clear();
        }
        versions.extend(moment.contents.get(no).cloned());
    }
    versions.dedup();
    versions
}

fn sector_of(content: &[u8], start: usize, len: usize) -> Vec<u8> {
    let mut sector = content.get(start..).unwrap_or_default().to_vec();
    sector.resize(len, 0);
    sector
}

/// Whether an image can be what a crash has left of the files' contents: an oracle of its own.
fn content_is_possible(bytes: &[u8], versions: &[Vec<u8>], sector: usize) -> bool {
    let lengths = versions.iter().any(|version| version.len() == bytes.len());
    let sectors = (0..bytes.len()).step_by(sector).all(|start| {
        let here = &bytes[start..bytes.len().min(start + sector)];
        versions.iter().any(|version| sector_of(version, start, here.len()) == here)
    });
    lengths && sectors
}

#[test]
fn every_sector_of_every_image_was_there_at_some_moment() {
    let mut checked = 0;
    for seed in 0..12 {
        let (disk, moments) = busy(seed, 120);
        for op in 0..=disk.op_count() {
            let past = &moments[..=op as usize];
            for mode in ALL(seed * 1000 + op) {
                let sector = match mode {
                    Crash::SectorSubset { sector, .. } => sector as usize,
                    Crash::LenWithoutData(_) => 4096,
                    Crash::Tear(_) | Crash::GarbageTail(_) => continue,
                    // Whole contents: one sector larger than any of the files.
                    _ => 1 << 20,
                };
                let image = disk.crash_image(op, mode);
                for name in image.files() {
                    let bytes = image.read_file(&name);
                    let name = name.to_str().unwrap();
                    let owners = owners(past, name);
                    let fits =
                        |no: &usize| content_is_possible(&bytes, &versions(past, *no), sector);
                    assert!(
                        owners.iter().any(fits),
                        "seed {seed}, operation {op}, {mode:?}: {name} was never so"
                    );
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 10_000, "{checked} files checked");
}

/// Files that had this name since the last sync of the directory, or at it.
fn owners(moments: &[Moment], name: &str) -> Vec<usize> {
    let since = moments.iter().rposition(|moment| moment.dir_sync).unwrap_or(0);
    moments[since..].iter().filter_map(|moment| moment.names.get(name).copied()).collect()
}

#[test]
fn names_in_every_image_are_as_they_were_at_some_moment() {
    for seed in 0..12 {
        let (disk, moments) = busy(seed, 150);
        for op in 0..=disk.op_count() {
            let past = &moments[..=op as usize];
            let since = past.iter().rposition(|moment| moment.dir_sync).unwrap_or(0);
            let recent = &past[since..];
            for mode in ALL(op) {
                let image = disk.crash_image(op, mode);
                for name in ["a", "b", "c"] {
                    let there = image.files().contains(&PathBuf::from(name));
                    let was = |moment: &Moment| moment.names.contains_key(name) == there;
                    assert!(recent.iter().any(was), "seed {seed}, operation {op}, {mode:?}");
                }
            }
            // Without torn names a crash finds the names of one moment.
            for mode in [Crash::KeepAll, Crash::LoseUnsynced, Crash::Prefix(op), Crash::Tear(op)] {
                let found = names(&disk.crash_image(op, mode));
                let same = |moment: &Moment| moment.names.keys().eq(&found);
                assert!(recent.iter().any(same), "seed {seed}, operation {op}, {mode:?}");
            }
        }
    }
}

#[test]
fn a_file_that_is_never_removed_keeps_exactly_one_name() {
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let disk = SimDisk::new();
        disk.create_dir_all(Path::new("d")).unwrap();
        let mut at = "a".to_owned();
        durable(&disk, &at, b"mine");
        for step in 0..30 {
            let to = ["a", "b", "d/a", "d/b"][random.index(4)].to_owned();
            match random.below(4) {
                0 => sync_dir(&disk, ["", "d"][random.index(2)]),
                1 if to != at && !disk.exists(Path::new(&to)).unwrap() => {
                    create(&disk, &to).write_all_at(0, b"other").unwrap();
                }
                _ => {
                    rename(&disk, &at, &to);
                    at = to;
                }
            }
            for mode in ALL(step) {
                let mine = files(&crash(&disk, mode)).iter().filter(|f| f.1 == b"mine").count();
                assert_eq!(mine, 1, "seed {seed}, step {step}, {mode:?}");
            }
        }
    }
}

#[test]
fn each_mode_has_its_name() {
    let mut names: Vec<_> = ALL(0).into_iter().map(Crash::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 9);
}

/// The bound is far off: on two busy cores it is some hundred times faster.
#[test]
fn a_thousand_images_of_a_disk_take_less_than_a_second() {
    let disk = SimDisk::new();
    let file = create(&disk, "log");
    for at in 0..600_u64 {
        file.write_all_at(at * 340, &[at as u8; 340]).unwrap();
        if at % 8 == 0 {
            file.sync(SyncKind::Data).unwrap();
        }
    }
    let start = std::time::Instant::now();
    let mut images = 0_u64;
    let mut hashes = std::collections::BTreeSet::new();
    for op in 0..=disk.op_count() {
        for mode in ALL(op) {
            hashes.insert(disk.crash_image(op, mode).content_hash());
            images += 1;
        }
    }
    let rate = images as f64 / start.elapsed().as_secs_f64();
    println!("{images} images, {} of them different, {rate:.0}/s", hashes.len());
    assert!(hashes.len() > 1000 && rate > 1000.0);
}
