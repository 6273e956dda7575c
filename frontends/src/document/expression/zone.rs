//! Time zones: UTC, offsets, and those of the Olson database, which is built in.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Result;
use crate::document::failure;

/// A time zone.
#[derive(Clone, Debug)]
pub(super) enum Zone {
    /// So many milliseconds ahead of UTC, always.
    Fixed(i64),
    /// As its laws have it.
    Named(TimeZone),
}

impl Zone {
    /// No offset.
    pub const UTC: Zone = Zone::Fixed(0);

    /// Reads `UTC`, `GMT`, `Z`, `+05`, `-0530`, `+05:30`, or a name such as `Europe/Berlin`.
    pub fn parse(name: &str) -> Result<Zone> {
        if matches!(name, "UTC" | "GMT" | "Z" | "z") {
            return Ok(Zone::UTC);
        }
        if let Some(offset) = offset(name) {
            return Ok(Zone::Fixed(offset));
        }
        match TimeZone::get(name) {
            Ok(zone) => Ok(Zone::Named(zone)),
            Err(_) => {
                let message = format!("unrecognized time zone identifier: {name:.100?}");
                Err(failure::invalid(40485, message))
            }
        }
    }

    /// Milliseconds that local time is ahead of UTC at a moment.
    pub fn offset_at(&self, millis: i64) -> i64 {
        match self {
            Zone::Fixed(offset) => *offset,
            Zone::Named(zone) => {
                let (min, max) = (Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
                let at = Timestamp::from_millisecond(millis.clamp(min, max)).unwrap_or_default();
                i64::from(zone.to_offset(at).seconds()) * 1000
            }
        }
    }

    /// Local milliseconds of a moment.
    pub fn to_local(&self, millis: i64) -> i64 {
        millis.saturating_add(self.offset_at(millis))
    }

    /// The moment of local milliseconds: of two the earlier one; one that clocks jump over is
    /// counted on from before the jump.
    pub fn moment_of(&self, local: i64) -> i64 {
        const DAY: i64 = 86_400_000;
        if let Zone::Fixed(offset) = self {
            return local.saturating_sub(*offset);
        }
        let before = local.saturating_sub(self.offset_at(local.saturating_sub(DAY)));
        let after = local.saturating_sub(self.offset_at(local.saturating_add(DAY)));
        if self.to_local(before) != local && self.to_local(after) == local { after } else { before }
    }
}

/// Milliseconds of `+hh`, `+hhmm` or `+hh:mm`.
fn offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = match rest.split_once(':') {
        Some((hours, minutes)) if hours.len() == 2 && minutes.len() == 2 => {
            [hours, minutes].concat()
        }
        Some(_) => return None,
        None => rest.to_owned(),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let (hours, minutes) = match digits.len() {
        2 => (number, 0),
        4 => (number / 100, number % 100),
        _ => return None,
    };
    Some(sign * (hours * 60 + minutes) * 60_000)
}
