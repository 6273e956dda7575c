//! The log, memory and files stay within bounds, whatever is written where.

use std::sync::atomic::Ordering;

use cuesta_engine::log::LogOptions;
use cuesta_engine::{Durability, IndexId, Options};

use crate::world::{Shape, World, Write, key, log_files, small};

fn write(world: &mut World, id: IndexId, rounds: u32) {
    for round in 0..rounds {
        let value = |n| Some(format!("round {round} of key {n}").into_bytes());
        let writes: Vec<Write> = (0..20).map(|n| (id, key(n), value(n))).collect();
        world.commit(&writes, Durability::Buffered);
        // Nobody waits for anything here, and so background work would never get its turn.
        world.env.run_until_idle();
    }
}

#[test]
fn an_idle_index_never_pins_the_log() {
    let mut world = World::of_all(1, Options { log_limit: Some(64 << 10), ..small() });
    let (pages, rows) = (world.id("pages"), world.id("rows"));
    // A few writes that would never fill a memtable, then none.
    world.fill(0, 2, Durability::Sync);
    let first = log_files(world.disk())[0].clone();
    write(&mut world, rows, 300);
    world.settle();
    assert!(!log_files(world.disk()).contains(&first), "the idle indexes were flushed");
    let log_bytes = world.engine.gauges().log_bytes;
    assert!(log_bytes < 160 << 10, "{log_bytes} bytes of log");
    let replayed = |world: &World| world.engine.recovery().replayed;
    let mut world = world.kill();
    assert!(replayed(&world) < 200, "{} commits replayed", replayed(&world));
    write(&mut world, pages, 10);
    world.kill().check_deeply();
}

#[test]
fn log_segments_are_recycled_and_what_they_held_never_comes_back() {
    let log = LogOptions { segment_bytes: 4 << 10, ..small().log };
    let mut world = World::of_all(2, Options { log, ..small() });
    let mut recycled = 0;
    for round in 0..400 {
        world.fill(round * 13, 8, Durability::Sync);
        world.env.run_until_idle();
        if round % 80 == 79 {
            recycled += world.engine.stats().log_recycled.load(Ordering::Relaxed);
            world = if round % 160 == 79 { world.kill() } else { world.reopen() };
            world.check_deeply();
        }
    }
    assert!(recycled > 0, "segments are recycled");
    let spares = world.disk().files();
    let spares = spares.iter().filter(|path| path.to_string_lossy().contains("spare"));
    assert!(spares.count() <= 4);
    assert!(log_files(world.disk()).len() < 12, "{:?}", log_files(world.disk()));
    world.kill().check_deeply();
}

#[test]
fn recovery_flushes_when_there_is_more_log_than_memory() {
    // All of it lies in the log, because nothing ever filled a memtable or the log.
    let roomy = Options {
        memory_budget: 64 << 20,
        memtable_limit: None,
        log_limit: Some(1 << 30),
        ..small()
    };
    let mut world = World::of_all(3, roomy);
    for round in 0..120 {
        world.fill(round * 29, 100, Durability::Buffered);
    }
    let log_bytes = world.engine.gauges().log_bytes;
    assert!(log_bytes > 1 << 20, "{log_bytes} bytes of log");
    world.engine.sync().unwrap();
    world.options = Options { memtable_limit: None, ..small() };
    let world = world.kill();
    let gauges = world.engine.gauges();
    assert!(gauges.memtable_bytes < 600 << 10, "{} bytes in memory", gauges.memtable_bytes);
    assert!(gauges.indexes.iter().all(|index| index.segments > 0));
    world.check();
    world.settle();
    world.check_deeply();
    // A crash in the middle of such a recovery costs nothing either.
    let world = world.kill();
    world.check_deeply();
}

#[test]
fn commits_slow_down_and_wait_while_merging_is_behind_and_then_go_on() {
    let mut world = World::new(4, Options { memtable_limit: Some(1 << 10), ..small() });
    let id = world.create("rows", Shape::Rows);
    for round in 0..400u32 {
        let writes: Vec<Write> =
            (0..10).map(|n| (id, key(round * 10 + n), Some(vec![1; 50]))).collect();
        world.commit(&writes, Durability::None);
    }
    world.check();
    assert!(world.engine.gauges().pressure < 2.0);
    world.settle();
    world.check_deeply();
}

#[test]
fn nothing_waits_for_an_index_that_was_dropped() {
    let mut world = World::new(5, Options { memtable_limit: Some(1 << 10), ..small() });
    let keep = world.create("keep", Shape::Rows);
    for round in 0..20u32 {
        let id = world.create("short-lived", Shape::Rows);
        for n in 0..30u32 {
            let writes = [(id, key(n), Some(vec![1; 200]))];
            world.commit(&writes, Durability::None);
            world.engine.rotate().unwrap();
        }
        world.engine.drop_index(id).unwrap();
        world.model.0.remove(&id);
        write(&mut world, keep, 1);
        assert!(world.engine.gauges().pressure < 2.0, "round {round}");
    }
    world.settle();
    world.check_deeply();
}

#[test]
fn the_counters_count() {
    let mut world = World::of_all(6, small());
    let counter = |world: &World, name: &str| {
        let counters = world.engine.stats().counters();
        counters.iter().find(|(counter, _)| *counter == name).unwrap().1
    };
    let before = counter(&world, "commits");
    for round in 0..30 {
        world.fill(round, 30, Durability::Sync);
        world.env.run_until_idle();
    }
    world.engine.compact().unwrap();
    world.settle();
    assert_eq!(counter(&world, "commits"), before + 30);
    for name in ["log_bytes", "log_syncs", "log_segments", "rotations", "flushes", "flush_bytes"] {
        assert!(counter(&world, name) > 0, "{name}");
    }
    for name in ["merges", "merge_bytes", "merge_read_bytes", "files_removed"] {
        assert!(counter(&world, name) > 0, "{name}");
    }
    assert_eq!(counter(&world, "job_failures"), 0);
    let text = world.engine.stats().to_text();
    assert!(text.contains("commit_time count 33"), "{text}");
    let gauges = world.engine.gauges();
    assert_eq!(
        gauges.indexes.iter().map(|index| &*index.name).collect::<Vec<_>>(),
        ["pages", "rows", "pruned"]
    );
    assert_eq!(gauges.jobs, 0);
    assert!(gauges.indexes.iter().all(|index| index.segments == 1 && index.segment_bytes > 0));
}
