//! Stages: what they are, and how they are read. What they do is beside them, a file for each kind.

use std::sync::Arc;

use super::Pipeline;
use super::parse::{Parser, Within};
use super::rows::Namespace;
use crate::Result;
use crate::document::expression::{Expression, SortOrder};
use crate::document::failure;
use crate::document::filter::Filter;
use crate::document::projection::Projection;
use crate::document::value::{Document, Value};

pub(super) mod bucket;
pub(super) mod each;
pub(super) mod group;
pub(super) mod lookup;
pub(super) mod redact;
pub(super) mod several;
pub(super) mod sort;
pub(super) mod unwind;
pub(super) mod write;

/// One stage.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Keeps the documents that a filter is true of.
    Match(Arc<Filter>),
    /// Keeps, leaves out and computes fields; with its name, as there are several.
    Project(&'static str, Arc<Projection>),
    /// Puts in place of each document what an expression makes of it.
    ReplaceRoot(Arc<Expression>),
    /// Keeps, cuts or goes down, at every level of a document.
    Redact(Arc<Expression>),
    /// One document for each group.
    Group(Arc<group::Group>),
    /// In order; with a limit only the first ones.
    Sort(Arc<SortOrder>, Option<u64>),
    /// The first ones.
    Limit(u64),
    /// Without the first ones.
    Skip(u64),
    /// One document for each value of an array.
    Unwind(Arc<unwind::Unwind>),
    /// Some at random.
    Sample(u64),
    /// Groups of about equal size, in order.
    BucketAuto(Arc<bucket::BucketAuto>),
    /// Several pipelines over the same documents.
    Facet(Arc<Vec<(String, Pipeline)>>),
    /// Documents of another collection behind.
    UnionWith(Arc<(Namespace, Pipeline)>),
    /// Documents of another collection within.
    Lookup(Arc<lookup::Lookup>),
    /// Documents that are written out.
    Documents(Arc<Expression>),
    /// Into another collection, one by one.
    Merge(Arc<write::Merge>),
    /// In place of all of another collection.
    Out(Arc<Namespace>),
}

/// Stages of MongoDB that are not there: code 238 names them.
pub(super) const ABSENT: &[&str] = &[
    "$changeStream",
    "$changeStreamSplitLargeEvent",
    "$collStats",
    "$currentOp",
    "$densify",
    "$fill",
    "$geoNear",
    "$graphLookup",
    "$indexStats",
    "$listLocalSessions",
    "$listSampledQueries",
    "$listSearchIndexes",
    "$listSessions",
    "$planCacheStats",
    "$querySettings",
    "$queryStats",
    "$rankFusion",
    "$search",
    "$searchMeta",
    "$setWindowFields",
    "$shardedDataDistribution",
    "$vectorSearch",
];

/// The names of all stages.
#[cfg(test)]
pub(super) const NAMES: &[&str] = &[
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$count",
    "$documents",
    "$facet",
    "$group",
    "$limit",
    "$lookup",
    "$match",
    "$merge",
    "$out",
    "$project",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$set",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unionWith",
    "$unset",
    "$unwind",
];

impl Stage {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Stage::Match(_) => "$match",
            Stage::Project(name, _) => name,
            Stage::ReplaceRoot(_) => "$replaceRoot",
            Stage::Redact(_) => "$redact",
            Stage::Group(_) => "$group",
            Stage::Sort(..) => "$sort",
            Stage::Limit(_) => "$limit",
            Stage::Skip(_) => "$skip",
            Stage::Unwind(_) => "$unwind",
            Stage::Sample(_) => "$sample",
            Stage::BucketAuto(_) => "$bucketAuto",
            Stage::Facet(_) => "$facet",
            Stage::UnionWith(_) => "$unionWith",
            Stage::Lookup(_) => "$lookup",
            Stage::Documents(_) => "$documents",
            Stage::Merge(_) => "$merge",
            Stage::Out(_) => "$out",
        }
    }
}

