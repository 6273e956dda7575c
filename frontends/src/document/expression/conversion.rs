//! Values as other types: `$convert` and its short forms, `$type`, `$isNumber`.

use super::argument::check_text;
use super::binary_text;
use super::civil;
use super::date_text;
use super::date_value::moment;
use super::number;
use super::operator::{Args, Operator, Takes, Worth, null, shown, type_name, worth};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Binary, DateTime, Decimal128, Kind, Number, ObjectId, Value};

const CONVERT: Takes = Takes::Named(&[
    ("input", true),
    ("to", true),
    ("onError", false),
    ("onNull", false),
    ("format", false),
    ("byteOrder", false),
]);
const ONE: Takes = Takes::List(1, 1);

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$convert", takes: CONVERT, function: convert },
    Operator { name: "$toBool", takes: ONE, function: |args| short(args, Kind::Bool) },
    Operator { name: "$toDate", takes: ONE, function: |args| short(args, Kind::Date) },
    Operator { name: "$toDecimal", takes: ONE, function: |args| short(args, Kind::Decimal128) },
    Operator { name: "$toDouble", takes: ONE, function: |args| short(args, Kind::Double) },
    Operator { name: "$toInt", takes: ONE, function: |args| short(args, Kind::Int32) },
    Operator { name: "$toLong", takes: ONE, function: |args| short(args, Kind::Int64) },
    Operator { name: "$toObjectId", takes: ONE, function: |args| short(args, Kind::ObjectId) },
    Operator { name: "$toString", takes: ONE, function: |args| short(args, Kind::String) },
    Operator { name: "$toUUID", takes: ONE, function: to_uuid },
    Operator { name: "$type", takes: ONE, function: type_of },
    Operator { name: "$isNumber", takes: ONE, function: is_number },
];

fn type_of<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(type_name(args.get(0)?.as_ref()))
}

fn is_number<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    worth(args.get(0)?.is_some_and(|value| value.number().is_some()))
}

/// What a value becomes, and how.
struct Target {
    kind: Kind,
    subtype: u8,
    format: Option<String>,
    little: bool,
}

fn short<'d>(args: &Args<'_, 'd>, kind: Kind) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let target = Target { kind, subtype: 0, format: None, little: true };
    // Bytes become UUIDs or base64 where no format is given.
    let auto = (kind == Kind::String).then(|| "auto".to_owned());
    to(value, &Target { format: auto, ..target }).map(Some)
}

fn to_uuid<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(value) = args.present(0)? else { return null() };
    let format = Some("uuid".to_owned());
    let target = Target { kind: Kind::BinData, subtype: Binary::UUID, format, little: true };
    to(value, &target).map(Some)
}

fn convert<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let input = args.present(0)?;
    let to_value = args.present(1)?;
    let kind = to_value.as_ref().map(target).transpose()?;
    let Some(value) = input else {
        return if args.given(3) { args.get(3) } else { null() };
    };
    let Some((kind, subtype)) = kind else { return null() };
    let format = args.text(4, 4341103, "format")?.map(std::borrow::Cow::into_owned);
    let little = match args.text(5, 4341104, "byteOrder")?.as_deref() {
        None | Some("little") => true,
        Some("big") => false,
        Some(other) => {
            return Err(failure::bad_value(format!("$convert: unknown byteOrder {other:.40?}")));
        }
    };
    match to(value, &Target { kind, subtype, format, little }) {
        Err(_) if args.given(2) => args.get(2),
        converted => converted.map(Some),
    }
}

