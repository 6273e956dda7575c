//! SQLite: a B+tree with a write-ahead log, in C.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::store::{Entry, Key, Outcome, Setup, Store, Wait};

/// A database with one table, and the connections that no thread uses at the moment.
pub struct Sqlite {
    path: PathBuf,
    setup: Setup,
    idle: Mutex<Vec<Connection>>,
}

const PUT: &str = "INSERT OR REPLACE INTO entries (key, value) VALUES (?1, ?2)";
const DELETE: &str = "DELETE FROM entries WHERE key = ?1";
const GET: &str = "SELECT value FROM entries WHERE key = ?1";
const SCAN: &str = "SELECT key, value FROM entries WHERE key >= ?1 ORDER BY key LIMIT ?2";

impl Sqlite {
    fn connect(&self) -> Outcome<Connection> {
        let connection = Connection::open(&self.path)?;
        let synchronous = match self.setup.wait {
            Wait::System => "OFF",
            Wait::Disk => "FULL",
        };
        let cache_kib = self.setup.memory_bytes / 1024;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; \
             PRAGMA cache_size = -{cache_kib}; PRAGMA busy_timeout = 60000;"
        ))?;
        Ok(connection)
    }

    fn with<R>(&self, work: impl FnOnce(&mut Connection) -> Outcome<R>) -> Outcome<R> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let result = work(&mut connection);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }
}

impl Store for Sqlite {
    fn open(dir: &Path, setup: Setup) -> Outcome<Sqlite> {
        std::fs::create_dir_all(dir)?;
        let store = Sqlite { path: dir.join("data.sqlite"), setup, idle: Mutex::new(Vec::new()) };
        store.with(|connection| {
            Ok(connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS entries \
                 (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
            )?)
        })?;
        Ok(store)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Outcome<()> {
        self.with(|connection| {
            connection.prepare_cached(PUT)?.execute((key.as_slice(), value))?;
            Ok(())
        })
    }

    fn write(&self, entries: &[Entry<'_>]) -> Outcome<()> {
        self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            {
                let mut put = transaction.prepare_cached(PUT)?;
                let mut delete = transaction.prepare_cached(DELETE)?;
                for (key, value) in entries {
                    match value {
                        Some(value) => put.execute((key.as_slice(), value))?,
                        None => delete.execute((key.as_slice(),))?,
                    };
                }
            }
            Ok(transaction.commit()?)
        })
    }

    fn get<R>(&self, key: &Key, mut take: impl FnMut(&[u8]) -> R) -> Outcome<Option<R>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            let mut rows = statement.query((key.as_slice(),))?;
            let Some(row) = rows.next()? else { return Ok(None) };
            Ok(Some(take(row.get_ref(0)?.as_blob()?)))
        })
    }

    fn scan(&self, start: &[u8], limit: usize, mut visit: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(SCAN)?;
            let limit = i64::try_from(limit).unwrap_or(-1);
            let mut rows = statement.query((start, limit))?;
            while let Some(row) = rows.next()? {
                visit(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
            }
            Ok(())
        })
    }

    fn flush(&self) -> Outcome<()> {
        self.with(|connection| Ok(connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?))
    }

    fn settle(&self) -> Outcome<()> {
        // Lets the connections of other threads go.
        std::thread::sleep(Duration::from_millis(1));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).truncate(1);
        Ok(())
    }

    fn compact(self) -> Outcome<Sqlite> {
        self.with(|connection| Ok(connection.execute_batch("VACUUM")?))?;
        self.flush()?;
        Ok(self)
    }

    fn close(self) -> Outcome<()> {
        self.flush()
    }
}
