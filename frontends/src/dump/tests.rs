use proptest::prelude::*;

use super::json::Json;
use super::settings;
use crate::base64;
use crate::json::put_text;
use crate::kv::{Compression, KeyspaceEngine, KeyspaceOptions};

#[test]
fn base64_is_that_of_the_specification() {
    let known: [(&[u8], &[u8]); 5] =
        [(b"", b""), (b"f", b"Zg=="), (b"fo", b"Zm8="), (b"foo", b"Zm9v"), (b"foob", b"Zm9vYg==")];
    for (bytes, text) in known {
        let mut out = Vec::new();
        base64::encode(bytes, &mut out);
        assert_eq!(out, text);
        assert_eq!(base64::decode(text).unwrap(), bytes);
    }
    for wrong in ["Z", "Zg", "Zg=", "Zh==", "Z===", "Zg==Zg==", "Zm9\n", "=Zg=", "Zm9v!"] {
        assert_eq!(base64::decode(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn json_is_read_as_others_write_it() {
    let line =
        br#" { "a" : "\u00e9\/\ud83d\ude00\b" , "b" : { } , "c":0,"d":18446744073709551615}"#;
    let Json::Object(members) = Json::parse(line).unwrap() else { panic!() };
    assert_eq!(members[0].1, Json::Text("\u{e9}/\u{1f600}\u{8}".into()));
    assert_eq!(members[1].1, Json::Object(Vec::new()));
    assert_eq!(members[3].1, Json::Number(u64::MAX));
    let wrong = [
        "",
        "{",
        "{}{}",
        "nul",
        "-1",
        "1.5",
        "1e3",
        "01",
        "18446744073709551616",
        "\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\u12\"",
        "\"\n\"",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":1,\"a\":1}",
        "[1]",
        "{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}",
    ];
    for line in wrong {
        assert!(Json::parse(line.as_bytes()).is_err(), "{line}");
    }
    assert!(Json::parse(b"\"\xff\"").is_err());
}

#[test]
fn options_come_back() {
    let lsm = KeyspaceOptions::new().engine(KeyspaceEngine::Lsm);
    let options = lsm.clone().block_bytes(4096).filter_bits(0);
    let options = options.compression_of(3, Compression::Zstd).merge_operator("add");
    let tree = KeyspaceOptions::new().engine(KeyspaceEngine::Btree).page_bytes(8192);
    for options in [options, tree.fill_percent(75).merge_operator("max")] {
        let mut out = Vec::new();
        settings::put(&options, &mut out);
        let Json::Object(members) = Json::parse(&out).unwrap() else { panic!() };
        assert_eq!(settings::take(&members).unwrap(), options);
    }
    assert_eq!(settings::take(&[]).unwrap(), lsm);
    let unknown = [("color".to_owned(), Json::Number(1))];
    assert_eq!(settings::take(&unknown).unwrap_err().kind(), crate::ErrorKind::Unsupported);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_and_texts_come_back(bytes: Vec<u8>, text: String) {
        let mut out = Vec::new();
        base64::encode(&bytes, &mut out);
        prop_assert_eq!(base64::decode(&out).unwrap(), bytes.clone());
        let mut out = Vec::new();
        put_text(&text, &mut out);
        prop_assert!(!out.contains(&b'\n'));
        prop_assert_eq!(Json::parse(&out).unwrap(), Json::Text(text));
        // Whatever it is, it is no reason to panic.
        let _ = Json::parse(&bytes);
        let _ = base64::decode(&bytes);
    }
}
