//! Everything at random, against a model.

use std::time::Duration;

use cuesta_engine::version::View;
use cuesta_engine::{Durability, Options};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{Model, Shape, World, Write, key, small};

/// What somebody does to a database. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Act {
    Commit {
        writes: Vec<(usize, u32, Option<u8>)>,
        durability: Durability,
    },
    /// Freezes memtables, and waits for nothing.
    Rotate,
    /// Lets background work take so many steps.
    Step(u8),
    /// Lets time pass.
    Pass(u8),
    Flush,
    Compact,
    Settle,
    Sync,
    Look,
    LookAgain(usize),
    LookAway(usize),
    Create(usize),
    Rename(usize),
    Drop(usize),
    Close,
    Kill,
    Verify,
}

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![
        Just(Durability::Sync),
        Just(Durability::Interval),
        Just(Durability::Buffered),
        Just(Durability::None)
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let write = (any::<usize>(), 0..60u32, proptest::option::weighted(0.7, 0..60u8));
    let commit = (vec(write, 1..25), durability());
    prop_oneof![
        20 => commit.prop_map(|(writes, durability)| Act::Commit { writes, durability }),
        8 => Just(Act::Rotate),
        12 => any::<u8>().prop_map(Act::Step),
        2 => any::<u8>().prop_map(Act::Pass),
        2 => Just(Act::Flush),
        2 => Just(Act::Compact),
        1 => Just(Act::Settle),
        1 => Just(Act::Sync),
        5 => Just(Act::Look),
        4 => any::<usize>().prop_map(Act::LookAgain),
        3 => any::<usize>().prop_map(Act::LookAway),
        2 => (0..3usize).prop_map(Act::Create),
        1 => any::<usize>().prop_map(Act::Rename),
        1 => any::<usize>().prop_map(Act::Drop),
        1 => Just(Act::Close),
        1 => Just(Act::Kill),
        1 => Just(Act::Verify),
    ]
}

struct Run {
    world: World,
    views: Vec<(View, Model)>,
    named: u32,
}

impl Run {
    fn act(mut self, act: &Act) -> Run {
        let ids = self.world.ids();
        let pick = |n: usize| (!ids.is_empty()).then(|| ids[n % ids.len()]);
        match act {
            Act::Commit { writes, durability } => self.commit(writes, *durability),
            Act::Rotate => _ = self.world.engine.rotate().unwrap(),
            Act::Step(steps) => {
                for _ in 0..*steps {
                    self.world.env.step_one();
                }
            }
            Act::Pass(time) => self.world.env.advance(Duration::from_millis(u64::from(*time))),
            Act::Flush => self.world.engine.flush().unwrap(),
            Act::Compact => self.world.engine.compact().unwrap(),
            Act::Settle => self.world.engine.settle().unwrap(),
            Act::Sync => self.world.engine.sync().unwrap(),
            Act::Look => {
                let view = self.world.engine.view();
                self.world.model.check(&view);
                self.views.push((view, self.world.model.clone()));
            }
            Act::LookAgain(n) => {
                if let Some((view, model)) = self.views.get(n % self.views.len().max(1)) {
                    model.check(view);
                }
            }
            Act::LookAway(n) => {
                if !self.views.is_empty() {
                    let (view, model) = self.views.swap_remove(n % self.views.len());
                    model.check(&view);
                }
            }
            Act::Create(shape) => {
                self.named += 1;
                self.world.create(&format!("index {}", self.named), Shape::ALL[*shape]);
            }
            Act::Rename(n) => {
                if let Some(id) = pick(*n) {
                    self.named += 1;
                    let name = format!("index {}", self.named);
                    self.world.engine.rename_index(id, &name).unwrap();
                    self.world.model.0.get_mut(&id).unwrap().name = name;
                }
            }
            Act::Drop(n) => {
                if let Some(id) = pick(*n) {
                    self.world.engine.drop_index(id).unwrap();
                    self.world.model.0.remove(&id);
                }
            }
            Act::Close => {
                self.check_views();
                self.views.clear();
                self.world = self.world.reopen();
                assert!(self.world.engine.recovery().closed);
                self.world.check();
            }
            Act::Kill => {
                self.check_views();
                self.views.clear();
                self.world.engine.sync().unwrap();
                self.world = self.world.kill();
                self.world.check();
            }
            Act::Verify => self.world.check_sound(),
        }
        self
    }

    fn commit(&mut self, writes: &[(usize, u32, Option<u8>)], durability: Durability) {
        let ids = self.world.ids();
        if ids.is_empty() {
            return;
        }
        let seq = self.world.engine.view().seq();
        let write = |(index, n, size): &(usize, u32, Option<u8>)| -> Write {
            let value = size.map(|size| {
                let mut value = format!("{seq}:").into_bytes();
                value.resize(value.len().max(usize::from(size) / 2), b'.');
                value
            });
            (ids[index % ids.len()], key(*n), value)
        };
        let writes: Vec<Write> = writes.iter().map(write).collect();
        self.world.commit(&writes, durability);
    }

    fn check_views(&self) {
        for (view, model) in &self.views {
            model.check(view);
        }
    }
}

fn options(threads: usize) -> Options {
    Options { background_threads: threads, memtable_limit: Some(2 << 10), ..small() }
}

fn run(seed: u64, threads: usize, acts: &[Act]) {
    let world = World::of_all(seed, options(threads));
    let mut run = Run { world, views: Vec::new(), named: 0 };
    for act in acts {
        run = run.act(act);
    }
    run.check_views();
    run.views.clear();
    run.world.settle();
    run.world.check_deeply();
    run.world.reopen().check_deeply();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("CUESTA_CASES").map_or(300, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_database_is_a_few_maps(seed: u64, threads in 1..4usize, acts in vec(act(), 1..160)) {
        run(seed, threads, &acts);
    }
}
