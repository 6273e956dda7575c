//! A database that a command writes to, and what becomes of its log.
//!
//! Not for: commands that read. They take a [`Place`], so that they offer no option without effect.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use cuesta::{Builder, Database, Durability, Keyspace, Result};

use crate::lifetime;
use crate::place::{Place, Target};

/// A database to write to.
#[derive(Clone, Debug, Args)]
pub struct Writing {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    keeping: Keeping,
}

/// The heading of the options below. Each names it: a heading for all of them would be one for what
/// a command has behind them, too.
const LOG: &str = "What becomes of the log";

/// What becomes of the log. Who opens a database without these lets go of what was kept.
#[derive(Clone, Debug, Default, Args)]
pub struct Keeping {
    /// Copy the log to this directory of backups, so that restore goes to any commit
    #[arg(long, value_name = "DIR", help_heading = LOG)]
    archive_log: Option<PathBuf>,
    /// Keep so many bytes of the log for changes and watch
    #[arg(long, value_name = "BYTES", help_heading = LOG)]
    log_retention_bytes: Option<u64>,
    /// Keep the log of commits younger than this for changes and watch
    #[arg(long, value_name = "TIME", value_parser = lifetime::parse, help_heading = LOG)]
    log_retention_age: Option<Duration>,
    /// Keep at most so many bytes for --log-retention-age [default: 1073741824]
    #[arg(long, value_name = "BYTES", help_heading = LOG)]
    feed_retention_bytes: Option<u64>,
    /// Bytes of a segment of the log [default: 67108864]
    #[arg(long, value_name = "BYTES", help_heading = LOG)]
    log_segment_bytes: Option<u64>,
}

impl Keeping {
    fn apply(&self, mut builder: Builder) -> Builder {
        builder = self.archive_log.iter().fold(builder, Builder::archive_log);
        builder = self.log_retention_bytes.into_iter().fold(builder, Builder::log_retention_bytes);
        builder = self.log_retention_age.into_iter().fold(builder, Builder::log_retention_age);
        builder =
            self.feed_retention_bytes.into_iter().fold(builder, Builder::feed_retention_bytes);
        self.log_segment_bytes.into_iter().fold(builder, Builder::log_segment_bytes)
    }
}

impl Writing {
    /// A place to write to, which was given apart.
    pub fn at(place: &Place, keeping: &Keeping) -> Writing {
        Writing { place: place.clone(), keeping: keeping.clone() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// Whether there is one.
    ///
    /// # Errors
    /// As [`Place::exists`].
    pub fn exists(&self) -> Result<bool> {
        self.place.exists()
    }

    /// Opens the database, which must exist.
    ///
    /// # Errors
    /// As [`Place::read`]; `Full`.
    pub fn write(&self, durability: Durability) -> Result<Database> {
        self.write_with(Database::builder().durability(durability))
    }

    /// Opens the database, which must exist.
    ///
    /// # Errors
    /// As [`Writing::write`].
    pub fn write_with(&self, builder: Builder) -> Result<Database> {
        self.place.open_existing(self.keeping.apply(builder).must_exist())
    }

    /// Opens the database, and creates it when it is missing.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open(&self, builder: Builder) -> Result<Database> {
        self.place.open(self.keeping.apply(builder))
    }
}

impl Target<Writing> {
    /// Opens the keyspace, which must exist, for writing.
    ///
    /// # Errors
    /// As [`Writing::write`]; `NotFound` for the keyspace.
    pub fn write(&self, durability: Durability) -> Result<(Database, Keyspace)> {
        self.existing(self.place.write(durability)?)
    }
}
