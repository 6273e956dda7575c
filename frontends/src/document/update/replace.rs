//! Replacements: documents without operators.

use super::identity::{identical, identical_documents};
use super::outcome::Outcome;
use super::upsert;
use crate::Result;
use crate::document::failure;
use crate::document::value::Document;

/// Whether an update replaces: its first name is that of a field, or there is none.
pub fn is_replacement(document: &Document<'_>) -> bool {
    document.iter().next().is_none_or(|(name, _)| !name.starts_with('$'))
}

pub fn parse(document: &Document<'_>) -> Result<Document<'static>> {
    if let Some((name, _)) = document.iter().find(|(name, _)| name.starts_with('$')) {
        return Err(failure::dollar_prefixed_field_name(format!(
            "the dollar ($) prefixed field '{name}' is not allowed in the context of an update's \
             replacement document"
        )));
    }
    Ok(document.clone().into_static())
}

/// The new document with the old `_id`, if it has none of its own.
pub fn apply<'d>(new: &'d Document<'static>, old: &'d Document<'_>) -> Outcome<'d> {
    let mut made = new.borrow();
    if let (false, Some(id)) = (made.contains("_id"), old.get("_id")) {
        made.fields_mut().insert(0, ("_id".into(), id));
    }
    outcome(upsert::with_id_first(made), old)
}

/// The outcome of a document that may differ from the old one anywhere.
pub fn outcome<'d>(made: Document<'d>, old: &Document<'_>) -> Outcome<'d> {
    if identical_documents(&made, old) {
        return Outcome::new(made, Vec::new());
    }
    let mut touched = Vec::new();
    for (name, value) in &made {
        if !old.get(name).is_some_and(|before| identical(&before, &value)) {
            touched.push(name.to_owned());
        }
    }
    let gone = old.iter().filter(|(name, _)| !made.contains(name));
    touched.extend(gone.map(|(name, _)| name.to_owned()));
    if touched.is_empty() {
        // Only the order of fields differs, of which the first one tells.
        touched.extend(made.iter().next().map(|(name, _)| name.to_owned()));
    }
    Outcome::new(made, touched)
}
