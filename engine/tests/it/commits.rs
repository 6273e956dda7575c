//! Many commits at a time: order, durability, what views see meanwhile, and that nobody waits in
//! vain.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::budget::Part;
use cuesta_engine::commit::{Commit, Step};
use cuesta_engine::env::Env;
use cuesta_engine::env::sim::{Crash, Random, SimEnv, Task, TaskState};
use cuesta_engine::log::LogOptions;
use cuesta_engine::{Durability, ErrorKind, Options, Result, SeqNo};

use crate::world::{Map, Model, Shape, World, Write, key, open, small};

const ALL: [Durability; 4] =
    [Durability::Sync, Durability::Interval, Durability::Buffered, Durability::None];

/// What became of a commit, by the moment it was known.
type Outcomes = Rc<RefCell<Vec<(Vec<Write>, Durability, Result<SeqNo>)>>>;

/// A commit as a task; `then` hears of its end.
fn task<'a>(
    world: &'a World,
    writes: Vec<Write>,
    durability: Durability,
    outcomes: &Outcomes,
) -> Task<'a> {
    let outcomes = outcomes.clone();
    let mut writes = Some(writes);
    let mut commit: Option<Commit> = None;
    Box::new(move || {
        let machine = match &mut commit {
            Some(machine) => machine,
            None => {
                let batch = world.model.batch(writes.as_ref().unwrap());
                commit.insert(world.engine.begin_commit(batch, durability).unwrap())
            }
        };
        match machine.step() {
            Step::Again => TaskState::Again,
            Step::Wait(seen) => TaskState::Wait(world.engine.parts().moved.clone(), seen),
            Step::Sleep(time) => {
                let moved = world.engine.parts().moved.clone();
                let seen = moved.epoch();
                TaskState::WaitUntil(moved, seen, world.env.now() + time)
            }
            Step::Done(result) => {
                commit = None;
                outcomes.borrow_mut().push((writes.take().unwrap(), durability, result));
                TaskState::Done
            }
        }
    })
}

/// What views saw: their commit, and every index.
type Seen = Rc<RefCell<Vec<(SeqNo, Vec<Map>)>>>;

/// A task that looks at everything a few times.
fn looking<'a>(world: &'a World, times: usize, seen: &Seen) -> Task<'a> {
    let seen = seen.clone();
    let mut left = times;
    Box::new(move || {
        let view = world.engine.view();
        let model = &world.model.0;
        let maps = model.iter().map(|(id, content)| content.shape.dump(&view, *id).unwrap());
        seen.borrow_mut().push((view.seq(), maps.collect()));
        left -= 1;
        if left == 0 {
            return TaskState::Done;
        }
        let moved = world.engine.parts().moved.clone();
        let epoch = moved.epoch();
        TaskState::WaitUntil(moved, epoch, world.env.now() + Duration::from_micros(300))
    })
}

/// The model after each commit, from the one before the first.
fn history(base: (SeqNo, &Model), outcomes: &Outcomes) -> BTreeMap<SeqNo, Model> {
    let mut commits: Vec<(SeqNo, Vec<Write>)> = Vec::new();
    for (writes, _, result) in outcomes.borrow().iter() {
        commits.push((*result.as_ref().unwrap(), writes.clone()));
    }
    commits.sort_by_key(|(seq, _)| *seq);
    let mut models = BTreeMap::from([(base.0, base.1.clone())]);
    for (seq, writes) in commits {
        let (last, model) = models.last_key_value().unwrap();
        assert_eq!(seq, last.next(), "commits are numbered without gaps");
        let mut model = model.clone();
        model.apply(&writes);
        models.insert(seq, model);
    }
    models
}

