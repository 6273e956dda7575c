//! Who must come before whom, and why; and cycles in that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cuesta::Isolation;

use crate::history::{History, Key};
use crate::versions::Versions;

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The other appended next to the same list.
    Ww(Key),
    /// The other read what this one appended.
    Wr(Key),
    /// The other appended what this one did not find yet.
    Rw(Key),
    /// The same, where this one found nothing at all by a scan.
    RwScan(Key),
    /// This one had ended when the other began.
    Time,
}

impl Why {
    pub fn is_rw(self) -> bool {
        matches!(self, Why::Rw(_) | Why::RwScan(_))
    }

    pub fn key(self) -> Option<Key> {
        match self {
            Why::Ww(key) | Why::Wr(key) | Why::Rw(key) | Why::RwScan(key) => Some(key),
            Why::Time => None,
        }
    }
}

/// One edge of a cycle: from, why, to. Numbers of records.
pub type Edge = (usize, Why, usize);

/// Who comes before whom. Nodes are records, and behind them moments of time.
#[derive(Default)]
pub struct Graph {
    edges: Vec<BTreeSet<(Why, usize)>>,
}

impl Graph {
    /// The graph of a history.
    pub fn of(history: &History, versions: &Versions) -> Graph {
        let mut graph = Graph { edges: vec![BTreeSet::new(); history.records.len()] };
        graph.add_versions(history, versions);
        graph.add_reads(history, versions);
        graph.add_time(history);
        graph
    }

    fn add(&mut self, from: usize, why: Why, to: usize) {
        if from != to {
            self.edges[from].insert((why, to));
        }
    }

    fn add_versions(&mut self, history: &History, versions: &Versions) {
        for (key, list) in &versions.lists {
            let writers = list.iter().filter_map(|element| versions.writers.get(&(*key, *element)));
            let writers: Vec<usize> =
                writers.copied().filter(|writer| history.records[*writer].is_committed()).collect();
            for pair in writers.windows(2) {
                self.add(pair[0], Why::Ww(*key), pair[1]);
            }
        }
    }

    fn add_reads(&mut self, history: &History, versions: &Versions) {
        for (reader, record) in history.records.iter().enumerate() {
            if !record.is_committed() {
                continue;
            }
            for read in record.reads() {
                let Some(found) = read.of_others(record) else { continue };
                let writer = |element| versions.writers.get(&(read.key, element)).copied();
                if let Some(writer) = found.last().and_then(|last| writer(*last)) {
                    self.add(writer, Why::Wr(read.key), reader);
                }
                let all = versions.lists.get(&read.key).map_or(&[][..], Vec::as_slice);
                // The next one that somebody else appended.
                let rest = all.get(found.len()..).unwrap_or_default().iter();
                let next = rest.filter_map(|element| writer(*element)).find(|by| *by != reader);
                if let Some(next) = next {
                    let is_phantom = read.is_absence;
                    let why = if is_phantom { Why::RwScan(read.key) } else { Why::Rw(read.key) };
                    self.add(reader, why, next);
                }
            }
        }
    }

    /// Ends are a chain of moments; whoever begins comes after the last moment before.
    fn add_time(&mut self, history: &History) {
        let mut ends: Vec<(u64, usize)> = Vec::new();
        for (number, record) in history.records.iter().enumerate() {
            if record.is_committed() {
                ends.push((record.ended, number));
            }
        }
        ends.sort_unstable();
        let first = self.edges.len();
        self.edges.resize(first + ends.len(), BTreeSet::new());
        for (place, (_, number)) in ends.iter().enumerate() {
            self.add(*number, Why::Time, first + place);
            if place > 0 {
                self.add(first + place - 1, Why::Time, first + place);
            }
        }
        for (number, record) in history.records.iter().enumerate() {
            let before = ends.partition_point(|(ended, _)| *ended < record.began);
            if before > 0 && record.is_committed() {
                self.add(first + before - 1, Why::Time, number);
            }
        }
    }

