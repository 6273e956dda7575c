//! How much processor time an LSM index takes for single keys, ranges, flushes and merges.
//!
//! Run with `cargo bench -p cuesta-indexes`. Figures are operations per second of processor time
//! of the one thread that works, in files of a temporary directory; a second line would differ by
//! what else the machine does, so compare runs in one sitting. Every read is checked.
//!
//! `LSM_KEYS` keys (1,000,000) of 16 bytes, values of 100 bytes. `LSM_BLOCK_BYTES`, `LSM_INTERVAL`
//! and `LSM_CODEC` (its number) change options.

#![allow(clippy::unwrap_used, reason = "a benchmark that fails has to stop")]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "shared with tests")]

#[path = "../src/lsm/tests/driver.rs"]
mod driver;

mod lsm {
    pub use cuesta_indexes::lsm::{Lsm, Options};
    pub use cuesta_indexes::ordered::{Ordered, op};
}

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use cuesta_engine::clock::{Clock, Now};
use cuesta_engine::env::{Env, Event, os::OsEnv};
use cuesta_engine::error::Result;
use cuesta_engine::file::{
    Extent, FileOutput, FileTable, Files, LogFiles, Output, Region, Reuse, Spread, Vain,
};
use cuesta_engine::format::Codec;
use cuesta_engine::index::{Aim, Horizon, State};
use cuesta_engine::{FileId, SeqNo};
use cuesta_indexes::lsm::{Lsm, Options};
use cuesta_indexes::ordered::Reader;

use driver::{Driver, Store, services};

/// Files in a directory.
struct Dir {
    env: Arc<dyn Env>,
    path: PathBuf,
    next_file: Arc<AtomicU64>,
    table: Arc<FileTable>,
    output: FileOutput,
}

fn output(env: &Arc<dyn Env>, path: &Path, next_file: &Arc<AtomicU64>) -> FileOutput {
    let (path, next_file) = (path.to_path_buf(), next_file.clone());
    let (log_files, vain) = (LogFiles::default(), Vain::default());
    FileOutput::new(env.clone(), path, next_file, None, Spread::Apart, log_files, vain)
}

impl Dir {
    fn new(path: PathBuf) -> Dir {
        let env: Arc<dyn Env> = OsEnv::new();
        let next_file = Arc::new(AtomicU64::new(1));
        let moved = Arc::new(Event::new());
        let table = FileTable::new(env.clone(), path.clone(), Reuse::Here, moved);
        let output = output(&env, &path, &next_file);
        Dir { env, path, next_file, table, output }
    }
}

impl Files for Dir {
    fn region(&self, extent: &Extent) -> Result<Region> {
        self.table.region(extent)
    }

    fn whole(&self, file: FileId) -> Result<Region> {
        self.table.whole(file)
    }
}

impl Store for Dir {
    fn output(&mut self) -> &mut dyn Output {
        &mut self.output
    }

    fn finish(&mut self) {
        self.output.finish().unwrap();
        self.output = output(&self.env, &self.path, &self.next_file);
    }
}

/// Nanoseconds that this thread has run.
fn processor_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Does `work`, which returns how many things it did, and says how fast it was.
fn measure(name: &str, work: impl FnOnce() -> u64) {
    let (before, clock) = (processor_nanos(), Instant::now());
    let count = work();
    let nanos = processor_nanos() - before;
    let each = nanos as f64 / count as f64;
    let wall = clock.elapsed().as_nanos() as f64 / count as f64;
    println!("{name:<24} {:>12.0} /s {each:>10.1} ns each, {wall:.1} by the clock", 1e9 / each);
}

fn mixed(i: u64) -> u64 {
    let i = (i ^ i >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
    let i = (i ^ i >> 27).wrapping_mul(0x81da_def4_bc2d_d44d);
    i ^ i >> 33
}

fn key(i: u64) -> [u8; 16] {
    let mut key = [0; 16];
    let mut rest = mixed(i);
    for byte in key.iter_mut().rev() {
        *byte = b"0123456789abcdef"[rest as usize & 15];
        rest >>= 4;
    }
    key
}

fn value(i: u64) -> [u8; 100] {
    let mut value = [b'v'; 100];
    for (at, chunk) in value[..50].chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&mixed(i + at as u64 * 77).to_le_bytes()[..chunk.len()]);
    }
    value
}

/// The length of a value, after a look at both its ends.
fn touched(value: &[u8]) -> usize {
    match value {
        [b'v', ..] | [.., b'v'] => value.len(),
        _ => 0,
    }
}

