//! `$inc`, `$mul` and `$bit`.

use super::operation::Place;
use crate::Result;
use crate::document::failure;
use crate::document::value::{Number, Value};

/// The value with a number added; a missing one becomes the number.
pub fn increment<'d>(
    by: Number,
    value: Option<&Value<'_>>,
    place: Place<'_, '_>,
) -> Result<Value<'d>> {
    let Some(value) = value else { return Ok(by.into()) };
    let number = numeric(value, "$inc", place)?;
    number.checked_plus(by).map(Into::into).ok_or_else(|| overflow("$inc", value, place))
}

/// The value times a number; a missing one becomes zero, of the number's type.
pub fn multiply<'d>(
    by: Number,
    value: Option<&Value<'_>>,
    place: Place<'_, '_>,
) -> Result<Value<'d>> {
    let Some(value) = value else { return Ok(zero_like(by).into()) };
    let number = numeric(value, "$mul", place)?;
    number.checked_times(by).map(Into::into).ok_or_else(|| overflow("$mul", value, place))
}

fn zero_like(number: Number) -> Number {
    match number {
        Number::Int32(_) => Number::Int32(0),
        Number::Int64(_) => Number::Int64(0),
        Number::Double(_) => Number::Double(0.0),
        Number::Decimal128(_) => Number::Decimal128(Number::Int32(0).to_decimal()),
    }
}

fn numeric(value: &Value<'_>, operator: &str, place: Place<'_, '_>) -> Result<Number> {
    value.number().ok_or_else(|| {
        failure::type_mismatch(format!(
            "cannot apply {operator} to a value of non-numeric type: the document {} has the \
             field '{}' of type {}",
            place.named(),
            place.path,
            value.kind().name()
        ))
    })
}

fn overflow(operator: &str, value: &Value<'_>, place: Place<'_, '_>) -> crate::Error {
    failure::bad_value(format!(
        "failed to apply {operator} to the current value {value:?} of '{}' in the document {}: it \
         does not fit into 64 bits",
        place.path,
        place.named()
    ))
}

/// The steps of a `$bit`, in order.
#[derive(Clone, Debug)]
pub struct Bits(Vec<(Logic, Number)>);

#[derive(Clone, Copy, Debug)]
enum Logic {
    And,
    Or,
    Xor,
}

impl Bits {
    /// Reads `{and: 1, or: 2, xor: 3}`.
    pub fn parse(value: &Value<'_>) -> Result<Bits> {
        let Value::Document(document) = value else {
            return Err(failure::bad_value(format!(
                "the $bit modifier takes a document {{and|or|xor: number}}, not a {}",
                value.kind().name()
            )));
        };
        if document.is_empty() {
            return Err(failure::bad_value("$bit takes at least one of and, or, xor"));
        }
        let mut steps = Vec::new();
        for (name, operand) in document {
            let logic = match name {
                "and" => Logic::And,
                "or" => Logic::Or,
                "xor" => Logic::Xor,
                _ => {
                    let message = format!("$bit knows 'and', 'or' and 'xor', not '{name}'");
                    return Err(failure::bad_value(message));
                }
            };
            match operand.number() {
                Some(number @ (Number::Int32(_) | Number::Int64(_))) => steps.push((logic, number)),
                _ => {
                    return Err(failure::bad_value(format!(
                        "the $bit modifier field must be an integer (32 or 64 bit), not {operand:?}"
                    )));
                }
            }
        }
        Ok(Bits(steps))
    }

    /// The value after all steps; a missing one is zero.
    pub fn apply<'d>(&self, value: Option<&Value<'_>>, place: Place<'_, '_>) -> Result<Value<'d>> {
        let number = value.map_or(Some(Number::Int32(0)), Value::number);
        let Some(number @ (Number::Int32(_) | Number::Int64(_))) = number else {
            return Err(failure::bad_value(format!(
                "cannot apply $bit to a value of non-integral type: the document {} has the field \
                 '{}' of type {}",
                place.named(),
                place.path,
                value.map_or("missing", |value| value.kind().name())
            )));
        };
        let last =
            self.0.iter().fold(number, |number, (logic, operand)| match (number, *operand) {
                (Number::Int32(a), Number::Int32(b)) => Number::Int32(logic.of_i32(a, b)),
                (a, b) => Number::Int64(logic.of_i64(wide(a), wide(b))),
            });
        Ok(last.into())
    }
}

/// A whole number; others do not come here.
fn wide(number: Number) -> i64 {
    number.to_exact_i64().unwrap_or_default()
}

impl Logic {
    fn of_i32(self, a: i32, b: i32) -> i32 {
        match self {
            Logic::And => a & b,
            Logic::Or => a | b,
            Logic::Xor => a ^ b,
        }
    }

    fn of_i64(self, a: i64, b: i64) -> i64 {
        match self {
            Logic::And => a & b,
            Logic::Or => a | b,
            Logic::Xor => a ^ b,
        }
    }
}
