//! Steps of a calendar: `$dateAdd`, `$dateSubtract`, `$dateDiff`, `$dateTrunc`.
//!
//! Units of a day and more are steps of the local calendar, shorter ones of the clock of UTC.

use super::argument::int64;
use super::civil::{Civil, DAY, days_in_month, days_of};
use super::date_value::Unit;
use super::operator::{Args, Operator, Takes, Worth, null, worth};
use super::zone::Zone;
use crate::Result;
use crate::document::failure;
use crate::document::value::{DateTime, Value};

const STEP: Takes =
    Takes::Named(&[("startDate", true), ("unit", true), ("amount", true), ("timezone", false)]);
const DIFF: Takes = Takes::Named(&[
    ("startDate", true),
    ("endDate", true),
    ("unit", true),
    ("timezone", false),
    ("startOfWeek", false),
]);
const TRUNC: Takes = Takes::Named(&[
    ("date", true),
    ("unit", true),
    ("binSize", false),
    ("timezone", false),
    ("startOfWeek", false),
]);

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$dateAdd", takes: STEP, function: |args| stepped(args, 1) },
    Operator { name: "$dateSubtract", takes: STEP, function: |args| stepped(args, -1) },
    Operator { name: "$dateDiff", takes: DIFF, function: diff },
    Operator { name: "$dateTrunc", takes: TRUNC, function: trunc },
];

fn out_of_range(name: &str) -> crate::Error {
    failure::overflow(format!("{name} would make a date that is out of range"))
}

fn stepped<'d>(args: &Args<'_, 'd>, sign: i64) -> Worth<'d> {
    let (Some(at), Some(unit), Some(amount), Some(zone)) =
        (args.moment(0)?, args.unit(1)?, args.present(2)?, args.zone(3)?)
    else {
        return null();
    };
    let amount = int64(&amount, 5166405, &format!("{}'s amount", args.name))?;
    let moved = amount.checked_mul(sign).and_then(|amount| step(at.millis(), unit, amount, &zone));
    worth(DateTime::from_millis(moved.ok_or_else(|| out_of_range(args.name))?))
}

/// The moment so many units later; a day that its month does not have becomes the month's last.
fn step(millis: i64, unit: Unit, amount: i64, zone: &Zone) -> Option<i64> {
    if let Some(length) = unit.millis() {
        return millis.checked_add(amount.checked_mul(length)?);
    }
    let mut local = Civil::of(zone.to_local(millis));
    let months = match unit {
        Unit::Year => Some(12),
        Unit::Quarter => Some(3),
        Unit::Month => Some(1),
        _ => None,
    };
    match months {
        Some(months) => {
            let months = amount.checked_mul(months)?.checked_add(local.month - 1)?;
            local.year = local.year.checked_add(months.div_euclid(12))?;
            local.month = months.rem_euclid(12) + 1;
            if local.year.abs() > 400_000_000 {
                return None;
            }
            local.day = local.day.min(days_in_month(local.year, local.month));
        }
        None => {
            let days = if unit == Unit::Week { 7 } else { 1 };
            local.day = local.day.checked_add(amount.checked_mul(days)?)?;
        }
    }
    Some(zone.moment_of(local.millis()?))
}

fn diff<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (Some(start), Some(end), Some(unit), Some(zone)) =
        (args.moment(0)?, args.moment(1)?, args.unit(2)?, args.zone(3)?)
    else {
        return null();
    };
    let first = match unit {
        Unit::Week => args.week_start(4)?,
        _ => Some(7),
    };
    let Some(first) = first else { return null() };
    let number = |at: DateTime| number_of(at.millis(), unit, first, &zone);
    let between = number(end).checked_sub(number(start));
    worth(between.ok_or_else(|| out_of_range(args.name))?)
}

/// How many borders of a unit lie before a moment, from some fixed one on.
fn number_of(millis: i64, unit: Unit, first: i64, zone: &Zone) -> i64 {
    if let Some(length) = unit.millis() {
        // Offsets of half hours and the like shift the borders of hours.
        let shift = if unit == Unit::Hour { zone.offset_at(millis) % length } else { 0 };
        return millis.saturating_add(shift).div_euclid(length);
    }
    let local = zone.to_local(millis);
    let (civil, day) = (Civil::of(local), local.div_euclid(DAY));
    match unit {
        Unit::Year => civil.year,
        Unit::Quarter => civil.year * 4 + (civil.month - 1) / 3,
        Unit::Month => civil.year * 12 + civil.month - 1,
        Unit::Week => (day + 4 - first).div_euclid(7),
        _ => day,
    }
}

/// Where bins begin to be counted: the start of 2000.
const ORIGIN_YEAR: i64 = 2000;

fn trunc<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (Some(at), Some(unit), Some(zone)) = (args.moment(0)?, args.unit(1)?, args.zone(3)?) else {
        return null();
    };
    let bin = match args.present(2)? {
        None if args.given(2) => return null(),
        None => 1,
        Some(bin) => bin_size(&bin)?,
    };
    let first = if unit == Unit::Week { args.week_start(4)? } else { Some(7) };
    let Some(first) = first else { return null() };
    let start = bin_start(at.millis(), unit, bin, first, &zone);
    worth(DateTime::from_millis(start.ok_or_else(|| out_of_range(args.name))?))
}

fn bin_size(value: &Value<'_>) -> Result<i64> {
    let number = int64(value, 5439017, "$dateTrunc's binSize")?;
    if (1..=100_000_000_000).contains(&number) {
        return Ok(number);
    }
    let message = format!("$dateTrunc's binSize must be positive and not too large, not {number}");
    Err(failure::invalid(5439018, message))
}

/// The start of the bin that a moment lies in.
fn bin_start(millis: i64, unit: Unit, bin: i64, first: i64, zone: &Zone) -> Option<i64> {
    let origin_day = days_of(ORIGIN_YEAR, 1, 1)?;
    if let Some(length) = unit.millis() {
        let origin = zone.moment_of(origin_day.checked_mul(DAY)?);
        let bin = length.checked_mul(bin)?;
        let since = millis.checked_sub(origin)?;
        return origin.checked_add(since.div_euclid(bin).checked_mul(bin)?);
    }
    let local = zone.to_local(millis);
    let (civil, day) = (Civil::of(local), local.div_euclid(DAY));
    let months = match unit {
        Unit::Year => Some(12),
        Unit::Quarter => Some(3),
        Unit::Month => Some(1),
        _ => None,
    };
    let start_day = match months {
        Some(months) => {
            let bin = bin.checked_mul(months)?;
            let since = (civil.year - ORIGIN_YEAR) * 12 + civil.month - 1;
            days_of(ORIGIN_YEAR, since.div_euclid(bin).checked_mul(bin)? + 1, 1)?
        }
        None => {
            let weekly = unit == Unit::Week;
            let bin = if weekly { bin.checked_mul(7)? } else { bin };
            // The first such day of the week that is not before 2000.
            let origin = if weekly {
                origin_day + (first - 1 - (origin_day + 3)).rem_euclid(7)
            } else {
                origin_day
            };
            origin.checked_add((day - origin).div_euclid(bin).checked_mul(bin)?)?
        }
    };
    Some(zone.moment_of(start_day.checked_mul(DAY)?))
}
