//! `$bucket`, which is a `$group` by boundaries, and `$bucketAuto`, which finds them.

use std::sync::Arc;

use super::super::accumulator::{Accumulator, State};
use super::super::rows::{BoxedRows, Rows};
use super::super::settings::Settings;
use super::group::Group;
use super::sort::{Sorted, Sorter};
use super::{Stage, count, only};
use crate::Result;
use crate::document::expression::{Env, Expression, Scope, SortOrder};
use crate::document::failure;
use crate::document::value::{Array, Document, Value};
use crate::{array, doc};

/// Reads the accumulators of `output`, or the count that stands for them.
fn outputs(name: &str, output: Option<Value<'_>>, scope: &mut Scope) -> Result<Vec<Accumulator>> {
    match output {
        None => {
            let sum = Value::Document(doc! { "$sum": 1 });
            Ok(vec![Accumulator::parse("count", &sum, scope)?])
        }
        Some(Value::Document(fields)) => {
            fields.iter().map(|(name, value)| Accumulator::parse(name, &value, scope)).collect()
        }
        Some(other) => {
            let kind = other.kind().name();
            let message = format!("{name} needs 'output' to be a document, not {kind}");
            Err(failure::invalid(40196, message))
        }
    }
}

/// What buckets are made by: a path, or an expression in a document.
fn group_by<'v>(name: &str, fields: &'v Document<'_>, code: i32) -> Result<Value<'v>> {
    let value = fields.get("groupBy");
    let sound = match &value {
        Some(Value::Document(_)) => true,
        Some(Value::String(text)) => text.starts_with('$'),
        _ => false,
    };
    value.filter(|_| sound).ok_or_else(|| {
        let message = format!("{name} needs 'groupBy' to be a path or an expression");
        failure::invalid(code, message)
    })
}

/// Reads a `$bucket`: a group by a choice among boundaries, and an order.
pub fn bucket(fields: &Document<'_>, scope: &mut Scope) -> Result<Vec<Stage>> {
    only("$bucket", fields, &["groupBy", "boundaries", "default", "output"])?;
    let by = group_by("$bucket", fields, 40202)?;
    let Some(Value::Array(boundaries)) = fields.get("boundaries") else {
        return Err(failure::invalid(40200, "$bucket needs an array of 'boundaries'"));
    };
    let boundaries = constants(&boundaries, scope)?;
    let default =
        fields.get("default").map(|value| constants(&array![value], scope)).transpose()?;
    let default = default.and_then(|values| values.into_iter().next());
    check_boundaries(&boundaries, default.as_ref())?;
    let literal = |value: &Value<'static>| doc! { "$literal": (value.clone()) };
    let mut branches = Vec::new();
    for pair in boundaries.windows(2) {
        let [low, high] = pair else { continue };
        let within = doc! { "$and": [
            {"$gte": ["$$by", (literal(low))]}, {"$lt": ["$$by", (literal(high))]}
        ] };
        branches.push(Value::Document(doc! { "case": within, "then": (literal(low)) }));
    }
    let mut switch = doc! { "branches": branches };
    if let Some(default) = &default {
        switch.insert("default", literal(default));
    }
    let key = doc! { "$let": {"vars": {"by": (by.into_static())}, "in": {"$switch": switch}} };
    let key = Expression::parse(&Value::Document(key), scope)?;
    let accumulators = outputs("$bucket", fields.get("output"), scope)?;
    let order = SortOrder::parse(&doc! { "_id": 1 })?;
    let group = Group { key, accumulators };
    Ok(vec![Stage::Group(group.into()), Stage::Sort(order.into(), None)])
}

/// The values that expressions always have.
fn constants(items: &Array<'_>, scope: &mut Scope) -> Result<Vec<Value<'static>>> {
    let constant = |item: Value<'_>| {
        let parsed = Expression::parse(&item, scope)?;
        parsed.as_constant().cloned().ok_or_else(|| {
            failure::invalid(40191, "$bucket needs 'boundaries' and 'default' to be constant")
        })
    };
    items.iter().map(constant).collect()
}

