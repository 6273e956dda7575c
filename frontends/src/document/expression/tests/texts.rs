use super::check;
use crate::doc;
use crate::document::value::{Document, Regex};

fn texts() -> Document<'static> {
    doc! {
        "s": "Hello", "n": null, "i": 5, "u": "caf\u{e9} \u{1f600}", "pad": "  x\t", "e": "",
        "list": "a,b,,c", "re": (Regex::new("l+", "i").unwrap())
    }
}

#[test]
fn text_is_joined_cut_and_measured() {
    check(
        &texts(),
        vec![
            (doc! { "$concat": ["$s", ", ", "x"] }, "\"Hello, x\""),
            (doc! { "$concat": ["$s", "$n"] }, "null"),
            (doc! { "$concat": ["$s", 1] }, "error 16702"),
            (doc! { "$split": ["$list", ","] }, "[\"a\", \"b\", \"\", \"c\"]"),
            (doc! { "$split": ["$list", ""] }, "error 40087"),
            (doc! { "$split": ["$i", ","] }, "error 40085"),
            (doc! { "$split": ["$list", 1] }, "error 40086"),
            (doc! { "$split": ["$none", ","] }, "null"),
            (doc! { "$strLenBytes": "$u" }, "10"),
            (doc! { "$strLenCP": "$u" }, "6"),
            (doc! { "$strLenCP": "$n" }, "error 34471"),
            (doc! { "$strLenBytes": 5 }, "error 34473"),
            (doc! { "$toLower": "$s" }, "\"hello\""),
            (doc! { "$toUpper": "$u" }, "\"CAF\u{e9} \u{1f600}\""),
            (doc! { "$toUpper": "$none" }, "\"\""),
            (doc! { "$toUpper": 1.5 }, "\"1.5\""),
            (doc! { "$toUpper": true }, "error 16007"),
            (doc! { "$strcasecmp": ["$s", "HELLO"] }, "0"),
            (doc! { "$strcasecmp": ["a", "B"] }, "-1"),
            (doc! { "$strcasecmp": ["a", "$n"] }, "1"),
        ],
    );
}

#[test]
fn parts_of_text_are_found_by_bytes_and_by_letters() {
    check(
        &texts(),
        vec![
            (doc! { "$substrBytes": ["$s", 1, 3] }, "\"ell\""),
            (doc! { "$substr": ["$s", 1, -1] }, "\"ello\""),
            (doc! { "$substrBytes": ["$s", 9, 3] }, "\"\""),
            (doc! { "$substrBytes": ["$s", -1, 3] }, "error 50752"),
            (doc! { "$substrBytes": ["$u", 4, 1] }, "error 28656"),
            (doc! { "$substrBytes": ["$u", 0, 4] }, "error 28657"),
            (doc! { "$substrBytes": ["$i", 0, 1] }, "\"5\""),
            (doc! { "$substrCP": ["$u", 3, 3] }, "\"\u{e9} \u{1f600}\""),
            (doc! { "$substrCP": ["$none", 0, 3] }, "\"\""),
            (doc! { "$substrCP": ["$s", -1, 3] }, "error 34455"),
            (doc! { "$indexOfBytes": ["$s", "l"] }, "2"),
            (doc! { "$indexOfBytes": ["$s", "l", 3] }, "3"),
            (doc! { "$indexOfBytes": ["$s", "l", 0, 2] }, "-1"),
            (doc! { "$indexOfBytes": ["$s", "l", 9] }, "-1"),
            (doc! { "$indexOfBytes": ["$s", ""] }, "0"),
            (doc! { "$indexOfBytes": ["$n", "l"] }, "null"),
            (doc! { "$indexOfBytes": ["$i", "l"] }, "error 40091"),
            (doc! { "$indexOfBytes": ["$s", 1] }, "error 40092"),
            (doc! { "$indexOfBytes": ["$s", "l", -1] }, "error 40097"),
            (doc! { "$indexOfCP": ["$u", "\u{1f600}"] }, "5"),
            (doc! { "$indexOfBytes": ["$u", "\u{1f600}"] }, "6"),
            (doc! { "$indexOfCP": ["$u", "z"] }, "-1"),
            (doc! { "$indexOfCP": ["$s", "o", 1, 5] }, "4"),
        ],
    );
}

#[test]
fn text_is_trimmed_and_replaced() {
    check(
        &texts(),
        vec![
            (doc! { "$trim": {"input": "$pad"} }, "\"x\""),
            (doc! { "$ltrim": {"input": "$pad"} }, "\"x\\t\""),
            (doc! { "$rtrim": {"input": "$pad"} }, "\"  x\""),
            (doc! { "$trim": {"input": "$s", "chars": "Ho"} }, "\"ell\""),
            (doc! { "$trim": {"input": "$s", "chars": "$n"} }, "null"),
            (doc! { "$trim": {"input": "$none"} }, "null"),
            (doc! { "$trim": {"input": 5} }, "error 50699"),
            (doc! { "$trim": {"input": "x", "chars": 5} }, "error 50700"),
            (doc! { "$trim": {"chars": "x"} }, "error 9"),
            (doc! { "$trim": "x" }, "error 9"),
            (doc! { "$replaceOne": {"input": "$s", "find": "l", "replacement": "L"} }, "\"HeLlo\""),
            (doc! { "$replaceAll": {"input": "$s", "find": "l", "replacement": ""} }, "\"Heo\""),
            (doc! { "$replaceAll": {"input": "$n", "find": "l", "replacement": ""} }, "null"),
            (doc! { "$replaceAll": {"input": 1, "find": "l", "replacement": ""} }, "error 51746"),
            (doc! { "$replaceAll": {"input": "x", "find": 1, "replacement": ""} }, "error 51745"),
            (doc! { "$replaceAll": {"input": "x", "find": "", "replacement": 1} }, "error 51744"),
        ],
    );
}

#[test]
fn patterns_tell_where_and_what_they_match() {
    let found = r#"{"match": "l", "idx": 2, "captures": ["l", null]}"#;
    check(
        &texts(),
        vec![
            (doc! { "$regexMatch": {"input": "$s", "regex": "^hell", "options": "i"} }, "true"),
            (doc! { "$regexMatch": {"input": "$s", "regex": "$re"} }, "true"),
            (doc! { "$regexMatch": {"input": "$none", "regex": "x"} }, "false"),
            (doc! { "$regexMatch": {"input": 5, "regex": "x"} }, "error 51104"),
            (doc! { "$regexMatch": {"input": "x", "regex": 5} }, "error 51105"),
            (doc! { "$regexMatch": {"input": "x", "regex": "x", "options": 5} }, "error 51106"),
            (doc! { "$regexMatch": {"input": "x", "regex": "$re", "options": "i"} }, "error 51107"),
            (doc! { "$regexMatch": {"input": "x", "regex": "x", "options": "q"} }, "error 51108"),
            (doc! { "$regexMatch": {"input": "x", "regex": "("} }, "error 51091"),
            (doc! { "$regexFind": {"input": "$s", "regex": "(l)(z)?"} }, found),
            (doc! { "$regexFind": {"input": "$s", "regex": "z"} }, "null"),
            (
                doc! { "$regexFindAll": {"input": "$u", "regex": "[\u{e9}\u{1f600}]"} },
                "[{\"match\": \"\u{e9}\", \"idx\": 3, \"captures\": []}, \
                 {\"match\": \"\u{1f600}\", \"idx\": 5, \"captures\": []}]",
            ),
            (doc! { "$regexFindAll": {"input": "$n", "regex": "z"} }, "[]"),
        ],
    );
}
