//! Names of variables while expressions are parsed: where the value of each will be.

use crate::Result;
use crate::document::failure;

/// How deeply expressions may be nested.
const DEPTH_MAX: usize = 200;

/// Where the value of a variable is when an expression is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Set by an expression around it, such as `$let`.
    Slot(usize),
    /// Given from outside, by its number.
    Bound(usize),
}

/// The variables that expressions may use while they are parsed.
///
/// Those given from outside, such as `let` of a command or of `$lookup`, are
/// [bound](Scope::bind) first; their values come with the [`Context`](super::Context).
#[derive(Clone, Debug, Default)]
pub struct Scope {
    names: Vec<(Box<str>, Place)>,
    bound: usize,
    slots: usize,
    depth: usize,
}

impl Scope {
    /// A scope with no variables but MongoDB's own.
    pub fn new() -> Scope {
        Scope::default()
    }

    /// Declares a variable that is given from outside. Its number, from 0, is the place of its
    /// value in the [`Context`](super::Context).
    ///
    /// # Errors
    /// Code 9 when no variable may be named so.
    pub fn bind(&mut self, name: &str) -> Result<usize> {
        check_name(name)?;
        let number = self.bound;
        self.bound += 1;
        self.names.push((name.into(), Place::Bound(number)));
        Ok(number)
    }

    /// How many variables are given from outside.
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// Declares a variable that an expression sets, until [`leave`](Scope::leave) takes it away.
    pub(super) fn enter(&mut self, name: &str) -> Result<usize> {
        check_name(name)?;
        Ok(self.enter_unchecked(name))
    }

    /// As [`enter`](Scope::enter), for names that are MongoDB's own.
    pub(super) fn enter_unchecked(&mut self, name: &str) -> usize {
        let slot = self.slots;
        self.slots += 1;
        self.names.push((name.into(), Place::Slot(slot)));
        slot
    }

    /// Takes the latest `count` variables away.
    pub(super) fn leave(&mut self, count: usize) {
        self.names.truncate(self.names.len().saturating_sub(count));
        self.slots = self.slots.saturating_sub(count);
    }

    /// Where the value of a variable is; of two of one name the later one counts.
    pub(super) fn find(&self, name: &str) -> Option<Place> {
        let mut latest = self.names.iter().rev();
        latest.find(|(other, _)| **other == *name).map(|(_, place)| *place)
    }

    /// Goes one level deeper for as long as `parse` takes.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Scope) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_MAX {
            return Err(failure::overflow(format!(
                "an expression is nested more than {DEPTH_MAX} levels deep"
            )));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

/// Whether a variable may be named so: a small letter or one beyond ASCII first, then letters,
/// digits and `_`; and `CURRENT`, which may be set anew.
fn check_name(name: &str) -> Result<()> {
    if name == "CURRENT" {
        return Ok(());
    }
    let mut letters = name.chars();
    let first = letters.next();
    if !first.is_some_and(|letter| letter.is_ascii_lowercase() || !letter.is_ascii()) {
        return Err(failure::failed_to_parse(format!(
            "{name:?} is no name of a variable: it must begin with a small letter"
        )));
    }
    match letters
        .find(|letter| letter.is_ascii() && !letter.is_ascii_alphanumeric() && *letter != '_')
    {
        Some(letter) => Err(failure::failed_to_parse(format!(
            "{name:?} is no name of a variable: it holds {letter:?}"
        ))),
        None => Ok(()),
    }
}
