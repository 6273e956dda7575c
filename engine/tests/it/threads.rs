//! Many threads on a real disk, which no simulation interleaves as a machine does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cuesta_engine::env::os::OsEnv;
use cuesta_engine::index::Handle;
use cuesta_engine::{Batch, Durability, Engine, IndexId, Options};

use crate::kinds::{Kind, Pages, Rows};
use crate::world::{Map, Shape, key, registry, small};

const KEYS: u32 = 60;
const WRITERS: u32 = 4;
const COMMITS: u64 = 250;

/// Every commit of a writer puts the same number under keys of its own in both indexes, so a view
/// that is not one moment shows.
fn write(engine: &Engine, pages: IndexId, rows: IndexId, writer: u32) {
    for n in 1..=COMMITS {
        let mut batch = Batch::new();
        let value = n.to_string().into_bytes();
        for at in 0..4 {
            let key = key(writer * 1000 + (n as u32 * 7 + at) % KEYS);
            Shape::Pages.put(batch.part(pages), &key, &value);
            Shape::Rows.put(batch.part(rows), &key, &value);
        }
        let newest = key(writer * 1000 + 999);
        Shape::Pages.put(batch.part(pages), &newest, &value);
        Shape::Rows.put(batch.part(rows), &newest, &value);
        let durability = match n % 16 {
            0 => Durability::Sync,
            1..4 => Durability::Interval,
            4..9 => Durability::Buffered,
            _ => Durability::None,
        };
        engine.commit(batch, durability).unwrap();
    }
}

/// Looks at both indexes in one view, and asks one without a view.
fn read(engine: &Engine, pages: IndexId, rows: IndexId) {
    let view = engine.view();
    let one: Map = Shape::Pages.dump(&view, pages).unwrap();
    let two: Map = Shape::Rows.dump(&view, rows).unwrap();
    assert_eq!(one, two, "a view at commit {} is not one moment", view.seq());
    for writer in 0..WRITERS {
        let newest = one.get(&key(writer * 1000 + 999));
        let newest: u64 = newest.map_or(0, |value| String::from_utf8_lossy(value).parse().unwrap());
        let of = key(writer * 1000)..key(writer * 1000 + 999);
        for value in one.range(of).map(|(_, value)| value) {
            let value: u64 = String::from_utf8_lossy(value).parse().unwrap();
            assert!(value <= newest, "commit {value} of a writer shows, but not {newest}");
        }
    }
    engine.ask(Handle::<Rows>::new(rows), Rows::dump).unwrap();
    engine.ask(Handle::<Pages>::new(pages), Pages::dump).unwrap();
}

#[test]
fn threads_that_write_read_flush_and_merge_agree() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { background_threads: 3, memtable_limit: Some(4 << 10), ..small() };
    let open = || Engine::open(OsEnv::new(), dir.path(), options.clone(), registry()).unwrap();
    let engine = open();
    let create =
        |name, shape: Shape| engine.create_index(name, shape.kind(), &shape.options()).unwrap();
    let (pages, rows) = (create("pages", Shape::Pages), create("rows", Shape::Rows));
    let (done, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    let names = Mutex::new(0);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let engine = &engine;
                scope.spawn(move || write(engine, pages, rows, writer))
            })
            .collect();
        for reader in 0..2 {
            let (engine, done, reads) = (&engine, &done, &reads);
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    read(engine, pages, rows);
                    reads.fetch_add(1, Ordering::SeqCst);
                    if reader == 0 {
                        engine.flush().unwrap();
                    }
                }
            });
        }
        let (engine, done, names) = (&engine, &done, &names);
        scope.spawn(move || {
            while !done.load(Ordering::SeqCst) {
                let name = format!("short-lived {}", *names.lock().unwrap());
                *names.lock().unwrap() += 1;
                let id = engine.create_index(&name, "test-rows", &[0]).unwrap();
                let mut batch = Batch::new();
                Shape::Rows.put(batch.part(id), b"k", b"v");
                engine.commit(batch, Durability::None).unwrap();
                engine.rename_index(id, &format!("{name} again")).unwrap();
                engine.drop_index(id).unwrap();
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::SeqCst);
    });
    assert!(reads.load(Ordering::SeqCst) > 3);
    engine.compact().unwrap();
    engine.settle().unwrap();
    read(&engine, pages, rows);
    assert_eq!(engine.verify().unwrap().problems, Vec::<String>::new());
    assert_eq!(engine.gauges().failure, None);
    let failures = engine.stats().job_failures.load(Ordering::Relaxed);
    assert_eq!(failures, 0, "background work never failed");
    engine.close().unwrap();
    let engine = open();
    read(&engine, pages, rows);
    let view = engine.view();
    let map = Shape::Rows.dump(&view, rows).unwrap();
    for writer in 0..WRITERS {
        assert_eq!(map[&key(writer * 1000 + 999)], COMMITS.to_string().into_bytes());
    }
}

#[test]
fn what_panics_when_nothing_is_to_be_done_is_asked_again_only_after_a_rest() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { background_threads: 2, ..small() };
    let engine = Engine::open(OsEnv::new(), dir.path(), options, registry()).unwrap();
    engine.create_index("due", "test-pages", &Pages::panicking()).unwrap();
    let failures = || engine.stats().job_failures.load(Ordering::Relaxed);
    let began = Instant::now();
    while failures() == 0 && began.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(500));
    let failures = failures();
    assert!((1..30).contains(&failures), "{failures} panics");
    engine.close().unwrap();
}
