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
    Builder, Compression, Database, Durability, Error, ErrorKind, Keyspace, KeyspaceOptions, Result,
};
use cuesta_engine::format::name::FileName;
use cuesta_engine::identity::{self, Found};

use crate::lifetime;

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
}

/// A keyspace of a database.
#[derive(Clone, Debug, Args)]
pub struct Target {
    #[command(flatten)]
    pub place: Place,
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

/// Options of a keyspace that is created.
#[derive(Clone, Debug, Args)]
pub struct Making {
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
}

impl From<&Making> for KeyspaceOptions {
    fn from(making: &Making) -> KeyspaceOptions {
        let mut options = KeyspaceOptions::new();
        options = making.ttl.into_iter().fold(options, KeyspaceOptions::ttl);
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
        Place { path, wait: Duration::ZERO }
    }

    /// Opens the database for reading.
    ///
    /// # Errors
    /// `NotFound`, `Locked`, `Corrupt`, `Unsupported`, `Io`.
    pub fn read(&self) -> Result<Database> {
        self.open_existing(Database::builder().read_only())
    }

    /// Opens the database, which must exist, for writing.
    ///
    /// # Errors
    /// As [`Place::read`]; `Full`.
    pub fn write(&self, durability: Durability) -> Result<Database> {
        self.write_with(Database::builder().durability(durability))
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

    /// Opens the database, which must exist, for writing.
    ///
    /// # Errors
    /// As [`Place::write`].
    pub fn write_with(&self, builder: Builder) -> Result<Database> {
        self.open_existing(builder.must_exist())
    }

    /// Opens the database, waiting if another process has it.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open(&self, builder: Builder) -> Result<Database> {
        let began = Instant::now();
        loop {
            match builder.clone().open(&self.path) {
                Err(error) if error.kind() == ErrorKind::Locked && began.elapsed() < self.wait => {
                    thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    fn open_existing(&self, builder: Builder) -> Result<Database> {
        if self.exists()? {
            return self.open(builder);
        }
        Err(Error::not_found(format!("there is no database in {}", self.path.display())))
    }
}

impl Target {
    /// Opens the keyspace for reading.
    ///
    /// # Errors
    /// As [`Place::read`]; `NotFound` for the keyspace.
    pub fn read(&self) -> Result<(Database, Keyspace)> {
        self.existing(self.place.read()?)
    }

    /// Opens the keyspace, which must exist, for writing.
    ///
    /// # Errors
    /// As [`Place::write`]; `NotFound` for the keyspace.
    pub fn write(&self, durability: Durability) -> Result<(Database, Keyspace)> {
        self.existing(self.place.write(durability)?)
    }

    fn existing(&self, db: Database) -> Result<(Database, Keyspace)> {
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
