//! Repairs of trees by their labels: whatever a flush came to, what they tell of is there.

use cuesta::env::sim::{Fault, FaultRule, OpKind, Repeat};
use cuesta::{Keyspace, KeyspaceEngine};

use super::loads::{data_alone, is_manifest};
use super::*;

/// One whose log is never let go of, so that nothing is lost but what a tree should hold.
fn open(env: &Arc<SimEnv>) -> Database {
    Database::builder().environment(env.clone()).open(DIR).unwrap()
}

/// Puts every `step`-th key anew.
fn put(plain: &Keyspace, model: &mut Map, step: usize, value: &str) {
    for n in (0..120).step_by(step) {
        plain.put(key(n), value.repeat(30)).unwrap();
        model.insert(key(n), value.repeat(30).into_bytes());
    }
}

/// A tree that two flushes have written, and what it holds.
fn grown() -> (Arc<SimEnv>, Database, Keyspace, Map) {
    let env = SimEnv::new(1);
    let db = open(&env);
    let options = KeyspaceOptions::new().engine(KeyspaceEngine::Btree).page_bytes(1024);
    let plain = db.keyspace_with("plain", &options).unwrap();
    let mut model = Map::new();
    for (step, value) in [(1, "first"), (2, "second")] {
        put(&plain, &mut model, step, value);
        db.flush().unwrap();
    }
    (env, db, plain, model)
}

/// Saves what is left without a manifest; what is told but for that.
fn saved(stored: &Stored) -> (Vec<String>, Map) {
    let world = SimEnv::new(1);
    restore(&world, stored);
    let report = repair(&world).unwrap();
    let told = report.losses.iter().map(ToString::to_string);
    let told = told.filter(|told| !told.contains("there is no manifest")).collect();
    (told, contents(&world, NEW).remove("plain").unwrap_or_default())
}

/// Puts other things into the tree, so that the nodes of a flush are others, and more.
fn put_more(plain: &Keyspace, model: &mut Map) {
    for n in 0..60 {
        let (new, value) = ([&key(n)[..], b" new"].concat(), vec![7; 200]);
        plain.put(&new, &value).unwrap();
        model.insert(new, value);
    }
}

/// Crashes at every operation from one on, in some ways: with a manifest or without, everything is
/// there.
fn crash_since(env: &Arc<SimEnv>, from: u64, model: &Map, what: &str) {
    let to = env.disk().op_count();
    for at in from..=to {
        let some = Crash::all(at).into_iter().skip((at + to) as usize % 9).take(1);
        for mode in some.chain([Crash::KeepAll]) {
            let image = SimEnv::on(env.disk().crash_image(at, mode), 1);
            let mut stored = files(&image, DIR);
            assert!(contents(&image, DIR)["plain"] == *model);
            stored.retain(|file| !is_manifest(file));
            let (told, found) = saved(&stored);
            let what = format!("{what}, {} at {at} of {from}..{to}", mode.name());
            let differs = |key: &&Vec<u8>| found.get(*key) != model.get(*key);
            let differing = model.keys().filter(differs).count();
            assert_eq!((found.len(), differing), (model.len(), 0), "{what}: {told:?}");
            assert_eq!(told, Vec::<String>::new(), "{what}");
        }
    }
}

/// Has a flush fail at some call on the tree's file, once or until the next flush has failed, too,
/// and the one behind it crash wherever it may. Whether that call was made.
fn crash_behind_a_failed_flush(op: OpKind, nth: u64, repeat: Repeat) -> bool {
    let (env, db, plain, mut model) = grown();
    put(&plain, &mut model, 3, "third");
    let rule = FaultRule::nth(nth, op, Fault::Eio).on(".seg");
    env.disk().inject(FaultRule { repeat, ..rule });
    let failed = db.flush().is_err();
    assert_eq!(failed, env.disk().faults_fired() > 0);
    if !failed {
        return false;
    }
    put_more(&plain, &mut model);
    let from = env.disk().op_count();
    if repeat == Repeat::Sticky {
        db.flush().unwrap_err();
        env.disk().clear_faults();
    }
    db.flush().unwrap();
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    std::mem::forget((db, plain));
    crash_since(&env, from, &model, &format!("{op:?} {nth} {repeat:?}"));
    true
}

