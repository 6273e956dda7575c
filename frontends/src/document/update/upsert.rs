//! The document that an upsert begins from.

use crate::Result;
use crate::document::filter::Filter;
use crate::document::value::{Document, Path, Segment, Value};

/// The fields that the filter says the document has; of a replacement only its `_id`.
pub fn begun(filter: &Filter, replaces: bool) -> Result<Document<'static>> {
    let mut document = Document::new();
    for (path, value) in filter.equalities()? {
        if !replaces || path == "_id" {
            set(Path::parse(path)?.segments(), &mut document, value.clone());
        }
    }
    Ok(document)
}

/// Sets a field within documents, which are made where they are missing. Paths are apart, so
/// nothing else is in the way.
fn set(path: &[Segment], document: &mut Document<'static>, value: Value<'static>) {
    let Some((first, rest)) = path.split_first() else { return };
    let name = first.name().to_owned();
    if rest.is_empty() {
        document.insert(name, value);
        return;
    }
    let mut inner = match document.remove(&name) {
        Some(Value::Document(inner)) => inner,
        _ => Document::new(),
    };
    set(rest, &mut inner, value);
    document.push(name, inner);
}

/// The document with `_id` in front, if it has one.
pub fn with_id_first(mut document: Document<'_>) -> Document<'_> {
    let is_first = document.iter().next().is_none_or(|(name, _)| name == "_id");
    if is_first || !document.contains("_id") {
        return document;
    }
    if let Some(id) = document.remove("_id") {
        document.fields_mut().insert(0, ("_id".into(), id));
    }
    document
}
