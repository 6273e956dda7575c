//! Which of the ways to answer a query costs least.
//!
//! The estimate of a way is what it would read of a sample of the documents, whose keys are known
//! for each index: so it knows of skew, and of fields that go together, as far as the sample does.
//!
//! Costs are in steps of a cursor over keys. Measured on a collection of 63,436 documents of 1 KB:
//! a key 1, a document by its row id 8, one of a walk over all documents 3.
//!
//! Not for: taking samples.

use super::access::{self, Access};
use super::order::{self, Order, SortField};
use super::ranges::Ranges;
use super::shape::Shape;
use crate::document::filter::{Filter, Node};

const KEY_COST: f64 = 1.0;
const FETCH_COST: f64 = 8.0;
const WALK_COST: f64 = 3.0;
/// A comparison of a sort.
const SORT_COST: f64 = 0.2;
/// Of a sample that has nothing in a stretch, half a document may be.
const UNSEEN: f64 = 0.5;

/// Keys that an index has of the documents in a sample, ascending.
#[derive(Clone, Debug, Default)]
pub struct SampledKeys(Vec<Vec<u8>>);

impl SampledKeys {
    /// These keys.
    pub fn new(mut keys: Vec<Vec<u8>>) -> SampledKeys {
        keys.sort_unstable();
        SampledKeys(keys)
    }

    /// How many lie within stretches.
    fn count(&self, ranges: &Ranges) -> usize {
        let before = |bytes: &[u8]| self.0.partition_point(|key| key.as_slice() < bytes);
        let within =
            |span: &std::ops::Range<Vec<u8>>| before(&span.end).saturating_sub(before(&span.start));
        ranges.spans.iter().map(within).sum()
    }
}

/// What is known of a collection.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Documents in it.
    pub documents: u64,
    /// Documents in the sample.
    pub sampled: usize,
    /// For each index: keys of the documents in the sample.
    pub keys: Vec<SampledKeys>,
}

/// A query, as far as planning goes.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    /// What documents must pass.
    pub filter: &'q Filter,
    /// In which order.
    pub sort: &'q [SortField],
    /// How many are asked for, those skipped included.
    pub limit: Option<u64>,
    /// The one index to use, if the caller says so.
    pub hint: Option<usize>,
}

/// A way to answer.
#[derive(Clone, Debug)]
pub enum Way {
    /// By a walk over all documents.
    Walk {
        /// What is asked of each.
        left: Node,
    },
    /// By stretches of an index.
    Index(IndexWay),
    /// By several stretches or indexes, each document once.
    Union {
        /// One way for each branch of a disjunction.
        branches: Vec<IndexWay>,
        /// What is asked of each document that a branch finds.
        left: Node,
    },
}

/// A way through an index.
#[derive(Clone, Debug)]
pub struct IndexWay {
    /// Which one, by number.
    pub index: usize,
    /// Bounds of its fields.
    pub access: Access,
    /// Stretches of its keys.
    pub ranges: Ranges,
    /// What is asked of each document that they lead to.
    pub left: Node,
    /// How the order comes from it, if it does.
    pub order: Option<Order>,
    /// Keys that will be read, as far as the sample tells.
    pub keys: f64,
}

/// A way and what it is thought to cost.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The way.
    pub way: Way,
    /// What it costs, in steps of a cursor.
    pub cost: f64,
}

/// What became of an index in planning, for `explain`.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Which one, by number.
    pub index: usize,
    /// Why it was not taken.
    pub reason: String,
}

/// Plans a question over indexes that may be used.
pub fn choose(
    question: &Question<'_>,
    shapes: &[Shape],
    statistics: &Statistics,
) -> (Plan, Vec<Rejected>) {
    let mut best: Option<Plan> = None;
    let mut rejected = Vec::new();
    for index in 0..shapes.len() {
        match of_index(question, shapes, index, statistics) {
            Ok(plan) => better(&mut best, plan, &mut rejected),
            Err(reason) => rejected.push(Rejected { index, reason: reason.to_owned() }),
        }
    }
    if question.hint.is_none() {
        if let Some(union) = of_union(question, shapes, statistics) {
            better(&mut best, union, &mut rejected);
        }
        better(&mut best, walk(question, statistics), &mut rejected);
    }
    (best.unwrap_or_else(|| walk(question, statistics)), rejected)
}

fn better(best: &mut Option<Plan>, plan: Plan, rejected: &mut Vec<Rejected>) {
    let loser = match best.take() {
        Some(other) if other.cost <= plan.cost => {
            let cost = plan.cost;
            *best = Some(other);
            (plan, cost)
        }
        Some(other) => {
            let cost = other.cost;
            *best = Some(plan);
            (other, cost)
        }
        None => {
            *best = Some(plan);
            return;
        }
    };
    if let (Plan { way: Way::Index(way), .. }, cost) = loser {
        let reason = format!("costs more: about {cost:.0} steps, {:.0} keys", way.keys);
        rejected.push(Rejected { index: way.index, reason });
    }
}

