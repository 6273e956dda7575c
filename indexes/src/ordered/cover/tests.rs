//! What is covered, against lists of commits for every key.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

const KEYS: u8 = 40;

/// Ranges deleted by commits 1, 2, ...
type Commits = Vec<Vec<(u8, Option<u8>)>>;

fn commits() -> impl Strategy<Value = Commits> {
    let range = (0u8..KEYS, prop::option::weighted(0.9, 1u8..12));
    let range = range.prop_map(|(start, len)| (start, len.map(|len| start + len)));
    prop::collection::vec(prop::collection::vec(range, 1..4), 1..30)
}

fn keys_in_any_order() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..KEYS + 13, 1..20)
}

/// Joined, as a prepared batch has them.
fn joined(ranges: &[(u8, Option<u8>)]) -> Vec<Span> {
    let span = |(start, end): &(u8, Option<u8>)| Span {
        start: vec![*start],
        end: end.map(|end| vec![end]),
    };
    let mut spans: Vec<Span> = ranges.iter().map(span).collect();
    span::join(&mut spans);
    spans
}

fn delete(writer: &mut CoverWriter, spans: &[Span], seq: u64, horizon: &Horizon<'_>) {
    let ranges = spans.iter().map(|span| (span.start.as_slice(), span.end.as_deref()));
    let ranges: Vec<Range<'_>> = ranges.collect();
    writer.delete(&ranges, SeqNo(seq), horizon);
}

fn newest(commits: &Commits, key: u8, at: u64) -> u64 {
    let over = |ranges: &[(u8, Option<u8>)]| {
        ranges.iter().any(|(start, end)| *start <= key && end.is_none_or(|end| key < end))
    };
    let made = (1..).zip(commits).filter(|(seq, ranges)| *seq <= at && over(ranges));
    made.last().map_or(0, |(seq, _)| seq)
}

fn check(cover: &Cover, commits: &Commits, at: u64, order: &[u8]) {
    let mut cursor = cover.cursor(at);
    for &key in order {
        let expected = newest(commits, key, at);
        assert_eq!(cover.newest(&[key], at), expected, "key {key} as of {at}");
        assert_eq!(cursor.newest(&[key]), expected, "key {key} as of {at}");
        if expected > 0 {
            let within = |key: u8| newest(commits, key, at) > 0;
            let (start, end) = (cursor.start(), cursor.end());
            let first = (0..=key).rev().take_while(|key| within(*key)).last();
            assert_eq!(Some(start[0]), first);
            let behind = (key..u8::MAX).find(|key| !within(*key));
            assert_eq!(end.map(|end| end[0]), behind);
        }
    }
    let spans = cover.spans(at);
    assert!(spans.windows(2).all(|pair| pair[0].end.as_ref() < Some(&pair[1].start)));
    for key in 0..=u8::MAX {
        let holds =
            |span: &Span| span.start[0] <= key && span::is_before(&[key], span.end.as_deref());
        assert_eq!(spans.iter().any(holds), newest(commits, key, at) > 0, "{key} as of {at}");
    }
}

proptest! {
    #[test]
    fn every_past_is_read_as_it_was(
        commits in commits(),
        order in prop::collection::vec(0..KEYS + 13, 1..40),
    ) {
        let (mut writer, cover) = create();
        for (seq, ranges) in (1..).zip(&commits) {
            delete(&mut writer, &joined(ranges), seq, &Horizon::UNKNOWN);
        }
        for at in 0..=commits.len() as u64 {
            check(&cover, &commits, at, &order);
        }
        prop_assert_eq!(cover.pruned_to(), 0);
    }

    #[test]
    fn what_pins_want_is_not_pruned(
        commits in commits(),
        pins in prop::collection::vec(0u64..30, 0..4),
    ) {
        let (mut writer, cover) = create();
        let mut pins = pins;
        pins.sort_unstable();
        for (seq, ranges) in (1u64..).zip(&commits) {
            let taken: Vec<u64> = pins.iter().copied().filter(|pin| *pin < seq).collect();
            let horizon = Horizon { published: seq - 1, pins: &taken };
            delete(&mut writer, &joined(ranges), seq, &horizon);
        }
        let last = commits.len() as u64;
        let order: Vec<u8> = (0..KEYS + 13).collect();
        for at in pins.into_iter().filter(|pin| *pin < last).chain([last]) {
            check(&cover, &commits, at, &order);
        }
    }
}

proptest! {
    #[test]
    fn who_misses_what_was_pruned_can_tell(commits in commits(), order in keys_in_any_order()) {
        let (mut writer, cover) = create();
        for (seq, ranges) in (1u64..).zip(&commits) {
            let horizon = Horizon { published: seq - 1, pins: &[] };
            delete(&mut writer, &joined(ranges), seq, &horizon);
            for at in 0..=seq {
                let mut cursor = cover.cursor(at);
                for &key in &order {
                    let found = (cover.newest(&[key], at), cursor.newest(&[key]));
                    let expected = newest(&commits, key, at);
                    let is_known = found == (expected, expected) || cover.pruned_to() > at;
                    prop_assert!(is_known, "{key} as of {at} after {seq}: {found:?}, {expected}");
                }
            }
            prop_assert!(cover.pruned_to() <= seq, "{} after {seq}", cover.pruned_to());
        }
    }
}

