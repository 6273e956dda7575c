//! Repairs of what was loaded: with its record in the log alone, without a manifest, in damaged
//! files, and out of prepared files.

use cuesta::env::Env;
use cuesta::{Keyspace, SegmentBuilder};
use cuesta_engine::commit::{Commit, drive};
use cuesta_engine::index::Registry;
use cuesta_engine::{Batch, BulkLoad, Durability, Engine, IndexId};
use cuesta_indexes::lsm;
use cuesta_indexes::ordered::{Operators, op};

use super::*;

/// Loads ascending keys, a step apart; every value says which load it is of.
fn load(db: &Database, model: &mut Model, random: &mut Random, round: u64) {
    let name = ["plain", "large"][random.below(2) as usize];
    let keyspace = db.keyspace(name).unwrap();
    let mut load = db.bulk_load().unwrap();
    let (from, step) = (random.below(100), 1 + random.below(4));
    for n in 0..10 + random.below(60) {
        let n = if name == "large" { n % 60 } else { from + n * step };
        if name == "large" && n > 40 {
            break;
        }
        let bytes = if random.below(6) == 0 { 1500 } else { 60 };
        let value = format!("load {round}, {}", "y".repeat(bytes)).into_bytes();
        load.put(&keyspace, key(n), &value).unwrap();
        model.put(name, &key(n), value);
    }
    load.finish().unwrap();
    model.committed(db);
}

/// A database with a history of writes and loads, open.
pub(super) fn story_of_loads(seed: u64) -> (Arc<SimEnv>, Database, Model) {
    let env = SimEnv::new(seed);
    let db = builder(&env).open(DIR).unwrap();
    let (mut model, mut random) = (Model::default(), Random(seed ^ 77));
    for round in 0..14 {
        let count = 5 + random.below(60);
        write(&db, &mut model, &mut random, count);
        load(&db, &mut model, &mut random, round);
        match random.below(7) {
            0 => db.flush().unwrap(),
            1 => db.compact().unwrap(),
            2 => db.settle().unwrap(),
            _ => {}
        }
    }
    (env, db, model)
}

pub(super) fn is_manifest((path, _): &(PathBuf, Vec<u8>)) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with("manifest")
}

fn told(report: &RepairReport) -> Vec<String> {
    report.losses.iter().map(ToString::to_string).collect()
}

fn same(model: &Model, found: &BTreeMap<String, Map>, what: &str) {
    for name in KEYSPACES {
        let (now, none) = (model.now.get(name), Map::new());
        let (now, found) = (now.unwrap_or(&none), found.get(name).unwrap_or(&none));
        for key in now.keys().chain(found.keys()) {
            let (now, found) = (now.get(key), found.get(key));
            let text = |value: Option<&Vec<u8>>| {
                value.map(|value| value[..value.len().min(40)].escape_ascii().to_string())
            };
            let key = key.escape_ascii();
            assert!(now == found, "{what}: {name} {key}: {:?}, not {:?}", text(found), text(now));
        }
    }
}

#[test]
fn what_was_loaded_is_saved_whole() {
    for seed in 0..8 {
        let (env, db, model) = story_of_loads(seed);
        // Closed, or killed when the log alone knows of the last loads.
        if seed % 2 == 0 {
            close(&env, db)
        } else {
            std::mem::forget(db)
        }
        let world = SimEnv::new(seed);
        restore(&world, &files(&env, DIR));
        let report = repair(&world).unwrap();
        assert!(report.is_whole(), "seed {seed}: {:?}", told(&report));
        same(&model, &contents(&world, NEW), &format!("seed {seed}"));
    }
}

#[test]
fn without_a_manifest_what_was_loaded_is_saved() {
    for seed in 0..12 {
        let (env, db, model) = story_of_loads(seed);
        if seed % 2 == 0 {
            close(&env, db)
        } else {
            std::mem::forget(db)
        }
        let mut stored = files(&env, DIR);
        stored.retain(|file| !is_manifest(file));
        let world = SimEnv::new(seed);
        restore(&world, &stored);
        let report = repair(&world).unwrap();
        same(&model, &contents(&world, NEW), &format!("seed {seed}: {:?}", told(&report)));
        // All that may be told beside the manifest is that nobody knows of a commit.
        let others = report.losses.iter().skip(1);
        for loss in others {
            assert!(loss.why.contains("nothing tells whether"), "seed {seed}: {loss}");
        }
    }
}

