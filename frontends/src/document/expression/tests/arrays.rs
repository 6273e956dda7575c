use super::check;
use crate::doc;
use crate::document::value::Document;

fn arrays() -> Document<'static> {
    doc! {
        "a": [1, 2, 3], "n": null, "s": "x", "e": [],
        "docs": [{"k": "x", "v": 1}, {"k": "y", "v": 2}],
        "nested": {"b": [{"c": 1}, {"c": [2]}, 5, [{"c": 9}]]}, "mixed": [3, null, "a", 1]
    }
}

#[test]
fn parts_of_arrays_are_taken_by_index() {
    check(
        &arrays(),
        vec![
            (doc! { "$arrayElemAt": ["$a", 0] }, "1"),
            (doc! { "$arrayElemAt": ["$a", -1] }, "3"),
            (doc! { "$arrayElemAt": ["$a", 3] }, "missing"),
            (doc! { "$arrayElemAt": ["$a", -4] }, "missing"),
            (doc! { "$arrayElemAt": ["$a", 1.5] }, "error 28691"),
            (doc! { "$arrayElemAt": ["$a", "x"] }, "error 28690"),
            (doc! { "$arrayElemAt": ["$s", 0] }, "error 28689"),
            (doc! { "$arrayElemAt": ["$n", 0] }, "null"),
            (doc! { "$first": "$a" }, "1"),
            (doc! { "$last": "$a" }, "3"),
            (doc! { "$last": "$e" }, "missing"),
            (doc! { "$first": "$s" }, "error 28689"),
            (doc! { "$size": "$a" }, "3"),
            (doc! { "$size": "$none" }, "error 17124"),
            (doc! { "$slice": ["$a", 2] }, "[1, 2]"),
            (doc! { "$slice": ["$a", -2] }, "[2, 3]"),
            (doc! { "$slice": ["$a", 1, 5] }, "[2, 3]"),
            (doc! { "$slice": ["$a", -9, 2] }, "[1, 2]"),
            (doc! { "$slice": ["$a", 1, 0] }, "error 28729"),
            (doc! { "$slice": ["$s", 1] }, "error 28724"),
            (doc! { "$slice": ["$a", "$n"] }, "null"),
            (doc! { "$firstN": {"input": "$a", "n": 2} }, "[1, 2]"),
            (doc! { "$lastN": {"input": "$a", "n": 2} }, "[2, 3]"),
            (doc! { "$maxN": {"input": "$mixed", "n": 2} }, "[\"a\", 3]"),
            (doc! { "$minN": {"input": "$mixed", "n": 9} }, "[1, 3, \"a\"]"),
            (doc! { "$firstN": {"input": "$a", "n": 0} }, "error 5787908"),
            (doc! { "$firstN": {"input": "$n", "n": 1} }, "error 5788200"),
        ],
    );
}

