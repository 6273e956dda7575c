//! How a cache is bounded, what it keeps, and where.

use std::time::Duration;

use crate::{Durability, Error, Result};

/// What a full cache lets go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// What was used longest ago.
    #[default]
    Lru,
    /// What was used least often of late (W-TinyLFU): what is seen once, as in a scan, does not
    /// push out what is used again and again.
    TinyLfu,
}

/// Where values lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    Keyspace,
    Memory,
}

/// Settings of a cache: at least one bound, and a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "settings do nothing until a cache is opened with them"]
pub struct CacheOptions {
    pub(super) max_bytes: Option<u64>,
    pub(super) max_entries: Option<u64>,
    pub(super) policy: Policy,
    pub(super) ttl: Option<Duration>,
    pub(super) place: Place,
    pub(super) durability: Durability,
}

impl Default for CacheOptions {
    fn default() -> CacheOptions {
        CacheOptions {
            max_bytes: None,
            max_entries: None,
            policy: Policy::Lru,
            ttl: None,
            place: Place::Keyspace,
            durability: Durability::None,
        }
    }
}

impl CacheOptions {
    /// No bounds yet, least recently used, values for ever, in a keyspace.
    pub fn new() -> CacheOptions {
        CacheOptions::default()
    }

    /// At most so many bytes of keys and values, 64 more for each entry.
    pub fn max_bytes(mut self, bytes: u64) -> CacheOptions {
        self.max_bytes = Some(bytes);
        self
    }

    /// At most so many entries.
    pub fn max_entries(mut self, entries: u64) -> CacheOptions {
        self.max_entries = Some(entries);
        self
    }

    /// What it lets go of when it is full.
    pub fn policy(mut self, policy: Policy) -> CacheOptions {
        self.policy = policy;
        self
    }

    /// How long values live unless they are put with another time; a part of a millisecond counts
    /// as a whole one.
    pub fn ttl(mut self, ttl: Duration) -> CacheOptions {
        self.ttl = Some(ttl);
        self
    }

    /// Keeps values in memory alone: no file is touched, and nothing is left when the last handle
    /// of the cache is gone.
    pub fn memory_only(mut self) -> CacheOptions {
        self.place = Place::Memory;
        self
    }

    /// What its writes survive; nothing by default: a crash may take the latest, and what they
    /// had replaced or let go of is back then.
    pub fn durability(mut self, durability: Durability) -> CacheOptions {
        self.durability = durability;
        self
    }

    /// Fails unless it has a bound, and none of 0.
    pub(super) fn check(&self) -> Result<()> {
        match (self.max_bytes, self.max_entries) {
            (None, None) => Err(Error::invalid("a cache without a bound of bytes or entries")),
            (Some(0), _) => Err(Error::invalid("a cache of at most 0 bytes")),
            (_, Some(0)) => Err(Error::invalid("a cache of at most 0 entries")),
            _ => Ok(()),
        }
    }
}
