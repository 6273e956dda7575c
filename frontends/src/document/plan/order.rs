//! Whether the keys of an index come in the order that a query asks for.
//!
//! Documents that are equal in it come by row id, whichever plan finds them: so keys that are equal
//! in the fields asked for are put in that order, group by group. See [`Order::same`].

use super::bounds::Bounds;
use super::shape::Shape;
use crate::document::value::Path;
use crate::document::value::key::Direction;

/// A field to sort by.
#[derive(Clone, Debug, PartialEq)]
pub struct SortField {
    /// Where it lies in documents.
    pub path: Path,
    /// Which way.
    pub direction: Direction,
}

/// How an index gives an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whether its keys are walked from behind.
    pub is_backward: bool,
    /// How many fields of the index are equal in documents that are equal in the order.
    pub same: usize,
}

/// How an index of this shape gives the order `sort` when it is walked within bounds; `None` when
/// it does not.
pub fn of(shape: &Shape, fields: &[Bounds], sort: &[SortField]) -> Option<Order> {
    // A document has several keys where there are arrays, of which the least or the greatest
    // counts: others may come first.
    if sort.is_empty() || shape.is_multikey() {
        return None;
    }
    let is_point = |at: usize| fields.get(at).is_some_and(is_one);
    let mut way = None;
    let mut at = 0;
    for asked in sort {
        // What is the same in all is in any order.
        let fixed = shape.fields.iter().position(|field| field.path == asked.path);
        if fixed.is_some_and(is_point) {
            continue;
        }
        while is_point(at) && shape.fields.get(at).is_some_and(|field| field.path != asked.path) {
            at += 1;
        }
        let field = shape.fields.get(at).filter(|field| field.path == asked.path)?;
        let is_backward = field.direction != asked.direction;
        if *way.get_or_insert(is_backward) != is_backward {
            return None;
        }
        at += 1;
    }
    Some(Order { is_backward: way.unwrap_or(false), same: at })
}

fn is_one(bounds: &Bounds) -> bool {
    bounds.set.is_points() && bounds.set.intervals().len() == 1
}
