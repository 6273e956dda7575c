//! What is found through indexes against what is found without, and changes against a model.

use super::*;
use crate::document::{IndexModel, Ordering};
use crate::{Database, ErrorKind, doc};

/// Numbers that look random, always the same.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % below as u64) as usize
    }

    fn number(&mut self) -> Value<'static> {
        match self.next(8) {
            0 => Value::Null,
            1 => Value::Double(self.next(6) as f64),
            2 => Value::Int64(self.next(6) as i64),
            3 => Value::String(["a", "ab", "b"][self.next(3)].into()),
            _ => Value::Int32(self.next(12) as i32),
        }
    }

    fn document(&mut self, n: usize) -> Document<'static> {
        let mut document = doc! {"_id": (n as i64)};
        for name in ["a", "b", "c"] {
            match self.next(8) {
                0 => {}
                1 if name == "b" => {
                    let items = (0..self.next(3)).map(|_| self.number()).collect::<Vec<_>>();
                    document.push(name, items);
                }
                _ => document.push(name, self.number()),
            }
        }
        let inner = |dice: &mut Dice| doc! {"x": (dice.number()), "y": (dice.number())};
        match self.next(3) {
            0 => document.push("d", inner(self)),
            1 => {
                let items = vec![Value::Document(inner(self)), Value::Document(inner(self))];
                document.push("d", items);
            }
            _ => {}
        }
        document
    }

    fn test(&mut self) -> Value<'static> {
        let operand = self.number();
        Value::Document(match self.next(10) {
            0..3 => return operand,
            3 => doc! {"$gt": (operand)},
            4 => doc! {"$gte": (operand), "$lt": (self.number())},
            5 => doc! {"$lte": (operand)},
            6 => doc! {"$in": [(operand), (self.number()), (self.number())]},
            7 => doc! {"$ne": (operand)},
            8 => doc! {"$exists": (self.next(2) == 0)},
            _ => doc! {"$type": "number"},
        })
    }

    fn filter(&mut self) -> Document<'static> {
        let mut filter = Document::new();
        for name in ["a", "b", "c", "d.x", "d.y"] {
            if self.next(3) == 0 {
                let test = self.test();
                filter.push(name, test);
            }
        }
        match self.next(6) {
            0 => {
                let one = doc! {"a": (self.test())};
                let other = doc! {"c": (self.test()), "b": (self.test())};
                filter.push("$or", vec![Value::Document(one), Value::Document(other)]);
            }
            1 => {
                let within = doc! {"x": (self.test()), "y": (self.test())};
                filter.push("d", doc! {"$elemMatch": (within)});
            }
            _ => {}
        }
        filter
    }
}

fn all(cursor: DocumentCursor) -> Vec<Document<'static>> {
    cursor.collect::<Result<Vec<_>>>().unwrap()
}

#[test]
fn every_plan_finds_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let mut dice = Dice(11);
    let mut used = std::collections::BTreeMap::<String, u32>::new();
    let sets: [&[Document<'static>]; 4] = [
        &[doc! {"a": 1}, doc! {"b": 1, "a": -1}, doc! {"d.x": 1, "d.y": 1}],
        &[doc! {"a": 1, "c": 1}, doc! {"b": 1}, doc! {"c": -1, "a": 1}],
        &[doc! {"a": -1, "b": 1, "c": 1}, doc! {"d.y": -1}, doc! {"c": 1}],
        &[doc! {"c": 1, "b": -1}, doc! {"a": 1}, doc! {"d": 1}],
    ];
    for (at, indexes) in sets.into_iter().enumerate() {
        let places = db.collection(&format!("places{at}")).unwrap();
        let documents: Vec<_> = (0..400).map(|n| dice.document(n)).collect();
        let inserted = places.insert_many(documents, Ordering::Unordered).unwrap();
        assert!(inserted.errors.is_empty());
        for (n, key) in indexes.iter().enumerate() {
            let model = IndexModel::new(key.borrow());
            places.create_index(&if n == 1 { model.sparse() } else { model }).unwrap();
        }
        for _ in 0..250 {
            let filter = dice.filter();
            let sort = match dice.next(5) {
                0 => doc! {"a": 1},
                1 => doc! {"a": -1, "c": -1},
                2 => doc! {"c": 1, "b": -1},
                _ => doc! {},
            };
            let mut options = FindOptions::new().sort(sort.borrow());
            if dice.next(3) == 0 && !sort.is_empty() {
                options = options.skip(dice.next(4) as u64).limit(1 + dice.next(9) as u64);
            }
            let natural = options.clone().hint(Hint::Natural);
            let mut plain = all(places.find_with(&filter, &natural).unwrap());
            let mut ways = vec![options.clone()];
            ways.extend(indexes.iter().map(|key| options.clone().hint(Hint::Key(key.clone()))));
            for way in ways {
                let cursor = match places.find_with(&filter, &way) {
                    Ok(cursor) => cursor,
                    Err(error) => panic!("{filter:?}: {error}"),
                };
                let mut found = all(cursor);
                if sort.is_empty() {
                    found.sort();
                    plain.sort();
                }
                let told = || places.explain(&filter, &way).unwrap();
                assert_eq!(found, plain, "{filter:?} by {sort:?} with {way:?}: {:?}", told());
            }
            let told = format!("{:?}", places.explain(&filter, &options).unwrap());
            for stage in ["COLLSCAN", "IXSCAN", "\"OR\"", "SORT", "backward"] {
                *used.entry(stage.to_owned()).or_default() += u32::from(told.contains(stage));
            }
            assert_eq!(places.count_documents(&filter).unwrap(), {
                all(places.find(&filter).unwrap()).len() as u64
            });
        }
    }
    assert!(used.values().all(|count| *count > 10), "{used:?}");
}

