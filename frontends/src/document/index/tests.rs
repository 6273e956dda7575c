use super::{Entries, Shape};
use crate::document::IndexModel;
use crate::document::catalog::{CollectionEntry, IndexEntry};
use crate::document::failure::Failure;
use crate::document::value::{Binary, DateTime, Document, Path, Value};
use crate::{array, doc};

fn entry(key: Document<'_>) -> IndexEntry {
    IndexModel::new(key).to_entry().unwrap()
}

/// The values of all entries, and which fields met arrays.
fn derive(entry: &IndexEntry, document: Document<'_>) -> Result<(String, u32), i32> {
    let shape = Shape::of(entry).unwrap();
    let mut entries = Entries::default();
    let met = shape
        .derive(&document, 7, &mut entries)
        .map_err(|error| Failure::of(&error).map_or(0, Failure::code))?;
    let mut shown = Vec::new();
    for (key, value) in entries.iter() {
        assert_eq!(shape.row(key, value).unwrap(), 7);
        let fields = shape.decode(key, value).unwrap();
        let text = |field: &Option<Value<'_>>| {
            field.as_ref().map_or("-".to_owned(), |value| format!("{value:?}"))
        };
        shown.push(fields.iter().map(text).collect::<Vec<_>>().join(" "));
    }
    Ok((shown.join(", "), met))
}

#[test]
fn arrays_make_an_entry_for_each_of_their_values() {
    let is = |key: Document<'_>, document: Document<'_>, entries: &str, met| {
        let found = derive(&entry(key.clone()), document.clone());
        assert_eq!(found, Ok((entries.to_owned(), met)), "{key:?} of {document:?}");
    };
    let a = || doc! { "a": 1 };
    is(a(), doc! { "a": 5 }, "5", 0);
    is(a(), doc! { "b": 5 }, "-", 0);
    is(a(), doc! { "a": null }, "null", 0);
    is(a(), doc! { "a": [] }, "undefined", 1);
    is(a(), doc! { "a": [2, 1, 2.0, null] }, "null, 1, 2", 1);
    is(a(), doc! { "a": [[1, 2], 3, []] }, "3, [], [1, 2]", 1);
    is(doc! { "a": -1 }, doc! { "a": [1, "x"] }, "\"x\", 1", 1);
    let ab = || doc! { "a.b": 1 };
    is(ab(), doc! { "a": {"b": 1_i64} }, "Long(1)", 0);
    is(ab(), doc! { "a": 5 }, "-", 0);
    is(ab(), doc! { "a": [] }, "-", 1);
    is(ab(), doc! { "a": [{"b": 1}, {"b": [2, 3]}, {}, 4] }, "-, 1, 2, 3", 1);
    is(ab(), doc! { "a": {"b": [{"c": 1}]} }, "{\"c\": 1}", 1);
    let both = || doc! { "a.b": 1, "a.c": -1 };
    is(both(), doc! { "a": [{"b": 1, "c": 2}, {"b": 3}] }, "1 2, 3 -", 0b11);
    is(both(), doc! { "a": [{"b": [1, 2], "c": 3}] }, "1 3, 2 3", 0b11);
    is(doc! { "x": 1, "a": 1 }, doc! { "x": "k", "a": [1, 2] }, "\"k\" 1, \"k\" 2", 0b10);
    is(doc! { "a.0": 1 }, doc! { "a": [4, 5] }, "4", 1);
    is(doc! { "a.0.b": 1 }, doc! { "a": [{"b": [1, 2]}, 5] }, "1, 2", 1);
    is(doc! { "a.5": 1 }, doc! { "a": [4, 5] }, "-", 1);
    is(doc! { "a.0": 1 }, doc! { "a": {"0": 9} }, "9", 0);
}

#[test]
fn arrays_side_by_side_are_refused() {
    let two = entry(doc! { "a": 1, "b": 1 });
    assert_eq!(derive(&two, doc! { "a": [1], "b": [2] }), Err(171));
    assert_eq!(derive(&two, doc! { "a": [], "b": [2] }), Err(171));
    assert_eq!(derive(&two, doc! { "a": 1, "b": [2] }), Ok(("1 2".to_owned(), 2)));
    let inner = entry(doc! { "a.b": 1, "a.c": 1 });
    assert_eq!(derive(&inner, doc! { "a": [{"b": [1], "c": [1]}] }), Err(171));
    assert_eq!(derive(&entry(doc! { "a.0": 1 }), doc! { "a": [{"0": 1}] }), Err(16746));
    assert_eq!(derive(&entry(doc! { "a": 1 }), doc! { "a": ("x".repeat(66_000)) }), Err(17280));
}

