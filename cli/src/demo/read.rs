//! Points and ranges: one flight with all that belongs to it, a day, a route, backwards, and how
//! fast that is.

use std::time::Instant;

use cuesta::{Database, Error, Keyspace, Result};
use serde_json::{Value, json};

use super::load::flight_of;
use super::{AIRLINES, AIRPORTS, FLIGHTS, PLANES, ROUTES, Stage, WEATHER, prove};
use crate::figures;
use crate::random::Random;

/// The day that is read, and the one after it.
const DAY: (&str, &str) = ("2013-07-04", "2013-07-05");
const ORIGIN: &str = "JFK";
const POINTS: u64 = 100_000;

pub fn run(stage: &mut Stage<'_>) -> Result<Value> {
    let db = stage.db()?;
    let flights = db.existing_keyspace(FLIGHTS)?;
    let day = read_day(&flights)?;
    stage.say(&format!(
        "range   {} flights on {}, {} of them from {ORIGIN}, of which {} left late",
        day.flights,
        DAY.0,
        day.from_origin.len(),
        day.late
    ))?;
    if let Some(id) = with_plane(&db, &day.from_origin)? {
        stage.say(&format!("point   {}", describe_flight(&db, id)?))?;
        stage.say(&format!("point   {}", describe_weather(&db, id)?))?;
    }
    let (route, last) = read_route(&db)?;
    stage.say(&format!(
        "prefix  {} flights from {ORIGIN} to SFO, by {ROUTES}",
        figures::count(route)
    ))?;
    stage.say(&format!("reverse the last flights of the year: {}", last.join(", ")))?;
    let ids: Vec<Vec<u8>> = keys(&flights)?;
    let began = Instant::now();
    let mut random = Random::new(1);
    let mut bytes = 0;
    for _ in 0..POINTS {
        let id = &ids[random.below(ids.len() as u64) as usize];
        let length = flights.get_with(id, <[u8]>::len)?;
        prove(length.is_some(), || format!("flight {} is there", id.escape_ascii()))?;
        bytes += length.unwrap_or(0);
    }
    let points = began.elapsed();
    let began = Instant::now();
    let mut scanned = 0;
    let mut cursor = flights.cursor::<&[u8]>(..)?;
    while cursor.prev()? {
        scanned += 1;
    }
    let scan = began.elapsed();
    prove(scanned == ids.len(), || format!("{} flights are {scanned} backwards", ids.len()))?;
    stage.say(&format!(
        "{} random flights, {}: {} reads/s; all {} backwards: {} rows/s",
        figures::count(POINTS),
        figures::bytes(bytes as u64),
        figures::rate(POINTS, points),
        figures::count(scanned as u64),
        figures::rate(scanned as u64, scan),
    ))?;
    Ok(json!({
        "day_flights": day.flights,
        "origin_flights": day.from_origin.len(),
        "route_flights": route,
        "points_per_second": figures::per_second(POINTS, points).round(),
        "scan_rows_per_second": figures::per_second(scanned as u64, scan).round(),
    }))
}

/// The flights of a day.
#[derive(Default)]
struct Day {
    /// All of them.
    flights: u64,
    /// Those from one airport.
    from_origin: Vec<Vec<u8>>,
    /// How many of these left late.
    late: u64,
}

fn read_day(flights: &Keyspace) -> Result<Day> {
    let mut day = Day::default();
    for entry in flights.range(DAY.0..DAY.1)? {
        let (id, flight) = entry?;
        let flight = object(&flight)?;
        day.flights += 1;
        if flight["origin"] == ORIGIN {
            day.late += u64::from(flight["dep_delay"].as_i64().is_some_and(|delay| delay > 0));
            day.from_origin.push(id);
        }
    }
    Ok(day)
}

fn keys(keyspace: &Keyspace) -> Result<Vec<Vec<u8>>> {
    let mut keys = Vec::new();
    let mut cursor = keyspace.cursor::<&[u8]>(..)?;
    while cursor.next()? {
        keys.push(cursor.key().to_vec());
    }
    Ok(keys)
}

fn object(json: &[u8]) -> Result<Value> {
    serde_json::from_slice(json).map_err(|e| Error::invalid(format!("no JSON: {e}")))
}

/// The object that `key` has in a keyspace; null when there is none.
fn read(db: &Database, keyspace: &str, key: impl AsRef<[u8]>) -> Result<Value> {
    let value = db.existing_keyspace(keyspace)?.get(key)?;
    value.map_or(Ok(Value::Null), |value| object(&value))
}

fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object[field].as_str().unwrap_or("unknown")
}

/// The first of these flights whose plane is known; else the first.
fn with_plane<'i>(db: &Database, ids: &'i [Vec<u8>]) -> Result<Option<&'i Vec<u8>>> {
    let planes = db.existing_keyspace(PLANES)?;
    for id in ids {
        if planes.contains(text(&read(db, FLIGHTS, id)?, "tailnum"))? {
            return Ok(Some(id));
        }
    }
    Ok(ids.first())
}

fn describe_flight(db: &Database, id: &[u8]) -> Result<String> {
    let flight = read(db, FLIGHTS, id)?;
    let airline = read(db, AIRLINES, text(&flight, "carrier"))?;
    let airport = read(db, AIRPORTS, text(&flight, "dest"))?;
    let plane = read(db, PLANES, text(&flight, "tailnum"))?;
    let delay = flight["dep_delay"].as_i64();
    Ok(format!(
        "{}: {} to {}, {}, {} {}",
        id.escape_ascii(),
        text(&airline, "name"),
        text(&airport, "name"),
        delay.map_or("cancelled".to_owned(), |minutes| format!("{minutes:+} min")),
        text(&plane, "manufacturer"),
        text(&plane, "model"),
    ))
}

/// The weather at the hour of a flight, or in the last hour before it that is known.
fn describe_weather(db: &Database, id: &[u8]) -> Result<String> {
    let hour = String::from_utf8_lossy(id.get(..13).unwrap_or_default()).into_owned();
    let at = format!("{ORIGIN}/{hour}");
    let mut cursor = db.existing_keyspace(WEATHER)?.cursor::<&[u8]>(..)?;
    prove(cursor.seek_back(&at)?, || format!("there is weather at or before {at}"))?;
    let weather = object(cursor.value())?;
    Ok(format!(
        "weather {}: {} F, wind {} mph, visibility {} miles",
        cursor.key().escape_ascii(),
        weather["temp"],
        weather["wind_speed"],
        weather["visib"]
    ))
}

/// Flights of a route, and the last three of the year.
fn read_route(db: &Database) -> Result<(u64, Vec<String>)> {
    let flights = db.existing_keyspace(FLIGHTS)?;
    let mut count = 0;
    for entry in db.existing_keyspace(ROUTES)?.prefix(format!("{ORIGIN}/SFO/"))? {
        let (key, _) = entry?;
        let id = flight_of(&key).unwrap_or_default();
        prove(flights.contains(id)?, || format!("flight {} is there", id.escape_ascii()))?;
        count += 1;
    }
    let last = flights.iter()?.rev().take(3);
    let last = last.map(|entry| Ok(String::from_utf8_lossy(&entry?.0).into_owned()));
    Ok((count, last.collect::<Result<_>>()?))
}