#[test]
fn documents_are_updated_inserted_and_deleted_by_filters() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let stock = db.collection("stock").unwrap();
    stock.create_index(&IndexModel::new(doc! {"item": 1}).unique()).unwrap();
    let set = |n: i32| Value::Document(doc! {"$set": {"n": n}});
    assert_eq!(stock.update_one(&doc! {"item": "a"}, &set(1)).unwrap(), Updated::default());
    let upsert = UpdateOptions::new().upsert();
    let made = stock.update_one_with(&doc! {"item": "a"}, &set(1), &upsert).unwrap();
    assert!(made.upserted_id.is_some() && made.matched == 0);
    let again = stock.update_one_with(&doc! {"item": "a"}, &set(1), &upsert).unwrap();
    assert_eq!(again, Updated { matched: 1, ..Updated::default() });
    stock.insert_one(doc! {"item": "b", "n": 5, "log": [1, 7]}).unwrap();
    let taken = stock.update_one(&doc! {"item": "b"}, &doc! {"$set": {"item": "a"}}.into());
    let taken = taken.unwrap_err();
    assert_eq!((taken.kind(), failure_code(&taken)), (ErrorKind::Exists, Some(11000)));
    let push = doc! {"$set": {"log.$": 8}};
    let changed = stock.find_one_and_update(
        &doc! {"item": "b", "log": {"$gt": 5}},
        &push.into(),
        &UpdateOptions::new().given(Return::After).find(FindOptions::new().projection(doc! {
            "_id": 0, "log": 1,
        })),
    );
    assert_eq!(changed.unwrap().document, Some(doc! {"log": [1, 8]}));
    let inc = Value::Document(doc! {"$inc": {"n": 1}});
    assert_eq!(stock.update_many(&doc! {}, &inc).unwrap().modified, 2);
    assert_eq!(stock.distinct("n", &doc! {}).unwrap(), [2.into(), 6.into()] as [Value<'_>; 2]);
    let replaced = doc! {"item": "c"};
    let before = stock.find_one_and_replace(&doc! {"n": 6}, &replaced, &UpdateOptions::new());
    assert_eq!(before.unwrap().document.unwrap().get("item"), Some("b".into()));
    let by_item = FindOptions::new().sort(doc! {"item": -1});
    let gone = stock.find_one_and_delete(&doc! {}, &by_item).unwrap().unwrap();
    assert_eq!(gone.get("item"), Some("c".into()));
    assert!(stock.update_many(&doc! {}, &doc! {"n": 1}.into()).is_err());
    assert!(stock.replace_one(&doc! {}, &doc! {"$set": {"n": 1}}, &UpdateOptions::new()).is_err());
    assert_eq!((stock.delete_one(&doc! {}).unwrap(), stock.delete_many(&doc! {}).unwrap()), (1, 0));
    assert_eq!(stock.count().unwrap(), 0);
}

fn failure_code(error: &crate::Error) -> Option<i32> {
    crate::document::failure::Failure::of(error).map(crate::document::failure::Failure::code)
}

#[test]
fn a_transaction_finds_its_own_writes_through_every_index() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let places = db.collection("places").unwrap();
    places.create_index(&IndexModel::new(doc! {"height": 1})).unwrap();
    places.insert_one(doc! {"_id": 1, "height": 10}).unwrap();
    db.transact(|tx| {
        let within = places.within(tx);
        within.insert_one(doc! {"_id": 2, "height": 20})?;
        within.update_one(&doc! {"_id": 1}, &doc! {"$inc": {"height": 30}}.into())?;
        let high = FindOptions::new().sort(doc! {"height": -1});
        let found = within.find_with(&doc! {"height": {"$gte": 20}}, &high)?;
        let ids: Vec<_> = found.map(|one| one.unwrap().get("_id").unwrap().into_static()).collect();
        assert_eq!(ids, [1.into(), 2.into()] as [Value<'_>; 2]);
        assert_eq!(places.count_documents(&doc! {"height": {"$gte": 20}})?, 0);
        Ok(())
    })
    .unwrap();
    assert_eq!(places.count_documents(&doc! {"height": {"$gte": 20}}).unwrap(), 2);
}
