//! Aggregation pipelines: stages over documents that are pulled through them one by one.
//!
//! A [`Pipeline`] is parsed and improved once. It runs [over rows](Pipeline::over) that are there,
//! or [opens a collection](Pipeline::open), which then may answer the pipeline's
//! [leading part](Leading) from its indexes. What collections are is behind [`Sources`].
//!
//! Not for: how documents are found, and commits of what `$merge` and `$out` write.
//!
//! # Invariants
//!
//! 1. A stage holds at most [`Settings::memory_max`] bytes, about, and what a single group, bucket
//!    or sort key takes; `$group`, `$sort`, `$sample`, `$bucketAuto` and `$facet` put the rest on
//!    disk.
//! 2. Improving a pipeline changes neither which documents it gives nor their order; but for a
//!    `$group` that spills, whose groups have no order of their own.

use crate::Result;
use crate::document::expression::{Dependencies, Scope};
use crate::document::filter::Filter;
use crate::document::value::Document;

mod weight;
mod settings;
mod spill;
mod list;
mod accumulator;
mod rows;
mod stage;
mod parse;
mod optimise;
#[cfg(test)]
mod tests;

pub use rows::{BoxedRows, Leading, Namespace, Opened, Rows, Sources};
pub use settings::{Disk, Settings};
pub use stage::write::Merge;

use rows::Given;
use stage::Stage;
use std::sync::Arc;

/// Stages, ready to run on any documents.
#[derive(Clone, Debug)]
pub struct Pipeline {
    stages: Vec<Stage>,
    scope: Scope,
    reads: Option<Dependencies>,
}

impl Pipeline {
    /// Reads stages. `scope` has the variables that they may use.
    ///
    /// # Errors
    /// Code 40324 for a stage that does not exist, 238 for one that Cuesta does not have, and those
    /// of stages for arguments that are wrong.
    pub fn parse(stages: &[Document<'_>], scope: &Scope) -> Result<Pipeline> {
        parse::Parser::new(scope.clone()).pipeline(stages)
    }

    fn new(stages: Vec<Stage>, scope: Scope) -> Pipeline {
        let reads = optimise::reads(&stages);
        Pipeline { stages, scope, reads }
    }

    /// The same stages in the order in which they were written, for tests of improving them.
    #[cfg(test)]
    fn as_written(stages: &[Document<'_>], scope: &Scope) -> Result<Pipeline> {
        let mut parser = parse::Parser::new(scope.clone());
        let mut read = Vec::new();
        for document in stages {
            if let Some((name, value)) = document.iter().next() {
                read.extend(stage::read(name, &value, &mut parser)?);
            }
        }
        Ok(Pipeline { stages: read, scope: parser.scope, reads: None })
    }

    /// The names of all accumulators.
    #[cfg(test)]
    pub(crate) fn accumulators() -> impl Iterator<Item = &'static str> {
        accumulator::Accumulator::names()
    }

    /// The names of all stages.
    #[cfg(test)]
    pub(crate) fn all_stages() -> impl Iterator<Item = &'static str> {
        stage::NAMES.iter().chain(stage::ABSENT).copied()
    }

