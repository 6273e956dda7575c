//! Opening and closing: what survives, what is reported, what is refused, what is left alone.

use std::path::Path;
use std::time::Duration;

use cuesta_engine::env::Vfs;
use cuesta_engine::env::os::OsEnv;
use cuesta_engine::env::sim::{Crash, SimEnv};
use cuesta_engine::log::LogOptions;
use cuesta_engine::{Access, Batch, Durability, Engine, ErrorKind, Options, SeqNo};

use crate::world::{DIR, Shape, World, log_files, open, reading, registry, small};

#[test]
fn what_is_committed_is_there_after_closing_and_after_a_kill() {
    let mut world = World::of_all(1, small());
    for round in 0..6 {
        for durability in
            [Durability::Sync, Durability::Interval, Durability::Buffered, Durability::None]
        {
            world.fill(round * 31, 25, durability);
        }
        world.check_deeply();
        world = world.reopen();
        assert!(world.engine.recovery().closed);
        assert_eq!(world.engine.recovery().torn, None);
        world.check_deeply();
        world.fill(round * 17, 25, Durability::Buffered);
        world = world.kill();
        assert!(!world.engine.recovery().closed);
        world.check_deeply();
    }
}

#[test]
fn commits_are_numbered_in_one_order_across_openings() {
    let mut world = World::of_all(2, small());
    let first = world.fill(0, 3, Durability::Sync);
    assert_eq!(world.fill(0, 3, Durability::None), first.next());
    world = world.reopen();
    assert_eq!(world.engine.view().seq(), first.next());
    assert_eq!(world.fill(0, 3, Durability::Sync), first.next().next());
}

#[test]
fn an_empty_batch_is_a_commit() {
    let world = World::new(3, small());
    assert_eq!(world.engine.commit(Batch::new(), Durability::Sync).unwrap(), SeqNo(1));
    let mut notes = Batch::new();
    notes.notes().extend_from_slice(b"nothing but notes");
    assert_eq!(world.engine.commit(notes, Durability::Sync).unwrap(), SeqNo(2));
    let world = world.reopen();
    assert_eq!(world.engine.view().seq(), SeqNo(2));
}

#[test]
fn opening_and_closing_again_and_again_takes_no_space() {
    let mut world = World::of_all(4, small());
    world.fill(0, 5, Durability::Sync);
    world = world.reopen();
    let files = world.disk().files();
    for _ in 0..20 {
        world = world.reopen();
        assert!(world.engine.recovery().closed, "still closed in order");
    }
    assert_eq!(world.disk().files(), files);
    for round in 0..40 {
        world.fill(round, 2, Durability::Sync);
        world = world.reopen();
    }
    let logs = log_files(world.disk());
    assert!(logs.len() <= 10, "{} log segments for a few commits", logs.len());
    world.check_deeply();
}

#[test]
fn a_weak_commit_survives_a_kill_as_its_durability_says() {
    for (durability, survives) in [
        (Durability::Sync, true),
        (Durability::Interval, true),
        (Durability::Buffered, true),
        (Durability::None, false),
    ] {
        let mut world = World::of_all(5, small());
        let before = world.model.clone();
        world.fill(0, 3, durability);
        let mut world = world.kill();
        if !survives {
            world.model = before;
        }
        world.check_deeply();
    }
}

#[test]
fn a_power_loss_takes_only_what_was_not_synced() {
    // Large segments: beginning one makes durable what is in the one before.
    let log = LogOptions { segment_bytes: 8 << 20, ..LogOptions::default() };
    let interval = Duration::from_millis(50);
    let options = Options { sync_interval: interval, log, ..small() };
    let mut world = World::of_all(6, options.clone());
    let crash = |world: &World| {
        let disk = world.disk();
        let image = disk.crash_image(disk.op_count(), Crash::LoseUnsynced);
        open(&SimEnv::on(image, 1), options.clone()).unwrap()
    };
    world.fill(0, 3, Durability::Sync);
    let synced = world.model.clone();
    synced.check(&crash(&world).view());
    world.fill(7, 3, Durability::Buffered);
    synced.check(&crash(&world).view());
    world.fill(9, 3, Durability::Interval);
    synced.check(&crash(&world).view());
    // All that came before an interval commit is durable with it.
    world.env.advance(Duration::from_millis(60));
    world.env.run_until_idle();
    world.model.check(&crash(&world).view());
    world.fill(11, 3, Durability::None);
    world.engine.sync().unwrap();
    world.model.check(&crash(&world).view());
}

