//! redb: a copy-on-write B+tree in Rust.

use std::path::Path;

use redb::{Durability, ReadableDatabase, TableDefinition};

use crate::store::{Entry, Key, Outcome, Setup, Store, Wait};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("keys");

/// A database with one table.
pub struct Redb {
    db: redb::Database,
    durability: Durability,
}

impl Redb {
    fn commit(&self, entries: &[Entry<'_>], durability: Durability) -> Outcome<()> {
        let mut transaction = self.db.begin_write()?;
        transaction.set_durability(durability)?;
        let mut table = transaction.open_table(TABLE)?;
        for (key, value) in entries {
            match value {
                Some(value) => drop(table.insert(key.as_slice(), *value)?),
                None => drop(table.remove(key.as_slice())?),
            }
        }
        drop(table);
        Ok(transaction.commit()?)
    }
}

impl Store for Redb {
    fn open(dir: &Path, setup: Setup) -> Outcome<Redb> {
        std::fs::create_dir_all(dir)?;
        let db = redb::Builder::new()
            .set_cache_size(setup.memory_bytes as usize)
            .create(dir.join("data.redb"))?;
        let durability = match setup.wait {
            Wait::System => Durability::None,
            Wait::Disk => Durability::Immediate,
        };
        let store = Redb { db, durability };
        store.commit(&[], Durability::Immediate)?;
        Ok(store)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Outcome<()> {
        self.commit(&[(*key, Some(value))], self.durability)
    }

    fn write(&self, entries: &[Entry<'_>]) -> Outcome<()> {
        self.commit(entries, self.durability)
    }

    fn get<R>(&self, key: &Key, mut take: impl FnMut(&[u8]) -> R) -> Outcome<Option<R>> {
        let table = self.db.begin_read()?.open_table(TABLE)?;
        Ok(table.get(key.as_slice())?.map(|value| take(value.value())))
    }

    fn scan(&self, start: &[u8], limit: usize, mut visit: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let table = self.db.begin_read()?.open_table(TABLE)?;
        for entry in table.range(start..)?.take(limit) {
            let (key, value) = entry?;
            visit(key.value(), value.value());
        }
        Ok(())
    }

    fn flush(&self) -> Outcome<()> {
        self.commit(&[], Durability::Immediate)
    }

    fn settle(&self) -> Outcome<()> {
        Ok(())
    }

    fn compact(mut self) -> Outcome<Redb> {
        self.flush()?;
        self.db.compact()?;
        Ok(self)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.db.close()?)
    }
}
