//! Times to live, as they are spelled on a command line: a whole number and its
//! unit, or none for seconds.
//!
//! Not for: times that are printed, see `figures.rs`.

use std::time::Duration;

/// Milliseconds of each unit.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// What `90s`, `15m` or `7d` say; a number alone is seconds.
///
/// # Errors
/// A sentence.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is no time: a whole number, of seconds or with ms, s, m, h, d or w");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = if unit.is_empty() { "s" } else { unit };
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    number.checked_mul(*unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// A time as [`parse`] takes it, in the largest unit that fits.
pub fn text(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let fits = |(_, unit_ms): &&(&str, u64)| ms.is_multiple_of(*unit_ms);
    let (unit, unit_ms) = UNITS.iter().rev().find(fits).copied().unwrap_or(("ms", 1));
    format!("{}{unit}", ms / unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, ms) in [("0", 0), ("90", 90_000), ("250ms", 250), ("15m", 900_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(parse("1w"), parse("7d"));
        for shown in ["250ms", "90s", "15m", "36h", "6d", "3w"] {
            assert_eq!(parse(shown).map(text).as_deref(), Ok(shown));
        }
        for wrong in ["", "s", "-1s", "1.5h", "3y", "1 s", "99999999999999999999", "1\u{e4}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&format!("{}w", u64::MAX)).is_err());
    }
}
