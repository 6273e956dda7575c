use super::*;
use crate::document::failure::Failure;

fn matches(pattern: &str, options: &str, text: &str) -> bool {
    Pattern::new(pattern, options).expect(pattern).is_match(text).expect("few steps")
}

#[test]
fn patterns_mean_what_they_mean_in_pcre() {
    let cases: &[(&str, &str, &str, bool)] = &[
        ("b", "", "abc", true),
        ("^b", "", "abc", false),
        ("^B", "im", "a\nbc", true),
        ("^b", "", "a\nb", false),
        ("c$", "", "abc\n", true),
        ("c$", "", "abc\n\n", false),
        ("(?:c$)", "", "abc\n", true),
        ("a$", "m", "a\nb", true),
        (r"c\Z", "", "abc\n", true),
        (r"c\z", "", "abc\n", false),
        ("a.c", "", "a\nc", false),
        ("a.c", "s", "a\nc", true),
        ("a b # c", "x", "ab", true),
        ("a[ ]b", "x", "a b", true),
        (r"\d", "", "\u{665}", false),
        (r"(*UCP)\d", "", "\u{665}", true),
        (r"^\w+$", "", "caf\u{e9}", false),
        (r"^[\w\s]+$", "", "a b", true),
        (r"^[^\D]+$", "", "123", true),
        (r"\S", "", "\u{a0}", true),
        (r"a\hb", "", "a\u{a0}b", true),
        (r"\/a\-b\<\_", "", "/a-b<_", true),
        ("{a}", "", "{a}", true),
        ("a{2}", "", "aa", true),
        ("a{,2}", "", "a{,2}", true),
        ("[]a]", "", "]", true),
        ("[^]a]", "", "]", false),
        ("[[a]", "", "[", true),
        ("[a&&b]", "", "&", true),
        ("[[:digit:]x]", "", "7", true),
        (r"\Qa.b\E+", "", "a.bb", true),
        ("(a)b\\1", "", "aba", true),
        ("a(?!b)", "", "ab", false),
        ("(?<=a)b", "", "ab", true),
        ("(?i)ABC", "", "abc", true),
        ("STRASSE", "i", "strasse", true),
        ("\u{e4}", "iu", "\u{c4}", true),
        ("", "", "", true),
        ("^$", "", "\n", true),
    ];
    for (pattern, options, text, expected) in cases {
        assert_eq!(matches(pattern, options, text), *expected, "/{pattern}/{options} {text:?}");
    }
}

#[test]
fn a_match_ends_before_the_line_feed_for_those_who_ask() {
    let pattern = Pattern::with_line_end("b$", "", LineEnd::LookedAt).unwrap();
    let found = pattern.compiled().find("ab\n").unwrap().unwrap();
    assert_eq!(found.as_str(), "b");
}

#[test]
fn prefixes_say_what_all_matches_begin_with() {
    type Case = (&'static str, &'static str, Option<(&'static str, bool)>);
    let cases: &[Case] = &[
        ("^abc", "", Some(("abc", true))),
        ("^abc.*", "", Some(("abc", true))),
        ("^abc.*d", "", Some(("abc", false))),
        ("\\Aabc", "", Some(("abc", true))),
        ("^ab*", "", Some(("a", false))),
        ("^ab+", "", Some(("ab", false))),
        ("^ab{0,2}c", "", Some(("a", false))),
        ("^a\\.b", "", Some(("a.b", true))),
        ("^a\\d", "", Some(("a", false))),
        ("^a|b", "", None),
        ("^a", "i", None),
        ("^a", "m", None),
        ("a", "", None),
        ("^", "", None),
        ("^.*a", "", None),
        ("^abc$", "", Some(("abc", false))),
    ];
    for (pattern, options, expected) in cases {
        let pattern = Pattern::new(pattern, options).unwrap();
        let prefix = pattern.prefix().map(|prefix| (&*prefix.text, prefix.decides));
        assert_eq!(prefix, *expected, "{pattern:?}");
    }
}

#[test]
fn wrong_patterns_are_errors() {
    let code = |pattern: &str, options: &str| {
        let error = Pattern::new(pattern, options).expect_err("it is wrong");
        Failure::of(&error).map(Failure::code)
    };
    assert_eq!(code("(", ""), Some(51091));
    assert_eq!(code("a", "g"), Some(51108));
    assert_eq!(code(&"a".repeat(40_000), ""), Some(51091));
    assert_eq!(code("a\0", ""), Some(2));
    let endless = Pattern::new("^(?=(a+)+$)b", "").unwrap();
    let error = endless.is_match(&"a".repeat(64)).err();
    assert!(error.is_none_or(|error| Failure::of(&error).map(Failure::code) == Some(51156)));
}
