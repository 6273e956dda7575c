//! Rows of small files.

use std::io::Cursor;
use std::sync::Arc;

use super::*;

fn rows_of(text: &[u8], key: Option<&str>, fields: Fields) -> Vec<Taken<(String, String)>> {
    let input = Input {
        name: "file".into(),
        stored_bytes: None,
        read: Arc::default(),
        content: Box::new(Cursor::new(text.to_vec())),
    };
    let settings = RowSettings { layout: None, key: key.map(Into::into), fields };
    let mut rows = Rows::new(input, &settings).unwrap();
    let mut found = Vec::new();
    let mut row = Row::default();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    loop {
        match rows.next(&mut row).unwrap() {
            Next::Row => found.push(Ok((lossy(&row.key), lossy(&row.value)))),
            Next::Bad(problem) => found.push(Err(problem)),
            Next::End => return found,
        }
    }
}

fn row(key: &str, value: &str) -> Taken<(String, String)> {
    Ok((key.to_owned(), value.to_owned()))
}

fn refused(found: &Taken<(String, String)>, start: &str) {
    let problem = found.as_ref().unwrap_err();
    assert!(problem.starts_with(start), "{problem}");
}

#[test]
fn lines_of_json_keep_their_bytes() {
    let text =
        b"\xef\xbb\xbf {\"_id\": \"a\",  \"n\": 1.50}\n\n{\"id\":7}\r\n{\"_id\":\"x\",\"id\":1}";
    let found = rows_of(text, None, Fields::Typed);
    assert_eq!(
        found,
        [
            row("a", "{\"_id\": \"a\",  \"n\": 1.50}"),
            row("7", "{\"id\":7}"),
            row("x", "{\"_id\":\"x\",\"id\":1}"),
        ]
    );
}

#[test]
fn lines_that_are_no_rows_are_named() {
    let text =
        b"{\"k\":1.5}\n{\"k\":\"\"}\n[]\n{\"k\"\n{\"x\":1}\n\xff\n{\"k\":\"ok\"}\n{\"k\":null}\n";
    let found = rows_of(text, Some("k"), Fields::Typed);
    refused(&found[0], "file line 1: the key is 1.5;");
    refused(&found[1], "file line 2: the key is \"\";");
    refused(&found[2], "file line 3: no JSON object");
    refused(&found[3], "file line 4: no JSON object");
    refused(&found[4], "file line 5: no field \"k\"");
    refused(&found[5], "file line 6: no JSON object");
    assert_eq!(found[6], row("ok", "{\"k\":\"ok\"}"));
    refused(&found[7], "file line 8: the key is null;");
}

#[test]
fn fields_of_csv_are_numbers_only_without_loss() {
    let numbers =
        ["0", "-1", "18446744073709551615", "-9223372036854775808", "1.5", "-0.25", "1.50", "0.0"];
    let texts = [
        "007",
        "+1",
        "-0",
        "1.",
        ".5",
        "1e5",
        "NaN",
        "18446744073709551616",
        "--1",
        "1 ",
        "-",
        "0.10000000000000000001",
        "123456789.123456789123",
    ];
    for number in numbers {
        assert!(is_lossless_number(number), "{number}");
        serde_json::from_str::<serde_json::Number>(number).unwrap();
    }
    for text in texts {
        assert!(!is_lossless_number(text), "{text}");
    }
}

#[test]
fn csv_becomes_objects() {
    let text = b"id,name,size\n1,\"a \"\"b\"\", c\",\n2,\"two\nlines\",1.50\n";
    assert_eq!(
        rows_of(text, None, Fields::Typed),
        [
            row("1", r#"{"id":1,"name":"a \"b\", c","size":null}"#),
            row("2", r#"{"id":2,"name":"two\nlines","size":1.50}"#),
        ]
    );
    assert_eq!(
        rows_of(text, Some("size"), Fields::Text)[1],
        row("1.50", r#"{"id":"2","name":"two\nlines","size":"1.50"}"#)
    );
}

#[test]
fn bad_lines_of_csv_are_passed_over_one_at_a_time() {
    let found = rows_of(b"k,v\na,1\nb\n,2\n\xff,3\nc,4\n", None, Fields::Typed);
    assert_eq!(found.len(), 5);
    assert_eq!(found[0], row("a", r#"{"k":"a","v":1}"#));
    refused(&found[1], "file line 3: 1 fields instead of 2");
    refused(&found[2], "file line 4: the key is empty");
    refused(&found[3], "file line 5: \"\\\\xff\" is not UTF-8");
    assert_eq!(found[4], row("c", r#"{"k":"c","v":4}"#));
}

#[test]
fn records_come_back_from_either_layout() {
    let all: Vec<u8> = (0..=255).collect();
    let entries: [(&[u8], &[u8]); 4] =
        [(b"text", b"\"quoted\",\n"), (b"\xff", b""), (b"", &all), (b"k", b"{\"_id\":1}")];
    let mut json = Vec::new();
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(record::COLUMNS).unwrap();
    for (key, value) in entries {
        record::write_json(&mut json, key, Some(value)).unwrap();
        csv.write_record(record::to_csv(key, value).map(String::from)).unwrap();
    }
    for text in [json, csv.into_inner().unwrap()] {
        let found = rows_of(&text, None, Fields::Typed);
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let expected: Vec<_> =
            entries.iter().map(|(key, value)| row(&lossy(key), &lossy(value))).collect();
        assert_eq!(found, expected);
    }
    let chosen = rows_of(b"{\"key\":\"a\",\"value\":\"b\"}", Some("key"), Fields::Typed);
    assert_eq!(chosen, [row("a", "{\"key\":\"a\",\"value\":\"b\"}")]);
}