fn run(seed: u64, options: Options, durabilities: &[Durability]) {
    let mut world = World::of_all(seed, options.clone());
    let mut all = BTreeMap::from([(world.engine.view().seq(), world.model.clone())]);
    let mut random = Random::new(seed);
    for _ in 0..3 {
        let (outcomes, seen): (Outcomes, Seen) = Default::default();
        let base = (world.engine.view().seq(), world.model.clone());
        let mut tasks = vec![looking(&world, 20, &seen)];
        for n in 0..12 {
            let durability = durabilities[random.index(durabilities.len())];
            let mut writes = world.model.filling(random.below(300) as u32, 1 + n % 7);
            writes.truncate(1 + random.index(writes.len()));
            tasks.push(task(&world, writes, durability, &outcomes));
        }
        world.env.run_tasks(tasks);
        all.append(&mut history((base.0, &base.1), &outcomes));
        let models = &all;
        for (seq, maps) in seen.borrow().iter() {
            let expected: Vec<&Map> = models[seq].0.values().map(|c| &c.map).collect();
            assert!(maps.iter().eq(expected), "seed {seed}: a view at {seq} is not that commit");
        }
        world.model = models.last_key_value().unwrap().1.clone();
        assert_eq!(world.engine.view().seq(), *models.last_key_value().unwrap().0);
        world.check();
        // Everything that was acknowledged under `Sync` survives power loss.
        let acknowledged = outcomes.borrow().iter().filter(|it| it.1 == Durability::Sync).count();
        let disk = world.disk();
        let image = disk.crash_image(disk.op_count(), Crash::LoseUnsynced);
        let after = open(&SimEnv::on(image, seed), options.clone()).unwrap();
        let synced = outcomes.borrow();
        let synced = synced.iter().filter(|it| it.1 == Durability::Sync);
        let last = synced.map(|it| *it.2.as_ref().unwrap()).max().unwrap_or(base.0);
        assert!(acknowledged == 0 || after.view().seq() >= last);
        let survived = models.range(..=after.view().seq()).next_back().unwrap().1;
        survived.check(&after.view());
    }
    world.settle();
    world.check_deeply();
    world.reopen().check_deeply();
}

#[test]
fn commits_side_by_side_are_one_sequence_and_views_are_prefixes_of_it() {
    for seed in 0..60 {
        run(seed, small(), &ALL);
    }
}

#[test]
fn commits_that_share_syncs_are_all_durable() {
    for seed in 0..20 {
        run(seed, small(), &[Durability::Sync]);
    }
}

#[test]
fn a_commit_whose_sync_a_new_segment_made_is_published() {
    // Every record begins a segment, which syncs what is before it.
    let log = LogOptions { segment_bytes: 600, ..small().log };
    for seed in 0..30 {
        run(seed, Options { log, memtable_limit: None, ..small() }, &ALL);
    }
}

#[test]
fn syncs_are_shared() {
    let world = World::of_all(5, Options::default());
    let outcomes = Outcomes::default();
    let writes = |n| vec![(world.ids()[0], key(n), Some(b"x".to_vec()))];
    let syncs = || world.engine.stats().log_syncs.load(std::sync::atomic::Ordering::Relaxed);
    let before = syncs();
    let tasks = (0..64).map(|n| task(&world, writes(n), Durability::Sync, &outcomes)).collect();
    world.env.run_tasks(tasks);
    assert_eq!(outcomes.borrow().len(), 64);
    assert!(syncs() - before < 40, "{} syncs for 64 commits", syncs() - before);
}

#[test]
fn a_commit_that_is_given_up_half_way_holds_nobody_up() {
    for steps in 0..8 {
        let mut world = World::of_all(6, small());
        let writes = world.model.filling(0, 3);
        let mut commit =
            world.engine.begin_commit(world.model.batch(&writes), Durability::Sync).unwrap();
        for _ in 0..steps {
            if matches!(commit.step(), Step::Done(_) | Step::Wait(_)) {
                break;
            }
        }
        drop(commit);
        let seq = world.fill(50, 3, Durability::Buffered);
        assert!(world.engine.view().seq() >= seq, "after {steps} steps");
        world.engine.flush().unwrap();
        // Whether the first one is there is known by the numbers.
        let there = seq > SeqNo(4);
        let mut model = world.model.clone();
        model.0.values_mut().for_each(|content| content.map.clear());
        if there {
            model.apply(&writes);
        }
        let later = world.model.filling(50, 3);
        let ids = world.ids();
        let named = |id| format!("of {id} after 0").into_bytes();
        for (id, key, value) in later {
            assert!(ids.contains(&id));
            let text = value.map(|_| {
                let n: u32 = String::from_utf8_lossy(&key[3..]).parse().unwrap();
                [format!("value {n} ").into_bytes(), named(id)].concat()
            });
            model.apply(&[(id, key, text)]);
        }
        model.check(&world.engine.view());
    }
}

