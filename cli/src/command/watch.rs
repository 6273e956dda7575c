//! `watch`: waits for what is committed, and prints it.
//!
//! It reads along with whoever writes the database, and outlives them.

use std::ops::Bound;
use std::time::{Duration, Instant};

use clap::Args;
use cuesta::{Action, Database, Error, Operation, Result};
use serde_json::json;

use crate::output::{Form, Output};
use crate::place::Place;
use crate::text::Spelling;
use crate::{changes, lifetime};

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Prints what is committed from now on as changes does, whichever process commits it; until it is
/// ended, or --limit or --timeout say so. Exit code 7 when nothing came in time.
#[derive(Debug, Args)]
pub struct Watch {
    #[command(flatten)]
    place: Place,
    /// This keyspace alone
    keyspace: Option<String>,
    /// This key alone
    #[arg(long, requires = "keyspace", conflicts_with_all = ["prefix", "start", "end"])]
    key: Option<String>,
    /// Keys that begin with this
    #[arg(long, requires = "keyspace", conflicts_with_all = ["start", "end"])]
    prefix: Option<String>,
    /// Keys from this one on
    #[arg(long, requires = "keyspace")]
    start: Option<String>,
    /// Keys before this one
    #[arg(long, requires = "keyspace")]
    end: Option<String>,
    /// Commits after this one, too, that are there already
    #[arg(long, value_name = "COMMIT")]
    since: Option<u64>,
    /// All commits, too, that are there already, as far as the log reaches back
    #[arg(long, conflicts_with = "since")]
    all: bool,
    /// End after so many commits
    #[arg(long, value_name = "COMMITS")]
    limit: Option<u64>,
    /// End when nothing comes for so long, such as 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = lifetime::parse)]
    timeout: Option<Duration>,
    #[command(flatten)]
    spelling: Spelling,
}

impl Watch {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let range = self.range()?;
        let (mut since, mut left) = (self.since, self.limit.unwrap_or(u64::MAX));
        let db = self.place.read_along()?;
        // From before the first look on: what comes between is told.
        let mut news = db.watch()?;
        let mut heard = Instant::now();
        if self.keyspace.is_some() {
            self.tell_missing(&db, output.form());
        }
        loop {
            let shown = self.show(&db, &range, &mut since, left, output)?;
            if shown > 0 {
                heard = Instant::now();
            }
            left -= shown;
            output.finish()?;
            if left == 0 {
                return Ok(());
            }
            let rest = self.timeout.map(|timeout| timeout.saturating_sub(heard.elapsed()));
            if news.wait(rest)?.is_none() {
                return Err(Error::timeout("nothing was committed in time"));
            }
        }
    }

    /// Says so if there is nothing of the name to be watched: it may be misspelled, or come yet.
    fn tell_missing(&self, db: &Database, form: Form) {
        let Some(name) = &self.keyspace else { return };
        let names = db.keyspaces();
        if !names.contains(name) {
            let all = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            match form {
                Form::Json => eprintln!("{}", json!({ "waiting_for": name })),
                Form::Text => eprintln!(
                    "cuesta: there is no keyspace {name:?} yet: waiting for it; there are {all}"
                ),
            }
        }
    }

    /// Prints what is new; how many commits.
    fn show(
        &self,
        db: &Database,
        range: &Bounds,
        since: &mut Option<u64>,
        left: u64,
        output: &mut Output,
    ) -> Result<u64> {
        let stats = db.stats();
        let from = if self.all {
            stats.get("log_first_commit").unwrap_or(1).saturating_sub(1)
        } else {
            stats.get("commit").unwrap_or_default()
        };
        let mut all = db.changes_since(*since.get_or_insert(from))?;
        let mut shown = 0;
        while shown < left
            && let Some(change) = all.next().transpose()?
        {
            let wanted = |operation: &Operation<'_>| self.is_wanted(operation, range);
            shown += u64::from(changes::show(output, &change, self.spelling, wanted)?);
        }
        *since = Some(all.place());
        Ok(shown)
    }

    fn range(&self) -> Result<Bounds> {
        let key =
            |text: &Option<String>| text.as_deref().map(|text| self.spelling.key(text)).transpose();
        if let Some(key) = key(&self.key)? {
            return Ok((Bound::Included(key.clone()), Bound::Included(key)));
        }
        let prefix = key(&self.prefix)?;
        let after = prefix.as_deref().and_then(|prefix| {
            let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
            let (last, before) = prefix.get(..=last)?.split_last()?;
            Some([before, &[last + 1]].concat())
        });
        let (start, end) = (prefix.or(key(&self.start)?), after.or(key(&self.end)?));
        Ok((
            start.map_or(Bound::Unbounded, Bound::Included),
            end.map_or(Bound::Unbounded, Bound::Excluded),
        ))
    }

    fn is_wanted(&self, operation: &Operation<'_>, (low, high): &Bounds) -> bool {
        let Some(keyspace) = &self.keyspace else { return true };
        let not_behind = |key: &[u8]| match high {
            Bound::Included(high) => key <= high.as_slice(),
            Bound::Excluded(high) => key < high.as_slice(),
            Bound::Unbounded => true,
        };
        let from = match low {
            Bound::Included(low) | Bound::Excluded(low) => low.as_slice(),
            Bound::Unbounded => &[],
        };
        let of_keys = match operation.action {
            Action::DeleteRange { start, end } => {
                not_behind(start) && end.is_none_or(|end| end > from)
            }
            Action::Create | Action::Rename { .. } => from.is_empty() && *high == Bound::Unbounded,
            action => action.key().is_none_or(|key| key >= from && not_behind(key)),
        };
        operation.name == Some(keyspace) && of_keys
    }
}
