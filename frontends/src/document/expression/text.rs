//! Text: joined, split, trimmed, replaced, measured, compared.

use std::borrow::Cow;

use super::argument::{check_text, lenient_text, text};
use super::operator::{ANY, Args, Operator, Takes, Worth, null, shown, type_name, worth};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Value};

const TRIM: Takes = Takes::Named(&[("input", true), ("chars", false)]);
const REPLACE: Takes = Takes::Named(&[("input", true), ("find", true), ("replacement", true)]);

pub(super) const OPERATORS: &[Operator] = &[
    Operator { name: "$concat", takes: Takes::List(0, ANY), function: concat },
    Operator { name: "$split", takes: Takes::List(2, 2), function: split },
    Operator { name: "$strLenBytes", takes: Takes::List(1, 1), function: len_bytes },
    Operator { name: "$strLenCP", takes: Takes::List(1, 1), function: len_points },
    Operator { name: "$strcasecmp", takes: Takes::List(2, 2), function: compare_case },
    Operator { name: "$toLower", takes: Takes::List(1, 1), function: to_lower },
    Operator { name: "$toUpper", takes: Takes::List(1, 1), function: to_upper },
    Operator { name: "$trim", takes: TRIM, function: |args| trimmed(args, Ends::Both) },
    Operator { name: "$ltrim", takes: TRIM, function: |args| trimmed(args, Ends::Left) },
    Operator { name: "$rtrim", takes: TRIM, function: |args| trimmed(args, Ends::Right) },
    Operator { name: "$replaceOne", takes: REPLACE, function: |args| replaced(args, 1) },
    Operator { name: "$replaceAll", takes: REPLACE, function: |args| replaced(args, usize::MAX) },
];

fn concat<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let mut all = String::new();
    for value in args.each() {
        match value? {
            None | Some(Value::Null | Value::Undefined) => return null(),
            Some(Value::String(part)) => {
                check_text(args.name, all.len() + part.len())?;
                all.push_str(&part);
            }
            Some(other) => {
                let kind = other.kind().name();
                let message = format!("$concat only supports strings, not {kind}");
                return Err(failure::invalid(16702, message));
            }
        }
    }
    worth(all)
}

fn split<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (input, separator) = (args.present(0)?, args.present(1)?);
    if input.is_none() || separator.is_none() {
        return null();
    }
    let input = text(input, 40085, "$split's first argument")?;
    let separator = text(separator, 40086, "$split's second argument")?;
    if separator.is_empty() {
        return Err(failure::invalid(40087, "$split needs a separator that is not empty"));
    }
    let parts: Vec<Value<'d>> = match input {
        Cow::Borrowed(input) => input.split(&*separator).map(Value::from).collect(),
        Cow::Owned(input) => {
            input.split(&*separator).map(|part| Value::from(part.to_owned())).collect()
        }
    };
    worth(Array::from(parts))
}

fn measured<'d>(args: &Args<'_, 'd>, code: i32, measure: fn(&str) -> usize) -> Worth<'d> {
    let text = text(args.get(0)?, code, &format!("{}'s argument", args.name))?;
    worth(measure(&text) as i32)
}

fn len_bytes<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    measured(args, 34473, str::len)
}

fn len_points<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    measured(args, 34471, |text| text.chars().count())
}

fn compare_case<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let (a, b) = (lenient_text(args.get(0)?)?, lenient_text(args.get(1)?)?);
    let upper = |text: &str| text.to_ascii_uppercase();
    worth(upper(&a).cmp(&upper(&b)) as i32)
}

/// Only letters of ASCII change, as MongoDB promises no more.
fn to_lower<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let mut text = lenient_text(args.get(0)?)?;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        text.to_mut().make_ascii_lowercase();
    }
    worth(text)
}

fn to_upper<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let mut text = lenient_text(args.get(0)?)?;
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        text.to_mut().make_ascii_uppercase();
    }
    worth(text)
}

/// Which ends of a text are trimmed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Both,
    Left,
    Right,
}

/// What is trimmed unless told otherwise: MongoDB's list of blanks.
fn is_blank(letter: char) -> bool {
    matches!(letter, '\0' | '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
}

fn trimmed<'d>(args: &Args<'_, 'd>, ends: Ends) -> Worth<'d> {
    let (Some(input), Some(letters)) = (args.present(0)?, letters(args)?) else { return null() };
    let input = match input {
        Value::String(input) => input,
        other => {
            let (shown, kind) = (shown(&other), other.kind().name());
            let message =
                format!("{} needs a string as its input, not {shown} ({kind})", args.name);
            return Err(failure::invalid(50699, message));
        }
    };
    let cut = |letter: char| match &letters {
        Letters::Blanks => is_blank(letter),
        Letters::These(these) => these.contains(letter),
    };
    worth(match input {
        Cow::Borrowed(input) => Cow::Borrowed(trim(input, ends, cut)),
        Cow::Owned(input) => Cow::Owned(trim(&input, ends, cut).to_owned()),
    })
}

fn trim(text: &str, ends: Ends, cut: impl Fn(char) -> bool + Copy) -> &str {
    let text = if ends == Ends::Right { text } else { text.trim_start_matches(cut) };
    if ends == Ends::Left { text } else { text.trim_end_matches(cut) }
}

/// What is trimmed.
enum Letters<'d> {
    Blanks,
    These(Cow<'d, str>),
}

/// What is trimmed; `None` when null or missing is given.
fn letters<'d>(args: &Args<'_, 'd>) -> Result<Option<Letters<'d>>> {
    if !args.given(1) {
        return Ok(Some(Letters::Blanks));
    }
    match args.present(1)? {
        None => Ok(None),
        Some(Value::String(these)) => Ok(Some(Letters::These(these))),
        Some(other) => {
            let kind = other.kind().name();
            let message = format!("{} needs 'chars' to be a string, not {kind}", args.name);
            Err(failure::invalid(50700, message))
        }
    }
}

fn replaced<'d>(args: &Args<'_, 'd>, times: usize) -> Worth<'d> {
    let texts = [(0, 51746, "input"), (1, 51745, "find"), (2, 51744, "replacement")];
    let mut found: [Cow<'d, str>; 3] = Default::default();
    let mut nothing = false;
    for ((at, code, what), place) in texts.into_iter().zip(&mut found) {
        match args.get(at)? {
            None | Some(Value::Null | Value::Undefined) => nothing = true,
            Some(Value::String(text)) => *place = text,
            other => {
                let kind = type_name(other.as_ref());
                let message = format!("{} needs '{what}' to be a string, not {kind}", args.name);
                return Err(failure::invalid(code, message));
            }
        }
    }
    if nothing {
        return null();
    }
    let [input, find, replacement] = &found;
    let count = input.matches(&**find).take(times).count();
    check_text(args.name, input.len().saturating_add(count.saturating_mul(replacement.len())))?;
    worth(input.replacen(&**find, replacement, times))
}
