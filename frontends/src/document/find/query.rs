//! A query on its way from filter to documents: parsed, planned, opened.

use std::sync::Arc;

use super::explain::Explained;
use super::options::{FindOptions, Hint};
use super::rows::Rows;
use crate::Result;
use crate::document::collection::{Collection, State};
use crate::document::expression::{Context, Direction as Way, Scope, SortOrder};
use crate::document::failure;
use crate::document::filter::Filter;
use crate::document::plan::choose::{self, Plan, Question, Rejected};
use crate::document::plan::order::SortField;
use crate::document::plan::shape::{Shape, ShapeField};
use crate::document::projection::Projection;
use crate::document::value::key::Direction;
use crate::document::value::{DateTime, Document};
use crate::kv::Moment;

/// A query, parsed.
pub(super) struct Query {
    pub(super) filter: Filter,
    pub(super) sort: Option<SortOrder>,
    pub(super) projection: Option<Projection>,
    pub(super) skip: u64,
    pub(super) limit: Option<u64>,
    pub(super) hint: Option<Hint>,
    pub(super) context: Arc<Context>,
}

impl Query {
    pub(super) fn parse(
        collection: &Collection<'_>,
        filter: &Document<'_>,
        options: &FindOptions,
    ) -> Result<Query> {
        let (mut scope, context) = scope_of(collection, options.variables.as_ref())?;
        let sort = options.sort.as_ref().filter(|sort| !sort.is_empty());
        let projection = options.projection.as_ref().filter(|fields| !fields.is_empty());
        Ok(Query {
            filter: Filter::parse(filter, &mut scope)?,
            sort: sort.map(SortOrder::parse).transpose()?,
            projection: projection
                .map(|fields| Projection::find(fields, &mut scope))
                .transpose()?,
            skip: options.skip,
            limit: options.limit,
            hint: options.hint.clone(),
            context,
        })
    }

    /// What is given of a document.
    pub(super) fn give(&self, document: &Document<'_>) -> Result<Document<'static>> {
        let Some(projection) = &self.projection else { return Ok(document.clone().into_static()) };
        let position = self.filter.matches_at(document, &self.context)?.flatten();
        projection.apply(document, position, &self.context).map(Document::into_static)
    }

    /// Plans it, and opens the rows that the plan leads to.
    pub(super) fn open(
        &self,
        collection: &Collection<'_>,
        state: &Arc<State>,
        moment: &Moment,
    ) -> Result<Found> {
        let usable = |at: &usize| state.indexes.get(*at).is_some_and(|index| index.is_usable());
        let numbers: Vec<usize> = (0..state.indexes.len()).filter(usable).collect();
        let shapes: Vec<Shape> = numbers.iter().map(|at| shape_of(state, *at)).collect();
        let sort: Vec<SortField> = self.sort.iter().flat_map(fields_of).collect();
        let hint = self.hint.as_ref().map(|hint| number_of(hint, state, &numbers)).transpose()?;
        let limit = self.limit.map(|limit| limit.saturating_add(self.skip));
        let (hint, is_natural) = match hint {
            Some(Some(number)) => (Some(number), false),
            Some(None) => (None, true),
            None => (None, false),
        };
        let question = Question { filter: &self.filter, sort: &sort, limit, hint };
        let shapes = if is_natural { Vec::new() } else { shapes };
        let statistics = collection.statistics(state, &numbers)?;
        let (plan, rejected) = choose::choose(&question, &shapes, &statistics);
        let is_ordered = match &plan.way {
            choose::Way::Index(way) => sort.is_empty() || way.order.is_some(),
            choose::Way::Walk { .. } | choose::Way::Union { .. } => sort.is_empty(),
        };
        let explained = explained(state, &numbers, &plan, &rejected, is_ordered);
        let rows = Rows::open(state, moment, &self.context, plan.way, &numbers)?;
        Ok(Found { rows, is_ordered, explained })
    }
}

/// The rows of a query.
pub(super) struct Found {
    pub(super) rows: Rows,
    /// Whether they come in the order that was asked for.
    pub(super) is_ordered: bool,
    pub(super) explained: Explained,
}

/// The variables of a query, and the moment that it is asked at.
pub(super) fn scope_of(
    collection: &Collection<'_>,
    variables: Option<&Document<'static>>,
) -> Result<(Scope, Arc<Context>)> {
    let env = &*collection.shared.db.engine.parts().env;
    let now = DateTime::from_millis(i64::try_from(env.wall_ms()).unwrap_or(i64::MAX));
    let context = Context::new(now, env.rand64());
    if variables.is_some_and(|variables| !variables.is_empty()) {
        return Err(failure::unsupported("the option let of a query"));
    }
    Ok((Scope::new(), Arc::new(context)))
}

fn shape_of(state: &State, at: usize) -> Shape {
    let index = &state.indexes[at];
    let met = |at: usize| index.entry.multikey.get(at).copied().unwrap_or(true);
    let field = |(at, (path, direction)): (usize, &(_, Direction))| ShapeField {
        path: Clone::clone(path),
        direction: *direction,
        is_multikey: met(at),
    };
    Shape {
        fields: index.shape.fields().iter().enumerate().map(field).collect(),
        is_sparse: index.entry.sparse,
        partial: index.shape.partial().cloned(),
    }
}

fn fields_of(order: &SortOrder) -> impl Iterator<Item = SortField> {
    order.fields().iter().map(|(path, way)| SortField {
        path: path.clone(),
        direction: match way {
            Way::Ascending => Direction::Ascending,
            Way::Descending => Direction::Descending,
        },
    })
}

/// The place of the index that is hinted at among the usable ones; `None` for none at all.
fn number_of(hint: &Hint, state: &State, numbers: &[usize]) -> Result<Option<usize>> {
    let matches = |at: &usize| {
        let Some(index) = state.indexes.get(*at) else { return false };
        match hint {
            Hint::Name(name) => index.entry.name == *name,
            Hint::Key(key) => index.entry.key == *key,
            Hint::Natural => false,
        }
    };
    match hint {
        Hint::Natural => Ok(None),
        _ => match numbers.iter().position(matches) {
            Some(number) => Ok(Some(number)),
            None => Err(failure::bad_value(format!(
                "the hint {hint:?} is no index of {} that queries may use",
                state.namespace
            ))),
        },
    }
}

fn explained(
    state: &State,
    numbers: &[usize],
    plan: &Plan,
    rejected: &[Rejected],
    is_ordered: bool,
) -> Explained {
    let name = |index: usize| {
        let at = numbers.get(index).copied().unwrap_or(usize::MAX);
        state.indexes.get(at).map_or_else(String::new, |index| index.entry.name.clone())
    };
    let rejected = rejected.iter().map(|one| (name(one.index), one.reason.clone()));
    let indexes = match &plan.way {
        choose::Way::Walk { .. } => Vec::new(),
        choose::Way::Index(way) => vec![(name(way.index), way.clone())],
        choose::Way::Union { branches, .. } => {
            branches.iter().map(|way| (name(way.index), way.clone())).collect()
        }
    };
    Explained {
        namespace: state.namespace.to_string(),
        indexes,
        rejected: rejected.collect(),
        cost: plan.cost,
        is_sorted_in_memory: !is_ordered,
    }
}