#[test]
fn arrays_are_made_searched_and_ordered() {
    check(
        &arrays(),
        vec![
            (doc! { "$concatArrays": ["$a", ["$s"]] }, "[1, 2, 3, \"x\"]"),
            (doc! { "$concatArrays": ["$a", "$none"] }, "null"),
            (doc! { "$concatArrays": ["$a", 1] }, "error 28664"),
            (doc! { "$in": [2.0, "$a"] }, "true"),
            (doc! { "$in": [9, "$a"] }, "false"),
            (doc! { "$in": [9, "$none"] }, "error 40081"),
            (doc! { "$indexOfArray": ["$a", 3] }, "2"),
            (doc! { "$indexOfArray": ["$a", 1, 1] }, "-1"),
            (doc! { "$indexOfArray": ["$a", 3, 0, 2] }, "-1"),
            (doc! { "$indexOfArray": ["$n", 3] }, "null"),
            (doc! { "$indexOfArray": ["$s", 3] }, "error 40090"),
            (doc! { "$isArray": "$a" }, "true"),
            (doc! { "$isArray": ["$a"] }, "true"),
            (doc! { "$isArray": [["$a"]] }, "true"),
            (doc! { "$isArray": "$none" }, "false"),
            (doc! { "$range": [0, 5, 2] }, "[0, 2, 4]"),
            (doc! { "$range": [5, 0, -2] }, "[5, 3, 1]"),
            (doc! { "$range": [5, 0] }, "[]"),
            (doc! { "$range": [0, 5, 0] }, "error 34449"),
            (doc! { "$range": ["x", 5] }, "error 34443"),
            (doc! { "$range": [0, 2147483647] }, "error 146"),
            (doc! { "$reverseArray": "$a" }, "[3, 2, 1]"),
            (doc! { "$reverseArray": "$n" }, "null"),
            (doc! { "$reverseArray": "$s" }, "error 34435"),
            (doc! { "$zip": {"inputs": ["$a", ["x"]]} }, "[[1, \"x\"]]"),
            (
                doc! { "$zip": {"inputs": ["$a", ["x"]], "useLongestLength": true,
                "defaults": [0, "z"]} },
                "[[1, \"x\"], [2, \"z\"], [3, \"z\"]]",
            ),
            (doc! { "$zip": {"inputs": ["$a", "$n"]} }, "null"),
            (doc! { "$zip": {"inputs": ["$a", 5]} }, "error 34468"),
            (doc! { "$zip": {"inputs": ["$a"], "defaults": [1]} }, "error 34466"),
            (doc! { "$sortArray": {"input": "$mixed", "sortBy": 1} }, "[null, 1, 3, \"a\"]"),
            (doc! { "$sortArray": {"input": "$a", "sortBy": -1} }, "[3, 2, 1]"),
            (
                doc! { "$sortArray": {"input": "$docs", "sortBy": {"v": -1}} },
                r#"[{"k": "y", "v": 2}, {"k": "x", "v": 1}]"#,
            ),
            (doc! { "$sortArray": {"input": "$a", "sortBy": 2} }, "error 15975"),
            (doc! { "$sortArray": {"input": "$s", "sortBy": 1} }, "error 2942504"),
        ],
    );
}

#[test]
fn variables_are_seen_inside_only() {
    let sum = doc! { "$add": ["$$value", "$$this"] };
    check(
        &arrays(),
        vec![
            (doc! { "$map": {"input": "$a", "as": "x", "in": {"$add": ["$$x", 1]}} }, "[2, 3, 4]"),
            (doc! { "$map": {"input": "$docs", "in": "$$this.v"} }, "[1, 2]"),
            (doc! { "$map": {"input": "$a", "in": "$none"} }, "[null, null, null]"),
            (doc! { "$map": {"input": "$n", "in": 1} }, "null"),
            (doc! { "$map": {"input": "$s", "in": 1} }, "error 16883"),
            (doc! { "$map": {"input": "$a", "as": "X", "in": 1} }, "error 9"),
            (doc! { "$map": {"input": "$a", "in": "$$y"} }, "error 17276"),
            (doc! { "$filter": {"input": "$a", "cond": {"$gt": ["$$this", 1]}} }, "[2, 3]"),
            (doc! { "$filter": {"input": "$a", "as": "x", "cond": true, "limit": 1} }, "[1]"),
            (doc! { "$filter": {"input": "$a", "cond": true, "limit": 0} }, "error 327392"),
            (doc! { "$filter": {"input": "$s", "cond": true} }, "error 28651"),
            (doc! { "$reduce": {"input": "$a", "initialValue": 10, "in": sum} }, "16"),
            (doc! { "$reduce": {"input": "$n", "initialValue": 10, "in": 1} }, "null"),
            (
                doc! { "$reduce": {"input": {"$range": [0, 40]}, "initialValue": [1],
                "in": ["$$value", "$$value"]} },
                "error 146",
            ),
            (doc! { "$let": {"vars": {"x": 2}, "in": {"$multiply": ["$$x", "$$x"]}} }, "4"),
            (
                doc! { "$let": {"vars": {"x": 1}, "in": {"$let": {"vars": {"x": 2, "y": "$$x"},
                "in": ["$$x", "$$y"]}}} },
                "[2, 1]",
            ),
            (doc! { "$let": {"vars": {"CURRENT": "$nested"}, "in": "$b.c"} }, "[1, [2]]"),
            (doc! { "$let": {"vars": {"d": "$nested"}, "in": "$$d.b.c"} }, "[1, [2]]"),
        ],
    );
}

