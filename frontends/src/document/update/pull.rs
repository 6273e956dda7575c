//! `$pull`: takes out of an array what meets a condition.

use super::array;
use super::operation::{Effect, Place};
use crate::Result;
use crate::document::expression::Scope;
use crate::document::filter::{Condition, Filter};
use crate::document::value::Value;

/// What is taken out.
#[derive(Clone, Debug)]
pub enum Pull {
    /// Values that meet operators or a pattern.
    Condition(Condition),
    /// Documents that a filter is true of.
    Filter(Filter),
    /// Values equal to this one.
    Value(Value<'static>),
}

impl Pull {
    pub fn parse(value: &Value<'_>, scope: &mut Scope) -> Result<Pull> {
        Ok(match value {
            Value::Document(document) if Condition::is_operators(document) => {
                let first = document.iter().next().map(|(name, _)| name.to_owned());
                match first.as_deref() {
                    Some("$and" | "$or" | "$nor" | "$expr") => {
                        Pull::Filter(Filter::parse(document, scope)?)
                    }
                    _ => Pull::Condition(Condition::parse(value, scope)?),
                }
            }
            Value::Document(document) => Pull::Filter(Filter::parse(document, scope)?),
            Value::Regex(_) => Pull::Condition(Condition::parse(value, scope)?),
            other => Pull::Value(other.clone().into_static()),
        })
    }

    pub fn effect<'d>(
        &self,
        value: Option<&Value<'d>>,
        place: Place<'_, '_>,
    ) -> Result<Effect<'d>> {
        array::retain("$pull", value, |item| {
            let goes = match self {
                Pull::Condition(condition) => condition.matches(item, place.context)?,
                Pull::Filter(filter) => match item {
                    Value::Document(document) => filter.matches(document, place.context)?,
                    _ => false,
                },
                Pull::Value(value) => item == value,
            };
            Ok(!goes)
        })
    }
}
