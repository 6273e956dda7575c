//! How a database behaves that a command has open for long.

use clap::Args;
use cuesta::{Builder, Database, Durability, Error, Result};

use crate::figures;

/// Memory, and work in the background.
#[derive(Clone, Debug, Args)]
pub struct Tuning {
    /// Memory for everything [default: 268435456, which is 256 MiB]
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    /// Fail rather than exceed the memory
    #[arg(long)]
    strict_memory: bool,
    /// Bytes that flushes and merges may write in a second [default: as many as they can]
    #[arg(long, value_name = "BYTES")]
    background_rate: Option<u64>,
    /// Threads that flush and merge [default: 2]
    #[arg(long, value_name = "THREADS")]
    background_threads: Option<usize>,
    /// Read what is there meanwhile, so many bytes in a second, to find damage; exit code 3 if any
    #[arg(long, value_name = "BYTES")]
    scrub: Option<u64>,
}

impl Tuning {
    /// Settings to open a database with.
    pub fn builder(&self, durability: Durability) -> Builder {
        let mut builder = Database::builder().durability(durability);
        builder = self.memory.into_iter().fold(builder, Builder::memory_budget);
        builder = self.background_rate.into_iter().fold(builder, Builder::background_rate);
        builder = self.background_threads.into_iter().fold(builder, Builder::background_threads);
        builder = self.scrub.into_iter().fold(builder, Builder::scrub);
        if self.strict_memory { builder.strict_memory() } else { builder }
    }

    /// Fails if reading in the background has found damage.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn check(&self, db: &Database) -> Result<()> {
        let problems = db.scrub_report().problems;
        let Some(first) = problems.first() else { return Ok(()) };
        let count = figures::count(problems.len() as u64);
        Err(Error::corrupt(format!("what is stored is damaged, {count} problems: {first}")))
    }
}
