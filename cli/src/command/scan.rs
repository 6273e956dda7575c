//! `scan`: a range of keys and values in order.

use std::ops::Bound;

use clap::Args;
use cuesta::Result;

use crate::output::{Form, Output};
use crate::place::Target;
use crate::record;
use crate::text::{Spelling, escaped};

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Prints a line for each entry: the key, a tab, the value, with what is no text escaped. With
/// --json a record for each.
#[derive(Debug, Args)]
pub struct Scan {
    #[command(flatten)]
    target: Target,
    /// Keys that begin with this
    #[arg(long)]
    prefix: Option<String>,
    /// Keys from this one on
    #[arg(long)]
    start: Option<String>,
    /// Keys before this one
    #[arg(long)]
    end: Option<String>,
    /// From the last key to the first
    #[arg(long)]
    reverse: bool,
    /// Entries at most
    #[arg(long, value_name = "ENTRIES")]
    limit: Option<u64>,
    /// Keys without values
    #[arg(long)]
    keys_only: bool,
    #[command(flatten)]
    spelling: Spelling,
}

impl Scan {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let bounds = self.bounds()?;
        let (_db, keyspace) = self.target.read()?;
        let Some(bounds) = bounds else { return Ok(()) };
        let mut cursor = keyspace.cursor(bounds)?;
        let form = output.form();
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 && (if self.reverse { cursor.prev() } else { cursor.next() })? {
            left -= 1;
            let (key, value) = (cursor.key(), (!self.keys_only).then(|| cursor.value()));
            output.write(|out| match (form, value) {
                (Form::Json, value) => record::write_json(out, key, value),
                (Form::Text, None) => writeln!(out, "{}", self.spelling.show(key)),
                (Form::Text, Some(value)) => {
                    writeln!(out, "{}\t{}", self.spelling.show(key), escaped(value))
                }
            })?;
        }
        Ok(())
    }

    /// The keys asked for; `None` when there can be none.
    fn bounds(&self) -> Result<Option<Bounds>> {
        let key =
            |text: &Option<String>| text.as_ref().map(|text| self.spelling.key(text)).transpose();
        let prefix = key(&self.prefix)?;
        // The empty key is the first of all.
        let start = key(&self.start)?.max(prefix.clone()).unwrap_or_default();
        let ends = [key(&self.end)?, prefix.and_then(|prefix| after_prefix(&prefix))];
        let end = ends.into_iter().flatten().min();
        Ok(match end {
            Some(end) if start >= end => None,
            Some(end) => Some((Bound::Included(start), Bound::Excluded(end))),
            None => Some((Bound::Included(start), Bound::Unbounded)),
        })
    }
}

/// The first key after all that begin with `prefix`; `None` when there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let (last, before) = prefix[..=prefix.iter().rposition(|byte| *byte != 0xff)?].split_last()?;
    Some([before, &[last + 1]].concat())
}
