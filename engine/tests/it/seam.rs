//! What the engine promises index types, and what index types promise the engine.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cuesta_engine::clock::Now;
use cuesta_engine::env::Env;
use cuesta_engine::env::sim::{SimDisk, SimEnv};
use cuesta_engine::index::{Handle, Horizon};
use cuesta_engine::readers::{Slot, Table, WORDS};
use cuesta_engine::version::View;
use cuesta_engine::{Batch, Durability, ErrorKind, IndexId, Options, Result, SegmentId, SeqNo};

use crate::kinds::rows::LOOKED;
use crate::kinds::{Kind, Pages, Rows};
use crate::world::{DIR, Map, Shape, World, Write, data_files, key, open, small};

/// Commits new values for the same forty keys of an index and flushes.
fn rewrite(world: &mut World, id: IndexId, round: u32) {
    let value = |n| Some(format!("round {round:03} of key {n:03}").into_bytes());
    let writes: Vec<Write> = (0..40).map(|n| (id, key(n), value(n))).collect();
    world.commit(&writes, Durability::Buffered);
    world.engine.flush().unwrap();
}

fn file_bytes(world: &World) -> usize {
    let disk = world.disk();
    data_files(disk).iter().map(|path| disk.read_file(path).len()).sum()
}

#[test]
fn pages_are_reused_as_soon_as_no_view_shows_them() {
    let mut world = World::new(1, small());
    let id = world.create("pages", Shape::Pages);
    // The most bytes that the file has while it is rewritten a few times.
    let most = |world: &mut World, rounds: Range<u32>| {
        let mut most = 0;
        for round in rounds {
            rewrite(world, id, round);
            most = most.max(file_bytes(world));
        }
        most
    };
    let settled = most(&mut world, 0..30);
    assert!(most(&mut world, 30..80) <= settled, "pages are reused while nobody looks");
    let (view, model) = (world.engine.view(), world.model.clone());
    assert!(most(&mut world, 80..110) > settled, "pages that a view shows are not reused");
    model.check(&view);
    drop(view);
    most(&mut world, 110..130);
    world.settle();
    assert!(most(&mut world, 130..160) <= settled, "pages are reused once the view has gone");
    world.settle();
    world.check_deeply();
}

#[test]
fn what_is_shown_outlives_its_view() {
    let mut world = World::of_all(2, Options { view_budget: 0, ..small() });
    let id = world.id("pages");
    rewrite(&mut world, id, 0);
    let view = world.engine.view();
    let shown = view.of(Handle::<Pages>::new(id)).unwrap();
    let (seq, map) = (view.seq(), world.model.0[&id].map.clone());
    // Views expire by memory: have this one hold a lot.
    world.fill(0, 300, Durability::None);
    let expiring = world.engine.view();
    for round in 1..40 {
        rewrite(&mut world, id, round);
        world.fill(0, 300, Durability::None);
    }
    drop((view, expiring));
    for round in 40..60 {
        rewrite(&mut world, id, round);
    }
    assert_eq!(Pages::dump(&shown, seq).unwrap(), map);
}

#[test]
fn what_another_process_pins_is_neither_reused_nor_removed() {
    let mut world = World::of_all(3, small());
    let id = world.id("pages");
    world.fill(0, 100, Durability::Sync);
    world.engine.compact().unwrap();
    world.settle();
    let words = world.env.shared_words(&Path::new(DIR).join("readers"), WORDS).unwrap();
    assert_eq!(words.words()[1].load(Ordering::SeqCst), world.engine.view().seq().0);
    let (edit, files) = {
        let manifest = world.engine.parts().manifest();
        (manifest.as_ref().unwrap().state().edit(), data_files(world.disk()))
    };
    let disk = world.disk().clone();
    let contents = |paths: &[std::path::PathBuf]| -> Vec<Vec<u8>> {
        paths.iter().map(|path| disk.read_file(path)).collect()
    };
    let before = contents(&files);
    let table = Table::new(words);
    let seq = world.engine.view().seq();
    let slot = table.take(world.env.vfs(), Path::new(DIR), edit, seq).unwrap();
    slot.stand(Slot { edit, seq });
    for round in 0..20 {
        world.fill(round, 100, Durability::Buffered);
        rewrite(&mut world, id, round);
    }
    world.engine.compact().unwrap();
    world.settle();
    for (bytes, now) in before.iter().zip(contents(&files)) {
        // Pages in use then are as they were; a file written in place has grown.
        assert!(now.starts_with(bytes), "a file that another process reads has changed");
    }
    drop(slot);
    for round in 0..4 {
        rewrite(&mut world, id, round);
    }
    world.settle();
    world.check_deeply();
}