/// Readers beside the writer: what was published is seen, whole.
#[test]
fn readers_beside_the_writer_see_whole_commits() {
    let (mut writer, cover) = create();
    let published = AtomicU64::new(0);
    const COMMITS: u64 = 3000;
    std::thread::scope(|scope| {
        for reader in 0..2u8 {
            let (cover, published) = (&cover, &published);
            scope.spawn(move || {
                loop {
                    let at = published.load(Ordering::Acquire);
                    // Commit `s` deletes two ranges of 16 keys, from `s % 100` on.
                    if at > 0 {
                        let first = (at % 100) as u8 + reader * 120;
                        assert_eq!(cover.newest(&[first], at), at);
                        assert_eq!(cover.newest(&[first + 15, 9], at), at);
                        let mut cursor = cover.cursor(at);
                        assert_eq!(cursor.newest(&[first + 7]), at);
                        assert!(cursor.end().is_none_or(|end| end[0] >= first + 16));
                        let spans = cover.spans(at);
                        assert!(spans.len() <= 2, "{spans:?}");
                    }
                    if at == COMMITS {
                        return;
                    }
                }
            });
        }
        for seq in 1..=COMMITS {
            let range = |half| {
                let first = (seq % 100) as u8 + half;
                Span { start: vec![first], end: Some(vec![first + 16]) }
            };
            delete(&mut writer, &[0, 120].map(range), seq, &Horizon::UNKNOWN);
            published.store(seq, Ordering::Release);
        }
    });
}

#[test]
fn many_small_ranges_stay_fast() {
    let (mut writer, cover) = create();
    for i in 0..100_000u64 {
        let start = (i * 7919 % 100_000) * 10;
        let (start, end) = (start.to_be_bytes(), (start + 5).to_be_bytes());
        writer.delete(&[(&start, Some(&end))], SeqNo(i + 1), &Horizon::UNKNOWN);
    }
    assert_eq!(cover.spans(u64::MAX).len(), 100_000);
    assert_eq!(cover.last(), 100_000);
    assert!(cover.newest(&12u64.to_be_bytes(), u64::MAX) > 0);
    assert_eq!(cover.newest(&17u64.to_be_bytes(), u64::MAX), 0);
    assert!(cover.bytes() > 100_000 * 16);
}

#[test]
fn passing_covered_keys_one_by_one_walks_over_each_border_once() {
    let (mut writer, cover) = create();
    let (count, horizon) = (1000u32, Horizon { published: 0, pins: &[] });
    for n in 0..count {
        let (start, end) = (n.to_be_bytes(), (n + 1).to_be_bytes());
        writer.delete(&[(&start, Some(&end))], SeqNo(u64::from(n) + 1), &horizon);
    }
    let mut cursor = cover.cursor(u64::MAX);
    for n in 0..count {
        assert!(cursor.newest(&n.to_be_bytes()) > 0);
        assert_eq!(cursor.end().unwrap(), count.to_be_bytes());
    }
    for n in (0..count).rev() {
        assert!(cursor.newest(&n.to_be_bytes()) > 0);
        assert_eq!(cursor.start(), 0u32.to_be_bytes());
    }
    assert!(cursor.walked <= 2 * count as usize, "{} borders", cursor.walked);
}

#[test]
fn what_is_covered_again_and_again_is_not_gone_through_again() {
    // Ever higher ends, ever lower starts, and ever more in both directions.
    let ranges: [fn(u64) -> (u64, u64); 3] =
        [|n| (0, n + 1), |n| (1_000_000 - n, 1_000_001), |n| (500_000 - n, 500_001 + n)];
    for range in ranges {
        let (mut writer, cover) = create();
        let count = 20_000;
        for n in 0..count {
            let (start, end) = range(n);
            let (start, end) = (start.to_be_bytes(), end.to_be_bytes());
            let horizon = Horizon { published: n, pins: &[] };
            writer.delete(&[(&start, Some(&end))], SeqNo(n + 1), &horizon);
        }
        let (start, end) = range(count - 1);
        for key in [start, start.midpoint(end), end - 1] {
            assert_eq!(cover.newest(&key.to_be_bytes(), u64::MAX), count);
        }
        assert_eq!(cover.newest(&end.to_be_bytes(), u64::MAX), 0);
        assert_eq!(cover.spans(u64::MAX).len(), 1);
        // A few versions for each range, and what the writer knows.
        assert!(cover.bytes() < 500 * count as usize, "{} bytes", cover.bytes());
    }
}
