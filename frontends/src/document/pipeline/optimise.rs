//! Better pipelines: the same documents in the same order, by less work.
//!
//! - A `$match` goes forward past stages that leave alone what it reads: `$sort`, `$project`,
//!   `$addFields`, `$unset`, `$unwind`, `$lookup`. Of several conditions each goes as far as it
//!   can.
//!   Past a `$project` or `$addFields` that gives a field another name, it asks for the old name.
//! - A `$limit` goes forward past stages that give one document for each, and into a `$sort`, which
//!   then keeps no more than are wanted.
//! - Neighbours of one kind become one: `$match`, `$limit`, `$skip`.
//!
//! A pure function: it makes stages of stages.

use std::sync::Arc;

use super::stage::Stage;
use crate::document::expression::{Dependencies, Expression, Scope};
use crate::document::filter::Filter;
use crate::document::projection::{Fate, Projection};
use crate::document::value::{Array, Document, Value};

/// The best order that is known for these stages.
pub(super) fn optimise(stages: Vec<Stage>, scope: &Scope) -> Vec<Stage> {
    let mut better = Vec::new();
    for stage in stages {
        match stage {
            Stage::Match(filter) => {
                for condition in conditions(&filter, scope) {
                    push_match(&mut better, condition, scope);
                }
            }
            Stage::Limit(limit) => push_limit(&mut better, limit),
            Stage::Skip(skip) => match better.last_mut() {
                Some(Stage::Skip(before)) => *before = before.saturating_add(skip),
                _ => better.push(Stage::Skip(skip)),
            },
            other => better.push(other),
        }
    }
    joined(better, scope)
}

/// The parts of a filter that must all be true.
fn conditions(filter: &Arc<Filter>, scope: &Scope) -> Vec<Arc<Filter>> {
    let mut parts = Vec::new();
    for (name, value) in filter.to_document().iter() {
        match (name, &value) {
            ("$and", Value::Array(items)) => {
                parts.extend(items.iter().filter_map(|item| match item {
                    Value::Document(part) => Some(part.into_static()),
                    _ => None,
                }));
            }
            _ => parts.push(crate::doc! { (name.to_owned()): (value.into_static()) }),
        }
    }
    let parse = |part: &Document<'_>| Filter::parse(part, &mut scope.clone()).map(Arc::new);
    let parts: crate::Result<Vec<_>> = parts.iter().map(parse).collect();
    parts.unwrap_or_else(|_| vec![Arc::clone(filter)])
}

/// Puts a filter as far forward as it may stand.
fn push_match(stages: &mut Vec<Stage>, mut filter: Arc<Filter>, scope: &Scope) {
    let (mut at, mut place) = (stages.len(), stages.len());
    while let Some(before) = at.checked_sub(1).and_then(|at| stages.get(at)) {
        at -= 1;
        // It stays behind other filters, unless it passes what they cannot.
        if matches!(before, Stage::Match(_)) {
            continue;
        }
        match passes(before, &filter, scope) {
            Some(renamed) => filter = renamed,
            None => break,
        }
        place = at;
    }
    stages.insert(place, Stage::Match(filter));
}

/// The filter that does before a stage what this one does behind it.
fn passes(stage: &Stage, filter: &Arc<Filter>, scope: &Scope) -> Option<Arc<Filter>> {
    let reads = || filter_reads(&filter.to_document(), scope);
    let untouched = |path: &str| reads().is_some_and(|reads| !reads.touches(path));
    // Setting a path may put documents where there were none, beside which others are then missing.
    let unset = |path: &str| untouched(first(path));
    let same = || Some(Arc::clone(filter));
    match stage {
        Stage::Sort(_, None) => same(),
        Stage::Unwind(unwind) => {
            let index = unwind.index().is_none_or(unset);
            if index && untouched(&unwind.path()) { same() } else { None }
        }
        Stage::Lookup(lookup) if unset(lookup.sets()) => same(),
        Stage::Project(_, by) => past_projection(by, filter, scope),
        _ => None,
    }
}

fn past_projection(
    projection: &Projection,
    filter: &Arc<Filter>,
    scope: &Scope,
) -> Option<Arc<Filter>> {
    let document = filter.to_document();
    let reads = filter_reads(&document, scope)?;
    let kept = |path: &str| matches!(projection.fate(first(path)), Fate::Same);
    if reads.whole {
        return None;
    }
    if reads.paths.iter().all(|path| kept(path)) {
        return Some(Arc::clone(filter));
    }
    // Every field that is not kept must be another one under a new name.
    let old_name = |path: &str| -> Option<String> {
        let name = first(path);
        match projection.fate(name) {
            Fate::Same => Some(path.to_owned()),
            Fate::Computed(value) => {
                let old = value.as_field()?.as_str();
                let rest = path.strip_prefix(name)?;
                if old.contains('.') { None } else { Some(format!("{old}{rest}")) }
            }
            Fate::Other => None,
        }
    };
    let document = with_names(&document, &old_name)?;
    Filter::parse(&document, &mut scope.clone()).ok().map(Arc::new)
}

