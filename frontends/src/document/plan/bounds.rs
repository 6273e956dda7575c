//! What an index need look at for a test: a set of values, of which at least one is a key of every
//! document that passes.
//!
//! Not for: which tests may be joined, which depends on arrays. See [`access`](super::access).

use super::cut::{Cut, Interval, Set};
use crate::document::filter::{Kinds, Members, Node, Side, Test};
use crate::document::pattern::Pattern;
use crate::document::value::{Kind, Value};

/// What to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// The values.
    pub set: Set,
    /// Whether every document with a key in the set passes.
    pub is_exact: bool,
}

impl Bounds {
    fn exact(set: Set) -> Bounds {
        Bounds { set, is_exact: true }
    }

    fn inexact(set: Set) -> Bounds {
        Bounds { set, is_exact: false }
    }

    /// No bounds: everything.
    pub fn all() -> Bounds {
        Bounds::exact(Set::all())
    }

    /// What passes both.
    pub fn and(&self, other: &Bounds) -> Bounds {
        Bounds { set: self.set.and(&other.set), is_exact: self.is_exact && other.is_exact }
    }

    /// Whether they are worth anything.
    pub fn is_all(&self) -> bool {
        self.set.is_all()
    }
}

/// The bounds of a test; `None` where an index says nothing.
pub fn of_test(test: &Test) -> Option<Bounds> {
    match test {
        Test::Equal(value) => Some(of_equal(value)),
        Test::Compare(side, value) => of_side(*side, value),
        Test::In(members) => of_members(members),
        Test::Matches(pattern) => Some(of_pattern(pattern)),
        Test::Type(kinds) => of_kinds(*kinds),
        Test::Mod(_) => Some(Bounds::inexact(Set::classes(Kind::Double, Kind::Double))),
        Test::Bits(_) => {
            let numbers = Set::classes(Kind::Double, Kind::Double);
            Some(Bounds::inexact(numbers.or(&Set::classes(Kind::BinData, Kind::BinData))))
        }
        // What is there may be null; what is an array is known by what is in it.
        Test::Exists | Test::Size(_) | Test::ElementDocument(_) | Test::Element(_) => None,
    }
}

/// The bounds of the negation of a test, over an index that has met no array at the path:
/// `has_arrays` says that it has.
pub fn of_negation(test: &Test, has_arrays: bool) -> Option<Bounds> {
    if let Test::Equal(Value::Null) = test {
        // What lies in arrays on the way may be missing, and yet pass.
        let set = Set::point(Value::Null).not();
        return (!has_arrays).then(|| Bounds::inexact(set));
    }
    if let Test::Exists = test {
        return (!has_arrays).then(|| Bounds::inexact(Set::point(Value::Null)));
    }
    let bounds = of_test(test).filter(|bounds| bounds.is_exact)?;
    Some(Bounds { set: bounds.set.not(), is_exact: !has_arrays })
}

/// The bounds of tests of one value, as `$elemMatch` has them.
pub fn of_element(node: &Node) -> Option<Bounds> {
    match node {
        Node::Value(test) => of_test(test),
        Node::And(parts) => {
            let mut bounds: Option<Bounds> = None;
            let mut is_exact = true;
            for part in parts {
                match of_element(part) {
                    Some(one) => bounds = Some(bounds.map_or(one.clone(), |all| all.and(&one))),
                    None => is_exact = false,
                }
            }
            bounds.map(|all| Bounds { is_exact: all.is_exact && is_exact, ..all })
        }
        Node::Not(part) => match &**part {
            // The value itself is asked, so nothing hides in it.
            Node::Value(test) => of_negation(test, false).filter(|_| !is_about_null(test)),
            _ => None,
        },
        _ => None,
    }
    // An array within the array is a value of its own, and is not looked into.
    .map(|bounds| Bounds { is_exact: false, ..bounds })
}

fn is_about_null(test: &Test) -> bool {
    matches!(test, Test::Equal(Value::Null) | Test::Exists)
}

