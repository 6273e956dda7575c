//! `batch`: several writes to any keyspaces at once, on conditions.

use std::fmt::Display;
use std::io::BufRead;
use std::ops::Bound;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cuesta::{Builder, Database, Error, Keyspace, Result, Transaction};
use serde::Deserialize;
use serde_json::json;

use crate::figures;
use crate::input::Input;
use crate::lifetime;
use crate::output::Output;
use crate::place::Survives;
use crate::record;
use crate::text::escaped;
use crate::writing::Writing;

/// Each line of the file is one operation: put sets a key, for a while with ttl, delete removes it,
/// delete-range removes all from start to before end, or with a prefix, merge changes it by an
/// operand (operand_base64, or number for add, max and min), and check says which value it must
/// have (none, if there is no field for it). All of them happen, or none. If a check fails the exit
/// code is 6.
///
/// {"op": "check", "keyspace": "stock", "key": "apples", "value": "3"}
/// {"op": "put", "keyspace": "stock", "key": "apples", "value": "2", "ttl": "36h"}
/// {"op": "merge", "keyspace": "visits", "key": "JFK", "number": 1}
/// {"op": "delete", "keyspace": "carts", "key": "ada"}
/// {"op": "delete-range", "keyspace": "carts", "prefix": "old/"}
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Batch {
    #[command(flatten)]
    place: Writing,
    /// The file; - is standard input
    file: PathBuf,
    /// A note for those who read the changes: who did it, or why
    #[arg(long)]
    note: Option<String>,
    /// Memory for everything [default: 268435456, which is 256 MiB]; all operations wait in it
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    /// What the commit survives, should this process be killed
    #[arg(long, value_enum, default_value = "sync")]
    durability: Survives,
}

/// A line of the file. What is bytes is text, or base64 in a field of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an operation")]
struct Line {
    op: Op,
    keyspace: String,
    key: Option<String>,
    key_base64: Option<String>,
    value: Option<String>,
    value_base64: Option<String>,
    ttl: Option<String>,
    operand: Option<String>,
    operand_base64: Option<String>,
    number: Option<i64>,
    prefix: Option<String>,
    prefix_base64: Option<String>,
    start: Option<String>,
    start_base64: Option<String>,
    end: Option<String>,
    end_base64: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Op {
    Check,
    Put,
    Merge,
    Delete,
    DeleteRange,
}

/// A line that was understood.
enum Step {
    Check(Vec<u8>, Option<Vec<u8>>),
    Put(Vec<u8>, Vec<u8>, Option<Duration>),
    Merge(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    DeletePrefix(Vec<u8>),
    DeleteRange(Bound<Vec<u8>>, Bound<Vec<u8>>),
}

impl Line {
    /// What it says.
    ///
    /// # Errors
    /// `Invalid` when it lacks something or says too much.
    fn step(self) -> Result<(String, Step)> {
        let op = self.op;
        let key = bytes(self.key, self.key_base64, "key")?;
        let value = bytes(self.value, self.value_base64, "value")?;
        let operand = bytes(self.operand, self.operand_base64, "operand")?;
        let prefix = bytes(self.prefix, self.prefix_base64, "prefix")?;
        let start = bytes(self.start, self.start_base64, "start")?;
        let end = bytes(self.end, self.end_base64, "end")?;
        let (ttl, number) = (self.ttl, self.number.map(|number| number.to_le_bytes().to_vec()));
        let is = |ops: &[Op]| ops.contains(&op);
        for (name, given, allowed) in [
            ("key", key.is_some(), !is(&[Op::DeleteRange])),
            ("value", value.is_some(), is(&[Op::Check, Op::Put])),
            ("ttl", ttl.is_some(), is(&[Op::Put])),
            ("operand", operand.is_some() || number.is_some(), is(&[Op::Merge])),
            ("range", prefix.is_some() || start.is_some() || end.is_some(), is(&[Op::DeleteRange])),
        ] {
            if given && !allowed {
                return Err(Error::invalid(format!("{} takes no {name}", op.name())));
            }
        }
        let needs = |what: &str| Error::invalid(format!("{} needs {what}", op.name()));
        let key = || key.ok_or_else(|| needs("a key"));
        let step = match op {
            Op::Check => Step::Check(key()?, value),
            Op::Put => {
                let ttl =
                    ttl.as_deref().map(lifetime::parse).transpose().map_err(Error::invalid)?;
                Step::Put(key()?, value.ok_or_else(|| needs("a value"))?, ttl)
            }
            Op::Merge => match (operand, number) {
                (Some(operand), None) | (None, Some(operand)) => Step::Merge(key()?, operand),
                _ => return Err(needs("either an operand or a number")),
            },
            Op::Delete => Step::Delete(key()?),
            Op::DeleteRange => match (prefix, start, end) {
                (Some(prefix), None, None) if prefix.is_empty() => {
                    return Err(Error::invalid(
                        "an empty prefix is that of all keys: say \"start\": \"\" for them",
                    ));
                }
                (Some(prefix), None, None) => Step::DeletePrefix(prefix),
                (None, None, None) | (Some(_), _, _) => {
                    return Err(needs("either a prefix, or start or end or both"));
                }
                (None, Some(start), Some(end)) if start >= end => {
                    return Err(Error::invalid("no key is from start to before end"));
                }
                (None, start, end) => Step::DeleteRange(
                    start.map_or(Bound::Unbounded, Bound::Included),
                    end.map_or(Bound::Unbounded, Bound::Excluded),
                ),
            },
        };
        Ok((self.keyspace, step))
    }
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Op::Check => "check",
            Op::Put => "put",
            Op::Merge => "merge",
            Op::Delete => "delete",
            Op::DeleteRange => "delete-range",
        }
    }
}

