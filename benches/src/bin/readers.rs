//! What reader processes cost the process that writes, and how fast they read.
//!
//! `cargo run --release -p cuesta-benches --bin readers -- [--keys N] [--rounds N] [--dir DIR]`
//! prints a table in Markdown, for keyspaces of both engines. Everything is done by turns, in
//! operations per second of the processor time of the process that does them: the writer alone and
//! with four reader processes that follow it, and reads of the writer and of one reader process.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cuesta::{Builder, Database, Durability, Keyspace, KeyspaceEngine, KeyspaceOptions};
use rustix::time::{ClockId, clock_gettime};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Reader processes that follow the writer.
const READERS: usize = 4;
const VALUE_BYTES: usize = 100;
const BATCH: u64 = 100;
/// Between batches, so that all processes together have processors enough: what they take from one
/// another by sharing caches and cores is no cost of reading along.
const PAUSE: Duration = Duration::from_micros(500);

struct Arguments {
    keys: u64,
    rounds: usize,
    dir: PathBuf,
    /// A reader process: the directory, the engine, and whether it measures or follows.
    reader: Option<(PathBuf, KeyspaceEngine, String)>,
}

fn arguments() -> Outcome<Arguments> {
    let mut found =
        Arguments { keys: 1_000_000, rounds: 5, dir: PathBuf::from("target"), reader: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--keys" => found.keys = value()?.parse()?,
            "--rounds" => found.rounds = value()?.parse()?,
            "--dir" => found.dir = PathBuf::from(value()?),
            "--reader" => {
                let (path, engine, task) = (PathBuf::from(value()?), value()?, value()?);
                found.reader = Some((path, engine_named(&engine)?, task));
            }
            _ => return Err(format!("unknown argument {word}").into()),
        }
    }
    Ok(found)
}

fn engine_named(name: &str) -> Outcome<KeyspaceEngine> {
    let all = [KeyspaceEngine::Lsm, KeyspaceEngine::Btree];
    let found = all.into_iter().find(|engine| engine.name() == name);
    Ok(found.ok_or(format!("no engine {name}"))?)
}

/// Random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % bound
    }
}

fn key(n: u64) -> [u8; 16] {
    let mut key = [b'k'; 16];
    key[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Operations per second of processor time.
fn rate(operations: u64, since: Duration) -> f64 {
    operations as f64 / (cpu() - since).as_secs_f64()
}

fn builder() -> Builder {
    Database::builder().durability(Durability::Buffered).background_threads(1)
}

fn hits(keys: &Keyspace, count: u64, seed: u64) -> Outcome<f64> {
    let mut random = Random(seed | 1);
    let operations = count.min(1_000_000);
    let began = cpu();
    for _ in 0..operations {
        let found = keys.get_with(key(random.below(count)), |value| black_box(value.len()))?;
        assert_eq!(found, Some(VALUE_BYTES));
    }
    Ok(rate(operations, began))
}

fn overwrite(db: &Database, keys: &Keyspace, count: u64, seed: u64) -> Outcome<f64> {
    let mut random = Random(seed | 1);
    let began = cpu();
    for _ in 0..count / BATCH {
        let mut batch = db.batch();
        for _ in 0..BATCH {
            let n = random.below(count);
            batch.put(keys, key(n), [n as u8; VALUE_BYTES])?;
        }
        batch.commit()?;
        std::thread::sleep(PAUSE);
    }
    // Nothing is left for whoever comes next.
    db.flush()?;
    db.settle()?;
    Ok(rate(count / BATCH * BATCH, began))
}

/// What a reader process does.
fn read_along(path: &Path, engine: KeyspaceEngine, task: &str, count: u64) -> Outcome<()> {
    let db = builder().reader().open(path)?;
    let keys = db.existing_keyspace(engine.name())?;
    if task == "read" {
        println!("{}", hits(&keys, count, 7)?);
    } else {
        println!("ready");
        // Until the writer lets go.
        std::io::stdin().read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

fn start(path: &Path, engine: KeyspaceEngine, task: &str, keys: u64) -> Outcome<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--keys", &keys.to_string(), "--reader"])
        .arg(path)
        .args([engine.name(), task])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = String::new();
    if let Some(pipe) = child.stdout.as_mut() {
        BufReader::new(pipe).read_line(&mut told)?;
    }
    Ok((child, told.trim().to_owned()))
}

fn end(children: Vec<Child>) -> Outcome<()> {
    for mut child in children {
        drop(child.stdin.take());
        if !child.wait()?.success() {
            return Err("a reader process failed".into());
        }
    }
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Outcome<()> {
    let Arguments { keys: count, rounds, dir, reader } = arguments()?;
    if let Some((path, engine, task)) = reader {
        return read_along(&path, engine, &task, count);
    }
    std::fs::create_dir_all(&dir)?;
    println!("| engine | row | writer | with {READERS} readers, or in a reader | ratio |");
    println!("| --- | --- | ---: | ---: | ---: |");
    for engine in [KeyspaceEngine::Lsm, KeyspaceEngine::Btree] {
        let place = tempfile::tempdir_in(&dir)?;
        let db = builder().open(place.path())?;
        let keys = db.keyspace_with(engine.name(), &KeyspaceOptions::new().engine(engine))?;
        for n in 0..count {
            keys.put(key(n), [n as u8; VALUE_BYTES])?;
        }
        db.compact()?;
        let mut rates = [const { Vec::new() }; 4];
        for round in 0..rounds as u64 {
            let [alone, followed, own, other] = &mut rates;
            // Whoever comes second must not be the same in every round.
            for turn in [round % 2, 1 - round % 2] {
                if turn == 0 {
                    alone.push(overwrite(&db, &keys, count, round)?);
                    continue;
                }
                let mut readers = Vec::new();
                for _ in 0..READERS {
                    readers.push(start(place.path(), engine, "follow", count)?.0);
                }
                followed.push(overwrite(&db, &keys, count, round)?);
                end(readers)?;
            }
            db.compact()?;
            own.push(hits(&keys, count, 7)?);
            let (child, told) = start(place.path(), engine, "read", count)?;
            other.push(told.parse()?);
            end(vec![child])?;
        }
        let [alone, followed, own, other] = rates.map(median);
        let rows =
            [("random overwrites, paced batches of 100", alone, followed), ("hits", own, other)];
        for (row, one, two) in rows {
            let (one_k, two_k) = (one / 1000.0, two / 1000.0);
            println!(
                "| {} | {row} | {one_k:.0}k/s | {two_k:.0}k/s | {:.3} |",
                engine.name(),
                two / one
            );
        }
    }
    Ok(())
}
