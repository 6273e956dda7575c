//! A snapshot stays as it is, whatever is written after it.

use cuesta::{Keyspace, Result, Snapshot};
use serde_json::{Value, json};

use super::{FLIGHTS, Ledger, ROUTES, Stage, prove};
use crate::figures;

const MONTH: (&str, &str) = ("2013-12-01", "2014-01-01");

pub fn run(stage: &mut Stage<'_>) -> Result<Value> {
    let db = stage.db()?;
    let (flights, routes) = (db.existing_keyspace(FLIGHTS)?, db.existing_keyspace(ROUTES)?);
    let snapshot = db.snapshot();
    let before = month(&snapshot, &flights)?;
    let mut batch = db.batch();
    for (number, entry) in snapshot.range(&flights, MONTH.0..MONTH.1)?.enumerate() {
        let (id, _) = entry?;
        if number % 2 == 0 {
            batch.put(&flights, &id, "overwritten")?;
        } else {
            batch.delete(&flights, &id)?;
        }
    }
    batch.commit()?;
    db.flush()?;
    let after = month(&db.snapshot(), &flights)?;
    prove(after != before && after.rows == before.rows.div_ceil(2), || {
        format!("half of {} flights are left, overwritten", before.rows)
    })?;
    let kept = month(&snapshot, &flights)?;
    prove(kept == before, || format!("the snapshot still has {before}, not {kept}"))?;
    stage.say(&format!(
        "commit {}: one commit overwrites or deletes all {} flights of December; the snapshot \
         taken before reads as before (checksum {:08x})",
        snapshot.commit() + 1,
        figures::count(before.rows),
        kept.checksum
    ))?;
    let mut batch = db.batch();
    for entry in snapshot.range(&flights, MONTH.0..MONTH.1)? {
        let (id, flight) = entry?;
        batch.put(&flights, &id, &flight)?;
        batch.put(&routes, super::load::route_key(&id, &flight)?, "")?;
    }
    batch.commit()?;
    let restored = month(&db.snapshot(), &flights)?;
    prove(restored == before, || format!("restored are {before}, not {restored}"))?;
    stage.say("one commit brings them back from the snapshot")?;
    Ok(json!({ "rows": before.rows, "checksum": format!("{:08x}", before.checksum) }))
}

/// The flights of the month in a snapshot.
fn month(snapshot: &Snapshot, flights: &Keyspace) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut cursor = snapshot.cursor(flights, MONTH.0..MONTH.1)?;
    while cursor.next()? {
        ledger.add(cursor.key(), cursor.value());
    }
    Ok(ledger)
}
