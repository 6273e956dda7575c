//! Stages with pipelines in them over the same documents or behind them: `$facet`, `$unionWith`.

use std::sync::Arc;

use super::super::Pipeline;
use super::super::list::List;
use super::super::parse::{Parser, Within};
use super::super::rows::{BoxedRows, Namespace, Rows, gather_within};
use super::super::settings::Settings;
use super::{inner, only, text_field};
use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Document, Value};

/// Reads `{name: [stages], ...}`.
pub fn read_facet(fields: &Document<'_>, parser: &Parser) -> Result<Vec<(String, Pipeline)>> {
    if fields.is_empty() {
        return Err(failure::invalid(40169, "$facet takes a document with at least one field"));
    }
    let facet = |(name, value): (&str, Value<'_>)| {
        if name.starts_with('$') || name.contains('.') {
            let message = format!("a facet's name must hold neither '$' nor '.': {name:?}");
            return Err(failure::invalid(40170, message));
        }
        Ok((name.to_owned(), inner("$facet", &value, parser, Within::Facet)?))
    };
    fields.iter().map(facet).collect()
}

/// One document: for each facet what its pipeline gives.
pub struct Facets {
    pub rows: Option<BoxedRows>,
    pub facets: Arc<Vec<(String, Pipeline)>>,
    pub settings: Settings,
}

impl Rows for Facets {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        let Some(mut rows) = self.rows.take() else { return Ok(None) };
        let list = List::gather(&mut *rows, "$facet", &self.settings)?;
        let mut made = Vec::new();
        for (name, pipeline) in self.facets.iter() {
            let mut rows = pipeline.over(Box::new(list.rows()), &self.settings)?;
            let documents = gather_within(&mut *rows, "$facet", Settings::MEMORY_MAX)?;
            made.push((name.clone().into(), Value::Array(Array::from(documents))));
        }
        Ok(Some(Document::from_fields(made)))
    }
}

/// Reads a collection's name, or `{coll, pipeline}`.
pub fn read_union(value: &Value<'_>, parser: &Parser) -> Result<(Namespace, Pipeline)> {
    match value {
        Value::String(name) => {
            Ok((Namespace::new(&**name), parser.inner(Within::Union)?.pipeline(&[])?))
        }
        Value::Document(fields) => {
            only("$unionWith", fields, &["coll", "pipeline"])?;
            let Some(name) = text_field("$unionWith", fields, "coll")? else {
                let message = "$unionWith without 'coll' is not supported";
                return Err(failure::unsupported(message));
            };
            let stages = fields.get("pipeline").unwrap_or(Value::Array(Array::new()));
            Ok((Namespace::new(name), inner("$unionWith", &stages, parser, Within::Union)?))
        }
        other => {
            let kind = other.kind().name();
            let message = format!("$unionWith takes a string or a document, not {kind}");
            Err(failure::failed_to_parse(message))
        }
    }
}

/// Documents, then those of another collection.
pub struct United {
    pub rows: BoxedRows,
    pub union: Arc<(Namespace, Pipeline)>,
    pub settings: Settings,
    pub behind: Option<BoxedRows>,
}

impl Rows for United {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        if let Some(behind) = &mut self.behind {
            return behind.next();
        }
        if let Some(document) = self.rows.next()? {
            return Ok(Some(document));
        }
        let (namespace, pipeline) = &*self.union;
        let mut behind = pipeline.open(namespace, &self.settings)?;
        let first = behind.next()?;
        self.behind = Some(behind);
        Ok(first)
    }
}
