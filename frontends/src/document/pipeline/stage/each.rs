//! Stages that look at one document at a time, and those that count them.

use std::sync::Arc;

use super::super::rows::{BoxedRows, Rows};
use super::super::settings::Settings;
use super::sort::{Sorted, Sorter};
use crate::Result;
use crate::document::expression::{Context, Env, Expression};
use crate::document::failure;
use crate::document::filter::Filter;
use crate::document::projection::Projection;
use crate::document::value::{Document, Value};

type Step = Box<dyn FnMut(Document<'static>) -> Result<Option<Document<'static>>> + Send>;

/// What becomes of each document; `None` leaves it out.
struct Each {
    rows: BoxedRows,
    step: Step,
}

impl Rows for Each {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        while let Some(document) = self.rows.next()? {
            if let Some(made) = (self.step)(document)? {
                return Ok(Some(made));
            }
        }
        Ok(None)
    }
}

/// Those that a filter is true of.
pub fn matching(rows: BoxedRows, filter: Arc<Filter>, context: Arc<Context>) -> BoxedRows {
    let step = move |document: Document<'static>| {
        Ok(filter.matches(&document, &context)?.then_some(document))
    };
    Box::new(Each { rows, step: Box::new(step) })
}

/// With other fields.
pub fn projected(rows: BoxedRows, by: Arc<Projection>, context: Arc<Context>) -> BoxedRows {
    let step = move |document: Document<'static>| {
        Ok(Some(by.apply(&document, None, &context)?.into_static()))
    };
    Box::new(Each { rows, step: Box::new(step) })
}

/// Reads an `$unset`: a path or several.
pub fn read_unset(value: &Value<'_>) -> Result<Projection> {
    let wrong = || failure::invalid(31002, "$unset takes a string or an array of strings");
    let paths: Vec<String> = match value {
        Value::String(path) => vec![path.clone().into_owned()],
        Value::Array(items) if !items.is_empty() => {
            let path = |item: Value<'_>| item.as_str().map(str::to_owned).ok_or_else(wrong);
            items.iter().map(path).collect::<Result<_>>()?
        }
        _ => return Err(wrong()),
    };
    Projection::unset(paths.iter().map(String::as_str))
}

/// What an expression makes of each, which must be a document.
pub fn replaced(rows: BoxedRows, root: Arc<Expression>, context: Arc<Context>) -> BoxedRows {
    let step =
        move |document: Document<'static>| match root.evaluate(&Env::new(&document, &context))? {
            Some(Value::Document(root)) => Ok(Some(root.into_static())),
            other => {
                let kind = other.map_or("missing", |value| value.kind().name());
                let message = format!("'newRoot' must evaluate to a document, not {kind}");
                Err(failure::invalid(40228, message))
            }
        };
    Box::new(Each { rows, step: Box::new(step) })
}

/// What `$redact` leaves of each.
pub fn redacted(rows: BoxedRows, by: Arc<Expression>, context: Arc<Context>) -> BoxedRows {
    let step = move |document: Document<'static>| super::redact::redact(&by, &document, &context);
    Box::new(Each { rows, step: Box::new(step) })
}

/// The documents that an expression is, which must be an array of them.
pub struct Written {
    pub documents: Arc<Expression>,
    pub context: Arc<Context>,
    pub made: Option<std::vec::IntoIter<Value<'static>>>,
}

impl Rows for Written {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        let items = match &mut self.made {
            Some(items) => items,
            None => {
                let nothing = Document::new();
                let env = Env::new(&nothing, &self.context);
                let Some(Value::Array(items)) = self.documents.evaluate(&env)? else {
                    return Err(failure::invalid(
                        5858203,
                        "$documents takes an array of documents",
                    ));
                };
                self.made.insert(items.into_static().into_items().into_iter())
            }
        };
        match items.next() {
            None => Ok(None),
            Some(Value::Document(document)) => Ok(Some(document)),
            Some(other) => {
                let kind = other.kind().name();
                let message = format!("$documents takes documents only, not {kind}");
                Err(failure::invalid(40228, message))
            }
        }
    }
}

/// The first ones.
pub struct Limited {
    pub rows: BoxedRows,
    pub left: u64,
}

impl Rows for Limited {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.rows.next()
    }
}

/// Without the first ones.
pub struct Skipped {
    pub rows: BoxedRows,
    pub left: u64,
}

impl Rows for Skipped {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        while self.left > 0 {
            self.left -= 1;
            if self.rows.next()?.is_none() {
                self.left = 0;
                return Ok(None);
            }
        }
        self.rows.next()
    }
}

/// Some at random, in random order: those that come first when each has a random number.
pub struct Sampled {
    pub rows: BoxedRows,
    pub size: u64,
    pub settings: Settings,
    pub chosen: Option<Sorted>,
}

impl Rows for Sampled {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        let chosen = match &mut self.chosen {
            Some(chosen) => chosen,
            None => {
                let (size, settings) = (Some(self.size), self.settings.clone());
                let mut sorter = Sorter::new("$sample", Arc::new(|a, b| a.cmp(b)), size, settings);
                while let Some(document) = self.rows.next()? {
                    let number = self.settings.context.random_u64() as i64;
                    sorter.push(vec![Value::Int64(number)], document)?;
                }
                self.chosen.insert(sorter.finish()?)
            }
        };
        Ok(chosen.next()?.map(|(_, document)| document))
    }
}
