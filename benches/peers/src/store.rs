//! What the race asks of a store.
//!
//! The trait is not for programs: it has what the rows need, in the form that costs each store
//! least. It is used without dynamic dispatch, so that a scan pays for no call through a pointer.

use std::path::Path;

/// What a run stops at.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A key of the race.
pub type Key = [u8; 16];

/// A key with its new value, or none to delete it.
pub type Entry<'a> = (Key, Option<&'a [u8]>);

/// When a write returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// When the operating system has it.
    System,
    /// When the disk has it.
    Disk,
}

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As the store does by itself.
    Default,
    /// With LZ4, all of them: for the stage that compares sizes with the same codec.
    Lz4,
}

/// How a store is opened; the same for every row but for waiting, and for the stage of one codec.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Cache and write buffers together.
    pub memory_bytes: u64,
    /// When writes return.
    pub wait: Wait,
    /// How blocks are compressed.
    pub codec: Codec,
}

/// Threads that a store may use in the background, where that can be set.
pub const BACKGROUND_THREADS: usize = 2;

/// Values of at least so many bytes are kept apart from keys by the stores that can do that.
pub const APART_BYTES: u32 = 4096;

/// A store with one ordered map.
pub trait Store: Sized + Send + Sync {
    /// Opens or creates the store in `dir`.
    fn open(dir: &Path, setup: Setup) -> Outcome<Self>;
    /// Commits one entry.
    fn put(&self, key: &Key, value: &[u8]) -> Outcome<()>;
    /// Commits entries at once.
    fn write(&self, entries: &[Entry<'_>]) -> Outcome<()>;
    /// Hands the value of a key, as of now, to `take`.
    fn get<R>(&self, key: &Key, take: impl FnMut(&[u8]) -> R) -> Outcome<Option<R>>;
    /// Hands at most `limit` entries from `start` on, as of one moment, to `visit`.
    fn scan(&self, start: &[u8], limit: usize, visit: impl FnMut(&[u8], &[u8])) -> Outcome<()>;
    /// Writes memory out to where it is read from later.
    fn flush(&self) -> Outcome<()>;
    /// Waits until background work is done.
    fn settle(&self) -> Outcome<()>;
    /// Makes the store as small and quick to read as it can be.
    fn compact(self) -> Outcome<Self>;
    /// Closes in order.
    fn close(self) -> Outcome<()>;
}

/// Which store.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// This project, with its default engine.
    Cuesta,
    /// This project, with a B+tree.
    #[serde(rename = "cuesta-btree")]
    CuestaBtree,
    /// RocksDB.
    RocksDb,
    /// fjall.
    Fjall,
    /// SurrealKV.
    SurrealKv,
    /// redb.
    Redb,
    /// LMDB.
    Lmdb,
    /// SQLite.
    Sqlite,
}

impl Engine {
    /// All of them, in the order of the tables.
    pub const ALL: [Engine; 8] = [
        Engine::Cuesta,
        Engine::CuestaBtree,
        Engine::RocksDb,
        Engine::Fjall,
        Engine::SurrealKv,
        Engine::Redb,
        Engine::Lmdb,
        Engine::Sqlite,
    ];

    /// Peers built as log-structured merge trees.
    pub const LSM_PEERS: [Engine; 3] = [Engine::RocksDb, Engine::Fjall, Engine::SurrealKv];

    /// Peers built as B-trees.
    pub const TREE_PEERS: [Engine; 3] = [Engine::Redb, Engine::Lmdb, Engine::Sqlite];

    /// Whether it is this project.
    pub fn is_ours(self) -> bool {
        matches!(self, Engine::Cuesta | Engine::CuestaBtree)
    }

    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Cuesta => "cuesta",
            Engine::CuestaBtree => "cuesta-btree",
            Engine::RocksDb => "rocksdb",
            Engine::Fjall => "fjall",
            Engine::SurrealKv => "surrealkv",
            Engine::Redb => "redb",
            Engine::Lmdb => "lmdb",
            Engine::Sqlite => "sqlite",
        }
    }

    /// The store of this name.
    pub fn named(name: &str) -> Outcome<Engine> {
        let found = Engine::ALL.into_iter().find(|engine| engine.name() == name);
        found.ok_or_else(|| format!("no store is called {name}").into())
    }

    /// Whether it can compress everything with LZ4, or does.
    pub fn has_lz4(self) -> bool {
        matches!(self, Engine::Cuesta | Engine::RocksDb | Engine::Fjall)
    }

    /// Name and version of what is measured.
    pub fn version(self) -> &'static str {
        match self {
            Engine::Cuesta => "Cuesta, this source tree",
            Engine::CuestaBtree => "Cuesta with a keyspace that is a B+tree, this source tree",
            Engine::RocksDb => "RocksDB 7.8.3 (Debian's shared library, through its C interface)",
            Engine::Fjall => "fjall 3.1.13",
            Engine::SurrealKv => "SurrealKV 1.2.0",
            Engine::Redb => "redb 4.5.0",
            Engine::Lmdb => "LMDB 0.9 through heed 0.22.1",
            Engine::Sqlite => "SQLite, as bundled with rusqlite 0.41.1",
        }
    }

    /// How it is configured, for the notes on fairness. Whatever is not said is its default.
    pub fn configuration(self) -> &'static str {
        match self {
            Engine::Cuesta => {
                "memory budget = all of the memory; 2 background threads; upper levels not \
                 compressed, LZ4 below, values from 16 KiB on kept apart (defaults). Uncompressed \
                 blocks and large values are read from mapped files"
            }
            Engine::CuestaBtree => {
                "memory budget = all of the memory; 2 background threads; engine = btree, pages of \
                 4 KiB (default). The tree is read from a mapped file"
            }
            Engine::RocksDb => {
                "a quarter of the memory per write buffer, 2 of them, and the other half as block \
                 cache; LZ4; bloom filters of 10 bits per key; blob files from 4 KiB on; 2 \
                 background jobs; reads through pinned slices, without a copy"
            }
            Engine::Fjall => {
                "a quarter of the memory per memtable (a frozen one may wait beside it), half as \
                 cache; its default filters and compression (LZ4 below the upper levels); values \
                 from 4 KiB on kept apart; 2 worker threads"
            }
            Engine::SurrealKv => {
                "an eighth of the memory as arena of a memtable (values are not counted in it), \
                 half as block cache; its default 64 KiB blocks without compression; value log \
                 from 4 KiB on; driven by a small executor on the calling thread, with a \
                 runtime of 2 threads for its background tasks; read-only transactions for reads"
            }
            Engine::Redb => {
                "all of the memory as cache. Without waiting for the disk its commits stay in \
                 memory: a durable one ends each row, within its time"
            }
            Engine::Lmdb => {
                "MDB_NOSYNC where no sync is asked for; no cache of its own: everything is read \
                 from the mapped file. Compaction is a compacting copy that replaces the file"
            }
            Engine::Sqlite => {
                "write-ahead log; synchronous = OFF, or FULL where a sync is asked for; all of \
                 the memory as page cache; a table without rowid, with a blob as primary key; \
                 prepared statements; one connection for each thread. Compaction is VACUUM"
            }
        }
    }
}
