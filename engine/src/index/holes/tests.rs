use super::*;

#[test]
fn holes_hold_what_was_added_and_nothing_else() {
    for seed in 0..200u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((random >> 33) % bound) as u8
        };
        let (mut holes, mut model) = (Holes::default(), [false; 64]);
        for _ in 0..1 + below(20) {
            let (first, len, to_the_end) = (below(64), below(9), below(40) == 0);
            let last = if to_the_end { 63 } else { (first + len).min(63) };
            holes.add(&[first], Some(&[last][..]).filter(|_| !to_the_end));
            model[usize::from(first)..=usize::from(last)].fill(true);
        }
        for (key, held) in (0..).zip(model) {
            assert_eq!(holes.hold(&[key]), held, "seed {seed}: {key}");
        }
        // Joined: no two ranges share a key.
        let ranges: Vec<_> = holes.ranges.iter().collect();
        for pair in ranges.windows(2) {
            assert!(pair[0].1.as_ref().is_some_and(|last| last < pair[1].0), "seed {seed}");
        }
    }
}

#[test]
fn what_ends_before_it_begins_is_no_hole() {
    let mut holes = Holes::default();
    holes.add(b"b", Some(b"a"));
    assert!(holes.is_empty());
    assert!(!holes.hold(b"a") && !holes.hold(b"b"));
}
