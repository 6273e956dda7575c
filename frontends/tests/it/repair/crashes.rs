//! Repairs of databases that crashed: what opening them would find, nothing that it would cut.

use cuesta::{Durability, KeyspaceEngine};

use super::*;

fn is_log((path, _): &(PathBuf, Vec<u8>)) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// Opens a database with many commits to a segment of the log.
fn roomy(env: &Arc<SimEnv>, durability: Durability) -> Database {
    let builder = Database::builder().environment(env.clone()).durability(durability);
    builder.engine_options(|options| options.log.segment_bytes = 1 << 20).open(DIR).unwrap()
}

/// Opens one whose commits are written, and synced by nobody.
fn unsynced(env: &Arc<SimEnv>) -> Database {
    roomy(env, Durability::Buffered)
}

/// Flips a bit of `text` in the log.
fn damage(env: &SimEnv, text: &str) {
    for (path, mut bytes) in files(env, DIR).into_iter().filter(is_log) {
        let place = bytes.windows(text.len()).position(|found| found == text.as_bytes());
        if let Some(place) = place {
            bytes[place] ^= 1;
            return env.disk().write_file(&path, &bytes);
        }
    }
    panic!("{text} is not in the log");
}

/// A log that was cut when the database was opened, with other commits behind the cut since; and
/// its last segment.
fn cut() -> (Arc<SimEnv>, PathBuf) {
    let env = SimEnv::new(1);
    let db = unsynced(&env);
    let plain = db.keyspace("plain").unwrap();
    ["one", "torn off", "cut off", "cut off too"].into_iter().for_each(|value| {
        plain.put(&value[..3], value).unwrap();
    });
    std::mem::forget(db);
    let stored = files(&env, DIR);
    let env = SimEnv::new(2);
    restore(&env, &stored);
    damage(&env, "torn off");
    let db = unsynced(&env);
    let plain = db.keyspace("plain").unwrap();
    assert_eq!(plain.iter().unwrap().count(), 1);
    plain.put("new", "1").unwrap();
    plain.put("newer", "2").unwrap();
    db.sync().unwrap();
    std::mem::forget(db);
    let stored = files(&env, DIR);
    let last = stored.iter().filter(|file| is_log(file)).map(|(path, _)| path.clone()).max();
    let world = SimEnv::new(3);
    restore(&world, &stored);
    (world, last.unwrap())
}

fn keys(env: &Arc<SimEnv>) -> Vec<String> {
    let found = &contents(env, NEW)["plain"];
    found.keys().map(|key| key.escape_ascii().to_string()).collect()
}

#[test]
fn what_an_opening_has_cut_off_does_not_come_back() {
    let (env, _) = cut();
    assert!(repair(&env).unwrap().is_whole());
    assert_eq!(keys(&env), ["new", "newer", "one"]);

    // The records of the last segment begin where those before were cut, whatever its header says.
    let (env, last) = cut();
    let mut bytes = env.disk().read_file(&last);
    bytes[40] ^= 1;
    env.disk().write_file(&last, &bytes);
    assert!(!repair(&env).unwrap().is_whole());
    assert_eq!(keys(&env), ["new", "newer", "one"]);

    let (env, last) = cut();
    env.disk().remove_file(&last);
    assert!(!repair(&env).unwrap().is_whole());
    assert_eq!(keys(&env), ["one"]);
}

#[test]
fn what_is_known_to_have_been_durable_is_saved_behind_damage() {
    let env = SimEnv::new(1);
    let db = roomy(&env, Durability::Sync);
    let plain = db.keyspace("plain").unwrap();
    ["one", "two", "three"].into_iter().for_each(|key| {
        plain.put(key, format!("number {key}")).unwrap();
    });
    std::mem::forget(db);
    let world = SimEnv::new(2);
    restore(&world, &files(&env, DIR));
    damage(&world, "number two");
    let report = repair(&world).unwrap();
    assert_eq!(keys(&world), ["one", "three"]);
    let commits = |loss: &&cuesta::Loss| matches!(loss.what, Lost::Commits { .. });
    assert_eq!(report.losses.iter().filter(commits).count(), 1, "{:?}", report.losses);
}

