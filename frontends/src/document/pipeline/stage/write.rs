//! Stages that write: `$merge`, document by document, and `$out`, all at once.

use std::sync::Arc;

use super::super::Pipeline;
use super::super::parse::{Parser, Within};
use super::super::rows::{BoxedRows, Given, Leading, Namespace, Rows};
use super::super::settings::Settings;
use super::lookup::namespace;
use super::{only, stages_of, text_field};
use crate::Result;
use crate::document::expression::{Env, Expression, Scope, merge_into};
use crate::document::failure;
use crate::document::filter::Filter;
use crate::document::value::{Document, Value};

/// What happens to a document that is there already.
#[derive(Clone, Debug)]
enum Matched {
    Replace,
    KeepExisting,
    Merge,
    Fail,
    Pipeline(Box<Pipeline>),
}

/// What happens when there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotMatched {
    Insert,
    Discard,
    Fail,
}

/// Where documents go, and how they meet those that are there.
#[derive(Clone, Debug)]
pub struct Merge {
    into: Namespace,
    on: Vec<String>,
    variables: Vec<Expression>,
    matched: Matched,
    not_matched: NotMatched,
}

impl Merge {
    /// Reads a collection's name, or `{into, on, let, whenMatched, whenNotMatched}`.
    pub(in crate::document::pipeline) fn parse(
        value: &Value<'_>,
        parser: &Parser,
    ) -> Result<Merge> {
        let fields = match value {
            Value::String(_) => crate::doc! { "into": (value.clone().into_static()) },
            Value::Document(fields) => fields.clone().into_static(),
            other => {
                let kind = other.kind().name();
                let message = format!("$merge takes a string or a document, not {kind}");
                return Err(failure::invalid(51182, message));
            }
        };
        only("$merge", &fields, &["into", "on", "let", "whenMatched", "whenNotMatched"])?;
        let into = match fields.get("into") {
            Some(Value::String(name)) => Namespace::new(name),
            Some(Value::Document(into)) => namespace("$merge", &into)?,
            _ => return Err(failure::invalid(51178, "$merge needs 'into' to name a collection")),
        };
        let mut inner = parser.inner(Within::Merge)?;
        let mut variables = Vec::new();
        inner.scope.bind("new")?;
        match fields.get("let") {
            None => {}
            Some(Value::Document(names)) => {
                for (name, value) in names.iter() {
                    variables.push(Expression::parse(&value, &mut parser.scope.clone())?);
                    inner.scope.bind(name)?;
                }
            }
            Some(_) => return Err(failure::failed_to_parse("$merge needs 'let' to be a document")),
        }
        let not_matched = match text_field("$merge", &fields, "whenNotMatched")?.as_deref() {
            None | Some("insert") => NotMatched::Insert,
            Some("discard") => NotMatched::Discard,
            Some("fail") => NotMatched::Fail,
            Some(other) => {
                let message = format!("$merge does not know whenNotMatched {other:.40?}");
                return Err(failure::bad_value(message));
            }
        };
        let matched = read_matched(&fields, inner)?;
        if !variables.is_empty() && !matches!(matched, Matched::Pipeline(_)) {
            let message = "$merge takes 'let' only where whenMatched is a pipeline";
            return Err(failure::invalid(51199, message));
        }
        Ok(Merge { into, on: read_on(&fields)?, variables, matched, not_matched })
    }

    /// The paths that tell documents apart.
    pub fn on(&self) -> &[String] {
        &self.on
    }

    /// Whether documents are inserted where there are none.
    pub fn inserts(&self) -> bool {
        self.not_matched == NotMatched::Insert
    }
}

fn read_matched(fields: &Document<'_>, inner: Parser) -> Result<Matched> {
    let value = fields.get("whenMatched");
    if let Some(stages @ Value::Array(_)) = &value {
        let stages = stages_of("$merge", stages)?;
        return Ok(Matched::Pipeline(Box::new(inner.pipeline(&stages)?)));
    }
    Ok(match value.as_ref().map(|value| value.as_str()) {
        None | Some(Some("merge")) => Matched::Merge,
        Some(Some("replace")) => Matched::Replace,
        Some(Some("keepExisting")) => Matched::KeepExisting,
        Some(Some("fail")) => Matched::Fail,
        Some(_) => {
            let message = format!("$merge does not know whenMatched {value:.60?}");
            return Err(failure::bad_value(message));
        }
    })
}

