//! Slow background work: reading everything at a bounded rate, and bounding flushes and merges.

use std::time::Duration;

use cuesta_engine::env::{Env, Vfs};
use cuesta_engine::jobs::PASS_INTERVAL;
use cuesta_engine::{Durability, Options};

use crate::world::{World, data_files, small};

const SECOND: Duration = Duration::from_secs(1);

fn filled(options: Options) -> World {
    let mut world = World::of_all(1, options);
    for round in 0..12 {
        world.fill(round * 31, 25, Durability::Buffered);
    }
    world.engine.flush().unwrap();
    world.settle();
    world
}

fn counter(world: &World, name: &str) -> u64 {
    let counters = world.engine.stats().counters();
    counters.into_iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn the_scrub_reads_everything_no_faster_than_its_rate() {
    let world = filled(Options { scrub_rate: Some(1000), ..small() });
    let (began, read_before) = (world.env.now(), counter(&world, "scrubbed_bytes"));
    let passes_before = world.engine.scrub_report().passes;
    for _ in 0..200 {
        world.env.advance(SECOND);
        world.env.run_until_idle();
        let elapsed = (world.env.now() - began).as_secs() + 1;
        let read = counter(&world, "scrubbed_bytes") - read_before;
        // A segment is read whole.
        assert!(read <= elapsed * 1000 + 64_000, "{read} bytes in {elapsed} s");
    }
    world.env.advance(PASS_INTERVAL * 3);
    for _ in 0..1000 {
        world.env.advance(SECOND * 10);
        world.env.run_until_idle();
    }
    let report = world.engine.scrub_report();
    assert!(report.passes > passes_before, "{report:?}");
    let read: u64 = world.engine.gauges().indexes.iter().map(|index| index.segment_bytes).sum();
    assert!(report.bytes >= read, "{report:?}, but there are {read} bytes");
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn the_scrub_finds_damage_and_tells_it_once() {
    let mut world = filled(small());
    let files = data_files(world.disk());
    world.engine.close().unwrap();
    for path in files {
        let mut bytes = world.disk().read_file(&path);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        world.disk().remove(&path).unwrap();
        world.disk().write_file(&path, &bytes);
    }
    world.options.scrub_rate = Some(1 << 30);
    let engine = crate::world::open(&world.env, world.options.clone()).unwrap();
    for _ in 0..3 {
        for _ in 0..100 {
            world.env.advance(SECOND);
            world.env.run_until_idle();
        }
        world.env.advance(PASS_INTERVAL);
    }
    let report = engine.scrub_report();
    assert!(report.passes >= 2 && !report.is_sound(), "{report:?}");
    let mut problems = report.problems.clone();
    problems.dedup();
    assert_eq!(problems, report.problems);
    assert!(problems[0].contains("index") && problems[0].contains("segment"), "{problems:?}");
    let counters = engine.stats().counters();
    let errors = counters.iter().find(|(name, _)| *name == "scrub_errors").unwrap().1;
    assert!(errors >= 2 * problems.len() as u64, "{errors}");
}

#[test]
fn merges_keep_to_the_rate_and_commits_go_on() {
    let time = |rate: Option<u64>| {
        let options = Options { background_rate: rate, ..small() };
        let mut world = World::of_all(2, options);
        let began = world.env.now();
        for round in 0..60 {
            world.fill(round * 31, 25, Durability::Sync);
        }
        world.settle();
        world.check_deeply();
        let written = counter(&world, "merge_bytes") + counter(&world, "flush_bytes");
        (world.env.now() - began, counter(&world, "merge_bytes"), written)
    };
    let (fast, merged, _) = time(None);
    assert!(merged > 2_000, "{merged} bytes merged");
    let (slow, merged, written) = time(Some(500));
    assert!(slow > fast * 2, "{slow:?} and {fast:?}");
    // Flushes are never put off, and put merges off by a second at the most.
    let least = Duration::from_secs_f64(merged as f64 / 500.0).mul_f64(0.5);
    assert!(slow >= least, "{slow:?} for {merged} merged, {written} written");
}
