//! `$dateToString` and `$dateFromString`.

use super::date_format::{self, DEFAULT_LOCAL, DEFAULT_UTC};
use super::date_parse::{self, Wrong};
use super::operator::{Args, Operator, Takes, Worth, null, shown, worth};
use super::zone::Zone;
use crate::Result;
use crate::document::failure;
use crate::document::value::{DateTime, Value};

const TO: Takes =
    Takes::Named(&[("date", true), ("format", false), ("timezone", false), ("onNull", false)]);
const FROM: Takes = Takes::Named(&[
    ("dateString", true),
    ("format", false),
    ("timezone", false),
    ("onError", false),
    ("onNull", false),
]);

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$dateToString", takes: TO, function: to_string },
    Operator { name: "$dateFromString", takes: FROM, function: from_string },
];

fn to_string<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let format = args.text(1, 18533, "format")?;
    if format.is_none() && args.given(1) {
        return null();
    }
    let Some(at) = args.moment(0)? else {
        return if args.given(3) { args.get(3) } else { null() };
    };
    let Some(zone) = args.zone(2)? else { return null() };
    let default = if matches!(zone, Zone::Fixed(0)) { DEFAULT_UTC } else { DEFAULT_LOCAL };
    worth(date_format::write(at.millis(), &zone, format.as_deref().unwrap_or(default))?)
}

/// Reads a date; what is wrong with it is code 241.
pub(super) fn parse(text: &str, format: Option<&str>, zone: Option<&Zone>) -> Result<DateTime> {
    let read = match format {
        Some(format) => date_parse::read_by(text, format, zone),
        None => date_parse::read(text, zone),
    };
    read.map(DateTime::from_millis).map_err(|wrong| {
        let text = shown(&Value::from(text));
        failure::conversion_failure(match (wrong, format) {
            (Wrong::TwoZones, _) => format!("the date {text} has a time zone, and one was given"),
            (Wrong::Form, None) => format!("{text} is no date"),
            (Wrong::Form, Some(format)) => format!("{text} is no date of the format {format:.80?}"),
        })
    })
}

fn from_string<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let text = args.present(0)?;
    let format = args.text(1, 40684, "format")?;
    if format.is_none() && args.given(1) {
        return null();
    }
    let zone = if args.given(2) { args.zone(2)?.map(Some) } else { Some(None) };
    let Some(text) = text else {
        return if args.given(4) { args.get(4) } else { null() };
    };
    let Some(zone) = zone else { return null() };
    let parsed = match &text {
        Value::String(text) => parse(text, format.as_deref(), zone.as_ref()),
        other => {
            let kind = other.kind().name();
            let message = format!("$dateFromString needs a string as dateString, not {kind}");
            Err(failure::conversion_failure(message))
        }
    };
    match parsed {
        Ok(at) => worth(at),
        Err(_) if args.given(3) => args.get(3),
        Err(problem) => Err(problem),
    }
}
