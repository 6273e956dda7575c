//! Checking everything, dropping keyspaces, and giving their space back.

use std::time::Instant;

use cuesta::Result;
use serde_json::{Value, json};

use super::copy::{COPIED_ROUTES, COPIES};
use super::{Stage, prove};
use crate::figures;
use crate::place::disk_use;

pub fn run(stage: &mut Stage<'_>) -> Result<Value> {
    let db = stage.db()?;
    let began = Instant::now();
    let report = db.verify()?;
    prove(report.is_sound(), || report.problems.join("; "))?;
    stage.say(&format!(
        "verify: {} segments of {} and {} commits in the log are sound, in {}",
        report.segments,
        figures::bytes(report.bytes),
        figures::count(report.log_commits),
        figures::time(began.elapsed())
    ))?;
    let before = disk_use(&stage.path)?;
    let began = Instant::now();
    for name in [COPIES, COPIED_ROUTES] {
        db.drop_keyspace(name)?;
    }
    db.compact()?;
    let took = began.elapsed();
    let entries = db.stats().keyspaces.iter().map(|keyspace| keyspace.entries).sum::<u64>();
    drop(db);
    stage.close()?;
    let after = disk_use(&stage.path)?;
    stage.say(&format!(
        "compact: two keyspaces dropped, {} entries left; data {}, before {}; in {}",
        figures::count(entries),
        figures::bytes(after.data_bytes),
        figures::bytes(before.data_bytes),
        figures::time(took)
    ))?;
    Ok(json!({
        "segments": report.segments,
        "log_commits": report.log_commits,
        "data_bytes_before": before.data_bytes,
        "data_bytes": after.data_bytes,
        "log_bytes": after.log_bytes,
        "entries": entries,
    }))
}