#[test]
fn arrays_are_sets() {
    check(
        &arrays(),
        vec![
            (doc! { "$setUnion": [[3, 1], [1, 2, 1.0]] }, "[1, 2, 3]"),
            (doc! { "$setUnion": ["$a", "$n"] }, "null"),
            (doc! { "$setUnion": ["$a", 1] }, "error 17043"),
            (doc! { "$setIntersection": [[3, 1, 1], [1, 4]] }, "[1]"),
            (doc! { "$setIntersection": [] }, "[]"),
            (doc! { "$setDifference": [[3, 1, 3, 2], [1]] }, "[3, 2]"),
            (doc! { "$setDifference": ["$a", 1] }, "error 17049"),
            (doc! { "$setEquals": [[1, 2], [2, 1, 1], [1, 2.0]] }, "true"),
            (doc! { "$setEquals": [[1, 2], "$n"] }, "error 17044"),
            (doc! { "$setIsSubset": [[1, 1], "$a"] }, "true"),
            (doc! { "$setIsSubset": [[1], "$none"] }, "error 17042"),
            (doc! { "$allElementsTrue": [[1, "x", true]] }, "true"),
            (doc! { "$allElementsTrue": [[1, null]] }, "false"),
            (doc! { "$anyElementTrue": [[0, false]] }, "false"),
            (doc! { "$anyElementTrue": ["$a"] }, "true"),
            (doc! { "$anyElementTrue": ["$n"] }, "error 17041"),
        ],
    );
}

#[test]
fn documents_are_merged_taken_apart_and_put_together() {
    check(
        &arrays(),
        vec![
            (doc! { "$mergeObjects": [{"a": 1}, "$n", {"b": 2, "a": 3}] }, r#"{"a": 3, "b": 2}"#),
            (doc! { "$mergeObjects": ["$a"] }, "error 40400"),
            (doc! { "$objectToArray": {"x": 1} }, r#"[{"k": "x", "v": 1}]"#),
            (doc! { "$objectToArray": "$a" }, "error 40390"),
            (doc! { "$arrayToObject": "$docs" }, r#"{"x": 1, "y": 2}"#),
            (doc! { "$arrayToObject": [[["x", 1], ["x", 2]]] }, r#"{"x": 2}"#),
            (doc! { "$arrayToObject": "$a" }, "error 40398"),
            (doc! { "$arrayToObject": [[[1, 1]]] }, "error 40395"),
            (doc! { "$arrayToObject": [[["x"]]] }, "error 40397"),
            (doc! { "$arrayToObject": [[{"k": "x"}]] }, "error 40392"),
            (doc! { "$getField": "s" }, "\"x\""),
            (
                doc! { "$getField": {"field": {"$literal": "$x.y"}, "input": {"$setField": {
                "field": {"$literal": "$x.y"}, "input": {}, "value": 5}}} },
                "5",
            ),
            (doc! { "$getField": {"field": "b", "input": "$n"} }, "null"),
            (doc! { "$getField": {"field": "b", "input": "$none"} }, "missing"),
            (doc! { "$getField": {"field": 5, "input": {}} }, "error 3041704"),
            (
                doc! { "$setField": {"field": "x", "input": {"x": 1, "y": 2},
                "value": "$$REMOVE"} },
                r#"{"y": 2}"#,
            ),
            (doc! { "$unsetField": {"field": "x", "input": {"x": 1, "y": 2}} }, r#"{"y": 2}"#),
            (doc! { "$unsetField": {"field": "x", "input": 5} }, "error 4161105"),
        ],
    );
}