fn reads(name: &str, state: &State<Lsm>, at: SeqNo, keys: u64) {
    let clock = Clock::stopped();
    let now = Now::since(&clock, 0);
    let reader = Reader::now(state, at, &now);
    let runs = state.live.len();
    println!("-- {name}: {runs} segments");
    let gets = 300_000;
    for pass in ["first", "again"] {
        measure(&format!("get hit, {pass}"), || {
            for i in 0..gets {
                let i = mixed(i + 7) % keys;
                let found = reader.get(&key(i)).unwrap();
                assert_eq!(found.as_deref(), Some(&value(i)[..]));
            }
            gets
        });
    }
    measure("get_with hit", || {
        for i in 0..gets {
            let i = mixed(i + 7) % keys;
            assert_eq!(reader.get_with(&key(i), touched).unwrap(), Some(100));
        }
        gets
    });
    measure("get miss", || {
        for i in 0..gets {
            assert!(reader.get(&key(keys + i)).unwrap().is_none());
        }
        gets
    });
    measure("scan of 100", || {
        let scans = 20_000;
        for i in 0..scans {
            let start = key(mixed(i + 3) % keys);
            let mut cursor = reader.cursor(Bound::Included(&start), Bound::Unbounded);
            let mut count = 0;
            let mut bytes = 0;
            while count < 100 && cursor.next().unwrap() {
                bytes += cursor.key().len() + touched(cursor.value());
                count += 1;
            }
            assert_eq!(bytes, count * 116);
        }
        scans
    });
    for pass in ["first", "again"] {
        measure(&format!("full scan, {pass}"), || {
            let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
            let (mut count, mut bytes) = (0, 0);
            while cursor.next().unwrap() {
                bytes += cursor.key().len() + touched(cursor.value());
                count += 1;
            }
            assert_eq!(count as u64, keys);
            assert_eq!(bytes, count * 116);
            keys
        });
    }
    measure("full scan back", || {
        let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
        let mut count = 0;
        while cursor.prev().unwrap() {
            count += 1;
        }
        assert_eq!(count, keys);
        keys
    });
}

fn count(driver: &Driver<Dir>) -> u64 {
    let reader = Reader::new(driver.lsm(), SeqNo(driver.seq), 0);
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    let mut count = 0;
    while cursor.next().unwrap() {
        count += 1;
    }
    count
}

fn delete_range(driver: &mut Driver<Dir>, start: &[u8], end: Option<&[u8]>) {
    let mut ops = Vec::new();
    lsm::op::delete_range(&mut ops, start, end).unwrap();
    driver.commit(ops, &Horizon::UNKNOWN);
}

/// A tenth of the keys goes one by one and by ranges of one key, then nine tenths of all at once.
fn erase(driver: &mut Driver<Dir>, keys: u64) {
    println!("-- erasing");
    let some = keys / 10;
    measure("delete", || {
        (0..some).for_each(|i| driver.write(&[(&key(i), None)]));
        some
    });
    measure("full scan over deletes", || count(driver));
    measure("delete of a small range", || {
        for i in some..2 * some {
            let end = [&key(i)[..], &[0]].concat();
            delete_range(driver, &key(i), Some(&end));
        }
        some
    });
    measure("full scan over ranges", || count(driver));
    measure("get among ranges", || {
        let reader = Reader::new(driver.lsm(), SeqNo(driver.seq), 0);
        for i in 0..300_000 {
            let i = mixed(i + 7) % keys;
            assert_eq!(reader.contains(&key(i)).unwrap(), i >= 2 * some);
        }
        300_000
    });
    driver.rotate();
    measure("flush of both", || {
        driver.flush(1);
        2 * some
    });
    measure("full scan, flushed", || count(driver));
    let reader = Reader::new(driver.lsm(), SeqNo(driver.seq), 0);
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    let kept = 8 * some / 10;
    (0..=kept).for_each(|_| assert!(cursor.next().unwrap()));
    let first = cursor.key().to_vec();
    drop(cursor);
    delete_range(driver, &first, None);
    measure("full scan of a tenth", || {
        assert_eq!(count(driver), kept);
        kept
    });
    driver.rotate();
    let (segments, mut read) = (driver.lsm().live.len(), 0);
    measure("all of its merges", || {
        driver.flush(1);
        while let Some(merge) = driver.begin(Aim::Steady) {
            driver.end(merge);
            read += 1;
        }
        8 * some
    });
    println!("{segments} segments, {read} edits, {} left", driver.lsm().live.len());
    assert_eq!(count(driver), kept);
}

fn main() {
    let keys = std::env::var("LSM_KEYS").map_or(1_000_000, |keys| keys.parse().unwrap());
    let mut options = Options::default();
    if let Ok(bytes) = std::env::var("LSM_BLOCK_BYTES") {
        options.block_bytes = bytes.parse().unwrap();
    }
    if let Ok(interval) = std::env::var("LSM_INTERVAL") {
        options.restart_interval = interval.parse().unwrap();
    }
    if let Ok(codec) = std::env::var("LSM_CODEC") {
        options.codecs = [Codec::from_code(codec.parse().unwrap()).unwrap(); 7];
    }
    let dir = tempfile::tempdir().unwrap();
    let mut driver =
        Driver::new(Dir::new(dir.path().to_path_buf()), &options, services(64 << 20, 32 << 20));
    let mut i = 0;
    while i < keys {
        let end = (i + 150_000).min(keys);
        measure("write", || {
            for i in i..end {
                driver.write(&[(&key(i), Some(&value(i)))]);
            }
            end - i
        });
        driver.rotate();
        measure("flush", || {
            driver.flush(1);
            end - i
        });
        while let Some(merge) = driver.begin(Aim::Steady) {
            let entries = driver.entries(&merge);
            measure("merge", || {
                driver.end(merge);
                entries
            });
        }
        i = end;
    }
    let at = SeqNo(driver.seq);
    reads("as written", driver.lsm(), at, keys);
    while let Some(merge) = driver.begin_compacting() {
        let entries = driver.entries(&merge);
        measure("compacting merge", || {
            driver.end(merge);
            entries
        });
    }
    reads("compacted", driver.lsm(), at, keys);
    erase(&mut driver, keys);
}
