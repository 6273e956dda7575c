//! Repairs of keyspaces: nothing is invented, what lies outside the damage is there, and what is
//! missing is told.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cuesta::env::sim::{Crash, SimEnv};
use cuesta::{
    Builder, Database, Error, ErrorKind, KeyspaceOptions, Lost, MergeOperator, RepairReport, Result,
};

mod clocks;
mod crashes;
mod labels;
mod loads;
mod trees;

const DIR: &str = "db";
const NEW: &str = "new";

fn builder(env: &Arc<SimEnv>) -> Builder {
    Database::builder().environment(env.clone()).merge_operator(Arc::new(Join)).engine_options(
        |options| {
            options.memory_budget = 4 << 20;
            options.memtable_limit = Some(8 << 10);
            options.log.segment_bytes = 16 << 10;
            options.log.zero_ahead_bytes = 1024;
        },
    )
}

/// Operands one behind the other, in brackets: every change of their order shows.
struct Join;

impl MergeOperator for Join {
    fn name(&self) -> &str {
        "join"
    }

    fn merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        let mut value = base.unwrap_or_default().to_vec();
        for operand in operands {
            value.push(b'[');
            value.extend_from_slice(operand);
            value.push(b']');
        }
        Ok(Some(value))
    }
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a database should hold, and all values that keys have had.
#[derive(Clone, Debug, Default)]
struct Model {
    now: BTreeMap<&'static str, Map>,
    ever: BTreeMap<&'static str, BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>>,
    writes: Vec<Write>,
    /// How many of them have the numbers of their commits.
    numbered: usize,
}

/// A write to a key of a keyspace, or to those up to another.
#[derive(Clone, Debug)]
struct Write {
    commit: u64,
    keyspace: &'static str,
    first: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl Write {
    fn is_to(&self, keyspace: &str, key: &[u8]) -> bool {
        let within = match &self.end {
            Some(end) => self.first.as_slice() <= key && key < end.as_slice(),
            None => self.first == key,
        };
        self.keyspace == keyspace && within
    }
}

const KEYSPACES: [&str; 4] = ["plain", "large", "joined", "sequence"];

impl Model {
    fn put(&mut self, keyspace: &'static str, key: &[u8], value: Vec<u8>) {
        let ever = self.ever.entry(keyspace).or_default().entry(key.to_vec()).or_default();
        ever.insert(value.clone());
        self.now.entry(keyspace).or_default().insert(key.to_vec(), value);
        self.note(keyspace, key.to_vec(), None);
    }

    fn note(&mut self, keyspace: &'static str, first: Vec<u8>, end: Option<Vec<u8>>) {
        self.writes.push(Write { commit: 0, keyspace, first, end });
    }

    /// The writes since the last call are those of the last commit.
    fn committed(&mut self, db: &Database) {
        let commit = db.snapshot().commit();
        self.writes.iter_mut().skip(self.numbered).for_each(|write| write.commit = commit);
        self.numbered = self.writes.len();
    }

