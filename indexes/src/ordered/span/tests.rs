//! Spans against sets of small numbers.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn span(start: u8, end: Option<u8>) -> Span {
    Span { start: vec![start], end: end.map(|end| vec![end]) }
}

fn keys(spans: &[Span]) -> BTreeSet<u8> {
    let within = |key: &u8| {
        spans.iter().any(|span| span.start[0] <= *key && is_before(&[*key], span.end.as_deref()))
    };
    (0..=60).filter(within).collect()
}

proptest! {
    #[test]
    fn joined_spans_hold_the_same_keys_and_are_apart(
        borders in prop::collection::vec((0u8..50, prop::option::weighted(0.9, 1u8..9)), 0..20),
    ) {
        let made = borders.iter().map(|&(start, len)| span(start, len.map(|len| start + len)));
        let spans: Vec<Span> = made.collect();
        let mut joined = spans.clone();
        join(&mut joined);
        prop_assert_eq!(keys(&spans), keys(&joined));
        for pair in joined.windows(2) {
            prop_assert!(pair[0].end.as_ref().is_some_and(|end| *end < pair[1].start));
        }
    }
}

#[test]
fn an_end_of_none_lies_behind_all() {
    assert_eq!(earlier(None, Some(b"a")), Some(&b"a"[..]));
    assert_eq!(earlier(Some(b"b"), Some(b"a")), Some(&b"a"[..]));
    assert_eq!(later(None, Some(b"a")), None);
    assert_eq!(later(Some(b"b"), Some(b"a")), Some(&b"b"[..]));
    assert!(is_before(&[0xff; 9], None) && !is_before(b"a", Some(b"a")));
}
