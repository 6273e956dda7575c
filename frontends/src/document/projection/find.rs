//! What only `find` has: `$slice`, `$elemMatch` and the positional operator.

use super::tree::Element;
use crate::Result;
use crate::document::expression::{Context, Scope};
use crate::document::failure;
use crate::document::filter::Filter;
use crate::document::value::{Array, Document, Path, Segment, Value};

/// The field that an array has in the filter of an `$elemMatch`.
const ARRAY: &str = "a";

/// Which values of an array are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Where it begins; from the end if negative.
    from: i64,
    /// How many at most; `None` for all.
    count: Option<u64>,
}

impl Slice {
    /// Whether an operand is one of `find`, and not that of the expression of the same name.
    pub fn is(operand: &Value<'_>) -> bool {
        match operand {
            Value::Array(array) => array.get(0).is_none_or(|first| first.number().is_some()),
            other => other.number().is_some(),
        }
    }

    /// Reads a count, negative for the last ones, or how many are skipped and a count.
    pub fn parse(operand: &Value<'_>) -> Result<Slice> {
        let whole = |value: Option<Value<'_>>| {
            let number = value.and_then(|value| value.number());
            number.and_then(|number| number.truncated_to_i64()).ok_or_else(|| {
                let message = format!("$slice takes a number or two, not {operand:?}");
                failure::invalid(28667, message)
            })
        };
        let Value::Array(array) = operand else {
            let count = whole(Some(operand.borrow()))?;
            return Ok(match u64::try_from(count) {
                Ok(count) => Slice { from: 0, count: Some(count) },
                Err(_) => Slice { from: count, count: None },
            });
        };
        if array.len() != 2 {
            let message = format!("$slice takes a number or two, not {operand:?}");
            return Err(failure::invalid(28667, message));
        }
        let (from, count) = (whole(array.get(0))?, whole(array.get(1))?);
        match u64::try_from(count) {
            Ok(count) if count > 0 => Ok(Slice { from, count: Some(count) }),
            _ => Err(failure::invalid(
                28724,
                format!("the second number of $slice must be positive, not {count}"),
            )),
        }
    }

    /// The values that are given; of what is no array all.
    pub fn apply<'d>(self, value: Value<'d>) -> Value<'d> {
        let Value::Array(array) = value else { return value };
        let from = match usize::try_from(self.from) {
            Ok(from) => from,
            Err(_) => {
                let back = usize::try_from(self.from.unsigned_abs()).unwrap_or(usize::MAX);
                array.len().saturating_sub(back)
            }
        };
        let count =
            self.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        Value::Array(array.into_iter().skip(from).take(count).collect())
    }
}

/// Reads `{$elemMatch: ...}`, as a filter of a document with the array alone.
pub fn element(operator: &Document<'_>, scope: &mut Scope) -> Result<Element> {
    let filter = Document::from_fields(vec![(ARRAY.into(), operator.clone().into())]);
    Ok(Element(Filter::parse(&filter, scope)?))
}

/// The array with the first value that matches; nothing if none does.
pub fn matched<'d>(
    element: &Element,
    value: Value<'d>,
    context: &Context,
) -> Result<Option<Value<'d>>> {
    if !matches!(value, Value::Array(_)) {
        return Ok(None);
    }
    let alone = Document::from_fields(vec![(ARRAY.into(), value.borrow())]);
    let Some(Some(at)) = element.0.matches_at(&alone, context)? else { return Ok(None) };
    drop(alone);
    let Value::Array(array) = value else { return Ok(None) };
    Ok(array.into_iter().nth(at).map(|item| Value::Array(Array::from_iter([item]))))
}

/// The document, of the array at a path only what the query matched.
pub fn positional<'d>(
    path: &Path,
    mut document: Document<'d>,
    position: Option<usize>,
) -> Result<Document<'d>> {
    cut(path.segments(), &mut document, position)?;
    Ok(document)
}

fn cut(path: &[Segment], document: &mut Document<'_>, position: Option<usize>) -> Result<()> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    if !document.contains(first.name()) {
        return Ok(());
    }
    let mut fields = document.fields_mut().iter_mut();
    let Some((_, value)) = fields.find(|(name, _)| *name == first.name()) else { return Ok(()) };
    match value {
        Value::Document(inner) => cut(rest, inner, position),
        // The first array on the way is the one that the query looked into.
        Value::Array(array) => {
            let position = position.ok_or_else(|| {
                let message = "positional operator '.$' found no matching element in the array";
                failure::invalid(51246, message)
            })?;
            let item = std::mem::take(array).into_iter().nth(position).ok_or_else(|| {
                failure::invalid(51247, "positional operator '.$' element mismatch")
            })?;
            *array = Array::from_iter([item]);
            Ok(())
        }
        _ => Ok(()),
    }
}
