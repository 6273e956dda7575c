//! The rows of the table: what is done, how often, and what came of it.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::store::{Engine, Outcome, Store, Wait};

/// How a row went.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Operations done.
    pub operations: u64,
    /// Time by the wall.
    pub wall: Duration,
    /// Time of all processors that the process used, background threads included.
    pub processor: Duration,
    /// Median latency of one call.
    pub p50: Duration,
    /// All but a hundredth of the calls took at most this.
    pub p99: Duration,
}

impl Figure {
    /// Operations per second of processor time.
    pub fn per_processor_second(&self) -> f64 {
        self.operations as f64 / self.processor.as_secs_f64().max(1e-9)
    }

    /// Operations per second.
    pub fn per_second(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64().max(1e-9)
    }
}

/// Sizes of a run.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Keys in a filled store.
    pub keys: u64,
    /// Synced commits.
    pub synced: u64,
}

/// Bytes of a value, half of which compress.
const VALUE_BYTES: usize = 100;

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Times `calls` calls of `operations` each, then `finish`, which counts too.
fn timed(
    calls: u64,
    operations: u64,
    mut call: impl FnMut(u64) -> Outcome<()>,
    finish: impl FnOnce() -> Outcome<()>,
) -> Outcome<Figure> {
    let mut latencies = Vec::with_capacity(calls as usize);
    let (wall, processor) = (Instant::now(), processor_time());
    for i in 0..calls {
        let began = Instant::now();
        call(i)?;
        latencies.push(began.elapsed());
    }
    finish()?;
    let (wall, processor) = (wall.elapsed(), processor_time() - processor);
    latencies.sort_unstable();
    let at = |share: usize| latencies.get(latencies.len() * share / 100).copied();
    let (p50, p99) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
    Ok(Figure { operations: calls * operations, wall, processor, p50, p99 })
}

/// Scrambles a number, one to one (SplitMix64).
fn scramble(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key of rank `n`: 16 bytes.
fn ascending(n: u64) -> Vec<u8> {
    format!("{n:016}").into_bytes()
}

/// A key in random order: 16 bytes.
fn random(n: u64) -> Vec<u8> {
    let mut key = scramble(n).to_be_bytes().to_vec();
    key.extend_from_slice(&scramble(n ^ 0xabcd).to_be_bytes());
    key
}

fn value(n: u64) -> Vec<u8> {
    let mut value = vec![b'.'; VALUE_BYTES];
    for (i, chunk) in value[..VALUE_BYTES / 2].chunks_mut(8).enumerate() {
        let bytes = scramble(n.wrapping_mul(31).wrapping_add(i as u64)).to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
    value
}

fn put(store: &dyn Store, key: Vec<u8>, n: u64, wait: Wait) -> Outcome<()> {
    let value = value(n);
    store.write(&[(key, Some(&value))], wait)
}

fn put_many(store: &dyn Store, keys: impl Iterator<Item = u64>) -> Outcome<()> {
    let values: Vec<(u64, Vec<u8>)> = keys.map(|n| (n, value(n))).collect();
    let entries: Vec<_> = values.iter().map(|(n, v)| (random(*n), Some(v.as_slice()))).collect();
    store.write(&entries, Wait::System)
}

fn check(holds: bool, what: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("a benchmark's result is wrong: {what}").into()) }
}