#[test]
fn a_commit_under_way_when_the_database_closes_comes_to_an_end() {
    for durability in ALL {
        for steps in 1..6 {
            let world = World::of_all(7, small());
            let writes = world.model.filling(0, 3);
            let batch = world.model.batch(&writes);
            let mut commit = world.engine.begin_commit(batch, durability).unwrap();
            let mut result = None;
            for _ in 0..steps {
                if let Step::Done(done) = commit.step() {
                    result = Some(done);
                    break;
                }
            }
            world.engine.close().unwrap();
            let result = result.unwrap_or_else(|| {
                cuesta_engine::commit::drive(world.engine.parts(), || commit.step())
            });
            let mut world = world;
            match result {
                Ok(_) => world.model.apply(&writes),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{error}"),
            }
            drop(commit);
            world.reopen().check_deeply();
        }
    }
}

#[test]
fn what_a_batch_must_not_contain_is_refused_and_nothing_is_committed() {
    let mut world = World::of_all(8, small());
    world.fill(0, 4, Durability::Sync);
    let seq = world.engine.view().seq();
    let pages = world.id("pages");
    let refused = |batch: cuesta_engine::Batch| {
        let error = world.engine.commit(batch, Durability::Sync).unwrap_err();
        assert_eq!(world.engine.view().seq(), seq);
        error
    };
    let mut unknown = world.model.batch(&world.model.filling(0, 2));
    unknown.part(pages).extend_from_slice(&[77, 0]);
    assert_eq!(refused(unknown).kind(), ErrorKind::Unsupported);
    let mut long = cuesta_engine::Batch::new();
    Shape::Pages.put(long.part(pages), &[0; 300], b"");
    assert_eq!(refused(long).kind(), ErrorKind::Invalid);
    let mut nowhere = cuesta_engine::Batch::new();
    nowhere.part(cuesta_engine::IndexId(99)).push(1);
    assert_eq!(refused(nowhere).kind(), ErrorKind::NotFound);
    let mut catalog = cuesta_engine::Batch::new();
    catalog.part(cuesta_engine::IndexId::CATALOG).extend_from_slice(&[3, 1]);
    assert_eq!(refused(catalog).kind(), ErrorKind::Invalid);
    let mut large = cuesta_engine::Batch::new();
    let rows = world.id("rows");
    Shape::Rows.put(large.part(rows), b"k", &vec![0; 600 << 10]);
    let error = refused(large);
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.message().contains("524288"), "{error}");
    world.check_deeply();
}

#[test]
fn a_large_batch_within_the_budget_fits_any_segment() {
    let mut world = World::of_all(9, small());
    let rows = world.id("rows");
    for n in 0..4 {
        world.commit(&[(rows, key(n), Some(vec![7; 400 << 10]))], Durability::Sync);
        world.fill(n, 3, Durability::None);
    }
    world.check();
    let world = world.kill_after_writing();
    world.check_deeply();
}

impl World {
    /// Writes out what no commit has written yet, then [`World::kill`].
    fn kill_after_writing(self) -> World {
        self.engine.sync().unwrap();
        self.kill()
    }
}

#[test]
fn flushes_and_commits_of_many_small_indexes_stay_within_memory() {
    let options = Options { memtable_limit: Some(1 << 20), ..small() };
    let mut world = World::new(10, options);
    for n in 0..12 {
        world.create(&format!("index {n}"), Shape::Rows);
    }
    for round in 0..40 {
        world.fill(round * 40, 40, Durability::Buffered);
        let bytes = world.engine.gauges().memtable_bytes;
        assert!(bytes < 600 << 10, "{bytes} bytes of memtables");
    }
    world.check();
    assert_eq!(world.engine.gauges().memtable_bytes, {
        let parts = Arc::clone(world.engine.parts());
        parts.services.budget.used(Part::Memtables)
    });
    world.kill_after_writing().check_deeply();
}

#[test]
fn memory_is_counted_as_it_is_even_when_memtables_shrink() {
    let mut world = World::of_all(11, Options { memtable_limit: Some(64 << 10), ..small() });
    let pruned = world.id("pruned");
    for round in 0..200 {
        world.fill(round % 3, 40, Durability::None);
        let long = vec![0; if round % 2 == 0 { 40 } else { 0 }];
        let writes: Vec<Write> = (0..50).map(|n| (pruned, key(n), Some(long.clone()))).collect();
        world.commit(&writes, Durability::None);
        if round % 50 == 20 {
            world.engine.flush().unwrap();
        }
        let counted = world.engine.parts().services.budget.used(Part::Memtables);
        assert_eq!(counted, world.engine.gauges().memtable_bytes, "round {round}");
    }
}
