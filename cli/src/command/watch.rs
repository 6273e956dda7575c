//! `watch`: waits for what is committed, and prints it.
//!
//! One process at a time may have a database open for writing, so what there is to see comes when
//! it has closed it. Between looks the database is not open, and what files say of themselves tells
//! when to look again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::ops::Bound;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use cuesta::{Action, Database, Error, ErrorKind, Operation, Result};
use cuesta_engine::format::name::FileName;
use serde_json::json;

use crate::output::{Form, Output};
use crate::place::Place;
use crate::text::Spelling;
use crate::{changes, lifetime};

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// How often files are looked at.
const PAUSE: Duration = Duration::from_millis(50);
/// Changes of a file that come closer to each other may have the same time.
const TICK: Duration = Duration::from_millis(100);

/// Prints what is committed from now on as changes does, once the process that writes has closed
/// the database; until it is ended, or --limit or --timeout say so. Exit code 7 when nothing came
/// in time.
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

/// What files say of themselves.
#[derive(PartialEq, Eq)]
struct Looks(BTreeMap<OsString, (u64, Option<SystemTime>)>);

impl Looks {
    fn of(path: &Path) -> Looks {
        let files = fs::read_dir(path).into_iter().flatten().flatten().filter_map(|entry| {
            let name = entry.file_name();
            match FileName::parse(&name.to_string_lossy())? {
                FileName::Log(_) | FileName::Manifest(_) => {}
                _ => return None,
            }
            let data = entry.metadata().ok()?;
            Some((name, (data.len(), data.modified().ok())))
        });
        Looks(files.collect())
    }

    /// Whether what is written now might leave all as it looks.
    fn is_fresh(&self) -> bool {
        let newest = self.0.values().filter_map(|(_, modified)| *modified).max();
        newest.is_none_or(|newest| newest.elapsed().unwrap_or_default() < TICK)
    }
}

/// That nothing came in time, and who had the database meanwhile.
fn timeout(busy: Option<Error>) -> Error {
    Error::timeout(match busy {
        Some(busy) => format!(
            "nothing was seen in time: {}, and what it commits is seen once it has closed the \
             database",
            busy.message()
        ),
        None => "nothing was committed in time".to_owned(),
    })
}

impl Watch {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let range = self.range()?;
        let (mut since, mut left) = (self.since, self.limit.unwrap_or(u64::MAX));
        let mut heard = Instant::now();
        if !self.place.exists()? {
            return self.place.read().map(drop);
        }
        let place = self.place.at_once();
        let mut is_told = self.keyspace.is_none();
        loop {
            let looks = Looks::of(&self.place.path);
            let fresh = looks.is_fresh();
            let busy = match place.read() {
                Ok(db) => {
                    if !std::mem::replace(&mut is_told, true) {
                        self.tell_missing(&db, output.form());
                    }
                    let shown = self.show(&db, &range, &mut since, left, output)?;
                    if shown > 0 {
                        heard = Instant::now();
                    }
                    left -= shown;
                    None
                }
                // Whoever writes is not done yet.
                Err(error) if error.kind() == ErrorKind::Locked => Some(error),
                Err(error) => return Err(error),
            };
            output.finish()?;
            if left == 0 {
                return Ok(());
            }
            loop {
                if self.timeout.is_some_and(|timeout| heard.elapsed() >= timeout) {
                    return Err(timeout(busy));
                }
                thread::sleep(if fresh { TICK } else { PAUSE });
                // Whoever has it may end without a trace.
                if fresh || busy.is_some() || Looks::of(&self.place.path) != looks {
                    break;
                }
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
