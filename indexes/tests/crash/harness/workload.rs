//! What is done to a database, as data: all short workloads of an alphabet, and random ones.
//!
//! A workload names no index: a write goes to a slot, which is the keyspace created at that place
//! in the run, or the next one that still lives.
//!
//! Not for: doing it (`run.rs`).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cuesta_engine::env::sim::{Crash, Random};
use cuesta_engine::log::LogOptions;
use cuesta_engine::{Durability, Options};

/// A put or deletion to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// Which keyspace.
    pub slot: usize,
    /// Which key.
    pub key: u16,
    /// Bytes of the value; none is a deletion.
    pub bytes: Option<usize>,
    /// How many keys from this one on a deletion takes away at once, if the index type can; else
    /// it takes away the first.
    pub keys: u16,
}

/// What a client does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Commits.
    Commit(Durability, Vec<Put>),
    /// Freezes all memtables, without waiting for their flush.
    Rotate,
    /// Asks for everything to be merged, without waiting for it.
    Compact,
}

/// One operation of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Clients at the same time, between background jobs.
    Together(Vec<Vec<Step>>),
    /// Steps of background jobs.
    Work(u32),
    /// More time than an interval between syncs goes by.
    Pause,
    /// `Engine::sync`.
    Sync,
    /// `Engine::flush`.
    Flush,
    /// `Engine::settle`.
    Settle,
    /// `Engine::compact`.
    Compact,
    /// A bulk load, of puts alone, into keyspaces that can be loaded.
    Load(Vec<Put>),
    /// A new keyspace of a shape.
    Create(usize),
    /// Another name for the keyspace of a slot.
    Rename(usize),
    /// The end of the keyspace of a slot.
    Drop(usize),
    /// `Engine::checkpoint`, which is kept.
    Checkpoint,
    /// `Engine::backup`, which is kept.
    Backup,
    /// `Engine::close`, and opening again.
    Reopen,
    /// A crash, after which everything goes on with what it left.
    Crash(Crash),
}

/// Which durability the commits of a workload ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asked {
    /// `Durability::Sync`.
    Sync,
    /// `Durability::Interval`.
    Interval,
    /// `Durability::Buffered`.
    Buffered,
    /// `Durability::None`.
    None,
    /// Each of them.
    Mixed,
}

impl Asked {
    /// All.
    pub const ALL: [Asked; 5] =
        [Asked::Sync, Asked::Interval, Asked::Buffered, Asked::None, Asked::Mixed];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Asked::Sync => "sync",
            Asked::Interval => "interval",
            Asked::Buffered => "buffered",
            Asked::None => "none",
            Asked::Mixed => "mixed",
        }
    }

    fn draw(self, random: &mut Random) -> Durability {
        match self {
            Asked::Sync => Durability::Sync,
            Asked::Interval => Durability::Interval,
            Asked::Buffered => Durability::Buffered,
            Asked::None => Durability::None,
            Asked::Mixed => {
                const ALL: [Durability; 4] = [
                    Durability::Sync,
                    Durability::Interval,
                    Durability::Buffered,
                    Durability::None,
                ];
                ALL[random.index(ALL.len())]
            }
        }
    }
}

/// Where a workload comes from: enough to make it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// One of all short workloads, by number.
    Short(u64),
    /// A random one.
    Random(u64),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Short(number) => write!(f, "short-{number}"),
            Source::Random(seed) => write!(f, "{seed}"),
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        let number = text.strip_prefix("short-").unwrap_or(text);
        let parsed = number.parse().map_err(|_| format!("{text:?} is neither N nor short-N"))?;
        Ok(if number == text { Source::Random(parsed) } else { Source::Short(parsed) })
    }
}

/// Whether there are crashes before the first operation, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// There are.
    Crashed,
    /// There are not: another workload has the same beginning.
    Skipped,
}

