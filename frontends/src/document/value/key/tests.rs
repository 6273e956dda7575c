//! Keys against the order, and back.

use proptest::prelude::*;

use super::*;
use crate::array;
use crate::document::value::tests::generate::{number, same, value};
use crate::document::value::{Decimal128, Number};

const BOTH: [Direction; 2] = [Direction::Ascending, Direction::Descending];

fn key(values: &[Option<Value<'_>>], directions: &[Direction]) -> (Vec<u8>, TypeBits) {
    let (mut key, mut types) = (Vec::new(), TypeBits::new());
    for (value, direction) in values.iter().zip(directions) {
        encode_typed(&mut key, &mut types, value.as_ref(), *direction);
    }
    let mut plain = Vec::new();
    for (value, direction) in values.iter().zip(directions) {
        encode(&mut plain, value.as_ref(), *direction);
    }
    assert_eq!(key, plain, "types are apart");
    (key, types)
}

fn one(value: impl Into<Value<'static>>) -> Vec<u8> {
    key(&[Some(value.into())], &[Direction::Ascending]).0
}

fn decimal(text: &str) -> Value<'static> {
    Decimal128::parse(text).unwrap().into()
}

/// Asserts that each of the values is given back, and nothing is left.
fn assert_comes_back(values: &[Option<Value<'_>>], directions: &[Direction]) {
    let (key, types) = key(values, directions);
    let (mut rest, mut types) = (&key[..], TypeBitsReader::new(types.as_bytes()));
    for (value, direction) in values.iter().zip(directions) {
        let found = decode(&mut rest, *direction, &mut types).unwrap();
        let equal = match (value, &found) {
            (Some(a), Some(b)) => same(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        assert!(equal, "{value:?} came back as {found:?} from {key:02x?}");
    }
    assert!(rest.is_empty());
}

#[test]
fn small_numbers_are_short() {
    let hex = |value| one(value).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(Value::Int32(0)), "2c");
    assert_eq!(hex(Value::Int32(1)), "2e02");
    assert_eq!(hex(Value::Int32(-1)), "2afd");
    assert_eq!(hex(Value::Int32(127)), "2efe");
    assert_eq!(hex(Value::Int32(128)), "2f0100");
    assert_eq!(hex(Value::Int64(i64::MAX)), "35fffffffffffffffe");
    assert_eq!(hex(Value::Int64(i64::MIN)), "22783fffffffffffff");
    assert_eq!(hex(Value::Double(1.5)), "2e0380");
    assert_eq!(hex(Value::Double(0.5)), "2dff80000000000000");
    assert_eq!(hex(decimal("0.1")), "2dfee6666666666665200014");
    assert_eq!(hex(decimal("19.99")), "2e27fdb9297b7151f5e1200227c6");
    assert_eq!(hex("a".into()), "60610001");
    assert_eq!(hex("a\0".into()), "606100ff0001");
    assert_eq!(hex(array![1, "b"].into()), "682e026062000100");
    assert_eq!(hex(crate::doc! {"a": true}.into()), "64746100017500");
}

#[test]
fn equal_values_have_one_key_and_usual_types_no_bits() {
    let ones = [Value::Int32(1), 1_i64.into(), 1.0.into(), decimal("1"), decimal("1.00")];
    for value in &ones {
        assert_eq!(one(value.clone()), one(1));
    }
    let bits = |value| key(&[Some(value)], &[Direction::Ascending]).1.as_bytes().to_vec();
    let usual = [Value::Int32(7), (1_i64 << 40).into(), 0.25.into(), decimal("0.1"), "a".into()];
    for value in usual {
        assert_eq!(bits(value.clone()), [], "{value:?}");
    }
    for value in [Value::Int64(7), 7.0.into(), decimal("7"), Value::Symbol("a".into())] {
        assert_ne!(bits(value.clone()), [], "{value:?}");
    }
}

#[test]
fn a_range_of_first_bytes_holds_a_type() {
    for (_, value) in &crate::document::value::tests::all() {
        for direction in BOTH {
            let (key, _) = key(&[Some(value.clone())], &[direction]);
            for kind in Kind::all() {
                let inside = first_bytes(kind, direction).contains(&key[0]);
                assert_eq!(inside, kind.rank() == value.kind().rank(), "{value:?} and {kind:?}");
            }
        }
    }
}

#[test]
fn missing_and_undefined_share_a_key_and_are_told_apart() {
    assert_eq!(key(&[None], &[Direction::Ascending]).0, one(Value::Undefined));
    for direction in BOTH {
        assert_comes_back(&[None, Some(Value::Undefined), Some(Value::Null)], &[direction; 3]);
    }
}

#[test]
fn every_cut_of_a_key_is_refused() {
    let value = Value::Document(crate::document::value::tests::all());
    let (key, types) = key(&[Some(value)], &[Direction::Descending]);
    for len in 0..key.len() {
        let mut types = TypeBitsReader::new(types.as_bytes());
        let error = decode(&mut &key[..len], Direction::Descending, &mut types).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt, "{len} bytes");
    }
}

#[test]
fn keys_are_those_of_the_sample() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/document-key-v1");
    let all = crate::document::value::tests::all();
    let numbers = [
        "0", "-1", "1.5", "0.5", "300", "1E+19", "1E-7", "19.99", "-0.00", "1E+6000", "NaN", "-inf",
    ];
    let numbers = numbers.map(decimal);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut lines = String::new();
    for value in all.iter().map(|(_, value)| value).chain(numbers.iter().map(Value::borrow)) {
        let (ascending, types) = key(&[Some(value.borrow())], &[BOTH[0]]);
        let (descending, _) = key(&[Some(value.borrow())], &[BOTH[1]]);
        let [ascending, descending, types] =
            [&ascending[..], &descending, types.as_bytes()].map(hex);
        lines += &format!("{ascending} {descending} [{types}] {value:?}\n");
    }
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &lines).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), lines);
}

