//! Projections of `find`.

use super::Part::Projection;
use super::{Feature, full, not_yet};

const COMPUTED: &str = "what_is_computed_follows_in_order";

/// What projections may hold.
pub const PROJECTION: &[Feature] = &[
    full(
        Projection,
        "inclusion",
        r#"{"a": 1, "b.c": true, "_id": 0}"#,
        "inclusions_give_what_they_name_and_the_id",
    ),
    full(Projection, "exclusion", r#"{"a": 0, "b.c": false}"#, "exclusions_give_all_else"),
    full(Projection, "$", r#"{"a.$": 1}"#, "the_position_of_the_query_is_given"),
    full(
        Projection,
        "$elemMatch",
        r#"{"a": {"$elemMatch": {"b": 1}}}"#,
        "the_first_matching_element_is_given",
    ),
    full(Projection, "$slice", r#"{"a": {"$slice": [1, 2]}}"#, "slices_give_part_of_an_array"),
    full(Projection, "expressions", r#"{"a": {"$add": ["$b", 1]}, "c": "$d"}"#, COMPUTED),
    not_yet(Projection, "$meta", r#"{"a": {"$meta": "textScore"}}"#),
];
