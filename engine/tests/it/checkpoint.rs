//! Checkpoints: whole or not there, of one moment, and independent of what they were made from.

use std::path::Path;
use std::sync::Arc;

use cuesta_engine::env::Vfs;
use cuesta_engine::env::sim::{Crash, Fault, FaultRule, OpKind, SimEnv};
use cuesta_engine::{Durability, Engine, ErrorKind, Options, Result};

use crate::world::{Model, World, open, reading, registry, small};

const COPY: &str = "copies/one";

fn open_copy(env: &Arc<SimEnv>, name: &str) -> Result<Engine> {
    Engine::open(env.clone(), Path::new(name), small(), registry())
}

/// The copy opens, holds what the model says, and is sound.
fn check_copy(env: &Arc<SimEnv>, name: &str, model: &Model) {
    let engine = open_copy(env, name).unwrap();
    assert!(engine.recovery().closed);
    model.check(&engine.view());
    assert_eq!(engine.verify().unwrap().problems, Vec::<String>::new());
    engine.close().unwrap();
}

/// A world in the middle of its work: memtables, frozen ones, segments, merges.
fn busy(seed: u64, rounds: u32) -> World {
    let mut world = World::of_all(seed, small());
    for round in 0..rounds {
        world.fill(round * 31, 25, Durability::Buffered);
        (0..seed % 7).for_each(|_| _ = world.env.step_one());
    }
    world
}

#[test]
fn a_checkpoint_is_what_was_committed_at_any_stage_of_the_work() {
    for seed in 0..30 {
        let mut world = busy(seed, seed as u32 % 11);
        let at_first = world.model.clone();
        let report = world.engine.checkpoint(Path::new(COPY)).unwrap();
        assert_eq!(report.commit, world.engine.view().seq());
        assert_ne!(report.uuid, world.engine.identity().uuid);
        // What comes later is in the source alone, and the other way round.
        world.fill(1, 25, Durability::Buffered);
        world.settle();
        check_copy(&world.env, COPY, &at_first);
        let copy = open_copy(&world.env, COPY).unwrap();
        let mut model = at_first.clone();
        for round in 0..5 {
            let writes = model.filling(round * 40, 30);
            copy.commit(model.batch(&writes), Durability::Sync).unwrap();
            model.apply(&writes);
        }
        copy.compact().unwrap();
        model.check(&copy.view());
        drop(copy);
        check_copy(&world.env, COPY, &model);
        world.check_sound();
        world.check();
        world = world.reopen();
        world.check();
    }
}

#[test]
fn a_checkpoint_outlives_its_source() {
    let mut world = busy(3, 9);
    let model = world.model.clone();
    world.engine.checkpoint(Path::new(COPY)).unwrap();
    world.fill(0, 100, Durability::Sync);
    world.engine.compact().unwrap();
    world.settle();
    let World { env, engine, .. } = world;
    engine.close().unwrap();
    for path in env.disk().files() {
        if path.starts_with("db") {
            env.disk().remove_file(&path);
        }
    }
    check_copy(&env, COPY, &model);
}

#[test]
fn a_reader_makes_checkpoints_of_what_it_sees() {
    let world = busy(5, 9);
    let World { env, engine, options, model } = world;
    engine.close().unwrap();
    let before = env.disk().content_hash();
    let reader = open(&env, reading(options)).unwrap();
    assert_eq!(env.disk().content_hash(), before);
    reader.checkpoint(Path::new(COPY)).unwrap();
    check_copy(&env, COPY, &model);
}

#[test]
fn where_files_cannot_be_linked_they_are_copied() {
    let mut world = busy(4, 9);
    world.settle();
    world.fill(3, 5, Durability::Sync);
    world.disk().inject(FaultRule::nth(1, OpKind::Link, Fault::Eio).sticky());
    let report = world.engine.checkpoint(Path::new(COPY)).unwrap();
    assert_eq!(report.linked_files, 0);
    assert!(report.copied_files > 0);
    world.disk().clear_faults();
    check_copy(&world.env, COPY, &world.model);
}

#[test]
fn a_directory_with_files_is_refused_and_left_alone() {
    let world = busy(6, 3);
    world.disk().write_file("copies/one/letter", b"mine");
    let error = world.engine.checkpoint(Path::new(COPY)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert!(error.message().contains("letter"), "{error}");
    assert_eq!(world.disk().read_file("copies/one/letter"), b"mine");
    // Nor is a database copied into itself.
    let error = world.engine.checkpoint(Path::new("db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    world.check();
}

#[test]
fn a_crash_at_any_operation_leaves_a_whole_checkpoint_or_none() {
    let mut world = World::traced(8, small());
    for shape in crate::world::Shape::ALL {
        world.create(&format!("{shape:?}"), shape);
    }
    for round in 0..8 {
        world.fill(round * 31, 25, Durability::Buffered);
    }
    world.settle();
    world.fill(0, 10, Durability::Sync);
    let from = world.disk().op_count();
    world.engine.checkpoint(Path::new(COPY)).unwrap();
    let to = world.disk().op_count();
    let (mut whole, mut none) = (0, 0);
    for at in from..=to {
        for mode in Crash::all(at) {
            let env = SimEnv::on(world.disk().crash_image(at, mode), at);
            let source = open(&env, small()).unwrap();
            world.model.check(&source.view());
            drop(source);
            let must_exist = Options { access: cuesta_engine::Access::Write, ..small() };
            let copy = Engine::open(env.clone(), Path::new(COPY), must_exist, registry());
            match copy {
                Ok(copy) => {
                    world.model.check(&copy.view());
                    whole += 1;
                }
                Err(error) => {
                    assert!(at < to, "{mode:?}: {error}");
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{at} {mode:?}: {error}");
                    none += 1;
                }
            }
        }
    }
    assert!(whole > 9 && none > 100, "{whole} {none}");
}

#[test]
fn a_checkpoint_that_fails_leaves_no_database_and_harms_none() {
    let world = busy(9, 9);
    let kinds = [OpKind::Write, OpKind::Sync, OpKind::Create, OpKind::Rename, OpKind::SyncDir];
    for kind in kinds {
        for nth in 1..6 {
            for fault in [Fault::Eio, Fault::Enospc] {
                let name = format!("copies/{kind:?}-{nth}-{fault:?}");
                world.disk().inject(FaultRule::nth(nth, kind, fault).on("copies"));
                let made = world.engine.checkpoint(Path::new(&name));
                world.disk().clear_faults();
                match made {
                    Ok(_) => check_copy(&world.env, &name, &world.model),
                    Err(error) => {
                        assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::Full), "{error}");
                        // Its directory goes, too, if nothing else is in it.
                        let left = world.disk().list(Path::new(&name)).unwrap_or_default();
                        assert!(left.len() <= 1 || kind == OpKind::SyncDir, "{kind:?}: {left:?}");
                    }
                }
            }
        }
    }
    world.check();
    world.check_sound();
}

#[test]
fn damage_of_the_log_is_not_copied() {
    let mut world = World::of_all(10, small());
    world.fill(0, 5, Durability::Sync);
    let log = crate::world::log_files(world.disk()).pop().unwrap();
    let mut bytes = world.disk().read_file(&log);
    bytes[700] ^= 1;
    world.disk().write_file(&log, &bytes);
    let error = world.engine.checkpoint(Path::new(COPY)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(!world.disk().exists(Path::new("copies/one/identity")).unwrap());
}
