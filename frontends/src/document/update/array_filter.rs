//! Array filters: what `$[name]` stands for.

use crate::Result;
use crate::document::expression::{Context, Scope};
use crate::document::failure;
use crate::document::filter::{Filter, Node};
use crate::document::value::{Document, Value};

/// The array filters of an update, by name.
#[derive(Clone, Debug, Default)]
pub struct ArrayFilters {
    filters: Vec<ArrayFilter>,
}

#[derive(Clone, Debug)]
struct ArrayFilter {
    name: Box<str>,
    /// Of a document whose only field is the value, under this name.
    filter: Filter,
    is_used: bool,
}

impl ArrayFilters {
    pub fn parse(documents: &[Document<'_>], scope: &mut Scope) -> Result<ArrayFilters> {
        let mut filters: Vec<ArrayFilter> = Vec::new();
        for document in documents {
            let filter = Filter::parse(document, scope)?;
            let mut names = Vec::new();
            collect_names(filter.root(), &mut names)?;
            names.dedup();
            let name: Box<str> = match names.as_slice() {
                [] => {
                    let message = "cannot use an expression without a top-level field name in \
                                   arrayFilters";
                    return Err(failure::failed_to_parse(message));
                }
                [name] => name.as_str().into(),
                [one, other, ..] => {
                    return Err(failure::failed_to_parse(format!(
                        "error parsing array filter: expected a single top-level field name, \
                         found '{one}' and '{other}'"
                    )));
                }
            };
            check_name(&name)?;
            if filters.iter().any(|other| other.name == name) {
                return Err(failure::failed_to_parse(format!(
                    "found multiple array filters with the same top-level field name {name}"
                )));
            }
            filters.push(ArrayFilter { name, filter, is_used: false });
        }
        Ok(ArrayFilters { filters })
    }

    /// Notes that a path has `$[name]`.
    pub fn need(&mut self, name: &str, path: &str) -> Result<()> {
        match self.filters.iter_mut().find(|filter| *filter.name == *name) {
            Some(filter) => {
                filter.is_used = true;
                Ok(())
            }
            None => Err(failure::bad_value(format!(
                "no array filter found for identifier '{name}' in path '{path}'"
            ))),
        }
    }

    pub fn check_used(&self) -> Result<()> {
        match self.filters.iter().find(|filter| !filter.is_used) {
            Some(unused) => Err(failure::failed_to_parse(format!(
                "the array filter for identifier '{}' was not used in the update",
                unused.name
            ))),
            None => Ok(()),
        }
    }

    /// Whether a value of an array is one that `$[name]` stands for.
    pub fn matches(&self, name: &str, value: &Value<'_>, context: &Context) -> Result<bool> {
        let Some(filter) = self.filters.iter().find(|filter| *filter.name == *name) else {
            return Ok(false);
        };
        let alone = Document::from_fields(vec![((&*filter.name).into(), value.borrow())]);
        filter.filter.matches(&alone, context)
    }
}

/// Refuses array filters where there are no operators.
pub fn refuse(documents: &[Document<'_>], with: &str) -> Result<()> {
    if documents.is_empty() {
        return Ok(());
    }
    Err(failure::failed_to_parse(format!("cannot specify arrayFilters and {with} update")))
}

fn collect_names(node: &Node, names: &mut Vec<String>) -> Result<()> {
    match node {
        Node::And(parts) | Node::Or(parts) | Node::Nor(parts) => {
            parts.iter().try_for_each(|part| collect_names(part, names))
        }
        Node::Not(part) => collect_names(part, names),
        Node::Field(path, _) => {
            names.push(path.first().to_owned());
            Ok(())
        }
        Node::Expression(_) => {
            Err(failure::bad_value("$expr is not allowed in the context of arrayFilters"))
        }
        Node::Always | Node::Never | Node::Value(_) => Ok(()),
    }
}

fn check_name(name: &str) -> Result<()> {
    let good = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric());
    if good {
        return Ok(());
    }
    Err(failure::bad_value(format!(
        "the array filter name '{name}' must begin with a small letter and hold letters and digits \
         only"
    )))
}