    /// Whether a key was written by one of the commits from one to another.
    fn has_written(&self, (keyspace, key): (&str, &[u8]), commits: RangeInclusive<u64>) -> bool {
        self.writes
            .iter()
            .any(|write| commits.contains(&write.commit) && write.is_to(keyspace, key))
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn key(n: u64) -> Vec<u8> {
    format!("key {n:04}").into_bytes()
}

/// Writes a while.
fn write(db: &Database, model: &mut Model, random: &mut Random, rounds: u64) {
    let plain = db.keyspace("plain").unwrap();
    let large = db.keyspace_with("large", &KeyspaceOptions::new().blob_threshold(1024)).unwrap();
    let joins = KeyspaceOptions::new().merge_operator("join");
    let joined = db.keyspace_with("joined", &joins).unwrap();
    let sequence = db.keyspace("sequence").unwrap();
    let begun = model.now.get("sequence").map_or(0, Map::len) as u64;
    for round in 0..rounds {
        let n = random.below(300);
        let text = format!("value {n} of round {round} {}", "x".repeat(random.below(200) as usize));
        match random.below(20) {
            0..3 => {
                plain.delete(key(n)).unwrap();
                model.now.entry("plain").or_default().remove(&key(n));
                model.note("plain", key(n), None);
            }
            3 => {
                let end = n + random.below(20);
                plain.delete_range(key(n)..key(end)).unwrap();
                let map = model.now.entry("plain").or_default();
                map.retain(|k, _| *k < key(n) || *k >= key(end));
                model.note("plain", key(n), Some(key(end)));
            }
            4..6 => {
                let value = vec![random.below(256) as u8; 1000 + random.below(4000) as usize];
                large.put(key(n % 60), &value).unwrap();
                model.put("large", &key(n % 60), value);
            }
            6 => {
                joined.put(key(n % 60), &text).unwrap();
                model.put("joined", &key(n % 60), text.into_bytes());
            }
            7..11 => {
                let operand = format!("{round}");
                joined.merge(key(n % 60), &operand).unwrap();
                let now = model.now.entry("joined").or_default();
                let mut value = now.get(&key(n % 60)).cloned().unwrap_or_default();
                value.extend_from_slice(format!("[{operand}]").as_bytes());
                model.put("joined", &key(n % 60), value);
            }
            11..14 => {
                // Ascending, so that segments are moved.
                let n = begun + model.now.get("sequence").map_or(0, Map::len) as u64;
                sequence.put(key(n), &text).unwrap();
                model.put("sequence", &key(n), text.into_bytes());
            }
            _ => {
                plain.put(key(n), &text).unwrap();
                model.put("plain", &key(n), text.into_bytes());
            }
        }
        model.committed(db);
    }
}

/// A database with a history, open.
fn story(seed: u64) -> (Arc<SimEnv>, Database, Model) {
    let env = SimEnv::new(seed);
    let db = builder(&env).open(DIR).unwrap();
    let (mut model, mut random) = (Model::default(), Random(seed));
    for phase in 0..5 {
        write(&db, &mut model, &mut random, 300);
        match phase {
            0 | 3 => db.flush().unwrap(),
            2 => db.compact().unwrap(),
            _ => {}
        }
    }
    (env, db, model)
}

fn close(env: &Arc<SimEnv>, db: Database) {
    db.settle().unwrap();
    env.run_until_idle();
    db.close().unwrap();
}

fn repair(env: &Arc<SimEnv>) -> Result<RepairReport> {
    builder(env).repair(DIR, NEW)
}

type Stored = Vec<(PathBuf, Vec<u8>)>;

fn files(env: &SimEnv, folder: &str) -> Stored {
    let of = |path: &PathBuf| path.starts_with(folder) && !path.ends_with("readers");
    let paths = env.disk().files().into_iter().filter(of);
    paths.map(|path| (path.clone(), env.disk().read_file(&path))).collect()
}

fn restore(env: &SimEnv, stored: &[(PathBuf, Vec<u8>)]) {
    for path in env.disk().files() {
        env.disk().remove_file(&path);
    }
    stored.iter().for_each(|(path, bytes)| env.disk().write_file(path, bytes));
}

fn contents(env: &Arc<SimEnv>, path: &str) -> BTreeMap<String, Map> {
    read(&builder(env).open(path).unwrap())
}

fn read(db: &Database) -> BTreeMap<String, Map> {
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    let map = |name: String| {
        let entries = db.existing_keyspace(&name).unwrap().iter().unwrap();
        let map = entries.map(|entry| entry.unwrap()).map(|(k, v)| (k.to_vec(), v.to_vec()));
        (name, map.collect())
    };
    db.keyspaces().into_iter().map(map).collect()
}

fn expected(model: &Model) -> BTreeMap<String, Map> {
    model.now.iter().map(|(name, map)| ((*name).to_owned(), map.clone())).collect()
}

/// Whether the report tells of something that a key of a keyspace may have lost, which `model`
/// knows the writes of.
fn is_told(model: &Model, report: &RepairReport, keyspace: &str, key: &[u8]) -> bool {
    report.losses.iter().any(|loss| {
        if loss.keyspace.as_deref().is_some_and(|name| name != keyspace) {
            return false;
        }
        match &loss.what {
            Lost::Keys { first, last } => {
                first.as_slice() <= key && last.as_deref().is_none_or(|last| key <= last)
            }
            Lost::Deletes { first, end } => {
                first.as_slice() <= key && end.as_deref().is_none_or(|end| key < end)
            }
            Lost::Value { key: lost } | Lost::Base { key: lost } => lost == key,
            Lost::Commits { first, last } => {
                model.has_written((keyspace, key), *first..=last.unwrap_or(u64::MAX))
            }
            // What is lost between others is told by the numbers of commits.
            Lost::File { name } if name.ends_with(".log") => {
                model.has_written((keyspace, key), report.last_commit + 1..=u64::MAX)
            }
            _ => false,
        }
    })
}

/// Compares what was saved with what was there.
fn check(model: &Model, found: &BTreeMap<String, Map>, report: &RepairReport, what: &str) {
    for name in KEYSPACES {
        let none = Map::new();
        let (now, ever) = (&model.now[name], &model.ever[name]);
        let found = found.get(name).unwrap_or(&none);
        for (key, value) in found {
            let known = ever.get(key).is_some_and(|values| values.contains(value));
            // What is merged without its base was never there, and is told.
            let merged = name == "joined" && is_told(model, report, name, key);
            assert!(
                known || merged,
                "{what}: {name}, {}, is invented: {:?}",
                key.escape_ascii(),
                report.losses
            );
        }
        let keys: BTreeSet<&Vec<u8>> = now.keys().chain(found.keys()).collect();
        for key in keys {
            let same = now.get(key) == found.get(key);
            assert!(
                same || is_told(model, report, name, key),
                "{what}: {name}, {} differs, and nothing is said of it: {:?}",
                key.escape_ascii(),
                report.losses
            );
        }
    }
}

#[test]
fn a_sound_database_is_saved_whole() {
    let (env, db, model) = story(1);
    close(&env, db);
    let before = files(&env, DIR);
    let report = repair(&env).unwrap();
    assert!(report.is_whole(), "{:?}", report.losses);
    assert_eq!(report.keyspaces, 4);
    assert_eq!(files(&env, DIR), before);
    assert!(contents(&env, NEW) == expected(&model));
    assert_eq!(repair(&env).unwrap_err().kind(), ErrorKind::Exists);
}

#[test]
fn one_in_use_or_none_is_not_repaired() {
    let (env, _db, _) = story(1);
    assert_eq!(repair(&env).unwrap_err().kind(), ErrorKind::Locked);
    let nothing = SimEnv::new(1);
    assert_eq!(repair(&nothing).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn without_manifest_and_identity_everything_is_saved() {
    for seed in 0..6 {
        let (env, db, model) = story(seed);
        // Closed, or killed with commits that no segment holds.
        if seed % 2 == 0 {
            close(&env, db)
        } else {
            std::mem::forget(db)
        }
        let manifest = |(path, _): &(PathBuf, Vec<u8>)| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("manifest") || name == "identity"
        };
        let mut stored = files(&env, DIR);
        stored.retain(|file| !manifest(file));
        let world = SimEnv::new(seed);
        restore(&world, &stored);
        assert_eq!(builder(&world).open(DIR).unwrap_err().kind(), ErrorKind::Corrupt);
        restore(&world, &stored);
        let report = repair(&world).unwrap();
        // A keyspace that was written to long ago might have lost commits since.
        let known = |loss: &&cuesta::Loss| !loss.why.contains("nothing tells whether");
        let known = report.losses.iter().filter(known);
        let told: Vec<String> = known.map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "seed {seed}: {told:?}");
        let found = contents(&world, NEW);
        for name in KEYSPACES {
            assert!(found[name] == model.now[name], "seed {seed}: {name} differs");
        }
    }
}

#[test]
fn whatever_is_damaged_the_rest_is_saved_and_the_loss_is_told() {
    let (env, db, model) = story(2);
    close(&env, db);
    let stored = files(&env, DIR);
    let mut random = Random(7);
    let (mut tries, mut whole) = (0, 0);
    for (path, bytes) in stored.iter().filter(|(path, _)| !path.ends_with("lock")) {
        let len = bytes.len() as u64;
        let mut damages: Vec<(String, Option<Vec<u8>>)> = vec![("gone".to_owned(), None)];
        for cut in [0, len / 2, len.saturating_sub(200)] {
            damages.push((format!("cut at {cut}"), Some(bytes[..cut as usize].to_vec())));
        }
        let mut places = vec![0, len - 1, len.saturating_sub(40)];
        places.extend((0..6).map(|_| random.below(len)));
        for place in places {
            let mut flipped = bytes.clone();
            flipped[place as usize] ^= 1 << random.below(8);
            damages.push((format!("bit flipped at {place}"), Some(flipped)));
        }
        for (damage, damaged) in damages {
            let world = SimEnv::new(3);
            restore(&world, &stored);
            match &damaged {
                None => world.disk().remove_file(path),
                Some(bytes) => world.disk().write_file(path, bytes),
            }
            let before = files(&world, DIR);
            let report = repair(&world).unwrap();
            assert!(files(&world, DIR) == before, "{path:?} changed");
            let what = format!("{}, {damage}", path.display());
            check(&model, &contents(&world, NEW), &report, &what);
            tries += 1;
            whole += u64::from(report.is_whole());
        }
    }
    // Filters, spare segments, and what lies behind the end of the log can be done without.
    assert!(tries > 100 && whole * 2 < tries, "{whole} of {tries}");
}

#[test]
fn what_a_crash_leaves_is_saved() {
    let (env, db, model) = story(4);
    let mut random = Random(9);
    let ops = env.disk().op_count();
    std::mem::forget(db);
    for mode in Crash::all(5) {
        let op = ops - random.below(ops / 2);
        let image = env.disk().crash_image(op, mode);
        let stored = files(&SimEnv::on(image, 1), DIR);
        let world = SimEnv::new(1);
        restore(&world, &stored);
        let Ok(report) = repair(&world) else {
            panic!("{} at {op}: not repaired", mode.name());
        };
        let saved = contents(&world, NEW);
        restore(&world, &stored);
        let recovered = contents(&world, DIR);
        for name in KEYSPACES {
            let none = Map::new();
            let (saved, ever) = (saved.get(name).unwrap_or(&none), &model.ever[name]);
            for (key, value) in saved {
                let known = ever.get(key).is_some_and(|values| values.contains(value));
                assert!(
                    known || is_told(&model, &report, name, key),
                    "{} at {op}: invented",
                    mode.name()
                );
            }
        }
        if report.is_whole() {
            assert!(saved == recovered, "{} at {op}: whole, and not the same", mode.name());
        }
    }
}

#[test]
fn operands_of_an_unknown_operator_are_kept() {
    let (env, db, model) = story(5);
    close(&env, db);
    let without = Database::builder().environment(env.clone());
    assert!(without.repair(DIR, NEW).unwrap().is_whole());
    assert!(contents(&env, NEW) == expected(&model));
}

#[test]
fn values_live_as_long_as_they_did() {
    let env = SimEnv::new(6);
    let db = builder(&env).open(DIR).unwrap();
    let short = db.keyspace("short").unwrap();
    let hour = std::time::Duration::from_secs(3600);
    short.put_with_ttl("later", "1", hour * 2).unwrap();
    short.put_with_ttl("soon", "2", hour).unwrap();
    db.flush().unwrap();
    short.put_with_ttl("logged", "3", hour).unwrap();
    let expiry = |db: &Database, key: &str| db.keyspace("short").unwrap().expiry(key).unwrap();
    let before = ["later", "soon", "logged"].map(|key| expiry(&db, key));
    db.close().unwrap();
    assert!(repair(&env).unwrap().is_whole());
    let db = builder(&env).open(NEW).unwrap();
    assert_eq!(["later", "soon", "logged"].map(|key| expiry(&db, key)), before);
}

#[test]
fn a_lost_blob_file_costs_its_values_and_no_others() {
    let env = SimEnv::new(7);
    let db = builder(&env).open(DIR).unwrap();
    let options = crate::lsm().blob_threshold(1024);
    let large = db.keyspace_with("large", &options).unwrap();
    for n in 0..20u64 {
        large.put(key(n), vec![n as u8; if n % 2 == 0 { 5000 } else { 50 }]).unwrap();
    }
    close(&env, db);
    let blobs: Vec<(PathBuf, Vec<u8>)> = files(&env, DIR)
        .into_iter()
        .filter(|(path, bytes)| {
            path.extension().is_some_and(|e| e == "seg") && !bytes.ends_with(b"x") && is_blob(bytes)
        })
        .collect();
    assert!(!blobs.is_empty());
    blobs.iter().for_each(|(path, _)| env.disk().remove_file(path));
    let report = repair(&env).unwrap();
    let values = report.losses.iter().filter(|loss| matches!(loss.what, Lost::Value { .. }));
    assert_eq!(values.count(), 10, "{:?}", report.losses);
    assert_eq!(report.loss_count, 10, "{:?}", report.losses);
    let found = &contents(&env, NEW)["large"];
    assert_eq!(found.len(), 10);
    assert!((0..20).filter(|n| n % 2 == 1).all(|n| found[&key(n)] == vec![n as u8; 50]));
}

/// Whether a data file is none of segments: those begin with no magic.
fn is_blob(bytes: &[u8]) -> bool {
    bytes.starts_with(b"CuestaBl") || bytes.starts_with(b"CUESTLOG")
}

#[test]
fn a_real_directory_is_repaired() -> std::result::Result<(), Error> {
    let dir = tempfile::tempdir().unwrap();
    let (path, new) = (dir.path().join("db"), dir.path().join("new"));
    let db = Database::open(&path)?;
    let numbers = db.keyspace("numbers")?;
    for n in 0..2000u64 {
        numbers.put(key(n), n.to_le_bytes())?;
    }
    db.close()?;
    std::fs::remove_file(path.join("identity")).unwrap();
    assert!(Database::open(&path).is_err());
    let report = Database::repair(&path, &new)?;
    assert_eq!(report.loss_count, 1, "{:?}", report.losses);
    assert!(!Path::new(&path).join("identity").exists());
    let numbers = Database::open(&new)?.keyspace("numbers")?;
    assert_eq!(numbers.iter()?.count(), 2000);
    Ok(())
}
