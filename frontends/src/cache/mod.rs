//! Caches: bounded maps that let go of what is used least.
//!
//! ```
//! # fn main() -> cuesta::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = cuesta::Database::open(dir.path())?;
//! use std::time::Duration;
//!
//! use cuesta::cache::{CacheOptions, Policy};
//!
//! let pages = db.cache(
//!     "pages",
//!     &CacheOptions::new()
//!         .max_bytes(64 << 20)
//!         .policy(Policy::TinyLfu)
//!         .ttl(Duration::from_secs(3600)),
//! )?;
//! let page = pages.get_or_insert_with("/home", || {
//!     cuesta::Result::Ok("<h1>Welcome</h1>") // slow, and called once however many ask
//! })?;
//! assert_eq!(page, "<h1>Welcome</h1>");
//! assert_eq!(pages.get("/home")?, Some(page));
//! assert_eq!((pages.stats().hits, pages.stats().misses), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! Values lie in a keyspace of their own, `cache:` and the name, and are there again after
//! reopening; with [`CacheOptions::memory_only`] they lie in memory, and no file is touched. What
//! decides who goes is always in memory: about 180 bytes and the key for each entry, counted in the
//! memory budget.
//!
//! ```text
//! hash of key ──► shard: lock, entries, order, sketch ──► decision
//!                    │ in the order of decisions
//!                    └──► one commit: the value, and deletions of whoever goes for it
//! ```
//!
//! Invariants
//! 1. Commits of a shard come in the order of its decisions, because its lock is held until a
//!    commit has its place in the order; clearing holds the locks of all. So every prefix of the
//!    log, which is what a crash leaves, is within the bound.
//! 2. What is not in the shard is not read from the keyspace.
//!
//! Not for: data that must not go. The keyspace of a cache is to be written through the cache
//! alone.

mod entries;
mod flight;
#[cfg(all(test, loom))]
mod flight_loom;
mod load;
mod open;
mod options;
mod orphans;
mod shard;
mod sketch;
mod stats;

#[cfg(test)]
mod tests;

pub use options::{CacheOptions, Policy};
pub use stats::CacheStats;

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use cuesta_engine::IndexId;
use cuesta_engine::budget::Yields;
use cuesta_engine::oracle::KeyHasher;

use self::entries::{Entry, NEVER};
use self::flight::Flight;
use self::shard::{Found, Shard};
use crate::database::Database;
use crate::{Batch, CommitHandle, Keyspace, Result, Value};

/// Bytes that an entry counts besides its key and value.
const ENTRY_BYTES: u64 = 64;
/// Most keys, and bytes of them, that one commit deletes.
const DELETED: usize = 1024;
const DELETED_BYTES: usize = 64 << 10;

/// A bounded map from [`Database::cache`]. Cloning is cheap; clones may be used from many threads
/// at once.
///
/// It has up to 16 parts of at least 4 MiB or 4,096 entries, each with a lock, an order and its
/// share of the bound. So a small cache goes by one exact order, a large one by those of its parts,
/// and an entry larger than a part is not taken.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache {:?}", self.shared.name)
    }
}

/// What all handles of a cache share.
struct Shared {
    db: Database,
    name: String,
    options: CacheOptions,
    /// Unless it is in memory only.
    keyspace: Option<Keyspace>,
    hasher: KeyHasher,
    shards: Arc<Shards>,
}

/// The parts of a cache, a power of two of them. The memory budget knows of them, and has them let
/// go of entries for others.
struct Shards(Box<[Mutex<Shard>]>);

impl Deref for Shards {
    type Target = [Mutex<Shard>];

    fn deref(&self) -> &[Mutex<Shard>] {
        &self.0
    }
}

