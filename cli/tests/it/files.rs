//! `import` and `export`.

use std::fs;
use std::io::{Read, Write};
#[cfg(target_os = "linux")]
use std::path::Path;

use serde_json::json;

use crate::program::Desk;

const PEOPLE: &str = "name,age,size\nada,36,1.65\ngrace,,\n\"d, \"\"e\"\"\",007,1e5\n";

#[test]
fn files_are_unpacked_by_what_is_in_them() {
    let desk = Desk::new();
    desk.write("plain.csv", PEOPLE);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(PEOPLE.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    desk.write("people.csv.gz", &gzip);
    let zstd = zstd::encode_all(PEOPLE.as_bytes(), 3).unwrap();
    desk.write("people.csv.zst", &zstd);
    desk.write("misnamed", &zstd);
    for (at, file) in
        ["plain.csv", "people.csv.gz", "people.csv.zst", "misnamed"].iter().enumerate()
    {
        let imported = desk.json(&format!("import db k{at} {file}"));
        assert_eq!(imported["rows"], 3, "{file}");
        assert_eq!(imported["skipped"], 0, "{file}");
    }
    desk.run_with(&["import", "db", "k4", "-"], &gzip).good();
    for at in 0..5 {
        assert_eq!(
            desk.text(&format!("scan db k{at}")),
            "ada\t{\"name\":\"ada\",\"age\":36,\"size\":1.65}\n\
             d, \"e\"\t{\"name\":\"d, \\\\\"e\\\\\"\",\"age\":\"007\",\"size\":\"1e5\"}\n\
             grace\t{\"name\":\"grace\",\"age\":null,\"size\":null}\n"
        );
    }
}

#[test]
fn the_key_is_chosen_and_types_can_be_kept_out() {
    let desk = Desk::new();
    desk.write("people.csv", PEOPLE);
    desk.write("rows.ndjson", "{\"id\":1,\"k\":\"x\"}\n{\"_id\":\"b\",\"id\":2,\"k\":\"y\"}\n");
    desk.text("import db a people.csv --key size --text --skip-errors");
    assert_eq!(
        desk.text("scan db a --limit 1"),
        "1.65\t{\"name\":\"ada\",\"age\":\"36\",\"size\":\"1.65\"}\n"
    );
    desk.text("import db b rows.ndjson");
    assert_eq!(desk.text("scan db b --keys-only"), "1\nb\n");
    desk.text("import db c rows.ndjson --key k");
    assert_eq!(desk.text("scan db c --keys-only"), "x\ny\n");
    let (code, _, message) = desk.failure("import db d people.csv --key none");
    assert_eq!(code, 2);
    assert_eq!(message, "people.csv: no column \"none\"; there are name, age, size");
}

#[test]
fn several_files_make_one_import_in_batches() {
    let desk = Desk::new();
    let rows = |range: std::ops::Range<u32>| -> String {
        range.map(|n| format!("{{\"id\":{n}}}\n")).collect()
    };
    desk.write("a.ndjson", rows(0..250));
    desk.write("b.ndjson", rows(200..400));
    let imported = desk.json("import db k a.ndjson b.ndjson --batch 100 --durability sync");
    assert_eq!(imported["rows"], 450);
    assert_eq!(imported["commits"], 5);
    assert!(imported["seconds"].is_f64() && imported["rows_per_second"].is_f64(), "{imported}");
    assert_eq!(desk.text("scan db k --keys-only").lines().count(), 400);
    assert!(desk.text("import db k a.ndjson").starts_with("250 rows, "));
}

#[test]
fn a_bad_line_is_named_or_skipped() {
    let desk = Desk::new();
    desk.write("bad.ndjson", "{\"id\":1}\n{\"id\":2}\nnonsense\n{\"id\":[]}\n{\"id\":3}\n");
    let (code, kind, message) = desk.failure("import db k bad.ndjson --batch 1");
    assert_eq!((code, kind.as_str()), (2, "Invalid"));
    assert!(message.starts_with("bad.ndjson line 3: no JSON object"), "{message}");
    assert_eq!(desk.text("scan db k --keys-only"), "1\n2\n");
    let imported = desk.json("import db k bad.ndjson --skip-errors");
    assert_eq!((&imported["rows"], &imported["skipped"]), (&json!(3), &json!(2)));
    assert!(imported["first_skipped"].as_str().unwrap().starts_with("bad.ndjson line 3: "));
    assert!(
        desk.text("import db k bad.ndjson --skip-errors").contains("2 skipped; the first: bad")
    );
    let long = format!("{{\"id\":\"{}\"}}\n{{\"id\":4}}\n", "k".repeat(70_000));
    desk.write("long.ndjson", long);
    let (code, _, message) = desk.failure("import db k long.ndjson");
    assert_eq!(code, 2);
    assert!(message.starts_with("long.ndjson line 1: "), "{message}");
    assert_eq!(desk.json("import db k long.ndjson --skip-errors")["rows"], 1);
    desk.write("bad.csv", "a,b\n1\n");
    let (_, _, message) = desk.failure("import db k bad.csv");
    assert_eq!(message, "bad.csv line 2: 1 fields instead of 2");
}

#[test]
fn an_export_comes_back_byte_for_byte() {
    let desk = Desk::new();
    let bytes: Vec<u8> = (0..=255).collect();
    desk.run_with(&["put", "db", "k", "bytes", "-"], &bytes).good();
    desk.text("put db k ff00 value --hex");
    desk.run_with(&["put", "db", "k", "line\nbreak, \"quoted\"", "-"], b"{\"_id\": 1}\r\n").good();
    desk.run_with(&["put", "db", "k", "empty", ""], b"").good();
    let all = desk.run("scan db k --json").out;
    for (at, (file, arguments)) in [
        ("a.ndjson", ""),
        ("a.ndjson.gz", ""),
        ("a.ndjson.zst", "--format ndjson"),
        ("a.csv", "--format csv"),
        ("a.csv.gz", "--format csv"),
        ("records", "--format csv"),
    ]
    .into_iter()
    .enumerate()
    {
        let exported = desk.json(&format!("export db k --output {file} {arguments}"));
        assert_eq!(exported["entries"], 4);
        let size = fs::metadata(desk.path(file)).unwrap().len();
        assert_eq!(exported["bytes"], size);
        assert_eq!(desk.json(&format!("import copy k{at} {file}"))["rows"], 4, "{file}");
        assert_eq!(desk.run(&format!("scan copy k{at} --json")).out, all, "{file}");
    }
    for format in ["ndjson", "csv"] {
        let exported = desk.run(&format!("export db k --format {format}")).out;
        desk.run_with(&["import", "piped", format, "-"], &exported).good();
        assert_eq!(desk.run(&format!("scan piped {format} --json")).out, all);
    }
    let mut unpacked = String::new();
    let packed = fs::File::open(desk.path("a.ndjson.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked.starts_with("{\"key\":\"bytes\",\"value_base64\":\"AAEC"), "{unpacked}");
    assert!(unpacked.ends_with("{\"key_base64\":\"/wA=\",\"value\":\"value\"}\n"), "{unpacked}");
}

#[test]
fn documents_are_exported_as_they_were() {
    let desk = Desk::new();
    let documents = "{\"id\":\"a\", \"n\": 1.0}\n{\"id\":\"b\",\"n\":[]}\n";
    desk.write("documents.ndjson", documents);
    desk.text("import db k documents.ndjson");
    assert_eq!(desk.text("export db k --format values"), documents);
}

#[test]
fn sorted_rows_are_one_commit_or_nothing() {
    let desk = Desk::new();
    let rows = |range: std::ops::Range<u32>| -> String {
        range.map(|n| format!("{{\"id\":\"{n:05}\",\"n\":{n}}}\n")).collect()
    };
    desk.write("first.ndjson", rows(0..2000));
    desk.write("second.ndjson", rows(2000..3000));
    let imported = desk.json("import db k first.ndjson second.ndjson --sorted");
    assert_eq!((&imported["rows"], &imported["commits"]), (&json!(3000), &json!(1)));
    assert_eq!(desk.text("scan db k --keys-only --limit 1"), "00000\n");
    assert_eq!(desk.text("scan db k --keys-only").lines().count(), 3000);
    let (code, _, message) = desk.failure("import db k second.ndjson first.ndjson --sorted");
    assert_eq!(code, 2);
    assert!(message.starts_with("first.ndjson line 1: "), "{message}");
    assert!(message.contains("\"00000\" came after \"02999\""), "{message}");
    assert_eq!(desk.text("scan db k --keys-only").lines().count(), 3000);
    let skipped = desk.json("import db l second.ndjson first.ndjson --sorted --skip-errors");
    assert_eq!((&skipped["rows"], &skipped["skipped"]), (&json!(1000), &json!(2000)));
    let changes = desk.text("changes db");
    assert!(changes.contains("load"), "{changes}");
}

/// Bytes of the file without a name that a process is writing into a folder.
#[cfg(target_os = "linux")]
fn written(process: u32, folder: &Path) -> u64 {
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else { return 0 };
    let of_folder = open.flatten().map(|entry| entry.path()).filter(|descriptor| {
        fs::read_link(descriptor).is_ok_and(|file| file.parent() == Some(folder))
    });
    let files = of_folder.filter_map(|descriptor| fs::metadata(descriptor).ok());
    files.filter(|file| file.is_file()).map(|file| file.len()).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_killed_leaves_no_file() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let desk = Desk::new();
    let folder = desk.folder().canonicalize().unwrap();
    let db = cuesta::Database::open(desk.path("db")).unwrap();
    let keyspace = db.keyspace("k").unwrap();
    // What does not compress, so that there is much to write.
    let mut random = 1u64;
    let mut batch = db.batch();
    for number in 0..40_000u32 {
        let words = std::array::from_fn::<u64, 64, _>(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        });
        let value: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        batch.put(&keyspace, number.to_be_bytes(), value).unwrap();
    }
    batch.commit().unwrap();
    db.close().unwrap();
    for command in [&["dump", "db", "all.zst"][..], &["export", "db", "k", "--output", "all.zst"]] {
        let mut child = Command::new(crate::program::PROGRAM)
            .args(command)
            .current_dir(desk.folder())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while written(child.id(), &folder) == 0 {
            assert!(child.try_wait().unwrap().is_none(), "{command:?} was over unseen");
            assert!(start.elapsed() < Duration::from_secs(60), "{command:?} writes nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        assert_eq!(ended.signal(), Some(9), "{command:?} had ended before it was killed");
        assert_eq!(desk.files(""), ["db"], "{command:?}");
    }
}
