//! fjall: a log-structured merge tree in Rust.

use std::path::Path;
use std::time::Duration;

use fjall::config::CompressionPolicy;
use fjall::{CompressionType, KeyspaceCreateOptions, KvSeparationOptions, PersistMode, Readable};

use crate::store::{
    APART_BYTES, BACKGROUND_THREADS, Codec, Entry, Key, Outcome, Setup, Store, Wait,
};

/// A database with one keyspace.
pub struct Fjall {
    db: fjall::Database,
    keys: fjall::Keyspace,
    wait: Wait,
}

impl Store for Fjall {
    fn open(dir: &Path, setup: Setup) -> Outcome<Fjall> {
        let db = fjall::Database::builder(dir)
            .cache_size(setup.memory_bytes / 2)
            .worker_threads(BACKGROUND_THREADS)
            .open()?;
        let apart = KvSeparationOptions::default().separation_threshold(APART_BYTES);
        let keys = db.keyspace("keys", || {
            let options = KeyspaceCreateOptions::default()
                .max_memtable_size(setup.memory_bytes / 4)
                .with_kv_separation(Some(apart));
            match setup.codec {
                Codec::Default => options,
                Codec::Lz4 => options
                    .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4)),
            }
        })?;
        Ok(Fjall { db, keys, wait: setup.wait })
    }

    fn put(&self, key: &Key, value: &[u8]) -> Outcome<()> {
        match self.wait {
            Wait::System => Ok(self.keys.insert(key, value)?),
            Wait::Disk => self.write(&[(*key, Some(value))]),
        }
    }

    fn write(&self, entries: &[Entry<'_>]) -> Outcome<()> {
        let mode = match self.wait {
            Wait::System => None,
            Wait::Disk => Some(PersistMode::SyncData),
        };
        let mut batch = self.db.batch().durability(mode);
        for (key, value) in entries {
            match value {
                Some(value) => batch.insert(&self.keys, key, *value),
                None => batch.remove(&self.keys, key),
            }
        }
        Ok(batch.commit()?)
    }

    fn get<R>(&self, key: &Key, mut take: impl FnMut(&[u8]) -> R) -> Outcome<Option<R>> {
        Ok(self.keys.get(key)?.map(|value| take(&value)))
    }

    fn scan(&self, start: &[u8], limit: usize, mut visit: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let snapshot = self.db.snapshot();
        for guard in snapshot.range(&self.keys, start..).take(limit) {
            let (key, value) = guard.into_inner()?;
            visit(&key, &value);
        }
        Ok(())
    }

    fn flush(&self) -> Outcome<()> {
        Ok(self.keys.rotate_memtable_and_wait()?)
    }

    fn settle(&self) -> Outcome<()> {
        // A merge is planned a moment after what calls for it.
        let mut quiet = 0;
        while quiet < 5 {
            let busy = self.db.outstanding_flushes() > 0
                || self.db.active_compactions() > 0
                || self.keys.sealed_memtable_count() > 0;
            quiet = if busy { 0 } else { quiet + 1 };
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn compact(self) -> Outcome<Fjall> {
        self.flush()?;
        self.keys.major_compact()?;
        Ok(self)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }
}
