//! Names of indexes: made, changed, dropped; after crashes and in old views.

use cuesta_engine::commit::{Commit, Step};
use cuesta_engine::env::sim::{Crash, SimEnv};
use cuesta_engine::index::Handle;
use cuesta_engine::{Durability, ErrorKind, IndexId};

use crate::kinds::Rows;
use crate::world::{Shape, World, data_files, key, open, small};

fn rename(world: &mut World, id: IndexId, name: &str) {
    world.engine.rename_index(id, name).unwrap();
    name.clone_into(&mut world.model.0.get_mut(&id).unwrap().name);
}

fn drop_index(world: &mut World, id: IndexId) {
    world.engine.drop_index(id).unwrap();
    world.model.0.remove(&id);
}

/// Checks the database as it is, after a kill, after power loss, and after closing.
fn check_everywhere(world: World) -> World {
    world.check();
    let disk = world.disk();
    for crash in [Crash::LoseUnsynced, Crash::KeepAll] {
        let image = disk.crash_image(disk.op_count(), crash);
        let engine = open(&SimEnv::on(image, 1), small()).unwrap();
        world.model.check(&engine.view());
    }
    let world = world.kill();
    world.check();
    let world = world.reopen();
    world.check_deeply();
    world
}

#[test]
fn names_may_pass_from_one_index_to_another() {
    let mut world = World::new(1, small());
    let ids: Vec<IndexId> =
        ["a", "b", "c"].into_iter().map(|name| world.create(name, Shape::Rows)).collect();
    world.fill(0, 20, Durability::Sync);
    let mut names = ["a", "b", "c"];
    for round in 0..4 {
        // The three names go round, by way of a fourth.
        rename(&mut world, ids[0], "free");
        rename(&mut world, ids[1], names[0]);
        rename(&mut world, ids[2], names[1]);
        rename(&mut world, ids[0], names[2]);
        names.rotate_right(1);
        world.fill(round, 20, Durability::Sync);
        if round % 2 == 0 {
            world.engine.flush().unwrap();
        }
        world = check_everywhere(world);
    }
}

#[test]
fn a_name_is_free_again_and_a_number_never() {
    let mut world = World::new(2, small());
    let mut last = IndexId(0);
    for round in 0..5 {
        for shape in Shape::ALL {
            let id = world.create("name", shape);
            assert!(id > last, "index {id} after {last}");
            last = id;
            world.fill(round, 9, Durability::Sync);
            if round % 2 == 1 {
                world.engine.flush().unwrap();
            }
            world = check_everywhere(world);
            drop_index(&mut world, id);
            world = check_everywhere(world);
        }
    }
    assert!(data_files(world.disk()).is_empty());
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut world = World::of_all(3, small());
    let (pages, rows) = (world.id("pages"), world.id("rows"));
    let engine = &world.engine;
    let seq = engine.view().seq();
    let long = "x".repeat(256);
    for (error, kind) in [
        (engine.create_index("rows", "test-rows", &[0]).unwrap_err(), ErrorKind::Exists),
        (engine.create_index("", "test-rows", &[0]).unwrap_err(), ErrorKind::Invalid),
        (engine.create_index(&long, "test-rows", &[0]).unwrap_err(), ErrorKind::Invalid),
        (engine.rename_index(pages, "rows").unwrap_err(), ErrorKind::Exists),
        (engine.rename_index(pages, "").unwrap_err(), ErrorKind::Invalid),
        (engine.rename_index(IndexId(9), "new").unwrap_err(), ErrorKind::NotFound),
        (engine.drop_index(IndexId(9)).unwrap_err(), ErrorKind::NotFound),
        (engine.drop_index(IndexId(0)).unwrap_err(), ErrorKind::NotFound),
    ] {
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert_eq!(engine.view().seq(), seq);
    world.fill(0, 3, Durability::Sync);
    drop_index(&mut world, rows);
    let error = world.engine.drop_index(rows).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    check_everywhere(world);
}

#[test]
fn a_view_keeps_the_names_and_indexes_of_its_moment() {
    let mut world = World::of_all(4, small());
    world.fill(0, 30, Durability::Sync);
    world.engine.flush().unwrap();
    let mut views = Vec::new();
    let mut look = |world: &World| views.push((world.engine.view(), world.model.clone()));
    look(&world);
    let (pages, rows) = (world.id("pages"), world.id("rows"));
    rename(&mut world, pages, "leaves");
    look(&world);
    drop_index(&mut world, rows);
    look(&world);
    let late = world.create("rows", Shape::Rows);
    world.fill(10, 30, Durability::Sync);
    look(&world);
    world.engine.compact().unwrap();
    drop_index(&mut world, pages);
    world.fill(0, 60, Durability::Sync);
    world.engine.compact().unwrap();
    world.settle();
    look(&world);
    for (view, model) in &views {
        model.check(view);
    }
    let error = views[0].0.of(Handle::<Rows>::new(late)).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = views[4].0.of(Handle::<Rows>::new(rows)).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(data_files(world.disk()).len() > world.engine_files().len(), "views keep files");
    views.clear();
    world.settle();
    world.check_deeply();
}

#[test]
fn a_commit_to_an_index_that_goes_meanwhile_is_refused_whole() {
    let mut world = World::of_all(5, small());
    world.fill(0, 5, Durability::Sync);
    let rows = world.id("rows");
    let writes = world.model.filling(20, 5);
    let mut commit: Commit =
        world.engine.begin_commit(world.model.batch(&writes), Durability::Sync).unwrap();
    drop_index(&mut world, rows);
    let result = loop {
        match commit.step() {
            Step::Done(result) => break result,
            Step::Again => {}
            wait => panic!("{wait:?}"),
        }
    };
    assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound);
    drop(commit);
    check_everywhere(world);
}

