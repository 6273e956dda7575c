//! Query filters.

use super::Part::Filter;
use super::{Feature, differs, full, not_yet};

const NUMBERS: &str = "numbers_are_compared_by_what_they_are_worth";
const RANGES: &str = "ranges_stay_within_their_type";
const CONNECTIVES: &str = "connectives_join_filters";
const BITS: &str = "bits_are_those_of_whole_numbers_and_bytes";

/// Operators of filters.
pub const QUERY: &[Feature] = &[
    differs(
        Filter,
        "$eq",
        r#"{"a": {"$eq": null}}"#,
        "null also equals the deprecated undefined, as up to MongoDB 7",
        "null_is_missing_too",
    ),
    full(Filter, "equality", r#"{"a.b": 1, "c": {"d": [1, 2]}}"#, NUMBERS),
    full(Filter, "$gt", r#"{"a": {"$gt": 1}}"#, RANGES),
    full(Filter, "$gte", r#"{"a": {"$gte": 1}}"#, RANGES),
    full(
        Filter,
        "$in",
        r#"{"a": {"$in": [1, {"$regularExpression": {"pattern": "^a", "options": ""}}]}}"#,
        NUMBERS,
    ),
    full(Filter, "$lt", r#"{"a": {"$lt": 1}}"#, RANGES),
    full(Filter, "$lte", r#"{"a": {"$lte": 1}}"#, RANGES),
    full(Filter, "$ne", r#"{"a": {"$ne": 1}}"#, NUMBERS),
    full(Filter, "$nin", r#"{"a": {"$nin": [1, 2]}}"#, NUMBERS),
    full(Filter, "$and", r#"{"$and": [{"a": 1}, {"b": 2}]}"#, CONNECTIVES),
    full(Filter, "$nor", r#"{"$nor": [{"a": 1}]}"#, CONNECTIVES),
    full(
        Filter,
        "$not",
        r#"{"a": {"$not": {"$gt": 1}}}"#,
        "negations_match_what_the_operator_does_not",
    ),
    full(Filter, "$or", r#"{"$or": [{"a": 1}, {"b": 2}]}"#, CONNECTIVES),
    full(Filter, "$exists", r#"{"a": {"$exists": true}}"#, "being_there_is_told_by_any_truth"),
    full(
        Filter,
        "$type",
        r#"{"a": {"$type": ["number", "string", 8]}}"#,
        "types_are_told_by_number_and_name",
    ),
    full(Filter, "$expr", r#"{"$expr": {"$gt": ["$a", "$b"]}}"#, "expressions_are_filters"),
    full(Filter, "$mod", r#"{"a": {"$mod": [4, 0]}}"#, "remainders_are_of_whole_parts"),
    differs(
        Filter,
        "$regex",
        r#"{"a": {"$regex": "^a(?!b)"}}"#,
        "\\b tells letters of all scripts from the rest; callouts and recursion are refused",
        "regular_expressions_match_text_and_themselves",
    ),
    full(
        Filter,
        "$options",
        r#"{"a": {"$regex": "^a", "$options": "imsxu"}}"#,
        "regular_expressions_match_text_and_themselves",
    ),
    full(Filter, "$all", r#"{"a": {"$all": [1, 2]}}"#, "all_of_a_list_are_there"),
    full(
        Filter,
        "$elemMatch",
        r#"{"a": {"$elemMatch": {"b": 1, "c": {"$gt": 2}}}}"#,
        "an_element_matches_all_conditions_at_once",
    ),
    full(Filter, "$size", r#"{"a": {"$size": 2}}"#, "sizes_are_those_of_arrays_alone"),
    full(Filter, "$bitsAllClear", r#"{"a": {"$bitsAllClear": 5}}"#, BITS),
    full(Filter, "$bitsAllSet", r#"{"a": {"$bitsAllSet": [0, 2]}}"#, BITS),
    full(Filter, "$bitsAnyClear", r#"{"a": {"$bitsAnyClear": 5}}"#, BITS),
    full(Filter, "$bitsAnySet", r#"{"a": {"$bitsAnySet": 5}}"#, BITS),
    full(Filter, "$comment", r#"{"a": 1, "$comment": "why"}"#, CONNECTIVES),
    full(Filter, "$alwaysTrue", r#"{"$alwaysTrue": 1}"#, CONNECTIVES),
    full(Filter, "$alwaysFalse", r#"{"$alwaysFalse": 1}"#, CONNECTIVES),
    not_yet(Filter, "$jsonSchema", r#"{"$jsonSchema": {"required": ["a"]}}"#),
    not_yet(Filter, "$sampleRate", r#"{"$sampleRate": 0.5}"#),
    not_yet(Filter, "$text", r#"{"$text": {"$search": "a"}}"#),
    not_yet(Filter, "$where", r#"{"$where": "this.a == 1"}"#),
    not_yet(Filter, "$geoIntersects", r#"{"a": {"$geoIntersects": {"$geometry": {}}}}"#),
    not_yet(Filter, "$geoWithin", r#"{"a": {"$geoWithin": {"$box": [[0, 0], [1, 1]]}}}"#),
    not_yet(Filter, "$near", r#"{"a": {"$near": [0, 0]}}"#),
    not_yet(Filter, "$nearSphere", r#"{"a": {"$nearSphere": [0, 0]}}"#),
    not_yet(Filter, "$box", r#"{"a": {"$box": [[0, 0], [1, 1]]}}"#),
    not_yet(Filter, "$center", r#"{"a": {"$center": [[0, 0], 1]}}"#),
    not_yet(Filter, "$centerSphere", r#"{"a": {"$centerSphere": [[0, 0], 1]}}"#),
    not_yet(Filter, "$geometry", r#"{"a": {"$geometry": {}}}"#),
    not_yet(Filter, "$maxDistance", r#"{"a": {"$maxDistance": 1}}"#),
    not_yet(Filter, "$minDistance", r#"{"a": {"$minDistance": 1}}"#),
    not_yet(Filter, "$polygon", r#"{"a": {"$polygon": []}}"#),
];