fn of_equal(value: &Value<'static>) -> Bounds {
    match value {
        // Missing is a key as null is; undefined is what empty arrays have.
        Value::Null => Bounds::inexact(Set::classes(Kind::Undefined, Kind::Null)),
        Value::Undefined => Bounds::inexact(Set::point(Value::Undefined)),
        // The array itself is a key only within another; else what it begins with is.
        Value::Array(array) => {
            let first = array.iter().next().map_or(Value::Undefined, Value::into_static);
            Bounds::inexact(Set::point(value.clone()).or(&Set::point(first)))
        }
        other => Bounds::exact(Set::point(other.clone())),
    }
}

fn of_side(side: Side, value: &Value<'static>) -> Option<Bounds> {
    let rank = value.kind().rank();
    let set = match value {
        Value::Null | Value::Undefined if side.is_inclusive() => {
            return Some(of_equal(&Value::Null));
        }
        Value::Null => Set::none(),
        Value::Undefined | Value::Array(_) => return None,
        Value::MinKey if side.is_below() => match side.is_inclusive() {
            true => Set::point(Value::MinKey),
            false => Set::none(),
        },
        Value::MaxKey if !side.is_below() => match side.is_inclusive() {
            true => Set::point(Value::MaxKey),
            false => Set::none(),
        },
        Value::MinKey => match side.is_inclusive() {
            true => Set::all(),
            false => Set::point(Value::MinKey).not(),
        },
        Value::MaxKey => match side.is_inclusive() {
            true => Set::all(),
            false => Set::point(Value::MaxKey).not(),
        },
        value => of_bracket(side, value, rank),
    };
    Some(Bounds::exact(set))
}

/// What is on a side of a value among those of its class.
fn of_bracket(side: Side, value: &Value<'static>, rank: u8) -> Set {
    let number = value.number();
    if number.is_some_and(|number| number.is_nan()) {
        return if side.is_inclusive() { Set::point(value.clone()) } else { Set::none() };
    }
    let start = match number {
        // Not-a-number is below all others, and on no side of them.
        Some(_) => Cut::After(Value::Double(f64::NAN)),
        None => Cut::Start(rank),
    };
    match side {
        Side::Below => Set::between(start, Cut::Before(value.clone())),
        Side::AtMost => Set::between(start, Cut::After(value.clone())),
        Side::AtLeast => Set::between(Cut::Before(value.clone()), Cut::End(rank)),
        Side::Above => Set::between(Cut::After(value.clone()), Cut::End(rank)),
    }
}

fn of_members(members: &Members) -> Option<Bounds> {
    let values = members.values().iter().map(of_equal);
    let patterns = members.patterns().iter().map(of_pattern);
    let (mut intervals, mut is_exact) = (Vec::new(), true);
    for one in values.chain(patterns) {
        is_exact &= one.is_exact;
        intervals.extend_from_slice(one.set.intervals());
    }
    Some(Bounds { set: Set::of(intervals), is_exact })
}

/// Text that begins as the pattern does, and the pattern itself as a value.
fn of_pattern(pattern: &Pattern) -> Bounds {
    let own = Interval::point(Value::Regex(pattern.source().clone()));
    let rank = Kind::String.rank();
    let text = match pattern.prefix() {
        None => Interval::classes(Kind::String, Kind::String),
        Some(prefix) => {
            let from = Cut::Before(Value::String(prefix.text.to_string().into()));
            let to = match after_prefix(&prefix.text) {
                Some(next) => Cut::Before(Value::String(next.into())),
                None => Cut::End(rank),
            };
            Interval { from, to }
        }
    };
    Bounds::inexact(Set::of(vec![own, text]))
}

/// The least text that is greater than all that begin with `prefix`, if there is one.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut next = prefix.to_owned();
    while let Some(last) = next.pop() {
        let above = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32);
        if let Some(above) = above {
            next.push(above);
            return Some(next);
        }
    }
    None
}

fn of_kinds(kinds: Kinds) -> Option<Bounds> {
    // Arrays are known by what is in them.
    if kinds.contains(Kind::Array) {
        return None;
    }
    let of_rank = |rank| Kind::all().filter(move |kind| kind.rank() == rank);
    let mut is_exact = true;
    let mut set = Set::none();
    for kind in kinds.iter() {
        set = set.or(&Set::classes(kind, kind));
        is_exact &= of_rank(kind.rank()).all(|other| kinds.contains(other));
        // Missing has the key of null, and an empty array that of undefined.
        is_exact &= !matches!(kind, Kind::Null | Kind::Undefined);
    }
    Some(Bounds { set, is_exact })
}