#[test]
fn an_index_may_go_at_any_step_of_background_work() {
    for steps in 0..60 {
        let mut world = World::of_all(6, small());
        for round in 0..4 {
            world.fill(round * 20, 30, Durability::Buffered);
            world.engine.rotate().unwrap();
        }
        for _ in 0..steps {
            world.env.step_one();
        }
        let (rows, pages) = (world.id("rows"), world.id("pages"));
        drop_index(&mut world, rows);
        world.env.step_one();
        drop_index(&mut world, pages);
        world.fill(0, 30, Durability::Buffered);
        world.engine.flush().unwrap();
        world.settle();
        world.check_deeply();
        assert_eq!(world.engine.gauges().failure, None);
    }
}

#[test]
fn a_change_of_names_is_durable_before_anybody_sees_it() {
    let mut world = World::of_all(7, small());
    world.fill(0, 3, Durability::Buffered);
    let disk = world.disk().clone();
    let before = disk.op_count();
    let id = world.create("new", Shape::Rows);
    disk.keep_last(u64::MAX / 4);
    let after = disk.op_count();
    world.commit(&[(id, key(1), Some(b"x".to_vec()))], Durability::None);
    // At every operation in between: the index is there with its name, or not at all.
    for at in before.max(after.saturating_sub(40))..=after {
        let image = disk.crash_image(at, Crash::LoseUnsynced);
        let engine = open(&SimEnv::on(image, 1), small()).unwrap();
        let (catalog, view) = (engine.catalog(), engine.view());
        match catalog.find("new") {
            Some((found, _)) => {
                assert_eq!(found, id);
                view.of(Handle::<Rows>::new(id)).unwrap();
            }
            None => assert!(at < after && view.of(Handle::<Rows>::new(id)).is_err()),
        }
    }
}

#[test]
fn many_indexes_come_and_go_without_leaving_anything() {
    let mut world = World::new(8, small());
    for round in 0..60u32 {
        world.create(&format!("index {round}"), Shape::ALL[round as usize % 3]);
        world.fill(round, 6, Durability::Buffered);
        if round >= 5 {
            let oldest = world.ids()[0];
            drop_index(&mut world, oldest);
        }
        if round % 7 == 3 {
            world = world.reopen();
        }
    }
    world.engine.flush().unwrap();
    world.settle();
    world.check_deeply();
    let manifest = world.disk().files();
    let manifests = manifest.iter().filter(|path| path.to_string_lossy().contains("manifest"));
    assert_eq!(manifests.count(), 1);
}
