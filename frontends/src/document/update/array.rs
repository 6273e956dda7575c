//! `$addToSet`, `$pullAll` and `$pop`.

use super::operation::{Effect, Place};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Value};

/// The values that an argument lists with `$each`, or the argument as the only one.
pub fn each(operator: &str, value: &Value<'_>) -> Result<Array<'static>> {
    let Some(document) = value.as_document().filter(|it| it.contains("$each")) else {
        return Ok(Array::from_iter([value.clone().into_static()]));
    };
    if let Some((other, _)) = document.iter().find(|(name, _)| *name != "$each") {
        let message = format!("found unexpected field {other} beside $each in {operator}");
        return Err(failure::bad_value(message));
    }
    listed(operator, document.get("$each"))
}

/// The array behind `$each`.
pub fn listed(operator: &str, value: Option<Value<'_>>) -> Result<Array<'static>> {
    match value {
        Some(Value::Array(array)) => Ok(array.into_static()),
        other => Err(failure::bad_value(format!(
            "the argument to $each in {operator} must be an array but it was of type {}",
            other.map_or("missing", |value| value.kind().name())
        ))),
    }
}

/// The array with those values added that it does not hold yet.
pub fn add_to_set<'d>(
    new: &'d Array<'static>,
    value: Option<&Value<'d>>,
    place: Place<'_, '_>,
) -> Result<Effect<'d>> {
    let mut array = match value {
        None => Array::new(),
        Some(Value::Array(array)) => array.clone(),
        Some(other) => {
            return Err(failure::bad_value(format!(
                "cannot apply $addToSet to non-array field: the field '{}' has non-array type {}",
                place.path,
                other.kind().name()
            )));
        }
    };
    let mut is_changed = value.is_none();
    for item in new {
        if !array.iter().any(|other| other == item) {
            array.push(item);
            is_changed = true;
        }
    }
    Ok(if is_changed { Effect::Put(array.into()) } else { Effect::Keep })
}

/// The array without what is listed.
pub fn pull_all<'d>(all: &Array<'_>, value: Option<&Value<'d>>) -> Result<Effect<'d>> {
    retain("$pullAll", value, |item| Ok(!all.iter().any(|other| other == *item)))
}

/// The array with those values only that are to stay.
pub fn retain<'d>(
    operator: &str,
    value: Option<&Value<'d>>,
    mut stays: impl FnMut(&Value<'_>) -> Result<bool>,
) -> Result<Effect<'d>> {
    let array = match value {
        None => return Ok(Effect::Keep),
        Some(Value::Array(array)) => array,
        Some(_) => {
            let message = format!("cannot apply {operator} to a non-array value");
            return Err(failure::bad_value(message));
        }
    };
    let (mut kept, mut count) = (Vec::new(), 0);
    for item in array.clone() {
        count += 1;
        if stays(&item)? {
            kept.push(item);
        }
    }
    Ok(if kept.len() == count { Effect::Keep } else { Effect::Put(Array::from(kept).into()) })
}

/// The array without its first or its last value.
pub fn pop<'d>(first: bool, value: Option<&Value<'d>>, place: Place<'_, '_>) -> Result<Effect<'d>> {
    let array = match value {
        None => return Ok(Effect::Keep),
        Some(Value::Array(array)) => array,
        Some(other) => {
            return Err(failure::type_mismatch(format!(
                "path '{}' contains an element of non-array type '{}'",
                place.path,
                other.kind().name()
            )));
        }
    };
    let mut items = array.clone().into_items();
    if items.is_empty() {
        return Ok(Effect::Keep);
    }
    items.remove(if first { 0 } else { items.len() - 1 });
    Ok(Effect::Put(Array::from(items).into()))
}