#[test]
fn a_damaged_file_of_a_load_costs_what_is_told_and_no_more() {
    for seed in [3, 4] {
        let (env, db, model) = story_of_loads(seed);
        close(&env, db);
        let stored = files(&env, DIR);
        let mut random = Random(seed);
        let segments =
            stored.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "seg"));
        for (path, bytes) in segments {
            let mut flipped = bytes.clone();
            let place = random.below(bytes.len() as u64) as usize;
            flipped[place] ^= 1 << random.below(8);
            for (what, damaged) in
                [("gone", None), ("cut", Some(bytes[..place].to_vec())), ("flip", Some(flipped))]
            {
                let world = SimEnv::new(seed);
                restore(&world, &stored);
                match damaged {
                    None => world.disk().remove_file(path),
                    Some(bytes) => world.disk().write_file(path, &bytes),
                }
                let report = repair(&world).unwrap();
                let what = format!("seed {seed}, {}, {what} at {place}", path.display());
                check(&model, &contents(&world, NEW), &report, &what);
            }
        }
    }
}

/// A small database with a load that was never committed: its file is there, its record is not.
fn uncommitted(env: &Arc<SimEnv>) {
    let db = builder(env).open(DIR).unwrap();
    let plain = db.keyspace("plain").unwrap();
    plain.put(key(1), "old").unwrap();
    db.flush().unwrap();
    plain.put(key(2), "logged").unwrap();
    let log = |(path, _): &(PathBuf, Vec<u8>)| path.extension().is_some_and(|e| e == "log");
    let before: Stored = files(env, DIR).into_iter().filter(log).collect();
    let mut load = db.bulk_load().unwrap();
    (0..9).for_each(|n| load.put(&plain, key(n), "loaded").unwrap());
    load.finish().unwrap();
    std::mem::forget(db);
    let data: Stored = files(env, DIR).into_iter().filter(|file| !log(file)).collect();
    restore(env, &[before, data].concat());
}

#[test]
fn a_load_that_was_not_committed_is_left_out() {
    for manifest in ["there", "gone"] {
        let env = SimEnv::new(1);
        uncommitted(&env);
        let world = SimEnv::new(2);
        let mut stored = files(&env, DIR);
        stored.retain(|file| manifest == "there" || !is_manifest(file));
        restore(&world, &stored);
        let report = repair(&world).unwrap();
        assert_eq!(report.is_whole(), manifest == "there", "{:?}", told(&report));
        let text = |found: &Map, n| found.get(&key(n)).map(|value| value.to_vec());
        let found = &contents(&world, NEW)["plain"];
        assert_eq!(found.len(), 2, "{manifest}");
        assert_eq!(text(found, 1), Some(b"old".to_vec()));
        assert_eq!(text(found, 2), Some(b"logged".to_vec()));
    }
}

fn prepare(env: &Arc<SimEnv>, path: &str, value: &str) {
    let world: Arc<dyn Env> = env.clone();
    let mut builder = SegmentBuilder::create_in(world, path, &KeyspaceOptions::new()).unwrap();
    (0..50).for_each(|n| builder.put(key(n), value).unwrap());
    builder.finish().unwrap();
}

/// A database into which two prepared files of the same keys were loaded, one after the other.
fn with_two_files(env: &Arc<SimEnv>) -> (Database, Keyspace) {
    let db = builder(env).open(DIR).unwrap();
    // Trees have nothing of a prepared file but what was in it.
    let plain = db.keyspace_with("plain", &crate::lsm()).unwrap();
    for value in ["first", "second"] {
        prepare(env, value, value);
        db.ingest(&plain, [value]).unwrap();
    }
    (db, plain)
}