#[test]
fn a_manifest_that_ends_too_early_is_not_believed() {
    let env = SimEnv::new(1);
    let builder = Database::builder().environment(env.clone());
    let builder = builder.engine_options(|options| {
        options.memory_budget = 16 << 20;
        options.log.segment_bytes = 16 << 10;
    });
    let db = builder.open(DIR).unwrap();
    let plain = db.keyspace("plain").unwrap();
    (0..200).for_each(|n| plain.put(key(n), [7; 200]).unwrap());
    // As it is before the flush, after which the log is let go of.
    let early: Stored = files(&env, DIR).into_iter().filter(loads::is_manifest).collect();
    db.flush().unwrap();
    std::mem::forget(db);
    let world = SimEnv::new(2);
    restore(&world, &files(&env, DIR));
    early.iter().for_each(|(path, bytes)| world.disk().write_file(path, bytes));
    let report = repair(&world).unwrap();
    assert!(!report.is_whole());
    assert_eq!(contents(&world, NEW)["plain"].len(), 200, "{:?}", report.losses);
}

/// A database of one tree, with segments of the log of so many bytes, that was killed behind some
/// flushes, and what its manifest was before the last `lost` of them; each puts all keys anew.
fn stale(segment_bytes: u64, lost: u64) -> (Arc<SimEnv>, Stored) {
    let env = SimEnv::new(1);
    let builder = Database::builder().environment(env.clone());
    let builder = builder.engine_options(|options| {
        options.memory_budget = 16 << 20;
        options.log.segment_bytes = segment_bytes;
    });
    let db = builder.open(DIR).unwrap();
    let options = KeyspaceOptions::new().engine(KeyspaceEngine::Btree);
    let plain = db.keyspace_with("plain", &options).unwrap();
    let mut early = Stored::new();
    for round in 0..=1 + lost {
        if round == 2 {
            early = files(&env, DIR).into_iter().filter(loads::is_manifest).collect();
        }
        (0..200).for_each(|n| plain.put(key(n), [round as u8; 200]).unwrap());
        db.flush().unwrap();
    }
    std::mem::forget((db, plain));
    let world = SimEnv::new(2);
    restore(&world, &files(&env, DIR));
    (world, early)
}

/// The tree lies where it lay: no file that the manifest does not know tells of it.
#[test]
fn a_manifest_that_ends_before_the_last_flush_of_a_tree_is_not_believed() {
    // Without the log of the commits in it; or with all of it, but without the tree before.
    for (segment_bytes, lost) in [(16 << 10, 1), (64 << 20, 2)] {
        for zeros in [false, true] {
            let (world, early) = stale(segment_bytes, lost);
            for (path, bytes) in &early {
                let mut bytes = bytes.clone();
                if zeros {
                    bytes.resize(world.disk().read_file(path).len().max(bytes.len()), 0);
                }
                world.disk().write_file(path, &bytes);
            }
            let report = repair(&world).unwrap();
            let manifest =
                |what: &Lost| matches!(what, Lost::File { name } if name.starts_with("manifest"));
            let told: Vec<String> = report.losses.iter().map(ToString::to_string).collect();
            assert!(told.iter().any(|told| told.contains("tells of edit")), "{told:?}");
            assert!(report.losses.iter().all(|loss| manifest(&loss.what)), "{told:?}");
            let found = &contents(&world, NEW)["plain"];
            assert!(found.len() == 200 && found.values().all(|value| value[0] == 1 + lost as u8));
        }
    }
}

