//! The data set into five keyspaces, and an index of the flights into a sixth: each batch of
//! flights writes both, so they can never disagree.

use std::time::Instant;

use cuesta::{Database, Durability, Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AIRLINES, AIRPORTS, FLIGHTS, PLANES, ROUTES, Stage, WEATHER, prove};
use crate::figures;
use crate::import::{BadRows, ImportSettings, Imported, import};
use crate::input::Input;
use crate::rows::{Fields, RowSettings};

/// The file that tells the folder of the data set.
pub const FLIGHTS_FILE: &str = "flights.csv.zst";

/// Files, the keyspaces that they go to, and the fields of their keys.
const SETS: [(&str, &str, &str); 5] = [
    ("airlines.csv.zst", AIRLINES, "carrier"),
    ("airports.ndjson.zst", AIRPORTS, "faa"),
    ("planes.csv.zst", PLANES, "tailnum"),
    ("weather.ndjson.zst", WEATHER, "id"),
    (FLIGHTS_FILE, FLIGHTS, "id"),
];

/// What the index of the flights needs of one.
#[derive(Deserialize)]
struct Route<'a> {
    origin: &'a str,
    dest: &'a str,
}

/// The key of a flight in the index.
pub fn route_key(id: &[u8], flight: &[u8]) -> Result<Vec<u8>> {
    let route: Route<'_> = serde_json::from_slice(flight)
        .map_err(|e| Error::invalid(format!("flight {}: {e}", id.escape_ascii())))?;
    Ok([route.origin.as_bytes(), b"/", route.dest.as_bytes(), b"/", id].concat())
}

/// The flight that a key of the index points to.
pub fn flight_of(route_key: &[u8]) -> Option<&[u8]> {
    route_key.splitn(3, |byte| *byte == b'/').nth(2)
}

pub fn run(stage: &mut Stage<'_>) -> Result<Value> {
    let began = Instant::now();
    // What cannot be read must not leave a new database behind.
    let open = |(file, _, _): &(&str, _, _)| Input::open(&stage.data.join(file));
    let inputs = SETS.iter().map(open).collect::<Result<Vec<Input>>>()?;
    let db = stage.open(Database::builder().durability(Durability::Buffered))?;
    let mut total = Imported::default();
    let mut rows = serde_json::Map::new();
    for ((_, keyspace, key), input) in SETS.into_iter().zip(inputs) {
        let set_began = Instant::now();
        let imported = load(&db, input, keyspace, key)?;
        let took = set_began.elapsed();
        stage.say(&format!(
            "{keyspace:9} {:>8} rows {:>10}  in {:>7}  {:>8} rows/s",
            figures::count(imported.rows),
            figures::bytes(imported.bytes),
            figures::time(took),
            figures::rate(imported.rows, took),
        ))?;
        rows.insert(keyspace.to_owned(), json!(imported.rows));
        total.add(imported);
    }
    db.sync()?;
    let took = began.elapsed();
    let indexed = check_index(&db)?;
    stage.say(&format!(
        "{} commits, synced at the end: {} in all; {ROUTES}, written in the same commits, has \
         its {} entries",
        figures::count(total.commits),
        figures::time(took),
        figures::count(indexed)
    ))?;
    Ok(json!({
        "rows": rows,
        "bytes": total.bytes,
        "commits": total.commits,
        "load_seconds": figures::seconds(took),
        "rows_per_second": figures::per_second(total.rows, took).round(),
    }))
}

fn load(db: &Database, input: Input, name: &str, key: &str) -> Result<Imported> {
    let rows = RowSettings { layout: None, key: Some(key.to_owned()), fields: Fields::Typed };
    let settings = ImportSettings { rows, batch_rows: 1000, bad: BadRows::Refuse };
    let (keyspace, mut imported) = (db.keyspace(name)?, Imported::default());
    if name != FLIGHTS {
        import(db, input, &settings, &mut imported, |batch, row| {
            batch.put(&keyspace, &row.key, &row.value)
        })?;
        return Ok(imported);
    }
    let routes = db.keyspace(ROUTES)?;
    import(db, input, &settings, &mut imported, |batch, row| {
        batch.put(&keyspace, &row.key, &row.value)?;
        batch.put(&routes, route_key(&row.key, &row.value)?, "")
    })?;
    Ok(imported)
}

/// That every flight is in the index, and nothing else; the number of them.
fn check_index(db: &Database) -> Result<u64> {
    let (flights, routes) = (db.existing_keyspace(FLIGHTS)?, db.existing_keyspace(ROUTES)?);
    let snapshot = db.snapshot();
    let (mut entries, mut all) = (0, 0);
    let mut cursor = snapshot.cursor::<&[u8]>(&routes, ..)?;
    while cursor.next()? {
        entries += 1;
    }
    let mut cursor = snapshot.cursor::<&[u8]>(&flights, ..)?;
    while cursor.next()? {
        let key = route_key(cursor.key(), cursor.value())?;
        let found = snapshot.contains(&routes, &key)?;
        prove(found, || format!("{ROUTES} has {}", key.escape_ascii()))?;
        all += 1;
    }
    prove(all == entries, || format!("{all} flights have {entries} entries in {ROUTES}"))?;
    Ok(entries)
}
