//! Objects that stand for values of types that JSON does not have.

use std::borrow::Cow;

use super::super::decimal::Decimal128;
use super::super::{Binary, DateTime, DbPointer, Field, Number, ObjectId, Regex, Timestamp, Value};
use crate::document::failure;
use crate::{Result, base64};

/// The value that an object of these fields stands for; `None` if it stands for itself.
///
/// # Errors
/// Code 9 when it has a name of one that does, and not what goes with it.
pub fn unwrap(fields: &[Field<'static>]) -> Result<Option<Value<'static>>> {
    let known = fields.iter().find_map(|(name, value)| {
        let rule = RULES.iter().find(|(known, _)| known == name)?;
        Some((rule, value))
    });
    let Some(((name, rule), value)) = known else { return Ok(None) };
    match rule(value, fields) {
        Some(found) => Ok(Some(found)),
        None => Err(failure::failed_to_parse(format!("JSON: not a sound {name}: {value:?}"))),
    }
}

/// Makes a value of what goes with a name, and of all fields.
type Rule = fn(&Value<'static>, &[Field<'static>]) -> Option<Value<'static>>;

const RULES: &[(&str, Rule)] = &[
    ("$oid", |value, all| alone(all, ObjectId::parse(value.as_str()?).ok()?)),
    ("$symbol", |value, all| alone(all, Value::Symbol(Cow::Owned(value.as_str()?.to_owned())))),
    ("$numberInt", |value, all| alone(all, value.as_str()?.parse::<i32>().ok()?)),
    ("$numberLong", |value, all| alone(all, value.as_str()?.parse::<i64>().ok()?)),
    ("$numberDouble", |value, all| alone(all, double(value.as_str()?)?)),
    ("$numberDecimal", |value, all| alone(all, Decimal128::parse(value.as_str()?).ok()?)),
    ("$binary", binary),
    ("$uuid", uuid),
    ("$code", code),
    ("$timestamp", |value, all| {
        let part = |name| {
            let number = value.as_document()?.get(name)?.number()?;
            u32::try_from(number.to_exact_i64()?).ok()
        };
        alone(all, Timestamp { seconds: part("t")?, increment: part("i")? })
    }),
    ("$regularExpression", |value, all| {
        let parts = value.as_document()?;
        let (pattern, options) = (parts.get("pattern")?, parts.get("options")?);
        alone(all, Regex::new(pattern.as_str()?, options.as_str()?).ok()?)
    }),
    ("$dbPointer", |value, all| {
        let parts = value.as_document()?;
        let (namespace, id) = (parts.get("$ref")?, parts.get("$id")?);
        let Value::ObjectId(id) = id else { return None };
        alone(all, DbPointer::new(namespace.as_str()?.to_owned(), id))
    }),
    ("$date", |value, all| {
        let date = match value {
            Value::String(text) => DateTime::parse(text).ok()?,
            number => DateTime::from_millis(number.number()?.to_exact_i64()?),
        };
        alone(all, date)
    }),
    ("$minKey", |value, all| one(value).and_then(|()| alone(all, Value::MinKey))),
    ("$maxKey", |value, all| one(value).and_then(|()| alone(all, Value::MaxKey))),
    ("$undefined", |value, all| {
        value.as_bool().filter(|truth| *truth).and_then(|_| alone(all, Value::Undefined))
    }),
];

/// The value, if no other field comes with it.
fn alone(all: &[Field<'_>], value: impl Into<Value<'static>>) -> Option<Value<'static>> {
    (all.len() == 1).then(|| value.into())
}

fn one(value: &Value<'_>) -> Option<()> {
    let number = value.number()?;
    number.compare(Number::Int32(1)).is_eq().then_some(())
}

/// A double as canonical JSON has it in a text.
fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Of the words that Rust takes for numbers, none holds only these letters.
        _ => {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            text.parse().ok().filter(|_| plain)
        }
    }
}

/// `{"$binary": {"base64": ..., "subType": ...}}`, or in older texts
/// `{"$binary": ..., "$type": ...}`.
fn binary(value: &Value<'static>, all: &[Field<'static>]) -> Option<Value<'static>> {
    let (text, subtype) = match (value, all) {
        (Value::Document(parts), [_]) if parts.len() == 2 => {
            (parts.get("base64")?, parts.get("subType")?)
        }
        (Value::String(_), [first, second]) => {
            let other = if first.0 == "$type" { first } else { second };
            (value.borrow(), (other.0 == "$type").then(|| other.1.borrow())?)
        }
        _ => return None,
    };
    let subtype = match &subtype {
        Value::String(hex) if matches!(hex.len(), 1 | 2) => u8::from_str_radix(hex, 16).ok()?,
        number => u8::try_from(number.number()?.to_exact_i64()?).ok()?,
    };
    let bytes = base64::decode(text.as_str()?.as_bytes())?;
    Some(Value::Binary(Binary { subtype, bytes: bytes.into() }))
}

fn uuid(value: &Value<'static>, all: &[Field<'static>]) -> Option<Value<'static>> {
    let uuid = uuid::Uuid::try_parse(value.as_str()?).ok()?;
    alone(all, Binary { subtype: Binary::UUID, bytes: uuid.into_bytes().to_vec().into() })
}

fn code(value: &Value<'static>, all: &[Field<'static>]) -> Option<Value<'static>> {
    let code = Cow::Owned(value.as_str()?.to_owned());
    match all {
        [_] => Some(Value::JavaScript(code)),
        [_, _] => {
            let (_, scope) = all.iter().find(|(name, _)| name == "$scope")?;
            let scope = scope.as_document()?.clone();
            Some(Value::JavaScriptWithScope(Box::new((code, scope))))
        }
        _ => None,
    }
}
