//! Operators on the values at a path: what each takes, and the test that it makes.

use super::bits::{BitRule, BitTest};
use super::node::{Kinds, Node, Remainder, Side, Test};
use super::parse::{Parsing, Target, is_operators};
use crate::Result;
use crate::document::failure;
use crate::document::pattern::Pattern;
use crate::document::value::{Document, Kind, Value};

/// Operators of MongoDB's on paths that are not here.
const UNSUPPORTED: [&str; 10] = [
    "$geoWithin",
    "$geoIntersects",
    "$near",
    "$nearSphere",
    "$within",
    "$geoNear",
    "$maxDistance",
    "$minDistance",
    "$encStrContains",
    "$geometry",
];

/// What stands where paths do, so that an `$elemMatch` that begins with it is of documents.
const TOP_LEVEL: [&str; 10] = [
    "$and",
    "$or",
    "$nor",
    "$expr",
    "$where",
    "$text",
    "$jsonSchema",
    "$comment",
    "$alwaysTrue",
    "$alwaysFalse",
];

/// Reads one operator; `None` where another one of the same document has read it already.
pub fn parse(
    parsing: &mut Parsing<'_>,
    target: Target<'_>,
    name: &str,
    value: &Value<'_>,
    siblings: &Document<'_>,
) -> Result<Option<Node>> {
    match name {
        "$not" => not(parsing, target, value).map(Some),
        "$all" => all(parsing, target, value).map(Some),
        "$elemMatch" => Ok(Some(target.passes(element(parsing, value)?))),
        _ => plain(target, name, value, siblings),
    }
}

/// Reads an operator that holds no others. Apart, so that nesting needs little stack.
fn plain(
    target: Target<'_>,
    name: &str,
    value: &Value<'_>,
    siblings: &Document<'_>,
) -> Result<Option<Node>> {
    let passes = |test| target.passes(test);
    Ok(Some(match name {
        "$eq" => passes(equal(value)?),
        "$ne" => {
            if matches!(value, Value::Regex(_)) {
                return Err(failure::bad_value("$ne takes no regular expression; use $not"));
            }
            passes(equal(value)?).negated()
        }
        "$lt" => passes(compare(Side::Below, value)?),
        "$lte" => passes(compare(Side::AtMost, value)?),
        "$gte" => passes(compare(Side::AtLeast, value)?),
        "$gt" => passes(compare(Side::Above, value)?),
        "$in" => listed(name, value)?.map_or(Node::Never, passes),
        "$nin" => listed(name, value)?.map_or(Node::Never, passes).negated(),
        "$exists" if value.is_true() => passes(Test::Exists),
        "$exists" => passes(Test::Exists).negated(),
        "$type" => passes(Test::Type(kinds(value)?)),
        "$regex" => passes(Test::Matches(regex(value, siblings)?)),
        "$comment" => return Ok(None),
        "$options" if siblings.contains("$regex") => return Ok(None),
        "$options" => return Err(failure::bad_value("$options needs a $regex")),
        "$mod" => passes(Test::Mod(remainder(value)?)),
        "$size" => passes(Test::Size(size(value)?)),
        "$bitsAllSet" => passes(Test::Bits(BitTest::parse(BitRule::AllSet, value)?)),
        "$bitsAnySet" => passes(Test::Bits(BitTest::parse(BitRule::AnySet, value)?)),
        "$bitsAllClear" => passes(Test::Bits(BitTest::parse(BitRule::AllClear, value)?)),
        "$bitsAnyClear" => passes(Test::Bits(BitTest::parse(BitRule::AnyClear, value)?)),
        _ if UNSUPPORTED.contains(&name) => {
            return Err(failure::unsupported(format!("{name} is not supported in filters")));
        }
        _ => return Err(failure::bad_value(format!("unknown operator: {name}"))),
    }))
}

/// The test of being equal to a value.
pub fn equal(value: &Value<'_>) -> Result<Test> {
    if matches!(value, Value::Undefined) {
        return Err(failure::bad_value("cannot compare to undefined"));
    }
    Ok(Test::Equal(value.clone().into_static()))
}

fn compare(side: Side, value: &Value<'_>) -> Result<Test> {
    match value {
        Value::Undefined => Err(failure::bad_value("cannot compare to undefined")),
        Value::Regex(_) => {
            let operator = side.operator();
            Err(failure::bad_value(format!("{operator} takes no regular expression")))
        }
        other => Ok(Test::Compare(side, other.clone().into_static())),
    }
}

/// The test of being in a list; `None` for the empty one.
fn listed(name: &str, value: &Value<'_>) -> Result<Option<Test>> {
    let Value::Array(array) = value else {
        return Err(failure::bad_value(format!("{name} needs an array")));
    };
    let (mut values, mut patterns) = (Vec::new(), Vec::new());
    for item in array {
        match item {
            Value::Regex(regex) => patterns.push(Pattern::new(regex.pattern(), regex.options())?),
            Value::Document(document) if is_operators(&document) => {
                return Err(failure::bad_value(format!("cannot nest $ under {name}")));
            }
            Value::Undefined => return Err(failure::bad_value("cannot compare to undefined")),
            other => values.push(other.into_static()),
        }
    }
    Ok(Test::any_of(values, patterns))
}

fn not(parsing: &mut Parsing<'_>, target: Target<'_>, value: &Value<'_>) -> Result<Node> {
    match value {
        Value::Regex(regex) => {
            let pattern = Pattern::new(regex.pattern(), regex.options())?;
            Ok(target.passes(Test::Matches(pattern)).negated())
        }
        Value::Document(document) if document.is_empty() => {
            Err(failure::bad_value("$not cannot be empty"))
        }
        Value::Document(document) => {
            Ok(parsing.nested(|parsing| parsing.operators(target, document))?.negated())
        }
        _ => Err(failure::bad_value("$not needs a regex or a document")),
    }
}

