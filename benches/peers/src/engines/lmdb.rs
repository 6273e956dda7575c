//! LMDB: a copy-on-write B+tree in a mapped file, in C.
#![allow(unsafe_code)] // The map is sound only if nothing else changes the file.

use std::ops::Bound;
use std::path::{Path, PathBuf};

use heed::types::Bytes;
use heed::{CompactionOption, Database, Env, EnvFlags, EnvOpenOptions, WithoutTls};

use crate::store::{Entry, Key, Outcome, Setup, Store, Wait};

/// More than any row needs; address space costs nothing.
const MAP_BYTES: usize = 64 << 30;

/// An environment with its unnamed database.
pub struct Lmdb {
    env: Env<WithoutTls>,
    keys: Database<Bytes, Bytes>,
    dir: PathBuf,
    setup: Setup,
}

impl Store for Lmdb {
    fn open(dir: &Path, setup: Setup) -> Outcome<Lmdb> {
        std::fs::create_dir_all(dir)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES).max_readers(64);
        if setup.wait == Wait::System {
            // SAFETY: a crash of the machine may damage the file; rows without syncs end before.
            unsafe { options.flags(EnvFlags::NO_SYNC | EnvFlags::NO_META_SYNC) };
        }
        // SAFETY: the directory belongs to this process alone, which opens it once at a time.
        let env = unsafe { options.open(dir)? };
        let mut transaction = env.write_txn()?;
        let keys = env.create_database(&mut transaction, None)?;
        transaction.commit()?;
        Ok(Lmdb { env, keys, dir: dir.to_path_buf(), setup })
    }

    fn put(&self, key: &Key, value: &[u8]) -> Outcome<()> {
        self.write(&[(*key, Some(value))])
    }

    fn write(&self, entries: &[Entry<'_>]) -> Outcome<()> {
        let mut transaction = self.env.write_txn()?;
        for (key, value) in entries {
            match value {
                Some(value) => self.keys.put(&mut transaction, key, value)?,
                None => drop(self.keys.delete(&mut transaction, key)?),
            }
        }
        Ok(transaction.commit()?)
    }

    fn get<R>(&self, key: &Key, mut take: impl FnMut(&[u8]) -> R) -> Outcome<Option<R>> {
        let transaction = self.env.read_txn()?;
        Ok(self.keys.get(&transaction, key)?.map(&mut take))
    }

    fn scan(&self, start: &[u8], limit: usize, mut visit: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let transaction = self.env.read_txn()?;
        if start.is_empty() {
            for entry in self.keys.iter(&transaction)?.take(limit) {
                let (key, value) = entry?;
                visit(key, value);
            }
            return Ok(());
        }
        for entry in
            self.keys.range(&transaction, &(Bound::Included(start), Bound::Unbounded))?.take(limit)
        {
            let (key, value) = entry?;
            visit(key, value);
        }
        Ok(())
    }

    fn flush(&self) -> Outcome<()> {
        Ok(())
    }

    fn settle(&self) -> Outcome<()> {
        Ok(())
    }

    fn compact(self) -> Outcome<Lmdb> {
        let copy = self.dir.join("copy.mdb");
        self.env.copy_to_path(&copy, CompactionOption::Enabled)?;
        let (dir, setup) = (self.dir.clone(), self.setup);
        self.close()?;
        std::fs::rename(copy, dir.join("data.mdb"))?;
        Lmdb::open(&dir, setup)
    }

    fn close(self) -> Outcome<()> {
        self.env.force_sync()?;
        self.env.prepare_for_closing().wait();
        Ok(())
    }
}
