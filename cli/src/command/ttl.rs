//! `ttl`: how long the value of a key has to live.

use clap::Args;
use cuesta::{Error, Expiry, Result};
use serde_json::json;

use crate::figures;
use crate::output::Output;
use crate::place::Target;
use crate::text::Spelling;

/// Prints "never" for a value that stays; with --json, seconds are null then.
#[derive(Debug, Args)]
pub struct Ttl {
    #[command(flatten)]
    target: Target,
    /// The key
    key: String,
    #[command(flatten)]
    spelling: Spelling,
}

impl Ttl {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let key = self.spelling.key(&self.key)?;
        let (_db, keyspace) = self.target.read()?;
        let left = match keyspace.expiry(&key)? {
            Some(Expiry::In(left)) => Some(left),
            Some(Expiry::Never) => None,
            None => {
                let (key, keyspace) = (self.spelling.show(&key), &self.target.keyspace);
                return Err(Error::not_found(format!("there is no key {key} in {keyspace:?}")));
            }
        };
        output.show(
            || left.map_or("never".to_owned(), figures::time),
            || json!({ "seconds": left.map(figures::seconds) }),
        )
    }
}
