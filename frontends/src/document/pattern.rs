//! Regular expressions as queries write them: the syntax of PCRE, compiled once.
//!
//! ```
//! use cuesta::document::pattern::Pattern;
//!
//! # fn main() -> cuesta::Result<()> {
//! let pattern = Pattern::new("^san (?!jose)", "i")?;
//! assert!(pattern.is_match("San Diego")? && !pattern.is_match("San Jose")?);
//! assert!(Pattern::new("^san", "")?.prefix().is_some_and(|it| &*it.text == "san"));
//! # Ok(())
//! # }
//! ```
//!
//! As in MongoDB, `\d`, `\s` and `\w` mean ASCII unless the pattern begins with `(*UCP)`, `$` also
//! matches before a line feed at the end, and case is folded for all of Unicode. Other than there,
//! `\b` tells letters of all scripts from the rest. What needs no look-around or back reference is
//! matched in linear time; the rest gives up with an error after a million steps back.
//!
//! Not for: what a regular expression is as a value, which is
//! [`Regex`].

use std::fmt;

use crate::Result;
use crate::document::failure;
use crate::document::value::Regex;

mod prefix;
mod translate;
#[cfg(test)]
mod tests;

pub use prefix::Prefix;
pub use translate::LineEnd;

/// Bytes of the longest pattern.
const LEN_MAX: usize = 32_764;

/// A regular expression, ready to be matched.
#[derive(Clone)]
pub struct Pattern {
    source: Regex<'static>,
    compiled: fancy_regex::Regex,
    prefix: Option<Prefix>,
}

impl Pattern {
    /// Compiles a pattern with options: `i` folds case, `m` has `^` and `$` match at every line,
    /// `s` has `.` match line feeds too, `x` skips white space and comments, `u` changes nothing.
    ///
    /// # Errors
    /// Code 51108 for another option, 51091 for a pattern that is not well formed or too long, 2
    /// for a zero byte.
    pub fn new(pattern: &str, options: &str) -> Result<Pattern> {
        Pattern::with_line_end(pattern, options, LineEnd::Taken)
    }

    /// As [`new`](Pattern::new), for those who want to know where a match ends.
    ///
    /// # Errors
    /// As [`new`](Pattern::new).
    pub fn with_line_end(pattern: &str, options: &str, end: LineEnd) -> Result<Pattern> {
        let source = Regex::new(pattern, options)?;
        if let Some(other) = options.chars().find(|letter| !"imsxu".contains(*letter)) {
            return Err(failure::invalid(51108, format!("invalid flag in regex options: {other}")));
        }
        if pattern.len() > LEN_MAX {
            let message = format!("a regular expression is longer than {LEN_MAX} bytes");
            return Err(failure::invalid(51091, message));
        }
        let has = |letter| options.contains(letter);
        let translated = translate::translate(pattern, options, end);
        let compiled = fancy_regex::RegexBuilder::new(&translated)
            .case_insensitive(has('i'))
            .multi_line(has('m'))
            .dot_matches_new_line(has('s'))
            .verbose_mode(has('x'))
            .build()
            .map_err(|error| {
                let message = format!("regular expression is invalid: {pattern:?}: {error}");
                failure::invalid(51091, message)
            })?;
        let prefix = if has('i') || has('m') || has('x') { None } else { Prefix::of(pattern) };
        Ok(Pattern { source, compiled, prefix })
    }

    /// Whether it matches anywhere in a text.
    ///
    /// # Errors
    /// Code 51156 when it takes too many steps back.
    pub fn is_match(&self, text: &str) -> Result<bool> {
        self.compiled.is_match(text).map_err(|error| self.exhausted(&error))
    }

    /// The error that matching came to.
    pub fn exhausted(&self, error: &fancy_regex::Error) -> crate::Error {
        let message = format!("matching {:?} gave up: {error}", self.source.pattern());
        failure::invalid(51156, message)
    }

    /// What finds matches and their groups.
    pub fn compiled(&self) -> &fancy_regex::Regex {
        &self.compiled
    }

    /// The pattern and the options, as they were given.
    pub fn source(&self) -> &Regex<'static> {
        &self.source
    }

    /// What all texts that match begin with, where the pattern says so plainly.
    pub fn prefix(&self) -> Option<&Prefix> {
        self.prefix.as_ref()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.source.pattern(), self.source.options())
    }
}
