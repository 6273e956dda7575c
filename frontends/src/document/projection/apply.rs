//! What a projection gives of a document.

use super::find;
use super::tree::{Branch, Child, Rest};
use crate::Result;
use crate::document::expression::Env;
use crate::document::value::{Array, Document, Field, Value};

/// A projection being applied to a document.
pub struct Applying<'e, 'd> {
    pub rest: Rest,
    pub env: &'e Env<'d>,
}

impl<'d> Applying<'_, 'd> {
    /// What a branch gives of a document.
    pub fn document(&self, branch: &'d Branch, document: Document<'d>) -> Result<Document<'d>> {
        let mut made: Vec<Field<'d>> = Vec::new();
        for (name, value) in document.into_fields() {
            let value = match branch.get(&name) {
                None if self.rest == Rest::Kept => Some(value),
                None | Some(Child::Excluded) => None,
                Some(Child::Included) => Some(value),
                Some(Child::Branch(inner)) => self.value(inner, value)?,
                // Existing fields keep their place only where all others do too.
                Some(Child::Computed(expression)) if self.rest == Rest::Kept => {
                    expression.evaluate(self.env)?
                }
                // It comes behind what is included, as what is computed does.
                Some(Child::Computed(_) | Child::Matched(_)) => None,
                Some(Child::Slice(slice)) => Some(slice.apply(value)),
            };
            made.extend(value.map(|value| (name, value)));
        }
        self.add(branch, &mut made)?;
        Ok(Document::from_fields(made))
    }

    /// Adds what is computed and not there yet.
    fn add(&self, branch: &'d Branch, made: &mut Vec<Field<'d>>) -> Result<()> {
        if !branch.computes() {
            return Ok(());
        }
        for (name, child) in branch.children() {
            if made.iter().any(|(other, _)| other == name) {
                continue;
            }
            let value = match child {
                Child::Computed(expression) => expression.evaluate(self.env)?,
                Child::Matched(element) => match self.env.current().get(name) {
                    Some(value) => find::matched(element, value, self.env.context())?,
                    None => None,
                },
                Child::Branch(inner) if inner.computes() => {
                    Some(self.document(inner, Document::new())?.into())
                }
                _ => None,
            };
            made.extend(value.map(|value| (name.into(), value)));
        }
        Ok(())
    }

    /// What a branch gives of a value: of each document in arrays, and of nothing else, which
    /// makes way for a document where something is computed in it.
    fn value(&self, branch: &'d Branch, value: Value<'d>) -> Result<Option<Value<'d>>> {
        match value {
            Value::Document(document) => Ok(Some(self.document(branch, document)?.into())),
            Value::Array(array) => {
                let mut items = Vec::new();
                for item in array {
                    items.extend(self.value(branch, item)?);
                }
                Ok(Some(Value::Array(Array::from(items))))
            }
            _ if branch.computes() => Ok(Some(self.document(branch, Document::new())?.into())),
            other => Ok((self.rest == Rest::Kept).then_some(other)),
        }
    }
}
