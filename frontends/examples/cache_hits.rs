//! Measures hits of caches, and reads of a keyspace, for each second of processor time.
//!
//! `cargo run --release -p cuesta --example cache_hits`; Linux, which tells a thread's time.

use cuesta::cache::{Cache, CacheOptions, Policy};
use cuesta::{Database, Durability, Result};

const KEYS: u64 = 100_000;
const READS: u64 = 2_000_000;

/// Processor time of this thread in seconds.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: Option<f64> = text.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.unwrap_or(f64::NAN) / 1e9
}

/// The key of a read: all of them in turn, in an order of no use to anybody.
fn key(read: u64) -> [u8; 8] {
    (read.wrapping_mul(7_919) % KEYS).to_be_bytes()
}

fn measure(what: &str, mut get: impl FnMut([u8; 8]) -> Result<Option<usize>>) -> Result<()> {
    let mut bytes = 0;
    let before = processor_seconds();
    for read in 0..READS {
        bytes += get(key(read))?.unwrap_or(0) as u64;
    }
    let seconds = processor_seconds() - before;
    assert_eq!(bytes, READS * 100, "every read finds its value");
    println!("{what:24} {:9.0} reads a processor second", READS as f64 / seconds);
    Ok(())
}

fn fill(cache: &Cache) -> Result<()> {
    (0..KEYS).try_for_each(|key| cache.put(key.to_be_bytes(), [1; 100]))
}

fn main() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("cuesta-cache-hits-{}", std::process::id()));
    let db = Database::builder().durability(Durability::None).open(&dir)?;
    let bounded = |policy| CacheOptions::new().max_entries(2 * KEYS).policy(policy);
    let raw = db.keyspace("raw")?;
    (0..KEYS).try_for_each(|key| raw.put(key.to_be_bytes(), [1; 100]))?;
    measure("keyspace", |key| raw.get_with(key, <[u8]>::len))?;
    for policy in [Policy::Lru, Policy::TinyLfu] {
        let kept = db.cache(&format!("{policy:?}"), &bounded(policy))?;
        fill(&kept)?;
        measure(&format!("{policy:?}"), |key| kept.get_with(key, <[u8]>::len))?;
        let memory = bounded(policy).memory_only();
        let memory = db.cache(&format!("{policy:?} in memory"), &memory)?;
        fill(&memory)?;
        measure(&format!("{policy:?} in memory"), |key| memory.get_with(key, <[u8]>::len))?;
    }
    db.close()?;
    let _ = std::fs::remove_dir_all(&dir);
    Ok(())
}
