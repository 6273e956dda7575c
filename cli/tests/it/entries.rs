//! `get`, `put`, `delete`, `scan`, `keyspaces`.

use serde_json::{Value, json};

use crate::program::Desk;

#[test]
fn what_is_put_is_got() {
    let desk = Desk::new();
    assert_eq!(desk.text("put db letters a first"), "");
    assert_eq!(desk.json("put db letters b -"), json!({ "written": 1 }));
    assert_eq!(desk.text("get db letters a"), "first\n");
    assert_eq!(desk.text("get db letters a --raw"), "first");
    assert_eq!(desk.text("get db letters b"), "\n");
    assert_eq!(desk.json("get db letters a"), json!({ "key": "a", "value": "first" }));
}

#[test]
fn any_bytes_go_in_and_out() {
    let desk = Desk::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    desk.run_with(&["put", "db", "k", "piped", "-"], &bytes).good();
    desk.write("file", &bytes);
    desk.text("put db k filed --file file --durability buffered");
    for key in ["piped", "filed"] {
        assert_eq!(desk.run(&format!("get db k {key} --raw")).out, bytes);
    }
    let record = desk.json("get db k piped");
    assert!(record["value_base64"].as_str().unwrap().starts_with("AAECAwQF"), "{record}");
    assert_eq!(record.get("value"), None);
}

#[test]
fn keys_may_be_hexadecimal() {
    let desk = Desk::new();
    desk.text("put db k 00FF7a value --hex");
    desk.text("put db k abc text");
    assert_eq!(desk.text("get db k 00ff7A --hex"), "value\n");
    assert_eq!(desk.text("scan db k --hex"), "00ff7a\tvalue\n616263\ttext\n");
    assert_eq!(desk.text("scan db k --start 01 --hex --keys-only"), "616263\n");
    assert_eq!(desk.text("scan db k --keys-only"), "\\u{0}\\xffz\nabc\n");
    assert_eq!(
        desk.json("get db k 00ff7a --hex"),
        json!({ "key_base64": "AP96", "value": "value" })
    );
    assert_eq!(desk.json("delete db k 00ff7a --hex"), json!({ "deleted": 1, "missing": 0 }));
    assert_eq!(desk.run("get db k 00ff7a --hex").code, 1);
}

#[test]
fn ranges_are_deleted() {
    let desk = Desk::new();
    for key in ["a", "b", "b1", "c", "d"] {
        desk.text(&format!("put db k {key} 1"));
    }
    assert_eq!(desk.json("delete-range db k --prefix b"), json!({ "written": 1 }));
    assert_eq!(desk.text("scan db k --keys-only"), "a\nc\nd\n");
    desk.text("delete-range db k --start b --end d");
    assert_eq!(desk.text("scan db k --keys-only"), "a\nd\n");
    assert_eq!(desk.failure("delete-range db k").0, 2, "not all by mistake");
    assert_eq!(desk.failure("delete-range db k --all --start a").0, 2);
    for arguments in [["--prefix", ""].as_slice(), &["--start", "d", "--end", "d"]] {
        let command = [&["delete-range", "db", "k"], arguments].concat();
        assert_eq!(desk.run_with(&command, b"").code, 2, "{arguments:?}");
    }
    assert_eq!(desk.text("scan db k --keys-only"), "a\nd\n");
    desk.text("delete-range db k --all");
    assert_eq!(desk.text("scan db k"), "");
    assert_eq!(desk.failure("delete-range nowhere k --all").0, 1);
}

