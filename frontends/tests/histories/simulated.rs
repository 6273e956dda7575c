//! Histories of a simulated world: one thread takes turns among clients and background work, so
//! that a history follows from its seed.

use std::cell::Cell;
use std::time::Duration;

use cuesta::env::sim::SimEnv;
use cuesta::{Database, Durability, Isolation};

use crate::anomalies::{Class, anomalies, violations};
use crate::client::{Client, Clock, Habits, Lists, Random};
use crate::history::History;

struct Ticks(Cell<u64>);

impl Clock for Ticks {
    fn tick(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// How many histories of each kind, and from which seed on.
pub fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("CUESTA_SEED").unwrap_or(0);
    let default = if first > 0 { 1 } else { default };
    first..first + number("CUESTA_HISTORIES").unwrap_or(default)
}

const ALL: [Durability; 4] =
    [Durability::Sync, Durability::Interval, Durability::Buffered, Durability::None];

/// What clients of a simulated history do: something else for each seed.
fn habits(seed: u64, isolations: &[Isolation]) -> Habits {
    let mut random = Random::new(seed ^ 0xabcd);
    Habits {
        isolations: isolations.to_vec(),
        durabilities: if random.one_in(2) { vec![random.pick(&ALL)] } else { ALL.to_vec() },
        keys: 4 + random.below(20) as u32,
        acts_max: 2 + random.below(8),
        lock_timeout: Duration::ZERO,
        locks: random.pick(&[0, 4, 12]),
    }
}

/// A history of `count` transactions or more of five clients.
fn run(seed: u64, isolations: &[Isolation], count: usize) -> History {
    let env = SimEnv::new(seed);
    let mut random = Random::new(seed);
    let conflict_bytes = random.pick(&[0, 600, 4 << 10, 1 << 20]);
    let db = Database::builder()
        .environment(env.clone())
        .memory_budget(1 << 20)
        .engine_options(|options| {
            options.conflict_limit = Some(conflict_bytes);
            options.memtable_limit = Some(8 << 10);
            options.log.segment_bytes = 16 << 10;
            options.log.zero_ahead_bytes = 1024;
        })
        .open("db")
        .unwrap();
    let keyspaces = ["even", "odd"].map(|name| db.keyspace(name).unwrap());
    let lists = Lists { db: db.clone(), keyspaces, round: 0 };
    let habits = habits(seed, isolations);
    let clock = Ticks(Cell::new(0));
    let mut clients: Vec<Client> =
        (0..5).map(|number| Client::new(&lists, &habits, seed, number)).collect();
    while clients.iter().map(Client::ended).sum::<usize>() < count {
        match random.below(40) {
            0 => db.flush().unwrap(),
            1..=10 => _ = env.step_one(),
            at => clients[at as usize % 5].step(&clock),
        }
    }
    let mut history = History::default();
    for mut client in clients {
        client.finish(&clock);
        history.records.append(&mut client.records);
    }
    history.records.push(lists.read_all(habits.keys, &clock));
    drop(lists);
    db.close().unwrap();
    env.kill();
    history
}

#[track_caller]
fn is_as_promised(seed: u64, history: &History) {
    let found = violations(history);
    let Some(first) = found.first() else { return };
    let numbers = first.cycle.iter().map(|(from, ..)| *from);
    let shown: Vec<String> = numbers
        .filter_map(|number| Some(format!("{number}: {:?}", history.records.get(number)?)))
        .collect();
    let all: Vec<String> = found.iter().map(ToString::to_string).collect();
    panic!("CUESTA_SEED={seed}: {}\n{}", all.join("\n"), shown.join("\n"));
}

/// Runs histories; returns how many transactions committed and how many did not.
fn check(seeds: std::ops::Range<u64>, isolations: &[Isolation]) -> (usize, usize) {
    let (mut committed, mut aborted) = (0, 0);
    for seed in seeds {
        let history = run(seed, isolations, 150);
        is_as_promised(seed, &history);
        let good = history.records.iter().filter(|record| record.is_committed()).count();
        committed += good;
        aborted += history.records.len() - good;
    }
    println!("{committed} transactions committed, {aborted} did not");
    (committed, aborted)
}

#[test]
fn serializable_transactions_have_no_cycle() {
    let (committed, aborted) = check(seeds(150), &[Isolation::Serializable]);
    assert!(committed > aborted / 10 && aborted > 0, "{committed} and {aborted} say little");
}

#[test]
fn snapshot_isolation_has_no_cycle_but_write_skew() {
    check(seeds(100), &[Isolation::Snapshot]);
}

#[test]
fn each_transaction_of_a_mixed_history_has_what_it_asked_for() {
    check(seeds(100), &[Isolation::Serializable, Isolation::Snapshot]);
}

#[test]
fn a_history_follows_from_its_seed() {
    let [one, two] = [(); 2].map(|()| run(7, &[Isolation::Serializable], 80));
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
}

/// The tests above would find what they look for: under snapshot isolation it is there.
#[test]
fn write_skew_and_phantoms_happen_under_snapshot_isolation() {
    let mut classes = Vec::new();
    for seed in 0..60 {
        let found = anomalies(&run(seed, &[Isolation::Snapshot], 150));
        classes.extend(found.into_iter().map(|anomaly| anomaly.class));
    }
    assert!(classes.contains(&Class::G2Item), "{classes:?}");
    assert!(classes.contains(&Class::G2), "{classes:?}");
}

#[cfg(feature = "planted-bugs")]
#[test]
fn validation_that_is_blind_for_ranges_is_found() {
    use cuesta_engine::planted::{Bug, plant};

    plant(Some(Bug::BlindRangeValidation));
    let found = (0..60).find_map(|seed| {
        let found = violations(&run(seed, &[Isolation::Serializable], 150));
        (!found.is_empty()).then_some((seed, found))
    });
    plant(None);
    let (seed, found) = found.expect("a planted bug is found");
    println!("found by history {seed}: {}", found[0]);
}
