//! Stages of pipelines.

use super::Part::Stage;
use super::{Feature, differs, full, not_yet};

const ARRAYS: &str = "arrays_are_unwound";
const BUCKETS: &str = "buckets_have_boundaries";
const DOCUMENTS_ARE_CHOSEN: &str = "documents_are_chosen_ordered_and_counted";
const DOCUMENTS_ARE_CUT: &str = "documents_are_cut_where_an_expression_says_so";
const DOCUMENTS_MAY: &str = "documents_may_be_written_out";
const DOCUMENTS_OF_OTHER_COLLECTIONS_ARE: &str =
    "documents_of_other_collections_are_found_by_equality";
const DOCUMENTS_OF_OTHER_COLLECTIONS_COME: &str = "documents_of_other_collections_come_behind";
const FACETS: &str = "facets_see_the_same_documents";
const FIELDS: &str = "fields_are_kept_left_out_and_computed";
const GROUPS: &str = "groups_come_in_the_order_of_their_first_documents";
const MERGING: &str = "merging_meets_what_is_there_as_it_is_told";
const OUT: &str = "out_replaces_all";

/// Stages of aggregation pipelines.
pub const STAGE: &[Feature] = &[
    full(Stage, "$addFields", r#"{"$addFields": {"a.b": {"$add": ["$c", 1]}}}"#, FIELDS),
    full(Stage, "$bucket", r#"{"$bucket": {"groupBy": "$a", "boundaries": [0, 1]}}"#, BUCKETS),
    differs(
        Stage,
        "$bucketAuto",
        r#"{"$bucketAuto": {"groupBy": "$a", "buckets": 2}}"#,
        "granularity is an error that names it",
        BUCKETS,
    ),
    not_yet(Stage, "$changeStream", r#"{"$changeStream": {}}"#),
    not_yet(Stage, "$changeStreamSplitLargeEvent", r#"{"$changeStreamSplitLargeEvent": {}}"#),
    not_yet(Stage, "$collStats", r#"{"$collStats": {}}"#),
    full(Stage, "$count", r#"{"$count": "n"}"#, DOCUMENTS_ARE_CHOSEN),
    not_yet(Stage, "$currentOp", r#"{"$currentOp": {}}"#),
    not_yet(Stage, "$densify", r#"{"$densify": {}}"#),
    full(Stage, "$documents", r#"{"$documents": [{"a": 1}]}"#, DOCUMENTS_MAY),
    full(Stage, "$facet", r#"{"$facet": {"a": [{"$limit": 1}]}}"#, FACETS),
    not_yet(Stage, "$fill", r#"{"$fill": {}}"#),
    not_yet(Stage, "$geoNear", r#"{"$geoNear": {}}"#),
    not_yet(Stage, "$graphLookup", r#"{"$graphLookup": {}}"#),
    full(Stage, "$group", r#"{"$group": {"_id": "$a", "n": {"$sum": 1}}}"#, GROUPS),
    not_yet(Stage, "$indexStats", r#"{"$indexStats": {}}"#),
    full(Stage, "$limit", r#"{"$limit": 1}"#, DOCUMENTS_ARE_CHOSEN),
    not_yet(Stage, "$listLocalSessions", r#"{"$listLocalSessions": {}}"#),
    not_yet(Stage, "$listSampledQueries", r#"{"$listSampledQueries": {}}"#),
    not_yet(Stage, "$listSearchIndexes", r#"{"$listSearchIndexes": {}}"#),
    not_yet(Stage, "$listSessions", r#"{"$listSessions": {}}"#),
    full(
        Stage,
        "$lookup",
        r#"{"$lookup": {"from": "x", "localField": "a", "foreignField": "b", "as": "c"}}"#,
        DOCUMENTS_OF_OTHER_COLLECTIONS_ARE,
    ),
    full(Stage, "$match", r#"{"$match": {"a": 1}}"#, DOCUMENTS_ARE_CHOSEN),
    full(Stage, "$merge", r#"{"$merge": {"into": "x", "whenMatched": "replace"}}"#, MERGING),
    full(Stage, "$out", r#"{"$out": "x"}"#, OUT),
    not_yet(Stage, "$planCacheStats", r#"{"$planCacheStats": {}}"#),
    full(Stage, "$project", r#"{"$project": {"a": 1, "b": "$c"}}"#, FIELDS),
    not_yet(Stage, "$querySettings", r#"{"$querySettings": {}}"#),
    not_yet(Stage, "$queryStats", r#"{"$queryStats": {}}"#),
    not_yet(Stage, "$rankFusion", r#"{"$rankFusion": {}}"#),
    full(Stage, "$redact", r#"{"$redact": "$$KEEP"}"#, DOCUMENTS_ARE_CUT),
    full(Stage, "$replaceRoot", r#"{"$replaceRoot": {"newRoot": "$a"}}"#, FIELDS),
    full(Stage, "$replaceWith", r#"{"$replaceWith": "$a"}"#, FIELDS),
    full(Stage, "$sample", r#"{"$sample": {"size": 1}}"#, DOCUMENTS_ARE_CHOSEN),
    not_yet(Stage, "$search", r#"{"$search": {}}"#),
    not_yet(Stage, "$searchMeta", r#"{"$searchMeta": {}}"#),
    full(Stage, "$set", r#"{"$set": {"a": "$b"}}"#, FIELDS),
    not_yet(Stage, "$setWindowFields", r#"{"$setWindowFields": {}}"#),
    not_yet(Stage, "$shardedDataDistribution", r#"{"$shardedDataDistribution": {}}"#),
    full(Stage, "$skip", r#"{"$skip": 1}"#, DOCUMENTS_ARE_CHOSEN),
    differs(
        Stage,
        "$sort",
        r#"{"$sort": {"a": 1, "b": -1}}"#,
        "$meta is an error; of several paths within one array each counts on its own",
        DOCUMENTS_ARE_CHOSEN,
    ),
    full(Stage, "$sortByCount", r#"{"$sortByCount": "$a"}"#, DOCUMENTS_ARE_CHOSEN),
    full(
        Stage,
        "$unionWith",
        r#"{"$unionWith": {"coll": "x", "pipeline": []}}"#,
        DOCUMENTS_OF_OTHER_COLLECTIONS_COME,
    ),
    full(Stage, "$unset", r#"{"$unset": ["a", "b.c"]}"#, FIELDS),
    full(Stage, "$unwind", r#"{"$unwind": {"path": "$a", "includeArrayIndex": "i"}}"#, ARRAYS),
    not_yet(Stage, "$vectorSearch", r#"{"$vectorSearch": {}}"#),
];
