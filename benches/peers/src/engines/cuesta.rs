//! This project, with the engine of a keyspace that is asked for.

use std::marker::PhantomData;
use std::path::Path;

use cuesta::{Compression, Durability, KeyspaceEngine, KeyspaceOptions};

use crate::store::{BACKGROUND_THREADS, Codec, Entry, Key, Outcome, Setup, Store, Wait};

/// Which engine a keyspace gets.
pub trait Layout: Send + Sync {
    /// It.
    const ENGINE: KeyspaceEngine;
}

/// A log-structured merge tree, which is the default.
pub struct Lsm;

impl Layout for Lsm {
    const ENGINE: KeyspaceEngine = KeyspaceEngine::Lsm;
}

/// A copy-on-write B+tree.
pub struct Btree;

impl Layout for Btree {
    const ENGINE: KeyspaceEngine = KeyspaceEngine::Btree;
}

/// A database with one keyspace.
pub struct Cuesta<L> {
    /// The database.
    pub db: cuesta::Database,
    /// The keyspace.
    pub keys: cuesta::Keyspace,
    layout: PhantomData<L>,
}

impl<L: Layout> Store for Cuesta<L> {
    fn open(dir: &Path, setup: Setup) -> Outcome<Cuesta<L>> {
        let durability = match setup.wait {
            Wait::System => Durability::Buffered,
            Wait::Disk => Durability::Sync,
        };
        let db = cuesta::Database::builder()
            .durability(durability)
            .memory_budget(setup.memory_bytes)
            .background_threads(BACKGROUND_THREADS)
            .open(dir)?;
        let options = KeyspaceOptions::new().engine(L::ENGINE);
        let options = match setup.codec {
            Codec::Default => options,
            Codec::Lz4 => options.compression(Compression::Lz4),
        };
        let keys = db.keyspace_with("keys", &options)?;
        Ok(Cuesta { db, keys, layout: PhantomData })
    }

    fn put(&self, key: &Key, value: &[u8]) -> Outcome<()> {
        Ok(self.keys.put(key, value)?)
    }

    fn write(&self, entries: &[Entry<'_>]) -> Outcome<()> {
        let mut batch = self.db.batch();
        for (key, value) in entries {
            match value {
                Some(value) => batch.put(&self.keys, key, value)?,
                None => batch.delete(&self.keys, key)?,
            }
        }
        Ok(batch.commit()?)
    }

    fn get<R>(&self, key: &Key, take: impl FnMut(&[u8]) -> R) -> Outcome<Option<R>> {
        Ok(self.keys.get_with(key, take)?)
    }

    fn scan(&self, start: &[u8], limit: usize, mut visit: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let mut cursor = self.keys.cursor(start..)?;
        let mut left = limit;
        while left > 0 && cursor.next()? {
            visit(cursor.key(), cursor.value());
            left -= 1;
        }
        Ok(())
    }

    fn flush(&self) -> Outcome<()> {
        Ok(self.db.flush()?)
    }

    fn settle(&self) -> Outcome<()> {
        Ok(self.db.settle()?)
    }

    fn compact(self) -> Outcome<Cuesta<L>> {
        self.db.compact()?;
        Ok(self)
    }

    fn close(self) -> Outcome<()> {
        drop(self.keys);
        Ok(self.db.close()?)
    }
}
