//! Databases as they were at any commit: from backups and the archived log, through bulk loads,
//! keyspaces that come and go, range deletes, operands, crashes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cuesta::env::sim::{Random, SimEnv};
use cuesta::{Database, Durability, ErrorKind, KeyspaceOptions, Result};
use cuesta_engine::keep::{RestoreTo, restore};

const POOL: &str = "backups";

type Content = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

fn open(env: &Arc<SimEnv>, name: &str, pool: Option<&str>) -> Result<Database> {
    let builder = Database::builder().environment(env.clone()).durability(Durability::Buffered);
    let builder = builder.memory_budget(4 << 20).engine_options(|options| {
        options.memtable_limit = Some(8 << 10);
        options.log.segment_bytes = 8 << 10;
        options.log.zero_ahead_bytes = 1 << 10;
    });
    match pool {
        Some(pool) => builder.archive_log(pool).open(name),
        None => builder.open(name),
    }
}

fn content(db: &Database) -> Content {
    let of = |name: String| {
        let keyspace = db.existing_keyspace(&name).unwrap();
        let entries = keyspace.iter().unwrap().map(|entry| entry.unwrap());
        (name, entries.map(|(key, value)| (key, value.to_vec())).collect())
    };
    db.keyspaces().into_iter().map(of).collect()
}

/// What happened to a database.
#[derive(Default)]
struct History {
    /// What there was as of a commit.
    content: BTreeMap<u64, Content>,
    backups: Vec<u64>,
    /// Commits that are bulk loads, of which keyspace, and when that was dropped.
    loads: Vec<(u64, String, Option<u64>)>,
}

impl History {
    /// Whether a commit can be restored: no load lies between it and the last backup before, but
    /// into keyspaces that were dropped by then.
    fn is_there(&self, commit: u64) -> bool {
        let backup = self.backups.iter().filter(|backup| **backup <= commit).max();
        backup.is_some_and(|backup| {
            let mut behind = self.loads.iter().filter(|(at, ..)| backup < at && *at <= commit);
            behind.all(|(_, _, dropped)| dropped.is_some_and(|dropped| dropped <= commit))
        })
    }
}

fn key(random: &mut Random) -> Vec<u8> {
    format!("{:03}", random.below(60)).into_bytes()
}

fn value(random: &mut Random) -> Vec<u8> {
    let len = [8, 40, 300, 5000][random.index(4)];
    (0..len).map(|_| random.below(256) as u8).collect()
}

/// One thing that happens, mostly a commit.
fn happen(db: &Database, random: &mut Random, history: &mut History) -> Result<()> {
    let name = ["a", "b", "c"][random.index(3)];
    let options = KeyspaceOptions::new().block_bytes(512).merge_operator("append");
    let space = db.keyspace_with(name, &options)?;
    match random.below(16) {
        0..=5 => {
            let mut batch = db.batch();
            for _ in 0..1 + random.below(8) {
                match random.below(4) {
                    0 => batch.delete(&space, key(random))?,
                    1 => batch.merge(&space, key(random), "more")?,
                    _ => batch.put(&space, key(random), value(random))?,
                }
            }
            batch.commit()?;
        }
        6 => space.delete_range(key(random)..key(random)).or_else(|_| space.clear())?,
        7 | 8 => {
            let mut load = db.bulk_load()?;
            let first = random.below(50);
            for n in first..first + 1 + random.below(20) {
                load.put(&space, format!("{n:03}"), value(random))?;
            }
            let loaded = load.finish()?;
            history.loads.push((loaded.commit, name.to_owned(), None));
        }
        9 => {
            db.drop_keyspace(name)?;
            let dropped = db.snapshot().commit();
            let of = history.loads.iter_mut().filter(|(_, of, at)| of == name && at.is_none());
            of.for_each(|(.., at)| *at = Some(dropped));
        }
        10 | 11 => history.backups.push(db.backup(POOL)?.commit),
        12 => db.flush()?,
        13 => db.compact()?,
        _ => db.settle()?,
    }
    history.content.insert(db.snapshot().commit(), content(db));
    Ok(())
}

#[test]
fn any_commit_is_restored_that_backups_and_the_archive_have() {
    let (mut restored, mut refused) = (0, 0);
    for seed in 0..24 {
        let env = SimEnv::new(seed);
        let mut random = Random::new(seed);
        let mut history = History::default();
        let mut db = open(&env, "db", Some(POOL)).unwrap();
        for step in 0..60 {
            happen(&db, &mut random, &mut history).unwrap();
            (0..random.below(12)).for_each(|_| _ = env.step_one());
            if step % 23 == 22 {
                db.close().unwrap();
                db = open(&env, "db", Some(POOL)).unwrap();
            }
        }
        db.close().unwrap();
        for (number, (commit, expected)) in history.content.iter().enumerate() {
            let target = format!("restored {number}");
            let to = RestoreTo::Commit(cuesta_engine::SeqNo(*commit));
            match restore(&*env, Path::new(POOL), Path::new(&target), to) {
                Ok(_) => {
                    assert!(history.is_there(*commit), "seed {seed}: commit {commit} is restored");
                    let db = open(&env, &target, None).unwrap();
                    assert_eq!(db.snapshot().commit(), *commit);
                    assert!(content(&db) == *expected, "seed {seed}: commit {commit} differs");
                    assert!(db.verify().unwrap().is_sound(), "seed {seed}: commit {commit}");
                    restored += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "seed {seed}: {error}");
                    assert!(!history.is_there(*commit), "seed {seed}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(restored > 200 && refused > 100, "{restored} {refused}");
}
