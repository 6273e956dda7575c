//! The tree of a projection: one branch for each document on the way to what is named.

use crate::Result;
use crate::document::expression::{Dependencies, Expression};
use crate::document::failure;
use crate::document::filter::Filter;

use super::find::Slice;

/// What becomes of fields that a projection does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They are given too.
    Kept,
    /// They are not.
    Dropped,
}

/// What becomes of a named field.
#[derive(Clone, Debug)]
pub enum Child {
    /// It is given.
    Included,
    /// It is not given.
    Excluded,
    /// Parts of it are.
    Branch(Branch),
    /// It is computed from the whole document.
    Computed(Expression),
    /// Some values of the array that it is are given.
    Slice(Slice),
    /// The first value of the array that it is and that matches is given.
    Matched(Box<Element>),
}

/// What `$elemMatch` looks for: a filter of a field `a`, which is the array.
#[derive(Clone, Debug)]
pub struct Element(pub Filter);

/// What becomes of the named fields of a document, in the order in which they were named.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    children: Vec<(Box<str>, Child)>,
    computes: bool,
}

impl Branch {
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Whether anything in it is computed, so that it makes documents where there are none.
    pub fn computes(&self) -> bool {
        self.computes
    }

    pub fn children(&self) -> impl Iterator<Item = (&str, &Child)> {
        self.children.iter().map(|(name, child)| (&**name, child))
    }

    pub fn get(&self, name: &str) -> Option<&Child> {
        self.children().find(|(other, _)| *other == name).map(|(_, child)| child)
    }

    /// Adds what becomes of a path, of which `rest` begins here.
    pub fn add(&mut self, path: &str, rest: &str, child: Child) -> Result<()> {
        self.computes |= matches!(child, Child::Computed(_) | Child::Matched(_));
        let (name, deeper) = match rest.split_once('.') {
            Some((name, deeper)) => (name, Some(deeper)),
            None => (rest, None),
        };
        check_name(path, name)?;
        let place = self.children.iter().position(|(other, _)| **other == *name);
        let existing = place.and_then(|at| self.children.get_mut(at)).map(|(_, child)| child);
        match (existing, deeper) {
            (None, None) => self.children.push((name.into(), child)),
            (None, Some(deeper)) => {
                let mut branch = Branch::default();
                branch.add(path, deeper, child)?;
                self.children.push((name.into(), Child::Branch(branch)));
            }
            (Some(Child::Branch(branch)), Some(deeper)) => branch.add(path, deeper, child)?,
            (Some(_), Some(deeper)) => {
                let message = format!("path collision at {path} remaining portion {deeper}");
                return Err(failure::invalid(31249, message));
            }
            (Some(_), None) => {
                return Err(failure::invalid(31249, format!("path collision at {path}")));
            }
        }
        Ok(())
    }

    /// Counts in what is read, of a branch at this path with a dot behind.
    pub fn add_dependencies(&self, at: &str, found: &mut Dependencies) {
        for (name, child) in self.children() {
            match child {
                Child::Excluded => {}
                Child::Branch(branch) => branch.add_dependencies(&format!("{at}{name}."), found),
                Child::Computed(expression) => {
                    found.merge(expression.dependencies());
                    // A document on the way is kept as it is, so it is read too.
                    if !at.is_empty() {
                        found.paths.insert(format!("{at}{name}"));
                    }
                }
                Child::Included | Child::Slice(_) | Child::Matched(_) => {
                    found.paths.insert(format!("{at}{name}"));
                }
            }
        }
    }
}

fn check_name(path: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        let message = format!("a projection's path has an empty part: {path:?}");
        return Err(failure::invalid(15998, message));
    }
    if name.starts_with('$') {
        let message = format!("a projection's path has a part that begins with '$': {path:?}");
        return Err(failure::invalid(16410, message));
    }
    Ok(())
}
