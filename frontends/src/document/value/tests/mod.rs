//! Values by example. Random ones are in the files of this folder.

use std::cmp::Ordering;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::ControlFlow;

use super::*;
use crate::document::failure::Failure;
use crate::{array, doc};

pub mod generate;
mod laws;

pub fn hash(value: &Value<'_>) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// One value of every type.
pub fn all() -> Document<'static> {
    doc! {
        "double": 1.5, "string": "text", "document": {"a": {}}, "array": [1, [2]],
        "binary": (Binary { subtype: 5, bytes: vec![1, 2].into() }),
        "old": (Binary { subtype: 2, bytes: vec![3].into() }),
        "undefined": (Value::Undefined),
        "id": (ObjectId::from_bytes([7; 12])), "bool": true,
        "date": (DateTime::from_millis(-1)), "null": null,
        "regex": (Regex::new("a+", "mi").unwrap()),
        "pointer": (DbPointer::new("db.c", ObjectId::from_bytes([8; 12]))),
        "code": (Value::JavaScript("f()".into())), "symbol": (Value::Symbol("s".into())),
        "scope": (Value::JavaScriptWithScope(Box::new(("g()".into(), doc! {"x": 1})))),
        "int": 1, "timestamp": (Timestamp { seconds: 1, increment: 2 }), "long": 1_i64,
        "decimal": (Decimal128::from_bytes([1; 16])), "min": (Value::MinKey),
        "max": (Value::MaxKey),
    }
}

#[test]
fn bytes_are_as_the_specification_shows_them() {
    let bytes = doc! {"hello": "world"}.to_bytes().unwrap();
    assert_eq!(bytes, b"\x16\0\0\0\x02hello\0\x06\0\0\0world\0\0");
    let bytes = doc! {"BSON": ["awesome", 5.05, 1986]}.to_bytes().unwrap();
    let expected = b"\x31\0\0\0\x04BSON\0\x26\0\0\0\x020\0\x08\0\0\0awesome\0\
        \x011\0\x33\x33\x33\x33\x33\x33\x14\x40\x102\0\xc2\x07\0\0\0\0";
    assert_eq!(bytes, expected);
}

#[test]
fn every_type_comes_back_from_bytes() {
    let document = all();
    let bytes = document.to_bytes().unwrap();
    let raw = RawDocument::check(&bytes, &Limits::default()).unwrap();
    assert_eq!(Document::from_raw(raw), document);
    assert_eq!(format!("{raw:?}"), format!("{document:?}"));
    for (name, value) in &document {
        assert_eq!(raw.get(name).map(|value| value.kind()), Some(value.kind()), "{name}");
    }
    let again = Document::from_fields(Document::from_raw(raw).into_fields());
    assert_eq!(again.to_bytes().unwrap(), bytes);
    assert_eq!(Document::from_raw(raw).into_static().to_bytes().unwrap(), bytes);
}

#[test]
fn every_cut_and_every_changed_byte_is_refused_or_read() {
    let bytes = all().to_bytes().unwrap();
    for len in 0..bytes.len() {
        assert!(RawDocument::check(&bytes[..len], &Limits::default()).is_err(), "{len} bytes");
    }
    for at in 0..bytes.len() {
        for byte in [0, 1, 2, 0x7f, 0x80, 0xff, bytes[at] ^ 1] {
            let mut changed = bytes.clone();
            changed[at] = byte;
            let trusted = Document::from_raw(RawDocument::trusted(&changed));
            let _ = (format!("{trusted:?}"), hash(&Value::Document(trusted.into_static())));
            if let Ok(raw) = RawDocument::check(&changed, &Limits::default()) {
                let fields = Document::from_fields(Document::from_raw(raw).into_fields());
                assert_eq!(fields.len(), all().len().min(fields.len()));
            }
        }
    }
}