#[test]
fn keys_nested_without_end_are_refused() {
    let key = vec![tag::ARRAY; 100_000];
    let mut types = TypeBitsReader::new(&[]);
    assert!(decode(&mut &key[..], Direction::Ascending, &mut types).is_err());
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(BOTH.to_vec())
}

fn optional() -> impl Strategy<Value = Option<Value<'static>>> {
    prop_oneof![1 => Just(None), 9 => value().prop_map(Some)]
}

fn order(values: [&Value<'_>; 2], direction: Direction) -> std::cmp::Ordering {
    let order = values[0].compare(values[1]);
    if direction == Direction::Descending { order.reverse() } else { order }
}

proptest! {
    #[test]
    fn keys_are_in_the_order_of_values(a in value(), b in value(), direction in direction()) {
        let bytes = |value: &Value<'static>| key(&[Some(value.clone())], &[direction]).0;
        prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), order([&a, &b], direction));
    }

    #[test]
    fn keys_of_numbers_are_in_their_order(
        a in number(), b in number(), direction in direction(), tail in any::<[u8; 2]>(),
    ) {
        let (a, b) = (Value::from(a), Value::from(b));
        let bytes = |value: &Value<'static>, tail: u8| {
            let mut key = key(&[Some(value.clone())], &[direction]).0;
            key.push(tail);
            key
        };
        // What follows decides only between equal values.
        let expected = order([&a, &b], direction).then(tail[0].cmp(&tail[1]));
        prop_assert_eq!(bytes(&a, tail[0]).cmp(&bytes(&b, tail[1])), expected);
    }

    #[test]
    fn compound_keys_compare_field_by_field(
        a in prop::collection::vec(optional(), 3),
        b in prop::collection::vec(optional(), 3),
        shared in 0..3_usize,
        directions in prop::collection::vec(direction(), 3),
    ) {
        let mut b = b;
        b[..shared].clone_from_slice(&a[..shared]);
        let fields = a.iter().zip(&b).zip(&directions);
        let expected = fields.fold(std::cmp::Ordering::Equal, |order, ((a, b), direction)| {
            let next = Value::compare_optional(a.as_ref(), b.as_ref());
            order.then(if *direction == Direction::Descending { next.reverse() } else { next })
        });
        prop_assert_eq!(key(&a, &directions).0.cmp(&key(&b, &directions).0), expected);
    }

    #[test]
    fn values_come_back_from_keys(
        values in prop::collection::vec(optional(), 1..4),
        numbers in prop::collection::vec(number(), 4),
        directions in prop::collection::vec(direction(), 4),
    ) {
        assert_comes_back(&values, &directions);
        let number = |number: Number| Some(number.into());
        let numbers: Vec<_> = numbers.into_iter().map(number).collect();
        assert_comes_back(&numbers, &directions);
    }

    #[test]
    fn no_bytes_make_decoding_panic(
        value in value(),
        change in (any::<prop::sample::Index>(), any::<u8>()),
        types in prop::collection::vec(any::<u8>(), 0..8),
        direction in direction(),
    ) {
        let (mut key, _) = key(&[Some(value)], &[direction]);
        let at = change.0.index(key.len());
        key[at] = change.1;
        let mut types = TypeBitsReader::new(&types);
        if let Ok(Some(value)) = decode(&mut &key[..], direction, &mut types) {
            encode(&mut key, Some(&value), direction);
        }
    }
}
