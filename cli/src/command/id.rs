//! `id`: identifiers that are never given out twice.

use clap::{Args, ValueEnum};
use cuesta::id::{Sequence, Snowflake, SnowflakeOptions, Snowflakes, Ulids, Uuids};
use cuesta::{Database, Keyspace, Result};
use cuesta_engine::moment;
use serde_json::{Value, json};

use crate::output::Output;
use crate::place::{Chosen, Target};
use crate::text::Spelling;
use crate::writing::Writing;

/// Prints one a line. What was given out is kept in KEY, so that nothing is given out again, not
/// after a crash either. Creates the database and the keyspace when they are missing.
#[derive(Debug, Args)]
pub struct Id {
    #[command(flatten)]
    target: Target<Writing>,
    /// The key of the generator
    key: String,
    /// What to give out
    #[arg(long, value_enum, default_value = "sequence")]
    kind: Kind,
    /// How many
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Number of this node in snowflakes, 0 to 1023
    #[arg(long, default_value_t = 0)]
    node: u16,
    /// Give out none, but tell time, node and count of this snowflake
    #[arg(long, value_name = "SNOWFLAKE", conflicts_with_all = ["kind", "count", "node"],
        value_parser = clap::value_parser!(u64).range(..1 << 63))]
    parts: Option<u64>,
    #[command(flatten)]
    spelling: Spelling,
    #[command(flatten)]
    chosen: Chosen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// 1, 2, 3, ..
    Sequence,
    /// 63-bit numbers of time, node and count
    Snowflake,
    /// UUIDs of version 7
    Uuid,
    /// ULIDs
    Ulid,
}

/// What a snowflake is made of.
fn parts(number: u64, output: &mut Output) -> Result<()> {
    let Snowflake { node, count, .. } = Snowflake::of(number)?;
    let ms = SnowflakeOptions::new().time_ms(number)?;
    output.show(
        || format!("{} node {node} count {count}", moment::text(ms)),
        || json!({ "time_ms": ms, "node": node, "count": count }),
    )
}

impl Id {
    pub fn run(self, output: &mut Output) -> Result<()> {
        if let Some(number) = self.parts {
            return parts(number, output);
        }
        let key = self.spelling.key(&self.key)?;
        let give = |_: &Database, keyspace: &Keyspace| self.generate(keyspace, &key);
        let ids = self.target.creating(Database::builder(), &self.chosen.into(), give)?;
        let line =
            |id: &Value| id.as_str().map_or_else(|| format!("{id}\n"), |id| format!("{id}\n"));
        output.show(|| ids.iter().map(line).collect(), || json!({ "ids": ids }))
    }

    fn generate(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Vec<Value>> {
        match self.kind {
            Kind::Sequence => {
                // As many as are asked for, so that no number is left out.
                let sequence = Sequence::reserving(keyspace, key, self.count)?;
                Ok(sequence.take(self.count)?.map(Value::from).collect())
            }
            Kind::Snowflake => {
                let options = SnowflakeOptions::new().node(self.node);
                let snowflakes = Snowflakes::open(keyspace, key, options)?;
                let ids = self.give(|| snowflakes.give().map(Value::from))?;
                snowflakes.close()?;
                Ok(ids)
            }
            Kind::Uuid => {
                let uuids = Uuids::open(keyspace, key)?;
                let ids = self.give(|| Ok(uuids.give()?.to_string().into()))?;
                uuids.close()?;
                Ok(ids)
            }
            Kind::Ulid => {
                let ulids = Ulids::open(keyspace, key)?;
                let ids = self.give(|| Ok(ulids.give()?.to_string().into()))?;
                ulids.close()?;
                Ok(ids)
            }
        }
    }

    fn give(&self, mut one: impl FnMut() -> Result<Value>) -> Result<Vec<Value>> {
        (0..self.count).map(|_| one()).collect()
    }
}
