//! What a benchmark asks of a store, and the stores.

use std::path::Path;
use std::time::Duration;

use cuesta::Durability;
use fjall::{KeyspaceCreateOptions, PersistMode, Readable};

/// What a benchmark stops at.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Cache and write buffers together, for every store.
pub const MEMORY_BYTES: u64 = 256 << 20;

/// When a write returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// When the operating system has it.
    System,
    /// When the disk has it.
    Disk,
}

/// A key-value store with one keyspace.
pub trait Store: Send + Sync {
    /// Commits entries at once.
    fn write(&self, entries: &[(Vec<u8>, Option<&[u8]>)], wait: Wait) -> Outcome<()>;
    /// Loads entries that ascend, all at once.
    fn load(&self, entries: &mut dyn Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Outcome<()>;
    /// Bytes of a value.
    fn get(&self, key: &[u8]) -> Outcome<Option<usize>>;
    /// Reads at most `limit` entries from `start` on; how many there were.
    fn scan(&self, start: &[u8], limit: usize) -> Outcome<usize>;
    /// Waits until background work is done.
    fn settle(&self) -> Outcome<()>;
    /// Writes memory out.
    fn flush(&self) -> Outcome<()>;
    /// Merges everything.
    fn compact(&self) -> Outcome<()>;
    /// Closes in order.
    fn close(self: Box<Self>) -> Outcome<()>;
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// This project.
    Cuesta,
    /// The peer.
    Fjall,
}

impl Engine {
    /// All of them.
    pub const ALL: [Engine; 2] = [Engine::Cuesta, Engine::Fjall];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Cuesta => "cuesta",
            Engine::Fjall => "fjall",
        }
    }

    /// Opens or creates the store in `dir`.
    pub fn open(self, dir: &Path) -> Outcome<Box<dyn Store>> {
        Ok(match self {
            Engine::Cuesta => Box::new(Cuesta::open(dir)?),
            Engine::Fjall => Box::new(Fjall::open(dir)?),
        })
    }
}

struct Cuesta {
    db: cuesta::Database,
    keys: cuesta::Keyspace,
}

impl Cuesta {
    fn open(dir: &Path) -> Outcome<Cuesta> {
        let db = cuesta::Database::builder()
            .durability(Durability::Buffered)
            .memory_budget(MEMORY_BYTES)
            .open(dir)?;
        let keys = db.keyspace("keys")?;
        Ok(Cuesta { db, keys })
    }
}

impl Store for Cuesta {
    fn write(&self, entries: &[(Vec<u8>, Option<&[u8]>)], wait: Wait) -> Outcome<()> {
        let mut batch = self.db.batch();
        if wait == Wait::Disk {
            batch.durability(Durability::Sync);
        }
        for (key, value) in entries {
            match value {
                Some(value) => batch.put(&self.keys, key, value)?,
                None => batch.delete(&self.keys, key)?,
            }
        }
        Ok(batch.commit()?)
    }

    fn load(&self, entries: &mut dyn Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Outcome<()> {
        let mut load = self.db.bulk_load()?;
        for (key, value) in entries {
            load.put(&self.keys, key, value)?;
        }
        load.finish()?;
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Outcome<Option<usize>> {
        Ok(self.keys.get(key)?.map(|value| value.len()))
    }

    fn scan(&self, start: &[u8], limit: usize) -> Outcome<usize> {
        let mut cursor = self.keys.cursor(start..)?;
        let mut count = 0;
        while count < limit && cursor.next()? {
            std::hint::black_box((cursor.key(), cursor.value()));
            count += 1;
        }
        Ok(count)
    }

    fn settle(&self) -> Outcome<()> {
        Ok(self.db.settle()?)
    }

    fn flush(&self) -> Outcome<()> {
        Ok(self.db.flush()?)
    }

    fn compact(&self) -> Outcome<()> {
        Ok(self.db.compact()?)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        drop(self.keys);
        Ok(self.db.close()?)
    }
}

struct Fjall {
    db: fjall::Database,
    keys: fjall::Keyspace,
}

impl Fjall {
    fn open(dir: &Path) -> Outcome<Fjall> {
        let db = fjall::Database::builder(dir)
            .cache_size(MEMORY_BYTES * 3 / 4)
            .worker_threads(2)
            .open()?;
        let keys = db.keyspace("keys", KeyspaceCreateOptions::default)?;
        Ok(Fjall { db, keys })
    }
}

impl Store for Fjall {
    fn write(&self, entries: &[(Vec<u8>, Option<&[u8]>)], wait: Wait) -> Outcome<()> {
        if let ([(key, value)], Wait::System) = (entries, wait) {
            // A single write has a path of its own.
            match value {
                Some(value) => self.keys.insert(key.as_slice(), *value)?,
                None => self.keys.remove(key.as_slice())?,
            }
            return Ok(());
        }
        let mode = match wait {
            Wait::System => None,
            Wait::Disk => Some(PersistMode::SyncData),
        };
        let mut batch = self.db.batch().durability(mode);
        for (key, value) in entries {
            match value {
                Some(value) => batch.insert(&self.keys, key.as_slice(), *value),
                None => batch.remove(&self.keys, key.as_slice()),
            }
        }
        Ok(batch.commit()?)
    }

    fn load(&self, entries: &mut dyn Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Outcome<()> {
        let mut load = self.keys.start_ingestion()?;
        for (key, value) in entries {
            load.write(key, value)?;
        }
        Ok(load.finish()?)
    }

    fn get(&self, key: &[u8]) -> Outcome<Option<usize>> {
        Ok(self.keys.get(key)?.map(|value| value.len()))
    }

    fn scan(&self, start: &[u8], limit: usize) -> Outcome<usize> {
        let snapshot = self.db.snapshot();
        let mut count = 0;
        for guard in snapshot.range(&self.keys, start..).take(limit) {
            std::hint::black_box(guard.into_inner()?);
            count += 1;
        }
        Ok(count)
    }

    fn settle(&self) -> Outcome<()> {
        while self.db.outstanding_flushes() > 0 || self.db.active_compactions() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn flush(&self) -> Outcome<()> {
        self.keys.rotate_memtable_and_wait()?;
        self.settle()
    }

    fn compact(&self) -> Outcome<()> {
        self.flush()?;
        Ok(self.keys.major_compact()?)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }
}
