//! Values of all types at random, with more than chance's share of those that are nearly equal.

use proptest::prelude::*;

use crate::document::value::*;

/// A number of any type. Half of them are worth one of few things.
pub fn number() -> impl Strategy<Value = Number> {
    prop_oneof![few(), few(), any_number()]
}

/// A few worths, each in every type that can have it, or in its nearest.
fn few() -> impl Strategy<Value = Number> {
    let worths = prop::sample::select(vec![
        "0",
        "-0",
        "1",
        "1.0",
        "-1",
        "0.5",
        "0.1",
        "2",
        "9",
        "10",
        "127",
        "128",
        "-128",
        "1E+1",
        "100",
        "1.00E+2",
        "1E+22",
        "1E+23",
        "1E-7",
        "2147483647",
        "2147483648",
        "-2147483649",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "4611686018427387905.5",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "1E+19",
        "1E+300",
        "1E+400",
        "-1E+400",
        "1E-300",
        "1E-400",
        "4.9406564584124654E-324",
        "NaN",
        "Infinity",
        "-Infinity",
        "0E+9",
        "0E-6176",
        "0.1000000000000000055511151231257827",
        "3.75",
        "-3.75",
        "1.0000000000000000000000000000001",
        "255.996",
        "9.999999999999999999999999999999999E+6144",
    ]);
    let change = prop::sample::select(vec![0, 1, -1]);
    (worths, 0..4, change).prop_map(|(text, width, change)| {
        let decimal = Decimal128::parse(text).unwrap();
        let whole = Number::Decimal128(decimal).truncated_to_i64().unwrap_or(i64::MAX);
        let near = whole.saturating_add(change);
        match width {
            0 => Number::Int32(near as i32),
            1 => Number::Int64(near),
            2 if change > 0 => Number::Double(Number::Decimal128(decimal).to_f64().next_up()),
            2 => Number::Double(Number::Decimal128(decimal).to_f64()),
            _ => Number::Decimal128(decimal),
        }
    })
}

fn any_number() -> impl Strategy<Value = Number> {
    let coefficient = prop_oneof![0..1_000_u128, 0..10_u128.pow(34)];
    let exponent = prop_oneof![-40..40_i32, -6176..6112_i32];
    prop_oneof![
        any::<i32>().prop_map(Number::Int32),
        any::<i64>().prop_map(Number::Int64),
        any::<u64>().prop_map(|bits| Number::Double(f64::from_bits(bits))),
        any::<i64>().prop_map(|number| Number::Double(number as f64)),
        (any::<i32>(), 0..60).prop_map(|(mantissa, power)| {
            Number::Double(f64::from(mantissa) / (1_u64 << power) as f64)
        }),
        any::<[u8; 16]>().prop_map(|bytes| Number::Decimal128(Decimal128::from_bytes(bytes))),
        (any::<bool>(), coefficient, exponent).prop_map(|(negative, coefficient, exponent)| {
            let sign = if negative { "-" } else { "" };
            let parsed = Decimal128::parse(&format!("{sign}{coefficient}E{exponent}"));
            Number::Decimal128(parsed.unwrap_or(Decimal128::INFINITY))
        }),
        any::<f64>().prop_map(|number| Number::Decimal128(Decimal128::from_f64_precise(number))),
        (any::<i64>(), 0..20).prop_map(|(mantissa, power)| {
            let unit = Decimal128::from(1_i64 << power);
            Number::Decimal128(Decimal128::from(mantissa).divided_by(unit))
        }),
    ]
}

/// Short texts, zeros and all planes of Unicode among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(vec!['a', 'b', '\0', '\u{1}', '\u{ff}']), 0..4)
            .prop_map(|letters| letters.into_iter().collect()),
        ".{0,6}",
    ]
}

/// A name of a field.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "ab", "0", "$a", "a.b"]).prop_map(str::to_string)
}

fn object_id() -> impl Strategy<Value = ObjectId> {
    prop_oneof![Just([0; 12]), any::<[u8; 12]>()].prop_map(ObjectId::from_bytes)
}

fn leaf() -> impl Strategy<Value = Value<'static>> {
    let few_bytes = prop::collection::vec(prop_oneof![Just(0), Just(255), any::<u8>()], 0..5);
    let bytes = prop_oneof![4 => few_bytes, 1 => prop::collection::vec(any::<u8>(), 250..260)];
    prop_oneof![
        6 => number().prop_map(Value::from),
        4 => text().prop_map(Value::from),
        1 => text().prop_map(|text| Value::Symbol(text.into())),
        1 => text().prop_map(|text| Value::JavaScript(text.into())),
        2 => (prop_oneof![Just(0), Just(2), any::<u8>()], bytes)
            .prop_map(|(subtype, bytes)| Value::Binary(Binary { subtype, bytes: bytes.into() })),
        1 => object_id().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => prop_oneof![-2..2_i64, any::<i64>()]
            .prop_map(|millis| Value::DateTime(DateTime::from_millis(millis))),
        1 => prop_oneof![0..2_u64, any::<u64>()]
            .prop_map(|number| Value::Timestamp(Timestamp::from_u64(number))),
        1 => (text(), "[ims]{0,2}").prop_map(|(pattern, options)| {
            Value::Regex(Regex::new(&pattern.replace('\0', ""), &options).unwrap())
        }),
        1 => (text(), object_id())
            .prop_map(|(name, id)| Value::DbPointer(DbPointer::new(name, id))),
        2 => prop::sample::select(vec![
            Value::Null, Value::Undefined, Value::MinKey, Value::MaxKey,
        ]),
    ]
}

/// Fields of values, of different names.
fn fields(
    value: impl Strategy<Value = Value<'static>>,
) -> impl Strategy<Value = Document<'static>> {
    prop::collection::vec((name(), value), 0..4).prop_map(|fields| {
        let mut document = Document::new();
        for (name, value) in fields {
            document.insert(name, value);
        }
        document
    })
}

/// Any value, a few levels deep.
pub fn value() -> impl Strategy<Value = Value<'static>> {
    leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            2 => fields(inner.clone()).prop_map(Value::Document),
            2 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            1 => (text(), fields(inner)).prop_map(|(code, scope)| {
                Value::JavaScriptWithScope(Box::new((code.into(), scope)))
            }),
        ]
    })
}

/// Any document.
pub fn document() -> impl Strategy<Value = Document<'static>> {
    fields(value())
}

/// Whether two values are the same, types, forms of numbers and names included; not-a-numbers of
/// one type are.
pub fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    let bytes = |value: &Value<'_>| {
        let value = match value {
            Value::Double(number) if number.is_nan() => Value::Double(f64::NAN),
            other => other.borrow(),
        };
        Document::from_iter([("", value)]).to_bytes().unwrap()
    };
    match (a, b) {
        (Value::Decimal128(a), Value::Decimal128(b)) => a.to_string() == b.to_string(),
        (Value::Document(a), Value::Document(b)) => same_fields(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(&a, &b))
        }
        (Value::JavaScriptWithScope(a), Value::JavaScriptWithScope(b)) => {
            a.0 == b.0 && same_fields(&a.1, &b.1)
        }
        _ => a.kind() == b.kind() && bytes(a) == bytes(b),
    }
}

fn same_fields(a: &Document<'_>, b: &Document<'_>) -> bool {
    a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
}