/// A run of one engine: rows by name.
pub type Rows = Vec<(&'static str, Figure)>;

/// Fills by single commits, in stores of their own.
pub fn fills(engine: Engine, dir: &Path, sizes: Sizes, rows: &mut Rows) -> Outcome<()> {
    let store = engine.open(&dir.join("seq"))?;
    let n = sizes.keys;
    let put_ascending = |i| put(&*store, ascending(i), i, Wait::System);
    rows.push(("fill-seq-b1", timed(n, 1, put_ascending, || store.settle())?));
    store.close()?;
    let store = engine.open(&dir.join("seq-batches"))?;
    let fill = |i: u64| {
        let values: Vec<(u64, Vec<u8>)> = (i * 100..(i + 1) * 100).map(|n| (n, value(n))).collect();
        let entries: Vec<_> =
            values.iter().map(|(n, v)| (ascending(*n), Some(v.as_slice()))).collect();
        store.write(&entries, Wait::System)
    };
    rows.push(("fill-seq-b100", timed(n / 100, 100, fill, || store.settle())?));
    store.close()?;
    let store = engine.open(&dir.join("load"))?;
    let load = |_| store.load(&mut (0..n).map(|n| (ascending(n), value(n))));
    let mut figure = timed(1, 1, load, || store.settle())?;
    figure.operations = n;
    rows.push(("bulk-load", figure));
    check(store.scan(&[], usize::MAX)? as u64 == n, "entries of a load")?;
    store.close()?;
    let store = engine.open(&dir.join("rand"))?;
    let put_random = |i| put(&*store, random(i), i, Wait::System);
    rows.push(("fill-rand-b1", timed(n, 1, put_random, || store.settle())?));
    let again = |i| put(&*store, random(scramble(i) % n), i, Wait::System);
    rows.push(("overwrite-rand-b1", timed(n, 1, again, || store.settle())?));
    store.close()
}

/// A fill by batches, then reads of it before and after merging.
pub fn reads(engine: Engine, dir: &Path, sizes: Sizes, rows: &mut Rows) -> Outcome<()> {
    let dir = dir.join("batch");
    let store = engine.open(&dir)?;
    let n = sizes.keys;
    let fill = |i: u64| put_many(&*store, i * 100..(i + 1) * 100);
    rows.push(("fill-rand-b100", timed(n / 100, 100, fill, || store.settle())?));
    rows.push(("flush", timed(1, 1, |_| store.flush(), || Ok(()))?));
    ask(&*store, n, ["read-hit", "read-miss", "scan-100", "scan-full"], rows)?;
    rows.push(("merge", timed(1, 1, |_| store.compact(), || Ok(()))?));
    let names = ["read-hit-merged", "read-miss-merged", "scan-100-merged", "scan-full-merged"];
    ask(&*store, n, names, rows)?;
    store.close()?;
    let mut opened = None;
    let open = |_| {
        let store = engine.open(&dir)?;
        check(store.get(&random(1))?.is_some(), "a key is missing after opening")?;
        opened = Some(store);
        Ok(())
    };
    rows.push(("open-first-get", timed(1, 1, open, || Ok(()))?));
    let Some(store) = opened else { return Ok(()) };
    let delete = |i: u64| {
        let keys: Vec<_> = (i * 100..(i + 1) * 100).map(|n| (random(n), None)).collect();
        store.write(&keys, Wait::System)
    };
    rows.push(("delete-b100", timed(n / 200, 100, delete, || store.settle())?));
    let left = n - n / 200 * 100;
    let scan = |_| check(store.scan(&[], usize::MAX)? as u64 == left, "entries after deleting");
    let mut figure = timed(1, 1, scan, || Ok(()))?;
    figure.operations = left;
    rows.push(("scan-after-delete", figure));
    store.close()
}

fn ask(store: &dyn Store, n: u64, names: [&'static str; 4], rows: &mut Rows) -> Outcome<()> {
    let reads = n.min(300_000);
    let hit = |i| check(store.get(&random(scramble(i) % n))? == Some(VALUE_BYTES), "a hit");
    rows.push((names[0], timed(reads, 1, hit, || Ok(()))?));
    let miss = |i: u64| check(store.get(&random(n + i))?.is_none(), "a miss");
    rows.push((names[1], timed(reads, 1, miss, || Ok(()))?));
    let scan = |i| check(store.scan(&random(scramble(i) % n), 100)? > 0, "a short scan");
    rows.push((names[2], timed(reads / 30, 1, scan, || Ok(()))?));
    let full = |_| check(store.scan(&[], usize::MAX)? as u64 == n, "a full scan");
    let mut figure = timed(3, 1, full, || Ok(()))?;
    figure.operations = 3 * n;
    rows.push((names[3], figure));
    Ok(())
}

/// Jobs taken from the head of a queue, one at a time.
pub fn queue(engine: Engine, dir: &Path, _: Sizes, rows: &mut Rows) -> Outcome<()> {
    const JOBS: u64 = 10_000;
    let store = engine.open(&dir.join("queue"))?;
    (0..JOBS).try_for_each(|job| put(&*store, job.to_be_bytes().into(), job, Wait::System))?;
    let take = |job: u64| {
        check(store.scan(&[], 1)? == 1, "the head of a queue")?;
        store.write(&[(job.to_be_bytes().into(), None)], Wait::System)
    };
    rows.push(("queue-take", timed(JOBS, 1, take, || Ok(()))?));
    check(store.scan(&[], 1)? == 0, "an empty queue")?;
    store.close()
}

/// Commits that wait for the disk, by one thread and by eight.
pub fn syncs(engine: Engine, dir: &Path, sizes: Sizes, rows: &mut Rows) -> Outcome<()> {
    let store = engine.open(&dir.join("sync"))?;
    let n = sizes.synced;
    let one = |i| put(&*store, random(i), i, Wait::Disk);
    rows.push(("sync-1t", timed(n, 1, one, || Ok(()))?));
    let eight = |_| {
        std::thread::scope(|scope| {
            let store = &*store;
            let threads: Vec<_> = (0..8u64)
                .map(|thread| {
                    scope.spawn(move || {
                        (0..n / 4).try_for_each(|i| {
                            put(store, random((thread + 1) << 32 | i), i, Wait::Disk)
                        })
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|t| t.join().map_err(|_| "a thread panicked")?)
        })
    };
    let mut figure = timed(1, 1, eight, || Ok(()))?;
    figure.operations = n / 4 * 8;
    rows.push(("sync-8t", figure));
    store.close()
}

/// Large values, and bytes of each, half of which compress.
const LARGE: u64 = 4000;
const LARGE_BYTES: usize = 64 << 10;

fn large_value(n: u64) -> Vec<u8> {
    let mut value = vec![b'.'; LARGE_BYTES];
    for (i, chunk) in value[..LARGE_BYTES / 2].chunks_mut(8).enumerate() {
        let bytes = scramble(n.wrapping_mul(8191).wrapping_add(i as u64)).to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
    value
}

/// Values of 64 KiB, written one by one and read at random.
pub fn large(engine: Engine, dir: &Path, _: Sizes, rows: &mut Rows) -> Outcome<()> {
    let store = engine.open(&dir.join("large"))?;
    let values: Vec<Vec<u8>> = (0..256).map(large_value).collect();
    let fill = |i: u64| store.write(&[(random(i), Some(&values[i as usize % 256]))], Wait::System);
    rows.push(("large-fill", timed(LARGE, 1, fill, || store.settle())?));
    store.flush()?;
    let read = |i| {
        let found = store.get(&random(scramble(i) % LARGE))?;
        check(found == Some(LARGE_BYTES), "a large value")
    };
    rows.push(("large-read", timed(5 * LARGE, 1, read, || Ok(()))?));
    store.close()
}
