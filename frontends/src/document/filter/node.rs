//! What a filter is made of: the tree that is matched, and that the planner reads bounds from.

use crate::document::expression::Expression;
use crate::document::pattern::Pattern;
use crate::document::value::{Kind, Path, Value};

use super::bits::BitTest;

/// A filter or a part of one, simplified: no connective holds one of its own kind, none holds fewer
/// than two parts (but for the one of a negation), and no part is constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// True of every document.
    Always,
    /// True of none.
    Never,
    /// True where all parts are.
    And(Vec<Node>),
    /// True where at least one part is.
    Or(Vec<Node>),
    /// True where no part is.
    Nor(Vec<Node>),
    /// True where the part is not: neither a negation itself nor a disjunction.
    Not(Box<Node>),
    /// True where a value found at a path passes a test.
    Field(Path, Test),
    /// True of a value that passes a test; only within `$elemMatch` of values.
    Value(Test),
    /// `$expr`: true where an expression is.
    Expression(Box<Computed>),
}

/// An expression as a filter has it.
#[derive(Clone, Debug)]
pub struct Computed {
    /// As it was written.
    pub source: Value<'static>,
    /// As it is evaluated.
    pub expression: Expression,
}

impl PartialEq for Computed {
    fn eq(&self, other: &Computed) -> bool {
        self.source == other.source
    }
}

/// What a value at a path is asked. Asked of an array, most tests look at each value in it too.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Equal to this value. Null is equal to missing and undefined too.
    Equal(Value<'static>),
    /// On this side of a value, and of its type.
    Compare(Side, Value<'static>),
    /// `$in` with at least two members.
    In(Members),
    /// Text that matches, or the same regular expression.
    Matches(Pattern),
    /// There at all.
    Exists,
    /// Of one of these types.
    Type(Kinds),
    /// A number with this remainder.
    Mod(Remainder),
    /// An array of so many values.
    Size(u64),
    /// An array with a document in it that the filter is true of.
    ElementDocument(Box<Node>),
    /// An array with a value in it that the filter is true of.
    Element(Box<Node>),
    /// A number or bytes with these bits.
    Bits(BitTest),
}

/// A side of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `$lt`.
    Below,
    /// `$lte`.
    AtMost,
    /// `$gte`.
    AtLeast,
    /// `$gt`.
    Above,
}

impl Side {
    /// The operator's name.
    pub fn operator(self) -> &'static str {
        match self {
            Side::Below => "$lt",
            Side::AtMost => "$lte",
            Side::AtLeast => "$gte",
            Side::Above => "$gt",
        }
    }

    /// Whether the value itself is on this side.
    pub fn is_inclusive(self) -> bool {
        matches!(self, Side::AtMost | Side::AtLeast)
    }

    /// Whether lesser values are on this side.
    pub fn is_below(self) -> bool {
        matches!(self, Side::Below | Side::AtMost)
    }
}

/// What `$in` lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Members {
    values: Vec<Value<'static>>,
    patterns: Vec<Pattern>,
}

impl Members {
    /// These values, of which equal ones count once, and patterns.
    pub(super) fn new(mut values: Vec<Value<'static>>, patterns: Vec<Pattern>) -> Members {
        values.sort();
        values.dedup();
        Members { values, patterns }
    }

    /// The values, in order, each once.
    pub fn values(&self) -> &[Value<'static>] {
        &self.values
    }

    /// The patterns.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Whether a value equal to this one is listed.
    pub(super) fn contains(&self, value: &Value<'_>) -> bool {
        self.values.binary_search_by(|member| member.compare(value)).is_ok()
    }
}

/// What `$mod` asks of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// What numbers are divided by; not zero.
    pub divisor: i64,
    /// What must be left, with the sign of the number.
    pub remainder: i64,
}

/// A set of types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// No type.
    pub const NONE: Kinds = Kinds(0);

    /// These and another.
    pub fn with(self, kind: Kind) -> Kinds {
        Kinds(self.0 | Kinds::bit(kind))
    }

    /// Whether a type is among these.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & Kinds::bit(kind) != 0
    }

    /// The types, in order of their bytes.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::all().filter(move |kind| self.contains(*kind))
    }

    /// The two keys have bytes far from the others.
    fn bit(kind: Kind) -> u32 {
        match kind {
            Kind::MinKey => 1 << 30,
            Kind::MaxKey => 1 << 31,
            other => 1 << other.byte(),
        }
    }
}

impl std::fmt::Debug for Kinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(Kind::name)).finish()
    }
}
