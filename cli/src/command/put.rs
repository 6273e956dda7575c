//! `put`: sets the value of a key.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use cuesta::{Builder, Database, Error, Result};
use serde_json::json;

use crate::command::merge as numbers;
use crate::lifetime;
use crate::output::Output;
use crate::place::{Chosen, Survives, Target};
use crate::text::Spelling;
use crate::writing::Writing;

/// Creates the database and the keyspace when they are missing.
#[derive(Debug, Args)]
pub struct Put {
    #[command(flatten)]
    target: Target<Writing>,
    /// The key
    key: String,
    /// The value; - is standard input
    #[arg(
        required_unless_present = "file",
        conflicts_with = "file",
        allow_negative_numbers = true
    )]
    value: Option<String>,
    /// A file whose bytes are the value
    #[arg(long)]
    file: Option<PathBuf>,
    /// The value is a whole number, as the merge operators add, max and min take them
    #[arg(long, conflicts_with = "file")]
    number: bool,
    /// Memory for everything [default: 268435456, which is 256 MiB]; a value needs more than it has
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    #[command(flatten)]
    spelling: Spelling,
    /// What the write survives, should this process be killed
    #[arg(long, value_enum, default_value = "sync")]
    durability: Survives,
    /// How long the value lives, such as 90s, 15m, 36h or 7d [default: as the keyspace says]
    #[arg(long, value_name = "TIME", value_parser = lifetime::parse)]
    ttl: Option<Duration>,
    #[command(flatten)]
    chosen: Chosen,
}

impl Put {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let key = self.spelling.key(&self.key)?;
        let value = match (&self.file, self.value.as_deref()) {
            (Some(path), _) => read_file(path)?,
            (None, Some("-") | None) => {
                let mut value = Vec::new();
                let read = io::stdin().lock().read_to_end(&mut value);
                read.map_err(|e| Error::io("reading standard input", e))?;
                value
            }
            (None, Some(text)) => text.as_bytes().to_vec(),
        };
        let value = if self.number { numbers::bytes(&value)? } else { value };
        let builder = Database::builder().durability(self.durability.into());
        let builder = self.memory.into_iter().fold(builder, Builder::memory_budget);
        self.target.creating(builder, &self.chosen.into(), |_, keyspace| match self.ttl {
            Some(ttl) => keyspace.put_with_ttl(&key, &value, ttl),
            None => keyspace.put(&key, &value),
        })?;
        output.show(String::new, || json!({ "written": 1 }))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::not_found(format!("there is no file {}", path.display())),
        _ => Error::io(format_args!("reading {}", path.display()), e),
    })
}
