//! Dates out of text: in the manner of ISO 8601, or by a format.

use super::civil::{Civil, DAY, days_in_month, days_of, iso_year_start};
use super::date_format::MONTHS;
use super::zone::Zone;

/// What was found in a text.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    iso_year: Option<i64>,
    iso_week: Option<i64>,
    iso_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    millisecond: i64,
    zone: Option<Zone>,
}

/// A text that is read from its beginning.
struct Reader<'t>(&'t str);

impl<'t> Reader<'t> {
    /// Takes digits, from `min` to `max` of them.
    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let digits = self.0.bytes().take(max).take_while(u8::is_ascii_digit).count();
        if digits < min {
            return None;
        }
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.parse().ok()
    }

    /// Takes a letter if it comes next.
    fn letter(&mut self, letter: char) -> Option<()> {
        self.0 = self.0.strip_prefix(letter)?;
        Some(())
    }

    /// Takes the name of a month, whole or its first three letters.
    fn month(&mut self) -> Option<i64> {
        let letters = self.0.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (name, rest) = self.0.split_at_checked(letters)?;
        let month = MONTHS.iter().position(|month| {
            month.eq_ignore_ascii_case(name)
                || month.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(name))
        })?;
        self.0 = rest;
        Some(month as i64 + 1)
    }

    /// Takes an offset such as `Z` or `+05:30`.
    fn offset(&mut self) -> Option<Zone> {
        if self.letter('Z').or_else(|| self.letter('z')).is_some() {
            return Some(Zone::UTC);
        }
        if !self.0.starts_with(['+', '-']) {
            return None;
        }
        for len in [6, 5, 3] {
            if let Some((offset, rest)) = self.0.split_at_checked(len)
                && let Ok(zone) = Zone::parse(offset)
            {
                self.0 = rest;
                return Some(zone);
            }
        }
        None
    }

    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }
}

/// Why a text is no date.
pub(super) enum Wrong {
    /// It is not written as it should be.
    Form,
    /// It has an offset, and another one was given.
    TwoZones,
}

/// Reads a date as people write it: `2024-02-29`, `2024-02-29T12:30:00.123Z`, `2024/2/29 12:30
/// +0100`, `20240229`, `Feb 29, 2024`, `29 February 2024`. `zone` is the one given beside it.
pub(super) fn read(text: &str, zone: Option<&Zone>) -> Result<i64, Wrong> {
    let mut reader = Reader(text.trim());
    let mut found = Found::default();
    read_day(&mut reader, &mut found).ok_or(Wrong::Form)?;
    if !reader.0.is_empty() {
        read_clock(&mut reader, &mut found).ok_or(Wrong::Form)?;
    }
    found.finish(zone)
}

fn read_day(reader: &mut Reader<'_>, found: &mut Found) -> Option<()> {
    if reader.0.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        found.month = Some(reader.month()?);
        reader.blanks();
        found.day = Some(reader.number(1, 2)?);
        let _ = reader.letter(',');
        reader.blanks();
        found.year = Some(reader.number(4, 4)?);
        return Some(());
    }
    let digits = reader.0.bytes().take_while(u8::is_ascii_digit).count();
    match digits {
        8 => {
            found.year = Some(reader.number(4, 4)?);
            found.month = Some(reader.number(2, 2)?);
            found.day = Some(reader.number(2, 2)?);
        }
        4 => {
            found.year = Some(reader.number(4, 4)?);
            let separator = if reader.0.starts_with('/') { '/' } else { '-' };
            reader.letter(separator)?;
            found.month = Some(reader.number(1, 2)?);
            reader.letter(separator)?;
            found.day = Some(reader.number(1, 2)?);
        }
        1 | 2 => {
            let first = reader.number(1, 2)?;
            if reader.letter('/').is_some() {
                found.month = Some(first);
                found.day = Some(reader.number(1, 2)?);
                reader.letter('/')?;
            } else {
                found.day = Some(first);
                reader.blanks();
                found.month = Some(reader.month()?);
                let _ = reader.letter(',');
                reader.blanks();
            }
            found.year = Some(reader.number(4, 4)?);
        }
        _ => return None,
    }
    Some(())
}