impl Shards {
    /// Those that nobody has locked, locked one after the other.
    fn unlocked(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.iter().filter_map(|shard| match shard.try_lock() {
            Ok(shard) => Some(shard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
    }
}

impl Yields for Shards {
    fn held(&self) -> u64 {
        self.unlocked().map(|shard| shard.held()).sum()
    }

    fn let_go(&self, bytes: u64) -> u64 {
        let mut gone = 0;
        // A fair share of each; then whatever is missing still, of whoever has it.
        for share in [bytes.div_ceil(self.len() as u64), bytes] {
            for mut shard in self.unlocked() {
                if gone < bytes {
                    gone += shard.let_go(share.min(bytes - gone));
                }
            }
        }
        gone
    }
}

impl Shared {
    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(IndexId(0), key)
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[(hash >> 48) as usize & (self.shards.len() - 1)])
    }

    fn batch(&self) -> Batch {
        let mut batch = self.db.batch();
        batch.durability(self.options.durability);
        batch
    }

    /// Gives a commit its place in the order: what is in the batch, and deletions of orphans.
    fn submit(&self, shard: &mut Shard, mut batch: Batch) -> Result<Option<CommitHandle>> {
        let Some(keyspace) = &self.keyspace else { return Ok(None) };
        let (mut count, mut bytes) = (0, 0);
        for orphan in shard.orphans().latest().take(DELETED) {
            if bytes > DELETED_BYTES {
                break;
            }
            batch.delete(keyspace, orphan)?;
            (count, bytes) = (count + 1, bytes + orphan.len());
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let handle = batch.submit()?;
        shard.forget_orphans(count);
        Ok(Some(handle))
    }

    /// Puts a value. Of a flight, only if that is still what is loading the key.
    fn put(
        &self,
        key: &[u8],
        value: &[u8],
        ttl: Option<Duration>,
        flight: Option<&Arc<Flight>>,
    ) -> Result<()> {
        let hash = self.hash(key);
        let (mut batch, mut here, mut expiry_ms) = (self.batch(), None, NEVER);
        if let Some(ttl) = ttl {
            let ttl_ms = u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(NEVER);
            expiry_ms = self.db.now_ms().saturating_add(ttl_ms);
        }
        let written = match (&self.keyspace, ttl) {
            (Some(keyspace), None) => batch.put(keyspace, key, value),
            (Some(keyspace), Some(ttl)) => batch.put_with_ttl(keyspace, key, value, ttl),
            (None, _) => {
                here = Some(Value::from(value));
                Ok(())
            }
        };
        if written.is_err() {
            let mut shard = self.shard(hash);
            if shard.remove(hash, key) {
                shard.orphan(key.into());
            } else {
                shard.raise_orphan(key);
            }
            return written;
        }
        let key: Arc<[u8]> = key.into();
        let bytes = ENTRY_BYTES + key.len() as u64 + value.len() as u64;
        let entry = Entry { key: key.clone(), hash, bytes, expiry_ms, value: here };

        let mut shard = self.shard(hash);
        match flight {
            None => _ = shard.loading.remove(&key),
            Some(flight) => {
                let loading = shard.loading.get(&key);
                if !loading.is_some_and(|loading| Arc::ptr_eq(loading, flight)) {
                    return Ok(());
                }
            }
        }
        shard.expire(|| self.db.now_ms());
        if !shard.put(entry) {
            batch.clear();
        }
        let submitted = self.submit(&mut shard, batch);
        if submitted.is_err() && shard.remove(hash, &key) {
            shard.orphan(key);
        }
        drop(shard);
        submitted?.map_or(Ok(()), CommitHandle::wait)
    }

    /// Whether the keyspace has the value that a shard speaks of, handed to `take`.
    fn stored<R>(&self, key: &[u8], take: impl FnMut(&[u8]) -> R) -> Result<Option<R>> {
        match &self.keyspace {
            Some(keyspace) => keyspace.get_with(key, take),
            None => Ok(None),
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    /// The name it was opened with.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The value of `key`, if it is here; a use of it. A lock, and a read of the keyspace.
    ///
    /// # Errors
    /// As [`Keyspace::get`](crate::Keyspace::get); none for a cache in memory.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value>> {
        let (key, shared) = (key.as_ref(), &*self.shared);
        let hash = shared.hash(key);
        let found = shared.shard(hash).get(hash, key, || shared.db.now_ms());
        let value = match (found, &shared.keyspace) {
            (Found::Here(value), _) => return Ok(Some(value)),
            (Found::Stored, Some(keyspace)) => keyspace.get(key)?,
            _ => return Ok(None),
        };
        if value.is_none() {
            shared.shard(hash).missed();
        }
        Ok(value)
    }

    /// Hands the value of `key` to `take`, if it is here: no copy, no allocation. `take` may be
    /// called more than once; the last result counts.
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub fn get_with<R>(
        &self,
        key: impl AsRef<[u8]>,
        mut take: impl FnMut(&[u8]) -> R,
    ) -> Result<Option<R>> {
        let (key, shared) = (key.as_ref(), &*self.shared);
        let hash = shared.hash(key);
        let found = shared.shard(hash).get(hash, key, || shared.db.now_ms());
        let taken = match found {
            Found::Here(value) => return Ok(Some(take(&value))),
            Found::Stored => shared.stored(key, take)?,
            Found::Nothing => return Ok(None),
        };
        if taken.is_none() {
            shared.shard(hash).missed();
        }
        Ok(taken)
    }

    /// Whether `key` is here, which does not count as a use.
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        let (key, shared) = (key.as_ref(), &*self.shared);
        let hash = shared.hash(key);
        let found = shared.shard(hash).peek(hash, key, || shared.db.now_ms());
        match found {
            Found::Here(_) => Ok(true),
            Found::Stored => Ok(shared.stored(key, |_| ())?.is_some()),
            Found::Nothing => Ok(false),
        }
    }

    /// Sets the value of `key`, for as long as [`CacheOptions::ttl`] says. A value that is too
    /// large, or that the policy does not prefer to what it would displace, is not taken: then the
    /// key has none.
    ///
    /// # Errors
    /// As [`Keyspace::put`](crate::Keyspace::put), and then the key has no value.
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let ttl = self.shared.options.ttl;
        self.shared.put(key.as_ref(), value.as_ref(), ttl, None)
    }

    /// As [`Cache::put`], for this long; a part of a millisecond counts as a whole one.
    ///
    /// # Errors
    /// As there.
    pub fn put_with_ttl(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) -> Result<()> {
        self.shared.put(key.as_ref(), value.as_ref(), Some(ttl), None)
    }

    /// Removes `key`; whether it was here. What is being loaded for it is not kept.
    ///
    /// # Errors
    /// As [`Keyspace::delete`](crate::Keyspace::delete); the key is gone all the same, until the
    /// database is opened again.
    pub fn remove(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        let (key, shared) = (key.as_ref(), &*self.shared);
        let hash = shared.hash(key);
        let mut shard = shared.shard(hash);
        shard.loading.remove(key);
        shard.expire(|| shared.db.now_ms());
        let was_here = shard.remove(hash, key);
        if was_here && shared.keyspace.is_some() {
            shard.orphan(key.into());
        } else {
            // Let go of before, perhaps, and still in the keyspace.
            shard.raise_orphan(key);
        }
        let submitted = shared.submit(&mut shard, shared.batch());
        drop(shard);
        submitted?.map_or(Ok(()), CommitHandle::wait)?;
        Ok(was_here)
    }

    /// Removes everything that is here when it is called: one small write, however much it is.
    ///
    /// # Errors
    /// As [`Cache::remove`].
    pub fn clear(&self) -> Result<()> {
        let shared = &*self.shared;
        // All of them at once, so that nothing is put that the one commit would take away unseen.
        let mut shards: Vec<_> = shared.shards.iter().map(lock).collect();
        for shard in &mut shards {
            shard.loading.clear();
            shard.clear();
        }
        let Some(keyspace) = &shared.keyspace else { return Ok(()) };
        let mut batch = shared.batch();
        batch.delete_range::<&[u8]>(keyspace, ..)?;
        let cleared = batch.submit()?;
        for shard in &mut shards {
            shard.forget_orphans(usize::MAX);
        }
        drop(shards);
        cleared.wait()
    }

    /// Entries whose time is not over.
    pub fn len(&self) -> u64 {
        self.stats().entries
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of entries, as they count against the bound.
    pub fn bytes(&self) -> u64 {
        self.stats().bytes
    }

    /// Hits, misses, what came and what went.
    pub fn stats(&self) -> CacheStats {
        let mut sum = CacheStats::default();
        for shard in &**self.shared.shards {
            let mut shard = lock(shard);
            shard.expire(|| self.shared.db.now_ms());
            sum.add(&shard.stats());
        }
        sum
    }
}