#[test]
fn prepared_files_are_saved_as_far_as_anything_knows_of_them() {
    let env = SimEnv::new(1);
    let (db, plain) = with_two_files(&env);
    // The flush lists both, and the last knows of the log alone.
    db.flush().unwrap();
    plain.put(key(0), "put").unwrap();
    db.flush().unwrap();
    prepare(&env, "third", "third");
    let killed = files(&env, DIR);
    db.ingest(&plain, ["third"]).unwrap();
    let logged = files(&env, DIR);
    close(&env, db);
    let closed = files(&env, DIR);
    for (what, stored, value, losses) in
        [("killed", killed, "second", 2), ("logged", logged, "third", 2), ("closed", closed, "", 4)]
    {
        for manifest in ["there", "gone"] {
            let mut stored = stored.clone();
            // Without the log as well, nothing knows of the last one that was loaded.
            let is_lost = |file: &(PathBuf, Vec<u8>)| {
                let is_log = file.0.extension().is_some_and(|e| e == "log");
                is_manifest(file) || what == "closed" && is_log
            };
            stored.retain(|file| manifest == "there" || !is_lost(file));
            let world = SimEnv::new(1);
            restore(&world, &stored);
            let report = repair(&world).unwrap();
            let told = told(&report);
            let wanted = if manifest == "there" { 0 } else { losses };
            assert_eq!(told.len(), wanted, "{what}, {manifest}: {told:?}");
            let found = &contents(&world, NEW)["plain"];
            // Where nothing else knows of it, a file says that it can be loaded again.
            let value = match (value, manifest) {
                ("", "there") => "third",
                ("", _) => {
                    assert!(told.iter().any(|told| told.contains("load it again")), "{told:?}");
                    "second"
                }
                _ => value,
            };
            assert_eq!(found.len(), 50, "{what}, {manifest}");
            assert_eq!(found[&key(7)], value.as_bytes(), "{what}, {manifest}");
            if what == "closed" && manifest == "gone" {
                let file = |loss: &cuesta::Loss| match &loss.what {
                    Lost::File { name } if loss.why.contains("load it again") => Some(name.clone()),
                    _ => None,
                };
                let file = report.losses.iter().find_map(file).unwrap();
                let db = builder(&world).open(NEW).unwrap();
                let plain = db.keyspace("plain").unwrap();
                db.ingest(&plain, [Path::new(DIR).join(file)]).unwrap();
                assert_eq!(plain.get(key(7)).unwrap().unwrap(), b"third");
            }
            let first = if value == "third" { "third" } else { "put" };
            assert_eq!(found[&key(0)], first.as_bytes(), "{what}, {manifest}");
        }
    }
}

#[test]
fn a_prepared_file_wins_over_what_it_was_loaded_over_without_a_manifest() {
    let env = SimEnv::new(1);
    let db = builder(&env).open(DIR).unwrap();
    let plain = db.keyspace("plain").unwrap();
    (0..50).for_each(|n| plain.put(key(n), "old").unwrap());
    db.flush().unwrap();
    prepare(&env, "prepared", "loaded");
    db.ingest(&plain, ["prepared"]).unwrap();
    db.flush().unwrap();
    plain.put(key(0), "put").unwrap();
    plain.put(key(90), "put").unwrap();
    db.flush().unwrap();
    std::mem::forget(db);
    let world = SimEnv::new(1);
    let mut stored = files(&env, DIR);
    stored.retain(|file| !is_manifest(file) && file.0.extension().is_none_or(|e| e != "log"));
    restore(&world, &stored);
    let told = told(&repair(&world).unwrap());
    let found = &contents(&world, NEW)["plain"];
    assert_eq!(found.len(), 51);
    for n in 0..50 {
        let value = if n == 0 { "put" } else { "loaded" };
        assert_eq!(found[&key(n)].escape_ascii().to_string(), value, "{n}: {told:?}");
    }
}

/// The files of a database without its manifest and log.
pub(super) fn data_alone(env: &SimEnv) -> Stored {
    let mut stored = files(env, DIR);
    stored.retain(|file| !is_manifest(file) && file.0.extension().is_none_or(|e| e != "log"));
    stored
}

#[test]
fn of_loads_that_nothing_but_their_files_tells_of_the_last_one_wins() {
    let env = SimEnv::new(1);
    let db = builder(&env).open(DIR).unwrap();
    let plain = db.keyspace("plain").unwrap();
    plain.put("before", "1").unwrap();
    db.flush().unwrap();
    // The file of the first to be written is that of the last to be committed.
    let value = |load: u8, n: u64| {
        let mut random = Random(n);
        let mut value: Vec<u8> = (0..500).map(|_| random.below(256) as u8).collect();
        value[0] = load;
        value
    };
    let fill = |round: u8| {
        let mut load = db.bulk_load().unwrap();
        (0..2000).for_each(|n| load.put(&plain, key(n), value(round, n)).unwrap());
        load
    };
    let (last, first) = (fill(2), fill(1));
    first.finish().unwrap();
    last.finish().unwrap();
    assert_eq!(plain.get(key(7)).unwrap().unwrap(), value(2, 7));
    db.flush().unwrap();
    plain.put("behind", "2").unwrap();
    db.flush().unwrap();
    std::mem::forget(db);
    let world = SimEnv::new(1);
    restore(&world, &data_alone(&env));
    let told = told(&repair(&world).unwrap());
    let found = &contents(&world, NEW)["plain"];
    assert_eq!(found.len(), 2002, "{told:?}");
    assert!((0..2000).all(|n| found[&key(n)] == value(2, n)), "{told:?}");
}

