//! What each workload does.
//!
//! Key number `n` is the 16 hexadecimal digits of `mix(n)`, so numbers in order are keys in random
//! order; for `fill-seq` it is those of `n`. A value begins with its key's number.

use std::fs;
use std::path::{Path, PathBuf};

use cuesta::cache::{CacheOptions, Policy};
use cuesta::{Database, Durability, Error, Keyspace, Result};

use super::measure::{Extent, Measured, measure};
use super::{BenchSettings, Workload};
use crate::random::{Random, Zipf, mix};

/// Keys in one batch where there are many.
const BATCH_KEYS: u64 = 100;
/// Entries of a short scan.
const SCAN_ENTRIES: u64 = 100;
/// Threads that sync together.
const SYNC_THREADS: usize = 8;
/// Keys that a transaction reads and changes, and threads that do.
const TRANSACTION_KEYS: u64 = 10;
const TRANSACTION_THREADS: usize = 8;
/// How often keys of a cache are asked for: see [`Zipf`]; and operations for each key.
const CACHE_SKEW: f64 = 0.9;
const CACHE_ROUNDS: u64 = 4;
/// Keys of a workload whose commits are synced: they take a thousand times as long.
const SYNC_KEYS: u64 = 20_000;

/// Where workloads run.
pub struct Bed {
    folder: PathBuf,
    settings: BenchSettings,
    /// The database that reads and scans share.
    shared: Option<(Database, Keyspace)>,
}

impl Bed {
    pub fn new(folder: &Path, settings: BenchSettings) -> Bed {
        Bed { folder: folder.to_owned(), settings, shared: None }
    }

    /// Runs a workload.
    ///
    /// # Errors
    /// What the database fails with; `Corrupt` for a wrong answer.
    pub fn run(&mut self, workload: Workload) -> Result<Measured> {
        match workload {
            Workload::FillSeq => self.fill(workload, |number| number, 1),
            Workload::FillRandomOne => self.fill(workload, mix, 1),
            Workload::FillRandomMany => self.fill(workload, mix, BATCH_KEYS),
            Workload::SyncAlone => self.sync(workload, 1),
            Workload::SyncTogether => self.sync(workload, SYNC_THREADS),
            Workload::Transactions => self.transactions(),
            Workload::CacheLru => self.cache(workload, Policy::Lru),
            Workload::CacheTinyLfu => self.cache(workload, Policy::TinyLfu),
            _ => self.on_shared(workload),
        }
    }

    fn extent(&self, ops: u64) -> Extent {
        Extent { threads: self.settings.threads, ops, limit: self.settings.limit }
    }

    fn fill(
        &self,
        workload: Workload,
        order: impl Fn(u64) -> u64 + Sync,
        batch_keys: u64,
    ) -> Result<Measured> {
        self.alone(workload, Durability::Buffered, |db, keyspace| {
            let extent = self.extent(self.settings.keys.div_ceil(batch_keys));
            let fill = |op: u64| {
                let numbers = op * batch_keys..((op + 1) * batch_keys).min(self.settings.keys);
                let entries = numbers.end - numbers.start;
                put(db, keyspace, numbers.map(|n| (key(order(n)), self.value(n, 0))))?;
                Ok(entries)
            };
            measure(workload.name(), extent, fill, || db.settle())
        })
    }

    fn sync(&self, workload: Workload, threads: usize) -> Result<Measured> {
        self.alone(workload, Durability::Sync, |db, keyspace| {
            let ops = self.settings.keys.min(SYNC_KEYS);
            let extent = Extent { threads, ops, limit: self.settings.limit };
            let commit = |op| {
                keyspace.put(key(mix(op)), self.value(op, 0))?;
                Ok(1)
            };
            measure(workload.name(), extent, commit, || db.settle())
        })
    }

