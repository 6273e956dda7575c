use std::time::Duration;

use super::{by, code, is_sound, open, open_on};
use crate::document::value::{DateTime, Document, RawDocument, Regex, Value};
use crate::document::{Ordering, Target, failure};
use crate::kv::Moment;
use crate::{ErrorKind, array, doc};

#[test]
fn a_document_is_found_by_its_id_until_it_is_deleted() {
    let (_env, db) = open(1);
    let places = db.collection("places").unwrap();
    assert_eq!(places.count().unwrap(), 0);
    let made = places.insert_one(doc! { "name": "a" }).unwrap();
    assert!(matches!(made, Value::ObjectId(_)));
    let given = places.insert_one(doc! { "name": "b", "_id": 7 }).unwrap();
    assert_eq!(given, Value::Int32(7));
    let found = places.get_by_id(&Value::Double(7.0)).unwrap().unwrap();
    assert_eq!(format!("{found:?}"), r#"{"_id": 7, "name": "b"}"#);
    assert!(places.replace_by_id(&given, doc! { "name": "c" }).unwrap());
    let found = places.get_by_id(&given).unwrap().unwrap();
    assert_eq!(format!("{found:?}"), r#"{"_id": 7, "name": "c"}"#);
    assert_eq!(places.count().unwrap(), 2);
    is_sound(&places);
    assert!(places.delete_by_id(&given).unwrap() && !places.delete_by_id(&given).unwrap());
    assert!(!places.replace_by_id(&given, doc! {}).unwrap());
    assert_eq!((places.get_by_id(&given).unwrap(), places.count().unwrap()), (None, 1));
    is_sound(&places);
}

#[test]
fn an_id_twice_is_told_with_its_key() {
    let (_env, db) = open(2);
    let places = db.collection("places").unwrap();
    places.insert_one(doc! { "_id": 1_i64 }).unwrap();
    let error = places.insert_one(doc! { "_id": 1.0 }).unwrap_err();
    assert_eq!((error.kind(), code(&error)), (ErrorKind::Exists, Some(11000)));
    let text = "E11000 duplicate key error collection: default.places index: _id_ dup key: \
                {\"_id\": 1.0}";
    assert_eq!(error.message(), text);
    let failure = failure::Failure::of(&error).unwrap();
    let details = RawDocument::trusted(failure.details().unwrap());
    let shown = r#"{"keyPattern": {"_id": 1}, "keyValue": {"_id": 1.0}, "index": "_id_"}"#;
    assert_eq!(format!("{details:?}"), shown);
    is_sound(&places);
}

#[test]
fn documents_that_cannot_be_are_refused_by_code() {
    let (_env, db) = open(3);
    let places = db.collection("places").unwrap();
    let refused = |document: Document<'_>| code(&places.insert_one(document).unwrap_err());
    assert_eq!(refused(doc! { "_id": [1] }), Some(53));
    assert_eq!(refused(doc! { "_id": Value::Undefined }), Some(53));
    assert_eq!(refused(doc! { "_id": Regex::new("a", "").unwrap() }), Some(53));
    assert_eq!(refused(doc! { "_id": {"$a": 1} }), Some(52));
    assert_eq!(refused(doc! { "a": ("x".repeat(17 << 20)) }), Some(10334));
    assert_eq!(refused(doc! { "_id": ("x".repeat(66_000)) }), Some(17280));
    let error = places
        .insert_one(doc! { "_id": 1 })
        .and_then(|id| places.replace_by_id(&id, doc! { "_id": 2 }));
    assert_eq!(code(&error.unwrap_err()), Some(66));
    assert_eq!(places.count().unwrap(), 1);
    is_sound(&places);
}

#[test]
fn names_are_those_of_mongodb() {
    let (_env, db) = open(4);
    for name in ["", "system.users", "a$b", "a\0b", ".a", "a.", "a..b"] {
        assert_eq!(db.collection(name).map_err(|e| code(&e)).unwrap_err(), Some(73), "{name:?}");
    }
    for name in ["", "a b", "a/b", "a.b", "a$b", "\"", "a\0"] {
        let refused = db.document_database(name).map_err(|e| code(&e));
        assert_eq!(refused.unwrap_err(), Some(73), "{name:?}");
    }
    let app = db.document_database("app").unwrap();
    for name in ["fs.chunks", "\u{c4}rger", "a b", "0"] {
        app.create_collection(name).unwrap();
        assert_eq!(code(&app.create_collection(name).unwrap_err()), Some(48));
    }
    db.collection("x").unwrap().insert_one(doc! {}).unwrap();
    assert_eq!(app.collection_names().unwrap(), ["0", "a b", "fs.chunks", "\u{c4}rger"]);
    assert_eq!(db.documents().unwrap().database_names().unwrap(), ["app", "default"]);
    app.drop().unwrap();
    assert_eq!(db.documents().unwrap().database_names().unwrap(), ["default"]);
}

#[test]
fn keyspaces_of_documents_are_nobody_elses() {
    let (_env, db) = open(5);
    db.collection("a").unwrap().insert_one(doc! {}).unwrap();
    db.keyspace("mine").unwrap();
    assert_eq!(db.keyspaces(), ["mine"]);
    let name = "cuesta:documents";
    assert_eq!(db.keyspace(name).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.existing_keyspace(name).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.drop_keyspace(name).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.rename_keyspace(name, "b").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.rename_keyspace("mine", "cuesta:x").unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn what_precedes_an_error_is_inserted_in_order_and_all_else_without() {
    let (_env, db) = open(6);
    let documents = || [1, 2, 1, 3, 2].into_iter().map(|id| doc! { "_id": id });
    let ordered = db.collection("ordered").unwrap();
    let done = ordered.insert_many(documents(), Ordering::Ordered).unwrap();
    assert_eq!(done.ids, [(0, Value::Int32(1)), (1, Value::Int32(2))]);
    assert_eq!(done.errors.iter().map(|e| e.index).collect::<Vec<_>>(), [2]);
    let any = db.collection("any").unwrap();
    let done = any.insert_many(documents(), Ordering::Unordered).unwrap();
    assert_eq!(done.ids.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(done.errors.iter().map(|e| e.index).collect::<Vec<_>>(), [2, 4]);
    assert!(done.errors.iter().all(|e| code(&e.error) == Some(11000)));
    let wrong = [doc! { "_id": 9 }, doc! { "_id": [1] }, doc! { "_id": 10 }];
    let done = ordered.insert_many(wrong.clone(), Ordering::Ordered).unwrap();
    assert_eq!((done.ids.len(), done.errors.len()), (1, 1));
    let done = any.insert_many(wrong, Ordering::Unordered).unwrap();
    assert_eq!((done.ids.len(), done.errors.len()), (2, 1));
    assert_eq!((ordered.count().unwrap(), any.count().unwrap()), (3, 5));
    is_sound(&ordered);
    is_sound(&any);
}

#[test]
fn a_unique_index_refuses_what_is_there_and_frees_what_goes() {
    let (_env, db) = open(7);
    let people = db.collection("people").unwrap();
    assert_eq!(people.create_index(&by(doc! { "mail": 1 }).unique()).unwrap(), "mail_1");
    people.insert_one(doc! { "_id": 1, "mail": "a" }).unwrap();
    people.insert_one(doc! { "_id": 2, "mail": ["b", "c", "b"] }).unwrap();
    people.insert_one(doc! { "_id": 3 }).unwrap();
    let taken = |mail: Value<'static>| {
        people.insert_one(doc! { "mail": mail }).map_err(|error| code(&error))
    };
    assert_eq!(taken("a".into()), Err(Some(11000)));
    assert_eq!(taken(array!["x", "c"].into()), Err(Some(11000)));
    assert_eq!(taken(Value::Null), Err(Some(11000)), "missing is null");
    people.replace_by_id(&1.into(), doc! { "mail": "d" }).unwrap();
    let error = people.replace_by_id(&1.into(), doc! { "mail": "b" }).unwrap_err();
    assert_eq!(code(&error), Some(11000));
    people.delete_by_id(&2.into()).unwrap();
    taken("a".into()).unwrap();
    taken(array!["b", "x"].into()).unwrap();
    is_sound(&people);
}

#[test]
fn an_index_of_documents_with_one_unique_key_is_not_made() {
    let (_env, db) = open(8);
    for count in [10, 3000] {
        let c = db.collection(&format!("c{count}")).unwrap();
        let documents = (0..count).map(|n| doc! { "_id": n, "a": (n % (count - 1)) });
        assert_eq!(c.insert_many(documents, Ordering::Ordered).unwrap().errors.len(), 0);
        let error = c.create_index(&by(doc! { "a": 1 }).unique()).unwrap_err();
        assert_eq!(code(&error), Some(11000));
        assert_eq!(c.list_indexes().unwrap().len(), 1);
        c.create_index(&by(doc! { "a": 1 })).unwrap();
        is_sound(&c);
    }
}

#[test]
fn indexes_are_what_they_were_created_as() {
    let (_env, db) = open(9);
    let c = db.collection("c").unwrap();
    let model = by(doc! { "a": 1, "b.c": -1.0 }).sparse();
    assert_eq!(c.create_index(&model).unwrap(), "a_1_b.c_-1");
    assert_eq!(c.create_index(&model).unwrap(), "a_1_b.c_-1", "again changes nothing");
    c.create_index(&by(doc! { "t": -1 }).expire_after_seconds(60)).unwrap();
    let listed: Vec<String> =
        c.list_indexes().unwrap().iter().map(|index| format!("{index:?}")).collect();
    assert_eq!(
        listed,
        [
            r#"{"v": 2, "name": "_id_", "key": {"_id": 1}}"#,
            r#"{"v": 2, "name": "a_1_b.c_-1", "key": {"a": 1, "b.c": -1}, "sparse": true}"#,
            r#"{"v": 2, "name": "t_-1", "key": {"t": -1}, "expireAfterSeconds": Long(60)}"#,
        ]
    );
    let refused = |model| code(&c.create_index(&model).unwrap_err());
    assert_eq!(refused(by(doc! { "a": -1 }).with_name("t_-1")), Some(86));
    assert_eq!(refused(by(doc! { "t": -1 })), Some(85), "other options");
    assert_eq!(refused(by(doc! { "t": -1 }).with_name("u")), Some(85), "another name");
    assert_eq!(code(&c.drop_index("_id_").unwrap_err()), Some(72));
    assert_eq!(code(&c.drop_index("x").unwrap_err()), Some(27));
    c.drop_index("t_-1").unwrap();
    c.drop_index_of(&doc! { "a": 1, "b.c": -1 }).unwrap();
    assert_eq!(c.list_indexes().unwrap().len(), 1);
    assert_eq!(db.all_keyspaces().iter().filter(|name| name.starts_with("cuesta:")).count(), 4);
}

#[test]
fn a_renamed_collection_keeps_everything_and_a_dropped_one_nothing() {
    let (env, db) = open(10);
    let (a, b) = (db.collection("a").unwrap(), db.collection("b").unwrap());
    a.insert_one(doc! { "_id": 1 }).unwrap();
    b.insert_one(doc! { "_id": 2 }).unwrap();
    let before = Moment::Committed(db.snapshot());
    assert_eq!(code(&a.rename("b", Target::Keep).unwrap_err()), Some(48));
    a.rename("b", Target::Drop).unwrap();
    assert_eq!(code(&a.rename("b", Target::Drop).unwrap_err()), Some(26));
    assert_eq!((a.count().unwrap(), b.count().unwrap()), (0, 1));
    assert!(b.get_by_id(&1.into()).unwrap().is_some());
    let old = b.state(&before).unwrap().unwrap();
    assert!(old.row_of_id(&before, &2.into()).unwrap().is_some(), "a view never changes");
    is_sound(&b);
    drop((old, before, a, b));
    db.close().unwrap();
    let db = open_on(&env);
    let b = db.collection("b").unwrap();
    assert!(b.get_by_id(&1.into()).unwrap().is_some());
    assert!(b.drop().unwrap() && !b.drop().unwrap());
    let left = db.all_keyspaces();
    assert_eq!(left, ["cuesta:documents", "cuesta:documents/counts"]);
}

#[test]
fn documents_go_when_their_time_is_over() {
    let (env, db) = open(11);
    let c = db.collection("c").unwrap();
    c.create_index(&by(doc! { "at": -1 }).expire_after_seconds(10)).unwrap();
    let at = |seconds: i64| DateTime::from_millis(seconds * 1000);
    c.insert_one(doc! { "_id": 1, "at": (at(100)) }).unwrap();
    c.insert_one(doc! { "_id": 2, "at": (at(101)) }).unwrap();
    c.insert_one(doc! { "_id": 3, "at": [(at(500)), (at(99))] }).unwrap();
    c.insert_one(doc! { "_id": 4, "at": 5 }).unwrap();
    c.insert_one(doc! { "_id": 5 }).unwrap();
    assert_eq!(c.expire(at(108)).unwrap(), 0);
    assert_eq!(c.expire(at(110)).unwrap(), 2);
    assert!(c.get_by_id(&2.into()).unwrap().is_some());
    is_sound(&c);
    env.advance(Duration::from_secs(61));
    env.run_until_idle();
    assert_eq!(c.count().unwrap(), 2, "what has no moment stays");
    is_sound(&c);
}

#[test]
fn a_transaction_reads_its_own_writes_through_every_index() {
    let (_env, db) = open(12);
    let c = db.collection("c").unwrap();
    for key in [doc! { "a": 1 }, doc! { "b": -1, "a": 1 }] {
        c.create_index(&by(key)).unwrap();
    }
    c.create_index(&by(doc! { "u": 1 }).unique()).unwrap();
    c.insert_one(doc! { "_id": 1, "a": 1, "b": 1, "u": 1 }).unwrap();
    let tx = db.begin().unwrap();
    let inside = c.within(&tx);
    inside.insert_one(doc! { "_id": 2, "a": [2, 3], "b": 2, "u": 2 }).unwrap();
    inside.replace_by_id(&1.into(), doc! { "a": 9, "b": 9, "u": 9 }).unwrap();
    assert_eq!(code(&inside.insert_one(doc! { "u": 9 }).unwrap_err()), Some(11000));
    inside.insert_one(doc! { "_id": 3, "u": 1 }).unwrap();
    assert!(inside.delete_by_id(&2.into()).unwrap());
    is_sound(&inside);
    assert_eq!((inside.count().unwrap(), c.count().unwrap()), (2, 1));
    is_sound(&c);
    tx.commit().unwrap();
    assert_eq!(c.count().unwrap(), 2);
    is_sound(&c);
}

#[test]
fn a_transaction_that_lacks_a_collection_is_begun_again() {
    let (_env, db) = open(13);
    db.transact(|tx| db.collection("new")?.within(tx).insert_one(doc! { "_id": 1 })).unwrap();
    assert_eq!(db.collection("new").unwrap().count().unwrap(), 1);
    let tx = db.begin().unwrap();
    let c = db.collection("new").unwrap();
    assert_eq!(code(&c.within(&tx).drop().unwrap_err()), Some(263));
    assert_eq!(code(&c.within(&tx).create_index(&by(doc! { "a": 1 })).unwrap_err()), Some(263));
}

#[test]
fn a_partial_index_has_the_documents_that_match() {
    let (_env, db) = open(14);
    let c = db.collection("c").unwrap();
    let partial = doc! { "n": {"$gte": 10}, "$or": [{"k": {"$exists": true}}, {"n": 50}] };
    c.create_index(&by(doc! { "u": 1 }).unique().partial_filter(partial)).unwrap();
    c.insert_one(doc! { "_id": 1, "u": 1, "n": 5, "k": 1 }).unwrap();
    c.insert_one(doc! { "_id": 2, "u": 1, "n": 10 }).unwrap();
    c.insert_one(doc! { "_id": 3, "u": 1, "n": 10, "k": 1 }).unwrap();
    let error = c.insert_one(doc! { "_id": 4, "u": 1, "n": 50 }).unwrap_err();
    assert_eq!(code(&error), Some(11000));
    is_sound(&c);
    c.replace_by_id(&3.into(), doc! { "u": 1, "n": 9, "k": 1 }).unwrap();
    c.insert_one(doc! { "_id": 4, "u": 1, "n": 50 }).unwrap();
    is_sound(&c);
    for filter in
        [doc! { "a": {"$ne": 1} }, doc! { "$expr": {"$eq": ["$a", 1]} }, doc! { "a": {"$size": 1} }]
    {
        let error = c.create_index(&by(doc! { "a": 1 }).partial_filter(filter)).unwrap_err();
        assert_eq!(code(&error), Some(67), "{error}");
    }
}