/// The type that `to` names, by number or name or, with a subtype, in a document.
fn target(to: &Value<'_>) -> Result<(Kind, u8)> {
    let unknown = || failure::bad_value(format!("$convert: unknown type {}", shown(to)));
    let kind = |value: &Value<'_>| match value {
        Value::String(name) => Kind::from_name(name),
        other => Kind::from_number(other.number()?.to_exact_i64()?),
    };
    match to {
        Value::Document(fields) => {
            let kind = fields.get("type").as_ref().and_then(kind).ok_or_else(unknown)?;
            let subtype = match fields.get("subtype") {
                None => 0,
                Some(subtype) => {
                    let number = subtype.number().and_then(Number::to_exact_i64);
                    number.and_then(|it| u8::try_from(it).ok()).ok_or_else(unknown)?
                }
            };
            Ok((kind, subtype))
        }
        Value::String(_) => Ok((kind(to).ok_or_else(unknown)?, 0)),
        other if other.number().is_some() => Ok((kind(to).ok_or_else(unknown)?, 0)),
        other => {
            let kind = other.kind().name();
            let message = format!("$convert's 'to' must be a string or number, not {kind}");
            Err(failure::failed_to_parse(message))
        }
    }
}

/// The value as another type.
fn to<'d>(value: Value<'d>, target: &Target) -> Result<Value<'d>> {
    if value.kind() == target.kind && target.kind != Kind::BinData {
        return Ok(value);
    }
    match target.kind {
        Kind::Bool => Ok(Value::Bool(is_true(&value)?)),
        Kind::Int32 => whole(&value, target, |number| i32::try_from(number).ok().map(Value::Int32)),
        Kind::Int64 => whole(&value, target, |number| Some(Value::Int64(number))),
        Kind::Double => to_double(&value, target),
        Kind::Decimal128 => to_decimal(&value),
        Kind::String => to_text(value, target),
        Kind::Date => to_date(&value),
        Kind::ObjectId => match &value {
            Value::String(text) => ObjectId::parse(text).map(Value::ObjectId).map_err(|problem| {
                failure::conversion_failure(format!("failed to parse ObjectId: {problem}"))
            }),
            _ => Err(unsupported(&value, target.kind)),
        },
        Kind::BinData => to_binary(value, target),
        _ => Err(unsupported(&value, target.kind)),
    }
}

fn unsupported(value: &Value<'_>, kind: Kind) -> crate::Error {
    let (from, to) = (value.kind().name(), kind.name());
    failure::conversion_failure(format!("unsupported conversion from {from} to {to}"))
}

fn overflows(value: &Value<'_>, kind: Kind) -> crate::Error {
    let (shown, kind) = (shown(value), kind.name());
    failure::conversion_failure(format!("conversion of {shown} would overflow {kind}"))
}

fn unparsed(text: &str) -> crate::Error {
    failure::conversion_failure(format!("failed to parse number {}", shown(&Value::from(text))))
}

/// All values of other types than these are true.
fn is_true(value: &Value<'_>) -> Result<bool> {
    match value {
        Value::MinKey | Value::MaxKey | Value::Regex(_) | Value::DbPointer(_) => {
            Err(unsupported(value, Kind::Bool))
        }
        Value::Symbol(_) | Value::JavaScriptWithScope(_) => Err(unsupported(value, Kind::Bool)),
        other => Ok(other.is_true()),
    }
}

fn whole<'d>(
    value: &Value<'_>,
    target: &Target,
    make: impl Fn(i64) -> Option<Value<'d>>,
) -> Result<Value<'d>> {
    let number = match value {
        Value::Bool(truth) => i64::from(*truth),
        Value::DateTime(at) if target.kind == Kind::Int64 => at.millis(),
        Value::String(text) => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| sound).ok_or_else(|| unparsed(text))?
        }
        Value::Binary(binary) => binary_text::to_whole(&binary.bytes, target.little)
            .ok_or_else(|| unsupported(value, target.kind))?,
        other => {
            let number = other.number().ok_or_else(|| unsupported(value, target.kind))?;
            number.truncated_to_i64().ok_or_else(|| overflows(value, target.kind))?
        }
    };
    make(number).ok_or_else(|| overflows(value, target.kind))
}

