//! What tells two versions of a document apart, as change streams say it.

use std::collections::{HashMap, HashSet};

use super::identity::identical;
use crate::document::value::{Array, Document, Value};

/// The difference of two versions of a document, by dotted paths. The order of fields alone makes
/// none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Fields and values of arrays that are new or other than before.
    pub updated: Vec<(String, Value<'static>)>,
    /// Fields that are gone.
    pub removed: Vec<String>,
    /// Arrays that became shorter, and how long they are.
    pub truncated: Vec<(String, usize)>,
}

impl Changes {
    /// What tells `new` from `old`: documents in both are compared field by field, arrays value by
    /// value. Types count: `1` and `1.0` differ.
    pub fn between(old: &Document<'_>, new: &Document<'_>) -> Changes {
        let mut changes = Changes::default();
        changes.documents("", old, new);
        changes
    }

    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.updated.is_empty() && self.removed.is_empty() && self.truncated.is_empty()
    }

    /// Of several fields of one name the first one counts.
    fn documents(&mut self, at: &str, old: &Document<'_>, new: &Document<'_>) {
        let mut olds: HashMap<&str, Value<'_>> = HashMap::new();
        for (name, value) in old {
            olds.entry(name).or_insert(value);
        }
        let mut seen: HashSet<&str> = HashSet::new();
        for (name, value) in new {
            if seen.insert(name) {
                self.values(joined(at, name), olds.get(name), value);
            }
        }
        for (name, _) in old {
            if seen.insert(name) {
                self.removed.push(joined(at, name));
            }
        }
    }

    fn values(&mut self, path: String, old: Option<&Value<'_>>, new: Value<'_>) {
        match (old, &new) {
            (Some(old), new) if identical(old, new) => {}
            (Some(Value::Document(old)), Value::Document(new)) => self.documents(&path, old, new),
            (Some(Value::Array(old)), Value::Array(new)) => self.arrays(path, old, new),
            _ => self.updated.push((path, new.into_static())),
        }
    }

    fn arrays(&mut self, path: String, old: &Array<'_>, new: &Array<'_>) {
        let mut olds = old.iter();
        for (index, value) in new.iter().enumerate() {
            self.values(format!("{path}.{index}"), olds.next().as_ref(), value);
        }
        if olds.next().is_some() {
            self.truncated.push((path, new.len()));
        }
    }
}

fn joined(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}
