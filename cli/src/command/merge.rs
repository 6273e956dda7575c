//! `merge`: changes what a key has without reading it.

use clap::Args;
use cuesta::{Error, Result};
use serde_json::json;

use crate::output::Output;
use crate::place::{Survives, Target};
use crate::text::Spelling;
use crate::writing::Writing;

/// The keyspace must exist and have a merge operator: see keyspaces create --merge-operator.
#[derive(Debug, Args)]
pub struct Merge {
    #[command(flatten)]
    target: Target<Writing>,
    /// The key
    key: String,
    /// The operand
    #[arg(allow_negative_numbers = true)]
    operand: String,
    /// The operand is a whole number, as the operators add, max and min take them
    #[arg(long)]
    number: bool,
    #[command(flatten)]
    spelling: Spelling,
    /// What the write survives, should this process be killed
    #[arg(long, value_enum, default_value = "sync")]
    durability: Survives,
}

impl Merge {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let key = self.spelling.key(&self.key)?;
        let operand = self.operand.into_bytes();
        let operand = if self.number { bytes(&operand)? } else { operand };
        let (db, keyspace) = self.target.write(self.durability.into())?;
        keyspace.merge(&key, &operand)?;
        drop(keyspace);
        db.close()?;
        output.show(String::new, || json!({ "written": 1 }))
    }
}

/// The 8 bytes of a number that is spelled out.
///
/// # Errors
/// `Invalid` for what is no 64-bit number.
pub fn bytes(spelled: &[u8]) -> Result<Vec<u8>> {
    let text = String::from_utf8_lossy(spelled);
    let number: i64 = text.trim().parse().map_err(|error| {
        Error::invalid(format!("{:?} is no 64-bit number: {error}", text.trim()))
    })?;
    Ok(number.to_le_bytes().to_vec())
}

/// A value as the number that it is.
///
/// # Errors
/// `Invalid` unless it has 8 bytes.
pub fn number(value: &[u8]) -> Result<i64> {
    let number = value.try_into().map(i64::from_le_bytes);
    number
        .map_err(|_| Error::invalid(format!("the value has {} bytes; a number has 8", value.len())))
}
