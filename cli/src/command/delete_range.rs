//! `delete-range`: removes all keys of a range.

use std::ops::Bound;

use clap::Args;
use cuesta::{Error, Result};
use serde_json::json;

use crate::output::Output;
use crate::place::{Survives, Target};
use crate::text::Spelling;
use crate::writing::Writing;

/// One small commit, however many keys there are; their space is given back later.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("range").required(true).multiple(true)
    .args(["prefix", "start", "end", "all"])))]
pub struct DeleteRange {
    #[command(flatten)]
    target: Target<Writing>,
    /// Keys that begin with this
    #[arg(long, conflicts_with_all = ["start", "end"])]
    prefix: Option<String>,
    /// Keys from this one on
    #[arg(long)]
    start: Option<String>,
    /// Keys before this one
    #[arg(long)]
    end: Option<String>,
    /// All keys; the keyspace stays
    #[arg(long, conflicts_with_all = ["prefix", "start", "end"])]
    all: bool,
    #[command(flatten)]
    spelling: Spelling,
    /// What the commit survives, should this process be killed
    #[arg(long, value_enum, default_value = "sync")]
    durability: Survives,
}

impl DeleteRange {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let key =
            |text: &Option<String>| text.as_deref().map(|text| self.spelling.key(text)).transpose();
        let (prefix, start, end) = (key(&self.prefix)?, key(&self.start)?, key(&self.end)?);
        if prefix.as_ref().is_some_and(|prefix| prefix.is_empty()) {
            return Err(Error::invalid("an empty prefix is that of all keys: say --all for them"));
        }
        if let (Some(start), Some(end)) = (&start, &end)
            && start >= end
        {
            return Err(Error::invalid("no key is from --start to before --end"));
        }
        let (db, keyspace) = self.target.write(self.durability.into())?;
        match prefix {
            Some(prefix) => keyspace.delete_prefix(prefix)?,
            None => {
                let start = start.map_or(Bound::Unbounded, Bound::Included);
                keyspace.delete_range((start, end.map_or(Bound::Unbounded, Bound::Excluded)))?;
            }
        }
        drop(keyspace);
        db.close()?;
        output.show(String::new, || json!({ "written": 1 }))
    }
}
