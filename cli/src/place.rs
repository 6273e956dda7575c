//! Which database and keyspace a command means, and how it is opened.
//!
//! Invariant: looking for a database that is not there leaves no trace.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use cuesta::env::Env;
use cuesta::env::os::OsEnv;
use cuesta::{
    Builder, Compression, Database, Durability, Error, ErrorKind, Keyspace, KeyspaceEngine,
    KeyspaceOptions, Result,
};
use cuesta_engine::format::name::FileName;
use cuesta_engine::identity::{self, Found};

use crate::lifetime;

/// What can be done about damage.
pub const DAMAGED: &str = "restore a backup, or `cuesta repair` saves what is intact";

/// Whether others have the database: one for itself, or as many as may read along.
fn is_worth_waiting(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Locked | ErrorKind::Busy)
}

/// How long to pause before a database that another process has is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// A database.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Directory of the database
    pub path: PathBuf,
    /// How long to wait for another process that has the database open
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = lifetime::parse)]
    wait: Duration,
    /// Read files instead of mapping them, so that failing hardware gives errors
    #[arg(long)]
    without_maps: bool,
}

/// A keyspace of a database, which is a [`Place`] to read, or a `Writing`.
#[derive(Clone, Debug, Args)]
pub struct Target<P: Args = Place> {
    #[command(flatten)]
    pub place: P,
    /// Name of the keyspace
    pub keyspace: String,
}

/// What a commit survives when its command ends abruptly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Survives {
    /// Power loss
    Sync,
    /// A killed process; power loss takes at most the last 100 ms
    Interval,
    /// A killed process
    Buffered,
    /// Nothing, until the next sync
    None,
}

impl From<Survives> for Durability {
    fn from(survives: Survives) -> Durability {
        match survives {
            Survives::Sync => Durability::Sync,
            Survives::Interval => Durability::Interval,
            Survives::Buffered => Durability::Buffered,
            Survives::None => Durability::None,
        }
    }
}

/// How the keys of a keyspace lie on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// A log-structured merge tree: for what is written often
    Lsm,
    /// A copy-on-write B+tree: for what is read far more often than written
    Btree,
}

/// How blocks of a keyspace are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Packing {
    /// Not at all
    None,
    /// Fast
    Lz4,
    /// Small
    Zstd,
}

/// The engine of a keyspace that is created.
#[derive(Clone, Copy, Debug, Args)]
pub struct Chosen {
    /// How the keys of a keyspace that is created lie on disk [default: lsm]
    #[arg(long, value_enum)]
    engine: Option<Layout>,
}

impl From<Chosen> for KeyspaceOptions {
    fn from(chosen: Chosen) -> KeyspaceOptions {
        match chosen.engine {
            None => KeyspaceOptions::new(),
            Some(Layout::Lsm) => KeyspaceOptions::new().engine(KeyspaceEngine::Lsm),
            Some(Layout::Btree) => KeyspaceOptions::new().engine(KeyspaceEngine::Btree),
        }
    }
}

/// Options of a keyspace that is created.
#[derive(Clone, Debug, Args)]
pub struct Making {
    #[command(flatten)]
    chosen: Chosen,
    /// How a keyspace that is created is compressed on disk [default: LZ4 for what is old in a
    /// large keyspace]
    #[arg(long, value_enum)]
    compression: Option<Packing>,
    /// How long values of a keyspace that is created live unless they say otherwise, such as 90s,
    /// 15m, 36h or 7d [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = lifetime::parse)]
    ttl: Option<Duration>,
    /// What merge does in a keyspace that is created: add, max, min or append
    #[arg(long, value_name = "OPERATOR")]
    merge_operator: Option<String>,
    /// From how many bytes on values of a keyspace that is created lie apart from their keys; 0 is
    /// never [default: 16384]
    #[arg(long, value_name = "BYTES")]
    blob_threshold: Option<u32>,
    /// Bytes of a block of a keyspace that is created, before compression [default: 8192]
    #[arg(long, value_name = "BYTES")]
    block_bytes: Option<u32>,
    /// Bits of filters for each key of a keyspace that is created, 0 to 32 [default: 10]
    #[arg(long, value_name = "BITS")]
    filter_bits: Option<u8>,
    /// Of a B+tree that is created: bytes of a page, a power of two from 1024 to 65536 [default:
    /// 4096]
    #[arg(long, value_name = "BYTES")]
    page_bytes: Option<u32>,
    /// Of a B+tree that is created: how full pages are written that are written in order, 50 to 100
    /// [default: 90]
    #[arg(long, value_name = "PERCENT")]
    fill_percent: Option<u8>,
}

