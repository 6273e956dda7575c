//! Projections read from documents.

use super::Projection;
use super::find::{self, Slice};
use super::tree::{Branch, Child, Rest};
use crate::Result;
use crate::document::expression::{Expression, Scope};
use crate::document::failure;
use crate::document::value::{Document, Path, Value};

/// How deeply projections may be nested.
const DEPTH_MAX: usize = 100;

/// Whose projection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// That of `find`.
    Find,
    /// That of `$project`.
    Aggregate,
}

pub fn project(
    specification: &Document<'_>,
    language: Language,
    scope: &mut Scope,
) -> Result<Projection> {
    if specification.is_empty() {
        return match language {
            Language::Find => {
                Ok(Projection { root: Branch::default(), rest: Rest::Kept, positional: None })
            }
            Language::Aggregate => {
                Err(failure::invalid(51272, "a projection must have at least one field"))
            }
        };
    }
    let mut parsing = Parsing {
        language,
        scope,
        entries: Vec::new(),
        rest: None,
        positional: None,
        matched: false,
    };
    parsing.fields(specification, "", 0)?;
    parsing.finish()
}

pub fn add_fields(specification: &Document<'_>, scope: &mut Scope) -> Result<Projection> {
    if specification.is_empty() {
        return Err(failure::invalid(40177, "at least one field must be added"));
    }
    let mut root = Branch::default();
    add_computed(specification, "", 0, scope, &mut root)?;
    Ok(Projection { root, rest: Rest::Kept, positional: None })
}

fn add_computed(
    fields: &Document<'_>,
    at: &str,
    depth: usize,
    scope: &mut Scope,
    root: &mut Branch,
) -> Result<()> {
    check_depth(depth)?;
    for (name, value) in fields {
        let path = joined(at, name);
        match &value {
            Value::Document(inner) if is_nested(inner) => {
                if inner.is_empty() {
                    let empty = Expression::literal(Document::new().into());
                    root.add(&path, &path, Child::Computed(empty))?;
                } else {
                    add_computed(inner, &path, depth + 1, scope, root)?;
                }
            }
            other => {
                let expression = Expression::parse(other, scope)?;
                root.add(&path, &path, Child::Computed(expression))?;
            }
        }
    }
    Ok(())
}

pub fn unset<'p>(paths: impl IntoIterator<Item = &'p str>) -> Result<Projection> {
    let mut root = Branch::default();
    for path in paths {
        Path::parse(path)?;
        root.add(path, path, Child::Excluded)?;
    }
    Ok(Projection { root, rest: Rest::Kept, positional: None })
}

fn check_depth(depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(failure::overflow(format!(
            "a projection is nested more than {DEPTH_MAX} levels deep"
        )));
    }
    Ok(())
}

/// Whether a document is more of the path rather than an expression.
fn is_nested(document: &Document<'_>) -> bool {
    document.iter().next().is_none_or(|(name, _)| !name.starts_with('$'))
}

fn joined(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// A projection being read.
struct Parsing<'s> {
    language: Language,
    scope: &'s mut Scope,
    entries: Vec<(String, Child)>,
    /// What the first field but `_id` says of those that are not named.
    rest: Option<Rest>,
    positional: Option<Path>,
    matched: bool,
}