/// The documents that a filter leaves, as far as is known without reading: for the cost of a sort.
fn walk(question: &Question<'_>, statistics: &Statistics) -> Plan {
    let documents = statistics.documents as f64;
    let mut cost = documents * WALK_COST;
    if !question.sort.is_empty() {
        cost += sorting(documents);
    } else if let (Some(limit), Node::Always) = (question.limit, question.filter.root()) {
        cost = cost.min(limit as f64 * WALK_COST);
    }
    Plan { way: Way::Walk { left: question.filter.root().clone() }, cost }
}

fn sorting(documents: f64) -> f64 {
    documents * (documents + 2.0).log2() * SORT_COST
}

fn of_index(
    question: &Question<'_>,
    shapes: &[Shape],
    index: usize,
    statistics: &Statistics,
) -> Result<Plan, &'static str> {
    let shape = shapes.get(index).ok_or("it is not there")?;
    if question.hint.is_some_and(|hint| hint != index) {
        return Err("another one is to be used");
    }
    if let Some(partial) = &shape.partial
        && !access::implies(question.filter, partial)
    {
        return Err("it does not have all documents that may pass");
    }
    let parts = access::parts(question.filter.root());
    let access = match access::of(shape, parts) {
        Some(access) => access,
        None => whole(question, shape, parts)?,
    };
    let way = way(question, shape, index, access, statistics);
    let cost = cost_of(question, &way);
    Ok(Plan { way: Way::Index(way), cost })
}

/// All of an index, for its order, or because it is to be used.
fn whole(question: &Question<'_>, shape: &Shape, parts: &[Node]) -> Result<Access, &'static str> {
    if shape.is_sparse {
        return Err("it is sparse, and documents without its fields may pass");
    }
    let fields = vec![super::bounds::Bounds::all(); shape.fields.len()];
    let gives_order = order::of(shape, &fields, question.sort).is_some();
    if !gives_order && question.hint.is_none() {
        return Err("no part of the filter bounds its first fields, nor does it give the order");
    }
    Ok(Access { fields, left: (0..parts.len()).collect() })
}

fn way(
    question: &Question<'_>,
    shape: &Shape,
    index: usize,
    access: Access,
    statistics: &Statistics,
) -> IndexWay {
    let ranges = Ranges::of(shape, &access.fields);
    let left = access::remainder(access::parts(question.filter.root()), &access.left);
    // Stretches one after another are in order where each field before is one value.
    let order = order::of(shape, &access.fields, question.sort);
    let keys = estimate(index, &ranges, statistics);
    IndexWay { index, access, ranges, left, order, keys }
}

fn estimate(index: usize, ranges: &Ranges, statistics: &Statistics) -> f64 {
    let documents = statistics.documents as f64;
    let Some(keys) = statistics.keys.get(index).filter(|_| statistics.sampled > 0) else {
        return documents;
    };
    let scale = documents / statistics.sampled as f64;
    let count = keys.count(ranges) as f64;
    if count > 0.0 {
        return count * scale;
    }
    // A sample of everything has seen everything.
    if scale <= 1.0 { 0.0 } else { (UNSEEN * scale).min(documents) }
}

fn cost_of(question: &Question<'_>, way: &IndexWay) -> f64 {
    let each = KEY_COST + FETCH_COST;
    let seeks = way.ranges.spans.len() as f64 * FETCH_COST;
    let is_ordered = question.sort.is_empty() || way.order.is_some();
    let mut keys = way.keys;
    if let (Some(limit), true, Node::Always) = (question.limit, is_ordered, &way.left) {
        keys = keys.min(limit as f64);
    } else if let (Some(limit), true) = (question.limit, is_ordered) {
        // One in so many passes what is left, for all that is known.
        let passing = (keys / 10.0).max(1.0);
        keys = keys.min(keys * limit as f64 / passing);
    }
    let sort = if is_ordered { 0.0 } else { sorting(way.keys) };
    seeks + keys * each + sort
}

/// A union of indexes for a disjunction: each branch must have one.
fn of_union(question: &Question<'_>, shapes: &[Shape], statistics: &Statistics) -> Option<Plan> {
    let parts = access::parts(question.filter.root());
    let mut best: Option<Plan> = None;
    for (at, part) in parts.iter().enumerate() {
        let Node::Or(choices) = part else { continue };
        let rest: Vec<Node> = parts
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, n)| n.clone())
            .collect();
        let mut branches = Vec::with_capacity(choices.len());
        let mut cost = 0.0;
        for choice in choices {
            // What else is asked bounds each branch, too.
            let mut nodes = access::parts(choice).to_vec();
            nodes.extend(rest.iter().cloned());
            let filter = Filter::of(Node::And(nodes));
            let branch = Question { filter: &filter, sort: &[], limit: None, hint: None };
            let found = (0..shapes.len())
                .filter_map(|index| of_index(&branch, shapes, index, statistics).ok())
                .min_by(|a, b| a.cost.total_cmp(&b.cost))?;
            cost += found.cost;
            if let Way::Index(way) = found.way {
                branches.push(way);
            }
        }
        let keys: f64 = branches.iter().map(|branch| branch.keys).sum();
        if !question.sort.is_empty() {
            cost += sorting(keys);
        }
        let left = question.filter.root().clone();
        let plan = Plan { way: Way::Union { branches, left }, cost };
        if best.as_ref().is_none_or(|other| plan.cost < other.cost) {
            best = Some(plan);
        }
    }
    best
}