/// Reads a stage, which may stand for several.
pub(super) fn read(name: &str, value: &Value<'_>, parser: &mut Parser) -> Result<Vec<Stage>> {
    let scope = &mut parser.scope;
    let document = |code: i32| match value {
        Value::Document(document) => Ok(document),
        other => {
            let kind = other.kind().name();
            Err(failure::invalid(code, format!("{name} takes a document, not {kind}")))
        }
    };
    let stage = match name {
        "$match" => Stage::Match(Arc::new(Filter::parse(document(15959)?, scope)?)),
        "$project" => {
            let projection = Projection::project(document(15969)?, scope)?;
            Stage::Project("$project", projection.into())
        }
        "$addFields" | "$set" => {
            let name = if name == "$set" { "$set" } else { "$addFields" };
            Stage::Project(name, Projection::add_fields(document(40272)?, scope)?.into())
        }
        "$unset" => Stage::Project("$unset", each::read_unset(value)?.into()),
        "$replaceWith" => Stage::ReplaceRoot(Expression::parse(value, scope)?.into()),
        "$replaceRoot" => {
            let fields = document(40229)?;
            let (Some(new), 1) = (fields.get("newRoot"), fields.len()) else {
                return Err(failure::invalid(40231, "$replaceRoot takes newRoot, and only that"));
            };
            Stage::ReplaceRoot(Expression::parse(&new, scope)?.into())
        }
        "$redact" => Stage::Redact(Expression::parse(value, scope)?.into()),
        "$group" => Stage::Group(group::Group::parse(document(15947)?, scope)?.into()),
        "$sort" => Stage::Sort(SortOrder::parse(document(15973)?)?.into(), None),
        "$limit" => match count(name, value, 0, 5107201)? {
            0 => return Err(failure::invalid(15958, "the limit must be positive")),
            limit => Stage::Limit(limit),
        },
        "$skip" => Stage::Skip(count(name, value, 0, 5107200)?),
        "$unwind" => Stage::Unwind(unwind::Unwind::parse(value)?.into()),
        "$sample" => {
            let fields = document(28745)?;
            let (Some(size), 1) = (fields.get("size"), fields.len()) else {
                return Err(failure::invalid(28748, "$sample takes a size, and only that"));
            };
            Stage::Sample(count(name, &size, 1, 28747)?)
        }
        "$count" => return group::count(value, scope),
        "$sortByCount" => return group::sort_by_count(value, scope),
        "$bucket" => return bucket::bucket(document(40201)?, scope),
        "$bucketAuto" => {
            Stage::BucketAuto(bucket::BucketAuto::parse(document(40240)?, scope)?.into())
        }
        "$facet" => Stage::Facet(several::read_facet(document(40169)?, parser)?.into()),
        "$unionWith" => Stage::UnionWith(several::read_union(value, parser)?.into()),
        "$lookup" => Stage::Lookup(lookup::Lookup::parse(document(9)?, parser)?.into()),
        "$documents" => Stage::Documents(Expression::parse(value, scope)?.into()),
        "$merge" => Stage::Merge(write::Merge::parse(value, parser)?.into()),
        "$out" => Stage::Out(write::read_out(value)?.into()),
        _ if ABSENT.contains(&name) => {
            return Err(failure::unsupported(format!("the stage {name} is not supported")));
        }
        _ => {
            let message = format!("unrecognized pipeline stage name: '{name}'");
            return Err(failure::unrecognized_stage(message));
        }
    };
    parser.allows(&stage)?;
    Ok(vec![stage])
}

/// A whole number of at least `min`.
fn count(name: &str, value: &Value<'_>, min: i64, code: i32) -> Result<u64> {
    let number = value.number().and_then(|number| number.to_exact_i64());
    number.filter(|number| *number >= min).map(|number| number as u64).ok_or_else(|| {
        let message = format!("{name} takes a whole number of at least {min}, not {value:.60?}");
        failure::invalid(code, message)
    })
}

/// The field that must be a string.
fn text_field(name: &str, fields: &Document<'_>, field: &str) -> Result<Option<String>> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.into_owned())),
        Some(other) => {
            let kind = other.kind().name();
            let message = format!("{name} needs '{field}' to be a string, not {kind}");
            Err(failure::failed_to_parse(message))
        }
    }
}

/// The documents of an array that is a pipeline.
fn stages_of(name: &str, value: &Value<'_>) -> Result<Vec<Document<'static>>> {
    let wrong = || failure::type_mismatch(format!("{name} needs an array of stages"));
    let Value::Array(items) = value else { return Err(wrong()) };
    let stage = |item: Value<'_>| match item {
        Value::Document(stage) => Ok(stage.into_static()),
        _ => Err(wrong()),
    };
    items.iter().map(stage).collect()
}

/// Refuses fields that are not known.
fn only(name: &str, fields: &Document<'_>, known: &[&str]) -> Result<()> {
    match fields.iter().find(|(field, _)| !known.contains(field)) {
        Some((field, _)) => {
            Err(failure::failed_to_parse(format!("unrecognized argument to {name}: '{field}'")))
        }
        None => Ok(()),
    }
}

/// Reads the stages within another one.
fn inner(name: &str, value: &Value<'_>, parser: &Parser, within: Within) -> Result<Pipeline> {
    let stages = stages_of(name, value)?;
    parser.inner(within)?.pipeline(&stages)
}
