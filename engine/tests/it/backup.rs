//! Backups: whole or not there, sharing what does not change, restored to any commit.

use std::path::Path;
use std::sync::Arc;

use cuesta_engine::env::sim::{Crash, Fault, FaultRule, OpKind, SimDisk, SimEnv};
use cuesta_engine::keep::{RestoreTo, backups, check_backups, purge, restore};
use cuesta_engine::{Durability, Engine, ErrorKind, Options, SeqNo};

use crate::world::{Model, World, data_files, registry, small};

const BACKUPS: &str = "backups";

/// Restores, opens, compares, and removes what was restored.
fn check_restore(env: &Arc<SimEnv>, to: RestoreTo, model: &Model) -> SeqNo {
    let target = Path::new("restored");
    let report = restore(&**env, Path::new(BACKUPS), target, to).unwrap();
    let engine = Engine::open(env.clone(), target, small(), registry()).unwrap();
    assert!(engine.recovery().closed, "{to:?}");
    assert_eq!(engine.view().seq(), report.commit, "{to:?}");
    model.check(&engine.view());
    assert_eq!(engine.verify().unwrap().problems, Vec::<String>::new());
    drop(engine);
    empty(env.disk(), "restored");
    report.commit
}

fn empty(disk: &SimDisk, folder: &str) {
    let files = disk.files().into_iter().filter(|path| path.starts_with(folder));
    files.for_each(|path| disk.remove_file(&path));
}

fn refused(env: &Arc<SimEnv>, to: RestoreTo) -> cuesta_engine::Error {
    let error = restore(&**env, Path::new(BACKUPS), Path::new("restored"), to).unwrap_err();
    let left: Vec<_> =
        env.disk().files().into_iter().filter(|path| path.starts_with("restored")).collect();
    assert!(left.is_empty(), "{left:?}");
    error
}

fn commits(world: &mut World, rounds: u32) {
    for round in 0..rounds {
        world.fill(round * 31, 25, Durability::Buffered);
    }
}

#[test]
fn every_backup_is_what_was_committed_then_and_shares_what_did_not_change() {
    let mut world = World::of_all(1, small());
    let mut models = Vec::new();
    for round in 0..6 {
        commits(&mut world, round);
        world.engine.flush().unwrap();
        world.fill(round, 7, Durability::Buffered);
        let report = world.engine.backup(Path::new(BACKUPS)).unwrap();
        assert_eq!(report.number, u64::from(round) + 1);
        assert_eq!(report.commit, world.engine.view().seq());
        models.push(world.model.clone());
    }
    // Nothing has changed: nothing sealed is copied, but for what is written in place.
    let again = world.engine.backup(Path::new(BACKUPS)).unwrap();
    assert!(again.kept_files >= 1 && again.copied_files <= 2, "{again:?}");
    world.engine.compact().unwrap();
    world.settle();
    assert_eq!(check_backups(&*world.env, Path::new(BACKUPS)).unwrap(), Vec::<String>::new());
    let World { env, engine, .. } = world;
    engine.close().unwrap();
    empty(env.disk(), "db");
    let listed = backups(&*env, Path::new(BACKUPS)).unwrap();
    assert_eq!(listed.len(), 7);
    for (number, model) in (1..).zip(&models) {
        let info = listed[number as usize - 1].as_ref().unwrap();
        let commit = check_restore(&env, RestoreTo::Backup(number), model);
        assert_eq!((info.number, info.commit), (number, commit));
        assert_eq!(check_restore(&env, RestoreTo::Commit(commit), model), commit);
    }
}

