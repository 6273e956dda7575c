//! Blocks against a sorted map.

use std::collections::BTreeMap;

use cuesta_engine::ErrorKind;
use cuesta_engine::format::put_varint;
use proptest::prelude::*;

use super::*;

type Entries = BTreeMap<Vec<u8>, (Kind, Vec<u8>)>;

fn key() -> impl Strategy<Value = Vec<u8>> {
    let letter = prop::sample::select(vec![0u8, 1, b'a', b'b', 0xff]);
    prop_oneof![
        prop::collection::vec(letter, 0..12),
        (0u64..5000).prop_map(|i| format!("prefix/{i:08}").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}

fn entries() -> impl Strategy<Value = Entries> {
    let kind = prop_oneof![4 => Just(Kind::Put), 1 => Just(Kind::Delete)];
    let value = prop::collection::vec(any::<u8>(), 0..200);
    prop::collection::btree_map(key(), (kind, value), 1..80)
}

fn build(entries: &Entries, interval: usize) -> Vec<u8> {
    let mut builder = Builder::new(interval);
    for (key, (kind, value)) in entries {
        builder.add(key, *kind, value);
    }
    let mut body = Vec::new();
    builder.finish(&mut body);
    body
}

/// Entries in order.
type Walked = Vec<(Vec<u8>, (Kind, Vec<u8>))>;

fn forward(frame: &Frame, body: &[u8]) -> Walked {
    let mut interval = Interval::default();
    interval.first(frame, body).unwrap();
    let mut walked = Vec::new();
    loop {
        let value = body[interval.value()].to_vec();
        walked.push((interval.key().to_vec(), (interval.kind(), value)));
        if !interval.next(frame, body).unwrap() {
            return walked;
        }
    }
}

proptest! {
    #[test]
    fn a_block_holds_what_was_put_in(entries in entries(), interval in 1usize..20) {
        let body = build(&entries, interval);
        let frame = Frame::parse(&body).unwrap();
        prop_assert_eq!(frame.count() as usize, entries.len());
        let walked = forward(&frame, &body);
        prop_assert!(walked.iter().map(|(k, v)| (k, v)).eq(&entries));
        let mut interval = Interval::default();
        interval.last(&frame, &body).unwrap();
        let mut back = vec![interval.key().to_vec()];
        while interval.prev(&frame, &body).unwrap() {
            back.push(interval.key().to_vec());
        }
        prop_assert!(back.iter().eq(entries.keys().rev()));
    }

    #[test]
    fn a_block_finds_every_key_and_no_other(
        entries in entries(),
        others in prop::collection::vec(key(), 0..40),
        interval in 1usize..20,
    ) {
        let body = build(&entries, interval);
        let frame = Frame::parse(&body).unwrap();
        for key in entries.keys().chain(&others) {
            let found = frame.find(&body, key).unwrap();
            let found = found.map(|found| (found.kind, body[found.value].to_vec()));
            prop_assert_eq!(found.as_ref(), entries.get(key));
            let mut interval = Interval::default();
            let sought = interval.seek(&frame, &body, key).unwrap();
            let wanted = entries.range(key.clone()..).next().map(|(k, _)| k.as_slice());
            prop_assert_eq!(sought.then(|| interval.key()), wanted);
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_a_block(
        entries in entries(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        wanted in key(),
    ) {
        let mut body = build(&entries, 4);
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        body.truncate(cut.index(body.len() * 2).min(body.len()));
        let Ok(frame) = Frame::parse(&body) else { return Ok(()) };
        let _ = frame.find(&body, &wanted);
        let mut interval = Interval::default();
        let _ = interval.seek(&frame, &body, &wanted);
        for go in [Interval::first, Interval::last] {
            if go(&mut interval, &frame, &body).is_err() {
                continue;
            }
            for step in [Interval::next, Interval::prev] {
                for _ in 0..200 {
                    let _ = (interval.key(), body.get(interval.value()), interval.kind());
                    if !step(&mut interval, &frame, &body).unwrap_or(false) {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn kinds_of_later_versions_are_refused_by_name() {
    let entries = Entries::from([(b"k".to_vec(), (Kind::Delete, Vec::new()))]);
    let body = build(&entries, 16);
    for (code, name) in [(3, "range deletes"), (9, "kind 9")] {
        let mut body = body.clone();
        let kind_at = body.iter().rposition(|&b| b == 2).unwrap();
        body[kind_at] = code;
        let frame = Frame::parse(&body).unwrap();
        let e = frame.find(&body, b"k").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unsupported);
        assert!(e.message().contains(name), "{e}");
    }
}

#[test]
fn a_block_takes_about_what_its_builder_says() {
    let mut builder = Builder::new(16);
    for i in 0..500u64 {
        let said = builder.size_with(&i.to_be_bytes(), 10);
        builder.add(&i.to_be_bytes(), Kind::Put, &[0; 10]);
        if i == 499 {
            let mut body = Vec::new();
            builder.finish(&mut body);
            assert!(body.len() <= said * 11 / 10, "{} bytes, {said} said", body.len());
            return;
        }
    }
}

#[test]
fn lengths_beyond_any_key_are_refused_and_not_added_up() {
    let entries = [(&b"a"[..], &b"1"[..]), (b"b", b"2")];
    let entries = entries.map(|(key, value)| (key.to_vec(), (Kind::Put, value.to_vec())));
    let body = build(&Entries::from(entries), 16);
    let frame = Frame::parse(&body).unwrap();
    // Two entries of shared, rest and value length, and a letter each.
    assert_eq!(body[frame.keys_at..frame.values_at], [0, 1, 1, b'a', 0, 1, 1, b'b']);
    for length in [u64::MAX, u64::MAX - 8, KEY_BYTES_MAX as u64 + 1] {
        for field in [0, 1] {
            let mut keys = body[frame.keys_at..frame.keys_at + 4].to_vec();
            for at in 0..3 {
                put_varint(&mut keys, if at == field { length } else { 1 });
            }
            keys.push(b'b');
            let mut bad = body[..frame.keys_at].to_vec();
            bad[8..12].copy_from_slice(&(keys.len() as u32).to_le_bytes());
            bad.extend_from_slice(&keys);
            bad.extend_from_slice(b"12");
            let frame = Frame::parse(&bad).unwrap();
            let walked = Interval::default().first(&frame, &bad);
            assert_eq!(walked.unwrap_err().kind(), ErrorKind::Corrupt);
            assert_eq!(frame.find(&bad, b"b").unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}