fn to_double<'d>(value: &Value<'_>, target: &Target) -> Result<Value<'d>> {
    let double = match value {
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::DateTime(at) => at.millis() as f64,
        Value::String(text) => {
            let sound = text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it))
                || ["nan", "infinity", "inf"].iter().any(|name| name.eq_ignore_ascii_case(text));
            text.parse().ok().filter(|_| sound).ok_or_else(|| unparsed(text))?
        }
        Value::Binary(binary) => binary_text::to_double(&binary.bytes, target.little)
            .ok_or_else(|| unsupported(value, target.kind))?,
        other => {
            let number = other.number().ok_or_else(|| unsupported(value, Kind::Double))?;
            let double = number.to_f64();
            let finite = match number {
                Number::Decimal128(number) => number.is_finite(),
                _ => false,
            };
            if double.is_infinite() && finite {
                return Err(overflows(value, Kind::Double));
            }
            double
        }
    };
    Ok(Value::Double(double))
}

fn to_decimal<'d>(value: &Value<'_>) -> Result<Value<'d>> {
    Ok(Value::Decimal128(match value {
        Value::Bool(truth) => Decimal128::from(i64::from(*truth)),
        Value::DateTime(at) => Decimal128::from(at.millis()),
        Value::String(text) => Decimal128::parse(text).map_err(|_| unparsed(text))?,
        other => match other.number() {
            Some(number) => number.to_decimal(),
            None => return Err(unsupported(value, Kind::Decimal128)),
        },
    }))
}

fn to_text<'d>(value: Value<'d>, target: &Target) -> Result<Value<'d>> {
    Ok(Value::from(match &value {
        Value::Bool(truth) => truth.to_string(),
        Value::ObjectId(id) => id.to_string(),
        Value::DateTime(at) => civil::iso_text(*at),
        Value::Binary(binary) => {
            let text = binary_text::write(binary, target.format.as_deref());
            let text = text.ok_or_else(|| unsupported(&value, Kind::String))?;
            check_text("$convert", text.len())?;
            text
        }
        other => match other.number() {
            Some(number) => number::text(number),
            None => return Err(unsupported(&value, Kind::String)),
        },
    }))
}

fn to_date<'d>(value: &Value<'_>) -> Result<Value<'d>> {
    let at = match value {
        Value::String(text) => date_text::parse(text, None, None)?,
        Value::ObjectId(_) | Value::Timestamp(_) => moment(value)?,
        Value::Double(_) | Value::Int64(_) | Value::Decimal128(_) => {
            let millis = value.number().and_then(Number::truncated_to_i64);
            DateTime::from_millis(millis.ok_or_else(|| overflows(value, Kind::Date))?)
        }
        _ => return Err(unsupported(value, Kind::Date)),
    };
    Ok(Value::DateTime(at))
}

fn to_binary<'d>(value: Value<'d>, target: &Target) -> Result<Value<'d>> {
    let bytes = match &value {
        Value::Binary(binary) if binary.subtype == target.subtype => return Ok(value),
        Value::String(text) => {
            let Some(format) = &target.format else {
                let message = "$convert needs a format to make binary data of a string";
                return Err(failure::invalid(4341115, message));
            };
            binary_text::read(text, format).ok_or_else(|| {
                let shown = shown(&value);
                failure::conversion_failure(format!("{shown} is no binary data as {format:.20?}"))
            })?
        }
        Value::Int32(number) => ordered(number.to_le_bytes().to_vec(), target),
        Value::Int64(number) => ordered(number.to_le_bytes().to_vec(), target),
        Value::Double(number) => ordered(number.to_le_bytes().to_vec(), target),
        _ => return Err(unsupported(&value, Kind::BinData)),
    };
    Ok(Value::Binary(Binary { subtype: target.subtype, bytes: bytes.into() }))
}

fn ordered(mut bytes: Vec<u8>, target: &Target) -> Vec<u8> {
    if !target.little {
        bytes.reverse();
    }
    bytes
}
