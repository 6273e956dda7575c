//! Loading what is missing: one loader for each key at a time.
//!
//! Not for: how those who wait are told; see `flight`.

use std::sync::Arc;
use std::time::Duration;

use super::flight::Flight;
use super::shard::Found;
use super::{Cache, Shared};
use crate::{Error, Value};

/// Looks until a value that a shard speaks of and the keyspace does not have is loaded.
const LOOKS: usize = 3;
/// How long one wait for another that loads lasts.
const SLICE: Duration = Duration::from_millis(100);

/// What came of a look.
enum Look<'c> {
    Value(Value),
    /// The keyspace has it.
    Stored,
    /// Somebody loads it.
    Wait(Arc<Flight>),
    /// Nobody does.
    Load(Ticket<'c>),
}

/// Whoever has it loads a key. Without a value when it is dropped, loading has failed.
struct Ticket<'c> {
    shared: &'c Shared,
    hash: u64,
    key: Arc<[u8]>,
    flight: Arc<Flight>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut shard = self.shared.shard(self.hash);
        let loading = shard.loading.get(&self.key);
        if loading.is_some_and(|loading| Arc::ptr_eq(loading, &self.flight)) {
            shard.loading.remove(&self.key);
        }
        drop(shard);
        self.flight.end(None);
    }
}

impl Shared {
    fn look(&self, key: &[u8], looks: usize) -> Look<'_> {
        let hash = self.hash(key);
        let mut shard = self.shard(hash);
        if let Some(flight) = shard.loading.get(key).cloned() {
            shard.stats.misses += u64::from(looks == 0);
            return Look::Wait(flight);
        }
        let now_ms = || self.db.now_ms();
        let found = match looks {
            0 => shard.get(hash, key, now_ms),
            LOOKS.. => Found::Nothing,
            _ => shard.peek(hash, key, now_ms),
        };
        match found {
            Found::Here(value) => Look::Value(value),
            Found::Stored => Look::Stored,
            Found::Nothing => {
                let (key, flight): (Arc<[u8]>, _) = (key.into(), Arc::new(Flight::default()));
                shard.loading.insert(key.clone(), flight.clone());
                Look::Load(Ticket { shared: self, hash, key, flight })
            }
        }
    }

    fn get_or_load<V: AsRef<[u8]>, E: From<Error>>(
        &self,
        key: &[u8],
        ttl: Option<Duration>,
        mut check: impl FnMut() -> Result<(), E>,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<Value, E> {
        let mut looks = 0;
        let ticket = loop {
            match self.look(key, looks) {
                Look::Value(value) => return Ok(value),
                Look::Load(ticket) => break ticket,
                Look::Wait(flight) => {
                    let env = &*self.db.engine.parts().env;
                    let loaded = loop {
                        match flight.wait(env, SLICE) {
                            Some(ended) => break ended,
                            None => check()?,
                        }
                    };
                    if let Some(value) = loaded {
                        return Ok(value);
                    }
                }
                Look::Stored => {
                    if let Some(keyspace) = &self.keyspace
                        && let Some(value) = keyspace.get(key)?
                    {
                        return Ok(value);
                    }
                    if looks == 0 {
                        self.shard(self.hash(key)).missed();
                    }
                }
            }
            looks += 1;
        };
        let loaded = load()?;
        let value = Value::from(loaded.as_ref());
        self.put(key, &value, ttl, Some(&ticket.flight))?;
        ticket.flight.end(Some(value.clone()));
        Ok(value)
    }
}

impl Cache {
    /// The value of `key`; if there is none, what `load` gives, which is put. Of all that ask for
    /// the same key at a time one loads and the others wait for it; if it fails, or panics, one of
    /// them loads next.
    ///
    /// If the key is put or removed meanwhile, what was loaded is given to those who wait for it
    /// and not kept. `load` may use the cache, but waits for ever for the key that it loads.
    ///
    /// # Errors
    /// What `load` fails with; as [`Cache::get`] and [`Cache::put`].
    pub fn get_or_insert_with<V: AsRef<[u8]>, E: From<Error>>(
        &self,
        key: impl AsRef<[u8]>,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<Value, E> {
        self.get_or_insert_with_check(key, || Ok(()), load)
    }

    /// As [`Cache::get_or_insert_with`]; while another loads the key, `check` is called ten times a
    /// second, and an error of it ends the wait.
    ///
    /// # Errors
    /// As there; what `check` fails with.
    pub fn get_or_insert_with_check<V: AsRef<[u8]>, E: From<Error>>(
        &self,
        key: impl AsRef<[u8]>,
        check: impl FnMut() -> Result<(), E>,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<Value, E> {
        self.shared.get_or_load(key.as_ref(), self.shared.options.ttl, check, load)
    }
}