#[test]
fn an_archived_log_restores_every_commit_since_the_oldest_backup() {
    for seed in 0..4 {
        let options = Options { archive: Some(BACKUPS.into()), ..small() };
        let mut world = World::of_all(seed, options);
        let mut models = vec![(world.engine.view().seq(), world.model.clone(), 0)];
        let mut first = None;
        for round in 0..40u32 {
            let commit = world.fill(round * 17, 12, Durability::Buffered);
            let clock_ms = world.engine.view().clock_ms();
            models.push((commit, world.model.clone(), clock_ms));
            world.env.advance(std::time::Duration::from_millis(700));
            match round {
                5 | 22 => {
                    let made = world.engine.backup(Path::new(BACKUPS)).unwrap();
                    first.get_or_insert(made.commit);
                }
                11 => world = world.reopen(),
                17 | 30 => world = world.kill(),
                _ => {}
            }
        }
        world.settle();
        let World { env, engine, .. } = world;
        engine.close().unwrap();
        drop(engine);
        empty(env.disk(), "db");
        let first = first.unwrap();
        let (last, latest, _) = models.last().unwrap();
        assert_eq!(check_restore(&env, RestoreTo::Latest, latest), *last);
        for (commit, model, clock_ms) in &models {
            if *commit < first {
                assert_eq!(refused(&env, RestoreTo::Commit(*commit)).kind(), ErrorKind::NotFound);
                continue;
            }
            assert_eq!(check_restore(&env, RestoreTo::Commit(*commit), model), *commit);
            let (last, at_last, _) =
                models.iter().rfind(|(.., other_ms)| other_ms <= clock_ms).unwrap();
            assert_eq!(check_restore(&env, RestoreTo::Time(*clock_ms), at_last), *last);
        }
        let error = refused(&env, RestoreTo::Commit(last.next()));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        // Without a segment in the middle, what is before it can be restored, and no more.
        let archive: Vec<_> =
            env.disk().files().into_iter().filter(|path| path.starts_with("backups/log")).collect();
        assert!(archive.len() > 5, "{archive:?}");
        purge(&*env, Path::new(BACKUPS), 1).unwrap();
        let (second, ..) = models.iter().find(|(commit, ..)| commit.0 == first.0 + 17).unwrap();
        assert_eq!(check_restore(&env, RestoreTo::Latest, latest), *last);
        assert!(second < last);
        assert_eq!(refused(&env, RestoreTo::Commit(first)).kind(), ErrorKind::NotFound);
        let archive: Vec<_> =
            env.disk().files().into_iter().filter(|path| path.starts_with("backups/log")).collect();
        env.disk().remove_file(&archive[archive.len() / 2]);
        let error = refused(&env, RestoreTo::Commit(*last));
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.message().contains("is not archived"), "{error}");
    }
}

#[test]
fn a_crash_at_any_operation_of_a_backup_leaves_earlier_ones_good() {
    let mut world = World::traced(3, small());
    for shape in crate::world::Shape::ALL {
        world.create(&format!("{shape:?}"), shape);
    }
    commits(&mut world, 5);
    world.engine.flush().unwrap();
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    let earlier = world.model.clone();
    commits(&mut world, 4);
    world.engine.flush().unwrap();
    world.fill(1, 9, Durability::Sync);
    let from = world.disk().op_count();
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    let to = world.disk().op_count();
    let mut whole = 0;
    for at in from..=to {
        for mode in Crash::all(at) {
            let env = SimEnv::on(world.disk().crash_image(at, mode), at);
            check_restore(&env, RestoreTo::Backup(1), &earlier);
            let listed = backups(&*env, Path::new(BACKUPS)).unwrap();
            assert!(listed.iter().all(Result::is_ok), "{listed:?}");
            if listed.len() > 1 {
                check_restore(&env, RestoreTo::Latest, &world.model);
                whole += 1;
            }
            assert!(at < to || listed.len() == 2);
            if at % 5 == 0 && mode == Crash::KeepAll {
                // The next backup clears what the crashed one left.
                let engine = crate::world::open(&env, small()).unwrap();
                engine.backup(Path::new(BACKUPS)).unwrap();
                drop(engine);
                check_restore(&env, RestoreTo::Latest, &world.model);
                let problems = check_backups(&*env, Path::new(BACKUPS)).unwrap();
                assert_eq!(problems, Vec::<String>::new());
            }
        }
    }
    assert!(whole >= 9, "{whole}");
}