/// Rows in four segments, of which a merge of all has begun.
fn merging(seed: u64) -> (World, IndexId) {
    let mut world = World::new(seed, small());
    let id = world.create("rows", Shape::Rows);
    for segment in 0..4u32 {
        let writes: Vec<Write> =
            (0..30).map(|n| (id, key(segment * 100 + n), Some(vec![b'x'; 40]))).collect();
        world.commit(&writes, Durability::Sync);
        world.engine.flush().unwrap();
    }
    assert_eq!(world.engine.gauges().indexes[0].segments, 4);
    while world.engine.parts().control().merges == 0 {
        assert!(world.env.step_one(), "four segments are merged");
    }
    world.env.step_one();
    (world, id)
}

#[test]
fn merges_are_looked_ahead_for_once_whenever_segments_change() {
    let looked = || LOOKED.with_borrow(Clone::clone);
    let (mut world, id) = merging(1);
    let inputs = busy(&world, id);
    assert_eq!(inputs.len(), 4);
    // All of what is merged was looked at before it was planned.
    assert_eq!(looked().last(), Some(&inputs));
    world.settle();
    let merged = looked().last().cloned().unwrap();
    assert_eq!(merged.len(), 1);
    assert!(merged.is_disjoint(&inputs));
    // What changes nothing in segments is no reason to look again.
    let count = looked().len();
    for n in 0..10 {
        world.commit(&[(id, key(n), Some(vec![b'y'; 40]))], Durability::Sync);
        world.engine.parts().work.notify();
        world.settle();
    }
    assert_eq!(looked().len(), count);
    world.engine.flush().unwrap();
    world.settle();
    assert!(looked().len() > count);
    world.check_deeply();
}

fn busy(world: &World, id: IndexId) -> BTreeSet<SegmentId> {
    world.engine.parts().control().busy_of(id)
}

#[test]
fn a_segment_that_a_flush_puts_in_the_place_of_a_merged_one_is_the_merges_too() {
    for seed in 0..20 {
        let (mut world, id) = merging(seed);
        let inputs = busy(&world, id);
        assert_eq!(inputs.len(), 4);
        // Kills rows of every input while it is merged.
        let writes: Vec<Write> = (0..4).map(|segment| (id, key(segment * 100), None)).collect();
        world.commit(&writes, Durability::Buffered);
        world.engine.rotate().unwrap();
        let flushes = || world.engine.stats().flushes.load(Ordering::Relaxed);
        let before = flushes();
        while flushes() == before {
            assert!(world.env.step_one());
        }
        if world.engine.parts().control().merges == 1 {
            let current: BTreeSet<SegmentId> = {
                let manifest = world.engine.parts().manifest();
                let state = manifest.as_ref().unwrap().state();
                state.index(id).unwrap().segments.keys().copied().collect()
            };
            assert!(current.is_disjoint(&inputs), "the flush has replaced all inputs");
            assert!(busy(&world, id).is_superset(&current), "and the merge has what replaced them");
        }
        world.settle();
        assert!(busy(&world, id).is_empty());
        world.check_deeply();
        assert_eq!(world.engine.stats().merges.load(Ordering::Relaxed), 1, "one merge of all");
    }
}

#[test]
fn whoever_waits_for_merges_finds_what_they_replaced_removed() {
    for seed in 0..40 {
        let (world, _) = merging(seed);
        match seed % 2 {
            0 => world.engine.settle().unwrap(),
            _ => world.engine.compact().unwrap(),
        }
        assert_eq!(data_files(world.disk()), world.engine_files(), "seed {seed}");
    }
}