/// Everything about one run.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Where it comes from.
    pub source: Source,
    /// Orders jobs and clients, and chooses what crashes take.
    pub seed: u64,
    /// Durability of its commits.
    pub asked: Asked,
    /// What is done before, in all short workloads alike.
    pub before: Vec<Op>,
    /// Whether there are crashes in it.
    pub beginning: Beginning,
    /// What is done.
    pub ops: Vec<Op>,
    /// How the database is opened.
    pub options: Options,
}

/// How long a client of durability `Interval` may lose.
pub const INTERVAL: Duration = Duration::from_millis(5);

/// Letters of the alphabet of short workloads.
pub const LETTERS: u64 = 14;

/// Numbers below are of all workloads of one and of two operations; then come those of three.
pub const SHORT: u64 = 4 * (LETTERS + LETTERS * LETTERS);

/// Numbers below are of all workloads of up to three operations.
pub const SHORT_OF_THREE: u64 = SHORT + 4 * LETTERS * LETTERS * LETTERS;

impl Workload {
    /// Makes the workload of a source.
    pub fn of(source: Source) -> Workload {
        match source {
            Source::Short(number) => Workload::short(number),
            Source::Random(seed) => Workload::random(seed),
        }
    }

    /// A short workload.
    fn short(number: u64) -> Workload {
        let asked = Asked::ALL[(number % 4) as usize];
        let mut code = number / 4;
        let mut length = 1;
        let mut count = LETTERS;
        while code >= count {
            code -= count;
            count *= LETTERS;
            length += 1;
        }
        let mut letters = Vec::new();
        for _ in 0..length {
            letters.push(code % LETTERS);
            code /= LETTERS;
        }
        let durability = asked.draw(&mut Random::new(0));
        let commit = |key: u16, bytes: usize| {
            let put = |slot| Put { slot, key, bytes: Some(bytes), keys: 1 };
            commit(durability, vec![put(0), put(1), put(2)])
        };
        let before = vec![commit(1, 20), commit(2, 600), Op::Flush, commit(3, 20)];
        let ops = letters.into_iter().map(|letter| short_op(letter, durability)).collect();
        let source = Source::Short(number);
        let beginning = if number < 4 { Beginning::Crashed } else { Beginning::Skipped };
        let options = tiny(&mut Random::new(7));
        Workload { source, seed: 0, asked, before, beginning, ops, options }
    }

    /// A random workload.
    fn random(seed: u64) -> Workload {
        let mut random = Random::new(seed ^ 0x5EED_0FC4_A511);
        let asked = Asked::ALL[(seed % 5) as usize];
        let options = tiny(&mut random);
        let length = 4 + random.index(20);
        let mut lives = 0;
        let keys = [4, 12, 40][random.index(3)];
        let ops = (0..length).map(|_| random_op(&mut random, asked, keys, &mut lives)).collect();
        let source = Source::Random(seed);
        let (before, beginning) = (Vec::new(), Beginning::Crashed);
        Workload { source, seed, asked, before, beginning, ops, options }
    }
}

fn commit(durability: Durability, puts: Vec<Put>) -> Op {
    Op::Together(vec![vec![Step::Commit(durability, puts)]])
}

/// The alphabet.
fn short_op(letter: u64, durability: Durability) -> Op {
    let put = |slot, key, bytes| Put { slot, key, bytes: Some(bytes), keys: 1 };
    let delete = |slot, key| Put { slot, key, bytes: None, keys: 1 };
    let delete_range = |slot, key, keys| Put { slot, key, bytes: None, keys };
    match letter {
        0 => commit(durability, vec![put(0, 4, 20), put(1, 4, 20), put(2, 4, 20)]),
        1 => commit(
            durability,
            vec![
                delete(0, 1),
                put(0, 2, 30),
                delete(1, 1),
                put(1, 2, 30),
                delete(2, 1),
                put(2, 2, 30),
            ],
        ),
        2 => commit(durability, vec![put(0, 5, 1500), put(1, 5, 1500), put(2, 3, 700)]),
        3 => Op::Together(vec![
            vec![Step::Commit(durability, vec![put(0, 6, 30), delete(1, 2)])],
            vec![Step::Commit(durability, vec![put(0, 6, 30), put(1, 2, 30), put(2, 6, 500)])],
        ]),
        4 => Op::Together(vec![
            vec![Step::Commit(durability, vec![put(0, 7, 20), delete(2, 2)]), Step::Rotate],
            vec![Step::Commit(
                durability,
                vec![put(2, 7, 20), delete_range(0, 2, 3), put(1, 1, 20)],
            )],
        ]),
        5 => Op::Flush,
        6 => Op::Compact,
        7 => Op::Sync,
        8 => Op::Create(0),
        9 => Op::Drop(1),
        10 => Op::Rename(2),
        11 => Op::Reopen,
        12 => Op::Pause,
        _ => Op::Crash(Crash::SectorSubset { sector: 512, seed: 3 }),
    }
}

