//! What an accumulator has seen of one group so far.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};

use super::{Kind, Wanted, too_large};
use crate::Result;
use crate::document::expression::statistics::{
    Deviation, Method, Of, Sum, double_order, percentile,
};
use crate::document::expression::{SortOrder, merge_into};
use crate::document::failure;
use crate::document::pipeline::weight;
use crate::document::value::{Array, Document, Number, Value};

/// The most bytes that one accumulator may gather for one group.
const BYTES_MAX: usize = 100 << 20;

/// What an accumulator has seen of one group so far.
#[derive(Clone, Debug)]
pub(in crate::document::pipeline) enum State {
    Sum(Sum),
    Avg(Sum),
    Count(i64),
    Extreme(Option<Value<'static>>, Ordering),
    First(Option<Value<'static>>),
    Last(Option<Value<'static>>),
    List(Vec<Value<'static>>, usize),
    Set(BTreeSet<Value<'static>>, usize),
    Deviation(Deviation, Of),
    Merged(Document<'static>, usize),
    FirstN(Vec<Value<'static>>, usize),
    LastN(VecDeque<Value<'static>>, usize),
    /// The best ones in order, the best one first; `Greater` has the greatest first.
    Extremes(Vec<Value<'static>>, usize, Ordering),
    /// The keys and outputs of the documents that come first in an order.
    Best(Vec<Ranked>, usize),
    Numbers(Vec<f64>),
}

/// What a document is sorted by, and what is wanted of it.
type Ranked = (Vec<Value<'static>>, Value<'static>);

impl State {
    /// A state that has seen nothing, for `count` values.
    pub(super) fn new(kind: &Kind, count: usize) -> State {
        match kind {
            Kind::Sum => State::Sum(Sum::default()),
            Kind::Avg => State::Avg(Sum::default()),
            Kind::Count => State::Count(0),
            Kind::Min => State::Extreme(None, Ordering::Less),
            Kind::Max => State::Extreme(None, Ordering::Greater),
            Kind::First => State::First(None),
            Kind::Last => State::Last(None),
            Kind::Push => State::List(Vec::new(), 0),
            Kind::AddToSet => State::Set(BTreeSet::new(), 0),
            Kind::Deviation(of) => State::Deviation(Deviation::default(), *of),
            Kind::MergeObjects => State::Merged(Document::new(), 0),
            Kind::FirstN => State::FirstN(Vec::new(), count),
            Kind::LastN => State::LastN(VecDeque::new(), count),
            Kind::MaxN => State::Extremes(Vec::new(), count, Ordering::Greater),
            Kind::MinN => State::Extremes(Vec::new(), count, Ordering::Less),
            Kind::Best(..) => State::Best(Vec::new(), count),
            Kind::Median(_) | Kind::Percentile(..) => State::Numbers(Vec::new()),
        }
    }

    /// Sees the value that a document has. Gives about how many bytes it has grown by.
    pub(super) fn add(&mut self, name: &str, value: Option<Value<'_>>) -> Result<usize> {
        let number = value.as_ref().and_then(Value::number);
        match self {
            State::Sum(sum) | State::Avg(sum) => number.into_iter().for_each(|it| sum.add(it)),
            State::Count(count) => *count += 1,
            State::Deviation(all, _) => {
                number.into_iter().for_each(|number| all.add(number.to_f64()));
            }
            State::Numbers(all) => return Ok(add_numbers(all, value.as_ref())),
            State::Extreme(best, wanted) => {
                let Some(value) = value.filter(|value| !value.is_nullish()) else { return Ok(0) };
                if best.as_ref().is_none_or(|best| value.compare(best) == *wanted) {
                    return Ok(replace(best, value));
                }
            }
            State::First(first) => {
                if first.is_none() {
                    return Ok(replace(first, value.unwrap_or(Value::Null)));
                }
            }
            State::Last(last) => return Ok(replace(last, value.unwrap_or(Value::Null))),
            State::List(..) | State::Set(..) | State::Merged(..) => {
                return match value {
                    Some(value) => self.gather(name, value),
                    None => Ok(0),
                };
            }
            State::FirstN(..) | State::LastN(..) | State::Extremes(..) => {
                return Ok(self.add_some(value.unwrap_or(Value::Null)));
            }
            State::Best(..) => {}
        }
        Ok(0)
    }

    /// Keeps a value beside the others.
    fn gather(&mut self, name: &str, value: Value<'_>) -> Result<usize> {
        let weight = weight::value(&value);
        let bytes = match self {
            State::List(all, bytes) => {
                all.push(value.into_static());
                bytes
            }
            State::Set(all, bytes) => {
                let all_of: &BTreeSet<Value<'_>> = all;
                if all_of.contains(&value) {
                    return Ok(0);
                }
                all.insert(value.into_static());
                bytes
            }
            State::Merged(merged, bytes) => {
                match value {
                    Value::Document(document) => merge_into(merged, document.into_static()),
                    Value::Null | Value::Undefined => return Ok(0),
                    other => {
                        let kind = other.kind().name();
                        let message = format!("$mergeObjects takes documents, not {kind}");
                        return Err(failure::invalid(40400, message));
                    }
                }
                bytes
            }
            _ => return Ok(0),
        };
        *bytes += weight;
        if *bytes > BYTES_MAX {
            return Err(too_large(name, BYTES_MAX));
        }
        Ok(weight)
    }

    /// Keeps a value if it is one of those wanted.
    fn add_some(&mut self, value: Value<'_>) -> usize {
        let weight = weight::value(&value);
        match self {
            State::FirstN(all, count) => {
                if all.len() >= *count {
                    return 0;
                }
                all.push(value.into_static());
            }
            State::LastN(all, count) => {
                all.push_back(value.into_static());
                if all.len() > *count {
                    all.pop_front();
                    return 0;
                }
            }
            State::Extremes(all, count, wanted) => {
                if value.is_nullish() {
                    return 0;
                }
                let at = all.partition_point(|other| value.compare(other) != *wanted);
                if at >= *count {
                    return 0;
                }
                all.insert(at, value.into_static());
                if all.len() > *count {
                    all.pop();
                    return 0;
                }
            }
            _ => return 0,
        }
        weight
    }

    /// Sees a document and what is wanted of it, if it comes early enough in an order.
    pub(super) fn add_ranked(
        &mut self,
        order: &SortOrder,
        document: &Document<'_>,
        value: Option<Value<'_>>,
    ) -> Result<usize> {
        let State::Best(all, count) = self else { return Ok(0) };
        let key = order.key(document);
        let late = |other: &Ranked| order.compare_keys(&key, &other.0).is_ge();
        let at = all.partition_point(late);
        if at >= *count {
            return Ok(0);
        }
        let key: Vec<_> = key.into_iter().map(Value::into_static).collect();
        let value = value.unwrap_or(Value::Null).into_static();
        let bytes = key.iter().map(weight::value).sum::<usize>() + weight::value(&value);
        all.insert(at, (key, value));
        if all.len() > *count {
            all.pop();
            return Ok(0);
        }
        Ok(bytes)
    }

    /// The state as a value, for [`merge`](State::merge).
    pub(in crate::document::pipeline) fn save(self) -> Value<'static> {
        let list = |all: Vec<Value<'static>>| Value::Array(Array::from(all));
        match self {
            State::Sum(sum) | State::Avg(sum) => Value::Array(sum.save()),
            State::Count(count) => Value::Int64(count),
            State::Deviation(deviation, _) => Value::Array(deviation.save()),
            State::Extreme(value, _) | State::First(value) | State::Last(value) => {
                list(value.into_iter().collect())
            }
            State::List(all, _) | State::FirstN(all, _) | State::Extremes(all, ..) => list(all),
            State::Set(all, _) => list(all.into_iter().collect()),
            State::LastN(all, _) => list(all.into()),
            State::Merged(merged, _) => Value::Document(merged),
            State::Best(all, _) => list(
                all.into_iter()
                    .map(|(key, value)| Value::from(vec![Value::from(key), value]))
                    .collect(),
            ),
            State::Numbers(all) => Value::from(all),
        }
    }

    /// Adds what was saved of a state that saw later documents of the same group.
    pub(super) fn merge(
        &mut self,
        name: &str,
        order: Option<&SortOrder>,
        saved: Value<'_>,
    ) -> Result<usize> {
        let damaged = || {
            crate::Error::new(
                crate::ErrorKind::Corrupt,
                format!("a spilled state of {name} is damaged"),
            )
        };
        let items = match saved {
            Value::Array(items) => items,
            Value::Int64(count) => {
                if let State::Count(all) = self {
                    *all += count;
                }
                return Ok(0);
            }
            other => return self.gather(name, other),
        };
        match self {
            State::Sum(sum) | State::Avg(sum) => {
                sum.merge(&Sum::load(&items).ok_or_else(damaged)?);
            }
            State::Deviation(all, _) => all.merge(&Deviation::load(&items).ok_or_else(damaged)?),
            State::Best(all, count) => {
                merge_ranked(all, order.ok_or_else(damaged)?, &items);
                all.truncate(*count);
            }
            State::Numbers(all) => return Ok(add_numbers(all, Some(&Value::Array(items)))),
            _ => {
                let mut grown = 0;
                for item in items {
                    grown += self.add(name, Some(item))?;
                }
                return Ok(grown);
            }
        }
        Ok(0)
    }

    /// The value that the group has.
    pub(super) fn finish(self) -> Value<'static> {
        match self {
            State::Sum(sum) => sum.total().into(),
            State::Avg(sum) => sum.mean().into(),
            State::Count(count) => match i32::try_from(count) {
                Ok(count) => Value::Int32(count),
                Err(_) => Value::Int64(count),
            },
            State::Deviation(deviation, of) => deviation.result(of),
            State::Extreme(value, _) | State::First(value) | State::Last(value) => {
                value.unwrap_or(Value::Null)
            }
            other => other.save(),
        }
    }

    pub(super) fn median(self, method: Method) -> Value<'static> {
        percentile(&self.numbers(), 0.5, method).into()
    }

    pub(super) fn percentiles(self, fractions: &[f64], method: Method) -> Value<'static> {
        let numbers = self.numbers();
        let found = fractions.iter().map(|fraction| percentile(&numbers, *fraction, method));
        Value::Array(found.collect())
    }

    fn numbers(self) -> Vec<f64> {
        let State::Numbers(mut all) = self else { return Vec::new() };
        all.sort_by(double_order);
        all
    }

    /// The outputs of the best documents, or that of the first one alone.
    pub(super) fn best(self, wanted: Wanted) -> Value<'static> {
        let State::Best(all, _) = self else { return Value::Null };
        let mut outputs = all.into_iter().map(|(_, value)| value);
        match wanted {
            Wanted::One => outputs.next().unwrap_or(Value::Null),
            Wanted::Top => Value::Array(outputs.collect()),
            Wanted::Bottom => Value::Array(outputs.rev().collect()),
        }
    }
}

/// Puts a value in place of another one. Gives how many bytes more there are.
fn replace(place: &mut Option<Value<'static>>, value: Value<'_>) -> usize {
    let before = place.as_ref().map_or(0, weight::value);
    let after = weight::value(&value);
    *place = Some(value.into_static());
    after.saturating_sub(before)
}

/// Adds a number, or the numbers of an array.
fn add_numbers(all: &mut Vec<f64>, value: Option<&Value<'_>>) -> usize {
    let before = all.len();
    match value {
        Some(Value::Array(items)) => {
            all.extend(items.iter().filter_map(|item| item.number()).map(Number::to_f64));
        }
        other => all.extend(other.and_then(Value::number).map(Number::to_f64)),
    }
    (all.len() - before) * size_of::<f64>()
}

/// Merges pairs of keys and outputs that are in order, those of the same key behind.
fn merge_ranked(all: &mut Vec<Ranked>, order: &SortOrder, saved: &Array<'_>) {
    for item in saved {
        let Value::Array(pair) = item else { continue };
        let mut pair = pair.into_iter();
        let (Some(Value::Array(key)), Some(value)) = (pair.next(), pair.next()) else { continue };
        let key: Vec<_> = key.into_iter().map(Value::into_static).collect();
        let at = all.partition_point(|other| order.compare_keys(&key, &other.0).is_ge());
        all.insert(at, (key, value.into_static()));
    }
}
