//! Updates by pipeline: stages that make a document of a document.

use super::outcome::Outcome;
use super::replace;
use crate::Result;
use crate::document::expression::{Context, Env, Expression, Scope};
use crate::document::failure;
use crate::document::projection::Projection;
use crate::document::value::{Array, Document, Value};

/// Stages of an update, in order.
#[derive(Clone, Debug)]
pub struct Pipeline {
    stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
enum Stage {
    Project(Box<Projection>),
    Replace(Expression),
}

impl Pipeline {
    pub fn parse(stages: &Array<'_>, scope: &mut Scope) -> Result<Pipeline> {
        let mut parsed = Vec::new();
        for stage in stages {
            let Value::Document(stage) = stage else {
                return Err(failure::type_mismatch(format!(
                    "each element of an update's pipeline must be a document, not {stage:?}"
                )));
            };
            let mut fields = stage.iter();
            let (Some((name, value)), None) = (fields.next(), fields.next()) else {
                return Err(failure::invalid(
                    40323,
                    "a pipeline stage must have exactly one field",
                ));
            };
            parsed.push(Stage::parse(name, &value, scope)?);
        }
        Ok(Pipeline { stages: parsed })
    }

    pub fn apply<'d>(&'d self, old: &'d Document<'_>, context: &'d Context) -> Result<Outcome<'d>> {
        let mut made = old.borrow().into_static();
        for stage in &self.stages {
            made = stage.apply(&made, context)?;
        }
        // A pipeline may have left `_id` out; it stays all the same.
        if let (false, Some(id)) = (made.contains("_id"), old.get("_id")) {
            made.fields_mut().insert(0, ("_id".into(), id.into_static()));
        }
        Ok(replace::outcome(made, old))
    }
}

impl Stage {
    fn parse(name: &str, value: &Value<'_>, scope: &mut Scope) -> Result<Stage> {
        let document = || {
            value.as_document().ok_or_else(|| {
                let message = format!("{name} takes a document, not {value:?}");
                failure::invalid(40272, message)
            })
        };
        let projection = match name {
            "$set" | "$addFields" => Projection::add_fields(document()?, scope)?,
            "$project" => Projection::project(document()?, scope)?,
            "$unset" => unset(value)?,
            "$replaceWith" => return Ok(Stage::Replace(Expression::parse(value, scope)?)),
            "$replaceRoot" => {
                let root = document()?.get("newRoot").ok_or_else(|| {
                    failure::invalid(40231, "$replaceRoot takes a document with newRoot")
                })?;
                return Ok(Stage::Replace(Expression::parse(&root, scope)?));
            }
            _ => {
                let message = format!("{name} is not allowed to be used within an update");
                return Err(failure::invalid_options(message));
            }
        };
        Ok(Stage::Project(Box::new(projection)))
    }

    fn apply(&self, document: &Document<'_>, context: &Context) -> Result<Document<'static>> {
        match self {
            Stage::Project(projection) => {
                Ok(projection.apply(document, None, context)?.into_static())
            }
            Stage::Replace(expression) => {
                let env = Env::new(document, context);
                match expression.evaluate(&env)? {
                    Some(Value::Document(document)) => Ok(document.into_static()),
                    other => Err(failure::invalid(
                        40228,
                        format!("a document can be replaced by a document only, not by {other:?}"),
                    )),
                }
            }
        }
    }
}

fn unset(value: &Value<'_>) -> Result<Projection> {
    let wrong = || failure::invalid(31002, "$unset takes a string or an array of strings");
    match value {
        Value::String(path) => Projection::unset([&**path]),
        Value::Array(array) if !array.is_empty() => {
            let mut paths = Vec::new();
            for item in array {
                paths.push(item.as_str().ok_or_else(wrong)?.to_owned());
            }
            Projection::unset(paths.iter().map(String::as_str))
        }
        _ => Err(wrong()),
    }
}
