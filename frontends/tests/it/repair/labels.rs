//! Damage of what data files say of themselves: it is found, and costs nothing else.

use std::ops::Range;

use cuesta::{KeyspaceEngine, SegmentBuilder};

use super::*;

/// A small database with files of every kind, closed: of flushes, alone and together, of merges, of
/// bulk loads, prepared ones, and those of large values.
fn every_kind() -> (Arc<SimEnv>, BTreeMap<String, Map>) {
    let env = SimEnv::new(1);
    let db = builder(&env).open(DIR).unwrap();
    let large = KeyspaceOptions::new().blob_threshold(1024);
    let large = db.keyspace_with("large", &large).unwrap();
    let [plain, joined] = ["plain", "joined"].map(|name| db.keyspace(name).unwrap());
    plain.put("merged", "1").unwrap();
    db.compact().unwrap();
    plain.put("merged", "2").unwrap();
    db.compact().unwrap();
    plain.put("flushed", "1").unwrap();
    joined.put("flushed", "2").unwrap();
    db.flush().unwrap();
    large.put("large", [1; 1100]).unwrap();
    db.flush().unwrap();
    let mut load = db.bulk_load().unwrap();
    load.put(&joined, "loaded", "3").unwrap();
    load.put(&plain, "loaded", "4").unwrap();
    load.finish().unwrap();
    let mut prepared =
        SegmentBuilder::create_in(env.clone(), "prepared", &KeyspaceOptions::new()).unwrap();
    prepared.put("prepared", "5").unwrap();
    prepared.finish().unwrap();
    db.ingest(&plain, ["prepared"]).unwrap();
    db.flush().unwrap();
    env.run_until_idle();
    db.close().unwrap();
    let world = SimEnv::new(1);
    restore(&world, &files(&env, DIR));
    let all = content(&builder(&world).open(DIR).unwrap());
    (env, all)
}

/// What is in the keyspaces, whatever is wrong with labels.
fn content(db: &Database) -> BTreeMap<String, Map> {
    let entries = |name: &String| -> Map {
        let found = db.keyspace(name).unwrap().iter().unwrap().map(|entry| {
            let (key, value) = entry.unwrap();
            (key.to_vec(), value.to_vec())
        });
        found.collect()
    };
    ["plain", "joined", "large"]
        .map(str::to_owned)
        .map(|name| (name.clone(), entries(&name)))
        .into()
}

/// Where a file says what it is, if it does: bytes from a place to its end.
fn label_of(bytes: &[u8]) -> Option<(&'static str, Vec<Range<usize>>)> {
    let slots = [0..4096, 4096..8192];
    let is_slot = |slot: &Range<usize>| bytes.get(slot.end - 12..slot.end - 4) == Some(b"CuestaLb");
    if slots.iter().any(is_slot) {
        let label = |slot: Range<usize>| slot.end - 28 - u32_at(bytes, slot.end - 28)..slot.end;
        return Some(("in front", slots.into_iter().filter(is_slot).map(label).collect()));
    }
    let u32_at = |at: usize| u32_at(bytes, at);
    let at = |from: usize| std::iter::once(from..bytes.len()).collect();
    let len = bytes.len();
    if bytes.ends_with(b"CuestaPr") {
        return Some(("prepared", at(len - 24 - u32_at(len - 24))));
    }
    let magic = bytes.windows(8).rposition(|eight| eight == b"CuestaLb")?;
    assert_eq!(len, magic + 12, "nothing lies behind a label");
    Some(("labelled", at(len - 28 - u32_at(len - 28))))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

#[test]
fn whatever_bit_of_a_label_is_damaged_is_found_and_costs_nothing() {
    let (env, all) = every_kind();
    let stored = files(&env, DIR);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, bytes) in
        stored.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "seg"))
    {
        let Some((kind, labels)) = label_of(bytes) else {
            assert!(bytes.starts_with(b"CuestaBl") || bytes.starts_with(b"CUESTLOG"), "{path:?}");
            *kinds.entry("large").or_default() += 1;
            continue;
        };
        *kinds.entry(kind).or_default() += 1;
        let damaged = |at: usize| {
            let world = SimEnv::new(2);
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            restore(&world, &stored);
            world.disk().write_file(path, &damaged);
            let db = builder(&world).open(DIR).unwrap();
            let problems = db.verify().unwrap().problems;
            assert!(content(&db) == all, "{path:?}, byte {at}");
            problems.iter().any(|told| told.contains("label"))
        };
        // Of two in front one tells of what is there, and the other of what was.
        let found = labels.into_iter().filter(|label| {
            let found = label.clone().filter(|at| damaged(*at)).count();
            assert!([0, label.len()].contains(&found), "{path:?}: {found} of {label:?}");
            found > 0
        });
        assert_eq!(found.count(), 1, "{path:?}");
    }
    if KeyspaceEngine::default() == KeyspaceEngine::Btree {
        assert!(kinds["in front"] >= 3, "{kinds:?}");
        return;
    }
    assert!(kinds["labelled"] >= 4 && kinds["prepared"] == 1 && kinds["large"] >= 1, "{kinds:?}");
}

