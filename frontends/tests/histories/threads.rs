//! Histories of real threads on a real disk, while memtables are flushed and segments merged.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cuesta::{Database, Durability, Isolation};

use crate::anomalies::{Anomaly, violations};
use crate::client::{Client, Clock, Habits, Lists, Random};
use crate::history::History;
use crate::simulated::seeds;

struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn tick(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

const THREADS: u64 = 6;

/// Ends the upkeep, however its histories end.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One history of all threads. `prepare` runs on each of them.
fn run(lists: &Lists, habits: &Habits, seed: u64, prepare: impl Fn() + Sync) -> History {
    let clock = Ticks(AtomicU64::new(0));
    let mut history = History::default();
    std::thread::scope(|scope| {
        let clients = (0..THREADS).map(|number| {
            let (clock, prepare) = (&clock, &prepare);
            scope.spawn(move || {
                prepare();
                let mut client = Client::new(lists, habits, seed, number);
                while client.ended() < 60 {
                    client.step(clock);
                }
                client.finish(clock);
                client.records
            })
        });
        for thread in clients.collect::<Vec<_>>() {
            history.records.append(&mut thread.join().unwrap());
        }
    });
    history.records.push(lists.read_all(habits.keys, &clock));
    history
}

/// Runs histories, each over lists of its own, until one is not as promised.
fn check(rounds: std::ops::Range<u64>, prepare: impl Fn() + Sync) -> Option<(u64, Vec<Anomaly>)> {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .memory_budget(4 << 20)
        .engine_options(|options| {
            // So little that it coarsens all the time.
            options.conflict_limit = Some(4 << 10);
            options.memtable_limit = Some(64 << 10);
        })
        .open(dir.path())
        .unwrap();
    let keyspaces = ["even", "odd"].map(|name| db.keyspace(name).unwrap());
    let over = AtomicBool::new(false);
    let (mut committed, mut all) = (0, 0);
    let found = std::thread::scope(|scope| {
        let _over = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                db.flush().unwrap();
                db.compact().unwrap();
            }
        });
        rounds.into_iter().find_map(|seed| {
            let mut random = Random::new(seed);
            let isolations = match seed % 3 {
                0 => vec![Isolation::Serializable],
                1 => vec![Isolation::Snapshot],
                _ => vec![Isolation::Serializable, Isolation::Snapshot],
            };
            let habits = Habits {
                isolations,
                durabilities: vec![Durability::Sync, Durability::Buffered, Durability::None],
                keys: 4 + random.below(40) as u32,
                acts_max: 2 + random.below(8),
                lock_timeout: Duration::from_millis(random.pick(&[0, 5, 1000])),
                locks: random.pick(&[0, 3, 12]),
            };
            let lists = Lists { db: db.clone(), keyspaces: keyspaces.clone(), round: seed as u32 };
            let history = run(&lists, &habits, seed, &prepare);
            committed += history.records.iter().filter(|record| record.is_committed()).count();
            all += history.records.len();
            let found = violations(&history);
            (!found.is_empty()).then_some((seed, found))
        })
    });
    println!("{committed} of {all} transactions committed");
    assert!(committed > all / 10, "{committed} of {all} say little");
    found
}

#[test]
fn threads_get_the_isolation_that_they_ask_for() {
    if let Some((seed, found)) = check(seeds(30), || ()) {
        panic!("CUESTA_SEED={seed}: {}", found[0]);
    }
}

#[cfg(feature = "planted-bugs")]
#[test]
fn validation_that_is_blind_for_ranges_is_found_among_threads() {
    use cuesta_engine::planted::{Bug, plant};

    let found = check(0..300, || plant(Some(Bug::BlindRangeValidation)));
    let (seed, found) = found.expect("a planted bug is found");
    println!("found by history {seed}: {}", found[0]);
}