#[test]
fn a_crash_at_any_operation_of_a_purge_leaves_the_kept_ones_good() {
    let mut world = World::traced(4, small());
    for shape in crate::world::Shape::ALL {
        world.create(&format!("{shape:?}"), shape);
    }
    for _ in 0..3 {
        commits(&mut world, 4);
        world.engine.compact().unwrap();
        world.engine.backup(Path::new(BACKUPS)).unwrap();
    }
    let from = world.disk().op_count();
    let report = purge(&*world.env, Path::new(BACKUPS), 1).unwrap();
    assert!(report.backups == 2 && report.files > 3, "{report:?}");
    let to = world.disk().op_count();
    for at in from..=to {
        for mode in Crash::all(at) {
            let env = SimEnv::on(world.disk().crash_image(at, mode), at);
            check_restore(&env, RestoreTo::Backup(3), &world.model);
            purge(&*env, Path::new(BACKUPS), 1).unwrap();
            check_restore(&env, RestoreTo::Latest, &world.model);
            assert_eq!(backups(&*env, Path::new(BACKUPS)).unwrap().len(), 1);
            let mut files = env.disk().files().into_iter();
            let left = files.find(|path| {
                path.starts_with("backups/tails") && !path.starts_with("backups/tails/00000003")
            });
            assert_eq!(left, None);
        }
    }
    let error = purge(&*world.env, Path::new(BACKUPS), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_damaged_backup_is_found_and_never_restored_as_if_it_were_whole() {
    let mut world = World::of_all(5, small());
    commits(&mut world, 6);
    world.engine.flush().unwrap();
    world.fill(0, 5, Durability::Sync);
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    let World { env, model, .. } = world;
    let files: Vec<_> =
        env.disk().files().into_iter().filter(|path| path.starts_with(BACKUPS)).collect();
    for path in files.iter().filter(|path| !path.ends_with("lock")) {
        let bytes = env.disk().read_file(path);
        for place in [0, bytes.len() / 3, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 4;
            env.disk().write_file(path, &damaged);
            let error = refused(&env, RestoreTo::Latest);
            assert!(
                matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported),
                "{path:?} at {place}: {error:?}"
            );
            let problems = check_backups(&*env, Path::new(BACKUPS)).unwrap();
            assert!(!problems.is_empty(), "{path:?} at {place}");
        }
        for len in [0, bytes.len() / 2] {
            env.disk().write_file(path, &bytes[..len]);
            refused(&env, RestoreTo::Latest);
        }
        env.disk().remove_file(path);
        let error = refused(&env, RestoreTo::Latest);
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound), "{error:?}");
        env.disk().write_file(path, &bytes);
        check_restore(&env, RestoreTo::Latest, &model);
    }
}

#[test]
fn damage_is_not_backed_up() {
    let mut world = World::of_all(6, small());
    world.disk().disable_maps();
    commits(&mut world, 8);
    world.engine.compact().unwrap();
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    let before = world.model.clone();
    commits(&mut world, 8);
    world.engine.compact().unwrap();
    for path in data_files(world.disk()).iter().filter(|path| path.starts_with("db")) {
        let mut bytes = world.disk().read_file(path);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        world.disk().write_file(path, &bytes);
    }
    let error = world.engine.backup(Path::new(BACKUPS)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.message().contains("segment"), "{error}");
    check_restore(&world.env, RestoreTo::Latest, &before);
}

