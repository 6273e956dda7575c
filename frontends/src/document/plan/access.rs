//! How an index could answer a filter: bounds for each of its fields, and what is left to be asked
//! of the documents.
//!
//! ```text
//! filter ── And ──┬── a = 5 ──────────┐
//!                 ├── b > 3 ──────────┼──► index (a, b, c): a [5, 5], b (3, any number], c all
//!                 └── size of d = 2 ──┴──► left: size of d = 2
//! ```
//!
//! Where an index has met arrays (*multikey*), a document has several keys, and two tests of one
//! field may be passed by two of them: bounds are not intersected then, but those that one
//! `$elemMatch` asks of the same element.
//!
//! Not for: which index is best, and walking through it.

use super::bounds::{self, Bounds};
use super::cut::{Cut, Set};
use super::shape::Shape;
use crate::document::filter::{Filter, Node, Test};
use crate::document::value::{Path, Value};

/// How an index answers a filter.
#[derive(Clone, Debug)]
pub struct Access {
    /// Bounds of each field of the index.
    pub fields: Vec<Bounds>,
    /// What is left to ask, once the bounds hold: parts of the filter by number.
    pub left: Vec<usize>,
}

/// What a filter asks of a path.
#[derive(Clone, Debug)]
struct Wish {
    /// The number of the part of the filter that it comes from.
    part: usize,
    /// The same for all that one element of an array must pass, with the path of that array.
    element: Option<(usize, String)>,
    path: String,
    /// Bounds for an index that has met no array there.
    single: Option<Bounds>,
    /// Bounds for one that has.
    multi: Option<Bounds>,
}

/// The parts of a filter, each of which must hold.
pub fn parts(root: &Node) -> &[Node] {
    match root {
        Node::And(parts) => parts,
        Node::Always => &[],
        one => std::slice::from_ref(one),
    }
}

/// How an index of this shape answers a filter with these parts; `None` when it has nothing to say.
pub fn of(shape: &Shape, parts: &[Node]) -> Option<Access> {
    let mut wishes = Vec::new();
    for (part, node) in parts.iter().enumerate() {
        let mut groups = part * GROUPS;
        wish(node, part, "", None, &mut groups, &mut wishes);
    }
    let mut fields: Vec<Bounds> = Vec::with_capacity(shape.fields.len());
    let mut held = Vec::new();
    let mut chosen: Vec<Option<(usize, String)>> = Vec::new();
    for (at, field) in shape.fields.iter().enumerate() {
        let path = field.path.as_str();
        let here: Vec<&Wish> = wishes.iter().filter(|wish| wish.path == path).collect();
        let (bounds, element, parts) = match field.is_multikey {
            false => all_of(&here),
            true => best_of(shape, at, &here, &chosen),
        };
        held.extend(parts);
        chosen.push(element);
        fields.push(bounds);
    }
    if fields.iter().all(Bounds::is_all) {
        return None;
    }
    // Documents without any of the fields have no key, and the key would be null.
    let is_blind = |bounds: &Bounds| bounds.set.contains(&Value::Null);
    if shape.is_sparse && fields.iter().all(is_blind) {
        return None;
    }
    let left = (0..parts.len()).filter(|part| !held.contains(part)).collect();
    Some(Access { fields, left })
}

/// Groups of one part at most; more are not told apart from the last.
const GROUPS: usize = 1 << 16;

fn wish(
    node: &Node,
    part: usize,
    above: &str,
    element: Option<&(usize, String)>,
    groups: &mut usize,
    wishes: &mut Vec<Wish>,
) {
    let at = |path: &Path| match above {
        "" => path.as_str().to_owned(),
        above => format!("{above}.{path}"),
    };
    match node {
        Node::And(parts) if element.is_some() => {
            for node in parts {
                wish(node, part, above, element, groups, wishes);
            }
        }
        Node::Field(path, Test::ElementDocument(within)) => {
            *groups += 1;
            let group = (*groups, at(path));
            wish(within, part, &at(path), Some(&group), groups, wishes);
        }
        Node::Field(path, Test::Element(within)) => {
            let bounds = bounds::of_element(within);
            *groups += 1;
            push(wishes, part, Some((*groups, at(path))), at(path), (bounds.clone(), bounds));
        }
        Node::Field(path, test) => {
            let bounds = bounds::of_test(test);
            push(wishes, part, element.cloned(), at(path), (bounds.clone(), bounds));
        }
        Node::Not(within) => {
            if let Node::Field(path, test) = &**within {
                let of = |has_arrays| bounds::of_negation(test, has_arrays);
                push(wishes, part, element.cloned(), at(path), (of(false), of(true)));
            }
        }
        _ => {}
    }
}

fn push(
    wishes: &mut Vec<Wish>,
    part: usize,
    element: Option<(usize, String)>,
    path: String,
    (single, multi): (Option<Bounds>, Option<Bounds>),
) {
    if single.is_some() || multi.is_some() {
        wishes.push(Wish { part, element, path, single, multi });
    }
}

