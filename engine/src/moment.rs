//! Moments as text: UTC, as RFC 3339 writes it, or milliseconds since 1970.
//!
//! Not for: what the time is.

#[cfg(test)]
mod tests;

/// The milliseconds since 1970 UTC that a text means.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<u64, String> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    read(text).ok_or_else(|| {
        "no time such as 2026-01-31T23:59:59Z or 2026-01-31T23:59:59+01:00".to_owned()
    })
}

fn read(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let (time, ahead_minutes) = local(time)?;
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut time = time.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    let fits = (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        return None;
    }
    let ms = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    let days = days_before(year, month) + day - 1;
    let local_ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms;
    local_ms.checked_add_signed(-ahead_minutes * 60_000)
}

/// A time of day without its offset, and how many minutes its clock is ahead of UTC.
fn local(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let (time, offset) = time.split_at_checked(time.len().checked_sub(6)?)?;
    let ahead = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some((time, ahead * (hours * 60 + minutes)))
}

/// A moment as `2026-01-31T23:59:59.999Z`.
pub fn text(ms: u64) -> String {
    let (seconds, days) = (ms / 1000, ms / 86_400_000);
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let mut month = 12;
    while days_before(year, month) > days {
        month -= 1;
    }
    let day = days - days_before(year, month) + 1;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Days that a month (1 to 12) has.
fn days_of(year: u64, month: u64) -> u64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_before(next_year, next) - days_before(year, month)
}

/// Days from 1970-01-01 to the first of a month (1 to 12), in the Gregorian calendar.
fn days_before(year: u64, month: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let last = year - 1;
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = leap_days(year) > leap_days(last);
    let in_year = BEFORE.get(month as usize - 1).copied().unwrap_or(0);
    (year - 1970) * 365 + leap_days(last) - leap_days(1969)
        + in_year
        + u64::from(is_leap && month > 2)
}