#[test]
fn a_directory_of_backups_is_of_one_database() {
    let mut world = World::of_all(7, small());
    commits(&mut world, 2);
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    let other = Engine::open(world.env.clone(), Path::new("other"), small(), registry()).unwrap();
    let error = other.backup(Path::new(BACKUPS)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = world.engine.backup(Path::new("other")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    check_restore(&world.env, RestoreTo::Latest, &world.model);
}

#[test]
fn a_log_that_cannot_be_archived_is_kept() {
    let options = Options { archive: Some(BACKUPS.into()), ..small() };
    let mut world = World::of_all(8, options);
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    let full = FaultRule::nth(1, OpKind::Write, Fault::Enospc).on("backups/log").sticky();
    world.disk().inject(full);
    commits(&mut world, 40);
    world.settle();
    world.env.advance(std::time::Duration::from_secs(2));
    let logs = crate::world::log_files(world.disk());
    assert!(logs.iter().filter(|path| path.starts_with("db")).count() > 4, "{logs:?}");
    world.disk().clear_faults();
    let World { env, engine, model, .. } = world;
    engine.close().unwrap();
    drop(engine);
    empty(env.disk(), "db");
    check_restore(&env, RestoreTo::Latest, &model);
}

/// Sealed data files of the database that are in the directory of backups as well.
fn shared_files(world: &World) -> Vec<std::path::PathBuf> {
    let files = data_files(world.disk()).into_iter().filter(|path| path.starts_with("db"));
    let in_pool = world.disk().files();
    let is_shared = |path: &std::path::PathBuf| {
        in_pool.contains(&Path::new("backups/files").join(path.file_name().unwrap()))
    };
    files.filter(is_shared).collect()
}

#[test]
fn a_damaged_file_never_replaces_the_good_copy_of_it() {
    let mut world = World::of_all(9, small());
    world.disk().disable_maps();
    commits(&mut world, 8);
    world.engine.compact().unwrap();
    world.settle();
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    let before = world.model.clone();
    let shared = shared_files(&world);
    assert!(!shared.is_empty());
    for path in shared {
        let sound = world.disk().read_file(&path);
        let mut damaged = sound.clone();
        *damaged.last_mut().unwrap() ^= 1;
        world.disk().write_file(&path, &damaged);
        let error = world.engine.backup(Path::new(BACKUPS)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        world.disk().write_file(&path, &sound);
    }
    assert_eq!(check_backups(&*world.env, Path::new(BACKUPS)).unwrap(), Vec::<String>::new());
    check_restore(&world.env, RestoreTo::Latest, &before);
}

#[test]
fn a_file_that_differs_from_its_copy_is_copied_beside_it() {
    let mut world = World::of_all(10, small());
    commits(&mut world, 8);
    world.engine.compact().unwrap();
    world.settle();
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    let shared = shared_files(&world);
    // As when a crash undoes that a log segment was cut, which is a data file as well.
    let longer = [&world.disk().read_file(&shared[0])[..], &[0; 100]].concat();
    world.disk().write_file(&shared[0], &longer);
    let second = world.engine.backup(Path::new(BACKUPS)).unwrap();
    let third = world.engine.backup(Path::new(BACKUPS)).unwrap();
    assert_eq!(third.kept_files, second.kept_files + 1, "{second:?}, {third:?}");
    // A copy that was lost is made again, under its name.
    let lost = Path::new("backups/files").join(shared[0].file_name().unwrap());
    world.disk().remove_file(&lost);
    assert!(!check_backups(&*world.env, Path::new(BACKUPS)).unwrap().is_empty());
    world.disk().write_file(&shared[0], &longer[..longer.len() - 100]);
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    assert_eq!(check_backups(&*world.env, Path::new(BACKUPS)).unwrap(), Vec::<String>::new());
    for number in 1..=4 {
        check_restore(&world.env, RestoreTo::Backup(number), &world.model);
    }
}

#[test]
fn a_restored_database_opens_however_often_the_manifest_was_written_anew() {
    let options = Options { archive: Some(BACKUPS.into()), manifest_bytes: 1, ..small() };
    let mut world = World::of_all(11, options);
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    for round in 0..60 {
        world.fill(round * 17, 20, Durability::Buffered);
        world.engine.flush().unwrap();
    }
    let World { env, engine, model, .. } = world;
    let manifest = engine.parts().manifest().as_ref().unwrap().position().number;
    assert!(manifest > 4, "{manifest} manifests");
    engine.close().unwrap();
    drop(engine);
    check_restore(&env, RestoreTo::Latest, &model);
}

#[test]
fn a_gap_in_the_archive_is_told_and_not_passed_over() {
    let archiving = Options { archive: Some(BACKUPS.into()), ..small() };
    let mut world = World::of_all(12, archiving.clone());
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    commits(&mut world, 10);
    for archive in [None, archiving.archive] {
        world.engine.close().unwrap();
        world.options = Options { archive, ..small() };
        world = world.reopen();
        commits(&mut world, 20);
        world.engine.flush().unwrap();
    }
    let backup = world.engine.backup(Path::new(BACKUPS)).unwrap();
    commits(&mut world, 10);
    let World { env, engine, model, .. } = world;
    engine.close().unwrap();
    drop(engine);
    check_restore(&env, RestoreTo::Latest, &model);
    let problems = check_backups(&*env, Path::new(BACKUPS)).unwrap();
    assert!(problems.iter().any(|problem| problem.contains("missing")), "{problems:?}");
    // Without the backup behind it.
    env.disk().remove_file(Path::new("backups/backup-00000002"));
    for to in [RestoreTo::Latest, RestoreTo::Time(u64::MAX), RestoreTo::Commit(backup.commit)] {
        let error = refused(&env, to);
        assert_eq!(error.kind(), ErrorKind::NotFound, "{to:?}: {error}");
        assert!(error.message().contains("is not archived"), "{error}");
    }
}

#[test]
fn damage_of_an_archived_segment_is_found() {
    let options = Options { archive: Some(BACKUPS.into()), ..small() };
    let mut world = World::of_all(16, options);
    world.engine.backup(Path::new(BACKUPS)).unwrap();
    commits(&mut world, 12);
    let World { env, engine, .. } = world;
    engine.close().unwrap();
    assert_eq!(check_backups(&*env, Path::new(BACKUPS)).unwrap(), Vec::<String>::new());
    let is_archived = |path: &std::path::PathBuf| path.starts_with("backups/log");
    let archive: Vec<_> = env.disk().files().into_iter().filter(is_archived).collect();
    for path in archive {
        let sound = env.disk().read_file(&path);
        let mut damaged = sound.clone();
        // Behind the header, which has room that nothing checks.
        let middle = (512 + damaged.len()) / 2;
        let Some(byte) = damaged.get_mut(middle) else { continue };
        *byte ^= 1;
        env.disk().write_file(&path, &damaged);
        let problems = check_backups(&*env, Path::new(BACKUPS)).unwrap();
        assert!(problems.iter().any(|problem| problem.contains("archive")), "{path:?}");
        env.disk().write_file(&path, &sound);
    }
}

#[test]
fn a_database_that_was_put_back_is_not_archived_over_its_future() {
    let options = Options { archive: Some(BACKUPS.into()), ..small() };
    let mut world = World::of_all(13, options.clone());
    commits(&mut world, 3);
    world.engine.close().unwrap();
    let early = world.disk().fork();
    world = world.reopen();
    commits(&mut world, 30);
    world.engine.close().unwrap();
    let is_archived = |path: &std::path::PathBuf| path.starts_with("backups/log");
    for path in world.disk().files().into_iter().filter(is_archived) {
        early.write_file(&path, &world.disk().read_file(&path));
    }
    let env = SimEnv::on(early, 14);
    let error = crate::world::open(&env, options).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(crate::world::open(&env, small()).is_ok());
}

#[test]
fn a_log_that_is_held_makes_no_small_flushes() {
    let log_limit = Some(32 << 10);
    let options = Options { archive: Some(BACKUPS.into()), log_limit, ..small() };
    let mut world = World::of_all(15, options);
    let full = FaultRule::nth(1, OpKind::Write, Fault::Enospc).on("backups/log").sticky();
    world.disk().inject(full);
    for round in 0..400 {
        world.fill(round, 2, Durability::Buffered);
        world.env.run_until_idle();
    }
    let gauges = world.engine.gauges();
    assert!(gauges.log_bytes > 64 << 10, "{} bytes of log", gauges.log_bytes);
    let rotations = world.engine.stats().rotations.load(std::sync::atomic::Ordering::Relaxed);
    assert!(rotations < 100, "{rotations} rotations");
    world.disk().clear_faults();
}
