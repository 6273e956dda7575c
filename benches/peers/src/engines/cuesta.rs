//! This project.

use std::path::Path;

use cuesta::{Compression, Durability, KeyspaceOptions};

use crate::store::{BACKGROUND_THREADS, Codec, Entry, Key, Outcome, Setup, Store, Wait};

/// A database with one keyspace.
pub struct Cuesta {
    /// The database.
    pub db: cuesta::Database,
    /// The keyspace.
    pub keys: cuesta::Keyspace,
}

impl Store for Cuesta {
    fn open(dir: &Path, setup: Setup) -> Outcome<Cuesta> {
        let durability = match setup.wait {
            Wait::System => Durability::Buffered,
            Wait::Disk => Durability::Sync,
        };
        let db = cuesta::Database::builder()
            .durability(durability)
            .memory_budget(setup.memory_bytes)
            .background_threads(BACKGROUND_THREADS)
            .open(dir)?;
        let keys = match setup.codec {
            Codec::Default => db.keyspace("keys")?,
            Codec::Lz4 => {
                let options = KeyspaceOptions::new().compression(Compression::Lz4);
                db.keyspace_with("keys", &options)?
            }
        };
        Ok(Cuesta { db, keys })
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

    fn compact(self) -> Outcome<Cuesta> {
        self.db.compact()?;
        Ok(self)
    }

    fn close(self) -> Outcome<()> {
        drop(self.keys);
        Ok(self.db.close()?)
    }
}