fn read_clock(reader: &mut Reader<'_>, found: &mut Found) -> Option<()> {
    if reader.letter('T').or_else(|| reader.letter('t')).is_none() {
        reader.blanks();
    }
    if reader.0.starts_with(|letter: char| letter.is_ascii_digit()) {
        found.hour = reader.number(1, 2)?;
        if reader.letter(':').is_some() {
            found.minute = reader.number(2, 2)?;
            if reader.letter(':').is_some() {
                found.second = reader.number(2, 2)?;
                if reader.letter('.').or_else(|| reader.letter(',')).is_some() {
                    found.millisecond = read_fraction(reader)?;
                }
            }
        }
    }
    reader.blanks();
    if !reader.0.is_empty() {
        found.zone = match reader.offset() {
            Some(zone) => Some(zone),
            None => {
                let zone = Zone::parse(reader.0).ok()?;
                reader.0 = "";
                Some(zone)
            }
        };
    }
    reader.0.is_empty().then_some(())
}

/// Digits behind the point of seconds, of which three count.
fn read_fraction(reader: &mut Reader<'_>) -> Option<i64> {
    let digits = reader.0.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, rest) = reader.0.split_at_checked(digits)?;
    reader.0 = rest;
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    if fraction.is_empty() { None } else { padded.parse().ok() }
}

/// Reads a date by a format.
pub(super) fn read_by(text: &str, format: &str, zone: Option<&Zone>) -> Result<i64, Wrong> {
    let mut reader = Reader(text);
    let mut found = Found::default();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        let taken = match letter {
            '%' => letters.next().and_then(|it| read_specifier(it, &mut reader, &mut found)),
            other => reader.letter(other),
        };
        taken.ok_or(Wrong::Form)?;
    }
    if !reader.0.is_empty() {
        return Err(Wrong::Form);
    }
    found.finish(zone)
}

fn read_specifier(specifier: char, reader: &mut Reader<'_>, found: &mut Found) -> Option<()> {
    match specifier {
        '%' => reader.letter('%')?,
        'Y' => found.year = Some(reader.number(4, 4)?),
        'm' => found.month = Some(reader.number(1, 2)?),
        'd' => found.day = Some(reader.number(1, 2)?),
        'j' => found.day_of_year = Some(reader.number(1, 3)?),
        'b' | 'B' => found.month = Some(reader.month()?),
        'G' => found.iso_year = Some(reader.number(4, 4)?),
        'V' => found.iso_week = Some(reader.number(1, 2)?),
        'u' => found.iso_day = Some(reader.number(1, 1)?),
        'H' => found.hour = reader.number(1, 2)?,
        'M' => found.minute = reader.number(1, 2)?,
        'S' => found.second = reader.number(1, 2)?,
        'L' => found.millisecond = reader.number(1, 3)?,
        'z' => found.zone = Some(reader.offset()?),
        'Z' => {
            let negative = reader.letter('-').is_some();
            if !negative {
                let _ = reader.letter('+');
            }
            let minutes = reader.number(1, 4)?;
            let minutes = if negative { -minutes } else { minutes };
            found.zone = Some(Zone::Fixed(minutes * 60_000));
        }
        _ => return None,
    }
    Some(())
}

impl Found {
    fn finish(self, given: Option<&Zone>) -> Result<i64, Wrong> {
        if self.zone.is_some() && given.is_some() {
            return Err(Wrong::TwoZones);
        }
        let local = self.local().ok_or(Wrong::Form)?;
        let zone = self.zone.as_ref().or(given).unwrap_or(&Zone::UTC);
        Ok(zone.moment_of(local))
    }

    /// The local milliseconds, if all parts are there and in their ranges.
    fn local(&self) -> Option<i64> {
        if self.hour > 24 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let day = if let Some(year) = self.iso_year {
            let (week, day) = (self.iso_week.unwrap_or(1), self.iso_day.unwrap_or(1));
            let sound = (1..=53).contains(&week) && (1..=7).contains(&day);
            iso_year_start(year).filter(|_| sound)? + (week - 1) * 7 + day - 1
        } else if let Some(of_year) = self.day_of_year {
            days_of(self.year?, 1, 1).filter(|_| (1..=366).contains(&of_year))? + of_year - 1
        } else {
            let (year, month, day) = (self.year?, self.month.unwrap_or(1), self.day.unwrap_or(1));
            let sound =
                (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
            days_of(year, month, day).filter(|_| sound)?
        };
        let clock = Civil {
            hour: self.hour,
            minute: self.minute,
            second: self.second,
            millisecond: self.millisecond,
            ..Civil::of(0)
        };
        Some(day * DAY + clock.millis()?)
    }
}
