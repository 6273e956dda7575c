//! What is worth keeping.

use super::*;

/// Segments of ten commits and a hundred bytes each, one a second.
fn kept(count: u64) -> VecDeque<Retained> {
    let segment = |n: u64| Retained {
        number: LogNo(n),
        bytes: 100,
        before: SeqNo((n - 1) * 10),
        last_seq: SeqNo(n * 10),
        clock_ms: n * 1000,
    };
    (1..=count).map(segment).collect()
}

const NOW_MS: u64 = 10_000;

#[test]
fn without_a_reason_nothing_is_kept() {
    assert_eq!(Keep::default().excess(&kept(9), 50, NOW_MS), 9);
    assert_eq!(Keep::default().excess(&kept(0), 50, NOW_MS), 0);
}

#[test]
fn the_last_bytes_are_kept_in_whole_segments() {
    let keep = |bytes| Keep { bytes, ..Keep::default() };
    assert_eq!(keep(50).excess(&kept(9), 50, NOW_MS), 9);
    assert_eq!(keep(51).excess(&kept(9), 50, NOW_MS), 8);
    assert_eq!(keep(350).excess(&kept(9), 50, NOW_MS), 6);
    assert_eq!(keep(351).excess(&kept(9), 50, NOW_MS), 5);
    assert_eq!(keep(u64::MAX).excess(&kept(9), 50, NOW_MS), 0);
}

#[test]
fn the_young_are_kept_within_a_bound() {
    let keep = |age_ms, bytes_max| Keep { age_ms, bytes_max, ..Keep::default() };
    assert_eq!(keep(3_500, u64::MAX).excess(&kept(9), 50, NOW_MS), 6);
    assert_eq!(keep(u64::MAX, u64::MAX).excess(&kept(9), 50, NOW_MS), 0);
    assert_eq!(keep(u64::MAX, 250).excess(&kept(9), 50, NOW_MS), 7);
}

#[test]
fn what_a_feed_needs_is_kept_within_a_bound() {
    let keep =
        |after, bytes_max| Keep { position: Some(SeqNo(after)), bytes_max, ..Keep::default() };
    assert_eq!(keep(90, u64::MAX).excess(&kept(9), 50, NOW_MS), 9, "it has read all of them");
    assert_eq!(keep(70, u64::MAX).excess(&kept(9), 50, NOW_MS), 7);
    assert_eq!(keep(69, u64::MAX).excess(&kept(9), 50, NOW_MS), 6);
    assert_eq!(keep(0, u64::MAX).excess(&kept(9), 50, NOW_MS), 0);
    assert_eq!(keep(0, 250).excess(&kept(9), 50, NOW_MS), 7);
    let both = Keep { bytes: 300, ..keep(0, 250) };
    assert_eq!(both.excess(&kept(9), 50, NOW_MS), 6, "the larger of the bounds counts");
}
