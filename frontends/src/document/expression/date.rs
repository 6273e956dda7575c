//! Parts of dates, and dates out of parts.

use super::argument::int64;
use super::civil::{Civil, DAY, iso_year_start};
use super::operator::{Args, Function, Operator, Takes, Worth, null, worth};
use crate::Result;
use crate::document::failure;
use crate::document::value::{DateTime, Document, Value};

const fn part(name: &'static str, function: Function) -> Operator {
    Operator { name, takes: Takes::DatePart, function }
}

const TO_PARTS: Takes = Takes::Named(&[("date", true), ("timezone", false), ("iso8601", false)]);
const FROM_PARTS: Takes = Takes::Named(&[
    ("timezone", false),
    ("year", false),
    ("month", false),
    ("day", false),
    ("isoWeekYear", false),
    ("isoWeek", false),
    ("isoDayOfWeek", false),
    ("hour", false),
    ("minute", false),
    ("second", false),
    ("millisecond", false),
]);

pub(super) const OPERATORS: &[Operator] = &[
    part("$year", |args| read(args, |at| at.year as i32)),
    part("$month", |args| read(args, |at| at.month as i32)),
    part("$dayOfMonth", |args| read(args, |at| at.day as i32)),
    part("$dayOfWeek", |args| read(args, |at| (at.iso_weekday() % 7 + 1) as i32)),
    part("$dayOfYear", |args| read(args, |at| at.day_of_year() as i32)),
    part("$hour", |args| read(args, |at| at.hour as i32)),
    part("$minute", |args| read(args, |at| at.minute as i32)),
    part("$second", |args| read(args, |at| at.second as i32)),
    part("$millisecond", |args| read(args, |at| at.millisecond as i32)),
    part("$week", |args| read(args, |at| at.week() as i32)),
    part("$isoWeek", |args| read(args, |at| at.iso_week().1 as i32)),
    part("$isoDayOfWeek", |args| read(args, |at| at.iso_weekday() as i32)),
    part("$isoWeekYear", |args| read(args, |at| at.iso_week().0)),
    Operator { name: "$dateToParts", takes: TO_PARTS, function: to_parts },
    Operator { name: "$dateFromParts", takes: FROM_PARTS, function: from_parts },
];

/// The moment of the first two arguments as a calendar and clock show it; `None` when one of them
/// is null or missing.
fn civil(args: &Args<'_, '_>) -> Result<Option<Civil>> {
    let (Some(at), Some(zone)) = (args.moment(0)?, args.zone(1)?) else { return Ok(None) };
    Ok(Some(Civil::of(zone.to_local(at.millis()))))
}

fn read<'d, T: Into<Value<'d>>>(args: &Args<'_, 'd>, part: fn(&Civil) -> T) -> Worth<'d> {
    match civil(args)? {
        Some(civil) => worth(part(&civil)),
        None => null(),
    }
}

fn to_parts<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let iso = match args.get(2)? {
        _ if !args.given(2) => false,
        None | Some(Value::Null | Value::Undefined) => return null(),
        Some(Value::Bool(iso)) => iso,
        Some(other) => {
            let kind = other.kind().name();
            let message = format!("$dateToParts needs iso8601 to be a bool, not {kind}");
            return Err(failure::invalid(40521, message));
        }
    };
    let Some(at) = civil(args)? else { return null() };
    let (iso_year, iso_week) = at.iso_week();
    let day = match iso {
        true => {
            [("isoWeekYear", iso_year), ("isoWeek", iso_week), ("isoDayOfWeek", at.iso_weekday())]
        }
        false => [("year", at.year), ("month", at.month), ("day", at.day)],
    };
    let clock = [
        ("hour", at.hour),
        ("minute", at.minute),
        ("second", at.second),
        ("millisecond", at.millisecond),
    ];
    let fields = day.into_iter().chain(clock);
    worth(fields.map(|(name, number)| (name, number as i32)).collect::<Document<'_>>())
}

/// A part of a date that must be whole; `None` when it is null or missing, `otherwise` when it was
/// not given.
fn number(args: &Args<'_, '_>, at: usize, name: &str, otherwise: i64) -> Result<Option<i64>> {
    if !args.given(at) {
        return Ok(Some(otherwise));
    }
    let Some(value) = args.present(at)? else { return Ok(None) };
    let number = int64(&value, 40515, &format!("$dateFromParts's '{name}'"))?;
    if number.abs() > 1 << 40 {
        return Err(failure::invalid(40515, format!("$dateFromParts's '{name}' is out of range")));
    }
    Ok(Some(number))
}

fn from_parts<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let iso = args.given(4);
    if iso == args.given(1) {
        let message = "$dateFromParts needs either 'year' or 'isoWeekYear'";
        return Err(failure::invalid(if iso { 40489 } else { 40516 }, message));
    }
    let misplaced =
        if iso { args.given(2) || args.given(3) } else { args.given(5) || args.given(6) };
    if misplaced {
        let message = "$dateFromParts does not mix parts of ISO weeks with those of months";
        return Err(failure::invalid(if iso { 40489 } else { 40525 }, message));
    }
    let parts = [
        if iso { (4, "isoWeekYear", 1970) } else { (1, "year", 1970) },
        if iso { (5, "isoWeek", 1) } else { (2, "month", 1) },
        if iso { (6, "isoDayOfWeek", 1) } else { (3, "day", 1) },
        (7, "hour", 0),
        (8, "minute", 0),
        (9, "second", 0),
        (10, "millisecond", 0),
    ];
    let mut found = [0; 7];
    for ((at, name, otherwise), place) in parts.into_iter().zip(&mut found) {
        let Some(number) = number(args, at, name, otherwise)? else { return null() };
        *place = number;
    }
    let Some(zone) = args.zone(0)? else { return null() };
    let [year, month, day, hour, minute, second, millisecond] = found;
    if !(1..=9999).contains(&year) {
        let message = format!("$dateFromParts needs a year from 1 to 9999, not {year}");
        return Err(failure::invalid(if iso { 31095 } else { 40523 }, message));
    }
    let clock = Civil { year, month, day, hour, minute, second, millisecond };
    let local = if iso { iso_millis(&clock) } else { clock.millis() };
    let Some(local) = local else {
        return Err(failure::overflow("$dateFromParts would make a date that is out of range"));
    };
    worth(DateTime::from_millis(zone.moment_of(local)))
}

/// As [`Civil::millis`], the month being an ISO week and the day one of the week.
fn iso_millis(at: &Civil) -> Option<i64> {
    let day = iso_year_start(at.year)?
        .checked_add(at.month.checked_sub(1)?.checked_mul(7)?)?
        .checked_add(at.day.checked_sub(1)?)?;
    let clock = Civil { year: 1970, month: 1, day: 1, ..*at }.millis()?;
    day.checked_mul(DAY)?.checked_add(clock)
}
