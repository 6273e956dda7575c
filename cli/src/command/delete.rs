//! `delete`: removes keys.

use clap::Args;
use cuesta::Result;
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::place::{Survives, Target};
use crate::text::Spelling;

/// All keys go in one commit. A key that is not there is no error, but is counted.
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    target: Target,
    /// The keys
    #[arg(required = true)]
    keys: Vec<String>,
    #[command(flatten)]
    spelling: Spelling,
    /// What the commit survives, should this process be killed
    #[arg(long, value_enum, default_value = "sync")]
    durability: Survives,
}

impl Delete {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let mut keys =
            self.keys.iter().map(|key| self.spelling.key(key)).collect::<Result<Vec<_>>>()?;
        keys.sort();
        keys.dedup();
        let (db, keyspace) = self.target.write(self.durability.into())?;
        let mut batch = db.batch();
        let (mut deleted, mut missing) = (0, 0);
        for key in &keys {
            match keyspace.contains(key)? {
                true => deleted += 1,
                false => missing += 1,
            }
            batch.delete(&keyspace, key)?;
        }
        batch.commit()?;
        drop(keyspace);
        db.close()?;
        output.show(
            || match missing {
                0 => format!("{} deleted", figures::count(deleted)),
                _ => format!(
                    "{} deleted, {} not there",
                    figures::count(deleted),
                    figures::count(missing)
                ),
            },
            || json!({ "deleted": deleted, "missing": missing }),
        )
    }
}
