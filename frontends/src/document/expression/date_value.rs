//! Arguments that are moments, time zones, units and days of the week.

use super::operator::{Args, shown};
use super::prepared::Prepared;
use super::zone::Zone;
use crate::Result;
use crate::document::failure;
use crate::document::value::{DateTime, Value};

/// The moment that a date, a timestamp or an ObjectId stands for.
pub(super) fn moment(value: &Value<'_>) -> Result<DateTime> {
    match value {
        Value::DateTime(at) => Ok(*at),
        Value::Timestamp(at) => Ok(DateTime::from_millis(i64::from(at.seconds) * 1000)),
        Value::ObjectId(id) => Ok(id.date_time()),
        other => {
            let message = format!("can't convert from BSON type {} to Date", other.kind().name());
            Err(failure::invalid(16006, message))
        }
    }
}

impl Args<'_, '_> {
    /// An argument as a moment; `None` when it is null or missing.
    pub fn moment(&self, at: usize) -> Result<Option<DateTime>> {
        self.present(at)?.map(|value| moment(&value)).transpose()
    }

    /// An argument as a time zone, UTC when it was not given; `None` when it is null or missing.
    pub fn zone(&self, at: usize) -> Result<Option<Zone>> {
        if let Prepared::Zone(zone) = self.prepared {
            return Ok(Some(zone.clone()));
        }
        if !self.given(at) {
            return Ok(Some(Zone::UTC));
        }
        match self.present(at)? {
            None => Ok(None),
            Some(Value::String(name)) => Zone::parse(&name).map(Some),
            Some(other) => {
                let kind = other.kind().name();
                let message = format!("{}: a time zone must be a string, not {kind}", self.name);
                Err(failure::invalid(40517, message))
            }
        }
    }

    /// An argument as a unit of time; `None` when it is null or missing.
    pub fn unit(&self, at: usize) -> Result<Option<Unit>> {
        let name = self.text(at, 5439013, "unit")?;
        name.map(|name| {
            Unit::parse(&name).ok_or_else(|| {
                let message = format!("{}: unknown unit of time {name:.40?}", self.name);
                failure::failed_to_parse(message)
            })
        })
        .transpose()
    }

    /// An argument as the first day of the week, Sunday when it was not given; `None` when it is
    /// null or missing.
    pub fn week_start(&self, at: usize) -> Result<Option<i64>> {
        const DAYS: [&str; 7] =
            ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        if !self.given(at) {
            return Ok(Some(7));
        }
        let Some(name) = self.text(at, 5439015, "startOfWeek")? else { return Ok(None) };
        let lower = name.to_ascii_lowercase();
        let day = DAYS
            .iter()
            .position(|day| *day == lower || lower.len() == 3 && day.starts_with(&lower));
        day.map(|day| Some(day as i64 + 1)).ok_or_else(|| {
            let shown = shown(&Value::from(&*name));
            let message = format!("{}: startOfWeek is no day of the week: {shown}", self.name);
            failure::failed_to_parse(message)
        })
    }
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Unit {
    fn parse(name: &str) -> Option<Unit> {
        Some(match name {
            "year" => Unit::Year,
            "quarter" => Unit::Quarter,
            "month" => Unit::Month,
            "week" => Unit::Week,
            "day" => Unit::Day,
            "hour" => Unit::Hour,
            "minute" => Unit::Minute,
            "second" => Unit::Second,
            "millisecond" => Unit::Millisecond,
            _ => return None,
        })
    }

    /// Its length, if it always has the same.
    pub fn millis(self) -> Option<i64> {
        Some(match self {
            Unit::Hour => 3_600_000,
            Unit::Minute => 60_000,
            Unit::Second => 1000,
            Unit::Millisecond => 1,
            _ => return None,
        })
    }
}
