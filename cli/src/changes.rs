//! Commits as lines: for people an operation each, for programs a commit each.
//!
//! ```text
//! COMMIT  TIME  ACTION  KEYSPACE  KEY  VALUE ..      with tabs between
//! ```

use std::io::{self, Write};

use cuesta::{Action, Change, Operation, Result};
use serde_json::{Map, Value, json};

use crate::output::{Form, Output};
use crate::record;
use crate::text::{Spelling, escaped};

/// Prints what of a change is `wanted`; whether that is anything.
///
/// # Errors
/// `Corrupt`; `Io`.
pub fn show(
    output: &mut Output,
    change: &Change,
    spelling: Spelling,
    wanted: impl Fn(&Operation<'_>) -> bool,
) -> Result<bool> {
    let told: Vec<Operation<'_>> = change.operations().collect::<Result<_>>()?;
    let told: Vec<Operation<'_>> = told.into_iter().filter(|operation| wanted(operation)).collect();
    if told.is_empty() && change.operations().next().is_some() {
        return Ok(false);
    }
    match output.form() {
        Form::Json => {
            let line = json_of(change, &told);
            output.write(|out| writeln!(out, "{line}"))?;
        }
        Form::Text => output.write(|out| lines(out, change, &told, spelling))?,
    }
    Ok(true)
}

fn lines(
    out: &mut dyn Write,
    change: &Change,
    operations: &[Operation<'_>],
    spelling: Spelling,
) -> io::Result<()> {
    let (commit, time) = (change.commit(), change.time_ms());
    if let Some(note) = change.note() {
        writeln!(out, "{commit}\t{time}\tnote\t{}", escaped(note))?;
    }
    for operation in operations {
        write!(out, "{commit}\t{time}\t{}\t{}", verb(&operation.action), name(operation))?;
        if let Some(key) = operation.action.key() {
            write!(out, "\t{}", spelling.show(key))?;
        }
        match operation.action {
            Action::Put { value, .. } => write!(out, "\t{}", escaped(value))?,
            Action::PutUntil { value, expiry_ms, .. } => {
                write!(out, "\t{}\tuntil {expiry_ms}", escaped(value))?;
            }
            Action::Merge { operands, .. } => {
                for operand in operands.iter() {
                    write!(out, "\t{}", escaped(operand))?;
                }
            }
            Action::DeleteRange { start, end } => {
                let end = end.map_or_else(String::new, |end| spelling.show(end));
                write!(out, "\t{}\t{end}", spelling.show(start))?;
            }
            Action::Load { entries, first, last } => {
                let (first, last) = (spelling.show(first), spelling.show(last));
                write!(out, "\t{first}\t{last}\t{entries} keys")?;
            }
            Action::Rename { to } => write!(out, "\t{}", escaped(to.as_bytes()))?,
            _ => {}
        }
        writeln!(out)?;
    }
    Ok(())
}

/// What a keyspace is called, or its number.
fn name(operation: &Operation<'_>) -> String {
    operation.name.map_or_else(|| format!("#{}", operation.keyspace), str::to_owned)
}

fn verb(action: &Action<'_>) -> &'static str {
    match action {
        Action::Put { .. } | Action::PutUntil { .. } => "put",
        Action::Merge { .. } => "merge",
        Action::Delete { .. } => "delete",
        Action::DeleteRange { .. } => "delete-range",
        Action::Load { .. } => "load",
        Action::Create => "create",
        Action::Rename { .. } => "rename",
        Action::Drop => "drop",
        _ => "other",
    }
}

fn json_of(change: &Change, operations: &[Operation<'_>]) -> Value {
    let mut line = Map::new();
    line.insert("commit".to_owned(), change.commit().into());
    line.insert("time_ms".to_owned(), change.time_ms().into());
    if let Some(note) = change.note() {
        put(&mut line, "note", note);
    }
    let operations: Vec<Value> = operations.iter().map(json_of_operation).collect();
    line.insert("operations".to_owned(), operations.into());
    Value::Object(line)
}

fn json_of_operation(operation: &Operation<'_>) -> Value {
    let mut fields = Map::new();
    fields.insert("keyspace".to_owned(), name(operation).into());
    fields.insert("keyspace_id".to_owned(), operation.keyspace.into());
    fields.insert("action".to_owned(), verb(&operation.action).into());
    if let Some(key) = operation.action.key() {
        put(&mut fields, "key", key);
    }
    match operation.action {
        Action::Put { value, .. } => put(&mut fields, "value", value),
        Action::PutUntil { value, expiry_ms, .. } => {
            put(&mut fields, "value", value);
            fields.insert("expiry_ms".to_owned(), expiry_ms.into());
        }
        Action::Merge { operands, .. } => {
            let operands = operands.iter().map(|operand| {
                let (field, text) = record::json_field("operand", operand);
                json!({ field: text })
            });
            fields.insert("operands".to_owned(), operands.collect());
        }
        Action::DeleteRange { start, end } => {
            put(&mut fields, "start", start);
            if let Some(end) = end {
                put(&mut fields, "end", end);
            }
        }
        Action::Load { entries, first, last } => {
            put(&mut fields, "first", first);
            put(&mut fields, "last", last);
            fields.insert("entries".to_owned(), entries.into());
        }
        Action::Rename { to } => put(&mut fields, "to", to.as_bytes()),
        _ => {}
    }
    Value::Object(fields)
}

fn put(fields: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    let (field, text) = record::json_field(name, bytes);
    fields.insert(field, text.into());
}