    /// Transactions that fail are counted, and tried again.
    fn transactions(&mut self) -> Result<Measured> {
        let (db, keyspace) = self.open_shared()?;
        let keys = self.settings.keys;
        let change = |op| {
            db.transact(|tx| {
                let mut random = Random::new(op);
                for _ in 0..TRANSACTION_KEYS {
                    let number = random.below(keys);
                    let value = tx.get(&keyspace, key(mix(number)))?;
                    let right = value
                        .is_some_and(|value| value.first_chunk() == Some(&number.to_le_bytes()));
                    check(right, || format!("a transaction found another key than {number}"))?;
                    tx.put(&keyspace, key(mix(number)), self.value(number, op))?;
                }
                Ok(2 * TRANSACTION_KEYS)
            })
        };
        let ops = keys.div_ceil(TRANSACTION_KEYS);
        let extent = Extent { threads: TRANSACTION_THREADS, ops, limit: self.settings.limit };
        let conflicts = || db.stats().get("conflicts").unwrap_or_default();
        let before = conflicts();
        let name = Workload::Transactions.name();
        let measured = measure(name, extent, change, || db.settle())?;
        Ok(Measured { conflicts: Some(conflicts() - before), ..measured })
    }

    /// A cache that is asked for the same few keys most of the time, and one operation in a hundred
    /// for a hundred that follow each other.
    fn cache(&self, workload: Workload, policy: Policy) -> Result<Measured> {
        self.alone(workload, Durability::Buffered, |db, _| {
            let keys = self.settings.keys;
            let options = CacheOptions::new().max_entries(keys.div_ceil(10)).policy(policy);
            let cache = db.cache("bench", &options)?;
            let zipf = Zipf::new(keys, CACHE_SKEW);
            let ask = |number| {
                let load = || Ok::<_, Error>(self.value(number, 0));
                let value = cache.get_or_insert_with(key(mix(number)), load)?;
                let right = value.first_chunk() == Some(&number.to_le_bytes());
                check(right, || format!("a cache has another value for key number {number}"))
            };
            let asks = |op: u64| {
                let mut random = Random::new(op);
                if !op.is_multiple_of(100) {
                    return ask(zipf.next(&mut random)).map(|()| 1);
                }
                let first = random.below(keys);
                (0..SCAN_ENTRIES).try_for_each(|n| ask((first + n) % keys))?;
                Ok(SCAN_ENTRIES)
            };
            let measured =
                measure(workload.name(), self.extent(keys * CACHE_ROUNDS), asks, || db.settle())?;
            Ok(Measured { hit_rate: Some(cache.stats().hit_rate()), ..measured })
        })
    }

    /// Runs in a database of its own.
    fn alone(
        &self,
        workload: Workload,
        durability: Durability,
        run: impl FnOnce(&Database, &Keyspace) -> Result<Measured>,
    ) -> Result<Measured> {
        let path = self.folder.join(workload.name());
        let db = Database::builder().durability(durability).open(&path)?;
        let keyspace = db.keyspace("bench")?;
        let measured = run(&db, &keyspace)?;
        drop(keyspace);
        db.close()?;
        fs::remove_dir_all(&path)
            .map_err(|e| Error::io(format_args!("removing {}", path.display()), e))?;
        Ok(measured)
    }