/// The types that `$type` lists, or the only one.
fn kinds(value: &Value<'_>) -> Result<Kinds> {
    let Value::Array(array) = value else { return add_kind(Kinds::NONE, value) };
    if array.is_empty() {
        return Err(failure::failed_to_parse("$type must match at least one type"));
    }
    array.iter().try_fold(Kinds::NONE, |kinds, item| add_kind(kinds, &item))
}

fn add_kind(kinds: Kinds, value: &Value<'_>) -> Result<Kinds> {
    if let Value::String(name) = value {
        if name == "number" {
            return Ok(Kind::all().filter(|kind| kind.is_number()).fold(kinds, Kinds::with));
        }
        let kind = Kind::from_name(name);
        return kind
            .map(|kind| kinds.with(kind))
            .ok_or_else(|| failure::bad_value(format!("unknown type name alias: {name}")));
    }
    let Some(number) = value.number() else {
        return Err(failure::type_mismatch(format!(
            "$type takes a number or the name of a type, not {value:?}"
        )));
    };
    match number.to_exact_i64().and_then(Kind::from_number) {
        Some(kind) => Ok(kinds.with(kind)),
        None => Err(failure::bad_value(format!("invalid numerical type code: {value:?}"))),
    }
}

fn regex(value: &Value<'_>, siblings: &Document<'_>) -> Result<Pattern> {
    let options = match siblings.get("$options") {
        Some(Value::String(options)) => Some(options.into_owned()),
        Some(_) => return Err(failure::bad_value("$options has to be a string")),
        None => None,
    };
    match value {
        Value::String(pattern) => Pattern::new(pattern, options.as_deref().unwrap_or_default()),
        Value::Regex(regex) => match options {
            Some(_) if !regex.options().is_empty() => {
                Err(failure::invalid(51075, "options set in both $regex and $options"))
            }
            Some(options) => Pattern::new(regex.pattern(), &options),
            None => Pattern::new(regex.pattern(), regex.options()),
        },
        _ => Err(failure::bad_value("$regex has to be a string")),
    }
}

fn remainder(value: &Value<'_>) -> Result<Remainder> {
    let malformed = |what: &str| failure::bad_value(format!("malformed mod, {what}"));
    let Value::Array(array) = value else { return Err(malformed("needs to be an array")) };
    match array.len() {
        0 | 1 => return Err(malformed("not enough elements")),
        2 => {}
        _ => return Err(malformed("too many elements")),
    }
    let part = |index, what: &str| {
        let number = array.get(index).and_then(|value| value.number());
        let number = number.ok_or_else(|| malformed(what))?;
        number
            .truncated_to_i64()
            .ok_or_else(|| failure::bad_value(format!("malformed mod, {number:?} is out of range")))
    };
    let divisor = part(0, "divisor not a number")?;
    let remainder = part(1, "remainder not a number")?;
    if divisor == 0 {
        return Err(failure::bad_value("divisor cannot be 0"));
    }
    Ok(Remainder { divisor, remainder })
}

fn size(value: &Value<'_>) -> Result<u64> {
    let wrong = |what| failure::bad_value(format!("failed to parse $size: {what} in {value:?}"));
    let number = value.number().ok_or_else(|| wrong("expected a number"))?;
    let whole = number.to_exact_i64().ok_or_else(|| wrong("expected an integer"))?;
    u64::try_from(whole).map_err(|_| wrong("expected a non-negative number"))
}

/// `$all`: each of the values, patterns or `$elemMatch`es.
fn all(parsing: &mut Parsing<'_>, target: Target<'_>, value: &Value<'_>) -> Result<Node> {
    let Value::Array(array) = value else {
        return Err(failure::bad_value("$all needs an array"));
    };
    if array.is_empty() {
        return Ok(Node::Never);
    }
    let by_element = |value: &Value<'_>| {
        let document = value.as_document();
        document.is_some_and(|it| it.iter().next().is_some_and(|(name, _)| name == "$elemMatch"))
    };
    let elements = array.iter().filter(by_element).count();
    if elements > 0 && elements < array.len() {
        return Err(failure::bad_value("$all with $elemMatch must have nothing else in it"));
    }
    let mut parts = Vec::new();
    for item in array {
        parts.push(match &item {
            Value::Document(document) if elements > 0 => {
                if document.len() > 1 {
                    return Err(failure::bad_value("$elemMatch in $all must stand alone"));
                }
                parsing.nested(|parsing| parsing.operators(target, document))?
            }
            Value::Document(document) if is_operators(document) => {
                return Err(failure::bad_value("no $ expressions in $all"));
            }
            Value::Regex(regex) => {
                target.passes(Test::Matches(Pattern::new(regex.pattern(), regex.options())?))
            }
            other => target.passes(equal(other)?),
        });
    }
    Ok(Node::and(parts))
}

/// `$elemMatch`: operators on values, or a filter on documents.
fn element(parsing: &mut Parsing<'_>, value: &Value<'_>) -> Result<Test> {
    let Value::Document(document) = value else {
        return Err(failure::bad_value("$elemMatch needs an object"));
    };
    let first = document.iter().next().map(|(name, _)| name.to_owned());
    let of_documents = first.is_some_and(|name| TOP_LEVEL.contains(&&*name));
    if is_operators(document) && !of_documents {
        let node = parsing.nested(|parsing| parsing.operators(Target::Value, document))?;
        return Ok(Test::Element(Box::new(node)));
    }
    Ok(Test::ElementDocument(Box::new(parsing.element(document)?)))
}
