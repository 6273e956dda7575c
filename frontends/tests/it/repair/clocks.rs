//! Repairs long after the last commit: what had expired when it mattered, and what had not, is
//! what it was.

use std::time::Duration;

use cuesta_engine::keep::{RestoreTo, restore as restore_backup};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// Values that expire, with operands before and after that, in segments and in the log.
fn mortal() -> (Arc<SimEnv>, Database) {
    let env = SimEnv::new(9);
    let db = builder(&env).open(DIR).unwrap();
    let joins = KeyspaceOptions::new().merge_operator("join");
    let some = db.keyspace_with("some", &joins).unwrap();
    let all = db.keyspace_with("all", &joins.ttl(HOUR)).unwrap();
    for n in 0..40 {
        some.put_with_ttl(key(n), "base", HOUR).unwrap();
        all.put(key(n), "base").unwrap();
    }
    // So that operands are not merged when they are flushed.
    db.compact().unwrap();
    let merge = |keys: std::ops::Range<u64>, operand: &str| {
        for n in keys {
            some.merge(key(n), operand).unwrap();
            all.merge(key(n), operand).unwrap();
        }
    };
    merge(0..10, "in time, flushed");
    db.flush().unwrap();
    merge(10..20, "in time, logged");
    env.advance(HOUR * 2);
    merge(5..15, "too late");
    merge(20..30, "too late");
    (env, db)
}

#[test]
fn operands_find_what_they_found_when_they_were_committed() {
    for end in ["flushed", "merged", "logged"] {
        let (env, db) = mortal();
        match end {
            "flushed" => db.flush().unwrap(),
            "merged" => db.compact().unwrap(),
            _ => {}
        }
        std::mem::forget(db);
        let stored = files(&env, DIR);
        for manifest in ["there", "gone"] {
            for wait in [Duration::ZERO, HOUR / 2, HOUR * 2] {
                let world = SimEnv::new(1);
                world.advance(HOUR * 2 + wait);
                restore(&world, &stored);
                let recovered = contents(&world, DIR);
                let mut left = stored.clone();
                left.retain(|file| manifest == "there" || !loads::is_manifest(file));
                restore(&world, &left);
                let report = repair(&world).unwrap();
                let losses = u64::from(manifest == "gone");
                assert_eq!(report.loss_count, losses, "{end}, {wait:?}: {:?}", report.losses);
                let saved = contents(&world, NEW);
                for name in ["some", "all"] {
                    assert_eq!(saved[name], recovered[name], "{end}, {manifest}, {wait:?}: {name}");
                }
            }
        }
    }
}

#[test]
fn the_clocks_of_a_repaired_database_never_go_back() {
    let (env, db) = mortal();
    std::mem::forget(db);
    let world = SimEnv::new(1);
    world.advance(HOUR * 5);
    restore(&world, &files(&env, DIR));
    // Not even what asks for the log to be kept has it keep what goes back.
    let keeping = || builder(&world).log_retention_bytes(1 << 30);
    assert!(keeping().repair(DIR, NEW).unwrap().is_whole());

    let some = contents(&world, NEW)["some"].clone();
    assert_eq!(some.len(), 20);
    let pool = "backups";
    let db = keeping().archive_log(pool).open(NEW).unwrap();
    let begun = db.snapshot().commit();
    for place in 0..begun {
        let error = db.changes_since(place).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Expired, "{place}: {error}");
        assert!(error.to_string().contains(&(begun + 1).to_string()), "{place}: {error}");
    }
    let mut changes = db.changes_since(begun).unwrap();
    assert!(changes.next().is_none());
    db.backup(pool).unwrap();
    let plain = db.keyspace("plain").unwrap();
    for n in 0..5 {
        world.advance(HOUR);
        plain.put(key(n), "new").unwrap();
    }
    let times: Vec<u64> = changes.map(|change| change.unwrap().time_ms()).collect();
    // Creating the keyspace was one.
    assert_eq!(times.len(), 6);
    assert!(times.is_sorted(), "{times:?}");
    db.close().unwrap();

    let restored = |target: &str, time_ms| {
        let (pool, target) = (Path::new(pool), Path::new(target));
        restore_backup(&*world, pool, target, RestoreTo::Time(time_ms))
            .map(|report| report.commit.0)
    };
    for (n, time_ms) in (1..).zip(&times) {
        assert_eq!(restored(&format!("to {n}"), *time_ms).unwrap(), begun + n);
        let content = contents(&world, &format!("to {n}"));
        assert_eq!(content["plain"].len() as u64, n - 1);
        assert!(content["some"] == some);
    }
    // Nobody can go back to before the repair.
    let early = times[0] - HOUR.as_millis() as u64;
    assert_eq!(restored("too early", early).unwrap_err().kind(), ErrorKind::NotFound);
}
