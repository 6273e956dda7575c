//! `delete`: removes keys.

use clap::Args;
use cuesta::{ErrorKind, Result};
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::place::{Survives, Target};
use crate::text::Spelling;
use crate::writing::Writing;

/// All keys go in one commit. A key that is not there is no error, but is counted.
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    target: Target<Writing>,
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
            match keyspace.contains(key) {
                Ok(false) => missing += 1,
                Err(error) if !cannot_merge(error.kind()) => return Err(error),
                Ok(true) | Err(_) => deleted += 1,
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

/// Whether a key is there, with operands that do not fit its value or that nobody here can merge:
/// deleting it is the way out.
fn cannot_merge(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Invalid | ErrorKind::Unsupported)
}
