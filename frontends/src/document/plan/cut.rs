//! Sets of values as intervals of their one order.
//!
//! ```text
//!   ... < all strings < all documents < ...        the order, by classes of types
//!       ^ Start(15)   ^ End(15)
//!          "a" < "b"
//!         ^ Before  ^ After                        cuts between values
//! ```
//!
//! Not for: keys. Cuts become bytes in [ranges](super::ranges).
//!
//! # Invariants
//!
//! 1. The intervals of a [`Set`] ascend, and no two of them touch.

use std::cmp::Ordering;
use std::fmt;

use crate::document::value::{Kind, Value};

/// A place between values.
#[derive(Clone, Debug, PartialEq)]
pub enum Cut {
    /// Before all values of a class: types that compare by value have one rank.
    Start(u8),
    /// Just before a value.
    Before(Value<'static>),
    /// Just behind a value.
    After(Value<'static>),
    /// Behind all values of a class.
    End(u8),
}

impl Cut {
    /// Before everything.
    pub fn first() -> Cut {
        Cut::Start(Kind::MinKey.rank())
    }

    /// Behind everything.
    pub fn last() -> Cut {
        Cut::End(Kind::MaxKey.rank())
    }

    fn rank(&self) -> u8 {
        match self {
            Cut::Start(rank) | Cut::End(rank) => *rank,
            Cut::Before(value) | Cut::After(value) => value.kind().rank(),
        }
    }

    /// The order of places.
    pub fn compare(&self, other: &Cut) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| match (self, other) {
            (Cut::Start(_), Cut::Start(_)) | (Cut::End(_), Cut::End(_)) => Ordering::Equal,
            (Cut::Start(_), _) | (_, Cut::End(_)) => Ordering::Less,
            (_, Cut::Start(_)) | (Cut::End(_), _) => Ordering::Greater,
            (Cut::Before(a) | Cut::After(a), Cut::Before(b) | Cut::After(b)) => {
                let side = |cut: &Cut| matches!(cut, Cut::After(_));
                a.compare(b).then_with(|| side(self).cmp(&side(other)))
            }
        })
    }
}

/// All values from one place to another.
#[derive(Clone, PartialEq)]
pub struct Interval {
    /// Where it begins.
    pub from: Cut,
    /// Where it ends; behind `from`.
    pub to: Cut,
}

impl Interval {
    /// One value.
    pub fn point(value: Value<'static>) -> Interval {
        Interval { from: Cut::Before(value.clone()), to: Cut::After(value) }
    }

    /// All values of the classes from one type to another.
    pub fn classes(from: Kind, to: Kind) -> Interval {
        Interval { from: Cut::Start(from.rank()), to: Cut::End(to.rank()) }
    }

    /// Whether there is one value in it: numbers that are equal are one.
    pub fn is_point(&self) -> bool {
        matches!((&self.from, &self.to), (Cut::Before(a), Cut::After(b)) if a == b)
    }
}

impl fmt::Display for Interval {
    /// As `explain` of MongoDB writes it: `[5, 10)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Cut::Before(value) => write!(f, "[{value:?}, ")?,
            Cut::After(value) => write!(f, "({value:?}, ")?,
            Cut::Start(rank) | Cut::End(rank) => write!(f, "[{}, ", Edge(*rank, "MinKey"))?,
        }
        match &self.to {
            Cut::Before(value) => write!(f, "{value:?})"),
            Cut::After(value) => write!(f, "{value:?}]"),
            Cut::Start(rank) | Cut::End(rank) => write!(f, "{}]", Edge(*rank, "MaxKey")),
        }
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An end of a class.
struct Edge(u8, &'static str);

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.1 == "MinKey" { Kind::MinKey } else { Kind::MaxKey };
        let kind = Kind::all().find(|kind| kind.rank() == self.0);
        match kind {
            Some(kind) if kind != whole => write!(f, "any {}", kind.name()),
            _ => f.write_str(self.1),
        }
    }
}

/// A set of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Set(Vec<Interval>);

