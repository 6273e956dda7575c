//! Filters read from documents: connectives, paths, and what may stand where.

use super::node::{Computed, Node, Test};
use super::operator;
use crate::Result;
use crate::document::expression::{Expression, Scope};
use crate::document::failure;
use crate::document::pattern::Pattern;
use crate::document::value::{Document, Path, Value};

/// How deeply filters may be nested.
const DEPTH_MAX: usize = 100;

/// Operators of MongoDB's that stand beside paths and are not here.
const UNSUPPORTED: [&str; 5] = ["$where", "$text", "$jsonSchema", "$sampleRate", "$uniqueDocs"];

/// Reads a whole filter.
pub fn filter(document: &Document<'_>, scope: &mut Scope) -> Result<Node> {
    Parsing { scope, depth: 0, within_element: false }.document(document)
}

/// Reads operators on a value that has no path.
pub fn condition(value: &Value<'_>, scope: &mut Scope) -> Result<Node> {
    let mut parsing = Parsing { scope, depth: 0, within_element: true };
    match value {
        Value::Regex(regex) => {
            let pattern = Pattern::new(regex.pattern(), regex.options())?;
            Ok(Node::Value(Test::Matches(pattern)))
        }
        Value::Document(document) => parsing.operators(Target::Value, document),
        other => Err(failure::bad_value(format!("{other:?} is no condition"))),
    }
}

/// Whether a document is operators and not a value to be equal to.
pub fn is_operators(document: &Document<'_>) -> bool {
    let first = document.iter().next();
    first.is_some_and(|(name, _)| name.starts_with('$') && !matches!(name, "$ref" | "$id" | "$db"))
}

/// What operators are about.
#[derive(Clone, Copy)]
pub enum Target<'p> {
    /// Values found at a path.
    Path(&'p Path),
    /// A value itself.
    Value,
}

impl Target<'_> {
    /// The node that is true where the test is passed.
    pub fn passes(self, test: Test) -> Node {
        match self {
            Target::Path(path) => Node::Field(path.clone(), test),
            Target::Value => Node::Value(test),
        }
    }
}

/// A filter being read.
pub struct Parsing<'s> {
    pub scope: &'s mut Scope,
    depth: usize,
    /// Where the document is one in an array, of which expressions know nothing.
    within_element: bool,
}

impl Parsing<'_> {
    /// Goes a level deeper for as long as `parse` takes.
    pub fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_MAX {
            return Err(failure::overflow(format!(
                "a filter is nested more than {DEPTH_MAX} levels deep"
            )));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Reads the filter of documents in an array.
    pub fn element(&mut self, document: &Document<'_>) -> Result<Node> {
        let before = std::mem::replace(&mut self.within_element, true);
        let parsed = self.nested(|this| this.document(document));
        self.within_element = before;
        parsed
    }

    fn document(&mut self, document: &Document<'_>) -> Result<Node> {
        let mut parts = Vec::new();
        for (name, value) in document {
            if name.starts_with('$') && !matches!(name, "$ref" | "$id" | "$db") {
                parts.extend(self.top_level(name, &value)?);
            } else {
                parts.push(self.field(name, &value)?);
            }
        }
        Ok(Node::and(parts))
    }

    /// Reads an operator that stands where paths do; comments say nothing.
    fn top_level(&mut self, name: &str, value: &Value<'_>) -> Result<Option<Node>> {
        match name {
            "$and" => Ok(Some(Node::and(self.list(name, value)?))),
            "$or" => Ok(Some(Node::or(self.list(name, value)?))),
            "$nor" => Ok(Some(Node::nor(self.list(name, value)?))),
            _ => self.plain(name, value),
        }
    }

    /// Reads an operator that holds no filters. Apart, so that nesting needs little stack.
    fn plain(&mut self, name: &str, value: &Value<'_>) -> Result<Option<Node>> {
        Ok(Some(match name {
            "$comment" => return Ok(None),
            "$expr" => self.expression(value)?,
            "$alwaysTrue" | "$alwaysFalse" => {
                if value.number().and_then(|number| number.to_exact_i64()) != Some(1) {
                    return Err(failure::failed_to_parse(format!(
                        "{name} takes 1 and nothing else"
                    )));
                }
                if name == "$alwaysTrue" { Node::Always } else { Node::Never }
            }
            _ if UNSUPPORTED.contains(&name) => {
                return Err(failure::unsupported(format!("{name} is not supported in filters")));
            }
            _ => return Err(failure::bad_value(format!("unknown operator: {name}"))),
        }))
    }

    /// Reads the filters that a connective joins.
    fn list(&mut self, name: &str, value: &Value<'_>) -> Result<Vec<Node>> {
        let Value::Array(array) = value else {
            return Err(failure::bad_value(format!("{name} must be an array")));
        };
        if array.is_empty() {
            return Err(failure::bad_value(format!("{name} must be a nonempty array")));
        }
        let mut nodes = Vec::new();
        for part in array {
            let Value::Document(part) = part else {
                return Err(failure::bad_value(format!(
                    "entries of {name} must be documents, not {part:?}"
                )));
            };
            nodes.push(self.nested(|this| this.document(&part))?);
        }
        Ok(nodes)
    }

    fn expression(&mut self, value: &Value<'_>) -> Result<Node> {
        if self.within_element {
            return Err(failure::bad_value("$expr can only be applied to the top-level document"));
        }
        let expression = Expression::parse(value, self.scope)?;
        let source = value.clone().into_static();
        Ok(match expression.as_constant() {
            Some(constant) if constant.is_true() => Node::Always,
            Some(_) => Node::Never,
            None => Node::Expression(Box::new(Computed { source, expression })),
        })
    }

    fn field(&mut self, name: &str, value: &Value<'_>) -> Result<Node> {
        let path = Path::parse(name)?;
        let target = Target::Path(&path);
        match value {
            Value::Document(document) if is_operators(document) => self.operators(target, document),
            Value::Regex(regex) => {
                let pattern = Pattern::new(regex.pattern(), regex.options())?;
                Ok(target.passes(Test::Matches(pattern)))
            }
            other => Ok(target.passes(operator::equal(other)?)),
        }
    }

    /// Reads operators on a target, all of which must hold.
    pub fn operators(&mut self, target: Target<'_>, document: &Document<'_>) -> Result<Node> {
        let mut parts = Vec::new();
        for (name, value) in document {
            parts.extend(operator::parse(self, target, name, &value, document)?);
        }
        Ok(Node::and(parts))
    }
}