fn read_on(fields: &Document<'_>) -> Result<Vec<String>> {
    let wrong = || failure::invalid(51186, "$merge needs 'on' to be a string or several");
    match fields.get("on") {
        None => Ok(vec!["_id".to_owned()]),
        Some(Value::String(path)) => Ok(vec![path.into_owned()]),
        Some(Value::Array(paths)) if !paths.is_empty() => {
            let path = |item: Value<'_>| item.as_str().map(str::to_owned).ok_or_else(wrong);
            paths.iter().map(path).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// Reads the collection of an `$out`.
pub fn read_out(value: &Value<'_>) -> Result<Namespace> {
    match value {
        Value::String(name) => Ok(Namespace::new(&**name)),
        Value::Document(fields) => namespace("$out", fields),
        other => {
            let kind = other.kind().name();
            let message = format!("$out takes a string or a document, not {kind}");
            Err(failure::invalid(16990, message))
        }
    }
}

/// Writes all documents, and gives none.
pub struct Merging {
    pub rows: BoxedRows,
    pub merge: Arc<Merge>,
    pub settings: Settings,
}

impl Rows for Merging {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        let (merge, sources) = (&*self.merge, &self.settings.sources);
        if merge.on != ["_id"] && !sources.is_unique(&merge.into, &merge.on)? {
            let message = "$merge found no unique index of the fields of 'on'";
            return Err(failure::invalid(51183, message));
        }
        while let Some(document) = self.rows.next()? {
            put(merge, document, &self.settings)?;
        }
        Ok(None)
    }
}

fn put(merge: &Merge, document: Document<'static>, settings: &Settings) -> Result<()> {
    let before = match wanted(merge, &document)? {
        None => None,
        Some(filter) => {
            let filter = Filter::parse(&filter, &mut Scope::new())?;
            let leading =
                Leading { filter: Some(&filter), sort: None, limit: Some(1), reads: None };
            let opened = settings.sources.open(&merge.into, &leading)?;
            first(opened.rows, (!opened.filtered).then_some(&filter), settings)?
        }
    };
    let Some(before) = before else {
        return match merge.not_matched {
            NotMatched::Insert => settings.sources.put(&merge.into, None, document, merge),
            NotMatched::Discard => Ok(()),
            NotMatched::Fail => {
                let message = "$merge found no document that matches, and whenNotMatched is fail";
                Err(failure::invalid(13113, message))
            }
        };
    };
    let after = match &merge.matched {
        Matched::KeepExisting => return Ok(()),
        Matched::Fail => {
            let message = "$merge found a document that matches, and whenMatched is fail";
            return Err(failure::duplicate_key(message));
        }
        Matched::Replace => replaced(&before, document),
        Matched::Merge => {
            let mut merged = before.clone();
            merge_into(&mut merged, document);
            merged
        }
        Matched::Pipeline(pipeline) => computed(merge, pipeline, &before, document, settings)?,
    };
    settings.sources.put(&merge.into, Some(&before), after, merge)
}

/// The filter of the document that one meets; `None` when it has no `_id` yet.
fn wanted(merge: &Merge, document: &Document<'static>) -> Result<Option<Document<'static>>> {
    let mut filter = Vec::new();
    for path in &merge.on {
        let field = Expression::field(path)?;
        let context = crate::document::expression::Context::new(
            crate::document::value::DateTime::from_millis(0),
            0,
        );
        let value = field.evaluate(&Env::new(document, &context))?;
        match value {
            Some(value) if !value.is_nullish() && !matches!(value, Value::Array(_)) => {
                let test = crate::doc! { "$eq": (value.into_static()) };
                filter.push((path.clone().into(), Value::Document(test)));
            }
            None if path == "_id" => return Ok(None),
            _ => {
                let message = format!(
                    "$merge needs the field {path:?} of 'on' to be neither missing, null nor an \
                     array"
                );
                return Err(failure::invalid(51132, message));
            }
        }
    }
    Ok(Some(Document::from_fields(filter)))
}

fn first(
    mut rows: BoxedRows,
    filter: Option<&Filter>,
    settings: &Settings,
) -> Result<Option<Document<'static>>> {
    while let Some(document) = rows.next()? {
        let found = match filter {
            Some(filter) => filter.matches(&document, &settings.context)?,
            None => true,
        };
        if found {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

/// The new document, which keeps the `_id` of the old one if it has none.
fn replaced(before: &Document<'static>, document: Document<'static>) -> Document<'static> {
    match before.get("_id") {
        Some(id) if !document.contains("_id") => {
            let mut fields = vec![("_id".into(), id.into_static())];
            fields.extend(document.into_fields());
            Document::from_fields(fields)
        }
        _ => document,
    }
}

/// What the pipeline makes of the old document, with the new one as `$$new`.
fn computed(
    merge: &Merge,
    pipeline: &Pipeline,
    before: &Document<'static>,
    document: Document<'static>,
    settings: &Settings,
) -> Result<Document<'static>> {
    let mut bound = settings.context.bound().to_vec();
    let env = Env::new(&document, &settings.context);
    let mut variables = Vec::new();
    for variable in &merge.variables {
        variables.push(variable.evaluate(&env)?.map(Value::into_static));
    }
    bound.push(Some(Value::Document(document)));
    bound.extend(variables);
    let settings = settings.with_context(settings.context.with_bound(bound));
    let mut rows = pipeline.over(Box::new(Given::new(vec![before.clone()])), &settings)?;
    let made = rows.next()?;
    made.ok_or_else(|| failure::bad_value("$merge's pipeline must give one document"))
}

/// Writes all documents in place of those of a collection, and gives none.
pub struct Replacing {
    pub rows: Option<BoxedRows>,
    pub into: Arc<Namespace>,
    pub settings: Settings,
}

impl Rows for Replacing {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        if let Some(mut rows) = self.rows.take() {
            self.settings.sources.replace_all(&self.into, &mut *rows)?;
        }
        Ok(None)
    }
}