#[test]
fn a_label_of_a_failed_flush_tells_of_no_pages_of_the_next_one() {
    for repeat in [Repeat::Once, Repeat::Sticky] {
        for op in [OpKind::Sync, OpKind::Write] {
            let calls = (1..).take_while(|nth| crash_behind_a_failed_flush(op, *nth, repeat));
            // Those of the pages, and those of the label.
            assert!(calls.count() >= 2);
        }
    }
}

#[test]
fn a_tree_is_not_written_as_long_as_the_label_of_a_failed_flush_is_there() {
    let (env, db, plain, mut model) = grown();
    put(&plain, &mut model, 3, "third");
    // The label is there, and nobody knows whether it is durable.
    env.disk().inject(FaultRule::nth(2, OpKind::Sync, Fault::SyncFailPagesKept).on(".seg"));
    db.flush().unwrap_err();
    put_more(&plain, &mut model);
    let from = env.disk().op_count();
    for _ in 0..2 {
        // It stays there.
        env.disk().inject(FaultRule::nth(1, OpKind::Write, Fault::Enospc).on(".seg"));
        db.flush().unwrap_err();
    }
    db.flush().unwrap();
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    std::mem::forget((db, plain));
    crash_since(&env, from, &model, "a label that stayed");
}

/// Where the tree that the later label tells of has no root any more, the one before it counts.
#[test]
fn a_tree_whose_root_is_damaged_is_the_one_before_it() {
    let (env, db, plain, model) = grown();
    std::mem::forget((db, plain));
    let mut stored = files(&env, DIR);
    stored.retain(|file| !is_manifest(file));
    let at = stored.iter().position(|(path, _)| path.extension().is_some_and(|e| e == "seg"));
    let (tree, pages) = (at.unwrap(), stored[at.unwrap()].1.len() / 1024);
    let mut older = 0;
    for page in 8..pages {
        let mut damaged = stored.clone();
        damaged[tree].1[page * 1024 + 20] ^= 1;
        let (told, found) = saved(&damaged);
        if told.iter().any(|told| told.contains("and the one before counts")) {
            // What came behind it is in the log.
            assert!(found == model, "page {page}: {told:?}");
            assert_eq!(told.len(), 1, "page {page}: {told:?}");
            older += 1;
        }
        assert!(found == model || !told.is_empty(), "page {page}");
    }
    assert_eq!(older, 1);
}

/// A load has no room in its label for the keys that its record tells of.
#[test]
fn a_loaded_tree_is_found_by_its_label_however_long_its_keys_are() {
    for len in [10, 3000, 65_535] {
        let env = SimEnv::new(1);
        let db = open(&env);
        let options = KeyspaceOptions::new().engine(KeyspaceEngine::Btree);
        let plain = db.keyspace_with("plain", &options).unwrap();
        let mut load = db.bulk_load().unwrap();
        let model: Map = (1..3).map(|n| (vec![n; len], vec![n])).collect();
        model.iter().for_each(|(key, value)| load.put(&plain, key, value).unwrap());
        load.finish().unwrap();
        let is_sound = || assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
        is_sound();
        // While it waits to be flushed nothing but its label tells of it, if the log is lost.
        let (told, found) = saved(&data_alone(&env));
        assert!(found == model, "{len}: {told:?}");
        let what = "nothing tells whether it was committed";
        assert!(told.iter().any(|told| told.contains(what)), "{len}: {told:?}");
        // Then its place is known.
        db.flush().unwrap();
        is_sound();
        let (told, found) = saved(&data_alone(&env));
        assert!(found == model, "{len}: {told:?}");
        drop((db, plain));
    }
}

/// Whoever checks a database learns that repair would not find a tree.
#[test]
fn a_tree_without_a_label_is_told_until_the_next_flush() {
    let (env, db, plain, mut model) = grown();
    let mut tree = files(&env, DIR);
    tree.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "seg"));
    let (path, mut bytes) = tree.remove(0);
    bytes[..8192].fill(0);
    env.disk().write_file(&path, &bytes);
    let problems = db.verify().unwrap().problems;
    assert!(
        matches!(&problems[..], [one] if one.contains("none tells of segment")),
        "{problems:?}"
    );
    put(&plain, &mut model, 7, "third");
    db.flush().unwrap();
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    std::mem::forget((db, plain));
    let mut stored = files(&env, DIR);
    stored.retain(|file| !is_manifest(file));
    assert!(saved(&stored).1 == model);
}