/// Asserts that a repair of the files that are `left` finds what opening all of them does, or tells
/// what is missing; whether it was whole.
fn compare((stored, left): (&Stored, &Stored), ever: &Model, what: &str) -> bool {
    let world = SimEnv::new(1);
    restore(&world, stored);
    let recovered = builder(&world).open(DIR).map(|db| read(&db));
    let world = SimEnv::new(1);
    restore(&world, left);
    let report = match repair(&world) {
        Ok(report) => report,
        // Nothing was there yet, or no more than a name.
        Err(error) => {
            assert!(error.kind() == ErrorKind::NotFound, "{what}: {error}");
            return false;
        }
    };
    let saved = contents(&world, NEW);
    let recovered = recovered.unwrap_or_default();
    for name in KEYSPACES {
        let none = Map::new();
        let (now, found) = (recovered.get(name).unwrap_or(&none), saved.get(name).unwrap_or(&none));
        let values = ever.ever.get(name).cloned().unwrap_or_default();
        for (key, value) in found {
            let known = values.get(key).is_some_and(|values| values.contains(value));
            let told = is_told(ever, &report, name, key);
            assert!(known || told, "{what}: {name} {} is invented", key.escape_ascii());
        }
        for key in now.keys().chain(found.keys()) {
            assert!(
                now.get(key) == found.get(key) || is_told(ever, &report, name, key),
                "{what}: {name} {} is another, and nothing is said: {:?}",
                key.escape_ascii(),
                report.losses
            );
        }
    }
    if report.is_whole() {
        assert!(saved == recovered, "{what}: whole, and not the same");
    }
    report.is_whole()
}

/// Images of crashes, at moments spread over the life of a database.
const IMAGES: u64 = 300;

#[test]
fn a_repair_finds_what_opening_after_a_crash_does() {
    let (env, db, model) = loads::story_of_loads(5);
    let ops = env.disk().op_count();
    std::mem::forget(db);
    let (mut random, mut whole) = (Random(11), 0);
    for n in 0..IMAGES {
        let op = ops * n / IMAGES + random.below(ops / IMAGES);
        let modes = Crash::all(random.below(1000));
        let mode = modes[n as usize % modes.len()];
        let stored = files(&SimEnv::on(env.disk().crash_image(op, mode), 1), DIR);
        let what = format!("{} after operation {op}", mode.name());
        whole += u64::from(compare((&stored, &stored), &model, &what));
        // What files say of themselves gives the same, as long as a manifest knows no better.
        let mut without = stored.clone();
        without.retain(|file| !loads::is_manifest(file));
        let what = format!("{what}, without a manifest");
        assert!(!compare((&stored, &without), &model, &what), "{what}: whole");
    }
    // Most crashes tear nothing.
    assert!(whole * 2 > IMAGES, "{whole} of {IMAGES} were saved whole");
}

#[test]
fn what_a_partly_kept_manifest_does_not_know_is_saved_or_told() {
    let (env, db, model) = loads::story_of_loads(6);
    let ops = env.disk().op_count();
    std::mem::forget(db);
    let mut random = Random(13);
    for n in 0..IMAGES / 3 {
        let op = ops * n / (IMAGES / 3) + random.below(ops / (IMAGES / 3));
        let modes = Crash::all(random.below(1000));
        let mode = modes[n as usize % modes.len()];
        let stored = files(&SimEnv::on(env.disk().crash_image(op, mode), 1), DIR);
        let mut left = stored.clone();
        let Some((_, manifest)) = left.iter_mut().rfind(|file| loads::is_manifest(file)) else {
            continue;
        };
        let used = manifest.iter().rposition(|byte| *byte != 0).unwrap_or_default() as u64;
        let cut = (used - random.below(used.clamp(1, 2000))) as usize;
        manifest.truncate(cut);
        let what = format!("{} after operation {op}, manifest cut at {cut}", mode.name());
        compare((&stored, &left), &model, &what);
    }
}

