//! `$redact`: what is kept, cut or gone down into, decided at every level of a document.

use crate::Result;
use crate::document::expression::{Context, Env, Expression};
use crate::document::failure;
use crate::document::value::{Array, Document, Value};

/// What is left of a document; `None` when it is cut.
pub fn redact(
    by: &Expression,
    document: &Document<'static>,
    context: &Context,
) -> Result<Option<Document<'static>>> {
    within(by, document, document, context, 0)
}

/// More levels than documents have.
const DEPTH_MAX: usize = 200;

fn within(
    by: &Expression,
    root: &Document<'_>,
    current: &Document<'_>,
    context: &Context,
    depth: usize,
) -> Result<Option<Document<'static>>> {
    if depth > DEPTH_MAX {
        return Err(failure::overflow("$redact found a document nested too deeply"));
    }
    let decided = by.evaluate(&Env::with_current(root, current, context))?;
    match decided.as_ref().and_then(Value::as_str) {
        Some("keep") => Ok(Some(current.clone().into_static())),
        Some("prune") => Ok(None),
        Some("descend") => {
            let mut kept = Vec::new();
            for (name, value) in current.iter() {
                let value = inside(by, root, value, context, depth)?;
                kept.extend(value.map(|value| (name.to_owned().into(), value)));
            }
            Ok(Some(Document::from_fields(kept)))
        }
        _ => Err(failure::invalid(
            17053,
            "$redact's expression must be $$KEEP, $$PRUNE or $$DESCEND",
        )),
    }
}

fn inside(
    by: &Expression,
    root: &Document<'_>,
    value: Value<'_>,
    context: &Context,
    depth: usize,
) -> Result<Option<Value<'static>>> {
    match value {
        Value::Document(document) => {
            let kept = within(by, root, &document, context, depth + 1)?;
            Ok(kept.map(Value::Document))
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items {
                kept.extend(inside(by, root, item, context, depth + 1)?);
            }
            Ok(Some(Value::Array(Array::from(kept))))
        }
        other => Ok(Some(other.into_static())),
    }
}
