//! Expressions out of values: what begins with `$` is a path, a variable or an operator.

use super::operator::{self, Operator, Takes};
use super::prepared::Prepared;
use super::scope::Scope;
use super::{Call, Context, Env, Expression, Node, Which};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, DateTime, Document, Path, Value};

/// Reads an expression.
pub(super) fn expression(value: &Value<'_>, scope: &mut Scope) -> Result<Expression> {
    let node = match value {
        Value::String(text) if text.starts_with('$') => path(text, scope)?,
        Value::Document(fields) => scope.nested(|scope| document(fields, scope))?,
        Value::Array(items) => scope.nested(|scope| array(items, scope))?,
        other => Node::Constant(other.clone().into_static()),
    };
    Ok(Expression(node))
}

/// Reads `$path` or `$$variable.path`.
fn path(text: &str, scope: &Scope) -> Result<Node> {
    let Some(variable) = text.strip_prefix("$$") else {
        let path = field_path(text.strip_prefix('$').unwrap_or_default(), text)?;
        return Ok(match scope.find("CURRENT") {
            Some(place) => Node::Variable(place, Some(path)),
            None => Node::Field(path),
        });
    };
    let (name, rest) = match variable.split_once('.') {
        Some((name, rest)) => (name, Some(field_path(rest, text)?)),
        None => (variable, None),
    };
    if let Some(place) = scope.find(name) {
        return Ok(Node::Variable(place, rest));
    }
    match (name, rest) {
        ("CURRENT", Some(path)) => Ok(Node::Field(path)),
        ("CURRENT", None) => Ok(Node::Whole(Which::Current, None)),
        ("ROOT", path) => Ok(Node::Whole(Which::Root, path)),
        ("NOW", None) => Ok(Node::Now),
        ("REMOVE" | "NOW", _) => Ok(Node::Missing),
        ("DESCEND" | "PRUNE" | "KEEP", None) => {
            Ok(Node::Constant(Value::from(name.to_ascii_lowercase())))
        }
        ("CLUSTER_TIME" | "USER_ROLES" | "SEARCH_META" | "JS_SCOPE" | "IS_MR", _) => {
            Err(failure::unsupported(format!("the variable $${name} is not there")))
        }
        ("", _) => Err(failure::failed_to_parse("empty variable names are not allowed")),
        _ => Err(failure::invalid(17276, format!("use of undefined variable: {name}"))),
    }
}

/// Reads the path that follows a `$`, none of whose parts may be empty or begin with one.
pub(super) fn field_path(path: &str, whole: &str) -> Result<Path> {
    if path.is_empty() {
        return Err(failure::invalid(16872, format!("{whole:?} by itself is not a valid path")));
    }
    if path.ends_with('.') {
        return Err(failure::invalid(40353, format!("a path must not end with '.': {whole:?}")));
    }
    for part in path.split('.') {
        let problem = match part {
            "" => (15998, "must not be empty"),
            _ if part.starts_with('$') => (16410, "must not begin with '$'; use $getField"),
            _ if part.contains('\0') => (16411, "must not hold a zero byte"),
            _ => continue,
        };
        return Err(failure::invalid(
            problem.0,
            format!("field names in a path {}: {whole:?}", problem.1),
        ));
    }
    Path::parse(path)
}

fn array(items: &Array<'_>, scope: &mut Scope) -> Result<Node> {
    let items: Result<Vec<Expression>> =
        items.iter().map(|item| expression(&item, scope)).collect();
    Ok(fold(Node::Array(items?)))
}

fn document(fields: &Document<'_>, scope: &mut Scope) -> Result<Node> {
    if let Some((name, argument)) = fields.iter().next()
        && name.starts_with('$')
    {
        return match fields.len() {
            1 => call(name, &argument, scope),
            _ => Err(failure::invalid(
                15983,
                format!("a document with an operator must have exactly one field: {fields:?}"),
            )),
        };
    }
    let mut made = Vec::new();
    for (name, value) in fields.iter() {
        if name.starts_with('$') {
            return Err(failure::invalid(
                16410,
                format!("a field's name must not begin with '$': {name:?}; use $setField"),
            ));
        }
        if name.contains('.') {
            return Err(failure::invalid(
                16412,
                format!("a field's name must not contain '.': {name:?}; use $setField"),
            ));
        }
        made.push((name.into(), expression(&value, scope)?));
    }
    Ok(fold(Node::Document(made)))
}

/// Reads an operator's arguments.
fn call(name: &str, argument: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let Some(operator) = operator::find(name) else {
        return Err(unknown(name));
    };
    let list = match operator.takes {
        Takes::List(min, max) => listed(operator.name, argument, min, max, scope)?,
        Takes::Named(names) => named(operator.name, argument, names, scope)?,
        Takes::DatePart => date_part(operator.name, argument, scope)?,
        Takes::Own(read) => return read(argument, scope).map(fold),
    };
    Ok(make(operator, list))
}

