//! `repair`: what is intact of a damaged database.

use std::path::PathBuf;

use clap::Args;
use cuesta::{Builder, Database, Error, Loss, Lost, Result};
use serde_json::{Value, json};

use crate::figures;
use crate::output::Output;

/// The damaged database stays as it is. What is lost is printed, a line for each, and gives exit
/// code 3; the new database is there all the same. Exit code 0: nothing is lost.
#[derive(Debug, Args)]
pub struct Repair {
    /// Directory of the damaged database
    damaged: PathBuf,
    /// Directory of the new database, which must not exist, or be empty
    new: PathBuf,
    /// Memory for the new database while it is written [default: 268435456, which is 256 MiB]
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
}

impl Repair {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let builder = self.memory.into_iter().fold(Database::builder(), Builder::memory_budget);
        let report = builder.repair(&self.damaged, &self.new)?;
        for loss in &report.losses {
            output.show(|| format!("lost: {loss}"), || described(loss))?;
        }
        output.show(
            || {
                format!(
                    "saved {}: {} out of {}, {} read in the log, in {}",
                    figures::counted(report.keyspaces as u64, "keyspace"),
                    figures::bytes(report.segment_bytes),
                    figures::counted(report.segments as u64, "segment"),
                    figures::counted(report.log_commits, "commit"),
                    figures::time(report.took),
                )
            },
            || {
                json!({
                    "whole": report.is_whole(),
                    "losses": report.loss_count,
                    "keyspaces": report.keyspaces,
                    "segments": report.segments,
                    "segment_bytes": report.segment_bytes,
                    "log_commits": report.log_commits,
                    "last_commit": report.last_commit,
                    "seconds": figures::seconds(report.took),
                })
            },
        )?;
        output.finish()?;
        match report.losses.first() {
            None => Ok(()),
            Some(first) => Err(Error::corrupt(format!(
                "the database in {} is not whole: {}: {first}",
                self.new.display(),
                match report.loss_count {
                    1 => "one loss".to_owned(),
                    many => format!("{} losses, such as", figures::count(many)),
                }
            ))),
        }
    }
}

fn described(loss: &Loss) -> Value {
    let text = |key: &[u8]| key.escape_ascii().to_string();
    let mut line = match &loss.what {
        Lost::Keys { first, last } => {
            json!({ "lost": "keys", "first": text(first), "last": last.as_deref().map(text) })
        }
        Lost::Value { key } => json!({ "lost": "value", "key": text(key) }),
        Lost::Deletes { first, end } => {
            json!({ "lost": "deletes", "first": text(first), "end": end.as_deref().map(text) })
        }
        Lost::Base { key } => json!({ "lost": "base", "key": text(key) }),
        Lost::Commits { first, last } => json!({ "lost": "commits", "first": first, "last": last }),
        Lost::File { name } => json!({ "lost": "file", "name": name }),
        _ => json!({ "lost": "other" }),
    };
    if let Value::Object(fields) = &mut line {
        fields.insert("keyspace".to_owned(), json!(loss.keyspace));
        fields.insert("why".to_owned(), json!(loss.why));
    }
    line
}
