//! Crashes at operations of the disk, with several indexes on one collection, some of them being
//! built: afterwards there is a prefix of what was done, and every index says the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{by, is_sound, open_on};
use crate::document::value::Document;
use crate::document::{Collection, Ordering};
use crate::env::sim::{Crash, Random, SimEnv};
use crate::{Database, doc};

type Content = BTreeMap<i32, String>;

/// What was acknowledged, and when.
#[derive(Default)]
struct History {
    /// Operations of the disk by then, documents, and names of indexes.
    acknowledged: Vec<(u64, Content, Vec<String>)>,
}

impl History {
    fn note(&mut self, env: &SimEnv, content: &Content, indexes: &[String]) {
        let names = indexes.to_vec();
        self.acknowledged.push((env.disk().op_count(), content.clone(), names));
    }
}

fn document(random: &mut Random, id: i32) -> Document<'static> {
    let tags: Vec<i32> = (0..random.below(3)).map(|_| random.below(5) as i32).collect();
    doc! { "_id": id, "a": (random.below(9) as i32), "tags": tags, "u": id, "t": ("x".repeat(40)) }
}

fn content(collection: &Collection<'_>) -> Content {
    let moment = collection.moment();
    let Some(state) = collection.state(&moment).unwrap() else { return Content::new() };
    let mut rows = moment
        .cursor(&state.rows, (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded))
        .unwrap();
    let mut found = Content::new();
    while rows.next().unwrap() {
        let raw = crate::document::value::RawDocument::trusted(rows.value());
        let id = raw.get("_id").unwrap().number().unwrap().to_exact_i64().unwrap();
        let before = found.insert(id as i32, format!("{raw:?}"));
        assert_eq!(before, None, "two rows of one _id");
    }
    found
}

fn names(collection: &Collection<'_>) -> Vec<String> {
    let Ok(listed) = collection.list_indexes() else { return Vec::new() };
    let name = |index: &Document<'_>| {
        assert!(!index.contains("building"), "a build was not gone on with");
        index.get("name").unwrap().as_str().unwrap().to_owned()
    };
    let mut names: Vec<String> = listed.iter().map(name).collect();
    names.retain(|name| name != "_id_");
    names.sort();
    names
}

/// Writes, builds and drops, and notes what was acknowledged.
fn work(seed: u64, env: &Arc<SimEnv>, db: &Database) -> History {
    let (mut random, mut history) = (Random::new(seed), History::default());
    let (mut there, mut indexes) = (Content::new(), Vec::new());
    history.note(env, &there, &indexes);
    let c = db.collection("c").unwrap();
    for round in 0..24 {
        match (round, random.below(6)) {
            (2 | 6 | 12, _) => {
                let (model, name) = match round {
                    2 => (by(doc! { "u": 1 }).unique(), "u_1"),
                    6 => (by(doc! { "tags": 1, "a": -1 }), "tags_1_a_-1"),
                    _ => (by(doc! { "a": 1 }), "a_1"),
                };
                c.create_index(&model).unwrap();
                indexes.push(name.to_owned());
                indexes.sort();
            }
            (16, _) => {
                c.drop_index("a_1").unwrap();
                indexes.retain(|name| name != "a_1");
            }
            (20, _) => {
                db.flush().unwrap();
            }
            (_, 0 | 1) => {
                let first = random.below(1000) as i32;
                let many: Vec<_> = (first..first + 30)
                    .filter(|id| !there.contains_key(id))
                    .map(|id| (id, document(&mut random, id)))
                    .collect();
                for (id, document) in &many {
                    there.insert(*id, format!("{document:?}"));
                }
                let many = many.into_iter().map(|(_, document)| document);
                let done = c.insert_many(many, Ordering::Ordered).unwrap();
                assert!(done.errors.is_empty());
            }
            (_, 2) => {
                if let Some(id) = there.keys().nth(random.index(there.len().max(1))).copied() {
                    assert!(c.delete_by_id(&id.into()).unwrap());
                    there.remove(&id);
                }
            }
            _ => {
                if let Some(id) = there.keys().nth(random.index(there.len().max(1))).copied() {
                    let new = document(&mut random, id);
                    there.insert(id, format!("{new:?}"));
                    assert!(c.replace_by_id(&id.into(), new).unwrap());
                }
            }
        }
        history.note(env, &there, &indexes);
    }
    history
}

/// Opens what a crash has left, and compares it.
fn examine(env: &SimEnv, history: &History, at: u64, crash: Crash, seed: u64) {
    let image = env.disk().crash_image(at, crash);
    let world = SimEnv::on(image, seed);
    let db = open_on(&world);
    let c = db.collection("c").unwrap();
    world.advance(Duration::from_millis(1));
    world.run_until_idle();
    let last = history.acknowledged.iter().rposition(|(by, ..)| *by <= at).unwrap();
    let (found, listed) = (content(&c), names(&c));
    let after = &history.acknowledged[last..history.acknowledged.len().min(last + 2)];
    assert!(
        after.iter().any(|(_, content, _)| *content == found),
        "seed {seed}, crash {crash:?} at {at}: {} documents are no prefix",
        found.len()
    );
    assert!(
        after.iter().any(|(_, _, names)| *names == listed),
        "seed {seed}, crash {crash:?} at {at}: {listed:?}"
    );
    is_sound(&c);
    let kept = db.all_keyspaces().iter().filter(|name| name.contains("documents/")).count();
    assert!(kept <= listed.len() + 3, "left over: {:?}", db.all_keyspaces());
    c.insert_one(doc! { "_id": "new", "u": "new" }).unwrap();
    is_sound(&c);
    drop(c);
    db.close().unwrap();
    world.kill();
}

fn run(seed: u64, every: u64) -> u64 {
    let env = SimEnv::new(seed);
    let db = open_on(&env);
    let begin = env.disk().op_count();
    let history = work(seed, &env, &db);
    let end = env.disk().op_count();
    let mut random = Random::new(seed);
    let mut at = begin + random.below(every);
    let mut images = 0;
    while at <= end {
        let chance = random.next_u64();
        let crashes = [
            Crash::LoseUnsynced,
            Crash::KeepAll,
            Crash::Prefix(chance),
            Crash::Tear(chance),
            Crash::SectorSubset { sector: 512, seed: chance },
            Crash::LenWithoutData(chance),
            Crash::DirSubset(chance),
        ];
        let crash = crashes[random.index(crashes.len())];
        examine(&env, &history, at, crash, seed);
        images += 1;
        at += every;
    }
    drop(db);
    env.kill();
    images
}

#[test]
fn after_a_crash_all_indexes_of_a_collection_agree() {
    let number =
        |name: &str, or| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(or);
    let (seeds, every) = (number("CUESTA_SEEDS", 2), number("CUESTA_EVERY", 1));
    let images: u64 = (0..seeds).map(|seed| run(seed, every)).sum();
    println!("{images} images");
    assert!(images > 20 * seeds);
}
