//! `batch`: several writes to any keyspaces at once, on conditions.

use std::io::BufRead;
use std::path::PathBuf;

use clap::Args;
use cuesta::{Database, Error, Keyspace, Result, Transaction};
use serde::Deserialize;
use serde_json::json;

use crate::figures;
use crate::input::Input;
use crate::output::Output;
use crate::place::{Place, Survives};
use crate::record;
use crate::text::escaped;

/// Each line of the file is one operation: put sets a key, delete removes it, and check says which
/// value it must have (none, if there is no field for it). All of them happen, or none. If a check
/// fails the exit code is 6.
///
/// {"op": "check", "keyspace": "stock", "key": "apples", "value": "3"}
/// {"op": "put", "keyspace": "stock", "key": "apples", "value": "2"}
/// {"op": "delete", "keyspace": "carts", "key": "ada"}
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Batch {
    #[command(flatten)]
    place: Place,
    /// The file; - is standard input
    file: PathBuf,
    /// What the commit survives, should this process be killed
    #[arg(long, value_enum, default_value = "sync")]
    durability: Survives,
}

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    op: Op,
    keyspace: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    key_base64: String,
    value: Option<String>,
    value_base64: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Check,
    Put,
    Delete,
}

impl Line {
    fn value(&self) -> Result<Option<Vec<u8>>> {
        if self.value.is_none() && self.value_base64.is_none() {
            return Ok(None);
        }
        let [text, coded] =
            [&self.value, &self.value_base64].map(|part| part.as_deref().unwrap_or_default());
        record::bytes(text, coded, "value").map(Some).map_err(Error::invalid)
    }
}

/// Operations done.
#[derive(Default)]
struct Count {
    puts: u64,
    deletes: u64,
    checks: u64,
}

impl Batch {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let input = Input::open(&self.file)?;
        let db = self.place.write(self.durability.into())?;
        let tx = db.begin()?;
        let (name, mut count) = (input.name, Count::default());
        for (number, line) in input.content.lines().enumerate() {
            let line = line.map_err(|e| Error::io(format_args!("reading {name}"), e))?;
            if !line.trim().is_empty() {
                let place = |error: Error| error.context(format_args!("{name}:{}", number + 1));
                apply(&db, &tx, &line, &mut count).map_err(place)?;
            }
        }
        tx.commit()?;
        db.close()?;
        let Count { puts, deletes, checks } = count;
        output.show(
            || {
                let [puts, deletes, checks] = [puts, deletes, checks].map(figures::count);
                format!("{puts} put, {deletes} deleted, {checks} checked")
            },
            || json!({ "put": puts, "deleted": deletes, "checked": checks }),
        )
    }
}

fn apply(db: &Database, tx: &Transaction, line: &str, count: &mut Count) -> Result<()> {
    let line: Line = serde_json::from_str(line)
        .map_err(|error| Error::invalid(format!("the line is no operation: {error}")))?;
    let key = record::bytes(&line.key, &line.key_base64, "key").map_err(Error::invalid)?;
    let value = line.value()?;
    let keyspace: Keyspace = db.existing_keyspace(&line.keyspace)?;
    match (line.op, value) {
        (Op::Check, expected) => {
            count.checks += 1;
            let found = tx.get(&keyspace, &key)?;
            if found.as_deref() == expected.as_deref() {
                return Ok(());
            }
            let found = found.map_or("no value".to_owned(), |value| escaped(&value));
            let key = escaped(&key);
            Err(Error::conflict(format!("{key} has {found}: nothing was written")))
        }
        (Op::Put, Some(value)) => {
            count.puts += 1;
            tx.put(&keyspace, &key, value)
        }
        (Op::Delete, None) => {
            count.deletes += 1;
            tx.delete(&keyspace, &key)
        }
        (Op::Put, None) => Err(Error::invalid("put needs a value")),
        (Op::Delete, Some(_)) => Err(Error::invalid("delete takes no value")),
    }
}
