//! Very many keys at once, in order: loaded, or prepared apart and then ingested.
//!
//! Not for: keys in no order, which batches take.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::BulkLoad as Loading;
use cuesta_engine::env::Env;
use cuesta_engine::env::os::OsEnv;
use cuesta_engine::index::{IndexType, Load};
use cuesta_engine::ingest::PreparedFile;
use cuesta_indexes::lsm::Lsm;
use cuesta_indexes::ordered::op;

use crate::database::Database;
use crate::kv::lifetime::end_ms;
use crate::kv::{Keyspace, KeyspaceOptions};
use crate::{Error, ErrorKind, Result, note};

/// A bulk load under way: keys that ascend, of any number of keyspaces, which become visible and
/// durable at once, as one commit. Dropping it leaves nothing of it.
///
/// The keys go past log and memtables straight into segments, at a fraction of what batches cost.
///
/// ```
/// # fn main() -> cuesta::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = cuesta::Database::open(dir.path())?;
/// let (names, ages) = (db.keyspace("names")?, db.keyspace("ages")?);
/// let mut load = db.bulk_load()?;
/// for number in 0..1000u32 {
///     load.put(&names, number.to_be_bytes(), "somebody")?;
///     load.put(&ages, number.to_be_bytes(), "42")?;
/// }
/// assert!(names.iter()?.next().is_none());
/// let loaded = load.finish()?;
/// assert_eq!((loaded.entries, names.iter()?.count()), (2000, 1000));
/// # Ok(())
/// # }
/// ```
#[must_use = "a bulk load does nothing until it is finished"]
pub struct BulkLoad {
    db: Database,
    load: Loading,
    ops: Vec<u8>,
    entries: u64,
}

impl fmt::Debug for BulkLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BulkLoad of {} keys", self.entries)
    }
}

/// What a bulk load has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its place in the order of commits; of a load without keys, that of the last commit.
    pub commit: u64,
    /// How many keys it has.
    pub entries: u64,
}

impl Database {
    /// Begins a bulk load. It writes beside everything else, and holds nothing up.
    ///
    /// The commit that ends it is newer than all commits before, whenever the load began: it wins
    /// over them, and snapshots and transactions from before do not see it. A transaction that
    /// used a key within its ranges conflicts with it.
    ///
    /// # Errors
    /// `Invalid` when the database is open for reading.
    pub fn bulk_load(&self) -> Result<BulkLoad> {
        let load = Loading::begin(self.engine.parts())?;
        Ok(BulkLoad { db: self.clone(), load, ops: Vec::new(), entries: 0 })
    }

