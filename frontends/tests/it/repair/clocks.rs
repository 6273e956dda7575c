//! Repairs long after the last commit: what had expired when it mattered, and what had not, is
//! what it was.

use std::time::Duration;

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
