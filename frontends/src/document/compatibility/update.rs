//! Updates.

use super::Part::{FilteredUpdate, Update};
use super::{Feature, full};

const PUSH: &str = "push_adds_at_the_end_or_elsewhere";
const PIPELINE: &str = "a_pipeline_computes_the_new_document";

/// Operators and forms of updates.
pub const UPDATE: &[Feature] = &[
    full(Update, "replacement", r#"{"a": 1}"#, "a_replacement_keeps_the_id"),
    full(
        Update,
        "$currentDate",
        r#"{"$currentDate": {"a": true, "b": {"$type": "timestamp"}}}"#,
        "the_moment_is_that_of_the_context",
    ),
    full(Update, "$inc", r#"{"$inc": {"a": 1}}"#, "numbers_are_added_in_the_wider_type"),
    full(Update, "$min", r#"{"$min": {"a": 1}}"#, "the_lesser_or_greater_value_stays"),
    full(Update, "$max", r#"{"$max": {"a": 1}}"#, "the_lesser_or_greater_value_stays"),
    full(Update, "$mul", r#"{"$mul": {"a": 2}}"#, "numbers_are_multiplied_in_the_wider_type"),
    full(Update, "$rename", r#"{"$rename": {"a": "b"}}"#, "renaming_moves_values"),
    full(Update, "$set", r#"{"$set": {"a.b": 1}}"#, "set_writes_fields_and_makes_what_is_missing"),
    full(
        Update,
        "$setOnInsert",
        r#"{"$setOnInsert": {"a": 1}}"#,
        "set_on_insert_waits_for_an_insert",
    ),
    full(
        Update,
        "$unset",
        r#"{"$unset": {"a": ""}}"#,
        "unset_takes_fields_out_and_leaves_null_in_arrays",
    ),
    full(Update, "$", r#"{"$set": {"a.$": 1}}"#, "the_position_is_that_of_the_query"),
    full(Update, "$[]", r#"{"$inc": {"a.$[].b": 1}}"#, "every_element_is_written_to"),
    full(
        FilteredUpdate,
        "$[<identifier>]",
        r#"[{"$set": {"a.$[x].b": 1}}, {"x.c": {"$gt": 1}}]"#,
        "array_filters_say_which_elements",
    ),
    full(
        Update,
        "$addToSet",
        r#"{"$addToSet": {"a": {"$each": [1, 2]}}}"#,
        "a_set_takes_what_it_does_not_hold",
    ),
    full(Update, "$pop", r#"{"$pop": {"a": -1}}"#, "pop_takes_one_end_off"),
    full(
        Update,
        "$pull",
        r#"{"$pull": {"a": {"$gt": 1}}}"#,
        "pull_takes_out_what_meets_a_condition",
    ),
    full(Update, "$push", r#"{"$push": {"a": 1}}"#, PUSH),
    full(Update, "$pullAll", r#"{"$pullAll": {"a": [1, 2]}}"#, "pull_all_takes_out_what_is_listed"),
    full(Update, "$each", r#"{"$push": {"a": {"$each": [1, 2]}}}"#, PUSH),
    full(Update, "$position", r#"{"$push": {"a": {"$each": [1], "$position": 0}}}"#, PUSH),
    full(Update, "$slice", r#"{"$push": {"a": {"$each": [1], "$slice": -5}}}"#, PUSH),
    full(Update, "$sort", r#"{"$push": {"a": {"$each": [1], "$sort": {"b": -1}}}}"#, PUSH),
    full(
        Update,
        "$bit",
        r#"{"$bit": {"a": {"and": 1, "or": 2, "xor": 3}}}"#,
        "bits_are_those_of_integers",
    ),
    full(Update, "pipeline $set", r#"[{"$set": {"a": "$b"}}]"#, PIPELINE),
    full(Update, "pipeline $addFields", r#"[{"$addFields": {"a": "$b"}}]"#, PIPELINE),
    full(Update, "pipeline $project", r#"[{"$project": {"a": 1}}]"#, PIPELINE),
    full(Update, "pipeline $unset", r#"[{"$unset": ["a", "b"]}]"#, PIPELINE),
    full(Update, "pipeline $replaceRoot", r#"[{"$replaceRoot": {"newRoot": "$a"}}]"#, PIPELINE),
    full(Update, "pipeline $replaceWith", r#"[{"$replaceWith": "$a"}]"#, PIPELINE),
];