fn random_op(random: &mut Random, asked: Asked, keys: u64, lives: &mut u32) -> Op {
    match random.below(32) {
        0..=14 => random_clients(random, asked, keys),
        15..=17 => Op::Work(1 + random.below(30) as u32),
        18 => Op::Pause,
        19..=20 => Op::Sync,
        21..=23 => Op::Flush,
        24 => Op::Settle,
        25 => Op::Compact,
        26 => Op::Create(random.index(8)),
        27 => Op::Rename(random.index(8)),
        28 => Op::Drop(random.index(8)),
        29 => Op::Reopen,
        _ if *lives < 3 => {
            *lives += 1;
            let modes = Crash::all(random.next_u64());
            Op::Crash(modes[random.index(modes.len())])
        }
        _ => random_clients(random, asked, keys),
    }
}

fn random_clients(random: &mut Random, asked: Asked, keys: u64) -> Op {
    let clients = 1 + random.index(4);
    let client = |random: &mut Random| {
        let steps = 1 + random.index(3);
        (0..steps).map(|_| random_step(random, asked, keys)).collect()
    };
    Op::Together((0..clients).map(|_| client(random)).collect())
}

fn random_step(random: &mut Random, asked: Asked, keys: u64) -> Step {
    match random.below(16) {
        0 | 1 => return Step::Rotate,
        2 => return Step::Compact,
        _ => {}
    }
    let durability = asked.draw(random);
    let count = 1 + random.index(6);
    let puts = (0..count).map(|_| random_put(random, keys)).collect();
    Step::Commit(durability, puts)
}

fn random_put(random: &mut Random, keys: u64) -> Put {
    let (slot, key) = (random.index(8), random.below(keys) as u16);
    let bytes = match random.below(16) {
        0..=5 => None,
        6..=12 => Some(8 + random.index(40)),
        13 | 14 => Some(300 + random.index(900)),
        _ => Some(2000 + random.index(4000)),
    };
    // Drawn aside, so that seeds keep their workloads otherwise.
    let mut aside = Random::new(u64::from(key) << 8 | slot as u64);
    let keys = match (bytes, aside.below(4)) {
        (None, 0) => 2 + aside.below(keys / 2) as u16,
        _ => 1,
    };
    Put { slot, key, bytes, keys }
}

/// Sizes at which everything happens after a few commits.
fn tiny(random: &mut Random) -> Options {
    let log = LogOptions {
        segment_bytes: 2048 << random.below(4),
        zero_ahead_bytes: [0, 512, 4096][random.index(3)],
        spares: random.index(3),
        buffer_bytes: [64, 1024][random.index(2)],
    };
    Options {
        sync_interval: INTERVAL,
        memory_budget: 1 << 20,
        memtable_limit: [None, Some(2 << 10), Some(6 << 10), Some(13 << 10)][random.index(4)],
        log_limit: [None, Some(8 << 10)][random.index(2)],
        // Where no file is used twice, keep all of them for the feed.
        log_retention_bytes: if log.spares == 0 { u64::MAX } else { 0 },
        log,
        background_threads: 1 + random.index(2),
        close_flush_bytes: [0, 1 << 20][random.index(2)],
        manifest_bytes: [512, 4096][random.index(2)],
        ..Options::default()
    }
}
