//! Many at once: writers while an index is built, and writers of one unique key.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use super::{by, code, is_sound, open};
use crate::document::{Ordering, Target};
use crate::{Database, Durability, doc};

fn on_disk() -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().unwrap();
    let builder = Database::builder().durability(Durability::Buffered);
    let db = builder.open(dir.path().join("db")).unwrap();
    (dir, db)
}

#[test]
fn an_index_built_while_others_write_has_every_entry() {
    let (_dir, db) = on_disk();
    let c = db.collection("c").unwrap();
    c.create_index(&by(doc! { "u": 1 }).unique()).unwrap();
    let documents = (0..9000).map(|n| doc! { "_id": n, "a": (n % 97), "u": n });
    assert!(c.insert_many(documents, Ordering::Ordered).unwrap().errors.is_empty());
    let (stop, writes) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for number in 0..3 {
            let (c, stop, writes) = (c.clone(), &stop, &writes);
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Relaxed) {
                        return;
                    }
                    let id = (n * 611 + number * 3000) % 9000 / 3 * 3 + number;
                    match n % 4 {
                        0 => c.delete_by_id(&id.into()).map(drop).unwrap(),
                        1 => {
                            let new = doc! { "a": [n, (n + 1)], "u": id };
                            c.replace_by_id(&id.into(), new).map(drop).unwrap();
                        }
                        _ => {
                            let new = doc! { "_id": id, "a": n, "b": n, "u": id };
                            let told = c.insert_one(new).map_err(|error| code(&error));
                            assert!(matches!(told, Ok(_) | Err(Some(11000))), "{told:?}");
                        }
                    }
                    writes.fetch_add(1, Relaxed);
                }
            });
        }
        for (key, unique) in [(doc! { "a": 1 }, false), (doc! { "b": -1, "a": 1 }, false)] {
            let model = by(key);
            let model = if unique { model.unique() } else { model };
            let mut told = 0;
            c.create_index_with(&model, |progress| told = progress.documents).unwrap();
            assert!(told > 0);
        }
        c.create_index(&by(doc! { "u": 1, "_id": 1 }).unique()).unwrap();
        stop.store(true, Relaxed);
    });
    assert!(writes.load(Relaxed) > 0);
    assert_eq!(c.list_indexes().unwrap().len(), 5);
    is_sound(&c);
}

/// Threads insert the same unique values; whether each value is there once and all is sound.
fn each_value_is_there_once(plant: impl Fn() + Sync) -> bool {
    let (_dir, db) = on_disk();
    let c = db.collection("c").unwrap();
    c.create_index(&by(doc! { "u": 1 }).unique()).unwrap();
    let inserted = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                plant();
                for n in 0..150 {
                    if c.insert_one(doc! { "u": n }).is_ok() {
                        inserted.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    inserted.load(Relaxed) == 150 && c.verify().unwrap().is_empty() && c.count().unwrap() == 150
}

#[test]
fn of_many_at_once_one_gets_a_unique_key() {
    assert!(each_value_is_there_once(|| {}));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_unique_key_that_is_checked_in_an_old_view_is_found() {
    use cuesta_engine::planted::{Bug, plant};

    // It takes two that meet; a transaction that looks elsewhere than where it is needs but one.
    let (_env, db) = open(1);
    let c = db.collection("c").unwrap();
    c.create_index(&by(doc! { "u": 1 }).unique()).unwrap();
    let both = |bug| {
        plant(bug);
        let (one, other) = (db.begin().unwrap(), db.begin().unwrap());
        c.within(&one).insert_one(doc! { "u": 1 }).unwrap();
        c.within(&other).insert_one(doc! { "u": 1 }).unwrap();
        let committed = (one.commit().is_ok(), other.commit().is_ok());
        plant(None);
        let sound = c.verify().unwrap().is_empty();
        c.drop_index("u_1").unwrap();
        c.drop().unwrap();
        c.create_index(&by(doc! { "u": 1 }).unique()).unwrap();
        (committed, sound)
    };
    assert_eq!(both(None), ((true, false), true));
    assert_eq!(both(Some(Bug::UniqueCheckedAgainstOldView)), ((true, true), false));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn an_entry_that_a_build_leaves_behind_is_found() {
    use cuesta_engine::planted::{Bug, plant};

    let build = |bug| {
        let (_env, db) = open(2);
        let c = db.collection("c").unwrap();
        let documents = (0..5000).map(|n| doc! { "_id": n, "a": n });
        c.insert_many(documents, Ordering::Ordered).unwrap();
        let mut chunks = 0;
        let other = c.clone();
        plant(bug);
        c.create_index_with(&by(doc! { "a": 1 }), |_| {
            chunks += 1;
            other.delete_by_id(&(chunks * 10).into()).unwrap();
        })
        .unwrap();
        plant(None);
        c.verify().unwrap().is_empty()
    };
    assert!(build(None));
    assert!(!build(Some(Bug::DroppedBuildTombstone)));
}

#[test]
fn whoever_writes_while_collections_come_and_go_is_served() {
    let (_dir, db) = on_disk();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..2 {
            let (db, stop) = (&db, &stop);
            scope.spawn(move || {
                let c = db.collection("c").unwrap();
                for n in 0.. {
                    if stop.load(Relaxed) {
                        return;
                    }
                    c.insert_one(doc! { "a": [n, number] }).unwrap();
                    c.count().unwrap();
                }
            });
        }
        let c = db.collection("c").unwrap();
        for _ in 0..8 {
            c.create_index(&by(doc! { "a": 1 })).unwrap();
            let _ = c.drop_index("a_1");
            let _ = c.rename("d", Target::Drop);
            c.drop().unwrap();
        }
        stop.store(true, Relaxed);
    });
    for name in ["c", "d"] {
        is_sound(&db.collection(name).unwrap());
    }
}