impl Set {
    /// No value.
    pub fn none() -> Set {
        Set(Vec::new())
    }

    /// Every value.
    pub fn all() -> Set {
        Set(vec![Interval { from: Cut::first(), to: Cut::last() }])
    }

    /// One value.
    pub fn point(value: Value<'static>) -> Set {
        Set(vec![Interval::point(value)])
    }

    /// Values from one place to another; none when these are in disorder.
    pub fn between(from: Cut, to: Cut) -> Set {
        Set::of(vec![Interval { from, to }])
    }

    /// All values of the classes from one type to another.
    pub fn classes(from: Kind, to: Kind) -> Set {
        Set(vec![Interval::classes(from, to)])
    }

    /// The values in any of these.
    pub fn of(mut intervals: Vec<Interval>) -> Set {
        // Between neighbouring classes there is nothing.
        let is_gap = |one: &Interval| match (&one.from, &one.to) {
            (Cut::End(last), Cut::Start(first)) => next(*last) == *first,
            _ => false,
        };
        intervals.retain(|one| one.from.compare(&one.to).is_lt() && !is_gap(one));
        intervals.sort_by(|a, b| a.from.compare(&b.from));
        let mut joined: Vec<Interval> = Vec::with_capacity(intervals.len());
        for next in intervals {
            match joined.last_mut() {
                Some(last) if touches(&last.to, &next.from) => {
                    if last.to.compare(&next.to).is_lt() {
                        last.to = next.to;
                    }
                }
                _ => joined.push(next),
            }
        }
        Set(joined)
    }

    /// Its intervals, ascending.
    pub fn intervals(&self) -> &[Interval] {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everything is in it.
    pub fn is_all(&self) -> bool {
        matches!(&self.0[..], [one] if one.from == Cut::first() && one.to == Cut::last())
    }

    /// Whether it is single values, at least one.
    pub fn is_points(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(Interval::is_point)
    }

    /// What is in both.
    pub fn and(&self, other: &Set) -> Set {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(one), Some(two)) = (a.peek(), b.peek()) {
            let from = if one.from.compare(&two.from).is_lt() { &two.from } else { &one.from };
            let is_first = one.to.compare(&two.to).is_le();
            let to = if is_first { &one.to } else { &two.to };
            if from.compare(to).is_lt() {
                both.push(Interval { from: from.clone(), to: to.clone() });
            }
            if is_first {
                a.next()
            } else {
                b.next()
            };
        }
        Set(both)
    }

    /// What is in either.
    pub fn or(&self, other: &Set) -> Set {
        Set::of(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// What is not in it.
    pub fn not(&self) -> Set {
        let mut from = Cut::first();
        let mut rest = Vec::with_capacity(self.0.len() + 1);
        for one in &self.0 {
            rest.push(Interval { from, to: one.from.clone() });
            from = one.to.clone();
        }
        rest.push(Interval { from, to: Cut::last() });
        Set::of(rest)
    }

    /// Whether a value is in it.
    pub fn contains(&self, value: &Value<'_>) -> bool {
        self.0.iter().any(|one| is_behind(&one.from, value) && !is_behind(&one.to, value))
    }
}

/// Whether nothing lies between the end of one interval and the beginning of the next.
fn touches(to: &Cut, from: &Cut) -> bool {
    to.compare(from).is_ge() || matches!((to, from), (Cut::End(a), Cut::Start(b)) if next(*a) == *b)
}

/// The class behind a class.
fn next(rank: u8) -> u8 {
    Kind::all().map(Kind::rank).filter(|other| *other > rank).min().unwrap_or(rank)
}

/// Whether a value lies behind a cut.
fn is_behind(cut: &Cut, value: &Value<'_>) -> bool {
    let rank = value.kind().rank();
    match cut {
        Cut::Start(class) => rank >= *class,
        Cut::End(class) => rank > *class,
        Cut::Before(other) => value.compare(other).is_ge(),
        Cut::After(other) => value.compare(other).is_gt(),
    }
}