#[test]
fn prepared_files_that_meet_are_told_where_nothing_tells_which_came_last() {
    let env = SimEnv::new(1);
    let (db, plain) = with_two_files(&env);
    plain.put(key(90), "put").unwrap();
    db.flush().unwrap();
    std::mem::forget(db);
    let world = SimEnv::new(1);
    restore(&world, &data_alone(&env));
    let report = repair(&world).unwrap();
    let both = Lost::Keys { first: key(0), last: Some(key(49)) };
    assert!(report.losses.iter().any(|loss| loss.what == both), "{:?}", told(&report));
    assert_eq!(contents(&world, NEW)["plain"].len(), 51);
}

/// An engine with one index of ordered keys.
fn engine_of(env: &Arc<SimEnv>) -> (Engine, IndexId) {
    let world: Arc<dyn Env> = env.clone();
    let registry = Registry::new().with_factory(lsm::Lsm::factory(Operators::default()));
    let options = cuesta_engine::Options { memory_budget: 4 << 20, ..Default::default() };
    let engine = Engine::open(world, Path::new(DIR), options, registry).unwrap();
    let id = engine.create_index("plain", "lsm", &lsm::Options::default().encode()).unwrap();
    (engine, id)
}

fn put_in((engine, id): (&Engine, IndexId), n: u64, value: &str) {
    let mut batch = Batch::new();
    op::put(batch.part(id), &key(n), value.as_bytes()).unwrap();
    engine.commit(batch, Durability::Sync).unwrap();
}

/// A load of fifty keys that is complete, its files durable, and not committed.
fn complete((engine, id): (&Engine, IndexId), value: &str) -> Commit {
    let mut load = BulkLoad::begin(engine.parts()).unwrap();
    for n in 0..50 {
        let mut ops = Vec::new();
        op::put(&mut ops, &key(n), value.as_bytes()).unwrap();
        load.add(id, &ops).unwrap();
    }
    load.into_commit().unwrap().unwrap()
}

#[test]
fn loads_that_overtook_each_other_are_told_without_manifest_and_log() {
    let env = SimEnv::new(1);
    let (engine, id) = engine_of(&env);
    let at = (&engine, id);
    put_in(at, 1, "old");
    engine.flush().unwrap();
    // The second was complete after the first, behind a later commit, and was committed before it.
    let mut first = complete(at, "wins");
    put_in(at, 60, "between");
    let mut second = complete(at, "loses");
    drive(engine.parts(), || second.step()).unwrap();
    drive(engine.parts(), || first.step()).unwrap();
    engine.flush().unwrap();
    put_in(at, 90, "behind");
    engine.flush().unwrap();
    std::mem::forget(engine);
    let repaired = |stored: &Stored| {
        let world = SimEnv::new(1);
        restore(&world, stored);
        let report = repair(&world).unwrap();
        (report, contents(&world, NEW)["plain"].clone())
    };
    let (report, found) = repaired(&files(&env, DIR));
    assert!(report.is_whole(), "{:?}", told(&report));
    assert_eq!(found[&key(7)], b"wins");
    let (report, found) = repaired(&data_alone(&env));
    let both = Lost::Keys { first: key(0), last: Some(key(49)) };
    assert!(report.losses.iter().any(|loss| loss.what == both), "{:?}", told(&report));
    assert_eq!(found.len(), 52);
}

/// Commits a load that was complete, its files durable, before others were: as when its own sync
/// takes long. What is written `between` is older than it.
fn overtaken(flush_between: bool) -> Arc<SimEnv> {
    let env = SimEnv::new(1);
    let (engine, id) = engine_of(&env);
    let put = |n: u64, value: &str| put_in((&engine, id), n, value);
    put(1, "old");
    engine.flush().unwrap();
    let mut commit = complete((&engine, id), "loaded");
    put(2, "between");
    if flush_between {
        engine.flush().unwrap();
    }
    put(3, "between");
    drive(engine.parts(), || commit.step()).unwrap();
    put(4, "behind");
    engine.flush().unwrap();
    put(90, "behind");
    engine.flush().unwrap();
    std::mem::forget(engine);
    env
}

#[test]
fn a_load_wins_over_what_was_committed_while_it_was_synced() {
    for between in [false, true] {
        let env = overtaken(between);
        for log in ["there", "gone"] {
            let mut stored = files(&env, DIR);
            if log == "gone" {
                stored = data_alone(&env);
            }
            stored.retain(|file| !is_manifest(file));
            let world = SimEnv::new(1);
            restore(&world, &stored);
            let told = told(&repair(&world).unwrap());
            let found = &contents(&world, NEW)["plain"];
            assert_eq!(found.len(), 51, "{between}, log {log}: {told:?}");
            for n in 0..50 {
                let value = if n == 4 { "behind" } else { "loaded" };
                let text = found[&key(n)].escape_ascii().to_string();
                assert_eq!(text, value, "{n}, {between}, log {log}: {told:?}");
            }
        }
    }
}
