//! Repairs: what is intact is saved, what is not is told, and the damaged directory stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cuesta_engine::env::Env;
use cuesta_engine::env::sim::SimEnv;
use cuesta_engine::index::Lost;
use cuesta_engine::repair::repair;
use cuesta_engine::{Durability, Engine, ErrorKind, RepairReport, Result};

use crate::world::{DIR, Map, Model, Shape, World, open, registry, small};

const NEW: &str = "repaired";

fn run(env: &Arc<SimEnv>) -> Result<RepairReport> {
    let world: Arc<dyn Env> = env.clone();
    repair(&world, (Path::new(DIR), Path::new(NEW)), small(), registry())
}

fn files(env: &SimEnv, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
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

/// Everything that was ever written, by index and key.
type History = BTreeMap<String, BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>>;

/// A closed database in every stage of its life, and what it holds.
fn story(seed: u64) -> (Arc<SimEnv>, Model, History) {
    let mut world = World::of_all(seed, small());
    let mut history = History::new();
    for round in 0..9 {
        let writes = world.model.filling(round * 31, 25);
        for (id, key, value) in &writes {
            let name = world.model.0[id].name.clone();
            let values = history.entry(name).or_default().entry(key.clone()).or_default();
            values.extend(value.clone());
        }
        world.commit(&writes, Durability::Sync);
        if round == 6 {
            world.engine.flush().unwrap();
        }
    }
    world.settle();
    let World { env, engine, model, .. } = world;
    engine.close().unwrap();
    drop(engine);
    (env, model, history)
}

fn contents(env: &Arc<SimEnv>, model: &Model) -> BTreeMap<String, Map> {
    let engine = Engine::open(env.clone(), Path::new(NEW), small(), registry()).unwrap();
    assert_eq!(engine.verify().unwrap().problems, Vec::<String>::new());
    let view = engine.view();
    let shapes: BTreeMap<&str, Shape> =
        model.0.values().map(|content| (content.name.as_str(), content.shape)).collect();
    let catalog = view.catalog().unwrap();
    let of = |(id, entry): (_, &cuesta_engine::version::Entry)| {
        let shape = shapes.get(entry.name.as_str()).copied()?;
        Some((entry.name.clone(), shape.dump(&view, id).unwrap()))
    };
    catalog.iter().filter_map(of).collect()
}

fn expected(model: &Model) -> BTreeMap<String, Map> {
    model.0.values().map(|content| (content.name.clone(), content.map.clone())).collect()
}

#[test]
fn a_sound_database_is_saved_whole() {
    let (env, model, _) = story(1);
    let before = files(&env, DIR);
    let report = run(&env).unwrap();
    assert!(report.is_whole(), "{:?}", report.losses);
    assert_eq!(report.indexes, 3);
    assert_eq!(files(&env, DIR), before);
    assert_eq!(contents(&env, &model), expected(&model));
    assert_eq!(run(&env).unwrap_err().kind(), ErrorKind::Exists);
}

#[test]
fn whatever_is_damaged_the_rest_is_saved_and_the_loss_is_told() {
    let (env, model, history) = story(2);
    let stored = files(&env, DIR);
    let mut saved = 0;
    let mut tries = 0;
    for (path, bytes) in stored.iter().filter(|(path, _)| !path.ends_with("lock")) {
        let mut damages: Vec<Option<Vec<u8>>> = vec![None, Some(Vec::new())];
        damages.push(Some(bytes[..bytes.len() / 2].to_vec()));
        for part in 0..8 {
            let mut flipped = bytes.clone();
            flipped[bytes.len() * part / 8] ^= 0x20;
            damages.push(Some(flipped));
        }
        for damaged in damages {
            restore(&env, &stored);
            match &damaged {
                None => env.disk().remove_file(path),
                Some(bytes) => env.disk().write_file(path, bytes),
            }
            let before = files(&env, DIR);
            let report = run(&env).unwrap();
            assert_eq!(files(&env, DIR), before, "{path:?}");
            let found = contents(&env, &model);
            tries += 1;
            let is_content = path.extension().is_some_and(|e| e == "seg" || e == "log");
            // Files that are written in place do not say what they are.
            let is_data = |what: &Lost| match what {
                Lost::File { name } => name.ends_with(".seg"),
                _ => false,
            };
            let in_place = !is_content && report.losses.iter().any(|loss| is_data(&loss.what));
            if in_place {
                assert_eq!(found["rows"], expected(&model)["rows"], "{:?}", report.losses);
            } else if report.is_whole() || !is_content {
                assert_eq!(found, expected(&model), "{path:?}: {:?}", report.losses);
            }
            assert_eq!(report.losses.is_empty(), report.is_whole(), "{path:?}");
            saved += usize::from(found == expected(&model));
            for (name, map) in &found {
                for (key, value) in map {
                    let known = history[name].get(key).is_some_and(|values| values.contains(value));
                    assert!(known, "{path:?}: {name} has what nobody wrote");
                }
            }
        }
    }
    // The identity and the end of the manifest can be done without, at least.
    println!("{saved} of {tries}");
    assert!(saved * 4 > tries, "{saved} of {tries}");
}

#[test]
fn what_is_no_database_is_not_repaired() {
    let env = SimEnv::new(3);
    assert_eq!(run(&env).unwrap_err().kind(), ErrorKind::NotFound);
    let (env, ..) = story(4);
    let _open = open(&env, small()).unwrap();
    assert_eq!(run(&env).unwrap_err().kind(), ErrorKind::Locked);
}

#[test]
fn any_damage_of_a_label_is_found() {
    let (env, model, _) = story(3);
    let stored = files(&env, DIR);
    let is_data = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "seg");
    let mut told = 0;
    for (path, bytes) in stored.iter().filter(|(path, _)| is_data(path)) {
        // Behind the magic there is a checksum, and before it how long all of it is.
        let magic = bytes.windows(8).rposition(|eight| eight == b"CuestaLb");
        let Some(len) = magic.map(|magic| magic + 12) else { continue };
        let payload = u32::from_le_bytes(bytes[len - 28..len - 24].try_into().unwrap());
        for at in len - 28 - payload as usize..len {
            restore(&env, &stored);
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            env.disk().write_file(path, &damaged);
            let engine = open(&env, small()).unwrap();
            model.check(&engine.view());
            let problems = engine.verify().unwrap().problems;
            assert!(problems.iter().any(|told| told.contains("label")), "{at}: {problems:?}");
            engine.close().unwrap();
            told += 1;
        }
    }
    assert!(told >= 120, "{told} damages");
}