    /// The names of its stages, in the order in which they run.
    pub fn stage_names(&self) -> impl Iterator<Item = &'static str> {
        self.stages.iter().map(Stage::name)
    }

    /// Whether it ends by writing to a collection, and to which.
    pub fn writes(&self) -> bool {
        matches!(self.stages.last(), Some(Stage::Out(_) | Stage::Merge(_)))
    }

    /// Whether it needs no collection, as it begins with documents of its own.
    pub fn begins_with_documents(&self) -> bool {
        matches!(self.stages.first(), Some(Stage::Documents(_)))
    }

    /// What a collection may answer from its indexes.
    pub fn leading(&self) -> Leading<'_> {
        let (filter, rest) = match self.stages.split_first() {
            Some((Stage::Match(filter), rest)) => (Some(&**filter), rest),
            _ => (None, self.stages.as_slice()),
        };
        let (sort, limit) = match rest.first() {
            Some(Stage::Sort(order, limit)) => (Some(&**order), *limit),
            Some(Stage::Limit(limit)) => (None, Some(*limit)),
            _ => (None, None),
        };
        Leading { filter, sort, limit, reads: self.reads.as_ref() }
    }

    /// Runs it over the documents of a collection.
    ///
    /// # Errors
    /// Those of opening the collection; others come with the rows.
    pub fn open(&self, namespace: &Namespace, settings: &Settings) -> Result<BoxedRows> {
        if self.begins_with_documents() {
            return self.over(Box::new(Given::new(Vec::new())), settings);
        }
        let leading = self.leading();
        let Opened { rows, filtered, sorted } = settings.sources.open(namespace, &leading)?;
        let mut done = 0;
        if filtered && leading.filter.is_some() {
            done += 1;
        }
        let filter_left = leading.filter.is_some() && !filtered;
        if sorted && leading.sort.is_some() && !filter_left {
            // Of a sort that is done only its limit is left.
            let rest = self.stages.get(done + 1..).unwrap_or_default();
            let rows: BoxedRows = match leading.limit {
                Some(left) => Box::new(stage::each::Limited { rows, left }),
                None => rows,
            };
            return run(rest, rows, settings);
        }
        run(self.stages.get(done..).unwrap_or_default(), rows, settings)
    }

    /// As [`open`](Pipeline::open), of the documents alone that a filter is true of.
    fn open_where(
        &self,
        namespace: &Namespace,
        filter: Filter,
        settings: &Settings,
    ) -> Result<BoxedRows> {
        let leading = Leading { filter: Some(&filter), sort: None, limit: None, reads: None };
        let Opened { rows, filtered, .. } = settings.sources.open(namespace, &leading)?;
        let context = Arc::clone(&settings.context);
        let rows = match filtered {
            true => rows,
            false => stage::each::matching(rows, Arc::new(filter), context),
        };
        run(&self.stages, rows, settings)
    }

    /// Runs it over these documents.
    ///
    /// # Errors
    /// Those of opening other collections; others come with the rows.
    pub fn over(&self, rows: BoxedRows, settings: &Settings) -> Result<BoxedRows> {
        run(&self.stages, rows, settings)
    }

    /// Runs it over documents in memory, and gives all results.
    ///
    /// # Errors
    /// Those of its stages.
    pub fn run_over(
        &self,
        documents: Vec<Document<'static>>,
        settings: &Settings,
    ) -> Result<Vec<Document<'static>>> {
        rows::gather(&mut *self.over(Box::new(Given::new(documents)), settings)?)
    }

    /// Whether it gives the same for the same collections each time.
    fn is_constant(&self) -> bool {
        self.scope.bound() == 0
            && !self.stages.iter().any(|stage| matches!(stage, Stage::Sample(_)))
    }
}

/// Puts stages behind rows.
fn run(stages: &[Stage], mut rows: BoxedRows, settings: &Settings) -> Result<BoxedRows> {
    for stage in stages {
        rows = attach(stage, rows, settings);
    }
    Ok(rows)
}

fn attach(stage: &Stage, rows: BoxedRows, settings: &Settings) -> BoxedRows {
    use stage::{bucket, each, group, lookup, several, sort, unwind, write};
    let (context, settings) = (Arc::clone(&settings.context), settings.clone());
    match stage {
        Stage::Match(filter) => each::matching(rows, Arc::clone(filter), context),
        Stage::Project(_, by) => each::projected(rows, Arc::clone(by), context),
        Stage::ReplaceRoot(root) => each::replaced(rows, Arc::clone(root), context),
        Stage::Redact(by) => each::redacted(rows, Arc::clone(by), context),
        Stage::Group(group) => Box::new(group::Grouped::new(rows, Arc::clone(group), settings)),
        Stage::Sort(order, limit) => Box::new(sort::InOrder {
            rows,
            order: Arc::clone(order),
            limit: *limit,
            settings,
            sorted: None,
        }),
        Stage::Limit(left) => Box::new(each::Limited { rows, left: *left }),
        Stage::Skip(left) => Box::new(each::Skipped { rows, left: *left }),
        Stage::Unwind(unwind) => {
            Box::new(unwind::Unwound { rows, unwind: Arc::clone(unwind), current: None })
        }
        Stage::Sample(size) => {
            Box::new(each::Sampled { rows, size: *size, settings, chosen: None })
        }
        Stage::BucketAuto(auto) => {
            Box::new(bucket::Bucketed { rows, auto: Arc::clone(auto), settings, made: None })
        }
        Stage::Facet(facets) => {
            Box::new(several::Facets { rows: Some(rows), facets: Arc::clone(facets), settings })
        }
        Stage::UnionWith(union) => {
            Box::new(several::United { rows, union: Arc::clone(union), settings, behind: None })
        }
        Stage::Lookup(lookup) => Box::new(lookup::LookedUp {
            rows,
            lookup: Arc::clone(lookup),
            settings,
            constant: None,
        }),
        Stage::Documents(documents) => {
            Box::new(each::Written { documents: Arc::clone(documents), context, made: None })
        }
        Stage::Merge(merge) => {
            Box::new(write::Merging { rows, merge: Arc::clone(merge), settings })
        }
        Stage::Out(into) => {
            Box::new(write::Replacing { rows: Some(rows), into: Arc::clone(into), settings })
        }
    }
}
