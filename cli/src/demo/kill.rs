//! A process that writes is killed, several times; everything it acknowledged is there, and nothing
//! by halves.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cuesta::{Database, Error, Result};
use serde_json::{Value, json};

use super::copy::{COPIED_ROUTES, COPIES, COPY};
use super::load::flight_of;
use super::{FLIGHTS, Ledger, Stage, prove};
use crate::figures;
use crate::random::Random;

const ROUNDS: u64 = 8;
const ROWS_PER_COMMIT: u64 = 100;
/// Commits that are acknowledged before the process is killed: fewer than this.
const COMMITS_MAX: u64 = 300;
/// Microseconds from the last of them to the kill: fewer than this.
const DELAY_MICROS_MAX: u64 = 3000;

/// What a killed process had said.
struct Killed {
    /// Everything that it acknowledged.
    acknowledged: Ledger,
    /// Commits that it acknowledged.
    commits: u64,
}

pub fn run(stage: &mut Stage<'_>) -> Result<Value> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut random = Random::new(since_1970.as_nanos() as u64);
    let mut state = Ledger::default();
    let (mut commits, mut unacknowledged) = (0, 0);
    for round in 1..=ROUNDS {
        stage.close()?;
        let wanted = 1 + random.below(COMMITS_MAX - 1);
        let delay = Duration::from_micros(random.below(DELAY_MICROS_MAX));
        let began = Instant::now();
        let killed = kill_after(stage, state, wanted, delay)?;
        let lived = began.elapsed();
        let began = Instant::now();
        let db = stage.open(Database::builder())?;
        let opened = began.elapsed();
        let replayed = db.recovery().replayed;
        state = check(&db, killed.acknowledged)?;
        let more = (state.rows - killed.acknowledged.rows) / ROWS_PER_COMMIT;
        commits += killed.commits;
        unacknowledged += more;
        stage.say(&format!(
            "SIGKILL {round} after {:>3} commits in {:>7}; opened in {:>7}, {replayed:>3} \
             replayed: {:>7} rows in both, +{more} commit",
            killed.commits,
            figures::time(lived),
            figures::time(opened),
            figures::count(state.rows),
        ))?;
    }
    stage.say(&format!(
        "all {} acknowledged commits are there, by count and checksum; {unacknowledged} not yet \
         acknowledged, too; none by halves",
        figures::count(commits)
    ))?;
    Ok(json!({
        "kills": ROUNDS,
        "acknowledged_commits": commits,
        "unacknowledged_commits_kept": unacknowledged,
        "rows": state.rows,
        "checksum": format!("{:08x}", state.checksum),
    }))
}

/// Starts the process, and kills it soon after so many acknowledgements.
fn kill_after(stage: &Stage<'_>, from: Ledger, commits: u64, delay: Duration) -> Result<Killed> {
    let starting = |e| Error::io("starting a process of this program", e);
    let program = std::env::current_exe().map_err(starting)?;
    let mut child = Command::new(program)
        .arg(COPY)
        .arg(&stage.path)
        .args(["--rows-per-commit", &ROWS_PER_COMMIT.to_string()])
        .args(["--from", &from.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(starting)?;
    let heard = listen(&mut child, from, commits, delay);
    // It is gone in any case, and its lock with it.
    let _ = child.kill();
    let status = child.wait().map_err(|e| Error::io("waiting for a process", e))?;
    let killed = heard?;
    if status.code().is_some_and(|code| code != 0) {
        return Err(Error::internal(format!("the writing process failed: {status}")));
    }
    Ok(killed)
}

fn listen(child: &mut Child, from: Ledger, commits: u64, delay: Duration) -> Result<Killed> {
    let hearing = |e| Error::io("hearing of commits", e);
    let Some(pipe) = child.stdout.take() else {
        return Err(Error::internal("a process without standard output"));
    };
    let mut pipe = BufReader::new(pipe);
    let mut killed = Killed { acknowledged: from, commits: 0 };
    let mut line = String::new();
    while killed.commits < commits && pipe.read_line(&mut line).map_err(hearing)? > 0 {
        killed.hear(&line)?;
        line.clear();
    }
    std::thread::sleep(delay);
    child.kill().map_err(|e| Error::io("killing a process", e))?;
    // What it had said before it died counts, too.
    let mut rest = String::new();
    pipe.read_to_string(&mut rest).map_err(hearing)?;
    for line in rest.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        killed.hear(line)?;
    }
    Ok(killed)
}

impl Killed {
    fn hear(&mut self, line: &str) -> Result<()> {
        self.acknowledged = line.trim_end().parse().map_err(Error::internal)?;
        self.commits += 1;
        Ok(())
    }
}

/// That the copies are a beginning of the flights, in whole commits, with all that was
/// acknowledged and at most one commit more, and that both keyspaces agree; what is copied.
fn check(db: &Database, acknowledged: Ledger) -> Result<Ledger> {
    let (flights, copies) = (db.existing_keyspace(FLIGHTS)?, db.keyspace(COPIES)?);
    let routes = db.keyspace(COPIED_ROUTES)?;
    let snapshot = db.snapshot();
    let mut source = snapshot.cursor::<&[u8]>(&flights, ..)?;
    let mut copied = snapshot.cursor::<&[u8]>(&copies, ..)?;
    let mut found = Ledger::default();
    let mut as_acknowledged = (acknowledged.rows == 0).then_some(found);
    while copied.next()? {
        let same =
            source.next()? && source.key() == copied.key() && source.value() == copied.value();
        prove(same, || format!("copy {} is flight {0}", found.rows + 1))?;
        found.add(copied.key(), copied.value());
        if found.rows == acknowledged.rows {
            as_acknowledged = Some(found);
        }
    }
    prove(as_acknowledged == Some(acknowledged), || {
        format!("acknowledged were {acknowledged}, and {found} are there")
    })?;
    let more = found.rows - acknowledged.rows;
    let whole = more == 0 || more == ROWS_PER_COMMIT || !source.next()?;
    prove(whole && more <= ROWS_PER_COMMIT, || {
        format!("{more} rows beyond what was acknowledged are one commit of {ROWS_PER_COMMIT}")
    })?;
    let mut entries = 0;
    let mut cursor = snapshot.cursor::<&[u8]>(&routes, ..)?;
    while cursor.next()? {
        let id = flight_of(cursor.key()).unwrap_or_default();
        let there = snapshot.contains(&copies, id)?;
        prove(there, || format!("route {} has its copy", cursor.key().escape_ascii()))?;
        entries += 1;
    }
    prove(entries == found.rows, || format!("{} copies have {entries} routes", found.rows))?;
    Ok(found)
}