#[test]
fn a_batch_deletes_no_range_by_mistake() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    let batch = |range: &str| {
        let line = format!("{{\"op\":\"delete-range\",\"keyspace\":\"k\",{range}}}\n");
        desk.run_with(&["batch", "db", "-"], line.as_bytes())
    };
    for wrong in [r#""prefix":"""#, r#""start":"b","end":"a""#, r#""start":"a","end":"a""#] {
        let outcome = batch(wrong);
        assert_eq!(outcome.code, 2, "{wrong}");
        assert!(outcome.errors.contains("of all keys") || outcome.errors.contains("no key is"));
    }
    assert_eq!(desk.text("scan db k --keys-only"), "a\n");
    assert_eq!(batch(r#""start":"""#).code, 0);
    assert_eq!(desk.text("scan db k --keys-only"), "");
}

#[test]
fn deleting_counts_what_was_there() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    desk.text("put db k b 2");
    assert_eq!(desk.text("delete db k a c a"), "1 deleted, 1 not there\n");
    assert_eq!(desk.json("delete db k b"), json!({ "deleted": 1, "missing": 0 }));
    assert_eq!(desk.text("scan db k"), "");
}

#[test]
fn a_scan_shows_the_range_asked_for() {
    let desk = Desk::new();
    let rows: String = (0..30).map(|n| format!("{{\"id\":\"k{n:02}\",\"n\":{n}}}\n")).collect();
    desk.run_with(&["import", "db", "k", "-"], rows.as_bytes()).good();
    let keys = |arguments: &str| -> Vec<String> {
        let text = desk.text(&format!("scan db k --keys-only {arguments}"));
        text.lines().map(str::to_owned).collect()
    };
    assert_eq!(keys("").len(), 30);
    assert_eq!(keys("--prefix k1").len(), 10);
    assert_eq!(keys("--start k05 --end k08"), ["k05", "k06", "k07"]);
    assert_eq!(keys("--start k05 --end k08 --reverse"), ["k07", "k06", "k05"]);
    assert_eq!(keys("--prefix k1 --start k18"), ["k18", "k19"]);
    assert_eq!(keys("--prefix k1 --start k0 --end k12 --limit 9"), ["k10", "k11"]);
    assert_eq!(keys("--reverse --limit 2"), ["k29", "k28"]);
    assert_eq!(keys("--start k20 --end k10"), [""; 0]);
    assert_eq!(keys("--prefix k1 --start k2"), [""; 0]);
    assert_eq!(keys("--prefix x"), [""; 0]);
    assert_eq!(keys("--limit 0"), [""; 0]);
    assert_eq!(desk.text("scan db k --limit 1"), "k00\t{\"id\":\"k00\",\"n\":0}\n");
    assert_eq!(
        desk.json_lines("scan db k --start k28"),
        [
            json!({ "key": "k28", "value": "{\"id\":\"k28\",\"n\":28}" }),
            json!({ "key": "k29", "value": "{\"id\":\"k29\",\"n\":29}" })
        ]
    );
    assert_eq!(desk.json_lines("scan db k --limit 1 --keys-only"), [json!({ "key": "k00" })]);
}

