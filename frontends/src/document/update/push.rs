//! `$push` with `$each`, `$position`, `$sort` and `$slice`.

use std::cmp::Ordering;

use super::array;
use super::operation::{Effect, Place};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Document, Path, Value};

/// What is pushed, and what is done to the array then.
#[derive(Clone, Debug)]
pub struct Push {
    values: Array<'static>,
    /// Where the values go; from the end if negative.
    position: Option<i64>,
    sort: Option<Sort>,
    /// How many values are kept; the last ones if negative.
    slice: Option<i64>,
}

/// An order of values.
#[derive(Clone, Debug)]
enum Sort {
    /// Of the values themselves.
    Whole(Direction),
    /// Of what is at paths in them.
    By(Vec<(Path, Direction)>),
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Ascending,
    Descending,
}

impl Push {
    pub fn parse(value: &Value<'_>) -> Result<Push> {
        let mut push = Push { values: Array::new(), position: None, sort: None, slice: None };
        let Some(document) = value.as_document().filter(|it| it.contains("$each")) else {
            push.values.push(value.clone().into_static());
            return Ok(push);
        };
        for (name, value) in document {
            match name {
                "$each" => push.values = array::listed("$push", Some(value))?,
                "$position" => push.position = Some(whole(name, &value)?),
                "$slice" => push.slice = Some(whole(name, &value)?),
                "$sort" => push.sort = Some(Sort::parse(&value)?),
                _ => {
                    let message = format!("unrecognized clause in $push: {name}");
                    return Err(failure::bad_value(message));
                }
            }
        }
        Ok(push)
    }

    pub fn effect<'d>(
        &'d self,
        value: Option<&Value<'d>>,
        place: Place<'_, '_>,
    ) -> Result<Effect<'d>> {
        let mut items = match value {
            None => Vec::new(),
            Some(Value::Array(array)) => array.clone().into_items(),
            Some(other) => {
                return Err(failure::bad_value(format!(
                    "the field '{}' must be an array but is of type {} in the document {}",
                    place.path,
                    other.kind().name(),
                    place.named()
                )));
            }
        };
        let at = place_in(self.position, items.len());
        items.splice(at..at, self.values.iter());
        if let Some(sort) = &self.sort {
            items.sort_by(|a, b| sort.compare(a, b));
        }
        match self.slice.map(|slice| (slice, usize::try_from(slice.unsigned_abs()))) {
            None | Some((_, Err(_))) => {}
            Some((0.., Ok(count))) => items.truncate(count),
            Some((_, Ok(count))) => {
                items.drain(..items.len().saturating_sub(count));
            }
        }
        Ok(Effect::Put(Array::from(items).into()))
    }
}

/// Where values go in an array of this length.
fn place_in(position: Option<i64>, len: usize) -> usize {
    let Some(position) = position else { return len };
    let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position < 0 { len.saturating_sub(distance) } else { distance.min(len) }
}

fn whole(name: &str, value: &Value<'_>) -> Result<i64> {
    value.number().and_then(|number| number.to_exact_i64()).ok_or_else(|| {
        failure::bad_value(format!(
            "the value for {name} must be an integer value but was given {value:?}"
        ))
    })
}

impl Sort {
    fn parse(value: &Value<'_>) -> Result<Sort> {
        let Value::Document(pattern) = value else {
            return Ok(Sort::Whole(direction(value)?));
        };
        if pattern.is_empty() {
            return Err(failure::bad_value(
                "the $sort pattern is empty when it should have fields",
            ));
        }
        let mut by = Vec::new();
        for (name, value) in pattern {
            let path = Path::parse(name)?;
            if path.has_empty_segment() {
                let message = format!("the $sort field '{name}' has an empty part");
                return Err(failure::bad_value(message));
            }
            by.push((path, direction(&value)?));
        }
        Ok(Sort::By(by))
    }

    fn compare(&self, a: &Value<'_>, b: &Value<'_>) -> Ordering {
        match self {
            Sort::Whole(direction) => direction.apply(a.compare(b)),
            Sort::By(by) => {
                let orders = by.iter().map(|(path, direction)| {
                    let (a, b) = (at(path, a), at(path, b));
                    direction.apply(a.compare(&b))
                });
                orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }
        }
    }
}

impl Direction {
    fn apply(self, order: Ordering) -> Ordering {
        match self {
            Direction::Ascending => order,
            Direction::Descending => order.reverse(),
        }
    }
}

fn direction(value: &Value<'_>) -> Result<Direction> {
    match value.number().and_then(|number| number.to_exact_i64()) {
        Some(1) => Ok(Direction::Ascending),
        Some(-1) => Ok(Direction::Descending),
        _ => Err(failure::bad_value(format!(
            "the $sort element value must be either 1 or -1, not {value:?}"
        ))),
    }
}

/// What is at a path in a value; null where nothing is.
fn at<'s>(path: &Path, value: &'s Value<'_>) -> Value<'s> {
    let mut found = value.borrow();
    for segment in path.segments() {
        let inner = match found {
            Value::Document(document) => Document::into_field(document, segment.name()),
            Value::Array(array) => segment.index().and_then(|index| array.into_item(index)),
            _ => None,
        };
        match inner {
            Some(inner) => found = inner,
            None => return Value::Null,
        }
    }
    found
}
