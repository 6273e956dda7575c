//! Random operations on a collection and on a plain list of documents, side by side.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::naive::{keys, order};
use super::{by, code, is_sound, open, open_on};
use crate::document::value::{Document, Value};
use crate::document::{Collection, IndexModel, Ordering};
use crate::env::sim::Random;
use crate::kv::Moment;
use crate::{Database, array, doc};

/// What an index is made of, and whether it is unique or sparse.
struct Kind {
    paths: &'static [&'static str],
    unique: bool,
    sparse: bool,
}

const fn kind(paths: &'static [&'static str]) -> Kind {
    Kind { paths, unique: false, sparse: false }
}

const KINDS: [Kind; 7] = [
    kind(&["a"]),
    kind(&["b.c"]),
    kind(&["a", "b.c"]),
    kind(&["b", "u"]),
    Kind { sparse: true, ..kind(&["a", "s"]) },
    Kind { unique: true, ..kind(&["u"]) },
    Kind { unique: true, sparse: true, ..kind(&["s", "a"]) },
];

fn model(kind: &Kind) -> IndexModel {
    let way = |at: usize| if at.is_multiple_of(2) { 1 } else { -1 };
    let key = kind.paths.iter().enumerate().map(|(at, path)| (*path, way(at)));
    let model = by(key.collect());
    let model = if kind.unique { model.unique() } else { model };
    if kind.sparse { model.sparse() } else { model }
}

fn scalar(random: &mut Random) -> Value<'static> {
    match random.below(9) {
        0 => Value::Null,
        1 => Value::Double(1.0),
        2 => Value::Int64(1),
        3 => "x".into(),
        4 => Value::Double(f64::NAN),
        5 => Value::Bool(true),
        6 => doc! { "c": (random.below(3) as i32) }.into(),
        7 => Value::Undefined,
        _ => Value::Int32(random.below(6) as i32),
    }
}

fn value(random: &mut Random) -> Value<'static> {
    match random.below(6) {
        0 => {
            let count = random.below(4);
            (0..count).map(|_| scalar(random)).collect::<Vec<_>>().into()
        }
        1 => array![[1, 2], (scalar(random))].into(),
        _ => scalar(random),
    }
}

fn document(random: &mut Random, id: i32) -> Document<'static> {
    let mut document = doc! { "_id": id };
    for name in ["a", "b", "s"] {
        if random.below(3) > 0 {
            document.push(name, value(random));
        }
    }
    if random.below(4) == 0 {
        let inner = (0..random.below(3)).map(|_| doc! { "c": (value(random)) }.into());
        document.insert("b", inner.collect::<Vec<Value<'_>>>());
    }
    document.push("u", random.below(40) as i32);
    document
}

/// A list of documents that knows the rules.
#[derive(Default)]
struct Plain {
    documents: BTreeMap<i32, Document<'static>>,
    indexes: Vec<usize>,
}

impl Plain {
    /// The code with which a document is refused.
    fn refusal(&self, document: &Document<'_>, id: i32) -> Option<i32> {
        for at in &self.indexes {
            let kind = &KINDS[*at];
            let Some(new) = keys(document, kind.paths, kind.sparse) else { return Some(171) };
            let others = self.documents.iter().filter(|(other, _)| **other != id);
            for (_, other) in others.filter(|_| kind.unique) {
                let taken = keys(other, kind.paths, kind.sparse).unwrap();
                if new.iter().any(|key| taken.iter().any(|other| order(key, other).is_eq())) {
                    return Some(11000);
                }
            }
        }
        None
    }

    fn put(&mut self, document: Document<'static>, id: i32) -> Option<i32> {
        let refused = self.refusal(&document, id);
        if refused.is_none() {
            self.documents.insert(id, document);
        }
        refused
    }

    /// The code with which an index is refused.
    fn add_index(&mut self, at: usize) -> Option<i32> {
        if self.indexes.contains(&at) {
            return None;
        }
        let documents = std::mem::take(&mut self.documents);
        let before = std::mem::replace(&mut self.indexes, vec![at]);
        let refusals: Vec<i32> =
            documents.iter().filter_map(|(id, document)| self.put(document.clone(), *id)).collect();
        (self.documents, self.indexes) = (documents, before);
        // Which of the documents is refused first is not said.
        match refusals.iter().max() {
            Some(_) => refusals.iter().max().copied(),
            None => {
                self.indexes.push(at);
                None
            }
        }
    }
}

/// The code of an error, to be compared.
fn told<R>(result: crate::Result<R>) -> Option<i32> {
    result.err().map(|error| code(&error).unwrap_or_else(|| panic!("{error}")))
}

