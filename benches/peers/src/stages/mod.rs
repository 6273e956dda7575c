//! What a process of the race does: the rows of one stage, on one store.

mod big;
mod change;
mod fresh;
mod fill;
mod large;
mod load;
mod lz4;
mod read;
mod sync;
mod transactions;
mod ycsb;

use std::path::{Path, PathBuf};

use crate::data::{KEY_BYTES, VALUE_BYTES, fill, random};
use crate::engines::{self, Btree, Cuesta, Lsm};
use crate::meter::{Latencies, Meter};
use crate::store::{Codec, Engine, Entry, Key, Outcome, Setup, Store, Wait};

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Keys of a filled store.
    pub keys: u64,
    /// Cache and write buffers together.
    pub memory_bytes: u64,
}

impl Sizes {
    /// Bytes of a small key and its value.
    pub const ENTRY_BYTES: u64 = (KEY_BYTES + VALUE_BYTES) as u64;

    fn reads(self) -> u64 {
        self.keys.clamp(200_000, 1_000_000)
    }

    fn synced(self) -> u64 {
        (self.keys / 500).clamp(200, 4000)
    }

    fn setup(self, wait: Wait) -> Setup {
        Setup { memory_bytes: self.memory_bytes, wait, codec: Codec::Default }
    }
}

/// A part of the race that runs in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Single commits that fill and overwrite.
    Fill,
    /// Batches that fill, then reads before and after compaction.
    Load,
    /// What [`Stage::Load`] left, reopened, overwritten, half deleted.
    Change,
    /// Reads while a tenth of the keys was overwritten and is in memory, where a store has that.
    Fresh,
    /// As [`Stage::Load`], with the same codec for all stores that have it.
    Lz4,
    /// Commits that wait for the disk.
    Sync,
    /// The workloads of the Yahoo Cloud Serving Benchmark.
    Ycsb,
    /// Values of 64 KiB.
    Large,
    /// A set four times the memory.
    Big,
    /// Transactions of several threads, for Cuesta alone.
    Transactions,
}

impl Stage {
    /// All, in the order in which they run.
    pub const ALL: [Stage; 10] = [
        Stage::Fill,
        Stage::Load,
        Stage::Change,
        Stage::Fresh,
        Stage::Lz4,
        Stage::Sync,
        Stage::Ycsb,
        Stage::Large,
        Stage::Big,
        Stage::Transactions,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Fill => "fill",
            Stage::Load => "load",
            Stage::Change => "change",
            Stage::Fresh => "fresh",
            Stage::Lz4 => "lz4",
            Stage::Sync => "sync",
            Stage::Ycsb => "ycsb",
            Stage::Large => "large",
            Stage::Big => "big",
            Stage::Transactions => "transactions",
        }
    }

    /// The stage of this name.
    pub fn named(name: &str) -> Outcome<Stage> {
        let found = Stage::ALL.into_iter().find(|stage| stage.name() == name);
        found.ok_or_else(|| format!("no stage is called {name}").into())
    }

    /// Whether the stage has rows for a store.
    pub fn concerns(self, engine: Engine) -> bool {
        match self {
            Stage::Transactions => engine == Engine::Cuesta,
            Stage::Lz4 => engine.has_lz4(),
            _ => true,
        }
    }
}

/// Runs a stage in `dir`, which a store's stages of one round share.
pub fn run(engine: Engine, stage: Stage, dir: &Path, sizes: Sizes) -> Outcome<()> {
    match engine {
        Engine::Cuesta if stage == Stage::Transactions => transactions::run(dir, sizes),
        Engine::Cuesta => run_on::<Cuesta<Lsm>>(stage, dir, sizes),
        Engine::CuestaBtree => run_on::<Cuesta<Btree>>(stage, dir, sizes),
        #[cfg(feature = "rocksdb")]
        Engine::RocksDb => run_on::<engines::RocksDb>(stage, dir, sizes),
        #[cfg(not(feature = "rocksdb"))]
        Engine::RocksDb => Err("built without the feature rocksdb".into()),
        Engine::Fjall => run_on::<engines::Fjall>(stage, dir, sizes),
        Engine::SurrealKv => run_on::<engines::SurrealKv>(stage, dir, sizes),
        Engine::Redb => run_on::<engines::Redb>(stage, dir, sizes),
        Engine::Lmdb => run_on::<engines::Lmdb>(stage, dir, sizes),
        Engine::Sqlite => run_on::<engines::Sqlite>(stage, dir, sizes),
    }
}