type Choice = (Bounds, Option<(usize, String)>, Vec<usize>);

fn nothing() -> Choice {
    (Bounds::all(), None, Vec::new())
}

/// What all wishes for a field without arrays ask together.
fn all_of(wishes: &[&Wish]) -> Choice {
    let (mut all, mut held) = (Bounds::all(), Vec::new());
    for wish in wishes {
        let Some(bounds) = &wish.single else { continue };
        // What is asked of elements is more than one of them can say.
        if bounds.is_exact && wish.element.is_none() {
            held.push(wish.part);
        }
        all.set = all.set.and(&bounds.set);
    }
    (all, None, held)
}

/// What is best to ask of a field with arrays: one wish, or all of one element.
fn best_of(
    shape: &Shape,
    at: usize,
    wishes: &[&Wish],
    chosen: &[Option<(usize, String)>],
) -> Choice {
    // Fields of one array are keys together: only what one element is asked may bound two of them.
    let tied = (0..at).find(|other| {
        let bounded = !matches!(chosen.get(*other), None | Some(None));
        shape.shares_array(*other, at) && bounded
    });
    let mut best: Option<(u8, Choice)> = None;
    for wish in wishes {
        let Some(bounds) = &wish.multi else { continue };
        let own = wish.element.clone().unwrap_or((usize::MAX - wish.part, String::new()));
        if let Some(other) = tied {
            let same = wish.element.is_some() && chosen.get(other) == Some(&Some(own.clone()));
            if !same {
                continue;
            }
        }
        let mut set = bounds.set.clone();
        if wish.element.is_some() {
            let others = wishes.iter().filter(|also| also.element == wish.element);
            for also in others.filter_map(|also| also.multi.as_ref()) {
                set = set.and(&also.set);
            }
        }
        let held = match wish.element.is_none() && bounds.is_exact {
            true => vec![wish.part],
            false => Vec::new(),
        };
        let worth = worth(&set);
        if best.as_ref().is_none_or(|(other, _)| worth > *other) {
            best = Some((worth, (Bounds { set, is_exact: bounds.is_exact }, Some(own), held)));
        }
    }
    best.map_or_else(nothing, |(_, choice)| choice)
}

/// How narrow a set is, as far as it shows without statistics.
fn worth(set: &Set) -> u8 {
    let open = |cut: &Cut| matches!(cut, Cut::Start(_) | Cut::End(_));
    if set.is_none() {
        return 5;
    }
    if set.is_points() {
        return 4;
    }
    match set.intervals() {
        [one] if !open(&one.from) && !open(&one.to) => 3,
        [one] if !open(&one.from) || !open(&one.to) => 2,
        _ if set.is_all() => 0,
        _ => 1,
    }
}

/// The filter that is left when parts of it are known to hold.
pub fn remainder(parts: &[Node], left: &[usize]) -> Node {
    let mut nodes: Vec<Node> = left.iter().filter_map(|part| parts.get(*part)).cloned().collect();
    match nodes.len() {
        0 => Node::Always,
        1 => nodes.pop().unwrap_or(Node::Always),
        _ => Node::And(nodes),
    }
}

/// Whether every document that passes the first filter passes the second: what a partial index
/// must be sure of. It may say no where the answer is yes.
pub fn implies(filter: &Filter, other: &Filter) -> bool {
    let have = parts(filter.root());
    parts(other.root()).iter().all(|needed| have.iter().any(|part| part_implies(part, needed)))
}

fn part_implies(part: &Node, needed: &Node) -> bool {
    if part == needed {
        return true;
    }
    match (part, needed) {
        (Node::Field(path, test), Node::Field(other, wanted)) if path == other => {
            test_implies(test, wanted)
        }
        (part, Node::Or(choices)) => choices
            .iter()
            .any(|choice| parts(choice).iter().all(|needed| part_implies(part, needed))),
        (Node::Or(choices), needed) => {
            choices.iter().all(|choice| parts(choice).iter().any(|part| part_implies(part, needed)))
        }
        _ => false,
    }
}

fn test_implies(test: &Test, wanted: &Test) -> bool {
    if let Test::Exists = wanted {
        // Null is passed by what is missing, and so is what null is a member of.
        return match bounds::of_test(test) {
            Some(bounds) => {
                !bounds.set.contains(&Value::Null) && !bounds.set.contains(&Value::Undefined)
            }
            None => matches!(
                test,
                Test::Exists | Test::Size(_) | Test::ElementDocument(_) | Test::Element(_)
            ),
        };
    }
    match (bounds::of_test(test), bounds::of_test(wanted)) {
        // Any key within the narrower set is one within the wider, and that decides.
        (Some(narrow), Some(wide)) if wide.is_exact => narrow.set.and(&wide.set) == narrow.set,
        _ => false,
    }
}