#[test]
fn what_dies_while_it_is_merged_stays_dead() {
    for seed in 0..60 {
        let (mut world, id) = merging(seed);
        let view = (world.engine.view(), world.model.clone());
        for round in 0..6u32 {
            let touched = |n: u32| key((n * 17 + round * 31) % 330);
            let value = |n: u32| n.is_multiple_of(3).then(|| format!("again {round}").into_bytes());
            let writes: Vec<Write> = (0..20).map(|n| (id, touched(n), value(n))).collect();
            world.commit(&writes, Durability::None);
            world.engine.rotate().unwrap();
            for _ in 0..seed % 9 {
                world.env.step_one();
            }
            world.check();
        }
        view.1.check(&view.0);
        world.settle();
        world.check();
        world.engine.compact().unwrap();
        view.1.check(&view.0);
        drop(view);
        world.settle();
        world.check_deeply();
        world.reopen().check_deeply();
    }
}

/// A closed database with segments of all types, and what it holds.
fn segments() -> (Arc<SimDisk>, World) {
    let mut world = World::of_all(5, small());
    for round in 0..3 {
        world.fill(round * 9, 12, Durability::Sync);
        world.engine.flush().unwrap();
    }
    world.engine.close().unwrap();
    (world.disk().fork(), world)
}

/// Opens a database whose files were changed, and compares everything that can still be read.
/// Returns whether anybody noticed.
fn is_noticed(disk: &Arc<SimDisk>, world: &World) -> bool {
    let env = SimEnv::on(disk.fork(), 1);
    let engine = match open(&env, small()) {
        Ok(engine) => engine,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            return true;
        }
    };
    let view = engine.view();
    let mut noticed = false;
    for (id, content) in &world.model.0 {
        match content.shape.dump(&view, *id) {
            Ok(map) => assert_eq!(map, content.map, "wrong content, and nobody says so"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                noticed = true;
            }
        }
    }
    let report = engine.verify().unwrap();
    assert!(!(noticed && report.is_sound()), "checking finds less than reading");
    noticed || !report.is_sound()
}

#[test]
fn damage_in_segments_is_noticed_and_nothing_panics() {
    let (disk, world) = segments();
    let mut silent = 0;
    for path in data_files(&disk) {
        let sound = disk.read_file(&path);
        for at in (0..sound.len()).step_by(5) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            disk.write_file(&path, &bytes);
            silent += usize::from(!is_noticed(&disk, &world));
        }
        for len in (0..sound.len()).step_by(97) {
            disk.write_file(&path, &sound[..len]);
            is_noticed(&disk, &world);
        }
        disk.write_file(&path, &sound);
    }
    // Free pages may hold anything.
    let all: usize = data_files(&disk).iter().map(|path| disk.read_file(path).len() / 5).sum();
    assert!(silent * 2 < all, "{silent} of {all} changes were not noticed");
    assert!(!is_noticed(&disk, &world));
}

#[test]
fn a_missing_segment_file_is_named() {
    let (disk, _) = segments();
    let path = data_files(&disk)[0].clone();
    disk.remove_file(&path);
    let error = open(&SimEnv::on(disk, 1), small()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("0000000001.seg is missing"), "{error}");
    assert!(error.message().contains("index \""), "{error}");
}

