//! A process that writes is killed with SIGKILL, many times, at random moments.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cuesta::{Database, Durability, Keyspace};

use crate::program::{Desk, PROGRAM};

const KILLS: u64 = 20;
const ROWS: u64 = 40_000;
const ROWS_PER_COMMIT: u64 = 10;

/// A number below `end` that looks random.
fn random(state: &mut u64, end: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % end
}

fn fill(desk: &Desk) {
    let db = Database::builder().durability(Durability::Buffered).open(desk.path("db")).unwrap();
    let flights = db.keyspace("flights").unwrap();
    let mut batch = db.batch();
    for number in 0..ROWS {
        let padding = "x".repeat((number % 400) as usize);
        let flight =
            format!("{{\"origin\":\"A{}\",\"dest\":\"B\",\"p\":\"{padding}\"}}", number % 7);
        batch.put(&flights, format!("id{number:06}"), flight).unwrap();
    }
    batch.commit().unwrap();
    db.close().unwrap();
}

fn start(desk: &Desk, from: &str) -> Child {
    Command::new(PROGRAM)
        .args(["demo-copy", "db", "--rows-per-commit", &ROWS_PER_COMMIT.to_string()])
        .args(["--from", from])
        .current_dir(desk.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The last acknowledgement that the process sent before and after it was killed.
fn kill(mut child: Child, commits: u64, delay: Duration) -> String {
    let mut pipe = BufReader::new(child.stdout.take().unwrap());
    let mut heard = String::new();
    for _ in 0..commits {
        pipe.read_line(&mut heard).unwrap();
    }
    std::thread::sleep(delay);
    child.kill().unwrap();
    pipe.read_to_string(&mut heard).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "it ended by itself: {status}");
    heard.rsplit_terminator('\n').next().unwrap().to_owned()
}

fn content(keyspace: &Keyspace) -> BTreeMap<Vec<u8>, Vec<u8>> {
    keyspace.iter().unwrap().map(|entry| entry.map(|(k, v)| (k, v.to_vec())).unwrap()).collect()
}

fn checksum<'e>(entries: impl Iterator<Item = (&'e Vec<u8>, &'e Vec<u8>)>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for bytes in entries.flat_map(|(key, value)| [key, value]) {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    hasher.finalize()
}

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    let desk = Desk::new();
    fill(&desk);
    let mut from = "0:00000000".to_owned();
    let mut seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut kept_unacknowledged = 0;
    for round in 0..KILLS {
        let commits = 1 + random(&mut seed, 120);
        let delay = Duration::from_micros(random(&mut seed, 3000));
        let acknowledged = kill(start(&desk, &from), commits, delay);
        let (rows, sum) = acknowledged.split_once(':').unwrap();
        let rows: u64 = rows.parse().unwrap();

        let db = Database::open(desk.path("db")).unwrap();
        let flights = content(&db.keyspace("flights").unwrap());
        let copies = content(&db.keyspace("copies").unwrap());
        let routes = content(&db.keyspace("copies_by_route").unwrap());
        let found = copies.len() as u64;
        assert!(
            found == rows || found == rows + ROWS_PER_COMMIT,
            "round {round}: {rows} rows were acknowledged, {found} are there"
        );
        kept_unacknowledged += u64::from(found > rows);
        assert!(copies.iter().eq(flights.iter().take(copies.len())), "round {round}");
        let sum_found = checksum(copies.iter().take(rows as usize));
        assert_eq!(format!("{sum_found:08x}"), sum, "round {round}");
        let ids: Vec<String> =
            routes.keys().map(|key| String::from_utf8(key[5..].to_vec()).unwrap()).collect();
        assert_eq!(ids.len(), copies.len(), "round {round}");
        assert!(ids.iter().all(|id| copies.contains_key(id.as_bytes())), "round {round}");
        from = format!("{found}:{:08x}", checksum(copies.iter()));
        db.close().unwrap();
    }
    println!("{from} copied; {kept_unacknowledged} commits were there without acknowledgement");
    assert_eq!(desk.json("verify db")["sound"], true);
}
