//! Regular expressions: `$regexFind`, `$regexFindAll`, `$regexMatch`.

use fancy_regex::Captures;

use super::operator::{Args, Function, Operator, Takes, Worth, null, type_name, worth};
use super::prepared::Prepared;
use crate::Result;
use crate::document::failure;
use crate::document::pattern::{LineEnd, Pattern};
use crate::document::value::{Array, Document, Value};

const fn takes(name: &'static str, function: Function) -> Operator {
    let names = &[("input", true), ("regex", true), ("options", false)];
    Operator { name, takes: Takes::Named(names), function }
}

pub(super) const OPERATORS: &[Operator] =
    &[takes("$regexFind", find), takes("$regexFindAll", find_all), takes("$regexMatch", is_match)];

/// Compiles a pattern, a text or a regular expression, with options that may stand apart.
pub(super) fn compile(
    name: &str,
    regex: &Value<'_>,
    options: Option<&Value<'_>>,
) -> Result<Pattern> {
    let options = match options {
        None | Some(Value::Null | Value::Undefined) => None,
        Some(Value::String(options)) => Some(&**options),
        Some(other) => {
            let kind = other.kind().name();
            let message = format!("{name} needs 'options' to be a string, not {kind}");
            return Err(failure::invalid(51106, message));
        }
    };
    let (pattern, own) = match regex {
        Value::String(pattern) => (&**pattern, ""),
        Value::Regex(regex) => (regex.pattern(), regex.options()),
        other => {
            let kind = other.kind().name();
            let message = format!("{name} needs 'regex' to be a string or regex, not {kind}");
            return Err(failure::invalid(51105, message));
        }
    };
    if options.is_some() && !own.is_empty() {
        let message = format!("{name} has options both in 'regex' and in 'options'");
        return Err(failure::invalid(51107, message));
    }
    Pattern::with_line_end(pattern, options.unwrap_or(own), LineEnd::LookedAt)
}

/// Hands the input and the pattern on; `None` when one of them is null or missing.
fn with<'d, T>(
    args: &Args<'_, 'd>,
    found: impl FnOnce(&str, &Pattern) -> Result<T>,
) -> Result<Option<T>> {
    let (input, regex) = (args.present(0)?, args.present(1)?);
    if let Some(other) = input.as_ref().filter(|input| !matches!(input, Value::String(_))) {
        let kind = type_name(Some(other));
        let message = format!("{} needs 'input' to be a string, not {kind}", args.name);
        return Err(failure::invalid(51104, message));
    }
    let Some(regex) = regex else { return Ok(None) };
    let parsed;
    let pattern = match args.prepared {
        Prepared::Pattern(pattern) => pattern,
        _ => {
            parsed = compile(args.name, &regex, args.get(2)?.as_ref())?;
            &parsed
        }
    };
    match input {
        Some(Value::String(input)) => found(&input, pattern).map(Some),
        _ => Ok(None),
    }
}

/// One match: the text, where it begins in code points, and the groups.
fn described(input: &str, captures: &Captures<'_, str>) -> Value<'static> {
    let whole = captures.get(0);
    let (text, start) = whole.map_or(("", 0), |whole| (whole.as_str(), whole.start()));
    let index = input.get(..start).map_or(0, |before| before.chars().count());
    let groups = captures.iter().skip(1);
    let groups: Array<'static> = groups
        .map(|group| group.map_or(Value::Null, |group| Value::from(group.as_str().to_owned())))
        .collect();
    let fields = vec![
        ("match".into(), Value::from(text.to_owned())),
        ("idx".into(), Value::Int32(index as i32)),
        ("captures".into(), Value::Array(groups)),
    ];
    Value::Document(Document::from_fields(fields))
}

fn find<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let found = with(args, |input, pattern| {
        let captures =
            pattern.compiled().captures(input).map_err(|problem| pattern.exhausted(&problem))?;
        Ok(captures.map(|captures| described(input, &captures)))
    })?;
    match found.flatten() {
        Some(found) => worth(found),
        None => null(),
    }
}

fn find_all<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let found = with(args, |input, pattern| {
        let mut all = Vec::new();
        for captures in pattern.compiled().captures_iter(input) {
            all.push(described(input, &captures.map_err(|problem| pattern.exhausted(&problem))?));
        }
        Ok(all)
    })?;
    worth(Array::from(found.unwrap_or_default()))
}

fn is_match<'d>(args: &Args<'_, 'd>) -> Worth<'d> {
    let found = with(args, |input, pattern| pattern.is_match(input))?;
    worth(found.unwrap_or(false))
}