/// Asks an index that forgets old versions for one key, while somebody else writes it
/// `meddling` times.
fn ask_while_writing(meddling: usize) {
    let mut world = World::of_all(6, small());
    let id = world.id("pruned");
    let write = |n: usize| (id, b"key".to_vec(), Some(format!("value {n}").into_bytes()));
    world.commit(&[write(0)], Durability::Sync);
    let mut asked = 0;
    let handle = Handle::<Pages>::new(id);
    let (seq, found) = world
        .engine
        .ask(handle, |state, at| {
            // Reads as an index type does: the memtable first, whatever happens then.
            let model = &world.model;
            asked += 1;
            if asked <= meddling {
                // What the first one replaces, the second one makes it forget.
                for n in [2 * asked - 1, 2 * asked] {
                    let batch = model.batch(&[write(n)]);
                    world.engine.commit(batch, Durability::Sync).unwrap();
                }
            }
            Ok((at, Pages::dump(state, at)?.get(b"key".as_slice()).cloned()))
        })
        .unwrap();
    let last = seq.0 - 4;
    assert_eq!(found, Some(format!("value {last}").into_bytes()), "asked {asked} times");
    let retries = world.engine.stats().read_retries.load(Ordering::Relaxed);
    assert_eq!(retries, meddling.min(4) as u64);
    assert_eq!(asked, meddling.min(4) + 1);
}

#[test]
fn a_question_is_asked_again_when_its_answer_was_forgotten() {
    for meddling in 0..8 {
        ask_while_writing(meddling);
    }
}

#[test]
fn a_question_that_depends_on_the_time_is_as_of_a_moment() {
    for meddling in 0..8 {
        let mut world = World::of_all(6, small());
        let id = world.id("rows");
        let seq = world.fill(0, 3, Durability::Sync);
        let (mut asked, model) = (0, &world.model);
        let (at, told_ms) = world
            .engine
            .ask_now(Handle::<Rows>::new(id), |_, at, now| {
                asked += 1;
                if asked <= meddling {
                    // What would have expired may be renewed by this.
                    world.engine.commit(model.batch(&[]), Durability::Sync).unwrap();
                }
                let told_ms = now.ms();
                world.env.advance(Duration::from_millis(10));
                assert_eq!(now.ms(), told_ms, "once told, the time stands");
                Ok((at, told_ms))
            })
            .unwrap();
        assert_eq!(at.0, seq.0 + meddling.min(4), "asked {asked} times");
        assert!(told_ms <= world.engine.view().clock_ms());
        // Whoever does not ask for the time is not asked again.
        let commit = || world.engine.commit(model.batch(&[]), Durability::Sync).unwrap();
        let once = world.engine.ask(Handle::<Rows>::new(id), |_, at| Ok((commit(), at).1));
        assert_eq!(once.unwrap().0, seq.0 + meddling.min(5));
    }
}

#[test]
fn only_what_has_expired_is_asked_for_again() {
    let mut world = World::of_all(6, small());
    let id = world.id("rows");
    let seq = world.fill(0, 3, Durability::Sync);
    world.env.advance(Duration::from_millis(100));
    let clock_ms = world.engine.view().clock_ms();
    // Asks whether what expires then is over, while somebody else commits; at which commit it was
    // asked last, and how often.
    let ask = |expiry_ms: &dyn Fn(usize, &Now<'_>) -> u64| {
        let (mut asked, mut at) = (0, SeqNo(0));
        let ask = |_: &_, seq: SeqNo, now: &Now<'_>| {
            world.engine.commit(world.model.batch(&[]), Durability::Sync).unwrap();
            world.env.advance(Duration::from_millis(10));
            (asked, at) = (asked + 1, seq);
            Ok(now.is_over(expiry_ms(asked, now)))
        };
        let is_over = world.engine.ask_now(Handle::<Rows>::new(id), ask).unwrap();
        let retries = world.engine.stats().read_retries.swap(0, Ordering::Relaxed);
        assert_eq!(retries, asked as u64 - 1);
        (is_over, asked, at.0)
    };
    // What lives by a later clock lived at that commit.
    assert_eq!(ask(&|_, _| clock_ms + 1000), (false, 1, seq.0));
    assert_eq!(ask(&|_, now| clock_ms + now.left_ms(clock_ms + 1000)), (false, 1, seq.0 + 1));
    // What has expired may have been renewed in time; what is found next then counts.
    assert_eq!(ask(&|_, _| clock_ms), (true, 2, seq.0 + 3));
    assert_eq!(ask(&|asked, _| clock_ms + [0, 1000][asked - 1]), (false, 2, seq.0 + 5));
    // What goes on to expire while it is asked for is asked for until a view settles it.
    let now_ms = |_: usize, now: &Now<'_>| clock_ms + 1000 - now.left_ms(clock_ms + 1000);
    assert_eq!(ask(&now_ms), (true, 5, seq.0 + 10));
}

