//! Dumps of databases that are damaged or crashed, and loads that crashes come into.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cuesta::env::sim::{Crash, SimDisk, SimEnv};
use cuesta::{Database, Durability, ErrorKind, Existing, KeyspaceOptions, Result};

fn open(env: &Arc<SimEnv>) -> Result<Database> {
    Database::builder()
        .environment(env.clone())
        .durability(Durability::Buffered)
        .memory_budget(4 << 20)
        .engine_options(|options| {
            options.memtable_limit = Some(16 << 10);
            options.close_flush_bytes = 0;
        })
        .open("db")
}

/// A database with all kinds of entries, in segments and behind them.
fn example(env: &Arc<SimEnv>) -> Database {
    let db = open(env).unwrap();
    let small = KeyspaceOptions::new().block_bytes(512).blob_threshold(1 << 10);
    let plain = db.keyspace_with("plain", &small).unwrap();
    let sums = db.keyspace_with("sums", &small.clone().merge_operator("add")).unwrap();
    for round in 0..3u32 {
        for n in 0..120u32 {
            let len = if n.is_multiple_of(40) { 3000 } else { 30 };
            plain.put((n * (round + 1)).to_be_bytes(), vec![n as u8; len]).unwrap();
            sums.merge((n % 17).to_be_bytes(), i64::from(n).to_le_bytes()).unwrap();
        }
        let hour = Duration::from_secs(3600);
        plain.put_with_ttl(format!("for an hour {round}"), "x", hour).unwrap();
        plain.delete_range((round * 20).to_be_bytes()..(round * 20 + 7).to_be_bytes()).unwrap();
        plain.delete(300u32.to_be_bytes()).unwrap();
        db.flush().unwrap();
    }
    db.settle().unwrap();
    db
}

/// Keyspaces and entries of a dump: all but where it comes from and what ends it.
fn dumped(db: &Database) -> Result<Vec<String>> {
    let mut dump = Vec::new();
    db.dump(&mut dump)?;
    let text = String::from_utf8(dump).unwrap();
    let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.pop();
    Ok(lines)
}

fn is_of(path: &std::path::Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

#[test]
fn a_damaged_database_dumps_what_it_held_or_nothing() {
    let env = SimEnv::new(1);
    let db = example(&env);
    let expected = dumped(&db).unwrap();
    db.close().unwrap();
    let files: Vec<_> = env.disk().files().into_iter().filter(|path| is_of(path, "seg")).collect();
    let (mut told, mut same) = (0, 0);
    for (number, path) in files.iter().enumerate() {
        let bytes = env.disk().read_file(path);
        let stride = 1 + bytes.len() / 60;
        for at in (number % stride..bytes.len()).step_by(stride) {
            let disk: Arc<SimDisk> = env.disk().fork();
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            disk.write_file(path, &damaged);
            let dump = open(&SimEnv::on(disk, 2)).and_then(|db| dumped(&db));
            match dump {
                Ok(lines) => {
                    assert!(lines == expected, "byte {at} of {} got lost", path.display());
                    same += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error}");
                    told += 1;
                }
            }
        }
    }
    assert!(told > 30, "{told} damages were told, {same} changed nothing");
}

#[test]
fn a_dump_of_a_crashed_database_is_what_was_recovered() {
    let env = SimEnv::new(3);
    drop(example(&env));
    let last = env.disk().op_count();
    let mut entries = BTreeSet::new();
    for at in (0..=last).rev().step_by(1 + last as usize / 60) {
        for mode in [Crash::KeepAll, Crash::LoseUnsynced, Crash::all(at)[4]] {
            let Ok(db) = open(&SimEnv::on(env.disk().crash_image(at, mode), at)) else { continue };
            let mut dump = Vec::new();
            db.dump(&mut dump).unwrap();
            let other = open(&SimEnv::new(9)).unwrap();
            entries.insert(other.load(&dump[..], Existing::Refuse).unwrap().entries);
            assert!(dumped(&other).unwrap() == dumped(&db).unwrap(), "{mode:?} at {at}");
        }
    }
    assert!(entries.len() > 20, "{entries:?}");
}

#[test]
fn a_crash_leaves_loaded_keyspaces_whole_or_not_there() {
    let source = example(&SimEnv::new(4));
    let mut dump = Vec::new();
    source.dump(&mut dump).unwrap();
    let env = SimEnv::new(5);
    let db = open(&env).unwrap();
    let from = env.disk().op_count();
    db.load(&dump[..], Existing::Refuse).unwrap();
    let to = env.disk().op_count();
    let all = |db: &Database, name: &str| {
        let keyspace = db.existing_keyspace(name).unwrap();
        keyspace.iter().unwrap().collect::<Result<Vec<_>>>().unwrap()
    };
    let (mut some, mut none) = (0, 0);
    for at in from..=to {
        for mode in [Crash::KeepAll, Crash::LoseUnsynced, Crash::all(at)[5]] {
            let image = SimEnv::on(env.disk().crash_image(at, mode), at);
            let Ok(db) = open(&image) else { continue };
            let names = db.keyspaces();
            let loaded: Vec<_> = names.iter().filter(|name| !name.starts_with('(')).collect();
            for name in &loaded {
                assert!(all(&db, name) == all(&source, name), "{name}, {mode:?} at {at}");
            }
            match loaded.is_empty() {
                true => none += 1,
                false => some += 1,
            }
            // What the crash has left is in nobody's way.
            loaded.iter().for_each(|name| db.drop_keyspace(name).unwrap());
            db.load(&dump[..], Existing::Refuse).unwrap();
            assert_eq!(db.keyspaces(), source.keyspaces());
        }
    }
    assert!(some > 2 && none > 20, "{some} {none}");
}
