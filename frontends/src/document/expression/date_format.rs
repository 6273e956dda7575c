//! Dates as text, by a format.

use super::civil::Civil;
use super::zone::Zone;
use crate::Result;
use crate::document::failure;

/// Names of months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What is written unless a format is given.
pub(super) const DEFAULT_UTC: &str = "%Y-%m-%dT%H:%M:%S.%LZ";
/// The same where the zone is not UTC.
pub(super) const DEFAULT_LOCAL: &str = "%Y-%m-%dT%H:%M:%S.%L";

/// Writes a moment.
pub(super) fn write(millis: i64, zone: &Zone, format: &str) -> Result<String> {
    let civil = Civil::of(zone.to_local(millis));
    let minutes = zone.offset_at(millis) / 60_000;
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let Some(specifier) = letters.next() else {
            return Err(failure::invalid(18535, "a date format ends with an unmatched '%'"));
        };
        text.push_str(&written(specifier, &civil, minutes)?);
    }
    Ok(text)
}

/// What a letter behind a `%` stands for.
fn written(specifier: char, at: &Civil, minutes: i64) -> Result<String> {
    let name = || usize::try_from(at.month - 1).ok().and_then(|month| MONTHS.get(month));
    let name = |len: usize| name().and_then(|name| name.get(..len.min(name.len())));
    Ok(match specifier {
        '%' => "%".to_owned(),
        'Y' => year(at.year)?,
        'G' => year(at.iso_week().0)?,
        'm' => format!("{:02}", at.month),
        'd' => format!("{:02}", at.day),
        'H' => format!("{:02}", at.hour),
        'M' => format!("{:02}", at.minute),
        'S' => format!("{:02}", at.second),
        'L' => format!("{:03}", at.millisecond),
        'j' => format!("{:03}", at.day_of_year()),
        'w' => (at.iso_weekday() % 7 + 1).to_string(),
        'u' => at.iso_weekday().to_string(),
        'U' => format!("{:02}", at.week()),
        'V' => format!("{:02}", at.iso_week().1),
        'b' => name(3).unwrap_or_default().to_owned(),
        'B' => name(usize::MAX).unwrap_or_default().to_owned(),
        'z' => {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
        'Z' => minutes.to_string(),
        other => {
            let message = format!("a date format has the invalid specifier '%{other}'");
            return Err(failure::invalid(18536, message));
        }
    })
}

fn year(year: i64) -> Result<String> {
    if (0..=9999).contains(&year) {
        return Ok(format!("{year:04}"));
    }
    Err(failure::invalid(18537, format!("a date of the year {year} cannot be formatted")))
}