fn run_on<S: Store>(stage: Stage, dir: &Path, sizes: Sizes) -> Outcome<()> {
    match stage {
        Stage::Fill => fill::run::<S>(dir, sizes),
        Stage::Load => load::run::<S>(dir, sizes),
        Stage::Change => change::run::<S>(dir, sizes),
        Stage::Fresh => fresh::run::<S>(dir, sizes),
        Stage::Lz4 => lz4::run::<S>(dir, sizes),
        Stage::Sync => sync::run::<S>(dir, sizes),
        Stage::Ycsb => ycsb::run::<S>(dir, sizes),
        Stage::Large => large::run::<S>(dir, sizes),
        Stage::Big => big::run::<S>(dir, sizes),
        Stage::Transactions => Ok(()),
    }
}

/// Where [`Stage::Load`] leaves its store for [`Stage::Change`].
fn loaded(dir: &Path) -> PathBuf {
    dir.join("loaded")
}

/// Commits the given keys, of one version, 100 at a time: a row that ends when all is settled.
fn batches<S: Store>(
    meter: &Meter,
    store: &S,
    name: &str,
    count: u64,
    version: u64,
    key: impl Fn(u64) -> (u64, Key),
) -> Outcome<()> {
    let mut values = vec![[0; VALUE_BYTES]; 100];
    meter.row(name, count, count * Sizes::ENTRY_BYTES, |latencies| {
        for batch in 0..count / 100 {
            let mut keys = [(0, [0; KEY_BYTES]); 100];
            for (at, (picked, value)) in keys.iter_mut().zip(&mut values).enumerate() {
                *picked = key(batch * 100 + at as u64);
                fill(value, picked.0, version);
            }
            let entries: Vec<Entry<'_>> = keys
                .iter()
                .zip(&values)
                .map(|((_, key), value)| (*key, Some(value.as_slice())))
                .collect();
            latencies.begin();
            store.write(&entries)?;
            latencies.ended();
        }
        store.flush()?;
        store.settle()
    })
}

/// Commits the given keys, of one version, one at a time: a row that ends when all is settled.
fn singles<S: Store>(
    meter: &Meter,
    store: &S,
    name: &str,
    count: u64,
    version: u64,
    key: impl Fn(u64) -> (u64, Key),
) -> Outcome<()> {
    let mut value = [0; VALUE_BYTES];
    meter.row(name, count, count * Sizes::ENTRY_BYTES, |latencies| {
        for i in 0..count {
            let (n, key) = key(i);
            fill(&mut value, n, version);
            store.put(&key, &value)?;
            latencies.ended();
        }
        store.flush()?;
        store.settle()
    })
}

/// Loads `count` random keys of version 0 without a row of its own.
fn load_unmeasured<S: Store>(store: &S, count: u64) -> Outcome<()> {
    let mut values = vec![[0; VALUE_BYTES]; 100];
    for batch in 0..count / 100 {
        let numbers = batch * 100..batch * 100 + 100;
        for (n, value) in numbers.clone().zip(&mut values) {
            fill(value, n, 0);
        }
        let entries: Vec<Entry<'_>> =
            numbers.zip(&values).map(|(n, value)| (random(n), Some(value.as_slice()))).collect();
        store.write(&entries)?;
    }
    store.flush()?;
    store.settle()
}

/// Takes the latency of every eighth call: a clock costs as much as a tenth of a quick read.
fn sampled<R>(latencies: &mut Latencies, i: u64, call: impl FnOnce() -> Outcome<R>) -> Outcome<R> {
    if !i.is_multiple_of(8) {
        return call();
    }
    latencies.begin();
    let result = call()?;
    latencies.ended();
    Ok(result)
}
