//! `get`: the value of a key.

use clap::Args;
use cuesta::{Error, Result};
use serde_json::json;

use crate::command::merge;
use crate::output::{Form, Output};
use crate::place::Target;
use crate::record;
use crate::text::Spelling;

/// Prints the bytes of the value and a line break; with --json a record.
#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    target: Target,
    /// The key
    key: String,
    #[command(flatten)]
    spelling: Spelling,
    /// Print the bytes of the value alone, without a line break
    #[arg(long)]
    raw: bool,
    /// Print the value as a whole number: 8 bytes, little-endian, as the operators add, max and
    /// min keep them
    #[arg(long, conflicts_with = "raw")]
    number: bool,
}

impl Get {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let key = self.spelling.key(&self.key)?;
        let (_db, keyspace) = self.target.read()?;
        let Some(value) = keyspace.get(&key)? else {
            let (key, keyspace) = (self.spelling.show(&key), &self.target.keyspace);
            return Err(Error::not_found(format!("there is no key {key} in {keyspace:?}")));
        };
        if self.number {
            let number = merge::number(&value)?;
            return output.show(|| number.to_string(), || json!({ "number": number }));
        }
        let form = output.form();
        output.write(|out| match form {
            Form::Json => record::write_json(out, &key, Some(&value)),
            Form::Text if self.raw => out.write_all(&value),
            Form::Text => out.write_all(&value).and_then(|()| out.write_all(b"\n")),
        })
    }
}