#[test]
fn keyspaces_are_created_renamed_and_dropped() {
    let desk = Desk::new();
    let names = || -> Vec<String> {
        let listed = desk.json("keyspaces db");
        let all = listed["keyspaces"].as_array().unwrap();
        all.iter().map(|keyspace| keyspace["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(desk.json("keyspaces db create b"), json!({ "created": "b" }));
    desk.text("keyspaces db create a --compression zstd");
    assert_eq!(names(), ["a", "b"]);
    desk.text("put db b key value");
    assert_eq!(desk.json("keyspaces db rename b c"), json!({ "renamed": "b", "to": "c" }));
    assert_eq!(desk.text("get db c key"), "value\n");
    assert_eq!(desk.json("keyspaces db drop a"), json!({ "dropped": "a" }));
    assert_eq!(names(), ["c"]);
    assert!(desk.text("keyspaces db").starts_with("c "));
    let numbers = ["segments", "segment_bytes", "entries", "memtable_bytes"];
    let keyspace: &Value = &desk.json("keyspaces db")["keyspaces"][0];
    assert!(numbers.iter().all(|name| keyspace[name].is_u64()), "{keyspace}");
    let (code, kind, message) = desk.failure("keyspaces db create c");
    assert_eq!((code, kind.as_str()), (8, "Exists"));
    assert!(message.contains("\"c\""), "{message}");
    assert_eq!(desk.failure("keyspaces db drop a").1, "NotFound");
    assert_eq!(desk.failure("keyspaces db rename a b").0, 1);
}

#[test]
fn keyspaces_are_listed_with_what_they_were_created_with() {
    let desk = Desk::new();
    desk.text("keyspaces db create plain");
    desk.text(
        "keyspaces db create visits --merge-operator add --ttl 36h --compression zstd \
         --blob-threshold 0 --block-bytes 4096 --filter-bits 12",
    );
    let text = desk.text("keyspaces db");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("plain ") && lines[0].ends_with(" in memory"), "{text}");
    let options = " in memory  --compression zstd --ttl 36h --merge-operator add \
                   --blob-threshold 0 --block-bytes 4096 --filter-bits 12";
    assert!(lines[1].starts_with("visits ") && lines[1].ends_with(options), "{text}");
    let all = desk.json("keyspaces db");
    let options = json!({
        "engine": "lsm",
        "compression": ["none", "none", "none", "lz4", "lz4", "lz4", "lz4"],
        "block_bytes": 8192, "filter_bits": 10, "blob_threshold": 16384,
        "ttl_seconds": null, "merge_operator": null,
    });
    assert_eq!(all["keyspaces"][0]["options"], options);
    let options = &all["keyspaces"][1]["options"];
    assert_eq!(
        (&options["ttl_seconds"], &options["merge_operator"]),
        (&json!(129_600.0), &json!("add"))
    );
}

#[test]
fn a_keyspace_is_created_with_an_engine() {
    let desk = Desk::new();
    desk.text("keyspaces db create cities --engine btree --page-bytes 8192 --fill-percent 100");
    desk.text("keyspaces db create log --engine lsm");
    desk.run_with(&["import", "db", "towns", "-", "--engine", "btree"], b"{\"id\":1}\n").good();
    desk.text("id db ids a --engine btree");
    let text = desk.text("keyspaces db");
    let told: Vec<&str> =
        text.lines().map(|line| line.split_once(" in memory").unwrap().1).collect();
    let cities = "  --engine btree --page-bytes 8192 --fill-percent 100";
    assert_eq!(told, [cities, "  --engine btree", "", "  --engine btree"], "{text}");
    let all = desk.json("keyspaces db");
    let options = json!({
        "engine": "btree", "page_bytes": 8192, "fill_percent": 100,
        "ttl_seconds": null, "merge_operator": null,
    });
    assert_eq!(all["keyspaces"][0]["options"], options);
    assert_eq!(all["keyspaces"][2]["options"]["engine"], "lsm");
    let text = desk.text("stats db");
    assert!(text.contains("keyspace \"cities\" engine btree segments"), "{text}");
    let of = |n: usize| desk.json("stats db")["keyspaces"][n]["engine"].clone();
    assert_eq!((of(0), of(1)), (json!("btree"), json!("lsm")));
}

#[test]
fn an_engine_stays_and_takes_its_own_options_alone() {
    let desk = Desk::new();
    desk.text("keyspaces db create cities --engine btree");
    desk.text("keyspaces db create log");
    desk.text("put db cities a 1 --engine btree");
    let told = |arguments: &str, told: &str| {
        let (code, kind, message) = desk.failure(arguments);
        assert_eq!((code, kind.as_str()), (2, "Invalid"), "{arguments}");
        assert!(message.contains(told), "{arguments}: {message}");
    };
    told("put db cities a 2 --engine lsm", "\"cities\" was created with engine btree");
    told("put db log a 2 --engine btree", "\"log\" was created with engine lsm");
    told("id db cities a --engine lsm", "created with engine btree");
    told("import db cities - --page-bytes 8192", "created with page_bytes 4096");
    told(
        "import db cities - --filter-bits 10",
        "is of engine lsm, and this is one of engine btree",
    );
    let new = "keyspaces db create new";
    told(&format!("{new} --engine btree --compression zstd"), "is of engine lsm");
    told(&format!("{new} --fill-percent 80"), "fill_percent 80 is of engine btree");
    told(&format!("{new} --engine btree --page-bytes 5000"), "page_bytes is 5000");
    assert_eq!(desk.failure(&format!("{new} --engine rtree")).0, 2);
    assert_eq!(desk.text("keyspaces db").lines().count(), 2);
    assert_eq!(desk.text("get db cities a"), "1\n");
}

#[test]
fn a_key_is_changed_if_it_has_the_expected_value() {
    let desk = Desk::new();
    desk.text("put db k other 1");
    assert_eq!(desk.json("cas db k job --absent --new ada"), json!({ "written": 1 }));
    let failed = desk.run("cas db k job --absent --new bob");
    assert_eq!(failed.code, 6);
    assert!(failed.errors.contains("job has the value ada"), "{}", failed.errors);
    assert_eq!(desk.run("cas db k job --old bob --remove").code, 6);
    assert_eq!(desk.text("cas db k job --old ada --new bob"), "");
    assert_eq!(desk.text("get db k job"), "bob\n");
    assert_eq!(desk.text("cas db k job --old bob --remove"), "");
    assert_eq!(desk.run("get db k job").code, 1);
    for wrong in ["--new x", "--absent", "--absent --old a --new b", "--old a --new b --remove"] {
        assert_eq!(desk.run(&format!("cas db k job {wrong}")).code, 2, "{wrong}");
    }
}

#[test]
fn a_batch_happens_whole_or_not_at_all() {
    let desk = Desk::new();
    desk.text("put db stock apples 3");
    desk.text("put db carts ada apples");
    let file = r#"{"op":"check","keyspace":"stock","key":"apples","value":"3"}
{"op":"check","keyspace":"stock","key":"pears"}

{"op":"put","keyspace":"stock","key":"apples","value":"2"}
{"op":"put","keyspace":"stock","key_base64":"/w==","value_base64":"AAE="}
{"op":"delete","keyspace":"carts","key":"ada"}
"#;
    desk.write("file", file);
    assert_eq!(desk.text("batch db file"), "2 put, 0 merged, 1 deleted, 2 checked\n");
    assert_eq!(desk.text("get db stock apples"), "2\n");
    assert_eq!(desk.run("get db stock ff --hex --raw").out, [0, 1]);
    assert_eq!(desk.run("get db carts ada").code, 1);
    let again = desk.run("batch db file");
    assert_eq!(again.code, 6);
    assert!(again.errors.contains("file:1") && again.errors.contains("apples has 2"));
    for (line, code) in [
        (r#"{"op":"put","keyspace":"stock","key":"a"}"#, 2),
        (r#"{"op":"delete","keyspace":"stock","key":"a","value":"b"}"#, 2),
        (r#"{"op":"put","keyspace":"none","key":"a","value":"b"}"#, 1),
        (r#"{"op":"eat","keyspace":"stock","key":"a"}"#, 2),
    ] {
        let first = r#"{"op":"put","keyspace":"stock","key":"first","value":"x"}"#;
        let lines = format!("{first}\n{line}\n");
        assert_eq!(desk.run_with(&["batch", "db", "-"], lines.as_bytes()).code, code, "{line}");
    }
    assert_eq!(desk.run("get db stock first").code, 1, "nothing of a batch that fails");
}

#[test]
fn a_batch_gives_times_merges_and_deletes_ranges() {
    let desk = Desk::new();
    desk.text("keyspaces db create visits --merge-operator add");
    desk.text("put db notes old/1 x");
    desk.text("put db notes old/2 x");
    desk.text("put db notes z x");
    let file = r#"{"op":"put","keyspace":"notes","key":"door","value":"12","ttl":"90m"}
{"op":"merge","keyspace":"visits","key":"JFK","number":5}
{"op":"merge","keyspace":"visits","key":"JFK","operand_base64":"//////////8="}
{"op":"delete-range","keyspace":"notes","prefix":"old/"}
{"op":"delete-range","keyspace":"notes","start":"y"}
"#;
    desk.write("file", file);
    let counts = json!({ "put": 1, "merged": 2, "deleted": 2, "checked": 0 });
    assert_eq!(
        desk.run_with(&["batch", "db", "file", "--note", "by hand", "--json"], b"").good(),
        format!("{counts}\n")
    );
    assert_eq!(desk.text("scan db notes --keys-only"), "door\n");
    assert_eq!(desk.text("get db visits JFK --number"), "4\n");
    let left = desk.json("ttl db notes door")["seconds"].as_f64().unwrap();
    assert!((5000.0..=5400.0).contains(&left), "{left}");
    let last = desk.json_lines("changes db").pop().unwrap();
    assert_eq!(last["note"], "by hand");
    for line in [
        r#"{"op":"put","keyspace":"notes","key":"a","value":"b","ttl":"soon"}"#,
        r#"{"op":"merge","keyspace":"visits","key":"a"}"#,
        r#"{"op":"merge","keyspace":"visits","key":"a","number":1,"operand":"x"}"#,
        r#"{"op":"merge","keyspace":"notes","key":"a","operand":"x"}"#,
        r#"{"op":"delete","keyspace":"notes","key":"a","ttl":"1h"}"#,
        r#"{"op":"delete","keyspace":"notes"}"#,
        r#"{"op":"delete-range","keyspace":"notes"}"#,
        r#"{"op":"delete-range","keyspace":"notes","key":"a"}"#,
        r#"{"op":"delete-range","keyspace":"notes","prefix":"a","end":"b"}"#,
    ] {
        assert_eq!(desk.run_with(&["batch", "db", "-"], line.as_bytes()).code, 2, "{line}");
    }
}

#[test]
fn a_number_is_put_as_it_is_merged_and_got() {
    let desk = Desk::new();
    desk.text("keyspaces db create n --merge-operator add");
    desk.text("put db n a -5 --number");
    desk.text("merge db n a 8 --number");
    assert_eq!(desk.text("get db n a --number"), "3\n");
    desk.run_with(&["put", "db", "n", "b", "-", "--number"], b"7\n").good();
    assert_eq!(desk.text("get db n b --number"), "7\n");
    assert_eq!(desk.failure("put db n a five --number").0, 2);
}

#[test]
fn a_large_value_is_put_with_more_memory() {
    let desk = Desk::new();
    desk.write("large", vec![7; 8 << 20]);
    let (code, kind, _) = desk.failure("put db k a --file large --memory 4194304");
    assert_eq!((code, kind.as_str()), (5, "Full"));
    desk.text("put db k a --file large --memory 67108864");
    assert_eq!(desk.failure("put db k a --file large --memory 1000").0, 2);
    assert_eq!(desk.run("get db k a --raw").out.len(), 8 << 20);
    let value = "7".repeat(8 << 20);
    let line =
        format!("{{\"op\":\"put\",\"keyspace\":\"k\",\"key\":\"b\",\"value\":\"{value}\"}}\n");
    let batch = |memory| desk.run_with(&["batch", "db", "-", "--memory", memory], line.as_bytes());
    assert_eq!(batch("4194304").code, 5);
    batch("67108864").good();
}

#[test]
fn a_line_that_is_no_operation_is_told_in_words() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    for line in ["[]", "[1,2]", "7", "\"put\"", "{}", "{\"op\":\"put\"", "nonsense"] {
        let outcome = desk.run_with(&["batch", "db", "-"], format!("{line}\n").as_bytes());
        assert_eq!(outcome.code, 2, "{line}");
        assert!(outcome.errors.contains("the line is no operation"), "{}", outcome.errors);
        assert!(!outcome.errors.contains("Line"), "{}", outcome.errors);
    }
}
