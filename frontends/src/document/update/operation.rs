//! Update operators with their arguments, and what each makes of a value.

use super::Mode;
use super::array;
use super::number::{self, Bits};
use super::pull::Pull;
use super::push::Push;
use crate::Result;
use crate::document::expression::{Context, Scope};
use crate::document::failure;
use crate::document::value::{Array, DateTime, Document, Number, Path, Timestamp, Value};

/// An operator and its argument for one path.
#[derive(Clone, Debug)]
pub enum Operation {
    Set(Value<'static>),
    SetOnInsert(Value<'static>),
    Unset,
    Increment(Number),
    Multiply(Number),
    Min(Value<'static>),
    Max(Value<'static>),
    /// Takes the value from another path.
    Rename(Path),
    CurrentDate,
    CurrentTimestamp,
    Push(Push),
    AddToSet(Array<'static>),
    Pull(Pull),
    PullAll(Array<'static>),
    PopFirst,
    PopLast,
    Bit(Bits),
}

/// What becomes of a value.
pub enum Effect<'d> {
    /// It stays as it is.
    Keep,
    /// It becomes this.
    Put(Value<'d>),
    /// It goes away; in an array it becomes null.
    Remove,
}

/// What operators are told of the place that they write to.
#[derive(Clone, Copy)]
pub struct Place<'p, 'd> {
    pub path: &'p str,
    pub document: &'p Document<'p>,
    pub mode: Mode,
    pub context: &'d Context,
}

impl Place<'_, '_> {
    /// The document as messages name it.
    pub fn named(&self) -> String {
        match self.document.get("_id") {
            Some(id) => format!("{{_id: {id:?}}}"),
            None => "without an _id".to_string(),
        }
    }
}

impl Operation {
    /// Reads the argument that an operator has for a path; `$rename` is read elsewhere.
    pub fn parse(
        name: &str,
        path: &str,
        value: &Value<'_>,
        scope: &mut Scope,
    ) -> Result<Operation> {
        let owned = || value.clone().into_static();
        let number = |verb: &str| {
            value.number().ok_or_else(|| {
                failure::type_mismatch(format!(
                    "cannot {verb} with non-numeric argument: {{{path}: {value:?}}}"
                ))
            })
        };
        Ok(match name {
            "$set" => Operation::Set(owned()),
            "$setOnInsert" => Operation::SetOnInsert(owned()),
            "$unset" => Operation::Unset,
            "$inc" => Operation::Increment(number("increment")?),
            "$mul" => Operation::Multiply(number("multiply")?),
            "$min" => Operation::Min(owned()),
            "$max" => Operation::Max(owned()),
            "$currentDate" => current(path, value)?,
            "$push" => Operation::Push(Push::parse(value)?),
            "$addToSet" => Operation::AddToSet(array::each("$addToSet", value)?),
            "$pull" => Operation::Pull(Pull::parse(value, scope)?),
            "$pullAll" => match value {
                Value::Array(array) => Operation::PullAll(array.clone().into_static()),
                other => {
                    return Err(failure::bad_value(format!(
                        "$pullAll requires an array argument but was given a {}",
                        other.kind().name()
                    )));
                }
            },
            "$pop" => match value.number().and_then(|number| number.to_exact_i64()) {
                Some(1) => Operation::PopLast,
                Some(-1) => Operation::PopFirst,
                _ => {
                    let message = format!("$pop expects 1 or -1, found: {value:?}");
                    return Err(failure::failed_to_parse(message));
                }
            },
            "$bit" => Operation::Bit(Bits::parse(value)?),
            _ => {
                return Err(failure::failed_to_parse(format!(
                    "unknown modifier: {name}; expected a valid update modifier, or an array for a \
                     pipeline"
                )));
            }
        })
    }

    /// Whether a path that leads through something that is no document is passed over.
    pub fn passes_over(&self) -> bool {
        matches!(self, Operation::Unset | Operation::Pull(_) | Operation::PullAll(_))
    }

    /// What becomes of the value at a place; `None` is missing.
    pub fn effect<'d>(
        &'d self,
        value: Option<&Value<'d>>,
        place: Place<'_, 'd>,
    ) -> Result<Effect<'d>> {
        Ok(match self {
            Operation::Set(new) => Effect::Put(new.borrow()),
            Operation::SetOnInsert(new) if place.mode == Mode::Insert => Effect::Put(new.borrow()),
            Operation::SetOnInsert(_) | Operation::Rename(_) => Effect::Keep,
            Operation::Unset => value.map_or(Effect::Keep, |_| Effect::Remove),
            Operation::Increment(by) => Effect::Put(number::increment(*by, value, place)?),
            Operation::Multiply(by) => Effect::Put(number::multiply(*by, value, place)?),
            Operation::Min(new) => match value {
                Some(old) if old <= new => Effect::Keep,
                _ => Effect::Put(new.borrow()),
            },
            Operation::Max(new) => match value {
                Some(old) if old >= new => Effect::Keep,
                _ => Effect::Put(new.borrow()),
            },
            Operation::CurrentDate => Effect::Put(Value::DateTime(place.context.now())),
            Operation::CurrentTimestamp => {
                Effect::Put(Value::Timestamp(timestamp(place.context.now())))
            }
            Operation::Push(push) => push.effect(value, place)?,
            Operation::AddToSet(new) => array::add_to_set(new, value, place)?,
            Operation::Pull(pull) => pull.effect(value, place)?,
            Operation::PullAll(all) => array::pull_all(all, value)?,
            Operation::PopFirst | Operation::PopLast => {
                array::pop(matches!(self, Operation::PopFirst), value, place)?
            }
            Operation::Bit(bits) => Effect::Put(bits.apply(value, place)?),
        })
    }
}

fn current(path: &str, value: &Value<'_>) -> Result<Operation> {
    let wrong = || {
        failure::bad_value(format!(
            "$currentDate takes true, {{$type: \"date\"}} or {{$type: \"timestamp\"}} for {path}, \
             not {value:?}"
        ))
    };
    match value {
        Value::Bool(_) => Ok(Operation::CurrentDate),
        Value::Document(document) => match (document.len(), document.get("$type")) {
            (1, Some(Value::String(name))) if name == "date" => Ok(Operation::CurrentDate),
            (1, Some(Value::String(name))) if name == "timestamp" => {
                Ok(Operation::CurrentTimestamp)
            }
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

fn timestamp(now: DateTime) -> Timestamp {
    let seconds = u32::try_from(now.millis().div_euclid(1000)).unwrap_or(0);
    Timestamp { seconds, increment: 1 }
}