fn check_boundaries(boundaries: &[Value<'static>], default: Option<&Value<'static>>) -> Result<()> {
    let (Some(first), Some(last)) = (boundaries.first(), boundaries.last()) else {
        return Err(failure::invalid(40192, "$bucket needs at least two 'boundaries'"));
    };
    if boundaries.len() < 2 {
        return Err(failure::invalid(40192, "$bucket needs at least two 'boundaries'"));
    }
    for pair in boundaries.windows(2) {
        let [low, high] = pair else { continue };
        if low.kind().rank() != high.kind().rank() {
            let message = format!("$bucket needs 'boundaries' of one type: {low:?} and {high:?}");
            return Err(failure::invalid(40193, message));
        }
        if low >= high {
            let message = format!("$bucket needs 'boundaries' in order: {low:?} and {high:?}");
            return Err(failure::invalid(40194, message));
        }
    }
    if default.is_some_and(|default| default >= first && default < last) {
        let message = "$bucket needs a 'default' that lies outside the boundaries";
        return Err(failure::invalid(40199, message));
    }
    Ok(())
}

/// Groups of about equal size, in order of what they are made by.
#[derive(Clone, Debug)]
pub struct BucketAuto {
    pub by: Expression,
    buckets: u64,
    pub group: Group,
}

impl BucketAuto {
    /// Reads `{groupBy, buckets, output}`.
    pub fn parse(fields: &Document<'_>, scope: &mut Scope) -> Result<BucketAuto> {
        if fields.contains("granularity") {
            let message = "the option granularity of $bucketAuto is not supported";
            return Err(failure::unsupported(message));
        }
        only("$bucketAuto", fields, &["groupBy", "buckets", "output"])?;
        let by = group_by("$bucketAuto", fields, 40239)?;
        let by = Expression::parse(&by, scope)?;
        let Some(buckets) = fields.get("buckets") else {
            return Err(failure::invalid(40246, "$bucketAuto needs 'groupBy' and 'buckets'"));
        };
        let buckets = count("$bucketAuto", &buckets, 1, 40243)?;
        let accumulators = outputs("$bucketAuto", fields.get("output"), scope)?;
        let group = Group { key: Expression::literal(Value::Null), accumulators };
        Ok(BucketAuto { by, buckets, group })
    }
}

/// Documents of buckets.
pub struct Bucketed {
    pub rows: BoxedRows,
    pub auto: Arc<BucketAuto>,
    pub settings: Settings,
    pub made: Option<std::vec::IntoIter<Document<'static>>>,
}

impl Rows for Bucketed {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        if self.made.is_none() {
            self.made = Some(self.buckets()?.into_iter());
        }
        Ok(self.made.as_mut().and_then(Iterator::next))
    }
}

/// A bucket that is being filled.
struct Bucket {
    least: Value<'static>,
    greatest: Value<'static>,
    count: u64,
    states: Vec<State>,
}

impl Bucketed {
    fn buckets(&mut self) -> Result<Vec<Document<'static>>> {
        let compare: super::super::spill::Compare = Arc::new(|a, b| a.cmp(b));
        let mut sorter = Sorter::new("$bucketAuto", compare, None, self.settings.clone());
        let mut total: u64 = 0;
        while let Some(document) = self.rows.next()? {
            let env = Env::new(&document, &self.settings.context);
            let key = self.auto.by.evaluate(&env)?.unwrap_or(Value::Null).into_static();
            sorter.push(vec![key], document.clone())?;
            total += 1;
        }
        let buckets = self.fill(sorter.finish()?, total)?;
        let starts: Vec<_> = buckets.iter().skip(1).map(|bucket| bucket.least.clone()).collect();
        let document = |(at, bucket): (usize, Bucket)| {
            // A bucket ends where the next one begins; the last one has its end in it.
            let max = starts.get(at).cloned().unwrap_or(bucket.greatest);
            let id = doc! { "min": (bucket.least), "max": max };
            self.auto.group.document(Value::Document(id), bucket.states)
        };
        Ok(buckets.into_iter().enumerate().map(document).collect())
    }

    /// Spreads documents over buckets; those of one key stay together.
    fn fill(&self, mut sorted: Sorted, total: u64) -> Result<Vec<Bucket>> {
        let size = (total as f64 / self.auto.buckets as f64).round().max(1.0) as u64;
        let mut buckets: Vec<Bucket> = Vec::new();
        while let Some((mut key, document)) = sorted.next()? {
            let key = key.pop().unwrap_or(Value::Null);
            let last = buckets.len() as u64 >= self.auto.buckets;
            let full = buckets.last().is_none_or(|it| it.count >= size && it.greatest != key);
            if buckets.is_empty() || full && !last {
                let states = self.auto.group.start(&Value::Null, &self.settings)?;
                buckets.push(Bucket {
                    least: key.clone(),
                    greatest: key.clone(),
                    count: 0,
                    states,
                });
            }
            let Some(bucket) = buckets.last_mut() else { continue };
            bucket.greatest = key;
            bucket.count += 1;
            let env = Env::new(&document, &self.settings.context);
            for (accumulator, state) in self.auto.group.accumulators.iter().zip(&mut bucket.states)
            {
                accumulator.add(state, &env)?;
            }
        }
        Ok(buckets)
    }
}
