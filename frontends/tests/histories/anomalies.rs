//! What is wrong with a history, by class.

use std::fmt;

use crate::graph::{Edge, Graph, Why};
use crate::history::History;
use crate::versions::Versions;

/// A kind of anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A transaction does not see its own appends.
    Internal,
    /// An element is in a list twice.
    Duplicate,
    /// Two reads of a list are not beginnings of one.
    Fork,
    /// An append is gone, or two transactions appended to a list that both had found the same.
    LostUpdate,
    /// Read what was aborted or taken back.
    G1a,
    /// Read what was in the middle of a transaction.
    G1b,
    /// A cycle of writes.
    G0,
    /// A cycle of writes and reads of them.
    G1c,
    /// A cycle with one read of what was written later: read skew.
    GSingle,
    /// A cycle without two such reads in a row.
    GNonadjacent,
    /// A cycle with several such reads, of lists that were there or asked for by key: write skew.
    G2Item,
    /// A cycle with a scan that did not find what was inserted later: phantoms.
    G2,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Anomaly {
    pub class: Class,
    /// Whether it needs the order of real time: all is well for clients without clocks.
    pub needs_time: bool,
    pub what: String,
    pub cycle: Vec<Edge>,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = if self.needs_time { " in real time" } else { "" };
        write!(f, "{:?}{time}: {}", self.class, self.what)?;
        self.cycle.iter().try_for_each(|(from, why, to)| write!(f, "\n  {from} {why:?} {to}"))
    }
}

impl Anomaly {
    /// One that concerns one transaction.
    pub fn alone(class: Class, number: usize, what: String) -> Anomaly {
        Anomaly { class, needs_time: false, what: format!("{number} {what}"), cycle: Vec::new() }
    }

    fn of_cycle(class: Class, cycle: Vec<Edge>) -> Anomaly {
        let needs_time = cycle.iter().any(|(_, why, _)| *why == Why::Time);
        Anomaly { class, needs_time, what: "cycle".to_owned(), cycle }
    }
}

/// All that is wrong with a history that should be serializable, at most one cycle of each class.
pub fn anomalies(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let versions = Versions::of(history, &mut found);
    find_cycles(&Graph::of(history, &versions), &mut found);
    found
}

/// What is wrong with a history, each transaction judged by the isolation that it asked for.
pub fn violations(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let versions = Versions::of(history, &mut found);
    let graph = Graph::of(history, &versions);
    find_cycles(&graph.without_skew(history), &mut found);
    let apart = graph.without_rw_pairs();
    if let Some((from, why, to)) = apart.cyclic_edges().first().copied() {
        let mut cycle = apart.path(to, from).unwrap_or_default();
        cycle.push((from, why, to));
        cycle.iter_mut().for_each(|(from, _, to)| (*from, *to) = (*from / 2, *to / 2));
        found.push(Anomaly::of_cycle(Class::GNonadjacent, cycle));
    }
    found
}

/// Cycles looked at of each class, so that a history full of them is judged soon.
const CYCLES_MAX: usize = 64;

/// Looks for one cycle of each class, first without real time, then with it.
fn find_cycles(graph: &Graph, found: &mut Vec<Anomaly>) {
    let Some(edge) = graph.cyclic_edges().first().copied() else { return };
    let before = found.len();
    for timed in [false, true] {
        let is_time = |why: Why| why == Why::Time && timed;
        let writes = graph.only(|_, why| matches!(why, Why::Ww(_)) || is_time(why));
        let reads = graph.only(|_, why| !why.is_rw() && (why != Why::Time || timed));
        let all = graph.only(|_, why| why != Why::Time || timed);
        let items = all.only(|_, why| !matches!(why, Why::RwScan(_)));
        let mut add = |class: Class, cycle: Option<Vec<Edge>>| {
            if let Some(cycle) = cycle
                && !found.iter().any(|anomaly| anomaly.class == class)
            {
                found.push(Anomaly::of_cycle(class, cycle));
            }
        };
        add(Class::G0, close(&writes, |why| matches!(why, Why::Ww(_)), |_| true));
        add(Class::G1c, close(&reads, |why| matches!(why, Why::Wr(_)), |_| true));
        let single = singles(graph, &reads);
        add(Class::LostUpdate, single.iter().find(|cycle| is_lost_update(cycle)).cloned());
        let skew = single.iter().find(|cycle| !is_lost_update(cycle));
        add(Class::GSingle, skew.cloned());
        // What has a cycle with one such edge has a class above.
        let is_g2 = |cycle: &Vec<Edge>| {
            let mut rw = cycle.iter().filter(|(_, why, _)| why.is_rw());
            rw.all(|(from, _, to)| reads.path(*to, *from).is_none())
        };
        add(Class::G2Item, close(&items, |why| matches!(why, Why::Rw(_)), is_g2));
        add(Class::G2, close(&all, |why| matches!(why, Why::RwScan(_)), is_g2));
    }
    if found.len() == before {
        // Every cycle has a class; if the search for them were wrong, this would still be told.
        let cycle = cycle(graph, edge).unwrap_or_default();
        found.push(Anomaly::of_cycle(Class::G2, cycle));
    }
}

/// A cycle through an edge of a kind, if it is as wished.
fn close(
    graph: &Graph,
    kind: impl Fn(Why) -> bool,
    wished: impl Fn(&Vec<Edge>) -> bool,
) -> Option<Vec<Edge>> {
    let edges = graph.cyclic_edges().into_iter().filter(|(_, why, _)| kind(*why));
    edges.filter_map(|edge| cycle(graph, edge)).take(CYCLES_MAX).find(wished)
}

/// The shortest cycle of an edge and others.
fn cycle(others: &Graph, edge: Edge) -> Option<Vec<Edge>> {
    let mut cycle = others.path(edge.2, edge.0)?;
    cycle.push(edge);
    Some(cycle)
}

/// Cycles with exactly one rw edge.
fn singles(graph: &Graph, others: &Graph) -> Vec<Vec<Edge>> {
    let edges = graph.cyclic_edges().into_iter().filter(|(_, why, _)| why.is_rw());
    edges.filter_map(|edge| cycle(others, edge)).take(CYCLES_MAX).collect()
}

/// Whether two transactions appended to one list that one of them had read before the other.
fn is_lost_update(cycle: &[Edge]) -> bool {
    let key = cycle.first().and_then(|(_, why, _)| why.key());
    let same = cycle.iter().all(|(_, why, _)| why.key().is_some() && why.key() == key);
    let writes = cycle.iter().any(|(_, why, _)| matches!(why, Why::Ww(_)));
    cycle.len() == 2 && same && writes
}