#[test]
fn sparse_indexes_leave_out_what_has_no_field() {
    let model = IndexModel::new(doc! { "a.b": 1, "c": 1 }).sparse();
    let sparse = model.to_entry().unwrap();
    let is = |document, entries: &str| {
        assert_eq!(derive(&sparse, document).unwrap().0, entries);
    };
    is(doc! {}, "");
    is(doc! { "c": null }, "- null");
    is(doc! { "a": [{"b": 1}, {}] }, "1 -");
    is(doc! { "a": [{"b": 1}, {}], "c": 2 }, "- 2, 1 2");
}

#[test]
fn the_types_of_equal_values_come_back() {
    let shape = Shape::of(&entry(doc! { "a": 1, "b": -1, "c": 1 })).unwrap();
    let mut entries = Entries::default();
    let one = doc! { "a": 1_i64, "b": -0.0 };
    shape.derive(&one, 1, &mut entries).unwrap();
    let (key, value) = entries.iter().next().unwrap();
    let fields = shape.decode(key, value).unwrap();
    assert_eq!(format!("{fields:?}"), "[Some(Long(1)), Some(-0.0), None]");
    let fields_of = shape.fields_of(key).to_vec();
    let two = doc! { "a": 1.0, "b": 0, "c": null };
    let mut others = Entries::default();
    shape.derive(&two, 1, &mut others).unwrap();
    let (key, value) = others.iter().next().unwrap();
    assert_eq!(fields_of, shape.fields_of(key), "equal values have one key");
    assert_eq!(shape.decode(key, value).unwrap().last(), Some(&Some(Value::Null)));
}

#[test]
fn no_bytes_of_an_entry_panic() {
    let mut random = crate::env::sim::Random::new(1);
    let unique = IndexModel::new(doc! { "a": 1, "b": -1 }).unique().to_entry().unwrap();
    for entry in [unique, entry(doc! { "a": 1 })] {
        let shape = Shape::of(&entry).unwrap();
        for _ in 0..5000 {
            let bytes = |random: &mut crate::env::sim::Random| -> Vec<u8> {
                (0..random.below(24)).map(|_| random.below(256) as u8).collect()
            };
            let (key, value) = (bytes(&mut random), bytes(&mut random));
            let _ = (shape.row(&key, &value), shape.decode(&key, &value));
        }
    }
}

#[test]
fn a_change_touches_the_indexes_that_it_may_change() {
    let shape = Shape::of(&entry(doc! { "a.b": 1, "c.0.d": 1 })).unwrap();
    let touches = |path: &str| shape.touches(&Path::parse(path).unwrap());
    for path in ["a", "a.b", "a.b.c", "a.3.b", "c", "c.d", "c.7.d", "c.1"] {
        assert!(touches(path), "{path}");
    }
    for path in ["b", "a.c", "a.0.c", "ab", "c.e"] {
        assert!(!touches(path), "{path}");
    }
}

/// An entry of the catalog, and the entries of a document in an index of its: the sample of
/// `docs/formats/documents.md`.
#[test]
fn the_sample_of_the_format_is_read() {
    let model = IndexModel::new(doc! { "a": 1, "b.c": -1 });
    let mut indexes = vec![IndexEntry::of_id()];
    indexes.push(IndexEntry { id: 2, ..model.clone().unique().to_entry().unwrap() });
    indexes.push(IndexEntry { id: 3, ..model.with_name("other").to_entry().unwrap() });
    let document = doc! { "_id": 1, "a": [1, 2.5, null], "b": {"c": "x"} };
    let mut sample = doc! { "document": (document.borrow()) };
    for index in indexes.iter_mut().skip(1) {
        let (shape, mut entries) = (Shape::of(index).unwrap(), Entries::default());
        index.note(shape.derive(&document, 258, &mut entries).unwrap());
        let bytes = |bytes: &[u8]| Value::from(Binary::generic(bytes.to_vec()));
        let all = entries.iter().map(|(key, value)| array![(bytes(key)), (bytes(value))].into());
        sample.push(index.name.clone(), all.collect::<Vec<Value<'_>>>());
    }
    let created = DateTime::from_millis(1_700_000_000_000);
    let entry = CollectionEntry { id: 9, created, options: doc! {}, next_index: 4, indexes };
    sample.push("catalog", Binary::generic(entry.to_bytes().unwrap()));
    let made = sample.to_bytes().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/documents-v1");
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read(path).unwrap(), made, "the format has changed");
}
