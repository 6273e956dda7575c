//! Moments by example and at random.

use proptest::prelude::*;

use super::*;

#[test]
fn dates_are_read_and_written_by_the_calendar() {
    let cases = [
        ("1970-01-01", 0),
        ("2000-02-29T23:59:59.999Z", 951_868_799_999),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2024-02-29 12:30", 1_709_209_800_000),
        ("2024-02-29T12:30:00+01:30", 1_709_204_400_000),
        ("0000-03-01", -62_162_035_200_000),
        ("2024-02-29T12:30:00-08", 1_709_238_600_000),
        ("-000001-01-01", -62_198_755_200_000),
        ("+012345-06-07T00:00:00Z", 327_416_947_200_000),
    ];
    for (text, millis) in cases {
        let date = DateTime::parse(text).unwrap();
        assert_eq!(date.millis(), millis, "{text}");
        assert_eq!(DateTime::parse(&date.to_string()).unwrap(), date, "{text}");
    }
    let wrong = [
        "",
        "2024",
        "2024-13-01",
        "2024-02-30",
        "2023-02-29",
        "2024-1-1",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00Zx",
        "2024-01-01T00:00+1",
        "1900-02-29",
    ];
    for text in wrong {
        assert!(DateTime::parse(text).is_err(), "{text}");
    }
    for millis in [i64::MIN, i64::MAX] {
        assert_eq!(
            DateTime::from_civil(DateTime::from_millis(millis).civil()).unwrap().millis(),
            millis
        );
    }
}

proptest! {
    #[test]
    fn moments_come_back_from_the_calendar(
        millis: i64,
        small in -200_000_000_000_000..200_000_000_000_000_i64,
    ) {
        let date = DateTime::from_millis(millis);
        prop_assert_eq!(DateTime::from_civil(date.civil()), Some(date));
        let date = DateTime::from_millis(small);
        prop_assert_eq!(DateTime::parse(&date.to_string()).unwrap(), date);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[0-9TZ:. +-]{0,30}") {
        let _ = DateTime::parse(&text);
    }
}
