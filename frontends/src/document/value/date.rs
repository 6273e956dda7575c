//! Moments as text and as parts of a calendar: ISO 8601 in UTC.
//!
//! Not for: time zones and formats, which expressions know.
//!
//! Source of the calendar: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".

use std::fmt;

use super::scalar::DateTime;
use crate::Result;
use crate::document::failure;

#[cfg(test)]
mod tests;

const DAY_MS: i64 = 86_400_000;

/// A moment by the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Of the Gregorian calendar, carried on in both directions; 0 is before 1.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999.
    pub millisecond: u32,
}

impl DateTime {
    /// The moment by the calendar.
    pub fn civil(self) -> Civil {
        let (days, ms) = (self.millis().div_euclid(DAY_MS), self.millis().rem_euclid(DAY_MS));
        // Days since 0000-03-01, so that leap days end years; in eras of 400 years.
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as u32,
            day: (day_of_year - (153 * shifted + 2) / 5 + 1) as u32,
            hour: (ms / 3_600_000) as u32,
            minute: (ms / 60_000 % 60) as u32,
            second: (ms / 1000 % 60) as u32,
            millisecond: (ms % 1000) as u32,
        }
    }

    /// The moment of these parts; `None` when there is no such day or time, or it does not fit.
    pub fn from_civil(parts: Civil) -> Option<DateTime> {
        let leap = parts.year % 4 == 0 && (parts.year % 100 != 0 || parts.year % 400 == 0);
        let days = match parts.month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let sound = (1..=days).contains(&parts.day)
            && parts.hour < 24
            && parts.minute < 60
            && parts.second < 60
            && parts.millisecond < 1000
            && parts.year.unsigned_abs() < 400_000_000;
        if !sound {
            return None;
        }
        let year = parts.year - i64::from(parts.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let shifted = i64::from((parts.month + 9) % 12);
        let day_of_year = (153 * shifted + 2) / 5 + i64::from(parts.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let seconds = i64::from((parts.hour * 60 + parts.minute) * 60 + parts.second);
        let ms = seconds * 1000 + i64::from(parts.millisecond);
        // The first day is not there in full, so its beginning does not fit.
        let millis = i128::from(days) * i128::from(DAY_MS) + i128::from(ms);
        i64::try_from(millis).ok().map(DateTime::from_millis)
    }

    /// Reads `2024-02-29`, `2024-02-29T12:30:15.250Z` or `2024-02-29 12:30:15+01:00`. Without a
    /// zone it is UTC; digits after the milliseconds are cut.
    ///
    /// # Errors
    /// Code 9 when it is no such text, or there is no such day.
    pub fn parse(text: &str) -> Result<DateTime> {
        let wrong = || failure::failed_to_parse(format!("{text:?} is not a date of ISO 8601"));
        Digits { rest: text.as_bytes() }.moment().ok_or_else(wrong)
    }
}

/// ISO 8601 with milliseconds and `Z`. Years of more than four digits have a sign and six.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, millisecond } = self.civil();
        match year {
            0..=9999 => write!(f, "{year:04}")?,
            _ => write!(f, "{year:+07}")?,
        }
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }
}

/// Digits read from the front of a text.
struct Digits<'t> {
    rest: &'t [u8],
}

impl Digits<'_> {
    fn moment(&mut self) -> Option<DateTime> {
        let year = match self.sign() {
            Some(sign) => sign * i64::from(self.number(6)?),
            None => i64::from(self.number(4)?),
        };
        self.take(b'-')?;
        let month = self.number(2)?;
        self.take(b'-')?;
        let day = self.number(2)?;
        let mut parts = Civil { year, month, day, hour: 0, minute: 0, second: 0, millisecond: 0 };
        let mut behind_utc_ms = 0;
        if self.take(b'T').or_else(|| self.take(b't')).or_else(|| self.take(b' ')).is_some() {
            (parts.hour, _, parts.minute) = (self.number(2)?, self.take(b':')?, self.number(2)?);
            if self.take(b':').is_some() {
                parts.second = self.number(2)?;
                parts.millisecond = self.fraction()?;
            }
            behind_utc_ms = self.zone()?;
        }
        let local = DateTime::from_civil(parts).filter(|_| self.rest.is_empty())?;
        local.millis().checked_sub(behind_utc_ms).map(DateTime::from_millis)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn sign(&mut self) -> Option<i64> {
        self.take(b'+').map(|()| 1).or_else(|| self.take(b'-').map(|()| -1))
    }

    /// A number of exactly so many digits.
    fn number(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    }

    /// Milliseconds of the digits behind a point, if there is one.
    fn fraction(&mut self) -> Option<u32> {
        if self.take(b'.').is_none() {
            return Some(0);
        }
        let count = self.rest.iter().take_while(|digit| digit.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(count).filter(|_| count > 0)?;
        self.rest = rest;
        let digits = digits.iter().map(|digit| u32::from(digit - b'0'));
        Some(digits.chain([0; 3]).take(3).fold(0, |number, digit| number * 10 + digit))
    }

    /// Milliseconds that the local time is ahead of UTC.
    fn zone(&mut self) -> Option<i64> {
        if self.rest.is_empty() || self.take(b'Z').or_else(|| self.take(b'z')).is_some() {
            return Some(0);
        }
        let sign = self.sign()?;
        let hours = self.number(2)?;
        let minutes = match self.rest {
            [] => 0,
            _ => {
                let _ = self.take(b':');
                self.number(2)?
            }
        };
        (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes) * 60_000)
    }
}