impl From<&Making> for KeyspaceOptions {
    fn from(making: &Making) -> KeyspaceOptions {
        let mut options = KeyspaceOptions::from(making.chosen);
        options = making.page_bytes.into_iter().fold(options, KeyspaceOptions::page_bytes);
        options = making.fill_percent.into_iter().fold(options, KeyspaceOptions::fill_percent);
        options = making.ttl.into_iter().fold(options, KeyspaceOptions::ttl);
        options = making.block_bytes.into_iter().fold(options, KeyspaceOptions::block_bytes);
        options = making.filter_bits.into_iter().fold(options, KeyspaceOptions::filter_bits);
        options = making.blob_threshold.into_iter().fold(options, KeyspaceOptions::blob_threshold);
        if let Some(operator) = &making.merge_operator {
            options = options.merge_operator(operator);
        }
        match making.compression {
            None => options,
            Some(Packing::None) => options.compression(Compression::None),
            Some(Packing::Lz4) => options.compression(Compression::Lz4),
            Some(Packing::Zstd) => options.compression(Compression::Zstd),
        }
    }
}

impl Place {
    /// A database that is not waited for.
    pub fn at(path: PathBuf) -> Place {
        Place { path, wait: Duration::ZERO, without_maps: false }
    }

    /// The same, for those who wait in their own way.
    pub fn at_once(&self) -> Place {
        Place { wait: Duration::ZERO, ..self.clone() }
    }

    /// Opens the database for reading; as one that reads along while another process writes it.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `Unsupported`, `Io`.
    pub fn read(&self) -> Result<Database> {
        match self.at_once().read_alone() {
            Err(error) if error.kind() == ErrorKind::Locked => self.read_along(),
            opened => opened,
        }
    }

    /// Opens the database for reading, while nobody writes it.
    ///
    /// # Errors
    /// As [`Place::read`]; `Locked`.
    pub fn read_alone(&self) -> Result<Database> {
        self.open_existing(Database::builder().read_only())
    }

    /// Opens the database to read along with whoever writes it, now or later.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub fn read_along(&self) -> Result<Database> {
        self.open_existing(Database::builder().reader())
    }

    /// Whether there is one.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported`, `Io`.
    pub fn exists(&self) -> Result<bool> {
        let environment: Arc<dyn Env> = OsEnv::new();
        Ok(match identity::find(environment.vfs(), &self.path)? {
            Found::Database(_) => true,
            Found::Nothing | Found::Leftovers => false,
        })
    }

    /// Opens the database, waiting if another process has it.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open(&self, builder: Builder) -> Result<Database> {
        let began = Instant::now();
        let builder = if self.without_maps { builder.without_maps() } else { builder };
        loop {
            match builder.clone().open(&self.path) {
                Err(error) if is_worth_waiting(error.kind()) && began.elapsed() < self.wait => {
                    thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    /// Opens the database, which must exist, waiting if another process has it.
    ///
    /// # Errors
    /// As [`Place::read`]; `Full`.
    pub fn open_existing(&self, builder: Builder) -> Result<Database> {
        let exists = self.exists().map_err(|error| match error.kind() {
            ErrorKind::Corrupt => error.advice(DAMAGED),
            _ => error,
        })?;
        if exists {
            return self.open(builder);
        }
        Err(Error::not_found(format!("there is no database in {}", self.path.display())))
    }
}

impl Target<Place> {
    /// Opens the keyspace for reading.
    ///
    /// # Errors
    /// As [`Place::read`]; `NotFound` for the keyspace.
    pub fn read(&self) -> Result<(Database, Keyspace)> {
        self.existing(self.place.read()?)
    }
}

impl<P: Args> Target<P> {
    /// The keyspace of a database that was opened.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn existing(&self, db: Database) -> Result<(Database, Keyspace)> {
        let keyspace = db.existing_keyspace(&self.keyspace)?;
        Ok((db, keyspace))
    }
}

/// Bytes that a database takes on disk, by what they are for.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskUse {
    /// Data files.
    pub data_bytes: u64,
    /// The log, with spare segments.
    pub log_bytes: u64,
    /// Manifest, identity and the rest.
    pub other_bytes: u64,
    /// Files.
    pub files: u64,
}

impl DiskUse {
    /// Everything together.
    pub fn total_bytes(self) -> u64 {
        self.data_bytes + self.log_bytes + self.other_bytes
    }
}

/// Adds up the files of the database in `path`; what others put there does not count.
///
/// # Errors
/// `Io`.
pub fn disk_use(path: &Path) -> Result<DiskUse> {
    let listing = |e| Error::io(format_args!("listing {}", path.display()), e);
    let mut used = DiskUse::default();
    for entry in fs::read_dir(path).map_err(listing)? {
        let entry = entry.map_err(listing)?;
        let Some(name) = FileName::parse(&entry.file_name().to_string_lossy()) else { continue };
        // A file may go while others are counted.
        let Ok(data) = entry.metadata() else { continue };
        let sum = match name {
            FileName::Data(_) => &mut used.data_bytes,
            FileName::Log(_) | FileName::Spare(_) => &mut used.log_bytes,
            _ => &mut used.other_bytes,
        };
        *sum += data.len();
        used.files += 1;
    }
    Ok(used)
}
