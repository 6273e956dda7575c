//! Accumulators of groups.

use super::Part::Accumulator;
use super::{Feature, differs, full, not_yet};

const ACCUMULATORS: &str = "accumulators_see_each_document_of_their_group";
const AS_EXACT: &str = "the approximate method gives the exact discrete percentile";

/// Accumulators of `$group`, `$bucket` and `$bucketAuto`.
pub const ACCUMULATOR: &[Feature] = &[
    not_yet(Accumulator, "$accumulator", r#"{"$accumulator": {}}"#),
    full(Accumulator, "$addToSet", r#"{"$addToSet": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$avg", r#"{"$avg": "$a"}"#, ACCUMULATORS),
    full(
        Accumulator,
        "$bottom",
        r#"{"$bottom": {"sortBy": {"a": 1}, "output": "$b"}}"#,
        ACCUMULATORS,
    ),
    full(
        Accumulator,
        "$bottomN",
        r#"{"$bottomN": {"sortBy": {"a": 1}, "output": "$b", "n": 2}}"#,
        ACCUMULATORS,
    ),
    not_yet(Accumulator, "$concatArrays", r#"{"$concatArrays": "$a"}"#),
    full(Accumulator, "$count", r#"{"$count": {}}"#, ACCUMULATORS),
    full(Accumulator, "$first", r#"{"$first": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$firstN", r#"{"$firstN": {"input": "$a", "n": 2}}"#, ACCUMULATORS),
    full(Accumulator, "$last", r#"{"$last": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$lastN", r#"{"$lastN": {"input": "$a", "n": 2}}"#, ACCUMULATORS),
    full(Accumulator, "$max", r#"{"$max": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$maxN", r#"{"$maxN": {"input": "$a", "n": 2}}"#, ACCUMULATORS),
    differs(
        Accumulator,
        "$median",
        r#"{"$median": {"input": "$a", "method": "approximate"}}"#,
        AS_EXACT,
        ACCUMULATORS,
    ),
    full(Accumulator, "$mergeObjects", r#"{"$mergeObjects": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$min", r#"{"$min": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$minN", r#"{"$minN": {"input": "$a", "n": 2}}"#, ACCUMULATORS),
    differs(
        Accumulator,
        "$percentile",
        r#"{"$percentile": {"input": "$a", "p": [0.5], "method": "approximate"}}"#,
        AS_EXACT,
        ACCUMULATORS,
    ),
    full(Accumulator, "$push", r#"{"$push": "$a"}"#, ACCUMULATORS),
    not_yet(Accumulator, "$setUnion", r#"{"$setUnion": "$a"}"#),
    full(Accumulator, "$stdDevPop", r#"{"$stdDevPop": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$stdDevSamp", r#"{"$stdDevSamp": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$sum", r#"{"$sum": "$a"}"#, ACCUMULATORS),
    full(Accumulator, "$top", r#"{"$top": {"sortBy": {"a": 1}, "output": "$b"}}"#, ACCUMULATORS),
    full(
        Accumulator,
        "$topN",
        r#"{"$topN": {"sortBy": {"a": 1}, "output": "$b", "n": 2}}"#,
        ACCUMULATORS,
    ),
];