/// The first part of a path.
fn first(path: &str) -> &str {
    path.split('.').next().unwrap_or_default()
}

/// A filter's document with other names; `None` where that is not known.
fn with_names(
    document: &Document<'_>,
    names: &impl Fn(&str) -> Option<String>,
) -> Option<Document<'static>> {
    let mut made = Vec::new();
    for (name, value) in document.iter() {
        match (name, value) {
            ("$and" | "$or" | "$nor", Value::Array(parts)) => {
                let part = |item: Value<'_>| with_names(item.as_document()?, names);
                let parts: Option<Array<'static>> =
                    parts.iter().map(part).collect::<Option<Vec<_>>>().map(Array::from);
                made.push((name.to_owned().into(), Value::Array(parts?)));
            }
            (name, _) if name.starts_with('$') => return None,
            (name, value) => made.push((names(name)?.into(), value.into_static())),
        }
    }
    Some(Document::from_fields(made))
}

/// What a filter reads; `None` where that is not known.
fn filter_reads(document: &Document<'_>, scope: &Scope) -> Option<Dependencies> {
    let mut reads = Dependencies::default();
    for (name, value) in document.iter() {
        match (name, value) {
            ("$and" | "$or" | "$nor", Value::Array(parts)) => {
                for part in &parts {
                    reads.merge(filter_reads(part.as_document()?, scope)?);
                }
            }
            ("$expr", value) => {
                let parsed = Expression::parse(&value, &mut scope.clone()).ok()?;
                reads.add(&parsed);
            }
            ("$alwaysTrue" | "$alwaysFalse" | "$comment", _) => {}
            (name, _) if name.starts_with('$') => return None,
            (name, _) => {
                reads.paths.insert(name.to_owned());
            }
        }
    }
    Some(reads)
}

/// Puts a limit as far forward as it may stand, and into the sort before it.
fn push_limit(stages: &mut Vec<Stage>, limit: u64) {
    let mut at = stages.len();
    while let Some(Stage::Project(..)) = at.checked_sub(1).and_then(|at| stages.get(at)) {
        at -= 1;
    }
    let skipped = match at.checked_sub(1).and_then(|at| stages.get(at)) {
        Some(Stage::Skip(skip)) => *skip,
        _ => 0,
    };
    let before = if skipped > 0 { at.checked_sub(2) } else { at.checked_sub(1) };
    match before.and_then(|before| stages.get_mut(before)) {
        Some(Stage::Sort(_, most)) => {
            let wanted = limit.saturating_add(skipped);
            *most = Some(most.map_or(wanted, |most| most.min(wanted)));
            if skipped == 0 {
                return;
            }
        }
        Some(Stage::Limit(most)) if skipped == 0 => {
            *most = limit.min(*most);
            return;
        }
        _ => {}
    }
    stages.insert(at, Stage::Limit(limit));
}

/// Makes one of filters that stand next to each other.
fn joined(stages: Vec<Stage>, scope: &Scope) -> Vec<Stage> {
    let mut joined: Vec<Stage> = Vec::new();
    for stage in stages {
        if let (Some(Stage::Match(before)), Stage::Match(filter)) = (joined.last_mut(), &stage) {
            let parts = [before.to_document(), filter.to_document()];
            let both = crate::doc! { "$and": (Array::from(parts.to_vec())) };
            if let Ok(both) = Filter::parse(&both, &mut scope.clone()) {
                *before = Arc::new(both);
                continue;
            }
        }
        joined.push(stage);
    }
    joined
}

/// What stages read of the documents that they are given; `None` is everything.
pub(super) fn reads(stages: &[Stage]) -> Option<Dependencies> {
    let mut reads = Dependencies::default();
    for stage in stages {
        match stage {
            Stage::Match(filter) => {
                // Variables from outside are not known here, and are nothing of the document's.
                reads.merge(filter_reads(&filter.to_document(), &Scope::new())?);
            }
            Stage::Sort(order, _) => {
                let paths = order.fields().iter().map(|(path, _)| path.as_str().to_owned());
                reads.paths.extend(paths);
            }
            Stage::Unwind(unwind) => {
                reads.paths.insert(unwind.path());
            }
            Stage::Limit(_) | Stage::Skip(_) | Stage::Sample(_) => {}
            Stage::Project(_, by) => {
                reads.merge(by.named_dependencies());
                if by.is_inclusion() {
                    return (!reads.whole).then_some(reads);
                }
            }
            Stage::Group(group) => {
                reads.add(&group.key);
                for accumulator in &group.accumulators {
                    reads.add(accumulator.argument());
                    reads.paths.extend(accumulator.sort_paths().map(str::to_owned));
                }
                return (!reads.whole).then_some(reads);
            }
            Stage::ReplaceRoot(root) => {
                reads.add(root);
                return (!reads.whole).then_some(reads);
            }
            _ => return None,
        }
    }
    None
}