#[test]
fn questions_with_a_wrong_handle_are_errors() {
    let mut world = World::of_all(7, small());
    world.fill(0, 3, Durability::Sync);
    let (pages, rows) = (world.id("pages"), world.id("rows"));
    let ask = |id| world.engine.ask(Handle::<Rows>::new(id), |_, _| Ok(()));
    ask(rows).unwrap();
    assert_eq!(ask(pages).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(ask(IndexId(99)).unwrap_err().kind(), ErrorKind::NotFound);
    let view = world.engine.view();
    let error = view.of(Handle::<Rows>::new(pages)).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.message(), "an index of type test-pages is not a test-rows");
    let error = view.of(Handle::<Rows>::new(IndexId(99))).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// A view with the operations of a batch in front, which are in order.
fn with_private(view: &View, batch: &Batch) -> Result<View> {
    batch.parts().iter().try_fold(view.clone(), |view, (id, ops)| {
        let state = view.state(*id)?;
        let (mut writer, private) = state.private();
        writer.apply(SeqNo(1), 0, ops, &Horizon::UNKNOWN);
        Ok(view.with_private(*id, state.with_private(&private, SeqNo(1))?))
    })
}

#[test]
fn private_writes_are_seen_by_their_view_alone() {
    let mut world = World::of_all(8, small());
    world.fill(0, 30, Durability::Sync);
    world.engine.flush().unwrap();
    world.fill(10, 30, Durability::Sync);
    let view = world.engine.view();
    let ids = world.ids();
    let write =
        |n: u32| (ids[n as usize % 3], key(n), (!n.is_multiple_of(4)).then(|| b"mine".to_vec()));
    let writes: Vec<Write> = (20..50).map(write).collect();
    let batch: Batch = world.model.batch(&writes);
    let mine = with_private(&view, &batch).unwrap();
    let mut model = world.model.clone();
    model.apply(&writes);
    model.check(&mine);
    world.model.check(&view);
    // Later commits and flushes change neither.
    let before = world.model.clone();
    world.fill(0, 50, Durability::Sync);
    world.engine.flush().unwrap();
    world.engine.compact().unwrap();
    model.check(&mine);
    model.check(&mine.clone());
    before.check(&view);
    world.check();
    // Of an empty database, too.
    let empty = World::of_all(9, small());
    let mine = with_private(&empty.engine.view(), &batch).unwrap();
    let mut model = empty.model.clone();
    model.apply(&writes);
    model.check(&mine);
    let mut missing = Batch::new();
    missing.part(IndexId(50));
    let error = with_private(&empty.engine.view(), &missing).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn private_writes_of_several_indexes_add_up() {
    let world = World::of_all(10, small());
    let (pages, rows) = (world.id("pages"), world.id("rows"));
    let one = world.model.batch(&[(pages, b"a".to_vec(), Some(b"1".to_vec()))]);
    let two = world.model.batch(&[(rows, b"b".to_vec(), Some(b"2".to_vec()))]);
    let view = world.engine.view();
    let both = with_private(&with_private(&view, &one).unwrap(), &two).unwrap();
    let map = |shape: Shape, id| -> Map { shape.dump(&both, id).unwrap() };
    assert_eq!(map(Shape::Pages, pages), Map::from([(b"a".to_vec(), b"1".to_vec())]));
    assert_eq!(map(Shape::Rows, rows), Map::from([(b"b".to_vec(), b"2".to_vec())]));
}

#[test]
fn options_that_a_type_refuses_create_nothing() {
    let world = World::new(11, small());
    let before = world.disk().content_hash();
    let error = world.engine.create_index("a", "test-rows", &[9]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = world.engine.create_index("a", "test-trees", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("\"test-trees\""), "{error}");
    assert_eq!(world.disk().content_hash(), before);
    assert_eq!(world.engine.catalog().iter().count(), 0);
}
