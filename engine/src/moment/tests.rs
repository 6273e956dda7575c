//! Moments as text, there and back.

use super::*;

#[test]
fn moments_come_back() {
    for (ms, shown) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_798_761_599_999, "2026-12-31T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(text(ms), shown);
        assert_eq!(parse(shown), Ok(ms));
    }
    for day in 0..50_000 {
        assert_eq!(parse(&text(day * 86_400_000)), Ok(day * 86_400_000));
    }
    assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(1000));
    assert_eq!(parse("1970-01-01T00:00:00.5Z"), Ok(500));
    assert_eq!(parse("17"), Ok(17));
    assert!(text(u64::MAX).ends_with('Z'), "no moment is too late to be told");
    for wrong in ["", "1970-13-01T00:00:00Z", "1969-01-01T00:00:00Z", "1970-01-01", "now"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn only_days_that_there_are_count() {
    assert_eq!(parse("2028-02-29T00:00:00Z"), Ok(1_835_395_200_000));
    for wrong in ["2027-02-29", "2027-02-31", "2100-02-29", "2027-04-31", "2027-01-00"] {
        assert!(parse(&format!("{wrong}T00:00:00Z")).is_err(), "{wrong}");
    }
}

#[test]
fn clocks_may_be_ahead_or_behind() {
    assert_eq!(parse("1970-01-01T02:00:01+02:00"), Ok(1000));
    assert_eq!(parse("1970-01-01T00:00:01.5-01:30"), Ok(5_401_500));
    for wrong in ["", "+2:00", "+02", "+24:00", "+00:60", "+-2:00", "x02:00", "\u{e4}2:00"] {
        assert!(parse(&format!("2027-01-01T00:00:00{wrong}")).is_err(), "{wrong}");
    }
    assert!(parse("1970-01-01T00:00:00+00:01").is_err(), "before 1970");
}
