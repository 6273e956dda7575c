//! `keyspaces`: what keyspaces there are, and changing that.

use clap::{Args, Subcommand};
use cuesta::{Database, Durability, Error, ErrorKind, Result};
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::place::{Making, Place};

/// Without a change, lists the keyspaces.
#[derive(Debug, Args)]
pub struct Keyspaces {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Create a keyspace, and the database when it is missing
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        making: Making,
    },
    /// Rename a keyspace
    Rename {
        /// Its name
        name: String,
        /// Its new name
        to: String,
    },
    /// Drop a keyspace with everything in it
    Drop {
        /// Its name
        name: String,
    },
}

impl Keyspaces {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let Some(change) = &self.change else {
            return list(&self.place.read()?, output);
        };
        let done = match change {
            Change::Create { name, making } => {
                self.place.creating(Database::builder(), |db| create(db, name, making))?;
                json!({ "created": name })
            }
            Change::Rename { name, to } => {
                let db = self.place.write(Durability::Sync)?;
                db.rename_keyspace(name, to)?;
                db.close()?;
                json!({ "renamed": name, "to": to })
            }
            Change::Drop { name } => {
                let db = self.place.write(Durability::Sync)?;
                db.drop_keyspace(name)?;
                db.close()?;
                json!({ "dropped": name })
            }
        };
        output.show(String::new, || done)
    }
}

fn create(db: &Database, name: &str, making: &Making) -> Result<()> {
    if db.existing_keyspace(name).is_ok() {
        let message = format!("there is a keyspace {name:?} already");
        return Err(Error::new(ErrorKind::Exists, message));
    }
    db.keyspace_with(name, &making.into()).map(drop)
}

fn list(db: &Database, output: &mut Output) -> Result<()> {
    let stats = db.stats();
    let mut all = stats.keyspaces;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    output.show(
        || {
            let width = all.iter().map(|keyspace| keyspace.name.len()).max().unwrap_or(0);
            let line = |keyspace: &cuesta::KeyspaceStats| {
                format!(
                    "{:width$}  {:>10} on disk  {:>12}  {:>10} in memory\n",
                    keyspace.name,
                    figures::bytes(keyspace.segment_bytes),
                    figures::counted(keyspace.segments as u64, "segment"),
                    figures::bytes(keyspace.memtable_bytes),
                )
            };
            all.iter().map(line).collect()
        },
        || json!({ "keyspaces": all.iter().map(super::stats::of_keyspace).collect::<Vec<_>>() }),
    )
}