#[test]
fn a_closed_handle_refuses_and_its_views_stay() {
    let mut world = World::of_all(7, small());
    world.fill(0, 30, Durability::Sync);
    world.engine.flush().unwrap();
    world.fill(0, 30, Durability::Sync);
    let view = world.engine.view();
    world.engine.close().unwrap();
    world.engine.close().unwrap();
    world.model.check(&view);
    world.model.check(&world.engine.view());
    let batch = world.model.batch(&world.model.filling(0, 1));
    for error in [
        world.engine.commit(batch, Durability::Sync).map(|_| ()).unwrap_err(),
        world.engine.flush().unwrap_err(),
        world.engine.sync().unwrap_err(),
        world.engine.compact().unwrap_err(),
        world.engine.settle().unwrap_err(),
        world.engine.create_index("x", Shape::Rows.kind(), &Shape::Rows.options()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.message().contains("closed"), "{error}");
    }
    drop(view);
    let world = world.reopen();
    world.check_deeply();
}

#[test]
fn a_second_handle_is_told_who_has_the_first() {
    let world = World::new(8, small());
    let error = open(&world.env, small()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().contains("db is in use by simulated process"), "{error}");
    let other = SimEnv::on(world.disk().clone(), 9);
    let error = open(&other, reading(small())).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    world.engine.close().unwrap();
    open(&other, small()).unwrap();
}