    fn on_shared(&mut self, workload: Workload) -> Result<Measured> {
        let (db, keyspace) = self.open_shared()?;
        let keys = self.settings.keys;
        let name = workload.name();
        let nothing = || Ok(());
        match workload {
            Workload::Overwrite => {
                let overwrite = |op| {
                    let number = Random::new(op).below(keys);
                    keyspace.put(key(mix(number)), self.value(number, op))?;
                    Ok(1)
                };
                let measured = measure(name, self.extent(keys), overwrite, || db.settle());
                // What comes next reads a settled database.
                db.flush()?;
                db.settle()?;
                measured
            }
            Workload::ReadHit => measure(
                name,
                self.extent(keys),
                |op| read(&keyspace, Random::new(op).below(keys), Expect::Hit),
                nothing,
            ),
            Workload::ReadMiss => measure(
                name,
                self.extent(keys),
                |op| read(&keyspace, keys + Random::new(op).below(keys), Expect::Miss),
                nothing,
            ),
            Workload::ScanShort => measure(
                name,
                self.extent(keys.div_ceil(SCAN_ENTRIES)),
                |op| scan(&keyspace, &key(Random::new(op).next()), SCAN_ENTRIES),
                nothing,
            ),
            Workload::ScanFull => {
                let scan_all = |_| {
                    let entries = scan(&keyspace, &[], u64::MAX)?;
                    check(entries == keys, || format!("{entries} entries instead of {keys}"))?;
                    Ok(entries)
                };
                measure(name, self.extent(self.settings.threads as u64), scan_all, nothing)
            }
            _ => {
                let mixed = |op| {
                    let number = Random::new(op).below(keys);
                    if op % 5 > 0 {
                        return read(&keyspace, number, Expect::Hit);
                    }
                    keyspace.put(key(mix(number)), self.value(number, op))?;
                    Ok(1)
                };
                measure(name, self.extent(keys), mixed, || db.settle())
            }
        }
    }

    fn open_shared(&mut self) -> Result<(Database, Keyspace)> {
        if let Some(shared) = &self.shared {
            return Ok(shared.clone());
        }
        let path = self.folder.join("shared");
        let db = Database::builder().durability(Durability::Buffered).open(&path)?;
        let keyspace = db.keyspace("bench")?;
        let keys = self.settings.keys;
        for first in (0..keys).step_by(BATCH_KEYS as usize) {
            let numbers = first..(first + BATCH_KEYS).min(keys);
            put(&db, &keyspace, numbers.map(|n| (key(mix(n)), self.value(n, 0))))?;
        }
        db.flush()?;
        db.settle()?;
        Ok(self.shared.insert((db, keyspace)).clone())
    }

    /// A value of key number `number`: random bytes, then zeros.
    fn value(&self, number: u64, version: u64) -> Vec<u8> {
        let bytes = self.settings.value_bytes;
        let mut value = Vec::with_capacity(bytes + 8);
        value.extend_from_slice(&number.to_le_bytes());
        let mut random = Random::new(number ^ version.rotate_left(32));
        while value.len() < bytes / 2 {
            value.extend_from_slice(&random.next().to_le_bytes());
        }
        value.resize(bytes, 0);
        value
    }
}

fn key(spelled: u64) -> [u8; 16] {
    let mut key = [0; 16];
    for (at, digit) in key.iter_mut().enumerate() {
        let nibble = (spelled >> (60 - 4 * at)) as u8 & 15;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    key
}

fn put(
    db: &Database,
    keyspace: &Keyspace,
    entries: impl Iterator<Item = ([u8; 16], Vec<u8>)>,
) -> Result<()> {
    let mut batch = db.batch();
    for (key, value) in entries {
        batch.put(keyspace, key, value)?;
    }
    batch.commit()
}

/// What a read must find.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Hit,
    Miss,
}

fn read(keyspace: &Keyspace, number: u64, expect: Expect) -> Result<u64> {
    let fits = keyspace
        .get_with(key(mix(number)), |value| value.first_chunk() == Some(&number.to_le_bytes()))?;
    let right = match expect {
        Expect::Hit => fits == Some(true),
        Expect::Miss => fits.is_none(),
    };
    check(right, || format!("key number {number} has another value than was written"))?;
    Ok(1)
}

/// Walks over at most `limit` entries from `start` on; the number of them.
fn scan(keyspace: &Keyspace, start: &[u8], limit: u64) -> Result<u64> {
    let mut cursor = keyspace.cursor(start..)?;
    let mut entries = 0;
    while entries < limit && cursor.next()? {
        let number = cursor.value().first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let right = number.is_some_and(|number| cursor.key() == key(mix(number)));
        check(right, || format!("a scan found another value at {:?}", cursor.key()))?;
        entries += 1;
    }
    Ok(entries)
}

fn check(right: bool, problem: impl FnOnce() -> String) -> Result<()> {
    if right { Ok(()) } else { Err(Error::corrupt(problem())) }
}
