//! What there is of MongoDB 8's language, feature by feature.
//!
//! Data only: the page about compatibility is made from these lists, and tests hold to them. What
//! is supported must be read without complaint; all else must be an error that names it.
//!
//! Not for: what operators do, which is said where they are.

mod accumulator;
mod expression;
mod query;
mod projection;
mod stage;
mod update;
#[cfg(test)]
mod tests;

pub use accumulator::ACCUMULATOR;
pub use expression::EXPRESSION;
pub use projection::PROJECTION;
pub use query::QUERY;
pub use stage::STAGE;
pub use update::UPDATE;

/// All lists, in the order of the page.
pub const ALL: &[(&str, &[Feature])] = &[
    ("Query filters", QUERY),
    ("Projections of find", PROJECTION),
    ("Updates", UPDATE),
    ("Expressions", EXPRESSION),
    ("Accumulators", ACCUMULATOR),
    ("Stages", STAGE),
];

/// A part of MongoDB's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name, such as `$gt`.
    pub name: &'static str,
    /// Where it stands.
    pub part: Part,
    /// Whether it is here.
    pub support: Support,
    /// How it is written, as extended JSON of its part.
    pub example: &'static str,
    /// The test that shows what it does, by the name of its function; empty for what is not here.
    pub test: &'static str,
}

/// Where a feature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// In filters; examples are filters.
    Filter,
    /// In projections of find; examples are projections.
    Projection,
    /// In updates; examples are updates.
    Update,
    /// In expressions; examples are expressions.
    Expression,
    /// In groups; examples are what a field of a group is.
    Accumulator,
    /// In pipelines; examples are stages.
    Stage,
    /// In updates with array filters; examples are arrays of the update and the filters.
    FilteredUpdate,
}

/// Whether a feature is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does what MongoDB's manual says.
    Full,
    /// It does, but for this.
    Differs(&'static str),
    /// It is an error that names it.
    NotYet,
}

/// A feature that does what the manual says.
const fn full(
    part: Part,
    name: &'static str,
    example: &'static str,
    test: &'static str,
) -> Feature {
    Feature { name, part, support: Support::Full, example, test }
}

/// A feature that does, but for something.
const fn differs(
    part: Part,
    name: &'static str,
    example: &'static str,
    how: &'static str,
    test: &'static str,
) -> Feature {
    Feature { name, part, support: Support::Differs(how), example, test }
}

/// A feature that is an error.
const fn not_yet(part: Part, name: &'static str, example: &'static str) -> Feature {
    Feature { name, part, support: Support::NotYet, example, test: "" }
}