#[test]
fn a_database_that_is_not_there_is_not_made_by_looking() {
    for access in [Access::Read, Access::Write] {
        let options = Options { access, ..small() };
        let env = SimEnv::new(10);
        let error = open(&env, options.clone()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{access:?}: {error}");
        env.disk().create_dir_all(Path::new(DIR)).unwrap();
        env.disk().write_file("db/readme", b"not a database");
        let error = open(&env, options).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{access:?}: {error}");
        assert_eq!(env.disk().files(), [Path::new("db/readme")], "{access:?}");
    }
}

#[test]
fn reading_changes_no_byte_of_the_directory() {
    let mut world = World::of_all(11, small());
    world.fill(0, 40, Durability::Sync);
    world.engine.flush().unwrap();
    world.fill(20, 40, Durability::Sync);
    let killed = world.disk().fork();
    let at = world.disk().op_count();
    let torn = world.disk().crash_image(at, Crash::Tear(3));
    world.engine.close().unwrap();
    let closed = world.disk().fork();
    let without_lock = world.disk().fork();
    without_lock.remove_file("db/lock");
    for disk in [killed, torn, closed, without_lock] {
        let hash = disk.content_hash();
        let env = SimEnv::on(disk, 12);
        let engine = open(&env, reading(small())).unwrap();
        world.model.check(&engine.view());
        assert!(engine.verify().unwrap().is_sound());
        let batch = world.model.batch(&world.model.filling(0, 1));
        let error = engine.commit(batch, Durability::Sync).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let error = engine.create_index("x", "test-rows", &[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(engine.flush().unwrap_err().kind(), ErrorKind::Invalid);
        env.run_until_idle();
        engine.close().unwrap();
        assert_eq!(env.disk().content_hash(), hash);
    }
}

#[test]
fn a_log_that_goes_missing_is_damage_and_no_empty_database() {
    let world = World::new(15, small());
    let disk = world.disk();
    disk.keep_last(u64::MAX / 4);
    // However far the creation came, once somebody has had the database open.
    for at in disk.op_count().saturating_sub(10)..=disk.op_count() {
        let image = disk.crash_image(at, Crash::KeepAll);
        let env = SimEnv::on(image, 17);
        drop(open(&env, small()).unwrap());
        for path in log_files(env.disk()) {
            env.disk().remove_file(path);
        }
        let error = open(&env, small()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "after operation {at}: {error}");
        assert!(error.message().contains("log segment 1 is missing"), "{error}");
    }
}

#[test]
fn a_type_that_is_not_known_is_refused_by_name() {
    let mut world = World::new(13, small());
    world.create("rows", Shape::Rows);
    world.engine.close().unwrap();
    let registry = cuesta_engine::index::Registry::new().with::<crate::kinds::Pages>();
    let opened = Engine::open(world.env.clone(), Path::new(DIR), small(), registry);
    let error = opened.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("\"rows\""), "{error}");
    assert!(error.message().contains("\"test-rows\""), "{error}");
    // The lock is free again, and nothing has changed.
    open(&world.env, small()).unwrap();
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let options = Options { memory_budget: 1 << 10, ..small() };
    let error = open(&SimEnv::new(1), options).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn readers_share_a_database_and_a_writer_has_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let open = |options: Options| Engine::open(OsEnv::new(), dir.path(), options, registry());
    let engine = open(small()).unwrap();
    let mut model = World::of_all(18, small()).model;
    for content in model.0.values() {
        let shape = content.shape;
        engine.create_index(&content.name, shape.kind(), &shape.options()).unwrap();
    }
    let writes = model.filling(0, 40);
    engine.commit(model.batch(&writes), Durability::Sync).unwrap();
    model.apply(&writes);
    engine.flush().unwrap();
    assert_eq!(open(reading(small())).map(|_| ()).unwrap_err().kind(), ErrorKind::Locked);
    engine.close().unwrap();
    // The name of another process is in the lock file, and stays there.
    std::fs::write(dir.path().join("lock"), "pid 1 (somebody)").unwrap();
    let bytes = || {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
        files.sort();
        files
    };
    let before = bytes();
    let (one, two) = (open(reading(small())).unwrap(), open(reading(small())).unwrap());
    model.check(&one.view());
    model.check(&two.view());
    assert!(two.verify().unwrap().is_sound());
    let error = open(small()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().ends_with("is in use by a reader, which leaves no name"), "{error}");
    one.close().unwrap();
    drop((one, two));
    assert!(bytes() == before, "reading has changed the directory");
    open(small()).unwrap();
}

#[test]
fn all_of_it_works_on_real_files_too() {
    for env in [OsEnv::new(), OsEnv::without_maps()] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/db");
        let open = || Engine::open(env.clone(), &path, small(), registry()).unwrap();
        let engine = open();
        assert!(engine.recovery().created);
        let world = World::of_all(14, small());
        let mut model = world.model;
        for (id, content) in &model.0 {
            let shape = content.shape;
            let made = engine.create_index(&content.name, shape.kind(), &shape.options());
            assert_eq!(made.unwrap(), *id);
        }
        let error = Engine::open(env.clone(), &path, small(), registry()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.message().contains(&format!("pid {}", std::process::id())), "{error}");
        let mut engine = engine;
        for round in 0..8 {
            for durability in [Durability::Sync, Durability::Interval, Durability::None] {
                let writes = model.filling(round * 13, 40);
                engine.commit(model.batch(&writes), durability).unwrap();
                model.apply(&writes);
            }
            model.check(&engine.view());
            match round % 4 {
                0 => engine.flush().unwrap(),
                1 => engine.compact().unwrap(),
                2 => engine.settle().unwrap(),
                _ => {
                    engine.close().unwrap();
                    drop(engine);
                    engine = open();
                }
            }
            model.check(&engine.view());
            assert_eq!(engine.verify().unwrap().problems, Vec::<String>::new());
        }
    }
}