fn unknown(name: &str) -> crate::Error {
    if super::special::ABSENT.contains(&name) {
        return failure::unsupported(format!("the expression {name} is not supported"));
    }
    failure::invalid_pipeline_operator(format!("unrecognized expression '{name}'"))
}

/// A call of an operator, computed at once where it can be.
pub(super) fn make(operator: &'static Operator, list: Vec<Expression>) -> Node {
    let prepared = Prepared::of(operator, &list);
    fold(Node::Call(Box::new(Call { operator, list, prepared })))
}

/// A call of a function that stands behind an operator whose arguments are read in its own way.
pub(super) fn make_named(name: &str, list: Vec<Expression>) -> Result<Node> {
    operator::find(name).map(|operator| make(operator, list)).ok_or_else(|| unknown(name))
}

/// Reads arguments in an array, or a single one.
fn listed(
    name: &str,
    argument: &Value<'_>,
    min: usize,
    max: usize,
    scope: &mut Scope,
) -> Result<Vec<Expression>> {
    let list = match argument {
        Value::Array(items) => {
            let items = items.iter().map(|item| expression(&item, scope));
            items.collect::<Result<Vec<_>>>()?
        }
        single => vec![expression(single, scope)?],
    };
    let count = list.len();
    if (min..=max).contains(&count) {
        return Ok(list);
    }
    Err(if min == max {
        let message = format!("expression {name} takes exactly {min} arguments, not {count}");
        failure::invalid(16020, message)
    } else if max == operator::ANY {
        failure::invalid(28667, format!("expression {name} takes at least {min} arguments"))
    } else {
        let message = format!("expression {name} takes {min} to {max} arguments, not {count}");
        failure::invalid(28667, message)
    })
}

/// Reads arguments by name, into the order of `names`.
pub(super) fn named(
    operator: &str,
    argument: &Value<'_>,
    names: &[(&str, bool)],
    scope: &mut Scope,
) -> Result<Vec<Expression>> {
    let Value::Document(fields) = argument else {
        return Err(failure::failed_to_parse(format!(
            "{operator} takes a document of named arguments, not {}",
            argument.kind().name()
        )));
    };
    let mut list: Vec<Expression> = names.iter().map(|_| Expression(Node::Missing)).collect();
    let mut given = vec![false; names.len()];
    for (name, value) in fields.iter() {
        let at = names.iter().position(|(other, _)| *other == name);
        let (Some(place), Some(given)) =
            (at.and_then(|at| list.get_mut(at)), at.and_then(|at| given.get_mut(at)))
        else {
            return Err(failure::failed_to_parse(format!(
                "unrecognized argument to {operator}: '{name}'"
            )));
        };
        *place = expression(&value, scope)?;
        *given = true;
    }
    let mut missing = names.iter().zip(&given).filter(|((_, needed), given)| *needed && !**given);
    match missing.next() {
        Some(((name, _), _)) => {
            Err(failure::failed_to_parse(format!("{operator} needs the argument '{name}'")))
        }
        None => Ok(list),
    }
}

/// Reads `{date, timezone}`, or a date alone.
fn date_part(name: &str, argument: &Value<'_>, scope: &mut Scope) -> Result<Vec<Expression>> {
    let is_operator =
        |fields: &Document<'_>| fields.iter().next().is_some_and(|(name, _)| name.starts_with('$'));
    match argument {
        Value::Document(fields) if !is_operator(fields) => {
            named(name, argument, &[("date", true), ("timezone", false)], scope)
        }
        Value::Array(items) if items.len() != 1 => Err(failure::invalid(
            40536,
            format!("{name} takes exactly one argument in an array, not {}", items.len()),
        )),
        Value::Array(items) => {
            let items = items.iter().map(|item| expression(&item, scope));
            items.collect()
        }
        single => Ok(vec![expression(single, scope)?]),
    }
}

/// Computes what is constant. What fails stays as it is, to fail where it is evaluated.
pub(super) fn fold(node: Node) -> Node {
    let constant =
        |expression: &Expression| matches!(expression.0, Node::Constant(_) | Node::Missing);
    let foldable = match &node {
        Node::Document(fields) => fields.iter().all(|(_, expression)| constant(expression)),
        Node::Array(items) => items.iter().all(constant),
        Node::Call(call) => is_pure(call.operator.name) && call.list.iter().all(constant),
        _ => false,
    };
    if !foldable {
        return node;
    }
    let whole = Expression(node);
    let (document, context) = (operator::nothing(), Context::new(DateTime::from_millis(0), 0));
    let folded = match whole.evaluate(&Env::new(&document, &context)) {
        Ok(Some(value)) => Some(Node::Constant(value.into_static())),
        Ok(None) => Some(Node::Missing),
        Err(_) => None,
    };
    folded.unwrap_or(whole.0)
}

/// Whether an operator gives the same for the same arguments, and no more than they warrant.
fn is_pure(name: &str) -> bool {
    !matches!(name, "$rand" | "$sampleRate" | "$range")
}
