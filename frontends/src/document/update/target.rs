//! The paths that operators write to: what they may be, which of them meet, and where positions in
//! them lead in one document.

use std::cmp::Ordering;

use super::array_filter::ArrayFilters;
use crate::Result;
use crate::document::expression::Context;
use crate::document::failure;
use crate::document::value::{Document, Path, Segment, Value};

/// A path with the positional operators in it.
#[derive(Clone, Debug)]
pub struct Target {
    path: Path,
    /// Whether it holds `$`, `$[]` or `$[name]`.
    is_dynamic: bool,
}

impl Target {
    /// Reads a path.
    pub fn parse(text: &str, filters: &mut ArrayFilters) -> Result<Target> {
        if text.is_empty() {
            return Err(failure::empty_field_name("an empty update path is not valid"));
        }
        let path = Path::parse(text)?;
        if path.has_empty_segment() {
            let message = format!("the update path '{text}' contains an empty field name");
            return Err(failure::empty_field_name(message));
        }
        let mut is_dynamic = false;
        for (at, segment) in path.segments().iter().enumerate() {
            let name = segment.name();
            if !name.starts_with('$') {
                continue;
            }
            if name == "$" || name == "$[]" || identifier(name).is_some() {
                if at == 0 {
                    return Err(failure::bad_value(format!(
                        "cannot have array filter identifier or '$' at the beginning of path \
                         '{text}'"
                    )));
                }
                is_dynamic = true;
            } else {
                return Err(failure::dollar_prefixed_field_name(format!(
                    "the dollar ($) prefixed field '{name}' in '{text}' is not valid for storage"
                )));
            }
            if let Some(identifier) = identifier(name) {
                filters.need(identifier, text)?;
            }
        }
        let positions = path.segments().iter().filter(|segment| segment.name() == "$").count();
        if positions > 1 {
            let message = format!("too many positional (i.e. '$') elements found in path '{text}'");
            return Err(failure::bad_value(message));
        }
        Ok(Target { path, is_dynamic })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it leads elsewhere in every document.
    pub fn is_dynamic(&self) -> bool {
        self.is_dynamic
    }
}

/// The name in `$[name]`.
fn identifier(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix("$[")?.strip_suffix(']')?;
    (!name.is_empty()).then_some(name)
}

/// The order in which operators take effect: part by part, numbers before names.
pub fn order(a: &Path, b: &Path) -> Ordering {
    let key = |segment: &Segment| (segment.index().is_none(), segment.index());
    let (mut a, mut b) = (a.segments().iter(), b.segments().iter());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let order = key(a).cmp(&key(b)).then_with(|| a.name().cmp(b.name()));
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

/// Checks paths in order: none is another or leads into one.
pub fn check_apart<'p>(mut paths: impl Iterator<Item = &'p Path>) -> Result<()> {
    let Some(mut before) = paths.next() else { return Ok(()) };
    for path in paths {
        let (outer, inner) = (before.segments(), path.segments());
        if inner.get(..outer.len()) == Some(outer) {
            return Err(conflict(path, before.as_str()));
        }
        before = path;
    }
    Ok(())
}

/// Checks that `$[]` and `$[name]` have no named fields beside them.
pub fn check_positions(targets: &[&Target]) -> Result<()> {
    let every = |segment: &Segment| segment.name().starts_with("$[");
    for dynamic in targets.iter().filter(|target| target.is_dynamic) {
        for other in targets {
            let pairs = dynamic.path.segments().iter().zip(other.path.segments());
            let same = pairs.clone().take_while(|(a, b)| a == b).count();
            let apart = pairs.clone().nth(same);
            if same > 0 && apart.is_some_and(|(a, b)| every(a) != every(b)) {
                let parts = dynamic.path.segments().iter().take(same);
                let names: Vec<&str> = parts.map(Segment::name).collect();
                return Err(conflict(&other.path, &names.join(".")));
            }
        }
    }
    Ok(())
}

pub fn conflict(path: &Path, at: &str) -> crate::Error {
    failure::conflicting_update_operators(format!(
        "updating the path '{path}' would create a conflict at '{at}'"
    ))
}

/// What positions stand for in one document.
pub struct Positions<'p> {
    pub position: Option<usize>,
    pub filters: &'p ArrayFilters,
    pub context: &'p Context,
}

impl Positions<'_> {
    /// Hands on the paths that a target stands for in a document.
    pub fn resolve(
        &self,
        target: &Target,
        document: &Document<'_>,
        found: &mut impl FnMut(Path),
    ) -> Result<()> {
        let value = Value::Document(document.borrow());
        self.walk(target, 0, String::new(), Some(value), found)
    }

    fn walk(
        &self,
        target: &Target,
        depth: usize,
        at: String,
        value: Option<Value<'_>>,
        found: &mut impl FnMut(Path),
    ) -> Result<()> {
        let Some(segment) = target.path.segments().get(depth) else {
            found(Path::parse(&at)?);
            return Ok(());
        };
        let joined = |name: &str| if at.is_empty() { name.into() } else { format!("{at}.{name}") };
        match segment.name() {
            "$" => {
                let position = self.position.ok_or_else(|| {
                    failure::bad_value(
                        "the positional operator did not find the match needed from the query",
                    )
                })?;
                let inner = step(value, &position.to_string(), Some(position));
                self.walk(target, depth + 1, joined(&position.to_string()), inner, found)
            }
            name if name.starts_with("$[") => {
                let array = match value {
                    Some(Value::Array(array)) => array,
                    Some(other) => {
                        return Err(failure::bad_value(format!(
                            "cannot apply array updates to non-array element {at}: {other:?}"
                        )));
                    }
                    None => {
                        return Err(failure::bad_value(format!(
                            "the path '{at}' must exist in the document in order to apply array \
                             updates"
                        )));
                    }
                };
                for (index, item) in array.into_iter().enumerate() {
                    let matches = match identifier(name) {
                        Some(name) => self.filters.matches(name, &item, self.context)?,
                        None => true,
                    };
                    if matches {
                        let at = joined(&index.to_string());
                        self.walk(target, depth + 1, at, Some(item), found)?;
                    }
                }
                Ok(())
            }
            name => {
                let inner = step(value, name, segment.index());
                self.walk(target, depth + 1, joined(name), inner, found)
            }
        }
    }
}

/// The value one step further.
fn step<'d>(value: Option<Value<'d>>, name: &str, index: Option<usize>) -> Option<Value<'d>> {
    match value? {
        Value::Document(document) => document.into_field(name),
        Value::Array(array) => array.into_item(index?),
        _ => None,
    }
}
