//! Update operators read from a document.

use super::array_filter::ArrayFilters;
use super::operation::Operation;
use super::target::{self, Target};
use crate::Result;
use crate::document::expression::Scope;
use crate::document::failure;
use crate::document::value::{Document, Value};

/// Operators of an update, in the order in which they take effect.
#[derive(Clone, Debug)]
pub struct Operators {
    pub(super) writes: Vec<Write>,
    pub(super) filters: ArrayFilters,
}

/// An operation and where it writes.
#[derive(Clone, Debug)]
pub struct Write {
    pub target: Target,
    pub operation: Operation,
}

impl Operators {
    pub fn parse(
        document: &Document<'_>,
        array_filters: &[Document<'_>],
        scope: &mut Scope,
    ) -> Result<Operators> {
        let mut filters = ArrayFilters::parse(array_filters, scope)?;
        let mut writes = Vec::new();
        for (name, fields) in document {
            if !KNOWN.contains(&name) {
                return Err(failure::failed_to_parse(format!(
                    "unknown modifier: {name}; expected a valid update modifier, or an array for \
                     a pipeline"
                )));
            }
            let Value::Document(fields) = fields else {
                return Err(failure::failed_to_parse(format!(
                    "modifiers operate on fields, but {name} has a {} instead",
                    fields.kind().name()
                )));
            };
            for (path, value) in &fields {
                if name == "$rename" {
                    rename(path, &value, &mut filters, &mut writes)?;
                } else {
                    let target = Target::parse(path, &mut filters)?;
                    let operation = Operation::parse(name, path, &value, scope)?;
                    writes.push(Write { target, operation });
                }
            }
        }
        filters.check_used()?;
        writes.sort_by(|a, b| target::order(a.target.path(), b.target.path()));
        target::check_apart(writes.iter().map(|write| write.target.path()))?;
        let targets: Vec<&Target> = writes.iter().map(|write| &write.target).collect();
        target::check_positions(&targets)?;
        Ok(Operators { writes, filters })
    }
}

/// The operators of documents.
const KNOWN: [&str; 15] = [
    "$set",
    "$setOnInsert",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$rename",
    "$currentDate",
    "$push",
    "$addToSet",
    "$pull",
    "$pullAll",
    "$pop",
    "$bit",
];

/// Reads a renaming: the new name takes the value, then the old one goes. `from` sorts as a path
/// that is written to, so that nothing else writes there.
fn rename(
    from: &str,
    to: &Value<'_>,
    filters: &mut ArrayFilters,
    writes: &mut Vec<Write>,
) -> Result<()> {
    let Value::String(to) = to else {
        return Err(failure::bad_value(format!(
            "the 'to' field for $rename must be a string: {from}: {to:?}"
        )));
    };
    let (source, destination) = (Target::parse(from, filters)?, Target::parse(to, filters)?);
    for target in [&source, &destination] {
        if target.is_dynamic() {
            let path = target.path();
            let message = format!("the fields of $rename may not be dynamic: '{path}'");
            return Err(failure::bad_value(message));
        }
    }
    if source.path() == destination.path() {
        return Err(failure::bad_value(format!(
            "the source and target field for $rename must differ: {from}: {to:?}"
        )));
    }
    let path = source.path().clone();
    writes.push(Write { target: source, operation: Operation::Unset });
    writes.push(Write { target: destination, operation: Operation::Rename(path) });
    Ok(())
}