#[test]
fn limits_are_errors_with_codes() {
    let code = |result: crate::Result<Vec<u8>>| Failure::of(&result.unwrap_err()).unwrap().code();
    let mut deep = doc! {};
    for _ in 0..99 {
        deep = doc! {"a": (deep)};
    }
    let bytes = deep.to_bytes().unwrap();
    let limits = Limits { depth_max: 99, ..Limits::default() };
    assert!(RawDocument::check(&bytes, &Limits::default()).is_ok());
    assert!(RawDocument::check(&bytes, &limits).is_err());
    assert_eq!(code(doc! {"a": (deep)}.to_bytes()), 15);
    assert_eq!(code(doc! {"a\0b": 1}.to_bytes()), 2);
    assert_eq!(code(doc! {"a": ("x".repeat(16 << 20))}.to_bytes()), 10334);
}

#[test]
fn types_are_ordered_as_documented() {
    let ascending: Vec<Value<'_>> = array![
        (Value::MinKey), (Value::Undefined), null, (f64::NAN), (f64::NEG_INFINITY), -1, 0.5, 1_i64,
        (f64::INFINITY), "", "a", {}, {"a": 1}, [], [1], (Binary::generic(vec![2])),
        (Binary::generic(vec![1, 1])), (ObjectId::from_bytes([0; 12])), false, true,
        (DateTime::from_millis(0)), (Timestamp::from_u64(0)), (Regex::new("a", "").unwrap()),
        (DbPointer::new("", ObjectId::from_bytes([0; 12]))), (Value::JavaScript("".into())),
        (Value::JavaScriptWithScope(Box::new(("".into(), doc! {})))), (Value::MaxKey)
    ]
    .into_items();
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(a.compare(b), i.cmp(&j), "{a:?} and {b:?}");
        }
    }
}

#[test]
fn numbers_compare_by_worth() {
    let two_53 = 1_i64 << 53;
    let order = |a: Value<'_>, b: Value<'_>| a.compare(&b);
    assert_eq!(order(1.into(), 1.0.into()), Ordering::Equal);
    assert_eq!(order((two_53 + 1).into(), (two_53 as f64).into()), Ordering::Greater);
    assert_eq!(order(i64::MAX.into(), 9_223_372_036_854_775_808.0.into()), Ordering::Less);
    assert_eq!(order(i64::MIN.into(), (i64::MIN as f64).into()), Ordering::Equal);
    assert_eq!(order((-1).into(), (-1.5).into()), Ordering::Greater);
    assert_eq!(order((-0.0).into(), 0.into()), Ordering::Equal);
    assert_eq!(order(f64::NAN.into(), f64::NAN.into()), Ordering::Equal);
    assert_eq!(order(f64::NAN.into(), i64::MIN.into()), Ordering::Less);
    for (a, b) in [(Value::from(1), Value::from(1.0)), (0.into(), (-0.0).into())] {
        assert_eq!(hash(&a), hash(&b), "{a:?} and {b:?}");
    }
}

#[test]
fn documents_compare_by_type_then_name_then_value() {
    assert!(doc! {"a": 2} < doc! {"b": 1});
    assert!(doc! {"b": 1} < doc! {"a": "x"});
    assert!(doc! {"a": 1} < doc! {"a": 1, "b": null});
    assert!(array![1, 2] < array![2]);
    assert_eq!(doc! {"a": 1_i64}, doc! {"a": 1.0});
}

#[test]
fn changes_of_a_copy_leave_the_original() {
    let bytes = doc! {"a": 1, "b": {"c": [1, 2]}}.to_bytes().unwrap();
    let original = Document::from_raw(RawDocument::trusted(&bytes));
    let mut copy = original.clone();
    assert_eq!(copy.insert("a", 2), Some(Value::Int32(1)));
    assert_eq!(copy.remove("b"), Some(Value::Document(doc! {"c": [1, 2]})));
    assert_eq!(copy.remove("b"), None);
    copy.insert("d", "new");
    assert_eq!(copy, doc! {"a": 2, "d": "new"});
    assert_eq!(original.get("a"), Some(Value::Int32(1)));
    let shared = copy.clone();
    copy.push("e", Value::Null);
    assert_eq!((shared.len(), copy.len()), (2, 3));
}

