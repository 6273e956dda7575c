//! The order of documents by some of their fields, for `$sortArray` and everything else that sorts.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::argument::array;
use super::operator::{Args, Operator, Takes, Worth, null, shown, worth};
use super::parse::{self, field_path};
use super::scope::Scope;
use super::{Expression, Node};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Document, Leaf, Path, Value};

pub(super) const OPERATORS: &[Operator] =
    &[Operator { name: "$sortArray", takes: Takes::Own(read_sort_array), function: sort_array }];

/// Whether values go up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The least one first.
    Ascending,
    /// The greatest one first.
    Descending,
}

impl Direction {
    /// Reads 1 or -1.
    ///
    /// # Errors
    /// Code 15975 when it is neither, 238 when it is a document such as `{$meta}`.
    pub fn parse(value: &Value<'_>) -> Result<Direction> {
        if let Value::Document(fields) = value {
            let name = fields.iter().next().map_or("{}", |(name, _)| name).to_owned();
            return Err(failure::unsupported(format!("sorting by {name} is not supported")));
        }
        match value.number().and_then(|number| number.to_exact_i64()) {
            Some(1) => Ok(Direction::Ascending),
            Some(-1) => Ok(Direction::Descending),
            _ => {
                let shown = shown(value);
                let message = format!("a direction must be 1 (up) or -1 (down), not {shown}");
                Err(failure::invalid(15975, message))
            }
        }
    }

    /// An order of values taken in this direction.
    pub fn apply(self, order: Ordering) -> Ordering {
        if self == Direction::Ascending { order } else { order.reverse() }
    }
}

/// An order of documents: fields, each with a direction.
///
/// Of an array the least value counts when it goes up, the greatest when it goes down; a missing
/// field counts as null, and an empty array as less than that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortOrder {
    fields: Vec<(Path, Direction)>,
}

impl SortOrder {
    /// The most fields that MongoDB sorts by.
    const FIELDS_MAX: usize = 32;

    /// Reads `{a: 1, "b.c": -1}`.
    ///
    /// # Errors
    /// Code 15976 when there is no field, 13103 when there are too many, and those of
    /// [`Direction::parse`].
    pub fn parse(document: &Document<'_>) -> Result<SortOrder> {
        let mut fields = Vec::new();
        for (name, value) in document.iter() {
            fields.push((field_path(name, name)?, Direction::parse(&value)?));
        }
        if fields.is_empty() {
            return Err(failure::invalid(15976, "an order needs at least one field"));
        }
        if fields.len() > SortOrder::FIELDS_MAX {
            return Err(failure::invalid(13103, "an order has too many fields"));
        }
        Ok(SortOrder { fields })
    }

    /// The fields and their directions.
    pub fn fields(&self) -> &[(Path, Direction)] {
        &self.fields
    }

    /// What counts of a document, field by field.
    pub fn key<'s>(&self, document: &'s Document<'_>) -> Vec<Value<'s>> {
        self.fields.iter().map(|(path, direction)| key_at(path, *direction, document)).collect()
    }

    /// The order of two documents by what counts of them.
    pub fn compare_keys(&self, a: &[Value<'_>], b: &[Value<'_>]) -> Ordering {
        for (((_, direction), a), b) in self.fields.iter().zip(a).zip(b) {
            let order = direction.apply(a.compare(b));
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }

    /// The same fields, each in the other direction.
    pub(crate) fn reversed(&self) -> SortOrder {
        let other = |direction| match direction {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        };
        let fields = self.fields.iter();
        SortOrder { fields: fields.map(|(path, way)| (path.clone(), other(*way))).collect() }
    }

    /// The order as a document.
    pub fn to_document(&self) -> Document<'static> {
        let number = |direction| if direction == Direction::Ascending { 1 } else { -1 };
        let fields = self.fields.iter();
        fields.map(|(path, way)| (path.as_str().to_owned(), Value::Int32(number(*way)))).collect()
    }
}

fn key_at<'s>(path: &Path, direction: Direction, document: &'s Document<'_>) -> Value<'s> {
    let mut best: Option<Value<'s>> = None;
    let mut consider = |value: Value<'s>| {
        let better = best.as_ref().is_none_or(|best| direction.apply(value.compare(best)).is_lt());
        if better {
            best = Some(value);
        }
    };
    let _ = path.visit(document, Leaf::Whole, |value, _| {
        match value {
            Some(Value::Array(items)) if items.is_empty() => consider(Value::Undefined),
            Some(Value::Array(items)) => items.into_iter().for_each(&mut consider),
            Some(value) => consider(value),
            None => consider(Value::Null),
        }
        ControlFlow::Continue(())
    });
    best.unwrap_or(Value::Null)
}

/// Reads `{input, sortBy}`; `sortBy` is constant and checked here.
fn read_sort_array(argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let names = [("input", true), ("sortBy", true)];
    let Value::Document(fields) = argument else {
        return Err(failure::invalid(2942500, "$sortArray takes a document of named arguments"));
    };
    let by = fields.get("sortBy").unwrap_or(Value::Null);
    match &by {
        Value::Document(order) => drop(SortOrder::parse(order)?),
        other => drop(Direction::parse(other)?),
    }
    let unsorted = fields.iter().map(|(name, value)| match name {
        "sortBy" => (name, Value::Null),
        _ => (name, value),
    });
    let unsorted = Value::Document(unsorted.collect());
    let mut list = parse::named("$sortArray", &unsorted, &names, scope)?;
    if let Some(place) = list.get_mut(1) {
        *place = Expression::literal(by.into_static());
    }
    parse::make_named("$sortArray", list)
}

fn sort_array<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let Some(input) = args.present(0)? else { return null() };
    let mut items = array(Some(input), 2942504, "the input of $sortArray")?.into_items();
    match args.get(1)? {
        Some(Value::Document(order)) => {
            let order = SortOrder::parse(&order)?;
            let nothing = Document::new();
            let key = |value: &Value<'_>| {
                let document = value.as_document().unwrap_or(&nothing);
                order.key(document).into_iter().map(Value::into_static).collect::<Vec<_>>()
            };
            let mut keyed: Vec<_> = items.into_iter().map(|item| (key(&item), item)).collect();
            keyed.sort_by(|(a, _), (b, _)| order.compare_keys(a, b));
            worth(keyed.into_iter().map(|(_, item)| item).collect::<Array<'_>>())
        }
        by => {
            let direction = Direction::parse(&by.unwrap_or(Value::Null))?;
            items.sort_by(|a, b| direction.apply(a.compare(b)));
            worth(Array::from(items))
        }
    }
}
