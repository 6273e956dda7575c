//! Bounds as stretches of the keys of an index.
//!
//! ```text
//! a in {1, 2}, b > 5, c = 7       two stretches: 1 (5.., 2 (5..
//!                                 within them c is looked at key by key, and skipped to
//! ```
//!
//! Not for: reading keys.

use std::ops::Range;

use super::bounds::Bounds;
use super::cut::{Cut, Interval, Set};
use super::shape::Shape;
use crate::document::value::Kind;
use crate::document::value::key::{self, Direction};

/// So many stretches at most: more bounds are looked at key by key.
const SPANS_MAX: usize = 10_000;

/// Stretches of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    /// From the first key to before the last, ascending and apart.
    pub spans: Vec<Range<Vec<u8>>>,
    /// How many fields of the index the stretches decide.
    pub decided: usize,
    /// For each field behind these: stretches of its own bytes, ascending, or none if all will do.
    pub checks: Vec<Option<Vec<Range<Vec<u8>>>>>,
}

impl Ranges {
    /// The stretches of keys within bounds of each field.
    pub fn of(shape: &Shape, fields: &[Bounds]) -> Ranges {
        let mut prefixes: Vec<Vec<u8>> = vec![Vec::new()];
        let mut spans = None;
        let mut decided = 0;
        for (field, bounds) in shape.fields.iter().zip(fields) {
            let own = component(&bounds.set, field.direction);
            if prefixes.len().saturating_mul(own.len()) > SPANS_MAX {
                break;
            }
            decided += 1;
            if !bounds.set.is_points() {
                spans = Some(joined(&prefixes, &own));
                break;
            }
            prefixes = joined(&prefixes, &own).into_iter().map(|span| span.start).collect();
        }
        let spans = spans.unwrap_or_else(|| {
            let whole = |prefix: Vec<u8>| {
                let end = after_prefix(&prefix);
                prefix..end
            };
            prefixes.into_iter().map(whole).collect()
        });
        let check = |(field, bounds): (&super::shape::ShapeField, &Bounds)| {
            (!bounds.is_all()).then(|| component(&bounds.set, field.direction))
        };
        let checks = shape.fields.iter().zip(fields).skip(decided).map(check).collect();
        Ranges { spans, decided, checks }
    }
}

/// Every prefix with every stretch behind it.
fn joined(prefixes: &[Vec<u8>], own: &[Range<Vec<u8>>]) -> Vec<Range<Vec<u8>>> {
    let mut spans = Vec::with_capacity(prefixes.len() * own.len());
    for prefix in prefixes {
        for one in own {
            let with = |bytes: &[u8]| [prefix, bytes].concat();
            spans.push(with(&one.start)..with(&one.end));
        }
    }
    spans
}

/// A set of values as stretches of the bytes that they have in a key.
pub fn component(set: &Set, direction: Direction) -> Vec<Range<Vec<u8>>> {
    let span = |one: &Interval| match direction {
        Direction::Ascending => place(&one.from, direction)..place(&one.to, direction),
        Direction::Descending => place(&one.to, direction)..place(&one.from, direction),
    };
    let mut spans: Vec<Range<Vec<u8>>> = set.intervals().iter().map(span).collect();
    if direction == Direction::Descending {
        spans.reverse();
    }
    spans
}

/// The first bytes that lie behind a cut, in this direction.
fn place(cut: &Cut, direction: Direction) -> Vec<u8> {
    let descends = direction == Direction::Descending;
    match cut {
        Cut::Before(value) | Cut::After(value) => {
            let mut bytes = Vec::new();
            key::encode(&mut bytes, Some(value), direction);
            match matches!(cut, Cut::After(_)) != descends {
                true => after_prefix(&bytes),
                false => bytes,
            }
        }
        Cut::Start(rank) | Cut::End(rank) => {
            let Some(kind) = Kind::all().find(|kind| kind.rank() == *rank) else {
                return Vec::new();
            };
            let bytes = key::first_bytes(kind, direction);
            match matches!(cut, Cut::End(_)) != descends {
                true => after_prefix(&[*bytes.end()]),
                false => vec![*bytes.start()],
            }
        }
    }
}

/// The least bytes greater than all that begin with these. No key begins with 255: what is left
/// when there are none is greater than all keys.
pub fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return bytes;
        }
    }
    vec![u8::MAX]
}