/// What a query finds, missing as undefined, with the index in the innermost array.
fn visited(
    document: &Document<'_>,
    path: &str,
    leaf: Leaf,
) -> Vec<(Value<'static>, Option<usize>)> {
    let mut found = Vec::new();
    let _ = Path::parse(path).unwrap().visit(document, leaf, |value, index| {
        found.push((value.unwrap_or(Value::Undefined).into_static(), index));
        ControlFlow::Continue(())
    });
    found
}

#[test]
fn queries_follow_paths_through_arrays_and_by_index() {
    let document = doc! {"a": [{"b": 1}, {"b": [2, 3]}, 4], "c": {"0": "name"}, "d": [[5, 6]]};
    let whole = |path| visited(&document, path, Leaf::Whole);
    let two_three = || Value::Array(array![2, 3]);
    assert_eq!(whole("a.b"), [(1.into(), Some(0)), (two_three(), Some(1))]);
    let elements = visited(&document, "a.b", Leaf::Elements);
    let inner = [(2.into(), Some(1)), (3.into(), Some(1)), (two_three(), Some(1))];
    assert_eq!(elements[1..], inner);
    let missing = || (Value::Undefined, Some(0));
    let found = [missing(), (Value::Undefined, Some(1)), (two_three(), None)];
    assert_eq!(whole("a.1.b"), found);
    assert_eq!(whole("a.2"), [missing(), (Value::Undefined, Some(1)), (4.into(), Some(2))]);
    assert_eq!(whole("c.0"), [("name".into(), None)]);
    assert_eq!(whole("d.0.1"), [(6.into(), Some(1))]);
    assert_eq!(whole("d.x"), []);
    assert_eq!(whole("x.y"), [(Value::Undefined, None)]);
    assert_eq!(visited(&document, "d.0", Leaf::Elements), [(array![5, 6].into(), Some(0))]);
}

#[test]
fn expressions_map_over_arrays_and_take_numbers_as_names() {
    let document = doc! {"a": [{"b": 1}, {"b": [2]}, 4, [{"b": 3}]], "c": {"0": 7}};
    let get = |path| Path::parse(path).unwrap().get_expression(&document).map(Value::into_static);
    assert_eq!(get("a.b"), Some(array![1, [2], [3]].into()));
    assert_eq!(get("a.0.b"), Some(array![[]].into()));
    assert_eq!(get("c.0"), Some(7.into()));
    assert_eq!(get("c.x.y"), None);
    assert_eq!(get("x"), None);
}

#[test]
fn identifiers_given_out_differ_and_tell_their_second() {
    let env = crate::env::sim::SimEnv::new(7);
    let (ids, others) = (ObjectIds::new(&*env), ObjectIds::new(&*env));
    let given: Vec<ObjectId> = (0..100).map(|_| ids.give(&*env)).collect();
    let different: std::collections::BTreeSet<_> = given.iter().copied().collect();
    assert_eq!(different.len(), 100);
    let giver = |id: ObjectId| id.bytes()[4..9].to_vec();
    assert_eq!(giver(given[0]), giver(given[99]));
    assert_ne!(giver(given[0]), giver(others.give(&*env)));
    let id = ObjectId::parse("57e193d7a9cc81b4027498b5").unwrap();
    assert_eq!(id.date_time().to_string(), "2016-09-20T19:53:59.000Z");
    assert_eq!(id.to_string(), "57e193d7a9cc81b4027498b5");
    assert!(ObjectId::parse("57e193d7a9cc81b4027498bg").is_err());
}

#[test]
fn names_of_every_length_are_found() {
    let names: Vec<String> = (0..40).map(|len| "n".repeat(len)).collect();
    let document: Document<'_> =
        names.iter().map(|name| (name.as_str(), name.len() as i64)).collect();
    let bytes = document.to_bytes().unwrap();
    let raw = RawDocument::check(&bytes, &Limits::default()).unwrap();
    for name in &names {
        assert_eq!(raw.get(name), Some(Value::Int64(name.len() as i64)));
    }
    assert_eq!(raw.get("m"), None);
    assert_eq!(raw.len(), 40);
}