impl Parsing<'_> {
    fn fields(&mut self, fields: &Document<'_>, at: &str, depth: usize) -> Result<()> {
        check_depth(depth)?;
        for (name, value) in fields {
            let path = joined(at, name);
            Path::parse(&path)?;
            self.field(&path, &value, depth)?;
        }
        Ok(())
    }

    fn field(&mut self, path: &str, value: &Value<'_>, depth: usize) -> Result<()> {
        let given = match value {
            Value::Bool(given) => Some(*given),
            other => other.number().map(|number| !number.is_zero()),
        };
        if let Some(given) = given {
            return match path.strip_suffix(".$") {
                Some(array) if self.language == Language::Find => self.positional(array, given),
                _ => self.plain(path, given),
            };
        }
        let Value::Document(inner) = value else { return self.computed(path, value) };
        let Some((operator, operand)) = inner.iter().next() else {
            let message = format!("an empty sub-projection is not a valid value, at {path}");
            return Err(failure::invalid(51270, message));
        };
        if !operator.starts_with('$') {
            return self.fields(inner, path, depth + 1);
        }
        match operator {
            "$meta" => Err(failure::unsupported("$meta is not supported in projections")),
            "$slice" if self.language == Language::Find && Slice::is(&operand) => {
                self.entries.push((path.to_owned(), Child::Slice(Slice::parse(&operand)?)));
                Ok(())
            }
            "$elemMatch" if self.language == Language::Find => self.element(path, inner),
            _ => self.computed(path, value),
        }
    }

    fn plain(&mut self, path: &str, given: bool) -> Result<()> {
        // `_id` may be otherwise than the others.
        if path != "_id" {
            self.decide(path, given)?;
        }
        let child = if given { Child::Included } else { Child::Excluded };
        self.entries.push((path.to_owned(), child));
        Ok(())
    }

    fn decide(&mut self, path: &str, given: bool) -> Result<()> {
        match (self.rest, given) {
            (Some(Rest::Kept), true) => {
                let message =
                    format!("cannot do inclusion on field {path} in exclusion projection");
                return Err(failure::invalid(31253, message));
            }
            (Some(Rest::Dropped), false) => {
                let message =
                    format!("cannot do exclusion on field {path} in inclusion projection");
                return Err(failure::invalid(31254, message));
            }
            (_, true) => self.rest = Some(Rest::Dropped),
            (_, false) => self.rest = Some(Rest::Kept),
        }
        Ok(())
    }

    fn computed(&mut self, path: &str, value: &Value<'_>) -> Result<()> {
        if self.rest == Some(Rest::Kept) {
            let message =
                format!("cannot use an expression on field {path} in exclusion projection");
            return Err(failure::invalid(31252, message));
        }
        self.rest = Some(Rest::Dropped);
        let expression = Expression::parse(value, self.scope)?;
        self.entries.push((path.to_owned(), Child::Computed(expression)));
        Ok(())
    }

    fn element(&mut self, path: &str, inner: &Document<'_>) -> Result<()> {
        if path.contains('.') {
            let message = format!("cannot use $elemMatch projection on a nested field: {path}");
            return Err(failure::invalid(31275, message));
        }
        if self.positional.is_some() {
            return Err(both());
        }
        self.matched = true;
        self.decide(path, true)?;
        let element = find::element(inner, self.scope)?;
        self.entries.push((path.to_owned(), Child::Matched(Box::new(element))));
        Ok(())
    }

    fn positional(&mut self, array: &str, given: bool) -> Result<()> {
        if !given {
            let message = "positional projection cannot be used with exclusion";
            return Err(failure::invalid(31395, message));
        }
        if self.positional.is_some() {
            let message = "cannot specify more than one positional projection per query";
            return Err(failure::invalid(31276, message));
        }
        if self.matched {
            return Err(both());
        }
        if array.split('.').any(|part| part == "$") {
            let message = "positional projection may only be used at the end";
            return Err(failure::invalid(31394, message));
        }
        self.decide(array, true)?;
        self.positional = Some(Path::parse(array)?);
        self.entries.push((array.to_owned(), Child::Included));
        Ok(())
    }

    fn finish(self) -> Result<Projection> {
        let id = self.entries.iter().find(|(path, _)| path == "_id").map(|(_, child)| child);
        let only_id = match id {
            Some(Child::Included) => Rest::Dropped,
            _ => Rest::Kept,
        };
        let rest = self.rest.unwrap_or(only_id);
        let id_is_named =
            self.entries.iter().any(|(path, _)| path == "_id" || path.starts_with("_id."));
        let mut root = Branch::default();
        if rest == Rest::Dropped && !id_is_named {
            root.add("_id", "_id", Child::Included)?;
        }
        for (path, child) in self.entries {
            root.add(&path, &path, child)?;
        }
        Ok(Projection { root, rest, positional: self.positional })
    }
}

fn both() -> crate::Error {
    failure::invalid(31255, "cannot specify positional operator and $elemMatch")
}
