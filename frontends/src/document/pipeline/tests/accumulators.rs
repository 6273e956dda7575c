use super::{check, cramped, text};
use crate::doc;
use crate::document::expression::Scope;
use crate::document::pipeline::accumulator::Accumulator;
use crate::document::pipeline::{Pipeline, Settings};
use crate::document::value::{Decimal128, Document};

fn sales() -> Vec<Document<'static>> {
    vec![
        doc! { "k": "a", "v": 3, "t": 1, "d": {"x": 1} },
        doc! { "k": "b", "v": 1, "t": 2 },
        doc! { "k": "a", "v": 5, "t": 3, "d": {"y": 2} },
        doc! { "k": "a", "v": null, "t": 4 },
        doc! { "k": "a", "t": 5, "d": {"x": 9} },
        doc! { "k": "a", "v": 3, "t": 6 },
    ]
}

/// Checks what one accumulator gives for the group `a`.
#[track_caller]
fn check_one(cases: Vec<(Document<'static>, &str)>) {
    let matched = || doc! { "$match": {"k": "a"} };
    for (accumulator, expected) in cases {
        let shown = format!("{accumulator:?}");
        let group = doc! { "$group": {"_id": null, "x": accumulator} };
        let stages = [matched(), group, doc! { "$replaceWith": {"x": ["$x"]} }];
        let got = super::run(&sales(), &stages);
        let got = got.strip_prefix("{\"x\": [").and_then(|it| it.strip_suffix("]}"));
        let got = got.map_or_else(|| super::run(&sales(), &stages), str::to_owned);
        assert_eq!(got, expected, "{shown}");
    }
}

#[test]
fn accumulators_see_each_document_of_their_group() {
    let order = || doc! { "v": -1, "t": 1 };
    check_one(vec![
        (doc! { "$sum": "$v" }, "11"),
        (doc! { "$sum": 1 }, "5"),
        (doc! { "$sum": "$k" }, "0"),
        (doc! { "$avg": "$v" }, "3.6666666666666665"),
        (doc! { "$avg": "$k" }, "null"),
        (doc! { "$min": "$v" }, "3"),
        (doc! { "$max": "$v" }, "5"),
        (doc! { "$max": "$none" }, "null"),
        (doc! { "$first": "$v" }, "3"),
        (doc! { "$last": "$t" }, "6"),
        (doc! { "$first": "$none" }, "null"),
        (doc! { "$push": "$v" }, "[3, 5, null, 3]"),
        (doc! { "$push": {"t": "$t"} }, r#"[{"t": 1}, {"t": 3}, {"t": 4}, {"t": 5}, {"t": 6}]"#),
        (doc! { "$addToSet": "$v" }, "[null, 3, 5]"),
        (doc! { "$count": {} }, "5"),
        (doc! { "$count": 1 }, "error 14"),
        (doc! { "$stdDevPop": "$v" }, "0.9428090415820634"),
        (doc! { "$stdDevSamp": "$none" }, "null"),
        (doc! { "$mergeObjects": "$d" }, r#"{"x": 9, "y": 2}"#),
        (doc! { "$mergeObjects": "$v" }, "error 40400"),
        (doc! { "$firstN": {"input": "$v", "n": 2} }, "[3, 5]"),
        (doc! { "$lastN": {"input": "$v", "n": 3} }, "[null, null, 3]"),
        (doc! { "$maxN": {"input": "$v", "n": 2} }, "[5, 3]"),
        (doc! { "$minN": {"input": "$v", "n": 2} }, "[3, 3]"),
        (doc! { "$minN": {"input": "$v", "n": 0} }, "error 5787908"),
        (doc! { "$minN": {"input": "$v"} }, "error 5787907"),
        (doc! { "$top": {"sortBy": (order()), "output": ["$v", "$t"]} }, "[5, 3]"),
        (doc! { "$topN": {"sortBy": (order()), "output": "$t", "n": 3} }, "[3, 1, 6]"),
        (doc! { "$bottom": {"sortBy": (order()), "output": "$t"} }, "5"),
        (doc! { "$bottomN": {"sortBy": (order()), "output": "$t", "n": 2} }, "[4, 5]"),
        (doc! { "$top": {"output": "$t"} }, "error 5787907"),
        (doc! { "$median": {"input": "$v", "method": "approximate"} }, "3.0"),
        (doc! { "$percentile": {"input": "$v", "p": [0.9], "method": "approximate"} }, "[5.0]"),
        (doc! { "$sum": ["$v", 1] }, "error 40237"),
        (doc! { "$nothing": 1 }, "error 15952"),
        (doc! { "$accumulator": {} }, "error 238"),
    ]);
}

#[test]
fn groups_come_in_the_order_of_their_first_documents() {
    check(
        &sales(),
        vec![
            (
                vec![doc! { "$group": {"_id": "$k", "n": {"$sum": 1}} }],
                r#"{"_id": "a", "n": 5} {"_id": "b", "n": 1}"#,
            ),
            (
                vec![doc! { "$group": {"_id": "$none", "n": {"$sum": 1}} }],
                r#"{"_id": null, "n": 6}"#,
            ),
            (
                vec![doc! { "$group": {"_id": {"k": "$k", "none": "$none"}} }],
                r#"{"_id": {"k": "a"}} {"_id": {"k": "b"}}"#,
            ),
            (vec![doc! { "$group": {"n": {"$sum": 1}} }], "error 15955"),
            (vec![doc! { "$group": {"_id": 1, "n": 1} }], "error 40234"),
            (vec![doc! { "$group": {"_id": 1, "n": {}} }], "error 40238"),
            (vec![doc! { "$group": {"_id": 1, "a.b": {"$sum": 1}} }], "error 40235"),
            (vec![doc! { "$group": 1 }], "error 15947"),
        ],
    );
    let alike = [
        doc! { "k": 1 },
        doc! { "k": 1.0 },
        doc! { "k": (Decimal128::parse("1.00").unwrap()) },
        doc! { "k": 1_i64 },
    ];
    assert_eq!(
        super::run(&alike, &[doc! { "$group": {"_id": "$k", "n": {"$count": {}}} }]),
        r#"{"_id": 1, "n": 4}"#
    );
}

#[test]
fn every_accumulator_comes_back_from_disk() {
    let order = || doc! { "v": 1 };
    let argument = |name: &str| match name {
        "$count" => doc! {},
        "$firstN" | "$lastN" | "$maxN" | "$minN" => doc! { "input": "$v", "n": 3 },
        "$top" | "$bottom" => doc! { "sortBy": (order()), "output": "$t" },
        "$topN" | "$bottomN" => doc! { "sortBy": (order()), "output": "$t", "n": 2 },
        "$median" => doc! { "input": "$v", "method": "approximate" },
        "$percentile" => doc! { "input": "$v", "p": [0.25, 0.5], "method": "approximate" },
        "$mergeObjects" => doc! { "$arrayToObject": [[["x", "$v"], ["y", "$t"]]] },
        _ => doc! { "$ifNull": ["$v", "$none"] },
    };
    let documents: Vec<_> =
        (0..400).map(|n| doc! { "k": (n % 37), "v": (n * 7919 % 101), "t": n }).collect();
    for name in Accumulator::names() {
        let accumulator = doc! { (name): (argument(name)) };
        let group = doc! { "$group": {"_id": "$k", "x": accumulator} };
        // Parts of sums of squares add up to a little more or less.
        let shown = match name {
            "$stdDevPop" | "$stdDevSamp" => doc! { "$round": ["$x", 9] },
            _ => doc! { "$literal": 0 },
        };
        let near = doc! { "$cond": [{"$eq": [shown.clone(), 0]}, "$x", shown] };
        let stages = [group, doc! { "$sort": {"_id": 1} }, doc! { "$set": {"x": near} }];
        let (cramped, folder) = cramped(2000);
        let roomy = Settings { memory_max: Settings::MEMORY_MAX, disk: None, ..cramped.clone() };
        let run = |settings: &Settings| {
            let pipeline = Pipeline::parse(&stages, &Scope::new()).unwrap();
            text(pipeline.run_over(documents.clone(), settings))
        };
        assert_eq!(run(&cramped), run(&roomy), "{name}");
        let left = std::fs::read_dir(folder.path().join("spilled")).unwrap().count();
        assert_eq!(left, 0, "files of {name} are removed");
    }
}