/// The bytes of a field, if there is one.
fn bytes(text: Option<String>, coded: Option<String>, name: &str) -> Result<Option<Vec<u8>>> {
    if text.is_none() && coded.is_none() {
        return Ok(None);
    }
    let found = record::bytes(&text.unwrap_or_default(), &coded.unwrap_or_default(), name);
    found.map(Some).map_err(Error::invalid)
}

/// Operations done.
#[derive(Default)]
struct Count {
    puts: u64,
    merges: u64,
    deletes: u64,
    checks: u64,
}

impl Batch {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let input = Input::open(&self.file)?;
        let builder = Database::builder().durability(self.durability.into());
        let builder = self.memory.into_iter().fold(builder, Builder::memory_budget);
        let db = self.place.write_with(builder)?;
        let tx = db.begin()?;
        let (name, mut count) = (input.name, Count::default());
        for (number, line) in input.content.lines().enumerate() {
            let line = line.map_err(|e| Error::io(format_args!("reading {name}"), e))?;
            if !line.trim().is_empty() {
                let place = |error: Error| error.context(format_args!("{name}:{}", number + 1));
                apply(&db, &tx, &line, &mut count).map_err(place)?;
            }
        }
        if let Some(note) = &self.note {
            tx.note(note)?;
        }
        tx.commit()?;
        db.close()?;
        let Count { puts, merges, deletes, checks } = count;
        output.show(
            || {
                let [puts, merges, deletes, checks] =
                    [puts, merges, deletes, checks].map(figures::count);
                format!("{puts} put, {merges} merged, {deletes} deleted, {checks} checked")
            },
            || json!({ "put": puts, "merged": merges, "deleted": deletes, "checked": checks }),
        )
    }
}

fn apply(db: &Database, tx: &Transaction, line: &str, count: &mut Count) -> Result<()> {
    let wrong = |error: &dyn Display| Error::invalid(format!("the line is no operation: {error}"));
    if !line.trim_start().starts_with('{') {
        return Err(wrong(&"it must be an object, as {\"op\": ..}"));
    }
    let line: Line = serde_json::from_str(line).map_err(|error| wrong(&error))?;
    let (keyspace, step) = line.step()?;
    let keyspace: Keyspace = db.existing_keyspace(&keyspace)?;
    let counted = match &step {
        Step::Check(..) => &mut count.checks,
        Step::Put(..) => &mut count.puts,
        Step::Merge(..) => &mut count.merges,
        Step::Delete(_) | Step::DeletePrefix(_) | Step::DeleteRange(..) => &mut count.deletes,
    };
    *counted += 1;
    match step {
        Step::Check(key, expected) => {
            let found = tx.get(&keyspace, &key)?;
            if found.as_deref() == expected.as_deref() {
                return Ok(());
            }
            let found = found.map_or("no value".to_owned(), |value| escaped(&value));
            let key = escaped(&key);
            Err(Error::conflict(format!("{key} has {found}: nothing was written")))
        }
        Step::Put(key, value, None) => tx.put(&keyspace, key, value),
        Step::Put(key, value, Some(ttl)) => tx.put_with_ttl(&keyspace, key, value, ttl),
        Step::Merge(key, operand) => tx.merge(&keyspace, key, operand),
        Step::Delete(key) => tx.delete(&keyspace, key),
        Step::DeletePrefix(prefix) => tx.delete_prefix(&keyspace, prefix),
        Step::DeleteRange(start, end) => tx.delete_range(&keyspace, (start, end)),
    }
}