/// The files of a database with two keyspaces, and of another with later ones, some dropped: its
/// last file has a number that the first one has not given.
fn two_databases() -> (Stored, (PathBuf, Vec<u8>)) {
    let data = |file: &&(PathBuf, Vec<u8>)| file.0.extension().is_some_and(|e| e == "seg");
    let (env, other) = (SimEnv::new(1), SimEnv::new(2));
    let db = builder(&env).open(DIR).unwrap();
    for name in ["plain", "joined"] {
        db.keyspace(name).unwrap().put(key(1), name).unwrap();
    }
    db.flush().unwrap();
    close(&env, db);
    let stored = files(&env, DIR);
    let db = builder(&other).open(DIR).unwrap();
    for name in ["one", "two", "three", "four"] {
        // Of an LSM tree each flush writes a file.
        db.keyspace_with(name, &crate::lsm()).unwrap().put(key(1), name).unwrap();
    }
    ["one", "two", "three"].iter().for_each(|name| db.drop_keyspace(name).unwrap());
    for n in 0..20 {
        db.keyspace("four").unwrap().put(key(n), "strange").unwrap();
        db.flush().unwrap();
    }
    close(&other, db);
    let last = files(&other, DIR).iter().rfind(data).cloned().unwrap();
    assert!(!stored.iter().any(|file| file.0 == last.0));
    (stored, last)
}

#[test]
fn a_file_of_another_database_takes_nothing_away_and_adds_nothing() {
    let (stored, foreign) = two_databases();
    for lost in [&["manifest"][..], &["manifest", "identity"]] {
        let world = SimEnv::new(3);
        let mut damaged = stored.clone();
        damaged.retain(|(path, _)| {
            let name = path.file_name().unwrap().to_string_lossy();
            !lost.iter().any(|lost| name.starts_with(lost))
        });
        damaged.push(foreign.clone());
        restore(&world, &damaged);
        let report = repair(&world).unwrap();
        let name = foreign.0.file_name().unwrap().to_string_lossy().into_owned();
        let told = report.losses.iter().find(|loss| loss.what == Lost::File { name: name.clone() });
        let why = told.map(|loss| loss.why.as_str()).unwrap_or_default();
        assert!(why.contains("of another database"), "{lost:?}: {:?}", report.losses);
        let found = contents(&world, NEW);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["joined", "plain"], "{lost:?}");
        assert_eq!(found["plain"][&key(1)], b"plain", "{lost:?}");
        assert_eq!(found["joined"][&key(1)], b"joined", "{lost:?}");
    }
}

#[test]
fn a_copy_is_saved_out_of_files_that_the_original_has_written() {
    let (env, all) = every_kind();
    let db = builder(&env).open(DIR).unwrap();
    db.checkpoint("copy").unwrap();
    close(&env, db);
    let copy = builder(&env).open("copy").unwrap();
    copy.keyspace("own").unwrap().put(key(1), "own").unwrap();
    close(&env, copy);
    let mut stored = files(&env, "copy");
    stored.retain(|file| !loads::is_manifest(file));
    stored.iter_mut().for_each(|(path, _)| *path = Path::new(DIR).join(path.file_name().unwrap()));
    let world = SimEnv::new(3);
    restore(&world, &stored);
    let report = repair(&world).unwrap();
    let mut found = contents(&world, NEW);
    assert_eq!(found.remove("own").unwrap().len(), 1);
    assert!(found == all, "{:?}", report.losses);
}

#[test]
fn files_of_every_kind_are_sound() {
    let (env, all) = every_kind();
    let world = SimEnv::new(2);
    restore(&world, &files(&env, DIR));
    let db = builder(&world).open(DIR).unwrap();
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    assert!(content(&db) == all);
}