fn compare(collection: &Collection<'_>, plain: &Plain) {
    is_sound(collection);
    let moment: Moment = collection.moment();
    assert_eq!(collection.count().unwrap(), plain.documents.len() as u64);
    let Some(state) = collection.state(&moment).unwrap() else { return };
    for (id, document) in &plain.documents {
        let found = collection.get_by_id(&(*id).into()).unwrap().unwrap();
        assert_eq!(format!("{found:?}"), format!("{document:?}"));
    }
    for at in &plain.indexes {
        let kind = &KINDS[*at];
        let index = state.index(&model(kind).name()).unwrap();
        let mut cursor = index.cursor(&moment, (Bound::Unbounded, Bound::Unbounded)).unwrap();
        let mut found = Vec::new();
        while cursor.next().unwrap() {
            let id = state
                .row(&moment, cursor.row().unwrap(), |raw| raw.get("_id").unwrap().into_static());
            found.push(format!("{:?} {:?}", id.unwrap().unwrap(), cursor.values().unwrap()));
        }
        let mut should = Vec::new();
        for (id, document) in &plain.documents {
            for key in keys(document, kind.paths, kind.sparse).unwrap() {
                should.push(format!("{id:?} {key:?}"));
            }
        }
        found.sort();
        should.sort();
        assert_eq!(found, should, "index of {:?}", kind.paths);
    }
}

fn run(seed: u64) {
    let mut random = Random::new(seed);
    let (env, mut db) = open(seed);
    let mut plain = Plain::default();
    for step in 0..120 {
        let collection = db.collection("c").unwrap();
        let id = random.below(25) as i32;
        match random.below(20) {
            0..8 => {
                let new = document(&mut random, id);
                let should = match plain.documents.contains_key(&id) {
                    true => Some(11000),
                    false => plain.put(new.clone(), id),
                };
                let found = told(collection.insert_one(new));
                // A document may be wrong in two ways.
                assert_eq!(found.is_some(), should.is_some(), "seed {seed}: {found:?} {should:?}");
            }
            8..13 => {
                let new = document(&mut random, id);
                let there = plain.documents.contains_key(&id);
                let should = if there { plain.put(new.clone(), id) } else { None };
                assert_eq!(told(collection.replace_by_id(&id.into(), new)), should, "seed {seed}");
            }
            13..15 => {
                let there = plain.documents.remove(&id).is_some();
                assert_eq!(collection.delete_by_id(&id.into()).unwrap(), there);
            }
            15 => {
                let many: Vec<_> =
                    (0..5).map(|n| (id + n, document(&mut random, id + n))).collect();
                let mut refused = Vec::new();
                for (at, (id, document)) in many.iter().enumerate() {
                    if plain.documents.contains_key(id)
                        || plain.put(document.clone(), *id).is_some()
                    {
                        refused.push(at);
                    }
                }
                let many = many.into_iter().map(|(_, document)| document);
                let done = collection.insert_many(many, Ordering::Unordered).unwrap();
                let found: Vec<usize> = done.errors.iter().map(|error| error.index).collect();
                assert_eq!(found, refused, "seed {seed}");
            }
            16..18 => {
                let at = random.index(KINDS.len());
                let should = plain.add_index(at);
                let found = told(collection.create_index(&model(&KINDS[at])));
                assert_eq!(found.is_some(), should.is_some(), "seed {seed}: {found:?} {should:?}");
            }
            18 => {
                if let Some(at) = plain.indexes.pop() {
                    collection.drop_index(&model(&KINDS[at]).name()).unwrap();
                }
            }
            _ => {
                drop(collection);
                db = reopen(&env, db);
            }
        }
        if step % 8 == 0 {
            compare(&db.collection("c").unwrap(), &plain);
        }
    }
    let db = reopen(&env, db);
    compare(&db.collection("c").unwrap(), &plain);
}

fn reopen(env: &std::sync::Arc<crate::env::sim::SimEnv>, db: Database) -> Database {
    db.close().unwrap();
    open_on(env)
}

#[test]
fn a_collection_and_its_indexes_are_what_a_plain_list_says() {
    let seeds = std::env::var("CUESTA_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    (0..seeds).for_each(run);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn an_entry_that_stays_behind_is_found() {
    use cuesta_engine::planted::{Bug, plant};

    let found = std::panic::catch_unwind(|| {
        plant(Some(Bug::LostIndexDelete));
        (0..12).for_each(run);
    });
    plant(None);
    assert!(found.is_err());
}
