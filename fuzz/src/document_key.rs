//! Values as keys, against the order of values.
//!
//! ```text
//! input | switches | documents as BSON, in parts; the last part is read as a key
//! ```
//!
//! Switches: 0 the key to be read is descending; 1 the documents' lengths are made right.

use cuesta::document::value::key::{Direction, TypeBits, TypeBitsReader, decode, encode_typed};
use cuesta::document::value::{
    Binary, DateTime, DbPointer, Decimal128, Document, Limits, ObjectId, RawDocument, Regex,
    Timestamp, Value,
};
use cuesta::{array, doc};

use crate::bson::set_length;
use crate::input::{joined, parts, switches};

/// Values that are compared with each other.
const VALUES_MAX: usize = 24;

/// Makes keys of the values of all fields.
///
/// Asserts for each pair of them that the order of keys is that of values, in both directions and
/// whatever follows; that each comes back from its key as it was, types included; that so do all
/// of them from one compound key. Reads the last part as a key.
pub fn bytes_document_key(bytes: &[u8]) {
    let (switches, rest) = switches(bytes);
    let mut parts = parts(rest);
    let last = parts.pop().unwrap_or_default();
    if switches.on(1) {
        parts.iter_mut().for_each(|part| set_length(part));
    }
    let documents =
        parts.iter().filter_map(|part| RawDocument::check(part, &Limits::default()).ok());
    let values: Vec<Value<'_>> =
        documents.flat_map(|it| it.iter().map(|(_, value)| value)).take(VALUES_MAX).collect();
    for direction in [Direction::Ascending, Direction::Descending] {
        let keys: Vec<Vec<u8>> = values.iter().map(|value| key(value, direction)).collect();
        for (a, a_key) in values.iter().zip(&keys) {
            for (b, b_key) in values.iter().zip(&keys) {
                let order = a.compare(b);
                let order = if direction == Direction::Ascending { order } else { order.reverse() };
                assert_eq!(a_key.cmp(b_key), order, "{a:?} and {b:?}");
                let prefix = a_key.len() < b_key.len() && b_key.starts_with(a_key);
                assert!(!prefix, "the key of {b:?} begins with that of {a:?}");
            }
        }
    }
    comes_back(&values);
    let direction = if switches.on(0) { Direction::Descending } else { Direction::Ascending };
    let types: Vec<u8> = last.iter().rev().take(8).copied().collect();
    let (mut rest, mut reader) = (&last[..], TypeBitsReader::new(&types));
    while let Ok(found) = decode(&mut rest, direction, &mut reader) {
        // What bytes of others say is a value like any other.
        comes_back(&found.into_iter().collect::<Vec<_>>());
    }
}

/// The key of a value, which has come back from it.
fn key(value: &Value<'_>, direction: Direction) -> Vec<u8> {
    let (mut key, mut types) = (Vec::new(), TypeBits::new());
    encode_typed(&mut key, &mut types, Some(value), direction);
    let (mut rest, mut reader) = (&key[..], TypeBitsReader::new(types.as_bytes()));
    let found = decode(&mut rest, direction, &mut reader).expect("a key that was just made");
    let found = found.expect("a value that is not missing");
    assert!(rest.is_empty());
    assert_eq!(&found, value);
    assert_eq!(format!("{found:?}"), format!("{value:?}"), "another type or form came back");
    key
}

/// Has all values come back from one key, every second one descending.
fn comes_back(values: &[Value<'_>]) {
    let directions = [Direction::Ascending, Direction::Descending];
    let (mut key, mut types) = (Vec::new(), TypeBits::new());
    for (value, direction) in values.iter().zip(directions.into_iter().cycle()) {
        encode_typed(&mut key, &mut types, Some(value), direction);
    }
    let (mut rest, mut reader) = (&key[..], TypeBitsReader::new(types.as_bytes()));
    for (value, direction) in values.iter().zip(directions.into_iter().cycle()) {
        let found = decode(&mut rest, direction, &mut reader).expect("a key that was just made");
        let found = found.expect("a value that is not missing");
        assert_eq!(format!("{found:?}"), format!("{value:?}"));
    }
    assert!(rest.is_empty());
}

/// Values of all types, some of them equal.
pub(crate) fn some_values() -> Vec<Value<'static>> {
    let decimal = |text| Value::Decimal128(Decimal128::parse(text).expect("a decimal"));
    let id = ObjectId::from_bytes(*b"twelve bytes");
    let scope = Value::JavaScriptWithScope(Box::new(("f".into(), doc! { "x": 1 })));
    vec![
        0.into(),
        1.into(),
        (-1_i64).into(),
        i64::MAX.into(),
        i64::MIN.into(),
        (-0.0).into(),
        0.1.into(),
        1.5.into(),
        1e300.into(),
        5e-324.into(),
        f64::NAN.into(),
        decimal("1.00"),
        decimal("0.1"),
        decimal("1E+6000"),
        decimal("-9007199254740993.5"),
        decimal("0E-20"),
        "".into(),
        "a\0b".into(),
        Value::Symbol("a".into()),
        Value::Null,
        Value::Undefined,
        true.into(),
        doc! { "a": 1, "b": [] }.into(),
        array![1, 2.0, [null]].into(),
        Value::Binary(Binary { subtype: 2, bytes: vec![1, 2].into() }),
        Value::ObjectId(id),
        Value::DateTime(DateTime::from_millis(-1)),
        Value::Timestamp(Timestamp::from_u64(9)),
        Regex::new("a", "i").expect("a pattern").into(),
        DbPointer::new("c", id).into(),
        Value::JavaScript("f".into()),
        scope,
        Value::MinKey,
        Value::MaxKey,
    ]
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let part = |values: &[Value<'static>]| {
        let fields = values.iter().map(|value| ("", value.clone()));
        fields.collect::<Document<'_>>().to_bytes().expect("a small document")
    };
    let values = some_values();
    let key = |value: &Value<'_>, direction| {
        let (mut key, mut types) = (Vec::new(), TypeBits::new());
        encode_typed(&mut key, &mut types, Some(value), direction);
        key
    };
    let (numbers, others) = values.split_at(16);
    vec![
        joined(2, &[part(numbers), key(&numbers[7], Direction::Ascending)]),
        joined(3, &[part(others), key(&others[6], Direction::Descending)]),
        joined(
            0,
            &[part(&values[..3]), part(&values[8..20]), key(&values[14], Direction::Ascending)],
        ),
        joined(3, &[part(&values[22..]), key(&values[22], Direction::Descending)]),
    ]
}
