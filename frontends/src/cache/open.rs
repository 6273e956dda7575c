//! Opening a cache, and finding what it had.

use std::sync::{Arc, Mutex, Weak};

use cuesta_engine::oracle::KeyHasher;

use super::entries::{Entry, NEVER, Size};
use super::options::Place;
use super::shard::Shard;
use super::stats::CacheStats;
use super::{Cache, CacheOptions, DELETED, ENTRY_BYTES, Shards, Shared, lock};
use crate::database::Database;
use crate::{CommitHandle, Error, Result};

/// What the names of keyspaces of caches begin with.
const PREFIX: &str = "cache:";
/// Most shards, and the least that each holds.
const SHARDS: u64 = 16;
const SHARD_BYTES: u64 = 4 << 20;
const SHARD_ENTRIES: u64 = 4096;

impl Database {
    /// The cache `name`, which all share that open it, with the same options, while somebody has
    /// it: see [`cache`](crate::cache).
    ///
    /// The first to open it reads all that is in its keyspace, `cache:` and the name, which is
    /// created when missing: then the cache is warm, but for how often and when things were used.
    /// What is beyond the bounds is deleted.
    ///
    /// # Errors
    /// `Invalid` without a bound, or when it is open with other options; as [`Database::keyspace`]
    /// and [`Cache::put`].
    pub fn cache(&self, name: &str, options: &CacheOptions) -> Result<Cache> {
        options.check()?;
        let make = || {
            let shared = Shared::new(self, name, options)?;
            shared.warm()?;
            Ok(shared)
        };
        let shared = self.named().get_or_make(&format!("{PREFIX}{name}"), make)?;
        if shared.options != *options {
            let message = format!("cache {name:?} is open with other options");
            return Err(Error::invalid(message));
        }
        Ok(Cache { shared })
    }
}

impl Shared {
    fn new(db: &Database, name: &str, options: &CacheOptions) -> Result<Shared> {
        let keyspace = match options.place {
            Place::Memory => None,
            Place::Keyspace => Some(db.keyspace(&format!("{PREFIX}{name}"))?),
        };
        let count = shards(options);
        let limit = |max: Option<u64>| max.map_or(u64::MAX, |max| max / count);
        let limit = Size { bytes: limit(options.max_bytes), entries: limit(options.max_entries) };
        let parts = db.engine.parts();
        let shard = |_| Mutex::new(Shard::new(options.policy, limit, &parts.services.budget));
        let shards = Arc::new(Shards((0..count).map(shard).collect()));
        let yields: Weak<Shards> = Arc::downgrade(&shards);
        parts.services.budget.add_yielding(yields);
        Ok(Shared {
            db: db.clone(),
            name: name.to_owned(),
            options: options.clone(),
            keyspace,
            hasher: KeyHasher::new(parts.env.rand64()),
            shards,
        })
    }

    /// Takes in what the keyspace has.
    fn warm(&self) -> Result<()> {
        let Some(keyspace) = &self.keyspace else { return Ok(()) };
        let mut cursor = keyspace.cursor::<&[u8]>(..)?;
        while cursor.next()? {
            let key: Arc<[u8]> = cursor.key().into();
            let hash = self.hash(&key);
            let bytes = ENTRY_BYTES + key.len() as u64 + cursor.value().len() as u64;
            let expiry_ms = cursor.expiry_ms().unwrap_or(NEVER);
            let mut shard = self.shard(hash);
            shard.put(Entry { key, hash, bytes, expiry_ms, value: None });
            if shard.orphans().len() >= DELETED {
                self.submit(&mut shard, self.batch())?;
            }
        }
        for shard in &**self.shards {
            let mut shard = lock(shard);
            while !shard.orphans().is_empty() {
                self.submit(&mut shard, self.batch())?.map_or(Ok(()), CommitHandle::wait)?;
            }
            shard.stats = CacheStats::default();
        }
        Ok(())
    }
}

/// How many shards: as many as have enough to hold.
fn shards(options: &CacheOptions) -> u64 {
    let many = |max: Option<u64>, least: u64| max.map_or(SHARDS, |max| max / least);
    let by_bytes = many(options.max_bytes, SHARD_BYTES);
    let count = by_bytes.min(many(options.max_entries, SHARD_ENTRIES)).clamp(1, SHARDS);
    1 << count.ilog2()
}
