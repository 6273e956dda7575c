use super::{CollectionEntry, IndexEntry, IndexModel, owner_of};
use crate::doc;
use crate::document::failure::Failure;
use crate::document::value::{DateTime, Document};
use crate::env::sim::Random;

fn refusal(document: Document<'_>) -> Option<i32> {
    let refused = IndexModel::of_document(&document).and_then(|model| model.to_entry());
    refused.err().and_then(|error| Failure::of(&error).map(Failure::code))
}

#[test]
fn models_of_no_index_are_refused_by_code() {
    let refused = [
        (doc! { "key": {} }, 67),
        (doc! { "key": {"a": 0} }, 67),
        (doc! { "key": {"a": true} }, 67),
        (doc! { "key": {"a": "up"} }, 67),
        (doc! { "key": {"a..b": 1} }, 67),
        (doc! { "key": {"": 1} }, 67),
        (doc! { "key": {"a.$b": 1} }, 67),
        (doc! { "key": {"a": 1}, "name": "" }, 67),
        (doc! { "key": {"a": 1}, "name": "_id_" }, 67),
        (doc! { "key": {"_id": 1}, "sparse": true }, 67),
        (doc! { "key": {"a": 1}, "expireAfterSeconds": -1 }, 67),
        (doc! { "key": {"a": 1, "b": 1}, "expireAfterSeconds": 1 }, 67),
        (doc! { "key": {"a": 1}, "sparse": true, "partialFilterExpression": {"a": 1} }, 67),
        (doc! { "key": {"a": "text"} }, 238),
        (doc! { "key": {"a": "2dsphere"} }, 238),
        (doc! { "key": {"a": "2d"} }, 238),
        (doc! { "key": {"a": "hashed"} }, 238),
        (doc! { "key": {"$**": 1} }, 238),
        (doc! { "key": {"a.$**": 1} }, 238),
        (doc! { "key": {"a": 1}, "collation": {"locale": "de"} }, 238),
        (doc! { "key": {"a": 1}, "v": 1 }, 238),
        (doc! { "key": 5 }, 14),
        (doc! { "key": {"a": 1}, "unique": "yes" }, 14),
        (doc! { "key": {"a": 1}, "uniqe": true }, 197),
    ];
    for (document, code) in refused {
        assert_eq!(refusal(document.clone()), Some(code), "{document:?}");
    }
    assert_eq!(refusal(doc! { "key": {"a": 1, "b": -5.5}, "unique": 1, "v": 2 }), None);
    let many: Document<'_> = (0..33).map(|n| (format!("f{n}"), 1)).collect();
    assert_eq!(refusal(doc! { "key": many }), Some(67));
}

fn sample() -> CollectionEntry {
    let model = IndexModel::new(doc! { "a.b": 1, "c": -1 });
    let model = model.unique().hidden().partial_filter(doc! { "d": {"$gt": 5} });
    let mut index = IndexEntry { id: 2, ..model.to_entry().unwrap() };
    index.note(0b10);
    CollectionEntry {
        id: 77,
        created: DateTime::from_millis(1),
        options: doc! { "x": 1 },
        next_index: 3,
        indexes: vec![IndexEntry::of_id(), index],
    }
}

#[test]
fn an_entry_comes_back_as_it_was() {
    let entry = sample();
    let bytes = entry.to_bytes().unwrap();
    let back = CollectionEntry::of_bytes(&bytes).unwrap();
    assert_eq!(back.to_bytes().unwrap(), bytes);
    assert_eq!((back.id, back.next_index, &back.indexes), (77, 3, &entry.indexes));
}

#[test]
fn no_bytes_of_an_entry_panic() {
    let bytes = sample().to_bytes().unwrap();
    let mut random = Random::new(3);
    for _ in 0..5000 {
        let mut bytes = bytes.clone();
        for _ in 0..=random.below(3) {
            let at = random.index(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        bytes.truncate(bytes.len() - random.below(3) as usize);
        let _ = CollectionEntry::of_bytes(&bytes);
    }
}

#[test]
fn keyspaces_tell_whose_they_are() {
    assert_eq!(owner_of("cuesta:documents/12/rows"), Some((12, None)));
    assert_eq!(owner_of("cuesta:documents/12/3"), Some((12, Some(3))));
    for name in ["cuesta:documents", "cuesta:documents/counts", "cuesta:documents/x/1", "other"] {
        assert_eq!(owner_of(name), None, "{name}");
    }
}