/// The commits that may be missing in a keyspace, as a report says.
fn missing(report: &RepairReport, keyspace: &str) -> Vec<(u64, Option<u64>)> {
    let of = |loss: &cuesta::Loss| match &loss.what {
        Lost::Commits { first, last } if loss.keyspace.as_deref() == Some(keyspace) => {
            Some((*first, *last))
        }
        _ => None,
    };
    report.losses.iter().filter_map(of).collect()
}

#[test]
fn commits_in_front_of_the_log_are_told_without_a_manifest() {
    let env = SimEnv::new(1);
    let builder = Database::builder().environment(env.clone());
    let builder = builder.engine_options(|options| {
        options.memory_budget = 16 << 20;
        options.log.segment_bytes = 16 << 10;
    });
    let db = builder.open(DIR).unwrap();
    let plain = db.keyspace("plain").unwrap();
    plain.put(key(0), "flushed").unwrap();
    db.flush().unwrap();
    let flushed = db.snapshot().commit();
    (1..200).for_each(|n| plain.put(key(n), [7; 200]).unwrap());
    std::mem::forget(db);
    let mut stored = files(&env, DIR);
    stored.retain(|file| !loads::is_manifest(file));
    let mut logs: Vec<PathBuf> =
        stored.iter().filter(|file| is_log(file)).map(|(path, _)| path.clone()).collect();
    logs.sort();
    let gone = &logs[..logs.len() - 2];
    stored.retain(|(path, _)| !gone.contains(path));
    let world = SimEnv::new(2);
    restore(&world, &stored);
    let report = repair(&world).unwrap();
    let saved = contents(&world, NEW)["plain"].len() as u64;
    assert!((2..199).contains(&saved), "{saved}");
    // Keys and commits go together: the rest are those between.
    let last = flushed + 200 - saved;
    assert_eq!(missing(&report, "plain"), [(flushed + 1, Some(last))], "{:?}", report.losses);
}

#[test]
fn a_keyspace_that_was_dropped_does_not_come_back_or_it_is_told_that_it_may_have_been() {
    for options in [KeyspaceOptions::new(), crate::lsm()] {
        let (stored, _) = with_one_dropped(&options);
        let world = SimEnv::new(2);
        restore(&world, &stored);
        let report = repair(&world).unwrap();
        let found = contents(&world, NEW);
        assert_eq!(found["plain"].len(), 301);
        assert!(!found.contains_key("dropped"), "{:?}", report.losses);
        assert_eq!(missing(&report, "dropped"), [], "{:?}", report.losses);
    }

    // Where no file was written since, nothing shows it.
    let (mut stored, early) = with_one_dropped(&crate::lsm());
    stored.retain(|file| early.contains(&file.0) || is_log(file));
    let world = SimEnv::new(2);
    restore(&world, &stored);
    let report = repair(&world).unwrap();
    assert!(contents(&world, NEW).contains_key("dropped"));
    assert_eq!(missing(&report, "dropped").len(), 1, "{:?}", report.losses);
}

/// The files of a database without its manifest, in which a keyspace was dropped, and those from
/// before.
fn with_one_dropped(options: &KeyspaceOptions) -> (Stored, Vec<PathBuf>) {
    let env = SimEnv::new(1);
    let db = builder(&env).open(DIR).unwrap();
    let of = |name| db.keyspace_with(name, options).unwrap();
    let (dropped, plain) = (of("dropped"), of("plain"));
    dropped.put("key", "value").unwrap();
    plain.put("key", "value").unwrap();
    // Both into one file.
    db.flush().unwrap();
    let early: Vec<PathBuf> = files(&env, DIR).into_iter().map(|(path, _)| path).collect();
    drop(dropped);
    db.drop_keyspace("dropped").unwrap();
    (0..300).for_each(|n| plain.put(key(n), [7; 200]).unwrap());
    close(&env, db);
    let mut stored = files(&env, DIR);
    stored.retain(|file| !loads::is_manifest(file));
    (stored, early)
}