    /// The graph without the edges that `keep` refuses.
    pub fn only(&self, keep: impl Fn(usize, Why) -> bool) -> Graph {
        let edges = self.edges.iter().enumerate().map(|(from, edges)| {
            edges.iter().copied().filter(|(why, _)| keep(from, *why)).collect()
        });
        Graph { edges: edges.collect() }
    }

    /// Without what transactions of snapshot isolation did not find yet, which may be written by
    /// others before they commit.
    pub fn without_skew(&self, history: &History) -> Graph {
        self.only(|from, why| {
            let record = history.records.get(from);
            !why.is_rw() || record.is_some_and(|record| record.isolation != Isolation::Snapshot)
        })
    }

    /// A graph whose cycles are those walks of this one that come back without two rw edges in a
    /// row. Node `2 n + 1` is node `n` reached by an rw edge.
    pub fn without_rw_pairs(&self) -> Graph {
        let mut edges = vec![BTreeSet::new(); self.edges.len() * 2];
        for (from, out) in self.edges.iter().enumerate() {
            for (why, to) in out {
                if why.is_rw() {
                    edges[from * 2].insert((*why, to * 2 + 1));
                } else {
                    edges[from * 2].insert((*why, to * 2));
                    edges[from * 2 + 1].insert((*why, to * 2));
                }
            }
        }
        Graph { edges }
    }

    /// The number of the component of each node: nodes of one component reach each other.
    /// Source: Tarjan, "Depth-first search and linear graph algorithms", 1972; without recursion.
    pub fn components(&self) -> Vec<usize> {
        const NEW: usize = usize::MAX;
        let count = self.edges.len();
        let (mut order, mut low) = (vec![NEW; count], vec![0; count]);
        let mut component = vec![NEW; count];
        let (mut next, mut components) = (0, 0);
        let mut stack = Vec::new();
        let targets: Vec<Vec<usize>> =
            self.edges.iter().map(|out| out.iter().map(|(_, to)| *to).collect()).collect();
        for root in 0..count {
            if order[root] != NEW {
                continue;
            }
            let mut path = vec![(root, 0)];
            while let Some((node, at)) = path.pop() {
                if at == 0 {
                    (order[node], low[node]) = (next, next);
                    next += 1;
                    stack.push(node);
                }
                if let Some(to) = targets[node].get(at).copied() {
                    path.push((node, at + 1));
                    if order[to] == NEW {
                        path.push((to, 0));
                    } else if component[to] == NEW {
                        low[node] = low[node].min(order[to]);
                    }
                    continue;
                }
                if let Some((parent, _)) = path.last() {
                    low[*parent] = low[*parent].min(low[node]);
                }
                if low[node] == order[node] {
                    while let Some(member) = stack.pop() {
                        component[member] = components;
                        if member == node {
                            break;
                        }
                    }
                    components += 1;
                }
            }
        }
        component
    }

    /// Edges between nodes that reach each other: those on cycles.
    pub fn cyclic_edges(&self) -> Vec<Edge> {
        let component = self.components();
        let mut found = Vec::new();
        for (from, out) in self.edges.iter().enumerate() {
            for (why, to) in out {
                if component[from] == component[*to] {
                    found.push((from, *why, *to));
                }
            }
        }
        found
    }

    /// The shortest way from one node to another.
    pub fn path(&self, from: usize, to: usize) -> Option<Vec<Edge>> {
        let mut came: BTreeMap<usize, Edge> = BTreeMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            if node == to && !came.is_empty() {
                let mut path = Vec::new();
                let mut at = to;
                while path.is_empty() || at != from {
                    let edge = came[&at];
                    path.push(edge);
                    at = edge.0;
                }
                path.reverse();
                return Some(path);
            }
            for (why, next) in &self.edges[node] {
                if !came.contains_key(next) {
                    came.insert(*next, (node, *why, *next));
                    queue.push_back(*next);
                }
            }
        }
        None
    }
}
