//! `$lookup`: documents of another collection that belong to each document, as an array in it.
//!
//! By equality of two fields, by a pipeline with variables, or both. What is wanted of the other
//! collection is a filter, so that its indexes may answer it. A pipeline that depends on nothing of
//! the document is run once.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::super::Pipeline;
use super::super::parse::{Parser, Within};
use super::super::rows::{BoxedRows, Namespace, Rows, gather_within};
use super::super::settings::Settings;
use super::unwind::set;
use super::{only, stages_of, text_field};
use crate::Result;
use crate::doc;
use crate::document::expression::{Env, Expression, Scope};
use crate::document::failure;
use crate::document::filter::Filter;
use crate::document::value::{Array, Document, Leaf, Path, Value};

/// What is looked up.
#[derive(Clone, Debug)]
pub struct Lookup {
    from: Namespace,
    /// The path in the document, and that in the other collection's.
    equal: Option<(Path, String)>,
    variables: Vec<Expression>,
    pipeline: Pipeline,
    into: String,
}

impl Lookup {
    /// Reads `{from, localField, foreignField, let, pipeline, as}`.
    pub fn parse(fields: &Document<'_>, parser: &Parser) -> Result<Lookup> {
        let known = ["from", "localField", "foreignField", "let", "pipeline", "as"];
        only("$lookup", fields, &known)?;
        let text = |field: &str| text_field("$lookup", fields, field);
        let Some(into) = text("as")? else {
            return Err(failure::failed_to_parse("$lookup needs the argument 'as'"));
        };
        Expression::field(&into)?;
        let from = match fields.get("from") {
            Some(Value::Document(from)) => namespace("$lookup", &from)?,
            _ => match text("from")? {
                Some(from) => Namespace::new(from),
                None => {
                    return Err(failure::unsupported("$lookup without 'from' is not supported"));
                }
            },
        };
        let equal = match (text("localField")?, text("foreignField")?) {
            (Some(local), Some(foreign)) => Some((Path::parse(&local)?, foreign)),
            (None, None) => None,
            _ => {
                let message = "$lookup takes localField and foreignField, both or neither";
                return Err(failure::failed_to_parse(message));
            }
        };
        if equal.is_none() && !fields.contains("pipeline") {
            let message = "$lookup needs a 'pipeline', or 'localField' and 'foreignField'";
            return Err(failure::failed_to_parse(message));
        }
        let mut inner = parser.inner(Within::Lookup)?;
        let mut variables = Vec::new();
        match fields.get("let") {
            None => {}
            Some(Value::Document(names)) => {
                let mut outer = parser.scope.clone();
                for (name, value) in names.iter() {
                    variables.push(Expression::parse(&value, &mut outer)?);
                    inner.scope.bind(name)?;
                }
            }
            Some(_) => {
                return Err(failure::failed_to_parse("$lookup needs 'let' to be a document"));
            }
        }
        let stages = fields.get("pipeline").map(|stages| stages_of("$lookup", &stages));
        let pipeline = inner.pipeline(&stages.transpose()?.unwrap_or_default())?;
        Ok(Lookup { from, equal, variables, pipeline, into })
    }

    /// The path that it sets.
    pub fn sets(&self) -> &str {
        &self.into
    }

    /// Whether every document gets the same.
    fn is_constant(&self) -> bool {
        self.equal.is_none() && self.variables.is_empty() && self.pipeline.is_constant()
    }

    /// The documents that belong to one.
    fn found(&self, document: &Document<'static>, settings: &Settings) -> Result<Array<'static>> {
        let mut inner = settings.clone();
        if !self.variables.is_empty() {
            let env = Env::new(document, &settings.context);
            let mut bound = settings.context.bound().to_vec();
            for variable in &self.variables {
                bound.push(variable.evaluate(&env)?.map(Value::into_static));
            }
            inner = settings.with_context(settings.context.with_bound(bound));
        }
        let mut rows = match &self.equal {
            None => self.pipeline.open(&self.from, &inner)?,
            Some((local, foreign)) => {
                let Some(filter) = equality(local, foreign, document)? else {
                    return Ok(Array::new());
                };
                let filter = Filter::parse(&filter, &mut Scope::new())?;
                self.pipeline.open_where(&self.from, filter, &inner)?
            }
        };
        Ok(Array::from(gather_within(&mut *rows, "$lookup", Settings::MEMORY_MAX)?))
    }
}

/// Reads `{db, coll}`.
pub fn namespace(name: &str, fields: &Document<'_>) -> Result<Namespace> {
    only(name, fields, &["db", "coll"])?;
    match text_field(name, fields, "coll")? {
        Some(collection) => Ok(Namespace { database: text_field(name, fields, "db")?, collection }),
        None => Err(failure::failed_to_parse(format!("{name} needs the name of a collection"))),
    }
}

/// The filter of documents whose field equals that of a document; of an array each value counts.
/// `None` when nothing can.
fn equality(
    local: &Path,
    foreign: &str,
    document: &Document<'static>,
) -> Result<Option<Document<'static>>> {
    let mut wanted = Vec::new();
    let _ = local.visit(document, Leaf::Whole, |value, _| {
        match value {
            Some(Value::Array(items)) => wanted.extend(items.into_iter().map(Value::into_static)),
            Some(value) => wanted.push(value.into_static()),
            None => wanted.push(Value::Null),
        }
        ControlFlow::Continue(())
    });
    let test = |value: Value<'static>| doc! { (foreign.to_owned()): {"$eq": value} };
    if wanted.len() > 1 && !wanted.iter().any(|value| matches!(value, Value::Regex(_))) {
        return Ok(Some(doc! { (foreign.to_owned()): {"$in": wanted} }));
    }
    let mut tests: Vec<_> = wanted.into_iter().map(test).collect();
    Ok(match tests.len() {
        0 => None,
        1 => tests.pop(),
        _ => Some(doc! { "$or": tests }),
    })
}

/// Documents with what belongs to them.
pub struct LookedUp {
    pub rows: BoxedRows,
    pub lookup: Arc<Lookup>,
    pub settings: Settings,
    pub constant: Option<Array<'static>>,
}

impl Rows for LookedUp {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        let Some(mut document) = self.rows.next()? else { return Ok(None) };
        let found = match &self.constant {
            Some(found) => found.clone(),
            None => self.lookup.found(&document, &self.settings)?,
        };
        if self.constant.is_none() && self.lookup.is_constant() {
            self.constant = Some(found.clone());
        }
        let path: Vec<String> = self.lookup.into.split('.').map(str::to_owned).collect();
        set(&mut document, &path, Some(Value::Array(found)));
        Ok(Some(document))
    }
}
