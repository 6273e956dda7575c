//! `changes`: what was committed, in order.

use std::io::{self, Write};

use clap::Args;
use cuesta::{Action, Change, Operation, Result};
use serde_json::{Map, Value, json};

use crate::output::{Form, Output};
use crate::place::Place;
use crate::record;
use crate::text::{Spelling, escaped};

/// Prints a line for each operation: the commit, its time in milliseconds since 1970, what was
/// done, and where. With --json a line for each commit. Of the log only what is needed or kept is
/// there; see --since.
#[derive(Debug, Args)]
pub struct Changes {
    #[command(flatten)]
    place: Place,
    /// Commits after this one [default: all that are there]
    #[arg(long, value_name = "COMMIT")]
    since: Option<u64>,
    /// Commits at most
    #[arg(long, value_name = "COMMITS")]
    limit: Option<usize>,
    #[command(flatten)]
    spelling: Spelling,
}

impl Changes {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let db = self.place.read()?;
        let first = db.stats().get("log_first_commit").unwrap_or(1);
        let since = self.since.unwrap_or(first.saturating_sub(1));
        for change in db.changes_since(since)?.take(self.limit.unwrap_or(usize::MAX)) {
            let change = change?;
            let operations: Vec<Operation<'_>> = change.operations().collect::<Result<_>>()?;
            match output.form() {
                Form::Json => {
                    let line = json_of(&change, &operations);
                    output.write(|out| writeln!(out, "{line}"))?;
                }
                Form::Text => output.write(|out| self.lines(out, &change, &operations))?,
            }
        }
        Ok(())
    }

    fn lines(
        &self,
        out: &mut dyn Write,
        change: &Change,
        operations: &[Operation<'_>],
    ) -> io::Result<()> {
        let (commit, time) = (change.commit(), change.time_ms());
        if let Some(note) = change.note() {
            writeln!(out, "{commit}\t{time}\tnote\t{}", escaped(note))?;
        }
        for operation in operations {
            let keyspace = name(operation);
            let (verb, key, value) = told(&operation.action);
            write!(out, "{commit}\t{time}\t{verb}\t{keyspace}")?;
            if let Some(key) = key {
                write!(out, "\t{}", self.spelling.show(key))?;
            }
            if let Some(value) = value {
                write!(out, "\t{}", escaped(value))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// What a keyspace is called, or its number.
fn name(operation: &Operation<'_>) -> String {
    operation.name.map_or_else(|| format!("#{}", operation.keyspace), str::to_owned)
}

/// An action as a word, a key, and what comes with it.
fn told<'c>(action: &Action<'c>) -> (&'static str, Option<&'c [u8]>, Option<&'c [u8]>) {
    match *action {
        Action::Put { key, value } => ("put", Some(key), Some(value)),
        Action::PutUntil { key, value, .. } => ("put-until", Some(key), Some(value)),
        Action::Merge { key, .. } => ("merge", Some(key), None),
        Action::Delete { key } => ("delete", Some(key), None),
        Action::DeleteRange { start, end } => ("delete-range", Some(start), end),
        Action::Create => ("create", None, None),
        Action::Rename { to } => ("rename", None, Some(to.as_bytes())),
        Action::Drop => ("drop", None, None),
        _ => ("other", action.key(), None),
    }
}

fn json_of(change: &Change, operations: &[Operation<'_>]) -> Value {
    let operations = operations.iter().map(|operation| {
        let mut fields = Map::new();
        let (verb, key, value) = told(&operation.action);
        fields.insert("keyspace".to_owned(), name(operation).into());
        fields.insert("keyspace_id".to_owned(), operation.keyspace.into());
        fields.insert("action".to_owned(), verb.into());
        let (key_name, value_name) = match verb {
            "rename" => ("key", "to"),
            "delete-range" => ("start", "end"),
            _ => ("key", "value"),
        };
        for (field, bytes) in [(key_name, key), (value_name, value)] {
            if let Some(bytes) = bytes {
                let (field, text) = record::json_field(field, bytes);
                fields.insert(field, text.into());
            }
        }
        Value::Object(fields)
    });
    let operations: Vec<Value> = operations.collect();
    let mut line = json!({"commit": change.commit(), "time_ms": change.time_ms()});
    if let (Some(note), Some(fields)) = (change.note(), line.as_object_mut()) {
        let (field, text) = record::json_field("note", note);
        fields.insert(field, text.into());
    }
    line["operations"] = operations.into();
    line
}
