//! Days, months and years of moments, for any moment that 64 bits of milliseconds can hold.
//!
//! The calendar is the Gregorian one throughout. Days are counted by the algorithms of H. Hinnant,
//! "chrono-Compatible Low-Level Date Algorithms".

use crate::document::value::DateTime;

/// Milliseconds of a day.
pub(super) const DAY: i64 = 86_400_000;

/// A moment as a calendar and a clock show it somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    /// The year; zero is the one before the first.
    pub year: i64,
    /// From 1 to 12.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// From 0 to 23.
    pub hour: i64,
    /// From 0 to 59.
    pub minute: i64,
    /// From 0 to 59.
    pub second: i64,
    /// From 0 to 999.
    pub millisecond: i64,
}

impl Civil {
    /// What these milliseconds since 1970, local ones, are.
    pub fn of(millis: i64) -> Civil {
        let (days, rest) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        Civil {
            year,
            month,
            day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1000 % 60,
            millisecond: rest % 1000,
        }
    }

    /// The local milliseconds since 1970; what is out of its range is carried over. `None` when
    /// they do not fit.
    pub fn millis(&self) -> Option<i64> {
        let days = days_of(self.year, self.month, self.day)?;
        let hours = self.hour.checked_mul(3_600_000)?;
        let minutes = self.minute.checked_mul(60_000)?;
        let seconds = self.second.checked_mul(1000)?;
        let clock = hours.checked_add(minutes)?.checked_add(seconds)?;
        days.checked_mul(DAY)?.checked_add(clock)?.checked_add(self.millisecond)
    }

    /// The day of the year, from 1.
    pub fn day_of_year(&self) -> i64 {
        let day = days_of(self.year, self.month, self.day).unwrap_or_default();
        day - days_of(self.year, 1, 1).unwrap_or_default() + 1
    }

    /// The day of the week, 1 for Monday to 7 for Sunday.
    pub fn iso_weekday(&self) -> i64 {
        let day = days_of(self.year, self.month, self.day).unwrap_or_default();
        (day + 3).rem_euclid(7) + 1
    }

    /// The week of the year when weeks begin on Sundays and days before the first are in week 0.
    pub fn week(&self) -> i64 {
        (self.day_of_year() - 1 + 7 - self.iso_weekday() % 7) / 7
    }

    /// Year and week by ISO 8601: weeks begin on Mondays, the first has the year's first Thursday.
    pub fn iso_week(&self) -> (i64, i64) {
        let week = (self.day_of_year() - self.iso_weekday() + 10) / 7;
        if week < 1 {
            return (self.year - 1, iso_weeks(self.year - 1));
        }
        if week > iso_weeks(self.year) { (self.year + 1, 1) } else { (self.year, week) }
    }
}

/// How many weeks a year has by ISO 8601.
fn iso_weeks(year: i64) -> i64 {
    let last = Civil { year, month: 12, day: 31, ..Civil::of(0) }.iso_weekday();
    let first = Civil { year, month: 1, day: 1, ..Civil::of(0) }.iso_weekday();
    if last == 4 || first == 4 { 53 } else { 52 }
}

/// The day, counted from 1970, on which the first week of a year begins by ISO 8601.
pub(super) fn iso_year_start(year: i64) -> Option<i64> {
    let fourth = days_of(year, 1, 4)?;
    Some(fourth - (fourth + 3).rem_euclid(7))
}

/// Days since 1970 of a date whose month and day may be out of their ranges; `None` when there
/// would be too many.
pub(super) fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let month = month.checked_sub(1)?;
    let year = year.checked_add(month.div_euclid(12))?;
    if year.abs() > 400_000_000 {
        return None;
    }
    let month = month.rem_euclid(12);
    // Years that begin in March, so that leap days are at their ends.
    let year = if month < 2 { year - 1 } else { year };
    let month = (month + 10) % 12;
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let in_year = (153 * month + 2) / 5;
    let in_era = year * 365 + year / 4 - year / 100 + in_year;
    (era * 146_097 + in_era - 719_468).checked_add(day.checked_sub(1)?)
}

/// The date of a day counted from 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Days of a month.
pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    let (Some(this), Some(next)) = (days_of(year, month, 1), days_of(year, month + 1, 1)) else {
        return 31;
    };
    next - this
}

/// A moment as `2024-02-29T12:30:00.000Z`.
pub(super) fn iso_text(at: DateTime) -> String {
    let civil = Civil::of(at.millis());
    let Civil { year, month, day, hour, minute, second, millisecond } = civil;
    let sign = if year < 0 { "-" } else { "" };
    let year = year.abs();
    format!(
        "{sign}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"
    )
}
