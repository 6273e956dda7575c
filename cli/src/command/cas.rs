//! `cas`: changes a key if it has the expected value.

use clap::Args;
use cuesta::{Error, Result, Swap};
use serde_json::json;

use crate::output::Output;
use crate::place::{Survives, Target};
use crate::text::{Spelling, escaped};
use crate::writing::Writing;

/// Nothing can come between the comparison and the write. If the key has another value, nothing is
/// written, and the exit code is 6.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("from").required(true).args(["old", "absent"])))]
#[command(group(clap::ArgGroup::new("into").required(true).args(["new", "remove"])))]
pub struct Cas {
    #[command(flatten)]
    target: Target<Writing>,
    /// The key
    key: String,
    /// The value that it must have
    #[arg(long, value_name = "VALUE")]
    old: Option<String>,
    /// It must have none
    #[arg(long)]
    absent: bool,
    /// The value that it gets
    #[arg(long, value_name = "VALUE")]
    new: Option<String>,
    /// It gets none
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    spelling: Spelling,
    /// What the write survives, should this process be killed
    #[arg(long, value_enum, default_value = "sync")]
    durability: Survives,
}

impl Cas {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let key = self.spelling.key(&self.key)?;
        let (db, keyspace) = self.target.write(self.durability.into())?;
        let (old, new) = (self.old.as_deref(), self.new.as_deref());
        let swap =
            keyspace.compare_and_swap(&key, old.map(str::as_bytes), new.map(str::as_bytes))?;
        drop(keyspace);
        db.close()?;
        if let Swap::Differs(found) = swap {
            let key = self.spelling.show(&key);
            return Err(Error::conflict(match found {
                None => format!("{key} has no value: nothing was written"),
                Some(value) => {
                    format!("{key} has the value {}: nothing was written", escaped(&value))
                }
            }));
        }
        output.show(String::new, || json!({ "written": 1 }))
    }
}