    /// Makes the keys in files that [`SegmentBuilder`]s have prepared part of `keyspace`, all at
    /// once: as a [`BulkLoad`] would, but for an LSM tree nothing is written anew. Files are linked
    /// where they can be, else copied; all of them is read, and every checksum compared. They may
    /// be removed afterwards, but must not be changed: the database may go on using the same bytes.
    /// For a B+tree, what is in them is written once, as pages.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (path, file) = (dir.path().join("db"), dir.path().join("users.prepared"));
    /// use cuesta::{Database, KeyspaceOptions, SegmentBuilder};
    ///
    /// let mut builder = SegmentBuilder::create(&file, &KeyspaceOptions::new())?;
    /// builder.put("ada", "Ada Lovelace")?;
    /// builder.put("bob", "Bob")?;
    /// builder.finish()?;
    ///
    /// let db = Database::open(&path)?;
    /// let users = db.keyspace("users")?;
    /// let loaded = db.ingest(&users, [&file])?;
    /// assert_eq!(loaded.entries, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` when two files have keys in a range of each other's; `Corrupt` for a file that is
    /// damaged, or not prepared; `NotFound` when there is none; as [`BulkLoad::finish`]. Nothing
    /// was ingested then.
    pub fn ingest<P: AsRef<Path>>(
        &self,
        keyspace: &Keyspace,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Loaded> {
        let mut load = self.bulk_load()?;
        for path in paths {
            load.ingest(keyspace, path)?;
        }
        load.finish()
    }
}

impl BulkLoad {
    /// Gives `key` a value. Within a keyspace, keys come in their order, each once.
    ///
    /// # Errors
    /// `Invalid` when a key before is not less, naming both; when the key has more than 65,535
    /// bytes or the value 4 GiB or more; or for a keyspace of another database: the load is as it
    /// was. `NotFound` when the keyspace was dropped; `Full`, `Io`: the load must be dropped.
    pub fn put(
        &mut self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<()> {
        keyspace.check_same(&self.db)?;
        self.ops.clear();
        keyspace.append_put(&mut self.ops, key.as_ref(), value.as_ref())?;
        self.add(keyspace)
    }

    /// Gives `key` a value for some time: see [`Keyspace::put_with_ttl`].
    ///
    /// # Errors
    /// As [`BulkLoad::put`].
    pub fn put_with_ttl(
        &mut self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) -> Result<()> {
        keyspace.check_same(&self.db)?;
        self.ops.clear();
        keyspace.append_put_for(&mut self.ops, key.as_ref(), value.as_ref(), ttl)?;
        self.add(keyspace)
    }

    fn add(&mut self, keyspace: &Keyspace) -> Result<()> {
        let added = self.load.add(keyspace.id(), &self.ops);
        added.map_err(|e| e.context(format_args!("keyspace {:?}", keyspace.name())))?;
        self.entries += 1;
        Ok(())
    }

    /// Adds what a [`SegmentBuilder`] has prepared: see [`Database::ingest`]. Its keys must not lie
    /// among others that are loaded into the keyspace.
    ///
    /// # Errors
    /// As there.
    pub fn ingest(&mut self, keyspace: &Keyspace, path: impl AsRef<Path>) -> Result<()> {
        keyspace.check_same(&self.db)?;
        self.entries += self.load.take(keyspace.id(), path.as_ref())?;
        Ok(())
    }

    /// Adds a note for those who read [`Database::changes_since`]: see [`Batch::note`].
    ///
    /// [`Batch::note`]: crate::Batch::note
    pub fn note(&mut self, note: impl AsRef<[u8]>) -> &mut BulkLoad {
        note::set(self.load.notes(), note.as_ref());
        self
    }

    /// Keys so far.
    pub fn len(&self) -> u64 {
        self.entries
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Makes everything visible at once, and durable, whatever the durability of the database. A
    /// load without keys commits nothing.
    ///
    /// # Errors
    /// `NotFound` when a keyspace was dropped, `Full` when the disk is full, `Io`: nothing was
    /// loaded. `Poisoned`: whether it was is unknown until the database is opened again.
    pub fn finish(self) -> Result<Loaded> {
        let commit = self.load.finish()?;
        Ok(Loaded { commit: commit.0, entries: self.entries })
    }
}

/// Writes a file of keys that ascend, apart from any database, for [`Database::ingest`].
///
/// It is laid out as the options say, as LSM trees are; the keyspace that takes it may have others,
/// and may be a B+tree. Values stay with their keys, however large. Dropping the builder removes
/// the file.
#[must_use = "what is built is removed unless it is finished"]
pub struct SegmentBuilder {
    env: Arc<dyn Env>,
    file: PreparedFile,
    load: Box<dyn Load>,
    ttl_ms: u64,
    ops: Vec<u8>,
    entries: u64,
    /// Writing failed, and why.
    failed: Option<String>,
}

impl fmt::Debug for SegmentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentBuilder of {} keys", self.entries)
    }
}

/// What a [`SegmentBuilder`] has prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// How many keys.
    pub entries: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl SegmentBuilder {
    /// Begins the file `path`, laid out as `options` say. A time to live in them is that of the
    /// values.
    ///
    /// # Errors
    /// `Exists` when there is a file; `Invalid` for options out of range; `Io`.
    pub fn create(path: impl AsRef<Path>, options: &KeyspaceOptions) -> Result<SegmentBuilder> {
        SegmentBuilder::create_in(OsEnv::new(), path, options)
    }

    /// As [`SegmentBuilder::create`], in another environment.
    #[doc(hidden)]
    pub fn create_in(
        env: Arc<dyn Env>,
        path: impl AsRef<Path>,
        options: &KeyspaceOptions,
    ) -> Result<SegmentBuilder> {
        let lsm = options.clone().sound()?.lsm;
        let file = PreparedFile::create(env.clone(), path.as_ref())?;
        let (load, ttl_ms) = (Lsm::prepare_file(&lsm), options.ttl_ms());
        Ok(SegmentBuilder { env, file, load, ttl_ms, ops: Vec::new(), entries: 0, failed: None })
    }

    /// Gives `key` a value. Keys come in their order, each once.
    ///
    /// # Errors
    /// As [`BulkLoad::put`].
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let (key, value) = (key.as_ref(), value.as_ref());
        self.ops.clear();
        match self.ttl_ms {
            0 => op::put(&mut self.ops, key, value)?,
            ttl_ms => {
                let until_ms = self.env.wall_ms().saturating_add(ttl_ms);
                op::put_expiring(&mut self.ops, key, value, until_ms)?;
            }
        }
        self.add()
    }

    /// Gives `key` a value for some time, from now on; for ever with [`Duration::MAX`].
    ///
    /// # Errors
    /// As [`BulkLoad::put`].
    pub fn put_with_ttl(
        &mut self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) -> Result<()> {
        let (key, value) = (key.as_ref(), value.as_ref());
        self.ops.clear();
        match end_ms(self.env.wall_ms(), ttl) {
            Some(until_ms) => op::put_expiring(&mut self.ops, key, value, until_ms)?,
            None => op::put(&mut self.ops, key, value)?,
        }
        self.add()
    }

    fn add(&mut self) -> Result<()> {
        self.check()?;
        if let Err(error) = self.load.add(&self.ops, &mut self.file) {
            if error.kind() != ErrorKind::Invalid {
                // What was being written is in no state to go on from.
                self.failed = Some(error.message().to_owned());
            }
            return Err(error);
        }
        self.entries += 1;
        Ok(())
    }

    fn check(&self) -> Result<()> {
        self.failed.as_ref().map_or(Ok(()), |why| {
            Err(Error::invalid(format!("the file was given up when writing failed: {why}")))
        })
    }

    /// Ends the file and makes it durable.
    ///
    /// # Errors
    /// `Full`, `Io`: there is no file.
    pub fn finish(mut self) -> Result<Prepared> {
        self.check()?;
        let bytes = self.file.finish(Lsm::NAME, &mut *self.load)?;
        Ok(Prepared { entries: self.entries, bytes })
    }
}
