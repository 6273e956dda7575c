//! The order of everything that is done to the disk, compared with stored traces: what is synced
//! before what, and when a name or a byte may go.
//!
//! `CUESTA_REGENERATE=1` writes the traces anew; the change then shows in review.

use std::path::PathBuf;

use cuesta_engine::{Durability, Options};

use crate::world::{Shape, World, small};

/// Compares the disk operations since `from` with the stored trace.
fn check(world: &World, from: u64, name: &str) -> u64 {
    let lines = world.disk().trace();
    let text = lines[from as usize..].join("\n") + "\n";
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/io_order"));
    let path = path.join(format!("{name}.txt"));
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, stored, "the order of I/O has changed: {name}");
    lines.len() as u64
}

#[test]
fn the_disk_is_written_in_this_order() {
    let mut world = World::traced(1, Options { background_threads: 1, ..Options::default() });
    let mut at = check(&world, 0, "open-new");
    world.create("pages", Shape::Pages);
    check(&world, at, "create-index");
    world.create("rows", Shape::Rows);
    at = world.disk().op_count();
    world.fill(0, 20, Durability::Sync);
    at = check(&world, at, "commit-sync-first");
    world.fill(20, 20, Durability::Sync);
    at = check(&world, at, "commit-sync");
    world.fill(40, 20, Durability::Buffered);
    at = check(&world, at, "commit-buffered");
    world.fill(60, 20, Durability::None);
    at = check(&world, at, "commit-none");
    world.engine.flush().unwrap();
    check(&world, at, "flush");
    // New pages in the same file; a new bitmap for the rows that are there.
    world.fill(10, 20, Durability::Sync);
    at = world.disk().op_count();
    world.engine.flush().unwrap();
    at = check(&world, at, "flush-again");
    world.engine.compact().unwrap();
    world.settle();
    at = check(&world, at, "compact");
    let pages = world.id("pages");
    world.engine.drop_index(pages).unwrap();
    world.model.0.remove(&pages);
    world.settle();
    check(&world, at, "drop-index");
    world.fill(0, 20, Durability::Buffered);
    at = world.disk().op_count();
    world = world.reopen();
    check(&world, at, "close-and-open");
    world.check_deeply();
}

#[test]
fn a_log_segment_is_begun_in_this_order() {
    let mut world = World::traced(2, Options { background_threads: 1, ..small() });
    world.create("rows", Shape::Rows);
    let segments = |world: &World| world.engine.stats().counters()[3];
    assert_eq!(segments(&world).0, "log_segments");
    loop {
        let (before, at) = (segments(&world), world.disk().op_count());
        world.fill(0, 40, Durability::Sync);
        if segments(&world) != before {
            check(&world, at, "log-segment");
            return;
        }
    }
}
